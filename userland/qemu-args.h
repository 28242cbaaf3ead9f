/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The options of a vhost-scsi-pci for a target, each with its reason.
 */
#ifndef QEMU_ARGS_H
#define QEMU_ARGS_H

#include "cmd.h"
#include "mod.h"
#include "qemu.h"

#define QEMU_OPTIONS_MAX 12
#define QEMU_NOTES_MAX 12

/** struct qemu_wish - what the arguments are to be for */
struct qemu_wish {
	const struct vscsi_target *target;
	const struct vscsi_config *config; /* NULL: not known */
	const char *qemu;		   /* NULL: the one that is installed */
	long queues;			   /* request queues; 0: what is best */
	bool boot;			   /* the guest starts from LUN 0 */
	bool migratable;
	bool version; /* it is worth asking which QEMU it is */
};

/** struct qemu_option - of the device, with the reason for it */
struct qemu_option {
	const char *name;
	char *value;
	char *why;
};

/** struct qemu_args - what is printed */
struct qemu_args {
	struct qemu qemu;
	struct mod mod;
	struct qemu_option v[QEMU_OPTIONS_MAX];
	size_t n;
	char *notes[QEMU_NOTES_MAX];
	size_t n_notes;
};

/*
 * Fills @args, which is to be freed by qemu_args_free() in any case. 0; or -errno with
 * ctx->status set, after saying why.
 */
int qemu_args_build(struct ctx *ctx, const struct qemu_wish *wish,
		    struct qemu_args *args);
void qemu_args_free(struct qemu_args *args);

#define AUTO_ARGS __attribute__((cleanup(qemu_args_free)))

#endif
