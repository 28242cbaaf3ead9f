// SPDX-License-Identifier: GPL-2.0
/*
 * The control queue: task management and asynchronous notification requests
 * (virtio 1.2, 5.6.6.2). Runs in the control queue's work. What a task
 * management function does is in tmf.c.
 */
#include "vhost_scsi.h"

/**
 * vscsi_control_answer() - answer a request of the control queue
 * @vq: the control queue
 * @id: of the request, for the trace
 * @head: its descriptor's index
 * @segs: the buffers that the device writes
 * @n: how many
 * @skip: bytes of zeroes ahead of the response code
 * @response: the code
 *
 * Locking: caller holds the vq mutex and calls vscsi_used_flush() before it
 * lets go.
 */
void vscsi_control_answer(struct vscsi_vq *vq, u32 id, u16 head,
			  const struct vscsi_seg *segs, unsigned int n,
			  unsigned int skip, u8 response)
{
	u8 buf[VSCSI_AN_RESP_SIZE] = { };
	u32 len = skip + 1;

	lockdep_assert_held(&vq->vhost.mutex);
	buf[skip] = response;
	vscsi_stats_response(vq, response);
	if (vscsi_guest_write(vq, segs, n, 0, buf, len))
		len = 0;
	vscsi_used_add(vq, id, head, len);
}

static void answer_chain(struct vscsi_vq *vq, const struct vscsi_chain *chain,
			 unsigned int skip, u8 response)
{
	vscsi_control_answer(vq, chain->id, chain->head,
			     chain->segs + chain->out, chain->in, skip,
			     response);
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

/* A function that is not known is rejected: 0, or the response. */
static u8 refuse_tmf(struct vscsi_tpg *tpg, const struct vscsi_tmf_hdr *hdr)
{
	switch (hdr->subtype) {
	case VIRTIO_SCSI_T_TMF_I_T_NEXUS_RESET:
		return 0;
	case VIRTIO_SCSI_T_TMF_ABORT_TASK:
	case VIRTIO_SCSI_T_TMF_ABORT_TASK_SET:
	case VIRTIO_SCSI_T_TMF_CLEAR_TASK_SET:
	case VIRTIO_SCSI_T_TMF_LOGICAL_UNIT_RESET:
	case VIRTIO_SCSI_T_TMF_QUERY_TASK:
	case VIRTIO_SCSI_T_TMF_QUERY_TASK_SET:
		return vscsi_screen_lun_exists(tpg, hdr->addr.lun) ? 0 :
		       VIRTIO_SCSI_S_INCORRECT_LUN;
	default:
		/* CLEAR ACA too: no logical unit of LIO has ACA. */
		return VIRTIO_SCSI_S_FUNCTION_REJECTED;
	}
}

static void handle_tmf(struct vscsi_vq *vq, struct vscsi_chain *chain)
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
		tpg = vscsi_endpoint_tpg(ep, hdr.addr.target);
	if (tpg) {
		response = refuse_tmf(tpg, &hdr);
		if (!response && vscsi_tmf_queue(vq, chain, tpg, &hdr))
			return;
		if (!response)
			response = VIRTIO_SCSI_S_FUNCTION_REJECTED;
	}
	answer_chain(vq, chain, 0, response);
}

/* One control request. What is too short to be answered is given back. */
static void handle(struct vscsi_vq *vq, struct vscsi_chain *chain)
{
	bool le = vhost_is_little_endian(&vq->vhost);
	u8 buf[4];

	if (vscsi_guest_read(vq, chain->segs, chain->out, 0, buf, sizeof(buf)))
		goto give_back;
	switch (vscsi_parse_ctl_type(buf, le)) {
	case VIRTIO_SCSI_T_TMF:
		if (!chain->in_len)
			goto give_back;
		handle_tmf(vq, chain);
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
static bool fetch_batch(struct vscsi_vq *vq)
{
	struct vscsi_chain chain;
	unsigned int n;

	lockdep_assert_held(&vq->vhost.mutex);
	vhost_disable_notify(&vq->dev->vhost, &vq->vhost);
	for (n = 0; n < VSCSI_FETCH_BATCH; n++) {
		if (vscsi_fetch(vq, &chain)) {
			handle(vq, &chain);
			continue;
		}
		if (!vq->live ||
		    !vhost_enable_notify(&vq->dev->vhost, &vq->vhost))
			return false;
		vhost_disable_notify(&vq->dev->vhost, &vq->vhost);
	}
	return vq->live;
}

/**
 * vscsi_control_run() - the work of the control queue
 * @work: of the control queue
 *
 * Context: the queue's thread, or the kworker that does the work it left; only
 * one at a time.
 */
void vscsi_control_run(struct vscsi_work *work)
{
	struct vscsi_vq *vq = container_of(work, struct vscsi_vq, work);
	bool more = false;

	mutex_lock(&vq->vhost.mutex);
	vq->stats.kicks++;
	if (vq->live && vscsi_vq_can_touch_guest(vq))
		more = fetch_batch(vq);
	vscsi_used_flush(vq);
	mutex_unlock(&vq->vhost.mutex);
	vscsi_tmf_run(vq);
	if (more)
		vscsi_vq_wake(vq);
}

/**
 * vscsi_control_wake() - a request queue has done what a function waits for
 * @dev: the device
 *
 * It has passed an order barrier, or answered commands.
 *
 * Context: any. Returns at once; the control queue's work looks at all queues.
 */
void vscsi_control_wake(struct vscsi_dev *dev)
{
	vscsi_vq_wake(&dev->vqs[VSCSI_VQ_CTL]);
}
