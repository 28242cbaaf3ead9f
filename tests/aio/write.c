// SPDX-License-Identifier: GPL-2.0
/*
 * The writer: as many stamped writes in flight as asked, each to a block that
 * no other write in flight touches. One thread; the kernel's AIO does the
 * rest. The log is text, one line a record, in the order of events:
 *
 *	G <generation> <bytes of a block> <number of blocks>
 *	A <sequence> <block>		acknowledged
 *	E <sequence> <block> <errno>	failed: may or may not be on the medium
 *	Q <acknowledged> <failed>	the writer ended by itself
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libaio.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "stamp.h"

#define LINE_MAX_BYTES 80

struct slot {
	struct iocb iocb; /* first: an event points here */
	uint64_t block;
	uint64_t seq;
	void *data;
};

struct writer {
	const struct options *opt;
	io_context_t ctx;
	int fd;
	int log;
	uint64_t nr_blocks;
	uint64_t seq; /* of the latest write begun */
	uint64_t random;
	uint64_t acked;
	uint64_t failed;
	unsigned int in_flight;
	int timer;	   /* of open_timer() */
	unsigned int turn; /* that may begin before the next tick */
	uint8_t *busy;	   /* by block: a write is in flight */
	struct slot *slots;
	struct slot **idle;
	unsigned int nr_idle;
	char *lines; /* log records not yet written */
	size_t used;
};

static volatile sig_atomic_t stopped;

static void on_signal(int sig)
{
	(void)sig;
	stopped = 1;
}

static void log_flush(struct writer *w)
{
	size_t done = 0;

	while (done < w->used) {
		ssize_t n = write(w->log, w->lines + done, w->used - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			die("log: %s", strerror(errno));
		done += n;
	}
	w->used = 0;
}

static uint64_t next_random(struct writer *w)
{
	w->random ^= w->random << 13;
	w->random ^= w->random >> 7;
	w->random ^= w->random << 17;
	return w->random;
}

static void begin(struct writer *w, struct slot *slot)
{
	const size_t size = w->opt->block;
	struct iocb *iocb = &slot->iocb;
	struct stamp_id id;
	uint64_t first;
	size_t i;
	int rc;

	do {
		slot->block = next_random(w) % w->nr_blocks;
	} while (w->busy[slot->block]);
	w->busy[slot->block] = 1;
	slot->seq = ++w->seq;

	id = (struct stamp_id){ .gen = w->opt->gen, .seq = slot->seq };
	first = slot->block * (size / SECTOR_SIZE);
	for (i = 0; i < size / SECTOR_SIZE; i++)
		stamp_fill((char *)slot->data + i * SECTOR_SIZE, first + i, id);

	io_prep_pwrite(iocb, w->fd, slot->data, size, slot->block * size);
	do {
		rc = io_submit(w->ctx, 1, &iocb);
	} while (rc == -EAGAIN || rc == -EINTR);
	if (rc != 1)
		die("io_submit: %s", strerror(-rc));
	w->in_flight++;
}

/* Log one result. The block stays busy until the log is written. */
static void end(struct writer *w, struct slot *slot, long res)
{
	char *line = w->lines + w->used;

	if (res == (long)w->opt->block) {
		w->acked++;
		w->used += sprintf(line, "A %" PRIu64 " %" PRIu64 "\n",
				   slot->seq, slot->block);
	} else {
		w->failed++;
		w->used += sprintf(line, "E %" PRIu64 " %" PRIu64 " %ld\n",
				   slot->seq, slot->block, res < 0 ? -res : 0);
	}
	w->in_flight--;
}

static void reap(struct writer *w)
{
	struct io_event events[64];
	int i, n;

	do {
		n = io_getevents(w->ctx, 1, 64, events, NULL);
	} while (n == -EINTR);
	if (n < 0)
		die("io_getevents: %s", strerror(-n));

	for (i = 0; i < n; i++)
		end(w, (struct slot *)events[i].obj, (long)events[i].res);
	log_flush(w);
	for (i = 0; i < n; i++) {
		struct slot *slot = (struct slot *)events[i].obj;

		w->busy[slot->block] = 0;
		w->idle[w->nr_idle++] = slot;
	}
}

/*
 * With --rate, as many writes as --depth begin together at each tick. Waits for it
 * only if nothing is in flight; a signal ends the wait.
 */
static void await_turn(struct writer *w)
{
	if (w->turn || (w->timer >= 0 && w->in_flight))
		return;
	if (await_tick(w->timer))
		w->turn = w->opt->depth;
}

static bool may_begin(const struct writer *w, time_t deadline)
{
	if (stopped || (w->opt->count && w->seq >= w->opt->count))
		return false;
	return !deadline || time(NULL) < deadline;
}

static void setup(struct writer *w)
{
	const struct options *opt = w->opt;
	uint64_t span;
	unsigned int i;
	int rc;

	w->fd = open_device(opt->device, O_RDWR, &span);
	if (opt->span && opt->span < span)
		span = opt->span;
	w->nr_blocks = span / opt->block;
	if (w->nr_blocks < 2 * (uint64_t)opt->depth)
		die("%s: too small for %u writes of %zu bytes in flight",
		    opt->device, opt->depth, opt->block);

	w->log = STDOUT_FILENO;
	if (opt->nr_logs) {
		w->log =
			open(opt->logs[0], O_WRONLY | O_CREAT | O_APPEND, 0644);
		if (w->log < 0)
			die("%s: %s", opt->logs[0], strerror(errno));
	}

	w->timer = open_timer(opt);
	rc = io_setup(opt->depth, &w->ctx);
	if (rc < 0)
		die("io_setup: %s", strerror(-rc));
	w->random = 0x2545f4914f6cdd1dULL ^ ((uint64_t)opt->gen << 20);
	w->busy = calloc(w->nr_blocks, 1);
	w->slots = calloc(opt->depth, sizeof(*w->slots));
	w->idle = calloc(opt->depth, sizeof(struct slot *));
	w->lines = malloc(64 * LINE_MAX_BYTES);
	if (!w->busy || !w->slots || !w->idle || !w->lines)
		die("out of memory");
	for (i = 0; i < opt->depth; i++) {
		w->slots[i].data = alloc_aligned(opt->block);
		w->idle[w->nr_idle++] = &w->slots[i];
	}
}

int stamp_write(const struct options *opt)
{
	struct sigaction act = { .sa_handler = on_signal };
	struct writer w = { .opt = opt };
	time_t deadline = opt->seconds ? time(NULL) + opt->seconds : 0;

	setup(&w);
	sigaction(SIGTERM, &act, NULL);
	sigaction(SIGINT, &act, NULL);

	w.used = sprintf(w.lines, "G %" PRIu32 " %zu %" PRIu64 "\n", opt->gen,
			 opt->block, w.nr_blocks);
	log_flush(&w);
	while (w.in_flight || may_begin(&w, deadline)) {
		await_turn(&w);
		for (; w.turn && w.nr_idle && may_begin(&w, deadline); w.turn--)
			begin(&w, w.idle[--w.nr_idle]);
		if (w.in_flight)
			reap(&w);
	}
	w.used = sprintf(w.lines, "Q %" PRIu64 " %" PRIu64 "\n", w.acked,
			 w.failed);
	log_flush(&w);
	fprintf(stderr, "stamp: %" PRIu64 " acknowledged, %" PRIu64 " failed\n",
		w.acked, w.failed);
	return w.failed ? 3 : 0;
}
