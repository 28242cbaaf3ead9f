// SPDX-License-Identifier: GPL-2.0
/*
 * The event queue: a LUN came or went, or events were missed (virtio 1.2,
 * 5.6.6.3). An event is noted under configfs locks and written by the control
 * thread when the guest has a buffer for it.
 */
#include <linux/slab.h>

#include "vhost_scsi.h"
#include "trace.h"

/**
 * struct vscsi_event - an event waiting for a buffer
 * @node: link in the device's list
 * @target: target number
 * @lun: single level LUN
 * @reason: VIRTIO_SCSI_EVT_RESET_...
 */
struct vscsi_event {
	struct list_head node;
	u8 target;
	u16 lun;
	u32 reason;
};

/**
 * vscsi_event_lun() - a LUN of a claimed port came or went
 * @tpg: the port
 * @lun: single level LUN
 * @added: it came
 *
 * Context: configfs, may sleep. Locking: caller holds the port's lock, so the
 * device stays.
 */
void vscsi_event_lun(struct vscsi_tpg *tpg, u16 lun, bool added)
{
	struct vscsi_dev *dev = tpg->dev;
	struct vscsi_event *event;

	lockdep_assert_held(&tpg->lock);
	event = kmalloc(sizeof(*event), GFP_KERNEL);
	if (event) {
		event->target = tpg->tag;
		event->lun = lun;
		event->reason = added ? VIRTIO_SCSI_EVT_RESET_RESCAN :
					VIRTIO_SCSI_EVT_RESET_REMOVED;
	}
	spin_lock(&dev->events_lock);
	if (event && dev->events_nr < VSCSI_EVENTS_MAX) {
		list_add_tail(&event->node, &dev->events);
		dev->events_nr++;
		event = NULL;
	} else {
		dev->events_missed = true;
	}
	spin_unlock(&dev->events_lock);
	kfree(event);
	vscsi_work_queue(dev->control, &dev->vqs[VSCSI_VQ_EVT].work);
}

static struct vscsi_event *take_event(struct vscsi_dev *dev)
{
	struct vscsi_event *event;

	spin_lock(&dev->events_lock);
	event = list_first_entry_or_null(&dev->events, struct vscsi_event,
					 node);
	if (event) {
		list_del(&event->node);
		dev->events_nr--;
	}
	spin_unlock(&dev->events_lock);
	return event;
}

/**
 * vscsi_event_discard() - forget the events that were not written
 * @dev: the device; no port it claimed can add one any more, or it is told of
 *	nothing anyway
 */
void vscsi_event_discard(struct vscsi_dev *dev)
{
	struct vscsi_event *event;

	while ((event = take_event(dev)))
		kfree(event);
}

/* Is there anything to tell? */
static bool has_event(struct vscsi_dev *dev)
{
	bool ret;

	spin_lock(&dev->events_lock);
	ret = dev->events_missed || !list_empty(&dev->events);
	spin_unlock(&dev->events_lock);
	return ret;
}

/* Clear the flag: the guest is being told. */
static bool take_missed(struct vscsi_dev *dev)
{
	bool ret;

	spin_lock(&dev->events_lock);
	ret = dev->events_missed;
	dev->events_missed = false;
	spin_unlock(&dev->events_lock);
	return ret;
}

static void set_missed(struct vscsi_dev *dev)
{
	spin_lock(&dev->events_lock);
	dev->events_missed = true;
	spin_unlock(&dev->events_lock);
}

/* Write one event into the guest's buffer, of whatever cut. */
static void send_event(struct vscsi_vq *vq, struct vscsi_chain *chain)
{
	bool le = vhost_is_little_endian(&vq->vhost);
	struct vscsi_event *event = take_event(vq->dev);
	u32 type = VIRTIO_SCSI_T_NO_EVENT, len = VSCSI_EVENT_SIZE;
	u8 buf[VSCSI_EVENT_SIZE];

	if (event)
		type = VIRTIO_SCSI_T_TRANSPORT_RESET;
	if (take_missed(vq->dev))
		type |= VIRTIO_SCSI_T_EVENTS_MISSED;
	vscsi_encode_event(type, event ? event->target : 0,
			   event ? event->lun : 0, event ? event->reason : 0,
			   le, buf);
	if (vscsi_guest_write(vq, chain->segs + chain->out, chain->in, 0, buf,
			      sizeof(buf))) {
		set_missed(vq->dev);
		len = 0;
	}
	vscsi_used_add(vq, chain->id, chain->head, len);
	kfree(event);
}

/**
 * vscsi_event_run() - the work of the event queue
 * @work: of the event queue
 *
 * Buffers stay in the ring until there is something to tell. A guest that did
 * not negotiate hotplug is told nothing of LUNs (5.6.6.3.2).
 *
 * Context: control thread, or the kworker that does the work it left.
 */
void vscsi_event_run(struct vscsi_work *work)
{
	struct vscsi_vq *vq = container_of(work, struct vscsi_vq, work);
	struct vscsi_dev *dev = vq->dev;
	struct vscsi_chain chain;
	unsigned int n = 0;

	mutex_lock(&vq->vhost.mutex);
	vq->stats.kicks++;
	if (!vhost_has_feature(&vq->vhost, VIRTIO_SCSI_F_HOTPLUG))
		vscsi_event_discard(dev);
	while (vq->live && vscsi_vq_can_touch_guest(vq) && has_event(dev)) {
		vhost_disable_notify(&dev->vhost, &vq->vhost);
		if (n++ == VSCSI_FETCH_BATCH) {
			vscsi_work_queue(vq->thread, &vq->work);
			break;
		}
		if (vscsi_fetch(vq, &chain)) {
			send_event(vq, &chain);
			continue;
		}
		/* No buffer: the guest kicks when it has added one. */
		if (!vq->live ||
		    !vhost_enable_notify(&dev->vhost, &vq->vhost))
			break;
	}
	vscsi_used_flush(vq);
	mutex_unlock(&vq->vhost.mutex);
}
