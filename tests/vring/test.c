// SPDX-License-Identifier: GPL-2.0
/*
 * Verdicts, deadlines, child processes and the kernel log. Everything here may
 * be called from any thread of a test and from processes it forks; a verdict
 * of a forked process ends that process only, and test_reap() tells it.
 */
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include "vring.h"
#include "harness.h"

char *test_step;
unsigned int *test_seconds;
unsigned int test_number;
static int kmsg_fd = -1;

static void say(const char *head, const char *fmt, va_list ap)
{
	char line[1024];
	int n = snprintf(line, sizeof(line), "%s", head);

	n += vsnprintf(line + n, sizeof(line) - n, fmt, ap);
	if (n > (int)sizeof(line) - 2)
		n = sizeof(line) - 2;
	line[n++] = '\n';
	if (write(STDERR_FILENO, line, n) < 0)
		_exit(EXIT_FAIL);
}

void test_fail(const char *file, int line, const char *fmt, ...)
{
	const char *base = strrchr(file, '/');
	char head[400];
	va_list ap;

	snprintf(head, sizeof(head), "%s:%d: (%s) ", base ? base + 1 : file,
		 line, test_step);
	va_start(ap, fmt);
	say(head, fmt, ap);
	va_end(ap);
	_exit(EXIT_FAIL);
}

void test_skip(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say("skip: ", fmt, ap);
	va_end(ap);
	_exit(EXIT_SKIP);
}

const char *errno_name(long neg)
{
	const char *name;

	if (!neg)
		return "0";
	name = neg < 0 ? strerrorname_np(-neg) : NULL;
	return name ? name : "?";
}

void test_expect(const char *file, int line, const char *what, long got,
		 long want)
{
	if (got != want)
		test_fail(file, line, "%s: got %ld (%s), want %ld (%s)", what,
			  got, errno_name(got), want, errno_name(want));
}

void step(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(test_step, STEP_BYTES, fmt, ap);
	va_end(ap);
}

void test_limit(unsigned int seconds)
{
	__atomic_store_n(test_seconds, seconds, __ATOMIC_RELAXED);
}

unsigned int test_slow(void)
{
	const char *env = getenv("VSCSI_SLOW");
	int n = env ? atoi(env) : 1;

	return n > 0 ? n : 1;
}

uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000ull + ts.tv_nsec / 1000000;
}

uint64_t deadline_in(unsigned int ms)
{
	return now_ms() + (uint64_t)ms * test_slow();
}

/* The grain of wait_until(): a pause between two looks at a condition. */
void nap(void)
{
	poll(NULL, 0, 5);
}

unsigned int test_id(void)
{
	return test_number;
}

pid_t test_fork(void)
{
	pid_t pid = fork();

	check(pid >= 0, "fork: %s", strerror(errno));
	return pid;
}

int test_reap(pid_t pid)
{
	uint64_t end = deadline_in(WAIT_MS);
	int status;
	pid_t got;

	while (!(got = waitpid(pid, &status, WNOHANG)) && now_ms() < end)
		nap();
	check(got == pid, "process %d has not ended", pid);
	return status;
}

bool test_gone(pid_t pid)
{
	int status;

	return waitpid(pid, &status, WNOHANG) == pid;
}

bool module_is_peer(void)
{
	const char *env = getenv("VSCSI_MODULE");

	return env && !strcmp(env, "peer");
}

void kmsg_mark(void)
{
	if (kmsg_fd >= 0)
		close(kmsg_fd);
	kmsg_fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK);
	check(kmsg_fd >= 0, "/dev/kmsg: %s", strerror(errno));
	lseek(kmsg_fd, 0, SEEK_END);
}

unsigned int kmsg_count(const char *text)
{
	unsigned int count = 0;
	char line[2048];
	ssize_t n;

	for (;;) {
		n = read(kmsg_fd, line, sizeof(line) - 1);
		if (n < 0 && errno == EPIPE)
			continue;
		if (n <= 0)
			break;
		line[n] = 0;
		count += !!strstr(line, text);
	}
	return count;
}

bool kmsg_has(const char *text)
{
	return kmsg_count(text);
}

bool task_in_ioctl(pid_t pid, unsigned long nr)
{
	unsigned long fd, cmd;
	char text[256];
	long call;

	return !file_read(text, sizeof(text), "/proc/%d/syscall", pid) &&
	       sscanf(text, "%ld %lx %lx", &call, &fd, &cmd) == 3 &&
	       call == SYS_ioctl && (cmd & 0xffffffff) == nr;
}

/* Looks for @function in the kernel stacks of all tasks that sleep. */
bool task_stands_in(const char *function)
{
	char stack[4096];
	struct dirent *e;
	bool found = false;
	DIR *dir = opendir("/proc");

	while (dir && !found && (e = readdir(dir))) {
		if (e->d_name[0] < '0' || e->d_name[0] > '9' ||
		    file_read(stack, sizeof(stack), "/proc/%s/stack",
			      e->d_name))
			continue;
		found = strstr(stack, function);
	}
	if (dir)
		closedir(dir);
	return found;
}
