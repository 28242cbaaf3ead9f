// SPDX-License-Identifier: GPL-2.0
/*
 * ALUA target port groups of a backstore. This library makes none, but those that
 * an administrator made, and what he set in the default one, go and return with
 * the backstore.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>

#include "plan.h"

/**
 * group_value() - what has to be written to a file to read a value in it again
 * @file: its name
 * @value: what is read
 *
 * Return: the number to write for a word that LIO shows; else @value.
 */
const char *group_value(const char *file, const char *value)
{
	static const struct {
		const char *file, *read, *written;
	} words[] = {
		{ "alua_access_status", "None", "0" },
		{ "alua_access_status", "Altered by Explicit STPG", "1" },
		{ "alua_access_status", "Altered by Implicit ALUA", "2" },
		{ "alua_access_type", "None", "0" },
		{ "alua_access_type", "Implicit", "1" },
		{ "alua_access_type", "Explicit", "2" },
		{ "alua_access_type", "Implicit and Explicit", "3" },
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (!strcmp(file, words[i].file) &&
		    !strcmp(value, words[i].read))
			return words[i].written;
	return value;
}

static void plan_file(struct make *make, const char *group, const char *file,
		      const char *value, bool again)
{
	if (!value)
		return;
	value = group_value(file, value);
	op_add(make->plan, again ? OP_WRITE : OP_SAVE, again ? value : NULL,
	       again ? NULL : value, "%s/%s", group, file)
		->differs = true;
}

static int plan_group(struct make *make, const char *group, bool is_default,
		      bool again)
{
	struct vscsi_attrs attrs = {};
	int rc = read_attrs(make->tree, group, &attrs);
	const char *id = vscsi_attrs_get(&attrs, "tg_pt_gp_id");

	if (again && !is_default)
		op_add(make->plan, OP_MKDIR, NULL, NULL, "%s", group);
	/* a group is none before it has a number */
	if (again && !is_default)
		plan_file(make, group, "tg_pt_gp_id", id, again);
	for (size_t i = 0; i < attrs.n; i++)
		if (attrs.v[i].value != id)
			plan_file(make, group, attrs.v[i].name,
				  attrs.v[i].value, again);
	if (!again && !is_default) {
		plan_file(make, group, "tg_pt_gp_id", id, again);
		op_add(make->plan, OP_RMDIR, NULL, NULL, "%s", group);
	}
	while (attrs.n)
		vscsi_attrs_set(&attrs, attrs.v[0].name, NULL);
	free(attrs.v);
	return rc;
}

/**
 * plan_groups() - take a backstore's ALUA groups away, or make them again
 * @make: the plan
 * @store: directory of the backstore, in which they are now
 * @again: make them; else take them away
 *
 * Return: 0 or -ENOMEM; groups that cannot be read are left out.
 */
int plan_groups(struct make *make, const char *store, bool again)
{
	AUTO_FREE char *alua = text("%s/alua", store);
	AUTO(names_free) struct names names = {};
	int rc = alua ? tree_list(make->tree, alua, &names) : -ENOMEM;

	if (rc)
		return rc == -ENOMEM ? rc : 0;
	for (size_t i = 0; !rc && i < names.n; i++) {
		AUTO_FREE char *group = text("%s/%s", alua, names.v[i]);

		rc = group ? plan_group(make, group,
					!strcmp(names.v[i], "default_tg_pt_gp"),
					again)
			   : -ENOMEM;
	}
	return rc;
}
