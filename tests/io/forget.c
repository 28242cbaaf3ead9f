// SPDX-License-Identifier: GPL-2.0
/*
 * The module remembers where the pages of guest memory are (kmod/pin.c). What the owner
 * does to its memory has to make it look again: else a READ lands in a page that is
 * somebody else's by now, and a WRITE takes what that has.
 */
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/userfaultfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include "../thread/threads.h"
#include "pages.h"

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

#define ROUNDS 24

static void *map_at(uint8_t *at, int flags, int fd, off_t offset)
{
	void *map = mmap(at, PAGES_LEN, PROT_READ | PROT_WRITE,
			 flags | (at ? MAP_FIXED : 0), fd, offset);

	check(map != MAP_FAILED, "mmap: %s", strerror(errno));
	return map;
}

static void *map_private(uint8_t *at)
{
	return map_at(at, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static unsigned int slot_of(unsigned int round)
{
	return 1 + round % (PAGES_SLOTS - 1);
}

/*
 * New pages are there: both directions, one of them as the first, or a WRITE of what has
 * no pages of its own yet.
 */
static void use_new_pages(struct pages *p, unsigned int round)
{
	for (unsigned int i = 0; i < (round & 2); i++)
		pages_io(p, true, 0);
	if (round & 1)
		pages_fill_and_write(p, 100 + round);
	pages_read(p, slot_of(round + 1));
	pages_fill_and_write(p, 200 + round);
}

static void balloon(struct pages *p, int fd)
{
	if (fd < 0)
		check(!madvise(p->hva, PAGES_LEN, MADV_DONTNEED),
		      "MADV_DONTNEED: %s", strerror(errno));
	else
		check(!fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
				 0, PAGES_LEN),
		      "fallocate: %s", strerror(errno));
}

static void use_under_a_balloon(struct pages *p, int fd)
{
	const char *where = fd < 0 ? "private" : "shared";
	struct bystander b;

	for (unsigned int round = 0; round < ROUNDS; round++) {
		step("%s memory, round %u", where, round);
		pages_remember(p, slot_of(round));
		pages_hold(p);
		balloon(p, fd);
		use_new_pages(p, round);
		pages_held(p, slot_of(round));
	}
	/* Now what is remembered is forgotten all the time, in between, too. */
	bystander_start(&b, p->hva + HUGE);
	for (unsigned int round = 0; round < ROUNDS; round++) {
		step("%s memory, others' changing, round %u", where, round);
		pages_io(p, false, slot_of(round));
		pages_read(p, slot_of(round));
		balloon(p, fd);
		use_new_pages(p, round);
	}
	bystander_stop(&b);
}

/*
 * Seen to fail on builds of the module where change_begins() leaves the sequence number as
 * it is ("a READ is not in memory"), where vscsi_unpin_known() does nothing ("a page is
 * pinned still"), and where vscsi_pin_count() does nothing ("-2 pins are left"). The peer
 * remembers nothing, and passes.
 */
VRING_TEST(io_forget_balloon, "io/forget-pages-that-a-balloon-takes",
	   "use new pages of a buffer, not those that were taken away")
{
	struct pages p;
	struct tgt t;
	long pins = pages_pins();
	int fd;

	tgt_with_ramdisk(&t, PAGES_MEDIUM);
	pages_up(&p, t.wwn);
	use_under_a_balloon(&p, -1);
	pages_let_go(&p, pins);
	fd = memfd_create("guest", MFD_CLOEXEC);
	check(fd >= 0 && !ftruncate(fd, PAGES_LEN), "memfd: %s",
	      strerror(errno));
	map_at(p.hva, MAP_SHARED, fd, 0);
	use_under_a_balloon(&p, fd);
	map_private(p.hva);
	pages_let_go(&p, pins);
}

/* ---- other memory at the same address ---------------------------------- */

static void map_anew(struct pages *p, unsigned int round)
{
	if (round & 1)
		check(!munmap(p->hva, PAGES_LEN), "munmap: %s",
		      strerror(errno));
	map_private(p->hva);
	use_new_pages(p, round);
}

/* The buffer gets another's pages; then those, which were remembered, too, a third's. */
static void move_onto(struct pages *p, unsigned int round)
{
	uint8_t *other = map_private(NULL);

	pages_pattern(other, 300 + round);
	check(mremap(other, PAGES_LEN, PAGES_LEN, MREMAP_MAYMOVE | MREMAP_FIXED,
		     p->hva) == p->hva,
	      "mremap: %s", strerror(errno));
	pages_write(p, 300 + round);
	pages_remember(p, slot_of(round + 1));
	check(mremap(p->hva, PAGES_LEN, PAGES_LEN,
		     MREMAP_MAYMOVE | MREMAP_FIXED, other) == other,
	      "mremap: %s", strerror(errno));
	map_private(p->hva);
	use_new_pages(p, round);
	pages_expect(other, slot_of(round + 1),
		     "a READ is in memory elsewhere");
	munmap(other, PAGES_LEN);
}

static void protect(struct pages *p, int prot)
{
	check(!mprotect(p->hva, PAGES_LEN, prot), "mprotect: %s",
	      strerror(errno));
}

static void expect_fault(struct pages *p, uint64_t seed)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(p->r[0]); i++) {
		struct req *r = &p->r[0][i];

		req_again(r);
		req_run(r);
		check(r->rsp.response == VIRTIO_SCSI_S_FAILURE ||
			      (r->rsp.response == VIRTIO_SCSI_S_OK &&
			       r->rsp.status == 2 &&
			       (r->rsp.sense[2] & 0xf) == 0xb),
		      "READ into read-only memory: %s", req_text(r));
	}
	pages_expect(p->hva, seed, "read-only memory was written");
}

/* Also when its pages are remembered, as such that may be read. */
static void write_protect(struct pages *p, unsigned int round)
{
	const uint64_t seed = 400 + round;

	pages_pattern(p->hva, seed);
	protect(p, PROT_READ);
	expect_fault(p, seed);
	pages_remember_for_writes(p);
	expect_fault(p, seed);
	pages_write(p, seed);
	protect(p, PROT_READ | PROT_WRITE);
	use_new_pages(p, round);
}

/*
 * Seen to fail where change_begins() leaves the sequence number as it is ("a READ is not
 * in memory"), and where vscsi_pin_known() does not ask for VSCSI_SLOT_WRITE ("READ into
 * read-only memory: response 0 status 00"). Of the peer, too, READs into read-only memory
 * fail it: it does not answer them on 6.12, and with BAD_TARGET on 6.1.
 */
VRING_TEST(io_forget_mapping, "io/forget-pages-that-are-mapped-anew",
	   "use what is mapped and allowed now, not what was before")
{
	struct pages p;
	struct tgt t;
	long pins = pages_pins();

	tgt_with_ramdisk(&t, PAGES_MEDIUM);
	pages_up(&p, t.wwn);
	for (unsigned int round = 0; round < ROUNDS; round++) {
		step("round %u", round);
		pages_remember(&p, slot_of(round));
		if (round % 3 == 2) {
			write_protect(&p, round);
			continue;
		}
		pages_hold(&p);
		if (round % 3)
			move_onto(&p, round);
		else
			map_anew(&p, round);
		pages_held(&p, slot_of(round));
	}
	pages_let_go(&p, pins);
}

/* ---- changes while a queue is served ------------------------------------ */

/* It stands in a queue's way: the queue's run waits for its page. */
struct obstacle {
	int uffd;
	uint8_t *page;
	struct req r;
};

static void obstacle_make(struct obstacle *o, struct pages *p)
{
	o->uffd = syscall(SYS_userfaultfd, O_CLOEXEC);
	o->page = p->hva + 2 * HUGE;
	page_withhold(o->uffd, o->page);
	scsi_rw_prep(&o->r, p->d, VQ_IO, true, PAGES_MEDIUM / BLOCK,
		     p->gpa + 2 * HUGE, PAGE);
}

static void obstacle_wait(struct obstacle *o)
{
	struct uffd_msg msg;

	check(read(o->uffd, &msg, sizeof(msg)) == sizeof(msg) &&
		      msg.event == UFFD_EVENT_PAGEFAULT,
	      "no fault: %s", strerror(errno));
}

static void obstacle_remove(struct obstacle *o)
{
	struct uffdio_zeropage zero = { .range = { (uintptr_t)o->page, PAGE } };

	check(!ioctl(o->uffd, UFFDIO_ZEROPAGE, &zero), "UFFDIO_ZEROPAGE: %s",
	      strerror(errno));
	req_wait(&o->r);
	req_good(&o->r);
}

/* The run begins with pages that are remembered; they have gone when it needs them. */
static void change_in_a_run(struct pages *p, struct obstacle *o,
			    unsigned int round)
{
	const bool write = round & 1;

	check(!madvise(o->page, PAGE, MADV_DONTNEED), "MADV_DONTNEED: %s",
	      strerror(errno));
	pages_remember(p, slot_of(round));
	pages_hold(p);
	req_again(&o->r);
	req_send(&o->r);
	pages_send(p, write, write ? 0 : slot_of(round + 1));
	obstacle_wait(o);
	balloon(p, -1);
	if (write)
		pages_pattern(p->hva, 500 + round);
	obstacle_remove(o);
	pages_wait(p, write);
	if (write)
		pages_written(p, 500 + round);
	else
		pages_expect(p->hva, slot_of(round + 1),
			     "a READ is not in memory");
	pages_held(p, slot_of(round));
}

/* Empties memory, slowly: its processor has something better to do. */
struct emptier {
	pthread_t thread, better;
	struct pages *p;
	bool busy, done, stop;
};

static void *be_busy(void *arg)
{
	struct emptier *e = arg;

	pin_self(1);
	while (!__atomic_load_n(&e->stop, __ATOMIC_ACQUIRE))
		__atomic_store_n(&e->busy, true, __ATOMIC_RELAXED);
	return NULL;
}

static void *empty(void *arg)
{
	struct emptier *e = arg;

	pin_self(1);
	check(!setpriority(PRIO_PROCESS, gettid(), 10), "setpriority: %s",
	      strerror(errno));
	check(!madvise(e->p->hva - PAGES_BEFORE, PAGES_BEFORE + PAGES_LEN,
		       MADV_DONTNEED),
	      "MADV_DONTNEED: %s", strerror(errno));
	__atomic_store_n(&e->done, true, __ATOMIC_RELEASE);
	/* With a thread goes its stack, and with that what is remembered. */
	while (!__atomic_load_n(&e->stop, __ATOMIC_ACQUIRE))
		sched_yield();
	return NULL;
}

/* The kernel has said so, and takes away what stands in front of the buffer yet. */
static void use_in_a_change(struct pages *p, unsigned int round)
{
	struct emptier e = { .p = p };

	check(!madvise(p->hva - PAGES_BEFORE, PAGES_BEFORE,
		       MADV_POPULATE_WRITE),
	      "MADV_POPULATE_WRITE: %s", strerror(errno));
	pages_remember(p, slot_of(round));
	pages_hold(p);
	check(!pthread_create(&e.better, NULL, be_busy, &e) &&
		      wait_until(__atomic_load_n(&e.busy, __ATOMIC_RELAXED)) &&
		      !pthread_create(&e.thread, NULL, empty, &e),
	      "no thread");
	while (!__atomic_load_n(&e.done, __ATOMIC_ACQUIRE))
		pages_io(p, false, slot_of(round));
	pages_read(p, slot_of(round + 1));
	pages_fill_and_write(p, 600 + round);
	pages_held(p, slot_of(round));
	__atomic_store_n(&e.stop, true, __ATOMIC_RELEASE);
	pthread_join(e.thread, NULL);
	pthread_join(e.better, NULL);
}

/*
 * Seen to fail on a build of the module where vscsi_pin_again() does not look at the
 * sequence number ("a change in a run, round 0"), and on one where vscsi_pins_refresh()
 * does not look at changes that are going on ("a run in a change, round 1"): both times, a
 * READ is not in memory. The peer passes.
 */
VRING_TEST(
	io_forget_in_run, "io/forget-pages-in-the-middle-of-a-run",
	"use new pages if a buffer's are taken away while its queue is served")
{
	long pins = pages_pins();
	struct obstacle o;
	struct pages p;
	struct tgt t;

	tgt_with_ramdisk(&t, PAGES_MEDIUM + PAGE);
	pages_up(&p, t.wwn);
	obstacle_make(&o, &p);
	for (unsigned int round = 0; round < ROUNDS; round++) {
		step("a change in a run, round %u", round);
		change_in_a_run(&p, &o, round);
	}
	/* Small pages take longer. */
	madvise(p.region->hva, PAGES_SIZE, MADV_NOHUGEPAGE);
	for (unsigned int round = 0; round < 3; round++) {
		step("a run in a change, round %u", round);
		use_in_a_change(&p, round);
	}
	pages_let_go(&p, pins);
}
