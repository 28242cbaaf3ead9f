// SPDX-License-Identifier: GPL-2.0
/*
 * Who else is at work: the locks that keep this library's users and targetcli apart,
 * and the processes that have a vhost-scsi device open.
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>

#include "internal.h"

#define LOOK_AGAIN_MS 50

/* targetcli's is /var/run/targetcli.lock, held as long as it runs. */
static const char *const lock_files[2] = { "run/vhost-scsi.lock",
					   "run/targetcli.lock" };

/* The process that holds a lock on an open file; 0: unknown. */
static pid_t lock_owner(const struct vscsi_tree *tree, int fd)
{
	AUTO_FREE char *path = tree_path(tree, "proc/locks");
	AUTO_FREE char *locks = NULL;
	struct stat st;
	char file[64];

	if (!path || fstat(fd, &st) || file_read(AT_FDCWD, path, &locks))
		return 0;
	snprintf(file, sizeof(file), " %02x:%02x:%lu ", major(st.st_dev),
		 minor(st.st_dev), (unsigned long)st.st_ino);
	char *rest = locks, *line;

	while ((line = strsep(&rest, "\n"))) {
		int pid;

		if (strstr(line, file) && !strstr(line, "->") &&
		    sscanf(line, "%*s FLOCK %*s %*s %d", &pid) == 1)
			return pid;
	}
	return 0;
}

static int lock_refused(struct vscsi_tree *tree, const char *path, int fd,
			unsigned int seconds)
{
	pid_t pid = lock_owner(tree, fd);
	char who[32] = "another process";

	if (pid)
		snprintf(who, sizeof(who), "process %d", (int)pid);
	return tree_fail(
		tree, EBUSY,
		"cannot lock %s: %s has held it for %u s; let it end, or end it",
		path, who, seconds);
}

static int lock_one(struct vscsi_tree *tree, int which, unsigned int seconds,
		    const struct timespec *start)
{
	AUTO_FREE char *path = tree_path(tree, "%s", lock_files[which]);

	if (!path)
		return tree_fail(tree, ENOMEM, "memory is short");
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0) {
		int error = errno;

		/* not even targetcli could make its own */
		if (which == 1)
			return 0;
		return tree_fail(tree, error, "cannot open %s: %s%s", path,
				 strerror(error),
				 error == EACCES ? "; it takes root" : "");
	}
	while (flock(fd, LOCK_EX | LOCK_NB)) {
		struct timespec now;
		int error = errno;

		clock_gettime(CLOCK_MONOTONIC, &now);
		if (error == EWOULDBLOCK &&
		    now.tv_sec - start->tv_sec < (time_t)seconds) {
			poll(NULL, 0, LOOK_AGAIN_MS);
			continue;
		}
		int rc = error == EWOULDBLOCK
				 ? lock_refused(tree, path, fd, seconds)
				 : tree_fail(tree, error, "cannot lock %s: %s",
					     path, strerror(error));

		close(fd);
		return rc;
	}
	tree->lock[which] = fd;
	return 0;
}

/**
 * vscsi_tree_lock() - keep others out
 * @tree: the tree
 * @seconds: how long to wait for those who are there
 *
 * Return: 0 or a negative errno: -EBUSY, also if the tree is locked already.
 */
int vscsi_tree_lock(struct vscsi_tree *tree, unsigned int seconds)
{
	AUTO_FREE char *run = tree_path(tree, "run");
	struct timespec start;
	int rc = 0;

	if (tree->lock[0] >= 0)
		return tree_fail(tree, EBUSY, "the tree is locked already");
	clock_gettime(CLOCK_MONOTONIC, &start);
	if (run)
		mkdir(run, 0755);
	for (int which = 0; !rc && which < 2; which++)
		rc = lock_one(tree, which, seconds, &start);
	if (rc)
		vscsi_tree_unlock(tree);
	return rc;
}

/**
 * vscsi_tree_unlock() - let others in
 * @tree: the tree, locked or not
 */
void vscsi_tree_unlock(struct vscsi_tree *tree)
{
	for (int which = 2; which-- > 0;) {
		if (tree->lock[which] >= 0)
			close(tree->lock[which]);
		tree->lock[which] = -1;
	}
}

static bool has_device(int proc, const char *pid)
{
	AUTO_FREE char *path = text("%s/fd", pid);
	int fd = path ? openat(proc, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
		      : -1;
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	bool found = false;

	while (dir && !found && (entry = readdir(dir))) {
		char to[64];
		ssize_t length =
			readlinkat(fd, entry->d_name, to, sizeof(to) - 1);

		to[length > 0 ? length : 0] = '\0';
		found = !strcmp(to, "/dev/vhost-scsi");
	}
	if (dir)
		closedir(dir);
	else if (fd >= 0)
		close(fd);
	return found;
}

/**
 * device_holders() - processes that have a vhost-scsi device open
 * @tree: says where proc is
 * @pids: their numbers are added
 *
 * Return: 0 or -ENOMEM; what may not be looked at is not counted.
 */
int device_holders(const struct vscsi_tree *tree, struct names *pids)
{
	AUTO_FREE char *path = tree_path(tree, "proc");
	DIR *dir = path ? opendir(path) : NULL;
	struct dirent *entry;
	int rc = path ? 0 : -ENOMEM;

	while (dir && !rc && (entry = readdir(dir)))
		if (isdigit((unsigned char)entry->d_name[0]) &&
		    has_device(dirfd(dir), entry->d_name))
			rc = names_add(pids, entry->d_name);
	if (dir)
		closedir(dir);
	return rc;
}
