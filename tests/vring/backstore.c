// SPDX-License-Identifier: GPL-2.0
/*
 * LIO backstores. Each has an HBA directory of its own, whose number holds the
 * number of the test, and so can be found and removed after a test that died.
 */
#include <dirent.h>
#include <fcntl.h>
#include <glob.h>
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <sys/socket.h>
#include "vring.h"

#define CORE CONFIG_TARGET "/core"

/* HBA numbers are the test's number times this, plus a counter. */
#define PER_TEST 100

static void make(struct bs *b, const char *type, const char *control)
{
	static unsigned int nr;
	char serial[64];
	unsigned int n = __atomic_fetch_add(&nr, 1, __ATOMIC_RELAXED);
	unsigned int hba = test_id() * PER_TEST + n % PER_TEST;
	int err;

	snprintf(b->name, sizeof(b->name), "vt%u.%u", test_id(), n);
	snprintf(b->path, sizeof(b->path), CORE "/%s_%u/%s", type, hba,
		 b->name);
	snprintf(serial, sizeof(serial), "%08x-%04x-4000-8000-000000000000",
		 test_id(), n);
	err = dir_make(CORE "/%s_%u", type, hba);
	check(!err || (err == -EEXIST && n >= PER_TEST), "mkdir: %s",
	      errno_name(err));
	expect(dir_make("%s", b->path), 0);
	expect(file_write(control, "%s/control", b->path), 0);
	expect(file_write(serial, "%s/wwn/vpd_unit_serial", b->path), 0);
	expect(file_write("1", "%s/enable", b->path), 0);
}

static void ramdisk(struct bs *b, uint64_t bytes, bool null)
{
	char control[64];

	memset(b, 0, sizeof(*b));
	snprintf(control, sizeof(control), "rd_pages=%llu,rd_nullio=%d",
		 (unsigned long long)bytes / 4096, null);
	make(b, "rd_mcp", control);
}

void bs_ramdisk(struct bs *b, uint64_t bytes)
{
	ramdisk(b, bytes, false);
}

void bs_null(struct bs *b, uint64_t bytes)
{
	ramdisk(b, bytes, true);
}

void bs_fileio(struct bs *b, uint64_t bytes)
{
	char control[256];
	int fd;

	memset(b, 0, sizeof(*b));
	snprintf(b->file, sizeof(b->file), "/tmp/vring-%u-%llu.img", test_id(),
		 (unsigned long long)now_ms());
	fd = open(b->file, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	check(fd >= 0 && !ftruncate(fd, bytes), "%s: %s", b->file,
	      strerror(errno));
	close(fd);
	snprintf(control, sizeof(control), "fd_dev_name=%s,fd_dev_size=%llu",
		 b->file, (unsigned long long)bytes);
	make(b, "fileio", control);
	unlink(b->file);
}

void bs_iblock(struct bs *b, const char *device)
{
	char control[128];

	memset(b, 0, sizeof(*b));
	snprintf(control, sizeof(control), "udev_path=%s", device);
	make(b, "iblock", control);
}

void bs_fileio_on(struct bs *b, const char *device)
{
	char control[128];

	memset(b, 0, sizeof(*b));
	snprintf(control, sizeof(control), "fd_dev_name=%s", device);
	make(b, "fileio", control);
}

/* The attribute @type within @len bytes of attributes, or NULL. */
static const struct nlattr *nl_find(const void *attrs, int len, uint16_t type)
{
	const struct nlattr *a = attrs;

	for (; len >= NLA_HDRLEN && a->nla_len >= NLA_HDRLEN;
	     len -= NLA_ALIGN(a->nla_len),
	     a = (const void *)((const char *)a + NLA_ALIGN(a->nla_len)))
		if ((a->nla_type & NLA_TYPE_MASK) == type)
			return a;
	return NULL;
}

static const struct nlattr *nl_inner(const struct nlattr *a, uint16_t type)
{
	return a ? nl_find(a + 1, a->nla_len - NLA_HDRLEN, type) : NULL;
}

/* The multicast group of LIO's user backstores: its first and only one. */
static uint32_t tcmu_group(int fd)
{
	struct {
		struct nlmsghdr n;
		struct genlmsghdr g;
		struct nlattr a;
		char name[12];
	} ask = {
		.n.nlmsg_len = sizeof(ask),
		.n.nlmsg_type = GENL_ID_CTRL,
		.n.nlmsg_flags = NLM_F_REQUEST,
		.g.cmd = CTRL_CMD_GETFAMILY,
		.a.nla_type = CTRL_ATTR_FAMILY_NAME,
		.a.nla_len = NLA_HDRLEN + sizeof("TCM-USER"),
		.name = "TCM-USER",
	};
	char buf[8192] __attribute__((aligned(8)));
	const struct nlattr *a;
	ssize_t n;

	check(send(fd, &ask, sizeof(ask), 0) == sizeof(ask), "netlink: %s",
	      strerror(errno));
	n = recv(fd, buf, sizeof(buf), 0) - NLMSG_HDRLEN - GENL_HDRLEN;
	check(n > 0, "netlink: no answer");
	a = nl_find(buf + NLMSG_HDRLEN + GENL_HDRLEN, n,
		    CTRL_ATTR_MCAST_GROUPS);
	a = nl_inner(nl_inner(a, 1), CTRL_ATTR_MCAST_GRP_ID);
	check(a, "netlink: TCM-USER has no group");
	return *(const uint32_t *)(a + 1);
}

/* Without a listener LIO refuses changes of a user backstore. */
static void tcmu_listen(void)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC);
	struct sockaddr_nl addr = { .nl_family = AF_NETLINK };
	uint32_t group;

	check(fd >= 0 && !bind(fd, (void *)&addr, sizeof(addr)), "netlink: %s",
	      strerror(errno));
	group = tcmu_group(fd);
	check(!setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group,
			  sizeof(group)),
	      "netlink: %s", strerror(errno));
}

void bs_user(struct bs *b, uint64_t bytes)
{
	char control[128];

	need_module("target_core_user", NULL);
	tcmu_listen();
	memset(b, 0, sizeof(*b));
	snprintf(control, sizeof(control),
		 "dev_size=%llu,dev_config=none,nl_reply_supported=-1",
		 (unsigned long long)bytes);
	make(b, "user", control);
}

int bs_attrib(const struct bs *b, const char *attrib, const char *value)
{
	return file_write(value, "%s/attrib/%s", b->path, attrib);
}

void bs_remove(struct bs *b)
{
	char hba[256];

	snprintf(hba, sizeof(hba), "%s", b->path);
	*strrchr(hba, '/') = 0;
	expect(dir_remove("%s", b->path), 0);
	expect(dir_remove("%s", hba), 0);
}

const char *brd_device(void)
{
	const char *argv[] = { "modprobe", "brd", "rd_nr=2", "rd_size=131072",
			       NULL };

	if (!file_exists("/dev/ram0") && run_program(argv))
		test_skip("modprobe brd failed");
	check(wait_until(file_exists("/dev/ram0")), "no /dev/ram0");
	return "/dev/ram0";
}

static const char *scsi_debug_node(void)
{
	static char node[64];
	glob_t g;

	if (glob("/sys/bus/pseudo/drivers/scsi_debug/adapter0/host*/target*/*/block/*",
		 0, NULL, &g))
		return NULL;
	snprintf(node, sizeof(node), "/dev/%s",
		 strrchr(g.gl_pathv[0], '/') + 1);
	globfree(&g);
	return file_exists("%s", node) ? node : NULL;
}

const char *scsi_debug_device(const char *param, const char *param2)
{
	const char *argv[] = { "modprobe", "scsi_debug", "dev_size_mb=8",
			       param,	   param2,	 NULL };

	need_module("sd_mod", NULL);
	if (run_program(argv))
		test_skip("modprobe scsi_debug failed");
	check(wait_until(scsi_debug_node()), "scsi_debug brings no device");
	return scsi_debug_node();
}

static bool scsi_debug_sweep(void)
{
	const char *argv[] = { "modprobe", "-r", "scsi_debug", NULL };

	if (!file_exists("/sys/module/scsi_debug") || !run_program(argv))
		return true;
	fprintf(stderr, "scsi_debug cannot be removed\n");
	return false;
}

static bool sweep_hba(const char *hba)
{
	char path[300];
	struct dirent *e;
	bool ok = true;
	DIR *dir;
	int err;

	snprintf(path, sizeof(path), CORE "/%s", hba);
	dir = opendir(path);
	while (dir && (e = readdir(dir))) {
		if (strncmp(e->d_name, "vt", 2))
			continue;
		err = dir_remove("%s/%s", path, e->d_name);
		if (err) {
			fprintf(stderr, "rmdir %s/%s: %s\n", path, e->d_name,
				errno_name(err));
			ok = false;
		}
	}
	if (dir)
		closedir(dir);
	return !dir_remove("%s", path) && ok;
}

bool bs_sweep(unsigned int id)
{
	struct dirent *e;
	bool ok = true;
	DIR *dir = opendir(CORE);

	while (dir && (e = readdir(dir))) {
		char *nr = strrchr(e->d_name, '_');

		if (nr && strtoul(nr + 1, NULL, 10) / PER_TEST == id)
			ok &= sweep_hba(e->d_name);
	}
	if (dir)
		closedir(dir);
	return scsi_debug_sweep() && ok;
}
