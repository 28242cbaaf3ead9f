// SPDX-License-Identifier: GPL-2.0
/*
 * list: a line for each target, LUN or backstore.
 */
#include <string.h>

#include "config.h"

/* What is in the lists: all that there is, and what of it is ours. */
struct lists {
	struct ctx *ctx;
	struct vscsi_config *live, *ours;
};

static const char *made_by(bool ours)
{
	return ours ? "vhost-scsi" : "other";
}

/* Who uses the TPG, "1234 qemu-system-x86"; "-" for nobody. To be freed. */
static char *guest_of(const struct vscsi_tpg *tpg)
{
	if (tpg->pid > 0)
		return ui_format("%d%s%s", (int)tpg->pid,
				 tpg->command ? " " : "",
				 tpg->command ? tpg->command : "");
	return ui_strdup(tpg->pid < 0 ? "?" : "-");
}

static char *store_name(const struct vscsi_lun *lun)
{
	return ui_format("%s/%s", vscsi_kind_name(lun->kind), lun->store);
}

static uint64_t lun_size(const struct vscsi_config *live,
			 const struct vscsi_lun *lun)
{
	const struct vscsi_store *store =
		vscsi_config_store(live, lun->kind, lun->store);

	return store ? store->size : 0;
}

static char *size_or_dash(uint64_t size)
{
	return size ? ui_size(size) : ui_strdup("-");
}

static void list_targets(struct lists *lists)
{
	static const char *const heads[] = { "NAME",  ">TPG",  "WWN",
					     ">LUNS", ">SIZE", "MADE BY",
					     "GUEST", NULL };
	struct ui_table *table = ui_table_new(heads);

	for (size_t i = 0; i < lists->live->n_targets; i++) {
		const struct vscsi_target *target = &lists->live->targets[i];
		const char *name = target->label ? target->label : "-";
		bool ours = is_our_target(lists->ours, target->wwn);

		for (size_t k = 0; k < target->n_tpgs; k++) {
			const struct vscsi_tpg *tpg = &target->tpgs[k];
			AUTO_FREE char *guest = guest_of(tpg);
			uint64_t all = 0;

			for (size_t m = 0; m < tpg->n_luns; m++)
				all += lun_size(lists->live, &tpg->luns[m]);
			AUTO_FREE char *size = size_or_dash(all);

			ui_table_cell(table, UI_HEAD, "%s", name);
			ui_table_cell(table, UI_PLAIN, "%u", tpg->tag);
			ui_table_cell(table, UI_PLAIN, "%s", target->wwn);
			ui_table_cell(table, UI_PLAIN, "%zu", tpg->n_luns);
			ui_table_cell(table, UI_PLAIN, "%s", size);
			ui_table_cell(table, ours ? UI_PLAIN : UI_FAINT, "%s",
				      made_by(ours));
			ui_table_cell(table, tpg->pid > 0 ? UI_GOOD : UI_PLAIN,
				      "%s", guest);
		}
		if (target->n_tpgs)
			continue;
		ui_table_cell(table, UI_HEAD, "%s", name);
		ui_table_cell(table, UI_PLAIN, "-");
		ui_table_cell(table, UI_PLAIN, "%s", target->wwn);
		ui_table_cell(table, UI_PLAIN, "0");
		ui_table_cell(table, UI_PLAIN, "-");
		ui_table_cell(table, ours ? UI_PLAIN : UI_FAINT, "%s",
			      made_by(ours));
		ui_table_cell(table, UI_PLAIN, "-");
	}
	ui_table_print(table);
}

static void list_luns(struct lists *lists)
{
	static const char *const heads[] = { "TARGET",	  ">TPG",  ">LUN",
					     "BACKSTORE", ">SIZE", "MADE BY",
					     NULL };
	struct ui_table *table = ui_table_new(heads);

	for (size_t i = 0; i < lists->live->n_targets; i++) {
		const struct vscsi_target *target = &lists->live->targets[i];

		for (size_t k = 0; k < target->n_tpgs; k++) {
			const struct vscsi_tpg *tpg = &target->tpgs[k];

			for (size_t m = 0; m < tpg->n_luns; m++) {
				const struct vscsi_lun *lun = &tpg->luns[m];
				AUTO_FREE char *store = store_name(lun);
				AUTO_FREE char *size = size_or_dash(
					lun_size(lists->live, lun));
				bool ours = is_our_lun(lists->ours, target->wwn,
						       tpg->tag, lun);

				ui_table_cell(table, UI_HEAD, "%s",
					      target->label ? target->label
							    : target->wwn);
				ui_table_cell(table, UI_PLAIN, "%u", tpg->tag);
				ui_table_cell(table, UI_PLAIN, "%u",
					      lun->index);
				ui_table_cell(table, UI_PLAIN, "%s", store);
				ui_table_cell(table, UI_PLAIN, "%s", size);
				ui_table_cell(table, ours ? UI_PLAIN : UI_FAINT,
					      "%s", made_by(ours));
			}
		}
	}
	ui_table_print(table);
}

static void list_stores(struct lists *lists)
{
	static const char *const heads[] = { "BACKSTORE", ">SIZE", ">LUNS",
					     "MADE BY",	  "PATH",  NULL };
	struct ui_table *table = ui_table_new(heads);

	for (size_t i = 0; i < lists->live->n_stores; i++) {
		const struct vscsi_store *store = &lists->live->stores[i];
		AUTO_FREE char *size = size_or_dash(store->size);
		bool ours = is_our_store(lists->ours, store);

		ui_table_cell(table, UI_HEAD, "%s/%s",
			      vscsi_kind_name(store->kind), store->name);
		ui_table_cell(table, UI_PLAIN, "%s", size);
		ui_table_cell(table, UI_PLAIN, "%u", store->users);
		ui_table_cell(table, ours ? UI_PLAIN : UI_FAINT, "%s",
			      made_by(ours));
		ui_table_cell(table, UI_PLAIN, "%s",
			      store->path ? store->path : "-");
	}
	ui_table_print(table);
}

static void put(struct json_object *object, const char *key,
		struct json_object *value)
{
	json_object_object_add(object, key, value);
}

static struct json_object *text_or_null(const char *text)
{
	return text ? json_object_new_string(text) : NULL;
}

static struct json_object *lun_json(struct lists *lists,
				    const struct vscsi_target *target,
				    const struct vscsi_tpg *tpg,
				    const struct vscsi_lun *lun)
{
	struct json_object *object = json_object_new_object();
	AUTO_FREE char *store = store_name(lun);

	put(object, "name", text_or_null(target->label));
	put(object, "wwn", json_object_new_string(target->wwn));
	put(object, "tag", json_object_new_int64(tpg->tag));
	put(object, "lun", json_object_new_int64(lun->index));
	put(object, "backstore", json_object_new_string(store));
	put(object, "size", json_object_new_int64(lun_size(lists->live, lun)));
	put(object, "ours",
	    json_object_new_boolean(
		    is_our_lun(lists->ours, target->wwn, tpg->tag, lun)));
	return object;
}

/**
 * guest_json() - who uses a TPG
 * @tpg: the TPG
 *
 * Return: an object; NULL, for JSON's null, if nobody does.
 */
struct json_object *guest_json(const struct vscsi_tpg *tpg)
{
	if (!tpg->pid)
		return NULL;
	struct json_object *object = json_object_new_object();

	put(object, "pid",
	    tpg->pid > 0 ? json_object_new_int64(tpg->pid) : NULL);
	put(object, "command", text_or_null(tpg->command));
	put(object, "uid",
	    tpg->pid > 0 ? json_object_new_int64(tpg->uid) : NULL);
	return object;
}

static struct json_object *targets_json(struct lists *lists)
{
	struct json_object *list = json_object_new_array();

	for (size_t i = 0; i < lists->live->n_targets; i++) {
		const struct vscsi_target *target = &lists->live->targets[i];
		struct json_object *object = json_object_new_object();
		struct json_object *tpgs = json_object_new_array();

		for (size_t k = 0; k < target->n_tpgs; k++) {
			const struct vscsi_tpg *tpg = &target->tpgs[k];
			struct json_object *one = json_object_new_object();

			put(one, "tag", json_object_new_int64(tpg->tag));
			put(one, "nexus", text_or_null(tpg->nexus));
			put(one, "luns", json_object_new_int64(tpg->n_luns));
			put(one, "guest", guest_json(tpg));
			json_object_array_add(tpgs, one);
		}
		put(object, "name", text_or_null(target->label));
		put(object, "wwn", json_object_new_string(target->wwn));
		put(object, "ours",
		    json_object_new_boolean(
			    is_our_target(lists->ours, target->wwn)));
		put(object, "tpgs", tpgs);
		json_object_array_add(list, object);
	}
	return list;
}

static struct json_object *luns_json(struct lists *lists)
{
	struct json_object *list = json_object_new_array();

	for (size_t i = 0; i < lists->live->n_targets; i++) {
		const struct vscsi_target *target = &lists->live->targets[i];

		for (size_t k = 0; k < target->n_tpgs; k++)
			for (size_t m = 0; m < target->tpgs[k].n_luns; m++)
				json_object_array_add(
					list,
					lun_json(lists, target,
						 &target->tpgs[k],
						 &target->tpgs[k].luns[m]));
	}
	return list;
}

static struct json_object *stores_json(struct lists *lists)
{
	struct json_object *list = json_object_new_array();

	for (size_t i = 0; i < lists->live->n_stores; i++) {
		const struct vscsi_store *store = &lists->live->stores[i];
		struct json_object *object = json_object_new_object();

		put(object, "kind",
		    json_object_new_string(vscsi_kind_name(store->kind)));
		put(object, "name", json_object_new_string(store->name));
		put(object, "path", text_or_null(store->path));
		put(object, "size", json_object_new_int64(store->size));
		put(object, "serial", text_or_null(store->serial));
		put(object, "luns", json_object_new_int64(store->users));
		put(object, "ours",
		    json_object_new_boolean(is_our_store(lists->ours, store)));
		json_object_array_add(list, object);
	}
	return list;
}

/**
 * cmd_list() - list what there is
 * @ctx: the run
 * @argc: length of @argv
 * @argv: what follows the command
 *
 * Return: an enum status.
 */
int cmd_list(struct ctx *ctx, int argc, char **argv)
{
	static const char *const words[] = { "targets", "luns", "backstores",
					     NULL };
	static struct json_object *(*const json[])(
		struct lists *) = { targets_json, luns_json, stores_json };
	static void (*const tables[])(
		struct lists *) = { list_targets, list_luns, list_stores };
	AUTO_CONFIG struct vscsi_config *live = NULL, *ours = NULL;
	int n = opts_parse(ctx, (const struct opt[]){ {} }, argc, argv, 0, 1);
	size_t what = 0;

	if (n < 0)
		return ctx->status;
	while (n && words[what] && strcmp(words[what], argv[0]))
		what++;
	if (!words[what])
		return opts_unknown(ctx, "list", argv[0], words);
	if (ctx_read(ctx, &live))
		return ctx->status;
	ours = state_load_quietly(ctx);
	struct lists lists = { .ctx = ctx, .live = live, .ours = ours };

	if (!ctx->json) {
		tables[what](&lists);
		return ST_OK;
	}
	struct json_object *object = json_object_new_object();

	put(object, words[what], json[what](&lists));
	return ctx_print_json(object);
}
