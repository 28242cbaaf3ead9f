// SPDX-License-Identifier: GPL-2.0
/*
 * Guest buffers as a scatterlist for LIO: the guest's pages, pinned, or pages
 * of our own that are copied from or to the guest's.
 *
 * Copied is what cannot be used in place. A backstore cuts a transfer into
 * bios where it likes, so buffers that do not begin and end at a block would
 * give it bios of odd lengths. And LIO maps the parameter data of commands
 * that are neither read nor write as if it lay in one piece.
 *
 * Mapping and copying back belong to the queue's run, under the queue's mutex;
 * each entry of a scatterlist lies within one page.
 */
#include <linux/mm.h>
#include <linux/slab.h>

#include "vhost_scsi.h"
#include "guest.h"
#include "pin.h"

/* Walks the pieces of a chain's buffers that lie together in user memory. */
struct piece_walk {
	struct vscsi_vq *vq;
	const struct vscsi_seg *seg;
	unsigned int left;		/* buffers, @seg included */
	u64 skip;			/* bytes of @seg already walked */
	u32 len;			/* bytes still wanted */
	unsigned int access;
	void __user *hva;		/* the piece */
	u32 size;			/* its length */
};

/* Bytes from the walk's place on, over buffers that lie behind each other. */
static u64 joined(const struct piece_walk *walk)
{
	const struct vscsi_seg *seg = walk->seg, *end = seg + walk->left;
	u64 size = seg->len - walk->skip;

	for (; size < walk->len && seg + 1 < end; seg++) {
		if (seg[1].addr != seg->addr + seg->len)
			break;
		size += seg[1].len;
	}
	return min_t(u64, size, walk->len);
}

/* Step to the next piece: 1, 0 at the end, -EFAULT where no memory is. */
static __always_inline int walk_next(struct piece_walk *walk)
{
	u64 addr;

	if (!walk->len)
		return 0;
	while (walk->left && walk->skip >= walk->seg->len) {
		walk->skip -= walk->seg->len;
		walk->seg++;
		walk->left--;
	}
	if (!walk->left)
		return -EFAULT;
	addr = walk->seg->addr + walk->skip;
	walk->size = joined(walk);
	walk->hva = vscsi_guest_near(walk->vq, addr, walk->size);
	if (unlikely(!walk->hva))
		walk->size = vscsi_guest_translate(walk->vq, addr, walk->size,
						   walk->access, &walk->hva);
	if (!walk->size) {
		vscsi_fault(walk->vq);
		return -EFAULT;
	}
	walk->skip += walk->size;
	walk->len -= walk->size;
	return 1;
}

static unsigned int piece_pages(const struct piece_walk *walk)
{
	return DIV_ROUND_UP(offset_in_page(walk->hva) + walk->size, PAGE_SIZE);
}

static bool is_aligned(const struct piece_walk *walk, unsigned int align)
{
	return align && !(((uintptr_t)walk->hva | walk->size) & (align - 1));
}

/*
 * Count the pages of the pieces to come; *@aligned stays if each is cut at multiples
 * of @align.
 */
static int count_pages(struct piece_walk walk, unsigned int align,
		       bool *aligned)
{
	unsigned int n = 0;
	int ret;

	while ((ret = walk_next(&walk)) > 0) {
		n += piece_pages(&walk);
		if (!is_aligned(&walk, align))
			*aligned = false;
	}
	return ret ? ret : n;
}

/*
 * What all long lists of a device have is bounded. A guest may name the same page over and
 * over, in one list as in all, so memory is no bound; and a page can take only 2 million
 * pins: this and what is in short lists is less.
 */
static int alloc_sgl(struct vscsi_vq *vq, struct vscsi_data *data,
		     unsigned int nents)
{
	atomic_long_t *listed = &vq->dev->listed;

	data->nents = nents;
	if (nents <= ARRAY_SIZE(data->inline_sgl)) {
		sg_init_table(data->inline_sgl, nents);
		data->sgl = data->inline_sgl;
		return 0;
	}
	if (atomic_long_add_return(nents, listed) > VSCSI_LISTED_PAGES ||
	    sg_alloc_table(&data->table, nents,
			   GFP_KERNEL_ACCOUNT | __GFP_NOWARN)) {
		atomic_long_sub(nents, listed);
		return -ENOMEM;
	}
	data->sgl = data->table.sgl;
	return 0;
}

static void free_sgl(struct vscsi_vq *vq, struct vscsi_data *data)
{
	if (data->sgl != data->inline_sgl) {
		atomic_long_sub(data->table.orig_nents, &vq->dev->listed);
		sg_free_table(&data->table);
	}
	data->sgl = NULL;
	data->nents = 0;
}

/*
 * Pages that were remembered are let go of in another way than others. A list has either,
 * so what it has of the former become like the latter.
 */
static void count_known(struct vscsi_data *data)
{
	struct scatterlist *sg;
	unsigned int i;

	if (!data->known)
		return;
	for_each_sg(data->sgl, sg, data->nents, i)
		vscsi_pin_count(sg_page(sg));
	data->known = false;
}

/* Where a list is filled. */
struct sg_place {
	struct scatterlist *sg;		/* the next entry */
	struct scatterlist *last;	/* the one before */
};

static __always_inline void place_page(struct vscsi_data *data,
				       struct sg_place *place,
				       struct page *page, unsigned long *addr,
				       u32 *left)
{
	u32 here = vscsi_enter_page(place->sg, page, *addr, *left);

	place->last = place->sg;
	place->sg = sg_next(place->sg);
	data->nents++;
	*addr += here;
	*left -= here;
}

/* Pin the pages of one piece and enter them. */
static int pin_piece(struct piece_walk *walk, struct vscsi_data *data,
		     struct sg_place *place)
{
	struct page **pages = walk->vq->pages;
	unsigned long addr = (unsigned long)walk->hva;
	u32 left = walk->size;
	struct page *page;
	int i, n, got;

	while (data->known && left) {
		page = vscsi_pin_known(walk->vq, addr & PAGE_MASK, data->write);
		if (!page)
			break;
		place_page(data, place, page, &addr, &left);
	}
	if (likely(!left))
		return 0;
	count_known(data);
	while (left) {
		n = min_t(u32, DIV_ROUND_UP(offset_in_page(addr) + left,
					    PAGE_SIZE), VSCSI_PIN_BATCH);
		got = vscsi_pin(walk->vq, addr & PAGE_MASK, n, data->write,
				pages);
		for (i = 0; i < got; i++)
			place_page(data, place, pages[i], &addr, &left);
		if (got != n)
			return -EFAULT;
	}
	return 0;
}

/*
 * Pin the piece that the walk is at, and all behind it, each cut at multiples of @align.
 * The list has room for @room pages: -EAGAIN if one is not cut so, or if there are more.
 */
static int map_pinned(struct piece_walk *walk, struct vscsi_data *data,
		      unsigned int room, unsigned int align)
{
	struct sg_place place = { .sg = data->sgl };
	int ret;

	data->pinned = true;
	data->known = true;
	data->nents = 0;
	do {
		if (!is_aligned(walk, align) ||
		    data->nents + piece_pages(walk) > room) {
			ret = -EAGAIN;
			break;
		}
		ret = pin_piece(walk, data, &place);
		if (ret) {
			vscsi_fault(walk->vq);
			break;
		}
		ret = walk_next(walk);
	} while (ret > 0);
	if (ret)
		vscsi_data_release(walk->vq, data);
	else
		sg_mark_end(place.last);
	return ret;
}

/*
 * How many pages the buffers from the walk's place on have, if they are cut in the owner's
 * memory where they are in the guest's, as is the rule: at most that many, then.
 */
static unsigned int guess_pages(const struct piece_walk *walk)
{
	const struct vscsi_seg *seg = walk->seg, *end = seg + walk->left;
	u64 skip = walk->skip - walk->size, left = (u64)walk->len + walk->size;
	unsigned int n = 0;
	u64 here;

	for (; left && seg < end; seg++, skip = 0, left -= here) {
		here = min_t(u64, seg->len - skip, left);
		n += DIV_ROUND_UP(offset_in_page(seg->addr + skip) + here,
				  PAGE_SIZE);
	}
	return n;
}

/* Pin all from the walk's place on, if the guess is right; else -EAGAIN. */
static int map_guessed(struct piece_walk walk, struct vscsi_data *data,
		       unsigned int align)
{
	unsigned int pages = guess_pages(&walk);

	if (alloc_sgl(walk.vq, data, pages))
		return -ENOMEM;
	return map_pinned(&walk, data, pages, align);
}

/* Fill our pages from the guest's. */
static int copy_in(struct vscsi_vq *vq, struct vscsi_data *data,
		   const struct vscsi_seg *segs, unsigned int n, u64 skip)
{
	struct scatterlist *sg;
	unsigned int i;
	int err;

	for_each_sg(data->sgl, sg, data->nents, i) {
		err = vscsi_guest_read(vq, segs, n, skip, sg_virt(sg),
				       sg->length);
		if (err)
			return err;
		skip += sg->length;
	}
	return 0;
}

/* Pages are zeroed: what a backstore does not fill must not be the host's. */
static int map_bounce(struct vscsi_vq *vq, struct vscsi_data *data, u32 len)
{
	struct scatterlist *sg = data->sgl;
	unsigned int nents = data->nents;
	struct page *page;
	u32 here;

	data->pinned = false;
	data->known = false;
	data->bounced = nents;
	/* A guest may not fill the host's memory so; one request may always. */
	if (atomic_long_add_return(nents, &vq->dev->bounced) >
	    max_t(long, nents, VSCSI_BOUNCED_PAGES)) {
		data->nents = 0;
		return -ENOMEM;
	}
	for (data->nents = 0; data->nents < nents; data->nents++) {
		page = alloc_page(GFP_KERNEL_ACCOUNT | __GFP_ZERO |
				  __GFP_NOWARN);
		if (!page)
			return -ENOMEM;
		here = min_t(u32, len, PAGE_SIZE);
		sg_set_page(sg, page, here, 0);
		sg = sg_next(sg);
		len -= here;
	}
	return 0;
}

/* Any case. A call, so that it does not burden the usual one. */
static noinline int map_long(struct vscsi_vq *vq, struct vscsi_data *data,
			     const struct vscsi_seg *segs, unsigned int n,
			     u64 skip, u32 len, bool write, unsigned int align)
{
	struct piece_walk walk = {
		.vq = vq, .seg = segs, .left = n, .skip = skip, .len = len,
		.access = write ? VHOST_ACCESS_WO : VHOST_ACCESS_RO,
	};
	int pages, err;
	bool pin;

	lockdep_assert_held(&vq->vhost.mutex);
	err = walk_next(&walk);
	if (err < 0)
		return err;
	if (is_aligned(&walk, align)) {
		err = map_guessed(walk, data, align);
		if (err != -EAGAIN)
			return err;
	}
	pages = piece_pages(&walk);
	pin = is_aligned(&walk, align);
	err = count_pages(walk, align, &pin);
	if (err < 0)
		return err;
	pages = pin ? pages + err : DIV_ROUND_UP(len, PAGE_SIZE);
	if (alloc_sgl(vq, data, pages))
		return -ENOMEM;
	if (pin)
		return map_pinned(&walk, data, pages, align);
	err = map_bounce(vq, data, len);
	if (!err && !write)
		err = copy_in(vq, data, segs, n, skip);
	if (err)
		vscsi_data_release(vq, data);
	return err;
}

/* The usual case, data in a page: true if that was done; else nothing was. */
static bool map_short(struct vscsi_vq *vq, struct vscsi_data *data,
		      const struct vscsi_seg *seg, u64 skip, u32 len,
		      bool write, unsigned int align)
{
	lockdep_assert_held(&vq->vhost.mutex);
	return align && seg->len - skip >= len &&
	       vscsi_map_page(vq, data, seg->addr + skip, len, write, align);
}

/**
 * vscsi_data_map() - make a scatterlist of guest buffers
 * @vq: the queue
 * @data: what to fill in; ours to release on success only
 * @segs: buffers
 * @n: how many
 * @skip: bytes to leave out at their start
 * @len: bytes to map, at most VSCSI_SGS_MAX pages
 * @write: the device writes them
 * @align: pin the guest's pages if every piece begins and ends at a multiple of
 *	this power of two; 0 to copy in any case
 *
 * Context: owner's address space, may sleep. Locking: caller holds the vq
 * mutex.
 * Return: 0; -EFAULT where there is no such memory; -ENOMEM.
 */
int vscsi_data_map(struct vscsi_vq *vq, struct vscsi_data *data,
		   const struct vscsi_seg *segs, unsigned int n, u64 skip,
		   u32 len, bool write, unsigned int align)
{
	lockdep_assert_held(&vq->vhost.mutex);
	data->sgl = NULL;
	data->nents = 0;
	data->write = write;
	if (!len)
		return 0;
	for (; n && skip >= segs->len; n--, segs++)
		skip -= segs->len;
	if (n && map_short(vq, data, segs, skip, len, write, align))
		return 0;
	return map_long(vq, data, segs, n, skip, len, write, align);
}

/**
 * vscsi_data_copy_back() - give the guest what the backstore has written
 * @vq: the queue
 * @data: what vscsi_data_map() made
 * @segs: the same buffers
 * @n: how many
 * @skip: bytes to leave out at their start
 * @len: bytes that are valid; nothing behind them is touched
 *
 * Pages that were pinned are there already and are only logged.
 *
 * Context: owner's address space, may sleep. Locking: caller holds the vq
 * mutex.
 * Return: 0 or -EFAULT.
 */
int vscsi_data_copy_back(struct vscsi_vq *vq, struct vscsi_data *data,
			 const struct vscsi_seg *segs, unsigned int n,
			 u64 skip, u32 len)
{
	struct scatterlist *sg;
	unsigned int i;
	u32 here;
	int err;

	lockdep_assert_held(&vq->vhost.mutex);
	if (!data->sgl || !data->write)
		return 0;
	if (data->pinned) {
		vscsi_guest_log(vq, segs, n, skip, len);
		return 0;
	}
	for_each_sg(data->sgl, sg, data->nents, i) {
		here = min_t(u32, len, sg->length);
		if (!here)
			break;
		err = vscsi_guest_write(vq, segs, n, skip, sg_virt(sg), here);
		if (err)
			return err;
		skip += here;
		len -= here;
	}
	return 0;
}

static void unpin_known(struct vscsi_data *data)
{
	struct scatterlist *sg;
	unsigned int i;

	for_each_sg(data->sgl, sg, data->nents, i)
		vscsi_unpin_known(sg_page(sg), data->write);
}

static void free_bounced(struct vscsi_vq *vq, struct vscsi_data *data)
{
	struct scatterlist *sg;
	unsigned int i;

	for_each_sg(data->sgl, sg, data->nents, i)
		__free_page(sg_page(sg));
	atomic_long_sub(data->bounced, &vq->dev->bounced);
}

/**
 * vscsi_data_release() - unpin or free the pages of a scatterlist
 * @vq: the queue
 * @data: what vscsi_data_map() made
 *
 * Pages the device could write are marked dirty, or reclaim would drop what
 * was read into file-backed guest memory.
 *
 * Context: process, any address space; may sleep on a page lock.
 */
void vscsi_data_release(struct vscsi_vq *vq, struct vscsi_data *data)
{
	if (!data->sgl)
		return;
	if (!data->pinned)
		free_bounced(vq, data);
	else if (data->known)
		unpin_known(data);
	else
		vscsi_unpin(data->sgl, data->nents, data->write);
	free_sgl(vq, data);
}
