// SPDX-License-Identifier: GPL-2.0
/*
 * Taking targets apart, from the leaves to the root: mapped LUNs, LUNs, the nexus,
 * which LIO does not end while there are LUNs, ACLs, the TPG, the target. Also
 * what must only make room for its successor.
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
	const struct vscsi_tpg *wanted; /* NULL: it goes */
	char *dir;
	bool ends; /* its nexus is ended, which takes all LUNs */
};

/* The link in a directory; LIO shows its target relative to the link, and wants
 * to be given one from the root.
 */
static int find_link(struct make *make, const char *dir, char **name,
		     char **target)
{
	AUTO_FREE char *shown = NULL;
	int rc = tree_link_in(make->tree, dir, name, &shown);

	if (rc)
		return rc;
	const char *below = strncmp(shown, "/", 1) ? strstr(shown, "/target/")
						   : NULL;

	*target = below ? text("%s/" CONFIGFS_TARGET "/%s", make->tree->root,
			       below + strlen("/target/"))
			: strdup(shown);
	return *target ? 0 : -ENOMEM;
}

/* Remove a directory with a link in it, or only the link. With the last link to
 * a backstore of @serial, its reservations end.
 */
static int plan_unlink(struct make *make, const char *dir, bool keep_dir,
		       const char *serial)
{
	AUTO_FREE char *name = NULL;
	AUTO_FREE char *target = NULL;
	int rc = find_link(make, dir, &name, &target);

	if (rc && rc != -ENOENT)
		return rc;
	if (!rc)
		op_add(make->plan, OP_UNLINK, target, serial, "%s/%s", dir,
		       name);
	if (!keep_dir)
		op_add(make->plan, OP_RMDIR, NULL, NULL, "%s", dir);
	return 0;
}

static bool lun_leaves(const struct port *port, unsigned int index)
{
	const struct vscsi_lun *lun = vscsi_tpg_lun(port->tpg, index);

	return port->ends || !lun ||
	       fate_of_lun(port->make, port->wanted, lun) != STAYS;
}

static int plan_acl_down(struct port *port, const struct vscsi_acl *acl)
{
	struct vscsi_plan *plan = port->make->plan;
	const struct vscsi_acl *wanted = find_acl(port->wanted, acl->initiator);
	int rc = 0;

	for (size_t i = 0; !rc && i < acl->n_mapped; i++) {
		const struct vscsi_mapped *mapped = &acl->mapped[i];
		const struct vscsi_mapped *other =
			find_mapped(wanted, mapped->index);
		AUTO_FREE char *dir = text("%s/acls/%s/lun_%u", port->dir,
					   acl->initiator, mapped->index);

		if (!dir)
			return -ENOMEM;
		if (other && other->lun == mapped->lun &&
		    !lun_leaves(port, mapped->lun))
			continue;
		if (!other)
			step_add(plan, '-',
				 "unmap LUN %u of ACL %s of %s TPG %u",
				 mapped->index, acl->initiator, port->wwn,
				 port->tpg->tag);
		op_add(plan, OP_SAVE, NULL, mapped->readonly ? "1" : "0",
		       "%s/write_protect", dir)
			->differs = true;
		rc = plan_unlink(port->make, dir, false, NULL);
	}
	return rc;
}

/* The backstore's serial number if this is its last LUN link, of all fabrics. */
static const char *last_link(struct make *make, const struct vscsi_lun *lun)
{
	const struct vscsi_store *store =
		vscsi_config_store(make->live, lun->kind, lun->store);

	if (!store || store->kind == VSCSI_PSCSI)
		return NULL;
	return ++make->taken[store - make->live->stores] >= store->users
		       ? store->serial
		       : NULL;
}

static int plan_lun_down(struct port *port, const struct vscsi_lun *lun)
{
	enum fate fate = fate_of_lun(port->make, port->wanted, lun);
	AUTO_FREE char *dir = text("%s/lun/lun_%u", port->dir, lun->index);
	struct vscsi_plan *plan = port->make->plan;

	if (!dir)
		return -ENOMEM;
	if (fate == STAYS && !port->ends)
		return 0;
	if (fate == GOES)
		step_add(plan, '-', "remove LUN %u (%s/%s) of %s TPG %u",
			 lun->index, vscsi_kind_name(lun->kind), lun->store,
			 port->wwn, port->tpg->tag);
	else
		step_add(plan, '~', "unlink LUN %u (%s/%s) of %s TPG %u",
			 lun->index, vscsi_kind_name(lun->kind), lun->store,
			 port->wwn, port->tpg->tag);
	if (fate != GOES)
		op_add(plan, OP_CHECK_FREE, NULL, NULL, "%s", port->dir);
	if (lun->alua)
		op_add(plan, OP_SAVE, NULL, lun->alua, "%s/alua_tg_pt_gp", dir);
	return plan_unlink(port->make, dir, fate != GOES,
			   last_link(port->make, lun));
}

/* Directories of LUNs that have no link, which somebody left. */
static int plan_strays(struct port *port, const char *dir)
{
	AUTO(names_free) struct names names = {};
	int rc = tree_list(port->make->tree, dir, &names);

	if (rc)
		return rc == -ENOMEM ? rc : 0;
	for (size_t i = 0; i < names.n; i++) {
		AUTO_FREE char *path = text("%s/%s", dir, names.v[i]);
		AUTO_FREE char *name = NULL;
		AUTO_FREE char *target = NULL;

		if (!path)
			return -ENOMEM;
		if (strncmp(names.v[i], "lun_", 4))
			continue;
		rc = tree_link_in(port->make->tree, path, &name, &target);
		if (rc == -ENOMEM)
			return rc;
		if (rc == -ENOENT)
			op_add(port->make->plan, OP_RMDIR, NULL, NULL, "%s",
			       path);
	}
	return 0;
}

static int plan_acls_gone(struct port *port)
{
	struct vscsi_plan *plan = port->make->plan;
	int rc = 0;

	for (size_t i = 0; !rc && i < port->tpg->n_acls; i++) {
		const char *initiator = port->tpg->acls[i].initiator;
		AUTO_FREE char *dir = text("%s/acls/%s", port->dir, initiator);

		if (!dir)
			return -ENOMEM;
		if (find_acl(port->wanted, initiator))
			continue;
		step_add(plan, '-', "remove ACL %s of %s TPG %u", initiator,
			 port->wwn, port->tpg->tag);
		rc = plan_strays(port, dir);
		op_add(plan, OP_RMDIR, NULL, NULL, "%s", dir);
	}
	return rc;
}

static void save_attrs(struct make *make, const struct vscsi_attrs *attrs,
		       const char *dir)
{
	for (size_t i = 0; i < attrs->n; i++)
		op_add(make->plan, OP_SAVE, NULL, attrs->v[i].value, "%s/%s",
		       dir, attrs->v[i].name)
			->differs = true;
}

static void plan_nexus_down(struct port *port)
{
	const struct vscsi_tpg *tpg = port->tpg;
	AUTO_FREE char *name = whole_nexus(port->wwn, tpg->nexus);

	if (!name) {
		port->make->plan->rc = -ENOMEM;
		return;
	}
	step_add(port->make->plan,
		 port->wanted && port->wanted->nexus ? '~' : '-',
		 "end nexus %s of %s TPG %u", tpg->nexus, port->wwn, tpg->tag);
	op_add(port->make->plan, OP_WRITE, "NULL", name, "%s/nexus", port->dir);
}

static int plan_tpg_down(struct port *port)
{
	struct vscsi_plan *plan = port->make->plan;
	const struct vscsi_tpg *tpg = port->tpg;
	int rc = 0;

	port->ends = tpg->nexus &&
		     (!port->wanted || nexus_changes(tpg, port->wanted));
	if (!port->wanted)
		op_add(plan, OP_CHECK_FREE, NULL, NULL, "%s", port->dir);
	for (size_t i = 0; !rc && i < tpg->n_acls; i++)
		rc = plan_acl_down(port, &tpg->acls[i]);
	for (size_t i = 0; !rc && i < tpg->n_luns; i++)
		rc = plan_lun_down(port, &tpg->luns[i]);
	if (rc)
		return rc;
	if (!port->wanted) {
		AUTO_FREE char *luns = text("%s/lun", port->dir);

		rc = luns ? plan_strays(port, luns) : -ENOMEM;
	}
	if (port->ends)
		plan_nexus_down(port);
	if (!rc)
		rc = plan_acls_gone(port);
	if (rc || port->wanted)
		return rc;
	AUTO_FREE char *attrib = text("%s/attrib", port->dir);

	if (!attrib)
		return -ENOMEM;
	step_add(plan, '-', "remove TPG %u of %s", tpg->tag, port->wwn);
	save_attrs(port->make, &tpg->attrs, attrib);
	op_add(plan, OP_RMDIR, NULL, NULL, "%s", port->dir);
	return 0;
}

static int plan_target_down(struct make *make,
			    const struct vscsi_target *target)
{
	const struct vscsi_target *wanted =
		vscsi_config_target(make->wanted, target->wwn);
	int rc = 0;

	for (size_t i = 0; !rc && i < target->n_tpgs; i++) {
		const struct vscsi_tpg *tpg = &target->tpgs[i];
		AUTO_FREE char *dir =
			text("vhost/%s/tpgt_%u", target->wwn, tpg->tag);
		struct port port = {
			.make = make,
			.wwn = target->wwn,
			.tpg = tpg,
			.wanted = wanted ? vscsi_target_tpg(wanted, tpg->tag)
					 : NULL,
			.dir = dir,
		};

		rc = dir ? plan_tpg_down(&port) : -ENOMEM;
	}
	if (rc || wanted)
		return rc;
	AUTO_FREE char *param = text("vhost/%s/param", target->wwn);

	if (!param)
		return -ENOMEM;
	step_add(make->plan, '-', "remove target %s", target->wwn);
	save_attrs(make, &target->params, param);
	op_add(make->plan, OP_RMDIR, NULL, NULL, "vhost/%s", target->wwn);
	return 0;
}

/**
 * plan_targets_down() - take away what goes, and what must make room
 * @make: the plan
 *
 * Return: 0 or a negative errno; if memory was short, the plan may remember it
 * instead.
 */
int plan_targets_down(struct make *make)
{
	int rc = 0;

	for (size_t i = 0; !rc && i < make->live->n_targets; i++)
		rc = plan_target_down(make, &make->live->targets[i]);
	return rc;
}
