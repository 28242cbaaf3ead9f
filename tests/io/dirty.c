// SPDX-License-Identifier: GPL-2.0
/* Switching the dirty log on and off; comparing it with guest memory. */
#include <stdio.h>
#include <sys/mman.h>
#include "dirty.h"

#define PAGE 4096ull

static const uint8_t zero[PAGE];

static void *map_anonymous(size_t len)
{
	void *map = mmap(NULL, len, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	check(map != MAP_FAILED, "mmap: %s", strerror(errno));
	return map;
}

uint8_t *dirty_new(void)
{
	return map_anonymous(DIRTY_BYTES);
}

static uint64_t used_gpa(const struct vq *vq)
{
	return vq->gpa + ((uint8_t *)vq->used - (uint8_t *)vq->desc);
}

static void set_addresses(struct vdev *d, unsigned int flags)
{
	for (unsigned int i = 0; i < d->nvqs; i++) {
		struct vq *vq = &d->vq[i];
		struct vhost_vring_addr a = {
			.index = i,
			.flags = flags,
			.desc_user_addr = (uintptr_t)vq->desc,
			.avail_user_addr = (uintptr_t)vq->avail,
			.used_user_addr = (uintptr_t)vq->used,
			.log_guest_addr = used_gpa(vq),
		};

		if (vq->gpa)
			expect(dev_ioctl(d->fd, VHOST_SET_VRING_ADDR, &a), 0);
	}
}

void dirty_on(struct vdev *d, const uint8_t *log)
{
	uint64_t base = (uintptr_t)log;

	expect(dev_ioctl(d->fd, VHOST_SET_LOG_BASE, &base), 0);
	expect(dev_features(d->fd, d->features | F_LOG_ALL), 0);
	set_addresses(d, 1 << VHOST_VRING_F_LOG);
}

void dirty_off(struct vdev *d)
{
	expect(dev_features(d->fd, d->features), 0);
	set_addresses(d, 0);
}

bool dirty_is(const uint8_t *log, uint64_t gpa)
{
	return log[gpa / PAGE / 8] >> (gpa / PAGE % 8) & 1;
}

void shadow_take(struct shadow *s, const struct vdev *d)
{
	s->d = d;
	for (unsigned int i = 0; i < d->mem.nr; i++) {
		const struct region *r = &d->mem.region[i];

		if (s->copy[i])
			munmap(s->copy[i], r->size);
		s->copy[i] = map_anonymous(r->size);
		/* Most of it was never touched, and costs no memory then. */
		for (uint64_t at = 0; at < r->size; at += PAGE)
			if (memcmp(r->hva + at, zero, PAGE))
				memcpy(s->copy[i] + at, r->hva + at, PAGE);
	}
}

static uint8_t *in_copy(const struct shadow *s, uint64_t gpa)
{
	const struct gmem *m = &s->d->mem;

	for (unsigned int i = 0; i < m->nr; i++)
		if (gpa - m->region[i].gpa < m->region[i].size)
			return s->copy[i] + (gpa - m->region[i].gpa);
	fail("no guest memory at 0x%llx", (unsigned long long)gpa);
}

/* What the driver has written since is no business of the log. */
static void forgive_avail(struct shadow *s, const struct vq *vq)
{
	size_t at = (uint8_t *)vq->avail - (uint8_t *)vq->desc;

	memcpy(in_copy(s, vq->gpa + at), vq->avail,
	       (uint8_t *)vq->used - (uint8_t *)vq->avail);
}

static const char *name_of(const struct vdev *d, uint64_t page)
{
	static char name[40];

	for (unsigned int i = 0; i < d->nvqs; i++) {
		const struct vq *vq = &d->vq[i];

		if (!vq->gpa || page + PAGE <= vq->gpa ||
		    page >= vq->gpa + vq->bytes)
			continue;
		snprintf(name, sizeof(name), "in the rings of queue %u", i);
		return name;
	}
	return "in a buffer";
}

static void expect_logged(const struct vdev *d, uint64_t gpa,
			  const uint8_t *was, const uint8_t *is)
{
	unsigned int i = 0;

	while (was[i] == is[i])
		i++;
	fail("0x%llx, %s, went from %02x to %02x and is not logged",
	     (unsigned long long)gpa + i, name_of(d, gpa), was[i], is[i]);
}

struct shadow_result shadow_compare(struct shadow *s, const uint8_t *log)
{
	const struct vdev *d = s->d;
	struct shadow_result result = { 0, 0 };

	for (unsigned int i = 0; i < d->nvqs; i++)
		if (d->vq[i].gpa)
			forgive_avail(s, &d->vq[i]);
	for (unsigned int i = 0; i < d->mem.nr; i++) {
		const struct region *r = &d->mem.region[i];

		for (uint64_t at = 0; at < r->size; at += PAGE) {
			bool same = !memcmp(s->copy[i] + at, r->hva + at, PAGE);
			bool set = dirty_is(log, r->gpa + at);

			if (!same && !set)
				expect_logged(d, r->gpa + at, s->copy[i] + at,
					      r->hva + at);
			result.changed += !same;
			result.spare += same && set;
		}
	}
	fprintf(stderr, "%lu pages changed and are logged, %lu more are\n",
		result.changed, result.spare);
	return result;
}
