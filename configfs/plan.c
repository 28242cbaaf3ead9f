// SPDX-License-Identifier: GPL-2.0
/*
 * A plan as an object, and how one is made: what goes away goes first, as it may
 * have what is new in its place; then backstores come, then targets; last go
 * ramdisks, whose data no undoing brings back.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "plan.h"

/**
 * step_add() - begin a step
 * @plan: the plan; remembers if memory was short
 * @sign: '+', '-' or '~'
 * @format: its line
 */
void step_add(struct vscsi_plan *plan, char sign, const char *format, ...)
{
	va_list args;
	char *line;

	va_start(args, format);
	int rc = vasprintf(&line, format, args);
	va_end(args);
	struct step *step = rc < 0 ? NULL
				   : array_insert(&plan->steps, &plan->n_steps,
						  sizeof(*step), plan->n_steps);

	if (!step) {
		if (rc >= 0)
			free(line);
		plan->rc = -ENOMEM;
		return;
	}
	*step = (struct step){ sign, line, plan->n_ops };
}

/**
 * op_add() - add an operation to the last step
 * @plan: the plan; remembers if memory was short
 * @kind: what it does
 * @value: what is written or linked to, or NULL
 * @undo: what is written to undo it, or NULL
 * @format: its path
 *
 * Return: the operation; one that is thrown away if memory was short.
 */
struct op *op_add(struct vscsi_plan *plan, enum op_kind kind, const char *value,
		  const char *undo, const char *format, ...)
{
	static __thread struct op lost;
	struct op op = { .kind = kind, .bound = kind == OP_SAVE };
	va_list args;

	va_start(args, format);
	int rc = vasprintf(&op.path, format, args);
	va_end(args);
	if (rc < 0)
		op.path = NULL;
	if (op.path && !vscsi_set(&op.value, value) &&
	    !vscsi_set(&op.undo, undo)) {
		struct op *added = array_insert(&plan->ops, &plan->n_ops,
						sizeof(op), plan->n_ops);

		if (added) {
			*added = op;
			return added;
		}
	}
	free(op.path);
	free(op.value);
	free(op.undo);
	plan->rc = -ENOMEM;
	return &lost;
}

/**
 * vscsi_plan_free() - free a plan
 * @plan: the plan, or NULL
 */
void vscsi_plan_free(struct vscsi_plan *plan)
{
	if (!plan)
		return;
	for (size_t i = 0; i < plan->n_ops; i++) {
		free(plan->ops[i].path);
		free(plan->ops[i].value);
		free(plan->ops[i].undo);
	}
	for (size_t i = 0; i < plan->n_steps; i++)
		free(plan->steps[i].line);
	names_free(&plan->loaded);
	free(plan->ops);
	free(plan->steps);
	free(plan);
}

/**
 * vscsi_plan_steps() - count the steps
 * @plan: the plan
 *
 * Return: how many there are.
 */
size_t vscsi_plan_steps(const struct vscsi_plan *plan)
{
	return plan->n_steps;
}

/**
 * vscsi_plan_step() - a step as a line for people
 * @plan: the plan
 * @index: which step
 *
 * Return: the line, which the plan keeps; NULL if there is no such step.
 */
const char *vscsi_plan_step(const struct vscsi_plan *plan, size_t index)
{
	return index < plan->n_steps ? plan->steps[index].line : NULL;
}

/**
 * vscsi_plan_sign() - what kind of change a step is
 * @plan: the plan
 * @index: which step
 *
 * Return: '+' if something comes, '-' if it goes, '~' if it changes; ' ' if
 * there is no such step.
 */
char vscsi_plan_sign(const struct vscsi_plan *plan, size_t index)
{
	return index < plan->n_steps ? plan->steps[index].sign : ' ';
}

static bool is_lossy(const struct vscsi_store *store)
{
	return store->kind == VSCSI_RAMDISK && store->enabled;
}

static int plan_stores_down(struct make *make, bool lossy)
{
	const struct vscsi_config *live = make->live;
	int rc = 0;

	for (size_t i = 0; !rc && i < live->n_stores; i++)
		if (make->stores[i] != STAYS &&
		    is_lossy(&live->stores[i]) == lossy)
			rc = plan_gone_store(make, &live->stores[i],
					     make->stores[i] == RETURNS);
	return rc;
}

/* Registrations end with the last LUN link; they are kept in a file, and can
 * only be loaded while there is none.
 */
static void plan_reservations(struct make *make)
{
	for (size_t i = 0; i < make->live->n_stores; i++) {
		const struct vscsi_store *store = &make->live->stores[i];

		if (make->stores[i] == STAYS && make->relinked[i] &&
		    make->unlinked[i] >= store->users && store->serial)
			op_add(make->plan, OP_LOAD_PR, store->serial, NULL,
			       "core/%s/%s", store->plugin, store->name);
	}
}

static void plan_kept_store(struct make *make, const struct vscsi_store *live,
			    const struct vscsi_store *wanted)
{
	AUTO_FREE char *dir =
		text("core/%s/%s/attrib", live->plugin, live->name);
	AUTO_FREE char *of =
		text("%s/%s", vscsi_kind_name(live->kind), live->name);
	char size[32];

	if (!dir || !of) {
		make->plan->rc = -ENOMEM;
		return;
	}
	/* the same device by another name, which is shown and saved from now on */
	if ((live->kind == VSCSI_PSCSI || live->kind == VSCSI_BLOCK) &&
	    live->path && wanted->path && strcmp(live->path, wanted->path)) {
		step_add(make->plan, '~', "path of %s: %s -> %s", of,
			 live->path, wanted->path);
		op_add(make->plan, OP_WRITE, wanted->path, live->path,
		       "core/%s/%s/udev_path", live->plugin, live->name);
	}
	if (serial_changes(live, wanted)) {
		step_add(make->plan, '~', "serial of %s: %s -> %s", of,
			 live->serial ?: "none", wanted->serial);
		op_add(make->plan, OP_WRITE, wanted->serial, live->serial ?: "",
		       "core/%s/%s/wwn/vpd_unit_serial", live->plugin,
		       live->name);
	}
	if (live->kind == VSCSI_USER && wanted->size &&
	    wanted->size != live->size) {
		AUTO_FREE char *to =
			text("%llu", (unsigned long long)wanted->size);
		AUTO_FREE char *from =
			text("%llu", (unsigned long long)live->size);

		step_add(make->plan, '~', "size of %s: now %s", of,
			 size_text(wanted->size, size));
		op_add(make->plan, OP_WRITE, to, from, "%s/dev_size", dir);
	}
	plan_attrs(make, &live->attrs, &wanted->attrs, dir, of);
}

static int plan_stores_up(struct make *make)
{
	const struct vscsi_config *wanted = make->wanted;
	int rc = 0;

	for (size_t i = 0; !rc && i < wanted->n_stores; i++) {
		const struct vscsi_store *store = &wanted->stores[i];
		const struct vscsi_store *live = vscsi_config_store(
			make->live, store->kind, store->name);

		if (live && make->stores[live - make->live->stores] == STAYS) {
			plan_kept_store(make, live, store);
			continue;
		}
		AUTO_FREE char *plugin = live ? strdup(live->plugin)
					      : free_plugin(make, store->kind);

		if (!plugin)
			return -ENOMEM;
		const char *serial = store->serial;

		if (!serial && live)
			serial = live->serial;
		rc = plan_new_store(make, store, plugin, serial);
		if (!rc && live) {
			AUTO_FREE char *dir =
				text("core/%s/%s", plugin, store->name);

			rc = dir ? plan_groups(make, dir, true) : -ENOMEM;
		}
	}
	return rc;
}

static int make_all(struct make *make)
{
	int rc = check_wanted(make);

	if (!rc)
		rc = decide_fates(make);
	if (!rc)
		rc = check_in_use(make);
	if (!rc)
		rc = plan_targets_down(make);
	if (!rc)
		rc = plan_stores_down(make, false);
	if (!rc)
		rc = plan_stores_up(make);
	if (!rc) {
		plan_reservations(make);
		rc = plan_targets_up(make);
	}
	if (!rc)
		rc = plan_stores_down(make, true);
	return rc ?: make->plan->rc;
}

/**
 * vscsi_plan_make() - the way from one configuration to another
 * @tree: the tree
 * @live: what is there
 * @wanted: what shall be there
 * @plan: the caller's to free
 *
 * Return: 0 or a negative errno, explained by vscsi_tree_error(): -EINVAL if
 * @wanted cannot be; -EBUSY if a guest or another fabric would lose what it
 * uses, or the host uses what a new backstore would be on; -EPERM if data would
 * be lost; -EOPNOTSUPP if a backstore would go that could not be made again.
 */
int vscsi_plan_make(struct vscsi_tree *tree, const struct vscsi_config *live,
		    const struct vscsi_config *wanted, struct vscsi_plan **plan)
{
	struct make make = { .tree = tree, .live = live, .wanted = wanted };
	int rc = -ENOMEM;

	*plan = NULL;
	tree->error[0] = '\0';
	make.plan = calloc(1, sizeof(*make.plan));
	make.stores = calloc(live->n_stores + 1, sizeof(*make.stores));
	make.relinked = calloc(live->n_stores + 1, sizeof(*make.relinked));
	make.unlinked = calloc(live->n_stores + 1, sizeof(*make.unlinked));
	make.taken = calloc(live->n_stores + 1, sizeof(*make.taken));
	if (make.plan && make.stores && make.relinked && make.unlinked &&
	    make.taken) {
		make.plan->tree = tree;
		rc = make_all(&make);
	}
	free(make.stores);
	free(make.relinked);
	free(make.unlinked);
	free(make.taken);
	free(make.hbas.taken);
	names_free(&make.holders);
	if (!rc) {
		*plan = make.plan;
		return 0;
	}
	vscsi_plan_free(make.plan);
	if (!tree->error[0])
		tree_fail(tree, -rc, "cannot plan the change: %s",
			  strerror(-rc));
	return rc;
}
