// SPDX-License-Identifier: GPL-2.0
/*
 * Counters per queue, read in debugfs: vhost_scsi/<pid>-<n>/queues has one line
 * per queue that was ever used.
 */
#include <linux/debugfs.h>
#include <linux/seq_file.h>

#include "vhost_scsi.h"

static struct dentry *root;
static atomic_t serial;

static void show_queue(struct seq_file *m, struct vscsi_vq *vq)
{
	struct vscsi_stats stats;
	unsigned int inflight, i;
	bool live, broken;

	mutex_lock(&vq->vhost.mutex);
	stats = vq->stats;
	inflight = vq->inflight;
	live = vq->live;
	broken = vq->broken;
	mutex_unlock(&vq->vhost.mutex);
	if (!live && !stats.kicks && !stats.requests)
		return;
	seq_printf(m, "%u state %s inflight %u kicks %llu requests %llu",
		   vq->index, live ? "live" : broken ? "broken" : "stopped",
		   inflight, stats.kicks, stats.requests);
	for (i = 0; i < ARRAY_SIZE(stats.responses); i++)
		seq_printf(m, " resp%u %llu", i, stats.responses[i]);
	seq_printf(m, " resp_other %llu malformed %llu faults %llu batches %llu signals %llu",
		   stats.resp_other, stats.malformed, stats.faults,
		   stats.batches, stats.signals);
	seq_printf(m, " pages_found %llu pages_known %llu\n",
		   stats.pages_found, stats.pages_known);
}

static int queues_show(struct seq_file *m, void *unused)
{
	struct vscsi_dev *dev = m->private;
	unsigned int i;

	for (i = 0; i < dev->nvqs; i++)
		show_queue(m, &dev->vqs[i]);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(queues);

/**
 * vscsi_stats_add_device() - show a device's counters
 * @dev: the device, its pid known
 */
void vscsi_stats_add_device(struct vscsi_dev *dev)
{
	char name[32];

	snprintf(name, sizeof(name), "%d-%u", dev->pid,
		 (unsigned int)atomic_inc_return(&serial));
	dev->debugfs = debugfs_create_dir(name, root);
	debugfs_create_file("queues", 0400, dev->debugfs, dev, &queues_fops);
}

/**
 * vscsi_stats_remove_device() - stop showing a device's counters
 * @dev: the device
 *
 * Waits for readers.
 */
void vscsi_stats_remove_device(struct vscsi_dev *dev)
{
	debugfs_remove_recursive(dev->debugfs);
	dev->debugfs = NULL;
}

/**
 * vscsi_stats_init() - make the debugfs directory; without debugfs, nothing
 */
void vscsi_stats_init(void)
{
	root = debugfs_create_dir("vhost_scsi", NULL);
}

/**
 * vscsi_stats_exit() - remove it
 */
void vscsi_stats_exit(void)
{
	debugfs_remove_recursive(root);
}
