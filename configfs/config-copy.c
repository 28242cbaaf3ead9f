// SPDX-License-Identifier: GPL-2.0
/*
 * Configurations in memory, continued: ACLs, taking objects away, and the copy
 * that a change begins with.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>

#include "internal.h"

/**
 * vscsi_tpg_add_acl() - add an ACL that maps nothing
 * @tpg: the TPG
 * @initiator: whom it is for
 *
 * Return: the ACL, or NULL with errno EEXIST, EINVAL or ENOMEM.
 */
struct vscsi_acl *vscsi_tpg_add_acl(struct vscsi_tpg *tpg,
				    const char *initiator)
{
	size_t i = 0;

	if (!name_is_good(initiator)) {
		errno = EINVAL;
		return NULL;
	}
	while (i < tpg->n_acls && strcmp(tpg->acls[i].initiator, initiator) < 0)
		i++;
	if (i < tpg->n_acls && !strcmp(tpg->acls[i].initiator, initiator)) {
		errno = EEXIST;
		return NULL;
	}
	char *copy = strdup(initiator);
	struct vscsi_acl *acl =
		copy ? array_insert(&tpg->acls, &tpg->n_acls, sizeof(*acl), i)
		     : NULL;

	if (!acl) {
		free(copy);
		return NULL;
	}
	acl->initiator = copy;
	return acl;
}

/**
 * vscsi_tpg_acl() - find an initiator's ACL
 * @tpg: the TPG
 * @initiator: the initiator
 *
 * Return: the ACL or NULL.
 */
struct vscsi_acl *vscsi_tpg_acl(const struct vscsi_tpg *tpg,
				const char *initiator)
{
	for (size_t i = 0; initiator && i < tpg->n_acls; i++)
		if (!strcmp(tpg->acls[i].initiator, initiator))
			return &tpg->acls[i];
	return NULL;
}

/**
 * vscsi_acl_add_mapped() - show an initiator a LUN
 * @acl: its ACL
 * @index: the LUN as the initiator sees it
 * @lun: the LUN of the TPG
 * @readonly: the initiator may not write
 *
 * Return: the mapped LUN, or NULL with errno EEXIST or ENOMEM.
 */
struct vscsi_mapped *vscsi_acl_add_mapped(struct vscsi_acl *acl,
					  unsigned int index, unsigned int lun,
					  bool readonly)
{
	size_t i = 0;

	while (i < acl->n_mapped && acl->mapped[i].index < index)
		i++;
	if (i < acl->n_mapped && acl->mapped[i].index == index) {
		errno = EEXIST;
		return NULL;
	}
	struct vscsi_mapped *mapped =
		array_insert(&acl->mapped, &acl->n_mapped, sizeof(*mapped), i);

	if (mapped)
		*mapped = (struct vscsi_mapped){ index, lun, readonly };
	return mapped;
}

/**
 * vscsi_config_del_store() - take a backstore away
 * @config: the configuration
 * @kind: its kind
 * @name: its name
 */
void vscsi_config_del_store(struct vscsi_config *config, enum vscsi_kind kind,
			    const char *name)
{
	struct vscsi_store *store = vscsi_config_store(config, kind, name);

	if (!store)
		return;
	free(store->name);
	free(store->path);
	free(store->serial);
	free(store->plugin);
	while (store->attrs.n)
		vscsi_attrs_set(&store->attrs, store->attrs.v[0].name, NULL);
	free(store->attrs.v);
	array_remove(config->stores, &config->n_stores, sizeof(*store),
		     store - config->stores);
}

/**
 * vscsi_tpg_del_lun() - take a LUN away, and what ACLs map of it
 * @tpg: the TPG
 * @index: its number
 */
void vscsi_tpg_del_lun(struct vscsi_tpg *tpg, unsigned int index)
{
	struct vscsi_lun *lun = vscsi_tpg_lun(tpg, index);

	if (!lun)
		return;
	for (size_t i = 0; i < tpg->n_acls; i++) {
		struct vscsi_acl *acl = &tpg->acls[i];

		for (size_t j = acl->n_mapped; j-- > 0;)
			if (acl->mapped[j].lun == index)
				array_remove(acl->mapped, &acl->n_mapped,
					     sizeof(*acl->mapped), j);
	}
	free(lun->store);
	free(lun->alias);
	free(lun->alua);
	array_remove(tpg->luns, &tpg->n_luns, sizeof(*lun), lun - tpg->luns);
}

/**
 * vscsi_tpg_del_acl() - take an ACL away with what it maps
 * @tpg: the TPG
 * @initiator: whose it is
 */
void vscsi_tpg_del_acl(struct vscsi_tpg *tpg, const char *initiator)
{
	struct vscsi_acl *acl = vscsi_tpg_acl(tpg, initiator);

	if (!acl)
		return;
	free(acl->initiator);
	free(acl->mapped);
	array_remove(tpg->acls, &tpg->n_acls, sizeof(*acl), acl - tpg->acls);
}

/**
 * vscsi_target_del_tpg() - take a TPG away with all that it holds
 * @target: the target
 * @tag: its number
 */
void vscsi_target_del_tpg(struct vscsi_target *target, unsigned int tag)
{
	struct vscsi_tpg *tpg = vscsi_target_tpg(target, tag);

	if (!tpg)
		return;
	while (tpg->n_luns)
		vscsi_tpg_del_lun(tpg, tpg->luns[0].index);
	while (tpg->n_acls)
		vscsi_tpg_del_acl(tpg, tpg->acls[0].initiator);
	while (tpg->attrs.n)
		vscsi_attrs_set(&tpg->attrs, tpg->attrs.v[0].name, NULL);
	free(tpg->attrs.v);
	free(tpg->luns);
	free(tpg->acls);
	free(tpg->nexus);
	free(tpg->command);
	array_remove(target->tpgs, &target->n_tpgs, sizeof(*tpg),
		     tpg - target->tpgs);
}

/**
 * vscsi_config_del_target() - take a target away with all that it holds
 * @config: the configuration
 * @wwn: its name
 */
void vscsi_config_del_target(struct vscsi_config *config, const char *wwn)
{
	struct vscsi_target *target = vscsi_config_target(config, wwn);

	if (!target)
		return;
	while (target->n_tpgs)
		vscsi_target_del_tpg(target, target->tpgs[0].tag);
	while (target->params.n)
		vscsi_attrs_set(&target->params, target->params.v[0].name,
				NULL);
	free(target->params.v);
	free(target->tpgs);
	free(target->wwn);
	free(target->label);
	array_remove(config->targets, &config->n_targets, sizeof(*target),
		     target - config->targets);
}

static int attrs_copy(struct vscsi_attrs *to, const struct vscsi_attrs *from)
{
	int rc = 0;

	for (size_t i = 0; !rc && i < from->n; i++)
		rc = vscsi_attrs_set(to, from->v[i].name, from->v[i].value);
	return rc;
}

static int store_copy(struct vscsi_config *config,
		      const struct vscsi_store *from)
{
	struct vscsi_store *to =
		vscsi_config_add_store(config, from->kind, from->name);

	if (!to)
		return -errno;
	to->size = from->size;
	to->buffered = from->buffered;
	to->nullio = from->nullio;
	to->aio = from->aio;
	to->readonly = from->readonly;
	to->enabled = from->enabled;
	to->users = from->users;
	if (vscsi_set(&to->path, from->path) ||
	    vscsi_set(&to->serial, from->serial) ||
	    vscsi_set(&to->plugin, from->plugin))
		return -ENOMEM;
	return attrs_copy(&to->attrs, &from->attrs);
}

static int acl_copy(struct vscsi_tpg *tpg, const struct vscsi_acl *from)
{
	struct vscsi_acl *to = vscsi_tpg_add_acl(tpg, from->initiator);

	if (!to)
		return -errno;
	for (size_t i = 0; i < from->n_mapped; i++)
		if (!vscsi_acl_add_mapped(to, from->mapped[i].index,
					  from->mapped[i].lun,
					  from->mapped[i].readonly))
			return -errno;
	return 0;
}

static int tpg_copy(struct vscsi_target *target, const struct vscsi_tpg *from)
{
	struct vscsi_tpg *to = vscsi_target_add_tpg(target, from->tag);

	if (!to)
		return -errno;
	to->ours = from->ours;
	to->pid = from->pid;
	to->uid = from->uid;
	if (vscsi_set(&to->nexus, from->nexus) ||
	    vscsi_set(&to->command, from->command))
		return -ENOMEM;
	for (size_t i = 0; i < from->n_luns; i++) {
		const struct vscsi_lun *lun = &from->luns[i];
		struct vscsi_lun *copy = vscsi_tpg_add_lun(
			to, lun->index, lun->kind, lun->store);

		if (!copy)
			return -errno;
		if (vscsi_set(&copy->alias, lun->alias) ||
		    vscsi_set(&copy->alua, lun->alua))
			return -ENOMEM;
	}
	int rc = 0;

	for (size_t i = 0; !rc && i < from->n_acls; i++)
		rc = acl_copy(to, &from->acls[i]);
	return rc ?: attrs_copy(&to->attrs, &from->attrs);
}

static int target_copy(struct vscsi_config *config,
		       const struct vscsi_target *from)
{
	struct vscsi_target *to = vscsi_config_add_target(config, from->wwn);

	if (!to)
		return -errno;
	if (vscsi_set(&to->label, from->label))
		return -ENOMEM;
	int rc = attrs_copy(&to->params, &from->params);

	for (size_t i = 0; !rc && i < from->n_tpgs; i++)
		rc = tpg_copy(to, &from->tpgs[i]);
	return rc;
}

/**
 * vscsi_config_copy() - a configuration equal to another
 * @config: the other
 *
 * Return: the caller's to free, or NULL with errno ENOMEM; EINVAL or EEXIST if
 * @config holds what the functions above would not have added.
 */
struct vscsi_config *vscsi_config_copy(const struct vscsi_config *config)
{
	struct vscsi_config *copy = vscsi_config_new();
	int rc = copy ? 0 : -ENOMEM;

	for (size_t i = 0; !rc && i < config->n_stores; i++)
		rc = store_copy(copy, &config->stores[i]);
	for (size_t i = 0; !rc && i < config->n_targets; i++)
		rc = target_copy(copy, &config->targets[i]);
	if (!rc)
		return copy;
	vscsi_config_free(copy);
	errno = -rc;
	return NULL;
}
