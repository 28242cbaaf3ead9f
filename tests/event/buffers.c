// SPDX-License-Identifier: GPL-2.0
/*
 * R34, R17, A10: the event queue takes buffers of any size and shape, and
 * whatever it takes comes back.
 *
 * The peer on 6.12: keep-or-return-buffers-of-any-shape fails: it consumes a
 * buffer that is not one descriptor of 16 bytes and never returns it. It passes
 * write-nothing-after-clear-under-changes, also on 6.1; that was not yet seen to
 * fail on a broken build.
 */
#include <pthread.h>
#include "vring.h"

static struct vdev *start(struct tgt *t)
{
	uint64_t offered = 0;
	struct vdev *d;
	int fd = dev_open_fd();

	expect(dev_ioctl(fd, VHOST_GET_FEATURES, &offered), 0);
	close(fd);
	tgt_with_ramdisk(t, 4 * MIB);
	d = dev_up(t->wwn, 1, 256, F_DEFAULT | (offered & F_HOTPLUG));
	scsi_tur(d, VQ_IO);
	return d;
}

static void post(struct vdev *d, struct req *r, uint32_t len, uint32_t chunk)
{
	req_init(r, d, VQ_EVT);
	r->rsp_len = len;
	r->rsp_chunk = chunk;
	req_queue(r);
}

/* Says that events were missed, which makes a kick worth an event. */
static void provoke(struct vdev *d)
{
	uint32_t missed = 1;

	expect(dev_ioctl(d->fd, VHOST_SCSI_SET_EVENTS_MISSED, &missed), 0);
	ring_publish(&d->vq[VQ_EVT]);
	ring_kick(&d->vq[VQ_EVT]);
}

/* What was taken from the ring has been returned, nothing else was. */
static void expect_none_lost(struct vdev *d, const struct tgt *t)
{
	struct vq *vq = &d->vq[VQ_EVT];
	int base;

	expect(dev_clear_endpoint(d->fd, t->wwn), 0);
	ring_collect(vq);
	base = dev_vring_base(d->fd, VQ_EVT);
	check(base == vq->used_idx, "%d buffers taken, %u returned", base,
	      vq->used_idx);
}

static void try_shape(uint32_t len, uint32_t chunk)
{
	struct req r[4];
	struct vdev *d;
	struct tgt t;

	step("%u bytes by %u", len, chunk);
	d = start(&t);
	for (int i = 0; i < 4; i++)
		post(d, &r[i], len, chunk);
	provoke(d);
	step("%u bytes by %u: I/O", len, chunk);
	scsi_write_pattern(d, VQ_IO, 0, 4096, 1);
	scsi_check_pattern(d, VQ_IO, 0, 4096, 1);
	check(!efd_drain(d->vq[VQ_EVT].err), "the queue is in error");
	expect_none_lost(d, &t);
	for (int i = 0; i < 4; i++)
		check(!r[i].done || r[i].used_len <= len, "used.len %u of %u",
		      r[i].used_len, len);
	dev_close(d);
}

VRING_TEST(evt_shapes, "event/keep-or-return-buffers-of-any-shape",
	   "post event buffers of many shapes and have none lost")
{
	try_shape(16, 0);
	try_shape(16, 8);
	try_shape(16, 1);
	try_shape(32, 0);
	try_shape(32, 16);
	try_shape(128, 5);
	try_shape(8, 0);
	try_shape(1, 0);
}

VRING_TEST(evt_out, "event/return-readable-buffers",
	   "post event buffers that are readable, or begin so, and lose none")
{
	struct req r[2];
	struct vdev *d;
	struct tgt t;

	d = start(&t);
	req_init(&r[0], d, VQ_EVT);
	r[0].hdr_len = 16;
	r[0].rsp_len = 0;
	req_queue(&r[0]);
	req_init(&r[1], d, VQ_EVT);
	r[1].hdr_len = 8;
	r[1].rsp_len = 16;
	req_queue(&r[1]);
	provoke(d);
	scsi_tur(d, VQ_IO);
	expect_none_lost(d, &t);
}

/* R17 */
VRING_TEST(evt_after_clear, "event/leave-ring-alone-after-clear",
	   "change LUNs after CLEAR_ENDPOINT and see the event ring unchanged")
{
	struct req r[4];
	uint16_t used;
	struct vdev *d;
	struct tgt t;
	struct bs b;

	bs_ramdisk(&b, 1 * MIB);
	d = start(&t);
	for (int i = 0; i < 4; i++)
		post(d, &r[i], 16, 0);
	ring_publish(&d->vq[VQ_EVT]);
	ring_kick(&d->vq[VQ_EVT]);
	expect(dev_clear_endpoint(d->fd, t.wwn), 0);
	ring_collect(&d->vq[VQ_EVT]);
	used = d->vq[VQ_EVT].used_idx;
	for (int i = 0; i < 10; i++) {
		expect(lun_link(&t, 1, 1, &b), 0);
		expect(lun_unlink(&t, 1, 1), 0);
	}
	check(d->vq[VQ_EVT].used->idx == used, "the used index moved");
	for (int i = 0; i < 4; i++)
		check(*(uint8_t *)gmem_ptr(&d->mem, r[i].rsp_gpa, 1) ==
				      RSP_POISON ||
			      r[i].done,
		      "buffer %d was written", i);
	step("and attach again");
	expect(dev_ready(d, d->features), 0);
	expect(dev_set_endpoint(d->fd, t.wwn), 0);
	scsi_tur(d, VQ_IO);
	expect(lun_link(&t, 1, 1, &b), 0);
	expect_none_lost(d, &t);
}

VRING_TEST(evt_no_buffers, "event/change-luns-without-buffers",
	   "change LUNs 200 times with no event buffer posted")
{
	struct vdev *d;
	struct tgt t;
	struct bs b;

	bs_ramdisk(&b, 1 * MIB);
	d = start(&t);
	for (int i = 0; i < 100; i++) {
		expect(lun_link(&t, 1, 1, &b), 0);
		expect(lun_unlink(&t, 1, 1), 0);
	}
	scsi_tur(d, VQ_IO);
	expect_none_lost(d, &t);
}

#define POSTED 32

struct changer {
	struct tgt t;
	struct bs b;
	bool stop;
	unsigned int rounds;
};

static void *change_luns(void *arg)
{
	struct changer *c = arg;

	while (!__atomic_load_n(&c->stop, __ATOMIC_RELAXED)) {
		expect(lun_link(&c->t, 1, 1, &c->b), 0);
		expect(lun_unlink(&c->t, 1, 1), 0);
		__atomic_add_fetch(&c->rounds, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

static void let_change(struct changer *c, unsigned int n)
{
	unsigned int from = __atomic_load_n(&c->rounds, __ATOMIC_RELAXED);

	check(wait_until(__atomic_load_n(&c->rounds, __ATOMIC_RELAXED) - from >=
			 n),
	      "the LUNs do not change");
}

/* Nothing of ring and buffers changes while LUNs do. */
static void expect_still(struct vdev *d, struct req *r, struct changer *c)
{
	struct virtio_scsi_event was[POSTED], is;
	struct vq *vq = &d->vq[VQ_EVT];
	uint8_t *ring = malloc(vq->bytes);

	check(ring, "no memory");
	memcpy(ring, vq->desc, vq->bytes);
	for (int i = 0; i < POSTED; i++)
		gmem_get(&d->mem, r[i].rsp_gpa, &was[i], sizeof(was[i]));
	let_change(c, 3);
	check(!memcmp(ring, vq->desc, vq->bytes), "the ring was written");
	for (int i = 0; i < POSTED; i++) {
		gmem_get(&d->mem, r[i].rsp_gpa, &is, sizeof(is));
		check(!memcmp(&was[i], &is, sizeof(is)),
		      "event buffer %d was written", i);
	}
	free(ring);
}

/* R17, F20: events are on their way when the endpoint is cleared. */
VRING_TEST_LIMIT(
	evt_clear_race, "event/write-nothing-after-clear-under-changes",
	"clear the endpoint while LUNs change; ring and buffers stay as they are",
	120)
{
	struct changer c = { .stop = false };
	struct req r[POSTED];
	unsigned int events = 0;
	pthread_t thread;
	struct vdev *d;

	bs_ramdisk(&c.b, 1 * MIB);
	d = start(&c.t);
	for (int i = 0; i < POSTED; i++)
		event_post(&r[i], d);
	check(!pthread_create(&thread, NULL, change_luns, &c), "no thread");
	for (int round = 0; round < 40; round++) {
		step("round %d", round);
		let_change(&c, 1);
		expect(dev_clear_endpoint(d->fd, c.t.wwn), 0);
		expect_still(d, r, &c);
		ring_collect(&d->vq[VQ_EVT]);
		for (int i = 0; i < POSTED; i++) {
			if (!r[i].done)
				continue;
			events++;
			req_again(&r[i]);
			req_send(&r[i]);
		}
		expect(dev_ready(d, d->features), 0);
		expect(dev_set_endpoint(d->fd, c.t.wwn), 0);
	}
	__atomic_store_n(&c.stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	check(events, "no event ever came");
}
