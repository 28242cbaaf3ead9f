// SPDX-License-Identifier: GPL-2.0
/*
 * Configurations in files: read, completed, written.
 */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config.h"

/**
 * config_load() - the configuration in a file
 * @path: the file, of either format, or "-"
 *
 * Return: the configuration, or NULL after saying what is wrong.
 */
struct vscsi_config *config_load(const char *path)
{
	struct js_file file;
	AUTO_JSON struct json_object *object = js_read(&file, path);
	struct js js = { .file = &file, .object = object };

	if (!object)
		return NULL;
	struct vscsi_config *config = vscsi_config_new();

	if (!config) {
		ui_error("out of memory");
		return NULL;
	}
	if (targetcli_is(&js) ? !targetcli_read(&js, config)
			      : !own_read(&js, config))
		return config;
	if (!file.failed)
		ui_error("%s: out of memory", file.name);
	vscsi_config_free(config);
	return NULL;
}

static enum status fill_store(struct ctx *ctx, struct vscsi_store *store,
			      const struct vscsi_store *live)
{
	char serial[VSCSI_SERIAL_MADE];
	struct stat st;

	if (!store->serial && live && live->serial) {
		vscsi_set(&store->serial, live->serial);
	} else if (!store->serial && store->kind != VSCSI_PSCSI) {
		AUTO_FREE char *seed = ui_format(
			"%s/%s", vscsi_kind_name(store->kind), store->name);
		int err = vscsi_serial_make(ctx->tree, seed, serial);

		if (err)
			return ctx_tree_failed(ctx, err);
		vscsi_set(&store->serial, serial);
	}
	if (store->kind != VSCSI_FILEIO)
		return ST_OK;
	/* a device has a size of its own */
	if (is_device(store->path)) {
		store->size = 0;
		return ST_OK;
	}
	if (store->size)
		return ST_OK;
	if (live && text_is(live->path, store->path)) {
		store->size = live->size;
		return ST_OK;
	}
	if (stat(store->path, &st)) {
		ui_error("backstore fileio/%s: cannot look at %s: %s",
			 store->name, store->path, strerror(errno));
		return ctx->status = ST_FAILED;
	}
	if (S_ISREG(st.st_mode) && !st.st_size) {
		ui_error(
			"backstore fileio/%s: %s is empty: give it a size, or name one",
			store->name, store->path);
		return ctx->status = ST_FAILED;
	}
	store->size = S_ISREG(st.st_mode) ? st.st_size : 0;
	return ST_OK;
}

static void fill_target(struct vscsi_target *target,
			const struct vscsi_target *live)
{
	if (!target->label && live && live->label)
		vscsi_set(&target->label, live->label);
	for (size_t i = 0; i < target->n_tpgs; i++) {
		struct vscsi_tpg *tpg = &target->tpgs[i];
		const struct vscsi_tpg *there =
			live ? vscsi_target_tpg(live, tpg->tag) : NULL;

		if (tpg->nexus && !*tpg->nexus)
			vscsi_set(&tpg->nexus, there && there->nexus
						       ? there->nexus
						       : target->wwn);
	}
}

/**
 * config_fill() - complete what a file left unsaid
 * @ctx: the run, its tree open
 * @config: what the file says
 * @live: what is there, with labels
 *
 * Return: ST_OK, or the status to end with.
 */
enum status config_fill(struct ctx *ctx, struct vscsi_config *config,
			const struct vscsi_config *live)
{
	for (size_t i = 0; i < config->n_stores; i++) {
		struct vscsi_store *store = &config->stores[i];
		enum status status = fill_store(
			ctx, store,
			vscsi_config_store(live, store->kind, store->name));

		if (status)
			return status;
	}
	for (size_t i = 0; i < config->n_targets; i++)
		fill_target(&config->targets[i],
			    vscsi_config_target(live, config->targets[i].wwn));
	return ST_OK;
}

static int sync_dir_of(const char *path)
{
	AUTO_FREE char *copy = ui_strdup(path);
	AUTO_CLOSE int dir =
		open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return dir < 0 || fsync(dir) ? -errno : 0;
}

static const char *file_text(struct json_object *object)
{
	return json_object_to_json_string_ext(
		object, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED |
				JSON_C_TO_STRING_NOSLASHESCAPE);
}

/**
 * file_write_new() - write a file beside the one that it shall replace
 * @path: the file to be replaced; "PATH.new" is written
 * @object: what it shall hold
 *
 * Return: 0, or a negative errno; then there is no new file.
 */
int file_write_new(const char *path, struct json_object *object)
{
	AUTO_FREE char *name = ui_format("%s.new", path);
	const char *text = file_text(object);

	/* of a command that was killed; never through a link that lies there */
	if (unlink(name) && errno != ENOENT)
		return -errno;
	int fd = open(name,
		      O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
		      0666);
	AUTO_FCLOSE FILE *file = fd < 0 ? NULL : fdopen(fd, "w");

	if (!file)
		return -errno;
	if (fprintf(file, "%s\n", text) < 0 || fflush(file) ||
	    fsync(fileno(file))) {
		int err = -errno;

		unlink(name);
		return err;
	}
	return 0;
}

/**
 * file_note_unsynced() - tell that a file may not outlive a power loss
 * @path: the file, which is in its place: no failure, and nothing to be undone
 * @error: why, an errno
 */
void file_note_unsynced(const char *path, int error)
{
	ui_note("%s is written, but may be lost with the host's power: %s; sync(1) writes it to the disk",
		path, strerror(error));
}

/**
 * file_rename_new() - put the new file in the old one's place
 * @path: the file
 *
 * Return: 0, or a negative errno; then the old one is there.
 */
int file_rename_new(const char *path)
{
	AUTO_FREE char *name = ui_format("%s.new", path);

	if (rename(name, path)) {
		int err = -errno;

		unlink(name);
		return err;
	}
	int err = sync_dir_of(path);

	if (err)
		file_note_unsynced(path, -err);
	return 0;
}

/**
 * config_write() - write JSON to a file, whole or not at all
 * @object: what to write; consumed
 * @path: the file, or NULL or "-" for standard output
 *
 * Return: ST_OK, or ST_FAILED after saying why.
 */
enum status config_write(struct json_object *object, const char *path)
{
	if (!path || !strcmp(path, "-"))
		return ctx_print_json(object);
	struct stat st;
	int err;

	/* not a file: nothing to replace */
	if (!stat(path, &st) && !S_ISREG(st.st_mode)) {
		err = json_object_to_file_ext(path, object,
					      JSON_C_TO_STRING_PRETTY)
			      ? -errno
			      : 0;
	} else {
		err = file_replace(path, file_text(object));
	}
	json_object_put(object);
	if (!err)
		return ST_OK;
	ui_error("cannot write %s: %s", path, strerror(-err));
	return ST_FAILED;
}
