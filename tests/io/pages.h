/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A buffer in guest memory whose pages the module remembers (kmod/pin.c), and what a test
 * needs to pull them from under it: whether they are remembered, where they are, and a
 * hold on those that were taken away, so that they are not free but somebody else's.
 */
#ifndef PAGES_H
#define PAGES_H

#include <pthread.h>
#include "vring.h"

#define PAGE 4096u
#define PAGES 8u
#define PAGES_LEN (PAGES * PAGE)
#define PAGES_MANY 4u /* of one request; the others have one each */

/* Memory for such buffers, of which nothing else is made use of. */
#define PAGES_GPA 0x900000000ull
#define PAGES_SIZE (128 * MIB)
#define HUGE (2 * MIB)
#define PAGES_BEFORE \
	(24 * MIB) /* in front of the buffer; two of HUGE are behind it */

/* The medium has pattern N in slot N, for N from 1 on; slot 0 is for WRITEs. */
#define PAGES_SLOTS 16u
#define PAGES_MEDIUM ((uint64_t)PAGES_SLOTS * PAGES_LEN)

struct pages {
	struct vdev *d;
	struct region *region;
	uint64_t gpa;
	uint8_t *hva;
	struct req r[2][1 + PAGES - PAGES_MANY]; /* READs, WRITEs */
	struct req probe; /* what there is in slot 0, into memory that stays */
	uint64_t probe_gpa;
	int held[2]; /* a pipe */
};

/* A device on the target @wwn, the buffer at a multiple of HUGE. */
void pages_up(struct pages *p, const char *wwn);
/* All of the buffer, page by page and several at once. */
void pages_io(struct pages *p, bool write, unsigned int slot);
void pages_send(struct pages *p, bool write, unsigned int slot);
void pages_wait(struct pages *p, bool write);
/* READ a slot, and see it in memory. */
void pages_read(struct pages *p, unsigned int slot);
/* WRITE what memory has, which is pattern @seed, and see it on the medium. */
void pages_write(struct pages *p, uint64_t seed);
void pages_written(struct pages *p, uint64_t seed); /* is on the medium */
/* Put that pattern into memory before. */
void pages_fill_and_write(struct pages *p, uint64_t seed);
void pages_expect(const uint8_t *at, uint64_t seed, const char *what);
void pages_pattern(uint8_t *at, uint64_t seed);
/* READ a slot until that is done without a look at the page tables. */
void pages_remember(struct pages *p, unsigned int slot);
/* WRITE until it is so; the pages may be read only. */
void pages_remember_for_writes(struct pages *p);
uint64_t pages_known(void); /* how many pins were taken so */

/* Have the buffer's pages stay in use after they were unmapped, and look at them. */
void pages_hold(struct pages *p);
void pages_held(struct pages *p, uint64_t seed);

uint64_t page_number(const void *at); /* 0: there is none */
bool page_is_huge(const void *at);
/* Wait until the buffer's pages have no pin, and the kernel counts @pins of any. */
void pages_let_go(struct pages *p, long pins);
long pages_pins(void); /* the kernel's count */

/* Memory of a program that has nothing to do with it, in use all the time. */
struct bystander {
	pthread_t thread;
	uint8_t *at; /* PAGES of them */
	bool stop;
	unsigned int rounds;
};

void bystander_start(struct bystander *b, uint8_t *at);
void bystander_stop(struct bystander *b);

#endif
