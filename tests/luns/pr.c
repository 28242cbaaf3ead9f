// SPDX-License-Identifier: GPL-2.0
/*
 * Persistent reservations between two guests: two WWNs, each with a nexus of
 * its own, over one backstore. A registration belongs to the nexus' name, and
 * neither the VMM nor its device is a part of that.
 */
#include <stdio.h>
#include "pr.h"

#define KEY_A 0xa11ce00000000001ull
#define KEY_B 0xb0b0000000000002ull

static void attach(struct tgt *t, struct vdev **d, const struct bs *b)
{
	tgt_new(t);
	expect(lun_link(t, 1, 0, b), 0);
	*d = dev_up(t->wwn, 1, 64, F_DEFAULT);
	scsi_tur(*d, VQ_IO);
}

static struct vdev *again(const struct tgt *t)
{
	return dev_up(t->wwn, 1, 64, F_DEFAULT);
}

struct guests {
	struct tgt ta, tb;
	struct vdev *a, *b;
};

static void start(struct guests *g)
{
	struct bs b;

	bs_ramdisk(&b, 4 * MIB);
	attach(&g->ta, &g->a, &b);
	attach(&g->tb, &g->b, &b);
}

VRING_TEST(
	pr_conflict, "luns/answer-reservation-conflict",
	"reserve a LUN from one guest; the other gets RESERVATION CONFLICT until it is released")
{
	uint64_t keys[4];
	struct guests g;

	start(&g);
	step("WRITE EXCLUSIVE");
	expect(pr_out(g.a, PR_REGISTER, 0, 0, KEY_A), 0);
	expect(pr_out(g.a, PR_RESERVE, WRITE_EXCLUSIVE, KEY_A, 0), 0);
	expect(pr_status(g.a, true), 0);
	expect(pr_status(g.b, false), 0);
	expect(pr_status(g.b, true), RESERVATION_CONFLICT);
	step("a registration is no reservation");
	expect(pr_out(g.b, PR_REGISTER, 0, 0, KEY_B), 0);
	expect(pr_status(g.b, true), RESERVATION_CONFLICT);
	expect(pr_out(g.b, PR_RESERVE, WRITE_EXCLUSIVE, KEY_B, 0),
	       RESERVATION_CONFLICT);
	check(pr_keys(g.b, keys, 4) == 2 && keys[0] == KEY_A &&
		      keys[1] == KEY_B,
	      "keys %llx %llx", (unsigned long long)keys[0],
	      (unsigned long long)keys[1]);
	check(pr_holder(g.b) == KEY_A, "the holder is another");
	step("EXCLUSIVE ACCESS");
	expect(pr_out(g.a, PR_RELEASE, WRITE_EXCLUSIVE, KEY_A, 0), 0);
	expect(pr_status(g.b, true), 0);
	expect(pr_out(g.b, PR_RESERVE, EXCLUSIVE_ACCESS, KEY_B, 0), 0);
	expect(pr_status(g.a, false), RESERVATION_CONFLICT);
	expect(pr_status(g.a, true), RESERVATION_CONFLICT);
	step("CLEAR");
	expect(pr_out(g.b, PR_CLEAR, 0, KEY_B, 0), 0);
	expect(pr_status(g.a, true), 0);
	check(!pr_keys(g.a, keys, 4), "a key is left");
}

/* The initiator that READ FULL STATUS names for the first registration. */
static void expect_initiator(struct vdev *d, const struct tgt *t)
{
	uint8_t buf[512], want[8];

	pr_in(d, PR_FULL_STATUS, buf, sizeof(buf));
	for (int i = 0; i < 8; i++) {
		char digits[3] = { t->wwn[4 + 2 * i], t->wwn[5 + 2 * i] };

		want[i] = strtoul(digits, NULL, 16);
	}
	/* TransportID of SAS: 4 bytes, then its address. */
	check(buf[8 + 24] == 6 && !memcmp(buf + 8 + 24 + 4, want, 8),
	      "the registration is of another initiator");
}

VRING_TEST(
	pr_stable, "luns/keep-registrations-over-clear-and-set",
	"keep registration and reservation while the device is detached, closed and opened again")
{
	struct guests g;

	start(&g);
	expect(pr_out(g.a, PR_REGISTER, 0, 0, KEY_A), 0);
	expect(pr_out(g.a, PR_RESERVE, WRITE_EXCLUSIVE, KEY_A, 0), 0);
	expect_initiator(g.b, &g.ta);
	for (int i = 0; i < 3; i++) {
		step("CLEAR and SET %d", i);
		expect(dev_clear_endpoint(g.a->fd, g.ta.wwn), 0);
		expect(pr_status(g.b, true), RESERVATION_CONFLICT);
		expect(dev_set_endpoint(g.a->fd, g.ta.wwn), 0);
		expect(pr_status(g.a, true), 0);
	}
	step("another VMM");
	dev_close(g.a);
	expect(pr_status(g.b, true), RESERVATION_CONFLICT);
	g.a = again(&g.ta);
	expect(pr_status(g.a, true), 0);
	check(pr_holder(g.a) == KEY_A, "the holder is another");
	expect_initiator(g.b, &g.ta);
	expect(pr_out(g.a, PR_RELEASE, WRITE_EXCLUSIVE, KEY_A, 0), 0);
	expect(pr_status(g.b, true), 0);
}

VRING_TEST(
	pr_preempt, "luns/preempt-a-reservation",
	"take a reservation from the other guest, which is told so and locked out")
{
	uint64_t keys[4];
	struct guests g;
	uint8_t cdb[CDB_LEN];
	struct req r;

	start(&g);
	expect(pr_out(g.a, PR_REGISTER, 0, 0, KEY_A), 0);
	expect(pr_out(g.a, PR_RESERVE, WRITE_EXCLUSIVE, KEY_A, 0), 0);
	expect(pr_out(g.b, PR_REGISTER, 0, 0, KEY_B), 0);
	expect(pr_out(g.b, PR_PREEMPT, WRITE_EXCLUSIVE, KEY_B, KEY_A), 0);
	step("the victim");
	cdb_tur(cdb);
	req_init(&r, g.a, VQ_IO);
	req_cmd(&r, 1, 0, cdb);
	req_run(&r);
	req_sense(&r, 6, 0x2a);
	expect(pr_status(g.a, true), RESERVATION_CONFLICT);
	expect(pr_status(g.b, true), 0);
	check(pr_keys(g.a, keys, 4) == 1 && keys[0] == KEY_B,
	      "the victim's key is left");
	check(pr_holder(g.a) == KEY_B, "the holder is another");
}

#define HELD 16

/*
 * An aborted command, or one that LIO looked at only after the preemption; but
 * none is GOOD.
 */
static bool is_aborted(const struct req *r, bool tas)
{
	const struct virtio_scsi_cmd_resp *p = &r->rsp;

	if (!p->response && p->status == RESERVATION_CONFLICT)
		return false;
	/* The first that came late is told of it: registrations preempted. */
	if (req_has_sense(r, 6, 0x2a) && p->sense[13] == 5)
		return false;
	check(p->response || p->status, "an aborted command is GOOD");
	if (tas)
		check(!p->response && p->status == TASK_ABORTED, "%s",
		      req_text(r));
	else
		req_response(r, VIRTIO_SCSI_S_RESET);
	return true;
}

/*
 * PREEMPT AND ABORT ends the victim's commands. With TAS they have the status
 * TASK ABORTED, without there is none, and the guest is told RESET; what a
 * backstore never did is not GOOD.
 *
 * The peer on 6.12 hangs in both tests: LIO waits in the command for the worker
 * that carries it out. So did our module before it used a worker of its own.
 */
static void preempt_and_abort(bool tas)
{
	struct req held[HELD], pr;
	unsigned int aborted = 0;
	struct guests g;
	struct bs b;
	struct dm m;

	dm_new(&m, brd_device());
	bs_iblock(&b, m.node);
	expect(bs_attrib(&b, "emulate_tas", tas ? "1" : "0"), 0);
	attach(&g.ta, &g.a, &b);
	attach(&g.tb, &g.b, &b);
	expect(pr_out(g.a, PR_REGISTER, 0, 0, KEY_A), 0);
	expect(pr_out(g.a, PR_RESERVE, WRITE_EXCLUSIVE, KEY_A, 0), 0);
	expect(pr_out(g.b, PR_REGISTER, 0, 0, KEY_B), 0);
	scsi_write_pattern(g.a, VQ_IO, 0, HELD * 4096, 1);
	dm_suspend(&m);
	for (int i = 0; i < HELD; i++) {
		uint64_t gpa = gmem_alloc(&g.a->mem, 4096, 4096);

		gmem_pattern(&g.a->mem, gpa, 4096, 100 + i);
		scsi_rw_prep(&held[i], g.a, VQ_IO, true, i * 8, gpa, 4096);
		held[i].direct = 0;
		req_send(&held[i]);
	}
	check(wait_until(*ring_avail_event(&g.a->vq[VQ_IO]) ==
			 g.a->vq[VQ_IO].avail_idx),
	      "the commands are not taken");
	step("wait for the abort to be at work");
	pr_out_prep(&pr, g.b, PR_PREEMPT_AND_ABORT, WRITE_EXCLUSIVE, KEY_B,
		    KEY_A, false);
	req_send(&pr);
	check(wait_until(task_stands_in("target_put_cmd_and_wait")),
	      "the abort does not wait for the commands");
	check(!ring_collect(&g.b->vq[VQ_IO]), "the abort does not wait");
	dm_resume_failing(&m);
	step("wait for the answers");
	req_wait(&pr);
	req_good(&pr);
	for (int i = 0; i < HELD; i++) {
		req_wait(&held[i]);
		aborted += is_aborted(&held[i], tas);
	}
	check(aborted, "no command was aborted");
	expect(pr_status(g.a, true), RESERVATION_CONFLICT);
	check(pr_holder(g.b) == KEY_B, "the holder is another");
}

VRING_TEST(
	pr_abort, "luns/preempt-and-abort-without-tas",
	"take a reservation and abort 16 WRITEs, which are all answered RESET")
{
	preempt_and_abort(false);
}

VRING_TEST(
	pr_abort_tas, "luns/preempt-and-abort-with-tas",
	"take a reservation and abort 16 WRITEs, which all have the status TASK ABORTED")
{
	preempt_and_abort(true);
}

/* The file that LIO keeps registrations in, as one line for each. */
static unsigned int read_metadata(const struct bs *b, char (*line)[512],
				  unsigned int max)
{
	char root[128], serial[128], buf[4096], *p, *end;
	unsigned int n = 0;

	expect(file_read(root, sizeof(root), CONFIG_TARGET "/dbroot"), 0);
	root[strcspn(root, "\n")] = 0;
	expect(file_read(serial, sizeof(serial), "%s/wwn/vpd_unit_serial",
			 b->path),
	       0);
	serial[strcspn(serial, "\n")] = 0;
	expect(file_read(buf, sizeof(buf), "%s/pr/aptpl_%s", root,
			 strchr(serial, ':') + 2),
	       0);
	for (p = buf; (p = strstr(p, "PR_REG_START:")) && n < max; p = end) {
		p = strchr(p, '\n') + 1;
		end = strstr(p, "PR_REG_END:");
		check(end, "a registration without an end");
		snprintf(line[n], sizeof(line[n]), "%.*s", (int)(end - p), p);
		for (char *c = line[n]; (c = strchr(c, '\n'));)
			*c = ',';
		n++;
	}
	return n;
}

/* The backstore, taken away and made anew with its name and serial number. */
static void make_again(const struct bs *b)
{
	char serial[128];

	expect(file_read(serial, sizeof(serial), "%s/wwn/vpd_unit_serial",
			 b->path),
	       0);
	serial[strcspn(serial, "\n")] = 0;
	expect(dir_remove("%s", b->path), 0);
	expect(dir_make("%s", b->path), 0);
	expect(file_write("rd_pages=1024", "%s/control", b->path), 0);
	expect(file_write(strchr(serial, ':') + 2, "%s/wwn/vpd_unit_serial",
			  b->path),
	       0);
	expect(file_write("1", "%s/enable", b->path), 0);
}

/*
 * Activate persist through power loss: LIO writes a file, whose content comes
 * back when the backstore is made anew, and is honoured for a nexus of the same
 * name on a target of the same name.
 */
VRING_TEST(
	pr_aptpl, "luns/honour-registrations-after-power-loss",
	"make target and backstore anew with the APTPL metadata; the reservation holds")
{
	char line[4][512];
	struct guests g;
	unsigned int n;
	struct req r;
	struct bs b;

	bs_ramdisk(&b, 4 * MIB);
	attach(&g.ta, &g.a, &b);
	attach(&g.tb, &g.b, &b);
	step("register and reserve with APTPL");
	pr_out_prep(&r, g.a, PR_REGISTER, 0, 0, KEY_A, true);
	req_run(&r);
	req_good(&r);
	expect(pr_out(g.a, PR_RESERVE, WRITE_EXCLUSIVE, KEY_A, 0), 0);
	n = read_metadata(&b, line, ARRAY_SIZE(line));
	check(n == 1, "%u registrations in the metadata", n);
	step("power loss");
	dev_close(g.a);
	dev_close(g.b);
	expect(lun_unlink(&g.ta, 1, 0), 0);
	expect(lun_unlink(&g.tb, 1, 0), 0);
	expect(tpg_rmdir(&g.ta, 1), 0);
	expect(tpg_rmdir(&g.tb, 1), 0);
	make_again(&b);
	step("power");
	expect(file_write(line[0], "%s/pr/res_aptpl_metadata", b.path), 0);
	tgt_add(&g.ta, 1);
	tgt_add(&g.tb, 1);
	expect(lun_link(&g.ta, 1, 0, &b), 0);
	expect(lun_link(&g.tb, 1, 0, &b), 0);
	g.a = again(&g.ta);
	g.b = again(&g.tb);
	scsi_tur(g.a, VQ_IO);
	scsi_tur(g.b, VQ_IO);
	check(pr_holder(g.b) == KEY_A, "the holder is another");
	expect_initiator(g.b, &g.ta);
	expect(pr_status(g.b, true), RESERVATION_CONFLICT);
	expect(pr_status(g.a, true), 0);
}
