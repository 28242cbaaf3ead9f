// SPDX-License-Identifier: GPL-2.0
/*
 * The split ring's rules for a device, each by itself: virtio 1.2, 2.7.5.1,
 * 2.7.5.3.2, 2.7.7.2 and 2.7.10.2.
 *
 * The peer on 6.12 and 6.1 passes. Each was seen to fail on a build that broke
 * its rule.
 */
#include "vring.h"

#define DEPTH 12

static struct vdev *start(uint64_t features)
{
	struct vdev *d;
	struct tgt t;

	tgt_with_ramdisk(&t, 4 * MIB);
	d = dev_up(t.wwn, 1, 64, features);
	scsi_tur(d, VQ_IO);
	return d;
}

/* Without looking at the ring's entries, which changes the descriptors. */
static void wait_used(struct vq *vq)
{
	check(wait_until(*(volatile uint16_t *)&vq->used->idx == vq->avail_idx),
	      "used index is %u, not %u", vq->used->idx, vq->avail_idx);
}

/* What guest memory was, and which of its bytes are the device's to change. */
struct picture {
	uint64_t len;
	uint8_t *was;
	uint8_t *may;
};

static void may_change(struct picture *p, uint64_t gpa, uint64_t len)
{
	memset(p->may + (gpa - LOW_GPA), 1, len);
}

static void take_picture(struct picture *p, struct vdev *d)
{
	p->len = d->mem.used;
	p->was = malloc(p->len);
	p->may = calloc(1, p->len);
	check(p->was && p->may, "no memory");
	memcpy(p->was, d->mem.region[0].hva, p->len);
	for (unsigned int i = 0; i < d->nvqs; i++) {
		struct vq *vq = &d->vq[i];
		uint64_t at = (uint8_t *)vq->used - (uint8_t *)vq->desc;

		may_change(p, vq->gpa + at, vq->bytes - at);
	}
}

static void compare_picture(struct picture *p, struct vdev *d)
{
	const uint8_t *is = d->mem.region[0].hva;

	for (uint64_t i = 0; i < p->len; i++)
		check(is[i] == p->was[i] || p->may[i],
		      "byte %llx of guest memory went from %02x to %02x",
		      (unsigned long long)i, p->was[i], is[i]);
	free(p->was);
	free(p->may);
}

/*
 * All tables stand in memory that gmem_keep() gives, behind what the picture
 * shows, so they are looked at one by one.
 */
struct table {
	uint64_t gpa;
	uint32_t len;
	uint8_t was[64 * sizeof(struct vring_desc)];
};

static void keep_table(struct table *t, const struct req *r)
{
	const struct vring_desc *desc = &r->vq->desc[r->head];

	for (; desc->flags & VRING_DESC_F_NEXT; desc = &r->vq->desc[desc->next])
		;
	t->len = 0;
	if (!(desc->flags & VRING_DESC_F_INDIRECT))
		return;
	t->gpa = desc->addr;
	t->len = desc->len;
	check(t->len <= sizeof(t->was), "a table of %u bytes", t->len);
	gmem_get(&r->dev->mem, t->gpa, t->was, t->len);
}

/* Plain, misaligned, in pieces; all in the ring, in part, and in a table. */
static void prepare(struct req *r, struct vdev *d, int i, unsigned int direct)
{
	uint64_t gpa = gmem_alloc(&d->mem, 16384, 4096) + (i & 2 ? 100 : 0);
	bool write = i & 1;

	scsi_rw_prep(r, d, VQ_IO, write, i * 16, gpa, 8192);
	if (i & 4) {
		r->nr_out = 0;
		r->nr_in = 0;
		if (write)
			req_out_split(r, gpa, 8192, 4096);
		else
			req_in_split(r, gpa, 8192, 4096);
	}
	gmem_pattern(&d->mem, gpa, 8192, i);
	r->direct = direct;
}

static void run_and_compare(struct vdev *d, unsigned int direct)
{
	static struct table table[DEPTH];
	struct req r[DEPTH];
	struct picture p;

	for (int i = 0; i < DEPTH; i++) {
		prepare(&r[i], d, i, direct);
		req_queue(&r[i]);
		keep_table(&table[i], &r[i]);
	}
	ring_publish(&d->vq[VQ_IO]);
	take_picture(&p, d);
	for (int i = 0; i < DEPTH; i++) {
		may_change(&p, r[i].rsp_gpa, r[i].rsp_len);
		for (unsigned int k = 0; k < r[i].nr_in; k++)
			may_change(&p, r[i].in[k].gpa, r[i].in[k].len);
	}
	ring_kick(&d->vq[VQ_IO]);
	wait_used(&d->vq[VQ_IO]);
	compare_picture(&p, d);
	for (int i = 0; i < DEPTH; i++) {
		uint8_t *now = gmem_ptr(&d->mem, table[i].gpa, table[i].len);

		check(!table[i].len || !memcmp(now, table[i].was, table[i].len),
		      "the table of request %d was written", i);
		req_wait(&r[i]);
		req_good(&r[i]);
		req_free(&r[i]);
	}
}

/* 2.7.5.1 */
VRING_TEST(io_driver_s, "io/write-nothing-that-is-the-drivers",
	   "see only used ring, responses and READ data change in guest memory")
{
	struct vdev *d = start(F_DEFAULT);

	for (unsigned int direct = 0; direct < 3; direct++) {
		step("%u descriptors before a table", direct);
		run_and_compare(d, direct);
	}
	step("no table");
	run_and_compare(d, ALL_DIRECT);
}

/* 2.7.5.3.2 */
VRING_TEST(io_table_flag, "io/ignore-the-write-flag-of-a-table",
	   "transfer by tables whose descriptors are marked as writable")
{
	struct vdev *d = start(F_DEFAULT);
	struct vq *vq = &d->vq[VQ_IO];
	struct req r;

	for (int i = 0; i < 4; i++) {
		uint64_t gpa = gmem_alloc(&d->mem, 8192, 4096);
		bool write = !(i & 1);
		struct vring_desc *desc;

		step("%s, %d descriptors before the table",
		     write ? "WRITE" : "READ", i / 2);
		scsi_rw_prep(&r, d, VQ_IO, write, 0, gpa, 8192);
		if (write)
			gmem_pattern(&d->mem, gpa, 8192, i);
		r.direct = i / 2;
		req_queue(&r);
		desc = &vq->desc[r.head];
		if (r.direct)
			desc = &vq->desc[desc->next];
		check(desc->flags == VRING_DESC_F_INDIRECT, "no table");
		desc->flags |= VRING_DESC_F_WRITE;
		ring_publish(vq);
		ring_kick(vq);
		req_wait(&r);
		req_good(&r);
		check(gmem_differs(&d->mem, gpa, 8192, i & ~1) < 0,
		      "data differs");
		req_free(&r);
	}
}

/* A TEST UNIT READY, after which there is a notification. */
static void expect_signal(struct vdev *d)
{
	struct vq *vq = &d->vq[VQ_IO];
	uint8_t cdb[CDB_LEN];
	struct req r;

	efd_drain(vq->call);
	cdb_tur(cdb);
	req_init(&r, d, VQ_IO);
	req_cmd(&r, 1, 0, cdb);
	req_send(&r);
	check(efd_wait(vq->call, deadline_in(WAIT_MS)), "not signalled");
	wait_used(vq);
	ring_collect(vq);
	req_wait(&r);
	req_good(&r);
}

/* 2.7.7.2: the field is then no more than memory behind the ring. */
VRING_TEST(io_no_event_idx, "io/ignore-used-event-without-event-idx",
	   "be signalled whatever used_event holds, without EVENT_IDX")
{
	struct vdev *d = start(F_VERSION_1 | F_INDIRECT);
	struct vq *vq = &d->vq[VQ_IO];

	for (int i = 0; i < 16; i++) {
		step("request %d", i);
		*ring_used_event(vq) = vq->used_idx + (i % 4) * 100 + 1;
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		expect_signal(d);
	}
}

VRING_TEST(io_event_idx_flag, "io/ignore-no-interrupt-flag-with-event-idx",
	   "be signalled at used_event whatever the flags say, with EVENT_IDX")
{
	struct vdev *d = start(F_DEFAULT);
	struct vq *vq = &d->vq[VQ_IO];

	for (int i = 0; i < 16; i++) {
		step("request %d", i);
		vq->avail->flags = i & 1;
		*ring_used_event(vq) = vq->used_idx;
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		expect_signal(d);
	}
}

/* Looks at the used ring's flags all the time until the request is answered. */
static void watch_flags(struct vdev *d, struct req *r, uint16_t allowed)
{
	struct vq *vq = r->vq;
	uint64_t end = deadline_in(WAIT_MS);
	uint16_t flags;

	req_again(r);
	req_send(r);
	do {
		check(now_ms() < end, "not answered");
		flags = *(volatile uint16_t *)&vq->used->flags;
		check(!(flags & ~allowed), "the flags are %04x", flags);
	} while (!ring_collect(vq));
	req_wait(r);
	req_good(r);
}

static void watch_all_flags(uint64_t features, uint16_t allowed)
{
	struct vdev *d = start(features);
	struct req r;

	scsi_rw_prep(&r, d, VQ_IO, false, 0, gmem_alloc(&d->mem, 4096, 4096),
		     4096);
	for (int i = 0; i < 500; i++)
		watch_flags(d, &r, allowed);
	for (unsigned int i = 0; i < d->nvqs; i++)
		check(!(d->vq[i].used->flags & ~allowed),
		      "queue %u: the flags are %04x", i, d->vq[i].used->flags);
}

/* 2.7.10.2 */
VRING_TEST(io_used_flags, "io/keep-used-flags-within-the-rules",
	   "see the used ring's flags 0 with EVENT_IDX, else 0 or 1")
{
	step("EVENT_IDX");
	watch_all_flags(F_DEFAULT, 0);
	step("flags");
	watch_all_flags(F_VERSION_1 | F_INDIRECT, 1);
}

VRING_TEST(io_spurious, "io/take-kicks-for-nothing",
	   "kick all queues without a request, and find nothing come of it")
{
	struct vdev *d = start(F_DEFAULT);

	for (int i = 0; i < 100; i++) {
		step("round %d", i);
		for (unsigned int q = 0; q < d->nvqs; q++)
			ring_kick(&d->vq[q]);
		scsi_tur(d, VQ_IO);
	}
	expect(gmem_set_table(&d->mem, d->fd), 0);
	for (unsigned int q = 0; q < d->nvqs; q++) {
		struct vq *vq = &d->vq[q];

		check(vq->used->idx == vq->used_idx,
		      "queue %u has a used entry", q);
		check(!efd_drain(vq->err), "queue %u is in error", q);
	}
}
