// SPDX-License-Identifier: GPL-2.0
/*
 * R05: lengths of protection information that make no sense.
 *
 * The peer on 6.12: refuse-absurd-pi-lengths takes the host down, by a page
 * fault in sg_init_table() under vhost_scsi_handle_vq() (CVE-2026-74703).
 */
#include "vring.h"

/* Skips the test where the feature is not offered. */
static struct vdev *start(void)
{
	uint64_t offered = 0;
	struct vdev *d;
	struct tgt t;
	struct req r;
	int fd = dev_open_fd();

	expect(dev_ioctl(fd, VHOST_GET_FEATURES, &offered), 0);
	close(fd);
	if (!(offered & F_T10_PI))
		test_skip("T10_PI is not offered");
	tgt_with_ramdisk(&t, 4 * MIB);
	d = dev_up(t.wwn, 1, 64, F_DEFAULT | F_T10_PI);
	for (int i = 0; i < 3; i++) {
		uint8_t cdb[CDB_LEN];

		cdb_tur(cdb);
		req_init(&r, d, VQ_IO);
		req_cmd(&r, 1, 0, cdb);
		req_pi(&r, 0, 0);
		req_run(&r);
	}
	req_good(&r);
	return d;
}

/* One WRITE or READ of 4096 bytes with the PI lengths given. */
static void run(struct req *r, struct vdev *d, bool write, uint32_t pi_out,
		uint32_t pi_in)
{
	uint64_t gpa = gmem_alloc(&d->mem, 8192, 4096);

	step("%s with pi_bytesout %u pi_bytesin %u", write ? "write" : "read",
	     pi_out, pi_in);
	gmem_fill(&d->mem, gpa, 0x5a, 8192);
	scsi_rw_prep(r, d, VQ_IO, write, 0, gpa, 4096);
	req_pi(r, pi_out, pi_in);
	req_run(r);
	for (int i = 4096; i < 8192; i++)
		check(*(uint8_t *)gmem_ptr(&d->mem, gpa + i, 1) == 0x5a,
		      "byte %d after the buffer was written", i);
}

VRING_TEST(io_pi_none, "io/transfer-without-pi-under-t10-pi",
	   "read and write without protection information under T10_PI")
{
	struct vdev *d = start();
	struct req r;

	run(&r, d, true, 0, 0);
	req_good(&r);
	run(&r, d, false, 0, 0);
	req_good(&r);
}

VRING_TEST(
	io_pi_bad, "io/refuse-absurd-pi-lengths",
	"be refused PI as long as the data, longer, and in the wrong direction")
{
	static const uint32_t len[] = { 4096,	    4097,	8192,
					0x7fffffff, 0x80000000, 0xffffffff };
	struct vdev *d = start();
	struct req r;

	for (size_t i = 0; i < ARRAY_SIZE(len); i++) {
		run(&r, d, true, len[i], 0);
		check(r.rsp.response || r.rsp.status, "%s", req_text(&r));
		run(&r, d, false, 0, len[i]);
		check(r.rsp.response || r.rsp.status, "%s", req_text(&r));
	}
	run(&r, d, true, 0, 64);
	req_response(&r, VIRTIO_SCSI_S_BAD_TARGET);
	run(&r, d, false, 64, 0);
	req_response(&r, VIRTIO_SCSI_S_BAD_TARGET);
	step("and a good one");
	run(&r, d, false, 0, 0);
	req_good(&r);
}
