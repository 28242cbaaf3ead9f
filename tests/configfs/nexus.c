// SPDX-License-Identifier: GPL-2.0
/*
 * A nexus that is made while a LUN of its port is unlinked: LIO must not give
 * the new initiator the LUN that is on its way out, for it would never take it
 * away again, and stumble over it when the memory is used for the next LUN.
 * Found by fuzz/survive-random-ioctls.
 *
 * The peer on 6.12 takes the host down in its first rounds (a NULL pointer);
 * our module did so under the fuzzer (a corrupted list in a later unlink).
 */
#include <pthread.h>
#include "vring.h"

#define ROUNDS 20
#define LUNS 4

struct beside {
	struct tgt t;
	pthread_barrier_t barrier;
	int nexus; /* what the write returned */
};

static void *make_nexus(void *arg)
{
	struct beside *b = arg;

	for (int i = 0; i < ROUNDS; i++) {
		pthread_barrier_wait(&b->barrier);
		b->nexus = tpg_nexus(&b->t, 2, b->t.wwn);
		pthread_barrier_wait(&b->barrier);
	}
	return NULL;
}

/* A new port each time, for a port remembers the initiators that it had. */
VRING_TEST(cfs_nexus, "configfs/make-nexus-beside-unlink",
	   "write the nexus of a new port while its LUN is unlinked, and go on")
{
	struct beside b;
	pthread_t thread;
	struct bs bs;

	bs_ramdisk(&bs, 1 * MIB);
	tgt_new(&b.t);
	check(!pthread_barrier_init(&b.barrier, NULL, 2), "no barrier");
	check(!pthread_create(&thread, NULL, make_nexus, &b), "no thread");
	for (int i = 0; i < ROUNDS; i++) {
		step("round %d", i);
		expect(tpg_mkdir(&b.t, 2), 0);
		for (unsigned int lun = 0; lun < LUNS; lun++)
			expect(lun_link(&b.t, 2, lun, &bs), 0);
		pthread_barrier_wait(&b.barrier);
		for (unsigned int lun = 0; lun < LUNS; lun++)
			expect(lun_unlink(&b.t, 2, lun), 0);
		pthread_barrier_wait(&b.barrier);
		check(!b.nexus || b.nexus == -EBUSY, "nexus: %s",
		      errno_name(b.nexus));
		expect(lun_link(&b.t, 2, 0, &bs), 0);
		expect(lun_unlink(&b.t, 2, 0), 0);
		expect(tpg_nexus(&b.t, 2, "NULL"), b.nexus ? -ENODEV : 0);
		expect(tpg_rmdir(&b.t, 2), 0);
	}
	pthread_join(thread, NULL);
}
