/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the tests of threads share: finding the threads of a device, and what
 * can be seen of a task from outside.
 */
#ifndef THREADS_H
#define THREADS_H

#include <sched.h>
#include "vring.h"

#ifndef VHOST_SET_FORK_FROM_OWNER
#define VHOST_SET_FORK_FROM_OWNER _IOW(VHOST_VIRTIO, 0x84, uint8_t)
#define VHOST_GET_FORK_FROM_OWNER _IOR(VHOST_VIRTIO, 0x85, uint8_t)
#endif

#define THREADS_MAX 64

struct threads {
	unsigned int nr;
	pid_t tid[THREADS_MAX];
	char name[THREADS_MAX][32];
};

/* The threads of the device that process @owner owns, by name. */
void threads_find(struct threads *t, pid_t owner);
unsigned int threads_count(pid_t owner);
pid_t threads_named(const struct threads *t, const char *fmt, ...)
	__attribute__((format(printf, 2, 3))); /* 0 if there is none */
/* Fails unless there are @queues threads of queues and the control thread. */
void threads_expect(struct threads *t, pid_t owner, unsigned int queues);

bool task_is_kthread(pid_t tid);
pid_t task_tgid(pid_t tid);
void task_cgroup(pid_t tid, char *path, size_t size);
void pin_self(int cpu);

/* Are threads forked from the owner, unless it asks for kthreads? */
bool kernel_forks_owner(void);

/* The parameter shared_thread, which every test that counts threads sets. */
void shared_thread(bool on);

/* Lines with @text that the kernel printed since log_mark(). */
void log_mark(void);
unsigned int log_count(const char *text);

/* By a userfaultfd: whoever touches the page at @page waits for it. */
void page_withhold(int uffd, void *page);

/* TEST UNIT READY on every request queue. */
void use_all_queues(struct vdev *d);

#endif
