// SPDX-License-Identifier: GPL-2.0
/*
 * check: what a guest needs of the host beside a target.
 */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <linux/kvm.h>

#include "check.h"
#include "mod.h"
#include "qemu.h"

/* Of the group file below the root. */
static bool find_group(const struct check *check, const char *name, gid_t *gid)
{
	AUTO_FREE char *path = ctx_path(check->ctx, "/etc/group");

	AUTO_FCLOSE FILE *file = fopen(path, "re");
	struct group *group;

	while (file && (group = fgetgrent(file))) {
		if (strcmp(group->gr_name, name) == 0) {
			*gid = group->gr_gid;
			return true;
		}
	}
	return false;
}

/**
 * check_device() - /dev/vhost-scsi, and who may open it
 * @check: what was found so far
 */
void check_device(struct check *check)
{
	static const char topic[] = "device";
	AUTO_FREE char *path = ctx_path(check->ctx, "/dev/vhost-scsi");
	struct stat st;
	gid_t kvm;

	if (stat(path, &st) < 0) {
		if (check_exists(check, "/sys/module/vhost_scsi"))
			check_say(
				check, CHECK_ERROR, topic,
				ui_format(
					"there is no /dev/vhost-scsi, though vhost_scsi is loaded"),
				ui_format(
					"udevadm trigger --settle, or mknod it with the numbers in /sys/class/misc/vhost-scsi/dev"));
		return;
	}
	if (!find_group(check, "kvm", &kvm))
		check_say(
			check, CHECK_WARNING, topic,
			ui_format(
				"there is no group kvm: only root may open /dev/vhost-scsi"),
			ui_format(
				"apt install qemu-system-x86, which makes it"));
	else if (st.st_mode & 0007)
		check_say(
			check, CHECK_WARNING, topic,
			ui_format(
				"/dev/vhost-scsi is open to everyone (mode %04o)",
				st.st_mode & 07777),
			ui_format(
				"chgrp kvm /dev/vhost-scsi; chmod 0660 /dev/vhost-scsi"));
	else if (st.st_gid != kvm || (st.st_mode & 0060) != 0060)
		check_say(
			check, CHECK_WARNING, topic,
			ui_format(
				"the group kvm may not open /dev/vhost-scsi (mode %04o, group %u): only a QEMU run by root, or by libvirt, can",
				st.st_mode & 07777, st.st_gid),
			ui_format(
				"udevadm trigger --action=change /dev/vhost-scsi with the package's udev rule, or chgrp kvm and chmod 0660"));
	else
		check_say(check, CHECK_OK, topic,
			  ui_format("/dev/vhost-scsi is the group kvm's"),
			  NULL);
}

/**
 * check_kvm() - can guests run by KVM?
 * @check: what was found so far
 *
 * A folder's /dev/kvm is not opened.
 */
void check_kvm(struct check *check)
{
	AUTO_FREE char *path = ctx_path(check->ctx, "/dev/kvm");
	struct stat st;

	if (stat(path, &st) < 0) {
		check_say(
			check, CHECK_WARNING, "kvm",
			ui_format(
				"there is no /dev/kvm: guests are emulated, which is slow"),
			ui_format(
				"modprobe kvm_intel or kvm_amd, and see that the firmware has virtualization switched on"));
		return;
	}
	if (S_ISCHR(st.st_mode)) {
		AUTO_CLOSE int fd = open(path, O_RDWR | O_CLOEXEC);
		int version = fd < 0 ? -1 : ioctl(fd, KVM_GET_API_VERSION, 0);

		if (version != KVM_API_VERSION) {
			check_say(
				check, CHECK_WARNING, "kvm",
				ui_format("/dev/kvm cannot be used: %s",
					  version < 0 ? strerror(errno)
						      : "an unknown version"),
				ui_format(
					"run this as root, or as a member of the group kvm"));
			return;
		}
	}
	check_say(check, CHECK_OK, "kvm", ui_format("/dev/kvm can be used"),
		  NULL);
}

static long meminfo(const struct check *check, const char *name)
{
	AUTO_FREE char *path = ctx_path(check->ctx, "/proc/meminfo");
	AUTO_FCLOSE FILE *file = fopen(path, "re");
	char line[256];

	while (file && fgets(line, sizeof(line), file)) {
		size_t n = strlen(name);

		if (strncmp(line, name, n) == 0 && line[n] == ':')
			return strtol(line + n + 1, NULL, 10);
	}
	return -1;
}

/**
 * check_memory() - in which pages a guest's memory is
 * @check: what was found so far
 */
void check_memory(struct check *check)
{
	static const char topic[] = "hugepages";
	long total = meminfo(check, "HugePages_Total");
	long left = meminfo(check, "HugePages_Free");
	long size = meminfo(check, "Hugepagesize");
	AUTO_FREE char *transparent = mod_read(
		check->ctx, "/sys/kernel/mm/transparent_hugepage/enabled");

	if (total > 0 && left == 0)
		check_say(
			check, CHECK_WARNING, topic,
			ui_format(
				"all %ld of %ld KiB are in use: a guest that asks for some does not start",
				total, size),
			ui_format("echo N >/proc/sys/vm/nr_hugepages"));
	else if (total > 0)
		check_say(check, CHECK_OK, topic,
			  ui_format("%ld of %ld, of %ld KiB, are free", left,
				    total, size),
			  NULL);
	else if (transparent && strstr(transparent, "[never]"))
		check_say(
			check, CHECK_NOTE, topic,
			ui_format(
				"none are reserved, and transparent ones are switched off: guests have pages of 4 KiB and are slower"),
			ui_format(
				"echo madvise >/sys/kernel/mm/transparent_hugepage/enabled"));
	else
		check_say(
			check, CHECK_OK, topic,
			ui_format(
				"none are reserved, which vhost-scsi does not need; guests have transparent ones"),
			NULL);
}

/**
 * check_qemu() - the installed QEMU, and what it cannot do
 * @check: what was found so far
 */
void check_qemu(struct check *check)
{
	AUTO_QEMU struct qemu qemu = { 0 };
	int err = qemu_ask(check->ctx, NULL, true, &qemu);

	if (err == -ENOENT) {
		check_say(check, CHECK_WARNING, "qemu",
			  ui_format("there is no qemu-system-x86_64"),
			  ui_format("apt install qemu-system-x86"));
		return;
	}
	if (err || !qemu.n) {
		check_say(check, CHECK_ERROR, "qemu",
			  err ? ui_format("%s does not run: %s", qemu.path,
					  strerror(-err))
			      : ui_format("%s has no device vhost-scsi-pci",
					  qemu.path),
			  ui_format("apt install --reinstall qemu-system-x86"));
		return;
	}
	check_say(check, CHECK_OK, "qemu",
		  ui_format("%s is version %s", qemu.path,
			    qemu.version ? qemu.version : "unknown"),
		  NULL);
	if (!qemu_property(&qemu, "hotplug"))
		check_say(
			check, CHECK_NOTE, "qemu",
			ui_format(
				"it does not tell guests of LUNs that come and go"),
			ui_format(
				"rescan in the guest: echo '- - -' >/sys/class/scsi_host/hostN/scan"));
}

/* Is anybody there? */
static bool answers(const char *path)
{
	AUTO_CLOSE int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	if (fd < 0 || strlen(path) >= sizeof(address.sun_path))
		return false;
	strcpy(address.sun_path, path);
	return connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0;
}

/**
 * check_dbus() - the system bus, without which targetcli makes nothing
 * @check: what was found so far
 */
void check_dbus(struct check *check)
{
	AUTO_FREE char *path =
		ctx_path(check->ctx, "/run/dbus/system_bus_socket");

	if (!check_exists(check, "/usr/bin/targetcli"))
		return;
	if (answers(path))
		check_say(check, CHECK_OK, "targetcli",
			  ui_format("installed, and D-Bus answers"), NULL);
	else
		check_say(
			check, CHECK_WARNING, "targetcli",
			ui_format(
				"D-Bus does not answer: targetcli makes nothing, with \"Could not connect\""),
			ui_format("systemctl start dbus"));
}

static bool is_enabled(const struct check *check)
{
	AUTO_FREE char *pattern = ctx_path(
		check->ctx, "/etc/systemd/system/*.wants/vhost-scsi.service");
	glob_t found;
	bool enabled = glob(pattern, 0, NULL, &found) == 0;

	globfree(&found);
	return enabled;
}

/**
 * check_service() - are targets made at boot?
 * @check: what was found so far
 */
void check_service(struct check *check)
{
	static const char topic[] = "service";

	if (!check_exists(check, "/lib/systemd/system/vhost-scsi.service") &&
	    !check_exists(check,
			  "/usr/lib/systemd/system/vhost-scsi.service") &&
	    !check_exists(check, "/etc/systemd/system/vhost-scsi.service"))
		check_say(
			check, CHECK_WARNING, topic,
			ui_format(
				"vhost-scsi.service is not installed: targets are gone after a reboot"),
			ui_format(
				"apt install vhost-scsi, or run vhost-scsi restore at boot"));
	else if (!is_enabled(check))
		check_say(
			check, CHECK_WARNING, topic,
			ui_format(
				"vhost-scsi.service is not enabled: targets are gone after a reboot"),
			ui_format("systemctl enable vhost-scsi.service"));
	else
		check_say(check, CHECK_OK, topic,
			  ui_format("vhost-scsi.service is enabled"), NULL);
}
