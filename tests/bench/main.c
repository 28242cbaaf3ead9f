// SPDX-License-Identifier: GPL-2.0
/*
 * ring-bench: runs one case of the benchmark against the vhost_scsi that is
 * loaded and prints "case TAB unit TAB value".
 *
 *   ring-bench --list              the cases
 *   ring-bench [-n REQUESTS] CASE
 *
 * It is meant for a machine whose clock counts instructions (tests/vm/boot
 * --icount), and refuses to run on another unless VSCSI_ANY_CLOCK is set.
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/wait.h>
#include "bench.h"
#include "harness.h"

#define ROUNDS 5 /* of setting an endpoint */

struct bench {
	const char *name;
	const char *unit;
	void (*run)(const struct bench *b);
	struct load load;
	long requests;
};

static long requests; /* from the command line */
static pthread_barrier_t gate;
static long left;

static void result(const struct bench *b, double value)
{
	printf("%s\t%s\t%.1f\n", b->name, b->unit, value);
}

/* A target whose LUN 0 moves no data: what is measured is the way there. */
static void null_target(struct tgt *t)
{
	const unsigned int hba = test_id() * 100;
	char control[64];
	struct bs b = { 0 };

	snprintf(b.path, sizeof(b.path), CONFIG_TARGET "/core/rd_mcp_%u", hba);
	dir_make(CONFIG_TARGET "/core");
	expect(dir_make("%s", b.path), 0);
	snprintf(b.path, sizeof(b.path), CONFIG_TARGET "/core/rd_mcp_%u/vt%u",
		 hba, test_id());
	expect(dir_make("%s", b.path), 0);
	snprintf(control, sizeof(control), "rd_pages=%llu,rd_nullio=%d",
		 DEVICE_BYTES / PAGE, !getenv("VSCSI_BENCH_COPY"));
	expect(file_write(control, "%s/control", b.path), 0);
	expect(file_write("1", "%s/enable", b.path), 0);
	tgt_new(t);
	expect(lun_link(t, 1, 0, &b), 0);
}

static struct vdev *device(unsigned int queues)
{
	struct vdev *d = dev_open(queues);

	dev_rings(d, RING_SIZE);
	for (unsigned int i = 0; i < d->nvqs; i++)
		check(!fcntl(d->vq[i].call, F_SETFL, 0), "fcntl: %s",
		      strerror(errno));
	expect(dev_ready(d, F_DEFAULT), 0);
	return d;
}

static void *drive_thread(void *arg)
{
	struct driver *d = arg;

	drive_run(d); /* warm up */
	pthread_barrier_wait(&gate);
	pthread_barrier_wait(&gate);
	drive_run(d);
	pthread_barrier_wait(&gate);
	return NULL;
}

/*
 * One thread a queue, as a guest has one processor a queue. The first queue's
 * is this one: a load of one queue has no other thread.
 */
static void run_load(const struct bench *b)
{
	struct driver *drivers = calloc(b->load.queues, sizeof(*drivers));
	long count = requests ? requests : b->requests;
	struct vdev *d = device(b->load.queues);
	pthread_t thread;
	uint64_t begin;
	struct tgt t;

	null_target(&t);
	for (unsigned int i = 0; i < b->load.queues; i++)
		drive_prepare(&drivers[i], &d->vq[VQ_IO + i], &b->load, &left);
	expect(dev_set_endpoint(d->fd, t.wwn), 0);

	pthread_barrier_init(&gate, NULL, b->load.queues);
	left = count / 8;
	for (unsigned int i = 1; i < b->load.queues; i++)
		check(!pthread_create(&thread, NULL, drive_thread, &drivers[i]),
		      "no thread");
	drive_run(&drivers[0]);
	pthread_barrier_wait(&gate);
	left = count;
	mark_begin();
	begin = now_ns();
	pthread_barrier_wait(&gate);
	drive_run(&drivers[0]);
	pthread_barrier_wait(&gate);
	mark_end();
	result(b, (double)(now_ns() - begin) / count);

	expect(dev_clear_endpoint(d->fd, t.wwn), 0);
	dev_close(d);
}

/* The mean over some rounds, in microseconds; the first is for warming up. */
static void run_endpoint(const struct bench *b)
{
	struct vdev *d = device(b->load.queues);
	bool set = !b->load.write;
	uint64_t sum = 0, times[3];
	struct tgt t;

	null_target(&t);
	for (int i = 0; i <= ROUNDS; i++) {
		if (i == 1 && set)
			mark_begin();
		expect(dev_ready(d, F_DEFAULT), 0);
		times[0] = now_ns();
		expect(dev_set_endpoint(d->fd, t.wwn), 0);
		times[1] = now_ns();
		expect(dev_clear_endpoint(d->fd, t.wwn), 0);
		times[2] = now_ns();
		if (i)
			sum += set ? times[1] - times[0] : times[2] - times[1];
	}
	mark_end();
	result(b, (double)sum / ROUNDS / 1000);
	dev_close(d);
}

#define LOAD(title, nr, qd, len, wr, scatter, count)                \
	{                                                           \
		.name = title, .unit = "insns/io", .run = run_load, \
		.requests = count,                                  \
		.load = { .queues = nr,                             \
			  .depth = qd,                              \
			  .bytes = len,                             \
			  .write = wr,                              \
			  .scattered = scatter },                   \
	}
#define ENDPOINT(title, nr, clear)                                          \
	{                                                                   \
		.name = title, .unit = "us", .run = run_endpoint, .load = { \
			.queues = nr,                                       \
			.write = clear                                      \
		}                                                           \
	}

static const struct bench benches[] = {
	LOAD("read-4k-qd1", 1, 1, 4096, false, false, 8000),
	LOAD("write-4k-qd1", 1, 1, 4096, true, false, 8000),
	LOAD("read-4k-qd32", 1, 32, 4096, false, false, 32000),
	LOAD("write-4k-qd32", 1, 32, 4096, true, false, 32000),
	LOAD("read-64k-qd16", 1, 16, 65536, false, false, 8000),
	LOAD("read-64k-scattered-qd16", 1, 16, 65536, false, true, 8000),
	LOAD("read-4k-2q-qd16", 2, 16, 4096, false, false, 32000),
	LOAD("read-4k-4q-qd8", 4, 8, 4096, false, false, 32000),
	ENDPOINT("set-endpoint-1q", 1, false),
	ENDPOINT("clear-endpoint-1q", 1, true),
	ENDPOINT("set-endpoint-4q", 4, false),
	ENDPOINT("clear-endpoint-4q", 4, true),
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
	while ((opt = getopt(argc, argv, "n:")) == 'n')
		requests = strtol(optarg, NULL, 0);
	check_clock();
	for (unsigned int i = 0; i < ARRAY_SIZE(benches); i++)
		if (optind + 1 == argc &&
		    !strcmp(argv[optind], benches[i].name))
			return run(&benches[i]);
	fprintf(stderr, "usage: ring-bench --list | [-n REQUESTS] CASE\n");
	return 2;
}
