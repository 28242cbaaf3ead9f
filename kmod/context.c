// SPDX-License-Identifier: GPL-2.0
/*
 * Where a request queue is served: in a work item, or in the queue's thread.
 *
 *   kick, completion ----> work item on this CPU
 *          \                  ^
 *           \                 | on the CPU it was woken on
 *            `-> thread ------'
 *                     \
 *                      `-> in the thread
 *
 * LIO submits a command to its backstore, and ends it, in work items on the CPU that the
 * command came from. If the queue is served in work items of that CPU, too, a request goes
 * from the kick to the answer without a switch of tasks, one kworker doing each step after the
 * other. So this is how it is done as long as the guest waits for single requests: its processor
 * has nothing better to do. And LIO's kworker itself answers what was the only request. A
 * queue with many requests, or where more come at once if it is let, is better served beside its
 * guest: then the kick wakes the thread, which the scheduler puts where there is time, and the
 * thread queues the work item there.
 *
 * A work item is not limited as the owner is, though the memory it takes is charged to that.
 * It runs only where the queue's thread may, and a thread that is not ordinary, by its policy,
 * its nice level or the memory nodes that it is to use, does its work itself. So does one that
 * the VMM has attached, and every one with a dirty log, polling, shared_thread or
 * strict_accounting.
 *
 * Nobody can kill a work item, so it does not wait for pages of the guest's, but leaves what it
 * cannot do to the thread (vscsi_put_off()).
 *
 * A queue is served by one at a time, from the request for a run until the run's end:
 *
 *   0 --request--> WANTED --begin--> ON --end--> 0
 *                    ^               | request
 *                    `------end----- ON | WANTED
 */
#include <linux/cpumask.h>
#include <linux/kthread.h>
#include <linux/memcontrol.h>
#include <linux/nodemask.h>
#include <linux/sched/mm.h>
#include <linux/workqueue.h>

#include "vhost_scsi.h"

#define RUN_WANTED	1
#define RUN_ON		2

/*
 * Does the thread serve the queue itself, whatever it is like? Also if it is to poll, and while
 * there is a log: the vhost core writes that, and waits for its pages.
 */
static bool is_strict(const struct vscsi_vq *vq)
{
	return READ_ONCE(vscsi_strict_accounting) ||
	       READ_ONCE(vscsi_shared_thread) || READ_ONCE(vq->attached) ||
	       vscsi_poll_us(vq) || vscsi_logs(vq);
}

/* May the thread run on more than one CPU? */
static bool has_choice(const struct vscsi_thread *thread)
{
	const struct task_struct *task = vscsi_thread_task(thread);

	return task && task->nr_cpus_allowed > 1 && num_online_cpus() > 1;
}

/* Would a page of the guest's that it touches first come from where the kernel likes? */
static bool has_own_nodes(const struct task_struct *task)
{
#ifdef CONFIG_NUMA
	if (READ_ONCE(task->mempolicy))
		return true;
#ifdef CONFIG_CPUSETS
	if (nr_online_nodes > 1 &&
	    !nodes_equal(task->mems_allowed, node_states[N_MEMORY]))
		return true;
#endif
#endif
	return false;
}

/*
 * On which CPU may a work item do what the thread would? On this one, if the thread may run
 * here, or on its only one. On none (-1), if that can be told from the thread, or if that was
 * killed. Nor if it has other CPUs than this one: which of them is idle, is the scheduler's to
 * say, so the thread has to be woken.
 */
static int item_cpu(const struct vscsi_thread *thread)
{
	const struct task_struct *task = vscsi_thread_task(thread);
	int cpu = raw_smp_processor_id();

	if (!task || vscsi_thread_is_dead(thread) ||
	    task->policy != SCHED_NORMAL || task->static_prio != DEFAULT_PRIO ||
	    has_own_nodes(task))
		return -1;
	if (likely(cpumask_test_cpu(cpu, &task->cpus_mask)))
		return cpu;
	if (task->nr_cpus_allowed > 1)
		return -1;
	/* The mask may be changing. */
	cpu = cpumask_first(&task->cpus_mask);
	return cpu < nr_cpu_ids ? cpu : -1;
}

/*
 * Does a kick wake the thread, and does the guest go on meanwhile? If there are many
 * requests, and other CPUs to serve them on. Or if they come more at once then: a guest
 * that is stopped by each kick until its request is served never has two in the ring.
 */
static bool is_beside(const struct vscsi_vq *vq,
		      const struct vscsi_thread *thread)
{
	return READ_ONCE(vq->beside) > 0 ||
	       (READ_ONCE(vq->deep) && has_choice(thread));
}

/*
 * Have a run begin; it is the caller's to do so. @thread is the queue's. @item: by a work
 * item that has been at it, which the kernel would queue on the CPU it has been on.
 */
static void dispatch(struct vscsi_vq *vq, struct vscsi_thread *thread,
		     bool kicked, bool item)
{
	int cpu;

	vq->runner = thread;
	if (!is_strict(vq) && !READ_ONCE(vq->put_off) &&
	    !(kicked && is_beside(vq, thread))) {
		cpu = item_cpu(thread);
		if (cpu >= 0 && (!item || cpu == raw_smp_processor_id())) {
			queue_work_on(cpu, vscsi_io_wq, &vq->item);
			return;
		}
	}
	vscsi_work_queue(thread, &vq->work);
}

static void request(struct vscsi_vq *vq, struct vscsi_thread *thread,
		    bool kicked)
{
	if (vq->index < VSCSI_VQ_IO)
		vscsi_work_queue(thread, &vq->work);
	/* A full barrier, so the run sees what the caller wrote. */
	else if (!atomic_fetch_or(RUN_WANTED, &vq->run))
		dispatch(vq, thread, kicked, false);
}

static void begin_run(struct vscsi_vq *vq)
{
	/* What is requested from here on is another run. A full barrier. */
	atomic_xchg(&vq->run, RUN_ON);
}

static void end_run(struct vscsi_vq *vq, bool item)
{
	struct vscsi_thread *thread = vq->runner;

	/* As soon as a run is over, the thread may be freed. */
	rcu_read_lock();
	if (atomic_fetch_andnot(RUN_ON, &vq->run) & RUN_WANTED)
		dispatch(vq, thread, false, item);
	rcu_read_unlock();
}

/*
 * On the owner's address space, and charging memory to it, as its thread would. But nobody
 * could kill us while we wait for a page, so that is left to the thread.
 */
static void do_as_owner(struct vscsi_vq *vq, struct mm_struct *mm,
			void (*fn)(struct vscsi_vq *vq))
{
	struct mem_cgroup *memcg, *old;

	kthread_use_mm(mm);
	memcg = get_mem_cgroup_from_mm(mm);
	old = set_active_memcg(memcg);
	pagefault_disable();
	fn(vq);
	pagefault_enable();
	set_active_memcg(old);
	mem_cgroup_put(memcg);
	kthread_unuse_mm(mm);
}

/* A run in a kworker. */
static void run_item(struct work_struct *item)
{
	struct vscsi_vq *vq = container_of(item, struct vscsi_vq, item);
	struct mm_struct *mm = vq->dev->mm;

	begin_run(vq);
	if (mm && !vscsi_thread_is_dead(vq->runner))
		do_as_owner(vq, mm, vscsi_vq_fetch);
	else
		vscsi_vq_fetch(vq);
	vscsi_vq_submit(vq);
	end_run(vq, true);
}

/* In the thread; or, if that was killed, in a kworker on no address space. */
static void run_in_thread(struct vscsi_work *work)
{
	struct vscsi_vq *vq = container_of(work, struct vscsi_vq, work);
	int cpu = -1;

	if (!is_strict(vq) && !READ_ONCE(vq->put_off))
		cpu = item_cpu(vq->runner);
	if (cpu >= 0) {
		queue_work_on(cpu, vscsi_io_wq, &vq->item);
		return;
	}
	begin_run(vq);
	vscsi_vq_fetch(vq);
	vscsi_vq_submit(vq);
	/* The next run is behind whatever else the thread has to do. */
	if (vscsi_poll(vq))
		vscsi_vq_wake(vq);
	end_run(vq, false);
}

/* Give the queue a run, by a kick or for another reason. */
static void wake(struct vscsi_vq *vq, bool kicked)
{
	struct vscsi_thread *thread;

	rcu_read_lock();
	thread = rcu_dereference(vq->thread);
	if (unlikely(!thread)) {
		/*
		 * Either we see the thread that the queue is given to, or its run,
		 * requested after that, sees what the caller wrote. Pairs with
		 * vscsi_vq_wake() called by who gave it.
		 */
		smp_mb();
		thread = rcu_dereference(vq->thread);
	}
	if (likely(thread))
		request(vq, thread, kicked);
	rcu_read_unlock();
}

/**
 * vscsi_vq_wake() - have a queue looked after
 * @vq: the queue
 *
 * Whatever the caller wrote before is seen by that. Nothing happens if the queue has no
 * thread: before its ring is first started there is nothing to do, and who moves it to
 * another thread wakes that one afterwards.
 *
 * Context: any, atomic included.
 */
void vscsi_vq_wake(struct vscsi_vq *vq)
{
	wake(vq, false);
}

/**
 * vscsi_vq_kicked() - have a queue looked after that the guest has kicked
 * @vq: the queue
 *
 * Context: atomic, mostly on the CPU that runs the guest.
 */
void vscsi_vq_kicked(struct vscsi_vq *vq)
{
	wake(vq, true);
}

/**
 * vscsi_vq_released() - have a queue looked after to which LIO has released requests
 * @vq: the queue
 * @finished: LIO has finished the request: it may sleep, and is about to return
 *
 * LIO's kworker may answer what was the queue's only request. That saves a work item, and
 * the ring, which the guest kicks for if there is something in it, is not looked at.
 *
 * Context: atomic, in an RCU read section by disabled preemption.
 * Return: true if the caller is to vscsi_vq_run_here(), behind the section.
 */
bool vscsi_vq_released(struct vscsi_vq *vq, bool finished)
{
	struct vscsi_thread *thread = rcu_dereference_sched(vq->thread);

	if (finished && thread && READ_ONCE(vq->inflight) == 1 &&
	    (current->flags & PF_WQ_WORKER) && !current->mm &&
	    !is_strict(vq) && item_cpu(thread) == raw_smp_processor_id() &&
	    !atomic_cmpxchg(&vq->run, 0, RUN_ON)) {
		vq->runner = thread;
		return true;
	}
	vscsi_vq_wake(vq);
	return false;
}

/**
 * vscsi_vq_run_here() - make the run that was begun
 * @vq: the queue
 *
 * Context: LIO's kworker on a CPU of the owner.
 */
void vscsi_vq_run_here(struct vscsi_vq *vq)
{
	do_as_owner(vq, vq->dev->mm, vscsi_vq_answer);
	vscsi_vq_submit(vq);
	end_run(vq, false);
}

/**
 * vscsi_context_is_wanted() - was another run asked for?
 * @vq: a queue whose run goes on
 *
 * Context: the run.
 * Return: true if so.
 */
bool vscsi_context_is_wanted(const struct vscsi_vq *vq)
{
	return atomic_read(&vq->run) & RUN_WANTED;
}

/**
 * vscsi_context_judge() - take note of how many requests came at once
 * @vq: a request queue
 * @n: requests of this run
 *
 * Locking: caller holds the vq mutex.
 */
void vscsi_context_judge(struct vscsi_vq *vq, unsigned int n)
{
	int beside = vq->beside;

	lockdep_assert_held(&vq->vhost.mutex);
	if (!n)
		return;
	if (n > 1)
		beside = beside > 0 ? VSCSI_STAY : -VSCSI_LONELY;
	else if (beside > 0)
		beside = beside > 1 ? beside - 1 : -VSCSI_LONELY;
	else
		beside = beside < -1 ? beside + 1 : VSCSI_TRY;
	WRITE_ONCE(vq->beside, beside);
}

/**
 * vscsi_context_init() - prepare a request queue
 * @vq: the queue, zeroed
 */
void vscsi_context_init(struct vscsi_vq *vq)
{
	vq->beside = -VSCSI_LONELY;
	INIT_WORK(&vq->item, run_item);
	vscsi_work_init(&vq->work, run_in_thread);
}

/**
 * vscsi_context_flush() - wait until nobody serves a queue
 * @vq: the queue; vq->thread is NULL, and a grace period has passed since
 * @thread: what it was
 *
 * Context: may sleep; waits for no request. Locking: caller holds the device's mutex.
 */
void vscsi_context_flush(struct vscsi_vq *vq, struct vscsi_thread *thread)
{
	lockdep_assert_held(&vq->dev->vhost.mutex);
	do {
		vscsi_thread_flush(thread);
		if (vq->index < VSCSI_VQ_IO)
			return;
		flush_work(&vq->item);
	} while (atomic_read_acquire(&vq->run));
}
