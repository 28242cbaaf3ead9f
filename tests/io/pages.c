// SPDX-License-Identifier: GPL-2.0
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include "pages.h"

#define KPF_THP 22

static void set_lba(struct req *r, bool write, uint64_t lba, uint32_t len)
{
	cdb_rw16(((struct virtio_scsi_cmd_req *)r->hdr)->cdb, write, lba,
		 len / BLOCK);
}

static void prepare(struct pages *p)
{
	const uint32_t len = PAGES_MANY * PAGE;

	for (int write = 0; write < 2; write++) {
		scsi_rw_prep(&p->r[write][0], p->d, VQ_IO, write, 0, p->gpa,
			     len);
		for (unsigned int i = 1; i < ARRAY_SIZE(p->r[0]); i++)
			scsi_rw_prep(&p->r[write][i], p->d, VQ_IO, write, 0,
				     p->gpa + len + (i - 1) * PAGE, PAGE);
	}
	p->probe_gpa = gmem_alloc(&p->d->mem, PAGES_LEN, PAGE);
	scsi_rw_prep(&p->probe, p->d, VQ_IO, false, 0, p->probe_gpa, PAGES_LEN);
}

void pages_up(struct pages *p, const char *wwn)
{
	uintptr_t start;

	memset(p, 0, sizeof(*p));
	p->d = dev_open(1);
	p->region = gmem_add(&p->d->mem, PAGES_GPA, PAGES_SIZE);
	start = (uintptr_t)p->region->hva;
	p->hva = (uint8_t *)((start + HUGE - 1) / HUGE * HUGE) + PAGES_BEFORE;
	p->gpa = PAGES_GPA + (p->hva - p->region->hva);
	dev_rings(p->d, 64);
	expect(dev_ready(p->d, F_DEFAULT), 0);
	expect(dev_set_endpoint(p->d->fd, wwn), 0);
	scsi_tur(p->d, VQ_IO);
	for (unsigned int i = 1; i < PAGES_SLOTS; i++)
		scsi_write_pattern(p->d, VQ_IO, i * PAGES_LEN / BLOCK,
				   PAGES_LEN, i);
	prepare(p);
	check(!pipe2(p->held, O_CLOEXEC | O_NONBLOCK), "pipe: %s",
	      strerror(errno));
}

void pages_send(struct pages *p, bool write, unsigned int slot)
{
	uint64_t lba = slot * PAGES_LEN / BLOCK;
	struct req *r = p->r[write];

	for (unsigned int i = 0; i < ARRAY_SIZE(p->r[0]); i++) {
		uint32_t len = i ? PAGE : PAGES_MANY * PAGE;

		set_lba(&r[i], write, lba, len);
		lba += len / BLOCK;
		req_again(&r[i]);
		req_send(&r[i]);
	}
}

void pages_wait(struct pages *p, bool write)
{
	struct req *r = p->r[write];

	for (unsigned int i = 0; i < ARRAY_SIZE(p->r[0]); i++) {
		req_wait(&r[i]);
		req_good(&r[i]);
	}
}

void pages_io(struct pages *p, bool write, unsigned int slot)
{
	pages_send(p, write, slot);
	pages_wait(p, write);
}

void pages_pattern(uint8_t *at, uint64_t seed)
{
	for (unsigned int i = 0; i < PAGES_LEN; i++)
		at[i] = pattern_byte(seed, i);
}

void pages_expect(const uint8_t *at, uint64_t seed, const char *what)
{
	for (unsigned int i = 0; i < PAGES_LEN; i++)
		if (at[i] != pattern_byte(seed, i))
			fail("%s: page %u, byte %u is %02x, want pattern %llu",
			     what, i / PAGE, i % PAGE, at[i],
			     (unsigned long long)seed);
}

void pages_read(struct pages *p, unsigned int slot)
{
	pages_io(p, false, slot);
	pages_expect(p->hva, slot, "a READ is not in memory");
}

void pages_written(struct pages *p, uint64_t seed)
{
	const struct gmem *m = &p->d->mem;

	gmem_fill(m, p->probe_gpa, 0x5a, PAGES_LEN);
	req_again(&p->probe);
	req_run(&p->probe);
	req_good(&p->probe);
	pages_expect(gmem_ptr(m, p->probe_gpa, PAGES_LEN), seed,
		     "a WRITE is not on the medium");
}

void pages_write(struct pages *p, uint64_t seed)
{
	pages_io(p, true, 0);
	pages_written(p, seed);
}

void pages_fill_and_write(struct pages *p, uint64_t seed)
{
	pages_pattern(p->hva, seed);
	pages_write(p, seed);
}

/* ---- what the module remembers ----------------------------------------- */

/* Of all queues; only one does I/O. */
uint64_t pages_known(void)
{
	static const char key[] = " pages_known ";
	char text[4096], path[512], *at = text;
	uint64_t sum = 0;

	check(queues_path(path, sizeof(path)), "no counters");
	expect(file_read(text, sizeof(text), "%s", path), 0);
	check(strstr(text, key), "no%sin: %s", key, text);
	while ((at = strstr(at, key))) {
		at += strlen(key);
		sum += strtoull(at, NULL, 10);
	}
	return sum;
}

void pages_remember(struct pages *p, unsigned int slot)
{
	uint64_t end = deadline_in(WAIT_MS), before;

	/* The peer remembers nothing. */
	do {
		check(now_ms() < end, "the buffer's pages are not remembered");
		before = module_is_peer() ? 0 : pages_known();
		pages_io(p, false, slot);
		pages_io(p, true, 0);
	} while (!module_is_peer() && pages_known() - before < 2 * PAGES);
	pages_expect(p->hva, slot, "a READ into remembered pages");
}

void pages_remember_for_writes(struct pages *p)
{
	uint64_t end = deadline_in(WAIT_MS), before;

	do {
		check(now_ms() < end, "pages to be read are not remembered");
		before = module_is_peer() ? 0 : pages_known();
		pages_io(p, true, 0);
	} while (!module_is_peer() && pages_known() - before < PAGES);
}

/* ---- the pages themselves ---------------------------------------------- */

void pages_hold(struct pages *p)
{
	struct iovec v = { p->hva, PAGES_LEN };

	check(vmsplice(p->held[1], &v, 1, 0) == PAGES_LEN, "vmsplice: %s",
	      strerror(errno));
}

void pages_held(struct pages *p, uint64_t seed)
{
	uint8_t was[PAGES_LEN];
	size_t got = 0;
	ssize_t n;

	while (got < sizeof(was)) {
		n = read(p->held[0], was + got, sizeof(was) - got);
		check(n > 0, "read of a pipe: %s", strerror(errno));
		got += n;
	}
	pages_expect(was, seed, "pages that were taken away have changed");
}

static uint64_t entry(const char *path, uint64_t index)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	uint64_t word;

	check(fd >= 0 && pread(fd, &word, 8, index * 8) == 8, "%s: %s", path,
	      strerror(errno));
	close(fd);
	return word;
}

uint64_t page_number(const void *at)
{
	uint64_t word = entry("/proc/self/pagemap", (uintptr_t)at / PAGE);

	return word >> 63 ? word & ((1ull << 55) - 1) : 0;
}

bool page_is_huge(const void *at)
{
	uint64_t pfn = page_number(at);

	return pfn && entry("/proc/kpageflags", pfn) >> KPF_THP & 1;
}

static long vmstat(const char *name)
{
	static char text[16384];
	char *at;

	/* Or what the processors have counted for themselves is not in it. */
	file_write("1", "/proc/sys/vm/stat_refresh");
	expect(file_read(text, sizeof(text), "/proc/vmstat"), 0);
	at = strstr(text, name);
	check(at, "no %s in /proc/vmstat", name);
	return strtol(at + strlen(name), NULL, 10);
}

long pages_pins(void)
{
	return vmstat("nr_foll_pin_acquired ") -
	       vmstat("nr_foll_pin_released ");
}

/* A child gets a copy of a page at once that may be pinned; of others, later. */
static bool is_shared_with_child(const struct pages *p)
{
	uint64_t was[PAGES];
	pid_t pid;

	for (unsigned int i = 0; i < PAGES; i++)
		was[i] = page_number(p->hva + i * PAGE);
	pid = test_fork();
	if (!pid) {
		for (unsigned int i = 0; i < PAGES; i++)
			if (page_number(p->hva + i * PAGE) != was[i])
				_exit(EXIT_FAIL);
		_exit(EXIT_PASS);
	}
	return !test_reap(pid);
}

void pages_let_go(struct pages *p, long pins)
{
	pages_remember(p, 1);
	/* Two pages that are remembered, and two that are not. */
	scsi_rw(p->d, VQ_IO, false, 0, p->gpa + PAGES_LEN - 2 * PAGE, 4 * PAGE);
	/* They are written, or it could be the page of zeroes. */
	for (unsigned int i = 0; i < PAGES; i++)
		p->hva[i * PAGE]++;
	check(wait_until(is_shared_with_child(p)), "a page is pinned still");
	check(wait_until(pages_pins() == pins), "%ld pins are left",
	      pages_pins() - pins);
}

/* ---- somebody else ------------------------------------------------------ */

static void *stand_by(void *arg)
{
	struct bystander *b = arg;

	while (!__atomic_load_n(&b->stop, __ATOMIC_RELAXED)) {
		uint64_t seed = 1000 + b->rounds;

		check(!madvise(b->at, PAGES_LEN, MADV_DONTNEED),
		      "MADV_DONTNEED: %s", strerror(errno));
		for (unsigned int i = 0; i < PAGES; i++)
			check(!b->at[i * PAGE], "a new page is not empty");
		pages_pattern(b->at, seed);
		sched_yield();
		pages_expect(b->at, seed, "memory of no request has changed");
		__atomic_add_fetch(&b->rounds, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

void bystander_start(struct bystander *b, uint8_t *at)
{
	memset(b, 0, sizeof(*b));
	b->at = at;
	check(!pthread_create(&b->thread, NULL, stand_by, b), "no thread");
}

void bystander_stop(struct bystander *b)
{
	check(wait_until(__atomic_load_n(&b->rounds, __ATOMIC_RELAXED) > 3),
	      "memory was not used");
	__atomic_store_n(&b->stop, true, __ATOMIC_RELAXED);
	pthread_join(b->thread, NULL);
}
