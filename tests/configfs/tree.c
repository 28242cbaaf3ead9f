// SPDX-License-Identifier: GPL-2.0
/*
 * The tree changes while devices come, go and do I/O: from other processes, as
 * an administrator does it.
 *
 * The peer on 6.12 passes; with lockdep, change-while-endpoints-cycle shows the
 * inversion of A31 in it.
 */
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include "vring.h"

#define ROUNDS 150

/* Links and unlinks LUNs until the parent ends it. */
static pid_t lun_changer(const struct tgt *t, const struct bs *b)
{
	pid_t pid = test_fork();

	if (pid)
		return pid;
	for (unsigned int i = 0;; i++) {
		expect(lun_link(t, 1, 1 + i % 3, b), 0);
		expect(lun_unlink(t, 1, 1 + i % 3), 0);
	}
}

/* Makes and removes a TPG of the same target; in use, it is refused. */
static pid_t tpg_changer(const struct tgt *t)
{
	pid_t pid = test_fork();
	int err;

	if (pid)
		return pid;
	for (;;) {
		expect(tpg_mkdir(t, 2), 0);
		expect(tpg_nexus(t, 2, t->wwn), 0);
		while ((err = tpg_rmdir(t, 2)))
			expect(err, -EBUSY);
	}
}

static void end_child(pid_t pid)
{
	int status;

	check(!test_gone(pid), "a changer has given up");
	kill(pid, SIGKILL);
	status = test_reap(pid);
	check(WIFSIGNALED(status), "status %x", status);
}

VRING_TEST_LIMIT(
	cfs_cycle, "configfs/change-while-endpoints-cycle",
	"change LUNs and TPGs in other processes while an endpoint comes and goes",
	180)
{
	pid_t luns, tpgs;
	struct vdev *d;
	struct tgt t;
	struct bs b;
	int err, busy = 0;

	tgt_with_ramdisk(&t, 1 * MIB);
	bs_ramdisk(&b, 1 * MIB);
	d = dev_up(t.wwn, 1, 16, F_DEFAULT | F_HOTPLUG);
	luns = lun_changer(&t, &b);
	tpgs = tpg_changer(&t);
	for (int i = 0; i < ROUNDS; i++) {
		step("round %d", i);
		scsi_tur(d, VQ_IO);
		expect(dev_clear_endpoint(d->fd, t.wwn), 0);
		/* a TPG that is being removed is not there any more */
		while ((err = dev_set_endpoint(d->fd, t.wwn))) {
			expect(err, -ENOENT);
			busy++;
		}
	}
	fprintf(stderr, "%d times a TPG was just being removed\n", busy);
	end_child(luns);
	end_child(tpgs);
	expect(dev_clear_endpoint(d->fd, t.wwn), 0);
	step("nothing is held afterwards");
	dev_close(d);
}

#define HELD 8

static void send_held(struct vdev *d, struct req *r)
{
	for (int i = 0; i < HELD; i++) {
		scsi_rw_prep(&r[i], d, VQ_IO, i & 1, i * 8,
			     gmem_alloc(&d->mem, 4096, 4096), 4096);
		req_send(&r[i]);
	}
	check(wait_until(*(volatile uint16_t *)ring_avail_event(
				 &d->vq[VQ_IO]) == d->vq[VQ_IO].avail_idx),
	      "the I/O is not taken");
}

static void expect_held_good(struct req *r)
{
	for (int i = 0; i < HELD; i++) {
		req_wait(&r[i]);
		req_good(&r[i]);
	}
}

/* What an administrator may do while somebody's backstore hangs. */
static void change_everything(const struct tgt *hung)
{
	char text[256];
	struct tgt other;
	struct bs b;

	bs_ramdisk(&b, 1 * MIB);
	step("read");
	expect(file_read(text, sizeof(text), "%s/tpgt_1/nexus", hung->path), 0);
	check(!strncmp(text, hung->wwn, strlen(hung->wwn)), "nexus: %s", text);
	expect(file_read(text, sizeof(text), CONFIG_TARGET "/vhost/version"),
	       0);
	if (!module_is_peer()) {
		expect(file_read(text, sizeof(text), "%s/tpgt_1/attached",
				 hung->path),
		       0);
		expect(atoi(text), test_id());
	}
	step("be refused");
	expect(tpg_nexus(hung, 1, "NULL"), -EBUSY);
	expect(tpg_rmdir(hung, 1), -EBUSY);
	step("change another LUN of the TPG");
	expect(lun_link(hung, 1, 9, &b), 0);
	expect(lun_unlink(hung, 1, 9), 0);
	step("make, use and remove another target");
	tgt_new(&other);
	expect(lun_link(&other, 1, 0, &b), 0);
	struct vdev *d = dev_up(other.wwn, 1, 16, F_DEFAULT);

	scsi_tur(d, VQ_IO);
	dev_close(d);
	expect(lun_unlink(&other, 1, 0), 0);
	expect(tpg_nexus(&other, 1, "NULL"), 0);
	expect(tpg_rmdir(&other, 1), 0);
	expect(tgt_rmdir(&other), 0);
}

VRING_TEST(
	cfs_hung, "configfs/change-while-a-backstore-hangs",
	"read and change the tree while I/O of a device in it hangs (R15, R16)")
{
	struct req r[HELD];
	struct vdev *d;
	struct tgt t;
	struct dm m;

	tgt_with_dm(&t, &m);
	d = dev_up(t.wwn, 1, 64, F_DEFAULT | F_HOTPLUG);
	scsi_tur(d, VQ_IO);
	dm_suspend(&m);
	send_held(d, r);
	change_everything(&t);
	check(!ring_collect(&d->vq[VQ_IO]), "answered without a backstore");
	dm_resume(&m);
	expect_held_good(r);
}

VRING_TEST(
	cfs_unlink, "configfs/unlink-a-lun-that-hangs",
	"unlink a LUN under hung I/O, which waits for it and holds up nobody")
{
	struct req r[HELD];
	struct vdev *d;
	struct tgt t;
	struct dm m;
	pid_t pid;

	tgt_with_dm(&t, &m);
	d = dev_up(t.wwn, 1, 64, F_DEFAULT | F_HOTPLUG);
	scsi_tur(d, VQ_IO);
	dm_suspend(&m);
	send_held(d, r);
	pid = test_fork();
	if (!pid) {
		expect(lun_unlink(&t, 1, 0), 0);
		_exit(EXIT_PASS);
	}
	step("wait for the unlink to wait");
	check(wait_until(task_stands_in("core_tpg_remove_lun")),
	      "unlinking does not wait");
	change_everything(&t);
	check(!test_gone(pid), "unlinked under I/O");
	dm_resume(&m);
	expect_held_good(r);
	step("wait for the unlink");
	expect(test_reap(pid), 0);
}
