// SPDX-License-Identifier: GPL-2.0
/*
 * What a guest or another fabric uses is not taken away under it. A LUN may be
 * taken from a running guest, as an administrator pulls a disk; a TPG, a nexus, what
 * its ACL maps, or a backstore that would be another one may not.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "plan.h"

/* Who uses the TPG, as the end of a sentence; NULL: nobody. */
static const char *user_of(const struct make *make, const struct vscsi_tpg *tpg,
			   char line[256])
{
	if (tpg->pid > 0) {
		snprintf(line, 256, "process %d (%s) uses it", (int)tpg->pid,
			 tpg->command ?: "?");
		return line;
	}
	/* The module does not tell: any open device may be attached. */
	if (tpg->pid == 0 || !tpg->nexus || !make->holders.n)
		return NULL;
	int length = snprintf(line, 256,
			      "it may be in use, /dev/vhost-scsi is open in");

	for (size_t i = 0; i < make->holders.n && length < 230; i++)
		length += snprintf(line + length, 256 - length, "%s process %s",
				   i ? "," : "", make->holders.v[i]);
	return line;
}

/* What the guest sees by its ACL. A LUN that goes takes along what maps it. */
static int check_mapped(struct make *make, const struct vscsi_target *target,
			const struct vscsi_tpg *tpg,
			const struct vscsi_tpg *wanted, const char *user)
{
	const struct vscsi_acl *acl = find_nexus_acl(tpg, tpg->nexus);

	for (size_t i = 0; acl && i < acl->n_mapped; i++) {
		const struct vscsi_mapped *is = &acl->mapped[i];
		const struct vscsi_mapped *will = find_mapped(
			find_nexus_acl(wanted, tpg->nexus), is->index);
		bool stays = will && will->lun == is->lun &&
			     (is->readonly || !will->readonly);

		if (stays || (!will && !vscsi_tpg_lun(wanted, is->lun)))
			continue;
		return tree_fail(
			make->tree, EBUSY,
			"cannot change LUN %u of ACL %s of %s TPG %u: %s; end the guest first",
			is->index, acl->initiator, target->wwn, tpg->tag, user);
	}
	return 0;
}

static int check_tpg(struct make *make, const struct vscsi_target *target,
		     const struct vscsi_tpg *tpg,
		     const struct vscsi_tpg *wanted)
{
	char line[256];
	const char *user = user_of(make, tpg, line);

	if (!user)
		return 0;
	if (!wanted)
		return tree_fail(
			make->tree, EBUSY,
			"cannot remove TPG %u of %s: %s; end the guest first",
			tpg->tag, target->wwn, user);
	if (nexus_changes(tpg, wanted))
		return tree_fail(
			make->tree, EBUSY,
			"cannot change the nexus of %s TPG %u: %s; end the guest first",
			target->wwn, tpg->tag, user);
	for (size_t i = 0; i < tpg->n_luns; i++)
		if (fate_of_lun(make, wanted, &tpg->luns[i]) == RETURNS)
			return tree_fail(
				make->tree, EBUSY,
				"cannot replace LUN %u of %s TPG %u (%s/%s): %s; end the guest first, or remove the LUN and add another",
				tpg->luns[i].index, target->wwn, tpg->tag,
				vscsi_kind_name(tpg->luns[i].kind),
				tpg->luns[i].store, user);
	return check_mapped(make, target, tpg, wanted, user);
}

/* Links of our fabric; what is beyond them are others'. */
static unsigned int links_to(const struct make *make,
			     const struct vscsi_store *store)
{
	unsigned int n = 0;

	for (size_t i = 0; i < make->live->n_targets; i++) {
		const struct vscsi_target *target = &make->live->targets[i];

		for (size_t j = 0; j < target->n_tpgs; j++)
			for (size_t k = 0; k < target->tpgs[j].n_luns; k++) {
				const struct vscsi_lun *lun =
					&target->tpgs[j].luns[k];

				n += lun->kind == store->kind &&
				     !strcmp(lun->store, store->name);
			}
	}
	return n;
}

static int check_store(struct make *make, const struct vscsi_store *store)
{
	const struct vscsi_store *wanted =
		vscsi_config_store(make->wanted, store->kind, store->name);
	bool moves = make->stores[store - make->live->stores] != STAYS ||
		     (wanted && serial_changes(store, wanted));

	if (!moves || store->users <= links_to(make, store))
		return 0;
	return tree_fail(
		make->tree, EBUSY,
		"cannot %s backstore %s/%s: another fabric has a LUN of it; remove that first, with the tool that made it",
		wanted ? "change" : "remove", vscsi_kind_name(store->kind),
		store->name);
}

/**
 * check_in_use() - would somebody lose what he uses?
 * @make: the plan, with the fates of backstores
 *
 * Return: 0, -EBUSY or -ENOMEM.
 */
int check_in_use(struct make *make)
{
	const struct vscsi_config *live = make->live;
	int rc = 0;

	for (size_t i = 0; i < live->n_targets && !make->holders.n; i++)
		for (size_t j = 0; j < live->targets[i].n_tpgs; j++)
			if (live->targets[i].tpgs[j].pid == -1) {
				rc = device_holders(make->tree, &make->holders);
				break;
			}
	for (size_t i = 0; !rc && i < live->n_targets; i++) {
		const struct vscsi_target *target = &live->targets[i];
		const struct vscsi_target *wanted =
			vscsi_config_target(make->wanted, target->wwn);

		for (size_t j = 0; !rc && j < target->n_tpgs; j++) {
			const struct vscsi_tpg *tpg = &target->tpgs[j];

			rc = check_tpg(make, target, tpg,
				       wanted ? vscsi_target_tpg(wanted,
								 tpg->tag)
					      : NULL);
		}
	}
	for (size_t i = 0; !rc && i < live->n_stores; i++)
		rc = check_store(make, &live->stores[i]);
	return rc;
}
