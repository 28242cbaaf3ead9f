/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Kernels before 6.4 cannot fork a thread from a user process. There
 * vhost_dev_forks_owner() is constant false, so the code that calls these is
 * dropped by the compiler; they exist for it to compile.
 */
#ifndef VSCSI_COMPAT_LINUX_SCHED_VHOST_TASK_H
#define VSCSI_COMPAT_LINUX_SCHED_VHOST_TASK_H

#include <linux/err.h>
#include <linux/types.h>

struct vhost_task;

static inline struct vhost_task *
vhost_task_create(bool (*fn)(void *arg), void (*handle_kill)(void *arg),
		  void *arg, const char *name)
{
	return ERR_PTR(-EOPNOTSUPP);
}

static inline void vhost_task_start(struct vhost_task *vtsk)
{
}

static inline void vhost_task_stop(struct vhost_task *vtsk)
{
}

static inline void vhost_task_wake(struct vhost_task *vtsk)
{
}

#endif
