// SPDX-License-Identifier: GPL-2.0
/*
 * The plain path: what every guest does all the time.
 *
 * The peer on 6.12: read-back-what-was-written passes.
 */
#include "vring.h"

VRING_TEST(io_read_back, "io/read-back-what-was-written",
	   "write a pattern to a ramdisk LUN and read the same back")
{
	struct tgt t;
	struct vdev *d;

	tgt_with_ramdisk(&t, 16 * MIB);
	d = dev_up(t.wwn, 1, 128, F_DEFAULT);
	scsi_tur(d, VQ_IO);
	step("write");
	scsi_write_pattern(d, VQ_IO, 0, 64 * KIB, 1);
	scsi_write_pattern(d, VQ_IO, 128, 64 * KIB, 2);
	step("read");
	scsi_check_pattern(d, VQ_IO, 0, 64 * KIB, 1);
	scsi_check_pattern(d, VQ_IO, 128, 64 * KIB, 2);
}
