/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The dirty log, as a VMM uses it in a migration, and a copy of guest memory
 * to hold it against.
 */
#ifndef DIRTY_H
#define DIRTY_H

#include "vring.h"

/* A bit for each page from guest-physical address 0 on. */
#define DIRTY_BYTES ((HIGH_GPA + HIGH_SIZE) / 4096 / 8)

uint8_t *dirty_new(void);
/* The ioctls in QEMU's order, for all rings that are set up. */
void dirty_on(struct vdev *d, const uint8_t *log);
void dirty_off(struct vdev *d);
bool dirty_is(const uint8_t *log, uint64_t gpa);

/* Guest memory as it was. */
struct shadow {
	const struct vdev *d;
	uint8_t *copy[GMEM_REGIONS];
};

struct shadow_result {
	unsigned long changed; /* pages that differ, all of them logged */
	unsigned long spare;   /* pages that are logged and do not differ */
};

void shadow_take(struct shadow *s, const struct vdev *d);
/*
 * Fails unless every page that differs from the copy is logged. The available
 * rings are the driver's to write, and not looked at.
 */
struct shadow_result shadow_compare(struct shadow *s, const uint8_t *log);

#endif
