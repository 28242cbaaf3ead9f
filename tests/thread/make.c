// SPDX-License-Identifier: GPL-2.0
/*
 * Which threads a device has: one for each request queue that is set up and
 * one for the control and event queues, named after the owner, whatever QEMU
 * or the kernel knows of workers.
 *
 * The peer on 6.12 has one thread per device, so it fails
 * make-one-per-request-queue and make-more-for-more-queues, and has no
 * parameter shared_thread; it passes the others.
 */
#include <stdio.h>
#include "threads.h"

VRING_TEST(
	thr_per_queue, "thread/make-one-per-request-queue",
	"find a thread per request queue that is set up, and one for the rest")
{
	struct threads t;
	struct vdev *d;
	struct tgt tgt;

	shared_thread(false);
	tgt_with_ramdisk(&tgt, 1 * MIB);
	d = dev_open(4);
	dev_rings(d, 16);
	expect(dev_ready(d, F_DEFAULT), 0);
	step("before SET_ENDPOINT");
	threads_expect(&t, getpid(), 0);
	expect(dev_set_endpoint(d->fd, tgt.wwn), 0);
	step("after SET_ENDPOINT");
	threads_expect(&t, getpid(), 4);
	use_all_queues(d);
}

VRING_TEST(thr_more, "thread/make-more-for-more-queues",
	   "find more threads when the next driver sets up more queues")
{
	struct threads t;
	struct vdev *d;
	struct tgt tgt;

	shared_thread(false);
	tgt_with_ramdisk(&tgt, 1 * MIB);
	d = dev_open(3);
	step("a firmware that uses queue 2 only");
	ring_init(&d->vq[VQ_IO], 16);
	expect(dev_ready(d, F_VERSION_1), 0);
	expect(dev_set_endpoint(d->fd, tgt.wwn), 0);
	threads_expect(&t, getpid(), 1);
	scsi_tur(d, VQ_IO);
	expect(dev_clear_endpoint(d->fd, tgt.wwn), 0);
	step("a system that uses all");
	dev_rings(d, 16);
	expect(dev_ready(d, F_DEFAULT), 0);
	expect(dev_set_endpoint(d->fd, tgt.wwn), 0);
	threads_expect(&t, getpid(), 3);
	use_all_queues(d);
}

/* The parameter is global: put back whatever becomes of the child. */
VRING_TEST(thr_shared, "thread/make-one-if-asked-to",
	   "find one thread for all queues under shared_thread=1")
{
	struct threads t;
	struct tgt tgt;
	int status;
	pid_t pid;

	tgt_with_ramdisk(&tgt, 1 * MIB);
	shared_thread(true);
	pid = test_fork();
	if (!pid) {
		struct vdev *d = dev_up(tgt.wwn, 4, 16, F_DEFAULT);

		threads_expect(&t, getpid(), 0);
		use_all_queues(d);
		_exit(EXIT_PASS);
	}
	status = test_reap(pid);
	shared_thread(false);
	check(!status, "status %x", status);
}

VRING_TEST(thr_keep, "thread/keep-over-clear-and-set",
	   "find the same threads after CLEAR_ENDPOINT and SET_ENDPOINT")
{
	struct threads before, after;
	struct vdev *d;
	struct tgt tgt;

	shared_thread(false);
	tgt_with_ramdisk(&tgt, 1 * MIB);
	d = dev_up(tgt.wwn, 2, 16, F_DEFAULT);
	threads_find(&before, getpid());
	check(before.nr, "no threads at all");
	for (int i = 0; i < 5; i++) {
		step("round %d", i);
		expect(dev_clear_endpoint(d->fd, tgt.wwn), 0);
		threads_find(&after, getpid());
		check(after.nr == before.nr, "%u threads after CLEAR, were %u",
		      after.nr, before.nr);
		expect(dev_set_endpoint(d->fd, tgt.wwn), 0);
		use_all_queues(d);
		threads_find(&after, getpid());
		check(after.nr == before.nr, "%u threads after SET, were %u",
		      after.nr, before.nr);
		for (unsigned int n = 0; n < before.nr; n++)
			expect(threads_named(&after, "%s", before.name[n]),
			       before.tid[n]);
	}
}

static void expect_kind(bool forked)
{
	struct threads t;

	threads_find(&t, getpid());
	check(t.nr, "no threads at all");
	for (unsigned int i = 0; i < t.nr; i++) {
		pid_t tgid = task_tgid(t.tid[i]);

		check(task_is_kthread(t.tid[i]) == !forked, "%s is %sa kthread",
		      t.name[i], forked ? "" : "not ");
		check((tgid == getpid()) == forked, "%s is of process %d",
		      t.name[i], tgid);
	}
}

VRING_TEST(thr_tasks, "thread/be-tasks-of-the-owner",
	   "find the threads among the owner's tasks, or kthreads before 6.4")
{
	struct vdev *d;
	struct tgt tgt;

	tgt_with_ramdisk(&tgt, 1 * MIB);
	d = dev_up(tgt.wwn, 2, 16, F_DEFAULT);
	use_all_queues(d);
	expect_kind(kernel_forks_owner());
}

VRING_TEST(thr_fork_args, "thread/choose-kind-before-owner",
	   "choose tasks or kthreads before SET_OWNER, or be told ENOTTY")
{
	int fd = dev_open_fd();
	uint8_t v = 2;

	if (!kernel_forks_owner()) {
		expect(dev_ioctl(fd, VHOST_SET_FORK_FROM_OWNER, &v), -ENOTTY);
		expect(dev_ioctl(fd, VHOST_GET_FORK_FROM_OWNER, &v), -ENOTTY);
		expect(dev_ioctl(fd, VHOST_GET_FORK_FROM_OWNER, (void *)8),
		       -ENOTTY);
		return;
	}
	expect(dev_ioctl(fd, VHOST_SET_FORK_FROM_OWNER, &v), -EINVAL);
	expect(dev_ioctl(fd, VHOST_SET_FORK_FROM_OWNER, (void *)8), -EFAULT);
	expect(dev_ioctl(fd, VHOST_GET_FORK_FROM_OWNER, (void *)8), -EFAULT);
	expect(dev_ioctl(fd, VHOST_GET_FORK_FROM_OWNER, &v), 0);
	expect(v, 1);
	v = 0;
	expect(dev_ioctl(fd, VHOST_SET_FORK_FROM_OWNER, &v), 0);
	v = 9;
	expect(dev_ioctl(fd, VHOST_GET_FORK_FROM_OWNER, &v), 0);
	expect(v, 0);
	expect(dev_ioctl(fd, VHOST_SET_OWNER, NULL), 0);
	expect(dev_ioctl(fd, VHOST_GET_FORK_FROM_OWNER, &v), 0);
	expect(v, 0);
	expect(dev_ioctl(fd, VHOST_SET_FORK_FROM_OWNER, &v), -EBUSY);
	if (module_is_peer())
		return;
	step("after RESET_OWNER");
	expect(dev_ioctl(fd, VHOST_RESET_OWNER, NULL), 0);
	expect(dev_ioctl(fd, VHOST_GET_FORK_FROM_OWNER, &v), 0);
	expect(v, 1);
	expect(dev_ioctl(fd, VHOST_SET_OWNER, NULL), 0);
	expect_kind(true);
	expect(dev_ioctl(fd, VHOST_RESET_OWNER, NULL), 0);
	v = 0;
	expect(dev_ioctl(fd, VHOST_SET_FORK_FROM_OWNER, &v), 0);
	expect(dev_ioctl(fd, VHOST_SET_OWNER, NULL), 0);
	expect_kind(false);
}

VRING_TEST(thr_kthreads, "thread/be-kthreads-if-asked-to",
	   "find kthreads after VHOST_SET_FORK_FROM_OWNER with 0")
{
	uint8_t fork_owner = 0;
	int fd = dev_open_fd();
	struct vdev *d;
	struct tgt tgt;

	if (!kernel_forks_owner())
		test_skip("the kernel has no VHOST_SET_FORK_FROM_OWNER");
	tgt_with_ramdisk(&tgt, 1 * MIB);
	expect(dev_ioctl(fd, VHOST_SET_FORK_FROM_OWNER, &fork_owner), 0);
	d = dev_open_on(fd, 2);
	expect(dev_ioctl(fd, VHOST_SET_FORK_FROM_OWNER, &fork_owner), -EBUSY);
	dev_rings(d, 16);
	expect(dev_ready(d, F_DEFAULT), 0);
	expect(dev_set_endpoint(d->fd, tgt.wwn), 0);
	use_all_queues(d);
	expect_kind(false);
}
