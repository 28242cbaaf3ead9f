// SPDX-License-Identifier: GPL-2.0
/*
 * Guest memory that is not there when a queue is served: a work item may not wait for it,
 * since nobody could kill it, so the queue's thread has to do what it left, and all of that.
 *
 * The peer passes on 6.12, where its worker is a task of the owner; on 6.1 it cannot be
 * killed while a page is awaited.
 */
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include "threads.h"

#define FLYING 12

/* Memory whose pages can be unmapped, and are still there. */
static void make_shared(struct region *r)
{
	int fd = memfd_create("guest", MFD_CLOEXEC);

	check(fd >= 0 && !ftruncate(fd, r->size) &&
		      mmap(r->hva, r->size, PROT_READ | PROT_WRITE,
			   MAP_SHARED | MAP_FIXED, fd, 0) == r->hva,
	      "memfd: %s", strerror(errno));
	close(fd);
}

static void unmap_all(struct vdev *d)
{
	check(!madvise(d->mem.region[0].hva, (d->mem.used + 4095) & ~4095ull,
		       MADV_DONTNEED),
	      "MADV_DONTNEED: %s", strerror(errno));
}

struct unmapper {
	pthread_t thread;
	struct vdev *d;
	bool stop;
	unsigned int times;
};

static void *unmap_on(void *arg)
{
	struct unmapper *u = arg;

	while (!__atomic_load_n(&u->stop, __ATOMIC_RELAXED)) {
		unmap_all(u->d);
		u->times++;
		sched_yield();
	}
	return NULL;
}

/* Sent with nothing mapped but the page of the avail index. */
static void run_unmapped(struct req *r)
{
	req_again(r);
	req_queue(r);
	unmap_all(r->dev);
	ring_publish(r->vq);
	ring_kick(r->vq);
	req_wait(r);
}

static void use_all_ways(struct vdev *d, struct req *flying, struct req *bad,
			 struct req *list, unsigned int round)
{
	scsi_write_pattern(d, VQ_IO, round, 64 << 10, round);
	scsi_check_pattern(d, VQ_IO, round, 64 << 10, round);
	for (unsigned int i = 0; i < FLYING; i++) {
		req_again(&flying[i]);
		req_send(&flying[i]);
	}
	for (unsigned int i = 0; i < FLYING; i++) {
		req_wait(&flying[i]);
		req_good(&flying[i]);
	}
	run_unmapped(&flying[0]);
	req_good(&flying[0]);
	step("round %u, answered without LIO", round);
	run_unmapped(bad);
	req_response(bad, VIRTIO_SCSI_S_BAD_TARGET);
	step("round %u, copied", round);
	run_unmapped(list);
	req_good(list);
}

/*
 * Seen to fail on a build of the module where vscsi_put_off() does nothing: requests are
 * answered as failed, and the queue stops.
 */
VRING_TEST_LIMIT(
	flt_unmap, "thread/serve-while-pages-come-and-go",
	"have guest memory unmapped all the time, and lose no answer and no byte",
	120)
{
	struct req flying[FLYING], bad, list, reset;
	struct unmapper u = { .stop = false };
	uint8_t cdb[CDB_LEN];
	uint64_t used;
	struct vdev *d;
	struct tgt t;

	tgt_with_ramdisk(&t, 1 * MIB);
	d = dev_open(1);
	make_shared(&d->mem.region[0]);
	dev_rings(d, 128);
	expect(dev_ready(d, F_DEFAULT), 0);
	expect(dev_set_endpoint(d->fd, t.wwn), 0);
	scsi_tur(d, VQ_IO);
	for (unsigned int i = 0; i < FLYING; i++)
		scsi_rw_prep(&flying[i], d, VQ_IO, i & 1, 1024 + i * 8,
			     gmem_alloc(&d->mem, 4096, 4096), 4096);
	cdb_tur(cdb);
	req_init(&bad, d, VQ_IO);
	req_cmd(&bad, 200, 0, cdb);
	cdb_report_luns(cdb, 64);
	req_init(&list, d, VQ_IO);
	req_cmd(&list, 1, 0, cdb);
	req_in(&list, gmem_alloc(&d->mem, 64, 64), 64);
	req_init(&reset, d, VQ_CTL);
	req_tmf(&reset, VIRTIO_SCSI_T_TMF_LOGICAL_UNIT_RESET, 1, 0, 0);
	used = d->mem.used;
	u.d = d;
	check(!pthread_create(&u.thread, NULL, unmap_on, &u), "no thread");
	for (unsigned int round = 0; round < 40; round++) {
		step("round %u", round);
		use_all_ways(d, flying, &bad, &list, round);
		if (round % 10 == 9) {
			run_unmapped(&reset);
			check(req_tmf_response(&reset) ==
				      VIRTIO_SCSI_S_FUNCTION_SUCCEEDED,
			      "reset: %u", req_tmf_response(&reset));
			scsi_tur(d, VQ_IO);
		}
		d->mem.used = used;
	}
	__atomic_store_n(&u.stop, true, __ATOMIC_RELAXED);
	pthread_join(u.thread, NULL);
	check(u.times > 40, "unmapped %u times", u.times);
	check(!efd_drain(d->vq[VQ_IO].err), "the queue's error is signalled");
}

/* ---- a page that never comes ------------------------------------------- */

enum missing {
	HEADER,
	TABLE,
	DATA_OUT,
	DATA_IN,
	RESPONSE,
	AVAIL_EVENT,
	MISSING
};

static const char *const page_names[] = {
	"header",   "table of descriptors", "data of a write", "data of a read",
	"response", "avail event",
};

static void *page_of(struct req *r, enum missing what)
{
	uint64_t gpa[MISSING] = {
		[HEADER] = r->hdr_gpa,
		[TABLE] = r->vq->desc[r->head].addr,
		[DATA_OUT] = r->nr_out ? r->out[0].gpa : 0,
		[DATA_IN] = r->nr_in ? r->in[0].gpa : 0,
		[RESPONSE] = r->rsp_gpa,
	};
	uintptr_t at;

	if (what == AVAIL_EVENT)
		at = (uintptr_t)ring_avail_event(r->vq);
	else
		at = (uintptr_t)gmem_ptr(&r->dev->mem, gpa[what], 1);
	return (void *)(at & ~(uintptr_t)4095);
}

/* The file that the page would come from is closed after the device: the last one first. */
static void miss_page_and_die(const char *wwn, enum missing what)
{
	struct uffd_msg msg;
	struct vdev *d;
	struct req r;
	int uffd = syscall(SYS_userfaultfd, O_CLOEXEC);

	check(uffd >= 0, "userfaultfd: %s", strerror(errno));
	/* 1024 entries: the end of the used ring has a page of its own */
	d = dev_up(wwn, 1, 1024, F_DEFAULT);
	scsi_tur(d, VQ_IO);
	scsi_rw_prep(&r, d, VQ_IO, what == DATA_OUT, 0,
		     gmem_alloc(&d->mem, 4096, 4096), 4096);
	r.hdr_gpa = gmem_alloc(&d->mem, 4096, 4096);
	r.rsp_gpa = gmem_alloc(&d->mem, 4096, 4096);
	r.direct = 0;
	req_queue(&r);
	page_withhold(uffd, page_of(&r, what));
	check(uffd < d->fd, "descriptors %d, %d", uffd, d->fd);
	ring_publish(r.vq);
	ring_kick(r.vq);
	check(read(uffd, &msg, sizeof(msg)) == sizeof(msg) &&
		      msg.event == UFFD_EVENT_PAGEFAULT,
	      "no fault: %s", strerror(errno));
	kill(getpid(), SIGKILL);
}

/*
 * Seen to fail on a build of the module whose work items wait for faults: close() waits for
 * the queue's mutex, the kworker that has it for the page, and that for the close of the
 * file behind it. And on 6.1 on one whose close() does not interrupt kthreads.
 */
VRING_TEST_LIMIT(flt_kill, "thread/be-killed-while-a-page-is-awaited",
		 "kill a VMM that will never bring a page of its guest's", 120)
{
	struct tgt t;
	int status;
	pid_t pid;

	tgt_with_ramdisk(&t, 1 * MIB);
	for (int what = 0; what < MISSING; what++) {
		step("the page of the %s", page_names[what]);
		pid = test_fork();
		if (!pid) {
			miss_page_and_die(t.wwn, what);
			_exit(1);
		}
		status = test_reap(pid);
		check(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL,
		      "status %x", status);
	}
}

struct setter {
	int fd;
	const char *wwn;
};

static void *set_endpoint(void *arg)
{
	const struct setter *setter = arg;

	dev_set_endpoint(setter->fd, setter->wwn);
	return NULL;
}

/* SET_ENDPOINT looks at the used ring, whose page never comes. */
static void miss_ring_and_die(const char *wwn)
{
	struct setter setter;
	struct uffd_msg msg;
	pthread_t thread;
	struct vdev *d;
	int uffd = syscall(SYS_userfaultfd, O_CLOEXEC);

	d = dev_open(1);
	dev_rings(d, 1024);
	expect(dev_ready(d, F_DEFAULT), 0);
	page_withhold(uffd, (void *)((uintptr_t)d->vq[VQ_IO].used & ~4095ul));
	setter = (struct setter){ d->fd, wwn };
	check(!pthread_create(&thread, NULL, set_endpoint, &setter),
	      "no thread");
	check(read(uffd, &msg, sizeof(msg)) == sizeof(msg) &&
		      msg.event == UFFD_EVENT_PAGEFAULT,
	      "no fault: %s", strerror(errno));
	kill(getpid(), SIGKILL);
}

/*
 * On 6.1 the thread that looks is a kthread, which nobody kills with the owner. Seen to fail
 * there on a module whose ioctls wait for that and cannot be killed.
 */
VRING_TEST_LIMIT(
	flt_kill_ring, "thread/be-killed-while-a-ring-is-awaited",
	"kill a VMM that sets an endpoint and will never bring its ring", 60)
{
	struct tgt t;
	int status;
	pid_t pid;

	tgt_with_ramdisk(&t, 1 * MIB);
	pid = test_fork();
	if (!pid) {
		miss_ring_and_die(t.wwn);
		_exit(1);
	}
	status = test_reap(pid);
	check(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "status %x",
	      status);
	scsi_tur(dev_up(t.wwn, 1, 64, F_DEFAULT), VQ_IO);
}
