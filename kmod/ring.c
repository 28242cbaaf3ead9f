// SPDX-License-Identifier: GPL-2.0
/*
 * A ring: from the avail index to the chain. Runs under the queue's mutex, in the owner's
 * address space.
 *
 * The descriptors are read here and not by the vhost core, since a request
 * keeps guest-physical addresses (guest.c) and the core hands out only the
 * owner's. The index fields are the core's, so its other functions agree.
 * References are to the virtio specification 1.2, section 2.7.
 */
#include <linux/nospec.h>
#include <linux/uaccess.h>

#include "vhost_scsi.h"
#include "guest.h"
#include "ring.h"
#include "trace.h"

static const char table_unreadable[] = "indirect table unreadable";
static const char buffer_wraps[] = "buffer wraps";
static const char readable_behind[] = "readable buffer behind a writable one";

/**
 * vscsi_vq_break() - stop a queue whose ring makes no sense
 * @vq: the queue
 * @chain: what was fetched so far
 * @why: for the trace
 *
 * The chain stays in the ring, the error eventfd tells the VMM, and the other
 * queues go on. The next SET_ENDPOINT starts the queue anew.
 *
 * Locking: caller holds the vq mutex.
 */
void vscsi_vq_break(struct vscsi_vq *vq, const struct vscsi_chain *chain,
		    const char *why)
{
	lockdep_assert_held(&vq->vhost.mutex);
	trace_vscsi_malformed(vq, chain, why);
	vq->stats.malformed++;
	vq->broken = true;
	WRITE_ONCE(vq->live, false);
	vscsi_vq_error(&vq->vhost);
}

/* Add one buffer to the chain. */
static __always_inline const char *add_seg(struct vscsi_vq *vq,
					   struct vscsi_chain *chain,
					   const struct vring_desc *desc,
					   u16 flags)
{
	unsigned int n = chain->out + chain->in;
	u64 addr = vhost64_to_cpu(&vq->vhost, desc->addr);
	u32 len = vhost32_to_cpu(&vq->vhost, desc->len);

	if (n == VSCSI_CHAIN_MAX)
		return "chain too long";
	if (addr + len < addr)
		return buffer_wraps;
	if (flags & VRING_DESC_F_WRITE) {
		chain->in++;
		chain->in_len += len;
	} else {
		if (chain->in)
			return readable_behind;
		chain->out++;
		chain->out_len += len;
	}
	chain->segs[n].addr = addr;
	chain->segs[n].len = len;
	return NULL;
}

/*
 * Walk an indirect table (2.7.5.3), following its own next fields: each entry is read once,
 * and visited at most once. @open: access to it is open, at @near.
 */
static __always_inline const char *walk_table(struct vscsi_vq *vq,
					      struct vscsi_chain *chain,
					      const struct vscsi_seg *table,
					      const u64 __user *near,
					      unsigned int num, bool open)
{
	struct vscsi_seg *seg = chain->segs + chain->out + chain->in;
	struct vscsi_seg *max = min(seg + num, chain->segs + VSCSI_CHAIN_MAX);
	struct vscsi_seg *in = chain->in ? chain->segs + chain->out : NULL;
	u64 out_len = chain->out_len, in_len = chain->in_len, addr;
	struct vring_desc desc __aligned(8);
	u64 *words = (u64 *)&desc;
	unsigned int i = 0;
	u16 flags;
	u32 len;

	do {
		if (unlikely(i >= num))
			return "next out of range";
		i = array_index_nospec(i, num);
		if (open) {
			unsafe_get_user(words[0], near + 2 * i, fault);
			unsafe_get_user(words[1], near + 2 * i + 1, fault);
		} else if (vscsi_guest_read(vq, table, 1, i * sizeof(desc),
					    &desc, sizeof(desc))) {
			return table_unreadable;
		}
		addr = vhost64_to_cpu(&vq->vhost, desc.addr);
		len = vhost32_to_cpu(&vq->vhost, desc.len);
		flags = vhost16_to_cpu(&vq->vhost, desc.flags);
		if (unlikely(flags & VRING_DESC_F_INDIRECT))
			return "indirect table in an indirect table";
		if (unlikely(seg == max))
			return "loop in an indirect table, or chain too long";
		if (unlikely(addr + len < addr))
			return buffer_wraps;
		if (flags & VRING_DESC_F_WRITE) {
			in = in ? in : seg;
			in_len += len;
		} else {
			if (unlikely(in))
				return readable_behind;
			out_len += len;
		}
		seg->addr = addr;
		seg->len = len;
		seg++;
		i = vhost16_to_cpu(&vq->vhost, desc.next);
	} while (flags & VRING_DESC_F_NEXT);
	chain->out = (in ? in : seg) - chain->segs;
	chain->in = seg - chain->segs - chain->out;
	chain->out_len = out_len;
	chain->in_len = in_len;
	return NULL;
fault:
	return table_unreadable;
}

/* The table in place. A call, for it takes all registers. */
static noinline const char *walk_near(struct vscsi_vq *vq,
				      struct vscsi_chain *chain,
				      const u64 __user *near, unsigned int num)
{
	const char *why;

	if (unlikely(!user_read_access_begin(near, 2 * num * sizeof(*near))))
		return table_unreadable;
	why = walk_table(vq, chain, NULL, near, num, true);
	user_read_access_end();
	return why;
}

/* In one piece: brought near, if it is a region that was not hit last. */
static const u64 __user *find_table(struct vscsi_vq *vq,
				    const struct vscsi_seg *table)
{
	const void __user *near = vscsi_guest_near(vq, table->addr, table->len);
	void __user *hva;

	if (likely(near) || !vscsi_guest_translate(vq, table->addr, table->len,
						   VHOST_ACCESS_RO, &hva))
		return near;
	return vscsi_guest_near(vq, table->addr, table->len);
}

static const char *fetch_indirect(struct vscsi_vq *vq,
				  struct vscsi_chain *chain,
				  const struct vring_desc *ref)
{
	struct vscsi_seg table = {
		.addr = vhost64_to_cpu(&vq->vhost, ref->addr),
		.len = vhost32_to_cpu(&vq->vhost, ref->len),
	};
	unsigned int num = table.len / sizeof(*ref);
	const u64 __user *near;
	const char *why;

	if (!num || table.len % sizeof(*ref) || num > VSCSI_CHAIN_MAX)
		return "indirect table of a bad size";
	/*
	 * Where the request wants them, if it has room for all that there can be: nothing
	 * stands before the table, and nothing comes behind it.
	 */
	if (num <= VSCSI_INLINE_SEGS && vq->reqs && !chain->out && !chain->in &&
	    !(vhost16_to_cpu(&vq->vhost, ref->flags) & VRING_DESC_F_NEXT))
		chain->segs = vq->reqs[chain->head].inline_segs;
	near = find_table(vq, &table);
	why = likely(near) ? walk_near(vq, chain, near, num) : table_unreadable;
	if (likely(why != table_unreadable))
		return why;
	return walk_table(vq, chain, &table, NULL, num, false);
}

/* Walk the chain that starts at chain->head. */
static const char *fetch_chain(struct vscsi_vq *vq, struct vscsi_chain *chain)
{
	struct vhost_virtqueue *vhost = &vq->vhost;
	unsigned int i = chain->head, left = vhost->num;
	struct vring_desc desc __aligned(8);
	const char *why;
	u16 flags;

	do {
		if (i >= vhost->num)
			return "next out of range";
		if (!left--)
			return "loop";
		if (vscsi_load_words(&desc, vhost->desc + i, sizeof(desc)))
			return "descriptor unreadable";
		flags = vhost16_to_cpu(vhost, desc.flags);
		/* 2.7.5.3.2: the WRITE flag of such a descriptor is ignored. */
		if (flags & VRING_DESC_F_INDIRECT)
			why = fetch_indirect(vq, chain, &desc);
		else
			why = add_seg(vq, chain, &desc, flags);
		if (why)
			return why;
		i = vhost16_to_cpu(vhost, desc.next);
	} while (flags & VRING_DESC_F_NEXT);
	return NULL;
}

/**
 * vscsi_fetch() - take the next chain off the ring
 * @vq: a live queue
 * @chain: where to describe it; valid until the next fetch
 *
 * A chain that was taken counts as in flight until vscsi_used_add(). A ring
 * that makes no sense breaks the queue.
 *
 * Context: owner's address space, may sleep. Locking: caller holds the vq
 * mutex.
 * Return: 1 with a chain, 0 if there is none.
 */
int vscsi_fetch(struct vscsi_vq *vq, struct vscsi_chain *chain)
{
	const char *why;
	int ret;

	lockdep_assert_held(&vq->vhost.mutex);
	*chain = (struct vscsi_chain) { .segs = vq->segs };
	ret = vscsi_ring_head(vq, &chain->head, &why);
	if (!ret)
		return 0;
	if (ret > 0) {
		if (unlikely(vq->inflight >= vq->vhost.num))
			why = "more chains than descriptors";
		else if (unlikely(vq->reqs && vq->reqs[chain->head].busy))
			why = "head already in flight";
		else
			why = fetch_chain(vq, chain);
	}
	if (ret < 0 || why) {
		/* Whatever it is, the thread looks again. */
		if (!vscsi_put_off(vq))
			vscsi_vq_break(vq, chain, why);
		return 0;
	}
	chain->id = vscsi_next_id(vq);
	vscsi_fetched(vq);
	trace_vscsi_fetch(vq, chain);
	return 1;
}

/**
 * vscsi_unfetch() - put the chain that was fetched last back into the ring
 * @vq: the queue
 *
 * Locking: caller holds the vq mutex.
 */
void vscsi_unfetch(struct vscsi_vq *vq)
{
	lockdep_assert_held(&vq->vhost.mutex);
	vq->vhost.last_avail_idx--;
	vq->inflight--;
	vq->stats.requests--;
}

/**
 * vscsi_enable_notify() - have the guest kick again
 * @vq: a live queue whose ring is empty
 *
 * Where faults are disabled we do what the vhost core does: that does not tell if it could
 * not.
 *
 * Context: owner's address space, may sleep. Locking: caller holds the vq mutex.
 * Return: true if there is something in the ring already, or if that cannot be told.
 */
bool vscsi_enable_notify(struct vscsi_vq *vq)
{
	struct vhost_virtqueue *vhost = &vq->vhost;
	__virtio16 val;
	int err;

	lockdep_assert_held(&vhost->mutex);
	if (!pagefault_disabled())
		return vhost_enable_notify(&vq->dev->vhost, vhost);
	vhost->used_flags &= ~VRING_USED_F_NO_NOTIFY;
	if (vhost_has_feature(vhost, VIRTIO_RING_F_EVENT_IDX))
		err = put_user(cpu_to_vhost16(vhost, vhost->avail_idx),
			       (__virtio16 __user *)&vhost->used->ring[vhost->num]);
	else
		err = put_user(cpu_to_vhost16(vhost, vhost->used_flags),
			       &vhost->used->flags);
	/* The guest looks for that after it has moved its index. */
	smp_mb();
	if (err || get_user(val, &vhost->avail->idx)) {
		vhost->used_flags |= VRING_USED_F_NO_NOTIFY;
		return vscsi_put_off(vq);
	}
	return vhost16_to_cpu(vhost, val) != vhost->last_avail_idx;
}
