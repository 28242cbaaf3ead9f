// SPDX-License-Identifier: GPL-2.0
/*
 * What to do when an operation fails: by what it was, where, and the errno that the
 * kernel gave, whose text alone says little ("Invalid argument").
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "plan.h"

static bool ends_with(const char *path, const char *end)
{
	size_t length = strlen(path), tail = strlen(end);

	return length >= tail && !strcmp(path + length - tail, end);
}

static const char *of_mkdir(const struct op *op, int error)
{
	const char *second = strchr(op->path, '/');

	if (error == EEXIST)
		return "somebody else made it meanwhile: look again";
	if (!second)
		return "load the module: modprobe vhost_scsi";
	if (!strncmp(op->path, "core/", 5) && !strchr(second + 1, '/')) {
		switch (kind_of_plugin(second + 1)) {
		case VSCSI_BLOCK:
			return "load the module: modprobe target_core_iblock";
		case VSCSI_FILEIO:
			return "load the module: modprobe target_core_file";
		case VSCSI_PSCSI:
			return "load the module: modprobe target_core_pscsi";
		case VSCSI_USER:
			return "load the module: modprobe target_core_user";
		default:
			return NULL;
		}
	}
	if (!strncmp(op->path, "vhost/", 6) && error == EINVAL)
		return "the kernel log may say why: dmesg";
	return NULL;
}

static const char *of_enable(const struct op *op, int error)
{
	const char *slash = strchr(op->path, '/');
	enum vscsi_kind kind = VSCSI_OTHER;

	if (slash) {
		AUTO_FREE char *plugin =
			strndup(slash + 1, strcspn(slash + 1, "/"));

		kind = plugin ? kind_of_plugin(plugin) : VSCSI_OTHER;
	}
	if (error == EBUSY)
		return "the device is in use: is it mounted, or another backstore's?";
	if (error == EEXIST)
		return "it has a device already";
	if (kind == VSCSI_USER)
		return "is tcmu-runner running, with the handler that the configuration names?";
	if (kind == VSCSI_RAMDISK)
		return "is there so much memory?";
	if (kind == VSCSI_PSCSI)
		return "is the SCSI device there, and not in use?";
	return "is the device or file there, and may it be written? the kernel log may say more: dmesg";
}

static const char *of_write(const struct op *op, int error)
{
	if (ends_with(op->path, "/enable"))
		return of_enable(op, error);
	if (ends_with(op->path, "/nexus")) {
		if (error == EBUSY)
			return "a guest or a LUN is still there";
		if (error == EEXIST)
			return "there is a nexus already, which somebody else made";
		return "its name must begin as the target's does";
	}
	if (ends_with(op->path, "/wwn/vpd_unit_serial"))
		return "a serial number cannot change while there are LUNs of the backstore";
	if (ends_with(op->path, "/res_aptpl_metadata"))
		return "reservations can be loaded only while there are no LUNs of the backstore";
	if (error == ENOENT && strstr(op->path, "attrib/"))
		return "this kernel or module has no such attribute";
	if (strstr(op->path, "attrib/"))
		return "LIO refuses the value, or to change it while there are LUNs; the kernel log may say more: dmesg";
	if (ends_with(op->path, "/control"))
		return "LIO does not understand it; the kernel log may say more: dmesg";
	return NULL;
}

static const char *of_link(const struct op *op, int error)
{
	(void)op;
	if (error == EEXIST)
		return "the LUN has a backstore already, which somebody else linked";
	if (error == ENODEV)
		return "the backstore is not enabled";
	if (error == ENOENT)
		return "the backstore went away meanwhile";
	return NULL;
}

static const char *of_removal(const struct op *op, int error)
{
	if (error != EBUSY && error != ENOTEMPTY)
		return error == ENOENT ? "it went away meanwhile: look again"
				       : NULL;
	if (!strncmp(op->path, "core/", 5))
		return "a LUN of some target, or another backstore, still uses it";
	return "a guest uses it, or it holds something that somebody else made";
}

/**
 * remedy() - what to do about a failure
 * @plan: the plan
 * @op: the operation that failed
 * @error: its errno
 *
 * Return: the end of a sentence, or NULL.
 */
const char *remedy(const struct vscsi_plan *plan, const struct op *op,
		   int error)
{
	(void)plan;
	if ((error == EACCES || error == EPERM) && geteuid())
		return "it takes root";
	if (error == ENOMEM)
		return "memory is short";
	switch (op->kind) {
	case OP_MKDIR:
		return of_mkdir(op, error);
	case OP_RMDIR:
	case OP_UNLINK:
		return of_removal(op, error);
	case OP_WRITE:
	case OP_LOAD_PR:
		return of_write(op, error);
	case OP_LINK:
		return of_link(op, error);
	case OP_CHECK_FREE:
		return "a guest has just attached; end it first";
	case OP_CHECK_FILE:
		return "make the file first: truncate -s SIZE FILE";
	default:
		return NULL;
	}
}
