// SPDX-License-Identifier: GPL-2.0
/*
 * What becomes of each backstore and LUN that is there: it stays, goes, or goes
 * and returns, because what LIO fixes when it is made is wanted otherwise.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "plan.h"

/**
 * find_acl() - find an initiator's ACL
 * @tpg: the TPG, or NULL
 * @initiator: the initiator
 *
 * Return: the ACL or NULL.
 */
const struct vscsi_acl *find_acl(const struct vscsi_tpg *tpg,
				 const char *initiator)
{
	return tpg ? vscsi_tpg_acl(tpg, initiator) : NULL;
}

/**
 * find_mapped() - find a mapped LUN
 * @acl: the ACL, or NULL
 * @index: the LUN as the initiator sees it
 *
 * Return: the mapped LUN or NULL.
 */
const struct vscsi_mapped *find_mapped(const struct vscsi_acl *acl,
				       unsigned int index)
{
	for (size_t i = 0; acl && i < acl->n_mapped; i++)
		if (acl->mapped[i].index == index)
			return &acl->mapped[i];
	return NULL;
}

/**
 * size_wanted() - the size that LIO will give a backstore
 * @store: the wanted backstore
 *
 * Return: bytes: of a ramdisk whole pages; 0: the device says, or unknown.
 */
uint64_t size_wanted(const struct vscsi_store *store)
{
	uint64_t page = sysconf(_SC_PAGESIZE);
	struct stat st;

	if (store->kind == VSCSI_RAMDISK)
		return (store->size + page - 1) / page * page;
	if (store->kind != VSCSI_FILEIO)
		return store->kind == VSCSI_USER ? store->size : 0;
	if (store->path && !stat(store->path, &st)) {
		if (S_ISBLK(st.st_mode))
			return 0;
		if (!store->size)
			return st.st_size;
	}
	return store->size;
}

static bool same_device(const char *a, const char *b)
{
	struct stat st_a, st_b;

	/* one that is not known is not held against the other */
	if (!a || !b || !strcmp(a, b))
		return true;
	return !stat(a, &st_a) && !stat(b, &st_b) && S_ISBLK(st_a.st_mode) &&
	       same_file(&st_a, &st_b);
}

/* Nodes or addresses, of one SCSI device. */
static bool same_scsi(const struct vscsi_tree *tree, const char *a,
		      const char *b)
{
	AUTO_FREE char *node_a = NULL;
	AUTO_FREE char *node_b = NULL;
	unsigned int hctl_a[4], hctl_b[4];

	if (!a || !b || !strcmp(a, b))
		return true;
	return !scsi_address(tree, a, hctl_a, &node_a) &&
	       !scsi_address(tree, b, hctl_b, &node_b) &&
	       !memcmp(hctl_a, hctl_b, sizeof(hctl_a));
}

static bool same_path(const struct make *make, const struct vscsi_store *live,
		      const struct vscsi_store *wanted)
{
	switch (live->kind) {
	case VSCSI_BLOCK:
		return same_device(live->path, wanted->path);
	case VSCSI_PSCSI:
		return same_scsi(make->tree, live->path, wanted->path);
	case VSCSI_FILEIO:
	case VSCSI_USER:
		return !strcmp(live->path ?: "", wanted->path ?: "");
	default:
		return true;
	}
}

/* Could the one be turned into the other without making it anew? */
static bool same_nature(const struct make *make, const struct vscsi_store *live,
			const struct vscsi_store *wanted)
{
	uint64_t size = size_wanted(wanted);

	/* a directory that somebody left, and that is now to be a backstore */
	if (!live->enabled && !wanted->plugin)
		return false;
	if (live->kind == VSCSI_FILEIO || live->kind == VSCSI_RAMDISK)
		if (size && size != live->size)
			return false;
	return same_path(make, live, wanted) &&
	       live->buffered == wanted->buffered && live->aio == wanted->aio &&
	       live->readonly == wanted->readonly &&
	       live->nullio == wanted->nullio;
}

/**
 * serial_changes() - does a backstore that stays get another serial number?
 * @live: what is there
 * @wanted: what shall be
 *
 * Return: true if so.
 */
bool serial_changes(const struct vscsi_store *live,
		    const struct vscsi_store *wanted)
{
	/* that of a SCSI device is its own */
	return live->kind != VSCSI_PSCSI && wanted->serial &&
	       strcmp(wanted->serial, live->serial ?: "");
}

/**
 * same_nexus() - do two names mean one initiator?
 * @a: a name, or NULL
 * @b: a name, or NULL
 *
 * Return: true if so, or if both are NULL.
 */
bool same_nexus(const char *a, const char *b)
{
	if (!a || !b)
		return !a && !b;
	return !strcmp(bare_nexus(a), bare_nexus(b));
}

/**
 * find_nexus_acl() - find the ACL that LIO would take for a nexus
 * @tpg: the TPG, or NULL
 * @nexus: the nexus' name, or NULL; LIO looks for it without "fc."
 *
 * Return: the ACL or NULL.
 */
const struct vscsi_acl *find_nexus_acl(const struct vscsi_tpg *tpg,
				       const char *nexus)
{
	return nexus ? find_acl(tpg, bare_nexus(nexus)) : NULL;
}

/**
 * nexus_changes() - must the nexus of a TPG that stays be ended?
 * @live: what is there
 * @wanted: what shall be
 *
 * LIO looks at fabric_prot_type, and whether the initiator has an ACL, only when
 * a nexus is made.
 *
 * Return: true if so; false if it has none.
 */
bool nexus_changes(const struct vscsi_tpg *live, const struct vscsi_tpg *wanted)
{
	if (!live->nexus)
		return false;
	if (!same_nexus(live->nexus, wanted->nexus))
		return true;
	if (!find_nexus_acl(live, live->nexus) !=
	    !find_nexus_acl(wanted, live->nexus))
		return true;
	const char *prot = vscsi_attrs_get(&wanted->attrs, "fabric_prot_type");
	const char *is = vscsi_attrs_get(&live->attrs, "fabric_prot_type");

	return prot && is && !same_value(prot, is);
}

static enum fate fate_of_store(const struct make *make,
			       const struct vscsi_lun *lun)
{
	const struct vscsi_store *live =
		vscsi_config_store(make->live, lun->kind, lun->store);
	const struct vscsi_store *wanted =
		vscsi_config_store(make->wanted, lun->kind, lun->store);

	if (!live || !wanted)
		return live ? GOES : STAYS;
	if (make->stores[live - make->live->stores] != STAYS ||
	    serial_changes(live, wanted))
		return RETURNS;
	return STAYS;
}

/**
 * fate_of_lun() - what becomes of a LUN that is there
 * @make: with the fates of backstores
 * @wanted: its TPG, or NULL
 * @lun: the LUN
 *
 * Return: GOES if @wanted has no such LUN, RETURNS if it is to be linked anew,
 * else STAYS.
 */
enum fate fate_of_lun(const struct make *make, const struct vscsi_tpg *wanted,
		      const struct vscsi_lun *lun)
{
	const struct vscsi_lun *other =
		wanted ? vscsi_tpg_lun(wanted, lun->index) : NULL;

	if (!other)
		return GOES;
	if (other->kind != lun->kind || strcmp(other->store, lun->store))
		return RETURNS;
	return fate_of_store(make, lun) == STAYS ? STAYS : RETURNS;
}

/* LUN links of each backstore that go, by all TPGs. */
static void count_unlinked(struct make *make, const struct vscsi_tpg *live,
			   const struct vscsi_tpg *wanted)
{
	bool all = wanted && nexus_changes(live, wanted);

	for (size_t i = 0; i < live->n_luns; i++) {
		const struct vscsi_lun *lun = &live->luns[i];
		const struct vscsi_store *store =
			vscsi_config_store(make->live, lun->kind, lun->store);
		enum fate fate = fate_of_lun(make, wanted, lun);

		if (!store || (fate == STAYS && !all))
			continue;
		make->unlinked[store - make->live->stores]++;
		if (fate != GOES)
			make->relinked[store - make->live->stores] = true;
	}
}

/**
 * decide_fates() - decide what becomes of each backstore
 * @make: its stores, unlinked and relinked are filled in
 *
 * Return: 0; -EPERM: data would be lost; -EOPNOTSUPP: it could not be undone;
 * -EINVAL: a new one cannot be; or -ENOMEM.
 */
int decide_fates(struct make *make)
{
	const struct vscsi_config *live = make->live;

	for (size_t i = 0; i < live->n_stores; i++) {
		const struct vscsi_store *store = &live->stores[i];
		const struct vscsi_store *wanted = vscsi_config_store(
			make->wanted, store->kind, store->name);

		if (!wanted)
			make->stores[i] = GOES;
		else if (store->kind != VSCSI_OTHER &&
			 !same_nature(make, store, wanted))
			make->stores[i] = RETURNS;
		if (make->stores[i] == STAYS)
			continue;
		if (store->kind == VSCSI_OTHER)
			return tree_fail(
				make->tree, EOPNOTSUPP,
				"cannot remove backstore %s/%s: it is of a kind that could not be made again; use the tool that made it",
				store->plugin, store->name);
		int rc = make->stores[i] == RETURNS
				 ? check_new_store(make, wanted)
				 : 0;

		if (rc)
			return rc;
		if (make->stores[i] == RETURNS &&
		    store->kind == VSCSI_RAMDISK && store->enabled)
			return tree_fail(
				make->tree, EPERM,
				"cannot replace backstore ramdisk/%s by one of another size or kind of memory: its data would be lost; delete it first, or give the new one another name",
				store->name);
	}
	for (size_t i = 0; i < live->n_targets; i++) {
		const struct vscsi_target *target = &live->targets[i];
		const struct vscsi_target *wanted =
			vscsi_config_target(make->wanted, target->wwn);

		for (size_t j = 0; j < target->n_tpgs; j++)
			count_unlinked(
				make, &target->tpgs[j],
				wanted ? vscsi_target_tpg(wanted,
							  target->tpgs[j].tag)
				       : NULL);
	}
	return 0;
}
