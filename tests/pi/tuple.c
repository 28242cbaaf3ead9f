// SPDX-License-Identifier: GPL-2.0
/* Tuples, LUNs that keep them, commands that carry them: see pi.h. */
#include <stdio.h>
#include "pi.h"

/* CRC-16 of SBC-3, 4.22.4.2: polynomial 8BB7h, nothing reflected. */
uint16_t pi_crc(const uint8_t *data, size_t len)
{
	uint16_t crc = 0;

	while (len--) {
		crc ^= *data++ << 8;
		for (int i = 0; i < 8; i++)
			crc = crc & 0x8000 ? crc << 1 ^ 0x8bb7 : crc << 1;
	}
	return crc;
}

struct tuple pi_get(const struct vdev *d, uint64_t gpa, unsigned int nr)
{
	struct tuple t;
	uint8_t b[PI_TUPLE];

	gmem_get(&d->mem, gpa + nr * PI_TUPLE, b, sizeof(b));
	t.guard = b[0] << 8 | b[1];
	t.app = b[2] << 8 | b[3];
	t.ref = (uint32_t)b[4] << 24 | b[5] << 16 | b[6] << 8 | b[7];
	return t;
}

void pi_put(const struct vdev *d, uint64_t gpa, unsigned int nr, struct tuple t)
{
	const uint8_t b[PI_TUPLE] = { t.guard >> 8, t.guard,	 t.app >> 8,
				      t.app,	    t.ref >> 24, t.ref >> 16,
				      t.ref >> 8,   t.ref };

	gmem_put(&d->mem, gpa + nr * PI_TUPLE, b, sizeof(b));
}

static uint16_t guard_of(const struct vdev *d, uint64_t data, unsigned int nr)
{
	uint8_t block[BLOCK];

	gmem_get(&d->mem, data + nr * BLOCK, block, sizeof(block));
	return pi_crc(block, sizeof(block));
}

/* Never FFFFh, which says that the tuple is not to be checked. */
uint16_t pi_app(uint64_t lba)
{
	return 0x4000 | (lba & 0xfff);
}

void pi_fill(const struct vdev *d, uint64_t pi, uint64_t data,
	     unsigned int blocks, uint64_t lba)
{
	for (unsigned int i = 0; i < blocks; i++)
		pi_put(d, pi, i,
		       (struct tuple){ guard_of(d, data, i), pi_app(lba + i),
				       lba + i });
}

void pi_expect(const struct vdev *d, uint64_t pi, uint64_t data,
	       unsigned int blocks, uint64_t lba, int app)
{
	for (unsigned int i = 0; i < blocks; i++) {
		struct tuple t = pi_get(d, pi, i);
		uint16_t guard = guard_of(d, data, i);
		uint16_t want = app >= 0 ? app : pi_app(lba + i);

		check(t.guard == guard && t.app == want && t.ref == lba + i,
		      "tuple of LBA %llu is %04x %04x %08x, want %04x %04x %08llx",
		      (unsigned long long)lba + i, t.guard, t.app, t.ref, guard,
		      want, (unsigned long long)lba + i);
	}
}

void pi_ramdisk(struct bs *b, unsigned int type, uint64_t bytes)
{
	char text[8];

	bs_ramdisk(b, bytes);
	snprintf(text, sizeof(text), "%u", type);
	expect(bs_attrib(b, "pi_prot_type", text), 0);
}

void pi_target(struct tgt *t, const struct bs *b, const char *fabric_type)
{
	tgt_name(t);
	expect(tgt_mkdir(t), 0);
	expect(tpg_mkdir(t, 1), 0);
	if (fabric_type)
		expect(file_write(fabric_type,
				  "%s/tpgt_1/attrib/fabric_prot_type", t->path),
		       0);
	expect(tpg_nexus(t, 1, t->wwn), 0);
	expect(lun_link(t, 1, 0, b), 0);
}

void pi_settle(struct vdev *d)
{
	uint8_t cdb[CDB_LEN];
	struct req r;

	cdb_tur(cdb);
	req_init(&r, d, VQ_IO);
	for (int i = 0; i < 4; i++) {
		req_cmd(&r, 1, 0, cdb);
		req_pi(&r, 0, 0);
		req_run(&r);
		if (!r.rsp.response && !r.rsp.status)
			return;
	}
	req_good(&r);
}

struct vdev *pi_start(unsigned int type, uint64_t bytes)
{
	struct vdev *d;
	struct tgt t;
	struct bs b;

	pi_ramdisk(&b, type, bytes);
	pi_target(&t, &b, NULL);
	d = dev_up(t.wwn, 1, 128, F_DEFAULT | F_T10_PI);
	pi_settle(d);
	return d;
}

struct pi_buf pi_alloc(struct vdev *d, unsigned int blocks)
{
	struct pi_buf b = { .blocks = blocks };

	b.pi = gmem_alloc(&d->mem, blocks * PI_TUPLE, 4096);
	b.data = gmem_alloc(&d->mem, blocks * BLOCK, 4096);
	return b;
}

void pi_header(struct req *r, bool write, unsigned int protect, uint64_t lba,
	       unsigned int blocks, uint32_t pi_bytes)
{
	uint8_t cdb[CDB_LEN];

	cdb_rw16(cdb, write, lba, blocks);
	cdb[1] = protect << 5;
	req_cmd(r, 1, 0, cdb);
	req_pi(r, write ? pi_bytes : 0, write ? 0 : pi_bytes);
}

void pi_prep(struct req *r, struct vdev *d, bool write, unsigned int protect,
	     uint64_t lba, const struct pi_buf *b)
{
	uint32_t pi_bytes = b->blocks * PI_TUPLE;

	req_init(r, d, VQ_IO);
	pi_header(r, write, protect, lba, b->blocks, pi_bytes);
	if (write) {
		req_out(r, b->pi, pi_bytes);
		req_out(r, b->data, b->blocks * BLOCK);
	} else {
		req_in(r, b->pi, pi_bytes);
		req_in(r, b->data, b->blocks * BLOCK);
	}
}

void pi_run(struct req *r, struct vdev *d, bool write, unsigned int protect,
	    uint64_t lba, const struct pi_buf *b)
{
	pi_prep(r, d, write, protect, lba, b);
	req_run(r);
	req_free(r);
}

void pi_write_pattern(struct vdev *d, uint64_t lba, unsigned int blocks,
		      uint64_t seed)
{
	uint64_t mark = d->mem.used;
	struct pi_buf b = pi_alloc(d, blocks);
	struct req r;

	gmem_pattern(&d->mem, b.data, blocks * BLOCK, seed);
	pi_fill(d, b.pi, b.data, blocks, lba);
	pi_run(&r, d, true, PROTECT_ALL, lba, &b);
	req_good(&r);
	d->mem.used = mark;
}

void pi_check_pattern(struct vdev *d, uint64_t lba, unsigned int blocks,
		      uint64_t seed)
{
	uint64_t mark = d->mem.used;
	struct pi_buf b = pi_alloc(d, blocks);
	struct req r;
	ssize_t at;

	gmem_fill(&d->mem, b.pi, 0x5a, blocks * PI_TUPLE);
	gmem_fill(&d->mem, b.data, 0x5a, blocks * BLOCK);
	pi_run(&r, d, false, PROTECT_ALL, lba, &b);
	req_good(&r);
	at = gmem_differs(&d->mem, b.data, blocks * BLOCK, seed);
	check(at < 0, "data differs at LBA %llu + %zd", (unsigned long long)lba,
	      at);
	pi_expect(d, b.pi, b.data, blocks, lba, -1);
	d->mem.used = mark;
}

void pi_plain(struct vdev *d, bool write, uint64_t lba, unsigned int blocks,
	      uint64_t seed)
{
	uint64_t mark = d->mem.used;
	uint64_t gpa = gmem_alloc(&d->mem, blocks * BLOCK, 4096);
	struct req r;

	if (write)
		gmem_pattern(&d->mem, gpa, blocks * BLOCK, seed);
	scsi_rw_prep(&r, d, VQ_IO, write, lba, gpa, blocks * BLOCK);
	if (d->features & F_T10_PI)
		req_pi(&r, 0, 0);
	req_run(&r);
	req_good(&r);
	req_free(&r);
	check(write || gmem_differs(&d->mem, gpa, blocks * BLOCK, seed) < 0,
	      "other data came back");
	d->mem.used = mark;
}

uint32_t pi_sense_lba(const struct req *r)
{
	const uint8_t *s = r->rsp.sense;

	check(s[0] == 0xf0,
	      "sense data without a valid INFORMATION field: %02x", s[0]);
	return (uint32_t)s[3] << 24 | s[4] << 16 | s[5] << 8 | s[6];
}
