// SPDX-License-Identifier: GPL-2.0
/*
 * Replacing a file, whole or not at all, in a folder where others may make files, too: the
 * new one is written under a name that nobody has, and nothing is opened or renamed
 * by a path that could lead elsewhere meanwhile.
 */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config.h"

#define TRIES 100

/** struct place - a name in an open folder */
struct place {
	int dir;
	char *path; /* as it was given, or what that is a link to */
	const char *name;
	bool there;
	struct stat old; /* if it is there */
};

/* What a link points to is the file. Whether a link may be followed at all, in a folder
 * that everybody may write to, is the kernel's to say: by opening it.
 */
static int find_place(struct place *place, const char *path)
{
	AUTO_CLOSE int file =
		open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat now;

	if (file < 0 && (errno != ENOENT || !lstat(path, &now)))
		return -errno;
	place->there = file >= 0;
	place->path = place->there ? realpath(path, NULL) : ui_strdup(path);
	if (!place->path)
		return -errno;
	AUTO_FREE char *copy = ui_strdup(place->path);

	place->name = strrchr(place->path, '/');
	place->name = place->name ? place->name + 1 : place->path;
	place->dir = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (place->dir < 0)
		return -errno;
	if (!place->there)
		return 0;
	if (fstat(file, &place->old) ||
	    fstatat(place->dir, place->name, &now, AT_SYMLINK_NOFOLLOW))
		return -errno;
	/* somebody moves things about */
	return now.st_dev == place->old.st_dev &&
			       now.st_ino == place->old.st_ino
		       ? 0
		       : -ESTALE;
}

static int open_new(const struct place *place, char name[NAME_MAX + 1])
{
	for (int i = 0; i < TRIES; i++) {
		snprintf(name, NAME_MAX + 1, ".%.200s.%d-%d", place->name,
			 getpid(), i);
		int file = openat(place->dir, name,
				  O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW |
					  O_CLOEXEC,
				  place->there ? 0600 : 0666);

		if (file >= 0 || errno != EEXIST)
			return file < 0 ? -errno : file;
	}
	return -EEXIST;
}

/* Takes @file. */
static int fill(int file, const struct place *place, const char *text)
{
	AUTO_FCLOSE FILE *stream = fdopen(file, "w");

	if (!stream) {
		close(file);
		return -errno;
	}
	/* who may read it stays as it was; to whom it belongs, if that may be */
	if (place->there &&
	    ((fchown(file, place->old.st_uid, place->old.st_gid) &&
	      errno != EPERM) ||
	     fchmod(file, place->old.st_mode & 0777)))
		return -errno;
	return fprintf(stream, "%s\n", text) < 0 || fflush(stream) ||
			       fsync(file)
		       ? -errno
		       : 0;
}

static int replace(const struct place *place, const char *text)
{
	char name[NAME_MAX + 1];
	int file = open_new(place, name);
	int err = file < 0 ? file : fill(file, place, text);

	if (!err && renameat(place->dir, name, place->dir, place->name))
		err = -errno;
	if (err && file >= 0)
		unlinkat(place->dir, name, 0);
	if (!err && fsync(place->dir))
		file_note_unsynced(place->path, errno);
	return err;
}

/**
 * file_replace() - write a file, whole or not at all
 * @path: the file, there or not; if it is a link, what that points to
 * @text: what it shall hold, without a newline at its end
 *
 * Return: 0, or a negative errno; then it is as it was.
 */
int file_replace(const char *path, const char *text)
{
	struct place place = { .dir = -1 };
	int err = find_place(&place, path);

	if (!err)
		err = replace(&place, text);
	if (place.dir >= 0)
		close(place.dir);
	free(place.path);
	return err;
}
