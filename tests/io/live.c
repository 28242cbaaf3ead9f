// SPDX-License-Identifier: GPL-2.0
/*
 * Setup ioctls under running I/O, as a VMM makes them while the guest's vCPUs
 * go on (R22), several queues and devices at once (R07), and what keeps a
 * driver informed that polls.
 *
 * The peer on 6.12 passes all of these; it has no parameter shared_thread, so
 * serve-all-queues-of-a-flooded-thread is not run there. That was not
 * yet seen to fail on a broken build.
 */
#include <pthread.h>
#include "../thread/threads.h"

struct stirrer {
	struct vdev *d;
	bool stop;
	unsigned int rounds;
};

static void *set_table(void *arg)
{
	struct stirrer *s = arg;

	while (!__atomic_load_n(&s->stop, __ATOMIC_RELAXED)) {
		expect(gmem_set_table(&s->d->mem, s->d->fd), 0);
		expect(dev_features(s->d->fd, F_DEFAULT), 0);
		expect(dev_vq_addr(&s->d->vq[VQ_IO]), 0);
		__atomic_add_fetch(&s->rounds, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

VRING_TEST_LIMIT(io_table_live, "io/change-memory-table-under-io",
		 "set the memory table in a loop while verified I/O runs", 120)
{
	struct stirrer s = { .stop = false };
	pthread_t thread;
	struct tgt t;

	tgt_with_ramdisk(&t, 4 * MIB);
	s.d = dev_up(t.wwn, 1, 64, F_DEFAULT);
	scsi_tur(s.d, VQ_IO);
	check(!pthread_create(&thread, NULL, set_table, &s), "no thread");
	for (int i = 0; i < 200; i++) {
		step("round %d", i);
		scsi_write_pattern(s.d, VQ_IO, i, 16384, i);
		scsi_check_pattern(s.d, VQ_IO, i, 16384, i);
	}
	check(wait_until(__atomic_load_n(&s.rounds, __ATOMIC_RELAXED) > 0),
	      "no table was set");
	__atomic_store_n(&s.stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
}

/* What QEMU does when the guest masks an interrupt, and more. */
VRING_TEST_LIMIT(io_efd_live, "io/change-eventfds-under-io",
		 "replace kick and call eventfds while I/O is in flight", 120)
{
	struct req r[8];
	struct vdev *d;
	struct vq *vq;
	struct tgt t;

	tgt_with_ramdisk(&t, 4 * MIB);
	d = dev_up(t.wwn, 1, 64, F_DEFAULT);
	vq = &d->vq[VQ_IO];
	scsi_tur(d, VQ_IO);
	for (int i = 0; i < 8; i++)
		scsi_rw_prep(&r[i], d, VQ_IO, i & 1, i * 8,
			     gmem_alloc(&d->mem, 4096, 4096), 4096);
	for (int round = 0; round < 200; round++) {
		step("round %d", round);
		for (int i = 0; i < 8; i++) {
			req_again(&r[i]);
			req_send(&r[i]);
		}
		if (round & 1) {
			close(vq->call);
			vq->call = efd_new();
			expect(dev_vring_file(d->fd, VHOST_SET_VRING_CALL,
					      VQ_IO, vq->call),
			       0);
		} else {
			close(vq->kick);
			vq->kick = efd_new();
			expect(dev_vring_file(d->fd, VHOST_SET_VRING_KICK,
					      VQ_IO, vq->kick),
			       0);
		}
		ring_kick(vq);
		efd_signal(vq->call); /* the old one may have been told */
		while (!r[7].done || !r[0].done)
			check(ring_wait(vq, deadline_in(WAIT_MS)),
			      "not answered");
		for (int i = 0; i < 8; i++) {
			req_wait(&r[i]);
			req_good(&r[i]);
		}
	}
}

VRING_TEST(io_no_call, "io/serve-a-polling-driver",
	   "serve a driver that has no call eventfd, and one without kicks")
{
	struct vdev *d;
	struct vq *vq;
	uint8_t cdb[CDB_LEN];
	struct req r;
	struct tgt t;

	tgt_with_ramdisk(&t, 4 * MIB);
	d = dev_up(t.wwn, 1, 64, F_DEFAULT);
	vq = &d->vq[VQ_IO];
	scsi_tur(d, VQ_IO);
	expect(dev_vring_file(d->fd, VHOST_SET_VRING_CALL, VQ_IO, -1), 0);
	cdb_tur(cdb);
	req_init(&r, d, VQ_IO);
	req_cmd(&r, 1, 0, cdb);
	for (int i = 0; i < 20; i++) {
		req_again(&r);
		req_send(&r);
		check(wait_until(ring_collect(vq)), "not answered");
		req_wait(&r);
		req_good(&r);
	}
	step("without a kick eventfd, then with one");
	expect(dev_vring_file(d->fd, VHOST_SET_VRING_KICK, VQ_IO, -1), 0);
	req_again(&r);
	req_send(&r);
	expect(dev_vring_file(d->fd, VHOST_SET_VRING_KICK, VQ_IO, vq->kick), 0);
	check(wait_until(ring_collect(vq)), "not answered");
}

#define FLOOD 32

static void resend_done(struct vdev *d, struct req (*r)[FLOOD],
			unsigned int *answered)
{
	for (int q = 0; q < 2; q++) {
		ring_collect(&d->vq[VQ_IO + q]);
		for (int i = 0; i < FLOOD; i++) {
			if (!r[q][i].done)
				continue;
			++*answered;
			req_again(&r[q][i]);
			req_send(&r[q][i]);
		}
	}
}

/* R07 */
static void serve_beside_floods(void)
{
	static struct req r[2][FLOOD];
	unsigned int answered = 0;
	struct vdev *d;
	struct req one;
	struct tgt t;
	struct vq *vq;

	tgt_with_ramdisk(&t, 4 * MIB);
	d = dev_up(t.wwn, 3, 128, F_DEFAULT);
	vq = &d->vq[VQ_IO + 2];
	scsi_tur(d, VQ_IO);
	for (int q = 0; q < 2; q++) {
		for (int i = 0; i < FLOOD; i++) {
			scsi_rw_prep(&r[q][i], d, VQ_IO + q, i & 1, i,
				     gmem_alloc(&d->mem, 512, 512), 512);
			req_send(&r[q][i]);
		}
	}
	scsi_rw_prep(&one, d, VQ_IO + 2, false, 0,
		     gmem_alloc(&d->mem, 512, 512), 512);
	for (int round = 0; round < 20; round++) {
		step("round %d", round);
		answered = 0;
		req_again(&one);
		req_send(&one);
		while (!ring_collect(vq)) {
			resend_done(d, r, &answered);
			check(answered < 20000, "%u others were answered",
			      answered);
		}
		req_wait(&one);
		req_good(&one);
	}
	expect(dev_clear_endpoint(d->fd, t.wwn), 0);
}

VRING_TEST(io_fair, "io/serve-one-queue-while-others-are-flooded",
	   "be answered on a third queue soon while two others never run empty")
{
	serve_beside_floods();
}

/* All queues are one thread's then, which must not stay with one of them. */
VRING_TEST(io_fair_shared, "io/serve-all-queues-of-a-flooded-thread",
	   "be answered soon on a queue whose thread serves two flooded ones")
{
	int status;
	pid_t pid;

	shared_thread(true);
	pid = test_fork();
	if (!pid) {
		serve_beside_floods();
		_exit(EXIT_PASS);
	}
	status = test_reap(pid);
	shared_thread(false);
	check(!status, "status %x", status);
}

VRING_TEST(io_on_empty, "io/notify-on-empty",
	   "be signalled when a ring runs empty under NOTIFY_ON_EMPTY")
{
	struct vdev *d;
	uint8_t cdb[CDB_LEN];
	struct req r;
	struct tgt t;
	struct vq *vq;

	tgt_with_ramdisk(&t, 4 * MIB);
	d = dev_up(t.wwn, 1, 64, F_VERSION_1 | F_NOTIFY_ON_EMPTY);
	vq = &d->vq[VQ_IO];
	scsi_tur(d, VQ_IO);
	vq->avail->flags = VRING_AVAIL_F_NO_INTERRUPT;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	efd_drain(vq->call);
	cdb_tur(cdb);
	req_init(&r, d, VQ_IO);
	req_cmd(&r, 1, 0, cdb);
	req_run(&r);
	req_good(&r);
}
