// SPDX-License-Identifier: GPL-2.0
/*
 * The command's own format, vhost-scsi.json(5), read.
 */
#include <errno.h>
#include <string.h>

#include "config.h"

static int set_string(const struct js *js, const char *key, bool needed,
		      char **string)
{
	const char *value = NULL;

	if (js_string(js, key, needed, &value))
		return -EINVAL;
	if (value && vscsi_set(string, value))
		return js_wrong(js, key, "out of memory");
	return 0;
}

static int set_path(const struct js *js, struct vscsi_store *store)
{
	if (set_string(js, "path", true, &store->path))
		return -EINVAL;
	return *store->path == '/'
		       ? 0
		       : js_wrong(js, "path", "has to begin with '/'");
}

#define OF_ALL "kind", "name", "serial", "attributes"

static const char *const members[][10] = {
	[VSCSI_BLOCK] = { OF_ALL, "path", "readonly" },
	[VSCSI_PSCSI] = { OF_ALL, "path" },
	[VSCSI_FILEIO] = { OF_ALL, "path", "size", "buffered", "aio" },
	[VSCSI_RAMDISK] = { OF_ALL, "size", "nullio" },
	[VSCSI_USER] = { OF_ALL, "config", "size" },
};

/* What only some kinds have. */
static int read_kind(const struct js *js, struct vscsi_store *store)
{
	int rc = js_only(js, members[store->kind]);

	switch (store->kind) {
	case VSCSI_BLOCK:
		rc = rc ? rc : set_path(js, store);
		return rc ? rc : js_bool(js, "readonly", &store->readonly);
	case VSCSI_PSCSI:
		/* may be an address, "0:0:1:0" */
		return rc ? rc : set_string(js, "path", true, &store->path);
	case VSCSI_FILEIO:
		rc = rc ? rc : set_path(js, store);
		rc = rc ? rc : js_size(js, "size", false, &store->size);
		rc = rc ? rc : js_bool(js, "buffered", &store->buffered);
		return rc ? rc : js_bool(js, "aio", &store->aio);
	case VSCSI_RAMDISK:
		rc = rc ? rc : js_size(js, "size", true, &store->size);
		return rc ? rc : js_bool(js, "nullio", &store->nullio);
	default:
		rc = rc ? rc : set_string(js, "config", true, &store->path);
		return rc ? rc : js_size(js, "size", true, &store->size);
	}
}

static int read_store(const struct js *js, void *config)
{
	const char *kind, *name;

	if (js_string(js, "kind", true, &kind) ||
	    js_string(js, "name", true, &name))
		return -EINVAL;
	int k = vscsi_kind_parse(kind);

	if (k < 0 || k == VSCSI_OTHER)
		return js_wrong(
			js, "kind",
			"'%s' is none of block, fileio, ramdisk, pscsi and user",
			kind);
	struct vscsi_store *store = vscsi_config_add_store(config, k, name);

	if (!store)
		return js_wrong(
			js, "name", "%s/%s %s", vscsi_kind_name(k), name,
			errno == EEXIST ? "is there twice" : "is no good name");
	if (read_kind(js, store) ||
	    set_string(js, "serial", false, &store->serial))
		return -EINVAL;
	return js_attrs(js, "attributes", &store->attrs);
}

/* "fileio/disk0" */
static int read_lun(const struct js *js, void *tpg)
{
	static const char *const known[] = { "lun", "backstore", "alias",
					     "alua", NULL };
	unsigned long index;
	const char *store;

	if (js_only(js, known) ||
	    js_number(js, "lun", true, VSCSI_LUN_MAX, &index) ||
	    js_string(js, "backstore", true, &store))
		return -EINVAL;
	const char *slash = strchr(store, '/');
	AUTO_FREE char *kind =
		slash ? ui_format("%.*s", (int)(slash - store), store) : NULL;
	int k = kind ? vscsi_kind_parse(kind) : -1;

	if (k < 0)
		return js_wrong(js, "backstore",
				"'%s' is not KIND/NAME, such as fileio/disk0",
				store);
	struct vscsi_lun *lun = vscsi_tpg_add_lun(tpg, index, k, slash + 1);

	if (!lun)
		return js_wrong(js, "lun", "LUN %lu %s", index,
				errno == EEXIST ? "is there twice"
						: "cannot be");
	return set_string(js, "alias", false, &lun->alias) ||
			       set_string(js, "alua", false, &lun->alua)
		       ? -EINVAL
		       : 0;
}

static int read_mapped(const struct js *js, void *acl)
{
	static const char *const known[] = { "lun", "tpg_lun", "readonly",
					     NULL };
	unsigned long index, lun;
	bool readonly = false;

	if (js_only(js, known) ||
	    js_number(js, "lun", true, VSCSI_LUN_MAX, &index) ||
	    js_number(js, "tpg_lun", true, VSCSI_LUN_MAX, &lun) ||
	    js_bool(js, "readonly", &readonly))
		return -EINVAL;
	if (!vscsi_acl_add_mapped(acl, index, lun, readonly))
		return js_wrong(js, "lun", "%lu is there twice", index);
	return 0;
}

static int read_acl(const struct js *js, void *tpg)
{
	static const char *const known[] = { "initiator", "luns", NULL };
	const char *initiator;

	if (js_only(js, known) || js_string(js, "initiator", true, &initiator))
		return -EINVAL;
	struct vscsi_acl *acl = vscsi_tpg_add_acl(tpg, initiator);

	if (!acl)
		return js_wrong(js, "initiator", "%s is there twice",
				initiator);
	return js_each(js, "luns", read_mapped, acl);
}

static int read_tpg(const struct js *js, void *target)
{
	static const char *const known[] = { "tag",  "nexus", "attributes",
					     "luns", "acls",  "ours",
					     NULL };
	unsigned long tag = 1;
	bool ours = false;
	const char *nexus = "";

	if (js_only(js, known) ||
	    js_number(js, "tag", false, VSCSI_TAG_MAX, &tag) ||
	    js_bool(js, "ours", &ours))
		return -EINVAL;
	if (js_is_null(js, "nexus"))
		nexus = NULL;
	else if (js_string(js, "nexus", false, &nexus))
		return -EINVAL;
	struct vscsi_tpg *tpg = vscsi_target_add_tpg(target, tag);

	if (!tpg)
		return js_wrong(js, "tag", "%lu is there twice", tag);
	const char *wrong = nexus && *nexus ? vscsi_wwn_wrong(nexus, false)
					    : NULL;

	if (wrong)
		return js_wrong(js, "nexus", "'%s': %s", nexus, wrong);
	/* in what is saved, another tool's TPG has no nexus */
	tpg->ours = nexus || ours;
	if (vscsi_set(&tpg->nexus, nexus) ||
	    js_attrs(js, "attributes", &tpg->attrs) ||
	    js_each(js, "luns", read_lun, tpg) ||
	    js_each(js, "acls", read_acl, tpg))
		return -EINVAL;
	return 0;
}

static int read_target(const struct js *js, void *config)
{
	static const char *const known[] = { "name", "wwn", "parameters",
					     "tpgs", NULL };

	if (js_only(js, known))
		return -EINVAL;
	struct vscsi_target *target = js_target(js, config);

	if (!target || set_string(js, "name", false, &target->label) ||
	    js_attrs(js, "parameters", &target->params))
		return -EINVAL;
	return js_each(js, "tpgs", read_tpg, target);
}

/* A name means one target. */
static int check_labels(const struct js *js, const struct vscsi_config *config)
{
	for (size_t i = 0; i < config->n_targets; i++) {
		const char *label = config->targets[i].label;

		for (size_t k = 0; label && k < i; k++)
			if (config->targets[k].label &&
			    !strcmp(config->targets[k].label, label))
				return js_wrong(js, "targets",
						"two are named '%s'", label);
	}
	return 0;
}

/**
 * own_read() - the configuration that a file in our format describes
 * @js: the file
 * @config: an empty configuration
 *
 * Return: 0, or -EINVAL after saying what is wrong.
 */
int own_read(const struct js *js, struct vscsi_config *config)
{
	static const char *const known[] = { "version", "backstores", "targets",
					     NULL };
	unsigned long version;

	if (js_only(js, known) ||
	    js_number(js, "version", true, 1000000, &version))
		return -EINVAL;
	if (version != OWN_VERSION)
		return js_wrong(
			js, "version",
			"is %lu, and this vhost-scsi knows %d: use a newer one",
			version, OWN_VERSION);
	if (js_each(js, "backstores", read_store, config) ||
	    js_each(js, "targets", read_target, config))
		return -EINVAL;
	return check_labels(js, config);
}
