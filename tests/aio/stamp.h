/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Writes that can be recognised on the medium.
 *
 * "stamp write" keeps many writes in flight; every 512 byte sector of them
 * carries where it belongs, which write it is part of and a checksum. Each
 * acknowledgement is logged before its block may be written again. "stamp
 * verify" reads the medium and such logs, and proves that no acknowledged
 * block was lost, torn, put in another place or rolled back.
 *
 * "stamp fill" stamps a medium from end to end, for "stamp read" and "stamp
 * hold", which tell whether what the device reads arrives in memory.
 */
#ifndef STAMP_H
#define STAMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SECTOR_SIZE 512

/* What identifies a write; larger is later. */
struct stamp_id {
	uint32_t gen; /* run of the writer, chosen by the caller */
	uint64_t seq; /* write within the run, from 1 */
};

enum stamp_state {
	STAMP_NONE, /* no stamp was ever written here */
	STAMP_GOOD,
	STAMP_CORRUPT, /* began as a stamp, and does not check */
	STAMP_FOREIGN, /* a good stamp of another sector */
};

struct options {
	const char *device; /* file or block device */
	const char **logs;  /* write: the one to append to; verify: all */
	int nr_logs;
	size_t block;	      /* bytes of one write */
	uint64_t span;	      /* bytes of the device in use, 0 = all */
	unsigned int depth;   /* writes in flight */
	uint64_t count;	      /* requests to do, 0 = until time or signal */
	unsigned int seconds; /* time to write, 0 = no limit */
	unsigned int rate;    /* requests a second, 0 = as many as can be */
	uint32_t gen;
	uint64_t min_acks; /* fewer in the logs fail a verify */
};

/* format.c */
void stamp_fill(void *sector, uint64_t nr, struct stamp_id id);
enum stamp_state stamp_check(const void *sector, uint64_t nr,
			     struct stamp_id *id);
int stamp_compare(struct stamp_id a, struct stamp_id b);

/* stamp.c */
int open_device(const char *path, int flags, uint64_t *bytes);
void *alloc_aligned(size_t bytes);
int open_timer(const struct options *opt);
bool await_tick(int timer);
void die(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));

/* write.c, verify.c, read.c: exit status of the program */
int stamp_write(const struct options *opt);
int stamp_verify(const struct options *opt);
int stamp_fill_medium(const struct options *opt);
int stamp_read(const struct options *opt);
int stamp_hold(const struct options *opt);

#endif
