// SPDX-License-Identifier: GPL-2.0
/*
 * Commands and resets of a backstore that LIO must not be given at once.
 *
 * LIO does not expect one PERSISTENT RESERVE OUT beside another: one takes a
 * reference to a registration that the other spins for with a lock held; two
 * PREEMPT AND ABORTs put one registration on two lists; and READ FULL STATUS
 * steps on to a registration that was freed meanwhile. A PREEMPT AND ABORT also
 * waits for its turn among the resets, and each of these waits for every command
 * that it aborts: for ever, if one of them is a PREEMPT AND ABORT that waits.
 *
 * So a backstore has one of these commands at a time, and no LUN RESET beside a
 * PREEMPT AND ABORT. A command that would have to wait is answered BUSY; a LUN
 * RESET waits where it is. From when LIO is given the command until it lets go of
 * it: no guest's memory or thread can make that longer. What other fabrics do to
 * the backstore is not known here.
 */
#include <linux/scatterlist.h>
#include <linux/spinlock.h>
#include <linux/unaligned.h>
#include <target/target_core_backend.h>

#include "vhost_scsi.h"

/* Guards the list. */
static DEFINE_SPINLOCK(conflict_lock);
static LIST_HEAD(conflicts);

/* Must LIO not have the two at once? */
static bool excludes(const struct vscsi_conflict *a,
		     const struct vscsi_conflict *b)
{
	if (a->waiter && b->waiter)
		return false;
	return a->preempts || b->preempts || (!a->waiter && !b->waiter);
}

/* False if it has to wait; a reset is put on the list all the same. */
static bool begin(struct vscsi_conflict *conflict)
{
	struct vscsi_conflict *other;
	unsigned long flags;
	bool busy = false;

	spin_lock_irqsave(&conflict_lock, flags);
	list_for_each_entry(other, &conflicts, node)
		if (other != conflict && other->se_dev == conflict->se_dev &&
		    excludes(other, conflict))
			busy = true;
	conflict->waits = busy;
	if (!conflict->listed && (!busy || conflict->waiter)) {
		list_add_tail(&conflict->node, &conflicts);
		conflict->listed = true;
	}
	spin_unlock_irqrestore(&conflict_lock, flags);
	return !busy;
}

/* The holder's kind of reservation is held by whoever is registered. */
static bool is_all_registrants(const struct t10_pr_registration *holder)
{
	enum { WRITE_EXCLUSIVE = 0x07, EXCLUSIVE_ACCESS = 0x08 };

	return holder->pr_res_type == WRITE_EXCLUSIVE ||
	       holder->pr_res_type == EXCLUSIVE_ACCESS;
}

/*
 * Does a PREEMPT, or PREEMPT AND ABORT, take away its own registration? LIO frees
 * it, or loses it, and goes on to count it down. If it has a reservation LIO keeps
 * it. No other command changes the holder meanwhile.
 */
static bool preempts_itself(struct vscsi_req *req)
{
	enum { PREEMPT = 0x04, PREEMPT_AND_ABORT = 0x05 };
	struct se_device *dev = req->se_cmd.se_dev;
	const struct t10_pr_registration *holder;
	u8 action = req->cdb[1] & 0x1f;
	u8 list[16];
	u64 key;
	bool ret;

	if ((action != PREEMPT && action != PREEMPT_AND_ABORT) ||
	    (dev->transport_flags & TRANSPORT_FLAG_PASSTHROUGH_PGR) ||
	    sg_copy_to_buffer(req->data.sgl, req->data.nents, list,
			      sizeof(list)) != sizeof(list))
		return false;
	key = get_unaligned_be64(list);
	if (!key || get_unaligned_be64(list + 8) != key)
		return false;
	spin_lock(&dev->dev_reservation_lock);
	holder = dev->dev_pr_res_holder;
	ret = !holder ||
	      (holder->pr_res_key != key && !is_all_registrants(holder));
	spin_unlock(&dev->dev_reservation_lock);
	return ret;
}

static sense_reason_t begin_command(struct vscsi_req *req)
{
	struct vscsi_conflict *conflict = &req->conflict;

	conflict->se_dev = req->se_cmd.se_dev;
	conflict->waiter = NULL;
	conflict->preempts = vscsi_cdb_preempts(req->cdb);
	if (!begin(conflict))
		return TCM_LUN_BUSY;
	if (req->cdb[0] == PERSISTENT_RESERVE_OUT && preempts_itself(req))
		return TCM_INVALID_PARAMETER_LIST;
	return TCM_NO_SENSE;
}

/**
 * vscsi_conflict_command() - may LIO carry out a command now?
 * @req: the request, which LIO has prepared and has a backstore
 *
 * Context: process.
 * Return: 0 if so, or what to fail the command with. Either way until
 * vscsi_conflict_end().
 */
sense_reason_t vscsi_conflict_command(struct vscsi_req *req)
{
	enum { FULL_STATUS = 0x03 };

	switch (req->cdb[0]) {
	case PERSISTENT_RESERVE_OUT:
		return begin_command(req);
	case PERSISTENT_RESERVE_IN:
		if ((req->cdb[1] & 0x1f) == FULL_STATUS)
			return begin_command(req);
		fallthrough;
	default:
		return TCM_NO_SENSE;
	}
}

/**
 * vscsi_conflict_reset() - may LIO reset a LUN now?
 * @tmf: the LUN RESET
 *
 * If not, the control queue is woken when it is worth to ask again, and no
 * PREEMPT AND ABORT is let in before it.
 *
 * Context: process; the control queue's work.
 * Return: true if so, false if not yet; until vscsi_conflict_end() either way.
 */
bool vscsi_conflict_reset(struct vscsi_tmf *tmf)
{
	struct vscsi_conflict *conflict = &tmf->conflict;
	const struct se_device *se_dev;

	se_dev = vscsi_screen_backstore(tmf->tpg, tmf->lun);
	/* The LUN may have gone since it was last asked, or be another. */
	if (conflict->se_dev != se_dev)
		vscsi_conflict_end(conflict);
	if (!se_dev)
		return true;
	conflict->se_dev = se_dev;
	conflict->waiter = tmf->vq;
	return begin(conflict);
}

/**
 * vscsi_conflict_end() - LIO is done with it, or was not given it
 * @conflict: zeroed, or as the above left it
 *
 * Context: any.
 */
void vscsi_conflict_end(struct vscsi_conflict *conflict)
{
	struct vscsi_conflict *other;
	unsigned long flags;

	if (likely(!conflict->listed))
		return;
	spin_lock_irqsave(&conflict_lock, flags);
	list_del(&conflict->node);
	/* One that waits is not answered, nor its device freed, meanwhile. */
	list_for_each_entry(other, &conflicts, node)
		if (other->waits && other->se_dev == conflict->se_dev)
			vscsi_vq_wake(other->waiter);
	conflict->listed = false;
	spin_unlock_irqrestore(&conflict_lock, flags);
}
