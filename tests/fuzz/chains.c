// SPDX-License-Identifier: GPL-2.0
/*
 * Random rings. Each round boots a guest with features, ring sizes and indices
 * of its own. In most rounds an oracle (oracle.c) reads the rings as the device
 * has to: every chain that makes sense is answered, once, the first that does
 * not stops its queue and no other, and no byte of guest memory changes but in
 * what the answered chains let be written, which is logged if it should be. In
 * the others buffers lie over rings and tables, which change while the device
 * reads them, and memory is taken away; there it only has to survive. A good
 * command is served at the begin and end of each round.
 *
 * Seen to fail on a build that answered chains without room for a response:
 * bytes changed in no buffer of an answered chain. What it has found:
 * pi/move-no-blocks.
 */
#include <sys/mman.h>
#include "fuzz.h"

/* Every queue filled, seen through. Returns how many chains were looked at. */
static unsigned int foreseen(struct guest *g, struct rng *r, bool *broken)
{
	static struct outlook o[QUEUES];
	unsigned int faults = rng_once_in(r, 2) ? rng_within(r, 6, 40) : 0;
	unsigned int n = 0;

	for (unsigned int i = 0; i < QUEUES; i++)
		place_chains(g, r, &g->d->vq[i], faults, false);
	memory_take(g);
	for (unsigned int i = 0; i < QUEUES; i++)
		outlook_take(g, &o[i], &g->d->vq[i]);
	for (unsigned int i = 0; i < QUEUES; i++) {
		ring_publish(&g->d->vq[i]);
		if (i != VQ_EVT)
			ring_kick(&g->d->vq[i]);
	}
	for (unsigned int i = 0; i < QUEUES; i++) {
		outlook_check(g, &o[i]);
		broken[i] = o[i].breaks;
		n += o[i].good + o[i].breaks;
	}
	memory_check(g, o, QUEUES);
	return n;
}

static void protect_data(struct guest *g, uint64_t page, int prot)
{
	check(!mprotect(gmem_ptr(&g->d->mem, DATA_GPA + page * 4096, 4096),
			4096, prot),
	      "mprotect: %s", strerror(errno));
}

/* All of guest memory but one region. */
static void take_region(struct guest *g, unsigned int which)
{
	struct gmem part = { 0 };

	for (unsigned int i = 0; i < g->d->mem.nr; i++)
		if (i != which)
			part.region[part.nr++] = g->d->mem.region[i];
	gmem_set_table(&part, g->d->fd);
}

static void scribble(struct guest *g, struct rng *r, struct vq *vq)
{
	uint16_t value = rng_once_in(r, 2) ? rng_below(r, 300) : rng_word(r);
	uint64_t gpa = TABLE_GPA + rng_below(r, SLOTS * TABLE_SLOT - 1);

	if (rng_once_in(r, 2))
		gpa = vq->gpa + rng_below(r, vq->bytes - 1);
	gmem_put(&g->d->mem, gpa, &value, sizeof(value));
}

/* What a guest or VMM may do while the device reads the rings. */
static void disturb(struct guest *g, struct rng *r, uint64_t page)
{
	struct vq *vq = &g->d->vq[rng_below(r, QUEUES)];
	uint32_t missed = 1;

	switch (rng_below(r, 12)) {
	case 0:
		take_region(g, rng_below(r, 4));
		break;
	case 1:
		protect_data(g, page, rng_below(r, 4));
		break;
	case 2:
		dev_vq_addr(vq);
		break;
	case 3:
		dev_features(g->d->fd,
			     g->features | (rng_once_in(r, 2) ? F_LOG_ALL : 0));
		break;
	case 4:
		vq->avail_idx += rng_once_in(r, 3) ? rng_word(r)
						   : rng_below(r, 4);
		ring_publish(vq);
		break;
	case 5:
		dev_ioctl(g->d->fd, VHOST_SCSI_SET_EVENTS_MISSED, &missed);
		break;
	case 6:
		dev_vring_file(g->d->fd, VHOST_SET_VRING_CALL, vq->index,
			       rng_once_in(r, 2) ? -1 : vq->call);
		break;
	case 7:
		/* Time for the device to get ahead. */
		efd_wait(vq->call, now_ms() + 2);
		efd_drain(vq->call);
		break;
	default:
		for (int i = 0; i < 8; i++)
			scribble(g, r, vq);
		ring_kick(vq);
	}
}

static unsigned int unforeseen(struct guest *g, struct rng *r)
{
	uint64_t page = rng_below(r, DATA_SIZE / 4096);
	unsigned int n = 0;

	for (unsigned int i = 0; i < QUEUES; i++) {
		n += place_chains(g, r, &g->d->vq[i], 10, true);
		ring_publish(&g->d->vq[i]);
		ring_kick(&g->d->vq[i]);
	}
	for (unsigned int i = rng_below(r, 60); i; i--)
		disturb(g, r, page);
	protect_data(g, page, PROT_READ | PROT_WRITE);
	for (unsigned int i = 0; i < QUEUES; i++)
		expect(dev_vring_file(g->d->fd, VHOST_SET_VRING_ERR, i,
				      g->d->vq[i].err),
		       0);
	return n;
}

static unsigned int round_of_chains(struct guest *g, struct rng *r)
{
	bool broken[QUEUES] = { false };
	unsigned int n = 0;

	fuzz_step("boot");
	guest_boot(g, r);
	for (unsigned int q = VQ_IO; q < QUEUES; q++) {
		fuzz_step("a good command on queue %u", q);
		guest_good_command(g, q, rng_word(r));
	}
	if (rng_once_in(r, 6)) {
		fuzz_step("rings and memory that change");
		n = unforeseen(g, r);
		memset(broken, true, sizeof(broken));
	}
	for (unsigned int i = 0;
	     i < 4 && !broken[0] && !broken[1] && !broken[2] && !broken[3];
	     i++) {
		fuzz_step("rings no. %u", i);
		n += foreseen(g, r, broken);
	}
	for (unsigned int q = VQ_IO; q < QUEUES; q++) {
		uint64_t seed = rng_word(r);

		fuzz_step("a good command on queue %u, afterwards", q);
		if (!broken[q])
			guest_good_command(g, q, seed);
	}
	fuzz_step("CLEAR_ENDPOINT");
	guest_stop(g);
	return n;
}

/*
 * A module that prints for what a guest does would fill the log. LIO does: that
 * is not looked at.
 */
VRING_TEST(fuzz_chains, "fuzz/answer-random-chains",
	   "answer what makes sense in random rings, and only that")
{
	unsigned long count = fuzz_start("chains", 2000, 120), n = 0;
	static struct guest g;
	unsigned long nr = fuzz_first();
	struct rng r;

	guest_new(&g);
	kmsg_mark();
	for (; n < count; nr++) {
		fuzz_round(nr);
		rng_init(&r, 1, nr);
		n += round_of_chains(&g, &r);
	}
	fuzz_step("all is let go of");
	check(kmsg_count(";vhost_scsi: ") < 20,
	      "the module prints of what the guest does");
	dev_close(g.d);
	guest_expect_unpinned();
}
