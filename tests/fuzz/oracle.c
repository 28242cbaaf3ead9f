// SPDX-License-Identifier: GPL-2.0
/*
 * What the device has to make of a ring: which chains make sense and are
 * answered, once each; which one stops the queue; and which memory may change.
 * Written after virtio 1.2, 2.7, with the limits that the device has of its own:
 * 1,024 buffers in a chain, and as many entries in a table.
 */
#include <stdio.h>
#include "../io/dirty.h"
#include "fuzz.h"

#define PAGE 4096ull

/* Where the random buffers are; there it is seen what the device writes. */
static const struct area {
	uint64_t gpa, size;
} areas[] = {
	{ HIGH_GPA, NO_ACCESS_GPA - HIGH_GPA },
	{ READ_ONLY_GPA, PAGE },
	{ HIGH_GPA + HIGH_SIZE - 16384, 16384 },
	{ NEXT_GPA - 16384, 16384 },
	{ NEXT_GPA, 16384 },
};

static uint8_t *copies[ARRAY_SIZE(areas)];

static bool readable(const struct gmem *m, uint64_t gpa, uint64_t len)
{
	uint64_t n;

	for (; len; gpa += n, len -= n) {
		const struct region *r = m->region;

		while (r < m->region + m->nr && gpa - r->gpa >= r->size)
			r++;
		if (r == m->region + m->nr)
			return false;
		n = r->size - (gpa - r->gpa);
		n = n < len ? n : len;
		if (gpa < NO_ACCESS_GPA + PAGE && gpa + n > NO_ACCESS_GPA)
			return false;
	}
	return true;
}

static bool add_buffer(struct visit *v, const struct vring_desc *d)
{
	if (v->out + v->in == VISIT_MAX || d->addr + d->len < d->addr)
		return false;
	if (d->flags & VRING_DESC_F_WRITE) {
		v->in_seg[v->in].gpa = d->addr;
		v->in_seg[v->in].len = d->len;
		v->in++;
		v->in_len += d->len;
		return true;
	}
	v->out++;
	v->out_len += d->len;
	return !v->in;
}

static bool visit_table(struct vq *vq, const struct vring_desc *ref,
			struct visit *v)
{
	static struct vring_desc table[VISIT_MAX];
	unsigned int n = ref->len / sizeof(*table), i = 0;

	if (!n || n > VISIT_MAX || ref->len % sizeof(*table) ||
	    !readable(&vq->dev->mem, ref->addr, ref->len))
		return false;
	gmem_get(&vq->dev->mem, ref->addr, table, ref->len);
	for (unsigned int steps = 0; steps < n; steps++) {
		if (i >= n || (table[i].flags & VRING_DESC_F_INDIRECT) ||
		    !add_buffer(v, &table[i]))
			return false;
		if (!(table[i].flags & VRING_DESC_F_NEXT))
			return true;
		i = table[i].next;
	}
	return false;
}

bool oracle_visit(struct vq *vq, uint16_t head, struct visit *v)
{
	unsigned int i = head;

	memset(v, 0, offsetof(struct visit, in_seg));
	for (unsigned int steps = 0; steps < vq->num; steps++) {
		const struct vring_desc *d;

		if (i >= vq->num)
			return false;
		d = &vq->desc[i];
		if (d->flags & VRING_DESC_F_INDIRECT ? !visit_table(vq, d, v)
						     : !add_buffer(v, d))
			return false;
		if (!(d->flags & VRING_DESC_F_NEXT))
			return true;
		i = d->next;
	}
	return false;
}

/* The event queue takes buffers only if there may be events. */
static bool is_served(const struct guest *g, const struct vq *vq)
{
	return vq->index != VQ_EVT || g->features & (F_HOTPLUG | F_CHANGE);
}

/* Bytes that the device has no business to write, all in front. */
static size_t guest_part(const struct vq *vq)
{
	return (uint8_t *)&vq->avail->ring[vq->num] - (uint8_t *)vq->desc;
}

void outlook_take(struct guest *g, struct outlook *o, struct vq *vq)
{
	static struct visit v;
	struct vring_avail *avail;

	o->vq = vq;
	o->good = 0;
	o->offered = (uint16_t)(vq->avail_idx - vq->used_idx);
	o->breaks = o->offered > vq->num;
	if (o->breaks)
		o->offered = 0;
	for (; o->good < o->offered; o->good++) {
		uint16_t at = vq->used_idx + o->good;

		o->head[o->good] = vq->avail->ring[at % vq->num];
		if (!oracle_visit(vq, o->head[o->good], &v)) {
			o->breaks = true;
			break;
		}
	}
	if (!is_served(g, vq)) {
		o->good = 0;
		o->breaks = false;
	}
	/* One signal, when all is done. */
	if (vq->event_idx)
		*ring_used_event(vq) = vq->used_idx + o->good - 1;
	if (!o->ring)
		o->ring = malloc(RING_MAX * (sizeof(*vq->desc) + 2) + 8);
	memcpy(o->ring, vq->desc, guest_part(vq));
	avail = (void *)(o->ring + vq->num * sizeof(*vq->desc));
	avail->idx = vq->avail_idx;
}

static uint16_t used_now(const struct vq *vq)
{
	return __atomic_load_n(&vq->used->idx, __ATOMIC_ACQUIRE);
}

static void wait_used(struct outlook *o, unsigned int n)
{
	uint64_t end = deadline_in(WAIT_MS);
	struct vq *vq = o->vq;
	unsigned int done;

	for (;;) {
		done = (uint16_t)(used_now(vq) - vq->used_idx);
		if (done >= n)
			break;
		check(efd_wait(vq->call, end),
		      "queue %u: %u of %u chains are answered, %u of them signalled",
		      vq->index, (uint16_t)(used_now(vq) - vq->used_idx), n,
		      done);
		efd_drain(vq->call);
	}
	check(done <= o->good, "queue %u: %u chains are answered, want %u",
	      vq->index, done, o->good);
}

/* One event for each buffer: the device has to say that it missed some. */
static void draw_events(struct outlook *o)
{
	uint32_t missed = 1;

	for (unsigned int i = 0; i < o->good + o->breaks; i++) {
		*ring_used_event(o->vq) = o->vq->used_idx + i;
		expect(dev_ioctl(o->vq->dev->fd, VHOST_SCSI_SET_EVENTS_MISSED,
				 &missed),
		       0);
		ring_kick(o->vq);
		if (i < o->good)
			wait_used(o, i + 1);
	}
}

/* How much of a chain's buffers may be written, from their beginning on. */
static uint64_t may_write(const struct guest *g, const struct vq *vq,
			  const struct visit *v)
{
	uint32_t hdr = g->features & F_T10_PI ? CMD_PI_HDR_LEN : CMD_HDR_LEN;

	if (vq->index == VQ_CTL)
		return sizeof(struct virtio_scsi_ctrl_an_resp);
	if (vq->index == VQ_EVT)
		return sizeof(struct virtio_scsi_event);
	if (v->in_len < CMD_RSP_LEN)
		return 0;
	return v->out_len > hdr ? CMD_RSP_LEN : v->in_len;
}

static void check_used(struct guest *g, struct outlook *o)
{
	static struct visit v;
	struct vq *vq = o->vq;

	for (unsigned int n = 0; n < o->good; n++, vq->used_idx++) {
		const struct vring_used_elem *e =
			&vq->used->ring[vq->used_idx % vq->num];
		unsigned int i = n;

		while (i < o->good && o->head[i] != e->id)
			i++;
		check(i < o->good,
		      "queue %u: head %u is answered twice, or was not offered",
		      vq->index, e->id);
		oracle_visit(vq, o->head[i], &v);
		check(e->len <= may_write(g, vq, &v) && e->len <= v.in_len,
		      "queue %u: head %u: %u bytes written of %llu", vq->index,
		      e->id, e->len, (unsigned long long)v.in_len);
		/* Answered ones stand in front. */
		o->head[i] = o->head[n];
		o->head[n] = e->id;
	}
}

void outlook_check(struct guest *g, struct outlook *o)
{
	struct vq *vq = o->vq;

	if (vq->index == VQ_EVT && is_served(g, vq))
		draw_events(o);
	wait_used(o, o->good);
	if (o->breaks)
		check(efd_wait(vq->err, deadline_in(WAIT_MS)),
		      "queue %u: chain %u is malformed, and nobody is told",
		      vq->index, o->good);
	else
		check(!efd_drain(vq->err),
		      "queue %u: an error is signalled, all %u chains are right",
		      vq->index, o->good);
	check_used(g, o);
	check(used_now(vq) == vq->used_idx, "queue %u: %u more are answered",
	      vq->index, (uint16_t)(used_now(vq) - vq->used_idx));
	check(!memcmp(o->ring, vq->desc, guest_part(vq)),
	      "queue %u: descriptors or available ring were written",
	      vq->index);
}

static uint8_t *area_ptr(const struct guest *g, const struct area *a)
{
	return gmem_ptr(&g->d->mem, a->gpa, a->size);
}

void memory_take(struct guest *g)
{
	for (size_t i = 0; i < ARRAY_SIZE(areas); i++) {
		const struct area *a = &areas[i];

		if (!copies[i])
			copies[i] = malloc(a->size);
		memcpy(copies[i], area_ptr(g, a), a->size);
		memset(g->log + a->gpa / PAGE / 8, 0, a->size / PAGE / 8 + 1);
	}
}

/* What the device may have written, it may; if it did, it has to log that. */
static void accept_piece(struct guest *g, size_t i, uint64_t gpa, uint64_t len)
{
	uint8_t *copy = copies[i] + (gpa - areas[i].gpa);
	const uint8_t *now = gmem_ptr(&g->d->mem, gpa, len);

	if (!memcmp(copy, now, len))
		return;
	check(!g->logging || dirty_is(g->log, gpa),
	      "what was written at 0x%llx is not logged",
	      (unsigned long long)gpa);
	memcpy(copy, now, len);
}

static void accept(struct guest *g, uint64_t gpa, uint64_t len)
{
	for (size_t i = 0; i < ARRAY_SIZE(areas); i++) {
		const struct area *a = &areas[i];
		uint64_t at = gpa > a->gpa ? gpa : a->gpa, n;
		uint64_t end = a->gpa + a->size;

		if (gpa + len < end)
			end = gpa + len;
		/* Never: it is read-only to the VMM. */
		if (a->gpa == READ_ONLY_GPA)
			continue;
		for (; at < end; at += n) {
			n = PAGE - at % PAGE;
			n = n < end - at ? n : end - at;
			accept_piece(g, i, at, n);
		}
	}
}

static void accept_chain(struct guest *g, struct vq *vq, uint16_t head)
{
	static struct visit v;
	uint64_t left;

	oracle_visit(vq, head, &v);
	left = may_write(g, vq, &v);
	for (unsigned int i = 0; i < v.in && left; i++) {
		const struct seg *s = &v.in_seg[i];
		uint64_t n = s->len < left ? s->len : left;

		accept(g, s->gpa, n);
		left -= n;
	}
}

static void expect_same(struct guest *g, size_t i)
{
	const uint8_t *now = area_ptr(g, &areas[i]), *was = copies[i];
	uint64_t at = 0;

	if (!memcmp(was, now, areas[i].size))
		return;
	while (was[at] == now[at])
		at++;
	fail("0x%llx went from %02x to %02x, in no buffer of an answered chain",
	     (unsigned long long)(areas[i].gpa + at), was[at], now[at]);
}

void memory_check(struct guest *g, struct outlook *o, unsigned int n)
{
	for (; n; n--, o++)
		for (unsigned int i = 0; i < o->good; i++)
			accept_chain(g, o->vq, o->head[i]);
	for (size_t i = 0; i < ARRAY_SIZE(areas); i++)
		expect_same(g, i);
}
