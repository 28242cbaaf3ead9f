// SPDX-License-Identifier: GPL-2.0
/*
 * Taking away: what is another tool's stays, and a backstore goes with its last
 * LUN if it is ours.
 */
#include <string.h>

#include "config.h"

/* LUNs of other fabrics, and of vhost in the tree as it is. */
static bool has_other_users(const struct change *change,
			    const struct vscsi_store *store)
{
	const struct vscsi_store *live =
		vscsi_config_store(change->live, store->kind, store->name);

	return live && live->users > config_uses(change->live, live);
}

/**
 * drop_store() - take a backstore away if it is ours and nobody has it any more
 * @change: the change
 * @kind: its kind
 * @name: its name
 * @gone: a list of names for people, to which it is added; or NULL
 */
void drop_store(struct change *change, enum vscsi_kind kind, const char *name,
		struct json_object *gone)
{
	const struct vscsi_store *store =
		vscsi_config_store(change->wanted, kind, name);
	AUTO_FREE char *text = ui_format("%s/%s", vscsi_kind_name(kind), name);

	if (!store || !vscsi_config_store(change->ours, kind, name))
		return;
	if (!is_our_store(change->ours, store)) {
		/* another one of that name stays, and ours is forgotten */
		if (!config_uses(change->ours, store))
			vscsi_config_del_store(change->ours, kind, name);
		return;
	}
	if (config_uses(change->wanted, store) ||
	    has_other_users(change, store))
		return;
	vscsi_config_del_store(change->ours, kind, name);
	vscsi_config_del_store(change->wanted, kind, name);
	if (gone)
		json_object_array_add(gone, json_object_new_string(text));
}

/**
 * drop_has_stranger() - whether another tool made a target, or a part of it
 * @ours: the saved configuration
 * @target: the target
 * @tpg: set to the TPG that is not ours, or whose LUN is not; NULL: the target is not
 * @lun: set to the LUN that is not ours; NULL: all of the TPG
 *
 * Return: true if so.
 */
bool drop_has_stranger(const struct vscsi_config *ours,
		       const struct vscsi_target *target,
		       const struct vscsi_tpg **tpg,
		       const struct vscsi_lun **lun)
{
	*tpg = NULL;
	*lun = NULL;
	if (!is_our_target(ours, target->wwn))
		return true;
	for (size_t i = 0; i < target->n_tpgs; i++) {
		*tpg = &target->tpgs[i];
		if (!is_our_tpg(ours, target->wwn, (*tpg)->tag))
			return true;
		for (size_t k = 0; k < (*tpg)->n_luns; k++) {
			if (is_our_lun(ours, target->wwn, (*tpg)->tag,
				       &(*tpg)->luns[k]))
				continue;
			*lun = &(*tpg)->luns[k];
			return true;
		}
	}
	return false;
}

/**
 * drop_refused() - whether a target holds what is not ours
 * @change: the change
 * @target: the target
 *
 * Return: ST_OK, or the status to end with after saying what is not ours.
 */
enum status drop_refused(struct change *change,
			 const struct vscsi_target *target)
{
	const char *wwn = target->wwn;
	const struct vscsi_tpg *tpg;
	const struct vscsi_lun *lun;

	if (!drop_has_stranger(change->ours, target, &tpg, &lun))
		return change->ctx->status = ST_OK;
	if (!tpg)
		ui_error(
			"%s was made by another tool: take it away with that (targetcli: /vhost delete %s), or take it over with `vhost-scsi adopt %s`",
			wwn, wwn, wwn);
	else if (!lun)
		ui_error(
			"TPG %u of %s was made by another tool: take it away with that (targetcli: /vhost/%s delete %u), or take it over with `vhost-scsi adopt %s`",
			tpg->tag, wwn, wwn, tpg->tag, wwn);
	else
		ui_error(
			"LUN %u of %s was made by another tool: take it away with that (targetcli: /vhost/%s/tpg%u/luns delete %u), or take it over with `vhost-scsi adopt %s`",
			lun->index, wwn, wwn, tpg->tag, lun->index, wwn);
	return change->ctx->status = ST_FAILED;
}

/**
 * drop_target() - take a target away, and backstores that nobody has any more
 * @change: the change
 * @target: the target, in change->wanted; it is gone afterwards
 * @stores: whether backstores go, too
 * @gone: a list of names of backstores, to which those that go are added; or NULL
 */
void drop_target(struct change *change, const struct vscsi_target *target,
		 bool stores, struct json_object *gone)
{
	AUTO_CONFIG struct vscsi_config *scratch = vscsi_config_new();
	const struct vscsi_target *old = config_take_target(scratch, target);

	vscsi_config_del_target(change->wanted, old->wwn);
	vscsi_config_del_target(change->ours, old->wwn);
	for (size_t i = 0; stores && i < old->n_tpgs; i++)
		for (size_t k = 0; k < old->tpgs[i].n_luns; k++)
			drop_store(change, old->tpgs[i].luns[k].kind,
				   old->tpgs[i].luns[k].store, gone);
}
