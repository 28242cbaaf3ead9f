// SPDX-License-Identifier: GPL-2.0
/*
 * Where a request queue is served: in a work item on a CPU of the owner, or in the
 * queue's thread where the two are not the same to the owner. Seen by the module's own
 * trace event, whose line begins with the task and the CPU.
 *
 * The peer has no trace events. Seen to fail on builds of the module: the first test where
 * is_strict() is true, the last where request() starts a run beside the one that goes on, the others
 * where item_cpu() gives this CPU in any case and is_strict() is false.
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>
#include <sys/resource.h>
#include "threads.h"

#define TRACING "/sys/kernel/tracing"
#define EVENT TRACING "/events/vhost_scsi/vscsi_kick/enable"
#define REQUESTS 20
#define FLYING 16

static void strict_accounting(bool on)
{
	expect(file_write(
		       on ? "1" : "0",
		       "/sys/module/vhost_scsi/parameters/strict_accounting"),
	       0);
}

/* Without a parameter set by another test, and of the peer nothing. */
static struct vdev *prepare(struct tgt *t)
{
	struct vdev *d;

	if (module_is_peer())
		test_skip("the peer has no trace events");
	shared_thread(false);
	strict_accounting(false);
	tgt_with_ramdisk(t, 1 * MIB);
	d = dev_open(1);
	dev_rings(d, 64);
	expect(dev_ready(d, F_DEFAULT), 0);
	expect(dev_set_endpoint(d->fd, t->wwn), 0);
	scsi_tur(d, VQ_IO);
	return d;
}

static void trace_start(void)
{
	int fd = open(TRACING "/trace", O_WRONLY | O_TRUNC);

	/* That has emptied it. */
	check(fd >= 0, TRACING ": %s", strerror(errno));
	close(fd);
	expect(file_write("1", EVENT), 0);
	expect(file_write("1", TRACING "/tracing_on"), 0);
}

static char text[1 << 20];

static void trace_stop(void)
{
	expect(file_write("0", EVENT), 0);
	expect(file_read(text, sizeof(text), TRACING "/trace"), 0);
}

/* Each run of the queue was in a task whose name begins so; on that CPU, if not -1. */
static void expect_runs(const char *name, int cpu)
{
	char *line, *save, task[64];
	unsigned int runs = 0;
	int on;

	for (line = strtok_r(text, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save)) {
		if (!strstr(line, "vscsi_kick:") ||
		    sscanf(line, " %63s [%d]", task, &on) != 2)
			continue;
		runs++;
		check(!strncmp(task, name, strlen(name)), "want %s: %s", name,
		      line);
		check(cpu < 0 || on == cpu, "want CPU %d: %s", cpu, line);
	}
	check(runs >= REQUESTS / 2, "%u runs", runs);
}

static void use_queue(struct vdev *d)
{
	trace_start();
	step("use the queue");
	for (int i = 0; i < REQUESTS; i++)
		scsi_tur(d, VQ_IO);
	trace_stop();
}

static const char *thread_name(void)
{
	static char name[32];

	snprintf(name, sizeof(name), "vhost-%d-0", getpid());
	return name;
}

VRING_TEST(ctx_item, "thread/serve-single-requests-in-work-items",
	   "see that no thread is woken for requests that come one by one")
{
	struct tgt t;
	struct vdev *d = prepare(&t);

	use_queue(d);
	expect_runs("kworker/", -1);
}

static void *use_from_cpu_0(void *d)
{
	pin_self(0);
	use_queue(d);
	return NULL;
}

VRING_TEST(
	ctx_cpu, "thread/keep-work-items-to-the-owner-s-cpus",
	"have CPU 0 kick for an owner that is to run on CPU 1, and see it served there")
{
	pthread_t thread;
	struct vdev *d;
	struct tgt t;

	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		test_skip("needs two CPUs");
	pin_self(1);
	d = prepare(&t);
	check(!pthread_create(&thread, NULL, use_from_cpu_0, d), "no thread");
	pthread_join(thread, NULL);
	expect_runs("kworker/1:", 1);
}

VRING_TEST(
	ctx_strict, "thread/serve-in-threads-for-strict-accounting",
	"see that strict_accounting leaves nothing to work items, and that it can be undone")
{
	struct tgt t;
	struct vdev *d = prepare(&t);

	strict_accounting(true);
	/* a run that had begun before */
	scsi_tur(d, VQ_IO);
	use_queue(d);
	strict_accounting(false);
	expect_runs(thread_name(), -1);
	scsi_tur(d, VQ_IO);
	use_queue(d);
	expect_runs("kworker/", -1);
}

VRING_TEST(
	ctx_nice, "thread/serve-a-nice-owner-in-threads",
	"see that an owner with a nice level is served with that, in its threads")
{
	struct vdev *d;
	struct tgt t;

	check(!setpriority(PRIO_PROCESS, 0, 7), "nice: %s", strerror(errno));
	d = prepare(&t);
	use_queue(d);
	expect_runs(thread_name(), -1);
}

VRING_TEST(ctx_policy, "thread/serve-a-real-time-owner-in-threads",
	   "see that a SCHED_FIFO owner is served with that, in its threads")
{
	struct sched_param p = { .sched_priority = 5 };
	struct vdev *d;
	struct tgt t;

	check(!sched_setscheduler(0, SCHED_FIFO, &p), "SCHED_FIFO: %s",
	      strerror(errno));
	d = prepare(&t);
	use_queue(d);
	expect_runs(thread_name(), -1);
}

VRING_TEST(ctx_attached, "thread/serve-attached-queues-in-threads",
	   "see that a queue that was given to a worker is served by that")
{
	struct tgt t;
	struct vdev *d = prepare(&t);
	char name[32];

	expect(dev_worker_new(d->fd), 1);
	expect(dev_worker_attach(d->fd, VQ_IO, 1), 0);
	snprintf(name, sizeof(name), "vhost-%d-w1", getpid());
	use_queue(d);
	expect_runs(name, -1);
}

struct switcher {
	pthread_t thread;
	struct vdev *d;
	bool stop;
	unsigned int times;
};

static void *switch_context(void *arg)
{
	struct switcher *s = arg;

	/* Kicks, too, so that runs are asked for all the time. */
	while (!__atomic_load_n(&s->stop, __ATOMIC_RELAXED)) {
		strict_accounting(s->times++ & 1);
		for (int i = 0; i < 50; i++)
			ring_kick(&s->d->vq[VQ_IO]);
	}
	return NULL;
}

VRING_TEST(
	ctx_switch, "thread/switch-context-under-load",
	"change between work items and threads again and again, and lose nothing")
{
	static struct req r[FLYING];
	struct switcher s = { 0 };
	struct tgt t;
	struct vdev *d = prepare(&t);

	s.d = d;
	check(!pthread_create(&s.thread, NULL, switch_context, &s),
	      "no thread");
	for (unsigned int n = 0; n < FLYING; n++)
		scsi_rw_prep(&r[n], d, VQ_IO, false, n * 8,
			     gmem_alloc(&d->mem, 4096, 4096), 4096);
	for (unsigned int i = 0; i < 100; i++) {
		step("round %u", i);
		scsi_write_pattern(d, VQ_IO, i, 16 << 10, i);
		scsi_check_pattern(d, VQ_IO, i, 16 << 10, i);
		for (unsigned int n = 0; n < FLYING; n++) {
			req_again(&r[n]);
			req_send(&r[n]);
		}
		for (unsigned int n = 0; n < FLYING; n++) {
			req_wait(&r[n]);
			req_good(&r[n]);
		}
	}
	__atomic_store_n(&s.stop, true, __ATOMIC_RELAXED);
	pthread_join(s.thread, NULL);
	strict_accounting(false);
	check(s.times > 40, "%u changes", s.times);
}
