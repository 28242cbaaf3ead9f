// SPDX-License-Identifier: GPL-2.0
/*
 * The cases of fairness: how long a single small read takes while somebody else
 * floods a queue with large ones, and how many of these are answered first.
 */
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <time.h>
#include "bench.h"
#include "harness.h"

#define FLOODS 2 /* queues flooded at most */
#define WARM_UP 8
#define PAUSES 16 /* between two probes, of different length */
#define PAUSE_NS 150000

static const struct load probe_load = { .queues = 1,
					.depth = 1,
					.bytes = 4096 };

/* What a probe met with. */
struct probe {
	double *us;
	unsigned int n;
	unsigned int passed; /* by how many of the flood's, at most */
};

static struct driver flood[FLOODS], prober;
static unsigned int floods;
static long flood_left, probe_left;

static void report(const struct bench *b, struct probe *p)
{
	char name[64];

	/* which sorts them */
	result(b->name, b->unit, median(p->us, p->n));
	snprintf(name, sizeof(name), "%s-worst", b->name);
	result(name, b->unit, p->us[p->n - 1]);
	if (!floods)
		return;
	snprintf(name, sizeof(name), "%s-passed", b->name);
	result(name, "requests", p->passed);
}

static struct probe new_probe(const struct bench *b)
{
	struct probe p = { .n = requests ? requests : b->requests };

	p.us = calloc(p.n, sizeof(*p.us));
	return p;
}

static uint16_t flood_answered(void)
{
	uint16_t n = 0;

	for (unsigned int i = 0; i < floods; i++)
		n += __atomic_load_n(&flood[i].vq->used->idx, __ATOMIC_ACQUIRE);
	return n;
}

static void one_probe(struct probe *p, unsigned int i)
{
	uint16_t before = flood_answered(), passed;
	uint64_t begin = now_ns();

	probe_left = 1;
	drive_run(&prober);
	p->us[i] = (double)(now_ns() - begin) / 1000;
	passed = flood_answered() - before;
	if (passed > p->passed)
		p->passed = passed;
}

/* The load's, which waits for nothing: a guest does not read all the time. */
static void pause_probes(unsigned int i)
{
	struct timespec ts = { .tv_nsec = i % PAUSES * PAUSE_NS };

	ppoll(NULL, 0, &ts, NULL);
}

/* At any moment of the flood's, so a probe is not sent when the last one came. */
static void run_probes(struct probe *p)
{
	for (int i = 0; i < WARM_UP; i++)
		one_probe(p, 0);
	p->passed = 0;
	mark_begin();
	for (unsigned int i = 0; i < p->n; i++) {
		pause_probes(i);
		one_probe(p, i);
	}
	mark_end();
}

static void *flood_thread(void *arg)
{
	drive_run(arg);
	return NULL;
}

/* Floods @d's first queues, by a thread each, while single requests go to @other. */
static void probe_beside(const struct bench *b, struct vdev *d, unsigned int n,
			 struct vq *other)
{
	struct probe p = new_probe(b);
	pthread_t thread[FLOODS];

	flood_left = 1l << 32;
	for (unsigned int i = 0; i < n; i++)
		drive_prepare(&flood[i], &d->vq[VQ_IO + i], &b->load,
			      &flood_left);
	drive_prepare(&prober, other, &probe_load, &probe_left);
	floods = n;
	for (unsigned int i = 0; i < n; i++)
		check(!pthread_create(&thread[i], NULL, flood_thread,
				      &flood[i]),
		      "no thread");
	check(wait_until(flood_answered() >= 4 * n * b->load.depth),
	      "no flood");
	run_probes(&p);
	__atomic_store_n(&flood_left, 0, __ATOMIC_RELAXED);
	for (unsigned int i = 0; i < n; i++)
		pthread_join(thread[i], NULL);
	report(b, &p);
}

static struct vdev *device_on(struct tgt *t, const struct load *load)
{
	struct vdev *d = bench_device(load->queues);

	bench_target(t, load);
	expect(dev_set_endpoint(d->fd, t->wwn), 0);
	take_attentions(d, load);
	return d;
}

/* For comparison: nobody floods. */
void run_fair_alone(const struct bench *b)
{
	struct probe p = new_probe(b);
	struct vdev *d;
	struct tgt t;

	d = device_on(&t, &b->load);
	drive_prepare(&prober, &d->vq[VQ_IO], &probe_load, &probe_left);
	run_probes(&p);
	report(b, &p);
	expect(dev_clear_endpoint(d->fd, t.wwn), 0);
	dev_close(d);
}

/* The last queue of a device, and the others flooded; the same LUN. */
void run_fair_queue(const struct bench *b)
{
	struct vdev *d;
	struct tgt t;

	d = device_on(&t, &b->load);
	probe_beside(b, d, b->load.queues - 1, &d->vq[d->nvqs - 1]);
	expect(dev_clear_endpoint(d->fd, t.wwn), 0);
	dev_close(d);
}

/* Another device, with a target of its own. */
void run_fair_device(const struct bench *b)
{
	struct vdev *d[2];
	struct tgt t[2];

	for (int i = 0; i < 2; i++)
		d[i] = device_on(&t[i], &b->load);
	probe_beside(b, d[0], 1, &d[1]->vq[VQ_IO]);
	for (int i = 0; i < 2; i++) {
		expect(dev_clear_endpoint(d[i]->fd, t[i].wwn), 0);
		dev_close(d[i]);
	}
}

/* Another LUN by the same queue, which is one thread's: the flood's sends the probes. */
void run_fair_lun(const struct bench *b)
{
	struct probe p = new_probe(b);
	struct load load = b->load;
	unsigned int passed;
	struct vdev *d;
	struct tgt t;

	d = device_on(&t, &load);
	load.luns = 1;
	floods = 1;
	drive_prepare(flood, &d->vq[VQ_IO], &load, &flood_left);
	drive_prepare_slot(&prober, &d->vq[VQ_IO], &probe_load, load.depth);
	for (unsigned int i = 0; i < WARM_UP; i++)
		drive_flood(flood, &prober, 1, &passed);
	mark_begin();
	for (unsigned int i = 0; i < p.n; i++) {
		p.us[i] = drive_flood(flood, &prober, 1, &passed) / 1000.0;
		if (passed > p.passed)
			p.passed = passed;
	}
	mark_end();
	drive_flood_end(flood);
	report(b, &p);
	expect(dev_clear_endpoint(d->fd, t.wwn), 0);
	dev_close(d);
}
