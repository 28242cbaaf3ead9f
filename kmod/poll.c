// SPDX-License-Identifier: GPL-2.0
/*
 * Polling: a queue's thread that has found its ring empty looks at it for a while, and at what
 * LIO has released, before it has the guest kick again. For as long as the VMM says
 * (VHOST_SET_VRING_BUSYLOOP_TIMEOUT) or the ports' poll_us does, whichever is longer, since
 * there was something to do; and not if anything else wants the CPU.
 *
 * A queue that is polled is served by its thread, whose time counts as the VMM's.
 */
#include <linux/sched.h>
#include <linux/sched/clock.h>
#include <linux/sched/signal.h>
#include <linux/uaccess.h>

#include "vhost_scsi.h"

/**
 * vscsi_poll_begin() - the ring is empty: is it to be polled?
 * @vq: a live request queue
 * @found: this run has found something to do
 *
 * If so, kicks are left disabled.
 *
 * Context: the queue's run. Locking: caller holds the vq mutex.
 * Return: true if so; the run is to call vscsi_poll().
 */
bool vscsi_poll_begin(struct vscsi_vq *vq, bool found)
{
	u32 us = vscsi_poll_us(vq);
	u64 now;

	lockdep_assert_held(&vq->vhost.mutex);
	if (likely(!us) || pagefault_disabled())
		return false;
	now = local_clock();
	if (found)
		vq->poll_end = now + (u64)us * NSEC_PER_USEC;
	vq->polls = now < vq->poll_end;
	return vq->polls;
}

/* Who has the mutex will be done soon, or wait for a page of the guest's; we do not. */
static bool ring_has_more(struct vscsi_vq *vq)
{
	__virtio16 val;
	bool ret;

	if (!mutex_trylock(&vq->vhost.mutex))
		return false;
	ret = vq->live && vscsi_vq_can_touch_guest(vq) &&
	      !get_user(val, &vq->vhost.avail->idx) &&
	      vhost16_to_cpu(&vq->vhost, val) != vq->vhost.last_avail_idx;
	mutex_unlock(&vq->vhost.mutex);
	return ret;
}

/*
 * Time is up, or there is better to do. A kernel that preempts has given the CPU to whoever
 * wanted it when we look: then there is one more @preempted.
 */
static bool is_over(const struct vscsi_vq *vq, unsigned long preempted)
{
	return local_clock() >= vq->poll_end || need_resched() ||
	       current->nivcsw != preempted || signal_pending(current) ||
	       !READ_ONCE(vq->live) || vscsi_thread_has_work(vq->runner);
}

/**
 * vscsi_poll() - look at the ring until there is something in it
 * @vq: a request queue whose run has begun to poll, or not
 *
 * Context: the queue's run, in the queue's thread, without a lock.
 * Return: true if another run is needed: there is something to do, or kicks are to be
 * enabled.
 */
bool vscsi_poll(struct vscsi_vq *vq)
{
	unsigned long preempted = current->nivcsw;

	if (likely(!vq->polls))
		return false;
	while (!vscsi_context_is_wanted(vq) && llist_empty(&vq->done) &&
	       !ring_has_more(vq)) {
		if (is_over(vq, preempted)) {
			vq->poll_end = 0;
			break;
		}
		cpu_relax();
	}
	return true;
}

/**
 * vscsi_poll_update() - a device has other ports, or one of them another poll_us
 * @dev: the device; only compared, unless a port is found to be its
 *
 * Context: may sleep. Locking: takes the ports lock and the ports' own.
 */
void vscsi_poll_update(struct vscsi_dev *dev)
{
	struct vscsi_tpg *tpg;
	u32 us = 0;

	guard(mutex)(&vscsi_ports_lock);
	list_for_each_entry(tpg, &vscsi_ports, node) {
		mutex_lock(&tpg->lock);
		if (tpg->dev == dev) {
			us = max(us, tpg->poll_us);
			/* The last of them is written the largest. */
			WRITE_ONCE(dev->poll_us, us);
		}
		mutex_unlock(&tpg->lock);
	}
}
