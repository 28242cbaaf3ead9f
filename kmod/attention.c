// SPDX-License-Identifier: GPL-2.0
/*
 * Unit attentions of our own, and the look at capacities that raises one.
 *
 * LIO tells a nexus of what LIO does to a LUN. It does not tell it of an I_T
 * NEXUS RESET, which LIO does not know, nor that a backstore has another size
 * than before, which LIO does not notice: the module looks once a second while
 * an endpoint is set. Each is kept per LUN of a port until a command of that
 * nexus can be answered with it (SAM-5, 5.14), so it survives a VM that is
 * paused while its disk is resized.
 */
#include <linux/slab.h>
#include <linux/unaligned.h>
#include <scsi/scsi_proto.h>
#include <target/target_core_backend.h>

#include "vhost_scsi.h"

/* How long a new size may go unnoticed. */
#define VSCSI_WATCH_PERIOD HZ

static const u16 codes[VSCSI_ATTENTIONS] = {
	[VSCSI_NEXUS_LOSS] = 0x2907,
	[VSCSI_CAPACITY] = 0x2a09,
};

/**
 * struct sight - a LUN as it was found
 * @lun: single level LUN
 * @is_disk: it has a capacity that may change behind LIO's back
 * @blocks: that capacity
 */
struct sight {
	u16 lun;
	bool is_disk;
	u64 blocks;
};

/* Of a passed-through device the device itself raises the attention. */
static bool is_watched(struct se_device *dev)
{
	const char *name = dev->transport->name;

	return dev->transport->get_device_type(dev) == TYPE_DISK &&
	       (!strcmp(name, "iblock") || !strcmp(name, "fileio") ||
		!strcmp(name, "user"));
}

static void see(struct se_lun *se_lun, u64 lun, struct sight *sight)
{
	/* A LUN without a reference is being removed. */
	struct se_device *dev = rcu_dereference_raw(se_lun->lun_se_dev);

	*sight = (struct sight) { .lun = lun };
	if (dev && is_watched(dev)) {
		sight->is_disk = true;
		sight->blocks = dev->transport->get_blocks(dev);
	}
}

/* Look at no more than @max LUNs of the nexus: how many there are. */
static unsigned int look(struct vscsi_tpg *tpg, struct sight *sights,
			 unsigned int max)
{
	struct se_node_acl *nacl = tpg->nexus->se_node_acl;
	struct se_dev_entry *deve;
	unsigned int n = 0;

	rcu_read_lock();
	hlist_for_each_entry_rcu(deve, &nacl->lun_entry_hlist, link) {
		if (deve->mapped_lun >= VSCSI_LUNS)
			continue;
		if (n < max &&
		    percpu_ref_tryget_live(&deve->se_lun->lun_ref)) {
			see(deve->se_lun, deve->mapped_lun, &sights[n]);
			percpu_ref_put(&deve->se_lun->lun_ref);
			n++;
		} else if (n >= max) {
			n++;
		}
	}
	rcu_read_unlock();
	return n;
}

/* All LUNs of the nexus: an array to be freed, NULL without memory. */
static struct sight *look_at_all(struct vscsi_tpg *tpg, unsigned int *n)
{
	unsigned int max = 16;
	struct sight *sights;

	lockdep_assert_held(&tpg->lock);
	for (;;) {
		sights = kvmalloc_array(max, sizeof(*sights),
					GFP_KERNEL | __GFP_NOWARN);
		if (!sights)
			return NULL;
		*n = look(tpg, sights, max);
		if (*n <= max)
			return sights;
		kvfree(sights);
		max = *n + 16;
	}
}

static void raise(struct vscsi_tpg *tpg, u16 lun,
		  enum vscsi_attention attention)
{
	/* Without memory for it, the guest misses a hint. */
	xa_store(&tpg->attentions[attention], lun, xa_mk_value(0), GFP_KERNEL);
}

/* Do something about every LUN of a port, with what can be seen of it. */
static void visit_luns(struct vscsi_tpg *tpg,
		       void (*fn)(struct vscsi_tpg *tpg,
				  const struct sight *sight))
{
	struct sight *sights;
	unsigned int i, n;

	lockdep_assert_held(&tpg->lock);
	sights = look_at_all(tpg, &n);
	if (!sights)
		return;
	for (i = 0; i < n; i++)
		fn(tpg, &sights[i]);
	kvfree(sights);
}

static void lose_nexus(struct vscsi_tpg *tpg, const struct sight *sight)
{
	raise(tpg, sight->lun, VSCSI_NEXUS_LOSS);
}

/**
 * vscsi_attention_nexus_loss() - have every LUN of a port report a nexus loss
 * @tpg: the port, claimed
 *
 * Context: may sleep. Locking: takes the port's lock.
 */
void vscsi_attention_nexus_loss(struct vscsi_tpg *tpg)
{
	guard(mutex)(&tpg->lock);
	visit_luns(tpg, lose_nexus);
}

static u16 take(struct vscsi_tpg *tpg, u16 lun)
{
	unsigned int i;

	for (i = 0; i < VSCSI_ATTENTIONS; i++)
		if (unlikely(!xa_empty(&tpg->attentions[i])) &&
		    xa_erase(&tpg->attentions[i], lun))
			return codes[i];
	return 0;
}

/**
 * vscsi_attention_take() - is a command to be answered with a unit attention?
 * @tpg: the port, claimed
 * @lun: single level LUN, which exists
 * @cdb: the command; INQUIRY and REPORT LUNS get none, REQUEST SENSE reports
 *	them otherwise
 *
 * Each is reported once.
 *
 * Context: any.
 * Return: additional sense code and qualifier, or 0.
 */
u16 vscsi_attention_take(struct vscsi_tpg *tpg, u16 lun, const u8 *cdb)
{
	switch (cdb[0]) {
	case INQUIRY:
	case REPORT_LUNS:
	case REQUEST_SENSE:
		return 0;
	}
	return take(tpg, lun);
}

/**
 * vscsi_attention_report() - put a unit attention in what REQUEST SENSE returns
 * @tpg: the port, claimed
 * @lun: single level LUN
 * @buf: sense data as LIO returns it; left alone if it says something
 * @len: bytes of it that the guest gets; the unit attention stays if it would
 *	not see all of it
 *
 * Context: any.
 */
void vscsi_attention_report(struct vscsi_tpg *tpg, u16 lun, u8 *buf, u32 len)
{
	bool fixed = (buf[0] & 0x7f) < 0x72;
	unsigned int key = fixed ? 2 : 1, asc = fixed ? 12 : 2;
	u16 code;

	if (len < asc + 2 || (buf[key] & 0x0f))
		return;
	code = take(tpg, lun);
	if (!code)
		return;
	buf[key] |= UNIT_ATTENTION;
	put_unaligned_be16(code, buf + asc);
}

/* Take note of a LUN's size; tell if it is another than before. */
static void compare(struct vscsi_tpg *tpg, const struct sight *sight)
{
	void *now = xa_mk_value(sight->blocks & LONG_MAX);
	void *before = xa_load(&tpg->capacities, sight->lun);

	lockdep_assert_held(&tpg->lock);
	if (!sight->is_disk || before == now)
		return;
	if (before) {
		raise(tpg, sight->lun, VSCSI_CAPACITY);
		vscsi_event_capacity(tpg, sight->lun);
	}
	xa_store(&tpg->capacities, sight->lun, now, GFP_KERNEL);
}

/**
 * vscsi_watch_port() - look at the sizes of all LUNs of a port
 * @tpg: the port, claimed, and it stays so
 *
 * Context: may sleep. Locking: takes the port's lock.
 */
void vscsi_watch_port(struct vscsi_tpg *tpg)
{
	guard(mutex)(&tpg->lock);
	visit_luns(tpg, compare);
}

/**
 * vscsi_watch_lun() - a LUN was linked: take note of its size
 * @tpg: the port
 * @se_lun: the LUN
 *
 * Context: may sleep. Locking: caller holds the port's lock and keeps the LUN
 * linked.
 */
void vscsi_watch_lun(struct vscsi_tpg *tpg, struct se_lun *se_lun)
{
	struct sight sight;

	lockdep_assert_held(&tpg->lock);
	see(se_lun, se_lun->unpacked_lun, &sight);
	compare(tpg, &sight);
}

static void watch_run(struct work_struct *work)
{
	struct vscsi_dev *dev = container_of(to_delayed_work(work),
					     struct vscsi_dev, watch);
	struct vscsi_endpoint *ep = dev->endpoint;
	struct vscsi_tpg *tpg;
	unsigned int i;

	for (i = 0; i < VSCSI_TARGETS; i++) {
		tpg = vscsi_endpoint_tpg(ep, i);
		if (tpg)
			vscsi_watch_port(tpg);
	}
	queue_delayed_work(vscsi_wq, &dev->watch, VSCSI_WATCH_PERIOD);
}

/**
 * vscsi_watch_init() - make a device ready to be watched
 * @dev: the device
 */
void vscsi_watch_init(struct vscsi_dev *dev)
{
	INIT_DELAYED_WORK(&dev->watch, watch_run);
}

/**
 * vscsi_watch_start() - look at the sizes of a device's LUNs from now on
 * @dev: the device, its endpoint set
 *
 * Locking: caller holds the device's mutex.
 */
void vscsi_watch_start(struct vscsi_dev *dev)
{
	lockdep_assert_held(&dev->vhost.mutex);
	queue_delayed_work(vscsi_wq, &dev->watch, VSCSI_WATCH_PERIOD);
}

/**
 * vscsi_watch_stop() - do not look any more; wait for a look that is under way
 * @dev: the device
 *
 * Locking: caller holds the device's mutex, which a look does not take.
 */
void vscsi_watch_stop(struct vscsi_dev *dev)
{
	lockdep_assert_held(&dev->vhost.mutex);
	cancel_delayed_work_sync(&dev->watch);
}

/**
 * vscsi_attention_init() - nothing to report, no size known
 * @tpg: the port
 */
void vscsi_attention_init(struct vscsi_tpg *tpg)
{
	unsigned int i;

	for (i = 0; i < VSCSI_ATTENTIONS; i++)
		xa_init(&tpg->attentions[i]);
	xa_init(&tpg->capacities);
}

/**
 * vscsi_attention_forget() - the nexus or the port goes
 * @tpg: the port
 */
void vscsi_attention_forget(struct vscsi_tpg *tpg)
{
	unsigned int i;

	for (i = 0; i < VSCSI_ATTENTIONS; i++)
		xa_destroy(&tpg->attentions[i]);
	xa_destroy(&tpg->capacities);
}

/**
 * vscsi_attention_forget_lun() - a LUN goes
 * @tpg: the port
 * @lun: single level LUN
 */
void vscsi_attention_forget_lun(struct vscsi_tpg *tpg, u16 lun)
{
	unsigned int i;

	for (i = 0; i < VSCSI_ATTENTIONS; i++)
		xa_erase(&tpg->attentions[i], lun);
	xa_erase(&tpg->capacities, lun);
}
