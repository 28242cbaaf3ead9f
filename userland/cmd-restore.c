// SPDX-License-Identifier: GPL-2.0
/*
 * restore: what was saved is made again, at boot. All of it at once if that is
 * possible; if not, one object after another, so that a device that is lacking
 * costs only what is on it. What cannot be made is told, a line each.
 */
#include <errno.h>
#include <string.h>

#include "config.h"

/** struct restore - how far it is */
struct restore {
	struct ctx *ctx;
	const struct vscsi_config *saved;
	struct vscsi_config *live; /* as it is now */
	size_t failed;
};

static int run(struct restore *restore, const struct vscsi_config *wanted)
{
	AUTO_PLAN struct vscsi_plan *plan = NULL;
	struct vscsi_tree *tree = restore->ctx->tree;
	int err = vscsi_plan_make(tree, restore->live, wanted, &plan);

	return err ? err : vscsi_plan_run(plan, NULL, NULL);
}

/* Go from what is there to @wanted; on failure nothing has changed, and it is told. */
static bool go(struct restore *restore, const struct vscsi_config *wanted,
	       const char *what)
{
	struct vscsi_config *now = NULL;
	int err = run(restore, wanted);

	if (err) {
		ui_error("%s is not restored: %s", what,
			 vscsi_tree_error(restore->ctx->tree));
		restore->failed++;
		return false;
	}
	if (!vscsi_config_read(restore->ctx->tree, &now)) {
		vscsi_config_free(restore->live);
		restore->live = now;
	}
	return true;
}

/* The saved values of a backstore that is there are set; its data stays what it is.
 * Returns NULL, or in which way it is another of that name, which is left alone.
 */
static char *want_store(struct vscsi_config *wanted,
			const struct vscsi_store *saved)
{
	struct vscsi_store *there =
		vscsi_config_store(wanted, saved->kind, saved->name);
	char *differs = there ? store_differs(saved, there) : NULL;

	if (differs)
		return differs;
	if (there)
		config_take_attrs(&there->attrs, &saved->attrs);
	else
		config_take_store(wanted, saved);
	return NULL;
}

static struct vscsi_tpg *want_tpg(struct vscsi_config *wanted,
				  const struct vscsi_target *target,
				  const struct vscsi_tpg *saved)
{
	struct vscsi_target *there =
		target->label ? config_take_bare_target(wanted, target)
			      : vscsi_config_target(wanted, target->wwn);

	if (!there)
		return NULL;
	if (!saved->ours)
		return vscsi_target_tpg(there, saved->tag);
	struct vscsi_tpg *tpg = vscsi_target_tpg(there, saved->tag);

	/* a guest knows it by the name that it has now */
	if (!tpg || !tpg->pid)
		return config_take_bare_tpg(there, saved);
	return tpg;
}

/* A LUN that is there stays, whatever it is: it may be another tool's. */
static bool want_lun(struct vscsi_tpg *tpg, const struct vscsi_lun *saved)
{
	const struct vscsi_lun *there = vscsi_tpg_lun(tpg, saved->index);

	if (there)
		return there->kind == saved->kind &&
		       !strcmp(there->store, saved->store);
	config_take_lun(tpg, saved);
	return true;
}

/* Whether the LUN that is to be mapped is there, and the one that was saved. */
static bool can_map(const struct vscsi_tpg *tpg, const struct vscsi_tpg *saved,
		    const struct vscsi_mapped *mapped)
{
	const struct vscsi_lun *lun = vscsi_tpg_lun(saved, mapped->lun);
	const struct vscsi_lun *there = vscsi_tpg_lun(tpg, mapped->lun);

	return lun && there && there->kind == lun->kind &&
	       !strcmp(there->store, lun->store);
}

/* An ACL maps what was saved and can be; what a guest sees stays. False: not all. */
static bool want_acl(struct vscsi_tpg *tpg, const struct vscsi_tpg *saved,
		     const struct vscsi_acl *from)
{
	struct vscsi_acl *acl = vscsi_tpg_acl(tpg, from->initiator);
	bool all = true;

	if (!acl)
		acl = vscsi_tpg_add_acl(tpg, from->initiator);
	for (size_t i = 0; acl && i < from->n_mapped; i++) {
		const struct vscsi_mapped *mapped = &from->mapped[i];
		bool can = can_map(tpg, saved, mapped);

		all &= can;
		if (!can ||
		    vscsi_acl_add_mapped(acl, mapped->index, mapped->lun,
					 mapped->readonly) ||
		    tpg->pid)
			continue;
		for (size_t k = 0; k < acl->n_mapped; k++)
			if (acl->mapped[k].index == mapped->index)
				acl->mapped[k] = *mapped;
	}
	return acl && all;
}

/* All that was saved, in one plan. False: one after another, then. */
static bool restore_all(struct restore *restore)
{
	AUTO_CONFIG struct vscsi_config *wanted =
		vscsi_config_copy(restore->live);
	const struct vscsi_config *saved = restore->saved;

	for (size_t i = 0; i < saved->n_stores; i++) {
		AUTO_FREE char *differs = want_store(wanted, &saved->stores[i]);

		if (differs)
			return false;
	}
	for (size_t i = 0; i < saved->n_targets; i++) {
		const struct vscsi_target *target = &saved->targets[i];

		for (size_t k = 0; k < target->n_tpgs; k++) {
			const struct vscsi_tpg *from = &target->tpgs[k];
			struct vscsi_tpg *tpg = want_tpg(wanted, target, from);

			if (!tpg)
				return false;
			for (size_t m = 0; m < from->n_luns; m++)
				if (!want_lun(tpg, &from->luns[m]))
					return false;
			for (size_t m = 0; m < from->n_acls; m++)
				if (!want_acl(tpg, from, &from->acls[m]))
					return false;
		}
		if (target->label)
			config_take_bare_target(wanted, target);
	}
	return !run(restore, wanted);
}

/* Is the backstore that is there not the one that was saved? */
static bool is_namesake(const struct restore *restore,
			const struct vscsi_lun *lun)
{
	const struct vscsi_store *saved =
		vscsi_config_store(restore->saved, lun->kind, lun->store);
	const struct vscsi_store *there =
		vscsi_config_store(restore->live, lun->kind, lun->store);

	return saved && there && !is_our_store(restore->saved, there);
}

/* What is there, in @wanted, and of that the TPG that was restored. */
static struct vscsi_tpg *begin_part(const struct restore *restore,
				    const struct vscsi_target *target,
				    const struct vscsi_tpg *saved,
				    struct vscsi_config **wanted)
{
	*wanted = vscsi_config_copy(restore->live);
	return vscsi_target_tpg(vscsi_config_target(*wanted, target->wwn),
				saved->tag);
}

static void restore_lun(struct restore *restore,
			const struct vscsi_target *target,
			const struct vscsi_tpg *saved,
			const struct vscsi_lun *lun)
{
	AUTO_CONFIG struct vscsi_config *wanted = NULL;
	struct vscsi_tpg *tpg = begin_part(restore, target, saved, &wanted);
	AUTO_FREE char *what =
		ui_format("LUN %u of %s", lun->index, called(target));

	if (!vscsi_config_store(wanted, lun->kind, lun->store)) {
		ui_error("%s is not restored: its backstore %s/%s is not there",
			 what, vscsi_kind_name(lun->kind), lun->store);
		restore->failed++;
		return;
	}
	if (is_namesake(restore, lun)) {
		ui_error(
			"%s is not restored: its backstore %s/%s is another one of that name",
			what, vscsi_kind_name(lun->kind), lun->store);
		restore->failed++;
		return;
	}
	if (want_lun(tpg, lun)) {
		go(restore, wanted, what);
		return;
	}
	ui_error("%s is not restored: another backstore has taken its place",
		 what);
	restore->failed++;
}

static void restore_acl(struct restore *restore,
			const struct vscsi_target *target,
			const struct vscsi_tpg *saved,
			const struct vscsi_acl *acl)
{
	AUTO_CONFIG struct vscsi_config *wanted = NULL;
	struct vscsi_tpg *tpg = begin_part(restore, target, saved, &wanted);
	AUTO_FREE char *what =
		ui_format("ACL %s of %s", acl->initiator, called(target));

	for (size_t i = 0; i < acl->n_mapped; i++) {
		const struct vscsi_mapped *mapped = &acl->mapped[i];

		if (can_map(tpg, saved, mapped))
			continue;
		ui_error(
			"LUN %u of %s is not restored: it is LUN %u of the TPG, which is not restored",
			mapped->index, what, mapped->lun);
		restore->failed++;
	}
	want_acl(tpg, saved, acl);
	go(restore, wanted, what);
}

static void restore_tpg(struct restore *restore,
			const struct vscsi_target *target,
			const struct vscsi_tpg *saved)
{
	AUTO_CONFIG struct vscsi_config *wanted =
		vscsi_config_copy(restore->live);
	struct vscsi_tpg *tpg = want_tpg(wanted, target, saved);
	AUTO_FREE char *what =
		ui_format("TPG %u of %s", saved->tag, called(target));

	if (!tpg) {
		ui_error(
			"%s is not restored: the tool that made it has not made it",
			what);
		restore->failed++;
		return;
	}
	/* LIO looks for its ACL when a nexus is made */
	for (size_t i = 0; !tpg->pid && i < saved->n_acls; i++)
		vscsi_tpg_add_acl(tpg, saved->acls[i].initiator);
	if (!go(restore, wanted, what))
		return;
	for (size_t i = 0; i < saved->n_luns; i++)
		restore_lun(restore, target, saved, &saved->luns[i]);
	for (size_t i = 0; i < saved->n_acls; i++)
		restore_acl(restore, target, saved, &saved->acls[i]);
}

static void restore_each(struct restore *restore)
{
	const struct vscsi_config *saved = restore->saved;

	for (size_t i = 0; i < saved->n_stores; i++) {
		AUTO_CONFIG struct vscsi_config *wanted =
			vscsi_config_copy(restore->live);
		AUTO_FREE char *what =
			ui_format("backstore %s/%s",
				  vscsi_kind_name(saved->stores[i].kind),
				  saved->stores[i].name);

		ui_progress(i + 1, saved->n_stores, what);
		AUTO_FREE char *differs = want_store(wanted, &saved->stores[i]);

		if (!differs) {
			go(restore, wanted, what);
			continue;
		}
		ui_error(
			"%s is not restored: another one of that name is there, %s: take that away with the tool that made it, then `vhost-scsi restore`; or `vhost-scsi adopt` the target that has it",
			what, differs);
		restore->failed++;
	}
	for (size_t i = 0; i < saved->n_targets; i++) {
		const struct vscsi_target *target = &saved->targets[i];

		ui_progress(i + 1, saved->n_targets, target->wwn);
		for (size_t k = 0; k < target->n_tpgs; k++)
			restore_tpg(restore, target, &target->tpgs[k]);
	}
	ui_progress_end();
}

/**
 * cmd_restore() - make what was saved
 * @ctx: the run
 * @argc: length of @argv
 * @argv: what follows the command
 *
 * Return: an enum status.
 */
int cmd_restore(struct ctx *ctx, int argc, char **argv)
{
	AUTO_CHANGE struct change change = { 0 };
	long seconds = -1;
	const struct opt opts[] = {
		{ "wait", "SECONDS",
		  "wait so long at most for devices that are not there yet",
		  OPT_NUMBER, &seconds, 3600 },
		{},
	};

	if (opts_parse(ctx, opts, argc, argv, 0, 0) < 0 ||
	    (seconds > 0 && wait_for_devices(ctx, seconds)) ||
	    change_begin(ctx, &change))
		return ctx->status;
	/* object by object: each is whole, and none is waited for */
	stop_end();
	struct restore restore = { .ctx = ctx,
				   .saved = change.ours,
				   .live = change.live };

	if (!restore_all(&restore))
		restore_each(&restore);
	/* it may have been read anew */
	change.live = restore.live;
	if (!restore.failed)
		return ST_OK;
	ui_error(
		"%zu objects of the saved configuration are not restored, the rest is: see to what is lacking, then `vhost-scsi restore`",
		restore.failed);
	return ST_PARTLY;
}
