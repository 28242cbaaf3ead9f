// SPDX-License-Identifier: GPL-2.0
/*
 * Ioctls of vhost.h that other devices have, or this one has not: refused by
 * their number, whatever their argument is and whoever asks.
 *
 * The peer fails: it takes the argument for a pointer to a queue's number, so
 * it answers EFAULT and ENOBUFS, and EPERM to others than the owner.
 */
#include "vring.h"

#define NUMBER(nr) _IOC(_IOC_READ | _IOC_WRITE, VHOST_VIRTIO, nr, 8)

static const unsigned long not_ours[] = {
	VHOST_SET_VRING_ENDIAN,
	VHOST_GET_VRING_ENDIAN,
	VHOST_SET_BACKEND_FEATURES,
	VHOST_GET_BACKEND_FEATURES,
	VHOST_NET_SET_BACKEND,
	VHOST_VSOCK_SET_GUEST_CID,
	VHOST_VSOCK_SET_RUNNING,
	VHOST_VDPA_GET_DEVICE_ID,
	VHOST_VDPA_GET_STATUS,
	VHOST_VDPA_SET_STATUS,
	VHOST_VDPA_GET_CONFIG,
	VHOST_VDPA_SET_CONFIG,
	VHOST_VDPA_SET_VRING_ENABLE,
	VHOST_VDPA_GET_VRING_NUM,
	VHOST_VDPA_SET_CONFIG_CALL,
	VHOST_VDPA_GET_IOVA_RANGE,
	VHOST_VDPA_GET_CONFIG_SIZE,
	VHOST_VDPA_GET_VQS_COUNT,
	VHOST_VDPA_GET_GROUP_NUM,
	VHOST_VDPA_GET_AS_NUM,
	VHOST_VDPA_GET_VRING_GROUP,
	VHOST_VDPA_SET_GROUP_ASID,
	_IO(VHOST_VIRTIO, 0x7d),	  /* VHOST_VDPA_SUSPEND */
	_IO(VHOST_VIRTIO, 0x7e),	  /* VHOST_VDPA_RESUME */
	_IOWR(VHOST_VIRTIO, 0x7f, __u64), /* .._GET_VRING_DESC_GROUP */
	_IOWR(VHOST_VIRTIO, 0x82, __u64), /* .._GET_VRING_SIZE */
	_IOR(VHOST_VIRTIO, 0x83, __u64),  /* VHOST_GET_FEATURES_ARRAY */
	_IOW(VHOST_VIRTIO, 0x83, __u64),  /* VHOST_SET_FEATURES_ARRAY */
	/* ours, with another size or direction */
	_IO(VHOST_VIRTIO, 0x03),
	NUMBER(0x08),
	NUMBER(0x40),
	_IO(0xae, 0x01),
};

static void expect_none(int fd)
{
	uint32_t zero[128] = { 0 }, large[128] = { 5000, 5000 };
	void *args[] = { zero, large, NULL, (void *)8, (void *)-4096 };

	for (size_t i = 0; i < ARRAY_SIZE(not_ours); i++) {
		for (size_t k = 0; k < ARRAY_SIZE(args); k++) {
			int got = dev_ioctl(fd, not_ours[i], args[k]);

			check(got == -ENOTTY,
			      "ioctl %#lx, argument %zu: got %s, want ENOTTY",
			      not_ours[i], k, errno_name(got));
		}
	}
}

VRING_TEST(ioctl_not_ours, "ioctl/refuse-ioctls-of-other-devices",
	   "be told ENOTTY for what other devices have, whatever the argument")
{
	int fd = dev_open_fd();
	pid_t pid;

	step("no owner");
	expect_none(fd);
	expect(dev_ioctl(fd, VHOST_SET_OWNER, NULL), 0);
	step("owner");
	expect_none(fd);
	step("another process");
	pid = test_fork();
	if (!pid) {
		expect_none(fd);
		_exit(EXIT_PASS);
	}
	expect(test_reap(pid), 0);
}
