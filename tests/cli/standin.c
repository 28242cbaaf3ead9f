// SPDX-License-Identifier: GPL-2.0
/*
 * The stand-in's doors: the functions of the C library by which a program changes
 * files. For paths that are not in a stand-in tree they do as ever. See standin.h.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "standin.h"

#define TREE "/sys/kernel/config/target"

static unsigned int changes, fail_at, fail_error;
static bool fail_on, fail_known;

/**
 * standin_fail() - have a change fail
 * @number: which one from now on; 0: none
 * @and_all_after: and all that follow
 * @error: with which errno
 */
void standin_fail(unsigned int number, bool and_all_after, int error)
{
	fail_known = true;
	changes = 0;
	fail_at = number;
	fail_on = and_all_after;
	fail_error = error;
}

/**
 * standin_changes() - how many changes were tried
 */
unsigned int standin_changes(void)
{
	return changes;
}

static void read_environment(void)
{
	static const struct {
		const char *name;
		int error;
	} errors[] = { { "ENOMEM", ENOMEM }, { "EIO", EIO },
		       { "EBUSY", EBUSY },   { "EINVAL", EINVAL },
		       { "ENOSPC", ENOSPC }, { "EEXIST", EEXIST } };
	const char *text = getenv("STANDIN_FAIL");
	char *end;

	fail_known = true;
	if (!text)
		return;
	fail_at = strtoul(text, &end, 10);
	fail_on = *end == '+';
	end += fail_on;
	fail_error = EIO;
	for (size_t i = 0; i < sizeof(errors) / sizeof(*errors); i++)
		if (*end == ':' && !strcmp(end + 1, errors[i].name))
			fail_error = errors[i].error;
}

static void log_change(const char *what, const struct place *place,
		       const char *value, size_t size)
{
	const char *name = getenv("STANDIN_LOG");
	char line[2 * PATH_MAX];

	if (!name)
		return;
	int fd = syscall(SYS_openat, AT_FDCWD, name,
			 O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
	int length = snprintf(line, sizeof(line), "%s %s%s%.*s", what,
			      place->below, value ? " " : "", (int)size,
			      value ?: "");

	if (length >= (int)sizeof(line))
		length = sizeof(line) - 1;
	while (length && line[length - 1] == '\n')
		length--;
	line[length++] = '\n';
	if (fd >= 0) {
		syscall(SYS_write, fd, line, length);
		close(fd);
	}
}

/* Somebody stops the program at its N-th change. */
static void terminate_at(unsigned int number)
{
	const char *text = getenv("STANDIN_TERM");

	if (text && strtoul(text, NULL, 10) == number)
		kill(getpid(), SIGTERM);
}

/* Is it this change's turn to fail? */
static int next_change(const char *what, const struct place *place,
		       const char *value, size_t size)
{
	if (!fail_known)
		read_environment();
	changes++;
	log_change(what, place, value, size);
	terminate_at(changes);
	if (fail_at && (changes == fail_at || (fail_on && changes > fail_at)))
		return -(int)fail_error;
	return 0;
}

static int answer(int rc)
{
	if (rc >= 0)
		return rc;
	errno = -rc;
	return -1;
}

/**
 * place_find() - is a path in a stand-in tree?
 * @place: filled in
 * @dirfd: what it is relative to
 * @path: the path
 */
bool place_find(struct place *place, int dirfd, const char *path)
{
	char dir[PATH_MAX / 2] = "";

	if (*path != '/') {
		char link[64];

		snprintf(link, sizeof(link),
			 dirfd == AT_FDCWD ? "/proc/self/cwd"
					   : "/proc/self/fd/%d",
			 dirfd);
		ssize_t length = syscall(SYS_readlinkat, AT_FDCWD, link, dir,
					 sizeof(dir) - 1);

		dir[length > 0 ? length : 0] = '\0';
	}
	snprintf(place->path, sizeof(place->path), "%s%s%s", dir,
		 *dir ? "/" : "", path);
	char *at = strstr(place->path, TREE);

	if (!at || at[strlen(TREE)] != '/')
		return false;
	place->live = at == place->path;
	if (place->live && !getenv("STANDIN_LIVE"))
		return false;
	place->below = at + strlen(TREE) + 1;
	place->n = 0;
	strcpy(place->copy, place->below);
	char *rest = place->copy, *word;

	while ((word = strsep(&rest, "/")) && place->n < 12)
		if (*word)
			place->words[place->n++] = word;
	return place->n > 0;
}

static int do_mkdir(int dirfd, const char *path, mode_t mode)
{
	struct place place;
	struct stat st;

	if (!place_find(&place, dirfd, path))
		return syscall(SYS_mkdirat, dirfd, path, mode);
	int rc = next_change("mkdir", &place, NULL, 0);

	if (rc)
		return answer(rc);
	if (place.live)
		return syscall(SYS_mkdirat, dirfd, path, mode);
	if (!lstat(place.path, &st))
		return answer(-EEXIST);
	enum object object = place_object(&place);

	return answer(object ? make_object(&place, object) : -EPERM);
}

static int do_unlink(int dirfd, const char *path, int flags)
{
	struct place place;

	if (!place_find(&place, dirfd, path))
		return syscall(SYS_unlinkat, dirfd, path, flags);
	int rc = next_change(flags & AT_REMOVEDIR ? "rmdir" : "unlink", &place,
			     NULL, 0);

	if (rc)
		return answer(rc);
	if (place.live)
		return syscall(SYS_unlinkat, dirfd, path, flags);
	if (!(flags & AT_REMOVEDIR))
		return answer(unlink_object(&place));
	struct stat st;

	if (lstat(place.path, &st))
		return -1;
	enum object object = place_object(&place);

	return answer(object ? remove_object(&place, object) : -EPERM);
}

static int do_symlink(const char *target, int dirfd, const char *path)
{
	struct place place;

	if (!place_find(&place, dirfd, path))
		return syscall(SYS_symlinkat, target, dirfd, path);
	int rc = next_change("symlink", &place, target, strlen(target));

	if (!rc && place.live)
		return syscall(SYS_symlinkat, target, dirfd, path);
	return answer(rc ?: link_object(&place, target));
}

static int do_open(int dirfd, const char *path, int flags, mode_t mode)
{
	struct place place;

	/* configfs has no files to be made by users, and none to be cut */
	if (place_find(&place, dirfd, path) && !place.live)
		flags &= ~(O_CREAT | O_TRUNC);
	return syscall(SYS_openat, dirfd, path, flags, mode);
}

/* The doors themselves. */

int mkdir(const char *path, mode_t mode)
{
	return do_mkdir(AT_FDCWD, path, mode);
}

int mkdirat(int dirfd, const char *path, mode_t mode)
{
	return do_mkdir(dirfd, path, mode);
}

int rmdir(const char *path)
{
	return do_unlink(AT_FDCWD, path, AT_REMOVEDIR);
}

int unlink(const char *path)
{
	return do_unlink(AT_FDCWD, path, 0);
}

int unlinkat(int dirfd, const char *path, int flags)
{
	return do_unlink(dirfd, path, flags);
}

int symlink(const char *target, const char *path)
{
	return do_symlink(target, AT_FDCWD, path);
}

int symlinkat(const char *target, int dirfd, const char *path)
{
	return do_symlink(target, dirfd, path);
}

int open(const char *path, int flags, ...)
{
	va_list args;

	va_start(args, flags);
	mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(args, mode_t) : 0;

	va_end(args);
	return do_open(AT_FDCWD, path, flags, mode);
}

int openat(int dirfd, const char *path, int flags, ...)
{
	va_list args;

	va_start(args, flags);
	mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(args, mode_t) : 0;

	va_end(args);
	return do_open(dirfd, path, flags, mode);
}

int open64(const char *path, int flags, ...) __attribute__((alias("open")));
int openat64(int dirfd, const char *path, int flags, ...)
	__attribute__((alias("openat")));

int rename(const char *from, const char *to)
{
	const char *file = getenv("STANDIN_HOLD");
	struct stat st;

	for (int i = 0; file && i < 3000 && stat(file, &st); i++)
		poll(NULL, 0, 10);
	return syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
}

int fsync(int fd)
{
	static bool again;

	if (!again)
		terminate_at(0);
	again = true;
	struct stat st;

	if (getenv("STANDIN_SYNC") && !fstat(fd, &st) && S_ISDIR(st.st_mode))
		return answer(-EIO);
	return syscall(SYS_fsync, fd);
}

static bool place_of_fd(struct place *place, int fd)
{
	char link[64], path[PATH_MAX];

	if (fd <= 2)
		return false;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	ssize_t length =
		syscall(SYS_readlinkat, AT_FDCWD, link, path, sizeof(path) - 1);

	if (length <= 0 || *path != '/')
		return false;
	path[length] = '\0';
	return place_find(place, AT_FDCWD, path);
}

ssize_t write(int fd, const void *data, size_t size)
{
	struct place place;
	struct stat st;

	/* a shell writes to its standard output */
	if (fd == 1) {
		char path[PATH_MAX];
		ssize_t length = syscall(SYS_readlinkat, AT_FDCWD,
					 "/proc/self/fd/1", path,
					 sizeof(path) - 1);

		path[length > 0 ? length : 0] = '\0';
		if (*path != '/' || !place_find(&place, AT_FDCWD, path))
			return syscall(SYS_write, fd, data, size);
	} else if (!place_of_fd(&place, fd)) {
		return syscall(SYS_write, fd, data, size);
	}
	int rc = next_change("write", &place, data, size);

	if (rc)
		return answer(rc);
	if (place.live)
		return syscall(SYS_write, fd, data, size);
	if (fstat(fd, &st))
		return -1;
	if (!(st.st_mode & 0222))
		return answer(-EACCES);
	rc = write_file(&place, data, size);
	return rc ? answer(rc) : (ssize_t)size;
}

ssize_t read(int fd, void *data, size_t size)
{
	struct place place;
	struct stat st;
	char path[PATH_MAX];

	if (!place_of_fd(&place, fd) || place.live)
		return syscall(SYS_read, fd, data, size);
	const char *name = place.words[place.n - 1];

	if (!strcmp(name, "nexus") && !fstat(fd, &st) && !st.st_size)
		return answer(-ENODEV);
	if (!strncmp(name, "alua_tg_pt_", 11) ||
	    !strcmp(name, "write_protect")) {
		char dir[PATH_MAX];

		strcpy(dir, place.path);
		*strrchr(dir, '/') = '\0';
		if (!link_in(dir, path))
			return answer(-ENODEV);
	}
	return syscall(SYS_read, fd, data, size);
}
