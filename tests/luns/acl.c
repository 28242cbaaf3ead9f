// SPDX-License-Identifier: GPL-2.0
/*
 * An initiator with a directory under acls/ sees the LUNs that are mapped there,
 * under the numbers and with the rights that they have there; the module's
 * table of a port's LUNs does not count for it, and for nobody once a LUN is
 * unlinked.
 *
 * Seen to fail: the first and second on a build that looks in the port's table
 * for every initiator (the guest reads the wrong disk; LIO prints for each write to
 * a disk that is write-protected), the third on one whose table keeps a LUN that was
 * unlinked. On the peer on 6.12: PEER.md.
 */
#include <stdio.h>
#include <unistd.h>
#include "vring.h"

#define SEED(disk) (7000 + (disk))
/* LIO remembers what a nexus of a name has seen; this one is new. */
#define OTHER "naa.50014059999999a1"

/* Maps LUN @lun of tpgt_1 to LUN @mapped of @initiator. */
static void map_lun(const struct tgt *t, const char *initiator,
		    unsigned int mapped, unsigned int lun)
{
	char from[800], to[900];

	expect(dir_make("%s/tpgt_1/acls/%s/lun_%u", t->path, initiator, mapped),
	       0);
	snprintf(from, sizeof(from), "%s/tpgt_1/lun/lun_%u", t->path, lun);
	snprintf(to, sizeof(to), "%s/tpgt_1/acls/%s/lun_%u/link", t->path,
		 initiator, mapped);
	check(!symlink(from, to), "LUN %u cannot be mapped: %m", lun);
}

static void unmap_lun(const struct tgt *t, const char *initiator,
		      unsigned int mapped)
{
	char link[900];

	snprintf(link, sizeof(link), "%s/tpgt_1/acls/%s/lun_%u/link", t->path,
		 initiator, mapped);
	check(!unlink(link), "%s: %m", link);
	expect(dir_remove("%s/tpgt_1/acls/%s/lun_%u", t->path, initiator,
			  mapped),
	       0);
}

static void protect(const struct tgt *t, const char *initiator,
		    unsigned int mapped, const char *value)
{
	expect(file_write(value, "%s/tpgt_1/acls/%s/lun_%u/write_protect",
			  t->path, initiator, mapped),
	       0);
}

/* A READ or WRITE of block 0, with the pattern of @seed; the caller frees it. */
static void rw(struct req *r, struct vdev *d, unsigned int lun, bool write,
	       uint64_t seed)
{
	uint64_t gpa = gmem_alloc(&d->mem, BLOCK, BLOCK);
	uint8_t cdb[CDB_LEN];

	cdb_rw10(cdb, write, 0, 1);
	req_init(r, d, VQ_IO);
	req_cmd(r, 1, lun, cdb);
	if (write) {
		gmem_pattern(&d->mem, gpa, BLOCK, seed);
		req_out(r, gpa, BLOCK);
	} else {
		req_in(r, gpa, BLOCK);
	}
	req_run(r);
	/* what LIO has to tell first */
	for (unsigned int i = 0; i < 8 && req_has_sense(r, 6, r->rsp.sense[12]);
	     i++) {
		req_again(r);
		req_run(r);
	}
}

static void expect_written(struct vdev *d, unsigned int lun, unsigned int disk)
{
	struct req r;

	rw(&r, d, lun, true, SEED(disk));
	req_good(&r);
	req_free(&r);
}

static void expect_disk(struct vdev *d, unsigned int lun, unsigned int disk)
{
	struct req r;

	rw(&r, d, lun, false, 0);
	req_good(&r);
	check(gmem_differs(&d->mem, r.in[0].gpa, BLOCK, SEED(disk)) < 0,
	      "LUN %u is not disk %u", lun, disk);
	req_free(&r);
}

static void expect_sense(struct vdev *d, unsigned int lun, bool write,
			 unsigned int key, unsigned int asc)
{
	struct req r;

	rw(&r, d, lun, write, 1);
	check(req_has_sense(&r, key, asc), "LUN %u: %s", lun, req_text(&r));
	req_free(&r);
}

/* Two disks as LUN 0 and 1, each with its own data. */
static void make_disks(struct tgt *t, struct bs disk[2])
{
	struct vdev *d;

	tgt_new(t);
	for (unsigned int i = 0; i < 2; i++) {
		bs_ramdisk(&disk[i], 64 * KIB);
		expect(lun_link(t, 1, i, &disk[i]), 0);
	}
	d = dev_up(t->wwn, 1, 16, F_DEFAULT);
	for (unsigned int i = 0; i < 2; i++)
		expect_written(d, i, i);
	dev_close(d);
}

/* What the harness does not know of. A nexus keeps its initiator's directory. */
static void forget_initiator(const struct tgt *t, const char *initiator)
{
	for (unsigned int i = 0; i < 2; i++)
		expect(lun_unlink(t, 1, i), 0);
	expect(tpg_nexus(t, 1, "NULL"), 0);
	expect(dir_remove("%s/tpgt_1/acls/%s", t->path, initiator), 0);
}

VRING_TEST(
	luns_acl_maps, "luns/show-an-initiator-its-own-luns",
	"see mapped LUNs under their own numbers, write-protected as they are")
{
	struct bs disk[2];
	struct vdev *d;
	struct tgt t;

	make_disks(&t, disk);
	step("map LUN 1 as 0, LUN 0 as 9");
	for (unsigned int i = 0; i < 2; i++)
		expect(lun_unlink(&t, 1, i), 0);
	expect(tpg_nexus(&t, 1, "NULL"), 0);
	for (unsigned int i = 0; i < 2; i++)
		expect(lun_link(&t, 1, i, &disk[i]), 0);
	expect(dir_make("%s/tpgt_1/acls/%s", t.path, OTHER), 0);
	map_lun(&t, OTHER, 0, 1);
	map_lun(&t, OTHER, 9, 0);
	protect(&t, OTHER, 9, "1");
	expect(tpg_nexus(&t, 1, OTHER), 0);

	d = dev_up(t.wwn, 1, 16, F_DEFAULT);
	expect_disk(d, 0, 1);
	expect_disk(d, 9, 0);
	expect_sense(d, 1, false, 5, 0x25);
	expect_sense(d, 9, true, 7, 0x27);
	step("allow writing, unmap the other");
	protect(&t, OTHER, 9, "0");
	expect_written(d, 9, 0);
	unmap_lun(&t, OTHER, 0);
	expect_sense(d, 0, false, 5, 0x25);
	expect_disk(d, 9, 0);
	dev_close(d);
	unmap_lun(&t, OTHER, 9);
	forget_initiator(&t, OTHER);
}

VRING_TEST(luns_acl_later, "luns/protect-luns-of-an-initiator-in-use",
	   "be held to rights that an attached initiator is given later")
{
	struct bs disk[2];
	struct vdev *d;
	struct tgt t;

	make_disks(&t, disk);
	d = dev_up(t.wwn, 1, 16, F_DEFAULT);
	expect_disk(d, 1, 1);
	step("make it known");
	expect(dir_make("%s/tpgt_1/acls/%s", t.path, t.wwn), 0);
	map_lun(&t, t.wwn, 1, 1);
	protect(&t, t.wwn, 1, "1");
	kmsg_mark();
	expect_sense(d, 1, true, 7, 0x27);
	check(!kmsg_has("WRITE_PROTECTED"), "LIO was asked, and printed");
	expect_disk(d, 1, 1);
	expect_disk(d, 0, 0);
	step("unmap it");
	unmap_lun(&t, t.wwn, 1);
	expect_sense(d, 1, false, 5, 0x25);
	expect_disk(d, 0, 0);
	dev_close(d);
	forget_initiator(&t, t.wwn);
}

VRING_TEST(luns_change, "luns/follow-what-a-lun-is-linked-to",
	   "find another disk, or none, as soon as a LUN is linked anew")
{
	static const unsigned int where[] = { 0, 127, 128, 16383 };
	struct bs disk[2];
	struct vdev *d;
	struct tgt t;

	make_disks(&t, disk);
	d = dev_up(t.wwn, 1, 16, F_DEFAULT);
	for (unsigned int i = 0; i < ARRAY_SIZE(where); i++) {
		unsigned int lun = where[i];

		step("LUN %u", lun);
		if (lun)
			expect(lun_link(&t, 1, lun, &disk[0]), 0);
		expect_disk(d, lun, 0);
		expect(lun_unlink(&t, 1, lun), 0);
		expect_sense(d, lun, false, 5, 0x25);
		expect(lun_link(&t, 1, lun, &disk[1]), 0);
		expect_disk(d, lun, 1);
	}
	dev_close(d);
}
