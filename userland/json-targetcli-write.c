// SPDX-License-Identifier: GPL-2.0
/*
 * targetcli's format, rtslib's saveconfig.json, written: what `targetctl restore`
 * accepts. It has no place for a nexus.
 */
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
	put(object, key, value ? json_object_new_string(value) : NULL);
}

static struct json_object *write_store(const struct vscsi_store *store)
{
	struct json_object *object = json_object_new_object();

	put_string(object, "plugin", vscsi_kind_name(store->kind));
	put_string(object, "name", store->name);
	if (store->kind == VSCSI_USER)
		put_string(object, "config", store->path);
	else if (store->kind != VSCSI_RAMDISK)
		put_string(object, "dev", store->path);
	if (store->kind != VSCSI_BLOCK && store->kind != VSCSI_PSCSI)
		put(object, "size", json_object_new_int64(store->size));
	if (store->kind == VSCSI_FILEIO)
		put(object, "write_back",
		    json_object_new_boolean(store->buffered));
	if (store->aio)
		put(object, "aio", json_object_new_boolean(true));
	if (store->kind == VSCSI_BLOCK)
		put(object, "readonly",
		    json_object_new_boolean(store->readonly));
	if (store->nullio)
		put(object, "nullio", json_object_new_boolean(true));
	/* LIO does not let the device's own be changed */
	if (store->kind != VSCSI_PSCSI && store->serial)
		put_string(object, "wwn", store->serial);
	put(object, "attributes", own_attrs(&store->attrs));
	put(object, "alua_tpgs", json_object_new_array());
	return object;
}

static struct json_object *write_lun(const struct vscsi_lun *lun)
{
	struct json_object *object = json_object_new_object();
	AUTO_FREE char *store = ui_format(
		"/backstores/%s/%s", vscsi_kind_name(lun->kind), lun->store);

	put(object, "index", json_object_new_int64(lun->index));
	put_string(object, "alias", lun->alias ? lun->alias : lun->store);
	put_string(object, "storage_object", store);
	put_string(object, "alua_tg_pt_gp_name",
		   lun->alua ? lun->alua : "default_tg_pt_gp");
	return object;
}

static struct json_object *write_acl(const struct vscsi_acl *acl)
{
	struct json_object *object = json_object_new_object();
	struct json_object *luns = json_object_new_array();

	for (size_t i = 0; i < acl->n_mapped; i++) {
		struct json_object *mapped = json_object_new_object();
		AUTO_FREE char *alias =
			ui_format("mapped%u", acl->mapped[i].index);

		put(mapped, "index",
		    json_object_new_int64(acl->mapped[i].index));
		put(mapped, "tpg_lun",
		    json_object_new_int64(acl->mapped[i].lun));
		put(mapped, "write_protect",
		    json_object_new_boolean(acl->mapped[i].readonly));
		put_string(mapped, "alias", alias);
		json_object_array_add(luns, mapped);
	}
	put_string(object, "node_wwn", acl->initiator);
	put(object, "mapped_luns", luns);
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
	put(object, "enable", json_object_new_boolean(true));
	put(object, "attributes", own_attrs(&tpg->attrs));
	put(object, "luns", luns);
	put(object, "node_acls", acls);
	put(object, "portals", json_object_new_array());
	return object;
}

/**
 * targetcli_write() - a configuration as targetcli saves it
 * @config: the configuration
 *
 * Return: the object.
 */
struct json_object *targetcli_write(const struct vscsi_config *config)
{
	struct json_object *object = json_object_new_object();
	struct json_object *stores = json_object_new_array();
	struct json_object *targets = json_object_new_array();

	for (size_t i = 0; i < config->n_stores; i++)
		if (config->stores[i].kind != VSCSI_OTHER)
			json_object_array_add(stores,
					      write_store(&config->stores[i]));
	for (size_t i = 0; i < config->n_targets; i++) {
		const struct vscsi_target *from = &config->targets[i];
		struct json_object *target = json_object_new_object();
		struct json_object *tpgs = json_object_new_array();

		for (size_t k = 0; k < from->n_tpgs; k++)
			json_object_array_add(tpgs, write_tpg(&from->tpgs[k]));
		put_string(target, "fabric", "vhost");
		put_string(target, "wwn", from->wwn);
		put(target, "parameters", own_attrs(&from->params));
		put(target, "tpgs", tpgs);
		json_object_array_add(targets, target);
	}
	put(object, "fabric_modules", json_object_new_array());
	put(object, "storage_objects", stores);
	put(object, "targets", targets);
	return object;
}
