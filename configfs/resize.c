// SPDX-License-Identifier: GPL-2.0
/*
 * A backstore's new size. A block device's is its own: LIO asks it for each
 * command. The one of a user backstore is told to LIO, which tells the handler.
 * All others are fixed when the backstore is made.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "internal.h"

static int resize_block(struct vscsi_tree *tree,
			const struct vscsi_store *store, uint64_t size,
			uint64_t *now)
{
	AUTO_FREE char *info_path =
		text("core/%s/%s/info", store->plugin, store->name);
	AUTO_FREE char *info = NULL;
	unsigned int major, minor;
	int rc = info_path ? tree_read(tree, info_path, &info) : -ENOMEM;

	if (rc)
		return tree_fail(tree, -rc,
				 "cannot read backstore block/%s: %s",
				 store->name, strerror(-rc));
	const char *at = strstr(info, "Major: ");

	*now = at && sscanf(at, "Major: %u Minor: %u", &major, &minor) == 2
		       ? block_size_of(tree, major, minor)
		       : 0;
	if (!*now)
		return tree_fail(
			tree, ENODEV,
			"cannot find the size of %s, the device of backstore block/%s",
			store->path ?: "?", store->name);
	if (size && size != *now)
		return tree_fail(
			tree, EINVAL,
			"backstore block/%s is as large as its device, %llu bytes: resize %s instead",
			store->name, (unsigned long long)*now,
			store->path ?: "the device");
	return 0;
}

static int resize_user(struct vscsi_tree *tree, const struct vscsi_store *store,
		       uint64_t size, uint64_t *now)
{
	AUTO_FREE char *path =
		text("core/%s/%s/attrib/dev_size", store->plugin, store->name);
	AUTO_FREE char *value = text("%llu", (unsigned long long)size);
	AUTO_FREE char *after = NULL;

	if (!size)
		return tree_fail(tree, EINVAL,
				 "backstore user/%s: say which size",
				 store->name);
	int rc = path && value ? tree_write(tree, path, value) : -ENOMEM;

	if (rc)
		return tree_fail(
			tree, -rc,
			"cannot write \"%s\" to %s: %s; does the handler take another size?",
			value ?: "", tree_place(tree, path ?: ""),
			strerror(-rc));
	*now = tree_read(tree, path, &after) ? size : strtoull(after, NULL, 0);
	return 0;
}

/**
 * vscsi_store_resize() - have a backstore's new size seen
 * @tree: the tree
 * @store: the backstore, as it was read
 * @size: bytes; 0: the device says
 * @now: set to the size afterwards
 *
 * Return: 0 or a negative errno, explained by vscsi_tree_error(): -EOPNOTSUPP
 * for another kind than block or user; -ENODEV if the backstore is not set up,
 * or its device not found; -EINVAL if @size is not that of the block device, or
 * is 0 for a user backstore.
 */
int vscsi_store_resize(struct vscsi_tree *tree, const struct vscsi_store *store,
		       uint64_t size, uint64_t *now)
{
	*now = store->size;
	if (!store->plugin || !store->enabled)
		return tree_fail(tree, ENODEV, "backstore %s/%s is not set up",
				 vscsi_kind_name(store->kind), store->name);
	switch (store->kind) {
	case VSCSI_BLOCK:
		return resize_block(tree, store, size, now);
	case VSCSI_USER:
		return resize_user(tree, store, size, now);
	case VSCSI_FILEIO:
		return tree_fail(
			tree, EOPNOTSUPP,
			"cannot resize backstore fileio/%s: LIO fixed its size when it was made; end the guest, then make it anew with the other size, or put the file on a loop device (losetup) and use that as a block backstore",
			store->name);
	case VSCSI_RAMDISK:
		return tree_fail(
			tree, EOPNOTSUPP,
			"cannot resize backstore ramdisk/%s: LIO fixed its size when it was made; make another one, copy the data in the guest, and remove this one",
			store->name);
	default:
		return tree_fail(
			tree, EOPNOTSUPP,
			"cannot resize backstore %s/%s: its device says how large it is; rescan in the guest",
			vscsi_kind_name(store->kind), store->name);
	}
}
