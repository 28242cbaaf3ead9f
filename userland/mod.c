// SPDX-License-Identifier: GPL-2.0
/*
 * Kernel modules by libkmod: what is loaded, what would be, and loading it.
 *
 * The kernel's own vhost_scsi and ours have one name. Ours is installed below
 * updates/, which modprobe prefers, and has a version; the kernel's own has none.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include <libkmod.h>

#include "cmd.h"
#include "mod.h"

static void unref_kmod(struct kmod_ctx **kmod)
{
	if (*kmod)
		kmod_unref(*kmod);
}

static void unref_modules(struct kmod_list **list)
{
	if (*list)
		kmod_module_unref_list(*list);
}

static void free_info(struct kmod_list **list)
{
	if (*list)
		kmod_module_info_free_list(*list);
}

/**
 * mod_free() - let go of what mod_look() found
 * @mod: a module
 */
void mod_free(struct mod *mod)
{
	free(mod->version);
	free(mod->srcversion);
	free(mod->file);
	free(mod->file_version);
	free(mod->file_srcversion);
	free(mod->file_signer);
	*mod = (struct mod){ 0 };
}

/**
 * mod_read() - the first line of a small file
 * @ctx: whose root the path is below
 * @path: the file
 *
 * Return: the line without its newline, to be freed; NULL if the file cannot be read.
 */
char *mod_read(const struct ctx *ctx, const char *path)
{
	AUTO_FREE char *full = ctx_path(ctx, path);

	AUTO_CLOSE int fd = open(full, O_RDONLY | O_CLOEXEC);
	char text[4096];
	ssize_t got = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (got < 0)
		return NULL;
	text[got] = '\0';
	text[strcspn(text, "\n")] = '\0';
	return ui_strdup(text);
}

/**
 * mod_release() - the release of the kernel that runs
 * @ctx: whose root /proc is below
 *
 * Return: the release, to be freed; NULL if /proc does not tell.
 */
char *mod_release(const struct ctx *ctx)
{
	return mod_read(ctx, "/proc/sys/kernel/osrelease");
}

static struct kmod_ctx *new_kmod(const struct ctx *ctx, const char *release)
{
	AUTO_FREE char *running = release ? NULL : mod_release(ctx);
	const char *name = release ? release : running;

	if (!name)
		return NULL;
	AUTO_FREE char *below = ui_format("/lib/modules/%s", name);
	AUTO_FREE char *dir = ctx_path(ctx, below);
	AUTO_FREE char *etc = ctx_path(ctx, "/etc/modprobe.d");
	AUTO_FREE char *run = ctx_path(ctx, "/run/modprobe.d");
	AUTO_FREE char *lib = ctx_path(ctx, "/lib/modprobe.d");
	const char *configs[] = { etc, run, lib, NULL };

	return kmod_new(dir, configs);
}

static void read_info(struct kmod_module *module, struct mod *mod)
{
	__attribute__((cleanup(free_info))) struct kmod_list *info = NULL;
	struct kmod_list *item;

	if (kmod_module_get_info(module, &info) < 0)
		return;
	kmod_list_foreach(item, info)
	{
		const char *key = kmod_module_info_get_key(item);
		const char *value = kmod_module_info_get_value(item);
		char **where = NULL;

		if (strcmp(key, "version") == 0)
			where = &mod->file_version;
		else if (strcmp(key, "srcversion") == 0)
			where = &mod->file_srcversion;
		else if (strcmp(key, "signer") == 0)
			where = &mod->file_signer;
		if (where && !*where)
			*where = ui_strdup(value);
	}
}

/* What modprobe would take for @name. */
static int look_at_file(const struct ctx *ctx, const char *name,
			const char *release, struct mod *mod)
{
	__attribute__((cleanup(unref_kmod))) struct kmod_ctx *kmod =
		new_kmod(ctx, release);
	__attribute__((cleanup(unref_modules))) struct kmod_list *list = NULL;
	int err;

	if (!kmod)
		return -ENOENT;
	err = kmod_module_new_from_lookup(kmod, name, &list);
	if (err < 0)
		return err;
	if (!list)
		return 0;

	struct kmod_module *module = kmod_module_get_module(list);
	const char *path = kmod_module_get_path(module);

	if (path) {
		mod->file = ui_strdup(path);
		read_info(module, mod);
	}
	kmod_module_unref(module);
	return 0;
}

/**
 * mod_look() - what there is of a module
 * @ctx: whose root /sys and /lib/modules are below
 * @name: its name
 * @release: the kernel whose file is looked for; NULL: the one that runs
 * @mod: filled in; to be freed by mod_free() also after a failure
 *
 * Return: 0, or a negative errno if what is installed cannot be told.
 */
int mod_look(const struct ctx *ctx, const char *name, const char *release,
	     struct mod *mod)
{
	AUTO_FREE char *dir = ui_format("/sys/module/%s", name);
	AUTO_FREE char *full = ctx_path(ctx, dir);
	AUTO_FREE char *version = ui_format("%s/version", dir);
	AUTO_FREE char *srcversion = ui_format("%s/srcversion", dir);

	*mod = (struct mod){ 0 };
	mod->loaded = access(full, F_OK) == 0;
	mod->version = mod_read(ctx, version);
	mod->srcversion = mod_read(ctx, srcversion);
	return look_at_file(ctx, name, release, mod);
}

/**
 * mod_configfs_mounted() - is configfs at /sys/kernel/config?
 * @ctx: whose root /proc is below
 *
 * Return: true if /proc/mounts says so.
 */
bool mod_configfs_mounted(const struct ctx *ctx)
{
	AUTO_FREE char *path = ctx_path(ctx, "/proc/mounts");

	AUTO_FCLOSE FILE *mounts = fopen(path, "re");
	char line[4096];

	while (mounts && fgets(line, sizeof(line), mounts)) {
		char where[1024], type[64];

		if (sscanf(line, "%*s %1023s %63s", where, type) == 2 &&
		    strcmp(type, "configfs") == 0 &&
		    strcmp(where, "/sys/kernel/config") == 0)
			return true;
	}
	return false;
}

/* Why the kernel did not take a module, and what to do. */
static void load_failed(const char *name, const char *file, int err)
{
	const char *remedy;

	switch (-err) {
	case ENOENT:
		remedy =
			file ? "a symbol that it needs is not there: build it for this kernel"
			     : "this kernel has no such module: install the package vhost-scsi-dkms";
		break;
	case EPERM:
		remedy =
			geteuid()
				? "run this as root"
				: "the kernel is locked down: sign the module, see vhost-scsi check";
		break;
	case ENOKEY:
	case EKEYREJECTED:
		remedy =
			"Secure Boot asks for a signature: sign the module, see vhost-scsi check";
		break;
	case ENOEXEC:
	case EINVAL:
		remedy =
			"it was built for another kernel: dkms autoinstall, or see the kernel log";
		break;
	default:
		remedy = "the kernel log says why";
	}
	ui_error("cannot load %s%s%s%s: %s; %s", name, file ? " (" : "",
		 file ? file : "", file ? ")" : "", strerror(-err), remedy);
}

static int load(struct ctx *ctx, const char *name)
{
	__attribute__((cleanup(unref_kmod))) struct kmod_ctx *kmod =
		new_kmod(ctx, NULL);
	__attribute__((cleanup(unref_modules))) struct kmod_list *list = NULL;
	int err = kmod ? kmod_module_new_from_lookup(kmod, name, &list)
		       : -ENOENT;

	if (err < 0 || !list) {
		load_failed(name, NULL, -ENOENT);
		return -ENOENT;
	}

	struct kmod_module *module = kmod_module_get_module(list);

	err = kmod_module_probe_insert_module(module, 0, NULL, NULL, NULL,
					      NULL);
	if (err < 0)
		load_failed(name, kmod_module_get_path(module), err);
	else if (ctx->verbose)
		ui_note("loaded %s", kmod_module_get_path(module));
	kmod_module_unref(module);
	return err < 0 ? err : 0;
}

/**
 * vs_modules_need() - have LIO and the module before a change
 * @ctx: the run
 *
 * LIO loads what a kind of backstore needs by itself, but not the fabric. With
 * --root nothing is loaded.
 *
 * Return: 0, or a negative errno after saying why not.
 */
int vs_modules_need(struct ctx *ctx)
{
	if (ctx->root && strcmp(ctx->root, "/") != 0)
		return 0;
	if (access("/sys/module/vhost_scsi", F_OK) != 0) {
		int err = load(ctx, "vhost_scsi");

		if (err)
			return err;
	}
	if (!mod_configfs_mounted(ctx)) {
		ui_error(
			"configfs is not mounted at /sys/kernel/config: systemctl start sys-kernel-config.mount, or mount -t configfs none /sys/kernel/config");
		return -ENOENT;
	}
	return 0;
}
