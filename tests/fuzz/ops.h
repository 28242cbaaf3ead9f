/* SPDX-License-Identifier: GPL-2.0 */
/* Random ioctls on one device, and what goes with them. */
#ifndef OPS_H
#define OPS_H

#include "fuzz.h"

/* One thread that does things to the device. */
struct actor {
	struct guest *g;
	struct rng r;
};

/* Eventfds, files that are none, and memory that cannot be accessed. */
void ops_init(struct guest *g);
/* Does one thing; fails unless the answer is one that is documented. */
void ops_any(struct actor *a);

/* ---- acts.c: not a single ioctl; each returns 0 or that of the last ---- */

void acts_init(struct guest *g);
int act_fill(struct actor *a);	   /* chains in a ring, and a kick */
int act_bring_up(struct actor *a); /* up to SET_ENDPOINT */
int act_reopen(struct actor *a);
int act_luns(struct actor *a); /* a LUN, or a nexus, comes or goes */
/* A new open takes the descriptor's place, and the old one ends. */
void ops_reopen(struct guest *g);

#endif
