// SPDX-License-Identifier: GPL-2.0
/*
 * release: at shutdown, what is ours and nobody uses any more lets go of its files
 * and devices, so that they can be unmounted, deactivated and closed. What is saved
 * stays as it is, and is made again at the next boot.
 */
#include "config.h"

/* Another tool's part of it, or a guest: it stays. */
static bool is_free(const struct change *change,
		    const struct vscsi_target *target)
{
	const struct vscsi_tpg *tpg;
	const struct vscsi_lun *lun;

	for (size_t i = 0; i < target->n_tpgs; i++)
		if (target->tpgs[i].pid > 0)
			return false;
	return !drop_has_stranger(change->ours, target, &tpg, &lun);
}

/* Targets from the last to the first: an index stays what it is. */
static void drop_all(struct change *change)
{
	AUTO_CONFIG struct vscsi_config *ours = vscsi_config_copy(change->ours);

	for (size_t i = change->wanted->n_targets; i-- > 0;)
		if (is_free(change, &change->wanted->targets[i]))
			drop_target(change, &change->wanted->targets[i], true,
				    NULL);
	for (size_t i = 0; ours && i < ours->n_stores; i++)
		drop_store(change, ours->stores[i].kind, ours->stores[i].name,
			   NULL);
}

/**
 * cmd_release() - let go of what is ours and not used, and forget nothing
 * @ctx: the run
 * @argc: length of @argv
 * @argv: what follows the command
 *
 * Return: an enum status.
 */
int cmd_release(struct ctx *ctx, int argc, char **argv)
{
	AUTO_CHANGE struct change change = { .no_save = true };

	if (opts_parse(ctx, (const struct opt[]){ {} }, argc, argv, 0, 0) < 0 ||
	    change_begin(ctx, &change))
		return ctx->status;
	drop_all(&change);
	enum status status = change_run(&change);

	for (size_t i = 0; !status && i < change.wanted->n_targets; i++) {
		const struct vscsi_target *target = &change.wanted->targets[i];

		if (is_our_target(change.ours, target->wwn))
			ui_note("%s stays: it is in use, or a part of it is another tool's",
				called(target));
	}
	return status;
}
