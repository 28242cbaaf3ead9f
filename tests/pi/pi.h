/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the tests of protection information share: tuples as T10 defines them
 * (SBC-3, 4.22), a LUN that keeps them, and commands that carry them.
 */
#ifndef PI_H
#define PI_H

#include "vring.h"

#define PI_TUPLE 8u

/* A tuple, in host order. */
struct tuple {
	uint16_t guard;
	uint16_t app;
	uint32_t ref;
};

/* protect field of a CDB: what the target checks (SBC-3, 5.8 and 5.32). */
#define PROTECT_NONE 0u	 /* nothing goes over the wire */
#define PROTECT_ALL 1u	 /* guard, and ref under type 1 */
#define PROTECT_REF 2u	 /* ref alone */
#define PROTECT_NO 3u	 /* carried, not checked */
#define PROTECT_GUARD 4u /* guard alone */

uint16_t pi_crc(const uint8_t *data, size_t len);
struct tuple pi_get(const struct vdev *d, uint64_t gpa, unsigned int nr);
void pi_put(const struct vdev *d, uint64_t gpa, unsigned int nr,
	    struct tuple t);
/* Right tuples for @blocks blocks of data, with an app tag each. */
void pi_fill(const struct vdev *d, uint64_t pi, uint64_t data,
	     unsigned int blocks, uint64_t lba);
uint16_t pi_app(uint64_t lba);

/* Fails the test unless the tuples belong to the data; app tag as given. */
void pi_expect(const struct vdev *d, uint64_t pi, uint64_t data,
	       unsigned int blocks, uint64_t lba, int app);

/* A ramdisk that keeps PI of @type (0: none), as LUN 0 of a new target. */
void pi_ramdisk(struct bs *b, unsigned int type, uint64_t bytes);
void pi_target(struct tgt *t, const struct bs *b, const char *fabric_type);
/* The common case: such a target, and a device on it with T10_PI. */
struct vdev *pi_start(unsigned int type, uint64_t bytes);

/* A buffer pair: tuples, then data, each in a place of its own. */
struct pi_buf {
	uint64_t pi;
	uint64_t data;
	unsigned int blocks;
};

/* TEST UNIT READY until no unit attention is left. */
void pi_settle(struct vdev *d);

struct pi_buf pi_alloc(struct vdev *d, unsigned int blocks);
/* A READ or WRITE(16) with PI, prepared but not sent. */
void pi_prep(struct req *r, struct vdev *d, bool write, unsigned int protect,
	     uint64_t lba, const struct pi_buf *b);
/* The same, sent and answered. */
void pi_run(struct req *r, struct vdev *d, bool write, unsigned int protect,
	    uint64_t lba, const struct pi_buf *b);
void pi_header(struct req *r, bool write, unsigned int protect, uint64_t lba,
	       unsigned int blocks, uint32_t pi_bytes);

/* Data of pattern @seed with right PI on the medium, and is it still there? */
void pi_write_pattern(struct vdev *d, uint64_t lba, unsigned int blocks,
		      uint64_t seed);
void pi_check_pattern(struct vdev *d, uint64_t lba, unsigned int blocks,
		      uint64_t seed);

/* Without PI: write a pattern, or find it on the medium. */
void pi_plain(struct vdev *d, bool write, uint64_t lba, unsigned int blocks,
	      uint64_t seed);

#define pi_sense(r, ascq)                                                  \
	check(req_has_sense(r, 0xb, 0x10) && (r)->rsp.sense[13] == (ascq), \
	      "want CHECK CONDITION b/10/%02x, got %s", ascq, req_text(r))
/* The INFORMATION field of sense data in fixed format; fails without one. */
uint32_t pi_sense_lba(const struct req *r);

#endif
