/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Internal structures and prototypes, one section per .c file in reading
 * order (see Kbuild).
 *
 * Lock order, outermost first (docs/locking.md gives the reasons):
 *
 *   dev->vhost.mutex
 *     configfs inode locks          (not ours; held around every configfs
 *                                    callback, taken by target_depend_item())
 *       vscsi_ports_lock
 *         tpg->lock
 *           vq->vhost.mutex
 *             conflict_lock, dev->events_lock, LIO's locks
 *
 * Nobody waits for a request, a thread or a LIO teardown under any of them but
 * dev->vhost.mutex. Under a vq mutex the one sleep is a fault on guest memory.
 */
#ifndef VHOST_SCSI_H
#define VHOST_SCSI_H

#include <linux/completion.h>
#include <linux/configfs.h>
#include <linux/kref.h>
#include <linux/llist.h>
#include <linux/miscdevice.h>
#include <linux/mmu_notifier.h>
#include <linux/mutex.h>
#include <linux/scatterlist.h>
#include <linux/sched.h>
#include <linux/spinlock.h>
#include <linux/uaccess.h>
#include <linux/virtio_scsi.h>
#include <linux/uidgid.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>
#include <scsi/scsi_proto.h>
#include <target/target_core_base.h>
#include <target/target_core_fabric.h>

#include "compat/vhost.h"
#include "wire.h"

#undef pr_fmt
#define pr_fmt(fmt) "vhost_scsi: " fmt

struct vscsi_dev;
struct vscsi_endpoint;
struct vscsi_thread;
struct vscsi_tpg;
struct vscsi_vq;

enum {
	VSCSI_VQ_CTL = 0,		/* control queue */
	VSCSI_VQ_EVT = 1,		/* event queue */
	VSCSI_VQ_IO = 2,		/* first request queue */

	VSCSI_IO_VQS_MAX = 1024,	/* ceiling of max_io_vqs */
	VSCSI_IO_VQS_DEFAULT = 128,
	VSCSI_TARGETS = 256,		/* lun[1] addresses so many TPGs */
	VSCSI_WWN_SIZE = 224,		/* of the uapi, terminator included */
	VSCSI_LUNS = 16384,		/* single level LUNs of SAM */

	VSCSI_CHAIN_MAX = 1024,		/* buffers of one chain */
	VSCSI_USED_BATCH = 256,		/* used entries written at once */
	VSCSI_FETCH_BATCH = 256,	/* chains fetched at once */
	VSCSI_FETCH_PAGES = 2048,	/* of these so many pages, and one chain */
	VSCSI_DEEP = 4,			/* requests at once from which on a queue
					 * is served beside its guest
					 */
	VSCSI_LONELY = 256,		/* requests that came alone until it is
					 * tried whether more come at once if
					 * kicks wake the thread
					 */
	VSCSI_TRY = 4,			/* for so many */
	VSCSI_STAY = 16,		/* how many may come alone then */
	VSCSI_POLL_US_MAX = 10000,	/* ceiling of poll_us */
	VSCSI_INLINE_SEGS = 4,		/* of a request; more are allocated */
	VSCSI_INLINE_SGS = 4,		/* likewise */
	VSCSI_REGIONS = 2,		/* of guest memory, that a queue keeps */
	VSCSI_SLOTS = 1024,		/* pages a queue remembers */
	VSCSI_PIN_KNOWN = 8,		/* of so many at once: a walk for more
					 * costs little more
					 */
	VSCSI_PIN_BATCH = 512,		/* pages pinned at once: one page of
					 * page pointers
					 */
	VSCSI_SGS_MAX = 8192,		/* pages of a 32 MiB transfer */
	VSCSI_BOUNCE_MAX = 1 << 20,	/* data of an emulated command that is
					 * neither read nor write
					 */
	VSCSI_BOUNCED_PAGES = 16384,	/* of a device, at once: 64 MiB */
	VSCSI_LISTED_PAGES = 1 << 20,	/* likewise, in long scatterlists */
	VSCSI_EVENTS_MAX = 128,		/* waiting for a buffer */
};

#define VSCSI_FEATURES                                                  \
	(VHOST_FEATURES | BIT_ULL(VIRTIO_SCSI_F_HOTPLUG) |              \
	 BIT_ULL(VIRTIO_SCSI_F_CHANGE) | BIT_ULL(VIRTIO_SCSI_F_T10_PI))

/* ------------------------------------------------------------- main.c */

extern struct workqueue_struct *vscsi_wq;
extern struct workqueue_struct *vscsi_close_wq;
extern struct workqueue_struct *vscsi_io_wq;
extern bool vscsi_shared_thread;
extern bool vscsi_strict_accounting;

unsigned int vscsi_max_io_vqs(void);

/* --------------------------------------------------------------- pin.c */

/**
 * struct vscsi_pins - a device's part of what queues remember of its owner's pages
 * @notifier: tells of changes to the owner's page tables
 * @mm: of whom, NULL if of none; lock: dev
 * @seq: changes that have begun; what was remembered before is no more
 * @changing: changes that are being made; 1 without an owner
 */
struct vscsi_pins {
	struct mmu_notifier notifier;
	struct mm_struct *mm;
	atomic64_t seq;
	atomic_t changing;
};

/**
 * struct vscsi_slot - a page that a queue remembers
 * @key: its address in the owner's memory, and two bits
 * @page: the page
 */
struct vscsi_slot {
	unsigned long key;
	struct page *page;
};

int vscsi_pins_register(void);
void vscsi_pins_unregister(void);
void vscsi_pins_init(struct vscsi_pins *pins);
void vscsi_pins_start(struct vscsi_dev *dev);
void vscsi_pins_stop(struct vscsi_dev *dev);
void vscsi_pins_refresh(struct vscsi_vq *vq);
int vscsi_pin(struct vscsi_vq *vq, unsigned long addr, int n, bool write,
	      struct page **pages);
struct page *vscsi_pin_one(struct vscsi_vq *vq, unsigned long addr, bool write);
void vscsi_pin_count(struct page *page);
void vscsi_unpin(struct scatterlist *sgl, unsigned int nents, bool dirty);

/* ----------------------------------------------------------- device.c */

/**
 * struct vscsi_dev - one open file of /dev/vhost-scsi
 * @vhost: the vhost core's part; its mutex guards the members marked dev
 * @vqs: the queues, @nvqs of them
 * @vhost_vqs: the same, as the vhost core wants them
 * @nvqs: control, event and request queues
 * @mm: the owner's address space, a user of which we are until close() or
 *	RESET_OWNER; constant while there is a thread
 * @pins: of what the queues remember of its pages
 * @pid: the owner's pid, for names and messages; lock: dev
 * @control: worker 0: makes the queues' threads, and runs control and event
 *	queue unless they were given to another; NULL without an owner; lock:
 *	dev
 * @threads: every thread made, @control included; lock: dev
 * @workers: those that NEW_WORKER made, by number; lock: dev
 * @endpoint: what SET_ENDPOINT attached; lock: dev
 * @stopping: @endpoint waits for its last requests; lock: dev
 * @addressed: a ring was addressed since CLEAR_ENDPOINT; lock: dev
 * @closed: the file is gone, so requests end without an answer
 * @idle: woken when a queue's last request ends
 * @reap_work: frees a device that close() could not wait for
 * @end_faults: of close(), interrupts threads that wait for pages
 * @attach: claims ports that got a nexus after SET_ENDPOINT
 * @watch: looks at the sizes of LUNs while an endpoint is set
 * @barrier: number of the last order barrier asked for (control.c)
 * @pending_tmfs: wait for their barrier; the control queue's work's alone
 * @running_tmfs: LIO carries them out; likewise
 * @ended_tmfs: LIO has carried them out, but commands before them have not
 *	been answered yet; likewise
 * @tmfs_ended: @ended_tmfs is not empty; written by the control queue's work
 * @poll_us: the largest of the ports'; written under a claimed port's lock
 * @bounced: pages of our own that hold guest data
 * @listed: entries of scatterlists that are not short
 * @events_lock: guards the members below
 * @events: waiting for a buffer, oldest first
 * @events_nr: how many
 * @events_missed: an event was lost since the guest was last told
 * @debugfs: the device's directory
 */
struct vscsi_dev {
	struct vhost_dev vhost;
	struct vscsi_vq *vqs;
	struct vhost_virtqueue **vhost_vqs;
	unsigned int nvqs;
	struct mm_struct *mm;
	struct vscsi_pins pins;
	pid_t pid;
	struct vscsi_thread *control;
	struct list_head threads;
	struct xarray workers;
	struct vscsi_endpoint *endpoint;
	bool stopping;
	bool addressed;
	bool closed;
	wait_queue_head_t idle;
	struct work_struct reap_work;
	struct delayed_work end_faults;
	struct work_struct attach;
	struct delayed_work watch;
	atomic_t barrier;
	struct list_head pending_tmfs;
	struct list_head running_tmfs;
	struct list_head ended_tmfs;
	bool tmfs_ended;
	u32 poll_us;
	atomic_long_t bounced;
	atomic_long_t listed;
	spinlock_t events_lock;
	struct list_head events;
	unsigned int events_nr;
	bool events_missed;
	struct dentry *debugfs;
};

int vscsi_device_register(void);
void vscsi_device_unregister(void);

/* ------------------------------------------------------------- claim.c */

/**
 * struct vscsi_endpoint - the target ports that a device has claimed
 * @wwn: the target's name
 * @pid: of the process that set it
 * @uid: its effective user
 * @admin: it may use ports of other users
 * @comm: its name
 * @tpgs: by target number; each is claimed and cannot be removed
 *
 * The others are written before it becomes the queues' backend. A port may be
 * added until it is none any more; queues read them without a lock.
 */
struct vscsi_endpoint {
	char wwn[VSCSI_WWN_SIZE];
	pid_t pid;
	kuid_t uid;
	bool admin;
	char comm[TASK_COMM_LEN];
	struct vscsi_tpg *tpgs[VSCSI_TARGETS];
};

static inline struct vscsi_tpg *
vscsi_endpoint_tpg(const struct vscsi_endpoint *ep, u8 target)
{
	/* Pairs with the release in vscsi_claim_late(). */
	return smp_load_acquire(&ep->tpgs[target]);
}

struct vscsi_endpoint *vscsi_claim(struct vscsi_dev *dev, const char *wwn);
void vscsi_claim_late(struct work_struct *work);
void vscsi_claim_drop(struct vscsi_dev *dev, struct vscsi_endpoint *ep);
void vscsi_claim_notice(struct vscsi_tpg *tpg);

/* --------------------------------------------------------- endpoint.c */

int vscsi_endpoint_set(struct vscsi_dev *dev,
		       const struct vhost_scsi_target *target);
int vscsi_endpoint_clear(struct vscsi_dev *dev,
			 const struct vhost_scsi_target *target);
void vscsi_endpoint_stop(struct vscsi_dev *dev);
void vscsi_endpoint_detach(struct vscsi_dev *dev);
int vscsi_endpoint_start_late(struct vscsi_dev *dev, unsigned int index);

/* ------------------------------------------------------------ drain.c */

bool vscsi_drain_idle(struct vscsi_dev *dev);
int vscsi_drain_wait_killable(struct vscsi_dev *dev);
bool vscsi_drain_wait_timeout(struct vscsi_dev *dev, unsigned long timeout);
void vscsi_drain_wait(struct vscsi_dev *dev);
void vscsi_drain_ended(struct vscsi_vq *vq, unsigned int n);
void vscsi_drain_submitted(struct vscsi_vq *vq);

/* ----------------------------------------------------------- thread.c */

/**
 * struct vscsi_work - something for a thread to do
 * @node: link in the thread's list
 * @flags: bit 0 while it is on a list
 * @fn: what to call; may be queued again while it runs
 */
struct vscsi_work {
	struct llist_node node;
	unsigned long flags;
	void (*fn)(struct vscsi_work *work);
};

struct vscsi_thread *vscsi_thread_create_worker(struct vscsi_dev *dev, u32 id);
struct vscsi_thread *vscsi_thread_create(struct vscsi_dev *dev,
					 unsigned int queue);
int vscsi_thread_call(struct vscsi_dev *dev, int (*fn)(void *data), void *data);
void vscsi_thread_move(struct vscsi_vq *vq, struct vscsi_thread *thread);
void vscsi_thread_free(struct vscsi_thread *thread);
void vscsi_thread_interrupt_all(struct vscsi_dev *dev);
void vscsi_thread_lock_queue(struct vscsi_vq *vq);
void vscsi_thread_free_all(struct vscsi_dev *dev);
bool vscsi_thread_is_dead(const struct vscsi_thread *thread);
bool vscsi_thread_has_work(const struct vscsi_thread *thread);
const struct task_struct *vscsi_thread_task(const struct vscsi_thread *thread);
void vscsi_thread_flush(struct vscsi_thread *thread);
void vscsi_work_init(struct vscsi_work *work,
		     void (*fn)(struct vscsi_work *work));
void vscsi_work_queue(struct vscsi_thread *thread, struct vscsi_work *work);

/* ---------------------------------------------------------- context.c */

void vscsi_vq_wake(struct vscsi_vq *vq);
void vscsi_vq_kicked(struct vscsi_vq *vq);
bool vscsi_vq_released(struct vscsi_vq *vq, bool finished);
void vscsi_vq_run_here(struct vscsi_vq *vq);
bool vscsi_context_is_wanted(const struct vscsi_vq *vq);
void vscsi_context_judge(struct vscsi_vq *vq, unsigned int n);
void vscsi_context_init(struct vscsi_vq *vq);
void vscsi_context_flush(struct vscsi_vq *vq, struct vscsi_thread *thread);

/* ----------------------------------------------------------- worker.c */

long vscsi_worker_ioctl(struct vscsi_dev *dev, unsigned int cmd,
			void __user *argp);
void vscsi_worker_forget_all(struct vscsi_dev *dev);

/* ------------------------------------------------------------- stats.c */

/**
 * struct vscsi_stats - counters of one queue
 * @kicks: runs of the queue's work
 * @requests: chains taken off the ring
 * @responses: answers by virtio-scsi response code
 * @resp_other: answers with a code of task management
 * @malformed: chains that stopped the queue
 * @faults: accesses to guest memory that failed
 * @batches: writes of the used index
 * @signals: batches after which the guest may have been interrupted
 * @pages_found: pages pinned by a walk of the page tables
 * @pages_known: pages pinned that were remembered
 *
 * lock: vq
 */
struct vscsi_stats {
	u64 kicks;
	u64 requests;
	u64 responses[VIRTIO_SCSI_S_FAILURE + 1];
	u64 resp_other;
	u64 malformed;
	u64 faults;
	u64 batches;
	u64 signals;
	u64 pages_found;
	u64 pages_known;
};

void vscsi_stats_init(void);
void vscsi_stats_exit(void);
void vscsi_stats_add_device(struct vscsi_dev *dev);
void vscsi_stats_remove_device(struct vscsi_dev *dev);

/* ---------------------------------------------------------------- vq.c */

/**
 * struct vscsi_seg - one buffer of a chain
 * @addr: guest-physical address
 * @len: bytes
 */
struct vscsi_seg {
	u64 addr;
	u32 len;
};

/**
 * struct vscsi_chain - a chain as fetched, before anything was read through it
 * @id: number of the request, for traces
 * @head: its descriptor's index
 * @out: buffers the device reads, first in @segs
 * @in: buffers the device writes, behind them
 * @out_len: bytes in the former
 * @in_len: bytes in the latter
 * @segs: the queue's scratch array, or the request's own
 */
struct vscsi_chain {
	u32 id;
	u16 head;
	unsigned int out;
	unsigned int in;
	u64 out_len;
	u64 in_len;
	struct vscsi_seg *segs;
};

/**
 * struct vscsi_verdict - how a command is answered without LIO
 * @response: virtio-scsi response code
 * @status: SAM status
 * @key: sense key, with @status CHECK CONDITION
 * @asc: additional sense code
 * @ascq: its qualifier
 */
struct vscsi_verdict {
	u8 response;
	u8 status;
	u8 key;
	u8 asc;
	u8 ascq;
};

/**
 * struct vscsi_late - an answer without LIO that could not be written yet
 * @chain: to whom; its buffers are where they were fetched to
 * @verdict: the answer
 * @resid: bytes of data that its buffers hold
 * @any: there is one
 */
struct vscsi_late {
	struct vscsi_chain chain;
	struct vscsi_verdict verdict;
	u64 resid;
	bool any;
};

/**
 * struct vscsi_region - a region of guest memory
 * @start: its guest-physical address
 * @size: bytes; 0 for none
 * @near: the same, if they may be both read and written, else 0
 * @user: its address in the owner's memory
 * @perm: VHOST_ACCESS_...
 */
struct vscsi_region {
	u64 start;
	u64 size;
	u64 near;
	u64 user;
	u32 perm;
};

/**
 * struct vscsi_vq - a virtqueue
 * @vhost: the vhost core's part; its mutex guards the members marked vq
 * @dev: the device
 * @index: number of the queue
 * @thread: runs @work; NULL until the ring is first started, and while the
 *	queue is moved; changed under the device's mutex, read under RCU
 * @attached: @thread was chosen by ATTACH_VRING_WORKER; lock: dev, but read
 *	without by who asks for a run
 * @worker: number of the worker that was, else 0; lock: dev
 * @work: what the thread does; for a request queue see context.c
 * @run: of a request queue: is it being served, or to be?
 * @runner: the thread in whose name; the run's
 * @item: a run outside of the thread
 * @batch: fetched, to be submitted; the run's
 * @batch_end: where the next is to be linked; the run's
 * @more: there is more to do, and no kick will tell; the run's
 * @passed: the barrier @passing is passed with the batch; the run's
 * @passing: see there
 * @deep: there were many requests at once; lock: vq, but read without by
 *	kicks
 * @beside: for so many more lonely requests the thread is woken by kicks; if
 *	negative, as many until that is tried; lock: vq, but read without by
 *	kicks
 * @polls: the run is to poll, and kicks are disabled; the run's
 * @poll_end: until when, by local_clock(); the run's
 * @done: requests that LIO has released, newest first; lock-free
 * @undone: of these, taken off and put off, oldest first; lock: vq
 * @late: an answer that was put off; lock: vq
 * @put_off: memory was not there, and the thread has to do the rest; lock: vq,
 *	but read without between runs
 * @error_ctx: vhost's, hidden from the vhost core while faults are disabled;
 *	lock: vq
 * @live: the ring may be touched: it is set up, its endpoint is attached and
 *	it is not broken; lock: vq
 * @broken: a malformed chain stopped the queue until the next SET_ENDPOINT;
 *	lock: vq
 * @addressed: SET_VRING_ADDR came since CLEAR_ENDPOINT; lock: vq
 * @reqs: one request per descriptor; lock: vq
 * @num: how many; lock: vq
 * @inflight: chains fetched and not yet put in the used ring; written under
 *	the vq mutex
 * @submitting: the run hands a batch to LIO; set under the vq mutex
 * @hdr: scratch for the header of the request at hand; lock: vq
 * @resp: scratch for a response; lock: vq
 * @segs: scratch for the chain at hand; lock: vq
 * @pages: scratch for pinning; lock: vq
 * @slots: pages that it remembers; lock: vq
 * @slots_seq: which of the owner's page tables' changes they are from; lock: vq
 * @nheads: entries waiting in vhost.heads for vscsi_used_flush(); lock: vq
 * @regions: memory regions hit last; lock: vq
 * @regions_of: the memory table that they belong to; lock: vq
 * @regions_next: which is to be replaced, modulo their number; lock: vq
 * @barrier_seen: barrier that @barrier_avail was taken for; lock: vq
 * @barrier_avail: fetching up to here passes it; lock: vq
 * @barrier_done: barriers up to this one are passed
 * @stats: counters; lock: vq
 */
struct vscsi_vq {
	struct vhost_virtqueue vhost;
	struct vscsi_dev *dev;
	unsigned int index;
	struct vscsi_thread __rcu *thread;
	bool attached;
	u32 worker;
	struct vscsi_work work;
	atomic_t run;
	struct vscsi_thread *runner;
	struct work_struct item;
	struct vscsi_req *batch;
	struct vscsi_req **batch_end;
	bool more;
	bool passed;
	int passing;
	bool deep;
	int beside;
	bool polls;
	u64 poll_end;
	struct llist_head done;
	struct llist_node *undone;
	struct vscsi_late late;
	bool put_off;
	struct eventfd_ctx *error_ctx;
	bool live;
	bool broken;
	bool addressed;
	struct vscsi_req *reqs;
	unsigned int num;
	unsigned int inflight;
	bool submitting;
	u8 hdr[VSCSI_HDR_PI_SIZE] __aligned(8);
	u8 resp[VSCSI_RESP_SIZE] __aligned(8);
	struct vscsi_seg *segs;
	struct page **pages;
	struct vscsi_slot *slots;
	s64 slots_seq;
	unsigned int nheads;
	struct vscsi_region regions[VSCSI_REGIONS];
	const struct vhost_iotlb *regions_of;
	unsigned int regions_next;
	int barrier_seen;
	u16 barrier_avail;
	int barrier_done;
	struct vscsi_stats stats;
};

/**
 * vscsi_stats_response() - count an answer
 * @vq: the queue
 * @response: its code
 *
 * Locking: caller holds the vq mutex.
 */
static inline void vscsi_stats_response(struct vscsi_vq *vq, u8 response)
{
	lockdep_assert_held(&vq->vhost.mutex);
	if (response < ARRAY_SIZE(vq->stats.responses))
		vq->stats.responses[response]++;
	else
		vq->stats.resp_other++;
}

static inline struct vscsi_vq *to_vscsi_vq(struct vhost_virtqueue *vq)
{
	return container_of(vq, struct vscsi_vq, vhost);
}

/**
 * vscsi_vq_thread() - which thread has a queue?
 * @vq: the queue
 *
 * Locking: caller holds the device's mutex.
 * Return: the thread, NULL if it was never started.
 */
static inline struct vscsi_thread *vscsi_vq_thread(const struct vscsi_vq *vq)
{
	return rcu_dereference_protected(vq->thread,
				lockdep_is_held(&vq->dev->vhost.mutex));
}

/**
 * vscsi_logs() - does the vhost core write a dirty log for a queue?
 * @vq: the queue
 *
 * It waits for the log's pages then, also where faults are disabled.
 *
 * Return: true if so.
 */
static inline bool vscsi_logs(const struct vscsi_vq *vq)
{
	return (READ_ONCE(vq->vhost.acked_features) &
		BIT_ULL(VHOST_F_LOG_ALL)) || READ_ONCE(vq->vhost.log_used);
}

/**
 * vscsi_poll_us() - for how long a queue is polled
 * @vq: the queue
 *
 * Return: microseconds, 0 if it is not.
 */
static inline u32 vscsi_poll_us(const struct vscsi_vq *vq)
{
	return max(READ_ONCE(vq->vhost.busyloop_timeout),
		   READ_ONCE(vq->dev->poll_us));
}

/**
 * vscsi_put_off() - guest memory was not there: may its owner wait for it?
 * @vq: the queue
 *
 * A work item waits for no page of the guest's, for it would be killed with nobody:
 * it runs with faults disabled, and what met with one is left as it was for the
 * queue's thread.
 *
 * Locking: caller holds the vq mutex.
 * Return: true if what met with the fault is to be left.
 */
static inline bool vscsi_put_off(struct vscsi_vq *vq)
{
	lockdep_assert_held(&vq->vhost.mutex);
	if (likely(!pagefault_disabled()))
		return false;
	vq->put_off = true;
	return true;
}

/**
 * vscsi_fault() - count an access to guest memory that failed
 * @vq: the queue
 *
 * Locking: caller holds the vq mutex.
 */
static inline void vscsi_fault(struct vscsi_vq *vq)
{
	lockdep_assert_held(&vq->vhost.mutex);
	if (!vscsi_put_off(vq))
		vq->stats.faults++;
}

void vscsi_vq_fetch(struct vscsi_vq *vq);
void vscsi_vq_answer(struct vscsi_vq *vq);
void vscsi_vq_submit(struct vscsi_vq *vq);
void vscsi_vq_init(struct vscsi_dev *dev, struct vscsi_vq *vq,
		   unsigned int index);
int vscsi_vq_alloc(struct vscsi_vq *vq);
void vscsi_vq_free(struct vscsi_vq *vq);
void vscsi_vq_forget_map(struct vscsi_vq *vq);
bool vscsi_vq_can_touch_guest(const struct vscsi_vq *vq);

/* -------------------------------------------------------------- poll.c */

bool vscsi_poll_begin(struct vscsi_vq *vq, bool found);
bool vscsi_poll(struct vscsi_vq *vq);
void vscsi_poll_update(struct vscsi_dev *dev);

/* -------------------------------------------------------------- ring.c */

void vscsi_vq_break(struct vscsi_vq *vq, const struct vscsi_chain *chain,
		    const char *why);
int vscsi_fetch(struct vscsi_vq *vq, struct vscsi_chain *chain);

/* The number of the request that is fetched next, for traces. */
static inline u32 vscsi_next_id(const struct vscsi_vq *vq)
{
	return ((u32)vq->index << 16) | (u16)vq->stats.requests;
}

/* The next chain was taken off the ring, and is in flight. */
static inline void vscsi_fetched(struct vscsi_vq *vq)
{
	lockdep_assert_held(&vq->vhost.mutex);
	vq->vhost.last_avail_idx++;
	vq->inflight++;
	vq->stats.requests++;
}

void vscsi_unfetch(struct vscsi_vq *vq);
bool vscsi_enable_notify(struct vscsi_vq *vq);

/* ------------------------------------------------------------- guest.c */

/**
 * vscsi_guest_forget() - drop the cached memory regions
 * @vq: the queue
 *
 * Locking: caller holds the vq mutex.
 */
static inline void vscsi_guest_forget(struct vscsi_vq *vq)
{
	lockdep_assert_held(&vq->vhost.mutex);
	memset(vq->regions, 0, sizeof(vq->regions));
	vq->regions_of = NULL;
}

size_t vscsi_guest_translate(struct vscsi_vq *vq, u64 addr, size_t len,
			     unsigned int access, void __user **hva);
int vscsi_guest_read(struct vscsi_vq *vq, const struct vscsi_seg *segs,
		     unsigned int n, u64 skip, void *buf, size_t len);
int vscsi_guest_write(struct vscsi_vq *vq, const struct vscsi_seg *segs,
		      unsigned int n, u64 skip, const void *buf, size_t len);
void vscsi_guest_log(struct vscsi_vq *vq, const struct vscsi_seg *segs,
		     unsigned int n, u64 skip, u64 len);

/* -------------------------------------------------------------- data.c */

/**
 * struct vscsi_data - guest buffers as LIO sees them
 * @sgl: the scatterlist, NULL without data
 * @nents: its entries
 * @table: holds it if it is larger than @inline_sgl
 * @pinned: entries are guest pages; else they are ours
 * @known: the queue remembered all of them (pin.c)
 * @bounced: how many of ours count against the device's share
 * @write: the device writes them
 * @inline_sgl: for small transfers
 */
struct vscsi_data {
	struct scatterlist *sgl;
	unsigned int nents;
	struct sg_table table;
	bool pinned;
	bool known;
	unsigned int bounced;
	bool write;
	struct scatterlist inline_sgl[VSCSI_INLINE_SGS];
};

int vscsi_data_map(struct vscsi_vq *vq, struct vscsi_data *data,
		   const struct vscsi_seg *segs, unsigned int n, u64 skip,
		   u32 len, bool write, unsigned int align);
int vscsi_data_copy_back(struct vscsi_vq *vq, struct vscsi_data *data,
			 const struct vscsi_seg *segs, unsigned int n,
			 u64 skip, u32 len);
void vscsi_data_release(struct vscsi_vq *vq, struct vscsi_data *data);

/* ---------------------------------------------------------- conflict.c */

/**
 * struct vscsi_conflict - a command about reservations or a LUN RESET
 * @node: link in the list of all
 * @se_dev: the backstore, to be compared only
 * @waiter: the control queue of a LUN RESET, NULL for a command
 * @listed: it is on the list
 * @preempts: the command is a PREEMPT AND ABORT
 * @waits: the reset may not be made yet
 *
 * Written by its owner; when it is on the list, under the list's lock.
 */
struct vscsi_conflict {
	struct list_head node;
	const struct se_device *se_dev;
	struct vscsi_vq *waiter;
	bool listed;
	bool preempts;
	bool waits;
};

/**
 * vscsi_cdb_preempts() - is it a PREEMPT AND ABORT (SPC-4, 6.14.3)?
 * @cdb: the command
 *
 * LIO waits in it until others' commands have ended.
 *
 * Return: true if it is.
 */
static inline bool vscsi_cdb_preempts(const u8 *cdb)
{
	enum { PREEMPT_AND_ABORT = 0x05 };

	return cdb[0] == PERSISTENT_RESERVE_OUT &&
	       (cdb[1] & 0x1f) == PREEMPT_AND_ABORT;
}

struct vscsi_req;
struct vscsi_tmf;

sense_reason_t vscsi_conflict_command(struct vscsi_req *req);
bool vscsi_conflict_reset(struct vscsi_tmf *tmf);
void vscsi_conflict_end(struct vscsi_conflict *conflict);

/* -------------------------------------------------------------- fast.c */

bool vscsi_fast_start(struct vscsi_vq *vq);

/* ----------------------------------------------------------- request.c */

/**
 * struct vscsi_req - one SCSI command
 * @se_cmd: LIO's part
 * @done: link in the queue's done list
 * @next: of the batch to submit
 * @vq: the queue
 * @tpg: the target port it goes to
 * @id: for traces
 * @head: its descriptor's index, and its own index in the queue's table
 * @busy: between fetch and used ring; lock: vq
 * @answered: LIO gave it a status; else LIO aborted it
 * @aborted: the response if it was aborted by us, or 0; lock: vq
 * @barrier: the last that the queue had passed when this was fetched
 * @attr: SAM task attribute
 * @dir: of the data
 * @lun: single level LUN
 * @len: bytes of data that the guest's buffers hold
 * @mapped: bytes of it that LIO is told of
 * @quick: its backstore does it at once
 * @prot_len: bytes of protection information
 * @nsegs: buffers in @segs
 * @segs: the buffers that the device writes: response, then PI and data
 * @inline_segs: for short chains
 * @data: the data
 * @prot: the protection information, allocated when there is some
 * @callback: LIO's, held back until it carries out the command (fabric.c)
 * @execute: LIO's function that does so
 * @conflict: of a command about reservations
 * @cdb: the CDB
 * @sense: sense data
 *
 * Owned by the queue under its mutex until the batch is submitted, by LIO
 * until it calls release_cmd, and by the queue again from the done list on.
 * LIO's part is cleared for each command.
 */
struct vscsi_req {
	struct se_cmd se_cmd;
	struct llist_node done;
	struct vscsi_req *next;
	struct vscsi_vq *vq;
	struct vscsi_tpg *tpg;
	u32 id;
	u16 head;
	bool busy;
	bool answered;
	bool quick;
	u8 aborted;
	int barrier;
	u8 attr;
	enum dma_data_direction dir;
	u16 lun;
	u32 len;
	u32 mapped;
	u32 prot_len;
	unsigned int nsegs;
	struct vscsi_seg *segs;
	struct vscsi_seg inline_segs[VSCSI_INLINE_SEGS];
	struct vscsi_data data;
	struct vscsi_data *prot;
	sense_reason_t (*callback)(struct se_cmd *cmd, bool success, int *ret);
	sense_reason_t (*execute)(struct se_cmd *cmd);
	struct vscsi_conflict conflict;
	u8 cdb[VSCSI_CDB_SIZE] __aligned(8);
	u8 sense[TRANSPORT_SENSE_BUFFER];
};

/**
 * vscsi_batch_add() - have the run submit a request
 * @vq: the queue
 * @req: the request; the run's from here on
 *
 * Locking: caller holds the vq mutex.
 */
static inline void vscsi_batch_add(struct vscsi_vq *vq, struct vscsi_req *req)
{
	lockdep_assert_held(&vq->vhost.mutex);
	req->next = NULL;
	*vq->batch_end = req;
	vq->batch_end = &req->next;
}

static inline struct vscsi_req *to_vscsi_req(struct se_cmd *se_cmd)
{
	return container_of(se_cmd, struct vscsi_req, se_cmd);
}

void vscsi_req_start(struct vscsi_vq *vq, struct vscsi_chain *chain);
void vscsi_req_submit(struct vscsi_req *req);
void vscsi_req_end(struct vscsi_req *req);

/* ------------------------------------------------------------ screen.c */

bool vscsi_screen(struct vscsi_req *req, unsigned int *align,
		  struct vscsi_verdict *verdict);
bool vscsi_screen_sense(struct vscsi_verdict *verdict, u8 key, u16 asc);

/**
 * vscsi_illegal() - answer with ILLEGAL REQUEST
 * @verdict: the answer
 * @asc: additional sense code and its qualifier
 *
 * Return: true.
 */
static inline bool vscsi_illegal(struct vscsi_verdict *verdict, u16 asc)
{
	return vscsi_screen_sense(verdict, ILLEGAL_REQUEST, asc);
}

struct se_lun *vscsi_screen_get_lun(struct vscsi_tpg *tpg, u16 lun,
				    bool *read_only);
bool vscsi_screen_lun_exists(struct vscsi_tpg *tpg, u16 lun);
const struct se_device *vscsi_screen_backstore(struct vscsi_tpg *tpg, u16 lun);

/* ------------------------------------------------------- screen_list.c */

bool vscsi_screen_list(struct vscsi_req *req, struct vscsi_verdict *verdict);

/* ------------------------------------------------------------ fabric.c */

extern const struct target_core_fabric_ops vscsi_fabric_ops;

/* ---------------------------------------------------------- complete.c */

void vscsi_complete(struct vscsi_vq *vq);
void vscsi_fail(struct vscsi_vq *vq, const struct vscsi_chain *chain,
		const struct vscsi_verdict *verdict, u64 resid);
void vscsi_used_add(struct vscsi_vq *vq, u32 id, u16 head, u32 len);
void vscsi_used_flush(struct vscsi_vq *vq);

/* ----------------------------------------------------------- control.c */

void vscsi_control_run(struct vscsi_work *work);
void vscsi_control_wake(struct vscsi_dev *dev);
void vscsi_control_answer(struct vscsi_vq *vq, u32 id, u16 head,
			  const struct vscsi_seg *segs, unsigned int n,
			  unsigned int skip, u8 response);

/* --------------------------------------------------------------- tmf.c */

/**
 * struct vscsi_tmf - one task management function
 * @se_cmd: LIO's part
 * @done: link in the control queue's done list
 * @pending: link in one of the device's three lists
 * @vq: the control queue
 * @tpg: the target port it goes to
 * @id: for traces
 * @head: its descriptor's index
 * @subtype: VIRTIO_SCSI_T_TMF_...
 * @tag: of the command it is about
 * @lun: single level LUN
 * @barrier: number of the order barrier it waits for
 * @conflict: of a LUN RESET
 * @response: the answer
 * @nsegs: buffers in @segs
 * @segs: the buffers that the device writes
 *
 * Owned by the control queue's thread, in between by LIO.
 */
struct vscsi_tmf {
	struct se_cmd se_cmd;
	struct llist_node done;
	struct list_head pending;
	struct vscsi_vq *vq;
	struct vscsi_tpg *tpg;
	u32 id;
	u16 head;
	u32 subtype;
	u64 tag;
	u16 lun;
	int barrier;
	struct vscsi_conflict conflict;
	u8 response;
	unsigned int nsegs;
	struct vscsi_seg segs[];
};

static inline struct vscsi_tmf *to_vscsi_tmf(struct se_cmd *se_cmd)
{
	return container_of(se_cmd, struct vscsi_tmf, se_cmd);
}

bool vscsi_tmf_queue(struct vscsi_vq *vq, const struct vscsi_chain *chain,
		     struct vscsi_tpg *tpg, const struct vscsi_tmf_hdr *hdr);
void vscsi_tmf_run(struct vscsi_vq *vq);

/* ------------------------------------------------------------- event.c */

void vscsi_event_run(struct vscsi_work *work);
void vscsi_event_lun(struct vscsi_tpg *tpg, u64 lun, bool added);
void vscsi_event_all_luns(struct vscsi_tpg *tpg);
void vscsi_event_capacity(struct vscsi_tpg *tpg, u16 lun);
void vscsi_event_reset(struct vscsi_tpg *tpg, u16 lun);
void vscsi_event_discard(struct vscsi_dev *dev);

/* --------------------------------------------------------- attention.c */

/**
 * enum vscsi_attention - unit attentions that are ours to report
 * @VSCSI_NEXUS_LOSS: an I_T NEXUS RESET, 29/07
 * @VSCSI_CAPACITY: a backstore has another size, 2A/09
 * @VSCSI_ATTENTIONS: how many there are
 */
enum vscsi_attention {
	VSCSI_NEXUS_LOSS,
	VSCSI_CAPACITY,
	VSCSI_ATTENTIONS,
};

void vscsi_attention_init(struct vscsi_tpg *tpg);
void vscsi_attention_forget(struct vscsi_tpg *tpg);
void vscsi_attention_forget_lun(struct vscsi_tpg *tpg, u16 lun);
void vscsi_attention_nexus_loss(struct vscsi_tpg *tpg);
u16 vscsi_attention_take(struct vscsi_tpg *tpg, u16 lun, const u8 *cdb);
void vscsi_attention_report(struct vscsi_tpg *tpg, u16 lun, u8 *buf, u32 len);
void vscsi_watch_init(struct vscsi_dev *dev);
void vscsi_watch_start(struct vscsi_dev *dev);
void vscsi_watch_stop(struct vscsi_dev *dev);
void vscsi_watch_port(struct vscsi_tpg *tpg);
void vscsi_watch_lun(struct vscsi_tpg *tpg, struct se_lun *se_lun);

/* --------------------------------------------------------------- lun.c */

struct vscsi_tpg;

enum {
	VSCSI_LUN_PAGE = 128,	/* LUNs whose entries are one allocation */
	VSCSI_LUN_RO = 1,	/* bit of an entry */
};

void vscsi_luns_note(struct vscsi_tpg *tpg, const struct se_lun *lun);
void vscsi_luns_forget(struct vscsi_tpg *tpg, const struct se_lun *lun);
void vscsi_luns_free(struct vscsi_tpg *tpg);
struct se_lun *vscsi_search_lun(struct vscsi_tpg *tpg, u16 lun, bool *read_only);

/* ---------------------------------------------------------- configfs.c */

/**
 * struct vscsi_wwn - a target: directory <wwn>
 * @se_wwn: LIO's part
 * @proto: SCSI protocol its name belongs to
 * @name: as the directory is called
 */
struct vscsi_wwn {
	struct se_wwn se_wwn;
	u8 proto;
	char name[VSCSI_WWN_SIZE];
};

/**
 * struct vscsi_tpg - a target port: directory tpgt_N
 * @se_tpg: LIO's part
 * @ref: the directory holds one, SET_ENDPOINT one while it looks
 * @wwn: the target
 * @tag: N, the target number that a guest addresses
 * @node: link in the list of all ports; lock: vscsi_ports_lock
 * @lock: guards the members marked tpg
 * @nexus: the session, NULL without one; lock: tpg; constant while claimed
 * @dev: the device that claimed the port, or NULL; lock: tpg
 * @pid: of the process that claimed it; lock: tpg
 * @uid: likewise
 * @comm: likewise
 * @owner: user who may attach the port, INVALID_UID for any; lock: tpg
 * @poll_us: queues of a device that uses the port are polled for so many
 *	microseconds; lock: tpg
 * @prot_type: T10 PI that new sessions pass; lock: tpg
 * @nluns: LUN links; lock: tpg
 * @attentions: unit attentions to report, by LUN
 * @capacities: blocks of the LUNs when they were last looked at; lock: tpg
 * @unlinking: of these, how many LIO is taking away; lock: tpg
 * @luns: the nexus' LUNs by number, in pages that last as long as the port: a struct se_lun
 *	with VSCSI_LUN_RO if the nexus may only read it, or 0; lock: tpg, read under RCU
 */
struct vscsi_tpg {
	struct se_portal_group se_tpg;
	struct kref ref;
	struct vscsi_wwn *wwn;
	u16 tag;
	struct list_head node;
	struct mutex lock;
	struct se_session *nexus;
	struct vscsi_dev *dev;
	pid_t pid;
	kuid_t uid;
	char comm[TASK_COMM_LEN];
	kuid_t owner;
	u32 poll_us;
	int prot_type;
	unsigned int nluns;
	struct xarray attentions[VSCSI_ATTENTIONS];
	struct xarray capacities;
	unsigned int unlinking;
	unsigned long *luns[VSCSI_LUNS / VSCSI_LUN_PAGE];
};

static inline struct vscsi_tpg *to_vscsi_tpg(struct se_portal_group *se_tpg)
{
	return container_of(se_tpg, struct vscsi_tpg, se_tpg);
}

static inline struct vscsi_wwn *to_vscsi_wwn(struct se_wwn *se_wwn)
{
	return container_of(se_wwn, struct vscsi_wwn, se_wwn);
}

extern struct mutex vscsi_ports_lock;
extern struct list_head vscsi_ports;
extern struct configfs_attribute *vscsi_wwn_attrs[];
extern struct configfs_attribute *vscsi_tpg_attrs[];
extern struct configfs_attribute *vscsi_tpg_attrib_attrs[];

struct se_wwn *vscsi_wwn_make(struct target_fabric_configfs *tf,
			      struct config_group *group, const char *name);
void vscsi_wwn_drop(struct se_wwn *se_wwn);
struct se_portal_group *vscsi_tpg_make(struct se_wwn *se_wwn,
				       const char *name);
void vscsi_tpg_drop(struct se_portal_group *se_tpg);
void vscsi_tpg_put(struct vscsi_tpg *tpg);
int vscsi_tpg_lun_linked(struct se_portal_group *se_tpg, struct se_lun *lun);
void vscsi_tpg_lun_unlinking(struct se_portal_group *se_tpg,
			     struct se_lun *lun);
void vscsi_tpg_lun_unlinked(struct se_portal_group *se_tpg,
			    struct se_lun *lun);

#endif /* VHOST_SCSI_H */
