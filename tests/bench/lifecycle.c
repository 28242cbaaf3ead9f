// SPDX-License-Identifier: GPL-2.0
/* The cases of a device's life: endpoints, events, and the memory it holds. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/mount.h>
#include "bench.h"
#include "harness.h"

#define ROUNDS 5  /* of what is done more than once */
#define DEVICES 4 /* held at a time, for the memory of one */
#define LOOKS 40  /* that find the same amount of memory in use */
#define TRACING "/sys/kernel/tracing"

/* The mean over some rounds, in microseconds; the first is for warming up. */
static void run_endpoint(const struct bench *b, bool set)
{
	struct vdev *d = bench_device(b->load.queues);
	uint64_t sum = 0, times[3];
	struct tgt t;

	bench_target(&t, &b->load);
	for (int i = 0; i <= ROUNDS; i++) {
		if (i == 1)
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
	result(b->name, b->unit, (double)sum / ROUNDS / 1000);
	dev_close(d);
}

void run_set_endpoint(const struct bench *b)
{
	run_endpoint(b, true);
}

void run_clear_endpoint(const struct bench *b)
{
	run_endpoint(b, false);
}

/* From the link(2) of a LUN until its event is in the guest's memory. */
void run_link_to_event(const struct bench *b)
{
	struct vdev *d = dev_open(1);
	uint64_t sum = 0, begin;
	struct req event;
	struct tgt t;
	struct bs bs;

	dev_rings(d, RING_SIZE);
	check(!fcntl(d->vq[VQ_EVT].call, F_SETFL, 0), "fcntl: %s",
	      strerror(errno));
	expect(dev_ready(d, F_DEFAULT | F_HOTPLUG), 0);
	bench_target(&t, &b->load);
	expect(dev_set_endpoint(d->fd, t.wwn), 0);
	bs_null(&bs, DEVICE_BYTES);
	for (int i = 0; i <= ROUNDS; i++) {
		event_post(&event, d);
		begin = now_ns();
		expect(lun_link(&t, 1, 1, &bs), 0);
		/* the in-tree one tells no length, so no event_wait() */
		req_wait(&event);
		if (i)
			sum += now_ns() - begin;
		req_free(&event);
		event_post(&event, d);
		expect(lun_unlink(&t, 1, 1), 0);
		req_wait(&event);
		req_free(&event);
	}
	result(b->name, b->unit, (double)sum / ROUNDS / 1000);
	expect(dev_clear_endpoint(d->fd, t.wwn), 0);
	dev_close(d);
}

static long meminfo(const char *text, const char *field)
{
	const char *line = strstr(text, field);

	check(line, "/proc/meminfo has no %s", field);
	return strtol(line + strlen(field), NULL, 10);
}

/*
 * Free pages that a CPU keeps for itself, in KiB. They are not in MemFree, and
 * there may be more of them (up to 40 MiB on 6.1) than all that is measured.
 */
static long kept_by_cpus(void)
{
	static char text[65536];
	const char *at = text;
	long pages = 0;

	expect(file_read(text, sizeof(text), "/proc/zoneinfo"), 0);
	while ((at = strstr(at, " count:"))) {
		at += strlen(" count:");
		pages += strtol(at, NULL, 10);
	}
	return pages * (PAGE / KIB);
}

/* KiB in use that are neither a process's nor a file's. */
static long kernel_memory(void)
{
	static char text[16384];

	expect(file_read(text, sizeof(text), "/proc/meminfo"), 0);
	return meminfo(text, "MemTotal:") - meminfo(text, "MemFree:") -
	       kept_by_cpus() - meminfo(text, "Buffers:") -
	       meminfo(text, "\nCached:") - meminfo(text, "AnonPages:") -
	       meminfo(text, "SReclaimable:");
}

static bool is_settled(long *last, int *same)
{
	long now = kernel_memory();

	*same = now == *last ? *same + 1 : 0;
	*last = now;
	return *same >= LOOKS;
}

/* KiB in use when RCU and work items have freed what is no more. */
static long settled_memory(void)
{
	long last = 0;
	int same = 0;

	check(wait_until(is_settled(&last, &same)),
	      "memory in use goes on changing");
	return last;
}

/*
 * KiB that one device with an endpoint and so many queues holds, since open().
 * The program's own part (guest memory, rings, eventfds) stays from call to
 * call: @d are closed devices, which are opened anew.
 */
static double held(struct vdev **d, const struct tgt *t, unsigned int queues)
{
	long before, after;

	before = settled_memory();
	for (int i = 0; i < DEVICES; i++) {
		d[i]->fd = dev_open_fd();
		d[i]->nvqs = VQ_IO + queues;
		expect(dev_ioctl(d[i]->fd, VHOST_SET_OWNER, NULL), 0);
		expect(dev_ready(d[i], F_DEFAULT), 0);
		expect(dev_set_endpoint(d[i]->fd, t[i].wwn), 0);
	}
	after = settled_memory();
	for (int i = 0; i < DEVICES; i++) {
		expect(dev_clear_endpoint(d[i]->fd, t[i].wwn), 0);
		dev_close(d[i]);
	}
	return (double)(after - before) / DEVICES;
}

/* What a queue holds, and what a device holds whatever its queues. */
void run_memory(const struct bench *b)
{
	double queue[ROUNDS], device[ROUNDS], four, eight;
	struct vdev *d[DEVICES];
	struct tgt t[DEVICES];

	for (int i = 0; i < DEVICES; i++) {
		bench_target(&t[i], &b->load);
		d[i] = bench_device(b->load.queues);
		dev_close(d[i]);
	}
	held(d, t, 8); /* what is made once stays */
	for (int i = 0; i < ROUNDS; i++) {
		four = held(d, t, 4);
		eight = held(d, t, 8);
		queue[i] = (eight - four) / 4;
		device[i] = 2 * four - eight;
	}
	result(b->name, b->unit, median(queue, ROUNDS));
	result("memory-per-device", b->unit, median(device, ROUNDS));
}

static void trace(const char *value, const char *file)
{
	expect(file_write(value, TRACING "/%s", file), 0);
}

/* The largest order that anyone asked for while a device lived and served. */
void run_allocations(const struct bench *b)
{
	char line[512];
	long order, largest = 0;
	struct driver drive;
	const char *found;
	struct vdev *d;
	struct tgt t;
	FILE *log;
	long count = 64;

	/* it need not be mounted */
	if (!file_exists(TRACING "/trace"))
		check(!mount("tracefs", TRACING, "tracefs", 0, NULL),
		      "mount: %s", strerror(errno));
	bench_target(&t, &b->load);
	trace("0", "tracing_on");
	trace("order > 0", "events/kmem/mm_page_alloc/filter");
	trace("1", "events/kmem/mm_page_alloc/enable");
	trace("1", "tracing_on");
	d = bench_device(b->load.queues);
	expect(dev_set_endpoint(d->fd, t.wwn), 0);
	drive_prepare(&drive, &d->vq[VQ_IO], &b->load, &count);
	drive_run(&drive);
	expect(dev_clear_endpoint(d->fd, t.wwn), 0);
	dev_close(d);
	trace("0", "tracing_on");
	trace("0", "events/kmem/mm_page_alloc/enable");

	log = fopen(TRACING "/trace", "re");
	check(log, TRACING "/trace: %s", strerror(errno));
	while (fgets(line, sizeof(line), log)) {
		/* what a process has as its memory, in huge pages */
		if (strstr(line, "MOVABLE") || strstr(line, "TRANSHUGE"))
			continue;
		found = strstr(line, " order=");
		order = found ? strtol(found + 7, NULL, 10) : 0;
		if (order > largest)
			largest = order;
	}
	fclose(log);
	result(b->name, b->unit, largest);
}
