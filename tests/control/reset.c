// SPDX-License-Identifier: GPL-2.0
/*
 * LUN RESET against commands in flight (R10, R41, A26).
 *
 * Commands are held by a suspended device-mapper device, so that it is certain
 * what is in flight when the reset comes; the reset is known to be at work when
 * a kernel thread stands in LIO's target_put_cmd_and_wait(), where it comes when
 * it has marked all commands.
 *
 * The peer on 6.12 answers the aborted commands as GOOD in reset-lun-with-
 * commands-in-flight, -several-times-at-once and in report-no-aborted-command-
 * as-good, where nothing was written (A26); it answers the reset before
 * commands that were in a ring, and a reset of a removed LUN as rejected.
 */
#include "vring.h"

#define HELD 128
#define SUCCEEDED VIRTIO_SCSI_S_FUNCTION_SUCCEEDED

static struct req held[HELD];

static struct vdev *hold_commands(struct dm *m, unsigned int queues)
{
	struct vdev *d;
	struct tgt t;

	tgt_with_dm(&t, m);
	d = dev_up(t.wwn, queues, HELD, F_DEFAULT);
	scsi_tur(d, VQ_IO);
	scsi_write_pattern(d, VQ_IO, 0, HELD * 4096, 77);
	dm_suspend(m);
	for (int i = 0; i < HELD; i++) {
		uint64_t gpa = gmem_alloc(&d->mem, 4096, 4096);

		gmem_pattern(&d->mem, gpa, 4096, 1000 + i);
		scsi_rw_prep(&held[i], d, VQ_IO + i % queues, !(i & 1), i * 8,
			     gpa, 4096);
		held[i].direct = 0;
		req_send(&held[i]);
	}
	return d;
}

static void send_reset(struct req *r, struct vdev *d)
{
	req_init(r, d, VQ_CTL);
	req_tmf(r, VIRTIO_SCSI_T_TMF_LOGICAL_UNIT_RESET, 1, 0, 0);
	req_send(r);
}

static void wait_reset_at_work(struct req *tmf)
{
	step("wait for the reset to be at work");
	check(wait_until(task_stands_in("target_put_cmd_and_wait")),
	      "the reset does not wait for the commands");
	check(!ring_collect(tmf->vq), "the reset does not wait");
}

/* When the TMF is answered, every command has been, and none as GOOD. */
static void check_aborted(struct vdev *d, struct req *tmf, unsigned int queues)
{
	step("wait for the answer of the reset");
	req_wait(tmf);
	for (unsigned int q = 0; q < queues; q++)
		ring_collect(&d->vq[VQ_IO + q]);
	for (int i = 0; i < HELD; i++) {
		step("held command %d", i);
		check(held[i].done, "the reset was answered before a command");
		req_wait(&held[i]);
		check(held[i].rsp.response != VIRTIO_SCSI_S_OK ||
			      held[i].rsp.status,
		      "an aborted command is GOOD");
		req_response(&held[i], VIRTIO_SCSI_S_RESET);
	}
	check(req_tmf_response(tmf) == SUCCEEDED, "TMF response %u",
	      req_tmf_response(tmf));
}

/* A LUN that was reset with 128 commands of so many queues in flight. */
static struct vdev *reset_with_commands(unsigned int queues)
{
	struct vdev *d;
	struct req tmf;
	struct dm m;

	d = hold_commands(&m, queues);
	send_reset(&tmf, d);
	wait_reset_at_work(&tmf);
	dm_resume(&m);
	check_aborted(d, &tmf, queues);
	return d;
}

VRING_TEST(ctl_reset_good, "control/reset-lun-with-commands-in-flight",
	   "reset a LUN with 128 commands, and have them all answered as RESET")
{
	struct vdev *d = reset_with_commands(2);

	step("use the LUN again");
	scsi_tur(d, VQ_IO);
	scsi_write_pattern(d, VQ_IO, 0, 65536, 5);
	scsi_check_pattern(d, VQ_IO + 1, 0, 65536, 5);
}

/* A26: the commands fail after the reset has come, so nothing was written. */
VRING_TEST(ctl_reset_fail, "control/report-no-aborted-command-as-good",
	   "see no command GOOD that was reset and then failed")
{
	struct vdev *d;
	struct req tmf;
	struct dm m;

	d = hold_commands(&m, 1);
	send_reset(&tmf, d);
	wait_reset_at_work(&tmf);
	dm_resume_failing(&m);
	check_aborted(d, &tmf, 1);
}

/* CVE-2023-53586 */
VRING_TEST(ctl_reset_many, "control/reset-lun-several-times-at-once",
	   "send four resets of one LUN at once, with commands in flight")
{
	struct req tmf[4];
	struct vdev *d;
	struct dm m;

	d = hold_commands(&m, 1);
	for (int i = 0; i < 4; i++)
		send_reset(&tmf[i], d);
	wait_reset_at_work(&tmf[0]);
	dm_resume(&m);
	for (int i = 0; i < 4; i++)
		check_aborted(d, &tmf[i], 1);
	scsi_tur(d, VQ_IO);
}

static void run_attr(struct vdev *d, uint8_t attr)
{
	uint8_t cdb[CDB_LEN];
	struct req r;

	cdb_tur(cdb);
	req_init(&r, d, VQ_IO);
	req_cmd(&r, 1, 0, cdb)->task_attr = attr;
	req_run(&r);
	req_free(&r);
	req_good(&r);
}

/*
 * LIO does not count down a command that a reset aborts, and an ORDERED one waits
 * for that count; every other to the backstore waits behind it. Seen to fail on the
 * module that passed the attribute on, 6.12: the first ORDERED one is not answered,
 * and the LUN cannot be removed any more.
 */
VRING_TEST(ctl_reset_ordered, "control/serve-ordered-command-after-reset",
	   "send ORDERED commands after a reset that aborted 128 commands")
{
	struct vdev *d = reset_with_commands(1);

	scsi_tur(d, VQ_IO);
	for (int i = 0; i < 3; i++) {
		step("ORDERED, round %d", i);
		run_attr(d, VIRTIO_SCSI_S_ORDERED);
		step("SIMPLE, round %d", i);
		run_attr(d, VIRTIO_SCSI_S_SIMPLE);
	}
	scsi_write_pattern(d, VQ_IO, 0, 65536, 5);
	scsi_check_pattern(d, VQ_IO, 0, 65536, 5);
}

/*
 * GOOD, the unit attention that the reset left, or BUSY: LIO's word to a
 * command that found a unit attention and was too late to report it.
 */
static bool reset_or_served(const struct req *r)
{
	return r->rsp.response == VIRTIO_SCSI_S_RESET ||
	       (r->rsp.response == VIRTIO_SCSI_S_OK &&
		(!r->rsp.status || r->rsp.status == 2 || r->rsp.status == 8));
}

VRING_TEST_LIMIT(ctl_reset_storm, "control/reset-lun-in-a-loop-under-io",
		 "reset a LUN 200 times under I/O and answer each request once",
		 180)
{
	struct req r[16], tmf;
	struct vdev *d;
	struct tgt t;

	tgt_with_ramdisk(&t, 4 * MIB);
	d = dev_up(t.wwn, 1, 64, F_DEFAULT);
	scsi_tur(d, VQ_IO);
	for (int i = 0; i < 16; i++)
		scsi_rw_prep(&r[i], d, VQ_IO, i & 1, i * 8,
			     gmem_alloc(&d->mem, 4096, 4096), 4096);
	req_init(&tmf, d, VQ_CTL);
	req_tmf(&tmf, VIRTIO_SCSI_T_TMF_LOGICAL_UNIT_RESET, 1, 0, 0);
	for (int round = 0; round < 200; round++) {
		step("round %d", round);
		for (int i = 0; i < 16; i++) {
			req_again(&r[i]);
			req_queue(&r[i]);
		}
		ring_publish(&d->vq[VQ_IO]);
		ring_kick(&d->vq[VQ_IO]);
		req_again(&tmf);
		req_run(&tmf);
		check(req_tmf_response(&tmf) == SUCCEEDED, "TMF response %u",
		      req_tmf_response(&tmf));
		for (int i = 0; i < 16; i++) {
			req_wait(&r[i]);
			check(reset_or_served(&r[i]), "%s", req_text(&r[i]));
		}
	}
	scsi_tur(d, VQ_IO);
}

/*
 * R41: the requests are in the ring before the TMF is, but the device has not
 * been kicked for them. Once the TMF is answered they must have been, too.
 */
static void not_overtake(uint32_t subtype, int rounds)
{
	struct req r[8], tmf;
	struct vdev *d;
	struct tgt t;

	tgt_with_ramdisk(&t, 4 * MIB);
	d = dev_up(t.wwn, 2, 64, F_DEFAULT);
	scsi_tur(d, VQ_IO);
	req_init(&tmf, d, VQ_CTL);
	for (int i = 0; i < 8; i++)
		scsi_rw_prep(&r[i], d, VQ_IO + i % 2, i & 2, i * 8,
			     gmem_alloc(&d->mem, 4096, 4096), 4096);
	req_tmf(&tmf, subtype, 1, 0,
		((struct virtio_scsi_cmd_req *)r[7].hdr)->tag);
	for (int round = 0; round < rounds; round++) {
		step("TMF %u, round %d", subtype, round);
		for (int i = 0; i < 8; i++) {
			req_again(&r[i]);
			req_queue(&r[i]);
		}
		ring_publish(&d->vq[VQ_IO]);
		ring_publish(&d->vq[VQ_IO + 1]);
		req_again(&tmf);
		req_run(&tmf);
		check(req_tmf_response(&tmf) == SUCCEEDED ||
			      (subtype == VIRTIO_SCSI_T_TMF_ABORT_TASK &&
			       req_tmf_response(&tmf) == VIRTIO_SCSI_S_OK),
		      "TMF response %u", req_tmf_response(&tmf));
		ring_collect(&d->vq[VQ_IO]);
		ring_collect(&d->vq[VQ_IO + 1]);
		for (int i = 0; i < 8; i++) {
			bool meant = i == 7 ||
				     subtype != VIRTIO_SCSI_T_TMF_ABORT_TASK;

			if (r[i].done || !meant) {
				req_wait(&r[i]);
				continue;
			}
			wait_until(ring_collect(r[i].vq));
			fail("TMF %u overtook command %d, which is %s", subtype,
			     i,
			     r[i].done ? "answered after it" : "not answered");
		}
	}
	dev_close(d);
}

VRING_TEST_LIMIT(ctl_overtake, "control/not-let-reset-overtake-commands",
		 "have commands that were in a ring answered before the reset",
		 120)
{
	not_overtake(VIRTIO_SCSI_T_TMF_LOGICAL_UNIT_RESET, 50);
}

VRING_TEST_LIMIT(
	ctl_overtake_each, "control/not-let-functions-overtake",
	"have commands in a ring answered before functions that end them", 240)
{
	not_overtake(VIRTIO_SCSI_T_TMF_ABORT_TASK, 30);
	not_overtake(VIRTIO_SCSI_T_TMF_ABORT_TASK_SET, 30);
	not_overtake(VIRTIO_SCSI_T_TMF_CLEAR_TASK_SET, 30);
	not_overtake(VIRTIO_SCSI_T_TMF_I_T_NEXUS_RESET, 30);
}

/* F17: the LUN goes while its reset waits for commands. */
VRING_TEST(ctl_unlink, "control/reset-lun-that-was-removed",
	   "be told INCORRECT_LUN for a LUN that was removed")
{
	struct vdev *d;
	struct req tmf;
	struct tgt t;
	struct bs b;

	bs_ramdisk(&b, 1 * MIB);
	tgt_with_ramdisk(&t, 4 * MIB);
	expect(lun_link(&t, 1, 1, &b), 0);
	d = dev_up(t.wwn, 1, 64, F_DEFAULT);
	scsi_tur(d, VQ_IO);
	for (int i = 0; i < 3; i++) {
		step("reset LUN 1");
		req_init(&tmf, d, VQ_CTL);
		req_tmf(&tmf, VIRTIO_SCSI_T_TMF_LOGICAL_UNIT_RESET, 1, 1, 0);
		req_run(&tmf);
		check(req_tmf_response(&tmf) == SUCCEEDED, "TMF response %u",
		      req_tmf_response(&tmf));
		expect(lun_unlink(&t, 1, 1), 0);
		step("reset LUN 1, which is gone");
		req_again(&tmf);
		req_run(&tmf);
		check(req_tmf_response(&tmf) == VIRTIO_SCSI_S_INCORRECT_LUN,
		      "TMF response %u", req_tmf_response(&tmf));
		expect(lun_link(&t, 1, 1, &b), 0);
	}
}
