/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What check looks at: a function per subject, in files by what they look at.
 * Each says what it found, and what to do about it.
 */
#ifndef CHECK_H
#define CHECK_H

#include <stdbool.h>
#include <stddef.h>

#include "cmd.h"

/** enum check_level - how bad a finding is */
enum check_level {
	CHECK_OK,
	CHECK_NOTE,    /* nothing is wrong, but it may surprise */
	CHECK_WARNING, /* something will not work, or not after the next boot */
	CHECK_ERROR,   /* targets cannot be made or used */
	CHECK_LEVELS,
};

/** struct finding - a line */
struct finding {
	enum check_level level;
	const char *topic;
	char *text;
	char *remedy; /* NULL: nothing is to be done */
};

/** struct check - what was found so far */
struct check {
	struct ctx *ctx;
	struct finding *v;
	size_t n;
	size_t count[CHECK_LEVELS];
	const struct vscsi_config *live; /* NULL: it cannot be read */
};

/* Takes @text and @remedy. */
void check_say(struct check *check, enum check_level level, const char *topic,
	       char *text, char *remedy);
/* Is there such a path below the root? */
bool check_exists(const struct check *check, const char *path);

/* ---- check-module.c ---- */

void check_module(struct check *check);
void check_kernels(struct check *check);
void check_signature(struct check *check);

/* ---- check-host.c ---- */

void check_device(struct check *check);
void check_kvm(struct check *check);
void check_memory(struct check *check);
void check_qemu(struct check *check);
void check_dbus(struct check *check);
void check_service(struct check *check);

/* ---- check-config.c ---- */

void check_configfs(struct check *check);
void check_dbroot(struct check *check);
void check_targets(struct check *check);
void check_backing(struct check *check);
void check_saved(struct check *check);

#endif
