// SPDX-License-Identifier: GPL-2.0
/*
 * Reading backstores: what is under target/core. LIO tells a backstore's path and
 * size only in the text of its file "info", made for people, whose words differ
 * from kind to kind; what is not found there is unknown, never an error.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <fcntl.h>

#include "internal.h"

/* Attributes that are no setting: an action, and what the structure has. */
static bool is_setting(const char *name)
{
	return strcmp(name, "pi_prot_format") && strcmp(name, "dev_size") &&
	       strcmp(name, "dev_config");
}

/**
 * read_attrs() - the attributes of a group that can be read and written
 * @tree: the tree
 * @dir: the group
 * @attrs: they are added to it
 *
 * Return: 0, also if the group cannot be read; or -ENOMEM.
 */
int read_attrs(struct vscsi_tree *tree, const char *dir,
	       struct vscsi_attrs *attrs)
{
	AUTO(names_free) struct names names = {};
	int rc = tree_list(tree, dir, &names);

	if (rc)
		return rc == -ENOMEM ? rc : 0;
	for (size_t i = 0; i < names.n; i++) {
		AUTO_FREE char *path = text("%s/%s", dir, names.v[i]);
		AUTO_FREE char *value = NULL;
		struct stat st;

		if (!path)
			return -ENOMEM;
		if (fstatat(tree->fd, path, &st, AT_SYMLINK_NOFOLLOW) ||
		    !S_ISREG(st.st_mode) || !(st.st_mode & 0200) ||
		    !(st.st_mode & 0400) || !is_setting(names.v[i]))
			continue;
		rc = tree_read(tree, path, &value);
		if (!rc && value_is_good(value, VALUE_MAX - 1))
			rc = vscsi_attrs_set(attrs, names.v[i], value);
		if (rc == -ENOMEM)
			return rc;
	}
	return 0;
}

/* What stands between @key and @end, or the end of the line; by the last @end,
 * for a path may have blanks. The caller's string.
 */
static char *between(const char *info, const char *key, const char *end)
{
	const char *from = strstr(info, key);

	if (!from)
		return NULL;
	from += strlen(key);
	size_t length = strcspn(from, "\n");

	for (size_t at = length; end && at-- > 0;)
		if (!strncmp(from + at, end, strlen(end))) {
			length = at;
			break;
		}
	while (length && from[length - 1] == ' ')
		length--;
	return strndup(from, length);
}

/* The number after the last @key, 0 without one. */
static uint64_t number_of(const char *info, const char *key)
{
	const char *found = NULL;

	for (const char *at = info; (at = strstr(at, key)); at++)
		found = at;
	return found ? strtoull(found + strlen(key), NULL, 10) : 0;
}

static void parse_block(const struct vscsi_tree *tree,
			struct vscsi_store *store, const char *info)
{
	uint64_t major = number_of(info, "Major: ");
	uint64_t minor = number_of(info, "Minor: ");

	if (!store->path)
		store->path = between(info, "UDEV PATH: ", "  readonly: ");
	store->readonly = number_of(info, "readonly: ") != 0;
	if (major)
		store->size = block_size_of(tree, major, minor);
}

static void parse_fileio(const struct vscsi_tree *tree,
			 struct vscsi_store *store, const char *info)
{
	AUTO_FREE char *file = between(info, " File: ", "  Size: ");
	struct stat st;

	/* udev_path may be anything; this is what is open */
	if (file && *file) {
		free(store->path);
		store->path = file;
		file = NULL;
	}
	store->size = number_of(info, "  Size: ");
	/* of a block device LIO takes its size, and tells the one that it was given */
	if (store->path && *store->path == '/' && !stat(store->path, &st) &&
	    S_ISBLK(st.st_mode))
		store->size = block_size_of(tree, major(st.st_rdev),
					    minor(st.st_rdev));
	store->buffered = strstr(info, "Mode: Buffered") != NULL;
	store->aio = number_of(info, "Async: ") != 0;
}

static void parse_ramdisk(struct vscsi_store *store, const char *info)
{
	const char *at = strstr(info, "PAGES/PAGE_SIZE: ");
	unsigned int pages, page_size;

	if (at && sscanf(at, "PAGES/PAGE_SIZE: %u*%u", &pages, &page_size) == 2)
		store->size = (uint64_t)pages * page_size;
	store->nullio = number_of(info, "nullio: ") != 0;
}

static void parse_pscsi(struct vscsi_store *store, const char *info)
{
	unsigned int hctl[4];
	const char *at = strstr(info, "Channel ID: ");

	if (!store->path && at &&
	    sscanf(at, "Channel ID: %u Target ID: %u LUN: %u", &hctl[1],
		   &hctl[2], &hctl[3]) == 3) {
		hctl[0] = number_of(info, "Host ID: ");
		store->path =
			text("%u:%u:%u:%u", hctl[0], hctl[1], hctl[2], hctl[3]);
	}
}

static void parse_user(struct vscsi_store *store, const char *info)
{
	free(store->path);
	store->path = between(info, "Config: ", " Size: ");
	store->size = number_of(info, " Size: ");
}

static int read_info(struct vscsi_tree *tree, struct vscsi_store *store,
		     const char *dir)
{
	AUTO_FREE char *info_path = text("%s/info", dir);
	AUTO_FREE char *udev_path = text("%s/udev_path", dir);
	AUTO_FREE char *info = NULL;

	if (!info_path || !udev_path)
		return -ENOMEM;
	if (!tree_read(tree, udev_path, &store->path) && !*store->path)
		vscsi_set(&store->path, NULL);
	if (tree_read(tree, info_path, &info))
		return 0;
	switch (store->kind) {
	case VSCSI_BLOCK:
		parse_block(tree, store, info);
		break;
	case VSCSI_FILEIO:
		parse_fileio(tree, store, info);
		break;
	case VSCSI_RAMDISK:
		vscsi_set(&store->path, NULL);
		parse_ramdisk(store, info);
		break;
	case VSCSI_PSCSI:
		parse_pscsi(store, info);
		break;
	case VSCSI_USER:
		parse_user(store, info);
		break;
	case VSCSI_OTHER:
		break;
	}
	return 0;
}

/* "T10 VPD Unit Serial Number: <serial>" */
static int read_serial(struct vscsi_tree *tree, struct vscsi_store *store,
		       const char *dir)
{
	AUTO_FREE char *path = text("%s/wwn/vpd_unit_serial", dir);
	AUTO_FREE char *value = NULL;

	if (!path)
		return -ENOMEM;
	if (tree_read(tree, path, &value))
		return 0;
	const char *colon = strchr(value, ':');

	if (!colon)
		return 0;
	colon += 1 + strspn(colon + 1, " ");
	return *colon ? vscsi_set(&store->serial, colon) : 0;
}

static int read_store(struct vscsi_tree *tree, struct vscsi_config *config,
		      const char *plugin, const char *name)
{
	AUTO_FREE char *dir = text("core/%s/%s", plugin, name);
	AUTO_FREE char *enable = text("core/%s/%s/enable", plugin, name);
	AUTO_FREE char *attrib = text("core/%s/%s/attrib", plugin, name);
	AUTO_FREE char *value = NULL;

	if (!dir || !enable || !attrib)
		return -ENOMEM;
	int rc = tree_read(tree, enable, &value);

	/* What has no such file is no backstore, or went away. */
	if (rc)
		return rc == -ENOMEM ? rc : 0;
	struct vscsi_store *store =
		vscsi_config_add_store(config, kind_of_plugin(plugin), name);

	if (!store)
		return errno == ENOMEM ? -ENOMEM : 0;
	store->enabled = *value == '1';
	rc = vscsi_set(&store->plugin, plugin);
	if (!rc)
		rc = read_info(tree, store, dir);
	if (!rc)
		rc = read_serial(tree, store, dir);
	/* Before it is enabled, LIO has not yet set them. */
	if (!rc && store->enabled)
		rc = read_attrs(tree, attrib, &store->attrs);
	return rc;
}

static int read_plugin(struct vscsi_tree *tree, struct vscsi_config *config,
		       const char *plugin)
{
	AUTO_FREE char *dir = text("core/%s", plugin);
	AUTO(names_free) struct names names = {};
	const char *number = strrchr(plugin, '_');
	unsigned int index;

	if (!dir)
		return -ENOMEM;
	if (!number || !number_after(number, "_", &index))
		return 0;
	int rc = tree_list(tree, dir, &names);

	if (rc)
		return rc == -ENOMEM ? rc : 0;
	for (size_t i = 0; !rc && i < names.n; i++)
		rc = read_store(tree, config, plugin, names.v[i]);
	return rc;
}

static void count_link(struct vscsi_config *config, char *target)
{
	char *name = strrchr(target, '/');

	if (!name)
		return;
	*name++ = '\0';
	const char *plugin = strrchr(target, '/');

	plugin = plugin ? plugin + 1 : target;
	struct vscsi_store *store =
		vscsi_config_store(config, kind_of_plugin(plugin), name);

	if (store && !strcmp(store->plugin, plugin))
		store->users++;
}

/* Calls itself for the levels between a fabric and its LUNs. */
static int count_users(struct vscsi_tree *tree, struct vscsi_config *config,
		       const char *dir, int level)
{
	static const char *const below[] = { NULL, NULL, "tpgt_", "lun",
					     "lun_" };
	AUTO(names_free) struct names names = {};
	int rc = tree_list(tree, dir, &names);

	/* level 0: target/, 1: a fabric, 2: a target, 3: a TPG, 4: lun/, 5: a LUN */
	if (rc)
		return rc == -ENOMEM ? rc : 0;
	for (size_t i = 0; !rc && i < names.n; i++) {
		const char *name = names.v[i];

		if ((level == 0 && !strcmp(name, "core")) ||
		    (level >= 2 &&
		     strncmp(name, below[level], strlen(below[level]))))
			continue;
		AUTO_FREE char *path = *dir && strcmp(dir, ".")
					       ? text("%s/%s", dir, name)
					       : strdup(name);

		if (!path)
			return -ENOMEM;
		if (level < 4) {
			rc = count_users(tree, config, path, level + 1);
			continue;
		}
		AUTO_FREE char *alias = NULL;
		AUTO_FREE char *target = NULL;

		rc = tree_link_in(tree, path, &alias, &target);
		if (!rc)
			count_link(config, target);
		else if (rc != -ENOMEM)
			rc = 0;
	}
	return rc;
}

/**
 * read_stores() - add all backstores
 * @tree: the tree
 * @config: they are added to it
 *
 * Return: 0, -ENOMEM, or the negative errno of listing core/.
 */
int read_stores(struct vscsi_tree *tree, struct vscsi_config *config)
{
	AUTO(names_free) struct names names = {};
	int rc = tree_list(tree, "core", &names);

	for (size_t i = 0; !rc && i < names.n; i++)
		rc = read_plugin(tree, config, names.v[i]);
	return rc ?: count_users(tree, config, ".", 0);
}
