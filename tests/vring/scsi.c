// SPDX-License-Identifier: GPL-2.0
/* SCSI commands: CDBs, and whole reads and writes of a pattern on LUN 0. */
#include "vring.h"

static void put_be16(uint8_t *p, uint16_t v)
{
	p[0] = v >> 8;
	p[1] = v;
}

static void put_be32(uint8_t *p, uint32_t v)
{
	put_be16(p, v >> 16);
	put_be16(p + 2, v);
}

void cdb_tur(uint8_t *cdb)
{
	memset(cdb, 0, CDB_LEN);
}

void cdb_inquiry(uint8_t *cdb, int page, uint16_t len)
{
	memset(cdb, 0, CDB_LEN);
	cdb[0] = 0x12;
	cdb[1] = page >= 0;
	cdb[2] = page >= 0 ? page : 0;
	put_be16(cdb + 3, len);
}

void cdb_report_luns(uint8_t *cdb, uint32_t len)
{
	memset(cdb, 0, CDB_LEN);
	cdb[0] = 0xa0;
	put_be32(cdb + 6, len);
}

void cdb_rw10(uint8_t *cdb, bool write, uint32_t lba, uint16_t blocks)
{
	memset(cdb, 0, CDB_LEN);
	cdb[0] = write ? 0x2a : 0x28;
	put_be32(cdb + 2, lba);
	put_be16(cdb + 7, blocks);
}

void cdb_rw16(uint8_t *cdb, bool write, uint64_t lba, uint32_t blocks)
{
	memset(cdb, 0, CDB_LEN);
	cdb[0] = write ? 0x8a : 0x88;
	put_be32(cdb + 2, lba >> 32);
	put_be32(cdb + 6, lba);
	put_be32(cdb + 10, blocks);
}

/* Sends TEST UNIT READY until no unit attention is left. */
void scsi_tur(struct vdev *d, unsigned int queue)
{
	uint8_t cdb[CDB_LEN];
	struct req r;

	cdb_tur(cdb);
	req_init(&r, d, queue);
	req_cmd(&r, 1, 0, cdb);
	for (int i = 0; i < 4; i++) {
		req_again(&r);
		req_run(&r);
		if (r.rsp.response || r.rsp.status != 2 ||
		    (r.rsp.sense[2] & 0xf) != 6)
			break;
	}
	req_good(&r);
}

void scsi_rw_prep(struct req *r, struct vdev *d, unsigned int queue, bool write,
		  uint64_t lba, uint64_t gpa, uint32_t len)
{
	uint8_t cdb[CDB_LEN];

	cdb_rw16(cdb, write, lba, len / BLOCK);
	req_init(r, d, queue);
	req_cmd(r, 1, 0, cdb);
	if (write)
		req_out(r, gpa, len);
	else
		req_in(r, gpa, len);
}

void scsi_rw(struct vdev *d, unsigned int queue, bool write, uint64_t lba,
	     uint64_t gpa, uint32_t len)
{
	struct req r;

	scsi_rw_prep(&r, d, queue, write, lba, gpa, len);
	req_run(&r);
	req_good(&r);
	req_free(&r);
}

void scsi_write_pattern(struct vdev *d, unsigned int queue, uint64_t lba,
			uint32_t len, uint64_t seed)
{
	uint64_t mark = d->mem.used;
	uint64_t gpa = gmem_alloc(&d->mem, len, 4096);

	gmem_pattern(&d->mem, gpa, len, seed);
	scsi_rw(d, queue, true, lba, gpa, len);
	d->mem.used = mark;
}

void scsi_check_pattern(struct vdev *d, unsigned int queue, uint64_t lba,
			uint32_t len, uint64_t seed)
{
	uint64_t mark = d->mem.used;
	uint64_t gpa = gmem_alloc(&d->mem, len, 4096);
	ssize_t at;

	gmem_fill(&d->mem, gpa, 0x5a, len);
	scsi_rw(d, queue, false, lba, gpa, len);
	at = gmem_differs(&d->mem, gpa, len, seed);
	check(at < 0, "medium differs from pattern %llx at LBA %llu + %zd",
	      (unsigned long long)seed, (unsigned long long)lba, at);
	d->mem.used = mark;
}
