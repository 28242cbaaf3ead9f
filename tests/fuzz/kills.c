// SPDX-License-Identifier: GPL-2.0
/*
 * The owner of a device is killed while it sets the device up, does I/O on
 * several queues, moves them between workers, or clears and sets its endpoint;
 * now and then while another process has the device open. Then the WWN has to
 * be free, and each block holds what was last known to be written to it, or
 * what was on its way there: nothing is lost, and nothing comes later.
 *
 * On a build in which nobody did the work of a dead thread the WWN stayed busy
 * after the third kill.
 */
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <time.h>
#include "../thread/threads.h"
#include "fuzz.h"

#define IO_QUEUES 4u
#define DEPTH 8u
#define PIECE 4096u /* bytes of one write; each request has its own */

/* What the owner tells before it dies; shared memory. */
struct diary {
	uint64_t life; /* which owner, so that its writes are its own */
	uint64_t done; /* writes that were answered */
	struct entry {
		uint64_t sent, answered; /* numbers of the last ones */
	} entry[IO_QUEUES][DEPTH];
};

struct owner {
	const struct tgt *t;
	struct diary *diary;
	struct vdev *d;
	struct rng r;
};

/* One queue: all its requests again and again. */
struct lane {
	struct owner *o;
	unsigned int nr;
	struct req req[DEPTH];
	uint64_t gpa[DEPTH];
};

static uint64_t lba_of(unsigned int lane, unsigned int i)
{
	return (lane * DEPTH + i) * (PIECE / BLOCK);
}

static uint64_t pattern_of(uint64_t life, unsigned int lane, unsigned int i,
			   uint64_t nr)
{
	return life << 40 | nr << 8 | lane << 4 | i;
}

static void lane_init(struct lane *l, struct owner *o, unsigned int nr)
{
	l->o = o;
	l->nr = nr;
	for (unsigned int i = 0; i < DEPTH; i++) {
		l->gpa[i] = gmem_alloc(&o->d->mem, PIECE, 512);
		scsi_rw_prep(&l->req[i], o->d, VQ_IO + nr, true, lba_of(nr, i),
			     l->gpa[i], PIECE);
	}
}

static void *lane_main(void *arg)
{
	struct lane *l = arg;
	struct diary *diary = l->o->diary;

	for (uint64_t nr = 1;; nr++) {
		for (unsigned int i = 0; i < DEPTH; i++) {
			struct entry *e = &diary->entry[l->nr][i];

			gmem_pattern(&l->o->d->mem, l->gpa[i], PIECE,
				     pattern_of(diary->life, l->nr, i, nr));
			__atomic_store_n(&e->sent, nr, __ATOMIC_SEQ_CST);
			req_again(&l->req[i]);
			req_send(&l->req[i]);
		}
		for (unsigned int i = 0; i < DEPTH; i++) {
			struct entry *e = &diary->entry[l->nr][i];

			req_wait(&l->req[i]);
			req_good(&l->req[i]);
			__atomic_store_n(&e->answered, nr, __ATOMIC_SEQ_CST);
			__atomic_add_fetch(&diary->done, 1, __ATOMIC_SEQ_CST);
		}
	}
	return NULL;
}

/* Workers that come and go, or an endpoint that does. */
static void meddle(struct owner *o)
{
	unsigned int how = rng_below(&o->r, 3);

	for (int id;;) {
		if (how == 0)
			pause();
		if (how == 1) {
			expect(dev_clear_endpoint(o->d->fd, o->t->wwn), 0);
			expect(dev_set_endpoint(o->d->fd, o->t->wwn), 0);
			continue;
		}
		id = dev_worker_new(o->d->fd);
		check(id > 0, "NEW_WORKER: %s", errno_name(id));
		for (unsigned int i = 0; i < IO_QUEUES; i++)
			expect(dev_worker_attach(o->d->fd, VQ_IO + i,
						 rng_once_in(&o->r, 2) ? id
								       : 0),
			       0);
		/* Those that no queue has; numbers are the lowest free. */
		for (id = 1; id < 8; id++)
			dev_worker_free(o->d->fd, id);
	}
}

/* The owner's life; it does not end by itself. */
static void live(struct owner *o, int fd)
{
	unsigned int queues = rng_within(&o->r, 1, IO_QUEUES);
	static struct lane lane[IO_QUEUES];
	pthread_t thread;

	o->d = dev_open_on(fd, IO_QUEUES);
	dev_rings(o->d, 4 * DEPTH);
	expect(dev_ready(o->d, F_DEFAULT | F_HOTPLUG), 0);
	expect(dev_set_endpoint(fd, o->t->wwn), 0);
	scsi_tur(o->d, VQ_IO);
	for (unsigned int i = 0; i < queues; i++) {
		lane_init(&lane[i], o, i);
		check(!pthread_create(&thread, NULL, lane_main, &lane[i]),
		      "no thread");
	}
	meddle(o);
}

static uint64_t now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000ull + ts.tv_nsec / 1000;
}

static bool has_written(const struct diary *diary, uint64_t n)
{
	return __atomic_load_n(&diary->done, __ATOMIC_SEQ_CST) >= n;
}

/* Kills it after so many writes, or in its first moments, and a bit later. */
static void kill_in_time(struct rng *r, pid_t pid, const struct diary *diary)
{
	uint64_t writes = rng_once_in(r, 3) ? 0 : rng_below(r, 600), end;
	bool gone = false;

	check(wait_until(has_written(diary, writes) || (gone = test_gone(pid))),
	      "the owner writes no more");
	for (end = now_us() + rng_below(r, 12000); !gone && now_us() < end;)
		gone = test_gone(pid);
	check(!gone, "the owner has ended by itself");
	kill(pid, SIGKILL);
	fuzz_step("wait for the killed owner");
	check(wait_until(test_gone(pid)), "process %d cannot be killed", pid);
}

static bool holds(struct vdev *d, uint64_t gpa, uint64_t pattern)
{
	return gmem_differs(&d->mem, gpa, PIECE, pattern) < 0;
}

static void check_piece(struct vdev *d, uint64_t gpa, const struct diary *diary,
			unsigned int lane, unsigned int i)
{
	const struct entry *e = &diary->entry[lane][i];

	if (!e->answered ||
	    holds(d, gpa, pattern_of(diary->life, lane, i, e->answered)) ||
	    holds(d, gpa, pattern_of(diary->life, lane, i, e->sent)))
		return;
	fail("queue %u, request %u: neither write %llu, the last one answered, nor %llu is there",
	     lane, i, (unsigned long long)e->answered,
	     (unsigned long long)e->sent);
}

static void check_disk(struct vdev *d, const void *arg)
{
	uint32_t len = lba_of(IO_QUEUES, 0) * BLOCK;
	uint64_t mark = d->mem.used;
	uint64_t gpa = gmem_alloc(&d->mem, len, 4096);

	scsi_tur(d, VQ_IO);
	scsi_rw(d, VQ_IO, false, 0, gpa, len);
	for (unsigned int lane = 0; lane < IO_QUEUES; lane++)
		for (unsigned int i = 0; i < DEPTH; i++)
			check_piece(d, gpa + lba_of(lane, i) * BLOCK, arg, lane,
				    i);
	d->mem.used = mark;
}

static void one_kill(const struct tgt *t, struct diary *diary, uint64_t life,
		     struct rng *r)
{
	bool shared = rng_once_in(r, 3), clear = rng_once_in(r, 2);
	struct owner o = { .t = t, .diary = diary, .r = *r };
	int fd = dev_open_fd();
	pid_t pid;

	memset(diary, 0, sizeof(*diary));
	diary->life = life;
	fuzz_step("the owner lives");
	pid = test_fork();
	if (!pid)
		live(&o, fd);
	if (!shared)
		close(fd);
	kill_in_time(r, pid, diary);
	if (shared && clear)
		expect(dev_clear_endpoint(fd, t->wwn), 0);
	if (shared)
		close(fd);
	fuzz_step("use the WWN again");
	guest_good_open(t, life, check_disk, diary);
	check(wait_until(!threads_count(pid)), "threads of process %d stay",
	      pid);
}

VRING_TEST(
	fuzz_kills, "fuzz/kill-owner-at-any-moment",
	"kill the owner of a busy device at any moment and use its WWN again")
{
	unsigned long count = fuzz_start("kills", 4, 120);
	unsigned long first = fuzz_first();
	struct diary *diary = mmap(NULL, sizeof(*diary), PROT_READ | PROT_WRITE,
				   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct rng r;
	struct tgt t;

	check(diary != MAP_FAILED, "mmap: %s", strerror(errno));
	tgt_with_ramdisk(&t, DISK_BLOCKS * BLOCK);
	kmsg_mark();
	for (unsigned long i = 0; i < count; i++) {
		fuzz_round(first + i);
		rng_init(&r, 3, first + i);
		one_kill(&t, diary, first + i, &r);
	}
	fuzz_step("the end");
	check(!kmsg_has("does not answer"), "close() has given up waiting");
	guest_expect_unpinned();
}
