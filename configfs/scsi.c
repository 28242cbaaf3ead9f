// SPDX-License-Identifier: GPL-2.0
/*
 * What sysfs says of devices: the address of a SCSI device, the size of a block
 * device.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "internal.h"

/**
 * block_size_of() - the size of a block device
 * @tree: says where sysfs is
 * @major: its number
 * @minor: its number
 *
 * Return: bytes; 0: unknown.
 */
uint64_t block_size_of(const struct vscsi_tree *tree, unsigned int major,
		       unsigned int minor)
{
	AUTO_FREE char *path =
		tree_path(tree, "sys/dev/block/%u:%u/size", major, minor);
	AUTO_FREE char *value = NULL;

	if (!path || file_read(AT_FDCWD, path, &value))
		return 0;
	return strtoull(value, NULL, 10) * 512;
}

static bool parse_address(const char *s, unsigned int hctl[4])
{
	int end = 0;

	return sscanf(s, "%u:%u:%u:%u%n", &hctl[0], &hctl[1], &hctl[2],
		      &hctl[3], &end) == 4 &&
	       !s[end];
}

/* The device node of an address: of its disk, else its generic one. */
static char *node_of(const struct vscsi_tree *tree, const unsigned int hctl[4])
{
	static const char *const classes[] = { "block", "scsi_generic" };

	for (int i = 0; i < 2; i++) {
		AUTO_FREE char *path = tree_path(
			tree, "sys/bus/scsi/devices/%u:%u:%u:%u/%s", hctl[0],
			hctl[1], hctl[2], hctl[3], classes[i]);
		DIR *dir = path ? opendir(path) : NULL;
		struct dirent *entry;
		char *node = NULL;

		while (dir && !node && (entry = readdir(dir)))
			if (entry->d_name[0] != '.')
				node = text("/dev/%s", entry->d_name);
		if (dir)
			closedir(dir);
		if (node)
			return node;
	}
	return NULL;
}

/**
 * scsi_address() - the SCSI address of a device
 * @tree: says where sysfs is
 * @device: its node, or an address "H:C:T:L"
 * @hctl: filled in
 * @udev_path: its node; the caller's string
 *
 * Return: 0, -ENODEV: it is no SCSI device, or another errno.
 */
int scsi_address(const struct vscsi_tree *tree, const char *device,
		 unsigned int hctl[4], char **udev_path)
{
	if (parse_address(device, hctl)) {
		*udev_path = node_of(tree, hctl);
		return *udev_path ? 0 : -ENODEV;
	}
	struct stat st;

	if (stat(device, &st))
		return -errno;
	if (!S_ISBLK(st.st_mode) && !S_ISCHR(st.st_mode))
		return -ENODEV;
	AUTO_FREE char *link = tree_path(tree, "sys/dev/%s/%u:%u/device",
					 S_ISBLK(st.st_mode) ? "block" : "char",
					 major(st.st_rdev), minor(st.st_rdev));
	char to[PATH_MAX];
	ssize_t length = link ? readlink(link, to, sizeof(to) - 1) : -1;

	if (length < 0)
		return -ENODEV;
	to[length] = '\0';
	const char *name = strrchr(to, '/');

	if (!parse_address(name ? name + 1 : to, hctl))
		return -ENODEV;
	*udev_path = strdup(device);
	return *udev_path ? 0 : -ENOMEM;
}
