// SPDX-License-Identifier: GPL-2.0
/*
 * LIO backstores. Each has an HBA directory of its own, whose number holds the
 * number of the test, and so can be found and removed after a test that died.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include "vring.h"

#define CORE CONFIG_TARGET "/core"

/* HBA numbers are the test's number times this, plus a counter. */
#define PER_TEST 100

static void make(struct bs *b, const char *type, const char *control)
{
	static unsigned int nr;
	char serial[64];
	unsigned int n = __atomic_fetch_add(&nr, 1, __ATOMIC_RELAXED);

	check(n < PER_TEST, "too many backstores");
	snprintf(b->name, sizeof(b->name), "vt%u.%u", test_id(), n);
	snprintf(b->path, sizeof(b->path), CORE "/%s_%u/%s", type,
		 test_id() * PER_TEST + n, b->name);
	snprintf(serial, sizeof(serial), "%08x-%04x-4000-8000-000000000000",
		 test_id(), n);
	expect(dir_make(CORE "/%s_%u", type, test_id() * PER_TEST + n), 0);
	expect(dir_make("%s", b->path), 0);
	expect(file_write(control, "%s/control", b->path), 0);
	expect(file_write(serial, "%s/wwn/vpd_unit_serial", b->path), 0);
	expect(file_write("1", "%s/enable", b->path), 0);
}

void bs_ramdisk(struct bs *b, uint64_t bytes)
{
	char control[64];

	memset(b, 0, sizeof(*b));
	snprintf(control, sizeof(control), "rd_pages=%llu",
		 (unsigned long long)bytes / 4096);
	make(b, "rd_mcp", control);
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
	return ok;
}
