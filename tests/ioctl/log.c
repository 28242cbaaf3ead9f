// SPDX-License-Identifier: GPL-2.0
/*
 * LOG_FD: signalled when something was written to the dirty log, and only then.
 *
 * The peer on 6.12 passes signal-log-fd and change-log-fd-under-io; it fails
 * signal-log-fd-for-data, since it logs nothing but used rings. The second was
 * seen to fail on a build that kept the first eventfd.
 */
#include <pthread.h>
#include <sys/mman.h>
#include "vring.h"

#define LOG_BYTES ((HIGH_GPA + HIGH_SIZE) / 4096 / 8)

static struct vdev *up(void)
{
	struct vdev *d;
	struct tgt t;

	tgt_with_ramdisk(&t, 4 * MIB);
	d = dev_up(t.wwn, 1, 16, F_DEFAULT);
	scsi_tur(d, VQ_IO);
	return d;
}

/* Switches logging on, that of the request queue's used ring if @used. */
static void start_log(struct vdev *d, bool used)
{
	uint64_t base = (uintptr_t)mmap(NULL, LOG_BYTES, PROT_READ | PROT_WRITE,
					MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct vq *vq = &d->vq[VQ_IO];
	struct vhost_vring_addr a = {
		.index = VQ_IO,
		.flags = used ? 1 << VHOST_VRING_F_LOG : 0,
		.desc_user_addr = (uintptr_t)vq->desc,
		.avail_user_addr = (uintptr_t)vq->avail,
		.used_user_addr = (uintptr_t)vq->used,
		.log_guest_addr =
			vq->gpa + ((uint8_t *)vq->used - (uint8_t *)vq->desc),
	};

	check(base != (uintptr_t)MAP_FAILED, "mmap: %s", strerror(errno));
	expect(dev_ioctl(d->fd, VHOST_SET_LOG_BASE, &base), 0);
	expect(dev_features(d->fd, d->features | F_LOG_ALL), 0);
	expect(dev_ioctl(d->fd, VHOST_SET_VRING_ADDR, &a), 0);
}

static void expect_signals(struct vdev *d, int log)
{
	for (int i = 0; i < 5; i++) {
		efd_drain(log);
		scsi_tur(d, VQ_IO);
		check(efd_wait(log, deadline_in(WAIT_MS)),
		      "the log was written without a signal");
	}
}

static void expect_no_signal(struct vdev *d, int log)
{
	efd_drain(log);
	for (int i = 0; i < 5; i++)
		scsi_tur(d, VQ_IO);
	expect(efd_drain(log), 0);
}

VRING_TEST(ioctl_log_fd, "ioctl/signal-log-fd",
	   "see LOG_FD signalled when a used ring was logged, and only then")
{
	int log = efd_new(), other = efd_new(), none = -1;
	struct vdev *d = up();

	expect(dev_ioctl(d->fd, VHOST_SET_LOG_FD, &log), 0);
	step("logging is off");
	expect_no_signal(d, log);
	step("logging is on");
	start_log(d, true);
	expect_signals(d, log);
	step("another eventfd");
	expect(dev_ioctl(d->fd, VHOST_SET_LOG_FD, &other), 0);
	expect_signals(d, other);
	expect_no_signal(d, log);
	step("none");
	expect(dev_ioctl(d->fd, VHOST_SET_LOG_FD, &none), 0);
	expect_no_signal(d, other);
}

VRING_TEST(ioctl_log_fd_data, "ioctl/signal-log-fd-for-data",
	   "see LOG_FD signalled when a response was logged, and only then")
{
	int log = efd_new();
	struct vdev *d = up();

	expect(dev_ioctl(d->fd, VHOST_SET_LOG_FD, &log), 0);
	start_log(d, false);
	expect_signals(d, log);
	step("logging is off again");
	expect(dev_features(d->fd, d->features), 0);
	expect_no_signal(d, log);
}

struct worker {
	struct vdev *d;
	bool stop;
};

static void *do_io(void *arg)
{
	struct worker *w = arg;

	while (!__atomic_load_n(&w->stop, __ATOMIC_RELAXED)) {
		uint64_t mark = w->d->mem.used;

		scsi_tur(w->d, VQ_IO);
		w->d->mem.used = mark;
	}
	return NULL;
}

/* R21 */
VRING_TEST_LIMIT(
	ioctl_log_fd_io, "ioctl/change-log-fd-under-io",
	"replace LOG_FD under I/O and see none signalled that was taken away",
	120)
{
	struct worker w = { .d = up() };
	int fd[2] = { efd_new(), efd_new() }, none = -1;
	pthread_t thread;

	start_log(w.d, true);
	check(!pthread_create(&thread, NULL, do_io, &w), "no thread");
	for (int i = 0; i < 200; i++) {
		int *mine = &fd[i & 1], *old = &fd[!(i & 1)];

		step("round %d", i);
		expect(dev_ioctl(w.d->fd, VHOST_SET_LOG_FD,
				 i % 7 ? mine : &none),
		       0);
		efd_drain(*old);
		if (i % 7 == 0)
			efd_drain(*mine);
		else
			check(efd_wait(*mine, deadline_in(WAIT_MS)),
			      "the log was written without a signal");
		check(!efd_drain(*old), "the old eventfd is signalled");
		if (i % 5)
			continue;
		close(*old);
		*old = efd_new();
	}
	__atomic_store_n(&w.stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
}
