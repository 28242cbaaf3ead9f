// SPDX-License-Identifier: GPL-2.0
/*
 * R19: the owner of a device dies by SIGKILL, with and without I/O, and with
 * the device still open in another process.
 *
 * The peer on 6.12: outlive-idle-owner and outlive-owner-during-io hang for
 * ever in the link of a LUN (A03); the others pass.
 */
#include <signal.h>
#include <sys/wait.h>
#include "vring.h"

/* Attaches, says so, and then keeps the queue full until it is killed. */
static pid_t owner(int fd, const struct tgt *t, int ready, bool io)
{
	struct req r[8];
	struct vdev *d;
	pid_t pid;

	pid = test_fork();
	if (pid)
		return pid;
	d = dev_open_on(fd, 1);
	dev_rings(d, 64);
	expect(dev_ready(d, F_DEFAULT | F_HOTPLUG), 0);
	expect(dev_set_endpoint(d->fd, t->wwn), 0);
	scsi_tur(d, VQ_IO);
	for (int i = 0; i < 8; i++)
		scsi_rw_prep(&r[i], d, VQ_IO, i & 1, i * 128,
			     gmem_alloc(&d->mem, 65536, 4096), 65536);
	efd_signal(ready);
	while (io) {
		for (int i = 0; i < 8; i++) {
			req_again(&r[i]);
			req_send(&r[i]);
		}
		for (int i = 0; i < 8; i++)
			req_wait(&r[i]);
	}
	for (;;)
		pause();
}

static void kill_owner(pid_t pid, int ready)
{
	check(efd_wait(ready, deadline_in(WAIT_MS)), "owner is not ready");
	efd_drain(ready);
	kill(pid, SIGKILL);
	step("wait for the killed owner");
	check(wait_until(test_gone(pid)), "process %d cannot be killed", pid);
}

static void expect_usable(const struct tgt *t)
{
	struct vdev *d = dev_open(1);

	dev_rings(d, 16);
	expect(dev_ready(d, F_DEFAULT), 0);
	step("attach again");
	check(wait_until(!dev_set_endpoint(d->fd, t->wwn)), "still busy");
	scsi_tur(d, VQ_IO);
	scsi_write_pattern(d, VQ_IO, 0, 4096, 7);
	scsi_check_pattern(d, VQ_IO, 0, 4096, 7);
	dev_close(d);
}

VRING_TEST(ep_kill_idle, "endpoint/kill-idle-owner",
	   "kill the owner of a device without I/O and use its WWN again")
{
	int ready = efd_new();
	struct tgt t;

	tgt_with_ramdisk(&t, 4 * MIB);
	for (int i = 0; i < 5; i++) {
		int fd = dev_open_fd();
		pid_t pid = owner(fd, &t, ready, false);

		close(fd);
		kill_owner(pid, ready);
		expect_usable(&t);
	}
}

VRING_TEST_LIMIT(ep_kill_busy, "endpoint/kill-owner-during-io",
		 "kill the owner of a busy device and use its WWN again", 120)
{
	int ready = efd_new();
	struct tgt t;

	tgt_with_ramdisk(&t, 4 * MIB);
	for (int i = 0; i < 10; i++) {
		int fd = dev_open_fd();
		pid_t pid = owner(fd, &t, ready, true);

		close(fd);
		kill_owner(pid, ready);
		expect_usable(&t);
	}
}

/*
 * F24, A03: the threads of the device have died with the owner, but the device
 * and its endpoint live on.
 */
static void inherit(bool io)
{
	int ready = efd_new(), fd = dev_open_fd();
	struct tgt t;
	struct bs b;
	pid_t pid;

	bs_ramdisk(&b, 1 * MIB);
	tgt_with_ramdisk(&t, 4 * MIB);
	pid = owner(fd, &t, ready, io);
	kill_owner(pid, ready);
	step("change LUNs of the orphaned endpoint");
	expect(lun_link(&t, 1, 1, &b), 0);
	expect(lun_unlink(&t, 1, 1), 0);
	expect(tpg_rmdir(&t, 1), -EBUSY);
	step("clear the orphaned endpoint");
	expect(dev_clear_endpoint(fd, t.wwn), 0);
	expect_usable(&t);
	step("close the orphaned device");
	close(fd);
	expect_usable(&t);
}

VRING_TEST(
	ep_inherit_idle, "endpoint/outlive-idle-owner",
	"kill the owner while the device stays open, then clear the endpoint")
{
	inherit(false);
}

VRING_TEST(ep_inherit_busy, "endpoint/outlive-owner-during-io",
	   "kill the owner under I/O while the device stays open, then clear")
{
	inherit(true);
}

VRING_TEST(ep_inherit_close, "endpoint/close-orphaned-device",
	   "kill the owner under I/O and close the device without a clear")
{
	int ready = efd_new(), fd = dev_open_fd();
	struct tgt t;
	pid_t pid;

	tgt_with_ramdisk(&t, 4 * MIB);
	pid = owner(fd, &t, ready, true);
	kill_owner(pid, ready);
	step("close the orphaned device");
	close(fd);
	expect_usable(&t);
}
