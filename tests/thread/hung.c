// SPDX-License-Identifier: GPL-2.0
/*
 * close() under a backstore that hangs: it returns in bounded time, what the
 * requests hold of the owner's memory stays pinned, and the WWN busy, until the
 * backstore has answered; then all of it is given back.
 *
 * The peer on 6.12: close() does not return as long as the backstore hangs.
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/wait.h>
#include "threads.h"

#define HELD 8
#define HELD_BYTES 65536u
#define CLOSE_MS 30000u

static long vmstat(const char *text, const char *name)
{
	const char *p = strstr(text, name);

	check(p, "/proc/vmstat has no %s", name);
	return atol(p + strlen(name));
}

/* Pages that are pinned at this moment, in the whole machine. */
static long pages_pinned(void)
{
	static char text[65536];
	int fd = open("/proc/vmstat", O_RDONLY | O_CLOEXEC);
	size_t len = 0;
	ssize_t n;

	/* each CPU counts for itself now and then; have them add up */
	expect(file_write("1", "/proc/sys/vm/stat_refresh"), 0);
	check(fd >= 0, "/proc/vmstat: %s", strerror(errno));
	while ((n = read(fd, text + len, sizeof(text) - 1 - len)) > 0)
		len += n;
	text[len] = 0;
	close(fd);
	return vmstat(text, "nr_foll_pin_acquired ") -
	       vmstat(text, "nr_foll_pin_released ");
}

/* In a child: attaches, has I/O hang, tells by @ready, closes on @go. */
static pid_t closer(const struct tgt *tgt, const struct dm *m, int ready,
		    int go)
{
	struct req r[HELD];
	struct vdev *d;
	pid_t pid;

	pid = test_fork();
	if (pid)
		return pid;
	d = dev_up(tgt->wwn, 1, 64, F_DEFAULT);
	scsi_tur(d, VQ_IO);
	dm_suspend(m);
	for (int i = 0; i < HELD; i++) {
		uint64_t gpa = gmem_alloc(&d->mem, HELD_BYTES, 4096);

		/* pages that nobody has written to would not be counted */
		gmem_pattern(&d->mem, gpa, HELD_BYTES, i);
		scsi_rw_prep(&r[i], d, VQ_IO, i & 1, i * 128, gpa, HELD_BYTES);
		req_send(&r[i]);
	}
	check(wait_until(*(volatile uint16_t *)ring_avail_event(
				 &d->vq[VQ_IO]) == d->vq[VQ_IO].avail_idx),
	      "the I/O is not taken");
	efd_signal(ready);
	check(efd_wait(go, deadline_in(WAIT_MS)), "no word to go on");
	dev_close(d);
	efd_signal(ready);
	_exit(EXIT_PASS);
}

static void expect_held(const struct tgt *tgt, struct vdev *d, long before)
{
	long want = HELD * (long)(HELD_BYTES / 4096);

	check(pages_pinned() - before >= want, "%ld pages pinned, want %ld",
	      pages_pinned() - before, want);
	expect(dev_set_endpoint(d->fd, tgt->wwn), -EBUSY);
	expect(tpg_rmdir(tgt, 1), -EBUSY);
}

VRING_TEST_LIMIT(
	thr_hung, "thread/release-pages-of-a-closed-device",
	"close under hung I/O in time, and see the pages released later", 180)
{
	int ready = efd_new(), go = efd_new();
	struct vdev *d;
	struct tgt tgt;
	long before;
	struct dm m;
	pid_t pid;

	tgt_with_dm(&tgt, &m);
	d = dev_open(1);
	dev_rings(d, 16);
	expect(dev_ready(d, F_DEFAULT), 0);
	before = pages_pinned();
	pid = closer(&tgt, &m, ready, go);
	check(efd_wait(ready, deadline_in(WAIT_MS)), "child is not ready");
	efd_drain(ready);
	step("close while I/O hangs");
	efd_signal(go);
	check(efd_wait(ready, deadline_in(CLOSE_MS)),
	      "close() does not return");
	expect(test_reap(pid), 0);
	step("what the closed device holds");
	expect_held(&tgt, d, before);
	dm_resume(&m);
	step("the backstore answers");
	check(wait_until(!dev_set_endpoint(d->fd, tgt.wwn)), "still busy");
	check(wait_until(pages_pinned() == before),
	      "%ld pages are still pinned", pages_pinned() - before);
	check(wait_until(!threads_count(pid)), "threads outlive the device");
	scsi_tur(d, VQ_IO);
}
