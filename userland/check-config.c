// SPDX-License-Identifier: GPL-2.0
/*
 * check: configfs, the folders that LIO writes to, targets, their backing devices, and
 * whether what is saved is what is there.
 */
#include <string.h>

#include "check.h"
#include "config.h"
#include "mod.h"

static const char *const targetcli_files[] = {
	"/etc/rtslib-fb-target/saveconfig.json",
	"/etc/target/saveconfig.json",
};

/**
 * check_configfs() - is configfs mounted, and LIO in it?
 * @check: what was found so far
 */
void check_configfs(struct check *check)
{
	static const char topic[] = "configfs";

	if (!mod_configfs_mounted(check->ctx))
		check_say(
			check, CHECK_ERROR, topic,
			ui_format("not mounted at /sys/kernel/config"),
			ui_format(
				"systemctl start sys-kernel-config.mount, or mount -t configfs none /sys/kernel/config"));
	else if (!check_exists(check, "/sys/kernel/config/target"))
		check_say(
			check, CHECK_WARNING, topic,
			ui_format(
				"there is no LIO in it (/sys/kernel/config/target)"),
			ui_format("modprobe vhost_scsi"));
	else if (!check->live)
		check_say(check, CHECK_ERROR, topic,
			  ui_format("%s", vscsi_tree_error(check->ctx->tree)),
			  ui_format("run this as root"));
	else
		check_say(check, CHECK_OK, topic,
			  ui_format("mounted, and LIO is in it"), NULL);
}

/**
 * check_dbroot() - the folders in which LIO keeps reservations and ALUA states
 * @check: what was found so far
 */
void check_dbroot(struct check *check)
{
	static const char *const folders[] = { "pr", "alua" };

	AUTO_FREE char *root =
		mod_read(check->ctx, "/sys/kernel/config/target/dbroot");
	size_t missing = 0;

	if (!root)
		return;
	for (size_t i = 0; i < sizeof(folders) / sizeof(*folders); i++) {
		AUTO_FREE char *path = ui_format("%s/%s", root, folders[i]);

		if (check_exists(check, path))
			continue;
		missing++;
		check_say(
			check, CHECK_WARNING, "dbroot",
			ui_format(
				"there is no %s: %s", path,
				i ? "ALUA states cannot be kept"
				  : "a guest's reservation that is to outlive power loss (APTPL) is refused"),
			ui_format("mkdir -p %s", path));
	}
	if (!missing)
		check_say(check, CHECK_OK, "dbroot",
			  ui_format("%s has pr and alua", root), NULL);
}

static void check_target(struct check *check, const struct vscsi_target *target)
{
	const char *wrong = vscsi_wwn_wrong(target->wwn, true);

	if (wrong)
		check_say(
			check, CHECK_NOTE, "target",
			ui_format(
				"%s cannot be used by targetcli or libvirt: %s",
				target->wwn, wrong),
			ui_format(
				"give targets names of naa. and 16 digits, beginning with 5"));
	if (!target->n_tpgs)
		check_say(check, CHECK_WARNING, "target",
			  ui_format("%s has no TPG: QEMU gets ENODEV",
				    target->wwn),
			  advice_no_tpg(target));
	for (size_t i = 0; i < target->n_tpgs; i++) {
		const struct vscsi_tpg *tpg = &target->tpgs[i];

		if (!tpg->nexus)
			check_say(
				check, CHECK_WARNING, "target",
				ui_format(
					"%s TPG %u has no nexus: guests do not get it",
					target->wwn, tpg->tag),
				ui_format(
					"echo %s >/sys/kernel/config/target/vhost/%s/tpgt_%u/nexus",
					target->wwn, target->wwn, tpg->tag));
		if (!tpg->n_luns)
			check_say(
				check, CHECK_NOTE, "target",
				ui_format("%s TPG %u has no LUN", target->wwn,
					  tpg->tag),
				ui_format(
					"`vhost-scsi lun add %s SOURCE --tpg %u`",
					target->wwn, tpg->tag));
	}
}

/**
 * check_targets() - targets that a guest cannot use
 * @check: what was found so far
 */
void check_targets(struct check *check)
{
	size_t before = check->n;

	if (!check->live)
		return;
	for (size_t i = 0; i < check->live->n_targets; i++)
		check_target(check, &check->live->targets[i]);
	if (check->n == before)
		check_say(check, CHECK_OK, "target",
			  ui_format("%zu, each with TPG, nexus and LUN",
				    check->live->n_targets),
			  NULL);
}

static bool is_missing(const struct vscsi_store *store)
{
	return (store->kind == VSCSI_BLOCK || store->kind == VSCSI_FILEIO ||
		store->kind == VSCSI_PSCSI) &&
	       store->path && store->path[0] == '/' &&
	       access(store->path, F_OK) != 0;
}

/**
 * check_backing() - backstores whose file or device has no name any more
 * @check: what was found so far
 *
 * Their paths are not below the root.
 */
void check_backing(struct check *check)
{
	for (size_t i = 0; check->live && i < check->live->n_stores; i++) {
		const struct vscsi_store *store = &check->live->stores[i];

		if (is_missing(store))
			check_say(
				check, CHECK_ERROR, "backstore",
				ui_format(
					"%s/%s works on %s, which has been removed: its data is lost when the backstore goes",
					vscsi_kind_name(store->kind),
					store->name, store->path),
				ui_format(
					"copy the data now, in a guest that has it"));
	}
}

/* Saved backstores that the next boot will lack. */
static void check_saved_backing(struct check *check,
				const struct vscsi_config *saved)
{
	for (size_t i = 0; i < saved->n_stores; i++) {
		const struct vscsi_store *store = &saved->stores[i];

		if (is_missing(store) &&
		    !(check->live &&
		      vscsi_config_store(check->live, store->kind,
					 store->name)))
			check_say(
				check, CHECK_WARNING, "saved",
				ui_format(
					"backstore %s/%s needs %s, which is not there",
					vscsi_kind_name(store->kind),
					store->name, store->path),
				ui_format(
					"attach it, then vhost-scsi restore"));
	}
}

/* Does what is there have all that is saved, as it was saved? */
static void check_saved_is_live(struct check *check,
				const struct vscsi_config *saved)
{
	AUTO_CONFIG struct vscsi_config *wanted =
		vscsi_config_copy(check->live);
	size_t lacking = 0;

	for (size_t i = 0; i < saved->n_targets; i++) {
		const struct vscsi_target *target = &saved->targets[i];

		if (vscsi_config_target(check->live, target->wwn))
			continue;
		lacking++;
		check_say(check, CHECK_WARNING, "saved",
			  ui_format("target %s%s%s is saved, and is not there",
				    target->label ? target->label : "",
				    target->label ? " " : "", target->wwn),
			  ui_format("vhost-scsi restore"));
	}
	for (size_t i = 0; i < saved->n_stores; i++) {
		const struct vscsi_store *store = &saved->stores[i];

		if (vscsi_config_store(check->live, store->kind, store->name))
			continue;
		lacking++;
		check_say(
			check, CHECK_WARNING, "saved",
			ui_format("backstore %s/%s is saved, and is not there",
				  vscsi_kind_name(store->kind), store->name),
			ui_format("vhost-scsi restore"));
	}
	if (lacking || !wanted)
		return;
	AUTO_CONFIG struct vscsi_config *fresh =
		state_refresh(saved, wanted, false);
	AUTO_JSON struct json_object *was = own_write(saved);
	AUTO_JSON struct json_object *is = fresh ? own_write(fresh) : NULL;

	if (is && was && !json_object_equal(was, is))
		check_say(
			check, CHECK_WARNING, "saved",
			ui_format(
				"/etc/vhost-scsi/config.json differs from what is there"),
			ui_format(
				"vhost-scsi save keeps what is there; vhost-scsi restore makes what is saved"));
	else
		check_say(
			check, CHECK_OK, "saved",
			ui_format(
				"%zu targets and %zu backstores, as they are there",
				saved->n_targets, saved->n_stores),
			NULL);
}

/* What both tools would make at boot. */
static void check_both(struct check *check, const struct vscsi_config *saved,
		       const char *file)
{
	AUTO_FREE char *path = ctx_path(check->ctx, file);

	if (access(path, R_OK) != 0)
		return;
	AUTO_CONFIG struct vscsi_config *other = config_load(path);

	if (!other) {
		check_say(check, CHECK_WARNING, "saved",
			  ui_format("%s cannot be read", file),
			  ui_format("targetcli saveconfig writes it anew"));
		return;
	}
	for (size_t i = 0; i < saved->n_targets; i++) {
		if (vscsi_config_target(other, saved->targets[i].wwn))
			check_say(
				check, CHECK_WARNING, "saved",
				ui_format(
					"target %s is saved by this command and by targetcli (%s)",
					saved->targets[i].wwn, file),
				ui_format(
					"leave it to one: targetcli saveconfig writes all that is there, so do not use it for what is ours"));
	}
	for (size_t i = 0; i < saved->n_stores; i++) {
		const struct vscsi_store *store = &saved->stores[i];

		if (vscsi_config_store(other, store->kind, store->name))
			check_say(
				check, CHECK_WARNING, "saved",
				ui_format(
					"backstore %s/%s is saved by this command and by targetcli (%s)",
					vscsi_kind_name(store->kind),
					store->name, file),
				ui_format("leave it to one of them"));
	}
}

/**
 * check_saved() - what the next boot will make
 * @check: what was found so far
 */
void check_saved(struct check *check)
{
	AUTO_CONFIG struct vscsi_config *saved = state_load(check->ctx);

	if (!saved) {
		check_say(
			check, CHECK_ERROR, "saved",
			ui_format("/etc/vhost-scsi/config.json cannot be used"),
			ui_format(
				"correct what is said of it, or start anew: `mv /etc/vhost-scsi/config.json /etc/vhost-scsi/config.json.bad`, then for each target that is ours `vhost-scsi adopt WWN --name NAME`"));
		return;
	}
	check_saved_backing(check, saved);
	if (check->live)
		check_saved_is_live(check, saved);
	for (size_t i = 0; i < sizeof(targetcli_files) / sizeof(char *); i++)
		check_both(check, saved, targetcli_files[i]);
}
