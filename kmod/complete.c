// SPDX-License-Identifier: GPL-2.0
/*
 * Answers: what LIO has released becomes a response in guest memory, an entry
 * in the used ring and, once per batch, a signal. Belongs to the queue's run
 * (or in the control queue's, ahead of the answer to a task management
 * function) under the queue's mutex.
 */
#include <scsi/scsi_proto.h>

#include "vhost_scsi.h"
#include "guest.h"
#include "trace.h"

static __always_inline void used_add(struct vscsi_vq *vq, u32 id, u16 head,
				     u32 len)
{
	struct vring_used_elem *elem = &vq->vhost.heads[vq->nheads];

	lockdep_assert_held(&vq->vhost.mutex);
	trace_vscsi_used(vq, id, head, len);
	elem->id = cpu_to_vhost32(&vq->vhost, head);
	elem->len = cpu_to_vhost32(&vq->vhost, len);
	vq->nheads++;
	/* The vhost core wraps a batch once, so it may not exceed the ring. */
	if (vq->nheads == min_t(u32, VSCSI_USED_BATCH, vq->vhost.num))
		vscsi_used_flush(vq);
}

/**
 * vscsi_used_add() - put a chain in the used ring, with the batch
 * @vq: the queue
 * @id: of the request, for the trace
 * @head: the chain's descriptor
 * @len: bytes written to its buffers
 *
 * Locking: caller holds the vq mutex and calls vscsi_used_flush() before it
 * lets go.
 */
void vscsi_used_add(struct vscsi_vq *vq, u32 id, u16 head, u32 len)
{
	lockdep_assert_held(&vq->vhost.mutex);
	used_add(vq, id, head, len);
}

/**
 * vscsi_used_flush() - publish the batch and signal the guest
 * @vq: the queue
 *
 * Locking: caller holds the vq mutex.
 */
void vscsi_used_flush(struct vscsi_vq *vq)
{
	u16 old = vq->vhost.last_used_idx;
	unsigned int n = vq->nheads;
	int err;

	lockdep_assert_held(&vq->vhost.mutex);
	if (!n)
		return;
	err = vhost_add_used_n(&vq->vhost, vq->vhost.heads, n);
	if (unlikely(err) && vscsi_put_off(vq)) {
		/* Written once more, from the same place on. */
		vq->vhost.last_used_idx = old;
		return;
	}
	vq->nheads = 0;
	vq->stats.batches++;
	if (unlikely(err)) {
		vq->stats.faults++;
	} else {
		trace_vscsi_signal(vq, n);
		vq->stats.signals++;
		vhost_signal(&vq->dev->vhost, &vq->vhost);
	}
	vscsi_drain_ended(vq, n);
}

/*
 * Write a response: bytes written, 0 if the guest's buffer is not writable, or -EAGAIN if
 * that is to be tried again.
 */
static noinline int write_long(struct vscsi_vq *vq,
			       const struct vscsi_seg *segs, unsigned int n,
			       const struct vscsi_resp *resp)
{
	int err;

	vscsi_encode_resp(resp, vhost_is_little_endian(&vq->vhost), vq->resp);
	err = vscsi_guest_put(vq, segs, n, vq->resp, sizeof(vq->resp));
	if (unlikely(err) && vscsi_put_off(vq))
		return -EAGAIN;
	vscsi_stats_response(vq, resp->response);
	return err ? 0 : sizeof(vq->resp);
}

/* The same; the usual ones, that are without sense data, in place. */
static __always_inline int write_resp(struct vscsi_vq *vq,
				      const struct vscsi_seg *segs,
				      unsigned int n,
				      const struct vscsi_resp *resp)
{
	u64 words[2];

	if (unlikely(resp->sense_len))
		return write_long(vq, segs, n, resp);
	vscsi_encode_short(resp->resid, resp->status, resp->response,
			   vhost_is_little_endian(&vq->vhost), (u8 *)words);
	if (unlikely(!vscsi_guest_put_padded(vq, segs, n, words,
					     VSCSI_RESP_SIZE)))
		return write_long(vq, segs, n, resp);
	vscsi_stats_response(vq, resp->response);
	return VSCSI_RESP_SIZE;
}

/**
 * vscsi_fail() - answer a chain that does not become a request
 * @vq: the queue
 * @chain: the chain; consumed
 * @verdict: how
 * @resid: bytes of data that its buffers hold
 *
 * Locking: caller holds the vq mutex.
 */
void vscsi_fail(struct vscsi_vq *vq, const struct vscsi_chain *chain,
		const struct vscsi_verdict *verdict, u64 resid)
{
	u8 sense[VSCSI_SENSE_SIZE];
	struct vscsi_resp resp = {
		.response = verdict->response,
		.status = verdict->status,
		.resid = min_t(u64, resid, U32_MAX),
		.sense = sense,
	};
	int len;

	lockdep_assert_held(&vq->vhost.mutex);
	if (verdict->status == SAM_STAT_CHECK_CONDITION) {
		vscsi_encode_sense(verdict->key, verdict->asc, verdict->ascq,
				   sense);
		resp.sense_len = VSCSI_FIXED_SENSE_LEN;
	}
	len = write_long(vq, chain->segs + chain->out, chain->in, &resp);
	if (unlikely(len < 0)) {
		/* No other chain is fetched meanwhile. */
		vq->late = (struct vscsi_late) {
			.chain = *chain, .verdict = *verdict, .resid = resid,
			.any = true,
		};
		return;
	}
	vscsi_used_add(vq, chain->id, chain->head, len);
}

/* Sense key, of fixed or descriptor format (SPC-4, 4.5). */
static u8 sense_key(const u8 *sense)
{
	return ((sense[0] & 0x7f) < 0x72 ? sense[2] : sense[1]) & 0x0f;
}

/* Did the data arrive all the same? Stream devices say so, and retries. */
static bool data_is_good(const struct vscsi_req *req)
{
	const struct se_cmd *cmd = &req->se_cmd;

	return cmd->scsi_status == SAM_STAT_GOOD ||
	       (cmd->se_cmd_flags & SCF_TREAT_READ_AS_NORMAL) ||
	       (cmd->scsi_status == SAM_STAT_CHECK_CONDITION &&
		sense_key(req->sense) == RECOVERED_ERROR);
}

/*
 * How much of the data was moved: of what is returned LIO keeps that in
 * data_length. After an error it is nothing that the guest may rely on.
 */
static u32 data_moved(const struct vscsi_req *req)
{
	const struct se_cmd *cmd = &req->se_cmd;

	if (!data_is_good(req))
		return 0;
	if (req->dir == DMA_FROM_DEVICE)
		return min(cmd->data_length, req->mapped);
	if (cmd->se_cmd_flags & SCF_UNDERFLOW_BIT)
		return req->mapped - min(cmd->residual_count, req->mapped);
	return req->mapped;
}

/* Give the guest data and protection information: bytes of both. */
static int finish_data(struct vscsi_vq *vq, struct vscsi_req *req, u32 moved)
{
	int err, prot_err = 0;

	if (req->dir != DMA_FROM_DEVICE)
		return 0;
	if (likely(!req->prot && req->data.pinned &&
		   !vhost_has_feature(&vq->vhost, VHOST_F_LOG_ALL)))
		return moved;
	if (req->prot && moved)
		prot_err = vscsi_data_copy_back(vq, req->prot, req->segs,
						req->nsegs, VSCSI_RESP_SIZE,
						req->prot_len);
	/* What was pinned is dirty whatever became of the rest. */
	err = vscsi_data_copy_back(vq, &req->data, req->segs, req->nsegs,
				   VSCSI_RESP_SIZE + req->prot_len,
				   req->data.pinned ? req->mapped : moved);
	if (err || prot_err)
		return -EFAULT;
	return moved + (moved ? req->prot_len : 0);
}

/* Its data is in a page of ours. */
static void report_attention(struct vscsi_req *req, u32 moved)
{
	if (req->dir == DMA_FROM_DEVICE && moved)
		vscsi_attention_report(req->tpg, req->lun,
				       sg_virt(req->data.sgl),
				       min(moved, req->data.sgl->length));
}

/* False if that has to be tried again. */
static bool answer(struct vscsi_vq *vq, struct vscsi_req *req)
{
	const struct se_cmd *cmd = &req->se_cmd;
	struct vscsi_resp resp = { .resid = req->len };
	int data, len;
	u32 moved = 0;

	if (unlikely(req->aborted || !req->answered)) {
		resp.response = req->aborted ? req->aborted :
					       VIRTIO_SCSI_S_RESET;
	} else {
		moved = data_moved(req);
		resp.status = cmd->scsi_status;
		resp.sense = req->sense;
		resp.sense_len = cmd->scsi_sense_length;
		if (unlikely(req->cdb[0] == REQUEST_SENSE))
			report_attention(req, moved);
	}
	data = finish_data(vq, req, moved);
	if (unlikely(data < 0)) {
		if (vscsi_put_off(vq))
			return false;
		resp.response = VIRTIO_SCSI_S_FAILURE;
		moved = 0;
		data = 0;
	}
	resp.resid -= moved;
	len = write_resp(vq, req->segs, req->nsegs, &resp);
	if (unlikely(len < 0))
		return false;
	/* len counts from the first buffer on, without a gap (2.7.8.2). */
	if (len)
		len += data;
	trace_vscsi_complete(req, &resp);
	used_add(vq, req->id, req->head, len);
	vscsi_req_end(req);
	return true;
}

/* Without the owner's address space: a request ends without an answer. */
static void drop(struct vscsi_vq *vq, struct vscsi_req *req)
{
	vscsi_req_end(req);
	vscsi_drain_ended(vq, 1);
}

/* What was put off beside requests: an answer without one, and used entries. */
static void resume(struct vscsi_vq *vq, bool can_answer)
{
	struct vscsi_late late;

	lockdep_assert_held(&vq->vhost.mutex);
	if (unlikely(vq->nheads && can_answer)) {
		vscsi_used_flush(vq);
	} else if (unlikely(vq->nheads)) {
		vscsi_drain_ended(vq, vq->nheads);
		vq->nheads = 0;
	}
	if (likely(!vq->late.any))
		return;
	late = vq->late;
	vq->late.any = false;
	if (can_answer)
		vscsi_fail(vq, &late.chain, &late.verdict, late.resid);
	else
		vscsi_drain_ended(vq, 1);
}

/* Answer requests, oldest first: what is left of them if guest memory was not there. */
static struct llist_node *answer_all(struct vscsi_vq *vq,
				     struct llist_node *done, bool can_answer)
{
	struct vscsi_req *req;
	struct llist_node *next;

	lockdep_assert_held(&vq->vhost.mutex);
	for (; done; done = next) {
		/* The used ring may be at fault, too. */
		if (unlikely(vq->put_off && pagefault_disabled()))
			return done;
		req = llist_entry(done, struct vscsi_req, done);
		next = done->next;
		if (unlikely(!can_answer))
			drop(vq, req);
		else if (unlikely(!answer(vq, req)))
			return done;
	}
	return NULL;
}

/**
 * vscsi_complete() - answer every request that LIO has released
 * @vq: a request queue
 *
 * In the order LIO released them. Without the owner's address space, or once
 * the file is closed, requests end without an answer. Where faults are disabled some may be
 * left.
 *
 * Context: may sleep. Locking: caller holds the vq mutex, and calls
 * vscsi_used_flush() before it lets go.
 */
void vscsi_complete(struct vscsi_vq *vq)
{
	bool can_answer = vscsi_vq_can_touch_guest(vq) &&
			  !READ_ONCE(vq->dev->closed);
	bool any = vq->undone;
	struct llist_node *done, *left;

	lockdep_assert_held(&vq->vhost.mutex);
	resume(vq, can_answer);
	left = answer_all(vq, vq->undone, can_answer);
	if (likely(!left)) {
		done = llist_reverse_order(llist_del_all(&vq->done));
		any |= done != NULL;
		left = answer_all(vq, done, can_answer);
	}
	vq->undone = left;
	/* A task management function may be waiting for one of these. */
	if (any && unlikely(READ_ONCE(vq->dev->tmfs_ended)))
		vscsi_control_wake(vq->dev);
}
