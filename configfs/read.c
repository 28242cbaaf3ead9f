// SPDX-License-Identifier: GPL-2.0
/*
 * Reading targets: what is under target/vhost. An object that goes away while
 * the tree is read is left out; what cannot be read is as if it were not there,
 * except for the fabric itself.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "internal.h"

/* "<pid> <command> <uid>"; the command may have blanks. */
static int parse_attached(struct vscsi_tpg *tpg, char *line)
{
	char *command = strchr(line, ' ');
	char *uid = strrchr(line, ' ');

	tpg->pid = 0;
	if (!*line || !command || uid == command)
		return 0;
	tpg->pid = strtol(line, NULL, 10);
	tpg->uid = strtoul(uid + 1, NULL, 10);
	*uid = '\0';
	return vscsi_set(&tpg->command, command + 1);
}

static int read_user(struct vscsi_tree *tree, struct vscsi_tpg *tpg,
		     const char *dir)
{
	AUTO_FREE char *path = text("%s/attached", dir);
	AUTO_FREE char *value = NULL;

	if (!path)
		return -ENOMEM;
	int rc = tree_read(tree, path, &value);

	if (rc == -ENOMEM)
		return rc;
	if (rc) {
		tpg->pid = -1;
		return 0;
	}
	return parse_attached(tpg, value);
}

/* "TG Port Alias: <name>" is the first line. */
static int read_alua(struct vscsi_tree *tree, struct vscsi_lun *lun,
		     const char *dir)
{
	static const char key[] = "TG Port Alias: ";
	AUTO_FREE char *path = text("%s/alua_tg_pt_gp", dir);
	AUTO_FREE char *value = NULL;

	if (!path)
		return -ENOMEM;
	if (tree_read(tree, path, &value) ||
	    strncmp(value, key, sizeof(key) - 1))
		return 0;
	char *name = value + sizeof(key) - 1;

	name[strcspn(name, "\n ")] = '\0';
	if (!strcmp(name, "default_tg_pt_gp") || !name_is_good(name))
		return 0;
	return vscsi_set(&lun->alua, name);
}

static int read_lun(struct vscsi_tree *tree, struct vscsi_tpg *tpg,
		    const char *dir, unsigned int index)
{
	AUTO_FREE char *alias = NULL;
	AUTO_FREE char *target = NULL;
	int rc = tree_link_in(tree, dir, &alias, &target);

	if (rc)
		return rc == -ENOMEM ? rc : 0;
	/* ../../../../../../target/core/<HBA>/<name> */
	char *name = strrchr(target, '/');

	if (!name)
		return 0;
	*name++ = '\0';
	char *plugin = strrchr(target, '/');
	struct vscsi_lun *lun = vscsi_tpg_add_lun(
		tpg, index, kind_of_plugin(plugin ? plugin + 1 : target), name);

	if (!lun)
		return errno == ENOMEM ? -ENOMEM : 0;
	lun->alias = alias;
	alias = NULL;
	return read_alua(tree, lun, dir);
}

static int read_luns(struct vscsi_tree *tree, struct vscsi_tpg *tpg,
		     const char *dir)
{
	AUTO_FREE char *luns = text("%s/lun", dir);
	AUTO(names_free) struct names names = {};

	if (!luns)
		return -ENOMEM;
	int rc = tree_list(tree, luns, &names);

	if (rc)
		return rc == -ENOMEM ? rc : 0;
	for (size_t i = 0; !rc && i < names.n; i++) {
		AUTO_FREE char *lun = text("%s/%s", luns, names.v[i]);
		unsigned int index;

		if (!lun)
			return -ENOMEM;
		if (number_after(names.v[i], "lun_", &index))
			rc = read_lun(tree, tpg, lun, index);
	}
	return rc;
}

static int read_mapped(struct vscsi_tree *tree, struct vscsi_acl *acl,
		       const char *dir, unsigned int index)
{
	AUTO_FREE char *alias = NULL;
	AUTO_FREE char *target = NULL;
	AUTO_FREE char *protect = text("%s/write_protect", dir);
	AUTO_FREE char *value = NULL;
	unsigned int lun;

	if (!protect)
		return -ENOMEM;
	int rc = tree_link_in(tree, dir, &alias, &target);

	if (rc)
		return rc == -ENOMEM ? rc : 0;
	char *end = strrchr(target, '/');

	if (!number_after(end ? end + 1 : target, "lun_", &lun))
		return 0;
	bool readonly = !tree_read(tree, protect, &value) && atoi(value);

	if (!vscsi_acl_add_mapped(acl, index, lun, readonly))
		return errno == ENOMEM ? -ENOMEM : 0;
	return 0;
}

static int read_acl(struct vscsi_tree *tree, struct vscsi_tpg *tpg,
		    const char *dir, const char *initiator)
{
	AUTO(names_free) struct names names = {};
	struct vscsi_acl *acl = vscsi_tpg_add_acl(tpg, initiator);

	if (!acl)
		return errno == ENOMEM ? -ENOMEM : 0;
	int rc = tree_list(tree, dir, &names);

	if (rc)
		return rc == -ENOMEM ? rc : 0;
	for (size_t i = 0; !rc && i < names.n; i++) {
		AUTO_FREE char *lun = text("%s/%s", dir, names.v[i]);
		unsigned int index;

		if (!lun)
			return -ENOMEM;
		if (number_after(names.v[i], "lun_", &index))
			rc = read_mapped(tree, acl, lun, index);
	}
	return rc;
}

static int read_acls(struct vscsi_tree *tree, struct vscsi_tpg *tpg,
		     const char *dir)
{
	AUTO_FREE char *acls = text("%s/acls", dir);
	AUTO(names_free) struct names names = {};

	if (!acls)
		return -ENOMEM;
	int rc = tree_list(tree, acls, &names);

	if (rc)
		return rc == -ENOMEM ? rc : 0;
	for (size_t i = 0; !rc && i < names.n; i++) {
		AUTO_FREE char *acl = text("%s/%s", acls, names.v[i]);

		if (!acl)
			return -ENOMEM;
		rc = read_acl(tree, tpg, acl, names.v[i]);
	}
	return rc;
}

static int read_nexus(struct vscsi_tree *tree, struct vscsi_tpg *tpg,
		      const char *path, const char *wwn)
{
	AUTO_FREE char *value = NULL;
	int rc = tree_read(tree, path, &value);

	/* ENODEV: no nexus */
	if (rc || !*value)
		return rc == -ENOMEM ? rc : 0;
	AUTO_FREE char *name = whole_nexus(wwn, value);

	return name ? vscsi_set(&tpg->nexus, name) : -ENOMEM;
}

static int read_tpg(struct vscsi_tree *tree, struct vscsi_tpg *tpg,
		    const char *dir, const char *wwn)
{
	AUTO_FREE char *nexus = text("%s/nexus", dir);
	AUTO_FREE char *attrib = text("%s/attrib", dir);

	if (!nexus || !attrib)
		return -ENOMEM;
	int rc = read_nexus(tree, tpg, nexus, wwn);

	if (!rc)
		rc = read_user(tree, tpg, dir);
	if (!rc)
		rc = read_attrs(tree, attrib, &tpg->attrs);
	if (!rc)
		rc = read_luns(tree, tpg, dir);
	return rc ?: read_acls(tree, tpg, dir);
}

static int read_target(struct vscsi_tree *tree, struct vscsi_target *target)
{
	AUTO_FREE char *dir = text("vhost/%s", target->wwn);
	AUTO_FREE char *param = text("vhost/%s/param", target->wwn);
	AUTO(names_free) struct names names = {};

	if (!dir || !param)
		return -ENOMEM;
	int rc = read_attrs(tree, param, &target->params);

	if (rc)
		return rc;
	rc = tree_list(tree, dir, &names);
	if (rc)
		return rc == -ENOMEM ? rc : 0;
	for (size_t i = 0; !rc && i < names.n; i++) {
		AUTO_FREE char *path = text("%s/%s", dir, names.v[i]);
		unsigned int tag;

		if (!path)
			return -ENOMEM;
		if (!number_after(names.v[i], "tpgt_", &tag))
			continue;
		struct vscsi_tpg *tpg = vscsi_target_add_tpg(target, tag);

		if (tpg)
			rc = read_tpg(tree, tpg, path, target->wwn);
		else if (errno == ENOMEM)
			return -ENOMEM;
	}
	return rc;
}

static int read_targets(struct vscsi_tree *tree, struct vscsi_config *config)
{
	AUTO(names_free) struct names names = {};
	int rc = tree_list(tree, "vhost", &names);

	/* Without the module there are no targets. */
	if (rc == -ENOENT)
		return 0;
	for (size_t i = 0; !rc && i < names.n; i++) {
		if (vscsi_wwn_wrong(names.v[i], false))
			continue;
		struct vscsi_target *target =
			vscsi_config_add_target(config, names.v[i]);

		if (target)
			rc = read_target(tree, target);
		else if (errno == ENOMEM)
			rc = -ENOMEM;
	}
	return rc;
}

/**
 * vscsi_config_read() - what is there
 * @tree: the tree
 * @config: the caller's to free
 *
 * Return: 0 or a negative errno, explained by vscsi_tree_error(), with *@config
 * NULL.
 */
int vscsi_config_read(struct vscsi_tree *tree, struct vscsi_config **config)
{
	struct vscsi_config *c = vscsi_config_new();
	int rc = c ? read_targets(tree, c) : -ENOMEM;

	if (!rc)
		rc = read_stores(tree, c);
	if (!rc) {
		*config = c;
		return 0;
	}
	vscsi_config_free(c);
	*config = NULL;
	return tree_fail(tree, -rc, "cannot read %s: %s", tree_place(tree, ""),
			 strerror(-rc));
}
