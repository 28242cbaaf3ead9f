/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Where a new LUN's data is: what create and lun add have in common.
 */
#ifndef SOURCE_H
#define SOURCE_H

#include "config.h"

/** struct source - a backstore as the command line gives it */
struct source {
	uint64_t ramdisk;
	const char *file;
	uint64_t size;
	const char *block, *pscsi, *user, *backstore;
	bool buffered;
	const char *serial;

	/* what source_store() made, until source_keep() */
	char *made; /* a file that was not there, or was smaller */
	bool created;
	uint64_t old_size; /* of the file, if it was there */
};

/* Rows for a table of options */
#define SOURCE_OPTS(source)                                                      \
	{ "ramdisk",	     "SIZE", "a new backstore in memory", OPT_SIZE,      \
	  &(source).ramdisk, 0 },                                                \
		{ "file",                                                        \
		  "PATH",                                                        \
		  "a backstore on a file, made if it is not there",              \
		  OPT_STRING,                                                    \
		  &(source).file,                                                \
		  0 },                                                           \
		{ "block",    "DEV",	       "a backstore on a block device",  \
		  OPT_STRING, &(source).block, 0 },                              \
		{ "pscsi",                                                       \
		  "DEV",                                                         \
		  "a SCSI device, its commands passed through",                  \
		  OPT_STRING,                                                    \
		  &(source).pscsi,                                               \
		  0 },                                                           \
		{ "user",                                                        \
		  "CFG",                                                         \
		  "a program by TCMU, for instance qcow//srv/a.qcow2",           \
		  OPT_STRING,                                                    \
		  &(source).user,                                                \
		  0 },                                                           \
		{ "backstore", "KIND/NAME",	    "a backstore that is there", \
		  OPT_STRING,  &(source).backstore, 0 },                         \
		{ "size",                                                        \
		  "SIZE",                                                        \
		  "of the file, or the user backstore",                          \
		  OPT_SIZE,                                                      \
		  &(source).size,                                                \
		  0 },                                                           \
		{ "buffered",                                                    \
		  NULL,                                                          \
		  "the file through the page cache, not synchronous",            \
		  OPT_FLAG,                                                      \
		  &(source).buffered,                                            \
		  0 },                                                           \
	{                                                                        \
		"serial", "TEXT",                                                \
			"unit serial number by which guests know the disk",      \
			OPT_STRING, &(source).serial, 0                          \
	}

/* Exactly one was given, and what goes with it. Returns a status. */
enum status source_check(struct ctx *ctx, const struct source *source);
/* The backstore, in change->wanted and (if it is new) in change->ours, by @name if it is a
 * new one. NULL after saying what is wrong, with ctx->status set. The file is made.
 */
const struct vscsi_store *source_store(struct change *change,
				       struct source *source, const char *name);
/* In bytes, of a block device what the device says; 0: not known. */
uint64_t source_size(const struct vscsi_store *store);
/* The change was made: the file stays. Without this, source_undo() takes it back. */
void source_keep(struct source *source);
void source_undo(struct source *source);

#endif
