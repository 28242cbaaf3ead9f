// SPDX-License-Identifier: GPL-2.0
/*
 * Making and taking away a backstore. As targetcli does it, each has a directory
 * of an HBA to itself, of the first number that no HBA has; its device is named in
 * "control", and in "udev_path" where targetcli looks for it.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "plan.h"

/**
 * size_text() - a size for people
 * @size: bytes
 * @buffer: where it is written
 *
 * Return: @buffer.
 */
const char *size_text(uint64_t size, char buffer[32])
{
	static const char *const units[] = { "bytes", "KiB", "MiB",
					     "GiB",   "TiB", "PiB" };
	int unit = 0;

	while (size && unit < 5 && !(size % 1024)) {
		size /= 1024;
		unit++;
	}
	snprintf(buffer, 32, "%llu %s", (unsigned long long)size, units[unit]);
	return buffer;
}

static int take_number(struct hbas *hbas, unsigned int number)
{
	/* numbers are few; one far out is no reason for much memory */
	if (number > 1 << 20)
		return 0;
	if (number >= hbas->n) {
		bool *taken = realloc(hbas->taken, number + 64);

		if (!taken)
			return -ENOMEM;
		memset(taken + hbas->n, 0, number + 64 - hbas->n);
		hbas->taken = taken;
		hbas->n = number + 64;
	}
	hbas->taken[number] = true;
	return 0;
}

/**
 * free_plugin() - a new HBA's directory for one backstore
 * @make: knows the numbers that are taken
 * @kind: of the backstore
 *
 * Return: "iblock_3", the caller's string, or NULL.
 */
char *free_plugin(struct make *make, enum vscsi_kind kind)
{
	struct hbas *hbas = &make->hbas;
	unsigned int number;

	if (!hbas->n) {
		AUTO(names_free) struct names names = {};

		if (tree_list(make->tree, "core", &names) ||
		    take_number(hbas, 0))
			return NULL;
		hbas->taken[0] = false;
		for (size_t i = 0; i < names.n; i++) {
			const char *end = strrchr(names.v[i], '_');

			if (end && number_after(end, "_", &number) &&
			    take_number(hbas, number))
				return NULL;
		}
	}
	for (number = 0; number < hbas->n && hbas->taken[number];)
		number++;
	if (take_number(hbas, number))
		return NULL;
	return text("%s_%u", kind_prefix(kind), number);
}

/* What names the device and fixes the size; NULL with errno. */
static char *control_of(const struct make *make,
			const struct vscsi_store *store, char **udev_path)
{
	unsigned long long size = size_wanted(store);
	unsigned int hctl[4];
	AUTO_FREE char *size_part = NULL;
	int rc;

	errno = ENOMEM;
	switch (store->kind) {
	case VSCSI_BLOCK:
		*udev_path = strdup(store->path);
		return text("udev_path=%s%s", store->path,
			    store->readonly ? ",readonly=1" : "");
	case VSCSI_FILEIO:
		*udev_path = strdup(store->path);
		size_part = size ? text(",fd_dev_size=%llu", size) : strdup("");
		return text("fd_dev_name=%s%s%s%s", store->path, size_part,
			    store->buffered ? ",fd_buffered_io=1" : "",
			    store->aio ? ",fd_async_io=1" : "");
	case VSCSI_RAMDISK:
		return text("rd_pages=%llu%s", size / sysconf(_SC_PAGESIZE),
			    store->nullio ? ",rd_nullio=1" : "");
	case VSCSI_PSCSI:
		rc = scsi_address(make->tree, store->path, hctl, udev_path);
		errno = -rc;
		return rc ? NULL
			  : text("scsi_host_id=%u,scsi_channel_id=%u,scsi_target_id=%u,scsi_lun_id=%u",
				 hctl[0], hctl[1], hctl[2], hctl[3]);
	case VSCSI_USER:
		return text("dev_config=%s,dev_size=%llu", store->path, size);
	default:
		errno = EINVAL;
		return NULL;
	}
}

/**
 * plan_attrs() - set attributes that are wanted otherwise
 * @make: the plan
 * @live: what is there; NULL: it is made by this plan
 * @wanted: what shall be
 * @dir: the group's directory
 * @of: what they belong to, for people
 */
void plan_attrs(struct make *make, const struct vscsi_attrs *live,
		const struct vscsi_attrs *wanted, const char *dir,
		const char *of)
{
	for (size_t i = 0; i < wanted->n; i++) {
		const char *name = wanted->v[i].name;
		const char *value = wanted->v[i].value;
		const char *now = live ? vscsi_attrs_get(live, name) : NULL;

		if (now && same_value(now, value))
			continue;
		/* of what is new it is a detail */
		if (live && now)
			step_add(make->plan, '~', "%s of %s: %s -> %s", name,
				 of, now, value);
		else if (live)
			step_add(make->plan, '~', "%s of %s: %s", name, of,
				 value);
		op_add(make->plan, OP_WRITE, value, now, "%s/%s", dir, name)
			->differs = true;
	}
}

static void name_new_store(struct make *make, const struct vscsi_store *store)
{
	char buffer[32];
	uint64_t size = size_wanted(store);
	const char *kind = vscsi_kind_name(store->kind);

	if (size)
		size_text(size, buffer);
	if (store->path)
		step_add(make->plan, '+', "make backstore %s/%s (%s%s%s)", kind,
			 store->name, store->path, size ? ", " : "",
			 size ? buffer : "");
	else
		step_add(make->plan, '+', "make backstore %s/%s (%s)", kind,
			 store->name, buffer);
}

/* LIO opens what "udev_path" has when a SCSI device is enabled. Of one that is known
 * by its address, that is what is kept in it afterwards: nodes change places from
 * one boot to the next.
 */
static bool keeps_address(const struct vscsi_store *store,
			  const char *udev_path)
{
	return store->kind == VSCSI_PSCSI && udev_path &&
	       strcmp(store->path, udev_path);
}

/**
 * plan_new_store() - make a backstore
 * @make: the plan
 * @store: the backstore
 * @plugin: directory of its HBA, which is made if it is not there
 * @serial: its serial number, or NULL
 *
 * Return: 0; -ENOMEM; or another negative errno, if the path of a pscsi store
 * is no SCSI device.
 */
int plan_new_store(struct make *make, const struct vscsi_store *store,
		   const char *plugin, const char *serial)
{
	struct vscsi_plan *plan = make->plan;
	AUTO_FREE char *hba = text("core/%s", plugin);
	AUTO_FREE char *dir = text("core/%s/%s", plugin, store->name);
	AUTO_FREE char *attrib = text("%s/attrib", dir);
	AUTO_FREE char *udev_path = NULL;
	AUTO_FREE char *control = control_of(make, store, &udev_path);

	if (!control && store->kind == VSCSI_PSCSI && errno != ENOMEM)
		return tree_fail(
			make->tree, errno,
			"%s is no SCSI device (%s): give a disk's or generic device's node, or host:channel:target:lun",
			store->path, strerror(errno));
	if (!hba || !dir || !attrib || !control)
		return -ENOMEM;
	name_new_store(make, store);
	if (store->kind == VSCSI_FILEIO)
		op_add(plan, OP_CHECK_FILE, store->path, NULL, "%s", dir);
	if (!tree_has(make->tree, hba))
		op_add(plan, OP_MKDIR, NULL, NULL, "%s", hba);
	op_add(plan, OP_MKDIR, NULL, NULL, "%s", dir);
	if (udev_path)
		op_add(plan, OP_WRITE, udev_path, NULL, "%s/udev_path", dir);
	op_add(plan, OP_WRITE, control, NULL, "%s/control", dir);
	if (serial && store->kind != VSCSI_PSCSI)
		op_add(plan, OP_WRITE, serial, NULL, "%s/wwn/vpd_unit_serial",
		       dir);
	op_add(plan, OP_WRITE, "1", NULL, "%s/enable", dir);
	if (keeps_address(store, udev_path))
		op_add(plan, OP_WRITE, store->path, NULL, "%s/udev_path", dir);
	if (serial && store->kind != VSCSI_PSCSI)
		op_add(plan, OP_LOAD_PR, serial, NULL, "%s", dir);
	plan_attrs(make, NULL, &store->attrs, attrib, store->name);
	return plan->rc;
}

/* What makes the backstore anew when its removal is undone. */
static void save_store(struct make *make, const struct vscsi_store *store,
		       const char *dir)
{
	struct vscsi_plan *plan = make->plan;
	AUTO_FREE char *udev_path = NULL;
	AUTO_FREE char *control = NULL;

	for (size_t i = 0; i < store->attrs.n; i++)
		op_add(plan, OP_SAVE, NULL, store->attrs.v[i].value,
		       "%s/attrib/%s", dir, store->attrs.v[i].name)
			->differs = true;
	if (store->path || store->kind == VSCSI_RAMDISK)
		control = control_of(make, store, &udev_path);
	if (store->enabled && store->serial && store->kind != VSCSI_PSCSI)
		op_add(plan, OP_SAVE_PR, store->serial, NULL, "%s", dir)
			->bound = true;
	if (store->enabled && keeps_address(store, udev_path))
		op_add(plan, OP_SAVE, NULL, store->path, "%s/udev_path", dir);
	if (store->enabled)
		op_add(plan, OP_SAVE, NULL, "1", "%s/enable", dir);
	if (store->serial && store->kind != VSCSI_PSCSI)
		op_add(plan, OP_SAVE, NULL, store->serial,
		       "%s/wwn/vpd_unit_serial", dir);
	/* of one that is not enabled, nobody knows what was set */
	if (store->enabled && control)
		op_add(plan, OP_SAVE, NULL, control, "%s/control", dir);
	if (udev_path)
		op_add(plan, OP_SAVE, NULL, udev_path, "%s/udev_path", dir);
}

static bool hba_is_shared(const struct make *make,
			  const struct vscsi_store *store)
{
	for (size_t i = 0; i < make->live->n_stores; i++) {
		const struct vscsi_store *other = &make->live->stores[i];

		if (other != store && make->stores[i] != GOES &&
		    !strcmp(other->plugin, store->plugin))
			return true;
	}
	return false;
}

/* Of those of an HBA that all go, the last takes the HBA with it. */
static bool is_last_of_hba(const struct make *make,
			   const struct vscsi_store *store)
{
	AUTO_FREE char *hba = text("core/%s", store->plugin);
	AUTO(names_free) struct names names = {};
	size_t left = 0;

	if (!hba || hba_is_shared(make, store) ||
	    tree_list(make->tree, hba, &names))
		return false;
	for (size_t i = 0; i < names.n; i++) {
		AUTO_FREE char *enable = text("%s/%s/enable", hba, names.v[i]);

		left += enable && tree_has(make->tree, enable);
	}
	size_t length = strlen(hba);

	for (size_t i = 0; i < make->plan->n_ops; i++) {
		const struct op *op = &make->plan->ops[i];

		left -= op->kind == OP_RMDIR &&
			!strncmp(op->path, hba, length) &&
			op->path[length] == '/' &&
			!strchr(op->path + length + 1, '/');
	}
	return !left;
}

/**
 * plan_gone_store() - take a backstore away
 * @make: the plan
 * @store: the backstore
 * @keep_hba: it comes back in the same place
 *
 * Return: 0 or -ENOMEM.
 */
int plan_gone_store(struct make *make, const struct vscsi_store *store,
		    bool keep_hba)
{
	struct vscsi_plan *plan = make->plan;
	AUTO_FREE char *dir = text("core/%s/%s", store->plugin, store->name);
	bool loses = store->kind == VSCSI_RAMDISK && store->enabled;

	if (!dir)
		return -ENOMEM;
	step_add(plan, keep_hba ? '~' : '-', "%s backstore %s/%s%s",
		 keep_hba ? "take apart" : "remove",
		 vscsi_kind_name(store->kind), store->name,
		 loses ? " and its data" : "");
	int rc = plan_groups(make, dir, false);

	if (rc)
		return rc;
	save_store(make, store, dir);
	op_add(plan, OP_RMDIR, NULL, NULL, "%s", dir)->loses = loses;
	if (!keep_hba && is_last_of_hba(make, store))
		op_add(plan, OP_RMDIR, NULL, NULL, "core/%s", store->plugin)
			->trivial = loses;
	return plan->rc;
}
