// SPDX-License-Identifier: GPL-2.0
/*
 * Many devices at a time.
 *
 * Seen to fail on a build of the module that takes no kick of a device's last queue. Not
 * run on the peer, which would hold 10 GiB.
 */
#include <sys/resource.h>
#include "vring.h"

#define DEVICES 64
#define QUEUES 8
#define LEN 4096u

static struct vdev *dev[DEVICES];
static struct req r[DEVICES][QUEUES];

/* A read or write by every queue, all at once. */
static void use_all(bool write)
{
	for (unsigned int i = 0; i < DEVICES * QUEUES; i++) {
		struct vdev *d = dev[i / QUEUES];
		struct req *one = &r[i / QUEUES][i % QUEUES];
		uint64_t gpa = gmem_alloc(&d->mem, LEN, LEN);

		if (write)
			gmem_pattern(&d->mem, gpa, LEN, i);
		scsi_rw_prep(one, d, VQ_IO + i % QUEUES, write,
			     (uint64_t)i * LEN / BLOCK, gpa, LEN);
		req_send(one);
	}
	for (unsigned int i = 0; i < DEVICES * QUEUES; i++) {
		struct req *one = &r[i / QUEUES][i % QUEUES];

		step("device %u, queue %u", i / QUEUES, i % QUEUES);
		req_wait(one);
		req_good(one);
		if (!write)
			check(gmem_differs(&one->dev->mem, one->in[0].gpa, LEN,
					   i) < 0,
			      "other data");
	}
}

VRING_TEST_LIMIT(io_scale, "io/serve-64-devices-of-8-queues",
		 "write and read by all of 512 queues of 64 devices at once",
		 120)
{
	struct rlimit files = { 4096, 4096 };
	struct tgt t[DEVICES];
	struct bs b;

	if (module_is_peer())
		test_skip("the peer takes too much memory");
	check(!setrlimit(RLIMIT_NOFILE, &files), "RLIMIT_NOFILE: %s",
	      strerror(errno));
	expect(file_write("8", "/sys/module/vhost_scsi/parameters/max_io_vqs"),
	       0);
	bs_ramdisk(&b, 4 * MIB);
	for (unsigned int i = 0; i < DEVICES; i++) {
		step("device %u", i);
		tgt_new(&t[i]);
		expect(lun_link(&t[i], 1, 0, &b), 0);
		dev[i] = dev_up(t[i].wwn, QUEUES, 16, F_DEFAULT);
		scsi_tur(dev[i], VQ_IO);
	}
	use_all(true);
	use_all(false);
}
