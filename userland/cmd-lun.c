// SPDX-License-Identifier: GPL-2.0
/*
 * lun add, lun remove, lun resize: one LUN of a target that is there.
 */
#include <errno.h>
#include <string.h>

#include "source.h"

/** struct place - where the LUN is, as the command line says it */
struct place {
	const char *target;
	long tag, lun;
};

static enum status find_place(struct change *change, const struct place *place,
			      struct vscsi_target **target,
			      struct vscsi_tpg **tpg)
{
	*target = find_target(change->ctx, change->wanted, place->target);
	if (!*target)
		return change->ctx->status;
	*tpg = find_tpg(change->ctx, *target, place->tag);
	return *tpg ? ST_OK : change->ctx->status;
}

/* The first that is free, or the one that was asked for. */
static long choose_lun(struct ctx *ctx, const struct vscsi_tpg *tpg, long lun)
{
	if (lun >= 0)
		return lun;
	for (lun = 0; vscsi_tpg_lun(tpg, lun);)
		lun++;
	if (lun <= VSCSI_LUN_MAX)
		return lun;
	ui_error("all %d LUNs of the TPG are taken: add another TPG",
		 VSCSI_LUN_MAX + 1);
	ctx->status = ST_FAILED;
	return -1;
}

/* A LUN in a target of another tool's: the saved configuration says where it is. */
static void own_lun(struct change *change, const struct vscsi_target *target,
		    const struct vscsi_tpg *tpg, const struct vscsi_lun *lun)
{
	struct vscsi_target *our =
		vscsi_config_target(change->ours, target->wwn);

	if (!our)
		our = vscsi_config_add_target(change->ours, target->wwn);
	struct vscsi_tpg *our_tpg = our ? vscsi_target_tpg(our, tpg->tag)
					: NULL;

	if (our && !our_tpg)
		our_tpg = vscsi_target_add_tpg(our, tpg->tag);
	if (our_tpg)
		config_take_lun(our_tpg, lun);
}

static enum status tell(struct ctx *ctx, const struct vscsi_target *target,
			const struct vscsi_tpg *tpg, unsigned int lun,
			const char *store, uint64_t size, const char *done)
{
	const char *name = called(target);

	if (ctx->json) {
		struct json_object *object = json_object_new_object();

		json_object_object_add(object, "wwn",
				       json_object_new_string(target->wwn));
		json_object_object_add(object, "tag",
				       json_object_new_int64(tpg->tag));
		json_object_object_add(object, "lun",
				       json_object_new_int64(lun));
		json_object_object_add(object, "backstore",
				       json_object_new_string(store));
		if (size)
			json_object_object_add(object, "size",
					       json_object_new_int64(size));
		return ctx_print_json(object);
	}
	AUTO_FREE char *text = ui_size(size);

	printf("LUN %u of %s %s %s%s%s\n", lun, name, done, store,
	       size ? ", " : "", size ? text : "");
	return ST_OK;
}

static enum status add(struct change *change, struct source *source,
		       const struct place *place, const char *name)
{
	struct ctx *ctx = change->ctx;
	struct vscsi_target *target;
	struct vscsi_tpg *tpg;

	if (find_place(change, place, &target, &tpg))
		return ctx->status;
	long index = choose_lun(ctx, tpg, place->lun);

	if (index < 0)
		return ctx->status;
	AUTO_FREE char *made = ui_format(
		"%s-%ld",
		target->label ? target->label : strchr(target->wwn, '.') + 1,
		index);
	const struct vscsi_store *store =
		source_store(change, source, name ? name : made);

	if (!store)
		return ctx->status;
	const struct vscsi_lun *lun = vscsi_tpg_lun(tpg, index);

	if (lun &&
	    (lun->kind != store->kind || strcmp(lun->store, store->name))) {
		ui_error("LUN %ld of %s is %s/%s: choose another --lun", index,
			 target->wwn, vscsi_kind_name(lun->kind), lun->store);
		return ctx->status = ST_FAILED;
	}
	if (!lun) {
		lun = vscsi_tpg_add_lun(tpg, index, store->kind, store->name);
		own_lun(change, target, tpg, lun);
	}
	enum status status = change_run(change);

	if (status)
		return status;
	source_keep(source);
	AUTO_FREE char *text =
		ui_format("%s/%s", vscsi_kind_name(store->kind), store->name);

	return tell(ctx, target, tpg, index, text, source_size(store), "is");
}

/**
 * cmd_lun_add() - add a LUN
 * @ctx: the run
 * @argc: length of @argv
 * @argv: what follows the command
 *
 * Return: an enum status.
 */
int cmd_lun_add(struct ctx *ctx, int argc, char **argv)
{
	AUTO_CHANGE struct change change = { 0 };
	struct place place = { .tag = -1, .lun = -1 };
	struct source source = { 0 };
	const char *name = NULL;
	const struct opt opts[] = {
		SOURCE_OPTS(source),
		{ "name", "NAME", "of a new backstore; made of the target's",
		  OPT_STRING, &name, 0 },
		{ "lun", "N", "number of the LUN; the first that is free",
		  OPT_NUMBER, &place.lun, VSCSI_LUN_MAX },
		{ "tpg", "N", "the target's TPG; its lowest", OPT_NUMBER,
		  &place.tag, VSCSI_TAG_MAX },
		{ "no-save", NULL, "do not make it again at the next boot",
		  OPT_FLAG, &change.no_save, 0 },
		{},
	};

	if (opts_parse(ctx, opts, argc, argv, 1, 1) < 0 ||
	    source_check(ctx, &source) || change_begin(ctx, &change))
		return ctx->status;
	place.target = argv[0];
	enum status status = add(&change, &source, &place, name);

	source_undo(&source);
	return status;
}

/* The LUN that the words name. Returns a status. */
static enum status find_lun(struct change *change, const struct place *place,
			    struct vscsi_target **target,
			    struct vscsi_tpg **tpg, struct vscsi_lun **lun)
{
	if (find_place(change, place, target, tpg))
		return change->ctx->status;
	*lun = vscsi_tpg_lun(*tpg, place->lun);
	if (*lun)
		return ST_OK;
	ui_error(
		"TPG %u of %s has no LUN %ld: `vhost-scsi show %s` shows what it has",
		(*tpg)->tag, (*target)->wwn, place->lun, place->target);
	return change->ctx->status = ST_NOT_FOUND;
}

static enum status parse_place(struct ctx *ctx, struct place *place,
			       char **words)
{
	unsigned long lun;

	place->target = words[0];
	if (ui_parse_number(words[1], VSCSI_LUN_MAX, &lun)) {
		ui_error("'%s' is no LUN: give a number from 0 to %d", words[1],
			 VSCSI_LUN_MAX);
		return ctx->status = ST_USAGE;
	}
	place->lun = lun;
	return ST_OK;
}

static enum status lun_remove(struct change *change, const struct place *place,
			      bool keep_stores)
{
	struct ctx *ctx = change->ctx;
	struct vscsi_target *target;
	struct vscsi_tpg *tpg;
	struct vscsi_lun *lun;

	if (find_lun(change, place, &target, &tpg, &lun))
		return ctx->status;
	if (!is_our_lun(change->ours, target->wwn, tpg->tag, lun)) {
		ui_error(
			"LUN %u of %s was made by another tool: take it away with that (targetcli: /vhost/%s/tpg%u/luns delete %u), or take the target over with `vhost-scsi adopt %s`",
			lun->index, target->wwn, target->wwn, tpg->tag,
			lun->index, target->wwn);
		return ctx->status = ST_FAILED;
	}
	enum vscsi_kind kind = lun->kind;
	AUTO_FREE char *store = ui_strdup(lun->store);
	AUTO_FREE char *text = ui_format("%s/%s", vscsi_kind_name(kind), store);
	struct vscsi_target *our =
		vscsi_config_target(change->ours, target->wwn);

	vscsi_tpg_del_lun(vscsi_target_tpg(our, tpg->tag), place->lun);
	vscsi_tpg_del_lun(tpg, place->lun);
	if (!keep_stores)
		drop_store(change, kind, store, NULL);
	enum status status = change_run(change);

	return status ? status
		      : tell(ctx, target, tpg, place->lun, text, 0,
			     "is removed, it was");
}

/**
 * cmd_lun_remove() - remove a LUN
 * @ctx: the run
 * @argc: length of @argv
 * @argv: what follows the command
 *
 * Return: an enum status.
 */
int cmd_lun_remove(struct ctx *ctx, int argc, char **argv)
{
	AUTO_CHANGE struct change change = { 0 };
	struct place place = { .tag = -1 };
	bool keep_stores = false;
	const struct opt opts[] = {
		{ "keep-backstores", NULL, "leave the backstore", OPT_FLAG,
		  &keep_stores, 0 },
		{ "tpg", "N", "the target's TPG; its lowest", OPT_NUMBER,
		  &place.tag, VSCSI_TAG_MAX },
		{ "no-save", NULL, "make it again at the next boot", OPT_FLAG,
		  &change.no_save, 0 },
		{},
	};

	if (opts_parse(ctx, opts, argc, argv, 2, 2) < 0 ||
	    parse_place(ctx, &place, argv) || change_begin(ctx, &change))
		return ctx->status;
	return lun_remove(&change, &place, keep_stores);
}

/* The size of a user backstore is written; all others have that of their device. */
static enum status check_resize(struct change *change,
				const struct vscsi_target *target,
				const struct vscsi_store *store, uint64_t size,
				bool shrink)
{
	struct ctx *ctx = change->ctx;

	if (store->kind != VSCSI_USER || !size)
		return ST_OK;
	if (!is_our_store(change->ours, store)) {
		ui_error(
			"backstore user/%s was made by another tool: resize it with that, or take it over with `vhost-scsi adopt %s`",
			store->name, target->wwn);
		return ctx->status = ST_FAILED;
	}
	if (size >= store->size || shrink)
		return ST_OK;
	AUTO_FREE char *was = ui_size(store->size);
	AUTO_FREE char *is = ui_size(size);

	ui_error(
		"user/%s has %s, and what is beyond %s would be lost to its guests: give --shrink if that is wanted",
		store->name, was, is);
	return ctx->status = ST_FAILED;
}

/* Written beside what is saved. */
static enum status prepare_size(struct change *change,
				struct vscsi_store *store, uint64_t size)
{
	store->size = size;
	AUTO_CONFIG struct vscsi_config *ours =
		state_refresh(change->ours, change->wanted, false);

	return state_prepare(change->ctx, ours);
}

static enum status unsize(struct change *change, struct vscsi_store *store,
			  uint64_t old)
{
	struct ctx *ctx = change->ctx;
	uint64_t now;

	state_abandon(ctx);
	if (store->kind != VSCSI_USER ||
	    !vscsi_store_resize(ctx->tree, store, old, &now))
		return ctx->status;
	ui_error("undoing the change failed as well: %s",
		 vscsi_tree_error(ctx->tree));
	return ctx->status = ST_CHANGED;
}

/* The size, and what is saved of it: both, or neither. Sets @now. */
static enum status set_size(struct change *change, struct vscsi_store *store,
			    uint64_t size, uint64_t *now)
{
	struct ctx *ctx = change->ctx;
	uint64_t old = store->size;
	bool saved = !change->no_save && is_our_store(change->ours, store);

	if (saved && prepare_size(change, store, size ? size : old))
		return ctx->status;
	int err = vscsi_store_resize(ctx->tree, store, size, now);

	if (err) {
		if (saved)
			state_abandon(ctx);
		return ctx_tree_failed(ctx, err);
	}
	/* the device, or the handler, may have another idea */
	if (saved &&
	    ((*now != store->size && prepare_size(change, store, *now)) ||
	     state_commit(ctx)))
		return unsize(change, store, old);
	store->size = *now;
	ctx->changed = true;
	return ST_OK;
}

static enum status resize(struct change *change, const struct place *place,
			  uint64_t size, bool shrink)
{
	struct ctx *ctx = change->ctx;
	struct vscsi_target *target;
	struct vscsi_tpg *tpg;
	struct vscsi_lun *lun;
	uint64_t now = 0;

	if (find_lun(change, place, &target, &tpg, &lun))
		return ctx->status;
	struct vscsi_store *store =
		vscsi_config_store(change->wanted, lun->kind, lun->store);

	if (!store) {
		ui_error("backstore %s/%s is not there",
			 vscsi_kind_name(lun->kind), lun->store);
		return ctx->status = ST_NOT_FOUND;
	}
	if (check_resize(change, target, store, size, shrink) ||
	    set_size(change, store, size, &now))
		return ctx->status;
	AUTO_FREE char *text =
		ui_format("%s/%s", vscsi_kind_name(store->kind), store->name);

	return tell(ctx, target, tpg, place->lun, text, now, "is");
}

/**
 * cmd_lun_resize() - tell the guests that a LUN has another size
 * @ctx: the run
 * @argc: length of @argv
 * @argv: what follows the command
 *
 * Return: an enum status.
 */
int cmd_lun_resize(struct ctx *ctx, int argc, char **argv)
{
	AUTO_CHANGE struct change change = { 0 };
	struct place place = { .tag = -1 };
	uint64_t size = 0;
	bool shrink = false;
	const struct opt opts[] = {
		{ "shrink", NULL, "a smaller size is meant", OPT_FLAG, &shrink,
		  0 },
		{ "tpg", "N", "the target's TPG; its lowest", OPT_NUMBER,
		  &place.tag, VSCSI_TAG_MAX },
		{ "no-save", NULL, "do not save the new size", OPT_FLAG,
		  &change.no_save, 0 },
		{},
	};
	int words = opts_parse(ctx, opts, argc, argv, 2, 3);

	if (words < 0 || parse_place(ctx, &place, argv))
		return ctx->status;
	if (words > 2 && ui_parse_size(argv[2], &size)) {
		ui_error("'%s' is no size: give bytes, or a unit as in 64M",
			 argv[2]);
		return ST_USAGE;
	}
	if (change_begin(ctx, &change))
		return ctx->status;
	return resize(&change, &place, size, shrink);
}
