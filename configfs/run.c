// SPDX-License-Identifier: GPL-2.0
/*
 * Doing a plan: one operation after the other, and if one fails, or the user wants
 * to stop, back from there to the beginning. Signals that would end the program
 * in between are held off; those by which a user stops it are looked at between two
 * operations.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "plan.h"

static const int stop_signals[] = { SIGINT, SIGTERM, SIGHUP };

static int make_dir(struct vscsi_plan *plan, const char *path)
{
	return mkdirat(plan->tree->fd, path, 0755) ? -errno : 0;
}

static int remove_dir(struct vscsi_plan *plan, const char *path)
{
	return unlinkat(plan->tree->fd, path, AT_REMOVEDIR) ? -errno : 0;
}

static int make_link(struct vscsi_plan *plan, const char *target,
		     const char *path)
{
	int rc = symlinkat(target, plan->tree->fd, path) ? -errno : 0;

	/* The LUN takes the reservations. */
	for (size_t i = 0; !rc && i < plan->loaded.n; i++) {
		const char *place = tree_place(plan->tree, plan->loaded.v[i]);

		if (!strcmp(place, target))
			plan->loaded.v[i][0] = '\0';
	}
	return rc;
}

static int remove_link(struct vscsi_plan *plan, const char *path)
{
	return unlinkat(plan->tree->fd, path, 0) ? -errno : 0;
}

static int write_value(struct vscsi_plan *plan, const struct op *op,
		       const char *value)
{
	AUTO_FREE char *now = NULL;

	if (op->differs && !tree_read(plan->tree, op->path, &now) &&
	    same_value(group_value(strrchr(op->path, '/') + 1, now), value))
		return 0;
	return tree_write(plan->tree, op->path, value);
}

/* Hand a backstore the registrations that were kept for it, once: a second time
 * they would be there twice. Without any, or without a file, all is well.
 */
static int load_reservations(struct vscsi_plan *plan, const char *store,
			     const char *serial)
{
	AUTO(names_free) struct names lines = {};
	AUTO_FREE char *path = text("%s/pr/res_aptpl_metadata", store);

	if (!path)
		return -ENOMEM;
	for (size_t i = 0; i < plan->loaded.n; i++)
		if (!strcmp(plan->loaded.v[i], store))
			return 0;
	int rc = reservations_read(plan->tree, serial, &lines);

	for (size_t i = 0; !rc && i < lines.n; i++)
		rc = tree_write(plan->tree, path, lines.v[i]);
	if (!rc && lines.n)
		rc = names_add(&plan->loaded, store);
	return rc;
}

static int link_again(struct vscsi_plan *plan, const struct op *op)
{
	const char *store = strstr(op->value, CONFIGFS_TARGET "/");

	/* without its reservations a disk is better than no disk */
	if (op->undo && store)
		load_reservations(plan, store + strlen(CONFIGFS_TARGET "/"),
				  op->undo);
	return make_link(plan, op->value, op->path);
}

static int check_free(struct vscsi_plan *plan, const struct op *op)
{
	AUTO_FREE char *path = text("%s/attached", op->path);
	AUTO_FREE char *value = NULL;

	if (!path)
		return -ENOMEM;
	return !tree_read(plan->tree, path, &value) && *value ? -EBUSY : 0;
}

static int do_op(struct vscsi_plan *plan, const struct op *op)
{
	struct stat st;

	switch (op->kind) {
	case OP_MKDIR:
		return make_dir(plan, op->path);
	case OP_RMDIR:
		return remove_dir(plan, op->path);
	case OP_WRITE:
		return write_value(plan, op, op->value);
	case OP_LINK:
		return make_link(plan, op->value, op->path);
	case OP_UNLINK:
		return remove_link(plan, op->path);
	case OP_LOAD_PR:
		return load_reservations(plan, op->path, op->value);
	case OP_CHECK_FREE:
		return check_free(plan, op);
	case OP_CHECK_FILE:
		return stat(op->value, &st) ? -errno : 0;
	case OP_SAVE:
	case OP_SAVE_PR:
		return 0;
	}
	return -EINVAL;
}

static int undo_op(struct vscsi_plan *plan, const struct op *op)
{
	switch (op->kind) {
	case OP_MKDIR:
		return remove_dir(plan, op->path);
	case OP_RMDIR:
		return make_dir(plan, op->path);
	case OP_WRITE:
	case OP_SAVE:
		return op->undo ? write_value(plan, op, op->undo) : 0;
	case OP_LINK:
		return remove_link(plan, op->path);
	case OP_UNLINK:
		return link_again(plan, op);
	case OP_SAVE_PR:
		return load_reservations(plan, op->path, op->value);
	default:
		return 0;
	}
}

static const char *verb(const struct op *op)
{
	switch (op->kind) {
	case OP_MKDIR:
		return "make";
	case OP_RMDIR:
	case OP_UNLINK:
		return "remove";
	case OP_LINK:
		return "link";
	case OP_CHECK_FREE:
		return "take apart";
	case OP_CHECK_FILE:
		return "use";
	default:
		return "write";
	}
}

/* What was tried, where, why it failed, what to do. */
static void explain(struct vscsi_plan *plan, const struct op *op, int error)
{
	bool is_file = op->kind == OP_CHECK_FILE;
	const char *advice = remedy(plan, op, error);
	const char *place = is_file ? op->value
				    : tree_place(plan->tree, op->path);
	bool says = op->kind == OP_WRITE && op->value;

	tree_fail(plan->tree, error, "cannot %s %s%s%s%s: %s%s%s", verb(op),
		  says ? "\"" : "", says ? op->value : "", says ? "\" to " : "",
		  place, strerror(error), advice ? "; " : "", advice ?: "");
}

/* Back to where it began. What cannot be undone is left, and the rest is gone
 * on with: the less differs from before, the better.
 */
static int undo_all(struct vscsi_plan *plan, int rc)
{
	const struct op *failed = NULL, *lost = NULL;
	size_t left = 0;
	int error = 0;

	for (size_t i = plan->n_ops; i-- > 0;) {
		struct op *op = &plan->ops[i];

		if (!op->done)
			continue;
		op->done = false;
		if (op->loses)
			lost = op;
		int undone = undo_op(plan, op);

		if (!undone)
			continue;
		if (!failed) {
			failed = op;
			error = -undone;
		}
		left++;
	}
	if (failed)
		return tree_fail(
			plan->tree, ENOTRECOVERABLE,
			"%s; and %zu operations could not be undone, the first at %s: %s",
			plan->tree->error, left,
			tree_place(plan->tree, failed->path), strerror(error));
	if (lost)
		return tree_fail(
			plan->tree, ENOTRECOVERABLE,
			"%s; all is as it was, but the ramdisk at %s is empty",
			plan->tree->error, tree_place(plan->tree, lost->path));
	return tree_fail(plan->tree, -rc, "%s; nothing is changed",
			 plan->tree->error);
}

/* Did a signal come that was not held off already by the caller? */
static int signal_waits(const sigset_t *before)
{
	sigset_t pending;

	if (sigpending(&pending))
		return 0;
	for (size_t i = 0; i < sizeof(stop_signals) / sizeof(*stop_signals);
	     i++)
		if (sigismember(&pending, stop_signals[i]) == 1 &&
		    sigismember(before, stop_signals[i]) == 0)
			return stop_signals[i];
	return 0;
}

static int run_ops(struct vscsi_plan *plan, const sigset_t *before,
		   void (*progress)(void *, size_t, const char *), void *arg)
{
	size_t step = 0;

	for (size_t i = 0; i < plan->n_ops; i++) {
		struct op *op = &plan->ops[i];

		for (; step < plan->n_steps && plan->steps[step].first == i;
		     step++)
			if (progress)
				progress(arg, step, plan->steps[step].line);
		int signal = signal_waits(before);

		if (signal)
			return tree_fail(plan->tree, EINTR,
					 "stopped by signal %d (%s)", signal,
					 strsignal(signal));
		int rc = do_op(plan, op);

		if (rc && !op->trivial) {
			explain(plan, op, -rc);
			return rc;
		}
		op->done = !rc && !op->bound;
		for (size_t j = i; op->done && j > 0 && plan->ops[j - 1].bound;)
			plan->ops[--j].done = true;
	}
	return 0;
}

/**
 * vscsi_plan_run() - do all steps, or none
 * @plan: the plan
 * @progress: called before each step, or NULL
 * @arg: handed to it
 *
 * SIGPIPE of @progress is delivered afterwards.
 *
 * Return: 0 or a negative errno: -EINTR if a signal came, -ENOTRECOVERABLE if
 * something is not as it was before.
 */
int vscsi_plan_run(struct vscsi_plan *plan,
		   void (*progress)(void *arg, size_t index, const char *step),
		   void *arg)
{
	sigset_t stop, before;

	sigemptyset(&stop);
	for (size_t i = 0; i < sizeof(stop_signals) / sizeof(*stop_signals);
	     i++)
		sigaddset(&stop, stop_signals[i]);
	/* who read the progress may go: no reason to stop, and none to end halfway */
	sigaddset(&stop, SIGPIPE);
	pthread_sigmask(SIG_BLOCK, &stop, &before);
	names_free(&plan->loaded);
	plan->tree->error[0] = '\0';
	int rc = run_ops(plan, &before, progress, arg);

	if (rc)
		rc = undo_all(plan, rc);
	for (size_t i = 0; i < plan->n_ops; i++)
		plan->ops[i].done = false;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return rc;
}
