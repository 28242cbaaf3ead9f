/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Configurations as files: two formats of JSON, what is not written because it
 * is as always, and what is saved. A section per file.
 */
#ifndef CONFIG_H
#define CONFIG_H

#include <sys/stat.h>

#include "cmd.h"
#include "js.h"

/* ---- json-own.c, json-own-write.c: vhost-scsi.json(5) ---- */

#define OWN_VERSION 1

/* A nexus that a file does not name is "" afterwards, one that is null is NULL. Both
 * readers return 0, or -EINVAL after saying what is wrong.
 */
int own_read(const struct js *js, struct vscsi_config *config);
struct json_object *own_write(const struct vscsi_config *config);
/* An object of attributes; numbers where they are numbers. */
struct json_object *own_attrs(const struct vscsi_attrs *attrs);

/* ---- json-targetcli.c: rtslib's saveconfig.json ---- */

bool targetcli_is(const struct js *js);
int targetcli_read(const struct js *js, struct vscsi_config *config);
struct json_object *targetcli_write(const struct vscsi_config *config);

/* ---- attrs.c ---- */

/* Takes away attributes that have the value which they have by themselves, but not
 * those that @keep names (which may be NULL).
 */
void attrs_drop_defaults(struct vscsi_config *config,
			 const struct vscsi_config *keep);

/* ---- parts.c: parts of configurations ---- */

/* Copies with all that is in them; what @config has by that name is replaced. */
struct vscsi_store *config_take_store(struct vscsi_config *config,
				      const struct vscsi_store *from);
/* In which way a backstore that is there is not the saved one of its kind and name. To be
 * freed; NULL: it is the same.
 */
char *store_differs(const struct vscsi_store *saved,
		    const struct vscsi_store *there);
struct vscsi_target *config_take_target(struct vscsi_config *config,
					const struct vscsi_target *from);
/* Without their TPGs or LUNs. */
struct vscsi_target *config_take_bare_target(struct vscsi_config *config,
					     const struct vscsi_target *from);
struct vscsi_tpg *config_take_bare_tpg(struct vscsi_target *target,
				       const struct vscsi_tpg *from);
struct vscsi_lun *config_take_lun(struct vscsi_tpg *tpg,
				  const struct vscsi_lun *from);
void config_take_acl(struct vscsi_tpg *tpg, const struct vscsi_acl *from);
void config_take_attrs(struct vscsi_attrs *attrs,
		       const struct vscsi_attrs *from);
/* LUNs of @config's targets that are the backstore. */
size_t config_uses(const struct vscsi_config *config,
		   const struct vscsi_store *store);
struct vscsi_target *config_label(const struct vscsi_config *config,
				  const char *label);
bool is_device(const char *path); /* a block device that is there */
const char *
called(const struct vscsi_target *target);  /* its name, or its WWN */
bool text_is(const char *a, const char *b); /* NULL is no text, "" neither */

/* ---- file.c ---- */

/* Of either format; NULL after saying what is wrong. */
struct vscsi_config *config_load(const char *path);
/* Gives what a file did not say the value that is there, or the usual one. Returns a status. */
enum status config_fill(struct ctx *ctx, struct vscsi_config *config,
			const struct vscsi_config *live);
/* To a file, whole or not at all, or to standard output (NULL, "-"). Consumes @object. */
enum status config_write(struct json_object *object, const char *path);
/* Writes "PATH.new" so that it would outlive a power loss. Returns a negative errno. */
int file_write_new(const char *path, struct json_object *object);
int file_rename_new(const char *path);
void file_note_unsynced(const char *path, int error);

/* ---- file-replace.c ---- */

/* Any file, also in folders of others. Returns a negative errno. */
int file_replace(const char *path, const char *text);

/* ---- find.c, more of it: what was made here, by the saved configuration ---- */

struct vscsi_tpg *find_tpg(struct ctx *ctx, const struct vscsi_target *target,
			   long tag);
char *advice_no_tpg(const struct vscsi_target *target);
bool is_our_store(const struct vscsi_config *ours,
		  const struct vscsi_store *there);
bool is_our_target(const struct vscsi_config *ours, const char *wwn);
bool is_our_tpg(const struct vscsi_config *ours, const char *wwn,
		unsigned int tag);
bool is_our_lun(const struct vscsi_config *ours, const char *wwn,
		unsigned int tag, const struct vscsi_lun *lun);

/* ---- cmd-create.c ---- */

enum status check_name(struct ctx *ctx, const char *name);
enum status check_wwn(struct ctx *ctx, const char *option, const char *wwn);

/* ---- state.c: /etc/vhost-scsi/config.json ---- */

/* What is ours. Empty if there is no file; NULL after saying what is wrong with it. */
struct vscsi_config *state_load(struct ctx *ctx);
/* The same for a command that only shows: empty if it could not be read, which
 * ctx_read() has told.
 */
struct vscsi_config *state_load_quietly(struct ctx *ctx);
/* Has another file been put there since @last, which is all zeros at first? */
bool state_changed(const struct ctx *ctx, struct stat *last);
/* Is a change under way that will be saved, or was one cut off? */
bool state_is_pending(const struct ctx *ctx);
/* Gives targets the names that they have in the saved configuration. */
void state_label(struct vscsi_config *config, const struct vscsi_config *ours);
/* @ours with the values that it has in @from; what is not in @from stays as it is. */
struct vscsi_config *state_refresh(const struct vscsi_config *ours,
				   const struct vscsi_config *from, bool all);
/* Writes the file beside the old one (prepare), then in its place (commit). Both say what
 * went wrong and return a status.
 */
enum status state_prepare(struct ctx *ctx, const struct vscsi_config *ours);
enum status state_commit(struct ctx *ctx);
void state_abandon(struct ctx *ctx);

/* ---- stop.c: signals while a change is made ---- */

/* From now on SIGINT, SIGTERM and SIGHUP are remembered, and stop a plan. */
void stop_hold(void);
/* They wait until the end, and plans do not look at them. */
void stop_block(void);
/* "signal 2 (Interrupt)", or NULL: none came. */
const char *stop_came(void);
/* Back to what they do by themselves; does not return if one came. */
void stop_end(void);

/* ---- change.c ---- */

/** struct change - a change that is being made: edit @wanted and @ours, then run it */
struct change {
	struct ctx *ctx;
	struct vscsi_config *live;   /* what is there */
	struct vscsi_config *wanted; /* what shall be there */
	struct vscsi_config
		*ours; /* what shall be saved; values come from @wanted */
	bool no_save;
	bool dry_run; /* print the steps and do nothing */
};

/* Loads modules, keeps others out, reads all of it. Says what went wrong; returns a status. */
enum status change_begin(struct ctx *ctx, struct change *change);
/* All of it, or nothing. Says what went wrong; returns a status. */
enum status change_run(struct change *change);
void change_end(struct change *change);
#define AUTO_CHANGE CLEANUP(change_end)

/* ---- wait.c ---- */

/* Until all devices that are saved are there, or the time is over. Returns a status. */
enum status wait_for_devices(struct ctx *ctx, long seconds);

/* ---- drop.c ---- */

void drop_store(struct change *change, enum vscsi_kind kind, const char *name,
		struct json_object *gone);
bool drop_has_stranger(const struct vscsi_config *ours,
		       const struct vscsi_target *target,
		       const struct vscsi_tpg **tpg,
		       const struct vscsi_lun **lun);
enum status drop_refused(struct change *change,
			 const struct vscsi_target *target);
void drop_target(struct change *change, const struct vscsi_target *target,
		 bool stores, struct json_object *gone);

/* ---- cmd-list.c ---- */

struct json_object *guest_json(const struct vscsi_tpg *tpg);

/* ---- cmd-apply.c ---- */

enum status apply_file(struct change *change, struct vscsi_config *file);

#endif
