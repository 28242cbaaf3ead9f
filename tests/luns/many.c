// SPDX-License-Identifier: GPL-2.0
/*
 * As many LUNs as a large host has: 1,000 over 16 targets of one WWN, each on a
 * backstore of its own, with LUN numbers of every size.
 */
#include <stdio.h>
#include "vring.h"

#define LUNS 1000
#define TARGETS 16
#define BATCH 50

static struct bs *store;

static unsigned int target_of(unsigned int i)
{
	return 1 + i % TARGETS;
}

/* 0 to 31, then from 250 on over the 8 bits of one byte, and the last. */
static unsigned int lun_of(unsigned int i)
{
	unsigned int n = i / TARGETS;

	if (i + TARGETS >= LUNS)
		return 16383;
	return n < 32 ? n : 250 - 32 + n;
}

static void make_all(struct tgt *t)
{
	step("make %u LUNs", LUNS);
	store = calloc(LUNS, sizeof(*store));
	tgt_name(t);
	expect(tgt_mkdir(t), 0);
	for (unsigned int i = 1; i <= TARGETS; i++)
		expect(tpg_mkdir(t, i), 0);
	for (unsigned int i = 0; i < LUNS; i++) {
		bs_ramdisk(&store[i], 4 * KIB);
		expect(lun_link(t, target_of(i), lun_of(i), &store[i]), 0);
	}
	for (unsigned int i = 1; i <= TARGETS; i++)
		expect(tpg_nexus(t, i, t->wwn), 0);
}

/* Each unlink waits for RCU: one process for each target, or it takes long. */
static void remove_all(const struct tgt *t)
{
	pid_t pid[TARGETS];

	step("remove %u LUNs", LUNS);
	for (unsigned int k = 0; k < TARGETS; k++) {
		pid[k] = test_fork();
		if (pid[k])
			continue;
		for (unsigned int i = k; i < LUNS; i += TARGETS)
			expect(lun_unlink(t, target_of(i), lun_of(i)), 0);
		_exit(EXIT_PASS);
	}
	for (unsigned int k = 0; k < TARGETS; k++)
		check(!test_reap(pid[k]), "the removal from target %u failed",
		      k + 1);
}

/* Sends what @prep makes of each LUN, BATCH at once, and hands on the answers. */
static void for_all(struct vdev *d, void (*prep)(struct req *, unsigned int),
		    void (*done)(struct req *, unsigned int))
{
	struct req r[BATCH];
	uint64_t mark = d->mem.used;

	for (unsigned int at = 0; at < LUNS; at += BATCH) {
		d->mem.used = mark;
		for (unsigned int i = 0; i < BATCH; i++) {
			req_init(&r[i], d, VQ_IO);
			r[i].direct = 0;
			prep(&r[i], at + i);
			req_queue(&r[i]);
		}
		ring_publish(&d->vq[VQ_IO]);
		ring_kick(&d->vq[VQ_IO]);
		for (unsigned int i = 0; i < BATCH; i++) {
			req_wait(&r[i]);
			done(&r[i], at + i);
			req_free(&r[i]);
		}
	}
	d->mem.used = mark;
}

static void prep_cmd(struct req *r, unsigned int i, const uint8_t *cdb)
{
	req_cmd(r, target_of(i), lun_of(i), cdb);
}

static uint64_t take_in(struct req *r, uint32_t len)
{
	uint64_t gpa = gmem_alloc(&r->dev->mem, len, 512);

	req_in(r, gpa, len);
	return gpa;
}

static void prep_tur(struct req *r, unsigned int i)
{
	uint8_t cdb[CDB_LEN];

	cdb_tur(cdb);
	prep_cmd(r, i, cdb);
}

/* The first answer is a unit attention. */
static void any(struct req *r, unsigned int i)
{
}

static void good(struct req *r, unsigned int i)
{
	check(!r->rsp.response && !r->rsp.status, "target %u LUN %u: %s",
	      target_of(i), lun_of(i), req_text(r));
}

static void prep_serial(struct req *r, unsigned int i)
{
	uint8_t cdb[CDB_LEN];

	cdb_inquiry(cdb, 0x80, 252);
	prep_cmd(r, i, cdb);
	take_in(r, 252);
}

static void is_own_serial(struct req *r, unsigned int i)
{
	char want[128] = "", got[253] = "";

	good(r, i);
	file_read(want, sizeof(want), "%s/wwn/vpd_unit_serial", store[i].path);
	gmem_get(&r->dev->mem, r->in[0].gpa, got, 252);
	check(!strncmp(strchr(want, ':') + 2, got + 4, 36),
	      "target %u LUN %u has serial %.36s, want %s", target_of(i),
	      lun_of(i), got + 4, want);
}

static void prep_write(struct req *r, unsigned int i)
{
	uint8_t cdb[CDB_LEN];
	uint64_t gpa = gmem_alloc(&r->dev->mem, BLOCK, 512);

	cdb_rw10(cdb, true, 3, 1);
	prep_cmd(r, i, cdb);
	gmem_pattern(&r->dev->mem, gpa, BLOCK, 5000 + i);
	req_out(r, gpa, BLOCK);
}

static void prep_read(struct req *r, unsigned int i)
{
	uint8_t cdb[CDB_LEN];

	cdb_rw10(cdb, false, 3, 1);
	prep_cmd(r, i, cdb);
	take_in(r, BLOCK);
}

static void is_own_data(struct req *r, unsigned int i)
{
	good(r, i);
	check(gmem_differs(&r->dev->mem, r->in[0].gpa, BLOCK, 5000 + i) < 0,
	      "target %u LUN %u has the data of another", target_of(i),
	      lun_of(i));
}

/* REPORT LUNS of a target: every LUN once, and none that is not there. */
static void expect_list(struct vdev *d, unsigned int target)
{
	unsigned int want = 0, missing = 0;
	uint8_t cdb[CDB_LEN], list[4096];
	struct req r;

	step("REPORT LUNS of target %u", target);
	cdb_report_luns(cdb, sizeof(list));
	req_init(&r, d, VQ_IO);
	req_cmd(&r, target, 0, cdb);
	req_in(&r, gmem_alloc(&d->mem, sizeof(list), 512), sizeof(list));
	req_run(&r);
	req_good(&r);
	gmem_get(&d->mem, r.in[0].gpa, list, sizeof(list));
	req_free(&r);
	for (unsigned int i = target - 1; i < LUNS; i += TARGETS) {
		unsigned int lun = lun_of(i), at;

		want++;
		for (at = 8; at < 8 + 8 * LUNS / TARGETS + 8; at += 8)
			if ((list[at] & 0x3f) == lun >> 8 &&
			    list[at + 1] == (lun & 0xff))
				break;
		missing += at >= 8 + 8 * LUNS / TARGETS + 8;
	}
	check(!missing, "%u LUNs are not in the list", missing);
	check((unsigned int)(list[2] << 8 | list[3]) == 8 * want,
	      "the list has %u bytes, want %u", list[2] << 8 | list[3],
	      8 * want);
}

VRING_TEST_LIMIT(
	luns_many, "luns/serve-1000-luns-on-16-targets",
	"find 1,000 LUNs of 16 targets, each with its own serial number and data",
	120)
{
	struct vdev *d;
	struct tgt t;

	make_all(&t);
	d = dev_up(t.wwn, 1, 128, F_DEFAULT);
	step("TEST UNIT READY");
	for_all(d, prep_tur, any);
	for_all(d, prep_tur, good);
	step("INQUIRY");
	for_all(d, prep_serial, is_own_serial);
	step("WRITE");
	for_all(d, prep_write, good);
	step("READ");
	for_all(d, prep_read, is_own_data);
	for (unsigned int i = 1; i <= TARGETS; i++)
		expect_list(d, i);
	dev_close(d);
	remove_all(&t);
}
