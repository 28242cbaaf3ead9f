// SPDX-License-Identifier: GPL-2.0
/*
 * What a thread inherits: affinity, scheduling policy, nice level and cgroup of
 * the task that called SET_OWNER (QEMU's main thread), at that time. QEMU calls
 * SET_ENDPOINT from a vCPU thread, which may be pinned or real-time.
 *
 * The peer on 6.12 passes: it makes its one thread at SET_OWNER.
 */
#include <pthread.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include "threads.h"

struct vcpu {
	struct vdev *d;
	const struct tgt *tgt;
	int cpu;
	int policy;
	int priority;
	int nice;
	int result;
};

static void *vcpu_thread(void *arg)
{
	struct vcpu *v = arg;
	struct sched_param p = { .sched_priority = v->priority };

	pin_self(v->cpu);
	if (setpriority(PRIO_PROCESS, 0, v->nice) ||
	    sched_setscheduler(0, v->policy, &p))
		v->result = -errno;
	else
		v->result = dev_set_endpoint(v->d->fd, v->tgt->wwn);
	return NULL;
}

static void set_endpoint_from(struct vcpu *v)
{
	pthread_t thread;

	step("SET_ENDPOINT from a vCPU");
	check(!pthread_create(&thread, NULL, vcpu_thread, v), "no thread");
	pthread_join(thread, NULL);
	expect(v->result, 0);
}

static struct vdev *ready(struct tgt *tgt)
{
	struct vdev *d;

	shared_thread(false);
	tgt_with_ramdisk(tgt, 1 * MIB);
	d = dev_open(2);
	dev_rings(d, 16);
	expect(dev_ready(d, F_DEFAULT), 0);
	return d;
}

static void expect_cpu(int cpu)
{
	struct threads t;
	cpu_set_t set;

	threads_find(&t, getpid());
	check(t.nr, "no threads at all");
	for (unsigned int i = 0; i < t.nr; i++) {
		check(!sched_getaffinity(t.tid[i], sizeof(set), &set),
		      "%s is gone", t.name[i]);
		check(CPU_COUNT(&set) == 1 && CPU_ISSET(cpu, &set),
		      "%s may run on %d CPUs, want CPU %d only", t.name[i],
		      CPU_COUNT(&set), cpu);
	}
}

VRING_TEST(
	thr_affinity, "thread/inherit-affinity-of-owner",
	"find the threads on the CPU of SET_OWNER's caller, not SET_ENDPOINT's")
{
	struct vcpu v = { .cpu = 0, .policy = SCHED_OTHER };
	struct tgt tgt;

	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		test_skip("needs two CPUs");
	v.tgt = &tgt;
	pin_self(1);
	v.d = ready(&tgt);
	step("the owner moves on later");
	pin_self(0);
	set_endpoint_from(&v);
	use_all_queues(v.d);
	expect_cpu(1);
}

static void expect_policy(int policy, int priority, int nice)
{
	struct sched_param p;
	struct threads t;

	threads_find(&t, getpid());
	check(t.nr, "no threads at all");
	for (unsigned int i = 0; i < t.nr; i++) {
		expect(sched_getscheduler(t.tid[i]), policy);
		check(!sched_getparam(t.tid[i], &p), "%s is gone", t.name[i]);
		expect(p.sched_priority, priority);
		errno = 0;
		expect(getpriority(PRIO_PROCESS, t.tid[i]), nice);
	}
}

VRING_TEST(thr_normal, "thread/not-inherit-real-time-of-vcpu",
	   "find normal threads though SET_ENDPOINT's caller is SCHED_FIFO")
{
	struct vcpu v = {
		.cpu = 0, .policy = SCHED_FIFO, .priority = 10, .nice = -3
	};
	struct tgt tgt;

	v.tgt = &tgt;
	v.d = ready(&tgt);
	set_endpoint_from(&v);
	use_all_queues(v.d);
	expect_policy(SCHED_OTHER, 0, 0);
}

VRING_TEST(thr_nice, "thread/inherit-nice-of-owner",
	   "find the nice level of SET_OWNER's caller, not of SET_ENDPOINT's")
{
	struct vcpu v = { .cpu = 0, .policy = SCHED_OTHER, .nice = -3 };
	struct tgt tgt;

	v.tgt = &tgt;
	check(!setpriority(PRIO_PROCESS, 0, 7), "nice: %s", strerror(errno));
	v.d = ready(&tgt);
	set_endpoint_from(&v);
	use_all_queues(v.d);
	expect_policy(SCHED_OTHER, 0, 7);
}

VRING_TEST(thr_policy, "thread/inherit-policy-of-owner",
	   "find SCHED_RR and the priority that SET_OWNER's caller had")
{
	struct vcpu v = { .cpu = 0, .policy = SCHED_OTHER };
	struct sched_param p = { .sched_priority = 5 };
	struct tgt tgt;

	v.tgt = &tgt;
	check(!sched_setscheduler(0, SCHED_RR, &p), "SCHED_RR: %s",
	      strerror(errno));
	v.d = ready(&tgt);
	set_endpoint_from(&v);
	use_all_queues(v.d);
	expect_policy(SCHED_RR, 5, 0);
}

static void enter_cgroup(const char *path)
{
	char pid[16];

	snprintf(pid, sizeof(pid), "%d", getpid());
	expect(file_write(pid, "%s/cgroup.procs", path), 0);
}

static void expect_cgroup(const char *path)
{
	struct threads t;
	char got[512];

	threads_find(&t, getpid());
	check(t.nr, "no threads at all");
	for (unsigned int i = 0; i < t.nr; i++) {
		task_cgroup(t.tid[i], got, sizeof(got));
		check(!strcmp(got, path), "%s is in %s, want %s", t.name[i],
		      got, path);
	}
}

/* The owner in @owner; another process, in @other, calls SET_ENDPOINT. */
static void use_cgroups(const char *owner, const char *other)
{
	struct tgt tgt;
	struct vdev *d;
	pid_t pid;

	enter_cgroup(owner);
	d = ready(&tgt);
	pid = test_fork();
	if (!pid) {
		enter_cgroup(other);
		expect(dev_set_endpoint(d->fd, tgt.wwn), 0);
		_exit(EXIT_PASS);
	}
	expect(test_reap(pid), 0);
	use_all_queues(d);
	expect_cgroup(owner);
	dev_close(d);
	check(wait_until(!threads_count(getpid())), "threads outlive close()");
}

VRING_TEST(thr_cgroup, "thread/inherit-cgroup-of-owner",
	   "find the threads in the cgroup of SET_OWNER's caller")
{
	char here[512], owner[600], other[600];

	task_cgroup(getpid(), here, sizeof(here));
	snprintf(owner, sizeof(owner), "%s/vt%u-owner", here, test_id());
	snprintf(other, sizeof(other), "%s/vt%u-other", here, test_id());
	expect(dir_make("%s", owner), 0);
	expect(dir_make("%s", other), 0);
	use_cgroups(owner, other);
	enter_cgroup(here);
	check(wait_until(!dir_remove("%s", owner)), "%s is in use", owner);
	check(wait_until(!dir_remove("%s", other)), "%s is in use", other);
}
