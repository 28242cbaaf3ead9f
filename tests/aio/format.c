// SPDX-License-Identifier: GPL-2.0
/*
 * The bytes of a stamped sector: a header, then words that follow from the
 * header alone, with a checksum over all of it. Pure functions.
 */
#include <string.h>

#include "stamp.h"

#define STAMP_MAGIC 0x7673637369535450ULL
#define NR_WORDS (SECTOR_SIZE / sizeof(uint64_t))

struct header {
	uint64_t magic;
	uint64_t sector;
	uint64_t seq;
	uint64_t gen;
	uint64_t sum; /* of the sector with this word zero */
};

static uint64_t mix(uint64_t x)
{
	x ^= x >> 31;
	x *= 0x9e3779b97f4a7c15ULL;
	x ^= x >> 29;
	return x;
}

static uint64_t checksum(const uint64_t *words)
{
	uint64_t sum = STAMP_MAGIC;
	size_t i;

	for (i = 0; i < NR_WORDS; i++) {
		if (i == offsetof(struct header, sum) / sizeof(*words))
			continue;
		sum = mix(sum ^ words[i]) + i;
	}
	return sum;
}

void stamp_fill(void *sector, uint64_t nr, struct stamp_id id)
{
	uint64_t words[NR_WORDS];
	struct header head = {
		.magic = STAMP_MAGIC,
		.sector = nr,
		.seq = id.seq,
		.gen = id.gen,
	};
	uint64_t x = mix(nr + 1) ^ mix(id.seq) ^ id.gen;
	size_t i;

	for (i = sizeof(head) / sizeof(*words); i < NR_WORDS; i++)
		words[i] = x = mix(x + i);
	memcpy(words, &head, sizeof(head));
	head.sum = checksum(words);
	memcpy(words, &head, sizeof(head));
	memcpy(sector, words, SECTOR_SIZE);
}

enum stamp_state stamp_check(const void *sector, uint64_t nr,
			     struct stamp_id *id)
{
	uint64_t words[NR_WORDS];
	struct header head;

	memcpy(words, sector, SECTOR_SIZE);
	memcpy(&head, words, sizeof(head));
	if (head.magic != STAMP_MAGIC)
		return STAMP_NONE;
	if (head.sum != checksum(words))
		return STAMP_CORRUPT;
	id->gen = head.gen;
	id->seq = head.seq;
	return head.sector == nr ? STAMP_GOOD : STAMP_FOREIGN;
}

int stamp_compare(struct stamp_id a, struct stamp_id b)
{
	if (a.gen != b.gen)
		return a.gen < b.gen ? -1 : 1;
	return (a.seq > b.seq) - (a.seq < b.seq);
}
