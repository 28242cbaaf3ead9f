// SPDX-License-Identifier: GPL-2.0
/*
 * RESET_OWNER: the device becomes as it was when it was opened.
 *
 * The peer has no RESET_OWNER (EFAULT: it takes the argument for a pointer) and
 * so fails all of these.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include "../thread/threads.h"

#define DEBUGFS "/sys/kernel/debug/vhost_scsi"

static int reset_owner(int fd)
{
	return dev_ioctl(fd, VHOST_RESET_OWNER, NULL);
}

/* Statistics directories of devices that @pid owns. */
static unsigned int stats_dirs(pid_t pid)
{
	unsigned int n = 0;
	struct dirent *e;
	char prefix[32];
	DIR *dir = opendir(DEBUGFS);

	check(dir, DEBUGFS ": %s", strerror(errno));
	snprintf(prefix, sizeof(prefix), "%d-", pid);
	while ((e = readdir(dir)))
		n += !strncmp(e->d_name, prefix, strlen(prefix));
	closedir(dir);
	return n;
}

VRING_TEST(ioctl_reset, "ioctl/reset-owner",
	   "give the device up and find it as it was when it was opened")
{
	uint32_t missed = 1;
	struct vdev *d;
	struct tgt t;

	tgt_with_ramdisk(&t, 4 * MIB);
	d = dev_up(t.wwn, 2, 16, F_DEFAULT);
	use_all_queues(d);
	step("with an endpoint");
	expect(reset_owner(d->fd), -EBUSY);
	use_all_queues(d);
	expect(stats_dirs(getpid()), 1);
	expect(dev_clear_endpoint(d->fd, t.wwn), 0);
	expect(dev_vring_state(d->fd, VHOST_SET_VRING_BASE, 2, 7), 0);
	expect(dev_ioctl(d->fd, VHOST_SCSI_SET_EVENTS_MISSED, &missed), 0);
	expect(reset_owner(d->fd), 0);
	step("without an owner");
	expect(threads_count(getpid()), 0);
	expect(stats_dirs(getpid()), 0);
	expect(reset_owner(d->fd), -EPERM);
	expect(dev_vring_base(d->fd, 2), -EPERM);
	expect(dev_worker_of(d->fd, 2), -EINVAL);
	expect(dev_ioctl(d->fd, VHOST_SCSI_GET_EVENTS_MISSED, &missed), 0);
	expect(missed, 0);
	step("owned again");
	expect(dev_ioctl(d->fd, VHOST_SET_OWNER, NULL), 0);
	expect(stats_dirs(getpid()), 1);
	expect(dev_vring_base(d->fd, 2), 0);
	step("the rings are not set up");
	expect(gmem_set_table(&d->mem, d->fd), 0);
	expect(dev_set_endpoint(d->fd, t.wwn), 0);
	for (unsigned int i = 0; i < d->nvqs; i++)
		ring_kick(&d->vq[i]);
	expect(dev_vring_state(d->fd, VHOST_SET_VRING_NUM, 2, 16), -EBUSY);
	expect(dev_clear_endpoint(d->fd, t.wwn), 0);
}

VRING_TEST(ioctl_reset_who, "ioctl/leave-reset-to-the-owner",
	   "be refused RESET_OWNER without an owner and as another process")
{
	int fd = dev_open_fd();
	pid_t pid;

	step("no owner");
	expect(reset_owner(fd), -EPERM);
	expect(dev_ioctl(fd, VHOST_SET_OWNER, NULL), 0);
	step("another process");
	pid = test_fork();
	if (!pid) {
		expect(reset_owner(fd), -EPERM);
		_exit(EXIT_PASS);
	}
	expect(test_reap(pid), 0);
	expect(dev_ioctl(fd, VHOST_SET_OWNER, NULL), -EBUSY);
	expect(reset_owner(fd), 0);
}

/* Owns, uses and gives up the device: what the one before wrote is there. */
static void use_once(int fd, const struct tgt *t, int round)
{
	struct vdev *d = dev_open_on(fd, 2);

	dev_rings(d, 32);
	expect(dev_worker_new(fd), 1);
	expect(dev_worker_attach(fd, VQ_IO + 1, 1), 0);
	expect(dev_ready(d, F_DEFAULT), 0);
	expect(dev_set_endpoint(fd, t->wwn), 0);
	use_all_queues(d);
	if (round)
		scsi_check_pattern(d, VQ_IO, 0, 65536, round - 1);
	scsi_write_pattern(d, VQ_IO + 1, 0, 65536, round);
	ring_kick(&d->vq[VQ_IO]);
	expect(dev_clear_endpoint(fd, t->wwn), 0);
	ring_kick(&d->vq[VQ_IO + 1]);
	expect(reset_owner(fd), 0);
	expect(threads_count(getpid()), 0);
}

VRING_TEST_LIMIT(ioctl_reset_loop, "ioctl/hand-the-device-on",
		 "have 20 processes own, use and give up one device in turn",
		 120)
{
	int fd = dev_open_fd();
	struct tgt t;

	tgt_with_ramdisk(&t, 4 * MIB);
	for (int i = 0; i < 20; i++) {
		pid_t pid = test_fork();

		step("owner %d", i);
		if (!pid) {
			use_once(fd, &t, i);
			_exit(EXIT_PASS);
		}
		expect(test_reap(pid), 0);
	}
	step("and one more time twice in one process");
	use_once(fd, &t, 20);
	use_once(fd, &t, 21);
}

/* Maps a file of @dir, owns the device, gives it up if told, and exits. */
static void own_with_file(int fd, const char *dir, bool reset)
{
	char path[64];
	int file;

	snprintf(path, sizeof(path), "%s/file", dir);
	file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	check(file >= 0 && !ftruncate(file, 4096), "%s: %s", path,
	      strerror(errno));
	check(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0) !=
		      MAP_FAILED,
	      "mmap: %s", strerror(errno));
	expect(dev_ioctl(fd, VHOST_SET_OWNER, NULL), 0);
	if (reset)
		expect(reset_owner(fd), 0);
	_exit(EXIT_PASS);
}

static int unmount(const char *dir)
{
	return umount(dir) ? -errno : 0;
}

/* Memory of an owner that has exited is seen by the file system it maps. */
VRING_TEST(ioctl_reset_mm, "ioctl/let-go-of-memory-at-reset",
	   "find an owner's memory gone when it has exited after RESET_OWNER")
{
	char dir[] = "/tmp/vring-owner-XXXXXX";
	int fd[2] = { dev_open_fd(), dev_open_fd() };

	check(mkdtemp(dir), "%s: %s", dir, strerror(errno));
	/* What is mounted goes with this process, however it ends. */
	check(!unshare(CLONE_NEWNS) &&
		      !mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) &&
		      !mount("none", dir, "tmpfs", 0, NULL),
	      "mount: %s", strerror(errno));
	for (int reset = 0; reset < 2; reset++) {
		pid_t pid = test_fork();

		if (!pid)
			own_with_file(fd[reset], dir, reset);
		expect(test_reap(pid), 0);
		if (reset)
			break;
		step("the memory of an owner without RESET_OWNER");
		expect(unmount(dir), -EBUSY);
		close(fd[0]);
	}
	step("unmount");
	check(wait_until(!unmount(dir)), "the owner's memory is in use");
	expect(dir_remove("%s", dir), 0);
}
