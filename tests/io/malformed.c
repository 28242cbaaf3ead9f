// SPDX-License-Identifier: GPL-2.0
/*
 * R37: a chain that breaks the rules stops its own queue, which is said by the
 * error eventfd; other queues go on, and a reset brings the queue back.
 *
 * The peer on 6.12 passes.
 */
#include "vring.h"

enum fault {
	LOOP,
	OUT_AFTER_IN,
	BAD_HEAD,
	BAD_NEXT,
	NESTED_TABLE,
	ODD_TABLE,
	TABLE_LOOP,
	INDEX_JUMP,
	TABLE_IN_HOLE,
};

static void spoil(struct vq *vq, struct req *r, enum fault fault)
{
	struct vring_desc *d = &vq->desc[r->head], *t = NULL;

	if (r->direct == 0)
		t = gmem_ptr(&vq->dev->mem, d->addr, d->len);
	switch (fault) {
	case LOOP:
		for (; d->flags & VRING_DESC_F_NEXT; d = &vq->desc[d->next])
			;
		d->flags |= VRING_DESC_F_NEXT;
		d->next = r->head;
		break;
	case OUT_AFTER_IN:
		for (; d->flags & VRING_DESC_F_NEXT; d = &vq->desc[d->next])
			;
		d->flags &= ~VRING_DESC_F_WRITE;
		break;
	case BAD_HEAD:
		vq->avail->ring[(uint16_t)(vq->avail_idx - 1) % vq->num] =
			vq->num + 5;
		break;
	case BAD_NEXT:
		d->next = vq->num + 3;
		break;
	case NESTED_TABLE:
		t[0].flags |= VRING_DESC_F_INDIRECT;
		break;
	case ODD_TABLE:
		d->len -= 3;
		break;
	case TABLE_LOOP:
		t[d->len / sizeof(*t) - 1].flags |= VRING_DESC_F_NEXT;
		t[d->len / sizeof(*t) - 1].next = 0;
		break;
	case INDEX_JUMP:
		vq->avail_idx += vq->num + 1;
		break;
	case TABLE_IN_HOLE:
		d->addr = HOLE_GPA + MIB;
		break;
	}
}

static void break_and_recover(enum fault fault, bool table)
{
	uint8_t cdb[CDB_LEN];
	struct vdev *d;
	struct vq *vq;
	struct req r;
	struct tgt t;

	tgt_with_ramdisk(&t, 1 * MIB);
	d = dev_up(t.wwn, 2, 16, F_DEFAULT);
	vq = &d->vq[VQ_IO];
	scsi_tur(d, VQ_IO);
	step("send it");
	cdb_inquiry(cdb, -1, 36);
	req_init(&r, d, VQ_IO);
	req_cmd(&r, 1, 0, cdb);
	req_in(&r, gmem_alloc(&d->mem, 36, 64), 36);
	r.direct = table ? 0 : ALL_DIRECT;
	req_queue(&r);
	spoil(vq, &r, fault);
	ring_publish(vq);
	ring_kick(vq);
	step("wait for the error eventfd");
	check(efd_wait(vq->err, deadline_in(WAIT_MS)), "no error is signalled");
	step("use the other queue");
	scsi_write_pattern(d, VQ_IO + 1, 0, 4096, 1);
	scsi_check_pattern(d, VQ_IO + 1, 0, 4096, 1);
	check(vq->used->idx == vq->used_idx, "the bad chain is answered");
	step("reset and use it again");
	expect(dev_clear_endpoint(d->fd, t.wwn), 0);
	ring_collect(&d->vq[VQ_IO + 1]);
	ring_reset(vq);
	expect(dev_ready(d, F_DEFAULT), 0);
	expect(dev_set_endpoint(d->fd, t.wwn), 0);
	scsi_tur(d, VQ_IO);
	scsi_tur(d, VQ_IO + 1);
}

#define MALFORMED(ident, name, what, fault, table)             \
	VRING_TEST(ident, "io/stop-queue-at-" name,            \
		   "see only the queue stop that holds " what) \
	{                                                      \
		break_and_recover(fault, table);               \
	}

MALFORMED(io_bad_loop, "descriptor-loop", "a loop of descriptors", LOOP, false)
MALFORMED(io_bad_order, "out-after-in",
	  "a readable after a writable descriptor", OUT_AFTER_IN, false)
MALFORMED(io_bad_head, "bad-head", "a head beyond its size", BAD_HEAD, false)
MALFORMED(io_bad_next, "bad-next", "a link beyond its size", BAD_NEXT, false)
MALFORMED(io_bad_nested, "nested-table", "a table within a table", NESTED_TABLE,
	  true)
MALFORMED(io_bad_odd, "odd-table-size", "a table of odd size", ODD_TABLE, true)
MALFORMED(io_bad_tloop, "table-loop", "a loop in a table", TABLE_LOOP, true)
MALFORMED(io_bad_jump, "index-jump", "an impossible available index",
	  INDEX_JUMP, false)
MALFORMED(io_bad_thole, "table-in-hole", "a table in a hole of memory",
	  TABLE_IN_HOLE, true)

/* The descriptors of a request belong to the device until it is answered. */
VRING_TEST(io_bad_again, "io/stop-queue-at-head-in-flight",
	   "see only the queue stop that offers a head that is in flight")
{
	struct vdev *d;
	struct vq *vq;
	struct req r;
	struct tgt t;
	struct dm m;
	struct bs b;

	tgt_with_dm(&t, &m);
	bs_ramdisk(&b, 1 * MIB);
	expect(lun_link(&t, 1, 1, &b), 0);
	d = dev_up(t.wwn, 2, 16, F_DEFAULT);
	vq = &d->vq[VQ_IO];
	scsi_tur(d, VQ_IO);
	dm_suspend(&m);
	scsi_rw_prep(&r, d, VQ_IO, false, 0, gmem_alloc(&d->mem, 4096, 4096),
		     4096);
	req_send(&r);
	ring_offer(vq, r.head);
	ring_publish(vq);
	ring_kick(vq);
	step("wait for the error eventfd");
	check(efd_wait(vq->err, deadline_in(WAIT_MS)), "no error is signalled");
	dm_resume(&m);
	step("use the other queue");
	scsi_tur(d, VQ_IO + 1);
	expect(dev_clear_endpoint(d->fd, t.wwn), 0);
	ring_reset(vq);
	expect(dev_ready(d, F_DEFAULT), 0);
	expect(dev_set_endpoint(d->fd, t.wwn), 0);
	scsi_tur(d, VQ_IO);
}
