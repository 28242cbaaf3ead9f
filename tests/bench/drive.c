// SPDX-License-Identifier: GPL-2.0
/*
 * The loop that is timed: one queue, kept full. It does what a guest's driver
 * cannot do without (header, response, rings, notifications) and nothing else,
 * for what it costs dilutes the difference between two modules. Descriptors
 * and tables are written once: a slot's buffers stay where they are.
 */
#include <stdio.h>
#include <time.h>
#include "bench.h"

/* More pages than anyone remembers; none next to the one before. */
#define ROAM_BYTES (16 * (uint32_t)MIB)
#define ROAM_STEP (5 * PAGE)

uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ull + ts.tv_nsec;
}

static void put_desc(struct vring_desc *t, unsigned int i, uint64_t gpa,
		     uint32_t len, uint16_t flags)
{
	t[i].addr = gpa;
	t[i].len = len;
	t[i].flags = flags | VRING_DESC_F_NEXT;
	t[i].next = i + 1;
}

/* Descriptors @i.. for the data; every page of its own when scattered. */
static unsigned int put_data(struct gmem *m, const struct load *load,
			     struct vring_desc *t, unsigned int i)
{
	unsigned int pages = load->bytes / PAGE;
	unsigned int stride = load->scattered ? 3 * PAGE : PAGE;
	uint64_t gpa = gmem_alloc(m, (uint64_t)pages * stride, PAGE);

	for (unsigned int n = 0; n < pages; n++, gpa += stride) {
		gmem_fill(m, gpa, 0x5a, PAGE);
		put_desc(t, i++, gpa, PAGE,
			 load->write ? 0 : VRING_DESC_F_WRITE);
	}
	return i;
}

static void prepare_slot(struct driver *d, unsigned int head)
{
	struct gmem *m = &d->vq->dev->mem;
	struct slot *s = &d->slot[head];
	unsigned int nr = 2 + d->load->bytes / PAGE, i = 0;
	uint64_t table = gmem_alloc(m, nr * sizeof(struct vring_desc), 64);
	uint64_t hdr = gmem_alloc(m, sizeof(*s->hdr), 64);
	uint64_t rsp = gmem_alloc(m, sizeof(*s->rsp), 64);
	struct vring_desc *t = gmem_ptr(m, table, nr * sizeof(*t));

	s->hdr = gmem_ptr(m, hdr, sizeof(*s->hdr));
	s->rsp = gmem_ptr(m, rsp, sizeof(*s->rsp));
	if (d->load->roaming)
		s->data = &t[d->load->write ? 1 : 2];
	memset(s->hdr, 0, sizeof(*s->hdr));
	memset(s->rsp, 0, sizeof(*s->rsp));
	req_lun(s->hdr->lun, 1, 0);
	cdb_rw10(s->hdr->cdb, d->load->write, 0, d->blocks);

	put_desc(t, i++, hdr, sizeof(*s->hdr), 0);
	if (d->load->write)
		i = put_data(m, d->load, t, i);
	put_desc(t, i++, rsp, sizeof(*s->rsp), VRING_DESC_F_WRITE);
	if (!d->load->write)
		i = put_data(m, d->load, t, i);
	t[nr - 1].flags &= ~VRING_DESC_F_NEXT;

	d->vq->desc[head].addr = table;
	d->vq->desc[head].len = nr * sizeof(*t);
	d->vq->desc[head].flags = VRING_DESC_F_INDIRECT;
}

void drive_prepare(struct driver *d, struct vq *vq, const struct load *load,
		   long *left)
{
	memset(d, 0, sizeof(*d));
	d->vq = vq;
	d->load = load;
	d->left = left;
	d->blocks = load->bytes / BLOCK;
	check(load->depth <= MAX_DEPTH, "a depth of %u", load->depth);
	if (load->roaming) {
		check(load->bytes == PAGE, "%u bytes that roam", load->bytes);
		d->roam_gpa = gmem_alloc(&vq->dev->mem, ROAM_BYTES, PAGE);
		gmem_fill(&vq->dev->mem, d->roam_gpa, 0x5a, ROAM_BYTES);
	}
	for (unsigned int i = 0; i < load->depth; i++)
		prepare_slot(d, i);
}

/* A driver of one request, which has the slot @head of a queue of another's. */
void drive_prepare_slot(struct driver *d, struct vq *vq,
			const struct load *load, unsigned int head)
{
	memset(d, 0, sizeof(*d));
	d->vq = vq;
	d->load = load;
	d->blocks = load->bytes / BLOCK;
	d->first = head;
	check(head < MAX_DEPTH, "a slot %u", head);
	prepare_slot(d, head);
}

/* Requests this driver may begin, up to @want, of those that are left. */
static unsigned int claim(struct driver *d, unsigned int want)
{
	long before;

	if (__atomic_load_n(d->left, __ATOMIC_RELAXED) <= 0)
		return 0;
	before = __atomic_fetch_sub(d->left, want, __ATOMIC_RELAXED);
	if (before <= 0)
		return 0;
	return before < want ? before : want;
}

static inline void begin(struct driver *d, unsigned int head)
{
	struct slot *s = &d->slot[head];
	struct vq *vq = d->vq;

	s->hdr->tag = d->lba;
	*(uint32_t *)&s->hdr->cdb[2] = __builtin_bswap32(d->lba);
	d->lba = (d->lba + d->blocks) & (DEVICE_BYTES / BLOCK - 1);
	if (s->data) {
		s->data->addr = d->roam_gpa + d->roam;
		d->roam = (d->roam + ROAM_STEP) % ROAM_BYTES;
	}
	s->hdr->lun[3] = d->lun;
	if (++d->lun >= d->load->luns)
		d->lun = 0;
	s->rsp->response = RSP_POISON;
	vq->avail->ring[vq->avail_idx++ % RING_SIZE] = head;
}

/* Makes what was begun since @old visible, and kicks if the device asks. */
static inline void publish(struct vq *vq, uint16_t old)
{
	uint16_t event;

	__atomic_store_n(&vq->avail->idx, vq->avail_idx, __ATOMIC_RELEASE);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	event = *(volatile uint16_t *)&vq->used->ring[RING_SIZE];
	if ((uint16_t)(vq->avail_idx - event - 1) <
	    (uint16_t)(vq->avail_idx - old))
		efd_signal(vq->kick);
}

static inline bool any_used(const struct vq *vq)
{
	return __atomic_load_n(&vq->used->idx, __ATOMIC_ACQUIRE) !=
	       vq->used_idx;
}

/* Until a request has ended; sleeps only when none has. */
static inline void wait_used(struct vq *vq)
{
	uint64_t n;

	while (!any_used(vq)) {
		vq->avail->ring[RING_SIZE] = vq->used_idx; /* used_event */
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		if (any_used(vq))
			break;
		check(read(vq->call, &n, sizeof(n)) == sizeof(n), "read: %s",
		      strerror(errno));
	}
}

static inline unsigned int finish(struct driver *d)
{
	struct vq *vq = d->vq;
	unsigned int head =
		vq->used->ring[vq->used_idx++ % RING_SIZE].id % MAX_DEPTH;
	const struct virtio_scsi_cmd_resp *rsp = d->slot[head].rsp;

	check(!(rsp->response | rsp->status), "response %u, status %u",
	      rsp->response, rsp->status);
	return head;
}

/* Takes up to the load's depth of requests at a time until none is left. */
void drive_run(struct driver *d)
{
	struct vq *vq = d->vq;
	unsigned int mine = claim(d, d->load->depth), head;
	uint16_t old = vq->avail_idx;

	for (head = 0; head < mine; head++)
		begin(d, head);
	d->inflight = mine;
	if (mine)
		publish(vq, old);
	while (d->inflight) {
		uint16_t used;
		unsigned int n;

		wait_used(vq);
		used = __atomic_load_n(&vq->used->idx, __ATOMIC_ACQUIRE);
		n = (uint16_t)(used - vq->used_idx);
		check(n <= d->inflight, "%u of %u requests ended", n,
		      d->inflight);
		mine = claim(d, n);
		d->inflight += mine - n;
		old = vq->avail_idx;
		while (n--) {
			head = finish(d);
			if (mine) {
				begin(d, head);
				mine--;
			}
		}
		if (vq->avail_idx != old)
			publish(vq, old);
	}
}

/* Takes what was used, and has the flood begin as much anew; true with the probe's. */
static bool flood_on(struct driver *d, unsigned int probe)
{
	struct vq *vq = d->vq;
	uint16_t used = __atomic_load_n(&vq->used->idx, __ATOMIC_ACQUIRE);
	uint16_t old = vq->avail_idx;
	bool found = false;

	while (vq->used_idx != used) {
		unsigned int head = finish(d);

		if (head == probe)
			found = true;
		else
			begin(d, head);
	}
	if (vq->avail_idx != old)
		publish(vq, old);
	return found;
}

/*
 * Keeps @d's queue full until a request of @probe's to @lun, sent in the midst,
 * has ended. Says how many nanoseconds that took, and how many of the flood's
 * requests passed it. What the flood has in flight then stays so.
 */
uint64_t drive_flood(struct driver *d, struct driver *probe, uint8_t lun,
		     unsigned int *passed)
{
	struct vq *vq = d->vq;
	uint16_t old = vq->avail_idx, before;
	uint64_t since;

	while (d->inflight < d->load->depth)
		begin(d, d->inflight++);
	d->slot[probe->first] = probe->slot[probe->first];
	probe->lun = lun;
	begin(probe, probe->first);
	before = __atomic_load_n(&vq->used->idx, __ATOMIC_ACQUIRE);
	since = now_ns();
	publish(vq, old);
	do
		wait_used(vq);
	while (!flood_on(d, probe->first));
	*passed = (uint16_t)(vq->used_idx - before - 1);
	return now_ns() - since;
}

/* Until what the flood has in flight has ended. */
void drive_flood_end(struct driver *d)
{
	while (d->inflight) {
		wait_used(d->vq);
		finish(d);
		d->inflight--;
	}
}
