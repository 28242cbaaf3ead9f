// SPDX-License-Identifier: GPL-2.0
/*
 * Random sequences of ioctls on one open device, by one to four threads, with
 * rings filled and kicked, memory regions taken away, workers made and moved,
 * LUNs that come and go, other processes and other opens in between. Each
 * answer has to be one that is documented, no call may hang, and a device that
 * is opened afterwards serves a good command. A sequence of one thread is the
 * same in each run with the same seed; of several, what each does is.
 *
 * What it has found: io/compare-and-write-after-resets, which is also what it was
 * seen to fail on (6.12: a warning of LIO); a forerunner of it,
 * configfs/make-nexus-beside-unlink.
 */
#include <pthread.h>
#include "../io/dirty.h"
#include "ops.h"

#define ACTORS 4
#define UNTIL_GOOD 40 /* sequences between two good commands */

struct play {
	struct actor actor[ACTORS];
	pthread_barrier_t barrier;
	unsigned long nr;     /* the sequence */
	unsigned int playing; /* so many of the actors */
};

static struct play play;

static void act(struct actor *a, unsigned int which)
{
	unsigned int n;

	rng_init(&a->r, 100 + which, play.nr);
	n = rng_within(&a->r, 4, 16);
	if (which < play.playing)
		for (unsigned int i = 0; i < n; i++)
			ops_any(a);
}

static void *thread_main(void *arg)
{
	struct actor *a = arg;

	for (;;) {
		pthread_barrier_wait(&play.barrier);
		act(a, a - play.actor);
		pthread_barrier_wait(&play.barrier);
	}
	return NULL;
}

static void play_init(struct guest *g)
{
	pthread_t thread;

	pthread_barrier_init(&play.barrier, NULL, ACTORS);
	for (unsigned int i = 0; i < ACTORS; i++) {
		play.actor[i].g = g;
		if (i)
			check(!pthread_create(&thread, NULL, thread_main,
					      &play.actor[i]),
			      "no thread");
	}
}

static void run_sequence(struct guest *g, unsigned long nr)
{
	struct rng r;

	rng_init(&r, 2, nr);
	play.nr = nr;
	play.playing = rng_once_in(&r, 3) ? 1 : rng_within(&r, 2, ACTORS);
	g->features = F_DEFAULT | (rng_word(&r) & (F_HOTPLUG | F_T10_PI |
						   F_CHANGE | F_LOG_ALL));
	fuzz_step("%u threads", play.playing);
	pthread_barrier_wait(&play.barrier);
	act(&play.actor[0], 0);
	pthread_barrier_wait(&play.barrier);
}

VRING_TEST(fuzz_ioctls, "fuzz/survive-random-ioctls",
	   "survive random ioctls of several threads on one device")
{
	unsigned long count = fuzz_start("sequences", 200, 120);
	unsigned long first = fuzz_first();
	static struct guest g;

	guest_new(&g);
	ops_init(&g);
	play_init(&g);
	kmsg_mark();
	for (unsigned long i = 0; i < count; i++) {
		fuzz_round(first + i);
		run_sequence(&g, first + i);
		if ((first + i) % UNTIL_GOOD != UNTIL_GOOD - 1)
			continue;
		fuzz_step("a good command");
		ops_reopen(&g);
		guest_good_open(&g.t, first + i, NULL, NULL);
	}
	fuzz_step("the end");
	dev_close(g.d);
	guest_good_open(&g.t, count, NULL, NULL);
	check(!kmsg_has("does not answer"), "close() has given up waiting");
	guest_expect_unpinned();
}
