// SPDX-License-Identifier: GPL-2.0
/*
 * Notifications in both directions, the order of completion, full queues and
 * heads that are used again at once (R08, R09, R35).
 *
 * The peer on 6.12 reports a burst newest first (A19): keep-order-within-a-burst
 * fails. The others pass.
 */
#include "vring.h"

static struct vdev *start(unsigned int queues, unsigned int num,
			  uint64_t features)
{
	struct vdev *d;
	struct tgt t;

	tgt_with_ramdisk(&t, 4 * MIB);
	d = dev_up(t.wwn, queues, num, features);
	scsi_tur(d, VQ_IO);
	return d;
}

/* Sends and waits, kicking only when the device asks for it. */
static void run_asked(struct vdev *d, unsigned int count)
{
	struct vq *vq = &d->vq[VQ_IO];
	uint8_t cdb[CDB_LEN];
	unsigned int kicks = 0;
	struct req r;

	cdb_tur(cdb);
	req_init(&r, d, VQ_IO);
	req_cmd(&r, 1, 0, cdb);
	for (unsigned int i = 0; i < count; i++) {
		uint16_t old = vq->avail_idx;

		req_again(&r);
		req_queue(&r);
		ring_publish(vq);
		if (ring_wants_kick(vq, old)) {
			ring_kick(vq);
			kicks++;
		}
		req_wait(&r);
		req_good(&r);
	}
	check(kicks, "the device never asked for a kick");
}

VRING_TEST(io_kick_asked, "io/kick-only-when-asked",
	   "have all requests served when kicking only as the device asks")
{
	step("EVENT_IDX");
	run_asked(start(1, 16, F_DEFAULT), 500);
	step("flags");
	run_asked(start(1, 16, F_VERSION_1 | F_INDIRECT), 500);
}

VRING_TEST(io_wrap, "io/wrap-ring-indices",
	   "do I/O while the ring indices wrap from 65535 to 0")
{
	struct vdev *d;
	struct tgt t;
	struct vq *vq;

	for (int i = 0; i < 2; i++) {
		step(i ? "flags" : "EVENT_IDX");
		tgt_with_ramdisk(&t, 1 * MIB);
		d = dev_open(1);
		dev_rings(d, 16);
		vq = &d->vq[VQ_IO];
		vq->avail_idx = 65500;
		vq->used_idx = 65500;
		vq->avail->idx = 65500;
		vq->used->idx = 65500;
		*ring_used_event(vq) = 65500;
		expect(dev_ready(d, i ? F_VERSION_1 : F_DEFAULT), 0);
		expect(dev_set_endpoint(d->fd, t.wwn), 0);
		scsi_tur(d, VQ_IO);
		run_asked(d, 100);
		expect(dev_clear_endpoint(d->fd, t.wwn), 0);
		expect(dev_vring_base(d->fd, VQ_IO), vq->used_idx);
		check(vq->used_idx < 1000, "the index did not wrap");
		dev_close(d);
	}
}

static void wait_used(struct vq *vq, uint16_t idx)
{
	check(wait_until(*(volatile uint16_t *)&vq->used->idx == idx),
	      "used index is %u, not %u", vq->used->idx, idx);
}

/* Sends @n TEST UNIT READYs one by one, without looking for a notification. */
static void send_silently(struct vdev *d, struct req *r, unsigned int n)
{
	struct vq *vq = &d->vq[VQ_IO];

	for (unsigned int i = 0; i < n; i++) {
		uint8_t cdb[CDB_LEN];

		cdb_tur(cdb);
		req_init(&r[i], d, VQ_IO);
		req_cmd(&r[i], 1, 0, cdb);
		req_send(&r[i]);
		wait_used(vq, vq->avail_idx);
	}
}

/*
 * The device signals under the vq's lock after it has moved the used index, so
 * what it has to say about a request is said when the next one is answered.
 */
VRING_TEST(io_event_idx, "io/signal-at-used-event-only",
	   "be signalled when used_event is reached, and not before")
{
	struct vdev *d = start(1, 64, F_DEFAULT);
	struct vq *vq = &d->vq[VQ_IO];
	struct req r[16];

	*ring_used_event(vq) = vq->used_idx + 9;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	ring_kick(vq);
	efd_drain(vq->call);
	send_silently(d, r, 9);
	check(!efd_drain(vq->call), "signalled before used_event");
	send_silently(d, r + 9, 1);
	check(efd_wait(vq->call, deadline_in(WAIT_MS)), "not signalled");
	efd_drain(vq->call);
	send_silently(d, r + 10, 5);
	check(!efd_drain(vq->call), "signalled after used_event");
	ring_collect(vq);
}

VRING_TEST(io_no_interrupt, "io/respect-no-interrupt-flag",
	   "not be signalled while the driver asks for none, without EVENT_IDX")
{
	struct vdev *d = start(1, 64, F_VERSION_1);
	struct vq *vq = &d->vq[VQ_IO];
	struct req r[16];

	vq->avail->flags = VRING_AVAIL_F_NO_INTERRUPT;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	efd_drain(vq->call);
	send_silently(d, r, 8);
	check(!efd_drain(vq->call), "signalled");
	vq->avail->flags = 0;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	send_silently(d, r + 8, 1);
	check(efd_wait(vq->call, deadline_in(WAIT_MS)), "not signalled");
	ring_collect(vq);
}

#define DEEP 128

/* R08: as many requests as the rings hold, on two queues, all at once. */
VRING_TEST(io_all_heads, "io/hold-a-request-for-every-head",
	   "have 128 requests outstanding on each queue and none turned away")
{
	static struct req r[2][DEEP];
	struct vdev *d;
	struct tgt t;
	struct dm m;

	tgt_with_dm(&t, &m);
	d = dev_up(t.wwn, 2, DEEP, F_DEFAULT);
	scsi_tur(d, VQ_IO);
	dm_suspend(&m);
	for (int q = 0; q < 2; q++) {
		for (int i = 0; i < DEEP; i++) {
			scsi_rw_prep(&r[q][i], d, VQ_IO + q, i & 1, i * 8,
				     gmem_alloc(&d->mem, 4096, 4096), 4096);
			r[q][i].direct = 0;
			req_send(&r[q][i]);
		}
	}
	for (int q = 0; q < 2; q++)
		check(!ring_collect(&d->vq[VQ_IO + q]), "turned away");
	dm_resume(&m);
	for (int q = 0; q < 2; q++) {
		for (int i = 0; i < DEEP; i++) {
			step("queue %d request %d", q, i);
			req_wait(&r[q][i]);
			req_good(&r[q][i]);
		}
	}
}

/* R09: the driver sees a used entry and offers the head again at once. */
VRING_TEST_LIMIT(io_reuse, "io/reuse-head-at-once",
		 "send 3000 requests over one head without waiting for signals",
		 120)
{
	uint8_t cdb[CDB_LEN];
	struct vdev *d;
	struct vq *vq;
	struct req r;
	struct tgt t;

	tgt_with_ramdisk(&t, 1 * MIB);
	d = dev_up(t.wwn, 1, 1, F_DEFAULT);
	vq = &d->vq[VQ_IO];
	cdb_inquiry(cdb, -1, 36);
	req_init(&r, d, VQ_IO);
	req_cmd(&r, 1, 0, cdb);
	req_in(&r, gmem_alloc(&d->mem, 36, 64), 36);
	r.direct = 0;
	for (int i = 0; i < 3000; i++) {
		uint64_t end = deadline_in(WAIT_MS);

		step("request %d", i);
		req_again(&r);
		req_send(&r);
		while (!ring_collect(vq))
			check(now_ms() < end, "not answered");
		req_wait(&r);
		req_good(&r);
	}
}

/* An early request that hangs must not hold up later ones, nor their answers. */
VRING_TEST(io_overtake, "io/answer-in-order-of-completion",
	   "be answered by a fast LUN while requests to another one hang")
{
	struct req slow[4], fast[4];
	struct vdev *d;
	struct tgt t;
	struct dm m;
	struct bs b;

	tgt_with_dm(&t, &m);
	bs_ramdisk(&b, 1 * MIB);
	expect(lun_link(&t, 1, 1, &b), 0);
	d = dev_up(t.wwn, 1, 64, F_DEFAULT);
	scsi_tur(d, VQ_IO);
	dm_suspend(&m);
	for (int i = 0; i < 4; i++) {
		uint8_t cdb[CDB_LEN];

		scsi_rw_prep(&slow[i], d, VQ_IO, false, i * 8,
			     gmem_alloc(&d->mem, 4096, 4096), 4096);
		req_send(&slow[i]);
		cdb_inquiry(cdb, -1, 36);
		req_init(&fast[i], d, VQ_IO);
		req_cmd(&fast[i], 1, 1, cdb);
		req_in(&fast[i], gmem_alloc(&d->mem, 36, 64), 36);
		req_send(&fast[i]);
	}
	for (int i = 0; i < 4; i++) {
		req_wait(&fast[i]);
		req_good(&fast[i]);
		check(!slow[i].done, "a hanging request is answered");
	}
	dm_resume(&m);
	for (int i = 0; i < 4; i++) {
		req_wait(&slow[i]);
		req_good(&slow[i]);
	}
}

/*
 * A19: requests held by a suspended device complete in the order in which they
 * were sent, as one burst. LIO's threads may swap neighbours, so the test
 * only fails when most pairs of neighbours are reversed.
 */
VRING_TEST(io_in_order, "io/keep-order-within-a-burst",
	   "see a burst of completions reported oldest first")
{
	static struct req r[DEEP];
	unsigned int reversed = 0;
	struct vdev *d;
	struct tgt t;
	struct dm m;

	tgt_with_dm(&t, &m);
	d = dev_up(t.wwn, 1, DEEP, F_DEFAULT);
	scsi_tur(d, VQ_IO);
	dm_suspend(&m);
	for (int i = 0; i < DEEP; i++) {
		scsi_rw_prep(&r[i], d, VQ_IO, true, i * 8,
			     gmem_alloc(&d->mem, 4096, 4096), 4096);
		r[i].direct = 0;
		req_send(&r[i]);
	}
	dm_resume(&m);
	for (int i = 0; i < DEEP; i++)
		req_wait(&r[i]);
	for (int i = 1; i < DEEP; i++)
		reversed += r[i].seq < r[i - 1].seq;
	check(reversed < DEEP / 3, "%u of %u neighbours are reversed", reversed,
	      DEEP - 1);
}

VRING_TEST(io_attrs, "io/take-any-task-attribute",
	   "be served with HEAD OF QUEUE and with an unknown task attribute")
{
	static const uint8_t attr[] = { VIRTIO_SCSI_S_SIMPLE,
					VIRTIO_SCSI_S_ORDERED,
					VIRTIO_SCSI_S_HEAD,
					4,
					77,
					255 };
	struct vdev *d = start(1, 64, F_DEFAULT);
	uint8_t cdb[CDB_LEN];
	struct req r;

	cdb_tur(cdb);
	for (size_t i = 0; i < ARRAY_SIZE(attr); i++) {
		step("attribute %u", attr[i]);
		req_init(&r, d, VQ_IO);
		req_cmd(&r, 1, 0, cdb)->task_attr = attr[i];
		req_run(&r);
		req_good(&r);
	}
}
