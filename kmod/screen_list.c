// SPDX-License-Identifier: GPL-2.0
/*
 * Reservations, third-party copies and port groups: what LIO would refuse with
 * a line in the kernel log for each, refused here without. Looks at the
 * command's parameter list, too, of which the pages are ours by then.
 *
 * What a reservation is about can change until LIO sees the command; LIO looks
 * itself, so that costs a line and no more.
 *
 * Called by the queue's run under the queue's mutex.
 */
#include <linux/scatterlist.h>
#include <linux/unaligned.h>
#include <scsi/scsi_proto.h>
#include <target/target_core_backend.h>

#include "vhost_scsi.h"

enum {
	NOT_REACHABLE = 0x0d02,
	LIST_LENGTH = 0x1a00,
	INVALID_OPCODE = 0x2000,
	INVALID_FIELD = 0x2400,
	INVALID_LIST = 0x2600,
	TOO_MANY_TARGETS = 0x2606,
	UNKNOWN_TARGET = 0x2607,
	TOO_MANY_SEGMENTS = 0x2608,
	UNKNOWN_SEGMENT = 0x2609,
};

/* PERSISTENT RESERVE OUT (SPC-4, 6.16). */
enum {
	PR_REGISTER = 0,
	PR_RESERVE,
	PR_RELEASE,
	PR_CLEAR,
	PR_PREEMPT,
	PR_PREEMPT_AND_ABORT,
	PR_REGISTER_AND_IGNORE,
	PR_REGISTER_AND_MOVE,
};

#define PR_LIST_LEN 24
#define PR_TYPES (BIT(1) | BIT(3) | BIT(5) | BIT(6) | BIT(7) | BIT(8))
#define PR_TYPES_ALL (BIT(7) | BIT(8))
#define PR_TYPES_REGISTRANTS (BIT(5) | BIT(6) | PR_TYPES_ALL)

/* What a nexus is to the reservation of a backstore. */
struct pr_state {
	bool any_registered;
	bool registered;
	bool all_ports;
	bool reserved;
	bool is_holder;
	u8 reg_type;
	u8 type;
	u8 scope;
	u64 key;
};

static bool conflict(struct vscsi_verdict *verdict)
{
	*verdict = (struct vscsi_verdict) {
		.status = SAM_STAT_RESERVATION_CONFLICT,
	};
	return true;
}

/* The first bytes of the data that the command brings, or zeroes. */
static void get_list(const struct vscsi_req *req, u8 *buf, size_t len)
{
	memset(buf, 0, len);
	if (req->mapped)
		sg_copy_to_buffer(req->data.sgl, req->data.nents, buf,
				  min_t(size_t, len, req->mapped));
}

static void pr_look(const struct vscsi_req *req, struct se_device *dev,
		    struct pr_state *pr)
{
	const struct se_node_acl *nacl = req->tpg->nexus->se_node_acl;
	const struct t10_pr_registration *reg;

	memset(pr, 0, sizeof(*pr));
	spin_lock(&dev->t10_pr.registration_lock);
	list_for_each_entry(reg, &dev->t10_pr.registration_list, pr_reg_list) {
		pr->any_registered = true;
		if (reg->pr_reg_nacl != nacl)
			continue;
		pr->registered = true;
		pr->all_ports = reg->pr_reg_all_tg_pt;
		pr->reg_type = reg->pr_res_type;
		pr->key = reg->pr_res_key;
		break;
	}
	spin_unlock(&dev->t10_pr.registration_lock);

	spin_lock(&dev->dev_reservation_lock);
	reg = dev->dev_pr_res_holder;
	if (reg) {
		pr->reserved = true;
		pr->type = reg->pr_res_type;
		pr->scope = reg->pr_res_scope;
		pr->is_holder = pr->registered &&
				(reg->pr_reg_nacl == nacl ||
				 BIT(pr->type) & PR_TYPES_ALL);
	}
	spin_unlock(&dev->dev_reservation_lock);
}

/* Is there an answer to an SPC-2 RESERVE or RELEASE that LIO would print? */
static bool screen_spc2(const struct vscsi_req *req, struct se_device *dev,
			struct vscsi_verdict *verdict)
{
	bool reserve = req->cdb[0] == RESERVE || req->cdb[0] == RESERVE_10;
	struct pr_state pr;

	if (reserve && (req->cdb[1] & 3) == 3)
		return vscsi_illegal(verdict, INVALID_OPCODE);
	if (req->attr != TCM_SIMPLE_TAG)
		return false;
	pr_look(req, dev, &pr);
	if (!pr.any_registered || (pr.registered && pr.is_holder) ||
	    (pr.registered && BIT(pr.reg_type) & PR_TYPES_REGISTRANTS))
		return false;
	return conflict(verdict);
}

static bool screen_pr_in(const struct vscsi_req *req, struct se_device *dev,
			 struct vscsi_verdict *verdict)
{
	if (dev->dev_reservation_flags & DRF_SPC2_RESERVATIONS)
		return conflict(verdict);
	if ((req->cdb[1] & 0x1f) > 3 || get_unaligned_be16(req->cdb + 7) < 8)
		return vscsi_illegal(verdict, INVALID_FIELD);
	return false;
}

/* What depends on registrations and on who holds the reservation. */
static bool screen_pr_state(const struct vscsi_req *req, struct se_device *dev,
			    const u8 *list, struct vscsi_verdict *verdict)
{
	u8 sa = req->cdb[1] & 0x1f, type = req->cdb[2] & 0xf;
	u8 scope = req->cdb[2] & 0xf0;
	u64 key = get_unaligned_be64(list);
	struct pr_state pr;

	pr_look(req, dev, &pr);
	switch (sa) {
	case PR_REGISTER:
		if (key != pr.key)
			return conflict(verdict);
		fallthrough;
	case PR_REGISTER_AND_IGNORE:
		if (pr.registered && list[20] & 0x08)
			return vscsi_illegal(verdict, INVALID_LIST);
		if (pr.registered && pr.all_ports && !(list[20] & 0x04))
			return vscsi_illegal(verdict, INVALID_FIELD);
		return false;
	case PR_RELEASE:
		/* Of what it does not hold a nexus may release anything. */
		return (!pr.registered ||
			(pr.is_holder && (key != pr.key || type != pr.type ||
					  scope != pr.scope))) &&
		       conflict(verdict);
	}
	if (!pr.registered || key != pr.key)
		return conflict(verdict);
	if (sa == PR_REGISTER_AND_MOVE)
		return !get_unaligned_be64(list + 8) &&
		       vscsi_illegal(verdict, INVALID_LIST);
	if (sa != PR_CLEAR && scope)
		return vscsi_illegal(verdict, INVALID_LIST);
	return sa == PR_RESERVE && pr.reserved &&
	       (!pr.is_holder || type != pr.type) && conflict(verdict);
}

static bool screen_pr_out(const struct vscsi_req *req, struct se_device *dev,
			  struct vscsi_verdict *verdict)
{
	u8 sa = req->cdb[1] & 0x1f, type = req->cdb[2] & 0xf;
	u8 list[PR_LIST_LEN];
	bool spec_i_pt;

	if (dev->dev_reservation_flags & DRF_SPC2_RESERVATIONS)
		return conflict(verdict);
	get_list(req, list, sizeof(list));
	spec_i_pt = sa != PR_REGISTER_AND_MOVE && list[20] & 0x08;
	if (req->mapped < PR_LIST_LEN ||
	    (req->mapped > PR_LIST_LEN && !spec_i_pt &&
	     sa != PR_REGISTER_AND_MOVE))
		return vscsi_illegal(verdict, LIST_LENGTH);
	if (spec_i_pt && sa != PR_REGISTER)
		return vscsi_illegal(verdict, INVALID_LIST);
	if (sa > PR_REGISTER_AND_MOVE)
		return vscsi_illegal(verdict, INVALID_FIELD);
	if ((sa == PR_RESERVE || sa == PR_PREEMPT ||
	     sa == PR_PREEMPT_AND_ABORT) && !(BIT(type) & PR_TYPES))
		return vscsi_illegal(verdict, INVALID_FIELD);
	/* Commands before an ordered one are yet to change the state. */
	return req->attr == TCM_SIMPLE_TAG &&
	       screen_pr_state(req, dev, list, verdict);
}

/* The descriptors of an EXTENDED COPY that LIO implements: two and one. */
enum {
	COPY_HDR = 16,
	COPY_TARGET = 32,
	COPY_SEGMENT = 28,
	COPY_LIST = COPY_HDR + 2 * COPY_TARGET + COPY_SEGMENT,
	COPY_LISTS_MAX = 1024,
	COPY_ID_MAX = 0x7ff,
};

/* From block device to block device, at least one of which is in the list. */
static bool screen_copy_segment(const u8 *segment, unsigned int targets,
				struct vscsi_verdict *verdict)
{
	u16 from = get_unaligned_be16(segment + 4);
	u16 to = get_unaligned_be16(segment + 6);

	if (segment[0] != 0x02)
		return vscsi_illegal(verdict, UNKNOWN_SEGMENT);
	if (get_unaligned_be16(segment + 2) != COPY_SEGMENT - 4 ||
	    from > COPY_ID_MAX || to > COPY_ID_MAX)
		return vscsi_illegal(verdict, INVALID_LIST);
	return from >= targets && to >= targets &&
	       vscsi_screen_sense(verdict, COPY_ABORTED, NOT_REACHABLE);
}

/* A target is named by a binary NAA 6 designator of a logical unit. */
static bool screen_copy_target(const u8 *target, struct vscsi_verdict *verdict)
{
	if (target[0] != 0xe4)
		return vscsi_illegal(verdict, UNKNOWN_TARGET);
	return ((target[4] & 0x0f) != 1 || (target[5] & 0x3f) != 3 ||
		target[7] != 16 || target[8] >> 4 != 6) &&
	       vscsi_illegal(verdict, INVALID_LIST);
}

static bool screen_copy(const struct vscsi_req *req, struct se_device *dev,
			struct vscsi_verdict *verdict)
{
	u8 list[COPY_LIST];
	u64 segments;
	u16 targets, at;

	if (!dev->dev_attrib.emulate_3pc || req->cdb[1] & 0x1f)
		return vscsi_illegal(verdict, INVALID_OPCODE);
	if (!req->mapped)
		return false;
	get_list(req, list, sizeof(list));
	targets = get_unaligned_be16(list + 2);
	segments = get_unaligned_be32(list + 8);
	if (req->mapped < COPY_HDR || targets + segments > COPY_LISTS_MAX)
		return vscsi_illegal(verdict, LIST_LENGTH);
	if (get_unaligned_be32(list + 12))
		return vscsi_illegal(verdict, INVALID_LIST);
	if (req->mapped < COPY_HDR + targets + segments)
		return vscsi_illegal(verdict, LIST_LENGTH);
	if (!segments)
		return vscsi_illegal(verdict, INVALID_LIST);
	if (segments % COPY_SEGMENT)
		return vscsi_illegal(verdict, UNKNOWN_SEGMENT);
	if (segments > COPY_SEGMENT)
		return vscsi_illegal(verdict, TOO_MANY_SEGMENTS);
	if (targets % COPY_TARGET)
		return vscsi_illegal(verdict, UNKNOWN_TARGET);
	if (targets > 2 * COPY_TARGET)
		return vscsi_illegal(verdict, TOO_MANY_TARGETS);
	for (at = 0; at < targets; at += COPY_TARGET)
		if (screen_copy_target(list + COPY_HDR + at, verdict))
			return true;
	return screen_copy_segment(list + COPY_HDR + targets,
				   targets / COPY_TARGET, verdict);
}

/* Only the limits of copies are told, with all of them at once. */
static bool screen_copy_results(const struct vscsi_req *req,
				struct se_device *dev,
				struct vscsi_verdict *verdict)
{
	if (!dev->dev_attrib.emulate_3pc)
		return vscsi_illegal(verdict, INVALID_OPCODE);
	return (req->cdb[2] || (req->cdb[1] & 0x1f) != 3 ||
		get_unaligned_be32(req->cdb + 10) < 54) &&
	       vscsi_illegal(verdict, INVALID_FIELD);
}

/*
 * LIO takes as many descriptors as there is data for, whatever the list says,
 * and prints a line if that is less than it says. So have it say that.
 */
static void cut_unmap(struct vscsi_req *req)
{
	u8 list[8];

	if (req->mapped < sizeof(list))
		return;
	get_list(req, list, sizeof(list));
	if (get_unaligned_be16(list + 2) <= req->mapped - sizeof(list))
		return;
	put_unaligned_be16(req->mapped - sizeof(list), list + 2);
	sg_copy_from_buffer(req->data.sgl, req->data.nents, list,
			    sizeof(list));
}

static bool screen(struct vscsi_req *req, struct se_device *dev,
		   struct vscsi_verdict *verdict)
{
	const u8 *cdb = req->cdb;
	u8 sa = cdb[1] & 0x1f;

	switch (cdb[0]) {
	case RESERVE:
	case RESERVE_10:
	case RELEASE:
	case RELEASE_10:
		return dev->dev_attrib.emulate_pr &&
		       screen_spc2(req, dev, verdict);
	case PERSISTENT_RESERVE_IN:
		return dev->dev_attrib.emulate_pr &&
		       screen_pr_in(req, dev, verdict);
	case PERSISTENT_RESERVE_OUT:
		return dev->dev_attrib.emulate_pr &&
		       screen_pr_out(req, dev, verdict);
	case EXTENDED_COPY:
		return screen_copy(req, dev, verdict);
	case RECEIVE_COPY_RESULTS:
		return screen_copy_results(req, dev, verdict);
	case MAINTENANCE_IN:
		return sa == MI_REPORT_TARGET_PGS &&
		       get_unaligned_be32(cdb + 6) < (cdb[1] & 0x20 ? 8 : 4) &&
		       vscsi_illegal(verdict, INVALID_FIELD);
	case MAINTENANCE_OUT:
		return sa == MO_SET_TARGET_PGS && req->mapped < 4 &&
		       vscsi_illegal(verdict, INVALID_LIST);
	case UNMAP:
		cut_unmap(req);
		return false;
	default:
		return false;
	}
}

/**
 * vscsi_screen_list() - decide whether LIO may see a command's parameter list
 * @req: screened and mapped
 * @verdict: how to answer it, if it is kept from LIO
 *
 * Context: any.
 * Return: true if the command is to be answered with @verdict.
 */
bool vscsi_screen_list(struct vscsi_req *req, struct vscsi_verdict *verdict)
{
	bool read_only, answered = false;
	struct se_device *dev;
	struct se_lun *se_lun;

	switch (req->cdb[0]) {
	case RESERVE:
	case RESERVE_10:
	case RELEASE:
	case RELEASE_10:
	case PERSISTENT_RESERVE_IN:
	case PERSISTENT_RESERVE_OUT:
	case EXTENDED_COPY:
	case RECEIVE_COPY_RESULTS:
	case MAINTENANCE_IN:
	case MAINTENANCE_OUT:
	case UNMAP:
		break;
	default:
		return false;
	}
	se_lun = vscsi_screen_get_lun(req->tpg, req->lun, &read_only);
	if (!se_lun)
		return false;
	dev = rcu_dereference_raw(se_lun->lun_se_dev);
	if (!(dev->transport_flags & (TRANSPORT_FLAG_PASSTHROUGH |
				      TRANSPORT_FLAG_PASSTHROUGH_PGR)))
		answered = screen(req, dev, verdict);
	percpu_ref_put(&se_lun->lun_ref);
	return answered;
}
