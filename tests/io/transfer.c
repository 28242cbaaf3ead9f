// SPDX-License-Identifier: GPL-2.0
/*
 * Data of all sizes, in segments of all sizes, at all alignments (R18, R30).
 *
 * Each transfer is written from scattered segments, read back from the medium
 * in plain pieces, and read once more into scattered segments.
 *
 * The peer on 6.12: transfers of more than 2048 pages are never answered (A01);
 * misaligned segments on a block device give wrong data and a warning. See
 * tests/vring/PEER.md for each.
 */
#include "vring.h"

#define BS_BYTES (64 * MIB)
#define PIECE (256 * KIB)

struct shape {
	uint32_t len;	 /* bytes in all */
	uint32_t offset; /* of the first segment in its page */
	uint32_t chunk;	 /* bytes per segment, 0: one */
	uint32_t gap;	 /* bytes between segments */
	unsigned int direct;
};

static void set_segments(struct req *r, bool write, uint64_t gpa,
			 const struct shape *s)
{
	uint32_t chunk = s->chunk ? s->chunk : s->len;

	for (uint32_t at = 0; at < s->len; at += chunk, gpa += chunk + s->gap) {
		uint32_t n = s->len - at < chunk ? s->len - at : chunk;

		if (write)
			req_out(r, gpa, n);
		else
			req_in(r, gpa, n);
	}
	r->direct = s->direct;
}

/* Copies between @flat and the segments of @seg. */
static void copy_segments(struct gmem *m, uint64_t flat, const struct seg *seg,
			  unsigned int nr, bool gather)
{
	for (unsigned int i = 0; i < nr; flat += seg[i].len, i++) {
		void *a = gmem_ptr(m, flat, seg[i].len);
		void *b = gmem_ptr(m, seg[i].gpa, seg[i].len);

		memcpy(gather ? a : b, gather ? b : a, seg[i].len);
	}
}

static uint32_t first_difference(const uint8_t *a, const uint8_t *b,
				 uint32_t len)
{
	uint32_t i = 0;

	while (i < len && a[i] == b[i])
		i++;
	return i;
}

static void verify_medium(struct vdev *d, uint64_t lba, uint64_t want,
			  uint32_t len)
{
	uint64_t gpa = gmem_alloc(&d->mem, PIECE, 4096);

	for (uint32_t at = 0; at < len; at += PIECE) {
		uint32_t n = len - at < PIECE ? len - at : PIECE, i;

		scsi_rw(d, VQ_IO, false, lba + at / BLOCK, gpa, n);
		i = first_difference(gmem_ptr(&d->mem, gpa, n),
				     gmem_ptr(&d->mem, want + at, n), n);
		check(i == n, "the medium differs from byte %u on", at + i);
	}
}

static void round_trip(struct vdev *d, const struct shape *s)
{
	uint32_t chunk = s->chunk ? s->chunk : s->len;
	uint64_t room = (uint64_t)(s->len / chunk + 1) * (chunk + s->gap);
	uint64_t mark = d->mem.used, flat, area, lba = 8;
	struct req w, r;

	flat = gmem_alloc(&d->mem, s->len, 4096);
	area = gmem_alloc(&d->mem, room + 4096, 4096) + s->offset;
	gmem_pattern(&d->mem, flat, s->len, s->len + s->offset);

	step("write %u bytes at offset %u by %u", s->len, s->offset, chunk);
	scsi_rw_prep(&w, d, VQ_IO, true, lba, 0, s->len);
	w.nr_out = 0;
	set_segments(&w, true, area, s);
	copy_segments(&d->mem, flat, w.out, w.nr_out, false);
	req_run(&w);
	req_good(&w);
	check(w.rsp.resid == 0, "resid %u", w.rsp.resid);
	step("verify %u bytes at offset %u by %u", s->len, s->offset, chunk);
	verify_medium(d, lba, flat, s->len);

	step("read %u bytes at offset %u by %u", s->len, s->offset, chunk);
	gmem_fill(&d->mem, area, 0x5a, room);
	scsi_rw_prep(&r, d, VQ_IO, false, lba, 0, s->len);
	r.nr_in = 0;
	set_segments(&r, false, area, s);
	req_run(&r);
	req_good(&r);
	copy_segments(&d->mem, flat, r.in, r.nr_in, true);
	check(gmem_differs(&d->mem, flat, s->len, s->len + s->offset) < 0,
	      "read back differs");
	req_free(&w);
	req_free(&r);
	d->mem.used = mark;
}

static struct vdev *on_ramdisk(void)
{
	struct tgt t;
	struct vdev *d;

	tgt_with_ramdisk(&t, BS_BYTES);
	d = dev_up(t.wwn, 1, 1024, F_DEFAULT);
	scsi_tur(d, VQ_IO);
	return d;
}

static struct vdev *on_iblock(void)
{
	struct vdev *d;
	struct tgt t;
	struct bs b;

	bs_iblock(&b, brd_device());
	tgt_new(&t);
	expect(lun_link(&t, 1, 0, &b), 0);
	d = dev_up(t.wwn, 1, 1024, F_DEFAULT);
	scsi_tur(d, VQ_IO);
	return d;
}

static struct vdev *on_fileio(void)
{
	struct vdev *d;
	struct tgt t;
	struct bs b;

	bs_fileio(&b, BS_BYTES);
	tgt_new(&t);
	expect(lun_link(&t, 1, 0, &b), 0);
	d = dev_up(t.wwn, 1, 1024, F_DEFAULT);
	scsi_tur(d, VQ_IO);
	return d;
}

static void run_all(struct vdev *d, const struct shape *s, size_t nr)
{
	for (size_t i = 0; i < nr; i++)
		round_trip(d, &s[i]);
}

static const struct shape small[] = {
	{ 512, 0, 0, 0, ALL_DIRECT },  { 4096, 0, 0, 0, ALL_DIRECT },
	{ 4096, 0, 0, 0, 0 },	       { 65536, 0, 4096, 0, ALL_DIRECT },
	{ 65536, 0, 4096, 4096, 0 },   { 65536, 512, 0, 0, 0 },
	{ 1 * MIB, 0, 4096, 4096, 3 }, { 1 * MIB, 0, 0, 0, 0 },
};

VRING_TEST(io_small_ramdisk, "io/transfer-usual-sizes-to-ramdisk",
	   "transfer 512 bytes to 1 MiB in usual segments to a ramdisk")
{
	run_all(on_ramdisk(), small, ARRAY_SIZE(small));
}

VRING_TEST(io_small_iblock, "io/transfer-usual-sizes-to-iblock",
	   "transfer 512 bytes to 1 MiB in usual segments to a block device")
{
	run_all(on_iblock(), small, ARRAY_SIZE(small));
}

VRING_TEST(io_small_fileio, "io/transfer-usual-sizes-to-fileio",
	   "transfer 512 bytes to 1 MiB in usual segments to a file")
{
	run_all(on_fileio(), small, ARRAY_SIZE(small));
}

static const struct shape many[] = {
	{ 1022 * 512, 0, 512, 512, ALL_DIRECT },
	{ 1022 * 4096, 0, 4096, 4096, ALL_DIRECT },
	{ 1022 * 4096, 0, 4096, 4096, 0 },
};

VRING_TEST(io_1022, "io/use-1022-data-segments",
	   "transfer data in 1,022 segments on a queue of 1,024")
{
	run_all(on_ramdisk(), many, ARRAY_SIZE(many));
}

VRING_TEST(io_1022_iblock, "io/use-1022-data-segments-on-iblock",
	   "transfer data in 1,022 segments to a block device")
{
	run_all(on_iblock(), many, ARRAY_SIZE(many));
}

static const struct shape bytes[] = {
	{ 512, 3, 1, 0, ALL_DIRECT },
	{ 512, 4000, 1, 1, 0 },
	{ 1024, 4095, 3, 5, 0 },
	{ 4096, 1, 7, 0, 0 },
};

VRING_TEST(io_bytes, "io/use-one-byte-segments",
	   "transfer blocks in segments of one and a few bytes")
{
	run_all(on_ramdisk(), bytes, ARRAY_SIZE(bytes));
}

VRING_TEST(io_bytes_iblock, "io/use-one-byte-segments-on-iblock",
	   "transfer blocks in one byte segments to a block device")
{
	run_all(on_iblock(), bytes, ARRAY_SIZE(bytes));
}

static const struct shape misaligned[] = {
	{ 4096, 8, 0, 0, 0 },	       { 65536, 1000, 0, 0, 0 },
	{ 600 * 512, 4, 1000, 24, 0 }, { 600 * 512, 4095, 1000, 3096, 0 },
	{ 2 * MIB, 20, 4080, 16, 0 },
};

VRING_TEST(io_misaligned, "io/transfer-misaligned-segments",
	   "transfer data in segments that are not aligned to blocks")
{
	run_all(on_ramdisk(), misaligned, ARRAY_SIZE(misaligned));
}

VRING_TEST(io_misaligned_iblock, "io/transfer-misaligned-segments-to-iblock",
	   "transfer misaligned segments to a block device without a warning")
{
	run_all(on_iblock(), misaligned, ARRAY_SIZE(misaligned));
}

static const struct shape eight[] = {
	{ 8 * MIB, 0, 0, 0, 0 },
	{ 8 * MIB, 512, 0, 0, 0 },
	{ 8 * MIB, 8, 0, 0, 0 },
};

VRING_TEST_LIMIT(io_8m, "io/transfer-8-mib-at-any-offset",
		 "transfer 8 MiB in one segment, aligned and not", 120)
{
	run_all(on_ramdisk(), eight, ARRAY_SIZE(eight));
}

static const struct shape large[] = {
	{ 16 * MIB, 0, 65536, 0, 0 },
	{ 32 * MIB, 0, 0, 0, 0 },
	{ 32 * MIB, 0, 65536, 4096, 0 },
};

VRING_TEST_LIMIT(io_32m_ramdisk, "io/transfer-32-mib-to-ramdisk",
		 "transfer 16 and 32 MiB to a ramdisk", 180)
{
	run_all(on_ramdisk(), large, ARRAY_SIZE(large));
}

VRING_TEST_LIMIT(io_32m_iblock, "io/transfer-32-mib-to-iblock",
		 "transfer 16 and 32 MiB to a block device", 180)
{
	run_all(on_iblock(), large, ARRAY_SIZE(large));
}

VRING_TEST(
	io_too_large, "io/refuse-more-than-backstore-takes",
	"be told CHECK CONDITION 5/24 for 16 MiB to a file, without a log line")
{
	struct vdev *d = on_fileio();
	uint64_t gpa = gmem_alloc(&d->mem, 16 * MIB, 4096);

	kmsg_mark();
	for (int write = 0; write < 2; write++) {
		struct req r;

		step("%s", write ? "write" : "read");
		scsi_rw_prep(&r, d, VQ_IO, write, 0, gpa, 16 * MIB);
		req_run(&r);
		req_sense(&r, 5, 0x24);
	}
	check(!kmsg_has("FD_MAX_BYTES"), "LIO printed about it");
	scsi_tur(d, VQ_IO);
}

VRING_TEST(io_zero_len, "io/ignore-empty-descriptors",
	   "transfer data with descriptors of length 0 among the segments")
{
	struct vdev *d = on_ramdisk();
	uint64_t gpa = gmem_alloc(&d->mem, 8192, 4096);
	struct req r;

	gmem_pattern(&d->mem, gpa, 8192, 5);
	for (int write = 1; write >= 0; write--) {
		step("%s", write ? "write" : "read");
		scsi_rw_prep(&r, d, VQ_IO, write, 0, 0, 8192);
		r.nr_out = 0;
		r.nr_in = 0;
		for (int i = 0; i < 2; i++) {
			if (write) {
				req_out(&r, gpa + 8192, 0);
				req_out(&r, gpa + i * 4096, 4096);
			} else {
				req_in(&r, gpa + i * 4096, 4096);
				req_in(&r, gpa, 0);
			}
		}
		req_run(&r);
		req_good(&r);
		if (write)
			gmem_fill(&d->mem, gpa, 0, 8192);
	}
	check(gmem_differs(&d->mem, gpa, 8192, 5) < 0, "data differs");
}

/* A06: a bounce buffer must not carry anything to the guest but READ data. */
VRING_TEST(io_bounce_fail, "io/give-no-stale-data-when-a-read-fails",
	   "see nothing foreign in the buffer of a misaligned READ that failed")
{
	const struct shape *s = &misaligned[2];
	struct vdev *d;
	struct tgt t;
	struct dm m;
	struct req r;

	tgt_with_dm(&t, &m);
	d = dev_up(t.wwn, 1, 1024, F_DEFAULT);
	scsi_tur(d, VQ_IO);
	dm_suspend(&m);
	scsi_rw_prep(&r, d, VQ_IO, false, 8, 0, s->len);
	r.nr_in = 0;
	set_segments(&r, false, gmem_alloc(&d->mem, MIB, 4096) + s->offset, s);
	for (unsigned int i = 0; i < r.nr_in; i++)
		gmem_fill(&d->mem, r.in[i].gpa, 0x5a, r.in[i].len);
	req_send(&r);
	dm_resume_failing(&m);
	req_wait(&r);
	check(r.rsp.response || r.rsp.status, "the READ did not fail");
	for (unsigned int i = 0; i < r.nr_in; i++) {
		uint8_t *p = gmem_ptr(&d->mem, r.in[i].gpa, r.in[i].len);

		for (uint32_t k = 0; k < r.in[i].len; k++)
			check(p[k] == 0x5a || !p[k], "foreign byte %02x", p[k]);
	}
}
