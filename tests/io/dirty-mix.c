// SPDX-License-Identifier: GPL-2.0
/*
 * R27: the dirty log against guest memory itself. Requests of every kind are
 * put in the rings, memory is copied, the requests are served, and whatever
 * page is not byte for byte what it was has to be in the log. Memory is looked
 * at when the endpoint is cleared, as in a migration.
 *
 * Buffers are filled with what no answer holds, and lie on pages of their own.
 *
 * The peer on 6.12 fails all of these: it logs the used ring only, so the first
 * page of data or of a response is missed. Where requests are held it hangs in
 * SET_LOG_BASE, as long as the backstore does. Ours was seen to fail all of them
 * without the log in copy_piece(), and without that of pinned pages in
 * vscsi_data_copy_back() all but events and failing requests.
 */
#include "dirty.h"

#define MEDIUM (4 * MIB)
#define FILLER 0x5a

enum outcome {
	GOOD,
	BAD,
	ANY
};

static struct entry {
	struct req r;
	enum outcome want;
} mix[256];
static unsigned int mix_nr;

/* A request whose response lies across two pages of its own. */
static struct req *add(struct vdev *d, unsigned int queue, enum outcome want)
{
	struct entry *e = &mix[mix_nr];

	check(mix_nr++ < ARRAY_SIZE(mix), "too many requests");
	e->want = want;
	req_init(&e->r, d, queue);
	e->r.rsp_gpa = gmem_alloc(&d->mem, 8192, 4096) + 4000;
	gmem_fill(&d->mem, e->r.rsp_gpa, FILLER, 512);
	return &e->r;
}

static struct req *add_cmd(struct vdev *d, unsigned int queue,
			   enum outcome want, unsigned int lun,
			   const uint8_t *cdb)
{
	struct req *r = add(d, queue, want);

	req_cmd(r, 1, lun, cdb);
	return r;
}

static uint64_t room(struct vdev *d, uint32_t len)
{
	uint64_t gpa = gmem_alloc(&d->mem, len + 8192, 4096);

	gmem_fill(&d->mem, gpa, FILLER, len + 8192);
	return gpa;
}

struct shape {
	uint32_t len, offset, chunk;
};

static const struct shape shapes[] = {
	{ 512, 0, 0 },	    { 4096, 0, 0 },	  { 4096, 4095, 0 },
	{ 4096, 512, 0 },   { 65536, 0, 0 },	  { 65536, 100, 0 },
	{ 65536, 3584, 0 }, { 8192, 0, 512 },	  { 8192, 4, 300 },
	{ 16384, 1, 4097 }, { MIB, 2048, 65536 },
};

static void add_reads(struct vdev *d, unsigned int queue, unsigned int lun)
{
	uint8_t cdb[CDB_LEN];
	struct req *r;

	for (size_t i = 0; i < ARRAY_SIZE(shapes); i++) {
		const struct shape *s = &shapes[i];

		cdb_rw16(cdb, false, i * 8, s->len / BLOCK);
		r = add_cmd(d, queue, GOOD, lun, cdb);
		req_in_split(r, room(d, s->len) + s->offset, s->len, s->chunk);
		r->direct = i & 1 ? 0 : ALL_DIRECT;
	}
	/* Into more room than is asked for. */
	cdb_rw16(cdb, false, 8, 8);
	r = add_cmd(d, queue, GOOD, lun, cdb);
	req_in(r, room(d, 16384), 16384);
}

static void add_writes(struct vdev *d, unsigned int queue, unsigned int lun)
{
	uint8_t cdb[CDB_LEN];
	struct req *r;

	for (unsigned int offset = 0; offset < 300; offset += 100) {
		cdb_rw16(cdb, true, 4096, 32);
		r = add_cmd(d, queue, GOOD, lun, cdb);
		req_out(r, room(d, 16384) + offset, 16384);
	}
}

/* What LIO itself writes, in one piece and in pieces on either side of a page. */
static void add_control_data(struct vdev *d, unsigned int queue)
{
	uint8_t cdb[CDB_LEN];
	struct req *r;

	for (int chunk = 0; chunk < 40; chunk += 13) {
		cdb_inquiry(cdb, -1, 96);
		r = add_cmd(d, queue, GOOD, 0, cdb);
		req_in_split(r, room(d, 96) + 4090, 96, chunk);
		cdb_report_luns(cdb, 64);
		r = add_cmd(d, queue, GOOD, 0, cdb);
		req_in_split(r, room(d, 64) + 4080, 64, chunk);
		memset(cdb, 0, sizeof(cdb));
		cdb[0] = 0x1a; /* MODE SENSE(6), all pages */
		cdb[2] = 0x3f;
		cdb[4] = 32;
		r = add_cmd(d, queue, GOOD, 0, cdb);
		req_in_split(r, room(d, 32) + 4095, 32, chunk);
	}
}

static void add_refused(struct vdev *d, unsigned int queue)
{
	uint8_t cdb[CDB_LEN];
	struct req *r;

	cdb_rw16(cdb, false, MEDIUM, 8); /* beyond the end */
	r = add_cmd(d, queue, BAD, 0, cdb);
	req_in(r, room(d, 4096), 4096);
	cdb_tur(cdb);
	add_cmd(d, queue, BAD, 7, cdb);
	r = add(d, queue, BAD);
	req_cmd(r, 99, 0, cdb);
	r = add_cmd(d, queue, BAD, 0, cdb);
	r->hdr_len = 20;
	cdb[0] = 0xff;
	r = add_cmd(d, queue, BAD, 0, cdb);
	r->rsp_chunk = 1;
	r->direct = 0;
	/* Less room than is asked for; not all devices refuse that. */
	cdb_rw16(cdb, false, 8, 8);
	r = add_cmd(d, queue, ANY, 0, cdb);
	req_in(r, room(d, 512), 512);
}

static void add_control(struct vdev *d)
{
	static const uint32_t subtype[] = {
		VIRTIO_SCSI_T_TMF_QUERY_TASK,
		VIRTIO_SCSI_T_TMF_CLEAR_ACA,
		VIRTIO_SCSI_T_TMF_LOGICAL_UNIT_RESET,
		77,
	};
	struct req *r;

	for (size_t i = 0; i < ARRAY_SIZE(subtype); i++) {
		r = add(d, VQ_CTL, ANY);
		req_tmf(r, subtype[i], 1, i == 1 ? 9 : 0, 0);
	}
	r = add(d, VQ_CTL, ANY);
	req_tmf(r, VIRTIO_SCSI_T_TMF_LOGICAL_UNIT_RESET, 99, 0, 0);
	r = add(d, VQ_CTL, ANY);
	req_an(r, VIRTIO_SCSI_T_AN_QUERY, 1, 2);
	r->rsp_gpa += 92; /* one byte on the second page */
	r->rsp_chunk = 1;
	r = add(d, VQ_CTL, ANY);
	req_an(r, VIRTIO_SCSI_T_AN_SUBSCRIBE, 99, 2);
}

/* Visible to the device, which is not told yet. */
static void publish(struct vdev *d)
{
	for (unsigned int i = 0; i < mix_nr; i++)
		req_queue(&mix[i].r);
	for (unsigned int i = 0; i < d->nvqs; i++)
		ring_publish(&d->vq[i]);
}

static void expect_outcome(const struct entry *e)
{
	const struct req *r = &e->r;

	/* What the peer makes of them is for other tests to tell. */
	if (module_is_peer())
		return;
	if (e->want == GOOD)
		req_good(r);
	if (e->want == BAD)
		check(r->rsp.response != RSP_POISON &&
			      (r->rsp.response || r->rsp.status),
		      "not refused: %s", req_text(r));
}

static void wait_for_queues(unsigned int from, unsigned int to)
{
	for (unsigned int i = 0; i < mix_nr; i++) {
		struct req *r = &mix[i].r;

		if (r->vq->index < from || r->vq->index > to)
			continue;
		step("request %u, queue %u, opcode %02x, %u segments", i,
		     r->vq->index, r->hdr[19], r->nr_in);
		req_wait(r);
		expect_outcome(&mix[i]);
	}
}

static void serve(struct vdev *d)
{
	for (unsigned int i = VQ_IO; i < d->nvqs; i++)
		ring_kick(&d->vq[i]);
	wait_for_queues(VQ_IO, d->nvqs - 1);
	ring_kick(&d->vq[VQ_CTL]);
	wait_for_queues(VQ_CTL, VQ_CTL);
}

/* At least @least pages, or the comparison has not seen what it is for. */
static void compare(struct shadow *s, struct vdev *d, const struct tgt *t,
		    const uint8_t *log, unsigned long least)
{
	struct shadow_result result;

	expect(dev_clear_endpoint(d->fd, t->wwn), 0);
	step("compare");
	result = shadow_compare(s, log);
	check(result.changed >= least, "only %lu pages changed, not %lu",
	      result.changed, least);
}

static void clear_attention(struct vdev *d, unsigned int lun)
{
	uint8_t cdb[CDB_LEN];
	struct req r;

	cdb_tur(cdb);
	req_init(&r, d, VQ_IO);
	req_cmd(&r, 1, lun, cdb);
	do {
		req_again(&r);
		req_run(&r);
	} while (!r.rsp.response && r.rsp.status == 2);
	req_good(&r);
}

static void run_mix(uint64_t features)
{
	struct shadow s = { .d = NULL };
	struct bs ramdisk, file;
	struct vdev *d;
	uint8_t *log;
	struct tgt t;

	mix_nr = 0;
	bs_ramdisk(&ramdisk, MEDIUM);
	bs_fileio(&file, MEDIUM);
	tgt_new(&t);
	expect(lun_link(&t, 1, 0, &ramdisk), 0);
	expect(lun_link(&t, 1, 1, &file), 0);
	d = dev_up(t.wwn, 3, 1024, features);
	clear_attention(d, 0);
	clear_attention(d, 1);
	scsi_write_pattern(d, VQ_IO, 0, 2 * MIB, 27);
	log = dirty_new();
	dirty_on(d, log);
	for (unsigned int q = VQ_IO; q < d->nvqs; q++) {
		add_reads(d, q, q & 1);
		add_writes(d, q, q & 1);
		add_control_data(d, q);
		add_refused(d, q);
	}
	add_control(d);
	publish(d);
	memset(log, 0, DIRTY_BYTES);
	shadow_take(&s, d);
	serve(d);
	/* 312 pages of data, two for each response, on each queue */
	compare(&s, d, &t, log, 3 * 380);
	dev_close(d);
}

VRING_TEST_LIMIT(
	io_dirty_mix, "io/log-every-page-that-changes",
	"find each page in the dirty log that many requests changed (R27)", 180)
{
	run_mix(F_DEFAULT);
	/* Other words of the rings are written then. */
	run_mix(F_INDIRECT | F_VERSION_1);
	run_mix(F_ANY_LAYOUT | F_INDIRECT);
}

/* Reads and refusals, until they are taken from the ring. */
static struct vdev *hold_mix(struct tgt *t, struct dm *m, struct shadow *s)
{
	struct vdev *d;

	mix_nr = 0;
	tgt_with_dm(t, m);
	d = dev_up(t->wwn, 2, 512, F_DEFAULT);
	scsi_tur(d, VQ_IO);
	scsi_write_pattern(d, VQ_IO, 0, 2 * MIB, 28);
	dm_suspend(m);
	add_reads(d, VQ_IO, 0);
	add_reads(d, VQ_IO + 1, 0);
	for (unsigned int i = 0; i < mix_nr; i++)
		mix[i].want = ANY;
	publish(d);
	for (unsigned int i = VQ_IO; i < d->nvqs; i++) {
		struct vq *vq = &d->vq[i];

		ring_kick(vq);
		check(wait_until(*(volatile uint16_t *)ring_avail_event(vq) ==
				 vq->avail_idx),
		      "the requests are not taken");
	}
	shadow_take(s, d);
	return d;
}

VRING_TEST_LIMIT(
	io_dirty_held, "io/log-every-page-of-requests-in-flight",
	"find each page in the log that requests changed begun before it", 120)
{
	struct shadow s = { .d = NULL };
	uint8_t *log = dirty_new();
	struct vdev *d;
	struct tgt t;
	struct dm m;

	d = hold_mix(&t, &m, &s);
	step("switch the log on");
	dirty_on(d, log);
	dm_resume(&m);
	serve(d);
	compare(&s, d, &t, log, 2 * 340);
}

VRING_TEST_LIMIT(
	io_dirty_reset, "io/log-every-page-of-aborted-requests",
	"find each page in the dirty log that aborted requests changed", 120)
{
	struct shadow s = { .d = NULL };
	uint8_t *log = dirty_new();
	struct req tmf, *r;
	struct vdev *d;
	struct tgt t;
	struct dm m;

	d = hold_mix(&t, &m, &s);
	dirty_on(d, log);
	req_init(&tmf, d, VQ_CTL);
	req_tmf(&tmf, VIRTIO_SCSI_T_TMF_LOGICAL_UNIT_RESET, 1, 0, 0);
	req_queue(&tmf);
	ring_publish(tmf.vq);
	shadow_take(&s, d);
	ring_kick(tmf.vq);
	check(wait_until(task_stands_in("core_tmr_lun_reset")),
	      "the reset does not wait for the requests");
	dm_resume(&m);
	req_wait(&tmf);
	serve(d);
	r = &mix[0].r;
	check(r->rsp.response == VIRTIO_SCSI_S_RESET || module_is_peer(),
	      "not aborted: %s", req_text(r));
	/* Pinned pages were written all the same; copies are not copied back. */
	compare(&s, d, &t, log, 2 * 300);
}

VRING_TEST_LIMIT(
	io_dirty_failed, "io/log-every-page-of-failing-requests",
	"find each page in the dirty log that failing requests changed", 120)
{
	struct shadow s = { .d = NULL };
	uint8_t *log = dirty_new();
	struct vdev *d;
	struct tgt t;
	struct dm m;

	d = hold_mix(&t, &m, &s);
	dirty_on(d, log);
	dm_resume_failing(&m);
	serve(d);
	check(mix[0].r.rsp.status == 2, "not failed: %s", req_text(&mix[0].r));
	/* The responses, and what the rings hold. */
	compare(&s, d, &t, log, mix_nr);
}

VRING_TEST(io_dirty_event, "io/log-every-page-of-events",
	   "find each page in the dirty log that events of LUNs changed")
{
	struct shadow s = { .d = NULL };
	uint8_t *log = dirty_new();
	struct vdev *d;
	struct tgt t;
	struct bs b;

	bs_ramdisk(&b, MIB);
	tgt_with_ramdisk(&t, MEDIUM);
	d = dev_up(t.wwn, 1, 256, F_DEFAULT | F_HOTPLUG);
	scsi_tur(d, VQ_IO);
	dirty_on(d, log);
	for (int i = 0; i < 4; i++) {
		struct req *r = add(d, VQ_EVT, ANY);

		r->rsp_gpa += 90; /* 6 bytes, then 10 on the next page */
		r->rsp_len = sizeof(struct virtio_scsi_event);
		r->rsp_chunk = module_is_peer() ? 0 : i * 3;
	}
	publish(d);
	memset(log, 0, DIRTY_BYTES);
	shadow_take(&s, d);
	ring_kick(&d->vq[VQ_EVT]);
	for (int i = 0; i < 2; i++) {
		expect(lun_link(&t, 1, 5, &b), 0);
		expect(lun_unlink(&t, 1, 5), 0);
	}
	wait_for_queues(VQ_EVT, VQ_EVT);
	compare(&s, d, &t, log, 4 * 2 + 1);
}

/* Waits out the unit attentions, by commands with the PI header. */
static void clear_attention_pi(struct vdev *d)
{
	uint8_t cdb[CDB_LEN];
	struct req r;

	cdb_tur(cdb);
	req_init(&r, d, VQ_IO);
	req_cmd(&r, 1, 0, cdb);
	req_pi(&r, 0, 0);
	do {
		req_again(&r);
		req_run(&r);
	} while (!r.rsp.response && r.rsp.status == 2);
	req_good(&r);
}

VRING_TEST(io_dirty_pi, "io/log-every-page-of-protection-information",
	   "find each page in the dirty log that data and PI of READs changed")
{
	struct shadow s = { .d = NULL };
	uint8_t *log = dirty_new(), cdb[CDB_LEN];
	struct vdev *d;
	struct tgt t;
	struct bs b;

	bs_ramdisk(&b, MEDIUM);
	expect(bs_attrib(&b, "pi_prot_type", "1"), 0);
	tgt_new(&t);
	expect(lun_link(&t, 1, 0, &b), 0);
	d = dev_up(t.wwn, 1, 256, F_DEFAULT | F_T10_PI);
	clear_attention_pi(d);
	dirty_on(d, log);
	for (int i = 0; i < 4; i++) {
		struct req *r;

		cdb_rw16(cdb, false, i * 128, 128);
		cdb[1] = 0x20; /* RDPROTECT 1 */
		r = add_cmd(d, VQ_IO, GOOD, 0, cdb);
		req_pi(r, 0, 128 * 8);
		req_in_split(r, room(d, 1024) + 4000, 1024, i * 70);
		req_in(r, room(d, 65536) + i * 256, 65536);
	}
	publish(d);
	memset(log, 0, DIRTY_BYTES);
	shadow_take(&s, d);
	ring_kick(&d->vq[VQ_IO]);
	wait_for_queues(VQ_IO, VQ_IO);
	compare(&s, d, &t, log, 4 * (2 + 2 + 16));
}
