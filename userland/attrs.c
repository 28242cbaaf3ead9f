// SPDX-License-Identifier: GPL-2.0
/*
 * Attributes that are not worth writing down: they have the value that LIO or
 * the device gives them when the object is made.
 */
#include <string.h>

#include "config.h"

/** enum when - when an attribute has its usual value by itself */
enum when {
	ALWAYS,
	ON_DEVICE, /* unless the backstore is on a device, which says */
	ON_FILE, /* if it is a file; else LIO, the device or the handler says */
};

/** struct usual - an attribute and its value on a new object */
struct usual {
	const char *name, *value;
	enum when when;
};

static const struct usual of_store[] = {
	{ "alua_support", "1", ALWAYS },
	{ "block_size", "512", ON_DEVICE },
	{ "cmd_ring_size_mb", "8", ALWAYS },
	{ "cmd_time_out", "30", ALWAYS },
	{ "data_pages_per_blk", "1", ALWAYS },
	{ "emulate_3pc", "1", ALWAYS },
	{ "emulate_caw", "1", ALWAYS },
	{ "emulate_dpo", "1", ALWAYS },
	{ "emulate_fua_read", "1", ALWAYS },
	{ "emulate_fua_write", "1", ALWAYS },
	{ "emulate_model_alias", "0", ALWAYS },
	{ "emulate_pr", "1", ALWAYS },
	{ "emulate_rest_reord", "0", ALWAYS },
	{ "emulate_rsoc", "1", ALWAYS },
	{ "emulate_tas", "1", ALWAYS },
	{ "emulate_tpu", "0", ALWAYS },
	{ "emulate_tpws", "0", ALWAYS },
	{ "emulate_ua_intlck_ctrl", "0", ALWAYS },
	{ "emulate_write_cache", "0", ALWAYS },
	{ "enforce_pr_isids", "1", ALWAYS },
	{ "force_pr_aptpl", "0", ALWAYS },
	{ "is_nonrot", "0", ON_FILE },
	{ "max_data_area_mb", "1024", ALWAYS },
	{ "max_unmap_block_desc_count", "1", ON_FILE },
	{ "max_unmap_lba_count", "8192", ON_FILE },
	{ "max_write_same_len", "4096", ON_FILE },
	{ "nl_reply_supported", "0", ON_FILE },
	{ "optimal_sectors", "16384", ON_FILE },
	{ "pgr_support", "1", ALWAYS },
	{ "pi_prot_type", "0", ALWAYS },
	{ "pi_prot_verify", "0", ALWAYS },
	{ "qfull_time_out", "-1", ALWAYS },
	{ "queue_depth", "128", ON_FILE },
	{ "submit_type", "0", ALWAYS },
	{ "tmr_notification", "0", ALWAYS },
	{ "unmap_granularity", "1", ON_FILE },
	{ "unmap_granularity_alignment", "0", ON_FILE },
	{ "unmap_zeroes_data", "0", ON_FILE },
	{},
};

static const struct usual of_tpg[] = {
	{ "fabric_prot_type", "0", ALWAYS },
	{ "owner", "any", ALWAYS },
	{ "poll_us", "0", ALWAYS },
	{},
};

static const struct usual of_target[] = {
	{ "cmd_completion_affinity", "-1", ALWAYS },
	{},
};

/* How much of an object's values are not LIO's own. */
static enum when when_of(const struct vscsi_store *store)
{
	bool device = store->path && !strncmp(store->path, "/dev/", 5);

	if (store->kind == VSCSI_FILEIO && !device)
		return ALWAYS;
	return store->kind == VSCSI_RAMDISK ? ON_DEVICE : ON_FILE;
}

/* Whether the attribute says nothing. @store: NULL if it is none's. */
static bool is_usual(const struct usual *usual, const struct vscsi_store *store,
		     const struct vscsi_attr *attr)
{
	if (store && store->kind == VSCSI_FILEIO &&
	    !strcmp(attr->name, "emulate_write_cache"))
		return !strcmp(attr->value, store->buffered ? "1" : "0");
	for (; usual->name; usual++) {
		if (strcmp(usual->name, attr->name))
			continue;
		/* what is said elsewhere is not to be repeated */
		if (store && usual->when != ALWAYS) {
			enum when is = when_of(store);

			if (is == ON_FILE ||
			    (is == ON_DEVICE && usual->when == ON_FILE))
				return true;
		}
		return !strcmp(usual->value, attr->value);
	}
	return false;
}

static void drop(struct vscsi_attrs *attrs, const struct usual *usual,
		 const struct vscsi_store *store,
		 const struct vscsi_attrs *keep)
{
	size_t n = 0;

	for (size_t i = 0; i < attrs->n; i++) {
		struct vscsi_attr *attr = &attrs->v[i];

		if (is_usual(usual, store, attr) &&
		    !(keep && vscsi_attrs_get(keep, attr->name))) {
			vscsi_set(&attr->name, NULL);
			vscsi_set(&attr->value, NULL);
			continue;
		}
		attrs->v[n++] = *attr;
	}
	attrs->n = n;
}

static void drop_of_target(struct vscsi_target *target,
			   const struct vscsi_target *keep)
{
	drop(&target->params, of_target, NULL, keep ? &keep->params : NULL);
	for (size_t i = 0; i < target->n_tpgs; i++) {
		struct vscsi_tpg *tpg = &target->tpgs[i];
		const struct vscsi_tpg *kept =
			keep ? vscsi_target_tpg(keep, tpg->tag) : NULL;

		drop(&tpg->attrs, of_tpg, NULL, kept ? &kept->attrs : NULL);
	}
}

/**
 * attrs_drop_defaults() - leave only attributes that say something
 * @config: the configuration
 * @keep: its attributes stay, whatever their value; or NULL
 */
void attrs_drop_defaults(struct vscsi_config *config,
			 const struct vscsi_config *keep)
{
	for (size_t i = 0; i < config->n_stores; i++) {
		struct vscsi_store *store = &config->stores[i];
		const struct vscsi_store *kept =
			keep ? vscsi_config_store(keep, store->kind,
						  store->name)
			     : NULL;

		drop(&store->attrs, of_store, store,
		     kept ? &kept->attrs : NULL);
	}
	for (size_t i = 0; i < config->n_targets; i++) {
		struct vscsi_target *target = &config->targets[i];

		drop_of_target(target,
			       keep ? vscsi_config_target(keep, target->wwn)
				    : NULL);
	}
}
