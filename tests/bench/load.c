// SPDX-License-Identifier: GPL-2.0
/* The cases that run requests: what a request costs, and how many switches. */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include "bench.h"
#include "harness.h"

#define BLOCK_DEVICE "/dev/nullb0"

static pthread_barrier_t gate;
static long left;

/* Once a boot; it stays, so that no case pays for it. */
static void need_block_device(void)
{
	static const char *const load[] = { "modprobe", "null_blk",
					    "gb=1",	"irqmode=1",
					    "bs=512",	"nr_devices=1",
					    NULL };

	if (!file_exists(BLOCK_DEVICE))
		expect(run_program(load), 0);
	check(wait_until(file_exists(BLOCK_DEVICE)), "no " BLOCK_DEVICE);
}

static void make_store(struct bs *b, enum store store)
{
	switch (store) {
	case STORE_NULL:
		bs_null(b, DEVICE_BYTES);
		break;
	case STORE_RAM:
		bs_ramdisk(b, DEVICE_BYTES);
		break;
	case STORE_BLOCK:
		need_block_device();
		bs_iblock(b, BLOCK_DEVICE);
		break;
	case STORE_FILE:
		bs_fileio(b, DEVICE_BYTES);
		break;
	}
}

/* A target with as many LUNs as the load has, each on a backstore of its own. */
void bench_target(struct tgt *t, const struct load *load)
{
	unsigned int luns = load->luns ? load->luns : 1;
	struct bs b;

	dir_make(CONFIG_TARGET "/core");
	tgt_new(t);
	for (unsigned int lun = 0; lun < luns; lun++) {
		make_store(&b, load->store);
		expect(lun_link(t, 1, lun, &b), 0);
	}
}

struct vdev *bench_device(unsigned int queues)
{
	struct vdev *d = dev_open(queues);

	dev_rings(d, RING_SIZE);
	for (unsigned int i = 0; i < d->nvqs; i++)
		check(!fcntl(d->vq[i].call, F_SETFL, 0), "fcntl: %s",
		      strerror(errno));
	expect(dev_ready(d, F_DEFAULT), 0);
	for (unsigned int i = VQ_IO; poll_us && i < d->nvqs; i++)
		expect(dev_vring_state(d->fd, VHOST_SET_VRING_BUSYLOOP_TIMEOUT,
				       i, poll_us),
		       0);
	return d;
}

/* Every LUN has something to report at first: that others came. */
void take_attentions(struct vdev *d, const struct load *load)
{
	uint8_t cdb[CDB_LEN];
	struct req r;

	cdb_tur(cdb);
	for (unsigned int lun = 0; lun < load->luns; lun++) {
		do {
			req_init(&r, d, VQ_IO);
			req_cmd(&r, 1, lun, cdb);
			req_run(&r);
			req_free(&r);
		} while (r.rsp.status);
	}
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

/* Of all tasks: on one processor each is a step of somebody's request. */
static long context_switches(void)
{
	static char text[65536];
	const char *line;

	expect(file_read(text, sizeof(text), "/proc/stat"), 0);
	line = strstr(text, "\nctxt ");
	check(line, "/proc/stat has no ctxt");
	return strtol(line + 6, NULL, 10);
}

/*
 * One thread a queue, as a guest has one processor a queue. The first queue's
 * is this one: a load of one queue has no other thread.
 */
void run_load(const struct bench *b)
{
	struct driver *drivers = calloc(b->load.queues, sizeof(*drivers));
	long count = requests ? requests : b->requests, switches;
	struct vdev *d = bench_device(b->load.queues);
	pthread_t thread;
	uint64_t begin;
	char name[64];
	struct tgt t;

	bench_target(&t, &b->load);
	expect(dev_set_endpoint(d->fd, t.wwn), 0);
	take_attentions(d, &b->load);
	for (unsigned int i = 0; i < b->load.queues; i++)
		drive_prepare(&drivers[i], &d->vq[VQ_IO + i], &b->load, &left);

	pthread_barrier_init(&gate, NULL, b->load.queues);
	left = count / 8;
	for (unsigned int i = 1; i < b->load.queues; i++)
		check(!pthread_create(&thread, NULL, drive_thread, &drivers[i]),
		      "no thread");
	drive_run(&drivers[0]);
	pthread_barrier_wait(&gate);
	left = count;
	switches = context_switches();
	mark_begin();
	begin = now_ns();
	pthread_barrier_wait(&gate);
	drive_run(&drivers[0]);
	pthread_barrier_wait(&gate);
	mark_end();
	result(b->name, b->unit, (double)(now_ns() - begin) / count);
	snprintf(name, sizeof(name), "%s-switches", b->name);
	result(name, "per io", (double)(context_switches() - switches) / count);

	expect(dev_clear_endpoint(d->fd, t.wwn), 0);
	dev_close(d);
}
