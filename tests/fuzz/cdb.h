/* SPDX-License-Identifier: GPL-2.0 */
/* Random commands. */
#ifndef CDB_H
#define CDB_H

#include "fuzz.h"

/* A CDB and how much data it says it moves; the buffers may say otherwise. */
struct command {
	uint8_t cdb[CDB_LEN];
	bool write;
	uint32_t blocks; /* of a READ or WRITE, else 0 */
	uint32_t bytes;
};

void any_command(struct rng *r, struct command *c);

#endif
