/* SPDX-License-Identifier: GPL-2.0 */
/*
 * One event per step of a request (docs/architecture.md). A line starts with
 * the request's number, which is drawn at fetch and unique among the requests
 * in flight: R= queue number, then a count. Events about a queue start with
 * Q=, those about a device with its owner's pid.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM vhost_scsi

#if !defined(VSCSI_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define VSCSI_TRACE_H

#include <linux/tracepoint.h>

TRACE_EVENT(vscsi_kick,
	TP_PROTO(struct vscsi_vq *vq),
	TP_ARGS(vq),
	TP_STRUCT__entry(
		__field(pid_t, pid)
		__field(unsigned int, queue)
		__field(unsigned int, inflight)
	),
	TP_fast_assign(
		__entry->pid = vq->dev->pid;
		__entry->queue = vq->index;
		__entry->inflight = vq->inflight;
	),
	TP_printk("Q=%u pid=%d inflight=%u", __entry->queue, __entry->pid,
		  __entry->inflight)
);

TRACE_EVENT(vscsi_fetch,
	TP_PROTO(struct vscsi_vq *vq, const struct vscsi_chain *chain),
	TP_ARGS(vq, chain),
	TP_STRUCT__entry(
		__field(u32, id)
		__field(u16, head)
		__field(unsigned int, out)
		__field(unsigned int, in)
		__field(u64, out_len)
		__field(u64, in_len)
	),
	TP_fast_assign(
		__entry->id = chain->id;
		__entry->head = chain->head;
		__entry->out = chain->out;
		__entry->in = chain->in;
		__entry->out_len = chain->out_len;
		__entry->in_len = chain->in_len;
	),
	TP_printk("R=%08x head=%u out=%u/%llu in=%u/%llu", __entry->id,
		  __entry->head, __entry->out, __entry->out_len, __entry->in,
		  __entry->in_len)
);

TRACE_EVENT(vscsi_malformed,
	TP_PROTO(struct vscsi_vq *vq, const struct vscsi_chain *chain,
		 const char *why),
	TP_ARGS(vq, chain, why),
	TP_STRUCT__entry(
		__field(unsigned int, queue)
		__field(u16, head)
		__array(char, why, 48)
	),
	TP_fast_assign(
		__entry->queue = vq->index;
		__entry->head = chain->head;
		strscpy(__entry->why, why, sizeof(__entry->why));
	),
	TP_printk("Q=%u head=%u %s", __entry->queue, __entry->head,
		  __entry->why)
);

TRACE_EVENT(vscsi_parse,
	TP_PROTO(struct vscsi_vq *vq, const struct vscsi_req *req),
	TP_ARGS(vq, req),
	TP_STRUCT__entry(
		__field(u32, id)
		__field(u64, tag)
		__field(u16, target)
		__field(u16, lun)
		__field(u8, opcode)
		__field(u32, len)
	),
	TP_fast_assign(
		__entry->id = req->id;
		__entry->tag = req->se_cmd.tag;
		__entry->target = req->tpg->tag;
		__entry->lun = req->lun;
		__entry->opcode = req->cdb[0];
		__entry->len = req->len;
	),
	TP_printk("R=%08x tag=%llx target=%u lun=%u opcode=%02x len=%u",
		  __entry->id, __entry->tag, __entry->target, __entry->lun,
		  __entry->opcode, __entry->len)
);

TRACE_EVENT(vscsi_map,
	TP_PROTO(struct vscsi_vq *vq, const struct vscsi_req *req, int error),
	TP_ARGS(vq, req, error),
	TP_STRUCT__entry(
		__field(u32, id)
		__field(unsigned int, nents)
		__field(bool, pinned)
		__field(int, error)
	),
	TP_fast_assign(
		__entry->id = req->id;
		__entry->nents = req->data.nents;
		__entry->pinned = req->data.pinned;
		__entry->error = error;
	),
	TP_printk("R=%08x nents=%u %s error=%d", __entry->id, __entry->nents,
		  __entry->pinned ? "pinned" : "bounced", __entry->error)
);

DECLARE_EVENT_CLASS(vscsi_req_class,
	TP_PROTO(const struct vscsi_req *req),
	TP_ARGS(req),
	TP_STRUCT__entry(
		__field(u32, id)
	),
	TP_fast_assign(
		__entry->id = req->id;
	),
	TP_printk("R=%08x", __entry->id)
);

TRACE_EVENT(vscsi_ref,
	TP_PROTO(const struct vscsi_req *req, bool taken),
	TP_ARGS(req, taken),
	TP_STRUCT__entry(
		__field(u32, id)
		__field(bool, taken)
	),
	TP_fast_assign(
		__entry->id = req->id;
		__entry->taken = taken;
	),
	TP_printk("R=%08x %s", __entry->id, __entry->taken ? "new" : "free")
);

DEFINE_EVENT(vscsi_req_class, vscsi_submit,
	TP_PROTO(const struct vscsi_req *req), TP_ARGS(req));

DEFINE_EVENT(vscsi_req_class, vscsi_done,
	TP_PROTO(const struct vscsi_req *req), TP_ARGS(req));

TRACE_EVENT(vscsi_complete,
	TP_PROTO(const struct vscsi_req *req, const struct vscsi_resp *resp),
	TP_ARGS(req, resp),
	TP_STRUCT__entry(
		__field(u32, id)
		__field(u8, response)
		__field(u8, status)
		__field(u32, resid)
	),
	TP_fast_assign(
		__entry->id = req->id;
		__entry->response = resp->response;
		__entry->status = resp->status;
		__entry->resid = resp->resid;
	),
	TP_printk("R=%08x response=%u status=%02x resid=%u", __entry->id,
		  __entry->response, __entry->status, __entry->resid)
);

TRACE_EVENT(vscsi_used,
	TP_PROTO(const struct vscsi_vq *vq, u32 id, u16 desc, u32 len),
	TP_ARGS(vq, id, desc, len),
	TP_STRUCT__entry(
		__field(u32, id)
		__field(unsigned int, queue)
		__field(u16, desc)
		__field(u32, len)
	),
	TP_fast_assign(
		__entry->id = id;
		__entry->queue = vq->index;
		__entry->desc = desc;
		__entry->len = len;
	),
	TP_printk("R=%08x queue=%u head=%u len=%u", __entry->id,
		  __entry->queue, __entry->desc, __entry->len)
);

TRACE_EVENT(vscsi_signal,
	TP_PROTO(const struct vscsi_vq *vq, unsigned int n),
	TP_ARGS(vq, n),
	TP_STRUCT__entry(
		__field(unsigned int, queue)
		__field(unsigned int, n)
	),
	TP_fast_assign(
		__entry->queue = vq->index;
		__entry->n = n;
	),
	TP_printk("Q=%u used=%u", __entry->queue, __entry->n)
);

DECLARE_EVENT_CLASS(vscsi_tmf_class,
	TP_PROTO(const struct vscsi_tmf *tmf),
	TP_ARGS(tmf),
	TP_STRUCT__entry(
		__field(u32, id)
		__field(u16, target)
		__field(u16, lun)
		__field(u8, response)
	),
	TP_fast_assign(
		__entry->id = tmf->id;
		__entry->target = tmf->tpg->tag;
		__entry->lun = tmf->lun;
		__entry->response = tmf->response;
	),
	TP_printk("R=%08x target=%u lun=%u response=%u", __entry->id,
		  __entry->target, __entry->lun, __entry->response)
);

DEFINE_EVENT(vscsi_tmf_class, vscsi_tmf,
	TP_PROTO(const struct vscsi_tmf *tmf), TP_ARGS(tmf));

DEFINE_EVENT(vscsi_tmf_class, vscsi_tmf_done,
	TP_PROTO(const struct vscsi_tmf *tmf), TP_ARGS(tmf));

TRACE_EVENT(vscsi_thread,
	TP_PROTO(const struct vscsi_dev *dev, const char *name),
	TP_ARGS(dev, name),
	TP_STRUCT__entry(
		__field(pid_t, pid)
		__array(char, name, TASK_COMM_LEN)
	),
	TP_fast_assign(
		__entry->pid = dev->pid;
		strscpy(__entry->name, name, sizeof(__entry->name));
	),
	TP_printk("pid=%d %s", __entry->pid, __entry->name)
);

TRACE_EVENT(vscsi_endpoint,
	TP_PROTO(const struct vscsi_dev *dev, bool set),
	TP_ARGS(dev, set),
	TP_STRUCT__entry(
		__field(pid_t, pid)
		__field(bool, set)
	),
	TP_fast_assign(
		__entry->pid = dev->pid;
		__entry->set = set;
	),
	TP_printk("pid=%d %s", __entry->pid, __entry->set ? "set" : "clear")
);

#endif /* VSCSI_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
