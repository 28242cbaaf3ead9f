// SPDX-License-Identifier: GPL-2.0
/*
 * What is refused before anything is changed: what cannot be, and what a guest or
 * another fabric would lose.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include "plan.h"

#define PATH_LIMIT_FILEIO 255 /* LIO's, as the next two */
#define PATH_LIMIT_BLOCK 511
#define PATH_LIMIT_USER 255
#define SERIAL_LIMIT 253

static int check_attrs(struct make *make, const struct vscsi_attrs *attrs,
		       const char *of)
{
	for (size_t i = 0; i < attrs->n; i++) {
		const char *name = attrs->v[i].name;

		if (!name_is_good(name))
			return tree_fail(make->tree, EINVAL,
					 "\"%s\" is no attribute of %s", name,
					 of);
		if (!value_is_good(attrs->v[i].value, VALUE_MAX - 2))
			return tree_fail(
				make->tree, EINVAL,
				"attribute %s of %s: the value must be one line of less than 4095 characters",
				name, of);
	}
	return 0;
}

/* What is wrong with a path that LIO is to take out of a list of words. */
static const char *path_wrong(const struct vscsi_store *store)
{
	size_t limit = store->kind == VSCSI_FILEIO ? PATH_LIMIT_FILEIO
		       : store->kind == VSCSI_USER ? PATH_LIMIT_USER
						   : PATH_LIMIT_BLOCK;

	if (!store->path || !*store->path)
		return store->kind == VSCSI_USER
			       ? "has no handler's configuration"
			       : "has no path";
	if (store->kind != VSCSI_USER && store->kind != VSCSI_PSCSI &&
	    *store->path != '/')
		return "needs a path that begins with a slash";
	if (strchr(store->path, ','))
		return "has a comma in its path, which LIO takes for the path's end";
	if (!value_is_good(store->path, limit))
		return "has a path that is too long for LIO, or has control characters";
	return NULL;
}

/* LIO has to be told how large it shall be, but of a device. */
static bool lacks_size(const struct vscsi_store *store)
{
	struct stat st;

	if (size_wanted(store))
		return false;
	if (store->kind == VSCSI_RAMDISK || store->kind == VSCSI_USER)
		return true;
	/* a device that is not there is told when it is looked for */
	return store->kind == VSCSI_FILEIO && !store->size &&
	       strncmp(store->path, "/dev/", 5) &&
	       (stat(store->path, &st) || !S_ISBLK(st.st_mode));
}

/**
 * check_new_store() - can a backstore be made as it is wanted?
 * @make: the plan
 * @store: the wanted backstore
 *
 * Return: 0 if so; -EINVAL; or -EBUSY if it is a file on a device that is in use.
 */
int check_new_store(struct make *make, const struct vscsi_store *store)
{
	const char *kind = vscsi_kind_name(store->kind);
	const char *wrong = NULL;
	uint64_t size = size_wanted(store);

	if (store->kind < VSCSI_BLOCK || store->kind >= VSCSI_OTHER)
		wrong = "is of a kind that cannot be made";
	else if (store->kind != VSCSI_RAMDISK)
		wrong = path_wrong(store);
	if (!wrong && lacks_size(store))
		wrong = "has no size";
	if (!wrong && store->kind == VSCSI_RAMDISK &&
	    size / sysconf(_SC_PAGESIZE) > INT_MAX)
		wrong = "is larger than LIO can make a ramdisk";
	if (!wrong && store->kind == VSCSI_FILEIO && size && size < 512)
		wrong = "is smaller than a block of 512 bytes";
	if (wrong)
		return tree_fail(make->tree, EINVAL, "backstore %s/%s %s", kind,
				 store->name, wrong);
	return check_not_taken(make, store);
}

static int check_store(struct make *make, const struct vscsi_store *store)
{
	AUTO_FREE char *of =
		text("%s/%s", vscsi_kind_name(store->kind), store->name);

	if (!of)
		return -ENOMEM;
	if (!name_is_good(store->name))
		return tree_fail(make->tree, EINVAL,
				 "\"%s\" is no name for a backstore",
				 store->name);
	if (store->serial && !value_is_good(store->serial, SERIAL_LIMIT))
		return tree_fail(
			make->tree, EINVAL,
			"backstore %s: the serial number must be one line of at most 253 characters",
			of);
	if (!vscsi_config_store(make->live, store->kind, store->name)) {
		int rc = check_new_store(make, store);

		if (rc)
			return rc;
	}
	return check_attrs(make, &store->attrs, of);
}

/* naa. and fc. and iqn. do not mix; LIO shows names of fc. without that. */
static bool is_initiator(const char *wwn, const char *initiator)
{
	size_t length = strcspn(wwn, ".") + 1;

	if (!name_is_good(initiator) || strlen(initiator) > VSCSI_WWN_MAX)
		return false;
	return !strncmp(wwn, "fc.", 3) || !strncmp(wwn, initiator, length);
}

static const struct vscsi_tpg *live_tpg_of(const struct make *make,
					   const struct vscsi_target *target,
					   const struct vscsi_tpg *tpg)
{
	const struct vscsi_target *live =
		vscsi_config_target(make->live, target->wwn);

	return live ? vscsi_target_tpg(live, tpg->tag) : NULL;
}

static int check_lun(struct make *make, const struct vscsi_target *target,
		     const struct vscsi_tpg *tpg, const struct vscsi_lun *lun)
{
	const struct vscsi_tpg *live_tpg = live_tpg_of(make, target, tpg);
	const struct vscsi_lun *live_lun =
		live_tpg ? vscsi_tpg_lun(live_tpg, lun->index) : NULL;

	/* what is there, somebody has made */
	if (live_lun && live_lun->kind == lun->kind &&
	    !strcmp(live_lun->store, lun->store) &&
	    (!vscsi_config_store(make->live, lun->kind, lun->store) ||
	     vscsi_config_store(make->wanted, lun->kind, lun->store)))
		return 0;
	if (lun->index > VSCSI_LUN_MAX)
		return tree_fail(
			make->tree, EINVAL,
			"LUN %u of %s TPG %u: a guest reaches LUNs 0 to %u",
			lun->index, target->wwn, tpg->tag, VSCSI_LUN_MAX);
	if (!vscsi_config_store(make->wanted, lun->kind, lun->store))
		return tree_fail(
			make->tree, EINVAL,
			"LUN %u of %s TPG %u: there is no backstore %s/%s",
			lun->index, target->wwn, tpg->tag,
			vscsi_kind_name(lun->kind), lun->store);
	if (lun->alias && !name_is_good(lun->alias))
		return tree_fail(
			make->tree, EINVAL,
			"LUN %u of %s TPG %u: \"%s\" is no name for a link",
			lun->index, target->wwn, tpg->tag, lun->alias);
	return 0;
}

static int check_acl(struct make *make, const struct vscsi_target *target,
		     const struct vscsi_tpg *tpg, const struct vscsi_acl *acl)
{
	if (!find_acl(live_tpg_of(make, target, tpg), acl->initiator) &&
	    !is_initiator(target->wwn, acl->initiator))
		return tree_fail(
			make->tree, EINVAL,
			"ACL \"%s\" of %s TPG %u: an initiator's name begins as the target's does",
			acl->initiator, target->wwn, tpg->tag);
	for (size_t i = 0; i < acl->n_mapped; i++)
		if (!vscsi_tpg_lun(tpg, acl->mapped[i].lun))
			return tree_fail(
				make->tree, EINVAL,
				"ACL %s of %s TPG %u: there is no LUN %u to be mapped",
				acl->initiator, target->wwn, tpg->tag,
				acl->mapped[i].lun);
	return 0;
}

static int check_tpg(struct make *make, const struct vscsi_target *target,
		     const struct vscsi_tpg *tpg)
{
	AUTO_FREE char *of = text("%s TPG %u", target->wwn, tpg->tag);
	const struct vscsi_tpg *live = live_tpg_of(make, target, tpg);
	int rc = 0;

	if (!of)
		return -ENOMEM;
	if (tpg->nexus && !(live && same_nexus(live->nexus, tpg->nexus)) &&
	    !is_initiator(target->wwn, tpg->nexus))
		return tree_fail(
			make->tree, EINVAL,
			"nexus \"%s\" of %s: an initiator's name begins as the target's does, with naa., fc. or iqn.",
			tpg->nexus, of);
	for (size_t i = 0; !rc && i < tpg->n_luns; i++)
		rc = check_lun(make, target, tpg, &tpg->luns[i]);
	for (size_t i = 0; !rc && i < tpg->n_acls; i++)
		rc = check_acl(make, target, tpg, &tpg->acls[i]);
	return rc ?: check_attrs(make, &tpg->attrs, of);
}

/**
 * check_wanted() - can the wanted configuration be?
 * @make: the plan
 *
 * Return: 0, -EINVAL or -ENOMEM.
 */
int check_wanted(struct make *make)
{
	const struct vscsi_config *wanted = make->wanted;
	int rc = 0;

	for (size_t i = 0; !rc && i < wanted->n_stores; i++)
		rc = check_store(make, &wanted->stores[i]);
	for (size_t i = 0; !rc && i < wanted->n_targets; i++) {
		const struct vscsi_target *target = &wanted->targets[i];
		const char *wrong = vscsi_wwn_wrong(target->wwn, false);

		if (wrong)
			return tree_fail(make->tree, EINVAL, "target \"%s\" %s",
					 target->wwn, wrong);
		rc = check_attrs(make, &target->params, target->wwn);
		for (size_t j = 0; !rc && j < target->n_tpgs; j++)
			rc = check_tpg(make, target, &target->tpgs[j]);
	}
	return rc;
}
