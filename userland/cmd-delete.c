// SPDX-License-Identifier: GPL-2.0
/*
 * delete: a target with all that it holds. While a guest is attached, or if another
 * tool made a part of it, nothing is touched.
 */
#include <string.h>

#include "config.h"

static enum status tell(struct ctx *ctx, const char *name, const char *wwn,
			struct json_object *gone)
{
	if (ctx->json) {
		struct json_object *object = json_object_new_object();

		json_object_object_add(object, "deleted",
				       json_object_new_string(wwn));
		json_object_object_add(object, "backstores",
				       json_object_get(gone));
		return ctx_print_json(object);
	}
	printf("%s is deleted", name);
	for (size_t i = 0; i < json_object_array_length(gone); i++) {
		struct json_object *store = json_object_array_get_idx(gone, i);

		printf("%s %s", i ? "," : ", and with it",
		       json_object_get_string(store));
	}
	putchar('\n');
	return ST_OK;
}

/* A target that was saved and is not there: the name of what there is to forget. */
static const struct vscsi_target *only_saved(const struct change *change,
					     const char *word)
{
	const struct vscsi_target *saved =
		vscsi_config_target(change->ours, word);

	saved = saved ? saved : config_label(change->ours, word);
	return saved && !vscsi_config_target(change->wanted, saved->wwn) ? saved
									 : NULL;
}

static enum status run(struct change *change, const char *word,
		       bool keep_stores)
{
	struct ctx *ctx = change->ctx;
	AUTO_JSON struct json_object *gone = json_object_new_array();
	const struct vscsi_target *target = only_saved(change, word);
	bool there = !target;

	if (there)
		target = find_target(ctx, change->wanted, word);
	if (!target || (there && drop_refused(change, target)))
		return ctx->status;
	AUTO_FREE char *wwn = ui_strdup(target->wwn);
	AUTO_FREE char *name = ui_strdup(called(target));

	drop_target(change, target, !keep_stores, gone);
	enum status status = change_run(change);

	if (status)
		return status;
	if (!there)
		ui_note("%s was not there, and is not made again any more",
			name);
	return tell(ctx, name, wwn, gone);
}

/**
 * cmd_delete() - take a target away
 * @ctx: the run
 * @argc: length of @argv
 * @argv: what follows the command
 *
 * Return: an enum status.
 */
int cmd_delete(struct ctx *ctx, int argc, char **argv)
{
	AUTO_CHANGE struct change change = { 0 };
	bool keep_stores = false;
	const struct opt opts[] = {
		{ "keep-backstores", NULL, "leave the backstores", OPT_FLAG,
		  &keep_stores, 0 },
		{ "no-save", NULL, "make it again at the next boot", OPT_FLAG,
		  &change.no_save, 0 },
		{},
	};

	if (opts_parse(ctx, opts, argc, argv, 1, 1) < 0 ||
	    change_begin(ctx, &change))
		return ctx->status;
	return run(&change, argv[0], keep_stores);
}
