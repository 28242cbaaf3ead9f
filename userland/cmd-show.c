// SPDX-License-Identifier: GPL-2.0
/*
 * show: all that there is to know of a target. Its JSON is the target as export
 * writes it, with all attributes, and with what cannot be written.
 */
#include <string.h>

#include "config.h"

static void show_attrs(const char *indent, const struct vscsi_attrs *attrs)
{
	for (size_t i = 0; i < attrs->n; i++)
		printf("%s%s%s = %s%s\n", indent, ui_style(UI_FAINT),
		       attrs->v[i].name, attrs->v[i].value,
		       ui_style_end(UI_FAINT));
}

static void show_lun(const struct vscsi_config *live,
		     const struct vscsi_config *ours,
		     const struct vscsi_target *target,
		     const struct vscsi_tpg *tpg, const struct vscsi_lun *lun,
		     bool verbose)
{
	const struct vscsi_store *store =
		vscsi_config_store(live, lun->kind, lun->store);
	AUTO_FREE char *size = ui_size(store ? store->size : 0);
	bool our = is_our_lun(ours, target->wwn, tpg->tag, lun);

	printf("    LUN %-5u %s/%s%s%s%s%s%s\n", lun->index,
	       vscsi_kind_name(lun->kind), lun->store,
	       store && store->size ? ", " : "",
	       store && store->size ? size : "",
	       store && store->path ? ", " : "",
	       store && store->path ? store->path : "",
	       our ? "" : " (made by another tool)");
	if (store && store->serial)
		printf("              serial %s\n", store->serial);
	if (store && verbose)
		show_attrs("              ", &store->attrs);
}

static void show_tpg(const struct vscsi_config *live,
		     const struct vscsi_config *ours,
		     const struct vscsi_target *target,
		     const struct vscsi_tpg *tpg, bool verbose)
{
	printf("  TPG %u, target %u of the guest\n", tpg->tag, tpg->tag);
	printf("    nexus     %s\n",
	       tpg->nexus ? tpg->nexus : "none: no guest can attach");
	if (tpg->pid > 0)
		printf("    guest     %sprocess %d%s%s, user %u%s\n",
		       ui_style(UI_GOOD), (int)tpg->pid,
		       tpg->command ? ", " : "",
		       tpg->command ? tpg->command : "", (unsigned int)tpg->uid,
		       ui_style_end(UI_GOOD));
	else
		printf("    guest     %s\n",
		       tpg->pid
			       ? "unknown: the kernel's own module does not tell"
			       : "none");
	show_attrs("    ", &tpg->attrs);
	for (size_t i = 0; i < tpg->n_luns; i++)
		show_lun(live, ours, target, tpg, &tpg->luns[i], verbose);
	for (size_t i = 0; i < tpg->n_acls; i++)
		printf("    ACL       %s, %zu LUNs\n", tpg->acls[i].initiator,
		       tpg->acls[i].n_mapped);
}

static void show_target(const struct vscsi_config *live,
			const struct vscsi_config *ours,
			const struct vscsi_target *target, bool verbose)
{
	printf("%s%s%s%s%s%s\n", ui_style(UI_HEAD), called(target),
	       ui_style_end(UI_HEAD), target->label ? "  " : "",
	       target->label ? target->wwn : "",
	       is_our_target(ours, target->wwn) ? ""
						: "  (made by another tool)");
	if (verbose)
		show_attrs("  ", &target->params);
	for (size_t i = 0; i < target->n_tpgs; i++)
		show_tpg(live, ours, target, &target->tpgs[i], verbose);
}

/* The item of a list in our format, with what only a reader wants to know. */
static void add_live(struct json_object *object,
		     const struct vscsi_config *ours,
		     const struct vscsi_target *target)
{
	struct json_object *tpgs = NULL;

	json_object_object_add(
		object, "ours",
		json_object_new_boolean(is_our_target(ours, target->wwn)));
	json_object_object_get_ex(object, "tpgs", &tpgs);
	for (size_t i = 0; i < target->n_tpgs; i++)
		json_object_object_add(json_object_array_get_idx(tpgs, i),
				       "guest", guest_json(&target->tpgs[i]));
}

static enum status show_json(const struct vscsi_config *live,
			     const struct vscsi_config *ours,
			     const struct vscsi_target *only)
{
	AUTO_CONFIG struct vscsi_config *shown = vscsi_config_copy(live);

	for (size_t i = shown->n_targets; only && i-- > 0;)
		if (strcmp(shown->targets[i].wwn, only->wwn))
			vscsi_config_del_target(shown, shown->targets[i].wwn);
	for (size_t i = shown->n_stores; only && i-- > 0;)
		if (!config_uses(shown, &shown->stores[i]))
			vscsi_config_del_store(shown, shown->stores[i].kind,
					       shown->stores[i].name);
	struct json_object *object = own_write(shown), *targets = NULL;

	json_object_object_del(object, "version");
	json_object_object_get_ex(object, "targets", &targets);
	for (size_t i = 0; i < shown->n_targets; i++)
		add_live(json_object_array_get_idx(targets, i), ours,
			 &shown->targets[i]);
	return ctx_print_json(object);
}

/**
 * cmd_show() - show targets in full
 * @ctx: the run
 * @argc: length of @argv
 * @argv: what follows the command
 *
 * Return: an enum status.
 */
int cmd_show(struct ctx *ctx, int argc, char **argv)
{
	AUTO_CONFIG struct vscsi_config *live = NULL, *ours = NULL;
	const struct vscsi_target *only = NULL;
	int n = opts_parse(ctx, (const struct opt[]){ {} }, argc, argv, 0, 1);

	if (n < 0 || ctx_read(ctx, &live))
		return ctx->status;
	if (n) {
		only = find_target(ctx, live, argv[0]);
		if (!only)
			return ctx->status;
	}
	ours = state_load_quietly(ctx);
	if (ctx->json)
		return show_json(live, ours, only);
	for (size_t i = 0; i < live->n_targets; i++) {
		const struct vscsi_target *target = &live->targets[i];

		if (only && only != target)
			continue;
		if (i && !only)
			putchar('\n');
		show_target(live, ours, target, ctx->verbose);
	}
	return ST_OK;
}
