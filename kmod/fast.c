// SPDX-License-Identifier: GPL-2.0
/*
 * The short way from the ring to a request, for the usual one: READ or WRITE of whole blocks
 * that lie in one page, in an indirect table of header, response and data, as Linux and
 * Windows make it, of a disk that has nothing to report.
 *
 * It does what the long way does (ring.c, request.c, screen.c, data.c), each check of which
 * holds by what is asked for here, or is made. Whatever is not as asked for, or not there, is
 * left to the long way, which begins anew: until the page is pinned nothing has been done,
 * and behind that nothing fails. What was read from the guest's memory is not read again by
 * the short way, and is of no consequence to the long one.
 *
 * Belongs to the queue's run, under the queue's mutex, in the owner's address space. Some
 * 570 instructions instead of 1,030 (docs/performance.md).
 */
#include <linux/blk_types.h>
#include <linux/log2.h>
#include <linux/unaligned.h>
#include <scsi/scsi_proto.h>
#include <target/target_core_backend.h>

#include "vhost_scsi.h"
#include "guest.h"
#include "pin.h"
#include "ring.h"
#include "screen.h"
#include "trace.h"

/* A descriptor's second word, as a little-endian one is loaded: len, flags, next. */
#define DESC(len, flags, next) \
	((u64)(len) | (u64)(flags) << 32 | (u64)(next) << 48)
#define DESC_FLAGS(word)	((u16)((word) >> 32))
#define TABLE_SIZE		(3 * sizeof(struct vring_desc))

/* A descriptor as it is loaded: the address, and the rest. */
struct desc_words {
	u64 addr;
	u64 rest;
};

/**
 * struct usual - what is read from guest memory
 * @write: the guest writes
 * @attr: task attribute
 * @len: bytes of data
 * @lun: the LUN field, in the order of memory
 * @tag: the tag
 * @resp: address of the response
 * @data: address of the data
 *
 * Kept in registers, so it has no address. The CDB goes where the request wants it; a slot that
 * is not busy may be written to.
 */
struct usual {
	bool write;
	u8 attr;
	u32 len;
	u64 lun;
	u64 tag;
	u64 resp;
	u64 data;
};

/* Response, of its exact size, and data, or the reverse: false if they are not. */
static __always_inline bool sort_descs(struct desc_words desc1,
				       struct desc_words desc2,
				       struct usual *usual)
{
	usual->write = desc1.rest !=
		       DESC(VSCSI_RESP_SIZE,
			    VRING_DESC_F_NEXT | VRING_DESC_F_WRITE, 2);
	if (!usual->write) {
		usual->resp = desc1.addr;
		usual->data = desc2.addr;
		usual->len = desc2.rest;
		return DESC_FLAGS(desc2.rest) == VRING_DESC_F_WRITE;
	}
	usual->data = desc1.addr;
	usual->len = desc1.rest;
	usual->resp = desc2.addr;
	return desc1.rest >> 32 == DESC(0, VRING_DESC_F_NEXT, 2) >> 32 &&
	       (desc2.rest & DESC(U32_MAX, U16_MAX, 0)) ==
	       DESC(VSCSI_RESP_SIZE, VRING_DESC_F_WRITE, 0);
}

/* Read all that there is to read. Regions that are near were found to be user memory. */
static __always_inline bool load(struct vscsi_vq *vq, unsigned int head,
				 struct usual *usual, u64 *cdb)
{
	const u64 __user *ring = (u64 __user *)(vq->vhost.desc + head);
	const u64 __user *table, *hdr;
	struct desc_words desc0, desc1, desc2;
	u64 addr, word;

	if (unlikely(!user_read_access_begin(ring, sizeof(*vq->vhost.desc))))
		return false;
	unsafe_get_user(word, ring + 1, fault);
	if ((word & DESC(U32_MAX, U16_MAX, 0)) !=
	    DESC(TABLE_SIZE, VRING_DESC_F_INDIRECT, 0))
		goto fault;
	unsafe_get_user(addr, ring, fault);
	table = vscsi_guest_near_open(vq, addr, TABLE_SIZE);
	if (unlikely(!table))
		goto fault;
	unsafe_get_user(desc0.addr, table, fault);
	unsafe_get_user(desc0.rest, table + 1, fault);
	unsafe_get_user(desc1.addr, table + 2, fault);
	unsafe_get_user(desc1.rest, table + 3, fault);
	unsafe_get_user(desc2.addr, table + 4, fault);
	unsafe_get_user(desc2.rest, table + 5, fault);
	if (unlikely(desc0.rest != DESC(VSCSI_HDR_SIZE, VRING_DESC_F_NEXT, 1) ||
		     !sort_descs(desc1, desc2, usual)))
		goto fault;
	hdr = vscsi_guest_near_open(vq, desc0.addr, VSCSI_HDR_SIZE);
	if (unlikely(!hdr))
		goto fault;
	unsafe_get_user(usual->lun, hdr, fault);
	unsafe_get_user(usual->tag, hdr + 1, fault);
	unsafe_get_user(usual->attr, (u8 __user *)(hdr + 2), fault);
	hdr = (const u64 __user *)((const u8 __user *)hdr +
				   VSCSI_HDR_SIZE - VSCSI_CDB_SIZE);
	unsafe_get_user(cdb[0], hdr, fault);
	unsafe_get_user(cdb[1], hdr + 1, fault);
	unsafe_get_user(cdb[2], hdr + 2, fault);
	unsafe_get_user(cdb[3], hdr + 3, fault);
	user_read_access_end();
	return true;
fault:
	user_read_access_end();
	return false;
}

/*
 * Which blocks? False if that is not asked for in the usual way: without DPO, FUA and
 * protection. Of the CDB's words the first byte is the lowest.
 */
static __always_inline bool which_blocks(const u64 *cdb, bool write, u64 *lba,
					 u32 *blocks)
{
	u16 opcode = cdb[0];

	if (likely(opcode == (write ? WRITE_10 : READ_10))) {
		*lba = swab32(cdb[0] >> 16);
		*blocks = (cdb[0] >> 56) << 8 | (u8)cdb[1];
	} else if (opcode == (write ? WRITE_16 : READ_16)) {
		*lba = swab64(cdb[0] >> 16 | cdb[1] << 48);
		*blocks = swab32(cdb[1] >> 16);
	} else {
		return false;
	}
	return true;
}

/*
 * May LIO see the command (screen.c)? It does if the disk has these blocks, and takes a page
 * at once.
 */
static __always_inline bool is_taken(struct se_device *dev,
				     const struct usual *usual, const u64 *cdb)
{
	u32 block_size = dev->dev_attrib.block_size, blocks;
	u64 lba, end;

	if (!which_blocks(cdb, usual->write, &lba, &blocks) ||
	    (dev->transport_flags & TRANSPORT_FLAG_PASSTHROUGH) ||
	    dev->transport->get_device_type(dev) != TYPE_DISK ||
	    !blocks || (u64)blocks * block_size != usual->len ||
	    (u64)dev->dev_attrib.hw_max_sectors * block_size < PAGE_SIZE ||
	    !is_power_of_2(block_size) || block_size < SECTOR_SIZE)
		return false;
	end = dev->transport->get_blocks(dev) + 1;
	return lba < end && blocks <= end - lba;
}

/* The LUN, if there is one, and it takes the command. */
static __always_inline bool screen(struct vscsi_tpg *tpg, u16 lun,
				   const struct usual *usual, const u64 *cdb,
				   u32 *align, bool *quick)
{
	struct se_lun *se_lun;
	struct se_device *dev;
	bool read_only, ok = false;

	rcu_read_lock_sched();
	se_lun = vscsi_find_lun(tpg, lun, &read_only);
	if (likely(se_lun && !(read_only && usual->write))) {
		dev = rcu_dereference_sched(se_lun->lun_se_dev);
		ok = is_taken(dev, usual, cdb);
		*align = dev->dev_attrib.block_size;
		*quick = vscsi_is_ramdisk(dev);
	}
	rcu_read_unlock_sched();
	return ok;
}

/* Take the slot. Nothing fails any more. */
static __always_inline void fill(struct vscsi_vq *vq, struct vscsi_req *req,
				 const struct usual *usual)
{
	struct vscsi_seg *segs = req->inline_segs;

	memset(&req->se_cmd, 0, sizeof(req->se_cmd));
	req->se_cmd.tag = usual->tag;
	req->id = vscsi_next_id(vq);
	req->busy = true;
	req->answered = false;
	req->aborted = 0;
	req->barrier = vq->barrier_done;
	req->attr = TCM_SIMPLE_TAG;
	req->dir = usual->write ? DMA_TO_DEVICE : DMA_FROM_DEVICE;
	req->len = usual->len;
	req->mapped = usual->len;
	req->prot_len = 0;
	req->prot = NULL;
	req->conflict.listed = false;
	req->segs = segs;
	segs[0] = (struct vscsi_seg) { usual->resp, VSCSI_RESP_SIZE };
	segs[1] = (struct vscsi_seg) { usual->data, usual->len };
	req->nsegs = usual->write ? 1 : 2;
	trace_vscsi_ref(req, true);
}

/* For traces there is the long way; it also knows the longer header. */
static bool may_be_usual(const struct vscsi_vq *vq)
{
	return !IS_ENABLED(CONFIG_CPU_BIG_ENDIAN) &&
	       vhost_is_little_endian(&vq->vhost) &&
	       !vhost_has_feature(&vq->vhost, VIRTIO_SCSI_F_T10_PI) &&
	       !trace_vscsi_fetch_enabled() && !trace_vscsi_parse_enabled() &&
	       !trace_vscsi_map_enabled();
}

/**
 * vscsi_fast_start() - make a request of the next chain, if it is a usual one
 * @vq: a live request queue
 *
 * Context: owner's address space, may sleep. Locking: caller holds the vq mutex.
 * Ownership: the request is the run's, to be submitted once the mutex is dropped.
 * Return: true if so; else nothing was done.
 */
bool vscsi_fast_start(struct vscsi_vq *vq)
{
	const struct vscsi_endpoint *ep = vhost_vq_get_backend(&vq->vhost);
	struct vscsi_addr addr;
	struct usual usual;
	struct vscsi_req *req;
	struct vscsi_tpg *tpg;
	const char *why;
	u32 align;
	u64 *cdb;
	u16 head;

	lockdep_assert_held(&vq->vhost.mutex);
	if (unlikely(!may_be_usual(vq)))
		return false;
	/* What is wrong with the ring is the long way's to say. */
	if (unlikely(vscsi_ring_head(vq, &head, &why) <= 0 ||
		     vq->inflight >= vq->vhost.num))
		return false;
	req = &vq->reqs[head];
	cdb = (u64 *)req->cdb;
	if (unlikely(req->busy || !load(vq, head, &usual, cdb)))
		return false;
	if (unlikely(usual.attr > VIRTIO_SCSI_S_ORDERED ||
		     usual.resp + VSCSI_RESP_SIZE < usual.resp ||
		     vscsi_decode_addr(swab64(usual.lun), &addr)))
		return false;
	tpg = vscsi_endpoint_tpg(ep, addr.target);
	if (unlikely(!tpg || vscsi_has_attentions(tpg) ||
		     !screen(tpg, addr.lun, &usual, cdb, &align, &req->quick)))
		return false;
	if (unlikely(!vscsi_map_page(vq, &req->data, usual.data, usual.len,
				     !usual.write, align)))
		return false;
	req->tpg = tpg;
	req->lun = addr.lun;
	fill(vq, req, &usual);
	vscsi_fetched(vq);
	vscsi_batch_add(vq, req);
	return true;
}
