// SPDX-License-Identifier: GPL-2.0
/*
 * When threads end: with the device, and those that are tasks of the owner with
 * the owner (R19). What they leave behind can be cleared, closed, and used
 * again; the owner's memory lasts as long as a thread may need it.
 *
 * The peer on 6.12 passes, but in end-with-a-killed-owner and in
 * free-the-wwn-of-a-killed-owner the LUN link hangs for ever, with locks of
 * configfs held (A03).
 */
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include "threads.h"

VRING_TEST(thr_close, "thread/end-with-close",
	   "find no thread of a device after close(), attached or not")
{
	struct vdev *d;
	struct tgt tgt;

	tgt_with_ramdisk(&tgt, 1 * MIB);
	step("attached");
	d = dev_up(tgt.wwn, 3, 16, F_DEFAULT);
	use_all_queues(d);
	check(threads_count(getpid()), "no threads at all");
	dev_close(d);
	check(wait_until(!threads_count(getpid())), "threads outlive close()");
	step("cleared");
	d = dev_up(tgt.wwn, 3, 16, F_DEFAULT);
	expect(dev_clear_endpoint(d->fd, tgt.wwn), 0);
	check(threads_count(getpid()), "no threads at all");
	dev_close(d);
	check(wait_until(!threads_count(getpid())), "threads outlive close()");
	step("owned only");
	d = dev_open(1);
	check(threads_count(getpid()), "no threads at all");
	dev_close(d);
	check(wait_until(!threads_count(getpid())), "threads outlive close()");
}

/* Owns @fd and attaches it to @tgt, tells by @ready, and stays. */
static pid_t owner(int fd, const struct tgt *tgt, int ready)
{
	struct vdev *d;
	pid_t pid;

	pid = test_fork();
	if (pid)
		return pid;
	d = dev_open_on(fd, 3);
	dev_rings(d, 16);
	expect(dev_ready(d, F_DEFAULT | F_HOTPLUG), 0);
	expect(dev_set_endpoint(d->fd, tgt->wwn), 0);
	use_all_queues(d);
	efd_signal(ready);
	for (;;)
		pause();
}

static void expect_wwn_is_free(const struct tgt *tgt)
{
	struct vdev *d = dev_up(tgt->wwn, 1, 16, F_DEFAULT);

	scsi_tur(d, VQ_IO);
	dev_close(d);
}

static void kill_and_reap(pid_t pid)
{
	kill(pid, SIGKILL);
	step("wait for the killed owner");
	check(wait_until(test_gone(pid)), "process %d cannot be killed", pid);
}

/* Add and remove a LUN, which sends events to the orphaned device. */
static void change_luns(const struct tgt *tgt, const struct bs *b)
{
	step("LUNs of the orphaned endpoint");
	for (unsigned int lun = 1; lun < 4; lun++) {
		expect(lun_link(tgt, 1, lun, b), 0);
		expect(lun_unlink(tgt, 1, lun), 0);
	}
}

VRING_TEST(thr_kill, "thread/end-with-a-killed-owner",
	   "kill the owner while another process holds the device, and go on")
{
	bool forked = kernel_forks_owner();
	int ready = efd_new(), fd = dev_open_fd();
	struct tgt tgt;
	struct bs b;
	pid_t pid;

	bs_ramdisk(&b, 1 * MIB);
	tgt_with_ramdisk(&tgt, 1 * MIB);
	pid = owner(fd, &tgt, ready);
	check(efd_wait(ready, deadline_in(WAIT_MS)), "owner is not ready");
	check(threads_count(pid), "no threads at all");
	kill_and_reap(pid);
	if (forked)
		check(wait_until(!threads_count(pid)),
		      "threads outlive the owner");
	change_luns(&tgt, &b);
	step("clear");
	expect(dev_clear_endpoint(fd, tgt.wwn), 0);
	expect_wwn_is_free(&tgt);
	if (forked && !module_is_peer())
		expect(dev_set_endpoint(fd, tgt.wwn), -EOWNERDEAD);
	step("close");
	close(fd);
	check(wait_until(!threads_count(pid)), "threads outlive the device");
	expect_wwn_is_free(&tgt);
}

VRING_TEST(thr_kill_close, "thread/free-the-wwn-of-a-killed-owner",
	   "kill the owner and close its device elsewhere, without a clear")
{
	int ready = efd_new();
	struct tgt tgt;
	struct bs b;

	bs_ramdisk(&b, 1 * MIB);
	tgt_with_ramdisk(&tgt, 1 * MIB);
	for (int i = 0; i < 3; i++) {
		int fd = dev_open_fd();
		pid_t pid = owner(fd, &tgt, ready);

		check(efd_wait(ready, deadline_in(WAIT_MS)),
		      "owner is not ready");
		efd_drain(ready);
		kill_and_reap(pid);
		change_luns(&tgt, &b);
		step("close");
		close(fd);
		check(wait_until(!threads_count(pid)),
		      "threads outlive the device");
		expect_wwn_is_free(&tgt);
	}
}

/* Guest memory that a forked process sees the device write to. */
static void share_memory(struct gmem *m)
{
	for (unsigned int i = 0; i < m->nr; i++)
		check(mmap(m->region[i].hva, m->region[i].size,
			   PROT_READ | PROT_WRITE,
			   MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1,
			   0) != MAP_FAILED,
		      "mmap: %s", strerror(errno));
}

/* In the owner: leave the device to a child, once that is there, and exit. */
static void leave_to_child(int fd, const struct tgt *tgt, int done)
{
	struct vdev *d = dev_open_on(fd, 2);
	pid_t me = getpid();

	share_memory(&d->mem);
	dev_rings(d, 16);
	expect(dev_ready(d, F_DEFAULT), 0);
	expect(dev_set_endpoint(d->fd, tgt->wwn), 0);
	use_all_queues(d);
	if (test_fork())
		_exit(EXIT_PASS);
	step("wait for the owner's exit");
	check(wait_until(getppid() != me), "the owner is still there");
	step("I/O of the owner's child");
	for (int i = 0; i < 10; i++) {
		scsi_write_pattern(d, VQ_IO, i * 128, 65536, i);
		scsi_check_pattern(d, VQ_IO + 1, i * 128, 65536, i);
	}
	efd_signal(done);
	_exit(EXIT_PASS);
}

VRING_TEST(thr_mm, "thread/serve-after-owner-exited",
	   "do I/O in the memory of an owner that has exited, with kthreads")
{
	int done = efd_new(), fd = dev_open_fd();
	uint8_t fork_owner = 0;
	struct tgt tgt;
	pid_t pid;

	if (kernel_forks_owner())
		expect(dev_ioctl(fd, VHOST_SET_FORK_FROM_OWNER, &fork_owner),
		       0);
	tgt_with_ramdisk(&tgt, 4 * MIB);
	pid = test_fork();
	if (!pid)
		leave_to_child(fd, &tgt, done);
	expect(test_reap(pid), 0);
	check(efd_wait(done, deadline_in(WAIT_MS)),
	      "no I/O after the owner's exit");
	close(fd);
	check(wait_until(!threads_count(pid)), "threads outlive the device");
}

/* R22 for threads: what was kicked before the kick was set is served at once. */
VRING_TEST(thr_kick, "thread/serve-kick-that-was-set-signalled",
	   "replace the kick by one that is signalled already, 200 times")
{
	uint8_t cdb[CDB_LEN];
	struct vdev *d;
	struct tgt tgt;
	struct vq *vq;
	struct req r;

	tgt_with_ramdisk(&tgt, 1 * MIB);
	d = dev_up(tgt.wwn, 1, 16, F_DEFAULT);
	vq = &d->vq[VQ_IO];
	scsi_tur(d, VQ_IO);
	cdb_tur(cdb);
	req_init(&r, d, VQ_IO);
	req_cmd(&r, 1, 0, cdb);
	for (int i = 0; i < 200; i++) {
		int kick = efd_new();

		step("round %d", i);
		efd_signal(kick);
		req_again(&r);
		req_queue(&r);
		ring_publish(vq);
		expect(dev_vring_file(d->fd, VHOST_SET_VRING_KICK, VQ_IO, kick),
		       0);
		close(vq->kick);
		vq->kick = kick;
		req_wait(&r);
		req_good(&r);
	}
}
