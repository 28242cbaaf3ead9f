// SPDX-License-Identifier: GPL-2.0
/*
 * What is there, and what a word of the command line means by it.
 */
#include <errno.h>
#include <string.h>

#include "config.h"

/**
 * ctx_read() - read what is there, for a command that changes nothing
 * @ctx: the run
 * @live: what is there, with the names that were saved; the caller's
 *
 * Without LIO there is nothing, and that is no failure.
 *
 * Return: ST_OK, or the status to end with.
 */
enum status ctx_read(struct ctx *ctx, struct vscsi_config **live)
{
	int err = vscsi_tree_open(&ctx->tree, ctx->root);

	if (err == -ENOENT) {
		ctx->tree = NULL;
		ui_note("%s", vscsi_tree_error(NULL));
		*live = vscsi_config_new();
		if (*live)
			return ST_OK;
		ui_error("out of memory");
		return ctx->status = ST_FAILED;
	}
	if (err) {
		ctx->tree = NULL;
		return ctx_tree_failed(ctx, err);
	}
	err = vscsi_config_read(ctx->tree, live);
	if (err)
		return ctx_tree_failed(ctx, err);
	/* said what is wrong with it; what is there can be shown all the same */
	ctx->ours = state_load(ctx);
	if (ctx->ours)
		state_label(*live, ctx->ours);
	return ctx->status = ST_OK;
}

/**
 * find_target() - the target that a word means
 * @ctx: the run
 * @config: the targets
 * @word: its name, or its WWN
 *
 * Return: the target, or NULL after saying so, with ctx->status set.
 */
struct vscsi_target *find_target(struct ctx *ctx, struct vscsi_config *config,
				 const char *word)
{
	struct vscsi_target *target = vscsi_config_target(config, word);

	target = target ? target : config_label(config, word);
	if (target)
		return target;
	AUTO_FREE const char **known =
		ui_alloc((2 * config->n_targets + 1) * sizeof(*known));
	size_t n = 0;

	for (size_t i = 0; i < config->n_targets; i++) {
		known[n++] = config->targets[i].wwn;
		if (config->targets[i].label)
			known[n++] = config->targets[i].label;
	}
	const char *nearest = words_nearest(word, known);

	if (nearest)
		ui_error(
			"no target '%s': did you mean '%s'? `vhost-scsi list` shows all",
			word, nearest);
	else
		ui_error(
			"no target '%s': `vhost-scsi list` shows what there is",
			word);
	ctx->status = ST_NOT_FOUND;
	return NULL;
}

/**
 * advice_no_tpg() - how a target without a TPG gets one
 * @target: the target, with its name if it is ours
 *
 * Return: the end of a sentence, to be freed.
 */
char *advice_no_tpg(const struct vscsi_target *target)
{
	if (target->label)
		return ui_format(
			"`vhost-scsi create %s SOURCE --wwn %s` makes one, with a LUN",
			target->label, target->wwn);
	return ui_format(
		"take it over with `vhost-scsi adopt %s --name NAME`, then `vhost-scsi create NAME SOURCE --wwn %s` makes one, with a LUN",
		target->wwn, target->wwn);
}

/**
 * find_tpg() - the TPG that is meant
 * @ctx: the run
 * @target: its target
 * @tag: its number, or -1 for the lowest
 *
 * Return: the TPG, or NULL after saying so, with ctx->status set.
 */
struct vscsi_tpg *find_tpg(struct ctx *ctx, const struct vscsi_target *target,
			   long tag)
{
	struct vscsi_tpg *tpg = NULL;

	if (tag >= 0)
		tpg = vscsi_target_tpg(target, tag);
	else if (target->n_tpgs)
		tpg = &target->tpgs[0];
	if (tpg)
		return tpg;
	AUTO_FREE char *advice = advice_no_tpg(target);

	if (tag >= 0)
		ui_error(
			"%s has no TPG %ld: `vhost-scsi show %s` shows what it has",
			target->wwn, tag, target->wwn);
	else
		ui_error("%s has no TPG: %s", target->wwn, advice);
	ctx->status = ST_NOT_FOUND;
	return NULL;
}

/**
 * is_our_store() - whether a backstore was made here, or adopted
 * @ours: the saved configuration
 * @there: the backstore, as it is there
 *
 * Another tool may have made one of the same kind and name.
 *
 * Return: whether it is ours.
 */
bool is_our_store(const struct vscsi_config *ours,
		  const struct vscsi_store *there)
{
	const struct vscsi_store *our =
		vscsi_config_store(ours, there->kind, there->name);
	AUTO_FREE char *differs = our ? store_differs(our, there) : NULL;

	return our && !differs;
}

/**
 * is_our_target() - whether a target was made here, or adopted
 * @ours: the saved configuration
 * @wwn: the target
 *
 * One that another tool made may be in there for the sake of LUNs of ours in
 * it; it has no name then.
 *
 * Return: whether it is ours.
 */
bool is_our_target(const struct vscsi_config *ours, const char *wwn)
{
	const struct vscsi_target *target = vscsi_config_target(ours, wwn);

	return target && target->label;
}

/**
 * is_our_tpg() - whether a TPG was made here, or adopted
 * @ours: the saved configuration
 * @wwn: its target
 * @tag: its number
 *
 * One that another tool made may be in there for the sake of LUNs of ours in it.
 *
 * Return: whether it is ours.
 */
bool is_our_tpg(const struct vscsi_config *ours, const char *wwn,
		unsigned int tag)
{
	const struct vscsi_target *target = vscsi_config_target(ours, wwn);
	const struct vscsi_tpg *tpg = target ? vscsi_target_tpg(target, tag)
					     : NULL;

	return tpg && tpg->ours;
}

/**
 * is_our_lun() - whether a LUN was made here, or adopted
 * @ours: the saved configuration
 * @wwn: its target
 * @tag: its TPG
 * @lun: the LUN
 *
 * Return: whether it is ours.
 */
bool is_our_lun(const struct vscsi_config *ours, const char *wwn,
		unsigned int tag, const struct vscsi_lun *lun)
{
	const struct vscsi_target *target = vscsi_config_target(ours, wwn);
	const struct vscsi_tpg *tpg = target ? vscsi_target_tpg(target, tag)
					     : NULL;
	const struct vscsi_lun *our = tpg ? vscsi_tpg_lun(tpg, lun->index)
					  : NULL;

	return our && our->kind == lun->kind && !strcmp(our->store, lun->store);
}
