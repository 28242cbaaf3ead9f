/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a thread is made of, for those who make it (thread.c, kthread.c).
 */
#ifndef VSCSI_THREAD_H
#define VSCSI_THREAD_H

#include "vhost_scsi.h"

#define VSCSI_WORK_QUEUED 0

/**
 * struct vscsi_thread - a thread
 * @node: link in the device's list
 * @dev: the device
 * @works: work queued, newest first; lock-free
 * @more: behind the work it is at, of those it has taken; NULL if that is the last
 * @task: the task, referenced; set when it runs
 * @vtsk: for stopping a task of the owner, NULL for a kthread
 * @dead: it takes no more work; set once, before @reaper is queued
 * @reaper: does the work of a dead thread
 * @ready: a kthread has set itself up
 * @model: the task that a kthread resembles, valid until @ready
 * @error: how that went
 */
struct vscsi_thread {
	struct list_head node;
	struct vscsi_dev *dev;
	struct llist_head works;
	struct llist_node *more;
	struct task_struct *task;
	struct vhost_task *vtsk;
	bool dead;
	struct work_struct reaper;
	struct completion ready;
	struct task_struct *model;
	int error;
};

bool vscsi_thread_run_works(struct vscsi_thread *thread);
void vscsi_thread_set_task(struct vscsi_thread *thread);
int vscsi_kthread_start(struct vscsi_thread *thread, const char *name);

#endif /* VSCSI_THREAD_H */
