// SPDX-License-Identifier: GPL-2.0
/*
 * R21: a log that was taken away is not written any more: not after another
 * was set, after logging was switched off, after CLEAR_ENDPOINT, nor after
 * close(). The VMM uses that memory for something else then.
 *
 * A log is emptied as soon as it is taken away, so that a bit that is set again
 * is seen, too.
 *
 * The peer on 6.12 passes: it waits for all requests in each of these ioctls,
 * and in close().
 */
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include "dirty.h"

#define DEPTH 8
#define LEN 16384

/* READs without an end on a queue of its own. */
struct reader {
	struct vdev *d;
	struct req r[DEPTH];
	unsigned int queue;
	unsigned int answered;
	bool stop;
	pthread_t thread;
};

static void *read_on(void *arg)
{
	struct reader *b = arg;
	struct vq *vq = &b->d->vq[b->queue];

	for (int i = 0; i < DEPTH; i++)
		req_send(&b->r[i]);
	while (!__atomic_load_n(&b->stop, __ATOMIC_RELAXED)) {
		check(ring_wait(vq, deadline_in(WAIT_MS)),
		      "queue %u is not served", b->queue);
		for (int i = 0; i < DEPTH; i++) {
			if (!b->r[i].done)
				continue;
			req_wait(&b->r[i]);
			req_good(&b->r[i]);
			__atomic_add_fetch(&b->answered, 1, __ATOMIC_RELAXED);
			req_again(&b->r[i]);
			req_send(&b->r[i]);
		}
	}
	for (int i = 0; i < DEPTH; i++)
		req_wait(&b->r[i]);
	return NULL;
}

static void reader_start(struct reader *b, struct vdev *d, unsigned int queue)
{
	memset(b, 0, sizeof(*b));
	b->d = d;
	b->queue = queue;
	/* Pinned and copied, all in the same log pages. */
	for (int i = 0; i < DEPTH; i++)
		scsi_rw_prep(&b->r[i], d, queue, false, i * 32,
			     gmem_alloc(&d->mem, LEN + 4096, 4096) +
				     (i & 1) * 100,
			     LEN);
	check(!pthread_create(&b->thread, NULL, read_on, b), "no thread");
}

static void reader_stop(struct reader *b)
{
	__atomic_store_n(&b->stop, true, __ATOMIC_RELAXED);
	pthread_join(b->thread, NULL);
}

/* Until it has been answered @n more requests. */
static void reader_proceed(struct reader *b, unsigned int n)
{
	unsigned int from = __atomic_load_n(&b->answered, __ATOMIC_RELAXED);

	check(wait_until(__atomic_load_n(&b->answered, __ATOMIC_RELAXED) -
				 from >=
			 n),
	      "the READs do not go on");
}

static bool is_empty(const uint8_t *log)
{
	for (size_t i = 0; i < DIRTY_BYTES; i++)
		if (log[i])
			return false;
	return true;
}

static struct vdev *start(struct tgt *t)
{
	struct vdev *d;

	tgt_with_ramdisk(t, 4 * MIB);
	d = dev_up(t->wwn, 2, 64, F_DEFAULT);
	scsi_tur(d, VQ_IO);
	return d;
}

/* A device cannot be attached before the last request of the other ended. */
static void attach_another(const struct tgt *t)
{
	struct vdev *d = dev_open(1);

	dev_rings(d, 16);
	expect(dev_ready(d, F_DEFAULT), 0);
	check(wait_until(!dev_set_endpoint(d->fd, t->wwn)), "still busy");
	scsi_tur(d, VQ_IO);
}

VRING_TEST_LIMIT(
	io_dirty_taken, "io/leave-a-log-alone-that-was-taken-away",
	"replace the dirty log under I/O and see no old one written (R21)", 180)
{
	uint8_t *log[2] = { dirty_new(), dirty_new() };
	struct reader b[2];
	struct vdev *d;
	struct tgt t;

	d = start(&t);
	reader_start(&b[0], d, VQ_IO);
	reader_start(&b[1], d, VQ_IO + 1);
	for (int round = 0; round < 60; round++) {
		uint8_t *mine = log[round & 1], *old = log[!(round & 1)];

		step("round %d: another log", round);
		dirty_on(d, mine);
		memset(old, 0, DIRTY_BYTES);
		reader_proceed(&b[0], 2 * DEPTH);
		reader_proceed(&b[1], 2 * DEPTH);
		check(is_empty(old), "the old log was written");
		check(dirty_is(mine, b[0].r[0].in[0].gpa) || module_is_peer(),
		      "the new log was not written");
		if (round % 3)
			continue;
		step("round %d: off", round);
		dirty_off(d);
		memset(mine, 0, DIRTY_BYTES);
		reader_proceed(&b[0], 2 * DEPTH);
		reader_proceed(&b[1], 2 * DEPTH);
		check(is_empty(mine), "written though logging is off");
	}
	reader_stop(&b[0]);
	reader_stop(&b[1]);
	step("clear the endpoint");
	dirty_on(d, log[0]);
	for (int i = 0; i < 2 * DEPTH; i++) {
		req_again(&b[i % 2].r[i / 2]);
		req_send(&b[i % 2].r[i / 2]);
	}
	expect(dev_clear_endpoint(d->fd, t.wwn), 0);
	memset(log[0], 0, DIRTY_BYTES);
	for (unsigned int i = 0; i < d->nvqs; i++)
		ring_kick(&d->vq[i]);
	attach_another(&t);
	check(is_empty(log[0]), "written after CLEAR_ENDPOINT");
}

/* A page that blocks whoever touches it until it is given its contents. */
struct stopper {
	int fd;
	uint8_t *page;
	bool asked;
};

static void stopper_set(struct stopper *s, void *page)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = {
		.range = { (uintptr_t)page, 4096 },
		.mode = UFFDIO_REGISTER_MODE_MISSING,
	};

	memset(s, 0, sizeof(*s));
	s->page = page;
	s->fd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	if (s->fd < 0)
		test_skip("userfaultfd: %s", strerror(errno));
	expect(dev_ioctl(s->fd, UFFDIO_API, &api), 0);
	check(!madvise(page, 4096, MADV_DONTNEED), "madvise: %s",
	      strerror(errno));
	expect(dev_ioctl(s->fd, UFFDIO_REGISTER, &reg), 0);
}

static bool stopper_asked(struct stopper *s)
{
	struct uffd_msg msg;

	if (!s->asked && read(s->fd, &msg, sizeof(msg)) == sizeof(msg))
		s->asked = true;
	return s->asked;
}

static void stopper_release(struct stopper *s)
{
	static const uint8_t contents[4096];
	struct uffdio_copy copy = {
		.dst = (uintptr_t)s->page,
		.src = (uintptr_t)contents,
		.len = 4096,
	};

	expect(dev_ioctl(s->fd, UFFDIO_COPY, &copy), 0);
}

struct closer {
	struct vdev *d;
	pid_t tid;
	bool returned;
};

static void *close_thread(void *arg)
{
	struct closer *c = arg;

	__atomic_store_n(&c->tid, gettid(), __ATOMIC_RELEASE);
	dev_close(c->d);
	__atomic_store_n(&c->returned, true, __ATOMIC_RELEASE);
	return NULL;
}

static bool closer_waits(struct closer *c)
{
	char stack[4096];

	return !file_read(stack, sizeof(stack), "/proc/self/task/%d/stack",
			  __atomic_load_n(&c->tid, __ATOMIC_ACQUIRE)) &&
	       strstr(stack, "scsi_release");
}

/* Longer than close() waits for a backstore. */
static bool closer_returns(struct closer *c)
{
	uint64_t end = now_ms() + 7000;

	while (!__atomic_load_n(&c->returned, __ATOMIC_ACQUIRE))
		if (now_ms() < end)
			nap();
		else
			return false;
	return true;
}

/*
 * The backstore answers while close() waits for it, and the answer then takes
 * longer than close() waits. Seen to fail while close() did not wait for an
 * answer under way: used ring and log were written after it had returned.
 */
VRING_TEST_LIMIT(
	io_dirty_close, "io/write-nothing-after-close",
	"close the device during an answer and see nothing written after it",
	120)
{
	uint8_t *log = dirty_new();
	struct stopper stopper;
	struct closer c = {};
	pthread_t thread;
	uint16_t used;
	struct req r;
	struct tgt t;
	struct dm m;
	bool early;

	tgt_with_dm(&t, &m);
	c.d = dev_up(t.wwn, 1, 64, F_DEFAULT);
	scsi_tur(c.d, VQ_IO);
	dirty_on(c.d, log);
	dm_suspend(&m);
	scsi_rw_prep(&r, c.d, VQ_IO, false, 0, gmem_alloc(&c.d->mem, LEN, 4096),
		     LEN);
	r.rsp_gpa = gmem_alloc(&c.d->mem, 4096, 4096);
	req_queue(&r);
	stopper_set(&stopper, gmem_ptr(&c.d->mem, r.rsp_gpa, 4096));
	ring_publish(r.vq);
	ring_kick(r.vq);
	check(wait_until(*(volatile uint16_t *)ring_avail_event(r.vq) ==
			 r.vq->avail_idx),
	      "the READ is not taken");
	check(!pthread_create(&thread, NULL, close_thread, &c), "no thread");
	step("until close() waits for the READ");
	check(wait_until(closer_waits(&c)), "it does not");
	dm_resume(&m);
	step("until the READ is being answered");
	check(wait_until(stopper_asked(&stopper)), "it is not");
	step("until close() has lost its patience");
	early = closer_returns(&c);
	if (!early) {
		stopper_release(&stopper);
		pthread_join(thread, NULL);
	}
	memset(log, 0, DIRTY_BYTES);
	used = *(volatile uint16_t *)&r.vq->used->idx;
	if (early)
		stopper_release(&stopper);
	attach_another(&t);
	check(is_empty(log), "the log was written after close()");
	check(*(volatile uint16_t *)&r.vq->used->idx == used,
	      "the used ring was written after close()");
}
