// SPDX-License-Identifier: GPL-2.0
/*
 * create: backstore, target, TPG, nexus and LUN 0 in one step. What is there
 * already, and is as it was asked for, is no error.
 */
#include <errno.h>
#include <pwd.h>
#include <string.h>

#include "source.h"

/** struct wish - what create was asked for */
struct wish {
	const char *name, *wwn, *nexus, *owner;
	long tpg, num_queues;
	struct source source;
};

static enum status failed(struct ctx *ctx, enum status status,
			  const char *format, const char *a, const char *b)
{
	char text[512];

	snprintf(text, sizeof(text), format, a, b);
	ui_error("%s", text);
	return ctx->status = status;
}

/**
 * check_name() - whether a name is good for a target
 * @ctx: the run
 * @name: the name; it becomes that of a backstore, and a word of command lines
 *
 * Return: ST_OK, or ST_USAGE after saying what is wrong.
 */
enum status check_name(struct ctx *ctx, const char *name)
{
	static const char good[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";

	if (*name && *name != '.' && *name != '-' && strlen(name) <= 64 &&
	    !name[strspn(name, good)])
		return ST_OK;
	return failed(
		ctx, ST_USAGE,
		"'%s' cannot be a target's name: take up to 64 letters, digits, '.', '_' and '-'%s",
		name, "");
}

/**
 * check_wwn() - whether a name of a target or an initiator is good
 * @ctx: the run
 * @option: the option that gave it
 * @wwn: the name, or NULL
 *
 * Return: ST_OK, or ST_USAGE after saying what is wrong.
 */
enum status check_wwn(struct ctx *ctx, const char *option, const char *wwn)
{
	const char *wrong = wwn ? vscsi_wwn_wrong(wwn, false) : NULL;

	if (!wrong)
		return ST_OK;
	ui_error("--%s '%s': %s", option, wwn, wrong);
	return ctx->status = ST_USAGE;
}

/* The WWN: as given, that of the target of this name, or made of the name. */
static enum status choose_wwn(struct change *change, struct wish *wish,
			      char made[VSCSI_WWN_MADE])
{
	struct ctx *ctx = change->ctx;
	const struct vscsi_target *named =
		config_label(change->ours, wish->name);

	if (wish->wwn && named && strcmp(named->wwn, wish->wwn))
		return failed(
			ctx, ST_FAILED,
			"the name %s is %s's: choose another, or delete that first",
			wish->name, named->wwn);
	if (wish->wwn)
		return ST_OK;
	if (named) {
		wish->wwn = named->wwn;
		return ST_OK;
	}
	int err = vscsi_wwn_make(ctx->tree, wish->name, made);

	if (err)
		return ctx_tree_failed(ctx, err);
	wish->wwn = made;
	return ST_OK;
}

/* A user by name or number, or "any". */
static enum status set_owner(struct ctx *ctx, struct vscsi_tpg *tpg,
			     const char *owner)
{
	unsigned long uid;

	if (strcmp(owner, "any") &&
	    ui_parse_number(owner, UINT32_MAX - 1, &uid)) {
		const struct passwd *user = getpwnam(owner);

		if (!user)
			return failed(
				ctx, ST_USAGE,
				"--owner '%s': there is no such user: give a name or a number%s",
				owner, "");
		AUTO_FREE char *number =
			ui_format("%lu", (unsigned long)user->pw_uid);

		return vscsi_attrs_set(&tpg->attrs, "owner", number) ? ST_FAILED
								     : ST_OK;
	}
	return vscsi_attrs_set(&tpg->attrs, "owner", owner) ? ST_FAILED : ST_OK;
}

/* The target, as far as it is not there. */
static struct vscsi_target *want_target(struct change *change,
					const struct wish *wish)
{
	struct ctx *ctx = change->ctx;
	struct vscsi_target *target =
		vscsi_config_target(change->wanted, wish->wwn);
	struct vscsi_target *our = vscsi_config_target(change->ours, wish->wwn);

	if (target && !is_our_target(change->ours, wish->wwn)) {
		failed(ctx, ST_FAILED,
		       "%s was made by another tool: take it over with `vhost-scsi adopt %s`, or choose another --wwn",
		       wish->wwn, wish->wwn);
		return NULL;
	}
	if (our && our->label && strcmp(our->label, wish->name)) {
		failed(ctx, ST_FAILED,
		       "%s is there and is named %s: use that name, or choose another --wwn",
		       wish->wwn, our->label);
		return NULL;
	}
	if (!target) {
		/* what was saved of one that is gone is forgotten */
		vscsi_config_del_target(change->ours, wish->wwn);
		target = vscsi_config_add_target(change->wanted, wish->wwn);
		our = vscsi_config_add_target(change->ours, wish->wwn);
	}
	if (!target || !our || vscsi_set(&target->label, wish->name) ||
	    vscsi_set(&our->label, wish->name)) {
		ui_error("out of memory");
		ctx->status = ST_FAILED;
		return NULL;
	}
	return target;
}

static enum status want_tpg(struct change *change, const struct wish *wish,
			    struct vscsi_target *target,
			    struct vscsi_tpg **found)
{
	struct ctx *ctx = change->ctx;
	unsigned int tag = wish->tpg < 0 ? 1 : wish->tpg;
	struct vscsi_tpg *tpg = vscsi_target_tpg(target, tag);

	if (tpg && !is_our_tpg(change->ours, wish->wwn, tag))
		return failed(
			ctx, ST_FAILED,
			"a TPG of %s was made by another tool: take it over with `vhost-scsi adopt %s`",
			wish->wwn, wish->wwn);
	struct vscsi_target *our = vscsi_config_target(change->ours, wish->wwn);
	struct vscsi_tpg *our_tpg = vscsi_target_tpg(our, tag);
	bool is_new = !tpg;
	/* the name of a nexus that was ended is the saved one */
	const char *nexus = is_new	 ? NULL
			    : tpg->nexus ? tpg->nexus
					 : our_tpg->nexus;

	if (nexus && wish->nexus && strcmp(nexus, wish->nexus))
		return failed(
			ctx, ST_FAILED,
			"%s is there with the nexus %s: it is known by that name; delete it first to have another",
			wish->name, nexus);
	nexus = nexus ? nexus : wish->nexus ? wish->nexus : wish->wwn;
	if (is_new)
		tpg = vscsi_target_add_tpg(target, tag);
	if (!tpg || vscsi_set(&tpg->nexus, nexus))
		return failed(ctx, ST_FAILED, "out of memory%s%s", "", "");
	if (is_new)
		our_tpg = config_take_bare_tpg(our, tpg);
	our_tpg->ours = true;
	vscsi_set(&our_tpg->nexus, tpg->nexus);
	if (wish->owner && (set_owner(ctx, tpg, wish->owner) ||
			    set_owner(ctx, our_tpg, wish->owner)))
		return ctx->status;
	*found = tpg;
	return ST_OK;
}

static enum status want_lun(struct change *change, const struct wish *wish,
			    struct vscsi_tpg *tpg,
			    const struct vscsi_store *store)
{
	const struct vscsi_lun *lun = vscsi_tpg_lun(tpg, 0);

	if (lun &&
	    (lun->kind != store->kind || strcmp(lun->store, store->name)))
		return failed(
			change->ctx, ST_FAILED,
			"%s is there and its LUN 0 is another backstore: `vhost-scsi lun add %s` adds one",
			wish->name, wish->name);
	if (!lun)
		lun = vscsi_tpg_add_lun(tpg, 0, store->kind, store->name);
	if (!lun)
		return failed(change->ctx, ST_FAILED, "out of memory%s%s", "",
			      "");
	config_take_lun(
		vscsi_target_tpg(vscsi_config_target(change->ours, wish->wwn),
				 tpg->tag),
		lun);
	return ST_OK;
}

/* The target is made, and that is what create is for. */
static void note_no_arguments(const struct wish *wish)
{
	ui_note("%s is made all the same; see to that, then `vhost-scsi qemu-args %s` prints the arguments",
		wish->name, wish->name);
}

static enum status tell_json(struct ctx *ctx, const struct wish *wish,
			     const struct vscsi_target *target,
			     const struct vscsi_tpg *tpg,
			     const struct vscsi_store *store)
{
	struct json_object *object = json_object_new_object();
	AUTO_FREE char *name =
		ui_format("%s/%s", vscsi_kind_name(store->kind), store->name);

	json_object_object_add(object, "name",
			       json_object_new_string(wish->name));
	json_object_object_add(object, "wwn",
			       json_object_new_string(wish->wwn));
	json_object_object_add(object, "nexus",
			       tpg->nexus ? json_object_new_string(tpg->nexus)
					  : NULL);
	json_object_object_add(object, "tag", json_object_new_int64(tpg->tag));
	json_object_object_add(object, "lun", json_object_new_int64(0));
	json_object_object_add(object, "backstore",
			       json_object_new_string(name));
	uint64_t size = source_size(store);

	if (size)
		json_object_object_add(object, "size",
				       json_object_new_int64(size));
	struct json_object *qemu = qemu_args_json(
		ctx, target, wish->num_queues < 0 ? 0 : wish->num_queues);

	if (qemu)
		json_object_object_add(object, "qemu", qemu);
	else
		note_no_arguments(wish);
	return ctx_print_json(object);
}

static enum status tell(struct ctx *ctx, const struct wish *wish,
			const struct vscsi_target *target,
			const struct vscsi_tpg *tpg,
			const struct vscsi_store *store)
{
	if (ctx->json)
		return tell_json(ctx, wish, target, tpg, store);
	uint64_t bytes = source_size(store);
	AUTO_FREE char *size = ui_size(bytes);

	printf("%s%s%s is %s, LUN 0 of target %u is %s/%s%s%s\n",
	       ui_style(UI_HEAD), wish->name, ui_style_end(UI_HEAD), wish->wwn,
	       tpg->tag, vscsi_kind_name(store->kind), store->name,
	       bytes ? ", " : "", bytes ? size : "");
	if (qemu_args_print(ctx, target,
			    wish->num_queues < 0 ? 0 : wish->num_queues, false))
		note_no_arguments(wish);
	return ST_OK;
}

static enum status create(struct ctx *ctx, struct wish *wish, bool no_save)
{
	AUTO_CHANGE struct change change = { .no_save = no_save };
	char made[VSCSI_WWN_MADE] = "";
	struct vscsi_tpg *tpg = NULL;

	if (change_begin(ctx, &change) || choose_wwn(&change, wish, made))
		return ctx->status;
	AUTO_FREE char *wwn = ui_strdup(wish->wwn);

	wish->wwn = wwn;
	const struct vscsi_store *store =
		source_store(&change, &wish->source, wish->name);
	struct vscsi_target *target = store ? want_target(&change, wish) : NULL;

	if (!target || want_tpg(&change, wish, target, &tpg) ||
	    want_lun(&change, wish, tpg, store))
		return ctx->status;
	enum status status = change_run(&change);

	if (status)
		return status;
	source_keep(&wish->source);
	return tell(ctx, wish, target, tpg, store);
}

/**
 * cmd_create() - make a target with a LUN
 * @ctx: the run
 * @argc: length of @argv
 * @argv: what follows the command
 *
 * Return: an enum status.
 */
int cmd_create(struct ctx *ctx, int argc, char **argv)
{
	struct wish wish = { .tpg = -1, .num_queues = -1 };
	bool no_save = false;

	const struct opt opts[] = {
		SOURCE_OPTS(wish.source),
		{ "wwn", "WWN", "the target's name for QEMU; made of NAME",
		  OPT_STRING, &wish.wwn, 0 },
		{ "nexus", "WWN", "the initiator's name; the target's own",
		  OPT_STRING, &wish.nexus, 0 },
		{ "tpg", "N", "target number that the guest sees; 1",
		  OPT_NUMBER, &wish.tpg, VSCSI_TAG_MAX },
		{ "owner", "USER",
		  "the only user, but root, whose VMM may use it", OPT_STRING,
		  &wish.owner, 0 },
		{ "num-queues", "N", "request queues in the QEMU arguments",
		  OPT_NUMBER, &wish.num_queues, 1024 },
		{ "no-save", NULL, "do not make it again at the next boot",
		  OPT_FLAG, &no_save, 0 },
		{},
	};

	if (opts_parse(ctx, opts, argc, argv, 1, 1) < 0)
		return ctx->status;
	wish.name = argv[0];
	if (check_name(ctx, wish.name) || source_check(ctx, &wish.source) ||
	    check_wwn(ctx, "wwn", wish.wwn) ||
	    check_wwn(ctx, "nexus", wish.nexus) ||
	    (wish.num_queues >= 0 && qemu_queues_check(ctx, wish.num_queues)))
		return ctx->status;
	enum status status = create(ctx, &wish, no_save);

	source_undo(&wish.source);
	return status;
}
