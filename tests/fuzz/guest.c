// SPDX-License-Identifier: GPL-2.0
/*
 * The device under test: its target, with a LUN of each kind of backstore; the
 * start and stop of its guest; and the good command that it has to serve
 * whatever came before.
 */
#include <stdio.h>
#include <sys/mman.h>
#include "../io/dirty.h"
#include "../pi/pi.h"
#include "fuzz.h"

#define GOOD_BYTES 8192u

/* A page that cannot be accessed within memory that the table promises. */
static void protect(struct vdev *d, uint64_t gpa, int prot)
{
	check(!mprotect(gmem_ptr(&d->mem, gpa, 4096), 4096, prot),
	      "mprotect: %s", strerror(errno));
}

/* SET TARGET PORT GROUPS would let the guest take LUN 0 away from itself. */
static void only_implicit_alua(const struct bs *b)
{
	expect(file_write("1", "%s/alua/default_tg_pt_gp/alua_access_type",
			  b->path),
	       0);
}

static void add_luns(const struct tgt *t)
{
	struct bs b[LUNS];

	bs_ramdisk(&b[0], DISK_BLOCKS * BLOCK);
	bs_iblock(&b[1], brd_device());
	bs_fileio(&b[2], DISK_BLOCKS * BLOCK);
	pi_ramdisk(&b[3], 1, DISK_BLOCKS * BLOCK);
	only_implicit_alua(&b[0]);
	for (unsigned int i = 0; i < LUNS; i++)
		expect(lun_link(t, 1, i, &b[i]), 0);
	tgt_add(t, 2);
	expect(lun_link(t, 2, 0, &b[1]), 0);
	/* In part these are off by default. */
	for (unsigned int i = 0; i < 3; i++)
		bs_attrib(&b[i], "emulate_tpu", "1");
	for (unsigned int i = 0; i < 3; i++)
		bs_attrib(&b[i], "emulate_tpws", "1");
}

void guest_new(struct guest *g)
{
	memset(g, 0, sizeof(*g));
	tgt_new(&g->t);
	add_luns(&g->t);
	g->d = dev_open(QUEUES - VQ_IO);
	dev_rings(g->d, RING_MAX);
	g->log = dirty_new();
	protect(g->d, NO_ACCESS_GPA, PROT_NONE);
	protect(g->d, READ_ONLY_GPA, PROT_READ);
}

static uint64_t any_features(struct rng *r)
{
	static const uint64_t optional[] = {
		F_EVENT_IDX, F_NOTIFY_ON_EMPTY, F_ANY_LAYOUT,
		F_HOTPLUG,   F_CHANGE,
	};
	uint64_t f = F_INDIRECT;

	for (size_t i = 0; i < ARRAY_SIZE(optional); i++)
		f |= rng_once_in(r, 2) ? optional[i] : 0;
	if (rng_once_in(r, 3))
		f |= F_T10_PI;
	if (!rng_once_in(r, 8))
		f |= F_VERSION_1;
	return f;
}

/* Events are drawn one by one, so there are few. */
static void any_ring(struct rng *r, struct vq *vq)
{
	unsigned int max = vq->index == VQ_EVT	 ? 4
			   : vq->index == VQ_CTL ? 6
						 : 8;
	unsigned int big = rng_below(r, max + 1);
	unsigned int other = rng_below(r, max + 1);
	uint16_t base = rng_once_in(r, 2) ? 0 : rng_word(r);

	if (rng_once_in(r, 4))
		base = 65536 - rng_below(r, RING_MAX);
	ring_resize(vq, 1 << (big > other ? big : other));
	vq->avail_idx = base;
	vq->used_idx = base;
	vq->avail->idx = base;
	vq->used->idx = base;
	efd_drain(vq->err);
	efd_drain(vq->call);
}

void guest_boot(struct guest *g, struct rng *r)
{
	/* What earlier rounds have left would make this one another. */
	gmem_fill(&g->d->mem, HIGH_GPA, 0, NO_ACCESS_GPA - HIGH_GPA);
	g->features = any_features(r);
	for (unsigned int i = 0; i < QUEUES; i++)
		any_ring(r, &g->d->vq[i]);
	expect(dev_ready(g->d, g->features), 0);
	expect(dev_set_endpoint(g->d->fd, g->t.wwn), 0);
	g->logging = rng_once_in(r, 3);
	if (g->logging)
		dirty_on(g->d, g->log);
}

static long vmstat(const char *name)
{
	char text[16384];
	const char *at;

	expect(file_read(text, sizeof(text), "/proc/vmstat"), 0);
	at = strstr(text, name);
	check(at, "/proc/vmstat has no %s", name);
	return strtol(at + strlen(name), NULL, 10);
}

/* Processors count for themselves until they are asked. */
static bool all_unpinned(void)
{
	file_write("1", "/proc/sys/vm/stat_refresh");
	return vmstat("nr_foll_pin_acquired ") ==
	       vmstat("nr_foll_pin_released ");
}

void guest_expect_unpinned(void)
{
	check(wait_until(all_unpinned()), "%ld pages stay pinned",
	      vmstat("nr_foll_pin_acquired ") -
		      vmstat("nr_foll_pin_released "));
}

void guest_stop(struct guest *g)
{
	expect(dev_clear_endpoint(g->d->fd, g->t.wwn), 0);
}

/* All descriptors are the driver's again. */
static void settle_ring(struct vq *vq)
{
	vq->nr_free = vq->num;
	for (unsigned int i = 0; i < vq->num; i++) {
		vq->free[i] = vq->num - 1 - i;
		vq->owner[i] = NULL;
	}
}

/* In one table, so that a ring of one descriptor will do. */
static void run(struct req *r, struct vdev *d)
{
	if (d->features & F_T10_PI)
		req_pi(r, 0, 0);
	r->direct = 0;
	/* Resets have left unit attentions, of several kinds. */
	for (int i = 0; i < 16; i++) {
		req_again(r);
		req_run(r);
		if (r->rsp.response || r->rsp.status != 2 ||
		    (r->rsp.sense[2] & 0xf) != 6)
			break;
	}
	req_good(r);
	req_free(r);
}

static void write_and_read(struct vdev *d, unsigned int queue, uint64_t seed)
{
	uint64_t mark = d->mem.used;
	uint64_t data = gmem_alloc(&d->mem, GOOD_BYTES, 4096);
	uint64_t lba = seed % (DISK_BLOCKS - GOOD_BYTES / BLOCK);
	struct req r;
	ssize_t at;

	gmem_pattern(&d->mem, data, GOOD_BYTES, seed);
	scsi_rw_prep(&r, d, queue, true, lba, data, GOOD_BYTES);
	run(&r, d);
	gmem_fill(&d->mem, data, 0x5a, GOOD_BYTES);
	scsi_rw_prep(&r, d, queue, false, lba, data, GOOD_BYTES);
	run(&r, d);
	at = gmem_differs(&d->mem, data, GOOD_BYTES, seed);
	check(at < 0, "queue %u: wrong data at LBA %llu + %zd", queue,
	      (unsigned long long)lba, at);
	d->mem.used = mark;
}

void guest_good_command(struct guest *g, unsigned int queue, uint64_t seed)
{
	settle_ring(&g->d->vq[queue]);
	write_and_read(g->d, queue, seed);
}

/* The same memory and rings each time, for there are hundreds of opens. */
static struct vdev *opened(void)
{
	static struct vdev *d;

	if (!d) {
		d = dev_open(1);
		dev_rings(d, 16);
		return d;
	}
	d->fd = dev_open_fd();
	expect(dev_ioctl(d->fd, VHOST_SET_OWNER, NULL), 0);
	for (unsigned int i = 0; i < d->nvqs; i++) {
		ring_reset(&d->vq[i]);
		settle_ring(&d->vq[i]);
	}
	return d;
}

static bool attached(struct vdev *d, const struct tgt *t)
{
	int r = dev_set_endpoint(d->fd, t->wwn);

	check(!r || r == -EBUSY, "SET_ENDPOINT: %s", errno_name(r));
	return !r;
}

void guest_good_open(const struct tgt *t, uint64_t seed,
		     void (*look)(struct vdev *d, const void *arg),
		     const void *arg)
{
	struct vdev *d = opened();

	expect(dev_ready(d, F_DEFAULT), 0);
	check(wait_until(attached(d, t)), "the WWN stays busy");
	if (look)
		look(d, arg);
	write_and_read(d, VQ_IO, seed);
	dev_close(d);
}
