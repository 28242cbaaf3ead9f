// SPDX-License-Identifier: GPL-2.0
/* Seeds, rounds and random numbers of the fuzzers. */
#include <stdarg.h>
#include <stdio.h>
#include "fuzz.h"

static unsigned long long seed;
static unsigned long round_nr;
static off_t progress = -1; /* where the log says which round it is */

static uint64_t mix(uint64_t x)
{
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
	return x ^ (x >> 31);
}

void rng_init(struct rng *r, uint64_t stream, uint64_t round)
{
	r->state = mix(mix(mix(seed) + stream) + round);
}

/* splitmix64 */
uint64_t rng_word(struct rng *r)
{
	r->state += 0x9e3779b97f4a7c15ull;
	return mix(r->state);
}

uint32_t rng_below(struct rng *r, uint32_t below)
{
	return (rng_word(r) >> 32) % below;
}

uint32_t rng_within(struct rng *r, uint32_t low, uint32_t high)
{
	return low + rng_below(r, high - low + 1);
}

bool rng_once_in(struct rng *r, uint32_t n)
{
	return !rng_below(r, n);
}

static unsigned long env(const char *name, unsigned long usual)
{
	const char *text = getenv(name);

	return text && *text ? strtoul(text, NULL, 0) : usual;
}

unsigned long fuzz_start(const char *what, unsigned long usual,
			 unsigned int seconds)
{
	unsigned long scale = env("VSCSI_FUZZ_SCALE", 1);

	seed = env("VSCSI_FUZZ_SEED", 1);
	round_nr = fuzz_first();
	test_limit(seconds * scale);
	fprintf(stderr, "VSCSI_FUZZ_SEED=%llu VSCSI_FUZZ_FIRST=%lu: %lu %s\n",
		seed, round_nr, usual * scale, what);
	progress = lseek(STDERR_FILENO, 0, SEEK_CUR);
	return usual * scale;
}

unsigned long fuzz_first(void)
{
	return env("VSCSI_FUZZ_FIRST", 0);
}

/* The line is written over by the next, for there are thousands. */
void fuzz_round(unsigned long n)
{
	round_nr = n;
	if (progress < 0 || lseek(STDERR_FILENO, progress, SEEK_SET) < 0)
		return;
	fprintf(stderr, "round %12lu\n", n);
}

void fuzz_step(const char *fmt, ...)
{
	char text[160];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	step("VSCSI_FUZZ_SEED=%llu VSCSI_FUZZ_FIRST=%lu: %s", seed, round_nr,
	     text);
}
