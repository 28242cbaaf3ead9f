// SPDX-License-Identifier: GPL-2.0
/*
 * A port's LUNs by number, so that a command finds its LUN with two loads
 * however many there are: LIO has a nexus' LUNs in a list. Kept by the
 * callbacks of a LUN's link, under the port's lock; read by commands, in an RCU
 * section, unless their LUN is the first of that list (screen.h).
 *
 * It is a help and not the truth: what is not in it is looked for in LIO's list. It is
 * right for an initiator that has no directory under acls/. One that has sees LUNs that come
 * and go without a callback, so for it the list alone counts.
 */
#include <linux/nospec.h>
#include <linux/rculist.h>
#include <linux/slab.h>
#include <target/target_core_backend.h>

#include "vhost_scsi.h"

/* Where LIO would find it, one after another. */
static struct se_lun *search_list(struct se_node_acl *nacl, u16 lun,
				  bool *read_only)
{
	struct se_dev_entry *deve;

	hlist_for_each_entry_rcu(deve, &nacl->lun_entry_hlist, link) {
		if (deve->mapped_lun != lun)
			continue;
		*read_only = deve->lun_access_ro;
		return deve->se_lun;
	}
	return NULL;
}

/**
 * vscsi_search_lun() - find a LUN that is not the first in LIO's list
 * @tpg: the target port, claimed
 * @lun: single level LUN, less than VSCSI_LUNS
 * @read_only: set if the nexus may not write to it
 *
 * Context: an RCU section; see vscsi_find_lun().
 * Return: the LUN, which may be being removed, or NULL.
 */
struct se_lun *vscsi_search_lun(struct vscsi_tpg *tpg, u16 lun, bool *read_only)
{
	struct se_node_acl *nacl = tpg->nexus->se_node_acl;
	const unsigned long *page;
	unsigned long entry;

	lun = array_index_nospec(lun, VSCSI_LUNS);
	/* Both pair with the stores of note(). */
	page = READ_ONCE(tpg->luns[lun / VSCSI_LUN_PAGE]);
	entry = page ? READ_ONCE(page[lun % VSCSI_LUN_PAGE]) : 0;
	if (unlikely(!entry || !READ_ONCE(nacl->dynamic_node_acl)))
		return search_list(nacl, lun, read_only);
	*read_only = entry & VSCSI_LUN_RO;
	return (struct se_lun *)(entry & ~(unsigned long)VSCSI_LUN_RO);
}

/* The number's place, made if need be; NULL without memory. */
static unsigned long *place(struct vscsi_tpg *tpg, u16 lun)
{
	unsigned long **page = &tpg->luns[lun / VSCSI_LUN_PAGE];

	lockdep_assert_held(&tpg->lock);
	if (!*page) {
		unsigned long *new = kcalloc(VSCSI_LUN_PAGE, sizeof(*new),
					     GFP_KERNEL | __GFP_NOWARN);

		if (!new)
			return NULL;
		/* Pairs with the READ_ONCE() of vscsi_search_lun(). */
		smp_store_release(page, new);
	}
	return &(*page)[lun % VSCSI_LUN_PAGE];
}

static void note(struct vscsi_tpg *tpg, struct se_dev_entry *deve)
{
	unsigned long entry = (unsigned long)deve->se_lun;
	unsigned long *slot = place(tpg, deve->mapped_lun);

	BUILD_BUG_ON(VSCSI_LUNS % VSCSI_LUN_PAGE);
	BUILD_BUG_ON(__alignof__(struct se_lun) <= VSCSI_LUN_RO);
	if (deve->lun_access_ro)
		entry |= VSCSI_LUN_RO;
	if (!slot)
		return;
	/* Pairs with the READ_ONCE() of vscsi_search_lun(). */
	smp_store_release(slot, entry);
}

/**
 * vscsi_luns_note() - note the nexus' LUNs
 * @tpg: the port
 * @lun: only this one, which is linked; or NULL for all, and none is being unlinked
 *
 * Of a LUN that is being unlinked nothing may be noted: vscsi_luns_forget() came first. It
 * may have the number of @lun (directories lun_1 and lun_0x1): LIO has kept that from the
 * initiators then, and links it all the same.
 *
 * Context: may sleep.
 * Locking: tpg->lock, so no LUN of the port can begin to be unlinked.
 */
void vscsi_luns_note(struct vscsi_tpg *tpg, const struct se_lun *lun)
{
	struct se_node_acl *nacl;
	struct se_dev_entry *deve;

	lockdep_assert_held(&tpg->lock);
	if (!tpg->nexus)
		return;
	nacl = tpg->nexus->se_node_acl;
	/* What is in the list was linked, and LIO changes it under this lock. */
	guard(mutex)(&nacl->lun_entry_mutex);
	if (!nacl->dynamic_node_acl)
		return;
	hlist_for_each_entry(deve, &nacl->lun_entry_hlist, link)
		if (deve->mapped_lun < VSCSI_LUNS &&
		    (!lun || (unsigned long)deve->se_lun == (unsigned long)lun))
			note(tpg, deve);
}

/**
 * vscsi_luns_forget() - forget a LUN that is going to be unlinked
 * @tpg: the port
 * @lun: the LUN, its number below VSCSI_LUNS
 *
 * Who found it here is in an RCU section that LIO waits for before the LUN is gone.
 *
 * Context: any.
 * Locking: tpg->lock.
 */
void vscsi_luns_forget(struct vscsi_tpg *tpg, const struct se_lun *lun)
{
	unsigned long *page = tpg->luns[lun->unpacked_lun / VSCSI_LUN_PAGE];
	unsigned long *slot;

	lockdep_assert_held(&tpg->lock);
	if (!page)
		return;
	slot = &page[lun->unpacked_lun % VSCSI_LUN_PAGE];
	/* Another one may have the number, see vscsi_luns_note(). */
	if ((*slot & ~(unsigned long)VSCSI_LUN_RO) == (unsigned long)lun)
		WRITE_ONCE(*slot, 0);
}

/**
 * vscsi_luns_free() - free a port's table
 * @tpg: the port, without users
 */
void vscsi_luns_free(struct vscsi_tpg *tpg)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(tpg->luns); i++)
		kfree(tpg->luns[i]);
}
