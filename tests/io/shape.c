// SPDX-License-Identifier: GPL-2.0
/*
 * Headers and responses in any segmentation and anywhere in guest memory (R03,
 * R04, R31), indirect tables after chained descriptors.
 *
 * The peer on 6.12 passes, but for use-largest-ring: see tests/vring/PEER.md.
 */
#include "vring.h"

static struct vdev *start(unsigned int num, uint64_t features)
{
	struct vdev *d;
	struct tgt t;

	tgt_with_ramdisk(&t, 4 * MIB);
	d = dev_up(t.wwn, 1, num, features);
	scsi_tur(d, VQ_IO);
	return d;
}

/* A READ beyond the end: the answer has a status, sense data and no data. */
static void prep_failing(struct req *r, struct vdev *d)
{
	scsi_rw_prep(r, d, VQ_IO, false, 1 << 20, 0, 512);
	r->nr_in = 0;
	req_in(r, gmem_alloc(&d->mem, 512, 512), 512);
}

static void check_failing(struct req *r,
			  const struct virtio_scsi_cmd_resp *want)
{
	req_sense(r, 5, 0x21);
	check(r->rsp.sense_len == want->sense_len &&
		      !memcmp(r->rsp.sense, want->sense, want->sense_len),
	      "sense data differs: %s", req_text(r));
}

VRING_TEST(io_split, "io/split-header-and-response",
	   "split header and response into descriptors of 1 to 107 bytes")
{
	static const uint32_t by[] = { 1, 2, 3, 7, 12, 36, 50, 54, 107 };
	struct vdev *d = start(256, F_DEFAULT);
	struct virtio_scsi_cmd_resp want;
	struct req r;

	prep_failing(&r, d);
	req_run(&r);
	req_sense(&r, 5, 0x21);
	want = r.rsp;
	for (size_t i = 0; i < ARRAY_SIZE(by); i++) {
		for (unsigned int direct = 0; direct < 2; direct++) {
			step("by %u, %s", by[i], direct ? "direct" : "table");
			r.hdr_chunk = by[i];
			r.rsp_chunk = by[i];
			r.direct = direct ? ALL_DIRECT : 0;
			req_again(&r);
			req_run(&r);
			check_failing(&r, &want);
		}
	}
}

VRING_TEST(io_cross, "io/cross-memory-regions",
	   "place header, data and response across the border of two regions")
{
	struct vdev *d = start(64, F_DEFAULT);
	struct virtio_scsi_cmd_resp want;
	uint64_t hdr, rsp;
	struct req r;

	prep_failing(&r, d);
	req_run(&r);
	want = r.rsp;
	hdr = r.hdr_gpa;
	rsp = r.rsp_gpa;
	for (unsigned int cut = 1; cut < 108; cut += 13) {
		step("response cut at %u", cut);
		r.rsp_gpa = NEXT_GPA - cut;
		req_again(&r);
		req_run(&r);
		check_failing(&r, &want);
	}
	r.rsp_gpa = rsp;
	for (unsigned int cut = 1; cut < 51; cut += 7) {
		step("header cut at %u", cut);
		r.hdr_gpa = NEXT_GPA - cut;
		req_again(&r);
		req_run(&r);
		check_failing(&r, &want);
	}
	r.hdr_gpa = hdr;
	for (unsigned int cut = 512; cut <= 65536 - 512; cut += 4608) {
		step("data cut at %u", cut);
		gmem_pattern(&d->mem, NEXT_GPA - cut, 65536, cut);
		scsi_rw(d, VQ_IO, true, 0, NEXT_GPA - cut, 65536);
		scsi_check_pattern(d, VQ_IO, 0, 65536, cut);
		gmem_fill(&d->mem, NEXT_GPA - cut, 0, 65536);
		scsi_rw(d, VQ_IO, false, 0, NEXT_GPA - cut, 65536);
		check(gmem_differs(&d->mem, NEXT_GPA - cut, 65536, cut) < 0,
		      "read over the border differs");
	}
}

/* One region per 256 KiB, neighbours in guest-physical space, mapped apart. */
VRING_TEST(io_64_regions, "io/use-64-memory-regions",
	   "transfer 3 MiB in one descriptor that spans 13 of 64 regions")
{
	struct vdev *d = start(64, F_DEFAULT);
	struct req r;
	uint64_t gpa;

	for (gpa = 2 * HIGH_GPA; d->mem.nr < 64; gpa += 256 * KIB)
		gmem_add(&d->mem, gpa, 256 * KIB);
	expect(gmem_set_table(&d->mem, d->fd), 0);
	gpa = 2 * HIGH_GPA + 100 * KIB;
	gmem_pattern(&d->mem, gpa, 3 * MIB, 9);
	step("write");
	scsi_rw_prep(&r, d, VQ_IO, true, 0, gpa, 3 * MIB);
	req_run(&r);
	req_good(&r);
	step("read");
	gmem_fill(&d->mem, gpa, 0, 3 * MIB);
	scsi_rw(d, VQ_IO, false, 0, gpa, 3 * MIB);
	check(gmem_differs(&d->mem, gpa, 3 * MIB, 9) < 0, "data differs");
}

/* R03: every answer at its own place, with the queue as full as it gets. */
static void fill_queue(struct vdev *d, unsigned int count, unsigned int direct)
{
	struct req *r = calloc(count, sizeof(*r));

	for (unsigned int i = 0; i < count; i++) {
		uint64_t gpa = gmem_alloc(&d->mem, 512, 512);

		scsi_rw_prep(&r[i], d, VQ_IO, true, i, gpa, 512);
		gmem_pattern(&d->mem, gpa, 512, i);
		r[i].direct = direct;
		req_queue(&r[i]);
	}
	ring_publish(&d->vq[VQ_IO]);
	ring_kick(&d->vq[VQ_IO]);
	for (unsigned int i = 0; i < count; i++) {
		req_wait(&r[i]);
		req_good(&r[i]);
		req_free(&r[i]);
	}
	for (unsigned int i = 0; i < count; i++)
		scsi_check_pattern(d, VQ_IO, i, 512, i);
	free(r);
}

VRING_TEST(io_deep, "io/answer-a-full-queue",
	   "fill a queue of 128 with requests and get each its own answer")
{
	struct vdev *d = start(128, F_DEFAULT);

	step("indirect");
	fill_queue(d, 128, 0);
	step("direct");
	fill_queue(d, 128 / 3, ALL_DIRECT);
	step("chained and indirect");
	fill_queue(d, 64, 1);
}

VRING_TEST(io_mixed, "io/use-table-after-chain",
	   "use an indirect table after up to 18 chained descriptors")
{
	struct vdev *d = start(64, F_DEFAULT);
	uint64_t gpa = gmem_alloc(&d->mem, 65536, 4096);
	struct req w;

	for (unsigned int n = 0; n <= 18; n++) {
		step("%u chained descriptors", n);
		gmem_pattern(&d->mem, gpa, 65536, n);
		scsi_rw_prep(&w, d, VQ_IO, true, 0, 0, 65536);
		w.nr_out = 0;
		req_out_split(&w, gpa, 65536, 4096);
		w.direct = n;
		req_run(&w);
		req_good(&w);
		scsi_check_pattern(d, VQ_IO, 0, 65536, n);
		req_free(&w);
	}
}

VRING_TEST(io_legacy, "io/serve-a-legacy-driver",
	   "serve a driver that negotiated no feature at all")
{
	struct vdev *d = start(64, 0);

	scsi_write_pattern(d, VQ_IO, 0, 65536, 3);
	scsi_check_pattern(d, VQ_IO, 0, 65536, 3);
}

VRING_TEST_LIMIT(io_big_ring, "io/use-largest-ring",
		 "send 2000 requests at once over a ring of 32768 entries", 120)
{
	static struct req r[2000];
	uint8_t cdb[CDB_LEN];
	struct vdev *d;
	struct tgt t;

	tgt_with_ramdisk(&t, 1 * MIB);
	d = dev_open(1);
	dev_rings(d, 32768);
	expect(dev_ready(d, F_DEFAULT), 0);
	expect(dev_set_endpoint(d->fd, t.wwn), 0);
	scsi_tur(d, VQ_IO);
	cdb_inquiry(cdb, -1, 36);
	for (size_t i = 0; i < ARRAY_SIZE(r); i++) {
		req_init(&r[i], d, VQ_IO);
		req_cmd(&r[i], 1, 0, cdb);
		req_in(&r[i], gmem_alloc(&d->mem, 36, 64), 36);
		req_queue(&r[i]);
	}
	ring_publish(&d->vq[VQ_IO]);
	ring_kick(&d->vq[VQ_IO]);
	for (size_t i = 0; i < ARRAY_SIZE(r); i++) {
		req_wait(&r[i]);
		req_good(&r[i]);
	}
}

static uint16_t take_desc(struct vq *vq)
{
	check(vq->nr_free, "no descriptor is left");
	return vq->free[--vq->nr_free];
}

/* Lets the chain that ends at @last go on with a descriptor of its own. */
static uint16_t extend(struct vq *vq, uint16_t last, uint64_t gpa, uint32_t len,
		       uint16_t flags)
{
	uint16_t i = take_desc(vq);

	vq->desc[i] =
		(struct vring_desc){ .addr = gpa, .len = len, .flags = flags };
	vq->desc[last].flags |= VRING_DESC_F_NEXT;
	vq->desc[last].next = i;
	return i;
}

static void finish_read(struct req *r, uint64_t buf, unsigned int blocks)
{
	ring_publish(r->vq);
	ring_kick(r->vq);
	req_wait(r);
	req_good(r);
	check(gmem_differs(&r->dev->mem, buf, blocks * BLOCK, 5) < 0,
	      "the data of %u blocks differs", blocks);
	req_free(r);
}

/* A READ whose table holds header and response; the data stands behind it in the ring. */
static void read_behind_table(struct vdev *d, uint64_t buf, unsigned int blocks)
{
	struct vq *vq = &d->vq[VQ_IO];
	uint16_t last;
	struct req r;

	scsi_rw_prep(&r, d, VQ_IO, false, 0, buf, blocks * BLOCK);
	r.nr_in = 0;
	r.direct = 0;
	req_queue(&r);
	last = r.head;
	for (unsigned int i = 0; i < blocks; i++)
		last = extend(vq, last, buf + i * BLOCK, BLOCK,
			      VRING_DESC_F_WRITE);
	finish_read(&r, buf, blocks);
}

/* A READ whose header is in one table, and the rest in another one. */
static void read_two_tables(struct vdev *d, uint64_t buf, unsigned int blocks)
{
	uint64_t table = gmem_alloc(&d->mem, 16 * (blocks + 1), 64);
	struct vq *vq = &d->vq[VQ_IO];
	struct vring_desc *t;
	struct req r;

	scsi_rw_prep(&r, d, VQ_IO, false, 0, buf, blocks * BLOCK);
	r.nr_in = 0;
	r.direct = 0;
	req_queue(&r);
	t = gmem_ptr(&d->mem, vq->desc[r.head].addr, sizeof(*t));
	t->flags &= ~VRING_DESC_F_NEXT;
	vq->desc[r.head].len = sizeof(*t);
	t = gmem_ptr(&d->mem, table, sizeof(*t) * (blocks + 1));
	for (unsigned int i = 0; i <= blocks; i++) {
		t[i].addr = i ? buf + (i - 1) * BLOCK : r.rsp_gpa;
		t[i].len = i ? BLOCK : CMD_RSP_LEN;
		t[i].flags = VRING_DESC_F_WRITE |
			     (i < blocks ? VRING_DESC_F_NEXT : 0);
		t[i].next = i + 1;
	}
	extend(vq, r.head, table, sizeof(*t) * (blocks + 1),
	       VRING_DESC_F_INDIRECT);
	finish_read(&r, buf, blocks);
}

/*
 * No driver may do that (2.7.5.3.1), so it tells what a hostile one can do: a build that
 * keeps small tables in the request, and does not look whether anything comes behind, writes
 * past them. Seen to fail on such a build: its kernel died.
 */
VRING_TEST(io_behind, "io/go-on-behind-a-table",
	   "go on in the ring, and in another table, behind a small table")
{
	struct vdev *d = start(256, F_DEFAULT);
	uint64_t buf = gmem_alloc(&d->mem, 128 * BLOCK, 4096);

	scsi_write_pattern(d, VQ_IO, 0, 128 * BLOCK, 5);
	for (unsigned int blocks = 1; blocks <= 128; blocks *= 2) {
		step("%u blocks", blocks);
		gmem_fill(&d->mem, buf, 0, 128 * BLOCK);
		read_behind_table(d, buf, blocks);
		gmem_fill(&d->mem, buf, 0, 128 * BLOCK);
		read_two_tables(d, buf, blocks);
	}
	/* All requests are as they should be. */
	for (unsigned int i = 0; i < 256; i++)
		scsi_check_pattern(d, VQ_IO, 0, 4096, 5);
}

#define CHECK_CONDITION 0x02
#define TASK_SET_FULL 0x28
#define LONG (32 * MIB)
#define LONG_SENT 131 /* 128 of 8,192 pages are 2^20 */

/*
 * All are on the same piece of memory, so what the guest has is no bound for what the device
 * needs, or for how often a page is pinned (2,052 requests of 1,022 pieces of a page had the
 * kernel warn of its number of references).
 *
 * Seen to fail on a module without that bound: all are taken.
 */
VRING_TEST_LIMIT(
	io_listed, "io/bound-what-is-mapped-at-once",
	"have 4 GiB in flight by reads of the same memory, and get TASK SET FULL for what is more until one is over",
	240)
{
	static struct req r[LONG_SENT];
	unsigned int full = 0;
	struct vdev *d;
	struct tgt t;
	struct dm m;
	uint64_t gpa;

	tgt_with_dm(&t, &m);
	d = dev_up(t.wwn, 1, 512, F_DEFAULT);
	scsi_tur(d, VQ_IO);
	gpa = gmem_alloc(&d->mem, LONG, 4096);
	dm_suspend(&m);
	for (unsigned int i = 0; i < LONG_SENT; i++) {
		scsi_rw_prep(&r[i], d, VQ_IO, false, 0, gpa, LONG);
		req_send(&r[i]);
	}
	req_wait(&r[LONG_SENT - 1]);
	for (unsigned int i = 0; i < LONG_SENT; i++) {
		if (!r[i].done)
			continue;
		req_wait(&r[i]);
		check(r[i].rsp.response == VIRTIO_SCSI_S_OK &&
			      r[i].rsp.status == TASK_SET_FULL,
		      "%u: %s", i, req_text(&r[i]));
		full++;
	}
	check(full == LONG_SENT - 128, "%u were refused", full);
	dm_resume_failing(&m);
	for (unsigned int i = 0; i < 128; i++)
		req_wait(&r[i]);
	/* Taken; the device goes on failing. */
	req_again(&r[LONG_SENT - 1]);
	req_run(&r[LONG_SENT - 1]);
	check(r[LONG_SENT - 1].rsp.status == CHECK_CONDITION, "%s",
	      req_text(&r[LONG_SENT - 1]));
}
