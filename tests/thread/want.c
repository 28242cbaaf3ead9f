// SPDX-License-Identifier: GPL-2.0
/*
 * When no thread can be made: request queues share the control thread, one line
 * in the log says so, and SET_ENDPOINT succeeds. Where the owner's task is
 * forked, its limits hold (RLIMIT_NPROC, the pids controller); kthreads have
 * none.
 *
 * The peer on 6.12: SET_ENDPOINT makes no thread and so passes, but says
 * nothing, for which the tests fail. retry-owner-after-no-thread passes.
 */
#include <stdio.h>
#include <sys/resource.h>
#include "threads.h"

#define SHARED "queues share a thread"

static void need_forked_threads(void)
{
	if (!kernel_forks_owner())
		test_skip("threads are kthreads, which no limit holds back");
}

/* @limit may make no more threads from here on, or as many as it likes. */
static void without_threads(struct vdev *d, const char *wwn,
			    void (*limit)(bool on))
{
	struct threads t;

	dev_rings(d, 16);
	expect(dev_ready(d, F_DEFAULT), 0);
	limit(true);
	step("SET_ENDPOINT when no thread can be made");
	expect(dev_set_endpoint(d->fd, wwn), 0);
	threads_expect(&t, getpid(), 0);
	expect(log_count(SHARED), 1);
	use_all_queues(d);
	scsi_write_pattern(d, VQ_IO + 2, 0, 65536, 3);
	scsi_check_pattern(d, VQ_IO + 1, 0, 65536, 3);
	step("the limit is lifted");
	limit(false);
	expect(dev_clear_endpoint(d->fd, wwn), 0);
	expect(dev_set_endpoint(d->fd, wwn), 0);
	use_all_queues(d);
	threads_expect(&t, getpid(), d->nvqs - VQ_IO);
	expect(log_count(SHARED), 0);
}

static void limit_nproc(bool on)
{
	struct rlimit r;

	check(!getrlimit(RLIMIT_NPROC, &r), "RLIMIT_NPROC: %s",
	      strerror(errno));
	r.rlim_cur = on ? 1 : r.rlim_max;
	check(!setrlimit(RLIMIT_NPROC, &r), "RLIMIT_NPROC: %s",
	      strerror(errno));
}

VRING_TEST(
	thr_nproc, "thread/share-when-rlimit-is-reached",
	"attach under RLIMIT_NPROC, use all queues and find one line about it")
{
	int fd = dev_open_fd();
	struct tgt tgt;

	need_forked_threads();
	shared_thread(false);
	tgt_with_ramdisk(&tgt, 1 * MIB);
	log_mark();
	/* root has no such limit */
	check(!setresgid(1000, 1000, 1000) && !setresuid(1000, 1000, 1000),
	      "cannot become another user: %s", strerror(errno));
	without_threads(dev_open_on(fd, 3), tgt.wwn, limit_nproc);
}

static char pids_path[128];

static void limit_pids(bool on)
{
	char now[32] = "max";

	if (on)
		expect(file_read(now, sizeof(now), "%s/pids.current",
				 pids_path),
		       0);
	expect(file_write(now, "%s/pids.max", pids_path), 0);
}

static void move_to(const char *cgroup)
{
	char pid[16];

	snprintf(pid, sizeof(pid), "%d", getpid());
	expect(file_write(pid, "%s/cgroup.procs", cgroup), 0);
}

VRING_TEST(
	thr_pids, "thread/share-when-cgroup-is-full",
	"attach in a full pids cgroup, use all queues and find one line of it")
{
	char here[512];
	struct tgt tgt;
	struct vdev *d;

	need_forked_threads();
	shared_thread(false);
	expect(file_write("+pids", "/sys/fs/cgroup/cgroup.subtree_control"), 0);
	tgt_with_ramdisk(&tgt, 1 * MIB);
	task_cgroup(getpid(), here, sizeof(here));
	snprintf(pids_path, sizeof(pids_path), "/sys/fs/cgroup/vt%u",
		 test_id());
	expect(dir_make("%s", pids_path), 0);
	move_to(pids_path);
	log_mark();
	d = dev_open(3);
	without_threads(d, tgt.wwn, limit_pids);
	dev_close(d);
	check(wait_until(!threads_count(getpid())), "threads outlive close()");
	move_to(here);
	check(wait_until(!dir_remove("%s", pids_path)), "%s is in use",
	      pids_path);
}

/*
 * SET_OWNER is the one that may fail for want of a thread. The device is as it
 * was before, and the next attempt may succeed.
 */
VRING_TEST(thr_no_control, "thread/retry-owner-after-no-thread",
	   "fail in SET_OWNER when no thread can be made, and succeed later")
{
	int fd = dev_open_fd(), err;
	struct vdev *d;
	struct tgt tgt;

	need_forked_threads();
	tgt_with_ramdisk(&tgt, 1 * MIB);
	check(!setresgid(1000, 1000, 1000) && !setresuid(1000, 1000, 1000),
	      "cannot become another user: %s", strerror(errno));
	limit_nproc(true);
	/* this process itself is below the limit, which is for the next one */
	err = dev_ioctl(fd, VHOST_SET_OWNER, NULL);
	check(err == -EAGAIN || err == -ENOMEM, "SET_OWNER: %s",
	      errno_name(err));
	expect(threads_count(getpid()), 0);
	limit_nproc(false);
	step("once more");
	d = dev_open_on(fd, 2);
	dev_rings(d, 16);
	expect(dev_ready(d, F_DEFAULT), 0);
	expect(dev_set_endpoint(d->fd, tgt.wwn), 0);
	use_all_queues(d);
}

VRING_TEST(thr_no_worker, "thread/refuse-worker-when-rlimit-is-reached",
	   "fail in NEW_WORKER when no thread can be made, and succeed later")
{
	int fd = dev_open_fd(), id;

	need_forked_threads();
	check(!setresgid(1000, 1000, 1000) && !setresuid(1000, 1000, 1000),
	      "cannot become another user: %s", strerror(errno));
	expect(dev_ioctl(fd, VHOST_SET_OWNER, NULL), 0);
	limit_nproc(true);
	id = dev_worker_new(fd);
	check(id == -EAGAIN || id == -ENOMEM, "NEW_WORKER: %s", errno_name(id));
	expect(dev_worker_attach(fd, VQ_IO, 1), -ENODEV);
	limit_nproc(false);
	step("once more");
	expect(dev_worker_new(fd), 1);
	expect(dev_worker_attach(fd, VQ_IO, 1), 0);
}
