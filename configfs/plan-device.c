// SPDX-License-Identifier: GPL-2.0
/*
 * Whose a device or file is before a backstore is made on it. LIO claims what is
 * under block and most pscsi backstores for itself alone, and opens what is under a
 * fileio backstore as anybody would: two guests could write to one file, or a guest to
 * the host's mounted disk.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "plan.h"

/* What is under a backstore; false: it is not there, or no file or block device. */
static bool find_under(const struct vscsi_store *store, struct stat *st)
{
	bool has_file = store->kind == VSCSI_BLOCK ||
			store->kind == VSCSI_FILEIO ||
			store->kind == VSCSI_PSCSI;

	return has_file && store->path && *store->path == '/' &&
	       !stat(store->path, st) &&
	       (S_ISBLK(st->st_mode) || S_ISREG(st->st_mode));
}

/**
 * same_file() - is it one file or block device, by whatever names?
 * @a: what stat() said of the one
 * @b: and of the other
 *
 * Return: true if so.
 */
bool same_file(const struct stat *a, const struct stat *b)
{
	if (S_ISBLK(a->st_mode) || S_ISBLK(b->st_mode))
		return S_ISBLK(a->st_mode) && S_ISBLK(b->st_mode) &&
		       a->st_rdev == b->st_rdev;
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

static const struct vscsi_store *find_sharing(const struct vscsi_config *config,
					      const struct vscsi_store *store,
					      const struct stat *st)
{
	struct stat other;

	for (size_t i = 0; i < config->n_stores; i++) {
		const struct vscsi_store *there = &config->stores[i];

		if ((there->kind != store->kind ||
		     strcmp(there->name, store->name)) &&
		    find_under(there, &other) && same_file(st, &other))
			return there;
	}
	return NULL;
}

/* Does somebody have the device for himself alone: a file system, RAID, LVM? */
static bool is_claimed(const char *path)
{
	AUTO_CLOSE int fd =
		open(path, O_RDONLY | O_EXCL | O_NONBLOCK | O_CLOEXEC);

	return fd < 0 && errno == EBUSY;
}

/**
 * check_not_taken() - is what a backstore is to be made on free?
 * @make: the plan
 * @store: the wanted backstore, which is not there, or is there otherwise
 *
 * One that is there on the same file or device stays on it, whoever else has it.
 *
 * Return: 0 if so; -EINVAL if another wanted backstore has it; -EBUSY if it is
 * a block device that is in use.
 */
int check_not_taken(struct make *make, const struct vscsi_store *store)
{
	const struct vscsi_store *live =
		vscsi_config_store(make->live, store->kind, store->name);
	const char *kind = vscsi_kind_name(store->kind);
	struct stat st, was;

	if (!find_under(store, &st) ||
	    (live && find_under(live, &was) && same_file(&st, &was)))
		return 0;
	const struct vscsi_store *other =
		find_sharing(make->wanted, store, &st);

	if (other) {
		const char *of = vscsi_kind_name(other->kind);

		return tree_fail(
			make->tree, EINVAL,
			"backstore %s/%s cannot have %s, which is backstore %s/%s's: guests that are to share it need LUNs of that one (--backstore %s/%s)",
			kind, store->name, store->path, of, other->name, of,
			other->name);
	}
	/* a backstore of ours that goes lets go of it first */
	if (store->kind != VSCSI_FILEIO || !S_ISBLK(st.st_mode) ||
	    find_sharing(make->live, store, &st) || !is_claimed(store->path))
		return 0;
	return tree_fail(
		make->tree, EBUSY,
		"backstore %s/%s cannot have %s, which is in use: unmount it, or take it out of what it is part of",
		kind, store->name, store->path);
}
