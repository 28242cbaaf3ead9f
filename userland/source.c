// SPDX-License-Identifier: GPL-2.0
/*
 * From what the command line says to a backstore.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "source.h"

#define PAGE 4096 /* a ramdisk's size is a multiple of it */
#define SECTOR 512

static enum status wrong(struct ctx *ctx, const char *format, const char *word)
{
	char text[512];

	snprintf(text, sizeof(text), format, word);
	ui_error("%s", text);
	return ctx->status = ST_USAGE;
}

/**
 * source_check() - whether the options make sense together
 * @ctx: the run
 * @source: the options
 *
 * Return: ST_OK, or ST_USAGE after saying what does not.
 */
enum status source_check(struct ctx *ctx, const struct source *source)
{
	int given = !!source->ramdisk + !!source->file + !!source->block +
		    !!source->pscsi + !!source->user + !!source->backstore;

	if (!given)
		return wrong(
			ctx,
			"which backstore? Give --ramdisk, --file, --block, --pscsi, --user or --backstore; `vhost-scsi %s --help` has examples",
			ctx->cmd->name);
	if (given > 1)
		return wrong(
			ctx,
			"one backstore makes a LUN: give only one of --ramdisk, --file, --block, --pscsi, --user and --backstore%s",
			"");
	if (source->size && !source->file && !source->user)
		return wrong(ctx, "--size goes with --file and --user only%s",
			     "");
	if (source->user && !source->size)
		return wrong(ctx, "--user '%s' needs --size", source->user);
	if (source->buffered && !source->file)
		return wrong(ctx, "--buffered goes with --file only%s", "");
	if (source->size % SECTOR)
		return wrong(ctx, "--size has to be a multiple of 512%s", "");
	if (source->serial && (source->backstore || source->pscsi))
		return wrong(
			ctx,
			"--serial is for a new backstore, and pscsi has the device's own%s",
			"");
	return ST_OK;
}

/* The backstore KIND/NAME that is there. */
static const struct vscsi_store *find_store(struct change *change,
					    const char *word)
{
	const char *slash = strchr(word, '/');
	AUTO_FREE char *kind_name =
		ui_format("%.*s", slash ? (int)(slash - word) : 0, word);
	int kind = slash ? vscsi_kind_parse(kind_name) : -1;
	const struct vscsi_store *store =
		kind < 0 ? NULL
			 : vscsi_config_store(change->wanted, kind, slash + 1);

	if (store)
		return store;
	const struct vscsi_config *wanted = change->wanted;
	AUTO_FREE const char **known =
		ui_alloc((wanted->n_stores + 1) * sizeof(*known));

	for (size_t i = 0; i < wanted->n_stores; i++)
		known[i] = ui_format("%s/%s",
				     vscsi_kind_name(wanted->stores[i].kind),
				     wanted->stores[i].name);
	const char *nearest = words_nearest(word, known);

	if (nearest)
		ui_error("no backstore '%s': did you mean '%s'?", word,
			 nearest);
	else
		ui_error(
			"no backstore '%s': `vhost-scsi list backstores` shows what there is",
			word);
	for (size_t i = 0; i < wanted->n_stores; i++)
		free((char *)known[i]);
	change->ctx->status = ST_NOT_FOUND;
	return NULL;
}

/* "host:channel:target:lun" of a SCSI device, which is no name of a file. */
static bool is_address(const char *path)
{
	return strchr(path, ':') && !path[strspn(path, "0123456789:")];
}

/* Names stay as they are given, for those in /dev/disk are links that last. */
static char *absolute(const char *path)
{
	if (*path == '/')
		return ui_strdup(path);
	AUTO_FREE char *cwd = get_current_dir_name();

	return ui_format("%s/%s", cwd ? cwd : "", path);
}

static enum status failed(struct ctx *ctx, const char *what, const char *path)
{
	ui_error("cannot %s %s: %s", what, path, strerror(errno));
	return ctx->status = ST_FAILED;
}

/* In bytes; 0: it is no block device, or cannot be asked. */
static uint64_t device_size(const char *path)
{
	uint64_t size = 0;
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	return fd >= 0 && !ioctl(fd, BLKGETSIZE64, &size) ? size : 0;
}

/* A block device has a size of its own, which LIO takes. */
static enum status look_at_device(struct ctx *ctx, const struct source *source,
				  struct vscsi_store *store)
{
	uint64_t size = device_size(store->path);

	store->size = 0;
	if (!source->size || !size || source->size == size)
		return ST_OK;
	ui_error(
		"backstore fileio/%s would be as large as its device, %llu bytes: leave out --size, or resize %s",
		store->name, (unsigned long long)size, store->path);
	return ctx->status = ST_FAILED;
}

/* Set the size that the file is to have, and whether it is there. */
static enum status look_at_file(struct ctx *ctx, struct source *source,
				struct vscsi_store *store)
{
	struct stat st;

	store->size = source->size;
	if (stat(store->path, &st)) {
		if (errno != ENOENT)
			return failed(ctx, "look at", store->path);
		if (source->size)
			return ST_OK;
		ui_error("%s is not there: give --size SIZE to have it made",
			 store->path);
		return ctx->status = ST_FAILED;
	}
	if (S_ISBLK(st.st_mode))
		return look_at_device(ctx, source, store);
	source->old_size = st.st_size;
	if (!S_ISREG(st.st_mode)) {
		ui_error("%s is neither a file nor a block device",
			 store->path);
		return ctx->status = ST_FAILED;
	}
	if (!store->size)
		store->size = st.st_size - st.st_size % SECTOR;
	if (store->size)
		return ST_OK;
	ui_error("%s is empty: give --size SIZE", store->path);
	return ctx->status = ST_FAILED;
}

/* Make the file, or make it larger; sparse. */
static enum status make_file(struct ctx *ctx, struct source *source,
			     const struct vscsi_store *store)
{
	struct stat st;
	bool there = !stat(store->path, &st);

	if (there &&
	    (!S_ISREG(st.st_mode) || (uint64_t)st.st_size >= store->size))
		return ST_OK;
	AUTO_CLOSE int fd =
		open(store->path,
		     O_RDWR | O_CLOEXEC | (there ? 0 : O_CREAT | O_EXCL), 0600);

	if (fd < 0)
		return failed(ctx, there ? "open" : "make", store->path);
	source->made = ui_strdup(store->path);
	source->created = !there;
	if (ftruncate(fd, store->size))
		return failed(ctx, "set the size of", store->path);
	return ST_OK;
}

static enum status fill_in(struct change *change, struct source *source,
			   struct vscsi_store *store)
{
	struct ctx *ctx = change->ctx;
	const char *path = source->file	   ? source->file
			   : source->block ? source->block
					   : source->pscsi;
	char serial[VSCSI_SERIAL_MADE];

	if (path)
		store->path = source->pscsi && is_address(path)
				      ? ui_strdup(path)
				      : absolute(path);
	else if (source->user)
		vscsi_set(&store->path, source->user);
	store->buffered = source->buffered;
	if (source->ramdisk)
		store->size = (source->ramdisk + PAGE - 1) / PAGE * PAGE;
	if (source->user)
		store->size = source->size;
	if (source->file && look_at_file(ctx, source, store))
		return ctx->status;
	if (source->serial)
		return vscsi_set(&store->serial, source->serial) ? ST_FAILED
								 : ST_OK;
	if (source->pscsi)
		return ST_OK;
	AUTO_FREE char *seed =
		ui_format("%s/%s", vscsi_kind_name(store->kind), store->name);
	int err = vscsi_serial_make(ctx->tree, seed, serial);

	return err				   ? ctx_tree_failed(ctx, err)
	       : vscsi_set(&store->serial, serial) ? ST_FAILED
						   : ST_OK;
}

/* A backstore of that name is there: ours, and the same? */
static const struct vscsi_store *reuse(struct change *change,
				       const struct vscsi_store *there,
				       const struct vscsi_store *store)
{
	const char *kind = vscsi_kind_name(there->kind);
	bool sized = there->kind != VSCSI_BLOCK && there->kind != VSCSI_PSCSI;

	change->ctx->status = ST_FAILED;
	if (!is_our_store(change->ours, there)) {
		ui_error(
			"backstore %s/%s was made by another tool: use it with --backstore %s/%s, or choose another name",
			kind, there->name, kind, there->name);
		return NULL;
	}
	if (!text_is(there->path, store->path) ||
	    (sized && store->size && there->size != store->size) ||
	    there->buffered != store->buffered) {
		AUTO_FREE char *size = ui_size(there->size);

		ui_error(
			"backstore %s/%s is there and differs (%s%s%s): use it with --backstore %s/%s, or choose another name",
			kind, there->name, size, there->path ? ", " : "",
			there->path ? there->path : "", kind, there->name);
		return NULL;
	}
	change->ctx->status = ST_OK;
	return there;
}

/**
 * source_store() - the backstore that the options ask for
 * @change: the change, begun; a new backstore is added to it
 * @source: the options, checked
 * @name: what a new one is called
 *
 * Return: the backstore in change->wanted, or NULL after saying what is wrong,
 * with the run's status set.
 */
const struct vscsi_store *source_store(struct change *change,
				       struct source *source, const char *name)
{
	struct ctx *ctx = change->ctx;
	enum vscsi_kind kind = source->file    ? VSCSI_FILEIO
			       : source->block ? VSCSI_BLOCK
			       : source->pscsi ? VSCSI_PSCSI
			       : source->user  ? VSCSI_USER
					       : VSCSI_RAMDISK;

	if (source->backstore)
		return find_store(change, source->backstore);
	AUTO_CONFIG struct vscsi_config *scratch = vscsi_config_new();
	struct vscsi_store *store =
		scratch ? vscsi_config_add_store(scratch, kind, name) : NULL;

	if (!store) {
		ui_error(
			"'%s' cannot be a backstore's name: take letters, digits, '.', '_' and '-'",
			name);
		ctx->status = ST_USAGE;
		return NULL;
	}
	if (fill_in(change, source, store))
		return NULL;
	const struct vscsi_store *there =
		vscsi_config_store(change->wanted, kind, name);

	if (there)
		return reuse(change, there, store);
	if (source->file && make_file(ctx, source, store))
		return NULL;
	config_take_store(change->ours, store);
	return config_take_store(change->wanted, store);
}

/**
 * source_size() - how large a backstore is
 * @store: the backstore, of a change that was made
 *
 * Return: bytes, of a block device what the device says; 0 if it is not known.
 */
uint64_t source_size(const struct vscsi_store *store)
{
	bool on_device = store->kind == VSCSI_BLOCK ||
			 store->kind == VSCSI_FILEIO;

	if (store->size || !on_device || !store->path)
		return store->size;
	return device_size(store->path);
}

/**
 * source_keep() - what was made stays
 * @source: the options
 */
void source_keep(struct source *source)
{
	free(source->made);
	source->made = NULL;
}

/**
 * source_undo() - take a file away again that was made for nothing
 * @source: the options
 */
void source_undo(struct source *source)
{
	if (!source->made)
		return;
	if (source->created ? unlink(source->made)
			    : truncate(source->made, source->old_size))
		ui_error("cannot undo what was done to %s: %s", source->made,
			 strerror(errno));
	source_keep(source);
}
