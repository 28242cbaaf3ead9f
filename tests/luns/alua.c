// SPDX-License-Identifier: GPL-2.0
/*
 * Asymmetric access (ALUA): what an administrator sets in configfs is what the
 * guest is told.
 */
#include <stdio.h>
#include "vring.h"

static int set_state(const struct bs *b, unsigned int state)
{
	char text[8];

	snprintf(text, sizeof(text), "%u", state);
	return file_write(text, "%s/alua/default_tg_pt_gp/alua_access_state",
			  b->path);
}

/* State of the first group that REPORT TARGET PORT GROUPS lists. */
static unsigned int reported(struct vdev *d)
{
	uint8_t cdb[CDB_LEN] = { 0xa3, 0x0a, [9] = 128 };
	uint64_t gpa = gmem_alloc(&d->mem, 128, 64);
	uint8_t buf[128];
	struct req r;

	req_init(&r, d, VQ_IO);
	req_cmd(&r, 1, 0, cdb);
	req_in(&r, gpa, 128);
	req_run(&r);
	req_good(&r);
	gmem_get(&d->mem, gpa, buf, sizeof(buf));
	check(buf[3] >= 12 && buf[11] == 1,
	      "no group of one port: %u bytes, %u ports", buf[3], buf[11]);
	return buf[4] & 0xf;
}

/* One block read, past the unit attention that the change raises (2A/06). */
static void read_block(struct vdev *d, struct req *r)
{
	for (int i = 0; i < 4; i++) {
		scsi_rw_prep(r, d, VQ_IO, false, 0,
			     gmem_alloc(&d->mem, BLOCK, 512), BLOCK);
		req_run(r);
		req_free(r);
		if (!req_has_sense(r, 6, 0x2a))
			return;
	}
}

VRING_TEST(
	alua_state, "luns/report-alua-states",
	"change the state of a port group by configfs and be told by report, unit attention and sense")
{
	static const struct {
		unsigned int state;
		uint8_t ascq; /* of NOT READY 04h, 0: GOOD */
	} cases[] = {
		{ 1, 0 }, { 2, 0x0b }, { 3, 0x0c }, { 15, 0x0a }, { 0, 0 }
	};
	uint8_t cdb[CDB_LEN];
	struct vdev *d;
	struct req r;
	struct tgt t;
	struct bs b;

	bs_ramdisk(&b, 4 * MIB);
	tgt_new(&t);
	expect(lun_link(&t, 1, 0, &b), 0);
	d = dev_up(t.wwn, 1, 64, F_DEFAULT);
	scsi_tur(d, VQ_IO);
	check(reported(d) == 0, "the state is %u at first", reported(d));
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		step("state %u", cases[i].state);
		expect(set_state(&b, cases[i].state), 0);
		cdb_tur(cdb);
		req_init(&r, d, VQ_IO);
		req_cmd(&r, 1, 0, cdb);
		req_run(&r);
		req_sense(&r, 6, 0x2a);
		check(r.rsp.sense[13] == 6, "%s", req_text(&r));
		check(reported(d) == cases[i].state, "state %u is reported",
		      reported(d));
		read_block(d, &r);
		if (!cases[i].ascq) {
			req_good(&r);
			continue;
		}
		req_sense(&r, 2, 0x04);
		check(r.rsp.sense[13] == cases[i].ascq, "%s", req_text(&r));
	}
}
