// SPDX-License-Identifier: GPL-2.0
/*
 * Commands that LIO must not see: it would print a line for each, or do what
 * the guest's buffers do not allow. They are answered here, as LIO would.
 *
 * Called by the queue's run under the queue's mutex; looks at the LUN and its
 * backstore under RCU.
 */
#include <linux/blk_types.h>
#include <linux/log2.h>
#include <linux/t10-pi.h>
#include <linux/unaligned.h>
#include <scsi/scsi_proto.h>
#include <target/target_core_backend.h>

#include "vhost_scsi.h"
#include "screen.h"

/**
 * vscsi_screen_sense() - answer with CHECK CONDITION
 * @verdict: the answer
 * @key: sense key
 * @asc: additional sense code and its qualifier
 *
 * Return: true.
 */
bool vscsi_screen_sense(struct vscsi_verdict *verdict, u8 key, u16 asc)
{
	*verdict = (struct vscsi_verdict) {
		.status = SAM_STAT_CHECK_CONDITION,
		.key = key, .asc = asc >> 8, .ascq = asc & 0xff,
	};
	return true;
}

static bool overrun(struct vscsi_verdict *verdict)
{
	*verdict = (struct vscsi_verdict) {
		.response = VIRTIO_SCSI_S_OVERRUN,
	};
	return true;
}

enum {
	INVALID_OPCODE = 0x2000,
	LBA_OUT_OF_RANGE = 0x2100,
	INVALID_FIELD = 0x2400,
	NO_SUCH_LUN = 0x2500,
	WRITE_PROTECTED = 0x2700,
};

/**
 * vscsi_screen_get_lun() - find a LUN as LIO will find it, and keep it
 * @tpg: the target port, claimed
 * @lun: single level LUN, or VSCSI_NO_LUN
 * @read_only: set if the nexus may not write to it
 *
 * It is found in the nexus' own table.
 *
 * Context: any.
 * Ownership: the caller puts lun_ref, which keeps the backstore, too.
 * Return: the LUN or NULL.
 */
struct se_lun *vscsi_screen_get_lun(struct vscsi_tpg *tpg, u16 lun,
				    bool *read_only)
{
	struct se_lun *se_lun;

	rcu_read_lock();
	se_lun = vscsi_find_lun(tpg, lun, read_only);
	if (se_lun && !percpu_ref_tryget_live(&se_lun->lun_ref))
		se_lun = NULL;
	rcu_read_unlock();
	return se_lun;
}

/*
 * Kept by the reference that vscsi_screen_get_lun() took. Or by RCU, of a LUN that was not
 * dying: whoever removes it kills the reference first, and waits for it, which lasts a grace
 * period at least.
 */
static struct se_device *lun_device(struct se_lun *se_lun)
{
	return rcu_dereference_raw(se_lun->lun_se_dev);
}

/**
 * vscsi_screen_lun_exists() - would LIO find this LUN?
 * @tpg: the target port, claimed
 * @lun: single level LUN, or VSCSI_NO_LUN
 *
 * Context: any.
 * Return: true if the nexus has such a LUN.
 */
bool vscsi_screen_lun_exists(struct vscsi_tpg *tpg, u16 lun)
{
	struct se_lun *se_lun;
	bool read_only;

	se_lun = vscsi_screen_get_lun(tpg, lun, &read_only);
	if (!se_lun)
		return false;
	percpu_ref_put(&se_lun->lun_ref);
	return true;
}

/**
 * vscsi_screen_backstore() - which backstore has this LUN?
 * @tpg: the target port, claimed
 * @lun: single level LUN
 *
 * Context: any.
 * Return: it, to be compared and not looked into, or NULL.
 */
const struct se_device *vscsi_screen_backstore(struct vscsi_tpg *tpg, u16 lun)
{
	const struct se_device *dev;
	struct se_lun *se_lun;
	bool read_only;

	se_lun = vscsi_screen_get_lun(tpg, lun, &read_only);
	if (!se_lun)
		return NULL;
	dev = lun_device(se_lun);
	percpu_ref_put(&se_lun->lun_ref);
	return dev;
}

/* Does the backstore honour FUA? As LIO asks it (SBC-3, 5.11). */
static bool has_fua(struct se_device *dev)
{
	bool wce = dev->transport->get_write_cache ?
		   dev->transport->get_write_cache(dev) :
		   dev->dev_attrib.emulate_write_cache > 0;

	return wce && dev->dev_attrib.emulate_fua_write > 0;
}

/* Does the backstore take so many bytes at once? iblock and ramdisk split. */
static bool takes(struct se_device *dev, u64 bytes)
{
	const char *name = dev->transport->name;

	if (bytes > (u64)VSCSI_SGS_MAX << PAGE_SHIFT)
		return false;
	return bytes <= (u64)dev->dev_attrib.hw_max_sectors *
			dev->dev_attrib.block_size ||
	       !strcmp(name, "iblock") || vscsi_is_ramdisk(dev);
}

/* Is [lba, lba + blocks) on the medium? */
static bool blocks_exist(struct se_device *dev, u64 lba, u64 blocks)
{
	u64 end = dev->transport->get_blocks(dev) + 1;

	return lba < end && blocks <= end - lba;
}

static bool is_passthrough(struct se_device *dev)
{
	return dev->transport_flags & TRANSPORT_FLAG_PASSTHROUGH;
}

/* Is there protection information, on the medium or made by the port? */
static bool has_pi(const struct vscsi_req *req, struct se_device *dev)
{
	return dev->dev_attrib.pi_prot_type ||
	       req->tpg->nexus->sess_prot_type;
}

/*
 * Would LIO write data by COMPARE AND WRITE and leave the PI as it was? A block
 * device with PI of its own makes it anew.
 */
static bool leaves_pi(struct se_device *dev)
{
	return dev->dev_attrib.pi_prot_type &&
	       !dev->dev_attrib.hw_pi_prot_type;
}

/* DPO, FUA and the protect field of an emulated disk. */
static bool flags_ok(const struct vscsi_req *req, struct se_device *dev,
		     u8 flags)
{
	u8 protect = flags >> 5;

	if ((flags & 0x18) && !has_fua(dev))
		return false;
	return !protect || (protect <= 5 && has_pi(req, dev));
}

/*
 * Protection information: a tuple for each block where the CDB says that there
 * is any, from a device that LIO has PI of; or none.
 */
static bool pi_ok(const struct vscsi_req *req, struct se_device *dev,
		  const struct vscsi_rw *rw)
{
	if (!req->prot_len)
		return true;
	return !is_passthrough(dev) && rw->flags >> 5 &&
	       req->prot_len == rw->blocks * sizeof(struct t10_pi_tuple);
}

/*
 * A WRITE that says there is PI and brings none wants it made on the way, as a
 * host adapter would (Linux, with write_generate 0). LIO does so for a CDB
 * without a protect field, and would else take it to be all zeroes.
 */
static void insert_pi(struct vscsi_req *req, const struct vscsi_rw *rw)
{
	if (rw->write && rw->flags >> 5 && !req->prot_len)
		req->cdb[1] &= 0x1f;
}

/*
 * Nothing is to be moved. With PI, LIO would allocate no bytes for the tuples
 * of no blocks, and write in front of them. What else there is to report, it
 * reports to a command that never moves anything, too.
 */
static void move_nothing(struct vscsi_req *req, struct se_device *dev)
{
	if (has_pi(req, dev)) {
		memset(req->cdb, 0, sizeof(req->cdb));
		req->cdb[0] = TEST_UNIT_READY;
	}
}

/* Reads and writes: the CDB says how much of the guest's buffers is used. */
static bool screen_rw(struct vscsi_req *req, struct se_device *dev,
		      const struct vscsi_rw *rw, struct vscsi_verdict *verdict)
{
	u64 bytes = (u64)rw->blocks * dev->dev_attrib.block_size;

	if (!blocks_exist(dev, rw->lba, rw->blocks))
		return vscsi_illegal(verdict, LBA_OUT_OF_RANGE);
	if (!is_passthrough(dev) && !flags_ok(req, dev, rw->flags))
		return vscsi_illegal(verdict, INVALID_FIELD);
	if (!takes(dev, bytes))
		return vscsi_illegal(verdict, INVALID_FIELD);
	if (!pi_ok(req, dev, rw))
		return vscsi_illegal(verdict, INVALID_FIELD);
	/* 5.6.6.1.1: more data than there are buffers for, in that direction. */
	if (bytes > req->len ||
	    (bytes && rw->write != (req->dir == DMA_TO_DEVICE)))
		return overrun(verdict);
	if (!is_passthrough(dev)) {
		insert_pi(req, rw);
		if (!bytes)
			move_nothing(req, dev);
	}
	req->mapped = bytes;
	return false;
}

/* The command takes so many bytes from the guest, and no more. */
static bool take_out(struct vscsi_req *req, u32 bytes,
		     struct vscsi_verdict *verdict)
{
	if (req->dir != DMA_TO_DEVICE || req->len < bytes)
		return overrun(verdict);
	req->mapped = bytes;
	return false;
}

static bool screen_mode_sense(const u8 *cdb, struct vscsi_verdict *verdict)
{
	u8 page = cdb[2] & 0x3f, subpage = cdb[3];

	switch (page) {
	case 0x01:
	case 0x08:
	case 0x0a:
	case 0x1c:
		return subpage ? vscsi_illegal(verdict, INVALID_FIELD) : false;
	case 0x3f:
		return subpage && subpage != 0xff ?
		       vscsi_illegal(verdict, INVALID_FIELD) : false;
	default:
		return vscsi_illegal(verdict, INVALID_FIELD);
	}
}

static bool screen_write_same(struct vscsi_req *req, struct se_device *dev,
			      u64 lba, u64 blocks, u8 flags,
			      struct vscsi_verdict *verdict)
{
	if (flags & 0x06)
		return vscsi_illegal(verdict, INVALID_OPCODE);
	if (!blocks || blocks > dev->dev_attrib.max_write_same_len ||
	    (flags & 0x11))
		return vscsi_illegal(verdict, INVALID_FIELD);
	if (!blocks_exist(dev, lba, blocks))
		return vscsi_illegal(verdict, LBA_OUT_OF_RANGE);
	if (flags & 0x08) {
		if (!dev->dev_attrib.emulate_tpws)
			return vscsi_illegal(verdict, INVALID_OPCODE);
	} else if (has_pi(req, dev)) {
		/* LIO refuses, too, but prints a line. */
		return vscsi_illegal(verdict, INVALID_OPCODE);
	} else if (flags >> 5) {
		return vscsi_illegal(verdict, INVALID_FIELD);
	}
	return take_out(req, dev->dev_attrib.block_size, verdict);
}

/* No data is moved, whatever buffers there are. */
static bool check_range(struct vscsi_req *req, struct se_device *dev, u64 lba,
			u64 blocks, struct vscsi_verdict *verdict)
{
	req->mapped = 0;
	return blocks_exist(dev, lba, blocks) ? false :
	       vscsi_illegal(verdict, LBA_OUT_OF_RANGE);
}

/* With IMMED, LIO would look at the command after it has ended it. */
static void no_immed(struct vscsi_req *req)
{
	req->cdb[1] &= ~0x02;
}

/* Commands about blocks that LIO would print a line about. */
static bool screen_block(struct vscsi_req *req, struct se_device *dev,
			 struct vscsi_verdict *verdict)
{
	const u8 *cdb = req->cdb;
	u64 lba = get_unaligned_be32(cdb + 2);
	u32 blocks = get_unaligned_be16(cdb + 7);

	switch (cdb[0]) {
	case WRITE_SAME_16:
		return screen_write_same(req, dev, get_unaligned_be64(cdb + 2),
					 get_unaligned_be32(cdb + 10), cdb[1],
					 verdict);
	case WRITE_SAME:
		return screen_write_same(req, dev, lba, blocks, cdb[1],
					 verdict);
	case VARIABLE_LENGTH_CMD:
		if (get_unaligned_be16(cdb + 8) != WRITE_SAME_32)
			return vscsi_illegal(verdict, INVALID_OPCODE);
		return screen_write_same(req, dev, get_unaligned_be64(cdb + 12),
					 get_unaligned_be32(cdb + 28), cdb[10],
					 verdict);
	case SYNCHRONIZE_CACHE:
		no_immed(req);
		fallthrough;
	case VERIFY:
		return check_range(req, dev, lba, blocks, verdict);
	case SYNCHRONIZE_CACHE_16:
		no_immed(req);
		fallthrough;
	case VERIFY_16:
		return check_range(req, dev, get_unaligned_be64(cdb + 2),
				   get_unaligned_be32(cdb + 10), verdict);
	case COMPARE_AND_WRITE:
		if (!dev->dev_attrib.emulate_caw || leaves_pi(dev))
			return vscsi_illegal(verdict, INVALID_OPCODE);
		if (cdb[13] > 1 || ((cdb[1] & 0x18) && !has_fua(dev)))
			return vscsi_illegal(verdict, INVALID_FIELD);
		if (!blocks_exist(dev, get_unaligned_be64(cdb + 2), cdb[13]))
			return vscsi_illegal(verdict, LBA_OUT_OF_RANGE);
		return cdb[13] && take_out(req, 2 * dev->dev_attrib.block_size,
					   verdict);
	case UNMAP:
		if (!dev->dev_attrib.emulate_tpu)
			return vscsi_illegal(verdict, INVALID_OPCODE);
		return req->mapped && req->mapped < 8 ?
		       vscsi_illegal(verdict, 0x1a00) : false;
	case READ_CAPACITY:
		return req->len < 8 ? overrun(verdict) : false;
	case SERVICE_ACTION_IN_16:
		switch (cdb[1] & 0x1f) {
		case SAI_READ_CAPACITY_16:
		case SAI_REPORT_REFERRALS:
			return false;
		}
		return vscsi_illegal(verdict, INVALID_FIELD);
	default:
		return false;
	}
}

/*
 * Commands of every device type that LIO would print a line about, or refuse
 * for an allocation length that exceeds the guest's buffers: cut that, so that
 * the guest gets what it has room for.
 */
static bool screen_primary(struct vscsi_req *req, struct vscsi_verdict *verdict)
{
	const u8 *cdb = req->cdb;

	if (!vscsi_cdb_limit(req->cdb, &req->mapped))
		return overrun(verdict);
	switch (cdb[0]) {
	case INQUIRY:
		return !(cdb[1] & 1) && cdb[2] ?
		       vscsi_illegal(verdict, INVALID_FIELD) : false;
	case REQUEST_SENSE:
		return cdb[1] & 1 ? vscsi_illegal(verdict, INVALID_FIELD) : false;
	case MODE_SENSE:
	case MODE_SENSE_10:
		return screen_mode_sense(cdb, verdict);
	default:
		return false;
	}
}

/* An absent LUN 0 tells who is there, and nothing else. */
static bool screen_no_lun(struct vscsi_req *req, struct vscsi_verdict *verdict)
{
	if (req->lun || req->prot_len)
		return vscsi_illegal(verdict, NO_SUCH_LUN);
	switch (req->cdb[0]) {
	case TEST_UNIT_READY:
	case INQUIRY:
	case REPORT_LUNS:
	case REQUEST_SENSE:
		return screen_primary(req, verdict);
	}
	return vscsi_illegal(verdict, NO_SUCH_LUN);
}

static bool screen_device(struct vscsi_req *req, struct se_device *dev,
			  unsigned int *align, struct vscsi_verdict *verdict)
{
	u32 block_size = dev->dev_attrib.block_size;
	bool disk = dev->transport->get_device_type(dev) == TYPE_DISK;
	struct vscsi_rw rw;

	if (disk && vscsi_parse_rw(req->cdb, &rw)) {
		req->quick = vscsi_is_ramdisk(dev);
		if (is_power_of_2(block_size))
			*align = max_t(u32, block_size, SECTOR_SIZE);
		return screen_rw(req, dev, &rw, verdict);
	}
	if (req->prot_len)
		return vscsi_illegal(verdict, INVALID_FIELD);
	if (is_passthrough(dev)) {
		req->mapped = min_t(u32, req->len,
				    VSCSI_SGS_MAX << PAGE_SHIFT);
		return false;
	}
	return screen_primary(req, verdict) ||
	       (disk && screen_block(req, dev, verdict));
}

/**
 * vscsi_screen() - decide whether LIO may see a command, and of what data
 * @req: parsed; its @mapped is set
 * @align: for vscsi_data_map()
 * @verdict: how to answer it, if it is kept from LIO
 *
 * An absent LUN 0 is answered for by LIO, so that a guest can ask which LUNs
 * there are.
 *
 * Context: any.
 * Return: true if the command is to be answered with @verdict.
 */
bool vscsi_screen(struct vscsi_req *req, unsigned int *align,
		  struct vscsi_verdict *verdict)
{
	struct se_lun *se_lun;
	bool read_only, answered;
	u16 attention = 0;

	/*
	 * Never the guest's pages: LIO writes the parameter data of a command
	 * that returns some, whichever way the guest's buffers may be accessed.
	 * No command that it emulates has more of it than this.
	 */
	*align = 0;
	req->quick = false;
	req->mapped = min_t(u32, req->len, VSCSI_BOUNCE_MAX);
	rcu_read_lock();
	se_lun = vscsi_find_lun(req->tpg, req->lun, &read_only);
	if (unlikely(!se_lun)) {
		rcu_read_unlock();
		return screen_no_lun(req, verdict);
	}
	if (unlikely(vscsi_has_attentions(req->tpg)))
		attention = vscsi_attention_take(req->tpg, req->lun, req->cdb);
	if (attention)
		answered = vscsi_screen_sense(verdict, UNIT_ATTENTION, attention);
	else if (read_only && req->dir == DMA_TO_DEVICE)
		answered = vscsi_screen_sense(verdict, DATA_PROTECT,
					      WRITE_PROTECTED);
	else
		answered = screen_device(req, lun_device(se_lun), align,
					 verdict);
	rcu_read_unlock();
	return answered;
}
