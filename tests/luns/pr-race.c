// SPDX-License-Identifier: GPL-2.0
/*
 * PERSISTENT RESERVE OUT as LIO does not expect it: a registration that preempts
 * itself, and two commands about registrations at once.
 *
 * Seen to fail on the module before kmod/conflict.c, 6.12: LIO takes the PREEMPT of
 * refuse-to-preempt-ones-own-key, and the changes of be-busy-beside-preempt-and-abort;
 * in change-registrations-at-once the 16th CLEAR beside a CLEAR is not answered, in
 * preempt-and-abort-beside-resets the third round's LUN RESETs, and neither LUN can
 * be removed any more.
 */
#include "pr.h"

#define PR_REGISTER_AND_IGNORE 0x06
#define KEY 0x1234567800000001ull
#define OTHER_KEY 0x1234567800000002ull
#define WRITE_EXCLUSIVE_ALL_REGISTRANTS 0x07

/* It is refused, and the registration is still there. */
static void refuse_preempt(struct vdev *d, uint8_t action, uint64_t holder)
{
	uint64_t keys[4];
	unsigned int n;
	struct req r;

	for (int i = 0; i < 8; i++) {
		step("action %u, round %d", action, i);
		pr_out_prep(&r, d, action, WRITE_EXCLUSIVE, KEY, KEY, false);
		req_run(&r);
		req_free(&r);
		req_sense(&r, 5, 0x26);
		n = pr_keys(d, keys, 4);
		check(n == (holder ? 2 : 1) && keys[0] == KEY, "%u keys", n);
		check(pr_holder(d) == holder, "the holder is another");
	}
}

VRING_TEST(
	pr_own_key, "luns/refuse-to-preempt-ones-own-key",
	"preempt one's own registration that holds no reservation, and be refused")
{
	struct vdev *a, *b;
	struct bs bs;

	bs_ramdisk(&bs, 4 * MIB);
	a = dev_up_on(&bs, 1);
	b = dev_up_on(&bs, 1);
	expect(pr_out(a, PR_REGISTER, 0, 0, KEY), 0);
	refuse_preempt(a, PR_PREEMPT, 0);
	refuse_preempt(a, PR_PREEMPT_AND_ABORT, 0);
	step("beside another's reservation");
	expect(pr_out(b, PR_REGISTER, 0, 0, OTHER_KEY), 0);
	expect(pr_out(b, PR_RESERVE, WRITE_EXCLUSIVE, OTHER_KEY, 0), 0);
	refuse_preempt(a, PR_PREEMPT, OTHER_KEY);
	refuse_preempt(a, PR_PREEMPT_AND_ABORT, OTHER_KEY);
}

VRING_TEST(
	pr_own_reservation, "luns/preempt-ones-own-reservation",
	"preempt reservations of one's own, as SPC allows, and those of all registrants")
{
	static const uint8_t action[] = { PR_PREEMPT, PR_PREEMPT_AND_ABORT };
	struct vdev *a, *b;
	uint64_t keys[4];
	struct bs bs;

	bs_ramdisk(&bs, 4 * MIB);
	a = dev_up_on(&bs, 1);
	b = dev_up_on(&bs, 1);
	expect(pr_out(a, PR_REGISTER, 0, 0, KEY), 0);
	expect(pr_out(a, PR_RESERVE, WRITE_EXCLUSIVE, KEY, 0), 0);
	for (size_t i = 0; i < ARRAY_SIZE(action); i++) {
		step("action %u", action[i]);
		expect(pr_out(a, action[i], EXCLUSIVE_ACCESS, KEY, KEY), 0);
		check(pr_holder(a) == KEY, "the holder is another");
		check(pr_keys(a, keys, 4) == 1, "the key is gone");
	}
	step("all registrants");
	expect(pr_out(a, PR_RELEASE, EXCLUSIVE_ACCESS, KEY, 0), 0);
	expect(pr_out(b, PR_REGISTER, 0, 0, OTHER_KEY), 0);
	expect(pr_out(b, PR_RESERVE, WRITE_EXCLUSIVE_ALL_REGISTRANTS, OTHER_KEY,
		      0),
	       0);
	scsi_tur(a, VQ_IO);
	expect(pr_out(a, PR_PREEMPT, WRITE_EXCLUSIVE, KEY, KEY), 0);
	check(pr_keys(a, keys, 4) == 2, "a key is gone");
}

/* One command, until no unit attention is left to report. */
static void settle(struct vdev *d, uint8_t action, uint64_t key,
		   uint64_t new_key)
{
	struct req r;

	for (int i = 0; i < 8; i++) {
		pr_out_prep(&r, d, action, WRITE_EXCLUSIVE, key, new_key,
			    false);
		req_run(&r);
		req_free(&r);
		if (!r.rsp.response && r.rsp.status != 2)
			break;
	}
	req_good(&r);
}

/* Any answer will do, as long as there is one. */
static void check_answer(const struct req *r)
{
	uint8_t status = r->rsp.status;

	if (r->rsp.response == VIRTIO_SCSI_S_OK)
		check(!status || status == 2 || status == 8 ||
			      status == RESERVATION_CONFLICT,
		      "%s", req_text(r));
	else
		req_response(r, VIRTIO_SCSI_S_RESET);
}

static void at_once(struct vdev *d, uint8_t first, uint8_t second, int rounds)
{
	uint64_t mark = d->mem.used;
	struct req r[2];

	for (int round = 0; round < rounds; round++) {
		step("actions %u and %u, round %d", first, second, round);
		settle(d, PR_REGISTER_AND_IGNORE, 0, KEY);
		settle(d, PR_RESERVE, KEY, 0);
		for (int i = 0; i < 2; i++) {
			pr_out_prep(&r[i], d, i ? second : first,
				    WRITE_EXCLUSIVE, KEY, KEY, false);
			r[i].vq = &d->vq[VQ_IO + i];
			req_queue(&r[i]);
		}
		for (int i = 0; i < 2; i++)
			ring_publish(r[i].vq);
		for (int i = 0; i < 2; i++)
			ring_kick(r[i].vq);
		for (int i = 0; i < 2; i++) {
			req_wait(&r[i]);
			check_answer(&r[i]);
			req_free(&r[i]);
		}
		d->mem.used = mark;
	}
}

static struct vdev *start(unsigned int queues)
{
	struct bs b;

	bs_ramdisk(&b, 4 * MIB);
	return dev_up_on(&b, queues);
}

VRING_TEST_LIMIT(
	pr_race, "luns/change-registrations-at-once",
	"send two commands that change one registration at once, from two queues",
	180)
{
	struct vdev *d = start(2);

	at_once(d, PR_CLEAR, PR_CLEAR, 300);
	at_once(d, PR_PREEMPT, PR_RESERVE, 300);
	at_once(d, PR_PREEMPT_AND_ABORT, PR_PREEMPT_AND_ABORT, 300);
	at_once(d, PR_CLEAR, PR_PREEMPT_AND_ABORT, 100);
	settle(d, PR_REGISTER_AND_IGNORE, 0, KEY);
	settle(d, PR_CLEAR, KEY, 0);
}

VRING_TEST_LIMIT(
	pr_reset, "luns/preempt-and-abort-beside-resets",
	"send PREEMPT AND ABORT and LUN RESET at once, and have both answered",
	120)
{
	struct vdev *d = start(1);
	uint64_t mark = d->mem.used;
	struct req r, tmf[2];

	for (int round = 0; round < 100; round++) {
		step("round %d", round);
		settle(d, PR_REGISTER_AND_IGNORE, 0, KEY);
		settle(d, PR_RESERVE, KEY, 0);
		pr_out_prep(&r, d, PR_PREEMPT_AND_ABORT, WRITE_EXCLUSIVE, KEY,
			    KEY, false);
		for (int i = 0; i < 2; i++) {
			req_init(&tmf[i], d, VQ_CTL);
			req_tmf(&tmf[i], VIRTIO_SCSI_T_TMF_LOGICAL_UNIT_RESET,
				1, 0, 0);
		}
		req_send(&tmf[0]);
		req_send(&r);
		req_send(&tmf[1]);
		for (int i = 0; i < 2; i++) {
			req_wait(&tmf[i]);
			check(req_tmf_response(&tmf[i]) ==
				      VIRTIO_SCSI_S_FUNCTION_SUCCEEDED,
			      "TMF response %u", req_tmf_response(&tmf[i]));
			req_free(&tmf[i]);
		}
		req_wait(&r);
		check_answer(&r);
		req_free(&r);
		d->mem.used = mark;
	}
}

#define HELD 8
#define BUSY 8

/* A command that has to be refused while another is at work. */
static void expect_busy(struct vdev *d, unsigned int queue, uint8_t action,
			uint64_t key)
{
	struct req r;

	step("action %u", action);
	pr_out_prep(&r, d, action, WRITE_EXCLUSIVE, key, key, false);
	r.vq = &d->vq[queue];
	req_run(&r);
	req_free(&r);
	check(!r.rsp.response && r.rsp.status == BUSY, "%s", req_text(&r));
}

static void full_status_busy(struct vdev *d)
{
	uint8_t cdb[CDB_LEN] = { 0x5e, PR_FULL_STATUS, [8] = 64 };
	struct req r;

	step("READ FULL STATUS");
	req_init(&r, d, VQ_IO);
	req_cmd(&r, 1, 0, cdb);
	req_in(&r, gmem_alloc(&d->mem, 64, 64), 64);
	req_run(&r);
	req_free(&r);
	check(!r.rsp.response && r.rsp.status == BUSY, "%s", req_text(&r));
}

/* The victim's WRITEs, which hang. */
static void hold_writes(struct req *held, struct vdev *d)
{
	for (int i = 0; i < HELD; i++) {
		scsi_rw_prep(&held[i], d, VQ_IO, true, i * 8,
			     gmem_alloc(&d->mem, 4096, 4096), 4096);
		held[i].direct = 0;
		req_send(&held[i]);
	}
	check(wait_until(*ring_avail_event(held[0].vq) ==
			 held[0].vq->avail_idx),
	      "the commands are not taken");
}

VRING_TEST(
	pr_busy, "luns/be-busy-beside-preempt-and-abort",
	"be told BUSY for other changes, and wait with a reset, while one is at work")
{
	struct req held[HELD], pr, tmf;
	struct vdev *a, *b;
	uint64_t keys[4];
	struct bs bs;
	struct dm m;

	dm_new(&m, brd_device());
	bs_iblock(&bs, m.node);
	a = dev_up_on(&bs, 1);
	b = dev_up_on(&bs, 2);
	expect(pr_out(a, PR_REGISTER, 0, 0, KEY), 0);
	expect(pr_out(a, PR_RESERVE, WRITE_EXCLUSIVE, KEY, 0), 0);
	expect(pr_out(b, PR_REGISTER, 0, 0, OTHER_KEY), 0);
	dm_suspend(&m);
	hold_writes(held, a);
	pr_out_prep(&pr, b, PR_PREEMPT_AND_ABORT, WRITE_EXCLUSIVE, OTHER_KEY,
		    KEY, false);
	req_send(&pr);
	check(wait_until(task_stands_in("target_put_cmd_and_wait")),
	      "it does not wait for the commands");
	expect_busy(b, VQ_IO + 1, PR_REGISTER_AND_IGNORE, OTHER_KEY);
	expect_busy(b, VQ_IO + 1, PR_CLEAR, OTHER_KEY);
	expect_busy(b, VQ_IO + 1, PR_PREEMPT_AND_ABORT, OTHER_KEY);
	expect_busy(a, VQ_IO, PR_REGISTER_AND_IGNORE, KEY);
	full_status_busy(a);
	step("what may come beside it");
	check(pr_keys(b, keys, 4) == 1 && keys[0] == OTHER_KEY,
	      "not the key that is left");
	req_init(&tmf, b, VQ_CTL);
	req_tmf(&tmf, VIRTIO_SCSI_T_TMF_LOGICAL_UNIT_RESET, 1, 0, 0);
	req_send(&tmf);
	check(wait_until(*ring_avail_event(tmf.vq) == tmf.vq->avail_idx),
	      "the reset is not taken");
	expect_busy(b, VQ_IO + 1, PR_PREEMPT_AND_ABORT, OTHER_KEY);
	check(!ring_collect(tmf.vq), "the reset does not wait");
	dm_resume(&m);
	step("wait for the answers");
	req_wait(&pr);
	req_good(&pr);
	req_wait(&tmf);
	check(req_tmf_response(&tmf) == VIRTIO_SCSI_S_FUNCTION_SUCCEEDED,
	      "TMF response %u", req_tmf_response(&tmf));
	for (int i = 0; i < HELD; i++) {
		req_wait(&held[i]);
		check(held[i].rsp.response || held[i].rsp.status,
		      "an aborted command is GOOD");
	}
	scsi_tur(b, VQ_IO);
	check(pr_holder(b) == OTHER_KEY, "the holder is another");
	settle(b, PR_CLEAR, OTHER_KEY, 0);
}
