// SPDX-License-Identifier: GPL-2.0
/*
 * Pins on the guest's pages.
 *
 * A queue remembers which pages it found where. A page that is remembered is pinned again
 * without a walk of the page tables, as pin_user_pages() would do it. An MMU notifier
 * tells us of every change to the owner's page tables before it is made: a page that goes
 * away or moves (a balloon, munmap(), compaction, swapping), that may not be written any more
 * (mprotect()), that is to be shared (fork(), KSM). From then on nothing that was remembered
 * is used. No pin is kept beyond the request that it was taken for, so nothing here keeps a
 * page from moving.
 *
 *   who changes page tables         who pins
 *   changing++
 *   seq++, a full barrier           pin, a full barrier
 *   are there pins?  change         seq as when it was found?  else let go
 *   changing--
 *
 * So either it is seen that there is a pin, as if pin_user_pages() had been called before the
 * change, or we see the change. A page is remembered only if none was going on when it was
 * looked up, nor one has begun since.
 */
#include <linux/memory.h>
#include <linux/mm.h>
#include <linux/mmu_notifier.h>
#include <linux/vmstat.h>

#include "vhost_scsi.h"
#include "pin.h"

static int change_begins(struct mmu_notifier *notifier,
			 const struct mmu_notifier_range *range)
{
	struct vscsi_pins *pins = container_of(notifier, struct vscsi_pins,
					       notifier);

	atomic_inc(&pins->changing);
	/* A full barrier: before the change is made, and after the line above. */
	atomic64_inc_return(&pins->seq);
	return 0;
}

static void change_ends(struct mmu_notifier *notifier,
			const struct mmu_notifier_range *range)
{
	struct vscsi_pins *pins = container_of(notifier, struct vscsi_pins,
					       notifier);

	/* Who sees this, sees the page tables as they are now. */
	smp_mb__before_atomic();
	atomic_dec(&pins->changing);
}

static const struct mmu_notifier_ops notifier_ops = {
	.invalidate_range_start = change_begins,
	.invalidate_range_end = change_ends,
};

/*
 * Memory is taken out of the machine: who saw that a page was still the owner's, before that
 * was moved away, is done with it after a grace period.
 */
static int offline(struct notifier_block *block, unsigned long action,
		   void *data)
{
	if (action == MEM_OFFLINE)
		synchronize_rcu();
	return NOTIFY_OK;
}

static struct notifier_block offline_notifier = { .notifier_call = offline };

/**
 * vscsi_pins_register() - have the kernel tell of memory that goes away
 *
 * Return: 0 or an errno.
 */
int vscsi_pins_register(void)
{
	return register_memory_notifier(&offline_notifier);
}

/**
 * vscsi_pins_unregister() - undo vscsi_pins_register()
 */
void vscsi_pins_unregister(void)
{
	unregister_memory_notifier(&offline_notifier);
}

/**
 * vscsi_pins_init() - prepare a device
 * @pins: the device's part
 *
 * Nothing is remembered before vscsi_pins_start().
 */
void vscsi_pins_init(struct vscsi_pins *pins)
{
	pins->notifier.ops = &notifier_ops;
	atomic64_set(&pins->seq, 1);
	atomic_set(&pins->changing, 1);
}

/**
 * vscsi_pins_start() - have pages of the owner's remembered
 * @dev: the device, its address space set
 *
 * Without memory for that, or if a signal is pending, none are until the next SET_ENDPOINT.
 *
 * Context: may sleep; takes the mmap lock. Locking: caller holds the device's mutex.
 */
void vscsi_pins_start(struct vscsi_dev *dev)
{
	struct vscsi_pins *pins = &dev->pins;

	lockdep_assert_held(&dev->vhost.mutex);
	if (pins->mm || mmu_notifier_register(&pins->notifier, dev->mm))
		return;
	pins->mm = dev->mm;
	/* Pairs with the acquire in vscsi_pins_refresh(). */
	atomic_dec_return(&pins->changing);
}

/**
 * vscsi_pins_stop() - forget the owner's pages
 * @dev: the device; no queue runs
 *
 * Context: may sleep. Locking: caller holds the device's mutex.
 */
void vscsi_pins_stop(struct vscsi_dev *dev)
{
	struct vscsi_pins *pins = &dev->pins;

	lockdep_assert_held(&dev->vhost.mutex);
	if (!pins->mm)
		return;
	atomic_inc(&pins->changing);
	atomic64_inc(&pins->seq);
	mmu_notifier_unregister(&pins->notifier, pins->mm);
	pins->mm = NULL;
	/* Of a change that is being made we do not learn the end. */
	atomic_set(&pins->changing, 1);
}

/**
 * vscsi_pins_refresh() - forget what a queue remembers, if it is out of date
 * @vq: a request queue
 *
 * What is found from here on is remembered, if nothing has changed until then.
 *
 * Locking: caller holds the vq mutex.
 */
void vscsi_pins_refresh(struct vscsi_vq *vq)
{
	struct vscsi_pins *pins = &vq->dev->pins;
	s64 seq = atomic64_read_acquire(&pins->seq);

	lockdep_assert_held(&vq->vhost.mutex);
	if (likely(seq == vq->slots_seq) || !vq->slots)
		return;
	/* If nothing holds, nothing was written. */
	if (vq->slots_seq)
		memset(vq->slots, 0, VSCSI_SLOTS * sizeof(*vq->slots));
	/* Pairs with change_ends(): the page tables are read after this. */
	vq->slots_seq = atomic_read_acquire(&pins->changing) ? 0 : seq;
}

/* A page like others? Not the zero page, which is not counted, nor a device's. */
static bool is_ordinary(struct page *page)
{
	return !is_zero_page(page) && !is_zone_device_page(page) &&
	       READ_ONCE(page_folio(page)->mapping);
}

static void remember(struct vscsi_vq *vq, unsigned long addr, int n,
		     bool write, struct page **pages)
{
	struct vscsi_slot *slot;
	int i;

	lockdep_assert_held(&vq->vhost.mutex);
	/* The pages were looked up before this is read. */
	smp_rmb();
	if (!vscsi_slots_hold(vq))
		return;
	for (i = 0; i < n; i++, addr += PAGE_SIZE) {
		slot = vscsi_slot_of(vq, addr);
		/* It may be known already, and to be writable. */
		if (!is_ordinary(pages[i]) ||
		    (!write && slot->page == pages[i] &&
		     slot->key == (addr | VSCSI_SLOT_VALID | VSCSI_SLOT_WRITE)))
			continue;
		slot->key = addr | VSCSI_SLOT_VALID |
			    (write ? VSCSI_SLOT_WRITE : 0);
		slot->page = pages[i];
	}
}

/**
 * vscsi_pin() - pin pages of the guest's
 * @vq: the queue
 * @addr: the owner's address of the first
 * @n: how many
 * @write: the device writes them
 * @pages: where to put them
 *
 * Where faults are disabled, only those that are there.
 *
 * Context: owner's address space, may sleep. Locking: caller holds the vq mutex.
 * Return: how many were pinned, from the first on, to be let go of by unpin_user_pages()
 * and its like; or an errno.
 */
int vscsi_pin(struct vscsi_vq *vq, unsigned long addr, int n, bool write,
	      struct page **pages)
{
	unsigned int flags = (write ? FOLL_WRITE : 0) |
			     (pagefault_disabled() ? FOLL_NOFAULT : 0);
	int got;

	lockdep_assert_held(&vq->vhost.mutex);
	got = pin_user_pages_fast(addr, n, flags, pages);
	if (got > 0) {
		vq->stats.pages_found += got;
		if (n <= VSCSI_PIN_KNOWN)
			remember(vq, addr, got, write, pages);
	}
	return got;
}

/**
 * vscsi_pin_one() - pin a page of the guest's
 * @vq: the queue
 * @addr: the owner's address of it
 * @write: the device writes it
 *
 * Context: as for vscsi_pin(). Locking: caller holds the vq mutex.
 * Return: the page, to be let go of by unpin_user_page() and its like; NULL if it is not to
 * be had.
 */
struct page *vscsi_pin_one(struct vscsi_vq *vq, unsigned long addr, bool write)
{
	struct page *page;

	lockdep_assert_held(&vq->vhost.mutex);
	return vscsi_pin(vq, addr, 1, write, &page) == 1 ? page : NULL;
}

/**
 * vscsi_pin_count() - have a pin of vscsi_pin_known() become one of vscsi_pin()
 * @page: the page
 */
void vscsi_pin_count(struct page *page)
{
	mod_node_page_state(page_pgdat(page), NR_FOLL_PIN_ACQUIRED, 1);
}

/**
 * vscsi_unpin() - let go of pages of vscsi_pin()
 * @sgl: they are its entries
 * @nents: how many
 * @dirty: the device may have written them
 *
 * Pages that follow each other are unpinned by one call.
 *
 * Context: process, any address space; may sleep on a page lock.
 */
void vscsi_unpin(struct scatterlist *sgl, unsigned int nents, bool dirty)
{
	struct page *first = sg_page(sgl), *page;
	unsigned long run = 0;
	struct scatterlist *sg;
	unsigned int i;

	for_each_sg(sgl, sg, nents, i) {
		page = sg_page(sg);
		if (page_to_pfn(page) != page_to_pfn(first) + run) {
			unpin_user_page_range_dirty_lock(first, run, dirty);
			first = page;
			run = 0;
		}
		run++;
	}
	if (run)
		unpin_user_page_range_dirty_lock(first, run, dirty);
}
