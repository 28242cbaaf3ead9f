// SPDX-License-Identifier: GPL-2.0
/*
 * The owner attribute of a TPG: which user's process may attach it.
 *
 * Not run on the peer, which has no such attribute.
 */
#include <grp.h>
#include <linux/capability.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include "vring.h"

#define OWNER 12345u
#define STRANGER 54321u

static int set_owner(const struct tgt *t, const char *text)
{
	return file_write(text, "%s/tpgt_1/attrib/owner", t->path);
}

static void keep_sys_admin(void)
{
	struct __user_cap_header_struct head = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct data[2] = { 0 };

	data[0].effective = data[0].permitted = 1u << CAP_SYS_ADMIN;
	check(!syscall(SYS_capset, &head, data), "capset: %s", strerror(errno));
}

/* What SET_ENDPOINT says to a process of @uid; it is cleared again. */
static int set_as(unsigned int uid, bool sys_admin, const struct tgt *t)
{
	int fd = dev_open_fd(), status;
	pid_t pid = test_fork();

	if (!pid) {
		struct vdev *d;
		int err;

		check(!setgroups(0, NULL) && !prctl(PR_SET_KEEPCAPS, 1) &&
			      !setresuid(uid, uid, uid),
		      "setresuid: %s", strerror(errno));
		if (sys_admin)
			keep_sys_admin();
		d = dev_open_on(fd, 1);
		dev_rings(d, 16);
		expect(dev_ready(d, F_DEFAULT), 0);
		err = dev_set_endpoint(fd, t->wwn);
		if (!err)
			expect(dev_clear_endpoint(fd, t->wwn), 0);
		_exit(-err);
	}
	status = test_reap(pid);
	close(fd);
	check(WIFEXITED(status), "a child was killed");
	return -WEXITSTATUS(status);
}

VRING_TEST(user_owner, "endpoint/let-only-the-owner-attach",
	   "be refused a TPG that another user owns, unless it is root")
{
	struct tgt t;

	tgt_with_ramdisk(&t, 1 * MIB);
	step("owned by nobody");
	expect(set_as(STRANGER, false, &t), 0);
	expect(set_owner(&t, "12345"), 0);
	step("by its owner");
	expect(set_as(OWNER, false, &t), 0);
	step("by another");
	kmsg_mark();
	expect(set_as(STRANGER, false, &t), -EPERM);
	check(kmsg_has("owned by uid 12345"), "no line says why");
	step("by one with CAP_SYS_ADMIN");
	expect(set_as(STRANGER, true, &t), 0);
	step("by root");
	expect(set_as(0, false, &t), 0);
	step("one TPG of two, all or none");
	tgt_add(&t, 2);
	expect(set_as(STRANGER, false, &t), -EPERM);
	expect(set_owner(&t, "any"), 0);
	expect(set_as(STRANGER, false, &t), 0);
}

static void expect_owner(const struct tgt *t, const char *want)
{
	char text[64] = "";

	expect(file_read(text, sizeof(text), "%s/tpgt_1/attrib/owner", t->path),
	       0);
	check(!strcmp(text, want), "owner reads %s", text);
}

VRING_TEST(user_values, "endpoint/take-an-owner-as-it-prints-it",
	   "write users and any to the owner attribute, and nothing else")
{
	static const char *const good[] = { "0\n", "any\n", "4294967294\n",
					    "1000\n" };
	static const char *const bad[] = {
		"-1", "4294967295", "4294967296", "root", "any1", "1x", " ",
	};
	struct tgt t;

	tgt_new(&t);
	expect_owner(&t, "any\n");
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		expect(set_owner(&t, good[i]), 0);
		expect_owner(&t, good[i]);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		step("\"%s\"", bad[i]);
		expect(set_owner(&t, bad[i]), -EINVAL);
		expect_owner(&t, good[3]);
	}
}
