/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Included ahead of every file of the module (see Kbuild). The module is
 * written for the newest supported kernel; what an older one lacks is made up
 * for here, sorted by the kernel header it belongs to. docs/compat.md lists
 * each entry with its probe and with the kernel whose end of support deletes
 * it. No other file of the module asks what kernel it is built for.
 */
#ifndef VSCSI_COMPAT_H
#define VSCSI_COMPAT_H

#include <linux/cleanup.h>
#include <linux/types.h>

/*
 * linux/eventfd.h: eventfd_signal() adds one. Kernels before 6.8 take the
 * amount as a second argument.
 */
#include <linux/eventfd.h>
#ifdef VSCSI_HAVE_EVENTFD_SIGNAL_N
#define eventfd_signal(ctx) eventfd_signal(ctx, 1)
#endif

/*
 * target/target_core_fabric.h: members of struct target_core_fabric_ops that
 * have target_submit() queue a command for LIO's own workers unless the
 * administrator asks otherwise for a backstore. Kernels before 6.7 have no such
 * members; there target_submit() runs the command at once, and another function
 * queues it. VSCSI_TFO_SUBMIT stands inside of the initialiser, without a comma
 * after it.
 */
#include <target/target_core_base.h>
#include <target/target_core_fabric.h>
#ifdef VSCSI_HAVE_SUBMIT_TYPE
#define VSCSI_TFO_SUBMIT                                                      \
	.direct_submit_supp = 1, .default_submit_type = TARGET_QUEUE_SUBMIT,
/* Does the administrator want a backstore's commands to be queued? */
static inline bool vscsi_is_queued(const struct se_device *dev)
{
	return dev->dev_attrib.submit_type == TARGET_QUEUE_SUBMIT;
}
#else
#define VSCSI_TFO_SUBMIT
#define target_submit(cmd) target_queue_submission(cmd)
static inline bool vscsi_is_queued(const struct se_device *dev)
{
	return false;
}
#endif

#endif /* VSCSI_COMPAT_H */
