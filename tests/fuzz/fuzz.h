/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the fuzzers share, a section per source file. A fuzzer runs rounds; all
 * that a round does is drawn from the seed and the round's number, so it can be
 * run again, and run alone:
 *
 *	VSCSI_FUZZ_SEED=N    the seed (default 1, so that runs are the same)
 *	VSCSI_FUZZ_FIRST=N   the round to begin with
 *	VSCSI_FUZZ_SCALE=N   so many times the usual number of cases
 */
#ifndef FUZZ_H
#define FUZZ_H

#include "vring.h"

/* ---- seed.c: the seed, the rounds, random numbers ---------------------- */

struct rng {
	uint64_t state;
};

/* The numbers of @stream in round @round. */
void rng_init(struct rng *r, uint64_t stream, uint64_t round);
uint64_t rng_word(struct rng *r);
uint32_t rng_below(struct rng *r, uint32_t below);
/* From @low to @high, both included. */
uint32_t rng_within(struct rng *r, uint32_t low, uint32_t high);
bool rng_once_in(struct rng *r, uint32_t n);
#define rng_pick(r, array) ((array)[rng_below(r, ARRAY_SIZE(array))])

/* Says the seed; @usual cases of @what times the scale, @seconds likewise. */
unsigned long fuzz_start(const char *what, unsigned long usual,
			 unsigned int seconds);
unsigned long fuzz_first(void);
/* Round @n begins: it stands in the log if the kernel dies in it. */
void fuzz_round(unsigned long n);
/* As step(), with seed and round, which stand in every failure. */
void fuzz_step(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* ---- guest.c: the device under test, and where its guest's things lie --- */

#define QUEUES 4u /* control, event, two for commands */
#define RING_MAX 256u
#define LUNS 4u /* ramdisk, iblock, fileio, ramdisk with PI */
#define DISK_BLOCKS 8192u

/* Everything of a guest but its rings; one slot per queue and chain. */
#define SLOTS (QUEUES * RING_MAX)
#define HDR_SLOT 128u
#define RSP_SLOT 256u
#define TABLE_SLOT 512u /* 32 descriptors */
#define BIG_TABLE (32 * KIB)
#define HDR_GPA HIGH_GPA
#define RSP_GPA (HDR_GPA + SLOTS * HDR_SLOT)
#define TABLE_GPA (RSP_GPA + SLOTS * RSP_SLOT)
#define BIG_GPA (TABLE_GPA + SLOTS * TABLE_SLOT)
#define DATA_GPA (HIGH_GPA + MIB)
#define DATA_SIZE MIB
#define NO_ACCESS_GPA (DATA_GPA + DATA_SIZE) /* a page */
#define READ_ONLY_GPA (NO_ACCESS_GPA + 4096) /* a page */

struct guest {
	struct vdev *d;
	struct tgt t;
	uint8_t *log; /* the dirty log, of all guest memory */
	uint64_t features;
	bool logging;
};

void guest_new(struct guest *g);
/* SET_ENDPOINT with rings, features and indices drawn from @r. */
void guest_boot(struct guest *g, struct rng *r);
void guest_stop(struct guest *g);
/* No page of guest memory is pinned by the kernel any more. */
void guest_expect_unpinned(void);
/* A WRITE and a READ of it on a request queue that is idle, right in time. */
void guest_good_command(struct guest *g, unsigned int queue, uint64_t seed);
/*
 * The same by a device of its own, after @look, if any, has looked at the disk;
 * the WWN has to be free, or become so.
 */
void guest_good_open(const struct tgt *t, uint64_t seed,
		     void (*look)(struct vdev *d, const void *arg),
		     const void *arg);

/* ---- chain.c: what a request says and where its buffers are ------------- */

#define SEGS_MAX 1200u

struct chain {
	unsigned int out, in;
	struct seg seg[SEGS_MAX];
};

/* Writes a header into guest memory and describes a chain that has it. */
void chain_make(struct guest *g, struct rng *r, unsigned int queue,
		unsigned int slot, struct chain *c);
/* Buffers anywhere in guest memory: also over headers, tables and rings. */
void chain_scatter(struct guest *g, struct rng *r, struct chain *c);

/* ---- place.c: chains in the ring, right and wrong ------------------------ */

/*
 * Fills a ring; nothing may be in flight. @faults: one chain in so many breaks
 * the rules of virtqueues, 0: none. Publishes nothing. Returns the number of
 * chains.
 */
unsigned int place_chains(struct guest *g, struct rng *r, struct vq *vq,
			  unsigned int faults, bool scatter);

/* ---- oracle.c: what the device has to make of a ring ---------------------- */

#define VISIT_MAX 1024u

/* A chain as virtio 1.2, 2.7 has it read, in our own reading. */
struct visit {
	unsigned int out, in;
	uint64_t out_len, in_len;
	struct seg in_seg[VISIT_MAX];
};

/* False if the chain makes no sense and is to stop the queue. */
bool oracle_visit(struct vq *vq, uint16_t head, struct visit *v);

/* What is to become of the chains that were put in a ring. */
struct outlook {
	struct vq *vq;
	unsigned int offered;
	unsigned int good; /* are answered, those from there on are not */
	bool breaks;	   /* the queue is stopped */
	uint16_t head[RING_MAX];
	uint8_t *ring; /* descriptors and available ring as they were */
};

/* Call it after the ring is filled and before it is published. */
void outlook_take(struct guest *g, struct outlook *o, struct vq *vq);
/* Waits for the answers, and fails unless they are as they should be. */
void outlook_check(struct guest *g, struct outlook *o);

/* Guest memory is as it was, but for what the answered chains let be written. */
void memory_take(struct guest *g);
void memory_check(struct guest *g, struct outlook *o, unsigned int n);

#endif
