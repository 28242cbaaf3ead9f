// SPDX-License-Identifier: GPL-2.0
/*
 * /dev/vhost-scsi: open, close and the ioctls. What the vhost core implements
 * is passed on to it under the device's mutex; what it changes under our feet
 * is picked up afterwards. An open file holds the device; close() may leave it
 * to a kworker if the backstore does not answer.
 */
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>

#include "vhost_scsi.h"
#include "trace.h"

/* How long close() waits for requests in flight. */
#define VSCSI_CLOSE_WAIT (5 * HZ)
/* And for a page of the guest's that a kthread waits for. */
#define VSCSI_FAULT_WAIT HZ

/*
 * A kthread that waits for a page of the guest's holds its queue's mutex, and nobody would
 * ever kill it: have it wait no more. close() holds the device's mutex.
 */
static void end_faults(struct work_struct *work)
{
	struct vscsi_dev *dev = container_of(to_delayed_work(work),
					     struct vscsi_dev, end_faults);

	vscsi_thread_interrupt_all(dev);
}

static int vscsi_open(struct inode *inode, struct file *file)
{
	unsigned int i, nvqs = vscsi_max_io_vqs() + VSCSI_VQ_IO;
	struct vscsi_dev *dev;

	dev = kzalloc(sizeof(*dev), GFP_KERNEL);
	if (!dev)
		return -ENOMEM;
	dev->vqs = __vmalloc(array_size(nvqs, sizeof(*dev->vqs)),
			     GFP_KERNEL | __GFP_ZERO | __GFP_NOWARN);
	dev->vhost_vqs = kcalloc(nvqs, sizeof(*dev->vhost_vqs), GFP_KERNEL);
	if (!dev->vqs || !dev->vhost_vqs)
		goto err_free;
	dev->nvqs = nvqs;
	INIT_LIST_HEAD(&dev->threads);
	xa_init_flags(&dev->workers, XA_FLAGS_ALLOC1);
	INIT_LIST_HEAD(&dev->events);
	INIT_LIST_HEAD(&dev->pending_tmfs);
	INIT_LIST_HEAD(&dev->running_tmfs);
	INIT_LIST_HEAD(&dev->ended_tmfs);
	spin_lock_init(&dev->events_lock);
	init_waitqueue_head(&dev->idle);
	INIT_WORK(&dev->attach, vscsi_claim_late);
	INIT_DELAYED_WORK(&dev->end_faults, end_faults);
	vscsi_watch_init(dev);
	vscsi_pins_init(&dev->pins);
	for (i = 0; i < nvqs; i++) {
		vscsi_vq_init(dev, &dev->vqs[i], i);
		dev->vhost_vqs[i] = &dev->vqs[i].vhost;
	}
	vhost_dev_init(&dev->vhost, dev->vhost_vqs, nvqs, VSCSI_USED_BATCH,
		       VSCSI_FETCH_BATCH, 0, false, NULL);
	file->private_data = dev;
	return 0;

err_free:
	kfree(dev->vhost_vqs);
	vfree(dev->vqs);
	kfree(dev);
	return -ENOMEM;
}

/* Every request has ended: end the threads, then let go of what they used. */
static void end_ownership(struct vscsi_dev *dev)
{
	lockdep_assert_held(&dev->vhost.mutex);
	vscsi_stats_remove_device(dev);
	vscsi_thread_free_all(dev);
	vscsi_worker_forget_all(dev);
	vscsi_pins_stop(dev);
	if (dev->mm)
		mmput(dev->mm);
	dev->mm = NULL;
}

static void vscsi_dev_free(struct vscsi_dev *dev)
{
	/* Without a claim nobody queues it again. */
	cancel_work_sync(&dev->attach);
	mutex_lock(&dev->vhost.mutex);
	end_ownership(dev);
	mutex_unlock(&dev->vhost.mutex);
	vhost_dev_cleanup(&dev->vhost);
	kfree(dev->vhost_vqs);
	vfree(dev->vqs);
	kfree(dev);
}

/* The rest of close(), once a slow backstore has answered. */
static void reap_device(struct work_struct *work)
{
	struct vscsi_dev *dev = container_of(work, struct vscsi_dev,
					     reap_work);

	vscsi_drain_wait(dev);
	mutex_lock(&dev->vhost.mutex);
	vscsi_endpoint_detach(dev);
	mutex_unlock(&dev->vhost.mutex);
	vscsi_dev_free(dev);
}

/*
 * Whoever has not seen that the file is gone holds a queue's mutex until it has
 * answered. Later requests end without an answer: the owner may use its memory,
 * and the dirty log, for something else.
 */
static void stop_answering(struct vscsi_dev *dev)
{
	unsigned int i;

	WRITE_ONCE(dev->closed, true);
	for (i = 0; i < dev->nvqs; i++) {
		mutex_lock(&dev->vqs[i].vhost.mutex);
		mutex_unlock(&dev->vqs[i].vhost.mutex);
	}
}

static int vscsi_release(struct inode *inode, struct file *file)
{
	struct vscsi_dev *dev = file->private_data;
	bool idle = true;

	mutex_lock(&dev->vhost.mutex);
	queue_delayed_work(vscsi_wq, &dev->end_faults, VSCSI_FAULT_WAIT);
	if (dev->endpoint) {
		if (!dev->stopping)
			vscsi_endpoint_stop(dev);
		idle = vscsi_drain_wait_timeout(dev, VSCSI_CLOSE_WAIT);
		if (idle)
			vscsi_endpoint_detach(dev);
	}
	stop_answering(dev);
	vhost_dev_stop(&dev->vhost);
	cancel_delayed_work_sync(&dev->end_faults);
	mutex_unlock(&dev->vhost.mutex);
	if (idle) {
		vscsi_dev_free(dev);
		return 0;
	}
	pr_notice("%s: closed by pid %d while its backstore does not answer\n",
		  dev->endpoint->wwn, task_tgid_nr(current));
	INIT_WORK(&dev->reap_work, reap_device);
	queue_work(vscsi_close_wq, &dev->reap_work);
	return 0;
}

/* Locking: caller holds the device's mutex. */
static long set_owner(struct vscsi_dev *dev)
{
	struct vscsi_thread *thread;
	long ret;

	lockdep_assert_held(&dev->vhost.mutex);
	ret = vhost_dev_set_owner(&dev->vhost);
	/* Ours already, but no thread could be made: try that again. */
	if (ret == -EBUSY && !dev->control && dev->vhost.mm == current->mm)
		ret = 0;
	if (ret)
		return ret;
	/* The vhost core keeps the mm_struct; we need what it maps. */
	if (!dev->mm)
		dev->mm = get_task_mm(current);
	dev->pid = task_pid_nr(current);
	thread = vscsi_thread_create_worker(dev, 0);
	if (IS_ERR(thread)) {
		pr_notice_ratelimited("pid %d: no thread: %ld\n", dev->pid,
				      PTR_ERR(thread));
		return PTR_ERR(thread);
	}
	dev->control = thread;
	/* The request queues' are SET_ENDPOINT's to give. */
	vscsi_thread_move(&dev->vqs[VSCSI_VQ_CTL], thread);
	vscsi_thread_move(&dev->vqs[VSCSI_VQ_EVT], thread);
	vscsi_stats_add_device(dev);
	return 0;
}

/* What the vhost core's reset does not know of. */
static void reset_vq(struct vscsi_vq *vq)
{
	mutex_lock(&vq->vhost.mutex);
	vq->broken = false;
	vq->addressed = false;
	vscsi_guest_forget(vq);
	vq->stats = (struct vscsi_stats) { };
	mutex_unlock(&vq->vhost.mutex);
}

/* The device becomes as it was when it was opened. */
static long reset_owner(struct vscsi_dev *dev)
{
	struct vhost_iotlb *umem;
	unsigned int i;
	long ret;

	lockdep_assert_held(&dev->vhost.mutex);
	ret = vhost_dev_check_owner(&dev->vhost);
	if (ret)
		return ret;
	if (dev->endpoint)
		return -EBUSY;
	umem = vhost_dev_reset_owner_prepare();
	if (!umem)
		return -ENOMEM;
	vhost_dev_stop(&dev->vhost);
	end_ownership(dev);
	vhost_dev_reset_owner(&dev->vhost, umem);
	for (i = 0; i < dev->nvqs; i++)
		reset_vq(&dev->vqs[i]);
	dev->addressed = false;
	spin_lock(&dev->events_lock);
	dev->events_missed = false;
	spin_unlock(&dev->events_lock);
	return 0;
}

/* What the ioctl changed under our feet. */
static long ring_addressed(struct vscsi_dev *dev, u32 __user *argp)
{
	struct vscsi_vq *vq;
	u32 index;

	if (get_user(index, argp))
		return -EFAULT;
	if (index >= dev->nvqs)
		return -ENOBUFS;
	vq = &dev->vqs[index];
	mutex_lock(&vq->vhost.mutex);
	vq->addressed = true;
	mutex_unlock(&vq->vhost.mutex);
	dev->addressed = true;
	return vscsi_endpoint_start_late(dev, index);
}

static void memory_changed(struct vscsi_dev *dev)
{
	unsigned int i;

	for (i = 0; i < dev->nvqs; i++)
		vscsi_vq_forget_map(&dev->vqs[i]);
}

/* Ioctls of a ring that the vhost core implements. */
static long vring_ioctl(struct vscsi_dev *dev, unsigned int cmd,
			void __user *argp)
{
	long ret;

	lockdep_assert_held(&dev->vhost.mutex);
	ret = vhost_dev_check_owner(&dev->vhost);
	if (ret)
		return ret;
	ret = vhost_vring_ioctl(&dev->vhost, cmd, argp);
	if (cmd == VHOST_SET_VRING_ADDR && !ret)
		ret = ring_addressed(dev, argp);
	return ret;
}

/*
 * Every ioctl but those of virtio-scsi. The vhost core is handed only what it
 * implements: it takes the argument of any other for a queue's number.
 */
static long core_ioctl(struct vscsi_dev *dev, unsigned int cmd,
		       void __user *argp)
{
	long ret;

	lockdep_assert_held(&dev->vhost.mutex);
	switch (cmd) {
	case VHOST_SET_OWNER:
		return set_owner(dev);
	case VHOST_RESET_OWNER:
		return reset_owner(dev);
	case VHOST_SET_MEM_TABLE:
		ret = vhost_dev_ioctl(&dev->vhost, cmd, argp);
		memory_changed(dev);
		return ret;
	case VHOST_SET_LOG_BASE:
	case VHOST_SET_LOG_FD:
		return vhost_dev_ioctl(&dev->vhost, cmd, argp);
	case VHOST_SET_FORK_FROM_OWNER:
	case VHOST_GET_FORK_FROM_OWNER:
		if (!vhost_dev_chooses_fork())
			return -ENOIOCTLCMD;
		return vhost_dev_ioctl(&dev->vhost, cmd, argp);
	case VHOST_NEW_WORKER:
	case VHOST_FREE_WORKER:
	case VHOST_ATTACH_VRING_WORKER:
	case VHOST_GET_VRING_WORKER:
		return vscsi_worker_ioctl(dev, cmd, argp);
	case VHOST_SET_VRING_ENDIAN:
	case VHOST_GET_VRING_ENDIAN:
		if (!IS_ENABLED(CONFIG_VHOST_CROSS_ENDIAN_LEGACY))
			return -ENOIOCTLCMD;
		fallthrough;
	case VHOST_SET_VRING_NUM:
	case VHOST_SET_VRING_ADDR:
	case VHOST_SET_VRING_BASE:
	case VHOST_GET_VRING_BASE:
	case VHOST_SET_VRING_KICK:
	case VHOST_SET_VRING_CALL:
	case VHOST_SET_VRING_ERR:
	case VHOST_SET_VRING_BUSYLOOP_TIMEOUT:
	case VHOST_GET_VRING_BUSYLOOP_TIMEOUT:
		return vring_ioctl(dev, cmd, argp);
	}
	return -ENOIOCTLCMD;
}

static long set_features(struct vscsi_dev *dev, u64 features)
{
	struct vhost_virtqueue *vq;
	unsigned int i;
	u64 changed;

	if (features & ~VSCSI_FEATURES)
		return -EOPNOTSUPP;
	guard(mutex)(&dev->vhost.mutex);
	if ((features & BIT_ULL(VHOST_F_LOG_ALL)) &&
	    !vhost_log_access_ok(&dev->vhost))
		return -EFAULT;
	changed = features ^ dev->vqs[0].vhost.acked_features;
	if (dev->endpoint && (changed & ~BIT_ULL(VHOST_F_LOG_ALL)))
		return -EBUSY;
	for (i = 0; i < dev->nvqs; i++) {
		vq = &dev->vqs[i].vhost;
		mutex_lock(&vq->mutex);
		vq->acked_features = features;
		mutex_unlock(&vq->mutex);
	}
	return 0;
}

static long endpoint_ioctl(struct vscsi_dev *dev, unsigned int cmd,
			   void __user *argp)
{
	struct vhost_scsi_target target;

	if (copy_from_user(&target, argp, sizeof(target)))
		return -EFAULT;
	if (target.reserved)
		return -EOPNOTSUPP;
	if (cmd == VHOST_SCSI_SET_ENDPOINT)
		return vscsi_endpoint_set(dev, &target);
	return vscsi_endpoint_clear(dev, &target);
}

static long missed_ioctl(struct vscsi_dev *dev, unsigned int cmd,
			 u32 __user *argp)
{
	u32 missed;

	if (cmd == VHOST_SCSI_GET_EVENTS_MISSED) {
		spin_lock(&dev->events_lock);
		missed = dev->events_missed;
		spin_unlock(&dev->events_lock);
		return put_user(missed, argp);
	}
	if (get_user(missed, argp))
		return -EFAULT;
	spin_lock(&dev->events_lock);
	dev->events_missed = missed;
	spin_unlock(&dev->events_lock);
	/* The guest may have a buffer in the ring. */
	vscsi_vq_wake(&dev->vqs[VSCSI_VQ_EVT]);
	return 0;
}

static long vscsi_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct vscsi_dev *dev = file->private_data;
	void __user *argp = (void __user *)arg;
	u64 features;
	long ret;

	switch (cmd) {
	case VHOST_SCSI_SET_ENDPOINT:
	case VHOST_SCSI_CLEAR_ENDPOINT:
		return endpoint_ioctl(dev, cmd, argp);
	case VHOST_SCSI_GET_ABI_VERSION:
		return put_user(VHOST_SCSI_ABI_VERSION, (int __user *)argp);
	case VHOST_SCSI_SET_EVENTS_MISSED:
	case VHOST_SCSI_GET_EVENTS_MISSED:
		return missed_ioctl(dev, cmd, argp);
	case VHOST_GET_FEATURES:
		features = VSCSI_FEATURES;
		if (copy_to_user(argp, &features, sizeof(features)))
			return -EFAULT;
		return 0;
	case VHOST_SET_FEATURES:
		if (copy_from_user(&features, argp, sizeof(features)))
			return -EFAULT;
		return set_features(dev, features);
	default:
		mutex_lock(&dev->vhost.mutex);
		ret = core_ioctl(dev, cmd, argp);
		mutex_unlock(&dev->vhost.mutex);
		return ret;
	}
}

static const struct file_operations vscsi_fops = {
	.owner		= THIS_MODULE,
	.open		= vscsi_open,
	.release	= vscsi_release,
	.unlocked_ioctl	= vscsi_ioctl,
	.compat_ioctl	= compat_ptr_ioctl,
	.llseek		= noop_llseek,
};

static struct miscdevice vscsi_misc = {
	.minor	= MISC_DYNAMIC_MINOR,
	.name	= "vhost-scsi",
	.fops	= &vscsi_fops,
};

/**
 * vscsi_device_register() - make /dev/vhost-scsi appear
 *
 * Return: 0 or a negative errno.
 */
int vscsi_device_register(void)
{
	return misc_register(&vscsi_misc);
}

/**
 * vscsi_device_unregister() - make /dev/vhost-scsi disappear
 */
void vscsi_device_unregister(void)
{
	misc_deregister(&vscsi_misc);
}
