/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The interface of the kernel's vhost core (vhost.ko), which no header package
 * ships: the structures that the core reads and writes inside of ours, and the
 * functions it exports. Names are the core's, since they are link names and
 * since the build finds a member by its name when it compares layouts.
 *
 * A wrong layout would load without complaint (symbol versions come from the
 * distribution, not from here), so kmod/compat/check-abi compares every
 * structure and member below with the target kernel's own vhost.ko after each
 * build and refuses a difference. What differs between kernels is chosen by
 * the probes of probe.mk, which only have to be right for kernels that the
 * comparison then lets pass.
 *
 * Declared is what this module uses. The core's message passing (device
 * IOTLB), its own worker threads and its work queues are left out.
 */
#ifndef VSCSI_COMPAT_VHOST_H
#define VSCSI_COMPAT_VHOST_H

#include <linux/eventfd.h>
#include <linux/irqbypass.h>
#include <linux/list.h>
#include <linux/llist.h>
#include <linux/lockdep.h>
#include <linux/mm_types.h>
#include <linux/mutex.h>
#include <linux/poll.h>
#include <linux/rcupdate.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/uio.h>
#include <linux/vhost.h>
#include <linux/vhost_iotlb.h>
#include <linux/virtio_byteorder.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>
#include <linux/wait.h>
#include <linux/xarray.h>

#include "uapi.h"

struct vhost_dev;
struct vhost_virtqueue;
struct vhost_work;
struct vhost_worker;

/**
 * typedef vhost_work_fn_t - what the core calls for a work item or a kick
 * @work: the item; for a kick, the one in the queue's struct vhost_poll
 *
 * With a device set up without the core's worker, a queue's kick calls it
 * directly from the wakeup of the kick eventfd: atomic, interrupts off. It is
 * also called with the queue's mutex held, from the ioctl that sets the kick
 * eventfd, when that eventfd is readable already.
 */
typedef void (*vhost_work_fn_t)(struct vhost_work *work);

/**
 * struct vhost_work - one item on a worker's list
 * @node: link in the worker's list
 * @fn: what to call
 * @flags: bit 1 is set while the item is queued
 */
struct vhost_work {
	struct llist_node node;
	vhost_work_fn_t fn;
	unsigned long flags;
};

/**
 * struct vhost_poll - wait for a file to become readable, then do some work
 * @table: poll table whose callback adds @wait to the file's wait queue
 * @wqh: the wait queue that @wait is on, or NULL
 * @wait: entry in @wqh
 * @work: called (or queued to the core's worker) at a wakeup
 * @mask: poll events of interest
 * @dev: the device
 * @vq: the queue whose worker runs @work (kernels with a worker per queue)
 */
struct vhost_poll {
	poll_table table;
	wait_queue_head_t *wqh;
	wait_queue_entry_t wait;
	struct vhost_work work;
	__poll_t mask;
	struct vhost_dev *dev;
#ifdef VSCSI_HAVE_VQ_WORKER
	struct vhost_virtqueue *vq;
#endif
};

/**
 * struct vhost_log - a range of guest memory that a request will dirty
 * @addr: guest-physical start
 * @len: bytes
 */
struct vhost_log {
	u64 addr;
	u64 len;
};

/* Index into the cached translations of a ring's three parts. */
enum vhost_uaddr_type {
	VHOST_ADDR_DESC,
	VHOST_ADDR_AVAIL,
	VHOST_ADDR_USED,
	VHOST_NUM_ADDRS,
};

/**
 * struct vhost_vring_call - how the guest is interrupted
 * @ctx: the call eventfd, or NULL
 * @producer: binds the eventfd to a posted interrupt where hardware can
 */
struct vhost_vring_call {
	struct eventfd_ctx *ctx;
	struct irq_bypass_producer producer;
};

/**
 * struct vhost_virtqueue - a ring, as the core keeps it
 * @dev: the device
 * @worker: the core's thread for this queue; always NULL here
 * @mutex: protects every member below; held over each call that fetches a
 *	chain, adds used entries or signals
 * @num: entries in the ring
 * @desc: descriptor table
 * @avail: available ring
 * @used: used ring
 * @meta_iotlb: translations of the three (device IOTLB only)
 * @kick: the kick eventfd's file, or NULL
 * @call_ctx: the call eventfd
 * @error_ctx: the error eventfd, or NULL
 * @log_ctx: eventfd signalled when the dirty log was written, or NULL
 * @poll: waits on @kick
 * @handle_kick: called at a kick, see vhost_work_fn_t
 * @last_avail_idx: next available entry to fetch
 * @avail_idx: the guest's available index as last read
 * @last_used_idx: next used entry to write
 * @used_flags: what the used ring's flags were last set to
 * @signalled_used: used index at the last signal
 * @signalled_used_valid: @signalled_used means something
 * @log_used: writes to the used ring are logged
 * @log_addr: guest-physical address of the used ring, for the log
 * @iov: the chain fetched last, device-readable buffers first
 * @iotlb_iov: scratch for translating ring addresses
 * @indirect: scratch for indirect tables; NULL without an owner
 * @heads: scratch for a batch of used entries; NULL without an owner
 * @umem: the memory table
 * @iotlb: the device IOTLB; always NULL here
 * @private_data: the backend; the queue is live while it is set
 * @acked_features: feature bits that the guest driver accepted
 * @acked_backend_features: feature bits that the VMM accepted
 * @log_base: the dirty bitmap in the VMM's memory
 * @log: scratch for the log entries of one chain; NULL without an owner
 * @log_iov: scratch for logging writes to the used ring
 * @is_le: the ring is little-endian
 * @user_be: a legacy ring was declared big-endian by the VMM
 * @busyloop_timeout: as set by the VMM, in microseconds
 */
struct vhost_virtqueue {
	struct vhost_dev *dev;
#ifdef VSCSI_HAVE_VQ_WORKER
	struct vhost_worker __rcu *worker;
#endif
	struct mutex mutex;
	unsigned int num;
	vring_desc_t __user *desc;
	vring_avail_t __user *avail;
	vring_used_t __user *used;
	const struct vhost_iotlb_map *meta_iotlb[VHOST_NUM_ADDRS];
	struct file *kick;
	struct vhost_vring_call call_ctx;
	struct eventfd_ctx *error_ctx;
	struct eventfd_ctx *log_ctx;
	struct vhost_poll poll;
	vhost_work_fn_t handle_kick;
	u16 last_avail_idx;
	u16 avail_idx;
	u16 last_used_idx;
	u16 used_flags;
	u16 signalled_used;
	bool signalled_used_valid;
	bool log_used;
	u64 log_addr;
	struct iovec iov[UIO_MAXIOV];
	struct iovec iotlb_iov[64];
	struct iovec *indirect;
	struct vring_used_elem *heads;
	struct vhost_iotlb *umem;
	struct vhost_iotlb *iotlb;
	void *private_data;
	u64 acked_features;
	u64 acked_backend_features;
	void __user *log_base;
	struct vhost_log *log;
	struct iovec log_iov[64];
	bool is_le;
#ifdef CONFIG_VHOST_CROSS_ENDIAN_LEGACY
	bool user_be;
#endif
	u32 busyloop_timeout;
};

/**
 * struct vhost_dev - a device, as the core keeps it
 * @mm: the owner's address space, NULL without an owner
 * @mutex: protects the members below and the set of queues
 * @vqs: the queues
 * @nvqs: how many
 * @log_ctx: eventfd signalled when the dirty log was written, or NULL
 * @work_list: work for the core's only thread
 * @worker: the core's only thread
 * @umem: the memory table
 * @iotlb: the device IOTLB; always NULL here
 * @iotlb_lock: protects @read_list and @pending_list
 * @read_list: IOTLB messages for the VMM
 * @pending_list: IOTLB messages awaiting an answer
 * @wait: readers of IOTLB messages
 * @iov_limit: longest chain, in buffers
 * @weight: requests that one run of a handler may serve
 * @byte_weight: bytes that one run of a handler may move; 0 is no limit
 * @kcov_handle: coverage handle of the owner
 * @worker_xa: the core's threads by number
 * @use_worker: the core runs the kicks in threads of its own
 * @fork_owner: threads are to be forked from the owner, not kthreads
 * @msg_handler: takes IOTLB messages; NULL is the core's own
 */
struct vhost_dev {
	struct mm_struct *mm;
	struct mutex mutex;
	struct vhost_virtqueue **vqs;
	int nvqs;
	struct eventfd_ctx *log_ctx;
#ifndef VSCSI_HAVE_VQ_WORKER
	struct llist_head work_list;
	struct task_struct *worker;
#endif
	struct vhost_iotlb *umem;
	struct vhost_iotlb *iotlb;
	spinlock_t iotlb_lock;
	struct list_head read_list;
	struct list_head pending_list;
	wait_queue_head_t wait;
	int iov_limit;
	int weight;
	int byte_weight;
#ifdef VSCSI_HAVE_VQ_WORKER
	struct xarray worker_xa;
#else
	u64 kcov_handle;
#endif
	bool use_worker;
#ifdef VSCSI_HAVE_FORK_OWNER
	bool fork_owner;
#endif
	int (*msg_handler)(struct vhost_dev *dev, u32 asid,
			   struct vhost_iotlb_msg *msg);
};

/* Life of a device. Caller holds dev->mutex for the owner calls and stop. */
void vhost_dev_init(struct vhost_dev *dev, struct vhost_virtqueue **vqs,
		    int nvqs, int iov_limit, int weight, int byte_weight,
		    bool use_worker,
		    int (*msg_handler)(struct vhost_dev *dev, u32 asid,
				       struct vhost_iotlb_msg *msg));
long vhost_dev_set_owner(struct vhost_dev *dev);
bool vhost_dev_has_owner(struct vhost_dev *dev);
long vhost_dev_check_owner(struct vhost_dev *dev);
void vhost_dev_flush(struct vhost_dev *dev);
void vhost_dev_stop(struct vhost_dev *dev);
void vhost_dev_cleanup(struct vhost_dev *dev);

/*
 * Give up the owner: the device is as after vhost_dev_init(), with a memory
 * table that was prepared (NULL: no memory) and which is consumed.
 */
struct vhost_iotlb *vhost_dev_reset_owner_prepare(void);
void vhost_dev_reset_owner(struct vhost_dev *dev, struct vhost_iotlb *iotlb);

/* ioctls; -ENOIOCTLCMD for a command that is not theirs. dev->mutex held. */
long vhost_dev_ioctl(struct vhost_dev *dev, unsigned int ioctl,
		     void __user *argp);
long vhost_vring_ioctl(struct vhost_dev *dev, unsigned int ioctl,
		       void __user *argp);

/* Is the VMM's description of rings and log usable? */
bool vhost_vq_access_ok(struct vhost_virtqueue *vq);
bool vhost_log_access_ok(struct vhost_dev *dev);
bool vhost_vq_is_setup(struct vhost_virtqueue *vq);
int vhost_vq_init_access(struct vhost_virtqueue *vq);

/*
 * Fetch. Caller holds vq->mutex and has kicks disabled. Returns the head, or
 * vq->num when the ring is empty, or a negative errno; on an error the chain
 * has not been taken off the ring.
 */
int vhost_get_vq_desc(struct vhost_virtqueue *vq, struct iovec iov[],
		      unsigned int iov_size, unsigned int *out_num,
		      unsigned int *in_num, struct vhost_log *log,
		      unsigned int *log_num);
void vhost_discard_vq_desc(struct vhost_virtqueue *vq, int n);
bool vhost_vq_avail_empty(struct vhost_dev *dev, struct vhost_virtqueue *vq);
void vhost_disable_notify(struct vhost_dev *dev, struct vhost_virtqueue *vq);
bool vhost_enable_notify(struct vhost_dev *dev, struct vhost_virtqueue *vq);

/* Answer. Caller holds vq->mutex. */
int vhost_add_used(struct vhost_virtqueue *vq, unsigned int head, int len);
int vhost_add_used_n(struct vhost_virtqueue *vq, struct vring_used_elem *heads,
		     unsigned int count);
void vhost_add_used_and_signal(struct vhost_dev *dev,
			       struct vhost_virtqueue *vq, unsigned int head,
			       int len);
void vhost_add_used_and_signal_n(struct vhost_dev *dev,
				 struct vhost_virtqueue *vq,
				 struct vring_used_elem *heads,
				 unsigned int count);
void vhost_signal(struct vhost_dev *dev, struct vhost_virtqueue *vq);

/*
 * Mark as dirty what a chain wrote. The entries must cover @len exactly and
 * @log_num must not be 0: the core stops the kernel otherwise.
 */
int vhost_log_write(struct vhost_virtqueue *vq, struct vhost_log *log,
		    unsigned int log_num, u64 len, struct iovec *iov,
		    int count);

/* Kick eventfd of a queue. Caller holds vq->mutex. */
int vhost_poll_start(struct vhost_poll *poll, struct file *file);
void vhost_poll_stop(struct vhost_poll *poll);

/* Feature bits that the core itself implements. */
#define VHOST_FEATURES                                                        \
	(BIT_ULL(VIRTIO_F_NOTIFY_ON_EMPTY) |                                  \
	 BIT_ULL(VIRTIO_RING_F_INDIRECT_DESC) |                               \
	 BIT_ULL(VIRTIO_RING_F_EVENT_IDX) | BIT_ULL(VHOST_F_LOG_ALL) |        \
	 BIT_ULL(VIRTIO_F_ANY_LAYOUT) | BIT_ULL(VIRTIO_F_VERSION_1))

/**
 * vhost_vq_set_backend() - make a queue live, or stop it with NULL
 * @vq: the queue
 * @backend: what vhost_vq_get_backend() shall return
 *
 * Locking: caller holds @vq->mutex.
 */
static inline void vhost_vq_set_backend(struct vhost_virtqueue *vq,
					void *backend)
{
	lockdep_assert_held(&vq->mutex);
	vq->private_data = backend;
}

/**
 * vhost_vq_get_backend() - what a live queue belongs to
 * @vq: the queue
 *
 * Locking: caller holds @vq->mutex.
 * Return: as last set, NULL while the queue is stopped.
 */
static inline void *vhost_vq_get_backend(struct vhost_virtqueue *vq)
{
	lockdep_assert_held(&vq->mutex);
	return vq->private_data;
}

/**
 * vhost_has_feature() - has the guest driver accepted a feature?
 * @vq: the queue
 * @bit: number of the feature bit
 *
 * Locking: stable under @vq->mutex only.
 * Return: true if it has.
 */
static inline bool vhost_has_feature(const struct vhost_virtqueue *vq, int bit)
{
	return vq->acked_features & BIT_ULL(bit);
}

/**
 * vhost_dev_forks_owner() - are threads to be forked from the owner?
 * @dev: the device
 *
 * Kernels without vhost tasks say no; where the VMM has a say, the answer is
 * final once the device has an owner.
 *
 * Locking: stable under @dev->mutex.
 * Return: true if they are; if not, kthreads are to be used.
 */
static inline bool vhost_dev_forks_owner(const struct vhost_dev *dev)
{
#if defined(VSCSI_HAVE_FORK_OWNER)
	return dev->fork_owner;
#elif defined(VSCSI_HAVE_VHOST_TASK)
	return true;
#else
	return false;
#endif
}

/**
 * vhost_dev_chooses_fork() - can the VMM choose between tasks and kthreads?
 *
 * Return: true if the vhost core has VHOST_SET_FORK_FROM_OWNER.
 */
static inline bool vhost_dev_chooses_fork(void)
{
#ifdef VSCSI_HAVE_FORK_OWNER
	return true;
#else
	return false;
#endif
}

/**
 * vhost_is_little_endian() - byte order of a queue's ring and headers
 * @vq: the queue
 *
 * Return: true for little-endian.
 */
static inline bool vhost_is_little_endian(const struct vhost_virtqueue *vq)
{
	if (!IS_ENABLED(CONFIG_VHOST_CROSS_ENDIAN_LEGACY) &&
	    virtio_legacy_is_little_endian())
		return true;
	return vq->is_le;
}

/* Guest byte order to ours and back; @vq says which one the guest uses. */
static inline u16 vhost16_to_cpu(const struct vhost_virtqueue *vq,
				 __virtio16 val)
{
	return __virtio16_to_cpu(vhost_is_little_endian(vq), val);
}

static inline u32 vhost32_to_cpu(const struct vhost_virtqueue *vq,
				 __virtio32 val)
{
	return __virtio32_to_cpu(vhost_is_little_endian(vq), val);
}

static inline u64 vhost64_to_cpu(const struct vhost_virtqueue *vq,
				 __virtio64 val)
{
	return __virtio64_to_cpu(vhost_is_little_endian(vq), val);
}

static inline __virtio16 cpu_to_vhost16(const struct vhost_virtqueue *vq,
					u16 val)
{
	return __cpu_to_virtio16(vhost_is_little_endian(vq), val);
}

static inline __virtio32 cpu_to_vhost32(const struct vhost_virtqueue *vq,
					u32 val)
{
	return __cpu_to_virtio32(vhost_is_little_endian(vq), val);
}

static inline __virtio64 cpu_to_vhost64(const struct vhost_virtqueue *vq,
					u64 val)
{
	return __cpu_to_virtio64(vhost_is_little_endian(vq), val);
}

/**
 * vscsi_vq_error() - tell the VMM that a ring is malformed, or the log
 * @vq: the queue
 *
 * Locking: caller holds @vq->mutex.
 */
static inline void vscsi_vq_error(struct vhost_virtqueue *vq)
{
	lockdep_assert_held(&vq->mutex);
	if (vq->error_ctx)
		eventfd_signal(vq->error_ctx);
}

#endif /* VSCSI_COMPAT_VHOST_H */
