// SPDX-License-Identifier: GPL-2.0
/*
 * Parse requests, encode responses and events. Pure: called in any context,
 * without locks, on copies of what the guest wrote. See wire.h.
 */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/string.h>
#include <linux/unaligned.h>

#include "wire.h"

/* As vscsi_store32(). */
static void store16(u16 val, u8 *p, bool le)
{
	if (le)
		put_unaligned_le16(val, p);
	else
		put_unaligned_be16(val, p);
}

/**
 * vscsi_parse_ctl_type() - kind of a control request
 * @buf: its first four bytes
 * @le: byte order
 *
 * Return: VIRTIO_SCSI_T_... if the guest keeps to the specification.
 */
u32 vscsi_parse_ctl_type(const u8 *buf, bool le)
{
	return vscsi_load32(buf, le);
}

/**
 * vscsi_parse_tmf() - decode a task management request
 * @buf: VSCSI_TMF_SIZE bytes
 * @le: byte order
 * @hdr: where to put the result
 *
 * Return: 0, or -ENXIO if it is addressed to no target.
 */
int vscsi_parse_tmf(const u8 *buf, bool le, struct vscsi_tmf_hdr *hdr)
{
	hdr->subtype = vscsi_load32(buf + 4, le);
	hdr->tag = vscsi_load64(buf + 16, le);
	return vscsi_parse_addr(buf + 8, &hdr->addr);
}

/**
 * vscsi_parse_rw() - what a read or write CDB asks for
 * @cdb: VSCSI_CDB_SIZE bytes
 * @rw: where to put the result
 *
 * Return: false if it is neither READ nor WRITE (nor WRITE AND VERIFY) of
 * 6, 10, 12 or 16 bytes.
 */
bool vscsi_parse_rw(const u8 *cdb, struct vscsi_rw *rw)
{
	rw->flags = cdb[1];
	switch (cdb[0]) {
	case 0x08:
	case 0x0a:
		rw->lba = get_unaligned_be24(cdb + 1) & 0x1fffff;
		rw->blocks = cdb[4] ? cdb[4] : 256;
		rw->write = cdb[0] == 0x0a;
		rw->flags = 0;
		return true;
	case 0x28:
	case 0x2a:
	case 0x2e:
		rw->lba = get_unaligned_be32(cdb + 2);
		rw->blocks = get_unaligned_be16(cdb + 7);
		rw->write = cdb[0] != 0x28;
		return true;
	case 0xa8:
	case 0xaa:
		rw->lba = get_unaligned_be32(cdb + 2);
		rw->blocks = get_unaligned_be32(cdb + 6);
		rw->write = cdb[0] == 0xaa;
		return true;
	case 0x88:
	case 0x8a:
	case 0x8e:
		rw->lba = get_unaligned_be64(cdb + 2);
		rw->blocks = get_unaligned_be32(cdb + 10);
		rw->write = cdb[0] != 0x88;
		return true;
	default:
		return false;
	}
}

/* Where a CDB says how much data it returns or brings (SPC-4). */
static const struct alloc_len {
	u8 opcode;
	u8 offset;
	u8 size;
	bool out;
} alloc_lens[] = {
	{ 0x03, 4, 1, false },		/* REQUEST SENSE */
	{ 0x12, 3, 2, false },		/* INQUIRY */
	{ 0x15, 4, 1, true },		/* MODE SELECT(6) */
	{ 0x1a, 4, 1, false },		/* MODE SENSE(6) */
	{ 0x42, 7, 2, true },		/* UNMAP */
	{ 0x55, 7, 2, true },		/* MODE SELECT(10) */
	{ 0x56, 7, 2, true },		/* RESERVE(10) */
	{ 0x57, 7, 2, true },		/* RELEASE(10) */
	{ 0x5a, 7, 2, false },		/* MODE SENSE(10) */
	{ 0x5e, 7, 2, false },		/* PERSISTENT RESERVE IN */
	{ 0x5f, 5, 4, true },		/* PERSISTENT RESERVE OUT */
	{ 0x83, 10, 4, true },		/* EXTENDED COPY */
	{ 0x84, 10, 4, false },		/* RECEIVE COPY RESULTS */
	{ 0x9e, 10, 4, false },		/* SERVICE ACTION IN(16) */
	{ 0xa0, 6, 4, false },		/* REPORT LUNS */
	{ 0xa3, 6, 4, false },		/* MAINTENANCE IN */
	{ 0xa4, 6, 4, true },		/* MAINTENANCE OUT */
};

/**
 * vscsi_cdb_limit() - have a CDB ask for no more than there is room for
 * @cdb: VSCSI_CDB_SIZE bytes; an allocation length above @len becomes @len
 * @len: bytes that the buffers hold; becomes less if the CDB brings less data
 *
 * Return: false if it is to bring more data than @len, which cannot be cut.
 */
bool vscsi_cdb_limit(u8 *cdb, u32 *len)
{
	const struct alloc_len *al;
	u32 val = 0, cut = *len;
	int i;

	for (al = alloc_lens; al < alloc_lens + ARRAY_SIZE(alloc_lens); al++)
		if (al->opcode == cdb[0])
			break;
	if (al == alloc_lens + ARRAY_SIZE(alloc_lens))
		return true;
	for (i = 0; i < al->size; i++)
		val = val << 8 | cdb[al->offset + i];
	if (al->out) {
		*len = val < cut ? val : cut;
		return val <= cut;
	}
	for (i = al->size - 1; val > *len && i >= 0; i--, cut >>= 8)
		cdb[al->offset + i] = cut;
	return true;
}

/**
 * vscsi_encode_resp() - write the answer to a command
 * @resp: the answer
 * @le: byte order
 * @buf: VSCSI_RESP_SIZE bytes, every one of them written
 */
void vscsi_encode_resp(const struct vscsi_resp *resp, bool le, u8 *buf)
{
	u32 sense_len = resp->sense_len;

	if (sense_len > VSCSI_SENSE_SIZE)
		sense_len = VSCSI_SENSE_SIZE;
	vscsi_store32(sense_len, buf, le);
	vscsi_store32(resp->resid, buf + 4, le);
	store16(resp->qualifier, buf + 8, le);
	buf[10] = resp->status;
	buf[11] = resp->response;
	if (sense_len)
		memcpy(buf + 12, resp->sense, sense_len);
	memset(buf + 12 + sense_len, 0, VSCSI_SENSE_SIZE - sense_len);
}

/**
 * vscsi_encode_event() - write an event (5.6.6.3)
 * @event: VIRTIO_SCSI_T_..., with VIRTIO_SCSI_T_EVENTS_MISSED or without
 * @target: target number
 * @lun: single level LUN
 * @reason: of the event
 * @le: byte order
 * @buf: VSCSI_EVENT_SIZE bytes, every one of them written
 *
 * The LUN field is zero for an event that is about no LUN.
 */
void vscsi_encode_event(u32 event, u8 target, u16 lun, u32 reason, bool le,
			u8 *buf)
{
	memset(buf, 0, VSCSI_EVENT_SIZE);
	vscsi_store32(event, buf, le);
	if (event & ~(u32)VIRTIO_SCSI_T_EVENTS_MISSED) {
		buf[4] = 1;
		buf[5] = target;
		put_unaligned_be16(lun < 256 ? lun : lun | 0x4000, buf + 6);
	}
	vscsi_store32(reason, buf + 12, le);
}

/**
 * vscsi_encode_sense() - write fixed format sense data (SPC-4, 4.5.3)
 * @key: sense key
 * @asc: additional sense code
 * @ascq: its qualifier
 * @buf: VSCSI_SENSE_SIZE bytes, every one of them written
 */
void vscsi_encode_sense(u8 key, u8 asc, u8 ascq, u8 *buf)
{
	memset(buf, 0, VSCSI_SENSE_SIZE);
	buf[0] = 0x70;
	buf[2] = key;
	buf[7] = 10;
	buf[12] = asc;
	buf[13] = ascq;
}
