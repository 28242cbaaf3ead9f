// SPDX-License-Identifier: GPL-2.0
/*
 * Names: of kinds, of targets, of what a path may be made of; and those that are
 * made of the machine's identity, so that a target has the same name each time.
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "internal.h"

static const struct {
	const char *name;   /* ours */
	const char *prefix; /* of the HBA's directory under core/ */
	const char *other;  /* targetcli's, where it is neither */
} kinds[] = {
	[VSCSI_BLOCK] = { "block", "iblock", NULL },
	[VSCSI_FILEIO] = { "fileio", "fileio", "file" },
	[VSCSI_RAMDISK] = { "ramdisk", "rd_mcp", "rd" },
	[VSCSI_PSCSI] = { "pscsi", "pscsi", NULL },
	[VSCSI_USER] = { "user", "user", "tcmu" },
	[VSCSI_OTHER] = { "other", NULL, NULL },
};

/**
 * vscsi_kind_name() - the word for a kind of backstore
 * @kind: the kind
 *
 * Return: "block", "fileio", "ramdisk", "pscsi", "user"; "other" for any other.
 */
const char *vscsi_kind_name(enum vscsi_kind kind)
{
	return kind >= VSCSI_BLOCK && kind < VSCSI_OTHER ? kinds[kind].name
							 : "other";
}

/**
 * vscsi_kind_parse() - the kind of backstore that a word means
 * @name: our word, LIO's or targetcli's; "user:" may be followed by a handler
 *
 * Return: the kind, or -1.
 */
int vscsi_kind_parse(const char *name)
{
	if (!strncmp(name, "user:", 5))
		return VSCSI_USER;
	for (int kind = VSCSI_BLOCK; kind < VSCSI_OTHER; kind++)
		if (!strcmp(name, kinds[kind].name) ||
		    !strcmp(name, kinds[kind].prefix) ||
		    (kinds[kind].other && !strcmp(name, kinds[kind].other)))
			return kind;
	return -1;
}

/**
 * kind_prefix() - what the directories of a kind's HBAs begin with
 * @kind: one that can be made
 *
 * Return: "iblock", "fileio", "rd_mcp", "pscsi" or "user".
 */
const char *kind_prefix(enum vscsi_kind kind)
{
	return kinds[kind].prefix;
}

/**
 * kind_of_plugin() - the kind of backstores in an HBA's directory
 * @plugin: its name, "iblock_3"
 *
 * Return: the kind; VSCSI_OTHER for one that this library cannot make.
 */
enum vscsi_kind kind_of_plugin(const char *plugin)
{
	const char *end = strrchr(plugin, '_');

	for (int kind = VSCSI_BLOCK; end && kind < VSCSI_OTHER; kind++) {
		size_t length = strlen(kinds[kind].prefix);

		if ((size_t)(end - plugin) == length &&
		    !strncmp(plugin, kinds[kind].prefix, length))
			return kind;
	}
	return VSCSI_OTHER;
}

/**
 * number_after() - the number in a name like "tpgt_12"
 * @name: the name
 * @prefix: what comes before the number
 * @number: set to it
 *
 * Return: is it such a name, as this library would write it? "tpgt_01" is not.
 */
bool number_after(const char *name, const char *prefix, unsigned int *number)
{
	size_t length = strlen(prefix);
	uint64_t sum = 0;

	if (strncmp(name, prefix, length))
		return false;
	const char *digit = name + length;

	if (!isdigit((unsigned char)*digit) || (*digit == '0' && digit[1]))
		return false;
	for (; isdigit((unsigned char)*digit); digit++) {
		sum = sum * 10 + (*digit - '0');
		if (sum > UINT_MAX)
			return false;
	}
	*number = sum;
	return !*digit;
}

/**
 * name_is_good() - can it be the name of a directory, for targetcli as well?
 * @name: the name, or NULL
 *
 * Return: true if so.
 */
bool name_is_good(const char *name)
{
	if (!name || !*name || *name == '.' || strlen(name) > NAME_MAX)
		return false;
	for (; *name; name++)
		if (*name == '/' || (unsigned char)*name <= ' ' ||
		    *name == 0x7f)
			return false;
	return true;
}

/**
 * value_is_good() - can it be written into an attribute as one line?
 * @value: the value
 * @max: its greatest length
 *
 * Return: true if so.
 */
bool value_is_good(const char *value, size_t max)
{
	if (strlen(value) > max)
		return false;
	for (; *value; value++)
		if ((unsigned char)*value < ' ' || *value == 0x7f)
			return false;
	return true;
}

/**
 * same_value() - do two values of an attribute mean the same?
 * @a: one
 * @b: the other
 *
 * Return: true if they are the same text, or the same number.
 */
bool same_value(const char *a, const char *b)
{
	char *end_a, *end_b;

	if (!strcmp(a, b))
		return true;
	if (!*a || !*b)
		return false;
	errno = 0;
	long long number_a = strtoll(a, &end_a, 0);
	long long number_b = strtoll(b, &end_b, 0);

	return !errno && !*end_a && !*end_b && number_a == number_b;
}

/**
 * vscsi_wwn_wrong() - what is wrong with a target's name
 * @wwn: the name
 * @strict: demand what targetcli and libvirt demand
 *
 * Return: the end of a sentence that begins with the name, or NULL.
 */
const char *vscsi_wwn_wrong(const char *wwn, bool strict)
{
	if (strncmp(wwn, "naa.", 4) && strncmp(wwn, "fc.", 3) &&
	    strncmp(wwn, "iqn.", 4))
		return "does not begin with naa., fc. or iqn.";
	if (strlen(wwn) > VSCSI_WWN_MAX)
		return "is longer than 223 characters";
	if (!name_is_good(wwn))
		return "has a blank, a slash or a control character";
	if (!strict)
		return NULL;
	if (strncmp(wwn, "naa.", 4))
		return "does not begin with naa., which targetcli and libvirt demand";
	if (strlen(wwn) != 20 ||
	    strspn(wwn + 4, "0123456789abcdefABCDEF") != 16)
		return "has not 16 hexadecimal digits after naa., which targetcli and libvirt demand";
	if (!strchr("125", wwn[4]))
		return "does not go on with 1, 2 or 5 after naa., which targetcli demands";
	return NULL;
}

/* What only this machine and this seed have in common, in hexadecimal. */
static int make_digits(struct vscsi_tree *tree, const char *use,
		       const char *seed, char digits[65])
{
	AUTO_FREE char *path = tree_path(tree, "etc/machine-id");
	AUTO_FREE char *id = NULL;

	if (!path)
		return tree_fail(tree, ENOMEM, "memory is short");
	int rc = file_read(AT_FDCWD, path, &id);

	if (!rc && !*id)
		rc = -ENOENT;
	if (rc)
		return tree_fail(
			tree, -rc,
			"cannot read %s: %s; make it: systemd-machine-id-setup",
			path, strerror(-rc));
	AUTO_FREE char *all = text("vhost-scsi %s %s %s", use, id, seed);
	uint8_t digest[32];

	if (!all)
		return tree_fail(tree, ENOMEM, "memory is short");
	sha256(all, strlen(all), digest);
	for (int i = 0; i < 32; i++)
		sprintf(digits + 2 * i, "%02x", digest[i]);
	return 0;
}

/**
 * vscsi_wwn_make() - a target's name that is the same each time
 * @tree: says where the machine's identity is
 * @seed: what tells targets of the machine apart
 * @wwn: filled in
 *
 * Return: 0 or a negative errno, explained by vscsi_tree_error(): -ENOENT if
 * the machine has no identity.
 */
int vscsi_wwn_make(struct vscsi_tree *tree, const char *seed,
		   char wwn[VSCSI_WWN_MADE])
{
	char digits[65];
	int rc = make_digits(tree, "wwn", seed, digits);

	if (!rc)
		snprintf(wwn, VSCSI_WWN_MADE, "naa.5001405%.9s", digits);
	return rc;
}

/**
 * vscsi_serial_make() - a backstore's serial number, likewise
 * @tree: says where the machine's identity is
 * @seed: what tells backstores of the machine apart
 * @serial: filled in
 *
 * Return: as vscsi_wwn_make().
 */
int vscsi_serial_make(struct vscsi_tree *tree, const char *seed,
		      char serial[VSCSI_SERIAL_MADE])
{
	char digits[65];
	int rc = make_digits(tree, "serial", seed, digits);

	if (!rc)
		snprintf(serial, VSCSI_SERIAL_MADE, "%.32s", digits);
	return rc;
}

/**
 * bare_nexus() - a nexus' name as LIO has it, without "fc."
 * @nexus: the name
 *
 * Return: the name, or the rest of it.
 */
const char *bare_nexus(const char *nexus)
{
	return strncmp(nexus, "fc.", 3) ? nexus : nexus + 3;
}

/**
 * whole_nexus() - a nexus' name as it has to be given to LIO, which shows it bare
 * @wwn: the target's name
 * @nexus: the nexus' name, bare or whole
 *
 * Return: the name with the "fc." that it has under an fc. target, to be freed; NULL if
 * memory is short.
 */
char *whole_nexus(const char *wwn, const char *nexus)
{
	bool fc = !strncmp(wwn, "fc.", 3) && bare_nexus(nexus) == nexus;

	return text("%s%s", fc ? "fc." : "", nexus);
}
