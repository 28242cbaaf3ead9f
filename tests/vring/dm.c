// SPDX-License-Identifier: GPL-2.0
/*
 * A device-mapper device over another block device, driven by the ioctls of
 * /dev/mapper/control: it can be suspended, so that I/O to it hangs, and
 * resumed either as it was or with a table that fails all I/O.
 */
#include <fcntl.h>
#include <linux/dm-ioctl.h>
#include <linux/fs.h>
#include <stdio.h>
#include "vring.h"

#define DM_BYTES 4096

struct dm_buf {
	struct dm_ioctl io;
	uint8_t data[DM_BYTES - sizeof(struct dm_ioctl)];
};

static int dm_call(unsigned long nr, struct dm_buf *b)
{
	int fd = open("/dev/mapper/control", O_RDWR | O_CLOEXEC);
	int err;

	if (fd < 0)
		return -errno;
	err = ioctl(fd, nr, b) ? -errno : 0;
	close(fd);
	return err;
}

static void dm_prep(struct dm_buf *b, const char *name, uint32_t flags)
{
	memset(b, 0, sizeof(*b));
	b->io.version[0] = DM_VERSION_MAJOR;
	b->io.data_size = sizeof(*b);
	b->io.data_start = sizeof(b->io);
	b->io.flags = flags;
	snprintf(b->io.name, sizeof(b->io.name), "%s", name);
}

static int load_table(const char *name, const char *type, uint64_t sectors,
		      const char *params)
{
	struct dm_target_spec *s;
	struct dm_buf b;

	dm_prep(&b, name, 0);
	s = (void *)b.data;
	s->length = sectors;
	snprintf(s->target_type, sizeof(s->target_type), "%s", type);
	strcpy((char *)(s + 1), params);
	s->next = (sizeof(*s) + strlen(params) + 8) / 8 * 8;
	b.io.target_count = 1;
	return dm_call(DM_TABLE_LOAD, &b);
}

static int suspend(const char *name, bool on)
{
	struct dm_buf b;

	dm_prep(&b, name, on ? DM_SUSPEND_FLAG | DM_SKIP_LOCKFS_FLAG : 0);
	return dm_call(DM_DEV_SUSPEND, &b);
}

static uint64_t sectors_of(const char *device)
{
	int fd = open(device, O_RDONLY | O_CLOEXEC);
	uint64_t bytes = 0;

	check(fd >= 0 && !ioctl(fd, BLKGETSIZE64, &bytes), "%s: %s", device,
	      strerror(errno));
	close(fd);
	return bytes / 512;
}

void dm_new(struct dm *m, const char *under)
{
	static unsigned int nr;
	struct dm_buf b;
	char params[100];

	need_module("dm_mod", NULL);
	memset(m, 0, sizeof(*m));
	snprintf(m->name, sizeof(m->name), "vt%u.%u", test_id(), nr++);
	snprintf(m->under, sizeof(m->under), "%s", under);
	m->sectors = sectors_of(under);
	dm_prep(&b, m->name, 0);
	expect(dm_call(DM_DEV_CREATE, &b), 0);
	snprintf(m->node, sizeof(m->node), "/dev/dm-%u",
		 (unsigned int)(b.io.dev & 0xff) |
			 (unsigned int)(b.io.dev >> 12 & 0xfff00));
	snprintf(params, sizeof(params), "%s 0", under);
	expect(load_table(m->name, "linear", m->sectors, params), 0);
	expect(suspend(m->name, false), 0);
	check(wait_until(file_exists("%s", m->node)), "no %s", m->node);
}

void dm_suspend(const struct dm *m)
{
	expect(suspend(m->name, true), 0);
}

void dm_resume(const struct dm *m)
{
	expect(suspend(m->name, false), 0);
}

void dm_resume_failing(const struct dm *m)
{
	expect(load_table(m->name, "error", m->sectors, ""), 0);
	expect(suspend(m->name, false), 0);
}

void dm_resize(struct dm *m, uint64_t sectors)
{
	char params[100];

	snprintf(params, sizeof(params), "%s 0", m->under);
	expect(load_table(m->name, "linear", sectors, params), 0);
	expect(suspend(m->name, true), 0);
	expect(suspend(m->name, false), 0);
	m->sectors = sectors;
}

/* Calls @fn for each device of test @id. */
static void each_dm(unsigned int id, void (*fn)(const char *name, bool *ok),
		    bool *ok)
{
	char prefix[32];
	struct dm_name_list *l;
	struct dm_buf b;

	snprintf(prefix, sizeof(prefix), "vt%u.", id);
	dm_prep(&b, "", 0);
	if (dm_call(DM_LIST_DEVICES, &b))
		return;
	l = (void *)((uint8_t *)&b + b.io.data_start);
	if (!l->dev)
		return;
	for (;;) {
		if (!strncmp(l->name, prefix, strlen(prefix)))
			fn(l->name, ok);
		if (!l->next)
			break;
		l = (void *)((uint8_t *)l + l->next);
	}
}

static void unhang_one(const char *name, bool *ok)
{
	struct dm_buf b;

	dm_prep(&b, name, 0);
	if (!dm_call(DM_DEV_STATUS, &b) && (b.io.flags & DM_SUSPEND_FLAG))
		suspend(name, false);
}

void dm_unhang(unsigned int id)
{
	each_dm(id, unhang_one, NULL);
}

static void remove_one(const char *name, bool *ok)
{
	struct dm_buf b;
	int err;

	dm_prep(&b, name, 0);
	err = dm_call(DM_DEV_REMOVE, &b);
	if (err) {
		fprintf(stderr, "dm device %s: %s\n", name, errno_name(err));
		*ok = false;
	}
}

bool dm_sweep(unsigned int id)
{
	bool ok = true;

	each_dm(id, remove_one, &ok);
	return ok;
}
