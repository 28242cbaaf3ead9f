// SPDX-License-Identifier: GPL-2.0
/*
 * check: the module. Which one is loaded, which one would be, for which kernels there is one, and
 * whether the kernel takes it.
 */
#include <dirent.h>
#include <fcntl.h>
#include <string.h>

#include "check.h"
#include "mod.h"

#define RELOAD \
	"reboot, or with no guest running and no target left: modprobe -r vhost_scsi; vhost-scsi restore"
#define DKMS "/var/lib/dkms/vhost-scsi"
#define SECURE_BOOT \
	"/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"

static const char topic[] = "module";

static const char *word(const char *text)
{
	return text ? text : "unknown";
}

static bool equal(const char *a, const char *b)
{
	return a && b && strcmp(a, b) == 0;
}

/* Nothing is loaded. */
static void not_loaded(struct check *check, const struct mod *mod)
{
	AUTO_FREE char *release = mod_release(check->ctx);

	if (!mod->file)
		check_say(
			check, CHECK_ERROR, topic,
			ui_format("the kernel %s has no module vhost_scsi",
				  word(release)),
			ui_format(
				"apt install vhost-scsi-dkms linux-headers-%s",
				word(release)));
	else if (mod_file_is_ours(mod))
		check_say(
			check, CHECK_WARNING, topic,
			ui_format("not loaded; version %s would be, %s",
				  mod->file_version, mod->file),
			ui_format(
				"modprobe vhost_scsi (commands that change something load it)"));
	else
		check_say(
			check, CHECK_WARNING, topic,
			ui_format("not loaded; the kernel's own would be, %s",
				  mod->file),
			ui_format(
				"apt install vhost-scsi-dkms, then modprobe vhost_scsi"));
}

static void ours_is_loaded(struct check *check, const struct mod *mod)
{
	if (!mod->file)
		check_say(
			check, CHECK_WARNING, topic,
			ui_format(
				"version %s is loaded, but none is installed for this kernel",
				mod->version),
			ui_format(
				"dkms autoinstall, or the next boot has no vhost_scsi"));
	else if (!mod_file_is_ours(mod))
		check_say(
			check, CHECK_WARNING, topic,
			ui_format(
				"version %s is loaded, but the next boot takes the kernel's own, %s",
				mod->version, mod->file),
			ui_format("dkms autoinstall"));
	else if (mod->srcversion && mod->file_srcversion &&
		 !equal(mod->srcversion, mod->file_srcversion))
		check_say(
			check, CHECK_WARNING, topic,
			ui_format(
				"version %s is still loaded (srcversion %s), %s is installed (srcversion %s)",
				mod->version, mod->srcversion,
				mod->file_version, mod->file_srcversion),
			ui_format(RELOAD));
	else
		check_say(check, CHECK_OK, topic,
			  ui_format("vhost_scsi %s is loaded, %s", mod->version,
				    mod->file),
			  NULL);
	if (!equal(mod->version, VERSION))
		check_say(
			check, CHECK_WARNING, topic,
			ui_format(
				"the module's version is %s, this command's is " VERSION,
				mod->version),
			ui_format(
				"install the packages vhost-scsi and vhost-scsi-dkms of one version"));
}

static void peer_is_loaded(struct check *check, const struct mod *mod)
{
	if (mod_file_is_ours(mod))
		check_say(
			check, CHECK_WARNING, topic,
			ui_format(
				"the kernel's own vhost_scsi is loaded, though %s is installed",
				mod->file),
			ui_format(RELOAD));
	else
		check_say(
			check, CHECK_WARNING, topic,
			ui_format("the kernel's own vhost_scsi is loaded"),
			ui_format("apt install vhost-scsi-dkms, then " RELOAD));
	check_say(
		check, CHECK_WARNING, "migration",
		ui_format(
			"the kernel's own module does not log what it writes to guest memory"),
		ui_format(
			"do not migrate guests from here (migratable=on): their memory arrives damaged"));
}

/**
 * check_module() - which vhost_scsi is loaded, and which one would be
 * @check: what was found so far
 */
void check_module(struct check *check)
{
	AUTO_MOD struct mod mod = { 0 };

	mod_look(check->ctx, "vhost_scsi", NULL, &mod);
	if (!mod.loaded)
		not_loaded(check, &mod);
	else if (mod_loaded_is_ours(&mod))
		ours_is_loaded(check, &mod);
	else
		peer_is_loaded(check, &mod);
}

static void check_kernel(struct check *check, const char *release)
{
	AUTO_MOD struct mod mod = { 0 };

	mod_look(check->ctx, "vhost_scsi", release, &mod);
	if (mod_file_is_ours(&mod))
		check_say(check, CHECK_OK, "kernel",
			  ui_format("%s: vhost_scsi %s", release,
				    mod.file_version),
			  NULL);
	else
		check_say(
			check, CHECK_WARNING, "kernel",
			ui_format(
				"%s: dkms has built no vhost_scsi for it, it takes %s",
				release, mod.file ? "its own" : "none"),
			ui_format(
				"dkms install vhost-scsi/" VERSION
				" -k %s; what it says of the vhost layout means that this kernel is not known yet",
				release));
}

/**
 * check_kernels() - kernels that dkms has no module of ours for
 * @check: what was found so far
 *
 * Only where dkms has it at all.
 */
void check_kernels(struct check *check)
{
	AUTO_FREE char *path = ctx_path(check->ctx, "/lib/modules");
	struct dirent **names;
	int n;

	if (!check_exists(check, DKMS))
		return;
	n = scandir(path, &names, NULL, versionsort);
	for (int i = 0; i < n; i++) {
		AUTO_FREE char *dep = ui_format("/lib/modules/%s/modules.dep",
						names[i]->d_name);

		if (names[i]->d_name[0] != '.' && check_exists(check, dep))
			check_kernel(check, names[i]->d_name);
		free(names[i]);
	}
	if (n >= 0)
		free(names);
}

/* The variable's value comes after four bytes of attributes. */
static bool secure_boot(const struct check *check)
{
	AUTO_FREE char *path = ctx_path(check->ctx, SECURE_BOOT);

	AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
	char bytes[5] = { 0 };

	return fd >= 0 && read(fd, bytes, sizeof(bytes)) == sizeof(bytes) &&
	       bytes[4] == 1;
}

/* Who makes the kernel ask for a signature, or NULL. */
static const char *enforced_by(const struct check *check)
{
	AUTO_FREE char *enforce = mod_read(
		check->ctx, "/sys/module/module/parameters/sig_enforce");
	AUTO_FREE char *lockdown =
		mod_read(check->ctx, "/sys/kernel/security/lockdown");

	if (enforce && strcmp(enforce, "Y") == 0)
		return "module.sig_enforce";
	if (lockdown && !strstr(lockdown, "[none]") && strchr(lockdown, '['))
		return "lockdown";
	return secure_boot(check) ? "Secure Boot" : NULL;
}

/**
 * check_signature() - does the kernel ask for a signature that the module lacks?
 * @check: what was found so far
 */
void check_signature(struct check *check)
{
	const char *by = enforced_by(check);
	AUTO_MOD struct mod mod = { 0 };

	mod_look(check->ctx, "vhost_scsi", NULL, &mod);
	if (!mod_file_is_ours(&mod))
		return;
	if (mod.file_signer)
		check_say(check, CHECK_OK, "signature",
			  ui_format("the module is signed by %s",
				    mod.file_signer),
			  NULL);
	else if (by)
		check_say(
			check, CHECK_ERROR, "signature",
			ui_format(
				"%s asks for signed modules, and %s is not signed",
				by, mod.file),
			ui_format(
				"make a key for dkms and enrol it: mokutil --import /var/lib/dkms/mok.pub, reboot, then dkms install --force vhost-scsi/" VERSION));
	else
		check_say(check, CHECK_OK, "signature",
			  ui_format("the kernel asks for none"), NULL);
}
