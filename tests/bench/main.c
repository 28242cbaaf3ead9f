// SPDX-License-Identifier: GPL-2.0
/*
 * ring-bench: runs one case of the benchmark against the vhost_scsi that is
 * loaded and prints "case TAB unit TAB value".
 *
 *   ring-bench --list              the cases
 *   ring-bench [-n REQUESTS] [-p MICROSECONDS] CASE
 *
 * -p has request queues polled for so long.
 *
 * It is meant for a machine whose clock counts instructions (tests/vm/boot
 * --icount), and refuses to run on another unless VSCSI_ANY_CLOCK is set.
 */
#include <stdio.h>
#include <sys/wait.h>
#include "bench.h"
#include "harness.h"

long requests;
unsigned int poll_us;

void result(const char *name, const char *unit, double value)
{
	printf("%s\t%s\t%.3f\n", name, unit, value);
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Sorts them. */
double median(double *values, unsigned int n)
{
	qsort(values, n, sizeof(*values), compare);
	return values[n / 2];
}

#define LOAD(title, count, ...)                                     \
	{                                                           \
		.name = title, .unit = "insns/io", .run = run_load, \
		.requests = count, .load = { __VA_ARGS__ },         \
	}
#define LIFE(title, what, how, ...)                      \
	{                                                \
		.name = title, .unit = what, .run = how, \
		.load = { __VA_ARGS__ },                 \
	}

/* The load is the flood; single reads are measured. */
#define FAIR(title, how, ...)                                             \
	{                                                                 \
		.name = title, .unit = "us", .run = how, .requests = 200, \
		.load = { __VA_ARGS__ },                                  \
	}

/* Queues, depth of each, bytes; then what is not the usual. */
static const struct bench benches[] = {
	LOAD("read-4k-qd1", 8000, 1, 1, 4096),
	LOAD("read-4k-qd8", 16000, 1, 8, 4096),
	LOAD("read-4k-qd32", 32000, 1, 32, 4096),
	LOAD("read-4k-qd128", 32000, 1, 128, 4096),
	LOAD("write-4k-qd1", 8000, 1, 1, 4096, .write = true),
	LOAD("write-4k-qd8", 16000, 1, 8, 4096, .write = true),
	LOAD("write-4k-qd32", 32000, 1, 32, 4096, .write = true),
	LOAD("write-4k-qd128", 32000, 1, 128, 4096, .write = true),
	LOAD("read-64k-qd16", 8000, 1, 16, 65536),
	LOAD("read-64k-scattered-qd16", 8000, 1, 16, 65536, .scattered = true),
	LOAD("read-4k-roaming-qd32", 32000, 1, 32, 4096, .roaming = true),
	LOAD("write-64k-qd16", 8000, 1, 16, 65536, .write = true),
	LOAD("read-1m-qd4", 800, 1, 4, MIB),
	LOAD("write-1m-qd4", 800, 1, 4, MIB, .write = true),
	LOAD("read-4k-2q-qd16", 32000, 2, 16, 4096),
	LOAD("read-4k-4q-qd8", 32000, 4, 8, 4096),
	LOAD("read-4k-4q-qd16", 32000, 4, 16, 4096),
	LOAD("read-4k-8q-qd4", 32000, 8, 4, 4096),
	LOAD("read-4k-8q-qd16", 32000, 8, 16, 4096),
	LOAD("read-4k-16q-qd2", 32000, 16, 2, 4096),
	LOAD("read-4k-16q-qd16", 32000, 16, 16, 4096),
	LOAD("read-4k-8luns-qd32", 32000, 1, 32, 4096, .luns = 8),
	LOAD("read-4k-64luns-qd32", 32000, 1, 32, 4096, .luns = 64),
	LOAD("read-4k-ram-qd32", 32000, 1, 32, 4096, .store = STORE_RAM),
	LOAD("write-4k-ram-qd32", 32000, 1, 32, 4096, .store = STORE_RAM,
	     .write = true),
	LOAD("read-64k-ram-qd16", 8000, 1, 16, 65536, .store = STORE_RAM),
	LOAD("read-4k-block-qd1", 8000, 1, 1, 4096, .store = STORE_BLOCK),
	LOAD("read-4k-block-qd32", 32000, 1, 32, 4096, .store = STORE_BLOCK),
	LOAD("write-4k-block-qd32", 32000, 1, 32, 4096, .store = STORE_BLOCK,
	     .write = true),
	LOAD("read-4k-file-qd32", 16000, 1, 32, 4096, .store = STORE_FILE),
	LOAD("write-4k-file-qd32", 16000, 1, 32, 4096, .store = STORE_FILE,
	     .write = true),
	FAIR("fair-alone", run_fair_alone, 1, 0, 0, .store = STORE_RAM),
	FAIR("fair-queue", run_fair_queue, 2, 128, 65536, .store = STORE_RAM),
	FAIR("fair-2queues", run_fair_queue, 3, 128, 65536, .store = STORE_RAM),
	FAIR("fair-lun", run_fair_lun, 1, 127, 65536, .store = STORE_RAM,
	     .luns = 2),
	FAIR("fair-device", run_fair_device, 1, 128, 65536, .store = STORE_RAM),
	LIFE("set-endpoint-1q", "us", run_set_endpoint, 1),
	LIFE("set-endpoint-4q", "us", run_set_endpoint, 4),
	LIFE("set-endpoint-16q", "us", run_set_endpoint, 16),
	LIFE("clear-endpoint-1q", "us", run_clear_endpoint, 1),
	LIFE("clear-endpoint-4q", "us", run_clear_endpoint, 4),
	LIFE("clear-endpoint-16q", "us", run_clear_endpoint, 16),
	LIFE("link-to-event", "us", run_link_to_event, 1),
	LIFE("memory-per-queue", "KiB", run_memory, 8),
	LIFE("largest-allocation", "order", run_allocations, 4, 32, 65536),
};

/* Two million instructions take two milliseconds, unless interrupted. */
static void check_clock(void)
{
	uint64_t begin, took, best = UINT64_MAX;

	for (int i = 0; i < 10; i++) {
		long n = 1000000;

		begin = now_ns();
		asm volatile("1:\tdec %0\n\tjnz 1b" : "+r"(n)::"cc");
		took = now_ns() - begin;
		if (took < best)
			best = took;
	}
	check((best > 1980000 && best < 2020000) || getenv("VSCSI_ANY_CLOCK"),
	      "the clock does not count instructions: %llu ns for 2000000",
	      (unsigned long long)best);
}

/* In a process of its own, so that what it leaves in configfs can be removed. */
static int run(const struct bench *b)
{
	pid_t pid = test_fork();
	int status;

	if (!pid) {
		test_number = getpid();
		b->run(b);
		fflush(stdout);
		_exit(EXIT_PASS);
	}
	/* polling would be a part of what is measured */
	if (waitpid(pid, &status, 0) != pid)
		return EXIT_FAIL;
	if (!tgt_sweep(pid) || !bs_sweep(pid))
		return EXIT_FAIL;
	return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAIL;
}

int main(int argc, char **argv)
{
	static char step_text[STEP_BYTES] = "bench";
	int opt;

	test_step = step_text;
	test_number = getpid();
	if (argc == 2 && !strcmp(argv[1], "--list")) {
		for (unsigned int i = 0; i < ARRAY_SIZE(benches); i++)
			puts(benches[i].name);
		return 0;
	}
	while ((opt = getopt(argc, argv, "n:p:")) > 0) {
		if (opt == 'n')
			requests = strtol(optarg, NULL, 0);
		else if (opt == 'p')
			poll_us = strtoul(optarg, NULL, 0);
		else
			argc = 0; /* so that no case is found */
	}
	check_clock();
	for (unsigned int i = 0; i < ARRAY_SIZE(benches); i++)
		if (optind + 1 == argc &&
		    !strcmp(argv[optind], benches[i].name))
			return run(&benches[i]);
	fprintf(stderr,
		"usage: ring-bench --list | [-n REQUESTS] [-p US] CASE\n");
	return 2;
}
