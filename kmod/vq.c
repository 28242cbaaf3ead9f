// SPDX-License-Identifier: GPL-2.0
/*
 * A virtqueue and its run. vq_kick() runs in the wakeup of an eventfd, atomic; everything
 * else belongs to the queue's run (context.c) and is done under the queue's mutex. Nothing
 * here knows SCSI.
 */
#include <linux/sched.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>

#include "vhost_scsi.h"
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

/*
 * An order barrier (control.c) is passed once everything is submitted that was
 * in the ring when it was first seen. Take note of the ring's end.
 */
static void barrier_see(struct vscsi_vq *vq)
{
	int barrier = atomic_read_acquire(&vq->dev->barrier);
	u16 end = vq->vhost.last_avail_idx;
	__virtio16 val;

	lockdep_assert_held(&vq->vhost.mutex);
	if (likely(barrier == vq->barrier_seen))
		return;
	if (vq->live && vscsi_vq_can_touch_guest(vq)) {
		if (!get_user(val, &vq->vhost.avail->idx))
			end = vhost16_to_cpu(&vq->vhost, val);
		else if (vscsi_put_off(vq))
			return;
	}
	/* An index that makes no sense is found out when the ring is fetched from. */
	if ((u16)(end - vq->vhost.last_avail_idx) > vq->vhost.num)
		end = vq->vhost.last_avail_idx;
	vq->barrier_seen = barrier;
	vq->barrier_avail = end;
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

/* Pages that a chain may have, so that a run does not go on for a batch of long ones. */
static u64 chain_pages(const struct vscsi_chain *chain)
{
	return ((chain->in_len + chain->out_len) >> PAGE_SHIFT) + 1;
}

/*
 * Fetch, parse and pin a batch: so many chains, or so much data, as keeps others waiting for
 * no longer than docs/performance.md states. Returns true if the ring may hold more, which
 * is then not announced by a kick.
 */
static bool fetch_batch(struct vscsi_vq *vq)
{
	struct vscsi_chain chain;
	unsigned int n = 0;
	bool more = false;
	u64 pages = 0;

	lockdep_assert_held(&vq->vhost.mutex);
	if (vq->put_off)
		return true;
	vhost_disable_notify(&vq->dev->vhost, &vq->vhost);
	while (!vq->put_off) {
		if (n == VSCSI_FETCH_BATCH || pages >= VSCSI_FETCH_PAGES) {
			more = vq->live;
			break;
		}
		if (n % 32 == 31)
			cond_resched();
		if (likely(vscsi_fast_start(vq))) {
			n++;
			pages++;
			continue;
		}
		if (vscsi_fetch(vq, &chain)) {
			vscsi_req_start(vq, &chain);
			n++;
			pages += chain_pages(&chain);
			continue;
		}
		if (!vq->live || vq->put_off ||
		    vscsi_poll_begin(vq, n || vq->nheads) ||
		    !vscsi_enable_notify(vq))
			break;
		vhost_disable_notify(&vq->dev->vhost, &vq->vhost);
	}
	vscsi_context_judge(vq, n);
	return more || vq->put_off;
}

/*
 * Begin to touch guest memory. Where faults are disabled, what the vhost core cannot access
 * is no error of the guest's.
 */
static void begin_access(struct vscsi_vq *vq)
{
	lockdep_assert_held(&vq->vhost.mutex);
	vscsi_pins_refresh(vq);
	vq->put_off = false;
	if (!pagefault_disabled())
		return;
	swap(vq->error_ctx, vq->vhost.error_ctx);
	if (vscsi_logs(vq))
		vq->put_off = true;
}

static void end_access(struct vscsi_vq *vq)
{
	lockdep_assert_held(&vq->vhost.mutex);
	if (pagefault_disabled())
		swap(vq->error_ctx, vq->vhost.error_ctx);
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
	vq->polls = false;
	mutex_lock(&vq->vhost.mutex);
	begin_access(vq);
	vq->stats.kicks++;
	trace_vscsi_kick(vq);
	if (!vq->put_off)
		barrier_see(vq);
	if (!vq->put_off)
		vscsi_complete(vq);
	if (vq->live && vscsi_vq_can_touch_guest(vq))
		more = fetch_batch(vq);
	vscsi_used_flush(vq);
	vq->more = more || vq->put_off;
	vq->passed = barrier_reached(vq, vq->more);
	vq->passing = vq->barrier_seen;
	WRITE_ONCE(vq->deep, vq->inflight >= VSCSI_DEEP);
	vq->submitting = vq->batch;
	end_access(vq);
	mutex_unlock(&vq->vhost.mutex);
}

/**
 * vscsi_vq_answer() - instead of the first half: answer what is done, and no more
 * @vq: a request queue
 *
 * Context: may not wait for what others do under the mutex. The owner's address space.
 * Locking: takes the vq mutex. The run is the caller's (context.c).
 */
void vscsi_vq_answer(struct vscsi_vq *vq)
{
	vq->batch = NULL;
	vq->passed = false;
	vq->more = true;
	if (!mutex_trylock(&vq->vhost.mutex))
		return;
	begin_access(vq);
	vq->stats.kicks++;
	trace_vscsi_kick(vq);
	if (!vq->put_off)
		vscsi_complete(vq);
	vscsi_used_flush(vq);
	vq->more = vq->put_off;
	end_access(vq);
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
	vq->pages = kmalloc_array(VSCSI_PIN_BATCH, sizeof(*vq->pages),
				  GFP_KERNEL);
	if (!vq->segs || !vq->pages)
		goto err_free;
	if (vq->index < VSCSI_VQ_IO)
		return 0;
	reqs = __vmalloc(array_size(num, sizeof(*reqs)),
			 GFP_KERNEL_ACCOUNT | __GFP_ZERO | __GFP_NOWARN);
	vq->slots = __vmalloc(array_size(VSCSI_SLOTS, sizeof(*vq->slots)),
			      GFP_KERNEL | __GFP_ZERO | __GFP_NOWARN);
	if (!reqs || !vq->slots) {
		vfree(reqs);
		goto err_free;
	}
	/* No page is remembered: no change has this number. */
	vq->slots_seq = 0;
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
	vfree(vq->slots);
	vq->slots = NULL;
	kfree(vq->pages);
	vq->pages = NULL;
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
	vscsi_guest_forget(vq);
	mutex_unlock(&vq->vhost.mutex);
}
