// SPDX-License-Identifier: GPL-2.0
/* Files and directories of configfs and sysfs, programs, kernel modules. */
#include <dirent.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include "vring.h"

#define DEBUGFS "/sys/kernel/debug/vhost_scsi"

#define PATH_FROM(fmt)                          \
	char path[1024];                        \
	va_list ap;                             \
                                                \
	va_start(ap, fmt);                      \
	vsnprintf(path, sizeof(path), fmt, ap); \
	va_end(ap)

int file_write(const char *text, const char *fmt, ...)
{
	PATH_FROM(fmt);
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t n;
	int err;

	if (fd < 0)
		return -errno;
	n = write(fd, text, strlen(text));
	err = n < 0 ? -errno : 0;
	close(fd);
	return err;
}

int file_read(char *buf, size_t size, const char *fmt, ...)
{
	PATH_FROM(fmt);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;
	int err;

	if (fd < 0)
		return -errno;
	n = read(fd, buf, size - 1);
	err = n < 0 ? -errno : 0;
	close(fd);
	buf[n > 0 ? n : 0] = 0;
	return err;
}

bool file_exists(const char *fmt, ...)
{
	PATH_FROM(fmt);

	return !access(path, F_OK);
}

int dir_make(const char *fmt, ...)
{
	PATH_FROM(fmt);

	return mkdir(path, 0755) ? -errno : 0;
}

int dir_remove(const char *fmt, ...)
{
	PATH_FROM(fmt);

	return rmdir(path) ? -errno : 0;
}

int run_program(const char *const argv[])
{
	pid_t pid;
	int status;

	pid = fork();
	if (pid < 0)
		return -errno;
	if (!pid) {
		execvp(argv[0], (char *const *)argv);
		_exit(127);
	}
	if (waitpid(pid, &status, 0) != pid)
		return -errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -EINTR;
}

/* Loads a module that a backstore of the test needs, or skips the test. */
void need_module(const char *name, const char *param)
{
	const char *argv[] = { "modprobe", name, param, NULL };

	if (file_exists("/sys/module/%s", name))
		return;
	if (run_program(argv))
		test_skip("modprobe %s failed", name);
}

bool queues_path(char *path, size_t size)
{
	DIR *dir = opendir(DEBUGFS);
	struct dirent *e;
	char prefix[32];

	check(dir, DEBUGFS ": %s", strerror(errno));
	path[0] = 0;
	snprintf(prefix, sizeof(prefix), "%d-", getpid());
	while ((e = readdir(dir)))
		if (!strncmp(e->d_name, prefix, strlen(prefix)))
			snprintf(path, size, DEBUGFS "/%s/queues", e->d_name);
	closedir(dir);
	return path[0];
}
