// SPDX-License-Identifier: GPL-2.0
/*
 * Making targets, from the root to the leaves. Attributes and ACLs come before the
 * nexus, since LIO looks at them when it makes one; LUNs come after it, so that
 * kept reservations find their initiator.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "plan.h"

/* struct port - a TPG, as the functions of this file hand it on */
struct port {
	struct make *make;
	const char *wwn;
	const struct vscsi_tpg *tpg;
	const struct vscsi_tpg *live; /* NULL: it is new */
	char *dir;
	bool ended; /* the nexus that was there is gone by now */
};

/* Is the LUN still linked, or was it never? */
static bool lun_is_linked(const struct port *port, const struct vscsi_lun *lun)
{
	const struct vscsi_lun *live =
		port->live ? vscsi_tpg_lun(port->live, lun->index) : NULL;

	return live && !port->ended &&
	       fate_of_lun(port->make, port->tpg, live) == STAYS;
}

/* The directory of the backstore, as LIO wants to be told of it. */
static char *store_place(const struct port *port, const struct vscsi_lun *lun)
{
	const struct make *make = port->make;
	const struct vscsi_store *live =
		vscsi_config_store(make->live, lun->kind, lun->store);
	const struct vscsi_plan *plan = make->plan;

	if (live && live->plugin)
		return text("%s/" CONFIGFS_TARGET "/core/%s/%s",
			    make->tree->root, live->plugin, live->name);
	/* one that this plan makes */
	for (size_t i = 0; i < plan->n_ops; i++) {
		const char *path = plan->ops[i].path;
		const char *name = strrchr(path, '/');

		if (plan->ops[i].kind != OP_MKDIR ||
		    strncmp(path, "core/", 5) || strcmp(name + 1, lun->store))
			continue;
		AUTO_FREE char *plugin = strndup(path + 5, name - path - 5);

		if (plugin && kind_of_plugin(plugin) == lun->kind)
			return text("%s/" CONFIGFS_TARGET "/%s",
				    make->tree->root, path);
	}
	return NULL;
}

/* A link must not have the name of one of LIO's files there. */
static const char *alias_of(const struct port *port,
			    const struct vscsi_lun *lun)
{
	const struct vscsi_lun *live =
		port->live ? vscsi_tpg_lun(port->live, lun->index) : NULL;
	const char *alias = lun->alias;

	if (!alias && live && live->kind == lun->kind &&
	    !strcmp(live->store, lun->store))
		alias = live->alias;
	alias = alias ?: lun->store;
	if (!strncmp(alias, "alua_", 5) || !strcmp(alias, "statistics"))
		return "store";
	return alias;
}

static int plan_lun_up(struct port *port, const struct vscsi_lun *lun)
{
	struct vscsi_plan *plan = port->make->plan;
	const struct vscsi_lun *live =
		port->live ? vscsi_tpg_lun(port->live, lun->index) : NULL;
	bool linked = lun_is_linked(port, lun);
	AUTO_FREE char *dir = text("%s/lun/lun_%u", port->dir, lun->index);

	if (!dir)
		return -ENOMEM;
	if (!linked) {
		AUTO_FREE char *place = store_place(port, lun);

		if (!place)
			return tree_fail(
				port->make->tree, ENOENT,
				"cannot find backstore %s/%s of LUN %u of %s",
				vscsi_kind_name(lun->kind), lun->store,
				lun->index, port->wwn);
		step_add(plan, live ? '~' : '+',
			 "link LUN %u of %s TPG %u to %s/%s", lun->index,
			 port->wwn, port->tpg->tag, vscsi_kind_name(lun->kind),
			 lun->store);
		if (!live && !tree_has(port->make->tree, dir))
			op_add(plan, OP_MKDIR, NULL, NULL, "%s", dir);
		op_add(plan, OP_LINK, place, NULL, "%s/%s", dir,
		       alias_of(port, lun));
	}
	const char *was = linked && live->alua ? live->alua
					       : "default_tg_pt_gp";

	if (!lun->alua || !strcmp(lun->alua, was))
		return 0;
	if (linked)
		step_add(plan, '~',
			 "ALUA group of LUN %u of %s TPG %u: %s -> %s",
			 lun->index, port->wwn, port->tpg->tag, was, lun->alua);
	op_add(plan, OP_WRITE, lun->alua, linked ? was : NULL,
	       "%s/alua_tg_pt_gp", dir);
	return 0;
}

static bool mapped_stays(const struct port *port,
			 const struct vscsi_mapped *mapped,
			 const struct vscsi_mapped *live)
{
	const struct vscsi_lun *lun = vscsi_tpg_lun(port->tpg, mapped->lun);

	return live && live->lun == mapped->lun && lun &&
	       lun_is_linked(port, lun);
}

static int plan_mapped_up(struct port *port, const struct vscsi_acl *acl,
			  const struct vscsi_mapped *mapped)
{
	struct vscsi_plan *plan = port->make->plan;
	const struct vscsi_mapped *live = find_mapped(
		find_acl(port->live, acl->initiator), mapped->index);
	bool stays = mapped_stays(port, mapped, live);
	AUTO_FREE char *dir = text("%s/acls/%s/lun_%u", port->dir,
				   acl->initiator, mapped->index);
	AUTO_FREE char *lun = text("%s/" CONFIGFS_TARGET "/%s/lun/lun_%u",
				   port->make->tree->root, port->dir,
				   mapped->lun);

	if (!dir || !lun)
		return -ENOMEM;
	if (stays && live->readonly == mapped->readonly)
		return 0;
	step_add(plan, live ? '~' : '+',
		 "map LUN %u to LUN %u for ACL %s of %s TPG %u, %s",
		 mapped->index, mapped->lun, acl->initiator, port->wwn,
		 port->tpg->tag,
		 mapped->readonly ? "read only" : "to read and write");
	if (!stays) {
		op_add(plan, OP_MKDIR, NULL, NULL, "%s", dir);
		op_add(plan, OP_LINK, lun, NULL, "%s/lun_%u", dir, mapped->lun);
	}
	op_add(plan, OP_WRITE, mapped->readonly ? "1" : "0",
	       !stays		? NULL
	       : live->readonly ? "1"
				: "0",
	       "%s/write_protect", dir)
		->differs = true;
	return 0;
}

static void plan_nexus_up(struct port *port)
{
	const struct vscsi_tpg *tpg = port->tpg;
	AUTO_FREE char *name = whole_nexus(port->wwn, tpg->nexus);

	if (!name) {
		port->make->plan->rc = -ENOMEM;
		return;
	}
	step_add(port->make->plan, port->ended ? '~' : '+',
		 "make nexus %s of %s TPG %u", tpg->nexus, port->wwn, tpg->tag);
	op_add(port->make->plan, OP_WRITE, name, "NULL", "%s/nexus", port->dir);
}

static int plan_tpg_up(struct port *port)
{
	struct vscsi_plan *plan = port->make->plan;
	const struct vscsi_tpg *tpg = port->tpg;
	AUTO_FREE char *attrib = text("%s/attrib", port->dir);
	AUTO_FREE char *of = text("%s TPG %u", port->wwn, tpg->tag);
	int rc = 0;

	if (!attrib || !of)
		return -ENOMEM;
	if (!port->live) {
		step_add(plan, '+', "make TPG %u of %s", tpg->tag, port->wwn);
		op_add(plan, OP_MKDIR, NULL, NULL, "%s", port->dir);
	}
	plan_attrs(port->make, port->live ? &port->live->attrs : NULL,
		   &tpg->attrs, attrib, of);
	for (size_t i = 0; i < tpg->n_acls; i++) {
		if (find_acl(port->live, tpg->acls[i].initiator))
			continue;
		step_add(plan, '+', "make ACL %s of %s", tpg->acls[i].initiator,
			 of);
		op_add(plan, OP_MKDIR, NULL, NULL, "%s/acls/%s", port->dir,
		       tpg->acls[i].initiator);
	}
	if (tpg->nexus && (!port->live || !port->live->nexus || port->ended))
		plan_nexus_up(port);
	for (size_t i = 0; !rc && i < tpg->n_luns; i++)
		rc = plan_lun_up(port, &tpg->luns[i]);
	for (size_t i = 0; !rc && i < tpg->n_acls; i++)
		for (size_t j = 0; !rc && j < tpg->acls[i].n_mapped; j++)
			rc = plan_mapped_up(port, &tpg->acls[i],
					    &tpg->acls[i].mapped[j]);
	return rc;
}

static int plan_target_up(struct make *make, const struct vscsi_target *target)
{
	const struct vscsi_target *live =
		vscsi_config_target(make->live, target->wwn);
	AUTO_FREE char *param = text("vhost/%s/param", target->wwn);
	int rc = 0;

	if (!param)
		return -ENOMEM;
	if (!live) {
		step_add(make->plan, '+', "make target %s", target->wwn);
		op_add(make->plan, OP_MKDIR, NULL, NULL, "vhost/%s",
		       target->wwn);
	}
	plan_attrs(make, live ? &live->params : NULL, &target->params, param,
		   target->wwn);
	for (size_t i = 0; !rc && i < target->n_tpgs; i++) {
		const struct vscsi_tpg *tpg = &target->tpgs[i];
		AUTO_FREE char *dir =
			text("vhost/%s/tpgt_%u", target->wwn, tpg->tag);
		struct port port = {
			.make = make,
			.wwn = target->wwn,
			.tpg = tpg,
			.live = live ? vscsi_target_tpg(live, tpg->tag) : NULL,
			.dir = dir,
		};

		port.ended = port.live && nexus_changes(port.live, tpg);
		rc = dir ? plan_tpg_up(&port) : -ENOMEM;
	}
	return rc;
}

/**
 * plan_targets_up() - make what is wanted and not there
 * @make: the plan
 *
 * Return: 0 or -ENOMEM, which the plan may remember instead.
 */
int plan_targets_up(struct make *make)
{
	int rc = 0;

	if (make->wanted->n_targets && !tree_has(make->tree, "vhost")) {
		step_add(make->plan, '+', "make the fabric vhost");
		op_add(make->plan, OP_MKDIR, NULL, NULL, "vhost");
	}
	for (size_t i = 0; !rc && i < make->wanted->n_targets; i++)
		rc = plan_target_up(make, &make->wanted->targets[i]);
	return rc;
}
