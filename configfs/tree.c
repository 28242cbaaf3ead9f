// SPDX-License-Identifier: GPL-2.0
/*
 * An open tree: the directory that all is below, the line that says what has
 * failed, and reading and writing of single files. Nothing else in the library
 * opens a file of configfs.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "internal.h"

/* Of a tree that could not be opened. */
static __thread char open_error[ERROR_MAX];

/**
 * tree_fail() - say what has failed
 * @tree: the tree, or NULL while there is none
 * @error: an errno
 * @format: the line; control characters in it are replaced
 *
 * Return: -@error.
 */
int tree_fail(struct vscsi_tree *tree, int error, const char *format, ...)
{
	char *line = tree ? tree->error : open_error;
	char copy[ERROR_MAX];
	va_list args;

	/* An argument may be the line itself. */
	va_start(args, format);
	vsnprintf(copy, sizeof(copy), format, args);
	va_end(args);
	for (char *c = copy; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = '?';
	strcpy(line, copy);
	return -error;
}

/**
 * vscsi_tree_error() - the last failure in one line
 * @tree: the tree; NULL for that of vscsi_tree_open()
 *
 * Return: the line, good until the next call with that tree; empty if nothing
 * has failed.
 */
const char *vscsi_tree_error(const struct vscsi_tree *tree)
{
	return tree ? tree->error : open_error;
}

/**
 * text() - a string on the heap
 * @format: as of printf()
 *
 * Return: the caller's string, or NULL.
 */
char *text(const char *format, ...)
{
	va_list args;
	char *s;

	va_start(args, format);
	int rc = vasprintf(&s, format, args);
	va_end(args);
	return rc < 0 ? NULL : s;
}

/**
 * tree_path() - a path below the root, for files outside of configfs
 * @tree: the tree
 * @format: the path without a slash in front
 *
 * Return: the caller's string, or NULL.
 */
char *tree_path(const struct vscsi_tree *tree, const char *format, ...)
{
	AUTO_FREE char *below = NULL;
	va_list args;

	va_start(args, format);
	int rc = vasprintf(&below, format, args);
	va_end(args);
	if (rc < 0) {
		below = NULL;
		return NULL;
	}
	return text("%s/%s", tree->root, below);
}

/**
 * tree_place() - a path of the tree as people know it
 * @tree: the tree
 * @path: relative to the directory of LIO
 *
 * Return: a string that is good until the next call in this thread.
 */
const char *tree_place(const struct vscsi_tree *tree, const char *path)
{
	static __thread char place[PATH_MAX];

	snprintf(place, sizeof(place), "%s/" CONFIGFS_TARGET "/%s", tree->root,
		 path);
	return place;
}

/**
 * names_free() - forget all names
 * @names: the list, which is empty afterwards
 */
void names_free(struct names *names)
{
	for (size_t i = 0; i < names->n; i++)
		free(names->v[i]);
	free(names->v);
	*names = (struct names){};
}

/**
 * names_add() - add a copy of a name at the end
 * @names: the list
 * @name: the name
 *
 * Return: 0 or -ENOMEM.
 */
int names_add(struct names *names, const char *name)
{
	char **v = realloc(names->v, (names->n + 1) * sizeof(*v));

	if (!v)
		return -ENOMEM;
	names->v = v;
	v[names->n] = strdup(name);
	if (!v[names->n])
		return -ENOMEM;
	names->n++;
	return 0;
}

static int compare_names(const void *a, const void *b)
{
	/* tpgt_2 before tpgt_10 */
	return strverscmp(*(char *const *)a, *(char *const *)b);
}

/**
 * tree_list() - the entries of a directory, sorted
 * @tree: the tree
 * @path: the directory
 * @names: filled in; the caller's also after a failure
 *
 * Return: 0 or a negative errno.
 */
int tree_list(const struct vscsi_tree *tree, const char *path,
	      struct names *names)
{
	int fd = openat(tree->fd, path,
			O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0)
		return -errno;
	DIR *dir = fdopendir(fd);

	if (!dir) {
		close(fd);
		return -ENOMEM;
	}
	int rc = 0;
	struct dirent *entry;

	for (errno = 0; !rc && (entry = readdir(dir)); errno = 0)
		if (entry->d_name[0] != '.')
			rc = names_add(names, entry->d_name);
	if (!rc && errno)
		rc = -errno;
	closedir(dir);
	if (names->n)
		qsort(names->v, names->n, sizeof(*names->v), compare_names);
	return rc;
}

/**
 * file_read() - what is in a small file
 * @dir: directory that the path is relative to
 * @path: a regular file
 * @value: the caller's string, without a newline at its end
 *
 * A copy of a tree may have anything in it: what is no regular file is not
 * opened for long, and no more is read than LIO's files of reservations can have.
 *
 * Return: 0 or a negative errno.
 */
int file_read(int dir, const char *path, char **value)
{
	AUTO_CLOSE int fd = openat(dir, path,
				   O_RDONLY | O_CLOEXEC | O_NOFOLLOW |
					   O_NONBLOCK | O_NOCTTY);
	AUTO_FREE char *buffer = NULL;
	struct stat st;
	size_t have = 0;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st))
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	/* Metadata of reservations has more than a page. */
	size_t room = 16 * VALUE_MAX;

	buffer = malloc(room + 1);
	if (!buffer)
		return -ENOMEM;
	while (have < room) {
		ssize_t got = read(fd, buffer + have, room - have);

		if (got < 0)
			return -errno;
		if (!got)
			break;
		have += got;
	}
	buffer[have] = '\0';
	have = strlen(buffer);
	while (have && buffer[have - 1] == '\n')
		buffer[--have] = '\0';
	*value = realloc(buffer, have + 1);
	if (!*value)
		return -ENOMEM;
	buffer = NULL;
	return 0;
}

/**
 * tree_read() - the value of an attribute
 * @tree: the tree
 * @path: the file
 * @value: the caller's string, without a newline at its end
 *
 * Return: 0 or a negative errno.
 */
int tree_read(const struct vscsi_tree *tree, const char *path, char **value)
{
	return file_read(tree->fd, path, value);
}

/**
 * tree_write() - give an attribute a value, in one write
 * @tree: the tree
 * @path: the file
 * @value: the value, without a newline
 *
 * Return: 0 or a negative errno; -EIO if only a part was taken.
 */
int tree_write(const struct vscsi_tree *tree, const char *path,
	       const char *value)
{
	AUTO_CLOSE int fd = openat(tree->fd, path,
				   O_WRONLY | O_CLOEXEC | O_NOFOLLOW |
					   O_NONBLOCK | O_NOCTTY);

	if (fd < 0)
		return -errno;
	AUTO_FREE char *line = text("%s\n", value);

	if (!line)
		return -ENOMEM;
	size_t length = strlen(line);
	ssize_t done = write(fd, line, length);

	if (done < 0)
		return -errno;
	return (size_t)done == length ? 0 : -EIO;
}

/**
 * tree_has() - is there something at a path?
 * @tree: the tree
 * @path: the path
 *
 * Return: true if there is; false also if that cannot be told.
 */
bool tree_has(const struct vscsi_tree *tree, const char *path)
{
	struct stat st;

	return !fstatat(tree->fd, path, &st, AT_SYMLINK_NOFOLLOW);
}

/**
 * tree_link_in() - the symbolic link in a directory
 * @tree: the tree
 * @dir: the directory, of a LUN
 * @name: the link's name, the caller's string
 * @target: what it points to, the caller's string
 *
 * Return: 0; -ENOENT: there is none; or another negative errno.
 */
int tree_link_in(const struct vscsi_tree *tree, const char *dir, char **name,
		 char **target)
{
	AUTO(names_free) struct names names = {};
	int rc = tree_list(tree, dir, &names);

	if (rc)
		return rc;
	for (size_t i = 0; i < names.n; i++) {
		AUTO_FREE char *path = text("%s/%s", dir, names.v[i]);
		char to[PATH_MAX];

		if (!path)
			return -ENOMEM;
		ssize_t length = readlinkat(tree->fd, path, to, sizeof(to) - 1);

		if (length < 0)
			continue;
		to[length] = '\0';
		*target = strdup(to);
		*name = strdup(names.v[i]);
		if (*target && *name)
			return 0;
		free(*target);
		free(*name);
		*target = *name = NULL;
		return -ENOMEM;
	}
	return -ENOENT;
}

static int explain_no_tree(const char *root, int error)
{
	AUTO_FREE char *config = text("%s/sys/kernel/config", root);
	struct stat st;

	if (error != ENOENT)
		return tree_fail(NULL, error,
				 "cannot open %s/" CONFIGFS_TARGET ": %s", root,
				 strerror(error));
	if (!config || stat(config, &st))
		return tree_fail(
			NULL, error,
			"cannot open %s/sys/kernel/config: %s; load configfs: modprobe configfs",
			root, strerror(error));
	struct statfs fs;

	if (!*root && !statfs(config, &fs) && fs.f_type != 0x62656570)
		return tree_fail(
			NULL, error,
			"no configfs at %s; mount it: mount -t configfs none %s",
			config, config);
	return tree_fail(NULL, error,
			 "cannot open %s/" CONFIGFS_TARGET
			 ": %s; load LIO: modprobe target_core_mod",
			 root, strerror(error));
}

/**
 * vscsi_tree_open() - open the tree of LIO
 * @tree: the caller's to close
 * @root: what all paths are below; NULL for "/"
 *
 * Return: 0 or a negative errno, explained by vscsi_tree_error(NULL).
 */
int vscsi_tree_open(struct vscsi_tree **tree, const char *root)
{
	char real[PATH_MAX];

	*tree = NULL;
	if (!realpath(root && *root ? root : "/", real))
		return tree_fail(NULL, errno, "cannot open %s: %s", root,
				 strerror(errno));
	if (!strcmp(real, "/"))
		*real = '\0';
	AUTO_FREE char *path = text("%s/" CONFIGFS_TARGET, real);
	struct vscsi_tree *t = calloc(1, sizeof(*t));

	if (!path || !t)
		goto err_memory;
	t->lock[0] = t->lock[1] = -1;
	t->watches.fd = -1;
	t->root = strdup(real);
	if (!t->root)
		goto err_memory;
	t->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (t->fd < 0) {
		int error = errno;

		free(t->root);
		free(t);
		return explain_no_tree(real, error);
	}
	*tree = t;
	return 0;

err_memory:
	free(t);
	return tree_fail(NULL, ENOMEM, "memory is short");
}

/**
 * vscsi_tree_close() - close a tree, and let go of its locks
 * @tree: the tree, or NULL
 */
void vscsi_tree_close(struct vscsi_tree *tree)
{
	if (!tree)
		return;
	vscsi_tree_unlock(tree);
	if (tree->watches.fd >= 0)
		close(tree->watches.fd);
	for (size_t i = 0; i < tree->watches.n; i++)
		free(tree->watches.paths[i]);
	free(tree->watches.paths);
	close(tree->fd);
	free(tree->root);
	free(tree);
}
