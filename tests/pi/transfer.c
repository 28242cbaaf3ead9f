// SPDX-License-Identifier: GPL-2.0
/*
 * Protection information that is right, from the guest to the medium and back,
 * in buffers of every shape.
 */
#include "pi.h"

/* A READ or WRITE of 10, 12 or 16 bytes, with the protect field in its place. */
static void use_cdb(struct req *r, unsigned int size, bool write, uint32_t lba,
		    unsigned int blocks)
{
	struct virtio_scsi_cmd_req_pi *pi = (void *)r->hdr;
	uint8_t cdb[CDB_LEN] = { 0 };

	if (size == 16) {
		cdb_rw16(cdb, write, lba, blocks);
	} else if (size == 10) {
		cdb_rw10(cdb, write, lba, blocks);
	} else {
		cdb[0] = write ? 0xaa : 0xa8;
		cdb[4] = lba >> 8;
		cdb[5] = lba;
		cdb[8] = blocks >> 8;
		cdb[9] = blocks;
	}
	cdb[1] = PROTECT_ALL << 5;
	memcpy(pi->cdb, cdb, sizeof(pi->cdb));
}

static void round_trip(struct vdev *d, unsigned int size, uint32_t lba,
		       unsigned int blocks)
{
	struct pi_buf out = pi_alloc(d, blocks), in = pi_alloc(d, blocks);
	uint32_t bytes = blocks * (BLOCK + PI_TUPLE);
	struct req r;

	step("%u byte CDBs, %u blocks at %u", size, blocks, lba);
	gmem_pattern(&d->mem, out.data, blocks * BLOCK, lba);
	pi_fill(d, out.pi, out.data, blocks, lba);
	pi_prep(&r, d, true, PROTECT_ALL, lba, &out);
	use_cdb(&r, size, true, lba, blocks);
	req_run(&r);
	req_good(&r);
	check(!r.rsp.resid && r.used_len == CMD_RSP_LEN, "%s", req_text(&r));
	pi_prep(&r, d, false, PROTECT_ALL, lba, &in);
	use_cdb(&r, size, false, lba, blocks);
	req_run(&r);
	req_good(&r);
	check(!r.rsp.resid && r.used_len == CMD_RSP_LEN + bytes, "%s",
	      req_text(&r));
	check(gmem_differs(&d->mem, in.data, blocks * BLOCK, lba) < 0,
	      "other data came back");
	pi_expect(d, in.pi, in.data, blocks, lba, -1);
}

static void round_trips(struct vdev *d)
{
	static const unsigned int blocks[] = { 1, 8, 513, 2048 };

	for (size_t i = 0; i < ARRAY_SIZE(blocks); i++) {
		round_trip(d, 10, 0, blocks[i]);
		round_trip(d, 12, 100 + i, blocks[i]);
		round_trip(d, 16, 3000 + i, blocks[i]);
		d->mem.used = 64 * MIB;
	}
}

VRING_TEST(pi_type_1, "pi/keep-pi-of-type-1",
	   "write data with PI of type 1 and read both back, up to 1 MiB")
{
	round_trips(pi_start(1, 4 * MIB));
}

VRING_TEST(pi_type_3, "pi/keep-pi-of-type-3",
	   "write data with PI of type 3 and read both back, up to 1 MiB")
{
	round_trips(pi_start(3, 4 * MIB));
}

/* Buffers of both, PI first, cut anew: @cut bytes each, from @gpa on. */
static void run_cut(struct vdev *d, bool write, uint64_t gpa,
		    unsigned int blocks, uint32_t pi_cut, uint32_t data_cut)
{
	uint32_t pi_bytes = blocks * PI_TUPLE, bytes = blocks * BLOCK;
	struct req r;

	req_init(&r, d, VQ_IO);
	r.direct = 3;
	pi_header(&r, write, PROTECT_ALL, 64, blocks, pi_bytes);
	if (!pi_cut)
		pi_cut = pi_bytes;
	if (write) {
		req_out_split(&r, gpa, pi_bytes, pi_cut);
		req_out_split(&r, gpa + pi_bytes, bytes, data_cut);
	} else {
		req_in_split(&r, gpa, pi_bytes, pi_cut);
		req_in_split(&r, gpa + pi_bytes, bytes, data_cut);
	}
	req_run(&r);
	req_good(&r);
	check(r.used_len == CMD_RSP_LEN + (write ? 0 : pi_bytes + bytes), "%s",
	      req_text(&r));
	req_free(&r);
}

/* One area for both, so that PI and data need not begin at a page. */
static void cut_both(struct vdev *d, uint64_t gpa, unsigned int blocks,
		     uint32_t pi_cut, uint32_t data_cut)
{
	uint64_t data = gpa + blocks * PI_TUPLE;
	static uint64_t seed = 1;

	step("%u blocks at 0x%llx, PI cut at %u, data at %u", blocks,
	     (unsigned long long)gpa, pi_cut, data_cut);
	gmem_pattern(&d->mem, data, blocks * BLOCK, ++seed);
	pi_fill(d, gpa, data, blocks, 64);
	run_cut(d, true, gpa, blocks, pi_cut, data_cut);
	gmem_fill(&d->mem, gpa, 0x5a, blocks * (BLOCK + PI_TUPLE) + 64);
	run_cut(d, false, gpa, blocks, pi_cut, data_cut);
	check(gmem_differs(&d->mem, data, blocks * BLOCK, seed) < 0,
	      "other data came back");
	pi_expect(d, gpa, data, blocks, 64, -1);
	for (int i = 0; i < 64; i++)
		check(*(uint8_t *)gmem_ptr(&d->mem, data + blocks * BLOCK + i,
					   1) == 0x5a,
		      "byte %d behind the buffers was written", i);
}

VRING_TEST(
	pi_cut, "pi/take-pi-in-any-segments",
	"transfer PI in segments of 8, 3 and 1 bytes, across pages and regions")
{
	static const uint32_t cut[] = { 0, 8, 3, 1, 100 };
	struct vdev *d = pi_start(1, 4 * MIB);
	uint64_t gpa = gmem_alloc(&d->mem, 128 * KIB, 4096);

	for (size_t i = 0; i < ARRAY_SIZE(cut); i++) {
		cut_both(d, gpa, 16, cut[i], 512);
		cut_both(d, gpa + 4096 - 13, 16, cut[i], 4096);
		cut_both(d, NEXT_GPA - 61, 16, cut[i], 1000);
	}
	cut_both(d, gpa, 64, 8, 4096);
	cut_both(d, NEXT_GPA - 512, 64, 512, 512);
}

/* The boundary between PI and data is none of descriptors (2.7.4.1). */
static void run_merged(struct vdev *d, bool write, uint64_t gpa,
		       unsigned int blocks, uint32_t cut)
{
	struct req r;

	req_init(&r, d, VQ_IO);
	pi_header(&r, write, PROTECT_ALL, 64, blocks, blocks * PI_TUPLE);
	if (write)
		req_out_split(&r, gpa, blocks * (BLOCK + PI_TUPLE), cut);
	else
		req_in_split(&r, gpa, blocks * (BLOCK + PI_TUPLE), cut);
	req_run(&r);
	req_good(&r);
	req_free(&r);
}

VRING_TEST(
	pi_merged, "pi/take-pi-and-data-in-one-segment",
	"transfer PI and data in one segment, and in segments that hold both")
{
	static const uint32_t cut[] = { 0, 100, 130, 1000 };
	struct vdev *d = pi_start(1, 4 * MIB);
	uint64_t gpa = gmem_alloc(&d->mem, 64 * KIB, 4096);
	uint64_t data = gpa + 16 * PI_TUPLE;

	for (size_t i = 0; i < ARRAY_SIZE(cut); i++) {
		step("cut at %u", cut[i]);
		gmem_pattern(&d->mem, data, 16 * BLOCK, 7 + i);
		pi_fill(d, gpa, data, 16, 64);
		run_merged(d, true, gpa, 16, cut[i]);
		gmem_fill(&d->mem, gpa, 0x5a, 64 * KIB);
		run_merged(d, false, gpa, 16, cut[i]);
		check(gmem_differs(&d->mem, data, 16 * BLOCK, 7 + i) < 0,
		      "other data came back");
		pi_expect(d, gpa, data, 16, 64, -1);
	}
}
