// SPDX-License-Identifier: GPL-2.0
/*
 * When has the last request of a device ended?
 *
 *   fetch (ring.c)        LIO                     used ring (complete.c)
 *   inflight++  ------->  done list  ---------->  inflight--, wake at 0
 *
 * Each queue counts its chains between fetch and used ring under its own
 * mutex. Who waits has stopped the queues first (no queue is live), so a count
 * that has reached 0 stays there. A request ends without fail: LIO releases
 * every command, and if the queue's thread is gone a kworker ends it.
 */
#include "vhost_scsi.h"

/**
 * vscsi_drain_idle() - has every request ended?
 * @dev: the device, its queues stopped
 *
 * Context: any.
 * Return: true if so.
 */
bool vscsi_drain_idle(struct vscsi_dev *dev)
{
	unsigned int i;

	for (i = 0; i < dev->nvqs; i++) {
		/* Pairs with vscsi_drain_ended(). */
		if (smp_load_acquire(&dev->vqs[i].inflight))
			return false;
		/* Pairs with vscsi_drain_submitted(). */
		if (smp_load_acquire(&dev->vqs[i].submitting))
			return false;
	}
	return true;
}

/**
 * vscsi_drain_wait_killable() - wait until every request has ended
 * @dev: the device, its queues stopped
 *
 * Locking: caller holds the device's mutex and no other.
 * Return: 0, or -EINTR if the caller was killed meanwhile.
 */
int vscsi_drain_wait_killable(struct vscsi_dev *dev)
{
	lockdep_assert_held(&dev->vhost.mutex);
	return wait_event_killable(dev->idle, vscsi_drain_idle(dev)) ?
	       -EINTR : 0;
}

/**
 * vscsi_drain_wait_timeout() - wait for a while until every request has ended
 * @dev: the device, its queues stopped
 * @timeout: in jiffies
 *
 * Locking: caller holds the device's mutex and no other.
 * Return: true if they have.
 */
bool vscsi_drain_wait_timeout(struct vscsi_dev *dev, unsigned long timeout)
{
	lockdep_assert_held(&dev->vhost.mutex);
	return wait_event_timeout(dev->idle, vscsi_drain_idle(dev), timeout);
}

/**
 * vscsi_drain_wait() - wait until every request has ended
 * @dev: a device without a file; nobody else is waiting for it
 *
 * Context: a kworker of ours. The wait ends when the backstore answers, and is
 * none that the kernel should report as hung.
 */
void vscsi_drain_wait(struct vscsi_dev *dev)
{
	wait_event_idle(dev->idle, vscsi_drain_idle(dev));
}

/**
 * vscsi_drain_ended() - requests have left the queue
 * @vq: the queue
 * @n: how many
 *
 * Locking: caller holds the vq mutex. What it did for the requests is seen by
 * whoever finds the queue idle.
 */
void vscsi_drain_ended(struct vscsi_vq *vq, unsigned int n)
{
	lockdep_assert_held(&vq->vhost.mutex);
	/* Pairs with the acquire in vscsi_drain_idle(). */
	smp_store_release(&vq->inflight, vq->inflight - n);
	if (!vq->inflight && !READ_ONCE(vq->live))
		wake_up_all(&vq->dev->idle);
}

/**
 * vscsi_drain_submitted() - a batch was handed to LIO
 * @vq: the queue; its run is out of LIO, which may look at a command a
 *	little longer than it takes to be answered
 *
 * Context: the queue's run.
 */
void vscsi_drain_submitted(struct vscsi_vq *vq)
{
	/*
	 * Either the waiter sees this or we see that it stopped the queue. Also
	 * pairs with the acquire in vscsi_drain_idle().
	 */
	smp_mb();
	WRITE_ONCE(vq->submitting, false);
	/* Pairs with set_current_state() in wait_event(). */
	smp_mb();
	if (!READ_ONCE(vq->live))
		wake_up_all(&vq->dev->idle);
}
