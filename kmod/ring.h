/* SPDX-License-Identifier: GPL-2.0 */
/* What both ways from the ring to a request begin with (ring.c, fast.c), inline. */
#ifndef VSCSI_RING_H
#define VSCSI_RING_H

#include <linux/nospec.h>
#include <linux/uaccess.h>

#include "vhost_scsi.h"

/**
 * vscsi_ring_head() - fetch the index of the next chain's first descriptor
 * @vq: a live queue
 * @head: where to put it
 * @why: set to what is wrong with the ring, if something is
 *
 * The chain stays in the ring until vscsi_fetched().
 *
 * Context: owner's address space, may sleep. Locking: caller holds the vq mutex.
 * Return: 1 if there is one, 0 if the ring is empty, or an errno that breaks the queue.
 */
static __always_inline int vscsi_ring_head(struct vscsi_vq *vq, u16 *head,
					   const char **why)
{
	struct vhost_virtqueue *vhost = &vq->vhost;
	unsigned int i;
	__virtio16 val;

	lockdep_assert_held(&vhost->mutex);
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
	i = vhost16_to_cpu(vhost, val);
	*why = "head out of range";
	if (i >= vhost->num)
		return -EINVAL;
	*head = array_index_nospec(i, vhost->num);
	return 1;
}

#endif /* VSCSI_RING_H */
