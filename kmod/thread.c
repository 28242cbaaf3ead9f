// SPDX-License-Identifier: GPL-2.0
/*
 * The threads that serve queues. The module has its own: the vhost core's are
 * one per device on older kernels and with older VMMs.
 *
 * A thread is a task of the owner where the kernel can fork one from it (it
 * then counts and is limited as the VMM is), else a kthread on the owner's
 * address space and in its cgroups. The first, the control thread, is made by
 * the task that calls SET_OWNER; those of the queues are made by the control
 * thread, so that they inherit affinity, scheduling policy, nice level and
 * cgroups from there: SET_ENDPOINT may come from a vCPU thread that is pinned or
 * real-time. Workers (worker.c) are made by, and resemble, the task that asks.
 *
 * Work is queued from any context. If a thread is gone (killed with its owner,
 * or stopped), a kworker does its work, which then finds itself on another
 * address space and ends requests without an answer.
 *
 * A queue's work is never done by two threads at once: a queue changes its
 * thread in vscsi_thread_move() only.
 */
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/sched/vhost_task.h>
#include <linux/slab.h>

#include "vhost_scsi.h"
#include "thread.h"
#include "trace.h"

/**
 * vscsi_work_init() - prepare work
 * @work: the work
 * @fn: what to call
 */
void vscsi_work_init(struct vscsi_work *work,
		     void (*fn)(struct vscsi_work *work))
{
	work->flags = 0;
	work->fn = fn;
}

/**
 * vscsi_work_queue() - have a thread do some work
 * @thread: the thread
 * @work: the work; nothing happens if it is queued already
 *
 * Whatever the caller wrote before is seen by the work.
 *
 * Context: any, atomic included.
 */
void vscsi_work_queue(struct vscsi_thread *thread, struct vscsi_work *work)
{
	struct task_struct *task;

	if (test_and_set_bit(VSCSI_WORK_QUEUED, &work->flags))
		return;
	/*
	 * llist_add() is a full barrier. Either we see that the thread is
	 * dead, or the reaper, queued after that, sees the work; either we see
	 * the task, or the thread looks at the list after it has set it.
	 */
	llist_add(&work->node, &thread->works);
	if (unlikely(READ_ONCE(thread->dead))) {
		queue_work(vscsi_wq, &thread->reaper);
		return;
	}
	task = READ_ONCE(thread->task);
	if (task)
		wake_up_process(task);
}

/**
 * vscsi_thread_run_works() - do all work that is queued, in order
 * @thread: the thread
 *
 * Context: the thread; or a kworker, once it is dead.
 * Return: false if there was none.
 */
bool vscsi_thread_run_works(struct vscsi_thread *thread)
{
	struct llist_node *node = llist_del_all(&thread->works);
	struct vscsi_work *work, *next;

	if (!node)
		return false;
	__set_current_state(TASK_RUNNING);
	node = llist_reverse_order(node);
	llist_for_each_entry_safe(work, next, node, node) {
		WRITE_ONCE(thread->more, work->node.next);
		clear_bit(VSCSI_WORK_QUEUED, &work->flags);
		/* What is queued from here on is a new round of it. */
		smp_mb__after_atomic();
		work->fn(work);
		cond_resched();
	}
	return true;
}

/**
 * vscsi_thread_set_task() - have the current task be a thread
 * @thread: the thread
 */
void vscsi_thread_set_task(struct vscsi_thread *thread)
{
	WRITE_ONCE(thread->task, get_task_struct(current));
	/* Pairs with llist_add() in vscsi_work_queue(). */
	smp_mb();
}

static void set_dead(struct vscsi_thread *thread)
{
	WRITE_ONCE(thread->dead, true);
	/* Pairs with llist_add() in vscsi_work_queue(). */
	smp_mb();
	queue_work(vscsi_wq, &thread->reaper);
}

static void reap(struct work_struct *work)
{
	vscsi_thread_run_works(container_of(work, struct vscsi_thread, reaper));
}

/* The body of a task of the owner: called until it returns false. */
static bool owner_task_run(void *data)
{
	struct vscsi_thread *thread = data;

	if (!thread->task)
		vscsi_thread_set_task(thread);
	return vscsi_thread_run_works(thread);
}

/* Called in the task when it is killed with its owner. */
static void owner_task_killed(void *data)
{
	set_dead(data);
}

static int start_owner_task(struct vscsi_thread *thread, const char *name)
{
	struct vhost_task *vtsk;

	vtsk = vhost_task_create(owner_task_run, owner_task_killed, thread,
				 name);
	if (IS_ERR(vtsk))
		return PTR_ERR(vtsk);
	thread->vtsk = vtsk;
	vhost_task_start(vtsk);
	return 0;
}

/* Make a thread that resembles the current task. */
static struct vscsi_thread *create(struct vscsi_dev *dev, const char *name)
{
	struct vscsi_thread *thread;
	int err;

	thread = kzalloc(sizeof(*thread), GFP_KERNEL_ACCOUNT);
	if (!thread)
		return ERR_PTR(-ENOMEM);
	thread->dev = dev;
	init_llist_head(&thread->works);
	init_completion(&thread->ready);
	INIT_WORK(&thread->reaper, reap);
	if (vhost_dev_forks_owner(&dev->vhost))
		err = start_owner_task(thread, name);
	else
		err = vscsi_kthread_start(thread, name);
	if (err) {
		if (thread->task)
			put_task_struct(thread->task);
		kfree(thread);
		return ERR_PTR(err);
	}
	trace_vscsi_thread(dev, name);
	return thread;
}

/**
 * vscsi_thread_create_worker() - make a thread that resembles the caller
 * @dev: the device, its address space and pid set
 * @id: number of the worker; 0 is the control thread
 *
 * Locking: caller holds the device's mutex, and is a task of the owner.
 * Return: the thread, or an ERR_PTR().
 */
struct vscsi_thread *vscsi_thread_create_worker(struct vscsi_dev *dev, u32 id)
{
	struct vscsi_thread *thread;
	char name[32];

	lockdep_assert_held(&dev->vhost.mutex);
	if (id)
		snprintf(name, sizeof(name), "vhost-%d-w%u", dev->pid, id);
	else
		snprintf(name, sizeof(name), "vhost-%d", dev->pid);
	thread = create(dev, name);
	if (!IS_ERR(thread))
		list_add(&thread->node, &dev->threads);
	return thread;
}

struct call {
	struct vscsi_work work;
	struct vscsi_dev *dev;
	struct completion done;
	int (*fn)(void *data);
	void *data;
	int ret;
};

static void call_run(struct vscsi_work *work)
{
	struct call *call = container_of(work, struct call, work);

	if (call->fn && current->mm == call->dev->mm)
		call->ret = call->fn(call->data);
	complete(&call->done);
}

/*
 * A kthread may be waiting for a page of the guest's that will never come, while a task of
 * the owner, who was killed, waits for it and keeps the owner's files open: close() would
 * never come to end that. (Tasks of the owner are killed with it.)
 */
static void owner_is_killed(struct vscsi_dev *dev)
{
	lockdep_assert_held(&dev->vhost.mutex);
	if (current->mm == dev->mm)
		vscsi_thread_interrupt_all(dev);
}

/**
 * vscsi_thread_lock_queue() - take a queue's mutex that a thread may have while it waits
 * @vq: the queue
 *
 * Locking: caller holds the device's mutex, and has the queue's afterwards.
 */
void vscsi_thread_lock_queue(struct vscsi_vq *vq)
{
	lockdep_assert_held(&vq->dev->vhost.mutex);
	if (!mutex_lock_killable(&vq->vhost.mutex))
		return;
	owner_is_killed(vq->dev);
	mutex_lock(&vq->vhost.mutex);
}

/* Run a function (or none) in a thread, behind all work that is queued there. */
static int call_in(struct vscsi_thread *thread, int (*fn)(void *data),
		   void *data)
{
	struct call call = {
		.dev = thread->dev, .fn = fn, .data = data, .ret = -EOWNERDEAD,
	};

	init_completion(&call.done);
	vscsi_work_init(&call.work, call_run);
	vscsi_work_queue(thread, &call.work);
	if (wait_for_completion_killable(&call.done)) {
		owner_is_killed(thread->dev);
		wait_for_completion(&call.done);
	}
	return call.ret;
}

/**
 * vscsi_thread_call() - run a function in the control thread
 * @dev: the device
 * @fn: the function; on the owner's address space
 * @data: for it
 *
 * Locking: caller holds the device's mutex. Waits for the control thread,
 * which waits for no request.
 * Return: what @fn returned; -EOWNERDEAD if the thread was killed.
 */
int vscsi_thread_call(struct vscsi_dev *dev, int (*fn)(void *data), void *data)
{
	lockdep_assert_held(&dev->vhost.mutex);
	return call_in(dev->control, fn, data);
}

struct spawn {
	struct vscsi_dev *dev;
	struct vscsi_thread *thread;
	char name[TASK_COMM_LEN];
};

static int spawn(void *data)
{
	struct spawn *spawn = data;

	spawn->thread = create(spawn->dev, spawn->name);
	return PTR_ERR_OR_ZERO(spawn->thread);
}

/**
 * vscsi_thread_create() - make a thread for a queue
 * @dev: the device
 * @queue: number of the queue
 *
 * Locking: caller holds the device's mutex.
 * Return: the thread, or an ERR_PTR().
 */
struct vscsi_thread *vscsi_thread_create(struct vscsi_dev *dev,
					 unsigned int queue)
{
	struct spawn what = { .dev = dev };
	int err;

	lockdep_assert_held(&dev->vhost.mutex);
	snprintf(what.name, sizeof(what.name), "vhost-%d-%u", dev->pid,
		 queue - VSCSI_VQ_IO);
	err = vscsi_thread_call(dev, spawn, &what);
	if (err)
		return ERR_PTR(err);
	list_add(&what.thread->node, &dev->threads);
	return what.thread;
}

/**
 * vscsi_thread_is_dead() - was the thread killed with its owner?
 * @thread: the thread
 *
 * Context: any.
 * Return: true if so, or if it was stopped.
 */
bool vscsi_thread_is_dead(const struct vscsi_thread *thread)
{
	return READ_ONCE(thread->dead);
}

/**
 * vscsi_thread_has_work() - is there more for a thread to do than it is at?
 * @thread: the thread
 *
 * Context: any.
 * Return: true if so.
 */
bool vscsi_thread_has_work(const struct vscsi_thread *thread)
{
	return !llist_empty(&thread->works) || READ_ONCE(thread->more);
}

/**
 * vscsi_thread_task() - the task that a thread is
 * @thread: the thread
 *
 * Context: any.
 * Return: the task, there as long as the thread is; NULL if it has just been made.
 */
const struct task_struct *vscsi_thread_task(const struct vscsi_thread *thread)
{
	return READ_ONCE(thread->task);
}

/**
 * vscsi_thread_flush() - wait for what is queued for a thread
 * @thread: the thread
 *
 * Context: may sleep. Locking: caller holds the device's mutex.
 */
void vscsi_thread_flush(struct vscsi_thread *thread)
{
	lockdep_assert_held(&thread->dev->vhost.mutex);
	call_in(thread, NULL, NULL);
}

/**
 * vscsi_thread_move() - give a queue to a thread
 * @vq: the queue; may be running
 * @thread: the thread
 *
 * Returns when the thread that had the queue is done with it: it finishes the
 * run it is at, so it waits for a backstore that hangs in submission.
 *
 * Context: may sleep. Locking: caller holds the device's mutex.
 */
void vscsi_thread_move(struct vscsi_vq *vq, struct vscsi_thread *thread)
{
	struct vscsi_thread *old;

	lockdep_assert_held(&vq->dev->vhost.mutex);
	old = vscsi_vq_thread(vq);
	if (old == thread)
		return;
	if (!old) {
		rcu_assign_pointer(vq->thread, thread);
		return;
	}
	/* From the grace period on nobody asks the old thread for a run. */
	RCU_INIT_POINTER(vq->thread, NULL);
	synchronize_rcu();
	vscsi_context_flush(vq, old);
	/* Whose run has ended may still be waking the old one for the next. */
	synchronize_rcu();
	rcu_assign_pointer(vq->thread, thread);
	/* On behalf of all who found no thread, see vscsi_vq_wake(). */
	vscsi_vq_wake(vq);
}

/**
 * vscsi_thread_free() - end a thread and free it
 * @thread: the thread; no queue has it
 *
 * It finishes the work it is at, so it must not be in a backstore that hangs.
 * What was queued behind that is done by a kworker.
 *
 * Context: may sleep. Locking: caller holds the device's mutex.
 */
void vscsi_thread_free(struct vscsi_thread *thread)
{
	lockdep_assert_held(&thread->dev->vhost.mutex);
	if (thread->vtsk)
		vhost_task_stop(thread->vtsk);
	else
		kthread_stop(thread->task);
	set_dead(thread);
	flush_work(&thread->reaper);
	list_del(&thread->node);
	if (thread->task)
		put_task_struct(thread->task);
	kfree(thread);
}

/**
 * vscsi_thread_interrupt_all() - have no thread wait for a page of the guest's
 * @dev: the device, which is being closed
 *
 * Tasks of the owner are killed with that, kthreads by this. What they find missing from
 * here on they take for an error; nobody is answered any more who could see it.
 *
 * Context: may sleep. The device's mutex is held, by the caller or by close().
 */
void vscsi_thread_interrupt_all(struct vscsi_dev *dev)
{
	struct vscsi_thread *thread;

	list_for_each_entry(thread, &dev->threads, node)
		if (!thread->vtsk)
			send_sig(SIGKILL, thread->task, 1);
}

/**
 * vscsi_thread_free_all() - end a device's threads and free them
 * @dev: the device, every request of it ended; no kick is polled for any more
 *
 * Context: may sleep. Locking: caller holds the device's mutex.
 */
void vscsi_thread_free_all(struct vscsi_dev *dev)
{
	struct vscsi_thread *thread, *next;
	struct vscsi_vq *vq;
	unsigned int i;

	lockdep_assert_held(&dev->vhost.mutex);
	/* vscsi_release_cmd() may still be waking some. */
	for (i = 0; i < dev->nvqs; i++) {
		vq = &dev->vqs[i];
		/* In whose name a run is that there may be. */
		vq->runner = vscsi_vq_thread(vq);
		RCU_INIT_POINTER(vq->thread, NULL);
	}
	synchronize_rcu();
	for (i = 0; i < dev->nvqs; i++) {
		vq = &dev->vqs[i];
		if (vq->runner)
			vscsi_context_flush(vq, vq->runner);
		vq->runner = NULL;
	}
	/* See vscsi_thread_move(). */
	synchronize_rcu();
	list_for_each_entry_safe(thread, next, &dev->threads, node)
		vscsi_thread_free(thread);
	dev->control = NULL;
}
