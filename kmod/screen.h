/* SPDX-License-Identifier: GPL-2.0 */
/* What every command asks of its LUN (screen.c), inline. */
#ifndef VSCSI_SCREEN_H
#define VSCSI_SCREEN_H

#include <linux/rculist.h>
#include <target/target_core_backend.h>

#include "vhost_scsi.h"

/**
 * vscsi_find_lun() - find a LUN as LIO will find it
 * @tpg: the target port, claimed
 * @lun: single level LUN, or VSCSI_NO_LUN
 * @read_only: set if the nexus may not write to it
 *
 * It is the first in the nexus' list, or in the port's table, or somewhere in the list. It and
 * its backstore are there as long as the caller's RCU section lasts: whoever removes a LUN
 * kills its reference first, and waits for that, which takes a grace period at least.
 *
 * Context: an RCU section.
 * Return: the LUN; NULL if there is none, or if it is being removed.
 */
static __always_inline struct se_lun *
vscsi_find_lun(struct vscsi_tpg *tpg, u16 lun, bool *read_only)
{
	struct se_node_acl *nacl = tpg->nexus->se_node_acl;
	struct se_dev_entry *deve;
	struct se_lun *se_lun;

	if (lun >= VSCSI_LUNS)
		return NULL;
	deve = hlist_entry_safe(rcu_dereference_raw(hlist_first_rcu(&nacl->lun_entry_hlist)),
				struct se_dev_entry, link);
	if (deve && deve->mapped_lun == lun) {
		*read_only = deve->lun_access_ro;
		se_lun = deve->se_lun;
	} else {
		se_lun = vscsi_search_lun(tpg, lun, read_only);
		if (!se_lun)
			return NULL;
	}
	return percpu_ref_is_dying(&se_lun->lun_ref) ? NULL : se_lun;
}

/**
 * vscsi_is_ramdisk() - does a backstore move data at once, and never wait?
 * @dev: the backstore
 *
 * Return: true if so.
 */
static __always_inline bool vscsi_is_ramdisk(const struct se_device *dev)
{
	static const char name[] = "rd_mcp";

	return !memcmp(dev->transport->name, name, sizeof(name));
}

/**
 * vscsi_has_attentions() - has a port unit attentions of ours to report?
 * @tpg: the port
 *
 * Return: true if so, for some LUN.
 */
static __always_inline bool vscsi_has_attentions(const struct vscsi_tpg *tpg)
{
	BUILD_BUG_ON(VSCSI_ATTENTIONS != 2);
	return !xa_empty(&tpg->attentions[0]) || !xa_empty(&tpg->attentions[1]);
}

#endif /* VSCSI_SCREEN_H */
