// SPDX-License-Identifier: GPL-2.0
/*
 * Parts of configurations: taken over from one into another.
 */
#include <string.h>
#include <sys/stat.h>

#include "config.h"

/* The library's failures here are of memory, or of names that were good before. */
static void must(bool ok)
{
	if (!ok) {
		ui_error("out of memory");
		exit(ST_FAILED);
	}
}

static void set(char **string, const char *value)
{
	must(!vscsi_set(string, value));
}

/**
 * text_is() - whether two texts are the same
 * @a: one; NULL is no text
 * @b: the other
 *
 * Return: whether both are no text, or they are equal.
 */
bool text_is(const char *a, const char *b)
{
	return !strcmp(a ? a : "", b ? b : "");
}

/**
 * config_take_attrs() - set attributes to what they are elsewhere
 * @attrs: the attributes
 * @from: and where they are taken from
 */
void config_take_attrs(struct vscsi_attrs *attrs,
		       const struct vscsi_attrs *from)
{
	for (size_t i = 0; i < from->n; i++)
		must(!vscsi_attrs_set(attrs, from->v[i].name,
				      from->v[i].value));
}

/**
 * config_take_store() - take a backstore over
 * @config: where it goes
 * @from: the backstore
 *
 * Return: the copy.
 */
struct vscsi_store *config_take_store(struct vscsi_config *config,
				      const struct vscsi_store *from)
{
	vscsi_config_del_store(config, from->kind, from->name);
	struct vscsi_store *store =
		vscsi_config_add_store(config, from->kind, from->name);

	must(store);
	set(&store->path, from->path);
	store->size = from->size;
	store->buffered = from->buffered;
	store->nullio = from->nullio;
	store->aio = from->aio;
	store->readonly = from->readonly;
	set(&store->serial, from->serial);
	config_take_attrs(&store->attrs, &from->attrs);
	return store;
}

/* Do two paths lead to the same file or device? */
static bool same_place(enum vscsi_kind kind, const char *a, const char *b)
{
	struct stat st_a, st_b;

	/* what is not known is not held against it */
	if (!a || !b || !strcmp(a, b))
		return true;
	/* a SCSI device may be given by its address */
	if (kind == VSCSI_PSCSI && (*a == '/') != (*b == '/'))
		return true;
	if (kind == VSCSI_USER || stat(a, &st_a) || stat(b, &st_b) ||
	    (st_a.st_mode & S_IFMT) != (st_b.st_mode & S_IFMT))
		return false;
	return S_ISREG(st_a.st_mode) ? st_a.st_dev == st_b.st_dev &&
					       st_a.st_ino == st_b.st_ino
				     : st_a.st_rdev == st_b.st_rdev;
}

/**
 * store_differs() - whether a backstore that is there is another than the saved one
 * @saved: the saved one
 * @there: the one of its kind and name that is there
 *
 * Those that have a path are the same if their data is. Memory has a serial number
 * only, and a size.
 *
 * Return: what differs, for people and to be freed; NULL if it is the same.
 */
char *store_differs(const struct vscsi_store *saved,
		    const struct vscsi_store *there)
{
	if (!same_place(saved->kind, saved->path, there->path))
		return ui_format("its path is %s", there->path);
	if (saved->kind != VSCSI_RAMDISK)
		return NULL;
	if (saved->serial && there->serial)
		return strcmp(saved->serial, there->serial)
			       ? ui_format("its serial is %s", there->serial)
			       : NULL;
	AUTO_FREE char *size = ui_size(there->size);

	return saved->size == there->size ? NULL
					  : ui_format("its size is %s", size);
}

/**
 * config_take_lun() - take a LUN over
 * @tpg: where it goes; what ACLs map of a LUN of that number stays mapped
 * @from: the LUN
 *
 * Return: the copy.
 */
struct vscsi_lun *config_take_lun(struct vscsi_tpg *tpg,
				  const struct vscsi_lun *from)
{
	struct vscsi_lun *lun = vscsi_tpg_lun(tpg, from->index);

	if (!lun)
		lun = vscsi_tpg_add_lun(tpg, from->index, from->kind,
					from->store);
	must(lun);
	lun->kind = from->kind;
	set(&lun->store, from->store);
	set(&lun->alias, from->alias);
	set(&lun->alua, from->alua);
	return lun;
}

/**
 * config_take_acl() - take an ACL over with all that it maps
 * @tpg: where it goes
 * @from: the ACL
 */
void config_take_acl(struct vscsi_tpg *tpg, const struct vscsi_acl *from)
{
	vscsi_tpg_del_acl(tpg, from->initiator);
	struct vscsi_acl *acl = vscsi_tpg_add_acl(tpg, from->initiator);

	must(acl);
	for (size_t i = 0; i < from->n_mapped; i++)
		must(vscsi_acl_add_mapped(acl, from->mapped[i].index,
					  from->mapped[i].lun,
					  from->mapped[i].readonly));
}

/**
 * config_take_bare_target() - take a target over without its TPGs
 * @config: where it goes; if it is there, it gets the name and the parameters
 * @from: the target
 *
 * Return: the copy.
 */
struct vscsi_target *config_take_bare_target(struct vscsi_config *config,
					     const struct vscsi_target *from)
{
	struct vscsi_target *target = vscsi_config_target(config, from->wwn);

	if (!target)
		target = vscsi_config_add_target(config, from->wwn);
	must(target);
	if (from->label)
		set(&target->label, from->label);
	config_take_attrs(&target->params, &from->params);
	return target;
}

/**
 * config_take_bare_tpg() - take a TPG over without its LUNs and ACLs
 * @target: where it goes; if it is there, it gets the nexus and the attributes
 * @from: the TPG
 *
 * Return: the copy.
 */
struct vscsi_tpg *config_take_bare_tpg(struct vscsi_target *target,
				       const struct vscsi_tpg *from)
{
	struct vscsi_tpg *tpg = vscsi_target_tpg(target, from->tag);

	if (!tpg)
		tpg = vscsi_target_add_tpg(target, from->tag);
	must(tpg);
	set(&tpg->nexus, from->nexus);
	config_take_attrs(&tpg->attrs, &from->attrs);
	return tpg;
}

/**
 * config_take_target() - take a target over with all that it holds
 * @config: where it goes
 * @from: the target
 *
 * Return: the copy.
 */
struct vscsi_target *config_take_target(struct vscsi_config *config,
					const struct vscsi_target *from)
{
	vscsi_config_del_target(config, from->wwn);
	struct vscsi_target *target = config_take_bare_target(config, from);

	for (size_t i = 0; i < from->n_tpgs; i++) {
		const struct vscsi_tpg *old = &from->tpgs[i];
		struct vscsi_tpg *tpg = config_take_bare_tpg(target, old);

		for (size_t k = 0; k < old->n_luns; k++)
			config_take_lun(tpg, &old->luns[k]);
		for (size_t k = 0; k < old->n_acls; k++)
			config_take_acl(tpg, &old->acls[k]);
	}
	return target;
}

/**
 * config_uses() - how many LUNs are a backstore
 * @config: their targets
 * @store: the backstore
 *
 * Return: how many.
 */
size_t config_uses(const struct vscsi_config *config,
		   const struct vscsi_store *store)
{
	size_t uses = 0;

	for (size_t i = 0; i < config->n_targets; i++) {
		const struct vscsi_target *target = &config->targets[i];

		for (size_t k = 0; k < target->n_tpgs; k++) {
			const struct vscsi_tpg *tpg = &target->tpgs[k];

			for (size_t m = 0; m < tpg->n_luns; m++)
				uses += tpg->luns[m].kind == store->kind &&
					!strcmp(tpg->luns[m].store,
						store->name);
		}
	}
	return uses;
}

/**
 * config_label() - the target of a name
 * @config: where to look
 * @label: the name
 *
 * Return: the target, or NULL.
 */
struct vscsi_target *config_label(const struct vscsi_config *config,
				  const char *label)
{
	for (size_t i = 0; i < config->n_targets; i++)
		if (config->targets[i].label &&
		    !strcmp(config->targets[i].label, label))
			return &config->targets[i];
	return NULL;
}

/**
 * called() - what a target is called in messages
 * @target: the target
 *
 * Return: its name, or its WWN if it has none.
 */
const char *called(const struct vscsi_target *target)
{
	return target->label ? target->label : target->wwn;
}

/**
 * is_device() - is there a block device?
 * @path: its path, or NULL
 *
 * Return: true if so.
 */
bool is_device(const char *path)
{
	struct stat st;

	return path && !stat(path, &st) && S_ISBLK(st.st_mode);
}
