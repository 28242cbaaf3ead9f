// SPDX-License-Identifier: GPL-2.0
/*
 * R36: commands whose data LIO itself reads or writes, with that data in
 * fragments that do not begin or end on pages (A28).
 *
 * The peer on 6.12 fails all of these: it reads and writes beside the fragments.
 */
#include "vring.h"

#define ROOM 512

static struct vdev *start(void)
{
	struct vdev *d;
	struct tgt t;
	struct bs b;

	bs_fileio(&b, 4 * MIB);
	expect(bs_attrib(&b, "emulate_tpu", "1"), 0);
	tgt_new(&t);
	for (unsigned int lun = 0; lun < 36; lun++)
		expect(lun_link(&t, 1, lun, &b), 0);
	d = dev_up(t.wwn, 1, 128, F_DEFAULT);
	scsi_tur(d, VQ_IO);
	return d;
}

/* The segments: @chunk bytes each, on pages of their own, at odd offsets. */
static void fragments(struct req *r, bool out, uint32_t len, uint32_t chunk)
{
	for (uint32_t at = 0; at < len; at += chunk) {
		uint32_t n = len - at < chunk ? len - at : chunk;
		uint64_t gpa =
			gmem_alloc(&r->dev->mem, 4096, 4096) + 100 + at % 301;

		if (out)
			req_out(r, gpa, n);
		else
			req_in(r, gpa, n);
	}
}

/* Runs @cdb, that returns data, with one segment and with fragments. */
static void compare_in(struct vdev *d, const uint8_t *cdb, uint32_t len,
		       uint32_t chunk)
{
	uint8_t whole[ROOM], pieces[ROOM];
	struct req r;

	step("opcode %02x in one segment", cdb[0]);
	req_init(&r, d, VQ_IO);
	req_cmd(&r, 1, 0, cdb);
	req_in(&r, gmem_alloc(&d->mem, ROOM, 4096), len);
	gmem_fill(&d->mem, r.in[0].gpa, 0, len);
	req_run(&r);
	req_good(&r);
	gmem_get(&d->mem, r.in[0].gpa, whole, len);

	step("opcode %02x in fragments of %u", cdb[0], chunk);
	req_init(&r, d, VQ_IO);
	req_cmd(&r, 1, 0, cdb);
	fragments(&r, false, len, chunk);
	for (unsigned int i = 0; i < r.nr_in; i++)
		gmem_fill(&d->mem, r.in[i].gpa & ~4095ull, 0, 4096);
	req_run(&r);
	req_good(&r);
	for (unsigned int i = 0, at = 0; i < r.nr_in; at += r.in[i++].len)
		gmem_get(&d->mem, r.in[i].gpa, pieces + at, r.in[i].len);
	for (uint32_t i = 0; i < len; i++)
		check(whole[i] == pieces[i], "byte %u is %02x, not %02x", i,
		      pieces[i], whole[i]);
}

VRING_TEST(io_frag_in, "io/return-control-data-in-fragments",
	   "get the same INQUIRY, REPORT LUNS and MODE data in fragments")
{
	static const uint32_t chunk[] = { 100, 8, 3, 1 };
	struct vdev *d = start();
	uint8_t cdb[CDB_LEN];

	for (size_t i = 0; i < ARRAY_SIZE(chunk); i++) {
		uint32_t len = chunk[i] < 8 ? 96 : 296;

		cdb_report_luns(cdb, len);
		compare_in(d, cdb, len, chunk[i]);
		cdb_inquiry(cdb, -1, 96);
		compare_in(d, cdb, 96, chunk[i]);
		cdb_inquiry(cdb, 0x83, 120);
		compare_in(d, cdb, 120, chunk[i]);
		memset(cdb, 0, sizeof(cdb));
		cdb[0] = 0x1a; /* MODE SENSE(6), all pages */
		cdb[2] = 0x3f;
		cdb[4] = 100;
		compare_in(d, cdb, 100, chunk[i]);
	}
}

/* Runs @cdb with @data cut into fragments of @chunk bytes. */
static void send_out(struct vdev *d, const uint8_t *cdb, const void *data,
		     uint32_t len, uint32_t chunk)
{
	struct req r;

	step("opcode %02x in fragments of %u", cdb[0], chunk);
	req_init(&r, d, VQ_IO);
	req_cmd(&r, 1, 0, cdb);
	fragments(&r, true, len, chunk);
	for (unsigned int i = 0, at = 0; i < r.nr_out; at += r.out[i++].len)
		gmem_put(&d->mem, r.out[i].gpa, (const uint8_t *)data + at,
			 r.out[i].len);
	req_run(&r);
	req_good(&r);
}

VRING_TEST(io_frag_pr, "io/register-key-from-fragments",
	   "register a reservation key whose parameters are in fragments")
{
	static const uint8_t key[8] = { 1, 2, 3, 4, 5, 6, 7, 8 };
	static const uint32_t chunk[] = { 8, 5, 1 };
	struct vdev *d = start();
	uint8_t cdb[CDB_LEN], list[24], got[64];
	struct req r;

	for (size_t i = 0; i < ARRAY_SIZE(chunk); i++) {
		memset(cdb, 0, sizeof(cdb));
		memset(list, 0, sizeof(list));
		cdb[0] = 0x5f; /* PR OUT, REGISTER AND IGNORE EXISTING KEY */
		cdb[1] = 6;
		cdb[8] = sizeof(list);
		memcpy(list + 8, key, 8);
		list[15] += i;
		send_out(d, cdb, list, sizeof(list), chunk[i]);

		step("READ KEYS");
		memset(cdb, 0, sizeof(cdb));
		cdb[0] = 0x5e;
		cdb[8] = sizeof(got);
		req_init(&r, d, VQ_IO);
		req_cmd(&r, 1, 0, cdb);
		req_in(&r, gmem_alloc(&d->mem, 64, 64), sizeof(got));
		gmem_fill(&d->mem, r.in[0].gpa, 0, sizeof(got));
		req_run(&r);
		req_good(&r);
		gmem_get(&d->mem, r.in[0].gpa, got, sizeof(got));
		check(got[7] == 8 && !memcmp(got + 8, list + 8, 8),
		      "the key is %02x%02x..%02x", got[8], got[9], got[15]);
	}
}

VRING_TEST(io_frag_unmap, "io/unmap-by-list-in-fragments",
	   "unmap the blocks of a parameter list in fragments, and no others")
{
	static const uint32_t chunk[] = { 8, 20, 1 };
	struct vdev *d = start();
	uint8_t cdb[CDB_LEN], list[24];

	for (size_t i = 0; i < ARRAY_SIZE(chunk); i++) {
		uint64_t gpa = gmem_alloc(&d->mem, 65536, 4096);

		scsi_write_pattern(d, VQ_IO, 0, 65536, 11 + i);
		memset(cdb, 0, sizeof(cdb));
		memset(list, 0, sizeof(list));
		cdb[0] = 0x42;
		cdb[8] = sizeof(list);
		list[1] = 22;
		list[3] = 16;
		list[15] = 64; /* LBA */
		list[19] = 32; /* blocks */
		send_out(d, cdb, list, sizeof(list), chunk[i]);
		step("verify");
		scsi_rw(d, VQ_IO, false, 0, gpa, 65536);
		check(gmem_differs(&d->mem, gpa, 32768, 11 + i) < 0,
		      "blocks before the range differ");
		for (int k = 32768; k < 49152; k++)
			check(!*(uint8_t *)gmem_ptr(&d->mem, gpa + k, 1),
			      "byte %d is not unmapped", k);
		for (int k = 49152; k < 65536; k++)
			check(*(uint8_t *)gmem_ptr(&d->mem, gpa + k, 1) ==
				      pattern_byte(11 + i, k),
			      "byte %d after the range differs", k);
	}
}

VRING_TEST(io_frag_mode, "io/select-mode-from-fragments",
	   "send back the caching mode page in fragments")
{
	struct vdev *d = start();
	uint8_t cdb[CDB_LEN] = { 0x1a, 8, 8, 0, 24 }, page[24];
	struct req r;

	step("MODE SENSE");
	req_init(&r, d, VQ_IO);
	req_cmd(&r, 1, 0, cdb);
	req_in(&r, gmem_alloc(&d->mem, 64, 64), 24);
	req_run(&r);
	req_good(&r);
	gmem_get(&d->mem, r.in[0].gpa, page, 24);
	page[0] = 0;
	page[2] = 0;
	memset(cdb, 0, sizeof(cdb));
	cdb[0] = 0x15;
	cdb[1] = 0x10;
	cdb[4] = 24;
	send_out(d, cdb, page, 24, 24);
	send_out(d, cdb, page, 24, 8);
	send_out(d, cdb, page, 24, 1);
}
