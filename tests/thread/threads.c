// SPDX-License-Identifier: GPL-2.0
/* Threads of a device, seen from outside: see threads.h. */
#include <linux/userfaultfd.h>
#include <sys/mman.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>
#include "threads.h"

#define FLAG_KTHREAD 0x00200000

/* "vhost-<owner>", or that and "-<number>". */
static bool is_ours(const char *comm, pid_t owner)
{
	char prefix[32];
	size_t len;

	snprintf(prefix, sizeof(prefix), "vhost-%d", owner);
	len = strlen(prefix);
	return !strncmp(comm, prefix, len) && (!comm[len] || comm[len] == '-');
}

static void look_at(struct threads *t, const char *pid, const char *tid,
		    pid_t owner)
{
	char comm[64];

	if (tid[0] < '0' || tid[0] > '9' ||
	    file_read(comm, sizeof(comm), "/proc/%s/task/%s/comm", pid, tid))
		return;
	comm[strcspn(comm, "\n")] = 0;
	if (!is_ours(comm, owner))
		return;
	check(t->nr < THREADS_MAX, "more than %d threads", THREADS_MAX);
	t->tid[t->nr] = atoi(tid);
	snprintf(t->name[t->nr++], sizeof(t->name[0]), "%s", comm);
}

void threads_find(struct threads *t, pid_t owner)
{
	DIR *proc = opendir("/proc"), *tasks;
	struct dirent *p, *e;
	char path[300];

	memset(t, 0, sizeof(*t));
	check(proc, "/proc: %s", strerror(errno));
	while ((p = readdir(proc))) {
		if (p->d_name[0] < '0' || p->d_name[0] > '9')
			continue;
		snprintf(path, sizeof(path), "/proc/%s/task", p->d_name);
		tasks = opendir(path);
		while (tasks && (e = readdir(tasks)))
			look_at(t, p->d_name, e->d_name, owner);
		if (tasks)
			closedir(tasks);
	}
	closedir(proc);
}

unsigned int threads_count(pid_t owner)
{
	struct threads t;

	threads_find(&t, owner);
	return t.nr;
}

pid_t threads_named(const struct threads *t, const char *fmt, ...)
{
	char name[64];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(name, sizeof(name), fmt, ap);
	va_end(ap);
	for (unsigned int i = 0; i < t->nr; i++)
		if (!strcmp(t->name[i], name))
			return t->tid[i];
	return 0;
}

void threads_expect(struct threads *t, pid_t owner, unsigned int queues)
{
	threads_find(t, owner);
	for (unsigned int i = 0; i < t->nr; i++)
		fprintf(stderr, "thread %d: %s\n", t->tid[i], t->name[i]);
	check(t->nr == queues + 1, "%u threads, want %u", t->nr, queues + 1);
	check(threads_named(t, "vhost-%d", owner), "no thread vhost-%d", owner);
	for (unsigned int i = 0; i < queues; i++)
		check(threads_named(t, "vhost-%d-%u", owner, i),
		      "no thread vhost-%d-%u", owner, i);
}

bool task_is_kthread(pid_t tid)
{
	unsigned int flags;
	char text[512], *p;

	expect(file_read(text, sizeof(text), "/proc/%d/stat", tid), 0);
	p = strrchr(text, ')');
	check(p && sscanf(p, ") %*c %*d %*d %*d %*d %*d %u", &flags) == 1,
	      "/proc/%d/stat: %s", tid, text);
	return flags & FLAG_KTHREAD;
}

pid_t task_tgid(pid_t tid)
{
	char text[4096], *p;

	expect(file_read(text, sizeof(text), "/proc/%d/status", tid), 0);
	p = strstr(text, "\nTgid:");
	check(p, "/proc/%d/status has no Tgid", tid);
	return atoi(p + 6);
}

void task_cgroup(pid_t tid, char *path, size_t size)
{
	char text[1024], *p;

	expect(file_read(text, sizeof(text), "/proc/%d/cgroup", tid), 0);
	p = strstr(text, "0::");
	check(p, "/proc/%d/cgroup: %s", tid, text);
	p[strcspn(p, "\n")] = 0;
	snprintf(path, size, "/sys/fs/cgroup%s", p + 3);
}

void pin_self(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	check(!sched_setaffinity(0, sizeof(set), &set), "CPU %d: %s", cpu,
	      strerror(errno));
}

bool kernel_forks_owner(void)
{
	uint8_t fork_owner = 1;
	int fd = dev_open_fd();
	int err = dev_ioctl(fd, VHOST_SET_FORK_FROM_OWNER, &fork_owner);

	close(fd);
	return !err;
}

void shared_thread(bool on)
{
	int err = file_write(on ? "1" : "0",
			     "/sys/module/vhost_scsi/parameters/shared_thread");

	if (err == -ENOENT && module_is_peer() && on)
		test_skip("the peer has no parameter shared_thread");
	check(!err || module_is_peer(), "shared_thread: %s", errno_name(err));
}

static int log_fd = -1;

void log_mark(void)
{
	if (log_fd < 0)
		log_fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	check(log_fd >= 0, "/dev/kmsg: %s", strerror(errno));
	lseek(log_fd, 0, SEEK_END);
}

unsigned int log_count(const char *text)
{
	unsigned int count = 0;
	char line[2048];
	ssize_t n;

	for (;;) {
		n = read(log_fd, line, sizeof(line) - 1);
		if (n < 0 && errno == EPIPE)
			continue;
		if (n <= 0)
			return count;
		line[n] = 0;
		count += !!strstr(line, text);
	}
}

void use_all_queues(struct vdev *d)
{
	for (unsigned int q = VQ_IO; q < d->nvqs; q++)
		scsi_tur(d, q);
}

void page_withhold(int uffd, void *page)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = {
		.range = { (uintptr_t)page, 4096 },
		.mode = UFFDIO_REGISTER_MODE_MISSING,
	};

	check(uffd >= 0 && !ioctl(uffd, UFFDIO_API, &api) &&
		      !madvise(page, 4096, MADV_DONTNEED) &&
		      !ioctl(uffd, UFFDIO_REGISTER, &reg),
	      "userfaultfd: %s", strerror(errno));
}
