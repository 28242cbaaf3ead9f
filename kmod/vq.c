// SPDX-License-Identifier: GPL-2.0
/*
 * A virtqueue: from the kick to the chain. vq_kick() runs in the wakeup
 * of an eventfd, atomic; everything else belongs to the queue's run (context.c) and is
 * done under the queue's mutex. Nothing here knows SCSI.
 *
 * The descriptors are read here and not by the vhost core, since a request
 * keeps guest-physical addresses (guest.c) and the core hands out only the
 * owner's. The index fields are the core's, so its other functions agree.
 * References are to the virtio specification 1.2, section 2.7.
 */
#include <linux/sched.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>

#include "vhost_scsi.h"
#include "guest.h"
#include "trace.h"

/**
 * vscsi_vq_can_touch_guest() - are we on the owner's address space?
 * @vq: the queue
 *
 * Not so when the queue's thread was killed with the owner and the work it
 * left is done by a kworker: then requests end without an answer.
 *
 * Return: true if guest memory may be touched.
 */
bool vscsi_vq_can_touch_guest(const struct vscsi_vq *vq)
{
	return vq->dev->mm && current->mm == vq->dev->mm;
}

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

/*
 * Fetch the index of the next chain's first descriptor: 1 if there is one, 0
 * if the ring is empty, or an errno that breaks the queue.
 */
static int fetch_head(struct vscsi_vq *vq, struct vscsi_chain *chain,
		      const char **why)
{
	struct vhost_virtqueue *vhost = &vq->vhost;
	unsigned int i;
	__virtio16 val;

	if (vhost->avail_idx == vhost->last_avail_idx) {
		*why = "avail index unreadable";
		if (get_user(val, &vhost->avail->idx))
			return -EFAULT;
		vhost->avail_idx = vhost16_to_cpu(vhost, val);
		if (vhost->avail_idx == vhost->last_avail_idx)
			return 0;
		/* The entries are read after the index that covers them. */
		smp_rmb();
	}
	*why = "avail index ahead of the ring";
	if ((u16)(vhost->avail_idx - vhost->last_avail_idx) > vhost->num)
		return -EINVAL;
	*why = "avail ring unreadable";
	i = vhost->last_avail_idx & (vhost->num - 1);
	if (get_user(val, &vhost->avail->ring[i]))
		return -EFAULT;
	chain->head = vhost16_to_cpu(vhost, val);
	*why = "head out of range";
	return chain->head < vhost->num ? 1 : -EINVAL;
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
		return "buffer wraps";
	if (flags & VRING_DESC_F_WRITE) {
		chain->in++;
		chain->in_len += len;
	} else {
		if (chain->in)
			return "readable buffer behind a writable one";
		chain->out++;
		chain->out_len += len;
	}
	chain->segs[n].addr = addr;
	chain->segs[n].len = len;
	return NULL;
}

/*
 * Walk an indirect table (2.7.5.3): read in one copy, followed by its own next
 * fields, visited at most once per entry.
 */
static const char *fetch_indirect(struct vscsi_vq *vq, struct vscsi_chain *whole,
				  const struct vring_desc *ref)
{
	struct vscsi_seg table = {
		.addr = vhost64_to_cpu(&vq->vhost, ref->addr),
		.len = vhost32_to_cpu(&vq->vhost, ref->len),
	};
	unsigned int num = table.len / sizeof(*ref), left = num, i = 0;
	/* In registers as long as nobody else has its address. */
	struct vscsi_chain chain = *whole;
	const struct vring_desc *desc;
	const char *why;
	u16 flags;

	if (!num || table.len % sizeof(*ref) || num > VSCSI_CHAIN_MAX)
		return "indirect table of a bad size";
	if (vscsi_guest_get_descs(vq, &table, vq->descs))
		return "indirect table unreadable";
	do {
		if (i >= num)
			return "next out of range";
		if (!left--)
			return "loop in an indirect table";
		desc = &vq->descs[i];
		flags = vhost16_to_cpu(&vq->vhost, desc->flags);
		if (flags & VRING_DESC_F_INDIRECT)
			return "indirect table in an indirect table";
		why = add_seg(vq, &chain, desc, flags);
		if (why)
			return why;
		i = vhost16_to_cpu(&vq->vhost, desc->next);
	} while (flags & VRING_DESC_F_NEXT);
	*whole = chain;
	return NULL;
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
	ret = fetch_head(vq, chain, &why);
	if (!ret)
		return 0;
	if (ret > 0) {
		why = fetch_chain(vq, chain);
		if (!why && vq->inflight >= vq->vhost.num)
			why = "more chains than descriptors";
		if (!why && vq->reqs && vq->reqs[chain->head].busy)
			why = "head already in flight";
	}
	if (ret < 0 || why) {
		vscsi_vq_break(vq, chain, why);
		return 0;
	}
	chain->id = ((u32)vq->index << 16) | (u16)vq->stats.requests;
	vq->vhost.last_avail_idx++;
	vq->inflight++;
	vq->stats.requests++;
	trace_vscsi_fetch(vq, chain);
	return 1;
}

/*
 * An order barrier (control.c) is passed once everything is submitted that was
 * in the ring when it was first seen. Take note of the ring's end.
 */
static void barrier_see(struct vscsi_vq *vq)
{
	int barrier = atomic_read_acquire(&vq->dev->barrier);
	__virtio16 val;

	lockdep_assert_held(&vq->vhost.mutex);
	if (likely(barrier == vq->barrier_seen))
		return;
	vq->barrier_seen = barrier;
	vq->barrier_avail = vq->vhost.last_avail_idx;
	if (vq->live && vscsi_vq_can_touch_guest(vq) &&
	    !get_user(val, &vq->vhost.avail->idx) &&
	    (u16)(vhost16_to_cpu(&vq->vhost, val) -
		  vq->vhost.last_avail_idx) <= vq->vhost.num)
		vq->barrier_avail = vhost16_to_cpu(&vq->vhost, val);
}

/* Has everything in front of the barrier been fetched? */
static bool barrier_reached(const struct vscsi_vq *vq, bool more)
{
	lockdep_assert_held(&vq->vhost.mutex);
	/* Without more, the ring was seen empty, wherever its index has been. */
	return vq->barrier_seen != vq->barrier_done &&
	       (!vq->live || !more ||
		(s16)(vq->vhost.last_avail_idx -
				   vq->barrier_avail) >= 0);
}

/*
 * Fetch, parse and pin a batch. Returns true if the ring may hold more, which
 * is then not announced by a kick.
 */
static bool fetch_batch(struct vscsi_vq *vq)
{
	struct vscsi_chain chain;
	unsigned int n = 0;

	lockdep_assert_held(&vq->vhost.mutex);
	vhost_disable_notify(&vq->dev->vhost, &vq->vhost);
	for (;;) {
		if (n == VSCSI_FETCH_BATCH)
			return vq->live;
		if (n % 32 == 31)
			cond_resched();
		if (vscsi_fetch(vq, &chain)) {
			vscsi_req_start(vq, &chain);
			n++;
			continue;
		}
		if (!vq->live ||
		    !vhost_enable_notify(&vq->dev->vhost, &vq->vhost))
			return false;
		vhost_disable_notify(&vq->dev->vhost, &vq->vhost);
	}
}

/**
 * vscsi_vq_fetch() - first half of a run: answer what is done, fetch what is there
 * @vq: a request queue
 *
 * Context: may sleep. The owner's address space, if guest memory is to be touched.
 * Locking: takes the vq mutex. The run is the caller's (context.c).
 */
void vscsi_vq_fetch(struct vscsi_vq *vq)
{
	bool more = false;

	vq->batch = NULL;
	vq->batch_end = &vq->batch;
	mutex_lock(&vq->vhost.mutex);
	vq->stats.kicks++;
	trace_vscsi_kick(vq);
	barrier_see(vq);
	vscsi_complete(vq);
	if (vq->live && vscsi_vq_can_touch_guest(vq))
		more = fetch_batch(vq);
	vscsi_used_flush(vq);
	vq->more = more;
	vq->passed = barrier_reached(vq, more);
	vq->passing = vq->barrier_seen;
	WRITE_ONCE(vq->deep, vq->inflight >= VSCSI_DEEP);
	vq->submitting = vq->batch;
	mutex_unlock(&vq->vhost.mutex);
}

/**
 * vscsi_vq_submit() - second half: submit what was fetched
 * @vq: a request queue
 *
 * LIO may call back, so no lock is held.
 *
 * Context: process. The run is the caller's (context.c).
 */
void vscsi_vq_submit(struct vscsi_vq *vq)
{
	struct vscsi_req *req, *next;

	if (vq->batch) {
		for (req = vq->batch; req; req = next) {
			/* LIO may end, and so free for re-use, it at once. */
			next = req->next;
			vscsi_req_submit(req);
		}
		vscsi_drain_submitted(vq);
	}
	if (vq->passed) {
		/* Pairs with the acquire in barrier_passed(). */
		smp_store_release(&vq->barrier_done, vq->passing);
		vscsi_control_wake(vq->dev);
	}
	if (vq->more)
		vscsi_vq_wake(vq);
}

/* A kick, called by the vhost core: atomic, interrupts off. */
static void vq_kick(struct vhost_work *work)
{
	vscsi_vq_kicked(container_of(work, struct vscsi_vq, vhost.poll.work));
}

/**
 * vscsi_vq_init() - make a queue ready for the vhost core
 * @dev: the device
 * @vq: the queue, zeroed
 * @index: its number
 */
void vscsi_vq_init(struct vscsi_dev *dev, struct vscsi_vq *vq,
		   unsigned int index)
{
	vq->dev = dev;
	vq->index = index;
	vq->vhost.handle_kick = vq_kick;
	init_llist_head(&vq->done);
	if (index == VSCSI_VQ_CTL)
		vscsi_work_init(&vq->work, vscsi_control_run);
	else if (index == VSCSI_VQ_EVT)
		vscsi_work_init(&vq->work, vscsi_event_run);
	else
		vscsi_context_init(vq);
}

/**
 * vscsi_vq_alloc() - allocate what a queue needs to run
 * @vq: a queue that is set up and not live
 *
 * Page-wise allocations only: a fragmented host must be able to start a guest.
 *
 * Locking: caller holds the vq mutex.
 * Return: 0 or -ENOMEM, with nothing allocated.
 */
int vscsi_vq_alloc(struct vscsi_vq *vq)
{
	unsigned int i, num = vq->vhost.num;
	struct vscsi_req *reqs;

	lockdep_assert_held(&vq->vhost.mutex);
	vq->segs = __vmalloc(array_size(VSCSI_CHAIN_MAX, sizeof(*vq->segs)),
			     GFP_KERNEL | __GFP_NOWARN);
	vq->descs = __vmalloc(array_size(VSCSI_CHAIN_MAX, sizeof(*vq->descs)),
			      GFP_KERNEL | __GFP_NOWARN);
	vq->pages = kmalloc_array(VSCSI_PIN_BATCH, sizeof(*vq->pages),
				  GFP_KERNEL);
	if (!vq->segs || !vq->descs || !vq->pages)
		goto err_free;
	if (vq->index < VSCSI_VQ_IO)
		return 0;
	reqs = __vmalloc(array_size(num, sizeof(*reqs)),
			 GFP_KERNEL_ACCOUNT | __GFP_ZERO | __GFP_NOWARN);
	if (!reqs)
		goto err_free;
	for (i = 0; i < num; i++) {
		reqs[i].vq = vq;
		reqs[i].head = i;
	}
	vq->num = num;
	WRITE_ONCE(vq->reqs, reqs);
	return 0;

err_free:
	vscsi_vq_free(vq);
	return -ENOMEM;
}

/**
 * vscsi_vq_free() - undo vscsi_vq_alloc()
 * @vq: a queue that is not live and has nothing in flight
 *
 * Locking: caller holds the vq mutex.
 */
void vscsi_vq_free(struct vscsi_vq *vq)
{
	struct vscsi_req *reqs = vq->reqs;

	lockdep_assert_held(&vq->vhost.mutex);
	WRITE_ONCE(vq->reqs, NULL);
	vfree(reqs);
	vq->num = 0;
	kfree(vq->pages);
	vq->pages = NULL;
	vfree(vq->descs);
	vq->descs = NULL;
	vfree(vq->segs);
	vq->segs = NULL;
}

/**
 * vscsi_vq_forget_map() - drop the cached memory region
 * @vq: the queue
 *
 * Called after each change of the memory table: a later table may lie where an
 * earlier one lay.
 *
 * Locking: takes the vq mutex.
 */
void vscsi_vq_forget_map(struct vscsi_vq *vq)
{
	mutex_lock(&vq->vhost.mutex);
	vq->map_umem = NULL;
	mutex_unlock(&vq->vhost.mutex);
}
