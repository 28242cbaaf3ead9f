// SPDX-License-Identifier: GPL-2.0
/*
 * A backstore's size changes under a guest: one unit attention 2A/09 for each
 * nexus, and a PARAM_CHANGE event for a guest that negotiated F_CHANGE.
 *
 * The peer on 6.12 fails all: it does not offer F_CHANGE, and raises no unit
 * attention. The test of user backstores failed while LIO refused the new size.
 */
#include <stdio.h>
#include "vring.h"

#define PARAM VIRTIO_SCSI_T_PARAM_CHANGE
#define CAPACITY_CHANGED (0x2a | 0x09 << 8)
#define BIG 65536u /* sectors */
#define SMALL 32768u

static void tur(struct vdev *d, struct req *r)
{
	uint8_t cdb[CDB_LEN];

	cdb_tur(cdb);
	req_init(r, d, VQ_IO);
	req_cmd(r, 1, 0, cdb);
	req_run(r);
}

static bool has_attention(struct vdev *d, struct req *r)
{
	tur(d, r);
	return req_has_sense(r, 6, 0x2a) && r->rsp.sense[13] == 9;
}

static void expect_attention(struct vdev *d)
{
	struct req r;

	check(wait_until(has_attention(d, &r)), "no unit attention 2A/09: %s",
	      req_text(&r));
	tur(d, &r);
	req_good(&r);
}

static uint64_t capacity(struct vdev *d)
{
	uint64_t data = gmem_alloc(&d->mem, 32, 16), last;
	uint8_t cdb[CDB_LEN] = { 0x9e, 0x10 };
	struct req r;

	cdb[13] = 32;
	req_init(&r, d, VQ_IO);
	req_cmd(&r, 1, 0, cdb);
	req_in(&r, data, 32);
	req_run(&r);
	req_good(&r);
	gmem_get(&d->mem, data, &last, sizeof(last));
	return __builtin_bswap64(last) + 1;
}

static void link_as_lun(struct tgt *t, const struct bs *b)
{
	tgt_new(t);
	expect(lun_link(t, 1, 0, b), 0);
}

VRING_TEST(cap_iblock, "event/report-a-new-size-of-iblock",
	   "be told by event and unit attention of a block device's new size")
{
	struct vdev *one, *other;
	struct tgt t[2];
	struct req e[3];
	struct dm m;
	struct bs b;

	dm_new(&m, brd_device());
	dm_resize(&m, SMALL);
	bs_iblock(&b, m.node);
	link_as_lun(&t[0], &b);
	link_as_lun(&t[1], &b);
	one = dev_up(t[0].wwn, 1, 64, F_DEFAULT | F_CHANGE);
	other = dev_up(t[1].wwn, 1, 64, F_DEFAULT | F_HOTPLUG);
	for (int i = 0; i < 2; i++)
		event_post(&e[i], one);
	event_post(&e[2], other);
	check(capacity(one) == SMALL, "capacity");
	step("grow");
	dm_resize(&m, BIG);
	event_expect(&e[0], PARAM, 1, 0, CAPACITY_CHANGED);
	expect_attention(one);
	expect_attention(other);
	check(capacity(one) == BIG && capacity(other) == BIG, "capacity");
	step("shrink");
	dm_resize(&m, SMALL);
	event_expect(&e[1], PARAM, 1, 0, CAPACITY_CHANGED);
	expect_attention(one);
	expect_attention(other);
	step("not negotiated");
	expect(dev_clear_endpoint(other->fd, t[1].wwn), 0);
	check(!ring_collect(&other->vq[VQ_EVT]), "an event without F_CHANGE");
}

VRING_TEST(cap_fileio, "event/report-a-new-size-of-fileio",
	   "be told of the new size of a block device under a file backstore")
{
	struct vdev *d;
	struct tgt t;
	struct dm m;
	struct bs b;

	dm_new(&m, brd_device());
	dm_resize(&m, SMALL);
	bs_fileio_on(&b, m.node);
	link_as_lun(&t, &b);
	d = dev_up(t.wwn, 1, 64, F_DEFAULT);
	tur(d, &(struct req){ 0 });
	dm_resize(&m, BIG);
	expect_attention(d);
	check(capacity(d) == BIG, "capacity");
}

VRING_TEST(cap_user, "event/report-a-new-size-of-user",
	   "be told of the new size of a backstore that is a process")
{
	struct vdev *d;
	struct req e, r;
	struct tgt t;
	struct bs b;

	bs_user(&b, 1 * MIB);
	link_as_lun(&t, &b);
	d = dev_up(t.wwn, 1, 64, F_DEFAULT | F_CHANGE);
	event_post(&e, d);
	expect(bs_attrib(&b, "dev_size", "2097152"), 0);
	event_expect(&e, PARAM, 1, 0, CAPACITY_CHANGED);
	/* There is no handler: this is answered by us, or not at all. */
	check(has_attention(d, &r), "no unit attention: %s", req_text(&r));
}

/* A VM is paused, its disk grown, the VM goes on. */
VRING_TEST(cap_paused, "event/report-a-new-size-after-a-pause",
	   "be told of a size that changed while the endpoint was cleared")
{
	struct vdev *d;
	struct req e;
	struct tgt t;
	struct dm m;
	struct bs b;

	dm_new(&m, brd_device());
	dm_resize(&m, SMALL);
	bs_iblock(&b, m.node);
	link_as_lun(&t, &b);
	d = dev_up(t.wwn, 1, 64, F_DEFAULT | F_CHANGE);
	scsi_tur(d, VQ_IO);
	event_post(&e, d);
	expect(dev_clear_endpoint(d->fd, t.wwn), 0);
	dm_resize(&m, BIG);
	expect(dev_ready(d, d->features), 0);
	expect(dev_set_endpoint(d->fd, t.wwn), 0);
	event_expect(&e, PARAM, 1, 0, CAPACITY_CHANGED);
	expect_attention(d);
	step("another LUN at the same place");
	expect(lun_unlink(&t, 1, 0), 0);
	dm_resize(&m, SMALL);
	expect(lun_link(&t, 1, 0, &b), 0);
	event_post(&e, d);
	dm_resize(&m, BIG);
	event_expect(&e, PARAM, 1, 0, CAPACITY_CHANGED);
}
