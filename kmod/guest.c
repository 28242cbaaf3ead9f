// SPDX-License-Identifier: GPL-2.0
/*
 * Guest memory by guest-physical address: translate, copy, mark dirty.
 *
 * Called by whatever serves a queue, in a thread that runs on the owner's
 * address space, under the queue's mutex (which keeps the memory table). A
 * request keeps guest-physical addresses and comes back here when it is
 * answered, so the VMM may change its memory table while requests run.
 */
#include <linux/uaccess.h>

#include "vhost_scsi.h"

/* Find the region of @addr, the two hit last without a tree walk. */
static __always_inline const struct vscsi_region *
find_region(struct vscsi_vq *vq, u64 addr)
{
	struct vhost_iotlb *umem = vq->vhost.umem;
	const struct vhost_iotlb_map *map;
	struct vscsi_region *region;
	unsigned int i;

	lockdep_assert_held(&vq->vhost.mutex);
	if (vq->regions_of != umem)
		vscsi_guest_forget(vq);
	for (i = 0; i < VSCSI_REGIONS; i++)
		if (addr - vq->regions[i].start < vq->regions[i].size)
			return &vq->regions[i];
	map = umem ? vhost_iotlb_itree_first(umem, addr, addr) : NULL;
	if (!map)
		return NULL;
	vq->regions_of = umem;
	region = &vq->regions[vq->regions_next++ % VSCSI_REGIONS];
	*region = (struct vscsi_region) {
		.start = map->start,
		.size = map->last - map->start + 1,
		.user = map->addr,
		.perm = map->perm,
	};
	/* That it is user memory the vhost core has found out, too. */
	if ((map->perm & VHOST_ACCESS_RW) == VHOST_ACCESS_RW &&
	    access_ok((void __user *)(uintptr_t)map->addr, region->size))
		region->near = region->size;
	return region;
}

static __always_inline size_t translate(struct vscsi_vq *vq, u64 addr,
					size_t len, unsigned int access,
					void __user **hva)
{
	const struct vscsi_region *region = find_region(vq, addr);
	u64 offset;

	if (unlikely(!region || !(region->perm & access)))
		return 0;
	offset = addr - region->start;
	*hva = (void __user *)(uintptr_t)(region->user + offset);
	return min_t(u64, len, region->size - offset);
}

/**
 * vscsi_guest_translate() - where guest memory lies in the owner's
 * @vq: the queue
 * @addr: guest-physical address
 * @len: bytes wanted, not 0
 * @access: VHOST_ACCESS_RO or VHOST_ACCESS_WO
 * @hva: where to put the address in the owner's address space
 *
 * Context: any. Locking: caller holds the vq mutex.
 * Return: how many bytes lie there in one piece, at most @len; 0 if there is
 * no memory at @addr or not with that access.
 */
size_t vscsi_guest_translate(struct vscsi_vq *vq, u64 addr, size_t len,
			     unsigned int access, void __user **hva)
{
	lockdep_assert_held(&vq->vhost.mutex);
	return translate(vq, addr, len, access, hva);
}

/*
 * Mark a piece dirty. The vhost core takes the address as it is for an index
 * into the VMM's bitmap, so it must lie in the memory table, for which the
 * bitmap was found large enough.
 *
 * If that is not writable the guest's answer is right, but a migration would lose
 * it: tell the VMM as the vhost core does of what it cannot access.
 */
static void log_piece(struct vscsi_vq *vq, u64 addr, u64 len)
{
	struct vhost_log log = { .addr = addr, .len = len };

	if (likely(!vhost_has_feature(&vq->vhost, VHOST_F_LOG_ALL)) ||
	    vhost_log_write(&vq->vhost, &log, 1, len, NULL, 0) >= 0)
		return;
	vq->stats.faults++;
	vscsi_vq_error(&vq->vhost);
}

/*
 * Move @len bytes between @buf and the guest memory at @addr.
 *
 * By the functions below copy_from_user() and copy_to_user(), which leave out what
 * hardened usercopy does: @buf is whole, a header or a response on the stack, a table
 * of descriptors or a page, and its check of a vmalloc area costs more than the copy.
 */
static __always_inline int copy_piece(struct vscsi_vq *vq, u64 addr, void *buf,
				      size_t len, bool write)
{
	unsigned int access = write ? VHOST_ACCESS_WO : VHOST_ACCESS_RO;
	void __user *hva;
	size_t n, left;

	while (len) {
		n = translate(vq, addr, len, access, &hva);
		if (unlikely(!n))
			return -EFAULT;
		if (write) {
			left = _copy_to_user(hva, buf, n);
			log_piece(vq, addr, n);
		} else {
			left = _copy_from_user(buf, hva, n);
		}
		if (unlikely(left))
			return -EFAULT;
		addr += n;
		buf += n;
		len -= n;
	}
	return 0;
}

/**
 * vscsi_guest_log() - mark guest memory dirty that a backstore has written
 * @vq: the queue
 * @segs: buffers
 * @n: how many
 * @skip: bytes to leave out at their start
 * @len: bytes written
 *
 * Does nothing unless the VMM asked for the log (VHOST_F_LOG_ALL). Memory that
 * has left the table meanwhile is not logged.
 *
 * Context: owner's address space, may sleep. Locking: caller holds the vq
 * mutex, under which the VMM's bitmap cannot change.
 */
void vscsi_guest_log(struct vscsi_vq *vq, const struct vscsi_seg *segs,
		     unsigned int n, u64 skip, u64 len)
{
	void __user *hva;
	size_t piece;
	u64 addr, here;

	lockdep_assert_held(&vq->vhost.mutex);
	if (likely(!vhost_has_feature(&vq->vhost, VHOST_F_LOG_ALL)))
		return;
	for (; n && len; n--, segs++) {
		if (skip >= segs->len) {
			skip -= segs->len;
			continue;
		}
		addr = segs->addr + skip;
		here = min_t(u64, segs->len - skip, len);
		len -= here;
		skip = 0;
		for (; here; here -= piece, addr += piece) {
			piece = vscsi_guest_translate(vq, addr, here,
						      VHOST_ACCESS_WO, &hva);
			if (!piece)
				break;
			log_piece(vq, addr, piece);
		}
	}
}

static __always_inline int copy_segs(struct vscsi_vq *vq,
				     const struct vscsi_seg *segs,
				     unsigned int n, u64 skip, void *buf,
				     size_t len, bool write)
{
	size_t here;

	for (; n && len; n--, segs++) {
		if (skip >= segs->len) {
			skip -= segs->len;
			continue;
		}
		here = min_t(size_t, segs->len - skip, len);
		if (copy_piece(vq, segs->addr + skip, buf, here, write)) {
			vscsi_fault(vq);
			return -EFAULT;
		}
		buf += here;
		len -= here;
		skip = 0;
	}
	return len ? -EFAULT : 0;
}

/**
 * vscsi_guest_read() - copy from a chain's buffers
 * @vq: the queue
 * @segs: buffers
 * @n: how many
 * @skip: bytes to leave out at their start
 * @buf: where to
 * @len: bytes
 *
 * Context: owner's address space, may sleep. Locking: caller holds the vq
 * mutex.
 * Return: 0, or -EFAULT if the buffers hold less or are no readable memory.
 */
int vscsi_guest_read(struct vscsi_vq *vq, const struct vscsi_seg *segs,
		     unsigned int n, u64 skip, void *buf, size_t len)
{
	lockdep_assert_held(&vq->vhost.mutex);
	return copy_segs(vq, segs, n, skip, buf, len, false);
}

/**
 * vscsi_guest_write() - copy to a chain's buffers, and log it
 * @vq: the queue
 * @segs: buffers
 * @n: how many
 * @skip: bytes to leave out at their start
 * @buf: where from
 * @len: bytes
 *
 * Context: owner's address space, may sleep. Locking: caller holds the vq
 * mutex.
 * Return: 0, or -EFAULT if the buffers hold less or are no writable memory;
 * part of @buf may have been written then.
 */
int vscsi_guest_write(struct vscsi_vq *vq, const struct vscsi_seg *segs,
		      unsigned int n, u64 skip, const void *buf, size_t len)
{
	lockdep_assert_held(&vq->vhost.mutex);
	return copy_segs(vq, segs, n, skip, (void *)buf, len, true);
}
