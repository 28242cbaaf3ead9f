// SPDX-License-Identifier: GPL-2.0
/* Targets, TPGs, nexuses and LUNs of the fabric "vhost" by configfs. */
#include <dirent.h>
#include <stdio.h>
#include "vring.h"

#define FABRIC CONFIG_TARGET "/vhost"

static void wwn_prefix(char *buf, size_t size, unsigned int id)
{
	snprintf(buf, size, "naa.5001405%06x", id & 0xffffff);
}

void tgt_name(struct tgt *t)
{
	static unsigned int nr;
	char prefix[64];

	wwn_prefix(prefix, sizeof(prefix), test_id());
	snprintf(t->wwn, sizeof(t->wwn), "%s%03x", prefix, nr++);
	snprintf(t->path, sizeof(t->path), FABRIC "/%s", t->wwn);
}

int tgt_mkdir(const struct tgt *t)
{
	dir_make(FABRIC);
	return dir_make("%s", t->path);
}

int tgt_rmdir(const struct tgt *t)
{
	return dir_remove("%s", t->path);
}

int tpg_mkdir(const struct tgt *t, unsigned int tpgt)
{
	return dir_make("%s/tpgt_%u", t->path, tpgt);
}

int tpg_rmdir(const struct tgt *t, unsigned int tpgt)
{
	return dir_remove("%s/tpgt_%u", t->path, tpgt);
}

int tpg_nexus(const struct tgt *t, unsigned int tpgt, const char *name)
{
	return file_write(name, "%s/tpgt_%u/nexus", t->path, tpgt);
}

bool tpg_is_attached(const struct tgt *t, unsigned int tpgt)
{
	char text[64] = "";

	return !file_read(text, sizeof(text), "%s/tpgt_%u/attached", t->path,
			  tpgt) &&
	       text[0];
}

void tgt_add(const struct tgt *t, unsigned int tpgt)
{
	expect(tpg_mkdir(t, tpgt), 0);
	expect(tpg_nexus(t, tpgt, t->wwn), 0);
}

void tgt_new(struct tgt *t)
{
	tgt_name(t);
	expect(tgt_mkdir(t), 0);
	tgt_add(t, 1);
}

int lun_link(const struct tgt *t, unsigned int tpgt, unsigned int lun,
	     const struct bs *b)
{
	char to[800];
	int err;

	err = dir_make("%s/tpgt_%u/lun/lun_%u", t->path, tpgt, lun);
	if (err)
		return err;
	snprintf(to, sizeof(to), "%s/tpgt_%u/lun/lun_%u/link", t->path, tpgt,
		 lun);
	return symlink(b->path, to) ? -errno : 0;
}

int lun_unlink(const struct tgt *t, unsigned int tpgt, unsigned int lun)
{
	char path[800];

	snprintf(path, sizeof(path), "%s/tpgt_%u/lun/lun_%u/link", t->path,
		 tpgt, lun);
	if (unlink(path))
		return -errno;
	return dir_remove("%s/tpgt_%u/lun/lun_%u", t->path, tpgt, lun);
}

void tgt_with_ramdisk(struct tgt *t, uint64_t bytes)
{
	struct bs b;

	bs_ramdisk(&b, bytes);
	tgt_new(t);
	expect(lun_link(t, 1, 0, &b), 0);
}

void tgt_with_dm(struct tgt *t, struct dm *m)
{
	struct bs b;

	dm_new(m, brd_device());
	bs_iblock(&b, m->node);
	tgt_new(t);
	expect(lun_link(t, 1, 0, &b), 0);
}

/* Calls @fn for the entries of @path that begin with @prefix. */
static bool each(const char *path, const char *prefix,
		 bool (*fn)(const char *path))
{
	char sub[700];
	struct dirent *e;
	bool ok = true;
	DIR *dir = opendir(path);

	while (dir && (e = readdir(dir))) {
		if (e->d_name[0] == '.' ||
		    strncmp(e->d_name, prefix, strlen(prefix)))
			continue;
		snprintf(sub, sizeof(sub), "%s/%s", path, e->d_name);
		ok &= fn(sub);
	}
	if (dir)
		closedir(dir);
	return ok;
}

static bool sweep_dir(const char *path)
{
	int err = dir_remove("%s", path);

	if (err)
		fprintf(stderr, "rmdir %s: %s\n", path, errno_name(err));
	return !err;
}

static bool sweep_lun(const char *path)
{
	char link[800];

	snprintf(link, sizeof(link), "%s/link", path);
	unlink(link);
	return sweep_dir(path);
}

static bool sweep_tpg(const char *path)
{
	char sub[800];
	bool ok;

	snprintf(sub, sizeof(sub), "%s/lun", path);
	ok = each(sub, "lun_", sweep_lun);
	file_write("NULL", "%s/nexus", path);
	return sweep_dir(path) && ok;
}

static bool sweep_target(const char *path)
{
	bool ok = each(path, "tpgt_", sweep_tpg);

	return sweep_dir(path) && ok;
}

bool tgt_sweep(unsigned int id)
{
	char prefix[64];

	wwn_prefix(prefix, sizeof(prefix), id);
	return each(FABRIC, prefix, sweep_target);
}

struct vdev *dev_up_on(const struct bs *b, unsigned int queues)
{
	struct vdev *d;
	struct tgt t;

	tgt_new(&t);
	expect(lun_link(&t, 1, 0, b), 0);
	d = dev_up(t.wwn, queues, 64, F_DEFAULT);
	scsi_tur(d, VQ_IO);
	return d;
}
