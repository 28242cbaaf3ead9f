// SPDX-License-Identifier: GPL-2.0
/*
 * The life of a SCSI command: from a chain to a request that LIO works on.
 *
 * vscsi_req_start() belongs to the queue's run, under the queue's mutex and
 * either answers the chain or adds a request to the batch; vscsi_req_submit()
 * hands it to LIO once the mutex is dropped. A request lives in the slot of
 * its descriptor's index, so there is always one free.
 */
#include <linux/slab.h>
#include <scsi/scsi_proto.h>

#include "vhost_scsi.h"
#include "guest.h"
#include "pin.h"
#include "trace.h"

static const struct vscsi_verdict bad_target = {
	.response = VIRTIO_SCSI_S_BAD_TARGET,
};

static const struct vscsi_verdict failure = {
	.response = VIRTIO_SCSI_S_FAILURE,
};

static const struct vscsi_verdict no_memory = {
	.status = SAM_STAT_TASK_SET_FULL,
};

static const struct vscsi_verdict invalid_cdb = {
	.status = SAM_STAT_CHECK_CONDITION,
	.key = ILLEGAL_REQUEST, .asc = 0x24,
};

/*
 * ORDERED is taken for SIMPLE, as a device may (5.6.6.1). LIO does not count down
 * a command that a reset aborts; an ORDERED one would wait for it for ever, and
 * every command to the backstore, of whomever, for that one.
 */
static int sam_attr(u8 attr)
{
	switch (attr) {
	case VIRTIO_SCSI_S_HEAD:
		return TCM_HEAD_TAG;
	case VIRTIO_SCSI_S_ACA:
		return TCM_ACA_TAG;
	default:
		return TCM_SIMPLE_TAG;
	}
}

/* Read and parse the header: NULL, or how to answer. */
static const struct vscsi_verdict *
read_header(struct vscsi_vq *vq, const struct vscsi_chain *chain, bool pi,
	    struct vscsi_cmd_hdr *hdr)
{
	size_t size = pi ? VSCSI_HDR_PI_SIZE : VSCSI_HDR_SIZE;

	if (chain->out_len < size)
		return &bad_target;
	if (pi ? vscsi_guest_get(vq, chain->segs, chain->out, vq->hdr,
				 VSCSI_HDR_PI_SIZE) :
		 vscsi_guest_get(vq, chain->segs, chain->out, vq->hdr,
				 VSCSI_HDR_SIZE))
		return &failure;
	if (vscsi_parse_cmd(vq->hdr, pi, vhost_is_little_endian(&vq->vhost),
			    hdr))
		return &bad_target;
	return NULL;
}

/* Bytes that the buffers hold beside header and response, one way. */
static u64 payload(const struct vscsi_chain *chain, size_t hdr_size)
{
	if (chain->out_len > hdr_size)
		return chain->out_len - hdr_size;
	return chain->in_len - VSCSI_RESP_SIZE;
}

/*
 * Direction and lengths: the guest's buffers say how much data there is, and
 * the PI lengths how much of it is protection information, which stands first
 * (5.6.6.1). Both directions at once need F_INOUT, which we do not offer.
 */
static const struct vscsi_verdict *
measure(struct vscsi_req *req, const struct vscsi_chain *chain,
	const struct vscsi_cmd_hdr *hdr, size_t hdr_size)
{
	bool out = chain->out_len > hdr_size;
	bool in = chain->in_len > VSCSI_RESP_SIZE;
	u64 len = payload(chain, hdr_size);
	u32 prot_len = hdr->pi_out ? hdr->pi_out : hdr->pi_in;

	req->dir = out ? DMA_TO_DEVICE : in ? DMA_FROM_DEVICE : DMA_NONE;
	req->len = min_t(u64, len, U32_MAX);
	req->prot_len = 0;
	if ((out && in) || len > U32_MAX)
		return &failure;
	if (!prot_len)
		return NULL;
	if ((hdr->pi_out && hdr->pi_in) || prot_len >= len ||
	    req->dir != (hdr->pi_out ? DMA_TO_DEVICE : DMA_FROM_DEVICE))
		return &bad_target;
	req->prot_len = prot_len;
	req->len -= prot_len;
	return NULL;
}

/* Keep the buffers that the device writes: they are needed for the answer. */
static int keep_segs(struct vscsi_req *req, const struct vscsi_chain *chain)
{
	unsigned int i;

	req->nsegs = chain->in;
	req->segs = req->inline_segs;
	if (likely(chain->segs == req->inline_segs)) {
		req->segs += chain->out;
		return 0;
	}
	if (chain->in > ARRAY_SIZE(req->inline_segs)) {
		req->segs = kmalloc_array(chain->in, sizeof(*req->segs),
					  GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
		if (!req->segs)
			return -ENOMEM;
	}
	for (i = 0; i < chain->in; i++)
		req->segs[i] = chain->segs[chain->out + i];
	return 0;
}

static int map_prot(struct vscsi_vq *vq, struct vscsi_req *req,
		    const struct vscsi_seg *segs, unsigned int n, u64 skip)
{
	int err;

	if (likely(!req->prot_len))
		return 0;
	req->prot = kzalloc(sizeof(*req->prot), GFP_KERNEL_ACCOUNT);
	if (!req->prot)
		return -ENOMEM;
	/* Copied: LIO steps through it by whole tuples, however it is cut. */
	err = vscsi_data_map(vq, req->prot, segs, n, skip, req->prot_len,
			     req->dir == DMA_FROM_DEVICE, 0);
	if (err) {
		kfree(req->prot);
		req->prot = NULL;
	}
	return err;
}

/* Map protection information and data. */
static int map(struct vscsi_vq *vq, struct vscsi_req *req,
	       const struct vscsi_chain *chain, size_t hdr_size,
	       unsigned int align)
{
	bool write = req->dir == DMA_FROM_DEVICE;
	const struct vscsi_seg *segs = write ? req->segs : chain->segs;
	unsigned int n = write ? req->nsegs : chain->out;
	u64 skip = write ? VSCSI_RESP_SIZE : hdr_size;
	int err;

	err = map_prot(vq, req, segs, n, skip);
	if (err)
		return err;
	return vscsi_data_map(vq, &req->data, segs, n, skip + req->prot_len,
			      req->mapped, write, align);
}

/* Take the slot of the chain's head. */
static struct vscsi_req *take_slot(struct vscsi_vq *vq,
				   const struct vscsi_chain *chain)
{
	struct vscsi_req *req = &vq->reqs[chain->head];

	memset(&req->se_cmd, 0, sizeof(req->se_cmd));
	req->id = chain->id;
	req->busy = true;
	req->answered = false;
	req->aborted = 0;
	req->barrier = vq->barrier_done;
	req->segs = req->inline_segs;
	req->nsegs = 0;
	req->data.sgl = NULL;
	req->prot = NULL;
	req->conflict.listed = false;
	trace_vscsi_ref(req, true);
	return req;
}

/* From a parsed header to a mapped request: NULL, or how to answer. */
static const struct vscsi_verdict *
prepare(struct vscsi_vq *vq, struct vscsi_req *req,
	const struct vscsi_chain *chain, const struct vscsi_cmd_hdr *hdr,
	size_t hdr_size, struct vscsi_verdict *screened)
{
	const struct vscsi_endpoint *ep = vhost_vq_get_backend(&vq->vhost);
	const struct vscsi_verdict *verdict;
	unsigned int align;
	int err;

	verdict = measure(req, chain, hdr, hdr_size);
	req->tpg = vscsi_endpoint_tpg(ep, hdr->addr.target);
	if (!req->tpg)
		return &bad_target;
	req->lun = hdr->addr.lun;
	req->attr = sam_attr(hdr->attr);
	req->se_cmd.tag = hdr->tag;
	if (verdict)
		return verdict;
	if (vscsi_cdb_size(hdr->cdb) > VSCSI_CDB_SIZE)
		return &invalid_cdb;
	memcpy(req->cdb, hdr->cdb, VSCSI_CDB_SIZE);
	trace_vscsi_parse(vq, req);
	if (vscsi_screen(req, &align, screened))
		return screened;
	if (keep_segs(req, chain))
		return &no_memory;
	err = map(vq, req, chain, hdr_size, align);
	trace_vscsi_map(vq, req, err);
	if (err)
		return err == -ENOMEM ? &no_memory : &failure;
	/* Data that is not copied is a medium's, not a parameter list. */
	return !align && vscsi_screen_list(req, screened) ? screened : NULL;
}

/* Answer what does not become a request, unless that is to be tried again. */
static void give_up(struct vscsi_vq *vq, const struct vscsi_chain *chain,
		    const struct vscsi_verdict *verdict, u64 resid)
{
	if (verdict == &failure && vscsi_put_off(vq))
		vscsi_unfetch(vq);
	else
		vscsi_fail(vq, chain, verdict, resid);
}

/**
 * vscsi_req_start() - make a request of a chain, or answer it
 * @vq: the queue
 * @chain: fetched from it; consumed on every path, or put back (vscsi_put_off())
 *
 * Context: owner's address space, may sleep. Locking: caller holds the vq
 * mutex.
 * Ownership: a request in the queue's batch is the run's, to be submitted once the
 * mutex is dropped.
 */
void vscsi_req_start(struct vscsi_vq *vq, struct vscsi_chain *chain)
{
	bool pi = vhost_has_feature(&vq->vhost, VIRTIO_SCSI_F_T10_PI);
	size_t hdr_size = pi ? VSCSI_HDR_PI_SIZE : VSCSI_HDR_SIZE;
	const struct vscsi_verdict *verdict;
	struct vscsi_verdict screened;
	struct vscsi_cmd_hdr hdr;
	struct vscsi_req *req;

	lockdep_assert_held(&vq->vhost.mutex);
	if (unlikely(chain->in_len < VSCSI_RESP_SIZE)) {
		vscsi_used_add(vq, chain->id, chain->head, 0);
		return;
	}
	verdict = read_header(vq, chain, pi, &hdr);
	if (unlikely(verdict)) {
		give_up(vq, chain, verdict, payload(chain, hdr_size));
		return;
	}
	req = take_slot(vq, chain);
	verdict = prepare(vq, req, chain, &hdr, hdr_size, &screened);
	if (unlikely(verdict)) {
		vscsi_req_end(req);
		give_up(vq, chain, verdict, req->len);
		return;
	}
	vscsi_batch_add(vq, req);
}

static bool is_persistent_reserve(const u8 *cdb)
{
	return cdb[0] == PERSISTENT_RESERVE_IN ||
	       cdb[0] == PERSISTENT_RESERVE_OUT;
}

/* It may not come beside another, or not at all: LIO fails it then. */
static bool refuse(struct vscsi_req *req)
{
	sense_reason_t reason = vscsi_conflict_command(req);

	if (reason)
		transport_generic_request_failure(&req->se_cmd, reason);
	return reason != TCM_NO_SENSE;
}

/*
 * Is a command to be carried out at once? A read or write of a ramdisk, which cannot block,
 * if we are where LIO's kworker would do it: that would be a work item more. Not if the
 * administrator has it queued.
 */
static bool is_quick(const struct vscsi_req *req)
{
	return req->quick && (current->flags & PF_WQ_WORKER) &&
	       !vscsi_is_queued(req->se_cmd.se_dev);
}

/* As LIO's kworker does it with what was queued. */
static void submit_quick(struct se_cmd *cmd)
{
	sense_reason_t reason;

	cmd->t_state = TRANSPORT_NEW_CMD;
	cmd->transport_state |= CMD_T_ACTIVE;
	reason = transport_generic_new_cmd(cmd);
	if (unlikely(reason))
		transport_generic_request_failure(cmd, reason);
	cond_resched();
}

/**
 * vscsi_req_submit() - hand a request to LIO
 * @req: the request; LIO's from here on, until release_cmd
 *
 * LIO answers errors itself through queue_status, perhaps before this returns.
 * Its own workers do the rest: a backstore may open files or block, which the
 * owner's task must not do on its behalf.
 *
 * Context: process, may sleep. Locking: none may be held: LIO calls back.
 */
void vscsi_req_submit(struct vscsi_req *req)
{
	struct se_cmd *cmd = &req->se_cmd;
	struct vscsi_data *prot = req->prot;

	trace_vscsi_submit(req);
	if (WARN_ON_ONCE(target_init_cmd(cmd, req->tpg->nexus, req->sense,
					 req->lun, req->mapped, req->attr,
					 req->dir, 0))) {
		/* A claimed port keeps its session. Answered as aborted. */
		vscsi_fabric_ops.release_cmd(cmd);
		return;
	}
	if (target_submit_prep(cmd, req->cdb, req->data.sgl, req->data.nents,
			       NULL, 0, prot ? prot->sgl : NULL,
			       prot ? prot->nents : 0, GFP_KERNEL))
		return;
	if (unlikely(is_persistent_reserve(req->cdb)) && refuse(req))
		return;
	if (is_quick(req))
		submit_quick(cmd);
	else
		target_submit(cmd);
}

/* Mostly it is a page that the queue remembered. */
static __always_inline void release_data(struct vscsi_req *req)
{
	struct vscsi_data *data = &req->data;

	if (likely(data->sgl == data->inline_sgl && data->known &&
		   data->nents == 1)) {
		vscsi_unpin_known(sg_page(data->sgl), data->write);
		data->sgl = NULL;
	} else {
		vscsi_data_release(req->vq, data);
	}
}

/**
 * vscsi_req_end() - free what a request holds
 * @req: the request; its slot may be taken again
 *
 * Locking: caller holds the vq mutex.
 */
void vscsi_req_end(struct vscsi_req *req)
{
	lockdep_assert_held(&req->vq->vhost.mutex);
	trace_vscsi_ref(req, false);
	release_data(req);
	if (unlikely(req->prot)) {
		vscsi_data_release(req->vq, req->prot);
		kfree(req->prot);
		req->prot = NULL;
	}
	if (unlikely(req->nsegs > ARRAY_SIZE(req->inline_segs)))
		kfree(req->segs);
	req->nsegs = 0;
	/* LIO fills in the fields of fixed format sense data and no more. */
	if (unlikely(req->se_cmd.scsi_sense_length || !req->answered))
		memset(req->sense, 0, sizeof(req->sense));
	req->busy = false;
}
