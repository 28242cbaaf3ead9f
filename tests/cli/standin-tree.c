// SPDX-License-Identifier: GPL-2.0
/*
 * What configfs and LIO do to the tree when a directory or link is made or removed:
 * children that come and go by themselves, and what is refused (configfs/ABI).
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "standin.h"

/* struct child - a default child: a directory ends with a slash */
struct child {
	const char *name;
	mode_t mode;
	const char *value;
};

static const struct child fabric[] = { { "discovery_auth/", 0, NULL },
				       { "version", 0444,
					 "TCM_VHOST fabric module v0.1" } };
static const struct child target[] = { { "fabric_statistics/", 0, NULL },
				       { "param/", 0, NULL },
				       { "param/cmd_completion_affinity", 0644,
					 "-1" } };
static const struct child target_new[] = {
	{ "param/default_submit_type", 0444, "1" },
	{ "param/direct_submit_supported", 0444, "1" }
};
static const struct child tpg[] = {
	{ "acls/", 0, NULL },  { "attrib/", 0, NULL },
	{ "auth/", 0, NULL },  { "lun/", 0, NULL },
	{ "np/", 0, NULL },    { "param/", 0, NULL },
	{ "nexus", 0644, "" }, { "attrib/fabric_prot_type", 0644, "0" }
};
static const struct child tpg_ours[] = { { "attached", 0444, "" },
					 { "attrib/owner", 0644, "any" },
					 { "attrib/poll_us", 0644, "0" } };
static const struct child tpg_new[] = { { "rtpi", 0644, "0x0" } };
static const struct child lun[] = { { "alua_tg_pt_gp", 0644, "" },
				    { "alua_tg_pt_offline", 0644, "0" },
				    { "alua_tg_pt_status", 0644, "0" },
				    { "alua_tg_pt_write_md", 0644, "0" },
				    { "statistics/", 0, NULL },
				    { "statistics/scsi_port/", 0, NULL },
				    { "statistics/scsi_port/inst", 0444,
				      "0" } };
static const struct child acl[] = { { "attrib/", 0, NULL },
				    { "auth/", 0, NULL },
				    { "param/", 0, NULL },
				    { "fabric_statistics/", 0, NULL } };
static const struct child mapped[] = { { "write_protect", 0644, "0" },
				       { "statistics/", 0, NULL } };
static const struct child hba[] = { { "hba_info", 0444,
				      "HBA Index: 0 plugin: x version: v5.0" },
				    { "hba_mode", 0644, "0" } };
static const struct child store[] = {
	{ "alias", 0644, "" },
	{ "alua_lu_gp", 0644, "" },
	{ "control", 0200, "" },
	{ "enable", 0644, "0" },
	{ "info", 0444,
	  "Status: DEACTIVATED  Max Queue Depth: 0  SectorSize: 0" },
	{ "lba_map", 0644, "" },
	{ "udev_path", 0644, "" },
	{ "action/", 0, NULL },
	{ "alua/", 0, NULL },
	{ "alua/default_tg_pt_gp/", 0, NULL },
	{ "alua/default_tg_pt_gp/tg_pt_gp_id", 0644, "0" },
	{ "alua/default_tg_pt_gp/alua_access_state", 0644, "0" },
	{ "attrib/", 0, NULL },
	{ "attrib/block_size", 0644, "512" },
	{ "attrib/emulate_fua_write", 0644, "1" },
	{ "attrib/emulate_pr", 0644, "1" },
	{ "attrib/emulate_tpu", 0644, "0" },
	{ "attrib/emulate_write_cache", 0644, "0" },
	{ "attrib/hw_block_size", 0444, "512" },
	{ "attrib/hw_max_sectors", 0444, "16384" },
	{ "attrib/is_nonrot", 0644, "1" },
	{ "attrib/optimal_sectors", 0644, "16384" },
	{ "attrib/pi_prot_format", 0644, "0" },
	{ "attrib/pi_prot_type", 0644, "0" },
	{ "attrib/queue_depth", 0644, "128" },
	{ "pr/", 0, NULL },
	{ "pr/res_aptpl_active", 0444, "APTPL Bit Status: Disabled" },
	{ "pr/res_aptpl_metadata", 0644,
	  "Ready to process PR APTPL metadata.." },
	{ "statistics/", 0, NULL },
	{ "wwn/", 0, NULL },
	{ "wwn/vendor_id", 0644, "T10 Vendor Identification: LIO-ORG" },
	{ "wwn/vpd_unit_serial", 0644, "T10 VPD Unit Serial Number: " }
};
static const struct child store_user[] = { { "attrib/dev_config", 0644, "" },
					   { "attrib/dev_size", 0644, "0" } };
static const struct child group[] = { { "tg_pt_gp_id", 0644, "" },
				      { "alua_access_state", 0644, "0" },
				      { "alua_access_status", 0644, "None" },
				      { "members", 0444, "" } };

/**
 * file_get() - the first line of a file; "" without one
 * @value: where it is put
 * @format: the file's path
 */
char *file_get(char value[PATH_MAX], const char *format, ...)
{
	char path[2 * PATH_MAX];
	va_list args;

	va_start(args, format);
	vsnprintf(path, sizeof(path), format, args);
	va_end(args);
	int fd = syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
	ssize_t got = fd < 0 ? 0 : syscall(SYS_read, fd, value, PATH_MAX - 1);

	if (fd >= 0)
		close(fd);
	value[got > 0 ? got : 0] = '\0';
	value[strcspn(value, "\n")] = '\0';
	return value;
}

/**
 * file_put() - make a file, or replace what is in it
 * @value: what shall be in it; a newline is added if it is not empty
 * @mode: its mode; 0: leave it
 * @format: its path
 */
int file_put(const char *value, mode_t mode, const char *format, ...)
{
	char path[2 * PATH_MAX];
	va_list args;

	va_start(args, format);
	vsnprintf(path, sizeof(path), format, args);
	va_end(args);
	int fd = syscall(SYS_openat, AT_FDCWD, path,
			 O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0 && errno == EACCES && !chmod(path, 0600))
		fd = syscall(SYS_openat, AT_FDCWD, path,
			     O_WRONLY | O_TRUNC | O_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	syscall(SYS_write, fd, value, strlen(value));
	if (*value)
		syscall(SYS_write, fd, "\n", 1);
	if (mode)
		fchmod(fd, mode);
	close(fd);
	return 0;
}

/**
 * place_object() - what a path would be, if it were a directory
 * @place: the path
 */
enum object place_object(const struct place *place)
{
	const char *const *w = place->words;
	bool core = !strcmp(w[0], "core");

	switch (place->n) {
	case 1:
		return core ? NONE : FABRIC;
	case 2:
		return core ? HBA : TARGET;
	case 3:
		return core ? STORE : TPG;
	case 5:
		if (core)
			return strcmp(w[3], "alua") ? NONE : GROUP;
		return !strcmp(w[3], "lun")    ? LUN
		       : !strcmp(w[3], "acls") ? ACL
					       : NONE;
	case 6:
		return core || strcmp(w[3], "acls") ? NONE : MAPPED;
	default:
		return NONE;
	}
}

/* Is it a number, in full? */
static bool is_number(const char *text, unsigned long max)
{
	char *end;
	unsigned long number = strtoul(text, &end, 10);

	return *text >= '0' && *text <= '9' && !*end && number <= max;
}

static bool name_is_wrong(const struct place *place, enum object object)
{
	static const char *const plugins[] = { "iblock_", "fileio_", "rd_mcp_",
					       "pscsi_", "user_" };
	const char *name = place->words[place->n - 1];

	switch (object) {
	case FABRIC:
		return !strcmp(name, "vhost") && getenv("STANDIN_NO_MODULE");
	case TARGET:
		return strlen(name) > 223 ||
		       (!strcmp(place->words[0], "vhost") &&
			strncmp(name, "naa.", 4) && strncmp(name, "fc.", 3) &&
			strncmp(name, "iqn.", 4));
	case TPG:
		return strncmp(name, "tpgt_", 5) || !is_number(name + 5, 255);
	case LUN:
	case MAPPED:
		return strncmp(name, "lun_", 4) ||
		       !is_number(name + 4, UINT_MAX);
	case HBA:
		for (int i = 0; i < 5; i++)
			if (!strncmp(name, plugins[i], strlen(plugins[i])))
				return !is_number(name + strlen(plugins[i]),
						  UINT_MAX);
		return true;
	default:
		return false;
	}
}

static void make_children(const struct place *place,
			  const struct child *children, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct child *child = &children[i];
		char path[2 * PATH_MAX];

		snprintf(path, sizeof(path), "%s/%s", place->path, child->name);
		if (child->value)
			file_put(child->value, child->mode, "%s", path);
		else
			syscall(SYS_mkdirat, AT_FDCWD, path, 0755);
	}
}

#define MAKE(children) \
	make_children(place, children, sizeof(children) / sizeof(*(children)))

/**
 * make_object() - what mkdir does
 * @place: the path, where nothing is
 * @object: what it will be
 */
int make_object(const struct place *place, enum object object)
{
	const char *series = getenv("STANDIN_SERIES");
	bool is_new = !series || strcmp(series, "6.1");

	if (name_is_wrong(place, object))
		return -EINVAL;
	if (syscall(SYS_mkdirat, AT_FDCWD, place->path, 0755))
		return -errno;
	switch (object) {
	case FABRIC:
		MAKE(fabric);
		break;
	case TARGET:
		MAKE(target);
		if (is_new)
			MAKE(target_new);
		break;
	case TPG:
		MAKE(tpg);
		if (!getenv("STANDIN_PEER"))
			MAKE(tpg_ours);
		if (is_new)
			MAKE(tpg_new);
		break;
	case LUN:
		MAKE(lun);
		break;
	case ACL:
		MAKE(acl);
		break;
	case MAPPED:
		MAKE(mapped);
		break;
	case HBA:
		MAKE(hba);
		break;
	case STORE:
		MAKE(store);
		if (!strncmp(place->words[1], "user_", 5))
			MAKE(store_user);
		break;
	case GROUP:
		MAKE(group);
		break;
	case NONE:
		break;
	}
	return 0;
}

/**
 * link_in() - the symbolic link in a directory
 * @dir: the directory
 * @path: set to what it points to, from the root
 */
bool link_in(const char *dir, char path[PATH_MAX])
{
	DIR *d = opendir(dir);
	struct dirent *entry;
	bool found = false;

	while (d && !found && (entry = readdir(d))) {
		char to[PATH_MAX], full[2 * PATH_MAX];

		ssize_t length =
			readlinkat(dirfd(d), entry->d_name, to, sizeof(to) - 1);

		if (length < 0)
			continue;
		snprintf(full, sizeof(full), "%s/%s", dir, entry->d_name);
		found = true;
		/* what it points to may be gone in a broken tree */
		if (!realpath(full, path))
			*path = '\0';
	}
	if (d)
		closedir(d);
	return found;
}

/* Has a directory an entry that begins with a prefix? But for one name. */
static bool has_entry(const char *dir, const char *below, const char *prefix,
		      const char *but, bool only_dirs)
{
	char path[2 * PATH_MAX];
	struct dirent *entry;
	bool found = false;

	snprintf(path, sizeof(path), "%s/%s", dir, below);
	DIR *d = opendir(path);

	while (d && !found && (entry = readdir(d)))
		found = entry->d_name[0] != '.' &&
			!strncmp(entry->d_name, prefix, strlen(prefix)) &&
			(!but || strcmp(entry->d_name, but)) &&
			(!only_dirs || entry->d_type == DT_DIR);
	if (d)
		closedir(d);
	return found;
}

static const char *wanted_link;
static bool link_seen;

static int look_at_link(const char *path, const struct stat *st, int type,
			struct FTW *ftw)
{
	char to[PATH_MAX];

	(void)st;
	(void)ftw;
	if (type == FTW_SL || type == FTW_SLN)
		link_seen |= realpath(path, to) && !strcmp(to, wanted_link);
	return link_seen;
}

/* Does any link of the tree point to a directory? */
static bool is_linked(const char *dir)
{
	char tree[PATH_MAX], real[PATH_MAX];

	strcpy(tree, dir);
	*(strstr(tree, "/config/target/") + strlen("/config/target")) = '\0';
	if (!realpath(dir, real))
		return false;
	wanted_link = real;
	link_seen = false;
	nftw(tree, look_at_link, 32, FTW_PHYS);
	return link_seen;
}

/**
 * store_is_linked() - has a backstore a LUN?
 * @store: its directory
 */
bool store_is_linked(const char *store)
{
	return is_linked(store);
}

static int remove_entry(const char *path, const struct stat *st, int type,
			struct FTW *ftw)
{
	(void)st;
	(void)ftw;
	return syscall(SYS_unlinkat, AT_FDCWD, path,
		       type == FTW_DP ? AT_REMOVEDIR : 0);
}

/**
 * remove_object() - what rmdir does
 * @place: a directory
 * @object: what it is
 */
int remove_object(const struct place *place, enum object object)
{
	const char *path = place->path;
	char value[PATH_MAX];
	int error = 0;

	switch (object) {
	case FABRIC:
		if (has_entry(path, "", "", "discovery_auth", true))
			error = ENOTEMPTY;
		break;
	case TARGET:
		if (has_entry(path, "", "tpgt_", NULL, true))
			error = ENOTEMPTY;
		break;
	case TPG:
		if (*file_get(value, "%s/attached", path))
			error = EBUSY;
		else if (has_entry(path, "lun", "", NULL, true) ||
			 has_entry(path, "acls", "", NULL, true))
			error = ENOTEMPTY;
		break;
	case LUN:
		if (link_in(path, value))
			error = ENOTEMPTY;
		else if (is_linked(path))
			error = EBUSY;
		break;
	case MAPPED:
		if (link_in(path, value))
			error = ENOTEMPTY;
		break;
	case ACL:
		if (has_entry(path, "", "lun_", NULL, true))
			error = ENOTEMPTY;
		break;
	case HBA:
		if (has_entry(path, "", "", NULL, true))
			error = ENOTEMPTY;
		break;
	case STORE:
		if (is_linked(path))
			error = EBUSY;
		else if (has_entry(path, "alua", "", "default_tg_pt_gp", true))
			error = ENOTEMPTY;
		break;
	case GROUP:
		if (!strcmp(place->words[4], "default_tg_pt_gp"))
			error = EPERM;
		break;
	case NONE:
		error = EPERM;
		break;
	}
	if (error)
		return -error;
	return nftw(path, remove_entry, 32, FTW_PHYS | FTW_DEPTH) ? -errno : 0;
}
