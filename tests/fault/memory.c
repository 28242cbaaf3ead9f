// SPDX-License-Identifier: GPL-2.0
/*
 * Allocations all along an operation fail, one at a time (R13, A05, A20): the operation
 * says ENOMEM and has changed nothing, or does without. /proc/.../fail-nth
 * makes the n-th allocation of one task fail; an operation for which it was
 * not reached has been through all of its own.
 *
 * Seen to fail on a build whose SET_ENDPOINT kept its claim when a queue could
 * not be allocated: the nexus is busy for ever.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/syscall.h>
#include "vring.h"

#define NTH_MAX 4000u /* more allocations than any operation makes */

/* Every one of the first dozen, then farther and farther apart. */
static unsigned int next_nth(unsigned int n)
{
	return n + 1 + n / 12;
}

static int my_tid(void)
{
	return syscall(SYS_gettid);
}

/* Kept open: to open a file is to allocate. */
static int fault_file(int tid)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/self/task/%d/fail-nth", tid);
	fd = open(path, O_RDWR | O_CLOEXEC);
	check(fd >= 0, "%s: %s", path, strerror(errno));
	return fd;
}

/* The n-th allocation of the task is to fail from here on; 0: none. */
static void fail_nth(int fd, unsigned int n)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%u", n);

	check(pwrite(fd, text, len, 0) == len, "fail-nth: %s", strerror(errno));
}

/* Ends that; true if an allocation was made to fail. */
static bool fail_ended(int fd)
{
	char text[16] = "";

	check(pread(fd, text, sizeof(text) - 1, 0) > 0, "fail-nth: %s",
	      strerror(errno));
	fail_nth(fd, 0);
	return atoi(text) == 0;
}

/* The task of ours that is called vhost-PID, or vhost-PID-QUEUE. */
static int thread_called(const char *name)
{
	char comm[32];
	struct dirent *e;
	DIR *dir = opendir("/proc/self/task");
	int tid = 0;

	check(dir, "/proc/self/task: %s", strerror(errno));
	while (!tid && (e = readdir(dir))) {
		if (file_read(comm, sizeof(comm), "/proc/self/task/%s/comm",
			      e->d_name))
			continue;
		comm[strcspn(comm, "\n")] = 0;
		if (!strcmp(comm, name))
			tid = atoi(e->d_name);
	}
	closedir(dir);
	check(tid, "no thread is called %s", name);
	return tid;
}

static int thread_of_queue(int queue)
{
	char name[32];

	if (queue < VQ_IO)
		snprintf(name, sizeof(name), "vhost-%d", getpid());
	else
		snprintf(name, sizeof(name), "vhost-%d-%d", getpid(),
			 queue - VQ_IO);
	return thread_called(name);
}

/* Nothing of a SET_ENDPOINT is left: all can be taken apart and made anew. */
static void take_apart(const struct tgt *t, const struct bs *b)
{
	expect(lun_unlink(t, 1, 0), 0);
	expect(tpg_nexus(t, 1, "NULL"), 0);
	expect(tpg_rmdir(t, 1), 0);
	tgt_add(t, 1);
	expect(lun_link(t, 1, 0, b), 0);
}

static void set_endpoint_short_of_memory(struct vdev *d, const struct tgt *t,
					 const struct bs *b)
{
	int fault = fault_file(my_tid());
	unsigned int n, failed = 0;
	bool hit = true;
	int r;

	for (n = 1; hit && n < NTH_MAX; n = next_nth(n)) {
		step("allocation %u", n);
		fail_nth(fault, n);
		r = dev_set_endpoint(d->fd, t->wwn);
		hit = fail_ended(fault);
		if (r) {
			expect(r, -ENOMEM);
			check(hit, "ENOMEM, and no allocation failed");
			failed++;
			take_apart(t, b);
			continue;
		}
		/* A thread that could not be made is one that is shared. */
		scsi_tur(d, VQ_IO);
		scsi_tur(d, VQ_IO + 1);
		expect(dev_clear_endpoint(d->fd, t->wwn), 0);
	}
	check(!hit, "%u allocations and no end", n);
	check(failed, "no allocation mattered");
}

VRING_TEST_LIMIT(fault_set, "fault/set-endpoint-short-of-memory",
		 "have allocations of SET_ENDPOINT fail, and nothing stay", 240)
{
	struct vdev *d;
	struct tgt t;
	struct bs b;

	bs_ramdisk(&b, 1 * MIB);
	tgt_new(&t);
	expect(lun_link(&t, 1, 0, &b), 0);
	d = dev_open(2);
	dev_rings(d, 64);
	expect(dev_ready(d, F_DEFAULT), 0);
	set_endpoint_short_of_memory(d, &t, &b);
	dev_close(d);
	/* The ring's first touch and the threads are the control thread's. */
	d = dev_open(2);
	dev_rings(d, 64);
	expect(dev_ready(d, F_DEFAULT), 0);
	step("the control thread's allocations");
	for (unsigned int n = 1; n < 40; n = next_nth(n)) {
		int fault = fault_file(thread_of_queue(VQ_CTL));

		step("allocation %u of the control thread", n);
		fail_nth(fault, n);
		expect(dev_set_endpoint(d->fd, t.wwn), 0);
		fail_nth(fault, 0);
		close(fault);
		scsi_tur(d, VQ_IO);
		scsi_tur(d, VQ_IO + 1);
		expect(dev_clear_endpoint(d->fd, t.wwn), 0);
	}
}

/* open() and SET_OWNER of a device whose ends are all checked for. */
VRING_TEST_LIMIT(fault_open, "fault/open-short-of-memory",
		 "have allocations of open() and SET_OWNER fail", 240)
{
	int fault = fault_file(my_tid());
	bool hit = true;
	unsigned int n;
	int fd, r;

	for (n = 1; hit && n < NTH_MAX; n = next_nth(n)) {
		step("allocation %u", n);
		fail_nth(fault, n);
		fd = open("/dev/vhost-scsi", O_RDWR);
		r = fd < 0 ? -errno : dev_ioctl(fd, VHOST_SET_OWNER, NULL);
		hit = fail_ended(fault);
		check(!r || (hit &&
			     (r == -ENOMEM || r == -EAGAIN || r == -ENFILE)),
		      "%s with allocation %u failing", errno_name(r), n);
		if (r && fd >= 0) {
			r = dev_ioctl(fd, VHOST_SET_OWNER, NULL);
			check(!r || r == -EBUSY, "SET_OWNER again: %s",
			      errno_name(r));
		}
		if (fd >= 0)
			close(fd);
	}
	check(!hit, "%u allocations and no end", n);
}

/* TASK SET FULL and BUSY tell a guest to try again. */
static bool is_retry(const struct req *r)
{
	return r->rsp.response == VIRTIO_SCSI_S_BUSY ||
	       (r->rsp.response == VIRTIO_SCSI_S_OK &&
		(r->rsp.status == 0x28 || r->rsp.status == 0x08));
}

static void io_short_of_memory(struct vdev *d, struct req *r, const char *what)
{
	int fault = fault_file(thread_of_queue(VQ_IO));
	bool hit = true;
	unsigned int n;

	for (n = 1; hit && n < NTH_MAX; n = next_nth(n)) {
		step("%s: allocation %u", what, n);
		fail_nth(fault, n);
		req_again(r);
		req_run(r);
		hit = fail_ended(fault);
		if (!hit || !is_retry(r))
			/* LIO's own say CHECK CONDITION, some do without. */
			check(r->rsp.response == VIRTIO_SCSI_S_OK,
			      "%s: allocation %u: %s", what, n, req_text(r));
		scsi_tur(d, VQ_IO);
	}
	check(!hit, "%s: %u allocations and no end", what, n);
	req_good(r);
}

VRING_TEST_LIMIT(fault_io, "fault/serve-commands-short-of-memory",
		 "answer each command although an allocation of it fails", 240)
{
	uint8_t cdb[CDB_LEN];
	uint64_t data;
	struct vdev *d;
	struct req r;
	struct tgt t;

	tgt_with_ramdisk(&t, 4 * MIB);
	d = dev_up(t.wwn, 1, 256, F_DEFAULT);
	data = gmem_alloc(&d->mem, 1 * MIB, 4096);
	scsi_write_pattern(d, VQ_IO, 0, 1 * MIB, 13);
	scsi_rw_prep(&r, d, VQ_IO, false, 0, data, 1 * MIB);
	io_short_of_memory(d, &r, "READ in one segment");
	check(gmem_differs(&d->mem, data, 1 * MIB, 13) < 0, "wrong data");
	req_free(&r);
	req_init(&r, d, VQ_IO);
	cdb_rw16(cdb, false, 0, 64);
	req_cmd(&r, 1, 0, cdb);
	req_in_split(&r, data, 64 * BLOCK, 700);
	io_short_of_memory(d, &r, "READ in odd segments");
	check(gmem_differs(&d->mem, data, 64 * BLOCK, 13) < 0, "wrong data");
	req_free(&r);
	req_init(&r, d, VQ_IO);
	cdb_inquiry(cdb, -1, 96);
	req_cmd(&r, 1, 0, cdb);
	req_in_split(&r, data, 96, 8);
	io_short_of_memory(d, &r, "INQUIRY in pieces");
}

VRING_TEST_LIMIT(fault_tmf, "fault/serve-tmfs-short-of-memory",
		 "answer each LUN RESET although an allocation of it fails",
		 240)
{
	bool hit = true;
	struct vdev *d;
	unsigned int n;
	struct req r;
	struct tgt t;
	int fault;

	tgt_with_ramdisk(&t, 1 * MIB);
	d = dev_up(t.wwn, 1, 64, F_DEFAULT);
	fault = fault_file(thread_of_queue(VQ_CTL));
	req_init(&r, d, VQ_CTL);
	req_tmf(&r, VIRTIO_SCSI_T_TMF_LOGICAL_UNIT_RESET, 1, 0, 0);
	for (n = 1; hit && n < NTH_MAX; n = next_nth(n)) {
		uint8_t response;

		step("allocation %u", n);
		fail_nth(fault, n);
		req_again(&r);
		req_run(&r);
		hit = fail_ended(fault);
		response = req_tmf_response(&r);
		check(response == VIRTIO_SCSI_S_FUNCTION_SUCCEEDED ||
			      (hit &&
			       response == VIRTIO_SCSI_S_FUNCTION_REJECTED),
		      "response %u with allocation %u", response, n);
	}
	check(!hit, "%u allocations and no end", n);
}

VRING_TEST_LIMIT(fault_configfs, "fault/make-targets-short-of-memory",
		 "have allocations of a target, TPG, nexus and LUN fail", 240)
{
	int fault = fault_file(my_tid());
	bool hit = true;
	unsigned int n;
	struct tgt t;
	struct bs b;

	bs_ramdisk(&b, 1 * MIB);
	tgt_name(&t);
	for (n = 1; hit && n < NTH_MAX; n = next_nth(n)) {
		bool done[4] = { false };

		step("allocation %u", n);
		fail_nth(fault, n);
		done[0] = !tgt_mkdir(&t);
		done[1] = done[0] && !tpg_mkdir(&t, 1);
		done[2] = done[1] && !tpg_nexus(&t, 1, t.wwn);
		done[3] = done[2] && !lun_link(&t, 1, 0, &b);
		hit = fail_ended(fault);
		check(done[3] || hit, "made in part only");
		if (done[3])
			expect(lun_unlink(&t, 1, 0), 0);
		else if (done[2])
			dir_remove("%s/tpgt_1/lun/lun_0", t.path);
		if (done[2])
			expect(tpg_nexus(&t, 1, "NULL"), 0);
		if (done[1])
			expect(tpg_rmdir(&t, 1), 0);
		if (done[0])
			expect(tgt_rmdir(&t), 0);
	}
	check(!hit, "%u allocations and no end", n);
}
