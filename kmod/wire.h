/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The virtio-scsi protocol between bytes in guest memory and C values: pure
 * functions, no locks, no allocation, no guest memory. This is what a hostile
 * guest talks to, so it also builds as a user program (tests/unit).
 *
 * References are to the virtio specification 1.2, section 5.6.6.
 */
#ifndef VSCSI_WIRE_H
#define VSCSI_WIRE_H

#include <linux/types.h>
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

int vscsi_parse_addr(const u8 *lun, struct vscsi_addr *addr);
int vscsi_parse_cmd(const u8 *buf, bool pi, bool le,
		    struct vscsi_cmd_hdr *hdr);
int vscsi_parse_tmf(const u8 *buf, bool le, struct vscsi_tmf_hdr *hdr);
u32 vscsi_parse_ctl_type(const u8 *buf, bool le);
unsigned int vscsi_cdb_size(const u8 *cdb);
bool vscsi_cdb_limit(u8 *cdb, u32 *len);
bool vscsi_parse_rw(const u8 *cdb, struct vscsi_rw *rw);
void vscsi_encode_resp(const struct vscsi_resp *resp, bool le, u8 *buf);
void vscsi_encode_event(u32 event, u8 target, u16 lun, u32 reason, bool le,
			u8 *buf);
void vscsi_encode_sense(u8 key, u8 asc, u8 ascq, u8 *buf);

#endif /* VSCSI_WIRE_H */
