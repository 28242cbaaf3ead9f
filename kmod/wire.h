/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The virtio-scsi protocol between bytes in guest memory and C values: pure
 * functions, no locks, no allocation, no guest memory. This is what a hostile
 * guest talks to, so it also builds as a user program (tests/unit). What each
 * command needs is inline.
 *
 * References are to the virtio specification 1.2, section 5.6.6.
 */
#ifndef VSCSI_WIRE_H
#define VSCSI_WIRE_H

#include <linux/errno.h>
#include <linux/types.h>
#include <linux/unaligned.h>
#include <linux/virtio_scsi.h>

enum {
	VSCSI_CDB_SIZE = 32,		/* cdb_size of the config space */
	VSCSI_SENSE_SIZE = 96,		/* sense_size of the config space */
	VSCSI_RESP_SIZE = 108,		/* struct virtio_scsi_cmd_resp */
	VSCSI_HDR_SIZE = 51,		/* struct virtio_scsi_cmd_req */
	VSCSI_HDR_PI_SIZE = 59,		/* struct virtio_scsi_cmd_req_pi */
	VSCSI_TMF_SIZE = 24,		/* struct virtio_scsi_ctrl_tmf_req */
	VSCSI_AN_SIZE = 16,		/* struct virtio_scsi_ctrl_an_req */
	VSCSI_AN_RESP_SIZE = 5,		/* struct virtio_scsi_ctrl_an_resp */
	VSCSI_EVENT_SIZE = 16,		/* struct virtio_scsi_event */
	VSCSI_FIXED_SENSE_LEN = 18,	/* of vscsi_encode_sense() */
	VSCSI_NO_LUN = 0xffff,		/* an address that names no LUN */
};

/**
 * struct vscsi_addr - an 8 byte LUN field, decoded
 * @target: target number, lun[1]
 * @lun: single level LUN, or VSCSI_NO_LUN
 */
struct vscsi_addr {
	u8 target;
	u16 lun;
};

/**
 * struct vscsi_cmd_hdr - a command request, decoded
 * @addr: where to
 * @tag: the driver's name for it
 * @attr: task attribute, VIRTIO_SCSI_S_SIMPLE and so on
 * @pi_out: bytes of protection information before the data sent
 * @pi_in: bytes of protection information before the data received
 * @cdb: the CDB, VSCSI_CDB_SIZE bytes of what was parsed
 */
struct vscsi_cmd_hdr {
	struct vscsi_addr addr;
	u64 tag;
	u8 attr;
	u32 pi_out;
	u32 pi_in;
	const u8 *cdb;
};

/**
 * struct vscsi_tmf_hdr - a task management request, decoded
 * @addr: where to
 * @subtype: VIRTIO_SCSI_T_TMF_...
 * @tag: of the command it is about
 */
struct vscsi_tmf_hdr {
	struct vscsi_addr addr;
	u32 subtype;
	u64 tag;
};

/**
 * struct vscsi_rw - what a read or write CDB asks for
 * @lba: first block
 * @blocks: how many
 * @write: data goes to the medium
 * @flags: the byte with protect, DPO and FUA bits; 0 for 6 byte CDBs
 */
struct vscsi_rw {
	u64 lba;
	u32 blocks;
	bool write;
	u8 flags;
};

/**
 * struct vscsi_resp - the answer to a command, before encoding
 * @response: VIRTIO_SCSI_S_...
 * @status: SAM status
 * @qualifier: status qualifier
 * @resid: bytes of data not moved
 * @sense_len: bytes in @sense
 * @sense: sense data
 */
struct vscsi_resp {
	u8 response;
	u8 status;
	u16 qualifier;
	u32 resid;
	u32 sense_len;
	const u8 *sense;
};

/* Guest-endian: little-endian since virtio 1, else native. */
static inline u32 vscsi_load32(const u8 *p, bool le)
{
	return le ? get_unaligned_le32(p) : get_unaligned_be32(p);
}

static inline u64 vscsi_load64(const u8 *p, bool le)
{
	return le ? get_unaligned_le64(p) : get_unaligned_be64(p);
}

static inline void vscsi_store32(u32 val, u8 *p, bool le)
{
	if (le)
		put_unaligned_le32(val, p);
	else
		put_unaligned_be32(val, p);
}

/**
 * vscsi_decode_addr() - decode the 8 byte LUN field of a request
 * @field: the field, its first byte the highest
 * @addr: where to put the result
 *
 * Byte 0 is 1, byte 1 the target, bytes 2 and 3 a single level LUN in the
 * peripheral (bus 0) or flat format of SAM, the rest 0 (5.6.6.1). Other LUN
 * formats are well-formed but name no LUN of ours.
 *
 * Return: 0, or -ENXIO if the field names no target.
 */
static inline int vscsi_decode_addr(u64 field, struct vscsi_addr *addr)
{
	u16 level = field >> 32;

	if (field >> 56 != 1)
		return -ENXIO;
	addr->target = field >> 48;
	addr->lun = VSCSI_NO_LUN;
	if ((u32)field)
		return 0;
	if (level >> 14 == 1)
		addr->lun = level & 0x3fff;
	else if (level <= 0xff)
		addr->lun = level;
	return 0;
}

/**
 * vscsi_parse_addr() - the same, of the field's bytes
 * @lun: the field
 * @addr: where to put the result
 *
 * Return: as vscsi_decode_addr().
 */
static inline int vscsi_parse_addr(const u8 *lun, struct vscsi_addr *addr)
{
	return vscsi_decode_addr(get_unaligned_be64(lun), addr);
}

/**
 * vscsi_parse_cmd() - decode the header of a command request
 * @buf: VSCSI_HDR_SIZE or, with @pi, VSCSI_HDR_PI_SIZE bytes
 * @pi: the header has the two PI lengths (VIRTIO_SCSI_F_T10_PI)
 * @le: byte order
 * @hdr: where to put the result
 *
 * Return: 0, or -ENXIO if it is addressed to no target.
 */
static inline int vscsi_parse_cmd(const u8 *buf, bool pi, bool le,
				  struct vscsi_cmd_hdr *hdr)
{
	/* lun[8] tag[8] attr prio crn, then (PI: out[4] in[4]) and the CDB */
	hdr->tag = vscsi_load64(buf + 8, le);
	hdr->attr = buf[16];
	hdr->pi_out = pi ? vscsi_load32(buf + 19, le) : 0;
	hdr->pi_in = pi ? vscsi_load32(buf + 23, le) : 0;
	hdr->cdb = buf + (pi ? 27 : 19);
	return vscsi_parse_addr(buf, &hdr->addr);
}

/**
 * vscsi_cdb_size() - length of a CDB by its operation code (SPC-4, 4.2.5.1)
 * @cdb: VSCSI_CDB_SIZE bytes
 *
 * Return: bytes; above VSCSI_CDB_SIZE for a variable length CDB that says so.
 */
static inline unsigned int vscsi_cdb_size(const u8 *cdb)
{
	static const u8 by_group[] = { 6, 10, 10, 12, 16, 12, 10, 10 };

	if (cdb[0] == 0x7f)
		return cdb[7] + 8;
	return by_group[cdb[0] >> 5];
}

/**
 * vscsi_encode_short() - write the first bytes of an answer without sense data
 * @resid: bytes of data not moved
 * @status: SAM status
 * @response: VIRTIO_SCSI_S_...
 * @le: byte order
 * @buf: 16 bytes; the rest of the answer is zero
 */
static inline void vscsi_encode_short(u32 resid, u8 status, u8 response,
				      bool le, u8 *buf)
{
	vscsi_store32(0, buf, le);
	vscsi_store32(resid, buf + 4, le);
	buf[8] = 0;
	buf[9] = 0;
	buf[10] = status;
	buf[11] = response;
	vscsi_store32(0, buf + 12, le);
}

int vscsi_parse_tmf(const u8 *buf, bool le, struct vscsi_tmf_hdr *hdr);
u32 vscsi_parse_ctl_type(const u8 *buf, bool le);
bool vscsi_cdb_limit(u8 *cdb, u32 *len);
bool vscsi_parse_rw(const u8 *cdb, struct vscsi_rw *rw);
void vscsi_encode_resp(const struct vscsi_resp *resp, bool le, u8 *buf);
void vscsi_encode_event(u32 event, u8 target, u16 lun, u32 reason, bool le,
			u8 *buf);
void vscsi_encode_sense(u8 key, u8 asc, u8 ascq, u8 *buf);

#endif /* VSCSI_WIRE_H */
