// SPDX-License-Identifier: GPL-2.0
/*
 * Module init and exit, and the parameters.
 */
#include <linux/module.h>
#include <linux/moduleparam.h>

#include "vhost_scsi.h"

/* Does what threads leave that were killed; never on the I/O path. */
struct workqueue_struct *vscsi_wq;
/*
 * Waits for backstores, perhaps for long: those that close() did not wait for,
 * and those whose commands another command aborts.
 */
struct workqueue_struct *vscsi_close_wq;
/* Serves request queues; each CPU's kworkers are those that LIO's work is done by. */
struct workqueue_struct *vscsi_io_wq;

bool vscsi_shared_thread;
module_param_named(shared_thread, vscsi_shared_thread, bool, 0644);
MODULE_PARM_DESC(shared_thread,
		 "One thread for all queues of a device (default: one per request queue)");

bool vscsi_strict_accounting;
module_param_named(strict_accounting, vscsi_strict_accounting, bool, 0644);
MODULE_PARM_DESC(strict_accounting,
		 "Serve queues in their threads alone, which count and are limited as the VMM is (default: no)");

static unsigned int max_io_vqs = VSCSI_IO_VQS_DEFAULT;

static int max_io_vqs_set(const char *val, const struct kernel_param *kp)
{
	unsigned int wanted, got;
	int err;

	err = kstrtouint(val, 0, &wanted);
	if (err)
		return err;
	got = clamp(wanted, 1U, (unsigned int)VSCSI_IO_VQS_MAX);
	if (got != wanted)
		pr_warn("max_io_vqs=%u is not within 1 and %u, using %u\n",
			wanted, VSCSI_IO_VQS_MAX, got);
	WRITE_ONCE(*(unsigned int *)kp->arg, got);
	return 0;
}

static const struct kernel_param_ops max_io_vqs_ops = {
	.set = max_io_vqs_set,
	.get = param_get_uint,
};

module_param_cb(max_io_vqs, &max_io_vqs_ops, &max_io_vqs, 0644);
MODULE_PARM_DESC(max_io_vqs,
		 "Request queues that a device may have, 1 to 1024 (default 128)");

/**
 * vscsi_max_io_vqs() - request queues of a device opened now
 *
 * Return: 1 to VSCSI_IO_VQS_MAX.
 */
unsigned int vscsi_max_io_vqs(void)
{
	return READ_ONCE(max_io_vqs);
}

static int __init vscsi_init(void)
{
	int err;

	vscsi_wq = alloc_workqueue("vhost_scsi", WQ_UNBOUND, 0);
	if (!vscsi_wq)
		return -ENOMEM;
	vscsi_close_wq = alloc_workqueue("vhost_scsi_close", WQ_UNBOUND, 0);
	if (!vscsi_close_wq) {
		err = -ENOMEM;
		goto err_wq;
	}
	vscsi_io_wq = alloc_workqueue("vhost_scsi_io", WQ_MEM_RECLAIM,
				      WQ_MAX_ACTIVE);
	if (!vscsi_io_wq) {
		err = -ENOMEM;
		goto err_close_wq;
	}
	err = vscsi_pins_register();
	if (err)
		goto err_io_wq;
	vscsi_stats_init();
	err = target_register_template(&vscsi_fabric_ops);
	if (err)
		goto err_stats;
	err = vscsi_device_register();
	if (err)
		goto err_template;
	return 0;

err_template:
	target_unregister_template(&vscsi_fabric_ops);
err_stats:
	vscsi_stats_exit();
	vscsi_pins_unregister();
err_io_wq:
	destroy_workqueue(vscsi_io_wq);
err_close_wq:
	destroy_workqueue(vscsi_close_wq);
err_wq:
	destroy_workqueue(vscsi_wq);
	return err;
}

static void __exit vscsi_exit(void)
{
	vscsi_device_unregister();
	/* Waits for what closed files have left. */
	destroy_workqueue(vscsi_close_wq);
	target_unregister_template(&vscsi_fabric_ops);
	vscsi_stats_exit();
	vscsi_pins_unregister();
	destroy_workqueue(vscsi_io_wq);
	destroy_workqueue(vscsi_wq);
}

module_init(vscsi_init);
module_exit(vscsi_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("vhost-scsi target: virtio-scsi queues on LIO backstores");
MODULE_VERSION(VSCSI_VERSION);
MODULE_ALIAS("tcm_vhost");
