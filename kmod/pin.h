/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The pin on a page that the queue remembers (pin.c). Inline: most requests take one.
 */
#ifndef VSCSI_PIN_H
#define VSCSI_PIN_H

#include <linux/mm.h>
#include <linux/page_ref.h>

#include "vhost_scsi.h"
#include "guest.h"

#define VSCSI_SLOT_VALID	1UL
#define VSCSI_SLOT_WRITE	2UL

static inline s64 vscsi_pins_seq(const struct vscsi_vq *vq)
{
	return atomic64_read(&vq->dev->pins.seq);
}

static inline struct vscsi_slot *vscsi_slot_of(const struct vscsi_vq *vq,
					       unsigned long addr)
{
	return &vq->slots[(addr >> PAGE_SHIFT) % VSCSI_SLOTS];
}

static __always_inline bool vscsi_slots_hold(const struct vscsi_vq *vq)
{
	return likely(vscsi_pins_seq(vq) == vq->slots_seq);
}

/*
 * Another pin on a page that is remembered, and may have gone since: true unless it has.
 *
 * First look: then it is in the machine as long as the caller's RCU section lasts (memory
 * that is taken out is waited for, offline()). But until there is a reference it may be
 * anyone's, or free. Second look: the reference was taken before any change, so it is the
 * owner's, it is set up, and stays what it is; only now may its count of pins be touched,
 * which a page that is being set up would lose. Last look: the pin was taken before any
 * change, too.
 */
static __always_inline bool vscsi_pin_again(const struct vscsi_vq *vq,
					    struct page *page)
{
	struct folio *folio;
	bool large;
	int refs;

	if (!vscsi_slots_hold(vq))
		return false;
	folio = page_folio(page);
	/* folio_test_large(), of what may be none. */
	large = test_bit(PG_head, &folio->flags);
	refs = large ? 1 : GUP_PIN_COUNTING_BIAS;
	/*
	 * As folio_ref_add_unless() does it in an RCU section of its own. Negative: there
	 * are too many, and pin_user_pages() will refuse.
	 */
	if (unlikely(folio_ref_count(folio) <= 0 ||
		     page_is_fake_head(&folio->page) ||
		     !atomic_add_unless(&folio->_refcount, refs, 0)))
		return false;
	if (unlikely(page_folio(page) != folio ||
		     folio_test_large(folio) != large))
		goto put;
	/* That was a full barrier; pairs with change_begins(). */
	if (!vscsi_slots_hold(vq))
		goto put;
	if (!large)
		return true;
	atomic_inc(&folio->_pincount);
	/* Pairs with change_begins(). */
	smp_mb__after_atomic();
	if (vscsi_slots_hold(vq))
		return true;
	atomic_dec(&folio->_pincount);
put:
	folio_put_refs(folio, refs);
	return false;
}

/**
 * vscsi_pin_known() - pin a page of the guest's, if the queue remembers it
 * @vq: the queue
 * @addr: the owner's address of it
 * @write: the device writes it
 *
 * The kernel does not count such pins in its statistics.
 *
 * Locking: caller holds the vq mutex.
 * Return: the page, to be let go of by vscsi_unpin_known(); or NULL.
 */
static __always_inline struct page *
vscsi_pin_known(struct vscsi_vq *vq, unsigned long addr, bool write)
{
	const struct vscsi_slot *slot = vscsi_slot_of(vq, addr);
	struct page *page = NULL;

	lockdep_assert_held(&vq->vhost.mutex);
	rcu_read_lock_sched();
	if ((slot->key | (write ? 0 : VSCSI_SLOT_WRITE)) ==
		    (addr | VSCSI_SLOT_VALID | VSCSI_SLOT_WRITE) &&
	    vscsi_pin_again(vq, slot->page)) {
		page = slot->page;
		vq->stats.pages_known++;
	}
	rcu_read_unlock_sched();
	return page;
}

/**
 * vscsi_unpin_known() - let go of a page that was remembered
 * @page: the page
 * @dirty: the device has written it
 *
 * Context: may sleep on the page's lock.
 */
static __always_inline void vscsi_unpin_known(struct page *page, bool dirty)
{
	struct folio *folio = page_folio(page);

	if (dirty && unlikely(!folio_test_dirty(folio)))
		set_page_dirty_lock(page);
	if (folio_test_large(folio)) {
		atomic_dec(&folio->_pincount);
		folio_put(folio);
	} else {
		folio_put_refs(folio, GUP_PIN_COUNTING_BIAS);
	}
}

/**
 * vscsi_enter_page() - enter a page in a scatterlist
 * @sg: where
 * @page: the page
 * @addr: owner's address of the first byte wanted
 * @len: bytes wanted from there on
 *
 * Return: bytes that the page has of these.
 */
static __always_inline u32 vscsi_enter_page(struct scatterlist *sg,
					    struct page *page,
					    unsigned long addr, u32 len)
{
	u32 here = min_t(u32, len, PAGE_SIZE - offset_in_page(addr));

	sg_set_page(sg, page, here, offset_in_page(addr));
	return here;
}

/**
 * vscsi_map_page() - make a scatterlist of data in a page
 * @vq: the queue
 * @data: what to fill in; ours to release on success only
 * @addr: guest-physical address
 * @len: bytes
 * @write: the device writes them
 * @align: power of two; the data must begin and end at multiples of it
 *
 * Locking: caller holds the vq mutex.
 * Return: true if that was done; else nothing was: it is vscsi_data_map()'s to do.
 */
static __always_inline bool vscsi_map_page(struct vscsi_vq *vq,
					   struct vscsi_data *data, u64 addr,
					   u32 len, bool write, u32 align)
{
	unsigned long hva = (unsigned long)vscsi_guest_near(vq, addr, len);
	struct scatterlist *sg = data->inline_sgl;
	struct page *page;

	lockdep_assert_held(&vq->vhost.mutex);
	if (unlikely(!hva || ((hva | len) & (align - 1)) ||
		     offset_in_page(hva) + len > PAGE_SIZE))
		return false;
	page = vscsi_pin_known(vq, hva & PAGE_MASK, write);
	data->known = page;
	if (!page)
		page = vscsi_pin_one(vq, hva & PAGE_MASK, write);
	if (unlikely(!page))
		return false;
	sg->page_link = SG_END;
	vscsi_enter_page(sg, page, hva, len);
	data->pinned = true;
	data->write = write;
	data->sgl = sg;
	data->nents = 1;
	return true;
}

#endif /* VSCSI_PIN_H */
