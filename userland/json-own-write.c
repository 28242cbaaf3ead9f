// SPDX-License-Identifier: GPL-2.0
/*
 * The command's own format, vhost-scsi.json(5), written.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"

static void put(struct json_object *object, const char *key,
		struct json_object *value)
{
	json_object_object_add(object, key, value);
}

static void put_string(struct json_object *object, const char *key,
		       const char *value)
{
	if (value)
		put(object, key, json_object_new_string(value));
}

/* An empty list or object says nothing. */
static void put_some(struct json_object *object, const char *key,
		     struct json_object *value, bool always)
{
	size_t n = json_object_is_type(value, json_type_array)
			   ? json_object_array_length(value)
			   : (size_t)json_object_object_length(value);

	if (n || always)
		put(object, key, value);
	else
		json_object_put(value);
}

/**
 * own_attrs() - attributes as an object
 * @attrs: the attributes
 *
 * What reads as a decimal number and is written the same way is a number.
 *
 * Return: the object.
 */
struct json_object *own_attrs(const struct vscsi_attrs *attrs)
{
	struct json_object *object = json_object_new_object();

	for (size_t i = 0; i < attrs->n; i++) {
		const char *value = attrs->v[i].value;
		char *end;

		errno = 0;
		long long number = strtoll(value, &end, 10);
		AUTO_FREE char *again = ui_format("%lld", number);

		put(object, attrs->v[i].name,
		    !errno && !strcmp(again, value)
			    ? json_object_new_int64(number)
			    : json_object_new_string(value));
	}
	return object;
}

/* That of a device is its own, and may be another by the time it is read. */
static bool has_size(const struct vscsi_store *store)
{
	if (store->kind != VSCSI_FILEIO)
		return store->kind == VSCSI_RAMDISK ||
		       store->kind == VSCSI_USER;
	return store->size && !is_device(store->path);
}

static struct json_object *write_store(const struct vscsi_store *store)
{
	struct json_object *object = json_object_new_object();

	put_string(object, "kind", vscsi_kind_name(store->kind));
	put_string(object, "name", store->name);
	put_string(object, store->kind == VSCSI_USER ? "config" : "path",
		   store->path);
	if (has_size(store))
		put(object, "size", json_object_new_int64(store->size));
	if (store->kind == VSCSI_FILEIO)
		put(object, "buffered",
		    json_object_new_boolean(store->buffered));
	if (store->aio)
		put(object, "aio", json_object_new_boolean(true));
	if (store->readonly)
		put(object, "readonly", json_object_new_boolean(true));
	if (store->nullio)
		put(object, "nullio", json_object_new_boolean(true));
	put_string(object, "serial", store->serial);
	put_some(object, "attributes", own_attrs(&store->attrs), false);
	return object;
}

static struct json_object *write_lun(const struct vscsi_lun *lun)
{
	struct json_object *object = json_object_new_object();
	AUTO_FREE char *store =
		ui_format("%s/%s", vscsi_kind_name(lun->kind), lun->store);

	put(object, "lun", json_object_new_int64(lun->index));
	put_string(object, "backstore", store);
	if (lun->alias && strcmp(lun->alias, lun->store))
		put_string(object, "alias", lun->alias);
	put_string(object, "alua", lun->alua);
	return object;
}

static struct json_object *write_acl(const struct vscsi_acl *acl)
{
	struct json_object *object = json_object_new_object();
	struct json_object *luns = json_object_new_array();

	for (size_t i = 0; i < acl->n_mapped; i++) {
		struct json_object *mapped = json_object_new_object();

		put(mapped, "lun", json_object_new_int64(acl->mapped[i].index));
		put(mapped, "tpg_lun",
		    json_object_new_int64(acl->mapped[i].lun));
		if (acl->mapped[i].readonly)
			put(mapped, "readonly", json_object_new_boolean(true));
		json_object_array_add(luns, mapped);
	}
	put_string(object, "initiator", acl->initiator);
	put(object, "luns", luns);
	return object;
}

static struct json_object *write_tpg(const struct vscsi_tpg *tpg)
{
	struct json_object *object = json_object_new_object();
	struct json_object *luns = json_object_new_array();
	struct json_object *acls = json_object_new_array();

	for (size_t i = 0; i < tpg->n_luns; i++)
		json_object_array_add(luns, write_lun(&tpg->luns[i]));
	for (size_t i = 0; i < tpg->n_acls; i++)
		json_object_array_add(acls, write_acl(&tpg->acls[i]));
	put(object, "tag", json_object_new_int64(tpg->tag));
	put(object, "nexus",
	    tpg->nexus ? json_object_new_string(tpg->nexus) : NULL);
	if (tpg->ours && !tpg->nexus)
		put(object, "ours", json_object_new_boolean(true));
	put_some(object, "attributes", own_attrs(&tpg->attrs), false);
	put_some(object, "luns", luns, true);
	put_some(object, "acls", acls, false);
	return object;
}

static struct json_object *write_target(const struct vscsi_target *target)
{
	struct json_object *object = json_object_new_object();
	struct json_object *tpgs = json_object_new_array();

	for (size_t i = 0; i < target->n_tpgs; i++)
		json_object_array_add(tpgs, write_tpg(&target->tpgs[i]));
	put_string(object, "name", target->label);
	put_string(object, "wwn", target->wwn);
	put_some(object, "parameters", own_attrs(&target->params), false);
	put(object, "tpgs", tpgs);
	return object;
}

/**
 * own_write() - a configuration in our format
 * @config: the configuration
 *
 * Backstores of kinds that cannot be made are left out.
 *
 * Return: the object.
 */
struct json_object *own_write(const struct vscsi_config *config)
{
	struct json_object *object = json_object_new_object();
	struct json_object *stores = json_object_new_array();
	struct json_object *targets = json_object_new_array();

	for (size_t i = 0; i < config->n_stores; i++)
		if (config->stores[i].kind != VSCSI_OTHER)
			json_object_array_add(stores,
					      write_store(&config->stores[i]));
	for (size_t i = 0; i < config->n_targets; i++)
		json_object_array_add(targets,
				      write_target(&config->targets[i]));
	put(object, "version", json_object_new_int64(OWN_VERSION));
	put(object, "backstores", stores);
	put(object, "targets", targets);
	return object;
}
