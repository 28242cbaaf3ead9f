// SPDX-License-Identifier: GPL-2.0
/*
 * The control queue: task management and asynchronous notification requests
 * (virtio 1.2, 5.6.6.2). Runs in the control thread.
 *
 * A task management function keeps its place among the commands. Ahead of it
 * to LIO go the commands that were in a request ring when it was fetched, for
 * queues have threads of their own: it takes the number of a new order barrier
 * and waits until every queue has passed that (vq.c). And its answer comes
 * after the answers of the commands ahead of it: those are put in their used
 * rings first, here.
 */
#include <linux/slab.h>

#include "vhost_scsi.h"
#include "trace.h"

/* Write the one byte answer, behind @skip bytes of zeroes. */
static void answer(struct vscsi_vq *vq, u32 id, u16 head,
		   const struct vscsi_seg *segs, unsigned int n,
		   unsigned int skip, u8 response)
{
	u8 buf[VSCSI_AN_RESP_SIZE] = { };
	u32 len = skip + 1;

	buf[skip] = response;
	vscsi_stats_response(vq, response);
	if (vscsi_guest_write(vq, segs, n, 0, buf, len))
		len = 0;
	vscsi_used_add(vq, id, head, len);
}

static void answer_chain(struct vscsi_vq *vq, const struct vscsi_chain *chain,
			 unsigned int skip, u8 response)
{
	answer(vq, chain->id, chain->head, chain->segs + chain->out, chain->in,
	       skip, response);
}

/* Notification requests: we have no events of that kind. */
static void handle_an(struct vscsi_vq *vq, struct vscsi_chain *chain)
{
	u8 buf[VSCSI_AN_SIZE];
	struct vscsi_addr addr;
	u8 response = VIRTIO_SCSI_S_BAD_TARGET;

	if (chain->out_len >= sizeof(buf) &&
	    !vscsi_guest_read(vq, chain->segs, chain->out, 0, buf,
			      sizeof(buf)) &&
	    !vscsi_parse_addr(buf + 4, &addr))
		response = VIRTIO_SCSI_S_OK;
	answer_chain(vq, chain, VSCSI_AN_RESP_SIZE - 1, response);
}

/* Have LIO reset the LUN as soon as the barrier is passed. */
static bool queue_reset(struct vscsi_vq *vq, struct vscsi_chain *chain,
			struct vscsi_tpg *tpg, u16 lun, struct list_head *list)
{
	struct vscsi_dev *dev = vq->dev;
	struct vscsi_tmf *tmf;
	unsigned int i;

	tmf = kzalloc(struct_size(tmf, segs, chain->in),
		      GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
	if (!tmf)
		return false;
	tmf->vq = vq;
	tmf->tpg = tpg;
	tmf->id = chain->id;
	tmf->head = chain->head;
	tmf->lun = lun;
	tmf->response = VIRTIO_SCSI_S_FUNCTION_REJECTED;
	tmf->nsegs = chain->in;
	memcpy(tmf->segs, chain->segs + chain->out,
	       chain->in * sizeof(*tmf->segs));
	tmf->barrier = atomic_inc_return(&dev->barrier);
	list_add_tail(&tmf->pending, list);
	for (i = VSCSI_VQ_IO; i < dev->nvqs; i++)
		if (READ_ONCE(dev->vqs[i].reqs))
			vscsi_work_queue(READ_ONCE(dev->vqs[i].thread),
					 &dev->vqs[i].work);
	return true;
}

static void handle_tmf(struct vscsi_vq *vq, struct vscsi_chain *chain,
		       struct list_head *list)
{
	const struct vscsi_endpoint *ep = vhost_vq_get_backend(&vq->vhost);
	bool le = vhost_is_little_endian(&vq->vhost);
	u8 response = VIRTIO_SCSI_S_BAD_TARGET;
	struct vscsi_tpg *tpg = NULL;
	u8 buf[VSCSI_TMF_SIZE];
	struct vscsi_tmf_hdr hdr;

	if (chain->out_len >= sizeof(buf) &&
	    !vscsi_guest_read(vq, chain->segs, chain->out, 0, buf,
			      sizeof(buf)) &&
	    !vscsi_parse_tmf(buf, le, &hdr))
		tpg = ep->tpgs[hdr.addr.target];
	if (tpg) {
		response = VIRTIO_SCSI_S_FUNCTION_REJECTED;
		if (hdr.subtype == VIRTIO_SCSI_T_TMF_LOGICAL_UNIT_RESET) {
			if (!vscsi_screen_lun_exists(tpg, hdr.addr.lun))
				response = VIRTIO_SCSI_S_INCORRECT_LUN;
			else if (queue_reset(vq, chain, tpg, hdr.addr.lun,
					     list))
				return;
		}
	}
	answer_chain(vq, chain, 0, response);
}

/* One control request. What is too short to be answered is given back. */
static void handle(struct vscsi_vq *vq, struct vscsi_chain *chain,
		   struct list_head *list)
{
	bool le = vhost_is_little_endian(&vq->vhost);
	u8 buf[4];

	if (vscsi_guest_read(vq, chain->segs, chain->out, 0, buf, sizeof(buf)))
		goto give_back;
	switch (vscsi_parse_ctl_type(buf, le)) {
	case VIRTIO_SCSI_T_TMF:
		if (!chain->in_len)
			goto give_back;
		handle_tmf(vq, chain, list);
		return;
	case VIRTIO_SCSI_T_AN_QUERY:
	case VIRTIO_SCSI_T_AN_SUBSCRIBE:
		if (chain->in_len < VSCSI_AN_RESP_SIZE)
			goto give_back;
		handle_an(vq, chain);
		return;
	}
give_back:
	vscsi_used_add(vq, chain->id, chain->head, 0);
}

/* Returns true if the ring may hold more, which no kick announces then. */
static bool fetch_batch(struct vscsi_vq *vq, struct list_head *list)
{
	struct vscsi_chain chain;
	unsigned int n;

	lockdep_assert_held(&vq->vhost.mutex);
	vhost_disable_notify(&vq->dev->vhost, &vq->vhost);
	for (n = 0; n < VSCSI_FETCH_BATCH; n++) {
		if (vscsi_fetch(vq, &chain)) {
			handle(vq, &chain, list);
			continue;
		}
		if (!vq->live ||
		    !vhost_enable_notify(&vq->dev->vhost, &vq->vhost))
			return false;
		vhost_disable_notify(&vq->dev->vhost, &vq->vhost);
	}
	return vq->live;
}

/*
 * Is a command unanswered that the function came after? LIO waits for those it
 * aborts, but not for those whose completion is already under way.
 */
static bool is_ahead(struct vscsi_vq *vq, const struct vscsi_tmf *tmf)
{
	const struct vscsi_req *req;

	lockdep_assert_held(&vq->vhost.mutex);
	for (req = vq->reqs; req < vq->reqs + vq->num; req++)
		if (req->busy && req->tpg == tmf->tpg &&
		    req->lun == tmf->lun && req->barrier - tmf->barrier < 0)
			return true;
	return false;
}

/* Put the answers of commands in their used rings: are all of them there? */
static bool answer_commands(struct vscsi_dev *dev, const struct vscsi_tmf *tmf)
{
	bool ahead = false;
	struct vscsi_vq *vq;
	unsigned int i;

	for (i = VSCSI_VQ_IO; i < dev->nvqs; i++) {
		vq = &dev->vqs[i];
		if (!READ_ONCE(vq->reqs))
			continue;
		mutex_lock(&vq->vhost.mutex);
		vscsi_complete(vq);
		vscsi_used_flush(vq);
		ahead |= is_ahead(vq, tmf);
		mutex_unlock(&vq->vhost.mutex);
	}
	return !ahead;
}

/* Answer a function that LIO has carried out. */
static void end_tmf(struct vscsi_vq *vq, struct vscsi_tmf *tmf)
{
	trace_vscsi_tmf_done(tmf);
	mutex_lock(&vq->vhost.mutex);
	if (vscsi_vq_can_touch_guest(vq) && !READ_ONCE(vq->dev->closed))
		answer(vq, tmf->id, tmf->head, tmf->segs, tmf->nsegs, 0,
		       tmf->response);
	else
		vscsi_drain_ended(vq, 1);
	vscsi_used_flush(vq);
	mutex_unlock(&vq->vhost.mutex);
	list_del(&tmf->pending);
	kfree(tmf);
}

/*
 * Answer the functions that LIO has carried out, each once the commands ahead
 * of it are answered; the last of these wakes us (vscsi_complete()).
 */
static void end_tmfs(struct vscsi_vq *vq)
{
	struct vscsi_dev *dev = vq->dev;
	struct vscsi_tmf *tmf, *next;
	struct llist_node *done;

	done = llist_reverse_order(llist_del_all(&vq->done));
	llist_for_each_entry_safe(tmf, next, done, done)
		list_move_tail(&tmf->pending, &dev->ended_tmfs);
	if (list_empty(&dev->ended_tmfs))
		return;
	/* Before we look; vscsi_complete() looks at it after it answered. */
	WRITE_ONCE(dev->tmfs_ended, true);
	list_for_each_entry_safe(tmf, next, &dev->ended_tmfs, pending)
		if (tmf->response != VIRTIO_SCSI_S_FUNCTION_SUCCEEDED ||
		    answer_commands(dev, tmf))
			end_tmf(vq, tmf);
	WRITE_ONCE(dev->tmfs_ended, !list_empty(&dev->ended_tmfs));
}

static bool barrier_passed(struct vscsi_dev *dev, int barrier)
{
	struct vscsi_vq *vq;
	unsigned int i;

	for (i = VSCSI_VQ_IO; i < dev->nvqs; i++) {
		vq = &dev->vqs[i];
		if (!READ_ONCE(vq->reqs))
			continue;
		/* Pairs with the release in vq_run(). */
		if (smp_load_acquire(&vq->barrier_done) - barrier < 0)
			return false;
	}
	return true;
}

/*
 * Is LIO resetting this LUN for us? It does one at a time, and each that waits
 * for its turn would block a worker that the whole host shares.
 */
static bool is_resetting(struct vscsi_dev *dev, const struct vscsi_tmf *tmf)
{
	const struct vscsi_tmf *other;

	list_for_each_entry(other, &dev->running_tmfs, pending)
		if (other->tpg == tmf->tpg && other->lun == tmf->lun)
			return true;
	return false;
}

/* Hand to LIO what need not wait any longer. */
static void submit_passed(struct vscsi_dev *dev)
{
	struct vscsi_tmf *tmf, *next;
	int err;

	list_for_each_entry_safe(tmf, next, &dev->pending_tmfs, pending) {
		if (!barrier_passed(dev, tmf->barrier))
			break;
		if (is_resetting(dev, tmf))
			continue;
		list_move_tail(&tmf->pending, &dev->running_tmfs);
		trace_vscsi_tmf(tmf);
		err = target_submit_tmr(&tmf->se_cmd, tmf->tpg->nexus, NULL,
					tmf->lun, NULL, TMR_LUN_RESET,
					GFP_KERNEL, 0, 0);
		if (err) {
			/* Out of memory: rejected, and the guest may retry. */
			llist_add(&tmf->done, &tmf->vq->done);
			vscsi_work_queue(tmf->vq->thread, &tmf->vq->work);
		}
	}
}

/**
 * vscsi_control_run() - the work of the control queue
 * @work: of the control queue
 *
 * Context: control thread, or the kworker that does the work it left; only one
 * at a time.
 */
void vscsi_control_run(struct vscsi_work *work)
{
	struct vscsi_vq *vq = container_of(work, struct vscsi_vq, work);

	bool more = false;

	end_tmfs(vq);
	mutex_lock(&vq->vhost.mutex);
	vq->stats.kicks++;
	if (vq->live && vscsi_vq_can_touch_guest(vq))
		more = fetch_batch(vq, &vq->dev->pending_tmfs);
	vscsi_used_flush(vq);
	mutex_unlock(&vq->vhost.mutex);
	submit_passed(vq->dev);
	if (more)
		vscsi_work_queue(vq->thread, &vq->work);
}

/**
 * vscsi_control_wake() - a request queue has done what a function waits for
 * @dev: the device
 *
 * It has passed an order barrier, or answered commands.
 *
 * Context: any. Returns at once; the control thread looks at all queues.
 */
void vscsi_control_wake(struct vscsi_dev *dev)
{
	vscsi_work_queue(dev->control, &dev->vqs[VSCSI_VQ_CTL].work);
}
