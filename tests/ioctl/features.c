// SPDX-License-Identifier: GPL-2.0
/*
 * Feature bits.
 *
 * The peer on 6.12 passes but for freeze-features-while-attached and
 * refuse-feature-changes-under-io (R23): it takes any change at any time, and
 * answers a READ with BAD_TARGET.
 */
#include <pthread.h>
#include "vring.h"

VRING_TEST(ioctl_features, "ioctl/offer-ring-features",
	   "be offered the ring features, and none without its semantics")
{
	const uint64_t must = F_NOTIFY_ON_EMPTY | F_LOG_ALL | F_ANY_LAYOUT |
			      F_INDIRECT | F_EVENT_IDX | F_VERSION_1;
	const uint64_t may = must | F_HOTPLUG | F_T10_PI | 1ull << 2;
	int fd = dev_open_fd();
	uint64_t f = 0;

	expect(dev_ioctl(fd, VHOST_GET_FEATURES, &f), 0);
	check((f & must) == must, "missing features %#llx of %#llx",
	      (unsigned long long)(must & ~f), (unsigned long long)f);
	check(!(f & ~may), "unexpected features %#llx",
	      (unsigned long long)(f & ~may));
	expect(dev_ioctl(fd, VHOST_GET_FEATURES, (void *)8), -EFAULT);
	expect(dev_ioctl(fd, VHOST_SET_FEATURES, (void *)8), -EFAULT);
	expect(dev_features(fd, f & ~F_LOG_ALL), 0);
	expect(dev_features(fd, 0), 0);
}

VRING_TEST(ioctl_unknown_features, "ioctl/refuse-unknown-features",
	   "be refused each feature that was not offered")
{
	int fd = dev_open_fd();
	uint64_t f = 0;

	expect(dev_ioctl(fd, VHOST_GET_FEATURES, &f), 0);
	for (unsigned int bit = 0; bit < 64; bit++) {
		uint64_t one = 1ull << bit;

		if (f & one)
			continue;
		step("bit %u", bit);
		expect(dev_features(fd, F_DEFAULT | one), -EOPNOTSUPP);
	}
}

VRING_TEST(ioctl_log_all, "ioctl/check-log-base-when-logging",
	   "enable logging without a base, and be refused with a bad one")
{
	uint64_t bad = 0xffff800000000000ull, good;
	struct vdev *d;
	struct tgt t;

	tgt_new(&t);
	d = dev_open(1);
	dev_rings(d, 16);
	expect(dev_features(d->fd, F_DEFAULT | F_LOG_ALL), 0);
	expect(dev_ready(d, F_DEFAULT), 0);
	expect(dev_ioctl(d->fd, VHOST_SET_LOG_BASE, &bad), 0);
	expect(dev_set_endpoint(d->fd, t.wwn), 0);
	expect(dev_features(d->fd, F_DEFAULT | F_LOG_ALL), -EFAULT);
	good = (uintptr_t)gmem_ptr(&d->mem, HIGH_GPA, 1);
	expect(dev_ioctl(d->fd, VHOST_SET_LOG_BASE, &good), 0);
	expect(dev_features(d->fd, F_DEFAULT | F_LOG_ALL), 0);
	expect(dev_ioctl(d->fd, VHOST_SET_LOG_BASE, &bad), -EFAULT);
	expect(dev_ioctl(d->fd, VHOST_SET_LOG_BASE, (void *)8), -EFAULT);
	expect(dev_features(d->fd, F_DEFAULT), 0);
}

VRING_TEST(ioctl_freeze, "ioctl/freeze-features-while-attached",
	   "be refused a feature change under an endpoint, LOG_ALL excepted")
{
	struct vdev *d;
	struct tgt t;

	tgt_with_ramdisk(&t, 4 * MIB);
	d = dev_up(t.wwn, 1, 16, F_DEFAULT);
	expect(dev_features(d->fd, F_DEFAULT), 0);
	expect(dev_features(d->fd, F_DEFAULT | F_LOG_ALL), 0);
	expect(dev_features(d->fd, F_DEFAULT), 0);
	expect(dev_features(d->fd, F_DEFAULT & ~F_EVENT_IDX), -EBUSY);
	expect(dev_features(d->fd, F_DEFAULT & ~F_INDIRECT), -EBUSY);
	expect(dev_features(d->fd, F_DEFAULT | F_ANY_LAYOUT), -EBUSY);
	expect(dev_features(d->fd, 0), -EBUSY);
	step("I/O with the features as they were");
	scsi_tur(d, VQ_IO);
	expect(dev_clear_endpoint(d->fd, t.wwn), 0);
	expect(dev_features(d->fd, F_VERSION_1), 0);
}

struct toggler {
	struct vdev *d;
	bool stop;
	unsigned int rounds;
};

static void *toggle(void *arg)
{
	static const uint64_t change[] = { F_T10_PI, F_EVENT_IDX, F_INDIRECT,
					   F_VERSION_1, F_HOTPLUG };
	struct toggler *g = arg;

	while (!__atomic_load_n(&g->stop, __ATOMIC_RELAXED)) {
		for (size_t i = 0; i < ARRAY_SIZE(change); i++)
			expect(dev_features(g->d->fd, F_DEFAULT ^ change[i]),
			       -EBUSY);
		expect(dev_features(g->d->fd, F_DEFAULT), 0);
		__atomic_add_fetch(&g->rounds, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

/*
 * R23, A21: the size of a header, among others, depends on the features, and
 * requests are being read while they are set.
 */
VRING_TEST_LIMIT(ioctl_freeze_io, "ioctl/refuse-feature-changes-under-io",
		 "be refused changes of T10_PI and others while I/O runs", 120)
{
	struct toggler g = { .stop = false };
	uint64_t offered = 0;
	pthread_t thread;
	struct tgt t;

	tgt_with_ramdisk(&t, 4 * MIB);
	g.d = dev_up(t.wwn, 1, 64, F_DEFAULT);
	expect(dev_ioctl(g.d->fd, VHOST_GET_FEATURES, &offered), 0);
	check(offered & F_T10_PI, "T10_PI is not offered");
	scsi_tur(g.d, VQ_IO);
	check(!pthread_create(&thread, NULL, toggle, &g), "no thread");
	for (int i = 0; i < 200; i++) {
		step("round %d", i);
		scsi_write_pattern(g.d, VQ_IO, i, 16384, i);
		scsi_check_pattern(g.d, VQ_IO, i, 16384, i);
	}
	check(wait_until(__atomic_load_n(&g.rounds, __ATOMIC_RELAXED) > 10),
	      "no feature was set");
	__atomic_store_n(&g.stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
}
