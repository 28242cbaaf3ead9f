/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Reading JSON that somebody wrote by hand: each value is asked for by its name
 * and type, and what is wrong is told with the place where it is, once.
 */
#ifndef JS_H
#define JS_H

#include "cmd.h"

#define JS_PATH 160

/** struct js_file - a file that is read */
struct js_file {
	const char *name; /* for messages */
	bool failed;	  /* it was said what is wrong */
};

/** struct js - an object in a file */
struct js {
	struct js_file *file;
	struct json_object *object;
	char path[JS_PATH]; /* "targets[0].tpgs[1]" */
};

/* The whole file ("-": standard input), or NULL after saying why not. */
struct json_object *js_read(struct js_file *file, const char *path);
/* Says what is wrong at @key (NULL: at the object itself). Returns -EINVAL. */
int js_wrong(const struct js *js, const char *key, const char *format, ...)
	UI_PRINTF(3, 4);
/* What has another name than these is wrong. @known ends with NULL. */
int js_only(const struct js *js, const char *const known[]);
/* They return 0, or -EINVAL after js_wrong(). What is not there, and need not be, leaves the
 * value as it was. A string stays the object's.
 */
int js_string(const struct js *js, const char *key, bool needed,
	      const char **value);
int js_number(const struct js *js, const char *key, bool needed,
	      unsigned long max, unsigned long *value);
int js_size(const struct js *js, const char *key, bool needed, uint64_t *value);
int js_bool(const struct js *js, const char *key, bool *value);
bool js_is_null(const struct js *js, const char *key);
/* Reads the objects of a list. Returns the sum of what @read returned, or -EINVAL. */
int js_each(const struct js *js, const char *key,
	    int (*read)(const struct js *item, void *arg), void *arg);
/* Adds the target that an object names; NULL after js_wrong(). */
struct vscsi_target *js_target(const struct js *js,
			       struct vscsi_config *config);
/* An object of numbers, booleans and strings. */
int js_attrs(const struct js *js, const char *key, struct vscsi_attrs *attrs);

#endif
