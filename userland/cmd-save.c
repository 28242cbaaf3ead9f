// SPDX-License-Identifier: GPL-2.0
/*
 * save and adopt: what is ours, and as it is now.
 */
#include <string.h>

#include "config.h"

/* What is not there any more is not saved. */
static void drop_gone(struct vscsi_config *ours,
		      const struct vscsi_config *live)
{
	for (size_t i = ours->n_stores; i-- > 0;)
		if (!vscsi_config_store(live, ours->stores[i].kind,
					ours->stores[i].name))
			vscsi_config_del_store(ours, ours->stores[i].kind,
					       ours->stores[i].name);
	for (size_t i = ours->n_targets; i-- > 0;) {
		struct vscsi_target *target = &ours->targets[i];
		const struct vscsi_target *now =
			vscsi_config_target(live, target->wwn);

		if (!now) {
			vscsi_config_del_target(ours, target->wwn);
			continue;
		}
		for (size_t k = target->n_tpgs; k-- > 0;) {
			struct vscsi_tpg *tpg = &target->tpgs[k];
			const struct vscsi_tpg *there =
				vscsi_target_tpg(now, tpg->tag);

			if (!there) {
				vscsi_target_del_tpg(target, tpg->tag);
				continue;
			}
			for (size_t m = tpg->n_luns; m-- > 0;)
				if (!vscsi_tpg_lun(there, tpg->luns[m].index))
					vscsi_tpg_del_lun(tpg,
							  tpg->luns[m].index);
			for (size_t m = tpg->n_acls; m-- > 0;)
				if (!vscsi_tpg_acl(there,
						   tpg->acls[m].initiator))
					vscsi_tpg_del_acl(
						tpg, tpg->acls[m].initiator);
		}
	}
}

static enum status save(struct change *change)
{
	struct ctx *ctx = change->ctx;
	AUTO_CONFIG struct vscsi_config *ours =
		state_refresh(change->ours, change->wanted, true);

	return state_prepare(ctx, ours) ? ctx->status : state_commit(ctx);
}

/**
 * cmd_save() - save what is ours as it is now
 * @ctx: the run
 * @argc: length of @argv
 * @argv: what follows the command
 *
 * Return: an enum status.
 */
int cmd_save(struct ctx *ctx, int argc, char **argv)
{
	AUTO_CHANGE struct change change = { 0 };

	if (opts_parse(ctx, (const struct opt[]){ {} }, argc, argv, 0, 0) < 0 ||
	    change_begin(ctx, &change))
		return ctx->status;
	drop_gone(change.ours, change.live);
	return save(&change);
}

static enum status adopt(struct change *change, struct vscsi_target *target)
{
	struct ctx *ctx = change->ctx;
	size_t stores = 0;

	struct vscsi_target *our = config_take_target(change->ours, target);

	for (size_t i = 0; i < our->n_tpgs; i++)
		our->tpgs[i].ours = true;
	for (size_t i = 0; i < change->live->n_stores; i++) {
		const struct vscsi_store *store = &change->live->stores[i];
		bool has = false;

		for (size_t k = 0; k < target->n_tpgs; k++)
			for (size_t m = 0; m < target->tpgs[k].n_luns; m++)
				has |= target->tpgs[k].luns[m].kind ==
					       store->kind &&
				       !strcmp(target->tpgs[k].luns[m].store,
					       store->name);
		if (!has || store->kind == VSCSI_OTHER)
			continue;
		config_take_store(change->ours, store);
		stores++;
	}
	attrs_drop_defaults(change->ours, NULL);
	if (save(change))
		return ctx->status;
	if (!ctx->json) {
		printf("%s is %s, and it and its backstores (%zu) are made again at the next boot\n",
		       target->label, target->wwn, stores);
		return ST_OK;
	}
	struct json_object *object = json_object_new_object();

	json_object_object_add(object, "name",
			       json_object_new_string(target->label));
	json_object_object_add(object, "wwn",
			       json_object_new_string(target->wwn));
	json_object_object_add(object, "backstores",
			       json_object_new_int64(stores));
	return ctx_print_json(object);
}

/**
 * cmd_adopt() - take a target over that another tool made
 * @ctx: the run
 * @argc: length of @argv
 * @argv: what follows the command
 *
 * Return: an enum status.
 */
int cmd_adopt(struct ctx *ctx, int argc, char **argv)
{
	AUTO_CHANGE struct change change = { 0 };
	const char *name = NULL;
	const struct opt opts[] = {
		{ "name", "NAME", "what it is called from now on; its WWN",
		  OPT_STRING, &name, 0 },
		{},
	};

	if (opts_parse(ctx, opts, argc, argv, 1, 1) < 0)
		return ctx->status;
	if (name && check_name(ctx, name))
		return ctx->status;
	if (change_begin(ctx, &change))
		return ctx->status;
	struct vscsi_target *target = find_target(ctx, change.wanted, argv[0]);

	if (!target)
		return ctx->status;
	const struct vscsi_target *named =
		name ? config_label(change.ours, name) : NULL;

	if (named && strcmp(named->wwn, target->wwn)) {
		ui_error("the name %s is %s's: choose another", name,
			 named->wwn);
		return ctx->status = ST_FAILED;
	}
	if (name || !target->label)
		vscsi_set(&target->label, name ? name : target->wwn);
	return adopt(&change, target);
}
