/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The short way to guest memory: a few bytes, in one buffer, in one of the regions that were hit
 * last. Everything else goes the long way (guest.c). Inline, since a call of a general
 * copy costs more than such a copy does.
 */
#ifndef VSCSI_GUEST_H
#define VSCSI_GUEST_H

#include <linux/nospec.h>
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

/* Where @len bytes at @addr are in a region, if they are, and may be read and written. */
static __always_inline bool vscsi_region_has(const struct vscsi_region *region,
					     u64 addr, size_t len, u64 *offset)
{
	*offset = addr - region->start;
	return *offset < region->near && region->near - *offset >= len;
}

/* What is in common of the two below; no call, for access may be open. */
static __always_inline void __user *
vscsi_guest_find(const struct vscsi_vq *vq, u64 addr, size_t len, bool open)
{
	const struct vscsi_region *region = vq->regions;
	u64 offset;

	/* User memory is copied word by word at any address. */
	if (!IS_ENABLED(CONFIG_HAVE_EFFICIENT_UNALIGNED_ACCESS))
		return NULL;
	if (unlikely(vq->regions_of != vq->vhost.umem))
		return NULL;
	BUILD_BUG_ON(VSCSI_REGIONS != 2);
	if (unlikely(!vscsi_region_has(region, addr, len, &offset))) {
		region++;
		if (!vscsi_region_has(region, addr, len, &offset))
			return NULL;
	}
	if (open)
		offset = array_index_nospec(offset, region->near);
	return (void __user *)(uintptr_t)(region->user + offset);
}

/*
 * The owner's address of guest memory, if it is in one of the regions hit last, and that may be
 * both read and written; else NULL.
 */
static __always_inline void __user *
vscsi_guest_near(const struct vscsi_vq *vq, u64 addr, size_t len)
{
	lockdep_assert_held(&vq->vhost.mutex);
	return vscsi_guest_find(vq, addr, len, false);
}

/*
 * The same where access to user memory is open: nor may the processor go elsewhere while it does
 * not know yet that the address is no good (Spectre v1).
 */
static __always_inline void __user *
vscsi_guest_near_open(const struct vscsi_vq *vq, u64 addr, size_t len)
{
	return vscsi_guest_find(vq, addr, len, true);
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
		from = vscsi_guest_near(vq, segs->addr, len);
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
		to = vscsi_guest_near(vq, segs->addr, len);
	if (likely(to && !vscsi_store_words(to, buf, len)))
		return 0;
	return vscsi_guest_write(vq, segs, n, 0, buf, len);
}

/**
 * vscsi_guest_put_padded() - write two words and zeroes to the start of a chain's buffers
 * @vq: the queue
 * @segs: buffers
 * @n: how many
 * @words: the two words
 * @len: bytes in all, a constant
 *
 * In place, in a region hit last, and without a log.
 *
 * Context: as for vscsi_guest_write(). Locking: caller holds the vq mutex.
 * Return: true if that was done; else it is to be done by vscsi_guest_put().
 */
static __always_inline bool
vscsi_guest_put_padded(struct vscsi_vq *vq, const struct vscsi_seg *segs,
		       unsigned int n, const u64 words[2], size_t len)
{
	u64 __user *to = NULL;
	size_t i;

	lockdep_assert_held(&vq->vhost.mutex);
	BUILD_BUG_ON(len < 2 * sizeof(u64) || len % sizeof(u32));
	if (likely(n && segs->len >= len &&
		   !vhost_has_feature(&vq->vhost, VHOST_F_LOG_ALL)))
		to = vscsi_guest_near(vq, segs->addr, len);
	if (unlikely(!to || !user_write_access_begin(to, len)))
		return false;
	unsafe_put_user(words[0], to, fault);
	unsafe_put_user(words[1], to + 1, fault);
#pragma GCC unroll 16
	for (i = 2; i < len / sizeof(u64); i++)
		unsafe_put_user(0ULL, to + i, fault);
	if (len % sizeof(u64))
		unsafe_put_user(0U, (u32 __user *)(to + i), fault);
	user_write_access_end();
	return true;
fault:
	user_write_access_end();
	return false;
}

#endif /* VSCSI_GUEST_H */
