// SPDX-License-Identifier: GPL-2.0
/*
 * Queues change their threads while they are in use, and threads come and go
 * (R25, F39). What would go wrong: a kick or completion that comes in between
 * is lost; two threads do one queue's work; a thread is woken that was freed.
 *
 * The peer on 6.12: move-queues-under-resets fails, as it answers the reset
 * before commands that were in a ring (control/not-let-reset-overtake-commands).
 * On 6.1 it has no workers.
 */
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include "threads.h"

#define QUEUES 2
#define BATCH 8
#define WORKERS 3
#define LEN 16384u

/* Writes and reads of distinct blocks, from both queues at once. */
struct load {
	struct vdev *d;
	struct req write[QUEUES][BATCH];
	struct req read[QUEUES][BATCH];
	uint64_t out[QUEUES][BATCH], in[QUEUES][BATCH];
	struct req tmf;
	unsigned int round;
};

static void load_init(struct load *l, struct vdev *d)
{
	l->d = d;
	l->round = 0;
	for (unsigned int q = 0; q < QUEUES; q++) {
		for (unsigned int i = 0; i < BATCH; i++) {
			uint64_t lba = (q * BATCH + i) * (LEN / BLOCK);

			l->out[q][i] = gmem_alloc(&d->mem, LEN, 4096);
			l->in[q][i] = gmem_alloc(&d->mem, LEN, 4096);
			scsi_rw_prep(&l->write[q][i], d, VQ_IO + q, true, lba,
				     l->out[q][i], LEN);
			/* what one queue wrote is read by the other */
			scsi_rw_prep(&l->read[q][i], d, VQ_IO + !q, false, lba,
				     l->in[q][i], LEN);
		}
	}
	req_init(&l->tmf, d, VQ_CTL);
	req_tmf(&l->tmf, VIRTIO_SCSI_T_TMF_LOGICAL_UNIT_RESET, 1, 0, 0);
}

static void put_all(struct load *l, struct req r[QUEUES][BATCH])
{
	for (unsigned int q = 0; q < QUEUES; q++) {
		for (unsigned int i = 0; i < BATCH; i++) {
			req_again(&r[q][i]);
			req_queue(&r[q][i]);
		}
	}
	ring_publish(&l->d->vq[VQ_IO]);
	ring_publish(&l->d->vq[VQ_IO + 1]);
}

static void kick_all(struct load *l)
{
	ring_kick(&l->d->vq[VQ_IO]);
	ring_kick(&l->d->vq[VQ_IO + 1]);
}

/* All commands in the rings are answered when the reset is, without a kick. */
static void reset_lun(struct load *l, struct req r[QUEUES][BATCH])
{
	req_again(&l->tmf);
	req_run(&l->tmf);
	check(req_tmf_response(&l->tmf) == VIRTIO_SCSI_S_FUNCTION_SUCCEEDED,
	      "TMF response %u", req_tmf_response(&l->tmf));
	ring_collect(&l->d->vq[VQ_IO]);
	ring_collect(&l->d->vq[VQ_IO + 1]);
	for (unsigned int q = 0; q < QUEUES; q++)
		for (unsigned int i = 0; i < BATCH; i++)
			check(r[q][i].done, "the reset overtook a command");
}

/* Waits for all; what a reset has hit is sent again until it is GOOD. */
static void finish_all(struct load *l, struct req r[QUEUES][BATCH], bool resets)
{
	for (unsigned int q = 0; q < QUEUES; q++) {
		for (unsigned int i = 0; i < BATCH; i++) {
			req_wait(&r[q][i]);
			for (int n = 0;
			     resets && n < 8 &&
			     (r[q][i].rsp.response || r[q][i].rsp.status);
			     n++) {
				req_again(&r[q][i]);
				req_run(&r[q][i]);
			}
			req_good(&r[q][i]);
		}
	}
}

static void load_round(struct load *l, bool resets)
{
	bool reset = resets && !(l->round % 2);

	step("round %u", l->round++);
	for (unsigned int q = 0; q < QUEUES; q++)
		for (unsigned int i = 0; i < BATCH; i++)
			gmem_pattern(&l->d->mem, l->out[q][i], LEN,
				     l->round * 100 + q * BATCH + i);
	put_all(l, l->write);
	if (reset)
		reset_lun(l, l->write);
	else
		kick_all(l);
	finish_all(l, l->write, resets);
	put_all(l, l->read);
	kick_all(l);
	finish_all(l, l->read, resets);
	for (unsigned int q = 0; q < QUEUES; q++)
		for (unsigned int i = 0; i < BATCH; i++)
			check(gmem_differs(&l->d->mem, l->in[q][i], LEN,
					   l->round * 100 + q * BATCH + i) < 0,
			      "queue %u, request %u: wrong data", q, i);
}

/* A thread of the owner that gives the queues to one worker after another. */
struct mover {
	pthread_t thread;
	struct vdev *d;
	int id[WORKERS + 1]; /* the last is worker 0 */
	unsigned int moves;  /* shared with other processes in one test */
	unsigned int *count;
	bool stop;
};

static void make_workers(struct mover *m, struct vdev *d)
{
	memset(m, 0, sizeof(*m));
	m->d = d;
	m->count = &m->moves;
	for (int i = 0; i < WORKERS; i++) {
		m->id[i] = dev_worker_new(d->fd);
		if (m->id[i] == -ENOTTY && module_is_peer())
			test_skip("the peer has no workers here");
		check(m->id[i] > 0, "NEW_WORKER: %s", errno_name(m->id[i]));
	}
}

static void *move(void *arg)
{
	struct mover *m = arg;

	for (unsigned int n = 0; !__atomic_load_n(&m->stop, __ATOMIC_RELAXED);
	     n++) {
		unsigned int q = n % m->d->nvqs;
		int id = m->id[(n / m->d->nvqs + q) % (WORKERS + 1)];

		expect(dev_worker_attach(m->d->fd, q, id), 0);
		expect(dev_worker_of(m->d->fd, q), id);
		__atomic_add_fetch(m->count, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

/* Makes workers one by one, and frees each after it had a queue. */
static void *churn(void *arg)
{
	struct mover *m = arg;

	for (unsigned int n = 0; !__atomic_load_n(&m->stop, __ATOMIC_RELAXED);
	     n++) {
		unsigned int q = n % m->d->nvqs;
		int id = dev_worker_new(m->d->fd);

		expect(id, WORKERS + 1);
		expect(dev_worker_attach(m->d->fd, q, id), 0);
		expect(dev_worker_free(m->d->fd, id), -EBUSY);
		expect(dev_worker_attach(m->d->fd, q, m->id[n % WORKERS]), 0);
		expect(dev_worker_free(m->d->fd, id), 0);
		__atomic_add_fetch(m->count, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

static void start(struct mover *m, void *(*fn)(void *arg))
{
	check(!pthread_create(&m->thread, NULL, fn, m), "no thread");
}

static void stop(struct mover *m)
{
	step("stop moving");
	__atomic_store_n(&m->stop, true, __ATOMIC_RELAXED);
	pthread_join(m->thread, NULL);
}

static void load_until(struct mover *m, unsigned int moves, bool resets)
{
	static struct load l;

	load_init(&l, m->d);
	while (__atomic_load_n(m->count, __ATOMIC_RELAXED) < moves)
		load_round(&l, resets);
	stop(m);
	step("a last round");
	load_round(&l, resets);
}

static struct vdev *up(struct tgt *t)
{
	struct vdev *d;

	shared_thread(false);
	tgt_with_ramdisk(t, 4 * MIB);
	d = dev_up(t->wwn, QUEUES, 64, F_DEFAULT);
	use_all_queues(d);
	return d;
}

/*
 * Seen to fail ("is not answered") on a module that does not wake the new
 * thread once it has the queue.
 */
VRING_TEST_LIMIT(thr_move, "thread/move-queues-under-io",
		 "move all queues among four workers 400 times under I/O", 180)
{
	struct mover m;
	struct vdev *d;
	struct tgt t;

	d = up(&t);
	make_workers(&m, d);
	start(&m, move);
	load_until(&m, 400, false);
}

VRING_TEST_LIMIT(thr_move_reset, "thread/move-queues-under-resets",
		 "move all queues 400 times while LUN RESETs come in order",
		 180)
{
	struct mover m;
	struct vdev *d;
	struct tgt t;

	d = up(&t);
	make_workers(&m, d);
	start(&m, move);
	load_until(&m, 400, true);
}

VRING_TEST_LIMIT(thr_churn, "thread/make-and-free-workers-under-io",
		 "make, attach and free 100 workers under I/O", 180)
{
	struct threads t;
	struct mover m;
	struct vdev *d;
	struct tgt tgt;

	d = up(&tgt);
	make_workers(&m, d);
	start(&m, churn);
	load_until(&m, 100, false);
	threads_find(&t, getpid());
	expect(t.nr, 1 + WORKERS);
	expect(dev_clear_endpoint(d->fd, tgt.wwn), 0);
	expect(dev_set_endpoint(d->fd, tgt.wwn), 0);
	use_all_queues(d);
	expect(threads_count(getpid()), 1 + WORKERS);
}

/* The owner: I/O and moves until it is killed. */
static void be_owner(int fd, const struct tgt *t, unsigned int *count)
{
	static struct load l;
	struct vdev *d = dev_open_on(fd, QUEUES);
	struct mover m;

	dev_rings(d, 64);
	expect(dev_ready(d, F_DEFAULT), 0);
	expect(dev_set_endpoint(d->fd, t->wwn), 0);
	use_all_queues(d);
	make_workers(&m, d);
	m.count = count;
	start(&m, move);
	load_init(&l, d);
	for (;;)
		load_round(&l, false);
}

VRING_TEST_LIMIT(thr_move_kill, "thread/kill-owner-while-queues-move",
		 "kill the owner 10 times while it moves its queues under I/O",
		 180)
{
	unsigned int *count = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
				   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct vdev *d;
	struct tgt t;

	check(count != MAP_FAILED, "mmap: %s", strerror(errno));
	shared_thread(false);
	tgt_with_ramdisk(&t, 4 * MIB);
	for (unsigned int i = 0; i < 10; i++) {
		int fd = dev_open_fd();
		pid_t pid;

		*count = 0;
		pid = test_fork();
		if (!pid)
			be_owner(fd, &t, count);
		step("wait for moves, round %u", i);
		check(wait_until(__atomic_load_n(count, __ATOMIC_RELAXED) > i),
		      "nothing moves");
		kill(pid, SIGKILL);
		check(wait_until(test_gone(pid)), "%d cannot be killed", pid);
		if (i & 1)
			expect(dev_clear_endpoint(fd, t.wwn), 0);
		close(fd);
		check(wait_until(!threads_count(pid)), "threads are left");
		d = dev_up(t.wwn, 1, 16, F_DEFAULT);
		scsi_tur(d, VQ_IO);
		dev_close(d);
	}
}
