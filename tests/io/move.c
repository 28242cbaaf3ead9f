// SPDX-License-Identifier: GPL-2.0
/*
 * The module remembers where the pages of guest memory are (kmod/pin.c). The kernel gives
 * a page to two owners, until one of them writes it, or moves it when it likes: of neither
 * does the guest notice anything.
 */
#include <stdio.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/swap.h>
#include <sys/wait.h>
#include "pages.h"

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif
#ifndef MADV_SOFT_OFFLINE
#define MADV_SOFT_OFFLINE 101
#endif
#define SPLIT_HUGE "/sys/kernel/debug/split_huge_pages"
#define THP "/sys/kernel/mm/transparent_hugepage/enabled"
#define KSM "/sys/kernel/mm/ksm"

static void advise(void *at, size_t len, int advice, const char *name)
{
	check(!madvise(at, len, advice), "%s: %s", name, strerror(errno));
}
#define ADVISE(at, len, advice) advise(at, len, advice, #advice)

/* Memory that was never used, of huge pages or of others. */
static void take_new_memory(struct pages *p, bool huge)
{
	/* Without page tables: where there are some, no huge page is put. */
	check(mmap(p->hva, HUGE, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == p->hva,
	      "mmap: %s", strerror(errno));
	if (!huge) {
		ADVISE(p->hva, HUGE, MADV_NOHUGEPAGE);
	} else {
		ADVISE(p->hva, HUGE, MADV_HUGEPAGE);
		memset(p->hva, 1, HUGE);
		check(page_is_huge(p->hva), "no huge page");
	}
}

/* ---- fork() -------------------------------------------------------------- */

#define FORKS 4

/* A process with the same memory: it says what is there, or writes it. */
struct twin {
	pid_t pid;
	int fd;
};

struct errand {
	bool write;
	uint64_t seed;
};

static void twin_start(struct twin *t, struct pages *p)
{
	struct errand e;
	int fd[2];

	check(!socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fd),
	      "socketpair: %s", strerror(errno));
	t->fd = fd[0];
	t->pid = test_fork();
	if (t->pid) {
		close(fd[1]);
		return;
	}
	close(fd[0]);
	while (read(fd[1], &e, sizeof(e)) == sizeof(e)) {
		if (e.write)
			pages_pattern(p->hva, e.seed);
		else
			pages_expect(p->hva, e.seed, "in the child");
		if (write(fd[1], &e, sizeof(e)) != sizeof(e))
			break;
	}
	_exit(EXIT_PASS);
}

static void twin_do(const struct twin *t, bool to_write, uint64_t seed)
{
	struct errand e = { .write = to_write, .seed = seed };

	check(write(t->fd, &e, sizeof(e)) == sizeof(e) &&
		      read(t->fd, &e, sizeof(e)) == sizeof(e),
	      "the child has failed");
}

static void twin_end(const struct twin *t)
{
	close(t->fd);
	expect(test_reap(t->pid), 0);
}

static void keep_apart(struct pages *p, unsigned int round)
{
	const uint64_t old = 1 + round, seed = 100 + 10 * round;
	struct twin t;

	pages_remember(p, old);
	twin_start(&t, p);
	switch (round % 3) {
	case 0:
		pages_read(p, old + 1);
		break;
	case 1:
		pages_fill_and_write(p, seed);
		break;
	default:
		twin_do(&t, true, seed + 1);
		pages_write(p, old);
	}
	twin_do(&t, false, round % 3 == 2 ? seed + 1 : old);
	twin_do(&t, true, seed + 2);
	pages_remember(p, old + 2);
	twin_do(&t, false, seed + 2);
	twin_do(&t, true, seed + 3);
	pages_write(p, old + 2);
	twin_end(&t);
	pages_fill_and_write(p, seed + 4);
}

/*
 * While READs are under way, with pins on remembered pages: these stay with the parent,
 * even if it writes to another place of them, and the child gets copies.
 */
static void fork_under_io(struct pages *p, const struct dm *m,
			  unsigned int slot)
{
	struct vq *vq = p->r[0][0].vq;
	uint64_t before = 0;
	struct twin t;

	pages_remember(p, slot + 1);
	pages_pattern(p->hva, 700 + slot);
	if (!module_is_peer())
		before = pages_known();
	dm_suspend(m);
	pages_send(p, false, slot);
	check(wait_until(*(volatile uint16_t *)ring_avail_event(vq) ==
			 vq->avail_idx),
	      "the READs are not taken");
	check(module_is_peer() || pages_known() - before == PAGES,
	      "%llu pages of %u were remembered",
	      (unsigned long long)(pages_known() - before), PAGES);
	twin_start(&t, p);
	for (unsigned int i = 0; i < PAGES; i++)
		p->hva[i * PAGE] = 0;
	dm_resume(m);
	pages_wait(p, false);
	pages_expect(p->hva, slot, "a READ is not with the parent");
	twin_do(&t, false, 700 + slot);
	twin_end(&t);
}

/*
 * Seen to fail on builds of the module where change_begins() leaves the sequence number as
 * it is (the child sees a READ), where vscsi_pin_again() takes one reference of a small
 * page, or does not count the pin of a large one ("a READ is not with the parent"), and
 * where vscsi_unpin_known() does nothing ("a page is pinned still"). The peer fails with a
 * READ that is not with the parent: it has references on pages, and no pins.
 */
VRING_TEST(io_keep_apart, "io/keep-pages-of-parent-and-child-apart",
	   "keep a child's copy of guest memory and the parent's apart")
{
	struct pages p;
	struct tgt t;
	struct dm m;
	long pins = pages_pins();

	tgt_with_dm(&t, &m);
	pages_up(&p, t.wwn);
	for (int huge = 0; huge <= file_exists(THP); huge++) {
		for (unsigned int round = 0; round < 3 * FORKS; round++) {
			step("%s pages, round %u", huge ? "huge" : "small",
			     round);
			take_new_memory(&p, huge);
			keep_apart(&p, round);
		}
		for (unsigned int round = 0; round < FORKS; round++) {
			step("%s pages, under I/O, round %u",
			     huge ? "huge" : "small", round);
			take_new_memory(&p, huge);
			fork_under_io(&p, &m, 1 + round);
		}
		pages_let_go(&p, pins);
	}
}

/* ---- pages that the kernel moves ---------------------------------------- */

#define MOVES 6

/* Verified I/O on the buffer without an end. */
struct user {
	pthread_t thread;
	struct pages *p;
	bool stop;
	unsigned int rounds;
};

static void *use_on(void *arg)
{
	struct user *u = arg;

	while (!__atomic_load_n(&u->stop, __ATOMIC_RELAXED)) {
		pages_read(u->p, 1 + u->rounds % (PAGES_SLOTS - 1));
		pages_fill_and_write(u->p, 1000 + u->rounds);
		__atomic_add_fetch(&u->rounds, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

/* Some, that was begun after this was called. */
static void let_use(struct user *u)
{
	unsigned int was = __atomic_load_n(&u->rounds, __ATOMIC_RELAXED);

	check(wait_until(__atomic_load_n(&u->rounds, __ATOMIC_RELAXED) >=
			 was + 2),
	      "no I/O is done");
}

/* By migration, as compaction does it, but of this page. Its old place stays taken. */
static bool move_page(uint8_t *at)
{
	uint64_t was = page_number(at);

	return !madvise(at, PAGE, MADV_SOFT_OFFLINE) && page_number(at) != was;
}

static bool collapse(uint8_t *at)
{
	return !madvise(at, HUGE, MADV_COLLAPSE) && page_is_huge(at);
}

static bool split(uint8_t *at)
{
	char text[100];

	snprintf(text, sizeof(text), "%d,0x%lx,0x%lx", getpid(),
		 (unsigned long)at, (unsigned long)(at + HUGE));
	file_write(text, SPLIT_HUGE);
	return !page_is_huge(at);
}

static bool page_out(uint8_t *at)
{
	madvise(at, PAGES_LEN, MADV_PAGEOUT);
	for (unsigned int i = 0; i < PAGES; i++)
		if (!page_number(at + i * PAGE))
			return true;
	return false;
}

static void move_all(struct user *u, unsigned int round)
{
	uint8_t *at = u->p->hva;

	step("round %u, compaction", round);
	file_write("1", "/proc/sys/vm/compact_memory");
	let_use(u);
	/* Not all kernels have it. */
	at[HUGE] = 1;
	if (!madvise(at + HUGE, PAGE, MADV_SOFT_OFFLINE)) {
		for (unsigned int i = 0; i < PAGES; i++) {
			step("round %u, migration of page %u", round, i);
			check(wait_until(move_page(at + i * PAGE)),
			      "page %u stays", i);
		}
		let_use(u);
	}
	step("round %u, reclaim", round);
	check(wait_until(page_out(at)), "the pages stay in memory");
	let_use(u);
	if (!file_exists(THP))
		return;
	step("round %u, collapse", round);
	ADVISE(at, HUGE, MADV_HUGEPAGE);
	check(wait_until(collapse(at)), "the pages stay small");
	let_use(u);
	step("round %u, split of a mapping", round);
	check(!mprotect(at + PAGE, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC) &&
		      !mprotect(at + PAGE, PAGE, PROT_READ | PROT_WRITE),
	      "mprotect: %s", strerror(errno));
	let_use(u);
	step("round %u, split of a page", round);
	check(wait_until(split(at)), "the page stays huge");
	let_use(u);
	ADVISE(at, HUGE, MADV_NOHUGEPAGE);
}

static void move_under_io(struct pages *p)
{
	struct user u = { .p = p };
	uint64_t before = module_is_peer() ? 0 : pages_known();

	take_new_memory(p, false);
	memset(p->hva, 1, HUGE);
	check(!pthread_create(&u.thread, NULL, use_on, &u), "no thread");
	for (unsigned int round = 0; round < MOVES; round++)
		move_all(&u, round);
	__atomic_store_n(&u.stop, true, __ATOMIC_RELAXED);
	pthread_join(u.thread, NULL);
	check(module_is_peer() || pages_known() - before > MOVES * PAGES,
	      "pages are not remembered");
}

/* Pages with the same content become one, which may not be written. */
static void merge(struct pages *p)
{
	uint8_t *twin = p->hva + HUGE;

	/* Or it leaves pages out that it did not merge, each at other times. */
	file_write("0", KSM "/smart_scan");
	file_write("10000", KSM "/pages_to_scan");
	file_write("0", KSM "/sleep_millisecs");
	expect(file_write("1", KSM "/run"), 0);
	for (unsigned int round = 0; round < 4; round++) {
		step("merging, round %u", round);
		pages_remember(p, 1 + round);
		pages_pattern(twin, 1 + round);
		ADVISE(p->hva, PAGES_LEN, MADV_MERGEABLE);
		ADVISE(twin, PAGES_LEN, MADV_MERGEABLE);
		check(wait_until(page_number(p->hva) == page_number(twin) &&
				 page_number(p->hva + PAGES_LEN - PAGE) ==
					 page_number(twin + PAGES_LEN - PAGE)),
		      "the pages are not merged");
		if (round & 1)
			pages_write(p, 1 + round);
		pages_read(p, 5 + round);
		pages_expect(twin, 1 + round, "a READ is in memory elsewhere");
	}
	file_write("0", KSM "/run");
}

static void swap_on(const char *device)
{
	const char *argv[] = { "mkswap", device, NULL };

	check(!run_program(argv) && !swapon(device, 0), "swap on %s: %s",
	      device, strerror(errno));
}

/*
 * Seen to fail on builds of the module where change_begins() leaves the sequence number as
 * it is (a READ is lost after a migration), where vscsi_unpin_known() does nothing ("page 0
 * stays"), and where vscsi_pin_count() does nothing (pins are left). The peer passes.
 */
VRING_TEST_LIMIT(io_move_pages, "io/let-remembered-pages-move",
		 "lose no byte when the kernel moves pages under I/O", 120)
{
	long pins = pages_pins();
	struct pages p;
	struct tgt t;
	int status;
	pid_t pid;

	brd_device();
	swap_on("/dev/ram1");
	/* Whatever comes of it, the swap is there for this test only. */
	pid = test_fork();
	if (!pid) {
		tgt_with_ramdisk(&t, PAGES_MEDIUM);
		pages_up(&p, t.wwn);
		move_under_io(&p);
		if (file_exists(KSM))
			merge(&p);
		take_new_memory(&p, false);
		pages_let_go(&p, pins);
		_exit(EXIT_PASS);
	}
	check(waitpid(pid, &status, 0) == pid, "waitpid: %s", strerror(errno));
	check(!swapoff("/dev/ram1"), "swapoff: %s", strerror(errno));
	check(!status, "status %x", status);
}
