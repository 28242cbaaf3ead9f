// SPDX-License-Identifier: GPL-2.0
/*
 * R32: TPGs are targets, and LUNs 0 to 16383 are reached by flat and by
 * peripheral addresses.
 *
 * The peer on 6.12: reach-luns fails, as it takes any addressing method for
 * flat; reach-targets passes.
 */
#include "vring.h"

static void rw_one(struct vdev *d, bool write, uint64_t gpa,
		   const uint8_t addr[8], struct req *r)
{
	scsi_rw_prep(r, d, VQ_IO, write, 0, gpa, 512);
	memcpy(r->hdr, addr, 8);
	req_run(r);
}

static void write_own(struct vdev *d, unsigned int target, unsigned int lun)
{
	uint64_t gpa = gmem_alloc(&d->mem, 512, 512);
	uint8_t addr[8];
	struct req r;

	step("write to target %u LUN %u", target, lun);
	gmem_pattern(&d->mem, gpa, 512, target << 16 | lun);
	req_lun(addr, target, lun);
	rw_one(d, true, gpa, addr, &r);
	if (r.rsp.status == 2 && (r.rsp.sense[2] & 0xf) == 6)
		rw_one(d, true, gpa, addr, &r);
	req_good(&r);
}

static void read_own(struct vdev *d, const uint8_t addr[8], unsigned int target,
		     unsigned int lun)
{
	uint64_t gpa = gmem_alloc(&d->mem, 512, 512);
	struct req r;

	step("read from target %u LUN %u", target, lun);
	gmem_fill(&d->mem, gpa, 0, 512);
	rw_one(d, false, gpa, addr, &r);
	req_good(&r);
	check(gmem_differs(&d->mem, gpa, 512, target << 16 | lun) < 0,
	      "another LUN was read");
}

VRING_TEST(io_luns, "io/reach-luns",
	   "reach LUNs 0 to 16383 by flat and peripheral addresses only")
{
	static const unsigned int lun[] = { 0, 1, 7, 255, 256, 1000, 16383 };
	struct vdev *d;
	uint8_t addr[8];
	struct req r;
	struct tgt t;
	uint64_t gpa;

	tgt_new(&t);
	for (size_t i = 0; i < ARRAY_SIZE(lun); i++) {
		struct bs b;

		bs_ramdisk(&b, 64 * KIB);
		expect(lun_link(&t, 1, lun[i], &b), 0);
	}
	d = dev_up(t.wwn, 1, 16, F_DEFAULT);
	for (size_t i = 0; i < ARRAY_SIZE(lun); i++)
		write_own(d, 1, lun[i]);
	for (size_t i = 0; i < ARRAY_SIZE(lun); i++) {
		req_lun(addr, 1, lun[i]);
		read_own(d, addr, 1, lun[i]);
		if (lun[i] > 255)
			continue;
		step("peripheral address");
		addr[2] = 0;
		read_own(d, addr, 1, lun[i]);
	}
	step("logical unit address");
	gpa = gmem_alloc(&d->mem, 512, 512);
	req_lun(addr, 1, 7);
	addr[2] = 0x80;
	rw_one(d, false, gpa, addr, &r);
	check(r.rsp.response || r.rsp.status == 2,
	      "LUN 7 is reached by an address of another kind");
}

VRING_TEST(io_targets, "io/reach-targets",
	   "reach TPGs 0, 1 and 255 as targets, and none without a nexus")
{
	static const unsigned int tpgt[] = { 0, 1, 255 };
	uint8_t addr[8], cdb[CDB_LEN];
	struct vdev *d;
	struct req r;
	struct tgt t;
	struct bs b;

	tgt_new(&t);
	tgt_add(&t, 0);
	tgt_add(&t, 255);
	expect(tpg_mkdir(&t, 7), 0);
	for (size_t i = 0; i < ARRAY_SIZE(tpgt); i++) {
		bs_ramdisk(&b, 64 * KIB);
		expect(lun_link(&t, tpgt[i], 0, &b), 0);
	}
	d = dev_up(t.wwn, 1, 16, F_DEFAULT);
	for (size_t i = 0; i < ARRAY_SIZE(tpgt); i++)
		write_own(d, tpgt[i], 0);
	for (size_t i = 0; i < ARRAY_SIZE(tpgt); i++) {
		req_lun(addr, tpgt[i], 0);
		read_own(d, addr, tpgt[i], 0);
	}
	step("TPG 7");
	cdb_tur(cdb);
	req_init(&r, d, VQ_IO);
	req_cmd(&r, 7, 0, cdb);
	req_run(&r);
	req_response(&r, VIRTIO_SCSI_S_BAD_TARGET);
}

/* LIO has no well known logical units; any LUN 0 reports the LUNs, even none. */
VRING_TEST(io_report_luns, "io/report-luns-by-lun-0",
	   "get the LUNs from LUN 0, there or not, and none from C101h")
{
	static const uint8_t well_known[8] = { 1, 1, 0xc1, 1 };
	uint8_t cdb[CDB_LEN], list[64];
	struct vdev *d;
	struct req r;
	struct tgt t;
	struct bs b;

	bs_ramdisk(&b, 64 * KIB);
	tgt_new(&t);
	expect(lun_link(&t, 1, 3, &b), 0);
	expect(lun_link(&t, 1, 300, &b), 0);
	d = dev_up(t.wwn, 1, 16, F_DEFAULT);
	cdb_report_luns(cdb, sizeof(list));
	for (int i = 0; i < 2; i++) {
		unsigned int n = i ? 3 : 2;

		step("%u LUNs", n);
		req_init(&r, d, VQ_IO);
		req_cmd(&r, 1, 0, cdb);
		req_in(&r, gmem_alloc(&d->mem, 64, 64), sizeof(list));
		req_run(&r);
		req_good(&r);
		gmem_get(&d->mem, r.in[0].gpa, list, sizeof(list));
		check(list[3] == n * 8, "%u bytes of LUNs", list[3]);
		for (unsigned int k = 1; k <= n; k++)
			check(list[8 * k + 1] == 3 ||
				      ((list[8 * k] & 0x3f) == 1 &&
				       list[8 * k + 1] == 300 - 256) ||
				      (n == 3 && !list[8 * k + 1]),
			      "LUN %02x%02x", list[8 * k], list[8 * k + 1]);
		expect(lun_link(&t, 1, i ? 9 : 0, &b), 0);
	}
	step("C101h");
	memcpy(r.hdr, well_known, sizeof(well_known));
	req_again(&r);
	req_run(&r);
	req_sense(&r, 5, 0x25);
}
