/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The short way to guest memory: a few bytes, in one buffer, in the region that was hit
 * last. Everything else goes the long way (guest.c). Inline, since a call of a general
 * copy costs more than such a copy does.
 */
#ifndef VSCSI_GUEST_H
#define VSCSI_GUEST_H

#include <linux/uaccess.h>

#include "vhost_scsi.h"

/*
 * Copy word by word: true if that faulted. @buf is aligned to words. Where the compiler
 * knows how many there are, no loop is left.
 */
static __always_inline bool vscsi_load_words(void *buf, const void __user *from,
					     size_t len)
{
	size_t i, words = len / sizeof(u64);
	const u64 __user *word = from;
	const u8 __user *byte = from;
	u64 *to = buf;
	u8 *end = buf;

	if (!user_read_access_begin(from, len))
		return true;
#pragma GCC unroll 16
	for (i = 0; i < words; i++)
		unsafe_get_user(to[i], word + i, fault);
#pragma GCC unroll 16
	for (i = words * sizeof(u64); i < len; i++)
		unsafe_get_user(end[i], byte + i, fault);
	user_read_access_end();
	return false;
fault:
	user_read_access_end();
	return true;
}

static __always_inline bool vscsi_store_words(void __user *to, const void *buf,
					      size_t len)
{
	size_t i, words = len / sizeof(u64);
	u64 __user *word = to;
	u8 __user *byte = to;
	const u64 *from = buf;
	const u8 *end = buf;

	if (!user_write_access_begin(to, len))
		return true;
#pragma GCC unroll 16
	for (i = 0; i < words; i++)
		unsafe_put_user(from[i], word + i, fault);
#pragma GCC unroll 16
	for (i = words * sizeof(u64); i < len; i++)
		unsafe_put_user(end[i], byte + i, fault);
	user_write_access_end();
	return false;
fault:
	user_write_access_end();
	return true;
}

/* The owner's address of guest memory, if it is in the region hit last, else NULL. */
static __always_inline void __user *
vscsi_guest_near(const struct vscsi_vq *vq, u64 addr, size_t len,
		 unsigned int access)
{
	const struct vhost_iotlb_map *map = &vq->map;

	lockdep_assert_held(&vq->vhost.mutex);
	/* User memory is copied word by word at any address. */
	if (!IS_ENABLED(CONFIG_HAVE_EFFICIENT_UNALIGNED_ACCESS))
		return NULL;
	if (vq->map_umem != vq->vhost.umem || !vq->map_umem ||
	    addr < map->start || addr > map->last ||
	    map->last - addr < len - 1 || !(map->perm & access))
		return NULL;
	return (void __user *)(uintptr_t)(map->addr + (addr - map->start));
}

/**
 * vscsi_guest_get() - read a few bytes from the start of a chain's buffers
 * @vq: the queue
 * @segs: buffers
 * @n: how many
 * @buf: where to, aligned to words
 * @len: bytes, a constant
 *
 * Context: as for vscsi_guest_read(). Locking: caller holds the vq mutex.
 * Return: as that does.
 */
static __always_inline int
vscsi_guest_get(struct vscsi_vq *vq, const struct vscsi_seg *segs,
		unsigned int n, void *buf, size_t len)
{
	const void __user *from = NULL;

	lockdep_assert_held(&vq->vhost.mutex);
	if (likely(n && segs->len >= len))
		from = vscsi_guest_near(vq, segs->addr, len, VHOST_ACCESS_RO);
	if (likely(from && !vscsi_load_words(buf, from, len)))
		return 0;
	return vscsi_guest_read(vq, segs, n, 0, buf, len);
}

/**
 * vscsi_guest_put() - write a few bytes to the start of a chain's buffers
 * @vq: the queue
 * @segs: buffers
 * @n: how many
 * @buf: where from, aligned to words
 * @len: bytes, a constant
 *
 * Context: as for vscsi_guest_write(). Locking: caller holds the vq mutex.
 * Return: as that does.
 */
static __always_inline int
vscsi_guest_put(struct vscsi_vq *vq, const struct vscsi_seg *segs,
		unsigned int n, const void *buf, size_t len)
{
	void __user *to = NULL;

	lockdep_assert_held(&vq->vhost.mutex);
	if (likely(n && segs->len >= len &&
		   !vhost_has_feature(&vq->vhost, VHOST_F_LOG_ALL)))
		to = vscsi_guest_near(vq, segs->addr, len, VHOST_ACCESS_WO);
	if (likely(to && !vscsi_store_words(to, buf, len)))
		return 0;
	return vscsi_guest_write(vq, segs, n, 0, buf, len);
}

/**
 * vscsi_guest_get_descs() - read a table of descriptors
 * @vq: the queue
 * @table: where it is; its length a multiple of a descriptor's
 * @descs: where to
 *
 * Context: as for vscsi_guest_read(). Locking: caller holds the vq mutex.
 * Return: as that does.
 */
static __always_inline int
vscsi_guest_get_descs(struct vscsi_vq *vq, const struct vscsi_seg *table,
		      struct vring_desc *descs)
{
	const void __user *from;
	u64 *to = (u64 *)descs;
	const u64 __user *word;
	u32 left = table->len;

	lockdep_assert_held(&vq->vhost.mutex);
	from = vscsi_guest_near(vq, table->addr, left, VHOST_ACCESS_RO);
	if (unlikely(!from || !user_read_access_begin(from, left)))
		goto far;
	for (word = from; left; left -= sizeof(*descs), word += 2, to += 2) {
		unsafe_get_user(to[0], word, fault);
		unsafe_get_user(to[1], word + 1, fault);
	}
	user_read_access_end();
	return 0;
fault:
	user_read_access_end();
far:
	return vscsi_guest_read(vq, table, 1, 0, descs, table->len);
}

#endif /* VSCSI_GUEST_H */
