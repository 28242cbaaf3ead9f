// SPDX-License-Identifier: GPL-2.0
/*
 * Threads that are no tasks of the owner: where the kernel cannot fork one from it, or the VMM
 * asked for it. A kthread on the owner's address space and in its cgroups, given what a
 * fork would have inherited.
 */
#include <linux/cgroup.h>
#include <linux/kthread.h>
#include <linux/sched/mm.h>
#include <linux/sched/rt.h>
#include <linux/sched/signal.h>
#include <uapi/linux/sched/types.h>

#include "vhost_scsi.h"
#include "thread.h"

/* A kthread does not inherit: give it what a fork would. */
static void resemble(struct task_struct *task, struct task_struct *model)
{
	struct sched_attr attr = {
		.size = sizeof(attr),
		.sched_policy = SCHED_NORMAL,
	};

	set_cpus_allowed_ptr(task, &model->cpus_mask);
	if (!model->sched_reset_on_fork && model->policy != SCHED_DEADLINE) {
		attr.sched_policy = model->policy;
		attr.sched_priority = model->rt_priority;
		attr.sched_nice = task_nice(model);
	}
	sched_setattr_nocheck(task, &attr);
}

static int kthread_main(void *data)
{
	struct vscsi_thread *thread = data;

	/* Only from vscsi_thread_interrupt_all(). */
	allow_kernel_signal(SIGKILL);
	vscsi_thread_set_task(thread);
	thread->error = cgroup_attach_task_all(thread->model, current);
	kthread_use_mm(thread->dev->mm);
	complete(&thread->ready);
	for (;;) {
		/* Not interruptible: a signal stays pending. */
		set_current_state(TASK_IDLE);
		if (kthread_should_stop())
			break;
		if (!vscsi_thread_run_works(thread))
			schedule();
	}
	__set_current_state(TASK_RUNNING);
	kthread_unuse_mm(thread->dev->mm);
	return 0;
}

/**
 * vscsi_kthread_start() - start a kthread that resembles the current task
 * @thread: what it is to be
 * @name: its name
 *
 * Context: a task of the owner, or of its threads. Waits until it runs.
 * Return: 0, or a negative errno: it has ended, and @thread->task is still to be put.
 */
int vscsi_kthread_start(struct vscsi_thread *thread, const char *name)
{
	struct task_struct *task;

	thread->model = current;
	task = kthread_create(kthread_main, thread, "%s", name);
	if (IS_ERR(task))
		return PTR_ERR(task);
	wake_up_process(task);
	wait_for_completion(&thread->ready);
	thread->model = NULL;
	/* Joining the cgroups has set the cpuset's affinity. */
	resemble(task, current);
	if (thread->error)
		kthread_stop(task);
	return thread->error;
}
