// SPDX-License-Identifier: GPL-2.0
/*
 * What LIO does when a link is made or removed, or an attribute written.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "standin.h"

#define GROUP_TEXT "TG Port Alias: %s\nTG Port Group ID: 0"

static void parent_of(const char *path, char dir[PATH_MAX])
{
	strcpy(dir, path);
	*strrchr(dir, '/') = '\0';
}

/**
 * link_object() - what symlink does
 * @place: the path of the link
 * @target: what it shall point to
 */
int link_object(const struct place *place, const char *target)
{
	const char *const *w = place->words;
	bool is_lun = place->n == 6 && !strcmp(w[3], "lun");
	bool is_mapped = place->n == 7 && !strcmp(w[3], "acls");
	char dir[PATH_MAX], value[PATH_MAX], link[2 * PATH_MAX];
	struct place to;
	struct stat st;

	if (!is_lun && !is_mapped)
		return -EPERM;
	if (!place_find(&to, AT_FDCWD, target))
		return -EINVAL;
	if (stat(to.path, &st))
		return -errno;
	parent_of(place->path, dir);
	if (stat(dir, &st))
		return -errno;
	if (link_in(dir, value))
		return -EEXIST;
	if (is_lun && place_object(&to) != STORE)
		return -EINVAL;
	if (is_lun && *file_get(value, "%s/enable", to.path) != '1')
		return -ENODEV;
	if (is_mapped && (place_object(&to) != LUN || !link_in(to.path, value)))
		return -EINVAL;
	/* configfs shows a link relative to where it is */
	*link = '\0';
	for (int i = 0; i < place->n; i++)
		strcat(link, "../");
	strcat(link, "target/");
	strcat(link, to.below);
	if (syscall(SYS_symlinkat, link, AT_FDCWD, place->path))
		return -errno;
	if (is_lun) {
		snprintf(value, sizeof(value), GROUP_TEXT, "default_tg_pt_gp");
		file_put(value, 0, "%s/alua_tg_pt_gp", dir);
	}
	return 0;
}

/**
 * unlink_object() - what unlink does
 * @place: the path of what should be a link
 */
int unlink_object(const struct place *place)
{
	char dir[PATH_MAX];
	struct stat st;

	if (lstat(place->path, &st))
		return -errno;
	if (!S_ISLNK(st.st_mode))
		return -EPERM;
	if (syscall(SYS_unlinkat, AT_FDCWD, place->path, 0))
		return -errno;
	parent_of(place->path, dir);
	if (!strcmp(place->words[3], "lun"))
		file_put("", 0, "%s/alua_tg_pt_gp", dir);
	else
		file_put("0", 0, "%s/write_protect", dir);
	return 0;
}

static int write_nexus(const struct place *place, const char *value)
{
	const char *wwn = place->words[1];
	size_t prefix = strcspn(wwn, ".") + 1;
	char now[PATH_MAX], dir[PATH_MAX], path[2 * PATH_MAX];

	file_get(now, "%s", place->path);
	parent_of(place->path, dir);
	if (strcmp(value, "NULL")) {
		if (strncmp(value, wwn, prefix) || strlen(value) > 223)
			return -EINVAL;
		if (*now)
			return -EEXIST;
		return file_put(value + (strncmp(value, "fc.", 3) ? 0 : 3), 0,
				"%s", place->path);
	}
	if (!*now)
		return -ENODEV;
	if (*file_get(now, "%s/attached", dir))
		return -EBUSY;
	/* a LUN counts as long as it has a link */
	for (unsigned int i = 0; i < 64; i++) {
		snprintf(path, sizeof(path), "%s/lun/lun_%u", dir, i);
		if (link_in(path, now))
			return -EBUSY;
	}
	return file_put("", 0, "%s", place->path);
}

/* The value of a key in what was written to control; "" without it. */
static const char *control_get(const char *control, const char *key,
			       char value[PATH_MAX])
{
	size_t length = strlen(key);

	*value = '\0';
	for (const char *at = control; *at;) {
		size_t word = strcspn(at, ",");

		if (!strncmp(at, key, length) && at[length] == '=') {
			memcpy(value, at + length + 1, word - length - 1);
			value[word - length - 1] = '\0';
		}
		at += word + (at[word] == ',');
	}
	return value;
}

static void write_info(const char *dir, const char *plugin, const char *control)
{
	char a[PATH_MAX], b[PATH_MAX], c[PATH_MAX], info[4 * PATH_MAX];
	int at = snprintf(
		info, sizeof(info),
		"Status: DEACTIVATED  Max Queue Depth: 128  SectorSize: 512  HwMaxSectors: 16384\n        ");
	char *to = info + at;
	size_t room = sizeof(info) - at;

	if (!strncmp(plugin, "fileio_", 7)) {
		bool async = *control_get(control, "fd_async_io", c);

		control_get(control, "fd_buffered_io", c);
		snprintf(
			to, room,
			"TCM FILEIO ID: 0        File: %s  Size: %s  Mode: %s Async: %d",
			control_get(control, "fd_dev_name", a),
			control_get(control, "fd_dev_size", b),
			*c ? "Buffered-WCE" : "O_DSYNC", async);
	} else if (!strncmp(plugin, "iblock_", 7)) {
		snprintf(
			to, room,
			"iBlock device: loop0  UDEV PATH: %s  readonly: %d\n        Major: 7 Minor: 0  CLAIMED: IBLOCK",
			control_get(control, "udev_path", a),
			*control_get(control, "readonly", b) == '1');
	} else if (!strncmp(plugin, "rd_mcp_", 7)) {
		snprintf(
			to, room,
			"TCM RamDisk ID: 0  RamDisk Makeup: rd_mcp\n        PAGES/PAGE_SIZE: %s*4096  SG_table_count: 1  nullio: %d dummy: 0",
			control_get(control, "rd_pages", a),
			*control_get(control, "rd_nullio", b) == '1');
	} else if (!strncmp(plugin, "user_", 5)) {
		snprintf(
			to, room,
			"Config: %s Size: %s MaxDataAreaMB: 8 DataPagesPerBlk: 1 CmdRingSizeMB: 8",
			control_get(control, "dev_config", a),
			control_get(control, "dev_size", b));
	} else {
		snprintf(
			to, room,
			"SCSI Device Bus Location: Channel ID: %s Target ID: %s LUN: %s Host ID: %s",
			control_get(control, "scsi_channel_id", a),
			control_get(control, "scsi_target_id", b),
			control_get(control, "scsi_lun_id", c), "0");
	}
	file_put(info, 0, "%s/info", dir);
}

static int write_enable(const struct place *place, const char *value)
{
	static const char *const keys[] = { "fd_dev_name", "udev_path" };
	const char *plugin = place->words[1];
	char dir[PATH_MAX], control[PATH_MAX], path[PATH_MAX], now[PATH_MAX];
	struct stat st;

	parent_of(place->path, dir);
	if (strcmp(value, "1"))
		return -EINVAL;
	if (*file_get(now, "%s", place->path) == '1')
		return -EEXIST;
	file_get(control, "%s/control", dir);
	if (!*control)
		return -EINVAL;
	for (int i = 0; i < 2; i++)
		if (*control_get(control, keys[i], path) && stat(path, &st))
			return -errno;
	if (!strncmp(plugin, "user_", 5)) {
		file_put(control_get(control, "dev_size", path), 0,
			 "%s/attrib/dev_size", dir);
		file_put(control_get(control, "dev_config", path), 0,
			 "%s/attrib/dev_config", dir);
	}
	if (*control_get(control, "fd_buffered_io", path))
		file_put("1", 0, "%s/attrib/emulate_write_cache", dir);
	write_info(dir, plugin, control);
	return file_put("1", 0, "%s", place->path);
}

static int write_control(const struct place *place, const char *value)
{
	char control[PATH_MAX], all[2 * PATH_MAX];

	if (!strchr(value, '='))
		return -EINVAL;
	file_get(control, "%s", place->path);
	snprintf(all, sizeof(all), "%s%s%s", control, *control ? "," : "",
		 value);
	return file_put(all, 0, "%s", place->path);
}

static int write_group(const struct place *place, const char *value)
{
	char dir[PATH_MAX], store[PATH_MAX], group[2 * PATH_MAX];
	struct stat st;

	parent_of(place->path, dir);
	if (!link_in(dir, store))
		return -ENODEV;
	snprintf(group, sizeof(group), "%s/alua/%s", store, value);
	if (stat(group, &st))
		return -ENODEV;
	snprintf(group, sizeof(group), GROUP_TEXT, value);
	return file_put(group, 0, "%s", place->path);
}

static int write_attribute(const struct place *place, const char *value)
{
	const char *name = place->words[place->n - 1];
	char store[PATH_MAX], now[PATH_MAX];
	char *end;

	if (!strcmp(name, "dev_config"))
		return file_put(value, 0, "%s", place->path);
	if (strcmp(name, "owner") || strcmp(value, "any")) {
		long number = strtol(value, &end, 0);

		if (!*value || *end)
			return -EINVAL;
		if (!strcmp(name, "fabric_prot_type") && number != 0 &&
		    number != 1 && number != 3)
			return -EINVAL;
	}
	parent_of(place->path, store);
	*strrchr(store, '/') = '\0';
	if (!strcmp(place->words[0], "core") && !strcmp(name, "block_size") &&
	    store_is_linked(store))
		return -EINVAL;
	if (!strcmp(name, "dev_size")) {
		file_get(now, "%s/control", store);
		strncat(now, ",dev_size=", sizeof(now) - strlen(now) - 1);
		strncat(now, value, sizeof(now) - strlen(now) - 1);
		file_put(now, 0, "%s/control", store);
		write_info(store, place->words[1], now);
	}
	return file_put(value, 0, "%s", place->path);
}

/**
 * write_file() - what a write does
 * @place: the file
 * @data: what is written
 * @size: how much
 */
int write_file(const struct place *place, const char *data, size_t size)
{
	const char *name = place->words[place->n - 1];
	const char *group = place->n > 1 ? place->words[place->n - 2] : "";
	char value[PATH_MAX], dir[PATH_MAX], text[2 * PATH_MAX];

	if (size >= PATH_MAX)
		return -EINVAL;
	memcpy(value, data, size);
	value[size] = '\0';
	while (size && value[size - 1] == '\n')
		value[--size] = '\0';
	parent_of(place->path, dir);
	if (!strcmp(name, "nexus"))
		return write_nexus(place, value);
	if (!strcmp(name, "enable"))
		return write_enable(place, value);
	if (!strcmp(name, "control"))
		return write_control(place, value);
	if (!strcmp(name, "alua_tg_pt_gp"))
		return write_group(place, value);
	if (!strcmp(group, "attrib"))
		return write_attribute(place, value);
	if (!strcmp(name, "write_protect")) {
		if (!link_in(dir, text))
			return -ENODEV;
		return strcmp(value, "0") && strcmp(value, "1")
			       ? -EINVAL
			       : file_put(value, 0, "%s", place->path);
	}
	*strrchr(dir, '/') = '\0';
	if (!strcmp(name, "vpd_unit_serial")) {
		if (store_is_linked(dir))
			return -EINVAL;
		snprintf(text, sizeof(text), "T10 VPD Unit Serial Number: %s",
			 value);
		return file_put(text, 0, "%s", place->path);
	}
	if (!strcmp(name, "res_aptpl_metadata"))
		return store_is_linked(dir) ? -EINVAL : 0;
	return file_put(value, 0, "%s", place->path);
}
