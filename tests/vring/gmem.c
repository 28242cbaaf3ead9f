// SPDX-License-Identifier: GPL-2.0
/*
 * Guest memory: several regions whose guest-physical addresses have nothing
 * to do with where they are mapped, with an inaccessible page at either end of
 * each mapping so that an access beyond a region faults.
 */
#include <sys/mman.h>
#include "vring.h"

#define GUARD (64 * KIB)

/* The end of the first region is left to tests that cross into the next. */
#define KEPT_TOP (4 * MIB)

struct region *gmem_add(struct gmem *m, uint64_t gpa, uint64_t size)
{
	struct region *r = &m->region[m->nr];
	uint8_t *map;

	check(m->nr < GMEM_REGIONS, "too many regions");
	map = mmap(NULL, size + 2 * GUARD, PROT_NONE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	check(map != MAP_FAILED, "mmap: %s", strerror(errno));
	check(!mprotect(map + GUARD, size, PROT_READ | PROT_WRITE),
	      "mprotect: %s", strerror(errno));
	r->gpa = gpa;
	r->size = size;
	r->hva = map + GUARD;
	m->nr++;
	return r;
}

void gmem_init(struct gmem *m)
{
	memset(m, 0, sizeof(*m));
	gmem_add(m, LOW_GPA, LOW_SIZE);
	gmem_add(m, NEXT_GPA, NEXT_SIZE);
	gmem_add(m, HIGH_GPA, HIGH_SIZE);
}

uint64_t gmem_alloc(struct gmem *m, uint64_t size, uint64_t align)
{
	uint64_t start = (m->used + align - 1) / align * align;

	check(start + size <= m->region[0].size - m->kept - KEPT_TOP,
	      "guest memory is used up");
	m->used = start + size;
	return m->region[0].gpa + start;
}

/*
 * Memory that stays allocated when a caller of gmem_alloc() goes back to an
 * older value of used; it grows down from below the end of the region.
 */
uint64_t gmem_keep(struct gmem *m, uint64_t size)
{
	m->kept += (size + 63) / 64 * 64;
	check(m->used + m->kept + KEPT_TOP <= m->region[0].size,
	      "guest memory is used up");
	return m->region[0].gpa + m->region[0].size - KEPT_TOP - m->kept;
}

static const struct region *find(const struct gmem *m, uint64_t gpa)
{
	const struct region *r;

	for (r = m->region; r < m->region + m->nr; r++)
		if (gpa >= r->gpa && gpa - r->gpa < r->size)
			return r;
	fail("no guest memory at 0x%llx", (unsigned long long)gpa);
}

void *gmem_ptr(const struct gmem *m, uint64_t gpa, uint64_t len)
{
	const struct region *r = find(m, gpa);

	check(len <= r->size - (gpa - r->gpa), "0x%llx+%llu crosses a region",
	      (unsigned long long)gpa, (unsigned long long)len);
	return r->hva + (gpa - r->gpa);
}

/* Bytes from @gpa to the end of its region, at most @len. */
static size_t room(const struct gmem *m, uint64_t gpa, size_t len)
{
	const struct region *r = find(m, gpa);
	uint64_t left = r->size - (gpa - r->gpa);

	return left < len ? left : len;
}

void gmem_put(const struct gmem *m, uint64_t gpa, const void *src, size_t len)
{
	const uint8_t *p = src;

	for (size_t n; len; gpa += n, p += n, len -= n) {
		n = room(m, gpa, len);
		memcpy(gmem_ptr(m, gpa, n), p, n);
	}
}

void gmem_get(const struct gmem *m, uint64_t gpa, void *dst, size_t len)
{
	uint8_t *p = dst;

	for (size_t n; len; gpa += n, p += n, len -= n) {
		n = room(m, gpa, len);
		memcpy(p, gmem_ptr(m, gpa, n), n);
	}
}

void gmem_fill(const struct gmem *m, uint64_t gpa, int byte, size_t len)
{
	for (size_t n; len; gpa += n, len -= n) {
		n = room(m, gpa, len);
		memset(gmem_ptr(m, gpa, n), byte, n);
	}
}

static uint64_t pattern_word(uint64_t seed, uint64_t index)
{
	uint64_t x = seed * 0x9e3779b97f4a7c15ull + index;

	x ^= x >> 30;
	x *= 0xbf58476d1ce4e5b9ull;
	return x ^ (x >> 27);
}

uint8_t pattern_byte(uint64_t seed, uint64_t offset)
{
	return pattern_word(seed, offset / 8) >> (offset % 8 * 8);
}

void gmem_pattern(const struct gmem *m, uint64_t gpa, size_t len, uint64_t seed)
{
	uint64_t words[512];

	for (size_t at = 0; at < len; at += sizeof(words)) {
		size_t n = len - at < sizeof(words) ? len - at : sizeof(words);

		for (size_t i = 0; i < (n + 7) / 8; i++)
			words[i] = pattern_word(seed, at / 8 + i);
		gmem_put(m, gpa + at, words, n);
	}
}

ssize_t gmem_differs(const struct gmem *m, uint64_t gpa, size_t len,
		     uint64_t seed)
{
	uint64_t want[512], got[512];

	for (size_t at = 0; at < len; at += sizeof(want)) {
		size_t n = len - at < sizeof(want) ? len - at : sizeof(want);

		for (size_t i = 0; i < (n + 7) / 8; i++)
			want[i] = pattern_word(seed, at / 8 + i);
		gmem_get(m, gpa + at, got, n);
		if (!memcmp(want, got, n))
			continue;
		for (size_t i = 0; i < n; i++)
			if (((uint8_t *)want)[i] != ((uint8_t *)got)[i])
				return at + i;
	}
	return -1;
}

int gmem_set_table(const struct gmem *m, int fd)
{
	char buf[sizeof(struct vhost_memory) +
		 GMEM_REGIONS * sizeof(struct vhost_memory_region)];
	struct vhost_memory *t = (void *)buf;

	memset(buf, 0, sizeof(buf));
	t->nregions = m->nr;
	for (unsigned int i = 0; i < m->nr; i++) {
		t->regions[i].guest_phys_addr = m->region[i].gpa;
		t->regions[i].memory_size = m->region[i].size;
		t->regions[i].userspace_addr = (uintptr_t)m->region[i].hva;
	}
	return dev_ioctl(fd, VHOST_SET_MEM_TABLE, t);
}
