// SPDX-License-Identifier: GPL-2.0
/*
 * watch: changes as they happen. The library says when something came or went; once a second
 * everything is looked at, too, since it cannot say that a guest attaches. What is shown
 * is the difference between two looks.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <time.h>

#include "config.h"

#define LOOK_EVERY 1000 /* milliseconds */
#define SETTLE 100	/* after a change, so long without another */
#define SETTLES_MAX 10
#define FAILURES_MAX 10
#define NAME_WAITS_MAX \
	50 /* times SETTLE, for the name of a target that is new */

/** struct watch - what was last seen, and what was told */
struct watch {
	struct ctx *ctx;
	struct vscsi_config *seen;
	struct vscsi_config *ours; /* where the names are; NULL: none yet */
	struct stat saved;	   /* the file that they were read from */
	long left;    /* changes to tell before the end; -1: no end */
	int failures; /* looks that failed, one after the other */
};

/** struct place - what a change is about */
struct place {
	const struct vscsi_target *target; /* NULL: a backstore */
	const struct vscsi_tpg *tpg;
	const struct vscsi_lun *lun;
	const struct vscsi_store *store;
};

static volatile sig_atomic_t stopped;

static void stop(int signal)
{
	(void)signal;
	stopped = 1;
}

static void print_json(const char *now, const char *change, const char *object,
		       const struct place *place, const char *text)
{
	AUTO_JSON struct json_object *line = json_object_new_object();

	json_object_object_add(line, "time", json_object_new_string(now));
	json_object_object_add(line, "change", json_object_new_string(change));
	json_object_object_add(line, "object", json_object_new_string(object));
	if (place->target)
		json_object_object_add(
			line, "target",
			json_object_new_string(place->target->wwn));
	if (place->target && place->target->label)
		json_object_object_add(
			line, "name",
			json_object_new_string(place->target->label));
	if (place->tpg)
		json_object_object_add(line, "tpg",
				       json_object_new_int64(place->tpg->tag));
	if (place->lun)
		json_object_object_add(
			line, "lun", json_object_new_int64(place->lun->index));
	if (place->store) {
		AUTO_FREE char *name =
			ui_format("%s/%s", vscsi_kind_name(place->store->kind),
				  place->store->name);

		json_object_object_add(line, "backstore",
				       json_object_new_string(name));
	} else if (place->lun) {
		AUTO_FREE char *name =
			ui_format("%s/%s", vscsi_kind_name(place->lun->kind),
				  place->lun->store);

		json_object_object_add(line, "backstore",
				       json_object_new_string(name));
	}
	if (place->tpg && place->tpg->pid > 0 && strcmp(object, "guest") == 0)
		json_object_object_add(line, "pid",
				       json_object_new_int64(place->tpg->pid));
	json_object_object_add(line, "text", json_object_new_string(text));
	puts(json_object_to_json_string_ext(
		line, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
}

/* Takes @text. */
static void tell(struct watch *watch, char sign, const char *object,
		 const struct place *place, char *text)
{
	AUTO_FREE char *line = text;
	char now[64];
	time_t t = time(NULL);
	struct tm tm;

	if (watch->left == 0)
		return;
	localtime_r(&t, &tm);
	if (watch->ctx->json) {
		strftime(now, sizeof(now), "%Y-%m-%dT%H:%M:%S%z", &tm);
		print_json(now,
			   sign == '+'	 ? "added"
			   : sign == '-' ? "removed"
					 : "changed",
			   object, place, line);
	} else {
		enum ui_style style = sign == '+'   ? UI_GOOD
				      : sign == '-' ? UI_BAD
						    : UI_WARN;

		strftime(now, sizeof(now), "%H:%M:%S", &tm);
		printf("%s %s%c%s %s\n", now, ui_style(style), sign,
		       ui_style_end(style), line);
	}
	fflush(stdout);
	if (watch->left > 0)
		watch->left--;
}

static bool same(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

/* Attributes that are in both and differ. */
static void tell_attrs(struct watch *watch, const char *object,
		       const struct place *place, const char *of,
		       const struct vscsi_attrs *was,
		       const struct vscsi_attrs *is)
{
	for (size_t i = 0; i < is->n; i++) {
		const char *before = vscsi_attrs_get(was, is->v[i].name);

		if (before && !same(before, is->v[i].value))
			tell(watch, '~', object, place,
			     ui_format("%s: %s is %s, was %s", of,
				       is->v[i].name, is->v[i].value, before));
	}
}

static void tell_stores(struct watch *watch, const struct vscsi_config *from,
			const struct vscsi_config *to, char sign)
{
	for (size_t i = 0; i < to->n_stores; i++) {
		const struct vscsi_store *store = &to->stores[i];
		const struct vscsi_store *other =
			vscsi_config_store(from, store->kind, store->name);
		const struct place place = { .store = store };
		AUTO_FREE char *size = ui_size(store->size);
		AUTO_FREE char *name = ui_format("backstore %s/%s",
						 vscsi_kind_name(store->kind),
						 store->name);

		if (!other) {
			tell(watch, sign, "backstore", &place,
			     store->size ? ui_format("%s (%s)", name, size)
					 : ui_strdup(name));
			continue;
		}
		if (sign != '+')
			continue;
		if (other->size != store->size)
			tell(watch, '~', "backstore", &place,
			     ui_format("%s: size is %s", name, size));
		tell_attrs(watch, "backstore", &place, name, &other->attrs,
			   &store->attrs);
	}
}

static void tell_luns(struct watch *watch, const struct vscsi_target *target,
		      const struct vscsi_tpg *from, const struct vscsi_tpg *to,
		      char sign)
{
	for (size_t i = 0; i < to->n_luns; i++) {
		const struct vscsi_lun *lun = &to->luns[i];
		const struct vscsi_lun *other =
			from ? vscsi_tpg_lun(from, lun->index) : NULL;
		const struct place place = { target, to, lun, NULL };

		if (!other || other->kind != lun->kind ||
		    !same(other->store, lun->store))
			tell(watch, sign, "lun", &place,
			     ui_format("%s TPG %u LUN %u: %s/%s",
				       called(target), to->tag, lun->index,
				       vscsi_kind_name(lun->kind), lun->store));
	}
}

/* Who attached, or let go; the other way round, nothing. */
static void tell_guest(struct watch *watch, const struct vscsi_target *target,
		       const struct vscsi_tpg *from, const struct vscsi_tpg *to,
		       char sign)
{
	const struct place place = { target, to, NULL, NULL };

	if (to->pid > 0 && (!from || from->pid != to->pid))
		tell(watch, sign, "guest", &place,
		     ui_format("%s TPG %u: guest, pid %d%s%s%s", called(target),
			       to->tag, to->pid, to->command ? " (" : "",
			       to->command ? to->command : "",
			       to->command ? ")" : ""));
}

static void tell_tpgs(struct watch *watch, const struct vscsi_target *from,
		      const struct vscsi_target *to, char sign)
{
	for (size_t i = 0; i < to->n_tpgs; i++) {
		const struct vscsi_tpg *tpg = &to->tpgs[i];
		const struct vscsi_tpg *other =
			from ? vscsi_target_tpg(from, tpg->tag) : NULL;
		const struct place place = { to, tpg, NULL, NULL };
		AUTO_FREE char *name =
			ui_format("%s TPG %u", called(to), tpg->tag);

		if (sign == '-') {
			tell_guest(watch, to, other, tpg, sign);
			tell_luns(watch, to, other, tpg, sign);
		}
		if (!other)
			tell(watch, sign, "tpg", &place,
			     ui_format("%s%s%s", name,
				       tpg->nexus ? ", nexus " : "",
				       tpg->nexus ? tpg->nexus : ""));
		if (sign == '-')
			continue;
		tell_luns(watch, to, other, tpg, sign);
		tell_guest(watch, to, other, tpg, sign);
		if (other && !same(other->nexus, tpg->nexus))
			tell(watch, '~', "tpg", &place,
			     ui_format("%s: nexus is %s", name,
				       tpg->nexus ? tpg->nexus : "none"));
		if (other)
			tell_attrs(watch, "tpg", &place, name, &other->attrs,
				   &tpg->attrs);
	}
}

static void tell_targets(struct watch *watch, const struct vscsi_config *from,
			 const struct vscsi_config *to, char sign)
{
	for (size_t i = 0; i < to->n_targets; i++) {
		const struct vscsi_target *target = &to->targets[i];
		const struct vscsi_target *other =
			vscsi_config_target(from, target->wwn);
		const struct place place = { .target = target };

		/* parts go first, and come last */
		if (sign == '-')
			tell_tpgs(watch, other, target, sign);
		if (!other)
			tell(watch, sign, "target", &place,
			     ui_format("target %s%s%s", called(target),
				       target->label ? " " : "",
				       target->label ? target->wwn : ""));
		if (sign == '+')
			tell_tpgs(watch, other, target, sign);
	}
}

/* Names that were saved. A file that cannot be read is told once, and names stay. */
static void label(struct watch *watch, struct vscsi_config *now)
{
	if (state_changed(watch->ctx, &watch->saved)) {
		struct vscsi_config *ours = state_load(watch->ctx);

		if (ours) {
			vscsi_config_free(watch->ours);
			watch->ours = ours;
		}
		watch->ctx->status = ST_OK;
	}
	if (watch->ours)
		state_label(now, watch->ours);
}

static bool has_unnamed(const struct watch *watch,
			const struct vscsi_config *now)
{
	for (size_t i = 0; watch->seen && i < now->n_targets; i++)
		if (!now->targets[i].label &&
		    !vscsi_config_target(watch->seen, now->targets[i].wwn))
			return true;
	return false;
}

/* What is there. A command saves a name after it has changed the tree: while one is
 * about to, a target that is new is waited with.
 */
static int read_named(struct watch *watch, struct vscsi_config **now)
{
	for (int i = 0;; i++) {
		int err = vscsi_config_read(watch->ctx->tree, now);

		if (err)
			return err;
		/* before the names, or one that is saved in between is missed */
		bool pending = state_is_pending(watch->ctx);

		label(watch, *now);
		if (!pending || i == NAME_WAITS_MAX || stopped ||
		    !has_unnamed(watch, *now))
			return 0;
		if (!i && watch->ctx->verbose)
			ui_note("a new target's name is waited for");
		vscsi_config_free(*now);
		*now = NULL;
		poll(NULL, 0, SETTLE);
	}
}

/* One look. What went is told before what came; what goes meanwhile is for the next look. */
static enum status look(struct watch *watch)
{
	AUTO_CONFIG struct vscsi_config *now = NULL;
	int err = read_named(watch, &now);

	if (err)
		return ++watch->failures < FAILURES_MAX
			       ? ST_OK
			       : ctx_tree_failed(watch->ctx, err);
	watch->failures = 0;
	if (watch->seen) {
		tell_targets(watch, now, watch->seen, '-');
		tell_stores(watch, now, watch->seen, '-');
		tell_stores(watch, watch->seen, now, '+');
		tell_targets(watch, watch->seen, now, '+');
	}
	struct vscsi_config *old = watch->seen;

	watch->seen = now;
	now = old;
	return ST_OK;
}

static enum status follow(struct watch *watch)
{
	int fd = vscsi_tree_watch(watch->ctx->tree);
	struct pollfd ready = { fd, POLLIN, 0 };
	enum status status;

	if (fd < 0)
		return ctx_tree_failed(watch->ctx, fd);
	status = look(watch);
	if (watch->ctx->verbose)
		ui_note("watching %zu targets",
			watch->seen ? watch->seen->n_targets : 0);
	while (!status && !stopped && watch->left != 0) {
		/* what belongs together comes together */
		for (int i = 0; i < SETTLES_MAX &&
				poll(&ready, 1, i ? SETTLE : LOOK_EVERY) > 0;
		     i++) {
			int err = vscsi_tree_watched(watch->ctx->tree);

			if (err < 0)
				return ctx_tree_failed(watch->ctx, err);
		}
		status = look(watch);
	}
	return status;
}

/**
 * cmd_watch() - the command
 * @ctx: the run
 * @argc: length of @argv
 * @argv: options
 *
 * Return: a status; SIGINT and SIGTERM are an orderly end.
 */
int cmd_watch(struct ctx *ctx, int argc, char **argv)
{
	const struct sigaction action = { .sa_handler = stop };
	struct watch watch = { .ctx = ctx, .left = -1 };
	const struct opt opts[] = { { "count", "N", "end after so many changes",
				      OPT_NUMBER, &watch.left, 1000000 },
				    {} };
	enum status status;

	if (opts_parse(ctx, opts, argc, argv, 0, 0) < 0)
		return ctx->status;
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	status = ctx_open(ctx, false);
	if (!status)
		status = follow(&watch);
	vscsi_config_free(watch.seen);
	vscsi_config_free(watch.ours);
	return status;
}
