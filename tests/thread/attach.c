// SPDX-License-Identifier: GPL-2.0
/*
 * What ATTACH_VRING_WORKER and NEW_WORKER do to the threads of a device (R25).
 *
 * The peer on 6.12 fails give-attached-queues-no-thread, since it makes no
 * threads by itself. On 6.1 it has no workers.
 */
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <sys/syscall.h>
#include "threads.h"

static void expect_threads(const char *const *names)
{
	struct threads t;
	unsigned int n = 0;

	threads_find(&t, getpid());
	for (; names[n]; n++)
		check(threads_named(&t, "vhost-%d%s", getpid(), names[n]),
		      "no thread vhost-%d%s", getpid(), names[n]);
	check(t.nr == n, "%u threads, want %u", t.nr, n);
}

VRING_TEST(thr_attached, "thread/give-attached-queues-no-thread",
	   "find no automatic thread of a queue that was given to a worker")
{
	static const char *const before[] = { "", "-w1", "-0", "-2", NULL };
	static const char *const after[] = { "", "-w1", "-2", NULL };
	struct vdev *d;
	struct tgt t;

	shared_thread(false);
	tgt_with_ramdisk(&t, 1 * MIB);
	d = dev_open(3);
	expect(dev_worker_new(d->fd), 1);
	expect(dev_worker_attach(d->fd, VQ_IO + 1, 1), 0);
	dev_rings(d, 16);
	expect(dev_ready(d, F_DEFAULT), 0);
	expect(dev_set_endpoint(d->fd, t.wwn), 0);
	use_all_queues(d);
	expect_threads(before);
	step("attach a queue that had a thread");
	expect(dev_worker_of(d->fd, VQ_IO), 0);
	expect(dev_worker_attach(d->fd, VQ_IO, 0), 0);
	expect_threads(after);
	use_all_queues(d);
	step("clear and set");
	expect(dev_clear_endpoint(d->fd, t.wwn), 0);
	expect(dev_set_endpoint(d->fd, t.wwn), 0);
	use_all_queues(d);
	expect_threads(after);
	expect(dev_worker_of(d->fd, VQ_IO), 0);
	expect(dev_worker_of(d->fd, VQ_IO + 1), 1);
	expect(dev_worker_of(d->fd, VQ_IO + 2), 0);
}

struct maker {
	int fd;
	int cpu;
	int id;
	pid_t tid;
};

static void *make_pinned(void *arg)
{
	struct maker *m = arg;

	m->tid = gettid();
	pin_self(m->cpu);
	m->id = dev_worker_new(m->fd);
	return NULL;
}

VRING_TEST(thr_worker_inherit, "thread/inherit-affinity-of-worker-s-maker",
	   "find a worker on the CPU of the thread that asked for it")
{
	struct maker m = { .cpu = 1 };
	struct threads before, after;
	struct vdev *d = dev_open(1);
	pthread_t thread;
	cpu_set_t set;
	pid_t tid = 0;

	m.fd = d->fd;
	threads_find(&before, getpid());
	check(!pthread_create(&thread, NULL, make_pinned, &m), "no thread");
	pthread_join(thread, NULL);
	if (m.id == -ENOTTY && module_is_peer())
		test_skip("the peer has no workers here");
	expect(m.id, 1);
	threads_find(&after, getpid());
	if (module_is_peer()) {
		/* named after the task that asked */
		threads_find(&after, m.tid);
		before.nr = 0;
	}
	check(after.nr == before.nr + 1, "%u threads, were %u", after.nr,
	      before.nr);
	for (unsigned int i = 0; i < after.nr; i++) {
		bool old = false;

		for (unsigned int k = 0; k < before.nr; k++)
			old |= before.tid[k] == after.tid[i];
		if (!old)
			tid = after.tid[i];
	}
	check(!sched_getaffinity(tid, sizeof(set), &set), "%d is gone", tid);
	check(CPU_COUNT(&set) == 1 && CPU_ISSET(1, &set),
	      "the worker may run on %d CPUs", CPU_COUNT(&set));
	expect(task_is_kthread(tid), !kernel_forks_owner());
}

struct attach {
	pthread_t thread;
	int fd;
	int id;
	pid_t tid;
	bool given; /* the page was */
	bool early; /* the ioctl returned before */
	bool back;
};

static void *attach(void *arg)
{
	struct attach *a = arg;

	__atomic_store_n(&a->tid, gettid(), __ATOMIC_RELEASE);
	expect(dev_worker_attach(a->fd, VQ_IO, a->id), 0);
	a->early = !__atomic_load_n(&a->given, __ATOMIC_ACQUIRE);
	__atomic_store_n(&a->back, true, __ATOMIC_RELEASE);
	return NULL;
}

/* Is it waiting for a thread, and not for an RCU grace period? */
static bool waits(struct attach *a)
{
	pid_t tid = __atomic_load_n(&a->tid, __ATOMIC_ACQUIRE);
	char stack[4096];

	return __atomic_load_n(&a->back, __ATOMIC_ACQUIRE) ||
	       (tid && task_in_ioctl(tid, VHOST_ATTACH_VRING_WORKER) &&
		!file_read(stack, sizeof(stack), "/proc/%d/stack", tid) &&
		!strstr(stack, "rcu"));
}

/*
 * The thread of the queue waits for a page of the guest's. Seen to fail on a
 * module that gives the queue to the new thread without waiting for the old.
 */
VRING_TEST(thr_move_wait, "thread/attach-after-the-run-at-hand",
	   "move a queue whose thread is at work, and wait for that thread")
{
	struct attach a = { 0 };
	uint8_t zero[4096] = { 0 }, cdb[CDB_LEN];
	struct uffdio_copy copy = { .len = 4096 };
	struct uffd_msg msg;
	struct vdev *d;
	struct tgt t;
	struct req r;
	void *page;
	int uffd;

	tgt_with_ramdisk(&t, 1 * MIB);
	d = dev_up(t.wwn, 1, 16, F_DEFAULT);
	scsi_tur(d, VQ_IO);
	a.fd = d->fd;
	a.id = dev_worker_new(d->fd);
	if (a.id == -ENOTTY && module_is_peer())
		test_skip("the peer has no workers here");
	check(a.id > 0, "NEW_WORKER: %s", errno_name(a.id));
	/* a thread of the queue's own would be waited for in its end */
	expect(dev_worker_attach(d->fd, VQ_IO, a.id), 0);
	a.id = dev_worker_new(d->fd);
	check(a.id > 0, "NEW_WORKER: %s", errno_name(a.id));
	cdb_tur(cdb);
	req_init(&r, d, VQ_IO);
	req_cmd(&r, 1, 0, cdb);
	r.rsp_gpa = gmem_alloc(&d->mem, 4096, 4096);
	req_queue(&r);
	page = gmem_ptr(&d->mem, r.rsp_gpa, 4096);
	uffd = syscall(SYS_userfaultfd, O_CLOEXEC);
	page_withhold(uffd, page);
	ring_publish(r.vq);
	ring_kick(r.vq);
	step("wait for the thread to miss the page");
	check(read(uffd, &msg, sizeof(msg)) == sizeof(msg) &&
		      msg.event == UFFD_EVENT_PAGEFAULT,
	      "no fault: %s", strerror(errno));
	check(!pthread_create(&a.thread, NULL, attach, &a), "no thread");
	step("wait for ATTACH to wait");
	check(wait_until(waits(&a)), "ATTACH does not wait");
	__atomic_store_n(&a.given, true, __ATOMIC_RELEASE);
	copy.dst = (uintptr_t)page;
	copy.src = (uintptr_t)zero;
	check(!ioctl(uffd, UFFDIO_COPY, &copy), "UFFDIO_COPY: %s",
	      strerror(errno));
	step("wait for ATTACH");
	pthread_join(a.thread, NULL);
	check(!a.early, "ATTACH did not wait for the queue's thread");
	req_wait(&r);
	req_good(&r);
	scsi_tur(d, VQ_IO);
}
