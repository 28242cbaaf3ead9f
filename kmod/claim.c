// SPDX-License-Identifier: GPL-2.0
/*
 * Claims: which device uses a target port. SET_ENDPOINT claims every port of
 * its WWN that has a nexus, or none; a port that gets one while the endpoint is
 * set is claimed by a work item. A claimed port cannot be removed and keeps its
 * nexus.
 *
 * Runs under the device's mutex. A port is claimed under its own lock; its
 * directory is kept by configfs, whose locks may not be taken under ours.
 */
#include <linux/bitmap.h>
#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/slab.h>

#include "vhost_scsi.h"

/* "fc." may be left out, since the port name does not have it. */
static bool wwn_matches(const struct vscsi_wwn *wwn, const char *name)
{
	return !strcmp(wwn->name, name) ||
	       (wwn->proto == SCSI_PROTOCOL_FCP && !strncmp(name, "fc.", 3) &&
		!strcmp(wwn->name, name + 3));
}

/* May whoever set the endpoint use the port? 0, or an errno and a line why. */
static int check_claim(const struct vscsi_tpg *tpg,
		       const struct vscsi_endpoint *ep)
{
	lockdep_assert_held(&tpg->lock);
	if (tpg->dev) {
		pr_notice_ratelimited("%s/tpgt_%u: in use by pid %d\n",
				      tpg->wwn->name, tpg->tag, tpg->pid);
		return -EBUSY;
	}
	if (ep->tpgs[tpg->tag]) {
		pr_notice_ratelimited("%s: two targets have this name\n",
				      ep->wwn);
		return -EEXIST;
	}
	if (uid_valid(tpg->owner) && !uid_eq(tpg->owner, ep->uid) &&
	    !ep->admin) {
		pr_notice_ratelimited("%s/tpgt_%u: owned by uid %u, not pid %d's %u\n",
				      tpg->wwn->name, tpg->tag,
				      from_kuid_munged(&init_user_ns, tpg->owner),
				      ep->pid,
				      from_kuid_munged(&init_user_ns, ep->uid));
		return -EPERM;
	}
	return 0;
}

/* Claim one port if it can be had: 1, 0 if it has no nexus, or an errno. */
static int claim_port(struct vscsi_tpg *tpg, struct vscsi_dev *dev,
		      struct vscsi_endpoint *ep)
{
	int err;

	guard(mutex)(&tpg->lock);
	if (!tpg->nexus)
		return 0;
	err = check_claim(tpg, ep);
	if (err)
		return err;
	tpg->dev = dev;
	tpg->pid = ep->pid;
	tpg->uid = ep->uid;
	memcpy(tpg->comm, ep->comm, sizeof(tpg->comm));
	kref_get(&tpg->ref);
	return 1;
}

static void unclaim(struct vscsi_tpg *tpg)
{
	mutex_lock(&tpg->lock);
	tpg->dev = NULL;
	mutex_unlock(&tpg->lock);
	vscsi_tpg_put(tpg);
}

static void unclaim_all(struct vscsi_endpoint *ep)
{
	unsigned int i;

	for (i = 0; i < VSCSI_TARGETS; i++) {
		if (ep->tpgs[i])
			unclaim(ep->tpgs[i]);
		ep->tpgs[i] = NULL;
	}
}

/* Claim every port of the WWN that has a nexus, or none. */
static int claim_all(struct vscsi_dev *dev, struct vscsi_endpoint *ep)
{
	struct vscsi_tpg *tpg, *bare = NULL;
	int ret = 0, n = 0;

	mutex_lock(&vscsi_ports_lock);
	list_for_each_entry(tpg, &vscsi_ports, node) {
		if (!wwn_matches(tpg->wwn, ep->wwn))
			continue;
		ret = claim_port(tpg, dev, ep);
		if (ret < 0)
			break;
		if (ret)
			ep->tpgs[tpg->tag] = tpg;
		else
			bare = tpg;
		n += ret;
	}
	if (ret >= 0 && !n) {
		ret = -ENODEV;
		if (bare)
			pr_notice_ratelimited("%s/tpgt_%u: no nexus\n",
					      bare->wwn->name, bare->tag);
		else
			pr_notice_ratelimited("%*pE: unknown WWN\n",
					      (int)strlen(ep->wwn), ep->wwn);
	}
	mutex_unlock(&vscsi_ports_lock);
	if (ret < 0)
		unclaim_all(ep);
	return min(ret, 0);
}

/*
 * Keep a claimed port's directory. Takes configfs locks, under which LIO calls
 * us with LUN links, so none of ours but the device's may be held.
 */
static int depend(struct vscsi_tpg *tpg)
{
	return target_depend_item(&tpg->se_tpg.tpg_group.cg_item);
}

static void undepend(struct vscsi_tpg *tpg)
{
	target_undepend_item(&tpg->se_tpg.tpg_group.cg_item);
}

static int depend_all(struct vscsi_endpoint *ep)
{
	int i, err;

	for (i = 0; i < VSCSI_TARGETS; i++) {
		if (!ep->tpgs[i])
			continue;
		err = depend(ep->tpgs[i]);
		if (err)
			goto err_undepend;
	}
	return 0;

err_undepend:
	pr_notice_ratelimited("%s/tpgt_%u: being removed\n", ep->wwn, i);
	while (--i >= 0)
		if (ep->tpgs[i])
			undepend(ep->tpgs[i]);
	return err;
}

/**
 * vscsi_claim() - claim the ports of a WWN
 * @dev: the device, without an endpoint
 * @wwn: the name
 *
 * Context: the process that sets the endpoint; its user has to own the ports.
 * Locking: caller holds the device's mutex.
 * Return: the claims, the caller's to vscsi_claim_drop(); or an ERR_PTR():
 * -ENODEV, -EBUSY, -EEXIST, -EPERM, -ENOMEM, or that of a port which is being
 * removed.
 */
struct vscsi_endpoint *vscsi_claim(struct vscsi_dev *dev, const char *wwn)
{
	struct vscsi_endpoint *ep;
	unsigned int i;
	int err;

	lockdep_assert_held(&dev->vhost.mutex);
	ep = kzalloc(sizeof(*ep), GFP_KERNEL);
	if (!ep)
		return ERR_PTR(-ENOMEM);
	strscpy(ep->wwn, wwn, sizeof(ep->wwn));
	ep->pid = task_tgid_nr(current);
	ep->uid = current_euid();
	ep->admin = uid_eq(ep->uid, GLOBAL_ROOT_UID) || capable(CAP_SYS_ADMIN);
	get_task_comm(ep->comm, current->group_leader);
	err = claim_all(dev, ep);
	if (err)
		goto err_free;
	err = depend_all(ep);
	if (err)
		goto err_unclaim;
	for (i = 0; i < VSCSI_TARGETS; i++)
		if (ep->tpgs[i])
			vscsi_watch_port(ep->tpgs[i]);
	vscsi_poll_update(dev);
	return ep;

err_unclaim:
	unclaim_all(ep);
err_free:
	/* Of ports that were claimed for a while. */
	vscsi_event_discard(dev);
	kfree(ep);
	return ERR_PTR(err);
}

/**
 * vscsi_claim_drop() - let go of the ports
 * @dev: the device; its queues do not use them any more
 * @ep: the claims; freed
 *
 * Locking: caller holds the device's mutex.
 */
void vscsi_claim_drop(struct vscsi_dev *dev, struct vscsi_endpoint *ep)
{
	unsigned int i;

	lockdep_assert_held(&dev->vhost.mutex);
	for (i = 0; i < VSCSI_TARGETS; i++)
		if (ep->tpgs[i])
			undepend(ep->tpgs[i]);
	unclaim_all(ep);
	kfree(ep);
}

/*
 * The next port of the endpoint's WWN that can be claimed now and was not tried
 * yet, claimed.
 */
static struct vscsi_tpg *claim_next(struct vscsi_dev *dev,
				    unsigned long *tried)
{
	struct vscsi_endpoint *ep = dev->endpoint;
	struct vscsi_tpg *tpg;

	lockdep_assert_held(&dev->vhost.mutex);
	guard(mutex)(&vscsi_ports_lock);
	list_for_each_entry(tpg, &vscsi_ports, node)
		if (wwn_matches(tpg->wwn, ep->wwn) && !ep->tpgs[tpg->tag] &&
		    !test_bit(tpg->tag, tried) &&
		    claim_port(tpg, dev, ep) > 0)
			return tpg;
	return NULL;
}

/* Tell the guest of the LUNs that were linked before the claim. */
static void announce(struct vscsi_tpg *tpg)
{
	guard(mutex)(&tpg->lock);
	vscsi_event_all_luns(tpg);
}

/**
 * vscsi_claim_late() - claim what has got a nexus since SET_ENDPOINT
 * @work: of the device
 *
 * A callback of configfs may not make a port's directory stay, hence a work
 * item. A port that cannot be had now is left alone.
 *
 * Context: kworker. Locking: takes the device's mutex, perhaps for as long as
 * CLEAR_ENDPOINT waits for a backstore.
 */
void vscsi_claim_late(struct work_struct *work)
{
	struct vscsi_dev *dev = container_of(work, struct vscsi_dev, attach);
	DECLARE_BITMAP(tried, VSCSI_TARGETS) = { };
	struct vscsi_tpg *tpg;

	guard(mutex)(&dev->vhost.mutex);
	while (dev->endpoint && !dev->stopping &&
	       (tpg = claim_next(dev, tried))) {
		__set_bit(tpg->tag, tried);
		if (depend(tpg)) {
			/* Being removed, and off the list soon. */
			unclaim(tpg);
			continue;
		}
		vscsi_watch_port(tpg);
		/* Pairs with the acquire in vscsi_endpoint_tpg(). */
		smp_store_release(&dev->endpoint->tpgs[tpg->tag], tpg);
		vscsi_poll_update(dev);
		announce(tpg);
	}
}

/**
 * vscsi_claim_notice() - a port has got a nexus
 * @tpg: the port; may go at any time
 *
 * If a device has an endpoint of the same WWN, it is to claim the port.
 *
 * Context: configfs. Locking: takes the ports lock and the ports' own.
 */
void vscsi_claim_notice(struct vscsi_tpg *tpg)
{
	struct vscsi_tpg *other;

	guard(mutex)(&vscsi_ports_lock);
	list_for_each_entry(other, &vscsi_ports, node) {
		if (other->wwn != tpg->wwn)
			continue;
		mutex_lock(&other->lock);
		/* A device stays while it has a claim, and waits for its work. */
		if (other->dev)
			queue_work(vscsi_wq, &other->dev->attach);
		mutex_unlock(&other->lock);
	}
}
