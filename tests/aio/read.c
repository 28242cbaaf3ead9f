// SPDX-License-Identifier: GPL-2.0
/*
 * Reads of a medium that "stamp fill" has stamped from end to end.
 *
 * "stamp read" keeps many in flight, each into a buffer that was overwritten
 * before, and looks at each when it has ended.
 *
 * "stamp hold" is for live migration. It reads all of the medium into one
 * buffer and looks at it only when it is told to: in between no processor
 * touches the buffer, so that nobody but the device can have said that its
 * pages have changed. It obeys words on standard input and answers each with
 * a line:
 *
 *	fill	overwrite the buffer
 *	read	read the medium into it
 *	check	"check good" or what is wrong
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libaio.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "stamp.h"

#define FILLER 0xa5
#define CHUNK (64 * 1024)

struct finding {
	uint64_t good;
	uint64_t stale; /* still the filler */
	uint64_t wrong;
	uint64_t first; /* sector that is not good */
};

static volatile sig_atomic_t stopped;

static void on_signal(int sig)
{
	(void)sig;
	stopped = 1;
}

static bool is_filler(const uint8_t *sector)
{
	return sector[0] == FILLER &&
	       !memcmp(sector, sector + 1, SECTOR_SIZE - 1);
}

/* Hold what was read from sector @nr on against what "stamp fill" wrote. */
static void look(struct finding *f, const uint8_t *data, size_t bytes,
		 uint64_t nr, uint32_t gen)
{
	struct stamp_id id;
	size_t i;

	for (i = 0; i < bytes; i += SECTOR_SIZE, nr++) {
		if (stamp_check(data + i, nr, &id) == STAMP_GOOD &&
		    id.gen == gen) {
			f->good++;
			continue;
		}
		if (!f->stale && !f->wrong)
			f->first = nr;
		if (is_filler(data + i))
			f->stale++;
		else
			f->wrong++;
	}
}

/* "good", or what is wrong; one line. */
static bool tell(FILE *to, const char *word, const struct finding *f)
{
	bool good = f->good && !f->stale && !f->wrong;

	fprintf(to, "%s %s good=%" PRIu64 " stale=%" PRIu64 " wrong=%" PRIu64,
		word, good ? "good" : "BAD", f->good, f->stale, f->wrong);
	if (f->stale || f->wrong)
		fprintf(to, " first=%" PRIu64, f->first);
	fprintf(to, "\n");
	fflush(to);
	return good;
}

static int open_span(const struct options *opt, int flags, uint64_t *span)
{
	int fd = open_device(opt->device, flags, span);

	if (opt->span && opt->span < *span)
		*span = opt->span;
	*span -= *span % CHUNK;
	if (!*span)
		die("%s: too small", opt->device);
	return fd;
}

int stamp_fill_medium(const struct options *opt)
{
	const struct stamp_id id = { .gen = opt->gen, .seq = 1 };
	uint8_t *data = alloc_aligned(CHUNK);
	uint64_t span, at;
	size_t i;
	int fd;

	fd = open_span(opt, O_RDWR, &span);
	for (at = 0; at < span; at += CHUNK) {
		for (i = 0; i < CHUNK; i += SECTOR_SIZE)
			stamp_fill(data + i, (at + i) / SECTOR_SIZE, id);
		if (pwrite(fd, data, CHUNK, at) != CHUNK)
			die("%s: write at %" PRIu64 ": %s", opt->device, at,
			    strerror(errno));
	}
	free(data);
	return close(fd) ? 2 : 0;
}

struct reader {
	const struct options *opt;
	io_context_t ctx;
	int fd;
	uint64_t nr_blocks;
	uint64_t next; /* block */
	uint64_t begun;
	struct finding found;
};

static void begin(struct reader *r, struct iocb *iocb, void *data)
{
	const size_t size = r->opt->block;
	int rc;

	memset(data, FILLER, size);
	/* A stride that visits all blocks, far from one another. */
	r->next = (r->next + r->nr_blocks / 2 + 1) % r->nr_blocks;
	io_prep_pread(iocb, r->fd, data, size, r->next * size);
	do {
		rc = io_submit(r->ctx, 1, &iocb);
	} while (rc == -EAGAIN || rc == -EINTR);
	if (rc != 1)
		die("io_submit: %s", strerror(-rc));
	r->begun++;
}

static void end(struct reader *r, const struct io_event *event)
{
	const struct iocb *iocb = event->obj;
	const size_t size = r->opt->block;
	uint64_t at = iocb->u.c.offset;

	if ((long)event->res != (long)size)
		die("read at %" PRIu64 ": %s", at,
		    (long)event->res < 0 ? strerror(-(long)event->res)
					 : "short");
	look(&r->found, iocb->u.c.buf, size, at / SECTOR_SIZE, r->opt->gen);
}

static bool goes_on(const struct reader *r)
{
	return !stopped && !r->found.stale && !r->found.wrong &&
	       (!r->opt->count || r->begun < r->opt->count);
}

int stamp_read(const struct options *opt)
{
	struct sigaction act = { .sa_handler = on_signal };
	struct iocb *iocbs = calloc(opt->depth, sizeof(*iocbs));
	struct reader r = { .opt = opt };
	int timer = open_timer(opt);
	unsigned int in_flight;
	struct io_event event;
	uint64_t span;
	int rc;

	r.fd = open_span(opt, O_RDONLY, &span);
	r.nr_blocks = span / opt->block;
	rc = io_setup(opt->depth, &r.ctx);
	if (rc < 0 || !iocbs)
		die("io_setup: %s", strerror(-rc));
	sigaction(SIGTERM, &act, NULL);
	sigaction(SIGINT, &act, NULL);
	for (in_flight = 0; in_flight < opt->depth; in_flight++)
		begin(&r, &iocbs[in_flight], alloc_aligned(opt->block));
	while (in_flight) {
		do {
			rc = io_getevents(r.ctx, 1, 1, &event, NULL);
		} while (rc == -EINTR);
		if (rc != 1)
			die("io_getevents: %s", strerror(-rc));
		end(&r, &event);
		in_flight--;
		if (r.begun % opt->depth == 0)
			await_tick(timer);
		if (goes_on(&r)) {
			begin(&r, event.obj, event.obj->u.c.buf);
			in_flight++;
		}
	}
	return tell(stdout, "read", &r.found) ? 0 : 1;
}

static void read_all(int fd, uint8_t *buffer, uint64_t span)
{
	uint64_t at;

	for (at = 0; at < span; at += CHUNK)
		if (pread(fd, buffer + at, CHUNK, at) != CHUNK)
			die("read at %" PRIu64 ": %s", at, strerror(errno));
}

int stamp_hold(const struct options *opt)
{
	struct finding found;
	uint8_t *buffer;
	uint64_t span;
	char word[16];
	int fd;

	fd = open_span(opt, O_RDONLY, &span);
	buffer = mmap(NULL, span, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (buffer == MAP_FAILED || mlock(buffer, span))
		die("a buffer of %" PRIu64 ": %s", span, strerror(errno));
	while (scanf("%15s", word) == 1) {
		if (!strcmp(word, "check")) {
			found = (struct finding){ 0 };
			look(&found, buffer, span, 0, opt->gen);
			tell(stdout, word, &found);
			continue;
		}
		if (!strcmp(word, "fill"))
			memset(buffer, FILLER, span);
		else if (!strcmp(word, "read"))
			read_all(fd, buffer, span);
		else
			die("what is %s?", word);
		printf("%s\n", word);
		fflush(stdout);
	}
	return 0;
}
