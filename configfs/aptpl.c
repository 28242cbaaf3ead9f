// SPDX-License-Identifier: GPL-2.0
/*
 * Persistent reservations that outlive a loss of power (APTPL). LIO writes them to
 * DBROOT/pr/aptpl_<serial>, and takes them back only from user space: one write to
 * the backstore's pr/res_aptpl_metadata for each registration.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "internal.h"

#define DBROOT_DEFAULT "/etc/target"

/* Lines from one "PR_REG_START" to its "PR_REG_END", joined by commas. */
static int parse(char *metadata, struct names *lines)
{
	AUTO_FREE char *one = NULL;
	bool inside = false;
	char *rest = metadata, *line;

	while ((line = strsep(&rest, "\n"))) {
		line += strspn(line, " \t\r");
		if (!strncmp(line, "PR_REG_START:", 13)) {
			free(one);
			one = strdup("");
			inside = true;
		} else if (!strncmp(line, "PR_REG_END:", 11)) {
			int rc = inside && *one ? names_add(lines, one) : 0;

			if (rc)
				return rc;
			inside = false;
		} else if (inside && *line) {
			char *longer =
				text("%s%s%s", one, *one ? "," : "", line);

			if (!longer)
				return -ENOMEM;
			free(one);
			one = longer;
		}
		if (inside && !one)
			return -ENOMEM;
	}
	return 0;
}

/**
 * reservations_read() - the registrations that LIO has kept
 * @tree: the tree
 * @serial: serial number of the backstore
 * @lines: one for each, as LIO takes it back
 *
 * Return: 0, also if there are none; or a negative errno.
 */
int reservations_read(const struct vscsi_tree *tree, const char *serial,
		      struct names *lines)
{
	AUTO_FREE char *dbroot = NULL;
	AUTO_FREE char *metadata = NULL;

	if (!name_is_good(serial))
		return 0;
	int rc = tree_read(tree, "dbroot", &dbroot);

	if (rc == -ENOMEM)
		return rc;
	const char *folder = !rc && *dbroot == '/' ? dbroot : DBROOT_DEFAULT;
	AUTO_FREE char *path =
		tree_path(tree, "%s/pr/aptpl_%s", folder + 1, serial);

	if (!path)
		return -ENOMEM;
	rc = file_read(AT_FDCWD, path, &metadata);
	if (rc == -ENOENT)
		return 0;
	return rc ?: parse(metadata, lines);
}

/**
 * vscsi_reservations_kept() - has LIO kept reservations of a backstore?
 * @tree: the tree
 * @serial: its serial number
 *
 * Return: 1, 0 or a negative errno.
 */
int vscsi_reservations_kept(struct vscsi_tree *tree, const char *serial)
{
	AUTO(names_free) struct names lines = {};
	int rc = reservations_read(tree, serial, &lines);

	if (rc)
		return tree_fail(tree, -rc,
				 "cannot read the reservations of %s: %s",
				 serial, strerror(-rc));
	return lines.n > 0;
}
