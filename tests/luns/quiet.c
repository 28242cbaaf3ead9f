// SPDX-License-Identifier: GPL-2.0
/*
 * R28: what a guest does wrong with reservations, copies and port groups is
 * refused, as often as it likes, without a line in the host's log.
 *
 * The peer on 6.12 fails both: 280 lines for 260 wrong lists; and without a
 * registration RESERVE is LOGICAL UNIT COMMUNICATION FAILURE there.
 */
#include <stdio.h>
#include "pr.h"

#define TIMES 10
#define CONFLICT RESERVATION_CONFLICT
#define MINE 0x11
#define THEIRS 0x22

/* Nothing of this prints; the kernel may have had something else to say. */
static void check_quiet(void)
{
	unsigned int lines = kmsg_count("");

	check(lines < TIMES, "%u lines in the kernel log", lines);
}

struct wrong {
	const char *what;
	uint8_t cdb[16];
	uint32_t out, in;
	uint16_t asc; /* and qualifier, with ILLEGAL REQUEST */
	uint8_t list[160];
};

#define NAA6 1, 3, 0, 16, 0x60

static const struct wrong wrong[] = {
	{ "PR OUT without a list", { 0x5f, 0 }, 0, 0, 0x1a00, { 0 } },
	{ "PR OUT of 23 bytes", { 0x5f, 0, [8] = 23 }, 23, 0, 0x1a00, { 0 } },
	{ "PR OUT of 32 bytes", { 0x5f, 0, [8] = 32 }, 32, 0, 0x1a00, { 0 } },
	{ "PR OUT, action 9", { 0x5f, 9, [8] = 24 }, 24, 0, 0x2400, { 0 } },
	{ "RESERVE of type 2", { 0x5f, 1, 2, [8] = 24 }, 24, 0, 0x2400, { 0 } },
	{ "PREEMPT of type 15",
	  { 0x5f, 4, 15, [8] = 24 },
	  24,
	  0,
	  0x2400,
	  { 0 } },
	{ "PR IN, action 4", { 0x5e, 4, [8] = 64 }, 0, 64, 0x2400, { 0 } },
	{ "READ KEYS of 4 bytes", { 0x5e, 0, [8] = 4 }, 0, 64, 0x2400, { 0 } },
	{ "RESERVE(6) of long IDs", { 0x16, 3 }, 0, 0, 0x2000, { 0 } },
	{ "EXTENDED COPY, LID4", { 0x83, 1, [13] = 16 }, 16, 0, 0x2000, { 0 } },
	{ "EXTENDED COPY of 8 bytes",
	  { 0x83, 0, [13] = 8 },
	  8,
	  0,
	  0x1a00,
	  { 0 } },
	{ "a copy of inline data",
	  { 0x83, 0, [13] = 16 },
	  16,
	  0,
	  0x2600,
	  { [15] = 1 } },
	{ "a copy cut short",
	  { 0x83, 0, [13] = 16 },
	  16,
	  0,
	  0x1a00,
	  { [3] = 64, [11] = 28 } },
	{ "a copy with half a segment",
	  { 0x83, 0, [13] = 30 },
	  30,
	  0,
	  0x2609,
	  { [11] = 14 } },
	{ "a copy with two segments",
	  { 0x83, 0, [13] = 72 },
	  72,
	  0,
	  0x2608,
	  { [11] = 56 } },
	{ "a copy with three targets",
	  { 0x83, 0, [13] = 140 },
	  140,
	  0,
	  0x2606,
	  { [3] = 96, [11] = 28, [112] = 2, [115] = 24 } },
	{ "a copy from a stream",
	  { 0x83, 0, [13] = 76 },
	  76,
	  0,
	  0x2609,
	  { [3] = 32, [11] = 28, [16] = 0xe4, 0, 0, 0, NAA6, [48] = 1 } },
	{ "a copy with a short segment",
	  { 0x83, 0, [13] = 76 },
	  76,
	  0,
	  0x2600,
	  { [3] = 32, [11] = 28, [16] = 0xe4, 0, 0, 0, NAA6, [48] = 2 } },
	{ "a copy with a target by name",
	  { 0x83, 0, [13] = 76 },
	  76,
	  0,
	  0x2600,
	  { [3] = 32, [11] = 28, [16] = 0xe4, [20] = 2, [48] = 2, [51] = 24 } },
	{ "a copy with another target descriptor",
	  { 0x83, 0, [13] = 76 },
	  76,
	  0,
	  0x2607,
	  { [3] = 32, [11] = 28, [16] = 0xe0, [48] = 2, [51] = 24 } },
	{ "COPY STATUS", { 0x84, 0, [13] = 64 }, 0, 64, 0x2400, { 0 } },
	{ "results of copy 5",
	  { 0x84, 3, 5, [13] = 64 },
	  0,
	  64,
	  0x2400,
	  { 0 } },
	{ "20 bytes of copy parameters",
	  { 0x84, 3, [13] = 20 },
	  0,
	  64,
	  0x2400,
	  { 0 } },
	{ "2 bytes of port groups",
	  { 0xa3, 0x0a, [9] = 2 },
	  0,
	  64,
	  0x2400,
	  { 0 } },
	{ "6 bytes of port groups, extended",
	  { 0xa3, 0x2a, [9] = 6 },
	  0,
	  64,
	  0x2400,
	  { 0 } },
	{ "2 bytes to port groups",
	  { 0xa4, 0x0a, [9] = 2 },
	  2,
	  0,
	  0x2600,
	  { 0 } },
};

static void run_wrong(struct vdev *d, const struct wrong *w)
{
	uint64_t gpa = gmem_alloc(&d->mem, 256, 64);
	uint8_t cdb[CDB_LEN] = { 0 };
	struct req r;

	step("%s", w->what);
	memcpy(cdb, w->cdb, sizeof(w->cdb));
	gmem_put(&d->mem, gpa, w->list, sizeof(w->list));
	req_init(&r, d, VQ_IO);
	req_cmd(&r, 1, 0, cdb);
	if (w->out)
		req_out(&r, gpa, w->out);
	if (w->in)
		req_in(&r, gpa, w->in);
	for (int i = 0; i < TIMES; i++) {
		req_again(&r);
		req_run(&r);
		req_sense(&r, 5, w->asc >> 8);
		check(r.rsp.sense[13] == (w->asc & 0xff), "%s", req_text(&r));
	}
	req_free(&r);
}

VRING_TEST(quiet_lists, "luns/print-nothing-about-wrong-lists",
	   "be refused wrong parameter lists without a line in the kernel log")
{
	struct vdev *d;
	struct tgt t;
	struct bs b;

	bs_fileio(&b, 4 * MIB);
	expect(bs_attrib(&b, "emulate_tpu", "1"), 0);
	tgt_new(&t);
	expect(lun_link(&t, 1, 0, &b), 0);
	d = dev_up(t.wwn, 1, 64, F_DEFAULT);
	scsi_tur(d, VQ_IO);
	kmsg_mark();
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
		run_wrong(d, &wrong[i]);
	check_quiet();
}

/* Two guests on one backstore. */
static void start(struct vdev *d[2])
{
	struct tgt t[2];
	struct bs b;

	bs_ramdisk(&b, 1 * MIB);
	for (int i = 0; i < 2; i++) {
		tgt_new(&t[i]);
		expect(lun_link(&t[i], 1, 0, &b), 0);
		d[i] = dev_up(t[i].wwn, 1, 64, F_DEFAULT);
		scsi_tur(d[i], VQ_IO);
	}
}

static void refused(struct vdev *d, uint8_t action, uint8_t type, uint64_t key,
		    uint64_t new_key, uint8_t want)
{
	for (int i = 0; i < TIMES; i++) {
		uint8_t got = pr_out(d, action, type, key, new_key);

		check(got == want, "action %u type %u: status %02x, want %02x",
		      action, type, got, want);
	}
}

static void done(struct vdev *d, uint8_t action, uint8_t type, uint64_t key,
		 uint64_t new_key)
{
	uint8_t got = 0xff;

	/* past unit attentions of what the other one did */
	for (int i = 0; i < 3 && got; i++)
		got = pr_out(d, action, type, key, new_key);
	check(!got, "action %u type %u: status %02x", action, type, got);
}

static uint8_t spc2(struct vdev *d, uint8_t opcode)
{
	uint8_t cdb[CDB_LEN] = { opcode };
	struct req r;

	req_init(&r, d, VQ_IO);
	req_cmd(&r, 1, 0, cdb);
	req_run(&r);
	req_response(&r, VIRTIO_SCSI_S_OK);
	return r.rsp.status;
}

VRING_TEST(quiet_pr, "luns/print-nothing-about-reservations",
	   "be refused another guest's reservation without a kernel line")
{
	uint8_t whole = WRITE_EXCLUSIVE, part = WRITE_EXCLUSIVE | 0x10;
	struct vdev *d[2];

	start(d);
	kmsg_mark();
	step("not registered");
	refused(d[0], PR_REGISTER, 0, 5, MINE, CONFLICT);
	refused(d[0], PR_RESERVE, whole, MINE, 0, CONFLICT);
	refused(d[0], PR_RELEASE, whole, MINE, 0, CONFLICT);
	refused(d[0], PR_CLEAR, 0, MINE, 0, CONFLICT);
	refused(d[0], PR_PREEMPT, whole, MINE, THEIRS, CONFLICT);
	step("registered");
	done(d[0], PR_REGISTER, 0, 0, MINE);
	done(d[1], PR_REGISTER, 0, 0, THEIRS);
	refused(d[0], PR_REGISTER, 0, THEIRS, MINE, CONFLICT);
	refused(d[0], PR_RESERVE, whole, THEIRS, 0, CONFLICT);
	refused(d[0], PR_CLEAR, 0, THEIRS, 0, CONFLICT);
	refused(d[0], PR_RESERVE, part, MINE, 0, 2);
	refused(d[0], PR_PREEMPT, part, MINE, THEIRS, 2);
	for (int i = 0; i < TIMES; i++)
		check(spc2(d[0], 0x16) == CONFLICT, "RESERVE(6) is taken");
	step("reserved");
	done(d[0], PR_RESERVE, whole, MINE, 0);
	done(d[0], PR_RESERVE, whole, MINE, 0);
	refused(d[0], PR_RESERVE, EXCLUSIVE_ACCESS, MINE, 0, CONFLICT);
	refused(d[0], PR_RELEASE, EXCLUSIVE_ACCESS, MINE, 0, CONFLICT);
	refused(d[0], PR_RELEASE, whole, THEIRS, 0, CONFLICT);
	refused(d[1], PR_RESERVE, whole, THEIRS, 0, CONFLICT);
	done(d[1], PR_RELEASE, whole, THEIRS, 0);
	check(pr_holder(d[1]) == MINE, "the reservation is gone");
	step("released");
	done(d[0], PR_RELEASE, whole, MINE, 0);
	done(d[0], PR_CLEAR, 0, MINE, 0);
	step("an SPC-2 reservation");
	for (int i = 0; i < 3 && spc2(d[0], 0x16); i++)
		;
	refused(d[0], PR_REGISTER, 0, 0, MINE, CONFLICT);
	check(!spc2(d[0], 0x17), "it is not released");
	for (int i = 0; i < 3 && pr_out(d[0], PR_REGISTER, 0, 0, MINE); i++)
		;
	check(pr_keys(d[0], NULL, 0) == 1, "not registered");
	check_quiet();
}
