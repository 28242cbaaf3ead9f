// SPDX-License-Identifier: GPL-2.0
/*
 * What happens to the rings when an endpoint is set and cleared.
 *
 * The peer on 6.12: serve-ring-kicked-before-set and
 * serve-rest-of-ring-after-set-again (R33, A04) get no answer, and
 * leave-stale-rings-alone (R42) finds used->flags written; the others pass.
 */
#include "vring.h"

/*
 * R33. The kick is let through to a device without an endpoint, and the ioctl
 * after it makes sure that the device has seen it.
 */
VRING_TEST(ep_early_kick, "endpoint/serve-ring-kicked-before-set",
	   "be answered what was in a ring and kicked before SET_ENDPOINT")
{
	uint8_t cdb[CDB_LEN];
	struct vdev *d;
	struct req r;
	struct tgt t;

	tgt_with_ramdisk(&t, 4 * MIB);
	d = dev_open(1);
	dev_rings(d, 16);
	expect(dev_ready(d, F_DEFAULT), 0);
	cdb_inquiry(cdb, -1, 36);
	req_init(&r, d, VQ_IO);
	req_cmd(&r, 1, 0, cdb);
	req_in(&r, gmem_alloc(&d->mem, 64, 64), 36);
	req_send(&r);
	expect(gmem_set_table(&d->mem, d->fd), 0);
	efd_drain(d->vq[VQ_IO].kick);
	check(!ring_collect(&d->vq[VQ_IO]), "served without an endpoint");
	step("wait for the answer");
	expect(dev_set_endpoint(d->fd, t.wwn), 0);
	req_wait(&r);
	req_good(&r);
}

static void set_features_and_memory(struct vdev *d)
{
	expect(dev_features(d->fd, F_DEFAULT), 0);
	expect(gmem_set_table(&d->mem, d->fd), 0);
}

/*
 * R42. Firmware sets up queue 2 only, and QEMU tells nothing about the queues
 * of the operating system that ran before: their memory is somebody else's.
 */
VRING_TEST(
	ep_stale, "endpoint/leave-stale-rings-alone",
	"see rings that were not addressed again stay byte for byte the same")
{
	struct vdev *d;
	struct tgt t;

	tgt_with_ramdisk(&t, 4 * MIB);
	d = dev_up(t.wwn, 3, 16, F_DEFAULT);
	for (unsigned int i = VQ_IO; i < d->nvqs; i++)
		scsi_tur(d, i);
	expect(dev_clear_endpoint(d->fd, t.wwn), 0);

	for (unsigned int i = 0; i < d->nvqs; i++)
		if (i != VQ_IO)
			memset(d->vq[i].desc, 0xa5, d->vq[i].bytes);
	set_features_and_memory(d);
	expect(dev_vq_start(&d->vq[VQ_IO]), 0);
	expect(dev_set_endpoint(d->fd, t.wwn), 0);
	for (unsigned int i = 0; i < d->nvqs; i++)
		if (i != VQ_IO)
			ring_kick(&d->vq[i]);
	scsi_tur(d, VQ_IO);
	scsi_write_pattern(d, VQ_IO, 0, 4096, 1);
	expect(dev_clear_endpoint(d->fd, t.wwn), 0);

	for (unsigned int i = 0; i < d->nvqs; i++) {
		uint8_t *p = (uint8_t *)d->vq[i].desc;

		for (size_t k = 0; i != VQ_IO && k < d->vq[i].bytes; k++)
			check(p[k] == 0xa5, "queue %u: byte %zu is %02x", i, k,
			      p[k]);
	}
}

VRING_TEST(ep_keep_rings, "endpoint/keep-rings-over-clear-and-set",
	   "go on with all rings when none was addressed between CLEAR and SET")
{
	struct vdev *d;
	struct tgt t;

	tgt_with_ramdisk(&t, 4 * MIB);
	d = dev_up(t.wwn, 3, 16, F_DEFAULT);
	for (int round = 0; round < 5; round++) {
		step("round %d", round);
		for (unsigned int i = VQ_IO; i < d->nvqs; i++)
			scsi_tur(d, i);
		expect(dev_clear_endpoint(d->fd, t.wwn), 0);
		expect(dev_set_endpoint(d->fd, t.wwn), 0);
	}
}

#define BURST 8

/*
 * R20. After CLEAR_ENDPOINT whatever the device took from a ring is answered,
 * and what it did not take is served after the next SET_ENDPOINT.
 */
static void clear_with_burst(struct vdev *d, const struct tgt *t, struct req *r,
			     bool kick_again)
{
	struct vq *vq = &d->vq[VQ_IO];
	int base;

	for (int i = 0; i < BURST; i++) {
		req_again(&r[i]);
		req_queue(&r[i]);
	}
	ring_publish(vq);
	ring_kick(vq);
	expect(dev_clear_endpoint(d->fd, t->wwn), 0);
	ring_collect(vq);
	base = dev_vring_base(d->fd, VQ_IO);
	check(base == vq->used_idx, "%d requests taken, %u answered", base,
	      vq->used_idx);
	expect(dev_ready(d, F_DEFAULT), 0);
	expect(dev_set_endpoint(d->fd, t->wwn), 0);
	if (kick_again)
		ring_kick(vq);
	for (int i = 0; i < BURST; i++) {
		req_wait(&r[i]);
		req_good(&r[i]);
	}
}

static void clear_loop(int rounds, bool kick_again)
{
	uint64_t end = now_ms() + 30000;
	struct req r[BURST];
	struct vdev *d;
	struct tgt t;

	tgt_with_ramdisk(&t, 4 * MIB);
	d = dev_up(t.wwn, 1, 64, F_DEFAULT);
	scsi_tur(d, VQ_IO);
	for (int i = 0; i < BURST; i++)
		scsi_rw_prep(&r[i], d, VQ_IO, i & 1, i * 8,
			     gmem_alloc(&d->mem, 4096, 4096), 4096);
	/* A slow machine need not do them all. */
	for (int i = 0; i < rounds && (i < 100 || now_ms() < end); i++) {
		step("round %d", i);
		clear_with_burst(d, &t, r, kick_again);
	}
}

VRING_TEST_LIMIT(ep_loop, "endpoint/clear-and-set-during-io",
		 "clear and set an endpoint up to a thousand times during I/O",
		 240)
{
	clear_loop(1000, true);
}

VRING_TEST_LIMIT(ep_loop_rest, "endpoint/serve-rest-of-ring-after-set-again",
		 "clear and set an endpoint under I/O, with no kick after it",
		 120)
{
	clear_loop(100, false);
}
