// SPDX-License-Identifier: GPL-2.0
/*
 * What is ours, and is made again at the next boot: /etc/vhost-scsi/config.json.
 * What is not in it was made by somebody else.
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config.h"

#define STATE_DIR "/etc/vhost-scsi"
#define STATE_FILE STATE_DIR "/config.json"

/**
 * state_load() - what is ours
 * @ctx: the run
 *
 * Return: a configuration, empty if nothing was ever saved; NULL after saying what
 * is wrong with the file.
 */
struct vscsi_config *state_load(struct ctx *ctx)
{
	AUTO_FREE char *path = ctx_path(ctx, STATE_FILE);
	struct vscsi_config *config;

	if (access(path, F_OK) && errno == ENOENT)
		config = vscsi_config_new();
	else
		config = config_load(path);
	if (!config)
		ctx->status = ST_FAILED;
	return config;
}

/**
 * state_load_quietly() - what is ours, for a command that only shows
 * @ctx: the run, after ctx_read()
 *
 * Return: a configuration; an empty one if ctx_read() told that it is not readable.
 */
struct vscsi_config *state_load_quietly(struct ctx *ctx)
{
	struct vscsi_config *ours = ctx->ours;

	ctx->ours = NULL;
	ours = ours ? ours : vscsi_config_new();
	if (ours)
		return ours;
	ui_error("out of memory");
	exit(ST_FAILED);
}

/**
 * state_label() - give targets their names
 * @config: the targets
 * @ours: where the names are
 */
void state_label(struct vscsi_config *config, const struct vscsi_config *ours)
{
	for (size_t i = 0; i < config->n_targets; i++) {
		const struct vscsi_target *our =
			vscsi_config_target(ours, config->targets[i].wwn);

		if (our)
			vscsi_set(&config->targets[i].label, our->label);
	}
}

/* Attributes that were named have the value that they have now. */
static void refresh_attrs(struct vscsi_attrs *attrs,
			  const struct vscsi_attrs *from, bool all)
{
	for (size_t i = 0; i < from->n; i++)
		if (all || vscsi_attrs_get(attrs, from->v[i].name))
			vscsi_attrs_set(attrs, from->v[i].name,
					from->v[i].value);
}

static void refresh_store(struct vscsi_config *config,
			  const struct vscsi_store *now, bool all)
{
	AUTO_CONFIG struct vscsi_config *scratch = vscsi_config_new();
	const struct vscsi_store *our = config_take_store(
		scratch, vscsi_config_store(config, now->kind, now->name));
	struct vscsi_store *store = config_take_store(config, now);

	while (store->attrs.n)
		vscsi_attrs_set(&store->attrs, store->attrs.v[0].name, NULL);
	config_take_attrs(&store->attrs, &our->attrs);
	refresh_attrs(&store->attrs, &now->attrs, all);
}

/* Places in another tool's targets where no LUN of ours is any more. */
static void drop_empty(struct vscsi_config *config)
{
	for (size_t i = config->n_targets; i-- > 0;) {
		struct vscsi_target *target = &config->targets[i];

		for (size_t k = target->n_tpgs; k-- > 0;)
			if (!target->tpgs[k].ours && !target->tpgs[k].n_luns)
				vscsi_target_del_tpg(target,
						     target->tpgs[k].tag);
		if (!target->label && !target->n_tpgs)
			vscsi_config_del_target(config, target->wwn);
	}
}

/* What the ACL maps now, of LUNs that are ours, and what it is to map of LUNs that
 * are lacking.
 */
static void refresh_acl(struct vscsi_tpg *tpg, const struct vscsi_acl *our,
			const struct vscsi_tpg *from,
			const struct vscsi_acl *now)
{
	vscsi_tpg_del_acl(tpg, now->initiator);
	struct vscsi_acl *acl = vscsi_tpg_add_acl(tpg, now->initiator);

	for (size_t i = 0; acl && i < now->n_mapped; i++) {
		const struct vscsi_mapped *mapped = &now->mapped[i];

		if (vscsi_tpg_lun(tpg, mapped->lun))
			vscsi_acl_add_mapped(acl, mapped->index, mapped->lun,
					     mapped->readonly);
	}
	for (size_t i = 0; acl && our && i < our->n_mapped; i++) {
		const struct vscsi_mapped *mapped = &our->mapped[i];

		if (vscsi_tpg_lun(tpg, mapped->lun) &&
		    !vscsi_tpg_lun(from, mapped->lun))
			vscsi_acl_add_mapped(acl, mapped->index, mapped->lun,
					     mapped->readonly);
	}
}

/* The values of what is ours (@tpg, a copy of @our), and in @from. */
static void refresh_tpg(struct vscsi_tpg *tpg, const struct vscsi_tpg *our,
			const struct vscsi_tpg *from, bool all)
{
	/* else it is another tool's, and only LUNs in it are ours */
	if (tpg->ours) {
		/* the name of one that was ended is known to reservations */
		if (from->nexus || all)
			vscsi_set(&tpg->nexus, from->nexus);
		refresh_attrs(&tpg->attrs, &from->attrs, all);
	}
	for (size_t i = tpg->n_luns; i-- > 0;) {
		const struct vscsi_lun *lun = &tpg->luns[i];
		const struct vscsi_lun *now = vscsi_tpg_lun(from, lun->index);

		if (!now)
			continue;
		/* somebody put another in its place */
		if (now->kind != lun->kind || strcmp(now->store, lun->store))
			vscsi_tpg_del_lun(tpg, lun->index);
		else
			config_take_lun(tpg, now);
	}
	for (size_t i = 0; tpg->ours && i < from->n_acls; i++) {
		const struct vscsi_acl *now = &from->acls[i];
		const struct vscsi_acl *old =
			vscsi_tpg_acl(our, now->initiator);

		if (old || all)
			refresh_acl(tpg, old, from, now);
	}
}

/**
 * state_refresh() - what is ours with the values that it has now
 * @ours: what is ours
 * @from: what is there, or will be
 * @all: whether attributes are saved that nobody named, if they are not as usual
 *
 * What is not there stays as it is: a device may be lacking for a time.
 *
 * Return: a configuration.
 */
struct vscsi_config *state_refresh(const struct vscsi_config *ours,
				   const struct vscsi_config *from, bool all)
{
	struct vscsi_config *config = vscsi_config_copy(ours);

	if (!config) {
		ui_error("out of memory");
		exit(ST_FAILED);
	}
	for (size_t i = 0; i < ours->n_stores; i++) {
		const struct vscsi_store *now = vscsi_config_store(
			from, ours->stores[i].kind, ours->stores[i].name);

		/* another one of that name is not ours */
		if (now && is_our_store(ours, now))
			refresh_store(config, now, all);
	}
	for (size_t i = 0; i < config->n_targets; i++) {
		struct vscsi_target *target = &config->targets[i];
		const struct vscsi_target *now =
			vscsi_config_target(from, target->wwn);

		if (!now)
			continue;
		if (now->label)
			vscsi_set(&target->label, now->label);
		if (target->label)
			refresh_attrs(&target->params, &now->params, all);
		for (size_t k = 0; k < target->n_tpgs; k++) {
			const struct vscsi_tpg *tpg =
				vscsi_target_tpg(now, target->tpgs[k].tag);

			if (tpg)
				refresh_tpg(&target->tpgs[k],
					    &ours->targets[i].tpgs[k], tpg,
					    all);
		}
	}
	drop_empty(config);
	if (all)
		attrs_drop_defaults(config, ours);
	return config;
}

static enum status failed(struct ctx *ctx, const char *what, const char *path,
			  int err)
{
	ui_error(
		"%s %s: %s; nothing was changed (--no-save changes without saving)",
		what, path, strerror(-err));
	return ctx->status = ST_FAILED;
}

static bool is_readable(struct json_object *object, const char *path)
{
	AUTO_CONFIG struct vscsi_config *config = vscsi_config_new();
	struct js_file file = { .name = path };
	struct js js = { .file = &file, .object = object };

	return config && !own_read(&js, config);
}

/**
 * state_prepare() - write down what will be ours, to be kept by state_commit()
 * @ctx: the run
 * @ours: what will be ours
 *
 * Return: ST_OK, or ST_FAILED after saying why.
 */
enum status state_prepare(struct ctx *ctx, const struct vscsi_config *ours)
{
	AUTO_FREE char *etc = ctx_path(ctx, "/etc");
	AUTO_FREE char *dir = ctx_path(ctx, STATE_DIR);
	AUTO_FREE char *path = ctx_path(ctx, STATE_FILE);

	if ((mkdir(etc, 0755) && errno != EEXIST) ||
	    (mkdir(dir, 0755) && errno != EEXIST))
		return failed(ctx, "cannot make", dir, -errno);
	AUTO_JSON struct json_object *object = own_write(ours);

	/* what could not be read again is not saved */
	if (!is_readable(object, path))
		return ctx->status = ST_FAILED;
	int err = file_write_new(path, object);

	return err ? failed(ctx, "cannot save to", path, err) : ST_OK;
}

/**
 * state_commit() - what was written down is ours from now on
 * @ctx: the run
 *
 * Return: ST_OK, or ST_FAILED after saying why.
 */
enum status state_commit(struct ctx *ctx)
{
	AUTO_FREE char *path = ctx_path(ctx, STATE_FILE);
	int err = file_rename_new(path);

	if (err)
		return failed(ctx, "cannot save to", path, err);
	ctx->changed = true;
	return ST_OK;
}

/**
 * state_abandon() - what was written down will not be
 * @ctx: the run
 */
void state_abandon(struct ctx *ctx)
{
	AUTO_FREE char *path = ctx_path(ctx, STATE_FILE ".new");

	unlink(path);
}

/**
 * state_changed() - whether another file has been put there
 * @ctx: the run
 * @last: what was there the last time, all zeros at first; brought up to date
 *
 * Return: whether it is another one, or has come or gone.
 */
bool state_changed(const struct ctx *ctx, struct stat *last)
{
	AUTO_FREE char *path = ctx_path(ctx, STATE_FILE);
	struct stat now;

	if (stat(path, &now))
		memset(&now, 0, sizeof(now));
	bool changed = now.st_ino != last->st_ino ||
		       now.st_dev != last->st_dev ||
		       now.st_size != last->st_size ||
		       now.st_mtim.tv_sec != last->st_mtim.tv_sec ||
		       now.st_mtim.tv_nsec != last->st_mtim.tv_nsec;

	*last = now;
	return changed;
}

/**
 * state_is_pending() - whether something is to be saved soon
 * @ctx: the run
 *
 * Return: true if a change is under way that will be saved, or was cut off.
 */
bool state_is_pending(const struct ctx *ctx)
{
	AUTO_FREE char *path = ctx_path(ctx, STATE_FILE ".new");

	return !access(path, F_OK);
}
