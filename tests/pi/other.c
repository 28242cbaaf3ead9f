// SPDX-License-Identifier: GPL-2.0
/*
 * Commands that change a medium with PI without bringing any: what they leave
 * behind must be readable.
 */
#include <stdio.h>
#include "pi.h"

#define LBA 80

/* Reads one block with all checks: is its PI right? */
static void expect_readable(struct vdev *d, uint64_t lba, uint64_t seed)
{
	struct pi_buf b = pi_alloc(d, 1);
	struct req r;

	pi_run(&r, d, false, PROTECT_ALL, lba, &b);
	req_good(&r);
	check(gmem_differs(&d->mem, b.data, BLOCK, seed) < 0,
	      "other data came back");
}

static void run(struct req *r, struct vdev *d, const uint8_t *cdb, uint64_t gpa,
		uint32_t len)
{
	req_init(r, d, VQ_IO);
	req_cmd(r, 1, 0, cdb);
	req_pi(r, 0, 0);
	req_out(r, gpa, len);
	req_run(r);
	req_free(r);
}

/*
 * Seen to fail on a build that let LIO carry it out: it changes the data and
 * leaves the PI, and no later READ of the block succeeds.
 */
VRING_TEST(
	pi_caw, "pi/not-spoil-pi-by-compare-and-write",
	"send COMPARE AND WRITE to a medium with PI; the block reads afterwards")
{
	struct vdev *d = pi_start(1, 4 * MIB);
	uint64_t gpa = gmem_alloc(&d->mem, 2 * BLOCK, 4096);
	uint8_t cdb[CDB_LEN] = { 0x89, [9] = LBA, [13] = 1 };
	struct req r;

	pi_write_pattern(d, LBA, 1, 1);
	gmem_pattern(&d->mem, gpa, BLOCK, 1);
	gmem_pattern(&d->mem, gpa + BLOCK, BLOCK, 2);
	run(&r, d, cdb, gpa, 2 * BLOCK);
	expect_readable(d, LBA, r.rsp.response || r.rsp.status ? 1 : 2);
}

static void same(struct vdev *d, unsigned int protect)
{
	uint64_t gpa = gmem_alloc(&d->mem, BLOCK, 4096);
	uint8_t cdb[CDB_LEN] = { 0x93, protect << 5, [9] = LBA, [13] = 4 };
	struct req r;

	step("WRPROTECT %u", protect);
	gmem_pattern(&d->mem, gpa, BLOCK, 2);
	run(&r, d, cdb, gpa, BLOCK);
	req_sense(&r, 5, 0x20);
}

VRING_TEST(
	pi_same, "pi/not-spoil-pi-by-write-same",
	"be refused WRITE SAME on media with PI, without a line in the kernel log")
{
	char name[160];
	struct vdev *d;
	struct tgt t;
	struct bs b;

	bs_fileio(&b, 4 * MIB);
	expect(bs_attrib(&b, "pi_prot_type", "1"), 0);
	expect(bs_attrib(&b, "pi_prot_format", "1"), 0);
	snprintf(name, sizeof(name), "%s.protection", b.file);
	unlink(name);
	pi_target(&t, &b, NULL);
	d = dev_up(t.wwn, 1, 64, F_DEFAULT | F_T10_PI);
	pi_settle(d);
	pi_write_pattern(d, LBA, 4, 1);
	pi_check_pattern(d, LBA, 4, 1);
	kmsg_mark();
	same(d, PROTECT_NONE);
	same(d, PROTECT_ALL);
	same(d, PROTECT_NO);
	check(module_is_peer() || !kmsg_has("WRITE_SAME"),
	      "the kernel prints a line for each");
	pi_check_pattern(d, LBA, 4, 1);
}
