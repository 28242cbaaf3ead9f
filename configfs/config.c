// SPDX-License-Identifier: GPL-2.0
/*
 * Configurations in memory: what can be added, found, copied and taken away.
 * All arrays are kept sorted, so that two configurations are compared by going
 * through both and a list looks the same each time.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>

#include "internal.h"

/**
 * array_insert() - make room in an array
 * @array: address of the pointer to the array
 * @n: its length, which grows
 * @size: bytes of an element
 * @at: where the new one is to be
 *
 * Return: the new element, all zero, or NULL with errno ENOMEM.
 */
void *array_insert(void *array, size_t *n, size_t size, size_t at)
{
	char *v = realloc(*(void **)array, (*n + 1) * size);

	if (!v)
		return NULL;
	*(void **)array = v;
	memmove(v + (at + 1) * size, v + at * size, (*n - at) * size);
	memset(v + at * size, 0, size);
	++*n;
	return v + at * size;
}

/**
 * array_remove() - close the gap of an element
 * @array: the array
 * @n: its length, which shrinks
 * @size: bytes of an element
 * @at: the element, which owns nothing any more
 */
void array_remove(void *array, size_t *n, size_t size, size_t at)
{
	char *v = array;

	memmove(v + at * size, v + (at + 1) * size, (*n - at - 1) * size);
	--*n;
}

/**
 * vscsi_set() - replace a string of a structure
 * @string: the string
 * @value: what is copied, or NULL
 *
 * Return: 0; or -ENOMEM, and the string is as it was.
 */
int vscsi_set(char **string, const char *value)
{
	char *copy = NULL;

	if (value) {
		copy = strdup(value);
		if (!copy)
			return -ENOMEM;
	}
	free(*string);
	*string = copy;
	return 0;
}

/* Where @name is or belongs; *@found says which. */
static size_t attrs_find(const struct vscsi_attrs *attrs, const char *name,
			 bool *found)
{
	size_t i = 0;
	int order = 1;

	while (i < attrs->n && (order = strcmp(attrs->v[i].name, name)) < 0)
		i++;
	*found = i < attrs->n && !order;
	return i;
}

/**
 * vscsi_attrs_get() - look up the value of an attribute
 * @attrs: the attributes
 * @name: its name
 *
 * Return: the value, which @attrs keeps, or NULL.
 */
const char *vscsi_attrs_get(const struct vscsi_attrs *attrs, const char *name)
{
	bool found;
	size_t i = attrs_find(attrs, name, &found);

	return found ? attrs->v[i].value : NULL;
}

/**
 * vscsi_attrs_set() - give an attribute a value
 * @attrs: the attributes
 * @name: its name
 * @value: its value; NULL takes it away
 *
 * Return: 0, also if there was nothing to take away; or -ENOMEM, and
 * nothing is changed.
 */
int vscsi_attrs_set(struct vscsi_attrs *attrs, const char *name,
		    const char *value)
{
	bool found;
	size_t i = attrs_find(attrs, name, &found);

	if (found && value)
		return vscsi_set(&attrs->v[i].value, value);
	if (found) {
		free(attrs->v[i].name);
		free(attrs->v[i].value);
		array_remove(attrs->v, &attrs->n, sizeof(*attrs->v), i);
		return 0;
	}
	if (!value)
		return 0;
	AUTO_FREE char *its_name = strdup(name);
	AUTO_FREE char *its_value = strdup(value);

	if (!its_name || !its_value ||
	    !array_insert(&attrs->v, &attrs->n, sizeof(*attrs->v), i))
		return -ENOMEM;
	attrs->v[i] = (struct vscsi_attr){ its_name, its_value };
	its_name = its_value = NULL;
	return 0;
}

static void attrs_clear(struct vscsi_attrs *attrs)
{
	for (size_t i = 0; i < attrs->n; i++) {
		free(attrs->v[i].name);
		free(attrs->v[i].value);
	}
	free(attrs->v);
}

static void store_clear(struct vscsi_store *store)
{
	free(store->name);
	free(store->path);
	free(store->serial);
	free(store->plugin);
	attrs_clear(&store->attrs);
}

static void lun_clear(struct vscsi_lun *lun)
{
	free(lun->store);
	free(lun->alias);
	free(lun->alua);
}

static void acl_clear(struct vscsi_acl *acl)
{
	free(acl->initiator);
	free(acl->mapped);
}

static void tpg_clear(struct vscsi_tpg *tpg)
{
	for (size_t i = 0; i < tpg->n_luns; i++)
		lun_clear(&tpg->luns[i]);
	for (size_t i = 0; i < tpg->n_acls; i++)
		acl_clear(&tpg->acls[i]);
	free(tpg->luns);
	free(tpg->acls);
	free(tpg->nexus);
	free(tpg->command);
	attrs_clear(&tpg->attrs);
}

static void target_clear(struct vscsi_target *target)
{
	for (size_t i = 0; i < target->n_tpgs; i++)
		tpg_clear(&target->tpgs[i]);
	free(target->tpgs);
	free(target->wwn);
	free(target->label);
	attrs_clear(&target->params);
}

/**
 * vscsi_config_new() - an empty configuration
 *
 * Return: the caller's to free, or NULL.
 */
struct vscsi_config *vscsi_config_new(void)
{
	return calloc(1, sizeof(struct vscsi_config));
}

/**
 * vscsi_config_free() - free a configuration and all that it holds
 * @config: the configuration, or NULL
 */
void vscsi_config_free(struct vscsi_config *config)
{
	if (!config)
		return;
	for (size_t i = 0; i < config->n_stores; i++)
		store_clear(&config->stores[i]);
	for (size_t i = 0; i < config->n_targets; i++)
		target_clear(&config->targets[i]);
	free(config->stores);
	free(config->targets);
	free(config);
}

/* Order of backstores: by kind, then by name. */
static int store_order(const struct vscsi_store *store, enum vscsi_kind kind,
		       const char *name)
{
	if (store->kind != kind)
		return store->kind < kind ? -1 : 1;
	return strverscmp(store->name, name);
}

/**
 * vscsi_config_store() - find a backstore by kind and name
 * @config: the configuration
 * @kind: its kind
 * @name: its name
 *
 * Return: the backstore or NULL.
 */
struct vscsi_store *vscsi_config_store(const struct vscsi_config *config,
				       enum vscsi_kind kind, const char *name)
{
	for (size_t i = 0; name && i < config->n_stores; i++)
		if (!store_order(&config->stores[i], kind, name))
			return &config->stores[i];
	return NULL;
}

/**
 * vscsi_config_add_store() - add a backstore
 * @config: the configuration
 * @kind: its kind
 * @name: its name
 *
 * Return: the backstore, or NULL with errno EEXIST, EINVAL or ENOMEM.
 */
struct vscsi_store *vscsi_config_add_store(struct vscsi_config *config,
					   enum vscsi_kind kind,
					   const char *name)
{
	size_t i = 0;

	if (!name_is_good(name)) {
		errno = EINVAL;
		return NULL;
	}
	if (vscsi_config_store(config, kind, name)) {
		errno = EEXIST;
		return NULL;
	}
	while (i < config->n_stores &&
	       store_order(&config->stores[i], kind, name) < 0)
		i++;
	AUTO_FREE char *copy = strdup(name);
	struct vscsi_store *store = copy ? array_insert(&config->stores,
							&config->n_stores,
							sizeof(*store), i)
					 : NULL;

	if (!store)
		return NULL;
	store->kind = kind;
	store->name = copy;
	copy = NULL;
	return store;
}

/**
 * vscsi_config_target() - find a target by its WWN
 * @config: the configuration
 * @wwn: its name
 *
 * Return: the target or NULL.
 */
struct vscsi_target *vscsi_config_target(const struct vscsi_config *config,
					 const char *wwn)
{
	for (size_t i = 0; wwn && i < config->n_targets; i++)
		if (!strcmp(config->targets[i].wwn, wwn))
			return &config->targets[i];
	return NULL;
}

/**
 * vscsi_config_add_target() - add a target without TPGs
 * @config: the configuration
 * @wwn: its name
 *
 * Return: the target, or NULL with errno EEXIST, EINVAL or ENOMEM.
 */
struct vscsi_target *vscsi_config_add_target(struct vscsi_config *config,
					     const char *wwn)
{
	size_t i = 0;

	if (!wwn || vscsi_wwn_wrong(wwn, false)) {
		errno = EINVAL;
		return NULL;
	}
	if (vscsi_config_target(config, wwn)) {
		errno = EEXIST;
		return NULL;
	}
	while (i < config->n_targets && strcmp(config->targets[i].wwn, wwn) < 0)
		i++;
	AUTO_FREE char *copy = strdup(wwn);
	struct vscsi_target *target = copy ? array_insert(&config->targets,
							  &config->n_targets,
							  sizeof(*target), i)
					   : NULL;

	if (!target)
		return NULL;
	target->wwn = copy;
	copy = NULL;
	return target;
}

/**
 * vscsi_target_tpg() - find a TPG by its number
 * @target: the target
 * @tag: its number
 *
 * Return: the TPG or NULL.
 */
struct vscsi_tpg *vscsi_target_tpg(const struct vscsi_target *target,
				   unsigned int tag)
{
	for (size_t i = 0; i < target->n_tpgs; i++)
		if (target->tpgs[i].tag == tag)
			return &target->tpgs[i];
	return NULL;
}

/**
 * vscsi_target_add_tpg() - add a TPG without a nexus
 * @target: the target
 * @tag: its number
 *
 * Return: the TPG, or NULL with errno EEXIST, EINVAL or ENOMEM.
 */
struct vscsi_tpg *vscsi_target_add_tpg(struct vscsi_target *target,
				       unsigned int tag)
{
	size_t i = 0;

	if (tag > VSCSI_TAG_MAX || vscsi_target_tpg(target, tag)) {
		errno = tag > VSCSI_TAG_MAX ? EINVAL : EEXIST;
		return NULL;
	}
	while (i < target->n_tpgs && target->tpgs[i].tag < tag)
		i++;
	struct vscsi_tpg *tpg =
		array_insert(&target->tpgs, &target->n_tpgs, sizeof(*tpg), i);

	if (tpg)
		tpg->tag = tag;
	return tpg;
}

/**
 * vscsi_tpg_lun() - find a LUN by its number
 * @tpg: the TPG
 * @index: its number
 *
 * Return: the LUN or NULL.
 */
struct vscsi_lun *vscsi_tpg_lun(const struct vscsi_tpg *tpg, unsigned int index)
{
	for (size_t i = 0; i < tpg->n_luns; i++)
		if (tpg->luns[i].index == index)
			return &tpg->luns[i];
	return NULL;
}

/**
 * vscsi_tpg_add_lun() - add a LUN
 * @tpg: the TPG
 * @index: its number
 * @kind: kind of its backstore
 * @store: name of its backstore
 *
 * Return: the LUN, or NULL with errno EEXIST, EINVAL or ENOMEM.
 */
struct vscsi_lun *vscsi_tpg_add_lun(struct vscsi_tpg *tpg, unsigned int index,
				    enum vscsi_kind kind, const char *store)
{
	size_t i = 0;

	if (!name_is_good(store) || vscsi_tpg_lun(tpg, index)) {
		errno = name_is_good(store) ? EEXIST : EINVAL;
		return NULL;
	}
	while (i < tpg->n_luns && tpg->luns[i].index < index)
		i++;
	AUTO_FREE char *copy = strdup(store);
	struct vscsi_lun *lun =
		copy ? array_insert(&tpg->luns, &tpg->n_luns, sizeof(*lun), i)
		     : NULL;

	if (!lun)
		return NULL;
	*lun = (struct vscsi_lun){ .index = index,
				   .kind = kind,
				   .store = copy };
	copy = NULL;
	return lun;
}
