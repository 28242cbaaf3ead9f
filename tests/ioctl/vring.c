// SPDX-License-Identifier: GPL-2.0
/*
 * Ioctls of one ring. The peer on 6.12 passes.
 */
#include <fcntl.h>
#include "vring.h"

static int addr(int fd, unsigned int index, unsigned int flags, uint64_t desc,
		uint64_t avail, uint64_t used, uint64_t log)
{
	struct vhost_vring_addr a = {
		.index = index,
		.flags = flags,
		.desc_user_addr = desc,
		.avail_user_addr = avail,
		.used_user_addr = used,
		.log_guest_addr = log,
	};

	return dev_ioctl(fd, VHOST_SET_VRING_ADDR, &a);
}

static int owned(void)
{
	int fd = dev_open_fd();

	expect(dev_ioctl(fd, VHOST_SET_OWNER, NULL), 0);
	return fd;
}

VRING_TEST(ioctl_num_base, "ioctl/check-ring-size-and-base",
	   "set ring sizes and bases and be refused bad ones")
{
	static const unsigned int bad_num[] = { 0, 3, 129, 65536, ~0u };
	int fd = owned();

	for (size_t i = 0; i < ARRAY_SIZE(bad_num); i++)
		expect(dev_vring_state(fd, VHOST_SET_VRING_NUM, 2, bad_num[i]),
		       -EINVAL);
	expect(dev_vring_state(fd, VHOST_SET_VRING_NUM, 2, 1), 0);
	expect(dev_vring_state(fd, VHOST_SET_VRING_NUM, 2, 32768), 0);
	expect(dev_vring_state(fd, VHOST_SET_VRING_BASE, 2, 65536), -EINVAL);
	expect(dev_vring_state(fd, VHOST_SET_VRING_BASE, 2, 65535), 0);
	expect(dev_vring_base(fd, 2), 65535);
	expect(dev_vring_base(fd, 3), 0);
}

VRING_TEST(ioctl_ring_index, "ioctl/check-ring-index",
	   "be told ENOBUFS for a ring that the device does not have")
{
	static const unsigned long nr[] = {
		VHOST_SET_VRING_NUM,  VHOST_SET_VRING_BASE,
		VHOST_GET_VRING_BASE, VHOST_SET_VRING_ADDR,
		VHOST_SET_VRING_KICK, VHOST_SET_VRING_CALL,
		VHOST_SET_VRING_ERR,
	};
	uint32_t arg[16] = { 5000, 128 };
	int fd = owned();

	for (size_t i = 0; i < ARRAY_SIZE(nr); i++) {
		step("ioctl %#lx", nr[i]);
		expect(dev_ioctl(fd, nr[i], arg), -ENOBUFS);
		expect(dev_ioctl(fd, nr[i], (void *)8), -EFAULT);
	}
}

VRING_TEST(ioctl_addr, "ioctl/check-ring-addresses",
	   "set ring addresses and be refused bad flags and alignments")
{
	int fd = owned();

	expect(addr(fd, 2, 0, 0x10000, 0x20000, 0x30000, 0), 0);
	expect(addr(fd, 2, 1 << VHOST_VRING_F_LOG, 0x10000, 0x20000, 0x30000,
		    0x1000),
	       0);
	expect(addr(fd, 2, 2, 0x10000, 0x20000, 0x30000, 0), -EOPNOTSUPP);
	expect(addr(fd, 2, 0x80000000, 0x10000, 0x20000, 0x30000, 0),
	       -EOPNOTSUPP);
	expect(addr(fd, 2, 0, 0x10000, 0x20001, 0x30000, 0), -EINVAL);
	expect(addr(fd, 2, 0, 0x10000, 0x20000, 0x30002, 0), -EINVAL);
	expect(addr(fd, 2, 0, 0x10000, 0x20000, 0x30000, 2), -EINVAL);
}

VRING_TEST(ioctl_files, "ioctl/check-eventfds",
	   "set and clear eventfds and be refused other files")
{
	static const unsigned long nr[] = {
		VHOST_SET_VRING_KICK,
		VHOST_SET_VRING_CALL,
		VHOST_SET_VRING_ERR,
	};
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	int fd = owned(), efd = efd_new(), none = -1, bad = 9999;

	for (size_t i = 0; i < ARRAY_SIZE(nr); i++) {
		step("ioctl %#lx", nr[i]);
		expect(dev_vring_file(fd, nr[i], 2, efd), 0);
		expect(dev_vring_file(fd, nr[i], 2, efd), 0);
		expect(dev_vring_file(fd, nr[i], 2, 9999), -EBADF);
		expect(dev_vring_file(fd, nr[i], 2, null), -EINVAL);
		expect(dev_vring_file(fd, nr[i], 2, -1), 0);
		expect(dev_vring_file(fd, nr[i], 2, -1), 0);
	}
	expect(dev_ioctl(fd, VHOST_SET_LOG_FD, &efd), 0);
	expect(dev_ioctl(fd, VHOST_SET_LOG_FD, &none), 0);
	expect(dev_ioctl(fd, VHOST_SET_LOG_FD, &bad), -EBADF);
	expect(dev_ioctl(fd, VHOST_SET_LOG_FD, (void *)8), -EFAULT);
}

VRING_TEST(ioctl_busyloop, "ioctl/keep-busyloop-timeout",
	   "set a busy loop timeout for each queue and read it back")
{
	struct vhost_vring_state s;
	int fd = owned();

	for (unsigned int q = 0; q < 5; q++)
		expect(dev_vring_state(fd, VHOST_SET_VRING_BUSYLOOP_TIMEOUT, q,
				       50 * q),
		       0);
	for (unsigned int q = 0; q < 6; q++) {
		s = (struct vhost_vring_state){ .index = q, .num = 9 };
		expect(dev_ioctl(fd, VHOST_GET_VRING_BUSYLOOP_TIMEOUT, &s), 0);
		check(s.index == q && s.num == (q < 5 ? 50 * q : 0),
		      "timeout of queue %u is %u", q, s.num);
	}
	s.index = 5000;
	expect(dev_ioctl(fd, VHOST_GET_VRING_BUSYLOOP_TIMEOUT, &s), -ENOBUFS);
	expect(dev_ioctl(fd, VHOST_SET_VRING_BUSYLOOP_TIMEOUT, &s), -ENOBUFS);
	expect(dev_ioctl(fd, VHOST_SET_VRING_BUSYLOOP_TIMEOUT, (void *)8),
	       -EFAULT);
}

VRING_TEST(ioctl_live, "ioctl/refuse-ring-resize-while-attached",
	   "be refused size, base and bad addresses of a ring in use")
{
	struct vdev *d;
	struct tgt t;

	tgt_with_ramdisk(&t, 4 * MIB);
	d = dev_up(t.wwn, 1, 16, F_DEFAULT);
	expect(dev_vring_state(d->fd, VHOST_SET_VRING_NUM, 2, 16), -EBUSY);
	expect(dev_vring_state(d->fd, VHOST_SET_VRING_BASE, 2, 0), -EBUSY);
	expect(addr(d->fd, 2, 0, 0xffff800000000000, 0xffff800000010000,
		    0xffff800000020000, 0),
	       -EINVAL);
	expect(dev_vq_addr(&d->vq[2]), 0);
	scsi_tur(d, VQ_IO);
	expect(dev_clear_endpoint(d->fd, t.wwn), 0);
	expect(dev_vring_state(d->fd, VHOST_SET_VRING_NUM, 2, 16), 0);
}

/*
 * R24: a ring moves in memory under an endpoint, as when logging starts; what
 * the device had looked up for the old place must not be used for the new one.
 */
VRING_TEST(ioctl_move_ring, "ioctl/move-ring-while-attached",
	   "move a ring in memory under an endpoint and go on with I/O")
{
	struct vdev *d;
	struct vq *vq;
	struct tgt t;
	void *old;
	uint64_t gpa;

	tgt_with_ramdisk(&t, 4 * MIB);
	d = dev_up(t.wwn, 1, 16, F_DEFAULT);
	vq = &d->vq[VQ_IO];
	for (int i = 0; i < 5; i++) {
		scsi_write_pattern(d, VQ_IO, 0, 4096, i);
		old = vq->desc;
		gpa = gmem_alloc(&d->mem, vq->bytes, 4096);
		vq->desc = gmem_ptr(&d->mem, gpa, vq->bytes);
		memcpy(vq->desc, old, vq->bytes);
		vq->avail = (void *)((uint8_t *)vq->avail +
				     ((uint8_t *)vq->desc - (uint8_t *)old));
		vq->used = (void *)((uint8_t *)vq->used +
				    ((uint8_t *)vq->desc - (uint8_t *)old));
		expect(dev_vq_addr(vq), 0);
		memset(old, 0xa5, vq->bytes);
		step("I/O after move %d", i);
		scsi_check_pattern(d, VQ_IO, 0, 4096, i);
		for (size_t k = 0; k < vq->bytes; k++)
			check(((uint8_t *)old)[k] == 0xa5,
			      "the old ring was written at %zu", k);
	}
}

/*
 * A13: SET_ENDPOINT finds a ring that has a size and no place yet. It is started
 * when it gets one.
 */
VRING_TEST(ioctl_late_ring, "ioctl/start-a-ring-set-up-late",
	   "use a ring that was addressed and kicked after SET_ENDPOINT")
{
	struct vdev *d = dev_open(3);
	struct vq *late = &d->vq[VQ_IO + 2];
	uint8_t cdb[CDB_LEN];
	struct req r;
	struct tgt t;

	tgt_with_ramdisk(&t, 4 * MIB);
	for (unsigned int i = 0; i <= VQ_IO; i++)
		ring_init(&d->vq[i], 16);
	expect(dev_vring_state(d->fd, VHOST_SET_VRING_NUM, late->index, 16), 0);
	expect(dev_ready(d, F_DEFAULT), 0);
	expect(dev_set_endpoint(d->fd, t.wwn), 0);
	scsi_write_pattern(d, VQ_IO, 0, 4096, 1);
	step("a ring with a request in it, and its kick");
	ring_init(late, 16);
	cdb_inquiry(cdb, -1, 36);
	req_init(&r, d, late->index);
	req_cmd(&r, 1, 0, cdb);
	req_in(&r, gmem_alloc(&d->mem, 64, 64), 36);
	req_queue(&r);
	ring_publish(late);
	expect(dev_vq_addr(late), 0);
	expect(dev_vring_file(d->fd, VHOST_SET_VRING_KICK, late->index,
			      late->kick),
	       0);
	ring_kick(late);
	req_wait(&r);
	req_good(&r);
	scsi_check_pattern(d, late->index, 0, 4096, 1);
	step("clear and set");
	expect(dev_clear_endpoint(d->fd, t.wwn), 0);
	expect(dev_ready(d, F_DEFAULT), 0);
	expect(dev_set_endpoint(d->fd, t.wwn), 0);
	scsi_tur(d, late->index);
	scsi_tur(d, VQ_IO);
}
