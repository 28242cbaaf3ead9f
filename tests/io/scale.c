// SPDX-License-Identifier: GPL-2.0
/*
 * Many devices at a time, and many queues of one.
 *
 * Seen to fail on a build of the module that takes no kick of a device's last queue. Not
 * run on the peer, which would hold 10 and 20 GiB.
 */
#include <sys/resource.h>
#include "vring.h"

#define DEVICES 64
#define QUEUES 8
#define MOST 1024u /* queues of one device */
#define LEN 4096u

static struct vdev *dev[DEVICES];
static struct req r[MOST];

/* A read or write by every queue, all at once: @queues of each device. */
static void use_all(unsigned int devices, unsigned int queues, bool write)
{
	for (unsigned int i = 0; i < devices * queues; i++) {
		struct vdev *d = dev[i / queues];
		uint64_t gpa = gmem_alloc(&d->mem, LEN, LEN);

		if (write)
			gmem_pattern(&d->mem, gpa, LEN, i);
		scsi_rw_prep(&r[i], d, VQ_IO + i % queues, write,
			     (uint64_t)i * LEN / BLOCK, gpa, LEN);
		req_send(&r[i]);
	}
	for (unsigned int i = 0; i < devices * queues; i++) {
		step("device %u, queue %u", i / queues, i % queues);
		req_wait(&r[i]);
		req_good(&r[i]);
		if (!write)
			check(gmem_differs(&r[i].dev->mem, r[i].in[0].gpa, LEN,
					   i) < 0,
			      "other data");
	}
}

static void prepare(const char *max_io_vqs)
{
	struct rlimit files = { 4096, 4096 };

	if (module_is_peer())
		test_skip("the peer takes too much memory");
	check(!setrlimit(RLIMIT_NOFILE, &files), "RLIMIT_NOFILE: %s",
	      strerror(errno));
	expect(file_write(max_io_vqs,
			  "/sys/module/vhost_scsi/parameters/max_io_vqs"),
	       0);
}

static void start_device(unsigned int i, const struct bs *b,
			 unsigned int queues)
{
	struct tgt t;

	step("device %u", i);
	tgt_new(&t);
	expect(lun_link(&t, 1, 0, b), 0);
	dev[i] = dev_up(t.wwn, queues, 16, F_DEFAULT);
	scsi_tur(dev[i], VQ_IO);
}

VRING_TEST_LIMIT(io_scale, "io/serve-64-devices-of-8-queues",
		 "write and read by all of 512 queues of 64 devices at once",
		 120)
{
	struct bs b;

	prepare("8");
	bs_ramdisk(&b, 4 * MIB);
	for (unsigned int i = 0; i < DEVICES; i++)
		start_device(i, &b, QUEUES);
	use_all(DEVICES, QUEUES, true);
	use_all(DEVICES, QUEUES, false);
}

VRING_TEST_LIMIT(io_scale_most, "io/serve-a-device-of-1024-queues",
		 "write and read by all of 1024 queues of a device at once",
		 120)
{
	struct bs b;

	prepare("1024");
	bs_ramdisk(&b, 8 * MIB);
	start_device(0, &b, MOST);
	use_all(1, MOST, true);
	use_all(1, MOST, false);
	/* Each by itself, and one after the other. */
	for (unsigned int i = 0; i < MOST; i += 31)
		scsi_tur(dev[0], VQ_IO + i);
}
