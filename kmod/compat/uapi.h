/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Ioctls that the uapi headers of older kernels lack. They are the module's to
 * answer on every kernel, so they are not in vhost.h, whose structures are
 * compared with the vhost core's.
 */
#ifndef VSCSI_COMPAT_UAPI_H
#define VSCSI_COMPAT_UAPI_H

#include <linux/types.h>
#include <linux/vhost.h>

/* The ioctls about workers. */
#ifndef VHOST_NEW_WORKER
/**
 * struct vhost_worker_state - argument of NEW_WORKER and FREE_WORKER
 * @worker_id: number of the worker
 */
struct vhost_worker_state {
	unsigned int worker_id;
};

/**
 * struct vhost_vring_worker - argument of the ioctls about a queue's worker
 * @index: number of the queue
 * @worker_id: number of the worker
 */
struct vhost_vring_worker {
	unsigned int index;
	unsigned int worker_id;
};

#define VHOST_NEW_WORKER _IOR(VHOST_VIRTIO, 0x08, struct vhost_worker_state)
#define VHOST_FREE_WORKER _IOW(VHOST_VIRTIO, 0x09, struct vhost_worker_state)
#define VHOST_ATTACH_VRING_WORKER                                             \
	_IOW(VHOST_VIRTIO, 0x15, struct vhost_vring_worker)
#define VHOST_GET_VRING_WORKER                                                \
	_IOWR(VHOST_VIRTIO, 0x16, struct vhost_vring_worker)
#endif

/* The ioctls that choose between tasks of the owner and kthreads. */
#ifndef VHOST_SET_FORK_FROM_OWNER
#define VHOST_SET_FORK_FROM_OWNER _IOW(VHOST_VIRTIO, 0x84, __u8)
#define VHOST_GET_FORK_FROM_OWNER _IOR(VHOST_VIRTIO, 0x85, __u8)
#endif

#endif /* VSCSI_COMPAT_UAPI_H */
