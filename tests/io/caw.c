// SPDX-License-Identifier: GPL-2.0
/*
 * COMPARE AND WRITE that LIO ends before it carries it out: it must not let go
 * of the semaphore that keeps two of them from running at a time, which it has
 * not taken, and the kernel must not warn.
 *
 * Found by fuzz/survive-random-ioctls. Seen to fail on a build that left LIO's
 * callback in place: a warning in compare_and_write_callback.
 */
#include "vring.h"

/* One block compared with one of pattern @old, and written with @new. */
static void compare_and_write(struct req *r, struct vdev *d, uint64_t old,
			      uint64_t new)
{
	uint64_t gpa = gmem_alloc(&d->mem, 2 * BLOCK, 4096);
	uint8_t cdb[CDB_LEN] = { 0x89 };

	cdb[13] = 1;
	gmem_pattern(&d->mem, gpa, BLOCK, old);
	gmem_pattern(&d->mem, gpa + BLOCK, BLOCK, new);
	req_init(r, d, VQ_IO);
	req_cmd(r, 1, 0, cdb);
	req_out(r, gpa, 2 * BLOCK);
	req_run(r);
	req_free(r);
}

VRING_TEST(io_caw, "io/compare-and-write-under-unit-attention",
	   "report a unit attention to COMPARE AND WRITE, and do the next one")
{
	struct vdev *d;
	struct req r;
	struct tgt t;
	struct bs b;

	tgt_with_ramdisk(&t, 1 * MIB);
	bs_ramdisk(&b, 1 * MIB);
	d = dev_up(t.wwn, 1, 16, F_DEFAULT);
	scsi_tur(d, VQ_IO);
	scsi_write_pattern(d, VQ_IO, 0, BLOCK, 1);
	for (unsigned int i = 0; i < 4; i++) {
		step("round %u", i);
		/* REPORTED LUNS DATA HAS CHANGED */
		expect(lun_link(&t, 1, 1 + i, &b), 0);
		compare_and_write(&r, d, 1 + i, 2 + i);
		req_sense(&r, 6, 0x3f);
		scsi_tur(d, VQ_IO);
		scsi_check_pattern(d, VQ_IO, 0, BLOCK, 1 + i);
		compare_and_write(&r, d, 1 + i, 2 + i);
		req_good(&r);
		scsi_check_pattern(d, VQ_IO, 0, BLOCK, 2 + i);
	}
	/* MISCOMPARE DURING VERIFY OPERATION */
	compare_and_write(&r, d, 77, 1);
	req_sense(&r, 0xe, 0x1d);
}
