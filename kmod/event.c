// SPDX-License-Identifier: GPL-2.0
/*
 * The event queue: a LUN came, went, was reset by somebody else or has another
 * size, or events were missed (virtio 1.2, 5.6.6.3). An event is noted under
 * other locks and written by the event queue's work when the guest has a buffer
 * for it. Nothing is noted that the guest did not negotiate.
 */
#include <linux/slab.h>

#include "vhost_scsi.h"
#include "trace.h"

/**
 * struct vscsi_event - an event waiting for a buffer
 * @node: link in the device's list
 * @type: VIRTIO_SCSI_T_...
 * @target: target number
 * @lun: single level LUN
 * @reason: depends on @type
 */
struct vscsi_event {
	struct list_head node;
	u32 type;
	u8 target;
	u16 lun;
	u32 reason;
};

/*
 * Has the guest negotiated events of a type? Features are constant while there
 * is an endpoint, but for the log.
 */
static bool is_wanted(struct vscsi_dev *dev, u32 type)
{
	u64 features = READ_ONCE(dev->vqs[VSCSI_VQ_EVT].vhost.acked_features);

	switch (type) {
	case VIRTIO_SCSI_T_PARAM_CHANGE:
		return features & BIT_ULL(VIRTIO_SCSI_F_CHANGE);
	case VIRTIO_SCSI_T_TRANSPORT_RESET:
		return features & BIT_ULL(VIRTIO_SCSI_F_HOTPLUG);
	default:
		return features & (BIT_ULL(VIRTIO_SCSI_F_CHANGE) |
				   BIT_ULL(VIRTIO_SCSI_F_HOTPLUG));
	}
}

/* Note an event for the guest that uses a port, if one does. */
static void add(struct vscsi_tpg *tpg, u32 type, u16 lun, u32 reason)
{
	struct vscsi_dev *dev = tpg->dev;
	struct vscsi_event *event;

	lockdep_assert_held(&tpg->lock);
	if (!dev || lun >= VSCSI_LUNS || !is_wanted(dev, type))
		return;
	event = kmalloc(sizeof(*event), GFP_ATOMIC | __GFP_NOWARN);
	if (event)
		*event = (struct vscsi_event) {
			.type = type, .target = tpg->tag, .lun = lun,
			.reason = reason,
		};
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
	vscsi_vq_wake(&dev->vqs[VSCSI_VQ_EVT]);
}

/**
 * vscsi_event_lun() - a LUN of a port came or went
 * @tpg: the port
 * @lun: LUN
 * @added: it came
 *
 * Locking: caller holds the port's lock, so the device that claimed it stays.
 */
void vscsi_event_lun(struct vscsi_tpg *tpg, u64 lun, bool added)
{
	lockdep_assert_held(&tpg->lock);
	add(tpg, VIRTIO_SCSI_T_TRANSPORT_RESET, min_t(u64, lun, VSCSI_NO_LUN),
	    added ? VIRTIO_SCSI_EVT_RESET_RESCAN :
		    VIRTIO_SCSI_EVT_RESET_REMOVED);
}

/**
 * vscsi_event_capacity() - a LUN of a port has another size
 * @tpg: the port
 * @lun: single level LUN
 *
 * Locking: caller holds the port's lock.
 */
void vscsi_event_capacity(struct vscsi_tpg *tpg, u16 lun)
{
	lockdep_assert_held(&tpg->lock);
	/* Sense code in the low byte, its qualifier above (5.6.6.3). */
	add(tpg, VIRTIO_SCSI_T_PARAM_CHANGE, lun, 0x2a | 0x09 << 8);
}

/**
 * vscsi_event_all_luns() - the LUNs of a port came, all at once
 * @tpg: the port, claimed
 *
 * Locking: caller holds the port's lock.
 */
void vscsi_event_all_luns(struct vscsi_tpg *tpg)
{
	struct se_dev_entry *deve;

	lockdep_assert_held(&tpg->lock);
	rcu_read_lock();
	hlist_for_each_entry_rcu(deve, &tpg->nexus->se_node_acl->lun_entry_hlist,
				 link)
		vscsi_event_lun(tpg, deve->mapped_lun, true);
	rcu_read_unlock();
}

/* Note a reset for every LUN of a port that has the backstore. */
static void add_resets(struct vscsi_tpg *tpg, const struct se_device *se_dev,
		       const struct vscsi_tpg *by, u16 lun)
{
	struct se_dev_entry *deve;

	guard(mutex)(&tpg->lock);
	if (!tpg->dev || !tpg->nexus)
		return;
	rcu_read_lock();
	hlist_for_each_entry_rcu(deve, &tpg->nexus->se_node_acl->lun_entry_hlist,
				 link)
		if (rcu_access_pointer(deve->se_lun->lun_se_dev) == se_dev &&
		    (tpg != by || deve->mapped_lun != lun))
			add(tpg, VIRTIO_SCSI_T_TRANSPORT_RESET,
			    min_t(u64, deve->mapped_lun, VSCSI_NO_LUN),
			    VIRTIO_SCSI_EVT_RESET_HARD);
	rcu_read_unlock();
}

/**
 * vscsi_event_reset() - a LUN was reset by its guest
 * @tpg: the port, claimed
 * @lun: single level LUN
 *
 * Whoever else has a LUN on the same backstore is told.
 *
 * Context: may sleep. Locking: takes the ports lock and the ports' own.
 */
void vscsi_event_reset(struct vscsi_tpg *tpg, u16 lun)
{
	const struct se_device *se_dev = vscsi_screen_backstore(tpg, lun);
	struct vscsi_tpg *other;

	if (!se_dev)
		return;
	guard(mutex)(&vscsi_ports_lock);
	list_for_each_entry(other, &vscsi_ports, node)
		add_resets(other, se_dev, tpg, lun);
}

static void set_missed(struct vscsi_dev *dev)
{
	spin_lock(&dev->events_lock);
	dev->events_missed = true;
	spin_unlock(&dev->events_lock);
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
 *
 * The guest, if it goes on, is told that it missed some.
 */
void vscsi_event_discard(struct vscsi_dev *dev)
{
	struct vscsi_event *event;

	while ((event = take_event(dev))) {
		kfree(event);
		set_missed(dev);
	}
}

/* Is there anything to tell? */
static bool has_event(struct vscsi_dev *dev)
{
	bool ret;

	spin_lock(&dev->events_lock);
	ret = !list_empty(&dev->events) ||
	      (dev->events_missed &&
	       is_wanted(dev, VIRTIO_SCSI_T_EVENTS_MISSED));
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

/* Write one event into the guest's buffer, of whatever cut. */
static void send_event(struct vscsi_vq *vq, struct vscsi_chain *chain)
{
	bool le = vhost_is_little_endian(&vq->vhost);
	struct vscsi_event *event = take_event(vq->dev);
	u32 type = VIRTIO_SCSI_T_NO_EVENT, len = VSCSI_EVENT_SIZE;
	u8 buf[VSCSI_EVENT_SIZE];

	if (event)
		type = event->type;
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
 * Buffers stay in the ring until there is something to tell.
 *
 * Context: the queue's thread, or the kworker that does the work it left.
 */
void vscsi_event_run(struct vscsi_work *work)
{
	struct vscsi_vq *vq = container_of(work, struct vscsi_vq, work);
	struct vscsi_dev *dev = vq->dev;
	struct vscsi_chain chain;
	unsigned int n = 0;

	mutex_lock(&vq->vhost.mutex);
	vq->stats.kicks++;
	while (vq->live && vscsi_vq_can_touch_guest(vq) && has_event(dev)) {
		vhost_disable_notify(&dev->vhost, &vq->vhost);
		if (n++ == VSCSI_FETCH_BATCH) {
			vscsi_vq_wake(vq);
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
