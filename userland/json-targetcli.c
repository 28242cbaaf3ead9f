// SPDX-License-Identifier: GPL-2.0
/*
 * targetcli's format, rtslib's saveconfig.json: what of it vhost-scsi has to do
 * with. It has no nexus. Names that are not known are passed over, for rtslib adds
 * some from time to time.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "config.h"

#define BACKSTORES "/backstores/"
#define DEFAULT_ALUA "default_tg_pt_gp"

/**
 * targetcli_is() - whether a file is targetcli's
 * @js: the file
 *
 * Return: whether it is.
 */
bool targetcli_is(const struct js *js)
{
	return json_object_object_get_ex(js->object, "storage_objects", NULL);
}

static int set_string(const struct js *js, const char *key, bool needed,
		      char **string)
{
	const char *value = NULL;

	if (!needed && js_is_null(js, key))
		return 0;
	if (js_string(js, key, needed, &value))
		return -EINVAL;
	if (value && vscsi_set(string, value))
		return js_wrong(js, key, "out of memory");
	return 0;
}

/* rtslib saves what is an action, and what the backstore has elsewhere. */
static const char *const no_settings[] = { "pi_prot_format", "dev_size",
					   "dev_config" };

static int read_store(const struct js *js, void *config)
{
	const char *plugin, *name;

	if (js_string(js, "plugin", true, &plugin) ||
	    js_string(js, "name", true, &name))
		return -EINVAL;
	int kind = vscsi_kind_parse(plugin);

	/* another fabric's, or nobody's that could be made here */
	if (kind < 0 || kind == VSCSI_OTHER)
		return 0;
	struct vscsi_store *store = vscsi_config_add_store(config, kind, name);

	if (!store)
		return js_wrong(js, "name", "%s/%s %s", plugin, name,
				errno == EEXIST ? "is there twice"
						: "is no good name");
	bool has_path = kind != VSCSI_RAMDISK;
	bool has_size = kind != VSCSI_BLOCK && kind != VSCSI_PSCSI;

	if (has_path && set_string(js, kind == VSCSI_USER ? "config" : "dev",
				   true, &store->path))
		return -EINVAL;
	if (has_size && js_size(js, "size", true, &store->size))
		return -EINVAL;
	if ((kind == VSCSI_FILEIO &&
	     (js_bool(js, "write_back", &store->buffered) ||
	      js_bool(js, "aio", &store->aio))) ||
	    (kind == VSCSI_BLOCK &&
	     js_bool(js, "readonly", &store->readonly)) ||
	    (kind == VSCSI_RAMDISK && js_bool(js, "nullio", &store->nullio)))
		return -EINVAL;
	if (kind != VSCSI_PSCSI && set_string(js, "wwn", false, &store->serial))
		return -EINVAL;
	if (js_attrs(js, "attributes", &store->attrs))
		return -EINVAL;
	for (size_t i = 0; i < sizeof(no_settings) / sizeof(*no_settings); i++)
		vscsi_attrs_set(&store->attrs, no_settings[i], NULL);
	return 0;
}

/* "/backstores/fileio/disk0" */
static int read_lun(const struct js *js, void *tpg)
{
	unsigned long index;
	const char *object, *alua = NULL;

	if (js_number(js, "index", true, VSCSI_LUN_MAX, &index) ||
	    js_string(js, "storage_object", true, &object))
		return -EINVAL;
	const char *at = object, *slash = NULL;

	if (!strncmp(at, BACKSTORES, strlen(BACKSTORES))) {
		at += strlen(BACKSTORES);
		slash = strchr(at, '/');
	}
	AUTO_FREE char *plugin =
		slash ? ui_format("%.*s", (int)(slash - at), at) : NULL;
	int kind = plugin ? vscsi_kind_parse(plugin) : -1;

	if (kind < 0)
		return js_wrong(
			js, "storage_object",
			"'%s' is not /backstores/KIND/NAME of a known kind",
			object);
	struct vscsi_lun *lun = vscsi_tpg_add_lun(tpg, index, kind, slash + 1);

	if (!lun)
		return js_wrong(js, "index", "LUN %lu %s", index,
				errno == EEXIST ? "is there twice"
						: "cannot be");
	if (set_string(js, "alias", false, &lun->alias))
		return -EINVAL;
	if (!js_is_null(js, "alua_tg_pt_gp_name") &&
	    js_string(js, "alua_tg_pt_gp_name", false, &alua))
		return -EINVAL;
	if (alua && strcmp(alua, DEFAULT_ALUA) && vscsi_set(&lun->alua, alua))
		return js_wrong(js, NULL, "out of memory");
	return 0;
}

static int read_mapped(const struct js *js, void *acl)
{
	unsigned long index, lun;
	bool readonly = false;

	if (js_number(js, "index", true, VSCSI_LUN_MAX, &index) ||
	    js_number(js, "tpg_lun", true, VSCSI_LUN_MAX, &lun) ||
	    js_bool(js, "write_protect", &readonly))
		return -EINVAL;
	if (!vscsi_acl_add_mapped(acl, index, lun, readonly))
		return js_wrong(js, "index", "%lu is there twice", index);
	return 0;
}

static int read_acl(const struct js *js, void *tpg)
{
	const char *initiator;

	if (js_string(js, "node_wwn", true, &initiator))
		return -EINVAL;
	struct vscsi_acl *acl = vscsi_tpg_add_acl(tpg, initiator);

	if (!acl)
		return js_wrong(js, "node_wwn", "%s is there twice", initiator);
	return js_each(js, "mapped_luns", read_mapped, acl);
}

static int read_tpg(const struct js *js, void *target)
{
	unsigned long tag;

	if (js_number(js, "tag", true, VSCSI_TAG_MAX, &tag))
		return -EINVAL;
	struct vscsi_tpg *tpg = vscsi_target_add_tpg(target, tag);

	if (!tpg)
		return js_wrong(js, "tag", "%lu is there twice", tag);
	tpg->ours = true;
	/* as if the file did not say: there is one, or it is made */
	if (vscsi_set(&tpg->nexus, "") ||
	    js_attrs(js, "attributes", &tpg->attrs) ||
	    js_each(js, "luns", read_lun, tpg) ||
	    js_each(js, "node_acls", read_acl, tpg))
		return -EINVAL;
	return 0;
}

/* 1: it is another fabric's */
static int read_target(const struct js *js, void *config)
{
	const char *fabric;

	if (js_string(js, "fabric", true, &fabric))
		return -EINVAL;
	if (strcmp(fabric, "vhost"))
		return 1;
	struct vscsi_target *target = js_target(js, config);

	if (!target || js_attrs(js, "parameters", &target->params))
		return -EINVAL;
	return js_each(js, "tpgs", read_tpg, target);
}

/* Whether a target of another fabric has the backstore. */
static bool is_strangers(const struct js *js, const struct vscsi_store *store)
{
	AUTO_FREE char *path = ui_format("\"" BACKSTORES "%s/%s\"",
					 vscsi_kind_name(store->kind),
					 store->name);
	struct json_object *targets, *fabric;

	json_object_object_get_ex(js->object, "targets", &targets);
	for (size_t i = 0; i < json_object_array_length(targets); i++) {
		struct json_object *target =
			json_object_array_get_idx(targets, i);

		if (json_object_object_get_ex(target, "fabric", &fabric) &&
		    strcmp(json_object_get_string(fabric), "vhost") &&
		    strstr(json_object_to_json_string_ext(
				   target, JSON_C_TO_STRING_NOSLASHESCAPE),
			   path))
			return true;
	}
	return false;
}

/* Backstores that only other fabrics have are not for us to make. */
static void drop_strangers(const struct js *js, struct vscsi_config *config)
{
	for (size_t i = config->n_stores; i-- > 0;) {
		const struct vscsi_store *store = &config->stores[i];

		if (!config_uses(config, store) && is_strangers(js, store))
			vscsi_config_del_store(config, store->kind,
					       store->name);
	}
}

/**
 * targetcli_read() - the vhost targets and backstores of a saveconfig.json
 * @js: the file
 * @config: an empty configuration
 *
 * Return: 0, or -EINVAL after saying what is wrong.
 */
int targetcli_read(const struct js *js, struct vscsi_config *config)
{
	int others;

	if (js_each(js, "storage_objects", read_store, config))
		return -EINVAL;
	others = js_each(js, "targets", read_target, config);
	if (others < 0)
		return others;
	if (others) {
		ui_note("%s: %d targets of other fabrics are passed over",
			js->file->name, others);
		drop_strangers(js, config);
	}
	attrs_drop_defaults(config, NULL);
	return 0;
}
