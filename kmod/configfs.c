// SPDX-License-Identifier: GPL-2.0
/*
 * The configfs tree target/vhost: <wwn>, tpgt_N, nexus and attributes. Called
 * by LIO with configfs' inode locks held, which no lock of ours may be taken
 * around (see vhost_scsi.h); described for administrators in configfs/ABI.
 */
#include <linux/ctype.h>
#include <linux/slab.h>
#include <linux/utsname.h>

#include "vhost_scsi.h"

/* Guards the list of target ports. */
DEFINE_MUTEX(vscsi_ports_lock);
LIST_HEAD(vscsi_ports);

static const struct {
	const char *prefix;
	size_t skip;		/* bytes of it that the port name lacks */
	u8 proto;
	const char *name;
} protocols[] = {
	{ "naa.", 0, SCSI_PROTOCOL_SAS, "SAS" },
	{ "fc.", 3, SCSI_PROTOCOL_FCP, "FCP" },
	{ "iqn.", 0, SCSI_PROTOCOL_ISCSI, "iSCSI" },
};

/* Which protocol does a name belong to? An index, or -1. */
static int find_protocol(const char *name)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(protocols); i++)
		if (!strncmp(name, protocols[i].prefix,
			     strlen(protocols[i].prefix)))
			return i;
	return -1;
}

/**
 * vscsi_wwn_make() - mkdir <wwn>
 * @tf: unused
 * @group: unused
 * @name: of the directory
 *
 * Return: the target, or an ERR_PTR().
 */
struct se_wwn *vscsi_wwn_make(struct target_fabric_configfs *tf,
			      struct config_group *group, const char *name)
{
	struct vscsi_wwn *wwn;
	int proto;

	proto = find_protocol(name);
	if (proto < 0) {
		pr_err("%s: name a target naa., fc. or iqn.\n", name);
		return ERR_PTR(-EINVAL);
	}
	if (strlen(name) >= VSCSI_WWN_SIZE) {
		pr_err("target name longer than %d characters\n",
		       VSCSI_WWN_SIZE - 1);
		return ERR_PTR(-EINVAL);
	}
	wwn = kzalloc(sizeof(*wwn), GFP_KERNEL);
	if (!wwn)
		return ERR_PTR(-ENOMEM);
	wwn->proto = protocols[proto].proto;
	strscpy(wwn->name, name + protocols[proto].skip, sizeof(wwn->name));
	return &wwn->se_wwn;
}

/**
 * vscsi_wwn_drop() - rmdir <wwn>
 * @se_wwn: the target, without ports
 */
void vscsi_wwn_drop(struct se_wwn *se_wwn)
{
	kfree(to_vscsi_wwn(se_wwn));
}

/**
 * vscsi_tpg_make() - mkdir tpgt_N
 * @se_wwn: the target
 * @name: of the directory
 *
 * Return: the port, or an ERR_PTR(); -EINVAL unless N is 0 to 255, in decimal
 * without leading zeroes.
 */
struct se_portal_group *vscsi_tpg_make(struct se_wwn *se_wwn, const char *name)
{
	struct vscsi_wwn *wwn = to_vscsi_wwn(se_wwn);
	struct vscsi_tpg *tpg;
	u16 tag;
	int err;

	/* One way to write each number, or two ports would have the same. */
	if (strncmp(name, "tpgt_", 5) || !isdigit(name[5]) ||
	    (name[5] == '0' && name[6]) || kstrtou16(name + 5, 10, &tag) ||
	    tag >= VSCSI_TARGETS)
		return ERR_PTR(-EINVAL);
	tpg = kzalloc(sizeof(*tpg), GFP_KERNEL);
	if (!tpg)
		return ERR_PTR(-ENOMEM);
	kref_init(&tpg->ref);
	mutex_init(&tpg->lock);
	tpg->wwn = wwn;
	tpg->tag = tag;
	tpg->owner = INVALID_UID;
	vscsi_attention_init(tpg);
	err = core_tpg_register(se_wwn, &tpg->se_tpg, wwn->proto);
	if (err) {
		kfree(tpg);
		return ERR_PTR(err);
	}
	mutex_lock(&vscsi_ports_lock);
	list_add_tail(&tpg->node, &vscsi_ports);
	mutex_unlock(&vscsi_ports_lock);
	return &tpg->se_tpg;
}

static void free_tpg(struct kref *ref)
{
	struct vscsi_tpg *tpg = container_of(ref, struct vscsi_tpg, ref);

	vscsi_luns_free(tpg);
	kfree(tpg);
}

/**
 * vscsi_tpg_put() - drop a reference to a port
 * @tpg: the port
 */
void vscsi_tpg_put(struct vscsi_tpg *tpg)
{
	kref_put(&tpg->ref, free_tpg);
}

/*
 * End a session that no port refers to any more. LIO counts a command down
 * only after it was released, so wait for that before the counter goes.
 */
static void remove_session(struct se_session *se_sess)
{
	target_stop_session(se_sess);
	target_wait_for_sess_cmds(se_sess);
	target_remove_session(se_sess);
}

/**
 * vscsi_tpg_drop() - rmdir tpgt_N
 * @se_tpg: the port; it has no LUNs and no endpoint depends on it
 */
void vscsi_tpg_drop(struct se_portal_group *se_tpg)
{
	struct vscsi_tpg *tpg = to_vscsi_tpg(se_tpg);
	struct se_session *nexus;

	mutex_lock(&vscsi_ports_lock);
	list_del(&tpg->node);
	mutex_unlock(&vscsi_ports_lock);
	mutex_lock(&tpg->lock);
	nexus = tpg->nexus;
	tpg->nexus = NULL;
	vscsi_attention_forget(tpg);
	mutex_unlock(&tpg->lock);
	if (nexus)
		remove_session(nexus);
	core_tpg_deregister(se_tpg);
	vscsi_tpg_put(tpg);
}

/**
 * vscsi_tpg_lun_linked() - a LUN was linked
 * @se_tpg: the port
 * @lun: the LUN
 *
 * Return: 0.
 */
int vscsi_tpg_lun_linked(struct se_portal_group *se_tpg, struct se_lun *lun)
{
	struct vscsi_tpg *tpg = to_vscsi_tpg(se_tpg);

	guard(mutex)(&tpg->lock);
	tpg->nluns++;
	if (lun->unpacked_lun < VSCSI_LUNS) {
		vscsi_luns_note(tpg, lun);
		vscsi_watch_lun(tpg, lun);
	}
	vscsi_event_lun(tpg, lun->unpacked_lun, true);
	return 0;
}

/**
 * vscsi_tpg_lun_unlinking() - a LUN is about to be unlinked
 * @se_tpg: the port
 * @lun: the LUN
 *
 * LIO takes it from the initiators that it knows and then waits for commands;
 * a new initiator would find it in the port meanwhile and keep it for ever.
 */
void vscsi_tpg_lun_unlinking(struct se_portal_group *se_tpg, struct se_lun *lun)
{
	struct vscsi_tpg *tpg = to_vscsi_tpg(se_tpg);

	guard(mutex)(&tpg->lock);
	tpg->unlinking++;
	if (lun->unpacked_lun < VSCSI_LUNS)
		vscsi_luns_forget(tpg, lun);
}

/**
 * vscsi_tpg_lun_unlinked() - a LUN was unlinked, and is gone
 * @se_tpg: the port
 * @lun: the LUN
 */
void vscsi_tpg_lun_unlinked(struct se_portal_group *se_tpg, struct se_lun *lun)
{
	struct vscsi_tpg *tpg = to_vscsi_tpg(se_tpg);

	guard(mutex)(&tpg->lock);
	tpg->unlinking--;
	tpg->nluns--;
	if (lun->unpacked_lun < VSCSI_LUNS)
		vscsi_attention_forget_lun(tpg, lun->unpacked_lun);
	vscsi_event_lun(tpg, lun->unpacked_lun, false);
}

static int set_nexus(struct se_portal_group *se_tpg,
		     struct se_session *se_sess, void *data)
{
	struct vscsi_tpg *tpg = data;

	lockdep_assert_held(&tpg->lock);
	tpg->nexus = se_sess;
	return 0;
}

static int make_nexus(struct vscsi_tpg *tpg, const char *name)
{
	struct se_session *se_sess;

	guard(mutex)(&tpg->lock);
	if (tpg->nexus) {
		pr_err("%s/tpgt_%u: has a nexus; write NULL first\n",
		       tpg->wwn->name, tpg->tag);
		return -EEXIST;
	}
	if (tpg->unlinking) {
		pr_err("%s/tpgt_%u: a LUN is being unlinked\n",
		       tpg->wwn->name, tpg->tag);
		return -EBUSY;
	}
	se_sess = target_setup_session(&tpg->se_tpg, 0, 0,
				       TARGET_PROT_DIN_PASS |
				       TARGET_PROT_DOUT_PASS, name, tpg,
				       set_nexus);
	if (IS_ERR(se_sess))
		return -ENOMEM;
	vscsi_luns_note(tpg, NULL);
	return 0;
}

static int drop_nexus(struct vscsi_tpg *tpg)
{
	struct se_session *nexus;

	mutex_lock(&tpg->lock);
	nexus = tpg->nexus;
	if (nexus && (tpg->dev || tpg->nluns)) {
		pr_err("%s/tpgt_%u: nexus is in use: %u LUNs%s\n",
		       tpg->wwn->name, tpg->tag, tpg->nluns,
		       tpg->dev ? ", a device attached" : "");
		mutex_unlock(&tpg->lock);
		return -EBUSY;
	}
	tpg->nexus = NULL;
	vscsi_attention_forget(tpg);
	mutex_unlock(&tpg->lock);
	if (!nexus)
		return -ENODEV;
	remove_session(nexus);
	return 0;
}

static ssize_t vscsi_tpg_nexus_show(struct config_item *item, char *page)
{
	struct vscsi_tpg *tpg = to_vscsi_tpg(to_tpg(item));

	guard(mutex)(&tpg->lock);
	if (!tpg->nexus)
		return -ENODEV;
	return sysfs_emit(page, "%s\n",
			  tpg->nexus->se_node_acl->initiatorname);
}

static ssize_t vscsi_tpg_nexus_store(struct config_item *item,
				     const char *page, size_t count)
{
	struct vscsi_tpg *tpg = to_vscsi_tpg(to_tpg(item));
	char name[TRANSPORT_IQN_LEN];
	int proto, err;

	if (!strncmp(page, "NULL", 4)) {
		err = drop_nexus(tpg);
		return err ? err : count;
	}
	if (strscpy(name, page, sizeof(name)) < 0)
		return -EINVAL;
	strim(name);
	proto = find_protocol(name);
	if (proto < 0 || protocols[proto].proto != tpg->wwn->proto) {
		pr_err("%s/tpgt_%u: \"%s\" is no initiator name of the target's protocol\n",
		       tpg->wwn->name, tpg->tag, name);
		return -EINVAL;
	}
	err = make_nexus(tpg, name + protocols[proto].skip);
	if (err)
		return err;
	vscsi_claim_notice(tpg);
	return count;
}

/* Who uses the port: pid, command and uid, or an empty file. */
static ssize_t vscsi_tpg_attached_show(struct config_item *item, char *page)
{
	struct vscsi_tpg *tpg = to_vscsi_tpg(to_tpg(item));

	guard(mutex)(&tpg->lock);
	if (!tpg->dev)
		return 0;
	return sysfs_emit(page, "%d %*pE %u\n", tpg->pid,
			  (int)strlen(tpg->comm), tpg->comm,
			  from_kuid_munged(&init_user_ns, tpg->uid));
}

CONFIGFS_ATTR(vscsi_tpg_, nexus);
CONFIGFS_ATTR_RO(vscsi_tpg_, attached);

struct configfs_attribute *vscsi_tpg_attrs[] = {
	&vscsi_tpg_attr_nexus,
	&vscsi_tpg_attr_attached,
	NULL,
};

static ssize_t vscsi_attrib_fabric_prot_type_show(struct config_item *item,
						  char *page)
{
	struct vscsi_tpg *tpg = to_vscsi_tpg(attrib_to_tpg(item));

	return sysfs_emit(page, "%d\n", READ_ONCE(tpg->prot_type));
}

static ssize_t vscsi_attrib_fabric_prot_type_store(struct config_item *item,
						   const char *page,
						   size_t count)
{
	struct vscsi_tpg *tpg = to_vscsi_tpg(attrib_to_tpg(item));
	unsigned long val;
	int err;

	err = kstrtoul(page, 0, &val);
	if (err)
		return err;
	if (val != 0 && val != 1 && val != 3) {
		pr_err("%s/tpgt_%u: fabric_prot_type is 0, 1 or 3\n",
		       tpg->wwn->name, tpg->tag);
		return -EINVAL;
	}
	guard(mutex)(&tpg->lock);
	WRITE_ONCE(tpg->prot_type, val);
	return count;
}

CONFIGFS_ATTR(vscsi_attrib_, fabric_prot_type);

/* Who may attach the port: a uid, or "any". */
static ssize_t vscsi_attrib_owner_show(struct config_item *item, char *page)
{
	struct vscsi_tpg *tpg = to_vscsi_tpg(attrib_to_tpg(item));

	guard(mutex)(&tpg->lock);
	if (!uid_valid(tpg->owner))
		return sysfs_emit(page, "any\n");
	return sysfs_emit(page, "%u\n",
			  from_kuid_munged(&init_user_ns, tpg->owner));
}

static ssize_t vscsi_attrib_owner_store(struct config_item *item,
					const char *page, size_t count)
{
	struct vscsi_tpg *tpg = to_vscsi_tpg(attrib_to_tpg(item));
	kuid_t owner = INVALID_UID;
	u32 uid;

	if (!sysfs_streq(page, "any")) {
		if (!kstrtou32(page, 10, &uid))
			owner = make_kuid(&init_user_ns, uid);
		if (!uid_valid(owner)) {
			pr_err("%s/tpgt_%u: owner is a uid or any\n",
			       tpg->wwn->name, tpg->tag);
			return -EINVAL;
		}
	}
	guard(mutex)(&tpg->lock);
	tpg->owner = owner;
	return count;
}

CONFIGFS_ATTR(vscsi_attrib_, owner);

static ssize_t vscsi_attrib_poll_us_show(struct config_item *item, char *page)
{
	struct vscsi_tpg *tpg = to_vscsi_tpg(attrib_to_tpg(item));

	guard(mutex)(&tpg->lock);
	return sysfs_emit(page, "%u\n", tpg->poll_us);
}

static ssize_t vscsi_attrib_poll_us_store(struct config_item *item,
					  const char *page, size_t count)
{
	struct vscsi_tpg *tpg = to_vscsi_tpg(attrib_to_tpg(item));
	struct vscsi_dev *dev;
	u32 us;

	if (kstrtou32(page, 10, &us) || us > VSCSI_POLL_US_MAX) {
		pr_err("%s/tpgt_%u: poll_us is 0 to %u microseconds\n",
		       tpg->wwn->name, tpg->tag, VSCSI_POLL_US_MAX);
		return -EINVAL;
	}
	mutex_lock(&tpg->lock);
	tpg->poll_us = us;
	dev = tpg->dev;
	mutex_unlock(&tpg->lock);
	/* May have let go of the port meanwhile, and be no more. */
	if (dev)
		vscsi_poll_update(dev);
	return count;
}

CONFIGFS_ATTR(vscsi_attrib_, poll_us);

struct configfs_attribute *vscsi_tpg_attrib_attrs[] = {
	&vscsi_attrib_attr_fabric_prot_type,
	&vscsi_attrib_attr_owner,
	&vscsi_attrib_attr_poll_us,
	NULL,
};

static ssize_t vscsi_wwn_version_show(struct config_item *item, char *page)
{
	return sysfs_emit(page, "TCM_VHOST fabric module %s on %s/%s on %s\n",
			  VSCSI_VERSION, utsname()->sysname,
			  utsname()->machine, utsname()->release);
}

CONFIGFS_ATTR_RO(vscsi_wwn_, version);

struct configfs_attribute *vscsi_wwn_attrs[] = {
	&vscsi_wwn_attr_version,
	NULL,
};
