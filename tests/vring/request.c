// SPDX-License-Identifier: GPL-2.0
/*
 * One request: header, data out, response, data in, each in as many
 * descriptors as the test wants, anywhere in guest memory. Before a request is
 * sent its response area is poisoned, so that what the device did not write
 * can be told from what it did.
 */
#include <stdio.h>
#include "vring.h"

#define HDR_ROOM 128
#define RSP_ROOM 160

void req_init(struct req *r, struct vdev *d, unsigned int queue)
{
	memset(r, 0, sizeof(*r));
	r->dev = d;
	r->vq = &d->vq[queue];
	r->direct = ALL_DIRECT;
	r->head = -1;
	r->hdr_gpa = gmem_alloc(&d->mem, HDR_ROOM, 64);
	r->rsp_gpa = gmem_alloc(&d->mem, RSP_ROOM, 64);
}

void req_lun(uint8_t addr[8], unsigned int target, unsigned int lun)
{
	memset(addr, 0, 8);
	addr[0] = 1;
	addr[1] = target;
	addr[2] = lun >> 8 | 0x40;
	addr[3] = lun;
}

struct virtio_scsi_cmd_req *req_cmd(struct req *r, unsigned int target,
				    unsigned int lun, const uint8_t *cdb)
{
	static uint64_t tag = 0x1000;
	struct virtio_scsi_cmd_req *h = (void *)r->hdr;

	memset(h, 0, sizeof(*h));
	req_lun(h->lun, target, lun);
	h->tag = __atomic_add_fetch(&tag, 1, __ATOMIC_RELAXED);
	memcpy(h->cdb, cdb, sizeof(h->cdb));
	r->hdr_len = CMD_HDR_LEN;
	r->rsp_len = CMD_RSP_LEN;
	return h;
}

/* Makes the header one with protection information lengths (T10_PI). */
void req_pi(struct req *r, uint32_t pi_out, uint32_t pi_in)
{
	struct virtio_scsi_cmd_req_pi *pi = (void *)r->hdr;
	struct virtio_scsi_cmd_req cmd;

	memcpy(&cmd, r->hdr, sizeof(cmd));
	pi->pi_bytesout = pi_out;
	pi->pi_bytesin = pi_in;
	memcpy(pi->cdb, cmd.cdb, sizeof(pi->cdb));
	r->hdr_len = CMD_PI_HDR_LEN;
}

void req_tmf(struct req *r, uint32_t subtype, unsigned int target,
	     unsigned int lun, uint64_t tag)
{
	struct virtio_scsi_ctrl_tmf_req *h = (void *)r->hdr;

	memset(h, 0, sizeof(*h));
	h->type = VIRTIO_SCSI_T_TMF;
	h->subtype = subtype;
	req_lun(h->lun, target, lun);
	h->tag = tag;
	r->hdr_len = sizeof(*h);
	r->rsp_len = sizeof(struct virtio_scsi_ctrl_tmf_resp);
}

void req_an(struct req *r, uint32_t type, unsigned int target, uint32_t events)
{
	struct virtio_scsi_ctrl_an_req *h = (void *)r->hdr;

	memset(h, 0, sizeof(*h));
	h->type = type;
	req_lun(h->lun, target, 0);
	h->event_requested = events;
	r->hdr_len = sizeof(*h);
	r->rsp_len = sizeof(struct virtio_scsi_ctrl_an_resp);
}

static void add_seg(struct seg **list, unsigned int *nr, uint64_t gpa,
		    uint32_t len)
{
	if (!(*nr & (*nr - 1)))
		*list = realloc(*list, (*nr ? 2 * *nr : 1) * sizeof(**list));
	(*list)[*nr].gpa = gpa;
	(*list)[*nr].len = len;
	++*nr;
}

void req_out(struct req *r, uint64_t gpa, uint32_t len)
{
	add_seg(&r->out, &r->nr_out, gpa, len);
}

void req_in(struct req *r, uint64_t gpa, uint32_t len)
{
	add_seg(&r->in, &r->nr_in, gpa, len);
}

static void add_split(struct seg **list, unsigned int *nr, uint64_t gpa,
		      uint32_t len, uint32_t chunk)
{
	uint32_t n;

	for (; len; gpa += n, len -= n) {
		n = chunk && chunk < len ? chunk : len;
		add_seg(list, nr, gpa, n);
	}
}

void req_out_split(struct req *r, uint64_t gpa, uint32_t len, uint32_t chunk)
{
	add_split(&r->out, &r->nr_out, gpa, len, chunk);
}

void req_in_split(struct req *r, uint64_t gpa, uint32_t len, uint32_t chunk)
{
	add_split(&r->in, &r->nr_in, gpa, len, chunk);
}

void req_again(struct req *r)
{
	r->done = false;
	r->head = -1;
}

/* Forgets the segments; guest memory stays allocated until the test ends. */
void req_free(struct req *r)
{
	free(r->out);
	free(r->in);
	r->out = NULL;
	r->in = NULL;
	r->nr_out = 0;
	r->nr_in = 0;
}

void req_queue(struct req *r)
{
	struct gmem *m = &r->dev->mem;
	unsigned int nr_out = 0, nr_in = 0, nr = 0;
	struct seg *all = NULL;

	gmem_put(m, r->hdr_gpa, r->hdr, r->hdr_len);
	gmem_fill(m, r->rsp_gpa, RSP_POISON, r->rsp_len);
	add_split(&all, &nr, r->hdr_gpa, r->hdr_len, r->hdr_chunk);
	for (unsigned int i = 0; i < r->nr_out; i++)
		add_seg(&all, &nr, r->out[i].gpa, r->out[i].len);
	nr_out = nr;
	add_split(&all, &nr, r->rsp_gpa, r->rsp_len, r->rsp_chunk);
	for (unsigned int i = 0; i < r->nr_in; i++)
		add_seg(&all, &nr, r->in[i].gpa, r->in[i].len);
	nr_in = nr - nr_out;

	r->done = false;
	r->head = ring_add(r->vq, all, nr_out, nr_in, r->direct, r);
	check(r->head >= 0, "queue %u has no room for %u segments",
	      r->vq->index, nr);
	free(all);
}

void req_send(struct req *r)
{
	req_queue(r);
	ring_publish(r->vq);
	ring_kick(r->vq);
}

bool req_wait_until(struct req *r, uint64_t deadline)
{
	uint32_t n = r->rsp_len;

	while (!r->done)
		if (!ring_wait(r->vq, deadline))
			return false;
	memset(&r->rsp, RSP_POISON, sizeof(r->rsp));
	if (n)
		gmem_get(&r->dev->mem, r->rsp_gpa, &r->rsp,
			 n < sizeof(r->rsp) ? n : sizeof(r->rsp));
	return true;
}

void req_wait(struct req *r)
{
	check(req_wait_until(r, deadline_in(WAIT_MS)),
	      "queue %u: request %02x (head %d) is not answered", r->vq->index,
	      r->hdr[19], r->head);
}

void req_run(struct req *r)
{
	req_send(r);
	req_wait(r);
}

uint8_t req_tmf_response(const struct req *r)
{
	return ((const uint8_t *)&r->rsp)[0];
}

bool req_has_sense(const struct req *r, unsigned int key, unsigned int asc)
{
	const struct virtio_scsi_cmd_resp *p = &r->rsp;

	if (!r->done || p->response != VIRTIO_SCSI_S_OK || p->status != 2)
		return false;
	if (p->sense_len < 14 || (p->sense[0] & 0x7f) != 0x70)
		return p->sense_len >= 4 && (p->sense[0] & 0x7f) == 0x72 &&
		       (p->sense[1] & 0xf) == key && p->sense[2] == asc;
	return (p->sense[2] & 0xf) == key && p->sense[12] == asc;
}

const char *req_text(const struct req *r)
{
	static char text[200];
	const struct virtio_scsi_cmd_resp *p = &r->rsp;

	if (!r->done)
		return "no answer";
	if (p->response == RSP_POISON)
		return "nothing written";
	snprintf(
		text, sizeof(text),
		"response %u status %02x resid %u sense_len %u (%x/%02x/%02x) used.len %u",
		p->response, p->status, p->resid, p->sense_len,
		p->sense[2] & 0xf, p->sense[12], p->sense[13], r->used_len);
	return text;
}

void event_post(struct req *r, struct vdev *d)
{
	req_init(r, d, VQ_EVT);
	r->rsp_len = sizeof(struct virtio_scsi_event);
	req_send(r);
}

struct virtio_scsi_event event_wait(struct req *r)
{
	struct virtio_scsi_event e;

	req_wait(r);
	check(r->used_len == sizeof(e), "event of %u bytes", r->used_len);
	gmem_get(&r->dev->mem, r->rsp_gpa, &e, sizeof(e));
	return e;
}

void event_check(const char *file, int line, struct req *r, uint32_t type,
		 unsigned int target, unsigned int lun, uint32_t reason)
{
	struct virtio_scsi_event e = event_wait(r);
	uint8_t addr[8] = { 0 };

	if (target || lun)
		req_lun(addr, target, lun);
	/* Below 256 by peripheral addressing, as the peer has it. */
	if (lun < 256)
		addr[2] = 0;
	if (e.event != type || e.reason != reason ||
	    memcmp(e.lun, addr, sizeof(addr)))
		test_fail(
			file, line,
			"event %x reason %x at %02x%02x%02x%02x, want %x %x at %u:%u",
			e.event, e.reason, e.lun[0], e.lun[1], e.lun[2],
			e.lun[3], type, reason, target, lun);
}
