/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the commands share: their table, their options, and the way from a
 * command to a changed tree. A section per file.
 */
#ifndef CMD_H
#define CMD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <json-c/json.h>

#include "cleanup.h"
#include "libvhostscsi.h"
#include "ui.h"

/** enum status - what the program ends with; vhost-scsi(8) says the same */
enum status {
	ST_OK = 0,
	ST_FAILED = 1,	  /* nothing was changed */
	ST_USAGE = 2,	  /* the command line is wrong */
	ST_IN_USE = 3,	  /* a guest, or another tool, uses it */
	ST_NOT_FOUND = 4, /* no such target, LUN or backstore */
	ST_PARTLY = 5,	  /* restore: something could not be restored */
	ST_DIFFERS = 6,	  /* diff, apply --dry-run: there are differences */
	ST_CHANGED = 7,	  /* failed, and not all is as it was before */
};

/** struct ctx - one run of the program */
struct ctx {
	const char *root;	   /* what all paths are below; NULL: "/" */
	bool json;		   /* -j */
	bool verbose;		   /* -v */
	enum ui_color color;	   /* --color */
	const struct cmd *cmd;	   /* the command that runs */
	enum status status;	   /* set by who returns a failure */
	bool changed;		   /* a change is made */
	struct vscsi_tree *tree;   /* open after ctx_open() */
	struct vscsi_config *ours; /* ctx_read()'s, for state_load_quietly() */
};

/** struct cmd - a row of the table in main.c */
struct cmd {
	const char *name;     /* one word, or two: "lun add" */
	const char *help;     /* a sentence without its full stop */
	const char *usage;    /* what comes after the name */
	const char *examples; /* whole lines, a newline at each end */
	/* @argv: what comes after the command's name. Returns the exit status. */
	int (*run)(struct ctx *ctx, int argc, char **argv);
};

/* ---- main.c ---- */

extern const struct cmd commands[]; /* ends with a name NULL */
/* DIR/path for --root DIR. To be freed. */
char *ctx_path(const struct ctx *ctx, const char *path);
/* Opens ctx->tree if it is not open; with @lock keeps others out until the
 * end. Says why not and returns the status.
 */
enum status ctx_open(struct ctx *ctx, bool lock);
/* The status for a negative errno of the library; says its error. */
enum status ctx_tree_failed(struct ctx *ctx, int err);
void ctx_close(struct ctx *ctx);
/* To standard output, with a newline; takes @object. Returns ST_OK, or ST_FAILED. */
enum status ctx_print_json(struct json_object *object);

/* ---- opts.c ---- */

/** enum opt_type - what an option's value is, and what opt.value points to */
enum opt_type {
	OPT_FLAG,   /* bool */
	OPT_STRING, /* const char * */
	OPT_NUMBER, /* long; set it to -1 before */
	OPT_SIZE,   /* uint64_t; set it to 0 before */
};

/** struct opt - an option of a command; the last one has no name */
struct opt {
	const char *name; /* without "--" */
	const char *arg;  /* what its value is called in --help */
	const char *help;
	enum opt_type type;
	void *value;
	unsigned long max; /* OPT_NUMBER: the largest */
};

/* Options of the command and of all commands; what is none is moved to the
 * front of @argv. Returns how many those are: at least @min, at most @max. Or -1: return
 * ctx->status (also after --help).
 */
int opts_parse(struct ctx *ctx, const struct opt *opts, int argc, char **argv,
	       int min, int max);
/* Options of all commands that come before the command; how many words. */
int opts_parse_global(struct ctx *ctx, int argc, char **argv);
/* A line for "unknown WHAT 'word'", with the nearest known one. Returns ST_USAGE. */
enum status opts_unknown(struct ctx *ctx, const char *what, const char *word,
			 const char *const known[]);

/* ---- find.c ---- */

/* Opens the tree and reads what is there, with the labels (names of targets) that the
 * saved configuration has. Without LIO: nothing is there, and a note says why. Returns a status.
 */
enum status ctx_read(struct ctx *ctx, struct vscsi_config **live);
/* A target by its name or its WWN. NULL: none; says so and sets ctx->status. */
struct vscsi_target *find_target(struct ctx *ctx, struct vscsi_config *config,
				 const char *word);

/* ---- mod.c ---- */

/* Sees to it that LIO and vhost_scsi are loaded and configfs is mounted, before a change.
 * Does nothing with --root. Says why not; 0 or -errno.
 */
int vs_modules_need(struct ctx *ctx);

/* ---- qemu-args.c ---- */

/* Can a device have so many request queues? Says why not; returns a status. */
enum status qemu_queues_check(struct ctx *ctx, long queues);

/* ---- cmd-qemu.c ---- */

/* The QEMU arguments of a target to standard output, for people. @num_queues: 0
 * for what is best. Returns a status.
 */
int qemu_args_print(struct ctx *ctx, const struct vscsi_target *target,
		    unsigned int num_queues, bool libvirt);
/* { "args": [ "-device", "vhost-scsi-pci,wwpn=..." ], ... }, or NULL after saying why. */
struct json_object *qemu_args_json(struct ctx *ctx,
				   const struct vscsi_target *target,
				   unsigned int num_queues);

/* ---- the commands, one file each ---- */

int cmd_create(struct ctx *ctx, int argc, char **argv);
int cmd_delete(struct ctx *ctx, int argc, char **argv);
int cmd_lun_add(struct ctx *ctx, int argc, char **argv);
int cmd_lun_remove(struct ctx *ctx, int argc, char **argv);
int cmd_lun_resize(struct ctx *ctx, int argc, char **argv);
int cmd_list(struct ctx *ctx, int argc, char **argv);
int cmd_show(struct ctx *ctx, int argc, char **argv);
int cmd_apply(struct ctx *ctx, int argc, char **argv);
int cmd_diff(struct ctx *ctx, int argc, char **argv);
int cmd_export(struct ctx *ctx, int argc, char **argv);
int cmd_restore(struct ctx *ctx, int argc, char **argv);
int cmd_release(struct ctx *ctx, int argc, char **argv);
int cmd_save(struct ctx *ctx, int argc, char **argv);
int cmd_adopt(struct ctx *ctx, int argc, char **argv);
int cmd_qemu_args(struct ctx *ctx, int argc, char **argv);
int cmd_check(struct ctx *ctx, int argc, char **argv);
int cmd_watch(struct ctx *ctx, int argc, char **argv);

#endif
