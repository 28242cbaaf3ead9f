// SPDX-License-Identifier: GPL-2.0
/*
 * Tags that are wrong. LIO checks the guard, under type 1 the reference tag,
 * and never the application tag, whose meaning is the initiator's; FFFFh there
 * says that the tuple is not to be checked at all.
 */
#include "pi.h"

enum tag {
	GUARD,
	APP,
	REF,
};

static const char *const tag_name[] = { "guard", "app", "ref" };

static void spoil(struct vdev *d, uint64_t pi, unsigned int nr, enum tag tag)
{
	struct tuple t = pi_get(d, pi, nr);

	if (tag == GUARD)
		t.guard ^= 0x0100;
	else if (tag == APP)
		t.app ^= 0x0001;
	else
		t.ref ^= 0x80000000;
	pi_put(d, pi, nr, t);
}

/* What a bad tag gives: the qualifier of 10h, or 0 where it is not checked. */
static uint8_t ascq_of(unsigned int type, unsigned int protect, enum tag tag)
{
	if (tag == GUARD)
		return protect == PROTECT_ALL || protect == PROTECT_GUARD ||
				       protect == 5
			       ? 1
			       : 0;
	if (tag == REF && type == 1)
		return protect == PROTECT_ALL || protect == PROTECT_REF ||
				       protect == 5
			       ? 3
			       : 0;
	return 0;
}

/* A WRITE of 16 blocks whose tuple @nr has a bad tag. */
static void bad_write(struct vdev *d, unsigned int type, unsigned int protect,
		      enum tag tag, unsigned int nr)
{
	uint8_t ascq = ascq_of(type, protect, tag);
	struct pi_buf b = pi_alloc(d, 16);
	struct req r;

	step("type %u, WRPROTECT %u, bad %s in block %u", type, protect,
	     tag_name[tag], nr);
	pi_write_pattern(d, 200, 16, 1);
	gmem_pattern(&d->mem, b.data, 16 * BLOCK, 2);
	pi_fill(d, b.pi, b.data, 16, 200);
	spoil(d, b.pi, nr, tag);
	pi_run(&r, d, true, protect, 200, &b);
	if (!ascq) {
		req_good(&r);
		return;
	}
	pi_sense(&r, ascq);
	check(pi_sense_lba(&r) == 200 + nr, "the sense data names block %u",
	      pi_sense_lba(&r));
	check(r.rsp.resid == 16 * BLOCK && r.used_len == CMD_RSP_LEN, "%s",
	      req_text(&r));
	pi_check_pattern(d, 200, 16, 1);
}

static void bad_writes(unsigned int type)
{
	struct vdev *d = pi_start(type, 4 * MIB);

	for (unsigned int protect = 1; protect <= 5; protect++) {
		for (enum tag tag = GUARD; tag <= REF; tag++) {
			bad_write(d, type, protect, tag, 0);
			bad_write(d, type, protect, tag, 15);
		}
		d->mem.used = 64 * MIB;
	}
	step("a good one");
	pi_write_pattern(d, 200, 16, 3);
	pi_check_pattern(d, 200, 16, 3);
}

VRING_TEST(
	pi_bad_write_1, "pi/refuse-wrong-pi-of-type-1",
	"be refused a WRITE with a wrong guard or reference tag, and find the medium unchanged")
{
	bad_writes(1);
}

VRING_TEST(
	pi_bad_write_3, "pi/refuse-wrong-pi-of-type-3",
	"be refused a WRITE with a wrong guard, and find the medium unchanged")
{
	bad_writes(3);
}

/* PI on the medium that does not belong to its data; then READs of it. */
static void bad_read(struct vdev *d, unsigned int type, unsigned int protect,
		     enum tag tag)
{
	uint8_t ascq = ascq_of(type, protect ? protect : PROTECT_ALL, tag);
	struct pi_buf b = pi_alloc(d, 16), in = pi_alloc(d, 16);
	struct req r;

	step("type %u, RDPROTECT %u, bad %s", type, protect, tag_name[tag]);
	gmem_pattern(&d->mem, b.data, 16 * BLOCK, 4);
	pi_fill(d, b.pi, b.data, 16, 300);
	spoil(d, b.pi, 9, tag);
	pi_run(&r, d, true, PROTECT_NO, 300, &b);
	req_good(&r);
	gmem_fill(&d->mem, in.pi, 0x5a, 16 * PI_TUPLE);
	if (protect) {
		pi_run(&r, d, false, protect, 300, &in);
	} else {
		scsi_rw_prep(&r, d, VQ_IO, false, 300, in.data, 16 * BLOCK);
		req_pi(&r, 0, 0);
		req_run(&r);
	}
	if (!ascq) {
		req_good(&r);
		check(!protect || !memcmp(gmem_ptr(&d->mem, b.pi, 128),
					  gmem_ptr(&d->mem, in.pi, 128), 128),
		      "other PI came back than is on the medium");
		return;
	}
	pi_sense(&r, ascq);
	check(pi_sense_lba(&r) == 309, "the sense data names block %u",
	      pi_sense_lba(&r));
	check(r.rsp.resid == 16 * BLOCK && r.used_len == CMD_RSP_LEN, "%s",
	      req_text(&r));
}

static void bad_reads(unsigned int type)
{
	struct vdev *d = pi_start(type, 4 * MIB);

	for (unsigned int protect = 0; protect <= 5; protect++)
		for (enum tag tag = GUARD; tag <= REF; tag++)
			bad_read(d, type, protect, tag);
	pi_write_pattern(d, 300, 16, 5);
	pi_check_pattern(d, 300, 16, 5);
}

VRING_TEST(
	pi_bad_read_1, "pi/report-wrong-pi-on-a-medium-of-type-1",
	"be told which tag on the medium is wrong and of which block, as far as RDPROTECT asks")
{
	bad_reads(1);
}

VRING_TEST(
	pi_bad_read_3, "pi/report-wrong-pi-on-a-medium-of-type-3",
	"be told that the guard on the medium is wrong, as far as RDPROTECT asks")
{
	bad_reads(3);
}

VRING_TEST(
	pi_escape, "pi/check-no-tuple-that-says-so",
	"write and read a tuple with app tag FFFFh whose other tags are wrong, and a new medium")
{
	struct vdev *d = pi_start(1, 4 * MIB);
	struct pi_buf b = pi_alloc(d, 8), in = pi_alloc(d, 8);
	struct tuple bad = { 0xdead, 0xffff, 0xdeadbeef }, got;
	struct req r;

	step("a block that was never written");
	pi_run(&r, d, false, PROTECT_ALL, 1000, &in);
	req_good(&r);
	got = pi_get(d, in.pi, 7);
	check(got.guard == 0xffff && got.app == 0xffff && got.ref == 0xffffffff,
	      "its tuple is %04x %04x %08x", got.guard, got.app, got.ref);
	step("a tuple that is not to be checked");
	gmem_pattern(&d->mem, b.data, 8 * BLOCK, 6);
	pi_fill(d, b.pi, b.data, 8, 500);
	pi_put(d, b.pi, 5, bad);
	pi_run(&r, d, true, PROTECT_ALL, 500, &b);
	req_good(&r);
	pi_run(&r, d, false, PROTECT_ALL, 500, &in);
	req_good(&r);
	got = pi_get(d, in.pi, 5);
	check(!memcmp(&got, &bad, sizeof(bad)), "its tuple is %04x %04x %08x",
	      got.guard, got.app, got.ref);
	check(gmem_differs(&d->mem, in.data, 8 * BLOCK, 6) < 0,
	      "other data came back");
}
