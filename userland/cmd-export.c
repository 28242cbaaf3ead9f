// SPDX-License-Identifier: GPL-2.0
/*
 * export: what there is as a file that apply, or targetctl restore, makes again.
 */
#include <string.h>

#include "config.h"

/* Backstores that only other fabrics have. */
static size_t drop_strangers(struct vscsi_config *config,
			     const struct vscsi_config *ours)
{
	size_t dropped = 0;

	for (size_t i = config->n_stores; i-- > 0;) {
		const struct vscsi_store *store = &config->stores[i];

		if (!store->users || config_uses(config, store) ||
		    is_our_store(ours, store))
			continue;
		vscsi_config_del_store(config, store->kind, store->name);
		dropped++;
	}
	return dropped;
}

/**
 * cmd_export() - write the configuration
 * @ctx: the run
 * @argc: length of @argv
 * @argv: what follows the command
 *
 * Return: an enum status.
 */
int cmd_export(struct ctx *ctx, int argc, char **argv)
{
	AUTO_CONFIG struct vscsi_config *live = NULL, *ours = NULL;
	bool targetcli = false;
	const struct opt opts[] = {
		{ "targetcli", NULL, "in the format of targetctl restore",
		  OPT_FLAG, &targetcli, 0 },
		{},
	};
	int n = opts_parse(ctx, opts, argc, argv, 0, 1);

	if (n < 0 || ctx_read(ctx, &live))
		return ctx->status;
	ours = state_load_quietly(ctx);
	size_t dropped = drop_strangers(live, ours);

	if (targetcli && dropped)
		ui_note("%zu backstores of other fabrics are not in it, and `targetctl restore` takes away what its file has not",
			dropped);
	attrs_drop_defaults(live, ours);
	return config_write(targetcli ? targetcli_write(live) : own_write(live),
			    n ? argv[0] : NULL);
}
