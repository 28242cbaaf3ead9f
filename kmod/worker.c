// SPDX-License-Identifier: GPL-2.0
/*
 * The ioctls about workers, for a VMM that wants to say which thread serves
 * which queue: it makes threads, and gives them queues. Worker 0 is the control
 * thread. The threads that SET_ENDPOINT makes have no number: a queue that was
 * never attached says that it has worker 0, and its own thread ends when it is.
 *
 * Called with the device's mutex held, by the owner.
 */
#include <linux/nospec.h>
#include <linux/uaccess.h>

#include "vhost_scsi.h"

static struct vscsi_thread *find(struct vscsi_dev *dev, u32 id)
{
	return id ? xa_load(&dev->workers, id) : dev->control;
}

static long new_worker(struct vscsi_dev *dev,
		       struct vhost_worker_state __user *argp)
{
	struct xa_limit limit = xa_limit_32b;
	struct vscsi_thread *thread;
	long ret;
	u32 id;

	lockdep_assert_held(&dev->vhost.mutex);
	if (!vhost_dev_forks_owner(&dev->vhost)) {
		if (vhost_dev_chooses_fork())
			return -EFAULT;
		/* Kthreads do not count against the owner's RLIMIT_NPROC. */
		limit.max = dev->nvqs;
	}
	ret = xa_alloc(&dev->workers, &id, NULL, limit, GFP_KERNEL);
	if (ret)
		return ret == -EBUSY ? -EAGAIN : ret;
	ret = -EFAULT;
	if (put_user(id, &argp->worker_id))
		goto err_erase;
	thread = vscsi_thread_create_worker(dev, id);
	ret = PTR_ERR_OR_ZERO(thread);
	if (ret)
		goto err_erase;
	/* Cannot fail: the place was taken above. */
	xa_store(&dev->workers, id, thread, GFP_KERNEL);
	return 0;

err_erase:
	xa_erase(&dev->workers, id);
	return ret;
}

static bool is_attached(struct vscsi_dev *dev, u32 id)
{
	unsigned int i;

	for (i = 0; i < dev->nvqs; i++)
		if (dev->vqs[i].attached && dev->vqs[i].worker == id)
			return true;
	return false;
}

static long free_worker(struct vscsi_dev *dev,
			struct vhost_worker_state __user *argp)
{
	struct vscsi_thread *thread;
	u32 id;

	lockdep_assert_held(&dev->vhost.mutex);
	if (get_user(id, &argp->worker_id))
		return -EFAULT;
	thread = find(dev, id);
	if (!thread)
		return -ENODEV;
	/* Worker 0 makes the queues' threads, so it has to stay. */
	if (!id || is_attached(dev, id) || vscsi_thread_is_dead(thread))
		return -EBUSY;
	xa_erase(&dev->workers, id);
	vscsi_thread_free(thread);
	return 0;
}

static int find_vq(struct vscsi_dev *dev,
		   struct vhost_vring_worker __user *argp, struct vscsi_vq **vq)
{
	u32 index;

	if (get_user(index, &argp->index))
		return -EFAULT;
	if (index >= dev->nvqs)
		return -ENOBUFS;
	*vq = &dev->vqs[array_index_nospec(index, dev->nvqs)];
	return 0;
}

static long attach_worker(struct vscsi_dev *dev,
			  struct vhost_vring_worker __user *argp)
{
	struct vscsi_thread *thread, *own;
	struct vscsi_vq *vq;
	long ret;
	u32 id;

	lockdep_assert_held(&dev->vhost.mutex);
	ret = find_vq(dev, argp, &vq);
	if (ret)
		return ret;
	if (get_user(id, &argp->worker_id))
		return -EFAULT;
	thread = find(dev, id);
	if (!thread)
		return -ENODEV;
	/* As the vhost core does: it would be of no use. */
	if (vscsi_thread_is_dead(thread))
		return 0;
	own = vscsi_vq_thread(vq);
	if (vq->attached || own == dev->control)
		own = NULL;
	vscsi_thread_move(vq, thread);
	WRITE_ONCE(vq->attached, true);
	vq->worker = id;
	if (own)
		vscsi_thread_free(own);
	return 0;
}

static long get_worker(struct vscsi_dev *dev,
		       struct vhost_vring_worker __user *argp)
{
	struct vscsi_thread *thread;
	struct vscsi_vq *vq;
	long ret;

	lockdep_assert_held(&dev->vhost.mutex);
	ret = find_vq(dev, argp, &vq);
	if (ret)
		return ret;
	thread = vscsi_vq_thread(vq) ?: dev->control;
	if (vscsi_thread_is_dead(thread))
		return -EINVAL;
	return put_user(vq->worker, &argp->worker_id);
}

/**
 * vscsi_worker_ioctl() - an ioctl about workers
 * @dev: the device
 * @cmd: VHOST_NEW_WORKER, _FREE_WORKER, _ATTACH_VRING_WORKER or
 *	_GET_VRING_WORKER
 * @argp: its argument
 *
 * Context: may sleep; moving a queue waits for the run its thread is at.
 * Locking: caller holds the device's mutex.
 * Return: 0; -EINVAL without an owner, or if the queue's thread was killed;
 * -EPERM for another than the owner; -EFAULT; -ENOBUFS for a queue that there
 * is not; -ENODEV for a worker that there is not; -EBUSY if it cannot be freed;
 * -EAGAIN or another errno if no thread can be made.
 */
long vscsi_worker_ioctl(struct vscsi_dev *dev, unsigned int cmd,
			void __user *argp)
{
	long ret;

	lockdep_assert_held(&dev->vhost.mutex);
	if (!vhost_dev_has_owner(&dev->vhost))
		return -EINVAL;
	ret = vhost_dev_check_owner(&dev->vhost);
	if (ret)
		return ret;
	/* SET_OWNER could not make a thread. */
	if (!dev->control)
		return -EINVAL;
	switch (cmd) {
	case VHOST_NEW_WORKER:
		return new_worker(dev, argp);
	case VHOST_FREE_WORKER:
		return free_worker(dev, argp);
	case VHOST_ATTACH_VRING_WORKER:
		return attach_worker(dev, argp);
	case VHOST_GET_VRING_WORKER:
		return get_worker(dev, argp);
	}
	return -ENOIOCTLCMD;
}

/**
 * vscsi_worker_forget_all() - forget the workers and which queue has which
 * @dev: the device, its threads freed
 *
 * Locking: caller holds the device's mutex.
 */
void vscsi_worker_forget_all(struct vscsi_dev *dev)
{
	unsigned int i;

	lockdep_assert_held(&dev->vhost.mutex);
	xa_destroy(&dev->workers);
	for (i = 0; i < dev->nvqs; i++) {
		WRITE_ONCE(dev->vqs[i].attached, false);
		dev->vqs[i].worker = 0;
	}
}
