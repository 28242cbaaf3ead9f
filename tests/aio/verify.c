// SPDX-License-Identifier: GPL-2.0
/*
 * The judge. From the logs it learns the latest acknowledged write of each
 * block; then every sector of the medium must hold that write or a later one
 * (a later one was in flight when the log ended, or failed and is named in
 * the log). A stamp that belongs elsewhere is wrong wherever it is found.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "stamp.h"

#define MAX_TOLD 10 /* findings printed one by one */

struct block {
	struct stamp_id acked;	/* seq 0: never */
	struct stamp_id failed; /* latest failed write, seq 0: none */
};

struct judge {
	const struct options *opt;
	size_t block_size;
	uint64_t nr_blocks;
	struct block *blocks;
	uint32_t gen; /* of the log being read */
	uint64_t acks;
	bool ended; /* the last log has its closing record */

	uint64_t nr_acked;     /* blocks with an acknowledged write */
	uint64_t exact, newer; /* sectors */
	uint64_t lost, corrupt, foreign;
};

static void log_head(struct judge *j, const char *name, const char *line)
{
	uint64_t blocks;
	size_t size;

	if (sscanf(line, "G %" SCNu32 " %zu %" SCNu64, &j->gen, &size,
		   &blocks) != 3 ||
	    !size || size % SECTOR_SIZE || !blocks)
		die("%s: bad head: %s", name, line);
	j->ended = false;
	if (j->blocks) {
		if (size != j->block_size || blocks != j->nr_blocks)
			die("%s: written with another geometry", name);
		return;
	}
	j->block_size = size;
	j->nr_blocks = blocks;
	j->blocks = calloc(blocks, sizeof(*j->blocks));
	if (!j->blocks)
		die("out of memory");
}

static void log_line(struct judge *j, const char *name, const char *line)
{
	struct stamp_id id = { .gen = j->gen };
	struct stamp_id *last;
	uint64_t nr;

	if (line[0] == 'G') {
		log_head(j, name, line);
		return;
	}
	if (line[0] == 'Q' && j->blocks) {
		j->ended = true;
		return;
	}
	if ((line[0] != 'A' && line[0] != 'E') || !j->blocks ||
	    sscanf(line + 1, "%" SCNu64 "%" SCNu64, &id.seq, &nr) != 2 ||
	    !id.seq || nr >= j->nr_blocks)
		die("%s: bad record: %s", name, line);

	last = line[0] == 'A' ? &j->blocks[nr].acked : &j->blocks[nr].failed;
	if (line[0] == 'A')
		j->acks++;
	if (stamp_compare(id, *last) > 0)
		*last = id;
}

/* A last line without its end is what a killed writer leaves: not a record. */
static void read_log(struct judge *j, const char *name)
{
	FILE *file = fopen(name, "r");
	char line[128];

	if (!file)
		die("%s: %s", name, strerror(errno));
	while (fgets(line, sizeof(line), file)) {
		size_t len = strlen(line);

		if (line[len - 1] != '\n') {
			if (!feof(file))
				die("%s: overlong record", name);
			break;
		}
		log_line(j, name, line);
	}
	if (ferror(file))
		die("%s: read error", name);
	fclose(file);
}

static void tell(const struct judge *j, uint64_t sector, const char *what,
		 struct stamp_id found, const struct block *b)
{
	if (j->lost + j->corrupt + j->foreign > MAX_TOLD)
		return;
	fprintf(stderr,
		"sector %" PRIu64 ": %s: found %" PRIu32 "/%" PRIu64
		", acknowledged %" PRIu32 "/%" PRIu64 "\n",
		sector, what, found.gen, found.seq, b->acked.gen, b->acked.seq);
}

/* May a write later than the last acknowledged one be on the medium? */
static bool newer_is_explained(const struct judge *j, const struct block *b,
			       struct stamp_id found)
{
	return !j->ended || found.gen < j->gen ||
	       !stamp_compare(found, b->failed);
}

static void judge_sector(struct judge *j, const void *data, uint64_t sector,
			 const struct block *b)
{
	struct stamp_id found = { 0 };
	int order;

	switch (stamp_check(data, sector, &found)) {
	case STAMP_CORRUPT:
		j->corrupt++;
		tell(j, sector, "corrupt", found, b);
		return;
	case STAMP_FOREIGN:
		j->foreign++;
		tell(j, sector, "stamp of another sector", found, b);
		return;
	case STAMP_NONE:
		if (!b->acked.seq)
			return;
		j->lost++;
		tell(j, sector, "no stamp", found, b);
		return;
	case STAMP_GOOD:
		break;
	}

	order = stamp_compare(found, b->acked);
	if (order < 0) {
		j->lost++;
		tell(j, sector, "rolled back", found, b);
	} else if (!order) {
		j->exact++;
	} else if (newer_is_explained(j, b, found)) {
		j->newer++;
	} else {
		j->foreign++;
		tell(j, sector, "a write that never was", found, b);
	}
}

static void read_fully(int fd, void *data, size_t bytes, off_t pos)
{
	size_t done = 0;

	while (done < bytes) {
		ssize_t n = pread(fd, (char *)data + done, bytes - done,
				  pos + done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			die("read at %lld: %s", (long long)(pos + done),
			    n ? strerror(errno) : "end of medium");
		done += n;
	}
}

static void judge_medium(struct judge *j, int fd)
{
	const size_t sectors = j->block_size / SECTOR_SIZE;
	char *data = alloc_aligned(j->block_size);
	uint64_t nr;
	size_t i;

	for (nr = 0; nr < j->nr_blocks; nr++) {
		const struct block *b = &j->blocks[nr];

		if (b->acked.seq)
			j->nr_acked++;
		read_fully(fd, data, j->block_size, nr * j->block_size);
		for (i = 0; i < sectors; i++)
			judge_sector(j, data + i * SECTOR_SIZE,
				     nr * sectors + i, b);
	}
	free(data);
}

int stamp_verify(const struct options *opt)
{
	struct judge j = { .opt = opt };
	uint64_t bytes;
	bool good;
	int fd, i;

	for (i = 0; i < opt->nr_logs; i++)
		read_log(&j, opt->logs[i]);
	if (!j.blocks)
		die("no log has a head");
	fd = open_device(opt->device, O_RDONLY, &bytes);
	if (bytes < j.block_size * j.nr_blocks)
		die("%s: smaller than what was written to", opt->device);
	judge_medium(&j, fd);
	close(fd);

	good = !j.lost && !j.corrupt && !j.foreign && j.acks >= opt->min_acks;
	printf("stamp: %s acks=%" PRIu64 " blocks=%" PRIu64 " exact=%" PRIu64
	       " newer=%" PRIu64 " lost=%" PRIu64 " corrupt=%" PRIu64
	       " foreign=%" PRIu64 "%s\n",
	       good ? "good" : "BAD", j.acks, j.nr_acked, j.exact, j.newer,
	       j.lost, j.corrupt, j.foreign,
	       j.acks < opt->min_acks ? " (too few acknowledged)" : "");
	free(j.blocks);
	return good ? 0 : 1;
}
