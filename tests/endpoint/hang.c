// SPDX-License-Identifier: GPL-2.0
/*
 * A backend that hangs (R16, R22, R38, A16): only the one that has to wait for
 * it waits, and can be killed while it does.
 *
 * The peer on 6.12: not-wait-for-backend-in-setup and answer-in-new-memory hang
 * in SET_MEM_TABLE, be-killed-in-clear and close-with-hung-backend cannot be
 * killed; manage-others-while-one-hangs passes.
 */
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include "vring.h"

#define HELD 8

/*
 * Sends HELD reads and writes to a device whose backend is suspended. Returns when they were
 * taken: CLEAR_ENDPOINT leaves in the ring what was not.
 */
static void send_held(struct vdev *d, struct req *r)
{
	struct vq *vq = &d->vq[VQ_IO];
	volatile uint16_t *event = ring_avail_event(vq);

	for (int i = 0; i < HELD; i++) {
		uint64_t gpa = gmem_alloc(&d->mem, 4096, 4096);

		gmem_pattern(&d->mem, gpa, 4096, i);
		scsi_rw_prep(&r[i], d, VQ_IO, i & 1, i * 8, gpa, 4096);
		req_send(&r[i]);
	}
	check(wait_until(*event == vq->avail_idx), "not taken");
}

static void expect_held_good(struct req *r)
{
	for (int i = 0; i < HELD; i++) {
		req_wait(&r[i]);
		req_good(&r[i]);
	}
}

VRING_TEST(ep_setup_no_wait, "endpoint/not-wait-for-backend-in-setup",
	   "change memory table, log base and features while I/O hangs")
{
	struct req r[HELD];
	struct vdev *d;
	struct tgt t;
	struct dm m;
	uint64_t log;

	tgt_with_dm(&t, &m);
	d = dev_up(t.wwn, 2, 64, F_DEFAULT);
	scsi_tur(d, VQ_IO);
	dm_suspend(&m);
	send_held(d, r);
	for (int i = 0; i < 3; i++) {
		step("SET_MEM_TABLE");
		expect(gmem_set_table(&d->mem, d->fd), 0);
		step("SET_LOG_BASE");
		log = (uintptr_t)gmem_ptr(&d->mem, HIGH_GPA, 1);
		expect(dev_ioctl(d->fd, VHOST_SET_LOG_BASE, &log), 0);
		step("SET_FEATURES");
		expect(dev_features(d->fd, F_DEFAULT), 0);
		step("SET_VRING_ADDR");
		expect(dev_vq_addr(&d->vq[VQ_IO]), 0);
	}
	check(!ring_collect(&d->vq[VQ_IO]), "answered without a backend");
	dm_resume(&m);
	expect_held_good(r);
}

/*
 * R22: the response goes where the guest's address points when it is written,
 * and the place where it pointed before is left alone.
 */
VRING_TEST(ep_new_memory, "endpoint/answer-in-new-memory",
	   "find the responses in the memory that was set while I/O hung")
{
	struct req r[HELD];
	struct gmem moved;
	struct vdev *d;
	uint8_t *old;
	struct tgt t;
	struct dm m;

	tgt_with_dm(&t, &m);
	d = dev_up(t.wwn, 1, 64, F_DEFAULT);
	scsi_tur(d, VQ_IO);
	dm_suspend(&m);
	for (int i = 0; i < HELD; i++) {
		scsi_rw_prep(&r[i], d, VQ_IO, true, i * 8,
			     gmem_alloc(&d->mem, 4096, 4096), 4096);
		r[i].rsp_gpa = HIGH_GPA + i * 256;
		req_send(&r[i]);
	}
	moved = d->mem;
	moved.nr = 2;
	gmem_add(&moved, HIGH_GPA, HIGH_SIZE);
	step("SET_MEM_TABLE while I/O hangs");
	expect(gmem_set_table(&moved, d->fd), 0);
	for (unsigned int i = 0; i < d->nvqs; i++)
		expect(dev_vq_addr(&d->vq[i]), 0);
	dm_resume(&m);
	old = d->mem.region[2].hva;
	d->mem.region[2] = moved.region[2];
	for (int i = 0; i < HELD; i++) {
		step("answer %d", i);
		req_wait(&r[i]);
		req_good(&r[i]);
	}
	for (int i = 0; i < HELD * 256; i++)
		check(old[i] == (i % 256 < (int)CMD_RSP_LEN ? RSP_POISON : 0),
		      "old memory was written at %d", i);
}

struct clearer {
	struct vdev *d;
	const char *wwn;
	int result;
};

static void *clear_thread(void *arg)
{
	struct clearer *c = arg;

	c->result = dev_clear_endpoint(c->d->fd, c->wwn);
	return NULL;
}

static void use_other_target(struct tgt *t)
{
	struct vdev *d;
	struct bs b;

	bs_ramdisk(&b, 1 * MIB);
	for (int i = 0; i < 5; i++) {
		step("link a LUN elsewhere");
		expect(lun_link(t, 1, 1, &b), 0);
		step("use another device");
		d = dev_up(t->wwn, 1, 16, F_DEFAULT);
		scsi_tur(d, VQ_IO);
		expect(dev_clear_endpoint(d->fd, t->wwn), 0);
		dev_close(d);
		step("unlink a LUN elsewhere");
		expect(lun_unlink(t, 1, 1), 0);
	}
}

/* R16, F19, F21 */
VRING_TEST(
	ep_others, "endpoint/manage-others-while-one-hangs",
	"use and change other targets while one CLEAR_ENDPOINT waits for I/O")
{
	struct tgt t, other, fresh;
	struct req r[HELD];
	struct clearer c;
	pthread_t thread;
	struct dm m;

	tgt_with_dm(&t, &m);
	tgt_with_ramdisk(&other, 4 * MIB);
	c.d = dev_up(t.wwn, 1, 64, F_DEFAULT);
	c.wwn = t.wwn;
	c.result = 1;
	scsi_tur(c.d, VQ_IO);
	dm_suspend(&m);
	send_held(c.d, r);
	check(!pthread_create(&thread, NULL, clear_thread, &c), "no thread");
	use_other_target(&other);
	step("make and remove a target");
	tgt_new(&fresh);
	expect(tpg_nexus(&fresh, 1, "NULL"), 0);
	expect(tpg_rmdir(&fresh, 1), 0);
	expect(tgt_rmdir(&fresh), 0);
	check(c.result == 1, "CLEAR_ENDPOINT did not wait for the I/O");
	dm_resume(&m);
	step("CLEAR_ENDPOINT ends with the I/O");
	pthread_join(thread, NULL);
	expect(c.result, 0);
	ring_collect(&c.d->vq[VQ_IO]);
	expect(dev_vring_base(c.d->fd, VQ_IO), c.d->vq[VQ_IO].used_idx);
}

/*
 * In the child: attaches to @t, sends I/O that hangs, says so by @ready, then
 * calls @then, or waits to be killed.
 */
static pid_t hanging_child(struct tgt *t, struct dm *m, int ready,
			   void (*then)(struct vdev *d, const struct tgt *t))
{
	struct req r[HELD];
	struct vdev *d;
	pid_t pid;

	pid = test_fork();
	if (pid)
		return pid;
	d = dev_up(t->wwn, 1, 64, F_DEFAULT);
	scsi_tur(d, VQ_IO);
	dm_suspend(m);
	send_held(d, r);
	check(wait_until(*(volatile uint16_t *)ring_avail_event(
				 &d->vq[VQ_IO]) == d->vq[VQ_IO].avail_idx),
	      "the I/O is not taken");
	efd_signal(ready);
	if (then)
		then(d, t);
	for (;;)
		pause();
}

static void expect_free_after_resume(const struct tgt *t, struct dm *m)
{
	struct vdev *d = dev_open(1);

	dev_rings(d, 16);
	expect(dev_ready(d, F_DEFAULT), 0);
	step("attach while the old I/O hangs");
	expect(dev_set_endpoint(d->fd, t->wwn), -EBUSY);
	expect(tpg_rmdir(t, 1), -EBUSY);
	dm_resume(m);
	step("attach when the old I/O has ended");
	check(wait_until(!dev_set_endpoint(d->fd, t->wwn)), "still busy");
	scsi_tur(d, VQ_IO);
}

static void do_clear(struct vdev *d, const struct tgt *t)
{
	dev_clear_endpoint(d->fd, t->wwn);
	_exit(0);
}

static void do_close(struct vdev *d, const struct tgt *t)
{
	dev_close(d);
	_exit(0);
}

VRING_TEST_LIMIT(
	ep_kill_clear, "endpoint/be-killed-in-clear",
	"kill a process that waits for a hung backend in CLEAR_ENDPOINT", 120)
{
	int ready = efd_new();
	struct tgt t;
	struct dm m;
	pid_t pid;

	tgt_with_dm(&t, &m);
	pid = hanging_child(&t, &m, ready, do_clear);
	check(efd_wait(ready, deadline_in(WAIT_MS)), "child is not ready");
	check(wait_until(task_in_ioctl(pid, VHOST_SCSI_CLEAR_ENDPOINT)),
	      "CLEAR_ENDPOINT does not wait");
	kill(pid, SIGKILL);
	step("wait for the killed process");
	check(wait_until(test_gone(pid)), "process %d cannot be killed", pid);
	expect_free_after_resume(&t, &m);
}

VRING_TEST_LIMIT(
	ep_close_hung, "endpoint/close-with-hung-backend",
	"close the device under hung I/O and get the WWN back when it ends",
	120)
{
	int ready = efd_new();
	struct tgt t;
	struct dm m;
	pid_t pid;

	tgt_with_dm(&t, &m);
	pid = hanging_child(&t, &m, ready, do_close);
	check(efd_wait(ready, deadline_in(WAIT_MS)), "child is not ready");
	step("wait for close()");
	check(wait_until(test_gone(pid)), "close() does not return");
	expect_free_after_resume(&t, &m);
}

/* R19: the owner is killed while its I/O hangs. */
VRING_TEST_LIMIT(
	ep_kill_owner, "endpoint/kill-owner-of-hung-io",
	"kill the owner under hung I/O and get the WWN back when it ends", 120)
{
	int ready = efd_new();
	struct tgt t;
	struct dm m;
	pid_t pid;

	tgt_with_dm(&t, &m);
	pid = hanging_child(&t, &m, ready, NULL);
	check(efd_wait(ready, deadline_in(WAIT_MS)), "child is not ready");
	kill(pid, SIGKILL);
	step("wait for the killed owner");
	check(wait_until(test_gone(pid)), "process %d cannot be killed", pid);
	expect_free_after_resume(&t, &m);
}
