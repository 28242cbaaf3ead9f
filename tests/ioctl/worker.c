// SPDX-License-Identifier: GPL-2.0
/*
 * The ioctls about workers: arguments, numbers, who may, and after the owner
 * was killed (R25). tests/thread/worker.c has them under I/O.
 *
 * The peer on 6.12 passes; on 6.1 it has none of these ioctls.
 */
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include "../thread/threads.h"

#define BAD_PTR ((void *)8)

static const unsigned long worker_ioctls[] = {
	VHOST_NEW_WORKER,
	VHOST_FREE_WORKER,
	VHOST_ATTACH_VRING_WORKER,
	VHOST_GET_VRING_WORKER,
};

static int owned(void)
{
	int fd = dev_open_fd();

	expect(dev_ioctl(fd, VHOST_SET_OWNER, NULL), 0);
	return fd;
}

static void expect_all(int fd, int want)
{
	for (size_t i = 0; i < ARRAY_SIZE(worker_ioctls); i++) {
		struct vhost_vring_worker w = { .index = 2 };
		int got = dev_ioctl(fd, worker_ioctls[i], &w);

		check(got == want, "ioctl %#lx: got %s, want %s",
		      worker_ioctls[i], errno_name(got), errno_name(want));
	}
}

VRING_TEST(ioctl_worker_who, "ioctl/leave-workers-to-the-owner",
	   "be refused workers without an owner and as another process")
{
	int fd = dev_open_fd();
	pid_t pid;

	step("no owner");
	expect_all(fd, -EINVAL);
	expect(dev_ioctl(fd, VHOST_SET_OWNER, NULL), 0);
	step("another process");
	pid = test_fork();
	if (!pid) {
		expect_all(fd, -EPERM);
		_exit(EXIT_PASS);
	}
	expect(test_reap(pid), 0);
}

VRING_TEST(ioctl_worker_args, "ioctl/check-worker-arguments",
	   "be refused pointers, queues and workers that there are not")
{
	int fd = owned();

	for (size_t i = 0; i < ARRAY_SIZE(worker_ioctls); i++) {
		step("ioctl %#lx", worker_ioctls[i]);
		expect(dev_ioctl(fd, worker_ioctls[i], BAD_PTR), -EFAULT);
	}
	step("queues");
	expect(dev_worker_attach(fd, 5000, 0), -ENOBUFS);
	expect(dev_worker_attach(fd, ~0u, 0), -ENOBUFS);
	expect(dev_worker_of(fd, 5000), -ENOBUFS);
	step("workers");
	expect(dev_worker_attach(fd, 2, 5000), -ENODEV);
	expect(dev_worker_attach(fd, 2, ~0u), -ENODEV);
	expect(dev_worker_free(fd, 5000), -ENODEV);
	expect(dev_worker_free(fd, ~0u), -ENODEV);
	expect(dev_worker_of(fd, 2), 0);
}

VRING_TEST(ioctl_worker_ids, "ioctl/number-workers",
	   "make, attach and free workers and be told their numbers")
{
	int fd = owned();

	for (unsigned int q = 0; q < 4; q++)
		expect(dev_worker_of(fd, q), 0);
	for (int id = 1; id < 4; id++) {
		expect(dev_worker_attach(fd, 2, id), -ENODEV);
		expect(dev_worker_new(fd), id);
	}
	step("attach");
	expect(dev_worker_attach(fd, 2, 2), 0);
	expect(dev_worker_of(fd, 2), 2);
	expect(dev_worker_attach(fd, 2, 2), 0);
	expect(dev_worker_of(fd, 2), 2);
	expect(dev_worker_attach(fd, 0, 2), 0);
	expect(dev_worker_of(fd, 0), 2);
	expect(dev_worker_of(fd, 1), 0);
	step("free");
	expect(dev_worker_free(fd, 2), -EBUSY);
	expect(dev_worker_attach(fd, 2, 3), 0);
	expect(dev_worker_free(fd, 2), -EBUSY);
	expect(dev_worker_attach(fd, 0, 0), 0);
	expect(dev_worker_of(fd, 0), 0);
	expect(dev_worker_free(fd, 2), 0);
	expect(dev_worker_free(fd, 2), -ENODEV);
	expect(dev_worker_attach(fd, 2, 2), -ENODEV);
	expect(dev_worker_of(fd, 2), 3);
	expect(dev_worker_free(fd, 0), -EBUSY);
	step("the number that was freed");
	expect(dev_worker_new(fd), 2);
	expect(dev_worker_new(fd), 4);
}

/*
 * The vhost core of 6.12 makes no workers for who asked for kthreads, since
 * those do not count against the owner's RLIMIT_NPROC.
 */
VRING_TEST(ioctl_worker_kthread, "ioctl/refuse-workers-with-kthreads",
	   "be refused a new worker after FORK_FROM_OWNER with 0")
{
	uint8_t fork_owner = 0;
	int fd = dev_open_fd();

	if (!kernel_forks_owner())
		test_skip("the kernel has no VHOST_SET_FORK_FROM_OWNER");
	expect(dev_ioctl(fd, VHOST_SET_FORK_FROM_OWNER, &fork_owner), 0);
	expect(dev_ioctl(fd, VHOST_SET_OWNER, NULL), 0);
	expect(dev_worker_new(fd), -EFAULT);
	expect(dev_worker_of(fd, 2), 0);
	expect(dev_worker_attach(fd, 2, 0), 0);
}

VRING_TEST(ioctl_worker_bound, "ioctl/make-no-more-workers-than-queues",
	   "be refused more kthreads than there are queues, and go on")
{
	int fd, max, last = 0, got;
	char text[32];

	if (kernel_forks_owner())
		test_skip("RLIMIT_NPROC holds back tasks of the owner");
	expect(file_read(text, sizeof(text),
			 "/sys/module/vhost_scsi/parameters/max_io_vqs"),
	       0);
	max = atoi(text) + VQ_IO;
	fd = owned();
	while ((got = dev_worker_new(fd)) > 0)
		last = got;
	expect(got, -EAGAIN);
	check(last == max, "%d workers of %d queues", last, max);
	expect(dev_worker_free(fd, 7), 0);
	expect(dev_worker_new(fd), 7);
	expect(dev_worker_new(fd), -EAGAIN);
}

/* What the owner and the process that outlives it in its memory share. */
struct killed {
	int fd;
	pid_t owner;
	pid_t survivor;
};

/* Not of the owner's thread group, so not killed with it; the same memory. */
static int survive(void *arg)
{
	struct killed *k = arg;
	int fd = k->fd;

	step("wait for the threads to be killed");
	check(wait_until(!threads_count(k->owner)),
	      "threads outlive the owner");
	step("workers that were killed");
	expect(dev_worker_of(fd, 2), -EINVAL);
	expect(dev_worker_of(fd, 3), -EINVAL);
	expect(dev_worker_attach(fd, 2, 2), 0);
	expect(dev_worker_attach(fd, 3, 0), 0);
	expect(dev_worker_of(fd, 2), -EINVAL);
	expect(dev_worker_free(fd, 1), -EBUSY);
	expect(dev_worker_free(fd, 2), -EBUSY);
	step("a worker of the survivor's");
	expect(dev_worker_new(fd), 3);
	expect(dev_worker_attach(fd, 2, 3), 0);
	expect(dev_worker_of(fd, 2), 3);
	expect(dev_worker_free(fd, 1), -EBUSY);
	expect(dev_worker_free(fd, 3), -EBUSY);
	_exit(EXIT_PASS);
}

static void be_killed(struct killed *k, int ready)
{
	static char stack[256 * KIB] __attribute__((aligned(16)));

	k->owner = getpid();
	expect(dev_ioctl(k->fd, VHOST_SET_OWNER, NULL), 0);
	expect(dev_worker_new(k->fd), 1);
	expect(dev_worker_new(k->fd), 2);
	expect(dev_worker_attach(k->fd, 2, 1), 0);
	k->survivor = clone(survive, stack + sizeof(stack),
			    CLONE_VM | CLONE_PARENT | SIGCHLD, k);
	check(k->survivor > 0, "clone: %s", strerror(errno));
	efd_signal(ready);
	for (;;)
		pause();
}

VRING_TEST(ioctl_worker_killed, "ioctl/ignore-killed-workers",
	   "attach, free and look at workers that were killed with the owner")
{
	int ready = efd_new();
	struct killed *k;
	pid_t pid;

	if (!kernel_forks_owner())
		test_skip("threads are kthreads, which are not killed");
	k = mmap(NULL, sizeof(*k), PROT_READ | PROT_WRITE,
		 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	check(k != MAP_FAILED, "mmap: %s", strerror(errno));
	k->fd = dev_open_fd();
	pid = test_fork();
	if (!pid)
		be_killed(k, ready);
	check(efd_wait(ready, deadline_in(WAIT_MS)), "owner is not ready");
	kill(pid, SIGKILL);
	check(wait_until(test_gone(pid)), "process %d cannot be killed", pid);
	expect(test_reap(k->survivor), 0);
	step("close");
	close(k->fd);
	check(wait_until(!threads_count(pid)), "threads outlive the device");
}
