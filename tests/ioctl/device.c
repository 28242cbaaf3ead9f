// SPDX-License-Identifier: GPL-2.0
/*
 * Ioctls of the device as a whole: version, owner, the events missed flag, and
 * those that the device does not have.
 *
 * The peer on 6.12 passes all of these but use-every-advertised-queue and
 * do-io-on-queue-1024: open()
 * fails with ENOMEM from max_io_vqs = 219 on, with a warning of the page
 * allocator; and need-no-owner-for-scsi-ioctls: CLEAR_ENDPOINT without a memory
 * table is EFAULT.
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/syscall.h>
#include "vring.h"

#define BAD_PTR ((void *)8)
#define PARAM "/sys/module/vhost_scsi/parameters/max_io_vqs"

#define VHOST_GET_FEATURES_ARRAY _IOR(VHOST_VIRTIO, 0x83, __u64)

VRING_TEST(ioctl_abi, "ioctl/get-abi-version",
	   "read ABI version 1 without owning the device")
{
	int fd = dev_open_fd(), abi = -1;

	expect(dev_ioctl(fd, VHOST_SCSI_GET_ABI_VERSION, &abi), 0);
	check(abi == 1, "ABI version %d", abi);
	expect(dev_ioctl(fd, VHOST_SCSI_GET_ABI_VERSION, BAD_PTR), -EFAULT);
}

VRING_TEST(ioctl_missed, "ioctl/set-and-get-events-missed",
	   "set the events missed flag and read it back as 0 or 1")
{
	static const uint32_t set[] = { 1, 0, 7, 0 };
	int fd = dev_open_fd();
	uint32_t v = 99;

	expect(dev_ioctl(fd, VHOST_SCSI_GET_EVENTS_MISSED, &v), 0);
	check(v == 0, "flag of a fresh device is %u", v);
	for (size_t i = 0; i < ARRAY_SIZE(set); i++) {
		v = set[i];
		expect(dev_ioctl(fd, VHOST_SCSI_SET_EVENTS_MISSED, &v), 0);
		v = 99;
		expect(dev_ioctl(fd, VHOST_SCSI_GET_EVENTS_MISSED, &v), 0);
		check(v == !!set[i], "set %u, got %u", set[i], v);
	}
	expect(dev_ioctl(fd, VHOST_SCSI_SET_EVENTS_MISSED, BAD_PTR), -EFAULT);
	expect(dev_ioctl(fd, VHOST_SCSI_GET_EVENTS_MISSED, BAD_PTR), -EFAULT);
}

VRING_TEST(ioctl_owner_twice, "ioctl/refuse-second-owner",
	   "be refused a second SET_OWNER by the same and by another process")
{
	int fd = dev_open_fd();
	pid_t pid;

	expect(dev_ioctl(fd, VHOST_SET_OWNER, NULL), 0);
	expect(dev_ioctl(fd, VHOST_SET_OWNER, NULL), -EBUSY);
	pid = test_fork();
	if (!pid) {
		expect(dev_ioctl(fd, VHOST_SET_OWNER, NULL), -EBUSY);
		_exit(0);
	}
	expect(test_reap(pid), 0);
}

static void expect_all_refused(int fd)
{
	static const unsigned long owner_only[] = {
		VHOST_SET_MEM_TABLE,
		VHOST_SET_LOG_BASE,
		VHOST_SET_LOG_FD,
		VHOST_SET_VRING_NUM,
		VHOST_SET_VRING_ADDR,
		VHOST_SET_VRING_BASE,
		VHOST_GET_VRING_BASE,
		VHOST_SET_VRING_KICK,
		VHOST_SET_VRING_CALL,
		VHOST_SET_VRING_ERR,
		VHOST_SET_VRING_BUSYLOOP_TIMEOUT,
		VHOST_GET_VRING_BUSYLOOP_TIMEOUT,
	};
	uint8_t zero[256] = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(owner_only); i++) {
		int got = dev_ioctl(fd, owner_only[i], zero);

		check(got == -EPERM, "ioctl %#lx: got %s, want EPERM",
		      owner_only[i], errno_name(got));
	}
}

VRING_TEST(ioctl_owner_only, "ioctl/refuse-ring-setup-by-others",
	   "be refused memory and ring setup without an owner or as another")
{
	int fd = dev_open_fd();
	pid_t pid;

	step("no owner");
	expect_all_refused(fd);
	expect(dev_ioctl(fd, VHOST_SET_OWNER, NULL), 0);
	step("another process");
	pid = test_fork();
	if (!pid) {
		expect_all_refused(fd);
		_exit(0);
	}
	expect(test_reap(pid), 0);
}

VRING_TEST(ioctl_no_owner, "ioctl/need-no-owner-for-scsi-ioctls",
	   "use features and endpoint ioctls without an owner")
{
	uint64_t features = 0;
	int fd = dev_open_fd();
	struct tgt t;

	tgt_new(&t);
	expect(dev_ioctl(fd, VHOST_GET_FEATURES, &features), 0);
	expect(dev_features(fd, features & ~F_LOG_ALL), 0);
	expect(dev_clear_endpoint(fd, t.wwn), 0);
	expect(dev_set_endpoint(fd, t.wwn), -EFAULT);
}

VRING_TEST(ioctl_unknown, "ioctl/refuse-unknown-ioctls",
	   "be told ENOTTY for what the device does not have")
{
	static const unsigned long absent[] = {
		VHOST_GET_BACKEND_FEATURES, VHOST_SET_BACKEND_FEATURES,
		VHOST_GET_FEATURES_ARRAY,   VHOST_SET_VRING_ENDIAN,
		VHOST_GET_VRING_ENDIAN,	    VHOST_NET_SET_BACKEND,
		VHOST_VSOCK_SET_RUNNING,    _IO(VHOST_VIRTIO, 0xff),
	};
	uint8_t arg[64] = { 0 };
	int fd = dev_open_fd();

	expect(dev_ioctl(fd, VHOST_SET_OWNER, NULL), 0);
	for (size_t i = 0; i < ARRAY_SIZE(absent); i++) {
		int got = dev_ioctl(fd, absent[i], arg);

		check(got == -ENOTTY, "ioctl %#lx: got %s, want ENOTTY",
		      absent[i], errno_name(got));
	}
}

VRING_TEST(ioctl_worker, "ioctl/answer-new-worker-as-qemu-expects",
	   "get a worker for each queue, as worker_per_virtqueue=on does")
{
	struct vdev *d;
	struct tgt t;

	tgt_with_ramdisk(&t, 4 * MIB);
	d = dev_open(4);
	for (unsigned int q = VQ_IO + 1; q < d->nvqs; q++) {
		int id = dev_worker_new(d->fd);

		/* to QEMU that means one worker for all */
		if (id == -ENOTTY && module_is_peer())
			test_skip("the peer has no workers here");
		check(id > 0, "NEW_WORKER: %s", errno_name(id));
		expect(dev_worker_attach(d->fd, q, id), 0);
	}
	dev_rings(d, 16);
	expect(dev_ready(d, F_DEFAULT), 0);
	expect(dev_set_endpoint(d->fd, t.wwn), 0);
	for (unsigned int q = VQ_IO; q < d->nvqs; q++) {
		scsi_tur(d, q);
		scsi_write_pattern(d, q, q * 8, 4096, q);
		scsi_check_pattern(d, VQ_IO, q * 8, 4096, q);
	}
}

VRING_TEST(
	ioctl_in_use, "ioctl/keep-module-while-in-use",
	"find the module not removable while a device is open or a WWN exists")
{
	struct tgt t;
	int fd;

	fd = dev_open_fd();
	step("delete_module with an open device");
	check(syscall(SYS_delete_module, "vhost_scsi", O_NONBLOCK) &&
		      errno == EWOULDBLOCK,
	      "not refused: %s", strerror(errno));
	tgt_new(&t);
	close(fd);
	step("delete_module with a target");
	check(syscall(SYS_delete_module, "vhost_scsi", O_NONBLOCK) &&
		      errno == EWOULDBLOCK,
	      "not refused: %s", strerror(errno));
}

/* Sets max_io_vqs to @value and opens; there must be @want request queues. */
static void try_max_io_vqs(const char *value, unsigned int want)
{
	char got[32];
	int fd;

	step("max_io_vqs = %s", value);
	expect(file_write(value, PARAM), 0);
	expect(file_read(got, sizeof(got), PARAM), 0);
	check(strtoul(got, NULL, 10) == want, "wrote %s, reads %s", value, got);
	fd = open("/dev/vhost-scsi", O_RDWR | O_CLOEXEC);
	check(fd >= 0, "max_io_vqs = %s: open: %s", value, strerror(errno));
	expect(dev_ioctl(fd, VHOST_SET_OWNER, NULL), 0);
	expect(dev_vring_state(fd, VHOST_SET_VRING_NUM, want + 1, 128), 0);
	expect(dev_vring_state(fd, VHOST_SET_VRING_NUM, want + 2, 128),
	       -ENOBUFS);
	close(fd);
}

VRING_TEST(ioctl_max_vqs, "ioctl/use-every-advertised-queue",
	   "open devices with max_io_vqs from 1 to 1024 and see others clamped")
{
	char before[32];
	int status;
	pid_t pid;

	expect(file_read(before, sizeof(before), PARAM), 0);
	pid = test_fork();
	if (!pid) {
		try_max_io_vqs("1", 1);
		try_max_io_vqs("128", 128);
		try_max_io_vqs("219", 219);
		try_max_io_vqs("1024", 1024);
		try_max_io_vqs("0", 1);
		try_max_io_vqs("1025", 1024);
		try_max_io_vqs("2147483648", 1024);
		try_max_io_vqs("4294967295", 1024);
		_exit(0);
	}
	status = test_reap(pid);
	expect(file_write(before, PARAM), 0);
	check(!status, "see above");
}

VRING_TEST(ioctl_1024, "ioctl/do-io-on-queue-1024",
	   "do I/O on the last of 1024 request queues")
{
	char before[32];
	struct vdev *d;
	struct tgt t;
	int status;
	pid_t pid;

	expect(file_read(before, sizeof(before), PARAM), 0);
	pid = test_fork();
	if (!pid) {
		expect(file_write("1024", PARAM), 0);
		tgt_with_ramdisk(&t, 4 * MIB);
		d = dev_open(1024);
		ring_init(&d->vq[VQ_IO], 8);
		ring_init(&d->vq[VQ_IO + 1023], 8);
		expect(dev_ready(d, F_DEFAULT), 0);
		expect(dev_set_endpoint(d->fd, t.wwn), 0);
		scsi_tur(d, VQ_IO + 1023);
		scsi_write_pattern(d, VQ_IO + 1023, 0, 4096, 1);
		scsi_check_pattern(d, VQ_IO, 0, 4096, 1);
		_exit(0);
	}
	status = test_reap(pid);
	expect(file_write(before, PARAM), 0);
	check(!status, "see above");
}
