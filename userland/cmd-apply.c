// SPDX-License-Identifier: GPL-2.0
/*
 * apply and diff: from what there is to what a file describes. What is ours and
 * not in the file goes; what is another tool's stays as it is, and a file that
 * would have it otherwise is refused.
 */
#include <string.h>

#include "config.h"

static enum status stranger(struct ctx *ctx, const char *what, const char *name,
			    const char *differs, const char *remedy)
{
	ui_error(
		"%s %s was made by another tool and its %s differs from the file's: %s",
		what, name, differs, remedy);
	return ctx->status = ST_FAILED;
}

/* The first attribute that is to be another; NULL if all are as wanted. */
static const char *differing(const struct vscsi_attrs *live,
			     const struct vscsi_attrs *wanted)
{
	for (size_t i = 0; i < wanted->n; i++)
		if (!text_is(vscsi_attrs_get(live, wanted->v[i].name),
			     wanted->v[i].value))
			return wanted->v[i].name;
	return NULL;
}

/* The first ACL that is to map something else; NULL if all are as wanted. */
static const char *differing_acl(const struct vscsi_tpg *live,
				 const struct vscsi_tpg *wanted)
{
	for (size_t i = 0; i < wanted->n_acls; i++) {
		const struct vscsi_acl *acl = &wanted->acls[i];
		const struct vscsi_acl *is =
			vscsi_tpg_acl(live, acl->initiator);
		bool same = is && is->n_mapped == acl->n_mapped;

		for (size_t k = 0; same && k < acl->n_mapped; k++)
			same = is->mapped[k].index == acl->mapped[k].index &&
			       is->mapped[k].lun == acl->mapped[k].lun &&
			       is->mapped[k].readonly ==
				       acl->mapped[k].readonly;
		if (!same)
			return acl->initiator;
	}
	return NULL;
}

static enum status want_store(struct change *change,
			      const struct vscsi_store *store)
{
	struct vscsi_store *there =
		vscsi_config_store(change->wanted, store->kind, store->name);
	AUTO_FREE char *name =
		ui_format("%s/%s", vscsi_kind_name(store->kind), store->name);

	if (there && !is_our_store(change->ours, there)) {
		bool sized = store->kind != VSCSI_BLOCK &&
			     store->kind != VSCSI_PSCSI;
		const char *attr = differing(&there->attrs, &store->attrs);

		if (!text_is(there->path, store->path))
			attr = "path";
		else if (sized && store->size && there->size != store->size)
			attr = "size";
		if (attr)
			return stranger(
				change->ctx, "backstore", name, attr,
				"change it there, or give the file's another name");
		return ST_OK;
	}
	config_take_store(change->ours, store);
	if (!there) {
		config_take_store(change->wanted, store);
		return ST_OK;
	}
	/* attributes that the file does not name stay as they are */
	vscsi_set(&there->path, store->path);
	vscsi_set(&there->serial, store->serial);
	there->size = store->size ? store->size : there->size;
	there->buffered = store->buffered;
	there->nullio = store->nullio;
	there->aio = store->aio;
	there->readonly = store->readonly;
	config_take_attrs(&there->attrs, &store->attrs);
	return ST_OK;
}

static enum status want_lun(struct change *change,
			    const struct vscsi_target *target,
			    struct vscsi_tpg *tpg, const struct vscsi_lun *lun)
{
	const char *wwn = target->wwn;
	const struct vscsi_lun *there = vscsi_tpg_lun(tpg, lun->index);

	if (there && !is_our_lun(change->ours, wwn, tpg->tag, there)) {
		AUTO_FREE char *name = ui_format("%u of %s", lun->index, wwn);

		if (there->kind != lun->kind ||
		    strcmp(there->store, lun->store))
			return stranger(
				change->ctx, "LUN", name, "backstore",
				"take the target over with `vhost-scsi adopt`, or choose another LUN");
		return ST_OK;
	}
	AUTO_FREE char *alias = NULL, *alua = NULL;

	/* what the file does not say of a LUN that is there stays */
	if (there && there->kind == lun->kind &&
	    !strcmp(there->store, lun->store)) {
		alias = there->alias ? ui_strdup(there->alias) : NULL;
		alua = there->alua ? ui_strdup(there->alua) : NULL;
	}
	struct vscsi_lun *taken = config_take_lun(tpg, lun);

	if (!taken->alias)
		vscsi_set(&taken->alias, alias);
	if (!taken->alua)
		vscsi_set(&taken->alua, alua);
	struct vscsi_target *our = vscsi_config_target(change->ours, wwn);

	if (!our)
		our = vscsi_config_add_target(change->ours, wwn);
	struct vscsi_tpg *our_tpg = vscsi_target_tpg(our, tpg->tag);

	if (!our_tpg)
		our_tpg = vscsi_target_add_tpg(our, tpg->tag);
	config_take_lun(our_tpg, taken);
	return ST_OK;
}

/* ACLs of a TPG of ours: as in the file, and those that left it go. */
static void want_acls(struct change *change, const char *wwn,
		      struct vscsi_tpg *tpg, const struct vscsi_tpg *from)
{
	struct vscsi_tpg *our = vscsi_target_tpg(
		vscsi_config_target(change->ours, wwn), from->tag);

	for (size_t i = our->n_acls; i-- > 0;) {
		const char *initiator = our->acls[i].initiator;

		if (vscsi_tpg_acl(from, initiator))
			continue;
		vscsi_tpg_del_acl(tpg, initiator);
		vscsi_tpg_del_acl(our, initiator);
	}
	for (size_t i = 0; i < from->n_acls; i++) {
		config_take_acl(tpg, &from->acls[i]);
		config_take_acl(our, &from->acls[i]);
	}
}

static enum status want_tpg(struct change *change, struct vscsi_target *target,
			    const struct vscsi_tpg *from)
{
	struct vscsi_tpg *tpg = vscsi_target_tpg(target, from->tag);
	const char *wwn = target->wwn;
	bool theirs = tpg && !is_our_tpg(change->ours, wwn, from->tag);

	if (theirs) {
		const char *attr = differing(&tpg->attrs, &from->attrs);
		AUTO_FREE char *name = ui_format("%u of %s", from->tag, wwn);

		if (!text_is(tpg->nexus, from->nexus))
			attr = "nexus";
		else if (differing_acl(tpg, from))
			attr = "ACL";
		if (attr)
			return stranger(
				change->ctx, "TPG", name, attr,
				"take the target over with `vhost-scsi adopt`");
	} else {
		tpg = config_take_bare_tpg(target, from);
		struct vscsi_target *our =
			vscsi_config_target(change->ours, wwn);

		if (!our)
			our = vscsi_config_add_target(change->ours, wwn);
		config_take_bare_tpg(our, from)->ours = true;
	}
	for (size_t i = 0; i < from->n_luns; i++)
		if (want_lun(change, target, tpg, &from->luns[i]))
			return change->ctx->status;
	if (!theirs)
		want_acls(change, wwn, tpg, from);
	return ST_OK;
}

static enum status want_target(struct change *change,
			       const struct vscsi_target *from)
{
	struct vscsi_target *target =
		vscsi_config_target(change->wanted, from->wwn);

	if (target && !is_our_target(change->ours, from->wwn)) {
		const char *param = differing(&target->params, &from->params);

		if (param)
			return stranger(change->ctx, "target", from->wwn, param,
					"take it over with `vhost-scsi adopt`");
	} else {
		target = config_take_bare_target(change->wanted, from);
		if (!target->label)
			vscsi_set(&target->label, target->wwn);
		/* the saved one names the parameters that the file names */
		struct vscsi_target *our =
			config_take_bare_target(change->ours, from);

		vscsi_set(&our->label, target->label);
	}
	for (size_t i = 0; i < from->n_tpgs; i++)
		if (want_tpg(change, target, &from->tpgs[i]))
			return change->ctx->status;
	return ST_OK;
}

/* LUNs and TPGs of ours that the file has not; what is another tool's keeps its TPG. */
static enum status prune_target(struct change *change,
				const struct vscsi_target *our,
				const struct vscsi_target *from)
{
	struct vscsi_target *target =
		vscsi_config_target(change->wanted, our->wwn);

	for (size_t i = our->n_tpgs; i-- > 0;) {
		const struct vscsi_tpg *our_tpg = &our->tpgs[i];
		const struct vscsi_tpg *from_tpg =
			from ? vscsi_target_tpg(from, our_tpg->tag) : NULL;
		struct vscsi_tpg *tpg =
			target ? vscsi_target_tpg(target, our_tpg->tag) : NULL;

		for (size_t k = our_tpg->n_luns; tpg && k-- > 0;) {
			unsigned int lun = our_tpg->luns[k].index;
			const struct vscsi_lun *there = vscsi_tpg_lun(tpg, lun);

			if (there &&
			    is_our_lun(change->ours, our->wwn, tpg->tag,
				       there) &&
			    !(from_tpg && vscsi_tpg_lun(from_tpg, lun)))
				vscsi_tpg_del_lun(tpg, lun);
		}
		if (!tpg || from_tpg || !our_tpg->ours)
			continue;
		if (tpg->n_luns) {
			ui_error(
				"TPG %u of %s is not in the file and has LUN %u of another tool's: take that away first, or adopt the target",
				tpg->tag, our->wwn, tpg->luns[0].index);
			return change->ctx->status = ST_FAILED;
		}
		vscsi_target_del_tpg(target, our_tpg->tag);
	}
	if (!target || from || !our->label)
		return ST_OK;
	if (target->n_tpgs) {
		ui_error(
			"%s is not in the file and has TPG %u of another tool's: take that away first, or adopt the target",
			our->wwn, target->tpgs[0].tag);
		return change->ctx->status = ST_FAILED;
	}
	vscsi_config_del_target(change->wanted, our->wwn);
	return ST_OK;
}

/* What is ours and not in the file goes, backstores last. */
static enum status prune(struct change *change, const struct vscsi_config *file)
{
	AUTO_CONFIG struct vscsi_config *old = vscsi_config_copy(change->ours);

	for (size_t i = 0; i < old->n_targets; i++) {
		const struct vscsi_target *our = &old->targets[i];

		if (prune_target(change, our,
				 vscsi_config_target(file, our->wwn)))
			return change->ctx->status;
	}
	for (size_t i = 0; i < old->n_stores; i++) {
		const struct vscsi_store *store = &old->stores[i];

		if (vscsi_config_store(file, store->kind, store->name))
			continue;
		drop_store(change, store->kind, store->name, NULL);
		/* in use elsewhere: it stays, and is still ours */
	}
	return ST_OK;
}

/* What will be ours: what the file has, and backstores that cannot go yet. */
static void forget_old(struct change *change, const struct vscsi_config *file,
		       const struct vscsi_config *old)
{
	for (size_t i = 0; i < old->n_targets; i++) {
		struct vscsi_target *our =
			vscsi_config_target(change->ours, old->targets[i].wwn);
		const struct vscsi_target *from =
			vscsi_config_target(file, old->targets[i].wwn);

		if (!from) {
			vscsi_config_del_target(change->ours,
						old->targets[i].wwn);
			continue;
		}
		for (size_t k = our->n_tpgs; k-- > 0;) {
			struct vscsi_tpg *tpg = &our->tpgs[k];
			const struct vscsi_tpg *from_tpg =
				vscsi_target_tpg(from, tpg->tag);

			if (!from_tpg) {
				vscsi_target_del_tpg(our, tpg->tag);
				continue;
			}
			for (size_t m = tpg->n_luns; m-- > 0;)
				if (!vscsi_tpg_lun(from_tpg,
						   tpg->luns[m].index))
					vscsi_tpg_del_lun(tpg,
							  tpg->luns[m].index);
		}
	}
}

/* Two targets of one name: one of them is not in the file and not going. */
static enum status check_labels(struct change *change)
{
	const struct vscsi_config *ours = change->ours;

	for (size_t i = 0; i < ours->n_targets; i++) {
		const char *label = ours->targets[i].label;

		if (!label || config_label(ours, label) == &ours->targets[i])
			continue;
		ui_error("two targets would be named %s: %s and %s", label,
			 config_label(ours, label)->wwn, ours->targets[i].wwn);
		return change->ctx->status = ST_FAILED;
	}
	return ST_OK;
}

/**
 * apply_file() - edit a change so that it makes what a file describes
 * @change: the change, begun
 * @file: what the file describes; it is completed
 *
 * Return: ST_OK, or the status to end with.
 */
enum status apply_file(struct change *change, struct vscsi_config *file)
{
	AUTO_CONFIG struct vscsi_config *old = vscsi_config_copy(change->ours);

	if (config_fill(change->ctx, file, change->live))
		return change->ctx->status;
	for (size_t i = 0; i < file->n_stores; i++)
		if (want_store(change, &file->stores[i]))
			return change->ctx->status;
	for (size_t i = 0; i < file->n_targets; i++)
		if (want_target(change, &file->targets[i]))
			return change->ctx->status;
	if (prune(change, file))
		return change->ctx->status;
	forget_old(change, file, old);
	return check_labels(change);
}

/* A name is one that create would take, or a WWN, as adopt gives it. */
static enum status check_names(struct ctx *ctx, const struct vscsi_config *file)
{
	for (size_t i = 0; i < file->n_targets; i++) {
		const char *label = file->targets[i].label;

		if (label && strcmp(label, file->targets[i].wwn) &&
		    check_name(ctx, label))
			return ctx->status = ST_FAILED;
	}
	return ST_OK;
}

static enum status apply(struct ctx *ctx, struct change *change,
			 const char *path)
{
	AUTO_CONFIG struct vscsi_config *file = config_load(path);

	if (!file)
		return ctx->status = ST_FAILED;
	if (check_names(ctx, file) || change_begin(ctx, change) ||
	    apply_file(change, file))
		return ctx->status;
	return change_run(change);
}

/**
 * cmd_apply() - make what a file describes
 * @ctx: the run
 * @argc: length of @argv
 * @argv: what follows the command
 *
 * Return: an enum status.
 */
int cmd_apply(struct ctx *ctx, int argc, char **argv)
{
	AUTO_CHANGE struct change change = { 0 };
	const struct opt opts[] = {
		{ "dry-run", NULL, "print the steps and do nothing", OPT_FLAG,
		  &change.dry_run, 0 },
		{ "no-save", NULL, "do not make it again at the next boot",
		  OPT_FLAG, &change.no_save, 0 },
		{},
	};

	if (opts_parse(ctx, opts, argc, argv, 1, 1) < 0)
		return ctx->status;
	return apply(ctx, &change, argv[0]);
}

/**
 * cmd_diff() - show what apply would do
 * @ctx: the run
 * @argc: length of @argv
 * @argv: what follows the command
 *
 * Return: an enum status.
 */
int cmd_diff(struct ctx *ctx, int argc, char **argv)
{
	AUTO_CHANGE struct change change = { .dry_run = true };

	if (opts_parse(ctx, (const struct opt[]){ {} }, argc, argv, 1, 1) < 0)
		return ctx->status;
	return apply(ctx, &change, argv[0]);
}
