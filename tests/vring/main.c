// SPDX-License-Identifier: GPL-2.0
/*
 * vring-tests: lists the C tests, or runs one of them.
 *
 * The test runs in a process group of its own, in a session of ours, and the
 * parent watches it: a test that does not end in time is reported with the step
 * it hangs in and with its kernel stack, then freed from a hanging block device
 * and killed. Then the parent removes what the test left in configfs and
 * device-mapper; that the kernel lets it is a part of the verdict of every test.
 */
#include <dirent.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include "vring.h"
#include "harness.h"

#define DEFAULT_LIMIT 60

extern const struct test *const __start_vring_tests[];
extern const struct test *const __stop_vring_tests[];

static int list_tests(void)
{
	const struct test *const *t;

	for (t = __start_vring_tests; t < __stop_vring_tests; t++)
		printf("%s\t%s\n", (*t)->name, (*t)->description);
	return 0;
}

static const struct test *find_test(const char *name)
{
	const struct test *const *t;

	for (t = __start_vring_tests; t < __stop_vring_tests; t++)
		if (!strcmp((*t)->name, name))
			return *t;
	return NULL;
}

static void show_file(const char *path)
{
	char buf[4096];
	FILE *f = fopen(path, "r");
	size_t n;

	if (!f)
		return;
	n = fread(buf, 1, sizeof(buf), f);
	fclose(f);
	fprintf(stderr, "%s:\n", path);
	fwrite(buf, 1, n, stderr);
}

static void show_stacks(pid_t pid)
{
	char path[300];
	struct dirent *e;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	dir = opendir(path);
	while (dir && (e = readdir(dir))) {
		if (e->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "/proc/%d/task/%s/stack", pid,
			 e->d_name);
		show_file(path);
	}
	if (dir)
		closedir(dir);
}

/* Sleeps until then: looking often would cost an emulated processor much. */
static bool ended(pid_t pid, int *status, uint64_t deadline)
{
	struct pollfd end = { .fd = pidfd_open(pid, 0), .events = POLLIN };
	uint64_t now = now_ms();

	poll(&end, 1, now < deadline ? (int)(deadline - now) : 0);
	close(end.fd);
	return waitpid(pid, status, WNOHANG) == pid;
}

static bool reap_all(uint64_t deadline)
{
	while (waitpid(-1, NULL, WNOHANG) >= 0 && now_ms() < deadline)
		nap();
	return waitpid(-1, NULL, WNOHANG) < 0;
}

/* The test may give itself another limit meanwhile. */
static bool ended_in_time(pid_t pid, int *status)
{
	uint64_t start = now_ms(), limit;

	do {
		limit = __atomic_load_n(test_seconds, __ATOMIC_RELAXED);
		if (ended(pid, status, now_ms() + 1000))
			return true;
	} while (now_ms() < start + limit * 1000 * test_slow());
	return false;
}

static int verdict(pid_t pid)
{
	int status, code = EXIT_FAIL;

	if (!ended_in_time(pid, &status)) {
		fprintf(stderr, "hangs in: %s\n", test_step);
		show_stacks(pid);
		kill(-pid, SIGKILL);
		dm_unhang(pid);
		if (!ended(pid, &status, deadline_in(WAIT_MS))) {
			fprintf(stderr, "and cannot be killed\n");
			_exit(EXIT_FAIL);
		}
	} else if (WIFEXITED(status)) {
		code = WEXITSTATUS(status);
	} else {
		fprintf(stderr, "killed by signal %d in: %s\n",
			WTERMSIG(status), test_step);
	}
	return code;
}

/* What tests change, as it is by default. The peer has only the first. */
static void reset_parameters(void)
{
	file_write("128", "/sys/module/vhost_scsi/parameters/max_io_vqs");
	file_write("0", "/sys/module/vhost_scsi/parameters/shared_thread");
	file_write("0", "/sys/module/vhost_scsi/parameters/strict_accounting");
}

static bool clean_up(pid_t pid)
{
	bool ok = true;

	kill(-pid, SIGKILL);
	dm_unhang(pid);
	if (!reap_all(deadline_in(WAIT_MS))) {
		fprintf(stderr, "a process of the test cannot be killed\n");
		return false;
	}
	reset_parameters();
	ok &= tgt_sweep(pid);
	ok &= bs_sweep(pid);
	ok &= dm_sweep(pid);
	return ok;
}

static int run_test(const struct test *t)
{
	const struct rlimit files = { 8192, 8192 };
	pid_t pid;
	int code;

	test_step = mmap(NULL, STEP_BYTES + sizeof(*test_seconds),
			 PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
			 0);
	if (test_step == MAP_FAILED)
		return EXIT_FAIL;
	strcpy(test_step, "start");
	test_seconds = (void *)(test_step + STEP_BYTES);
	test_limit(t->limit ? t->limit : DEFAULT_LIMIT);
	prctl(PR_SET_CHILD_SUBREAPER, 1);

	pid = fork();
	if (!pid) {
		setpgid(0, 0);
		test_number = getpid();
		setrlimit(RLIMIT_NOFILE, &files);
		signal(SIGPIPE, SIG_IGN);
		t->run();
		_exit(EXIT_PASS);
	}
	code = verdict(pid);
	if (!clean_up(pid) && code != EXIT_FAIL) {
		fprintf(stderr, "the test did not clean up\n");
		code = EXIT_FAIL;
	}
	return code;
}

int main(int argc, char **argv)
{
	const struct test *t;

	if (argc != 2) {
		fprintf(stderr, "usage: %s --list | GROUP/NAME\n", argv[0]);
		return 2;
	}
	if (!strcmp(argv[1], "--list"))
		return list_tests();
	t = find_test(argv[1]);
	if (!t) {
		fprintf(stderr, "%s: no such test\n", argv[1]);
		return 2;
	}
	/* A terminal's signals are for whoever started this. */
	setsid();
	return run_test(t);
}
