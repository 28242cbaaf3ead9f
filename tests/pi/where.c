// SPDX-License-Identifier: GPL-2.0
/*
 * Where PI is made, kept and checked: on the medium, for guests without PI; in
 * the fabric, for media without; and in a block device of its own.
 */
#include <stdio.h>
#include <sys/mman.h>
#include "pi.h"

/* Two targets on one backstore: one guest with PI, one without. */
struct pair {
	struct vdev *with;
	struct vdev *without;
};

static void pair_up(struct pair *p, struct bs *b)
{
	struct tgt with, without;

	pi_target(&with, b, NULL);
	pi_target(&without, b, NULL);
	p->with = dev_up(with.wwn, 1, 64, F_DEFAULT | F_T10_PI);
	p->without = dev_up(without.wwn, 1, 64, F_DEFAULT);
	pi_settle(p->with);
	scsi_tur(p->without, VQ_IO);
}

static void spoil_guard(struct vdev *d, uint64_t lba)
{
	struct pi_buf b = pi_alloc(d, 1);
	struct tuple t;
	struct req r;

	gmem_pattern(&d->mem, b.data, BLOCK, 3);
	pi_fill(d, b.pi, b.data, 1, lba);
	t = pi_get(d, b.pi, 0);
	t.guard++;
	pi_put(d, b.pi, 0, t);
	pi_run(&r, d, true, PROTECT_NO, lba, &b);
	req_good(&r);
}

/* A guest that knows no PI: it is made on the way in, checked on the way out. */
VRING_TEST(
	pi_without, "pi/make-and-check-pi-for-a-guest-without",
	"write without T10_PI, find right PI on the medium, and be told when it is wrong")
{
	struct pi_buf in;
	struct pair p;
	struct req r;
	struct bs b;

	pi_ramdisk(&b, 1, 4 * MIB);
	pair_up(&p, &b);
	in = pi_alloc(p.with, 16);
	step("write without, read with");
	pi_plain(p.without, true, 64, 16, 1);
	pi_run(&r, p.with, false, PROTECT_ALL, 64, &in);
	req_good(&r);
	check(gmem_differs(&p.with->mem, in.data, 16 * BLOCK, 1) < 0,
	      "other data came back");
	pi_expect(p.with, in.pi, in.data, 16, 64, 0);
	step("write with, read without");
	pi_write_pattern(p.with, 128, 16, 2);
	pi_plain(p.without, false, 128, 16, 2);
	step("read without what has a wrong guard");
	spoil_guard(p.with, 131);
	scsi_rw_prep(&r, p.without, VQ_IO, false, 128,
		     gmem_alloc(&p.without->mem, 16 * BLOCK, 4096), 16 * BLOCK);
	req_run(&r);
	pi_sense(&r, 1);
	check(pi_sense_lba(&r) == 131, "the sense data names block %u",
	      pi_sense_lba(&r));
	step("and write it anew");
	pi_plain(p.without, true, 128, 16, 4);
	pi_plain(p.without, false, 128, 16, 4);
}

/* PI of a WRITE or READ whose CDB says there is some, and whose buffers lack. */
static void run_lacking(struct vdev *d, bool write, unsigned int protect,
			uint64_t lba, const struct pi_buf *b)
{
	struct req r;

	step("%s with protect field %u and no PI", write ? "WRITE" : "READ",
	     protect);
	req_init(&r, d, VQ_IO);
	pi_header(&r, write, protect, lba, b->blocks, 0);
	if (write)
		req_out(&r, b->data, b->blocks * BLOCK);
	else
		req_in(&r, b->data, b->blocks * BLOCK);
	req_run(&r);
	req_free(&r);
	req_good(&r);
}

/*
 * As Linux sends with write_generate and read_verify 0 in the disk's integrity
 * directory. Seen to fail on a build that left it to LIO, which took the PI for
 * zeroes: the WRITE was refused or, with WRPROTECT 3, spoilt the block.
 */
VRING_TEST(pi_lacking, "pi/insert-pi-that-a-write-lacks",
	   "write and read without PI by CDBs that say there is some")
{
	struct vdev *d = pi_start(1, 4 * MIB);
	struct pi_buf b = pi_alloc(d, 16);
	struct req r;

	for (unsigned int protect = 1; protect <= 5; protect++) {
		gmem_pattern(&d->mem, b.data, 16 * BLOCK, protect);
		run_lacking(d, true, protect, 90, &b);
		gmem_fill(&d->mem, b.data, 0x5a, 16 * BLOCK);
		run_lacking(d, false, protect, 90, &b);
		check(gmem_differs(&d->mem, b.data, 16 * BLOCK, protect) < 0,
		      "other data came back");
		pi_run(&r, d, false, PROTECT_ALL, 90, &b);
		req_good(&r);
		pi_expect(d, b.pi, b.data, 16, 90, 0);
	}
}

/* P_TYPE and PROT_EN of READ CAPACITY(16); PROTECT of INQUIRY. */
static void expect_reported(struct vdev *d, unsigned int type)
{
	uint64_t gpa = gmem_alloc(&d->mem, 4096, 4096);
	uint8_t cdb[CDB_LEN] = { 0x9e, 0x10, [13] = 32 };
	struct req r;
	uint8_t byte;

	req_init(&r, d, VQ_IO);
	req_cmd(&r, 1, 0, cdb);
	req_pi(&r, 0, 0);
	req_in(&r, gpa, 32);
	req_run(&r);
	req_good(&r);
	gmem_get(&d->mem, gpa + 12, &byte, 1);
	check((byte & 0xf) == (type ? (type - 1) << 1 | 1 : 0),
	      "READ CAPACITY says %02x", byte);
	cdb_inquiry(cdb, -1, 96);
	req_init(&r, d, VQ_IO);
	req_cmd(&r, 1, 0, cdb);
	req_pi(&r, 0, 0);
	req_in(&r, gpa, 96);
	req_run(&r);
	req_good(&r);
	gmem_get(&d->mem, gpa + 5, &byte, 1);
	check((byte & 1) == !!type, "INQUIRY says %02x", byte);
}

static void refuse_bad(struct vdev *d, unsigned int type, uint64_t lba)
{
	struct pi_buf b = pi_alloc(d, 8);
	struct tuple t;
	struct req r;

	for (int ref = 0; ref < 2; ref++) {
		gmem_pattern(&d->mem, b.data, 8 * BLOCK, 2);
		pi_fill(d, b.pi, b.data, 8, lba);
		t = pi_get(d, b.pi, 7);
		t.guard ^= !ref;
		t.ref ^= ref;
		pi_put(d, b.pi, 7, t);
		pi_run(&r, d, true, PROTECT_ALL, lba, &b);
		if (ref && type == 3) {
			req_good(&r);
			continue;
		}
		pi_sense(&r, ref ? 3 : 1);
		check(pi_sense_lba(&r) == lba + 7,
		      "the sense data names block %u", pi_sense_lba(&r));
		pi_plain(d, false, lba, 8, 1);
	}
}

/* A medium without PI behind a port that has it. */
static void in_fabric(unsigned int type, const char *text)
{
	struct pi_buf in;
	struct vdev *d;
	struct req r;
	struct bs b;
	struct tgt t;

	bs_ramdisk(&b, 4 * MIB);
	pi_target(&t, &b, text);
	d = dev_up(t.wwn, 1, 64, F_DEFAULT | F_T10_PI);
	pi_settle(d);
	expect_reported(d, type);
	step("write without, read with PI");
	in = pi_alloc(d, 256);
	pi_plain(d, true, 72, 256, 1);
	pi_run(&r, d, false, PROTECT_ALL, 72, &in);
	req_good(&r);
	check(r.used_len == CMD_RSP_LEN + 256 * (BLOCK + PI_TUPLE), "%s",
	      req_text(&r));
	check(gmem_differs(&d->mem, in.data, 256 * BLOCK, 1) < 0,
	      "other data came back");
	for (unsigned int i = 0; i < 256; i++) {
		struct tuple got = pi_get(d, in.pi, i);

		check(got.guard == pi_crc(gmem_ptr(&d->mem, in.data + i * BLOCK,
						   BLOCK),
					  BLOCK),
		      "guard %u is %04x", i, got.guard);
		check(type == 3 || got.ref == 72 + i, "ref %u is %08x", i,
		      got.ref);
	}
	step("write with wrong PI");
	refuse_bad(d, type, 72);
	step("write with right PI");
	gmem_pattern(&d->mem, in.data, 256 * BLOCK, 3);
	pi_fill(d, in.pi, in.data, 256, 72);
	pi_run(&r, d, true, PROTECT_ALL, 72, &in);
	req_good(&r);
	pi_plain(d, false, 72, 256, 3);
}

VRING_TEST(pi_fabric_1, "pi/insert-and-strip-pi-of-type-1-in-the-port",
	   "use PI on a LUN without any behind a port with fabric_prot_type 1")
{
	in_fabric(1, "1");
}

VRING_TEST(pi_fabric_3, "pi/insert-and-strip-pi-of-type-3-in-the-port",
	   "use PI on a LUN without any behind a port with fabric_prot_type 3")
{
	in_fabric(3, "3");
}

VRING_TEST(
	pi_reported, "pi/report-the-type-of-protection",
	"find the type in READ CAPACITY and INQUIRY of media of types 0, 1 and 3")
{
	expect_reported(pi_start(0, MIB), 0);
	expect_reported(pi_start(1, MIB), 1);
	expect_reported(pi_start(3, MIB), 3);
}

/* Types of a medium come before those of the port. */
VRING_TEST(
	pi_medium_first, "pi/prefer-the-mediums-type-to-the-ports",
	"keep PI on a medium of type 3 behind a port with fabric_prot_type 1")
{
	struct pi_buf b;
	struct vdev *d;
	struct tuple got;
	struct req r;
	struct bs bs;
	struct tgt t;

	pi_ramdisk(&bs, 3, 4 * MIB);
	pi_target(&t, &bs, "1");
	d = dev_up(t.wwn, 1, 64, F_DEFAULT | F_T10_PI);
	pi_settle(d);
	expect_reported(d, 3);
	b = pi_alloc(d, 1);
	gmem_pattern(&d->mem, b.data, BLOCK, 1);
	pi_fill(d, b.pi, b.data, 1, 5);
	got = pi_get(d, b.pi, 0);
	got.ref = 0x12345678;
	pi_put(d, b.pi, 0, got);
	pi_run(&r, d, true, PROTECT_ALL, 5, &b);
	req_good(&r);
	gmem_fill(&d->mem, b.pi, 0, PI_TUPLE);
	pi_run(&r, d, false, PROTECT_ALL, 5, &b);
	req_good(&r);
	got = pi_get(d, b.pi, 0);
	check(got.ref == 0x12345678 && got.app == pi_app(5),
	      "its tuple is %04x %04x %08x", got.guard, got.app, got.ref);
}

/* A block device that keeps PI itself; then iblock passes it on. */
VRING_TEST(
	pi_block, "pi/pass-pi-to-a-block-device",
	"write and read PI of a block device that keeps it, and be refused a wrong guard")
{
	const char *device = scsi_debug_device("dif=1", "dix=1");
	uint8_t cdb[CDB_LEN] = { 0x89, [9] = 100, [13] = 1 };
	struct pi_buf b, caw;
	struct vdev *d;
	struct tuple bad;
	struct req r;
	struct bs bs;
	struct tgt t;

	bs_iblock(&bs, device);
	pi_target(&t, &bs, NULL);
	d = dev_up(t.wwn, 1, 64, F_DEFAULT | F_T10_PI);
	pi_settle(d);
	expect_reported(d, 1);
	for (unsigned int blocks = 1; blocks <= 2048; blocks *= 8) {
		step("%u blocks", blocks);
		pi_write_pattern(d, 100, blocks, blocks);
		pi_check_pattern(d, 100, blocks, blocks);
		pi_plain(d, false, 100, blocks, blocks);
	}
	step("COMPARE AND WRITE");
	caw = pi_alloc(d, 2);
	gmem_pattern(&d->mem, caw.data, BLOCK, 512);
	gmem_pattern(&d->mem, caw.data + BLOCK, BLOCK, 6);
	req_init(&r, d, VQ_IO);
	req_cmd(&r, 1, 0, cdb);
	req_pi(&r, 0, 0);
	req_out(&r, caw.data, 2 * BLOCK);
	req_run(&r);
	req_free(&r);
	req_good(&r);
	pi_run(&r, d, false, PROTECT_ALL, 100, &caw);
	req_good(&r);
	check(gmem_differs(&d->mem, caw.data, BLOCK, 6) < 0,
	      "other data came back");
	pi_write_pattern(d, 100, 8, 512);
	step("a wrong guard");
	b = pi_alloc(d, 8);
	gmem_pattern(&d->mem, b.data, 8 * BLOCK, 5);
	pi_fill(d, b.pi, b.data, 8, 100);
	bad = pi_get(d, b.pi, 7);
	bad.guard ^= 1;
	pi_put(d, b.pi, 7, bad);
	pi_run(&r, d, true, PROTECT_ALL, 100, &b);
	check(!r.rsp.response && r.rsp.status == 2, "%s", req_text(&r));
	pi_check_pattern(d, 100, 8, 512);
}
