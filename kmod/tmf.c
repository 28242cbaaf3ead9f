// SPDX-License-Identifier: GPL-2.0
/*
 * Task management functions (virtio 1.2, 5.6.6.2), from the control queue to
 * their answer. Runs in the control queue's work, in LIO in between.
 *
 * A function keeps its place among the commands. Ahead of it go the commands
 * that were in a request ring when it was fetched, for queues have threads of
 * their own: it takes the number of a new order barrier and takes effect when
 * every queue has passed that (vq.c). And its answer comes after the answers of
 * the commands it is about: those are put in their used rings first, here.
 *
 * LIO resets LUNs. What is about single commands or about one nexus we do on our
 * own tables: LIO has no such function, or prints lines for each. A backstore
 * that has a command cannot be stopped either way, so a command that is aborted
 * keeps its slot until LIO lets go of it, and is answered as aborted then.
 */
#include <linux/slab.h>

#include "vhost_scsi.h"
#include "trace.h"

/**
 * vscsi_tmf_queue() - have a function take effect once the barrier is passed
 * @vq: the control queue
 * @chain: the request; consumed on success
 * @tpg: the target port it is for
 * @hdr: the request, decoded
 *
 * Context: control thread. Locking: caller holds the vq mutex.
 * Return: true, or false if there is no memory for it.
 */
bool vscsi_tmf_queue(struct vscsi_vq *vq, const struct vscsi_chain *chain,
		     struct vscsi_tpg *tpg, const struct vscsi_tmf_hdr *hdr)
{
	struct vscsi_dev *dev = vq->dev;
	struct vscsi_tmf *tmf;
	unsigned int i;

	lockdep_assert_held(&vq->vhost.mutex);
	tmf = kzalloc(struct_size(tmf, segs, chain->in),
		      GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
	if (!tmf)
		return false;
	tmf->vq = vq;
	tmf->tpg = tpg;
	tmf->id = chain->id;
	tmf->head = chain->head;
	tmf->subtype = hdr->subtype;
	tmf->tag = hdr->tag;
	tmf->lun = hdr->addr.lun;
	tmf->response = VIRTIO_SCSI_S_FUNCTION_REJECTED;
	tmf->nsegs = chain->in;
	memcpy(tmf->segs, chain->segs + chain->out,
	       chain->in * sizeof(*tmf->segs));
	tmf->barrier = atomic_inc_return(&dev->barrier);
	list_add_tail(&tmf->pending, &dev->pending_tmfs);
	for (i = VSCSI_VQ_IO; i < dev->nvqs; i++)
		if (READ_ONCE(dev->vqs[i].reqs))
			vscsi_vq_wake(&dev->vqs[i]);
	return true;
}

/* Is the function about this command, which came before it? */
static bool is_about(const struct vscsi_tmf *tmf, const struct vscsi_req *req)
{
	if (!req->busy || req->tpg != tmf->tpg ||
	    req->barrier - tmf->barrier >= 0)
		return false;
	switch (tmf->subtype) {
	case VIRTIO_SCSI_T_TMF_I_T_NEXUS_RESET:
		return true;
	case VIRTIO_SCSI_T_TMF_ABORT_TASK:
	case VIRTIO_SCSI_T_TMF_QUERY_TASK:
		return req->lun == tmf->lun && req->se_cmd.tag == tmf->tag;
	default:
		return req->lun == tmf->lun;
	}
}

/* Those of one queue that are unanswered: are there any? */
static bool visit_queue(struct vscsi_vq *vq, const struct vscsi_tmf *tmf,
			u8 aborted)
{
	struct vscsi_req *req;
	bool found = false;

	lockdep_assert_held(&vq->vhost.mutex);
	for (req = vq->reqs; req < vq->reqs + vq->num; req++) {
		if (!is_about(tmf, req))
			continue;
		found = true;
		if (aborted && !req->aborted)
			req->aborted = aborted;
	}
	return found;
}

/*
 * Answer what is done, then look for the commands that the function is about:
 * are there any? Mark them as aborted, if a response for that is given.
 */
static bool visit(struct vscsi_dev *dev, const struct vscsi_tmf *tmf,
		  u8 aborted)
{
	bool found = false;
	struct vscsi_vq *vq;
	unsigned int i;

	for (i = VSCSI_VQ_IO; i < dev->nvqs; i++) {
		vq = &dev->vqs[i];
		if (!READ_ONCE(vq->reqs))
			continue;
		mutex_lock(&vq->vhost.mutex);
		vscsi_complete(vq);
		vscsi_used_flush(vq);
		found |= visit_queue(vq, tmf, aborted);
		mutex_unlock(&vq->vhost.mutex);
		/* A guest may have as many functions as queues and requests. */
		cond_resched();
	}
	return found;
}

static bool barrier_passed(struct vscsi_dev *dev, int barrier)
{
	struct vscsi_vq *vq;
	unsigned int i;

	for (i = VSCSI_VQ_IO; i < dev->nvqs; i++) {
		vq = &dev->vqs[i];
		if (!READ_ONCE(vq->reqs))
			continue;
		/* Pairs with the release in vscsi_vq_submit(). */
		if (smp_load_acquire(&vq->barrier_done) - barrier < 0)
			return false;
	}
	return true;
}

/*
 * May the function not take effect yet? LIO does one reset of a LUN at a time,
 * and each that waits for its turn would block a worker that the whole host
 * shares; none may come beside a PREEMPT AND ABORT (conflict.c).
 */
static bool has_to_wait(struct vscsi_dev *dev, struct vscsi_tmf *tmf)
{
	const struct vscsi_tmf *other;

	if (tmf->subtype != VIRTIO_SCSI_T_TMF_LOGICAL_UNIT_RESET)
		return false;
	list_for_each_entry(other, &dev->running_tmfs, pending)
		if (other->tpg == tmf->tpg && other->lun == tmf->lun)
			return true;
	return !vscsi_conflict_reset(tmf);
}

/* Hand a LUN RESET to LIO. */
static void submit_reset(struct vscsi_dev *dev, struct vscsi_tmf *tmf)
{
	int err;

	list_move_tail(&tmf->pending, &dev->running_tmfs);
	err = target_submit_tmr(&tmf->se_cmd, tmf->tpg->nexus, NULL, tmf->lun,
				NULL, TMR_LUN_RESET, GFP_KERNEL, 0, 0);
	if (err) {
		/* Out of memory: rejected, and the guest may retry. */
		vscsi_conflict_end(&tmf->conflict);
		list_move_tail(&tmf->pending, &dev->ended_tmfs);
	}
}

/* The function takes effect. */
static void execute(struct vscsi_dev *dev, struct vscsi_tmf *tmf)
{
	bool found = true;

	trace_vscsi_tmf(tmf);
	switch (tmf->subtype) {
	case VIRTIO_SCSI_T_TMF_LOGICAL_UNIT_RESET:
		submit_reset(dev, tmf);
		return;
	case VIRTIO_SCSI_T_TMF_ABORT_TASK:
		found = visit(dev, tmf, VIRTIO_SCSI_S_ABORTED);
		break;
	case VIRTIO_SCSI_T_TMF_ABORT_TASK_SET:
		visit(dev, tmf, VIRTIO_SCSI_S_ABORTED);
		break;
	case VIRTIO_SCSI_T_TMF_CLEAR_TASK_SET:
	case VIRTIO_SCSI_T_TMF_I_T_NEXUS_RESET:
		visit(dev, tmf, VIRTIO_SCSI_S_RESET);
		break;
	case VIRTIO_SCSI_T_TMF_QUERY_TASK:
	case VIRTIO_SCSI_T_TMF_QUERY_TASK_SET:
		found = visit(dev, tmf, 0);
		break;
	}
	/* S_OK is FUNCTION COMPLETE: there is no such command. */
	tmf->response = found ? VIRTIO_SCSI_S_FUNCTION_SUCCEEDED :
				VIRTIO_SCSI_S_OK;
	list_move_tail(&tmf->pending, &dev->ended_tmfs);
}

static void execute_passed(struct vscsi_dev *dev)
{
	struct vscsi_tmf *tmf, *next;

	list_for_each_entry_safe(tmf, next, &dev->pending_tmfs, pending) {
		if (!barrier_passed(dev, tmf->barrier))
			break;
		if (!has_to_wait(dev, tmf))
			execute(dev, tmf);
	}
}

/*
 * May the function be answered? Not while a command that it ends is unanswered:
 * LIO waits for those it aborts, but not for those whose completion is already
 * under way.
 */
static bool is_over(struct vscsi_dev *dev, const struct vscsi_tmf *tmf)
{
	switch (tmf->subtype) {
	case VIRTIO_SCSI_T_TMF_QUERY_TASK:
	case VIRTIO_SCSI_T_TMF_QUERY_TASK_SET:
		return true;
	}
	return tmf->response != VIRTIO_SCSI_S_FUNCTION_SUCCEEDED ||
	       !visit(dev, tmf, 0);
}

/* Tell whom it concerns, then answer. */
static void end(struct vscsi_vq *vq, struct vscsi_tmf *tmf)
{
	trace_vscsi_tmf_done(tmf);
	if (tmf->response == VIRTIO_SCSI_S_FUNCTION_SUCCEEDED) {
		if (tmf->subtype == VIRTIO_SCSI_T_TMF_I_T_NEXUS_RESET)
			vscsi_attention_nexus_loss(tmf->tpg);
		if (tmf->subtype == VIRTIO_SCSI_T_TMF_LOGICAL_UNIT_RESET)
			vscsi_event_reset(tmf->tpg, tmf->lun);
	}
	mutex_lock(&vq->vhost.mutex);
	if (vscsi_vq_can_touch_guest(vq) && !READ_ONCE(vq->dev->closed))
		vscsi_control_answer(vq, tmf->id, tmf->head, tmf->segs,
				     tmf->nsegs, 0, tmf->response);
	else
		vscsi_drain_ended(vq, 1);
	vscsi_used_flush(vq);
	mutex_unlock(&vq->vhost.mutex);
	list_del(&tmf->pending);
	kfree(tmf);
}

/**
 * vscsi_tmf_run() - carry the functions on as far as they can be
 * @vq: the control queue
 *
 * Whatever one waits for wakes the control queue's work: a queue that passes a
 * barrier, LIO's release of a reset or of a PREEMPT AND ABORT, and the answers of
 * commands.
 *
 * Context: control queue's work, may sleep. Locking: takes the vq mutexes.
 */
void vscsi_tmf_run(struct vscsi_vq *vq)
{
	struct vscsi_dev *dev = vq->dev;
	struct vscsi_tmf *tmf, *next;
	struct llist_node *done;

	done = llist_reverse_order(llist_del_all(&vq->done));
	llist_for_each_entry_safe(tmf, next, done, done)
		list_move_tail(&tmf->pending, &dev->ended_tmfs);
	execute_passed(dev);
	if (list_empty(&dev->ended_tmfs))
		return;
	/* Before we look; vscsi_complete() looks at it after it answered. */
	WRITE_ONCE(dev->tmfs_ended, true);
	list_for_each_entry_safe(tmf, next, &dev->ended_tmfs, pending)
		if (is_over(dev, tmf))
			end(vq, tmf);
	WRITE_ONCE(dev->tmfs_ended, !list_empty(&dev->ended_tmfs));
}
