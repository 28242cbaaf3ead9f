// SPDX-License-Identifier: GPL-2.0
/*
 * Split rings, seen from the driver: descriptors, the available and the used
 * ring, both kinds of notification. Ring memory lies in guest memory. Every
 * used entry has to name a chain that is in flight, so a request that is
 * completed twice, or never was sent, fails the test by itself.
 */
#include <poll.h>
#include <sys/eventfd.h>
#include "vring.h"

int efd_new(void)
{
	int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

	check(fd >= 0, "eventfd: %s", strerror(errno));
	return fd;
}

void efd_signal(int fd)
{
	uint64_t one = 1;

	check(write(fd, &one, 8) == 8, "eventfd write: %s", strerror(errno));
}

uint64_t efd_drain(int fd)
{
	uint64_t n;

	return read(fd, &n, 8) == 8 ? n : 0;
}

bool efd_wait(int fd, uint64_t deadline)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	for (;;) {
		uint64_t now = now_ms();
		int n = poll(&p, 1, now < deadline ? deadline - now : 0);

		if (n > 0)
			return true;
		if (!n && now >= deadline)
			return false;
		check(n >= 0 || errno == EINTR, "poll: %s", strerror(errno));
	}
}

void ring_reset(struct vq *vq)
{
	memset(vq->desc, 0, vq->bytes);
	vq->avail_idx = 0;
	vq->used_idx = 0;
	vq->nr_free = vq->num;
	for (unsigned int i = 0; i < vq->num; i++) {
		vq->free[i] = vq->num - 1 - i;
		vq->owner[i] = NULL;
	}
}

/* Bytes of a ring up to the used ring, and with it (virtio 1.2, 2.7.2). */
static size_t used_offset(unsigned int num)
{
	return (num * sizeof(struct vring_desc) + 6 + 2 * num + 3) / 4 * 4;
}

static size_t ring_bytes(unsigned int num)
{
	return used_offset(num) + 6 + num * sizeof(struct vring_used_elem);
}

void ring_resize(struct vq *vq, unsigned int num)
{
	vq->num = num;
	vq->bytes = ring_bytes(num);
	vq->avail = (void *)&vq->desc[num];
	vq->used = (void *)((uint8_t *)vq->desc + used_offset(num));
	ring_reset(vq);
}

void ring_init(struct vq *vq, unsigned int num)
{
	vq->gpa = gmem_alloc(&vq->dev->mem, ring_bytes(num), 4096);
	vq->desc = gmem_ptr(&vq->dev->mem, vq->gpa, ring_bytes(num));
	vq->free = calloc(num, sizeof(*vq->free));
	vq->owner = calloc(num, sizeof(*vq->owner));
	vq->table = calloc(num, sizeof(*vq->table));
	vq->table_room = calloc(num, sizeof(*vq->table_room));
	ring_resize(vq, num);
}

uint16_t *ring_used_event(struct vq *vq)
{
	return &vq->avail->ring[vq->num];
}

uint16_t *ring_avail_event(struct vq *vq)
{
	return (uint16_t *)&vq->used->ring[vq->num];
}

static void put_desc(struct vring_desc *d, const struct seg *s, bool write,
		     int next)
{
	d->addr = s->gpa;
	d->len = s->len;
	d->flags = (write ? VRING_DESC_F_WRITE : 0) |
		   (next >= 0 ? VRING_DESC_F_NEXT : 0);
	d->next = next >= 0 ? next : 0;
}

/* Puts segments @first.. into the indirect table of descriptor @i. */
static void put_table(struct vq *vq, unsigned int i, const struct seg *seg,
		      unsigned int first, unsigned int nr_out, unsigned int nr)
{
	uint32_t n = nr - first;
	struct vring_desc *t;

	if (vq->table_room[i] < n) {
		vq->table[i] = gmem_keep(&vq->dev->mem, n * sizeof(*t));
		vq->table_room[i] = n;
	}
	t = gmem_ptr(&vq->dev->mem, vq->table[i], n * sizeof(*t));
	for (uint32_t k = 0; k < n; k++)
		put_desc(&t[k], &seg[first + k], first + k >= nr_out,
			 k + 1 < n ? (int)k + 1 : -1);
	vq->desc[i].addr = vq->table[i];
	vq->desc[i].len = n * sizeof(*t);
	vq->desc[i].flags = VRING_DESC_F_INDIRECT;
	vq->desc[i].next = 0;
}

int ring_add(struct vq *vq, const struct seg *seg, unsigned int nr_out,
	     unsigned int nr_in, unsigned int direct, struct req *owner)
{
	unsigned int nr = nr_out + nr_in;
	unsigned int in_ring = direct < nr ? direct : nr;
	unsigned int need = in_ring + (in_ring < nr);
	uint16_t *list;

	if (!need || vq->nr_free < need)
		return -ENOSPC;
	vq->nr_free -= need;
	list = &vq->free[vq->nr_free]; /* list[need - 1] is the head */
	for (unsigned int k = 0; k < in_ring; k++)
		put_desc(&vq->desc[list[need - 1 - k]], &seg[k], k >= nr_out,
			 k + 1 < need ? list[need - 2 - k] : -1);
	if (in_ring < nr)
		put_table(vq, list[0], seg, in_ring, nr_out, nr);
	vq->owner[list[need - 1]] = owner;
	ring_offer(vq, list[need - 1]);
	return list[need - 1];
}

void ring_offer(struct vq *vq, uint16_t head)
{
	vq->avail->ring[vq->avail_idx % vq->num] = head;
	vq->avail_idx++;
}

void ring_publish(struct vq *vq)
{
	__atomic_store_n(&vq->avail->idx, vq->avail_idx, __ATOMIC_RELEASE);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

void ring_kick(struct vq *vq)
{
	efd_signal(vq->kick);
}

/* May be asked after ring_publish(), @old being avail_idx before it. */
bool ring_wants_kick(struct vq *vq, uint16_t old)
{
	uint16_t event;

	if (!vq->event_idx)
		return !(*(volatile uint16_t *)&vq->used->flags &
			 VRING_USED_F_NO_NOTIFY);
	event = *(volatile uint16_t *)ring_avail_event(vq);
	return (uint16_t)(vq->avail_idx - event - 1) <
	       (uint16_t)(vq->avail_idx - old);
}

static void free_chain(struct vq *vq, unsigned int head)
{
	unsigned int i = head, n = 0;

	do {
		vq->free[vq->nr_free + n++] = i;
		if (!(vq->desc[i].flags & VRING_DESC_F_NEXT))
			break;
		i = vq->desc[i].next;
	} while (vq->nr_free + n < vq->num);
	vq->nr_free += n;
}

/* Takes all used entries; their requests are done. Says how many there were. */
unsigned int ring_collect(struct vq *vq)
{
	uint16_t idx = __atomic_load_n(&vq->used->idx, __ATOMIC_ACQUIRE);
	unsigned int n = 0;

	check((uint16_t)(idx - vq->used_idx) <= vq->num,
	      "queue %u: used index went from %u to %u", vq->index,
	      vq->used_idx, idx);
	for (; vq->used_idx != idx; vq->used_idx++, n++) {
		struct vring_used_elem *e =
			&vq->used->ring[vq->used_idx % vq->num];
		struct req *r;

		check(e->id < vq->num && vq->owner[e->id],
		      "queue %u: used entry for head %u, which is not in flight",
		      vq->index, e->id);
		r = vq->owner[e->id];
		vq->owner[e->id] = NULL;
		free_chain(vq, e->id);
		r->done = true;
		r->used_len = e->len;
		r->seq = vq->seq++;
	}
	return n;
}

/* Waits for at least one used entry, by the call eventfd. */
bool ring_wait(struct vq *vq, uint64_t deadline)
{
	for (;;) {
		if (ring_collect(vq))
			return true;
		if (vq->event_idx) {
			__atomic_store_n(ring_used_event(vq), vq->used_idx,
					 __ATOMIC_RELEASE);
			__atomic_thread_fence(__ATOMIC_SEQ_CST);
			if (ring_collect(vq))
				return true;
		}
		if (!efd_wait(vq->call, deadline)) {
			check(!ring_collect(vq),
			      "queue %u: a used entry was not signalled",
			      vq->index);
			return false;
		}
		efd_drain(vq->call);
	}
}
