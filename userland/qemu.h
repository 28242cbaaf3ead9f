/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the installed QEMU says that it can do.
 */
#ifndef QEMU_H
#define QEMU_H

#include <stdbool.h>
#include <stddef.h>

struct ctx;

/** struct qemu_property - a property of the device, with its default */
struct qemu_property {
	char *name;
	char *value; /* NULL: QEMU does not tell */
};

/** struct qemu - a QEMU that was asked */
struct qemu {
	char *path;		 /* NULL: there is none */
	char *version;		 /* NULL: not asked, or not understood */
	struct qemu_property *v; /* of vhost-scsi-pci */
	size_t n;		 /* 0: it has no such device */
};

/*
 * Asks @path, or the one that is installed, for the device's properties and, if @version, for
 * its version. 0; -ENOENT: there is none; another -errno: it does not run. @qemu is
 * to be freed by qemu_free() in any case.
 */
int qemu_ask(const struct ctx *ctx, const char *path, bool version,
	     struct qemu *qemu);
void qemu_free(struct qemu *qemu);
/* NULL if there is no such property. */
const struct qemu_property *qemu_property(const struct qemu *qemu,
					  const char *name);

#define AUTO_QEMU __attribute__((cleanup(qemu_free)))

#endif
