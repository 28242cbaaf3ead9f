// SPDX-License-Identifier: GPL-2.0
/*
 * Watching the tree by inotify. configfs tells of directories and links that come
 * and go, of nothing else; a new directory has to be watched from then on, so what
 * is below it may have come unseen, which a caller that reads all again does not
 * mind.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>

#include "internal.h"

#define EVENTS                                                              \
	(IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_ONLYDIR | \
	 IN_DONT_FOLLOW)

/* What is worth watching below a directory, by its depth in vhost/ or core/. */
static bool is_worth(const char *path)
{
	const char *name = strrchr(path, '/');
	unsigned int number;
	size_t depth = 0;

	for (const char *c = path; *c; c++)
		depth += *c == '/';
	name = name ? name + 1 : path;
	if (depth == 0)
		return !strcmp(path, "vhost") || !strcmp(path, "core");
	if (!strncmp(path, "core/", 5)) {
		const char *end = strrchr(name, '_');

		return depth == 1 && end && number_after(end, "_", &number);
	}
	switch (depth) {
	case 1: /* a target */
		return !vscsi_wwn_wrong(name, false);
	case 2:
		return number_after(name, "tpgt_", &number);
	case 3:
		return !strcmp(name, "lun") || !strcmp(name, "acls");
	case 4: /* a LUN, or an ACL */
		return strstr(path, "/acls/") ||
		       number_after(name, "lun_", &number);
	default:
		return depth == 5 && strstr(path, "/acls/") &&
		       number_after(name, "lun_", &number);
	}
}

static int watch_from(struct vscsi_tree *tree, const char *path)
{
	AUTO(names_free) struct names names = {};
	AUTO_FREE char *place = tree_path(tree, CONFIGFS_TARGET "/%s", path);

	if (!place)
		return -ENOMEM;
	/* first the watch, then the list: nothing is missed in between */
	if (inotify_add_watch(tree->watches.fd, place, EVENTS) < 0)
		return errno == ENOENT || errno == ENOTDIR ? 0 : -errno;
	int rc = tree_list(tree, *path ? path : ".", &names);

	if (rc)
		return rc == -ENOENT ? 0 : rc;
	for (size_t i = 0; !rc && i < names.n; i++) {
		AUTO_FREE char *below = *path ? text("%s/%s", path, names.v[i])
					      : strdup(names.v[i]);

		if (!below)
			return -ENOMEM;
		if (is_worth(below))
			rc = watch_from(tree, below);
	}
	return rc;
}

static int watch_all(struct vscsi_tree *tree)
{
	int rc = watch_from(tree, "");

	if (!rc)
		return 0;
	return tree_fail(
		tree, -rc, "cannot watch %s: %s%s", tree_place(tree, ""),
		strerror(-rc),
		rc == -ENOSPC ? "; raise the sysctl fs.inotify.max_user_watches"
			      : "");
}

/**
 * vscsi_tree_watch() - a descriptor that is readable when something came or went
 * @tree: the tree, which the descriptor belongs to
 *
 * Return: the descriptor or a negative errno.
 */
int vscsi_tree_watch(struct vscsi_tree *tree)
{
	if (tree->watches.fd >= 0)
		return tree->watches.fd;
	tree->watches.fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (tree->watches.fd < 0)
		return tree_fail(tree, errno, "cannot watch: %s",
				 strerror(errno));
	int rc = watch_all(tree);

	if (!rc)
		return tree->watches.fd;
	close(tree->watches.fd);
	tree->watches.fd = -1;
	return rc;
}

/**
 * vscsi_tree_watched() - forget what came and went, and watch what is new
 * @tree: the tree
 *
 * Return: 0 or a negative errno, explained by vscsi_tree_error(): -EINVAL if
 * the tree is not watched.
 */
int vscsi_tree_watched(struct vscsi_tree *tree)
{
	char buffer[4096]
		__attribute__((aligned(__alignof__(struct inotify_event))));

	if (tree->watches.fd < 0)
		return tree_fail(tree, EINVAL, "the tree is not watched");
	while (read(tree->watches.fd, buffer, sizeof(buffer)) > 0)
		;
	return watch_all(tree);
}
