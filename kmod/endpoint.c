// SPDX-License-Identifier: GPL-2.0
/*
 * SET_ENDPOINT and CLEAR_ENDPOINT: bind a device to the target ports of one
 * WWN (claim.c) and let its queues run; stop them, wait, and let go of the
 * ports.
 *
 * Runs in ioctls and in close() under the device's mutex.
 */
#include "vhost_scsi.h"
#include "trace.h"

/*
 * Which rings may be touched? A VMM does not say that a queue of the guest's
 * last boot is none of this one. So if it addressed any ring since
 * CLEAR_ENDPOINT, then only those; if none, it has merely paused.
 */
static bool ring_is_meant(struct vscsi_dev *dev, struct vscsi_vq *vq)
{
	return (!dev->addressed || vq->addressed) &&
	       vhost_vq_is_setup(&vq->vhost);
}

/* A thread of its own for a request queue, if one can be made. */
static bool give_thread(struct vscsi_dev *dev, struct vscsi_vq *vq)
{
	bool shares = vscsi_shared_thread || vq->index < VSCSI_VQ_IO;
	struct vscsi_thread *thread = vscsi_vq_thread(vq);

	lockdep_assert_held(&dev->vhost.mutex);
	if (vq->attached || (thread && (shares || thread != dev->control)))
		return true;
	thread = shares ? dev->control : vscsi_thread_create(dev, vq->index);
	vscsi_thread_move(vq, IS_ERR(thread) ? dev->control : thread);
	return !IS_ERR(thread);
}

/* Touch the ring for the first time; in the owner's address space. */
static int init_ring(void *data)
{
	struct vscsi_vq *vq = data;
	int err;

	mutex_lock(&vq->vhost.mutex);
	vq->broken = false;
	vscsi_guest_forget(vq);
	vhost_vq_set_backend(&vq->vhost, vq->dev->endpoint);
	/* Left by a stop with kicks disabled; 2.7.10.2 wants it 0. */
	vq->vhost.used_flags = 0;
	err = vhost_vq_init_access(&vq->vhost);
	if (err)
		vhost_vq_set_backend(&vq->vhost, NULL);
	else
		WRITE_ONCE(vq->live, true);
	mutex_unlock(&vq->vhost.mutex);
	return err;
}

/* Make a ring live. */
static int start_ring(struct vscsi_dev *dev, struct vscsi_vq *vq)
{
	int err;

	lockdep_assert_held(&dev->vhost.mutex);
	mutex_lock(&vq->vhost.mutex);
	/* Before the requests are there, which barriers look for. */
	vq->barrier_seen = atomic_read(&dev->barrier);
	vq->barrier_done = vq->barrier_seen;
	err = vscsi_vq_alloc(vq);
	mutex_unlock(&vq->vhost.mutex);
	if (err)
		return err;
	/* SET_ENDPOINT may come from another process than the owner. */
	err = vscsi_thread_call(dev, init_ring, vq);
	if (err) {
		mutex_lock(&vq->vhost.mutex);
		vscsi_vq_free(vq);
		mutex_unlock(&vq->vhost.mutex);
		/* It stood in the way of barriers, and does not any more. */
		vscsi_control_wake(dev);
	}
	return err;
}

/* The vhost core is to treat the others as running too. */
static void bind_ring(struct vscsi_dev *dev, struct vscsi_vq *vq)
{
	mutex_lock(&vq->vhost.mutex);
	vhost_vq_set_backend(&vq->vhost, dev->endpoint);
	mutex_unlock(&vq->vhost.mutex);
}

static int start_rings(struct vscsi_dev *dev)
{
	unsigned int i, shared = 0;
	struct vscsi_vq *vq;
	int err;

	for (i = 0; i < dev->nvqs; i++) {
		vq = &dev->vqs[i];
		if (!ring_is_meant(dev, vq)) {
			bind_ring(dev, vq);
			continue;
		}
		if (!give_thread(dev, vq))
			shared++;
		err = start_ring(dev, vq);
		if (err)
			return err;
	}
	if (shared)
		pr_notice_ratelimited("pid %d: %u queues share a thread\n",
				      dev->pid, shared);
	/* What the guest had put in the rings before is served now. */
	for (i = 0; i < dev->nvqs; i++)
		if (dev->vqs[i].live)
			vscsi_vq_wake(&dev->vqs[i]);
	return 0;
}

/**
 * vscsi_endpoint_stop() - let no queue take more requests
 * @dev: the device
 *
 * When this returns no ring is fetched from; requests in flight are still
 * answered in theirs. The vhost core takes the queues for running until then,
 * so it goes on checking the addresses that it is given.
 *
 * Locking: caller holds the device's mutex.
 */
void vscsi_endpoint_stop(struct vscsi_dev *dev)
{
	struct vscsi_vq *vq;
	unsigned int i;

	lockdep_assert_held(&dev->vhost.mutex);
	dev->stopping = true;
	for (i = 0; i < dev->nvqs; i++) {
		vq = &dev->vqs[i];
		vscsi_thread_lock_queue(vq);
		WRITE_ONCE(vq->live, false);
		vq->addressed = false;
		mutex_unlock(&vq->vhost.mutex);
		/* Nothing stands in a barrier's way any more. */
		if (vq->reqs)
			vscsi_vq_wake(vq);
	}
	dev->addressed = false;
	vscsi_event_discard(dev);
}

/**
 * vscsi_endpoint_detach() - let go of the ports and of what the queues held
 * @dev: the device, its queues stopped and every request ended
 *
 * Locking: caller holds the device's mutex.
 */
void vscsi_endpoint_detach(struct vscsi_dev *dev)
{
	struct vscsi_endpoint *ep = dev->endpoint;
	struct vscsi_vq *vq;
	unsigned int i;

	lockdep_assert_held(&dev->vhost.mutex);
	for (i = 0; i < dev->nvqs; i++) {
		vq = &dev->vqs[i];
		mutex_lock(&vq->vhost.mutex);
		vhost_vq_set_backend(&vq->vhost, NULL);
		vscsi_vq_free(vq);
		mutex_unlock(&vq->vhost.mutex);
	}
	vscsi_watch_stop(dev);
	vscsi_claim_drop(dev, ep);
	vscsi_event_discard(dev);
	dev->endpoint = NULL;
	dev->stopping = false;
}

/* Requests of an endpoint that was cleared by a caller who was killed. */
static int finish_stop(struct vscsi_dev *dev)
{
	int err;

	err = vscsi_drain_wait_killable(dev);
	if (!err)
		vscsi_endpoint_detach(dev);
	return err;
}

static bool rings_accessible(struct vscsi_dev *dev)
{
	unsigned int i;

	for (i = 0; i < dev->nvqs; i++)
		if (!vhost_vq_access_ok(&dev->vqs[i].vhost))
			return false;
	return true;
}

/* Locking: caller holds the device's mutex. */
static int set_endpoint(struct vscsi_dev *dev, const char *wwn)
{
	struct vscsi_endpoint *ep;
	int err;

	lockdep_assert_held(&dev->vhost.mutex);
	if (dev->stopping) {
		err = finish_stop(dev);
		if (err)
			return err;
	}
	if (!rings_accessible(dev))
		return -EFAULT;
	if (dev->endpoint) {
		pr_notice_ratelimited("pid %d: %s is set already\n", dev->pid,
				      dev->endpoint->wwn);
		return -EEXIST;
	}
	if (!dev->control || vscsi_thread_is_dead(dev->control))
		return -EOWNERDEAD;
	vscsi_pins_start(dev);
	ep = vscsi_claim(dev, wwn);
	if (IS_ERR(ep))
		return PTR_ERR(ep);
	dev->endpoint = ep;
	err = start_rings(dev);
	if (err) {
		/* Rings started before the one that failed may have requests. */
		vscsi_endpoint_stop(dev);
		return finish_stop(dev) ? -EINTR : err;
	}
	vscsi_watch_start(dev);
	trace_vscsi_endpoint(dev, true);
	return 0;
}

/**
 * vscsi_endpoint_set() - VHOST_SCSI_SET_ENDPOINT
 * @dev: the device
 * @target: names the WWN; the rest is ignored, as ever
 *
 * Takes all ports of the WWN that have a nexus, or none.
 *
 * Return: 0; -EFAULT if a ring or the log cannot be accessed; -EEXIST if an
 * endpoint is set or the name is ambiguous; -ENODEV for an unknown WWN or one
 * without nexus; -EBUSY if a port of it is in use; -EPERM if one is another
 * user's; -EOWNERDEAD if the owner was killed; -EINTR; -ENOMEM.
 */
int vscsi_endpoint_set(struct vscsi_dev *dev,
		       const struct vhost_scsi_target *target)
{
	char wwn[VSCSI_WWN_SIZE];
	int ret;

	strscpy(wwn, target->vhost_wwpn, sizeof(wwn));
	mutex_lock(&dev->vhost.mutex);
	ret = set_endpoint(dev, wwn);
	mutex_unlock(&dev->vhost.mutex);
	return ret;
}

/* Locking: caller holds the device's mutex. */
static int clear_endpoint(struct vscsi_dev *dev, const char *wwn)
{
	lockdep_assert_held(&dev->vhost.mutex);
	if (!dev->endpoint)
		return 0;
	if (strcmp(dev->endpoint->wwn, wwn)) {
		pr_notice_ratelimited("pid %d: %s is set, not %*pE\n", dev->pid,
				      dev->endpoint->wwn, (int)strlen(wwn), wwn);
		return -EINVAL;
	}
	trace_vscsi_endpoint(dev, false);
	if (!dev->stopping)
		vscsi_endpoint_stop(dev);
	return finish_stop(dev);
}

/**
 * vscsi_endpoint_clear() - VHOST_SCSI_CLEAR_ENDPOINT
 * @dev: the device
 * @target: names the WWN that is set
 *
 * Waits for every request; what QEMU reads of the rings afterwards is final.
 *
 * Return: 0, also without an endpoint; -EINVAL if another WWN is set; -EINTR
 * if killed while waiting, with the queues stopped.
 */
int vscsi_endpoint_clear(struct vscsi_dev *dev,
			 const struct vhost_scsi_target *target)
{
	char wwn[VSCSI_WWN_SIZE];
	int ret;

	strscpy(wwn, target->vhost_wwpn, sizeof(wwn));
	mutex_lock(&dev->vhost.mutex);
	ret = clear_endpoint(dev, wwn);
	mutex_unlock(&dev->vhost.mutex);
	return ret;
}

/**
 * vscsi_endpoint_start_late() - a ring was addressed while an endpoint is set
 * @dev: the device
 * @index: number of the queue
 *
 * Starts it if it was not running; one that runs has its new addresses.
 *
 * Locking: caller holds the device's mutex.
 * Return: 0 or a negative errno, with the ring not started.
 */
int vscsi_endpoint_start_late(struct vscsi_dev *dev, unsigned int index)
{
	struct vscsi_vq *vq = &dev->vqs[index];
	bool started;
	int err;

	lockdep_assert_held(&dev->vhost.mutex);
	mutex_lock(&vq->vhost.mutex);
	started = vq->live || vq->broken;
	mutex_unlock(&vq->vhost.mutex);
	if (!dev->endpoint || dev->stopping || started ||
	    !vhost_vq_is_setup(&vq->vhost))
		return 0;
	give_thread(dev, vq);
	err = start_ring(dev, vq);
	if (!err)
		vscsi_vq_wake(vq);
	return err;
}
