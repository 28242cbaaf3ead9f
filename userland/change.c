// SPDX-License-Identifier: GPL-2.0
/*
 * How a command changes the tree: what is there and what is ours are read under
 * the locks, the command edits copies of both, and then the tree and the saved
 * configuration change together or not at all.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "config.h"

/* More steps than this are worth being shown as they are done. */
#define PROGRESS_FROM 40

/**
 * change_end() - free what a change has
 * @change: the change, or one that was not begun
 */
void change_end(struct change *change)
{
	vscsi_config_free(change->live);
	vscsi_config_free(change->wanted);
	vscsi_config_free(change->ours);
}

/**
 * change_begin() - read what there is, and keep others out
 * @ctx: the run
 * @change: what is read; no_save and dry_run are the caller's
 *
 * Return: ST_OK, or the status to end with.
 */
enum status change_begin(struct ctx *ctx, struct change *change)
{
	change->ctx = ctx;
	/* a change is not ended by somebody who does not read on */
	signal(SIGPIPE, SIG_IGN);
	if (vs_modules_need(ctx))
		return ctx->status = ST_FAILED;
	enum status status = ctx_open(ctx, true);

	if (status)
		return status;
	int err = vscsi_config_read(ctx->tree, &change->live);

	if (err)
		return ctx_tree_failed(ctx, err);
	change->ours = state_load(ctx);
	if (!change->ours)
		return ST_FAILED;
	state_label(change->live, change->ours);
	change->wanted = vscsi_config_copy(change->live);
	if (!change->wanted) {
		ui_error("out of memory");
		return ctx->status = ST_FAILED;
	}
	if (!change->dry_run)
		stop_hold();
	return ST_OK;
}

static void print_plan(struct ctx *ctx, const struct vscsi_plan *plan)
{
	struct json_object *steps = ctx->json ? json_object_new_array() : NULL;

	for (size_t i = 0; i < vscsi_plan_steps(plan); i++) {
		char sign = vscsi_plan_sign(plan, i);
		const char *step = vscsi_plan_step(plan, i);

		if (steps) {
			struct json_object *object = json_object_new_object();

			json_object_object_add(object, "sign",
					       json_object_new_string_len(&sign,
									  1));
			json_object_object_add(object, "step",
					       json_object_new_string(step));
			json_object_array_add(steps, object);
			continue;
		}
		enum ui_style style = sign == '+'   ? UI_GOOD
				      : sign == '-' ? UI_BAD
						    : UI_WARN;

		printf("%s%c %s%s\n", ui_style(style), sign, step,
		       ui_style_end(style));
	}
	if (steps) {
		struct json_object *object = json_object_new_object();

		json_object_object_add(object, "steps", steps);
		ctx_print_json(object);
	}
}

/** struct shown - what is told while a plan runs */
struct shown {
	struct ctx *ctx;
	const struct vscsi_plan *plan;
	size_t steps;
};

static void show_step(void *arg, size_t index, const char *step)
{
	const struct shown *shown = arg;

	if (shown->ctx->verbose)
		ui_note("%c %s", vscsi_plan_sign(shown->plan, index), step);
	else if (shown->steps >= PROGRESS_FROM)
		ui_progress(index + 1, shown->steps, step);
}

static enum status run_plan(struct change *change, struct vscsi_plan *plan)
{
	struct ctx *ctx = change->ctx;
	struct shown shown = { .ctx = ctx,
			       .plan = plan,
			       .steps = vscsi_plan_steps(plan) };
	int err = vscsi_plan_run(plan, show_step, &shown);

	ui_progress_end();
	return err ? ctx_tree_failed(ctx, err) : ST_OK;
}

static enum status stopped(struct ctx *ctx)
{
	ui_error("stopped by %s; nothing is changed", stop_came());
	return ctx->status = ST_FAILED;
}

/* The tree is changed and that could not be saved: back to what was there. */
static enum status undo(struct change *change)
{
	AUTO_CONFIG struct vscsi_config *now = NULL;
	AUTO_PLAN struct vscsi_plan *plan = NULL;
	struct ctx *ctx = change->ctx;

	/* the way back is not stopped halfway */
	stop_block();
	int err = vscsi_config_read(ctx->tree, &now);

	if (!err)
		err = vscsi_plan_make(ctx->tree, now, change->live, &plan);
	if (!err)
		err = vscsi_plan_run(plan, NULL, NULL);
	if (!err)
		return ctx->status;
	ui_error("undoing the change failed as well: %s",
		 vscsi_tree_error(ctx->tree));
	return ctx->status = ST_CHANGED;
}

/* The plan, and what is saved. */
static enum status run_and_save(struct change *change, struct vscsi_plan *plan)
{
	struct ctx *ctx = change->ctx;

	if (!change->no_save) {
		AUTO_CONFIG struct vscsi_config *ours =
			state_refresh(change->ours, change->wanted, false);

		if (state_prepare(ctx, ours))
			return ctx->status;
	}
	enum status status = stop_came() ? stopped(ctx)
					 : run_plan(change, plan);

	if (change->no_save)
		return status;
	if (status) {
		state_abandon(ctx);
		return status;
	}
	return state_commit(ctx) ? undo(change) : ST_OK;
}

/**
 * change_run() - make the change, or print it if it is a dry run
 * @change: the change
 *
 * Does not return if a signal came and the change is made all the same.
 *
 * Return: ST_OK; ST_DIFFERS for a dry run with steps; or the status to end with,
 * and nothing is changed, unless that is ST_CHANGED.
 */
enum status change_run(struct change *change)
{
	struct ctx *ctx = change->ctx;
	AUTO_PLAN struct vscsi_plan *plan = NULL;
	int err =
		vscsi_plan_make(ctx->tree, change->live, change->wanted, &plan);

	if (err)
		return ctx_tree_failed(ctx, err);
	if (change->dry_run) {
		print_plan(ctx, plan);
		return vscsi_plan_steps(plan) ? ST_DIFFERS : ST_OK;
	}
	enum status status = run_and_save(change, plan);

	if (!status && stop_came())
		ui_note("%s came when the change was made already",
			stop_came());
	if (!status) {
		ctx->changed = true;
		stop_end();
	}
	return status;
}
