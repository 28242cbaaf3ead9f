// SPDX-License-Identifier: GPL-2.0
/*
 * COMPARE AND WRITE, which cluster file systems and fencing build their locks on:
 * it stays one operation, also after one failed before it was carried out.
 *
 * Seen to fail on the module that left LIO's callback in place, 6.12: LIO warns in
 * compare_and_write_callback() in each, and in the first three two of two COMPARE
 * AND WRITEs at once succeed then.
 */
#include "vring.h"

#define RESERVATION_CONFLICT 0x18

/* Compare block @lba with pattern @old; on equality write pattern @new. */
static void prep(struct req *r, struct vdev *d, unsigned int queue,
		 uint64_t lba, uint64_t old, uint64_t new)
{
	uint8_t cdb[CDB_LEN] = { 0x89, [9] = lba, [13] = 1 };
	uint64_t gpa = gmem_alloc(&d->mem, 2 * BLOCK, 512);

	gmem_pattern(&d->mem, gpa, BLOCK, old);
	gmem_pattern(&d->mem, gpa + BLOCK, BLOCK, new);
	req_init(r, d, queue);
	req_cmd(r, 1, 0, cdb);
	req_out(r, gpa, 2 * BLOCK);
}

static void run(struct req *r, struct vdev *d, uint64_t lba, uint64_t old,
		uint64_t new)
{
	prep(r, d, VQ_IO, lba, old, new);
	req_run(r);
	req_free(r);
}

static void reset_lun(struct vdev *d)
{
	struct req r;

	req_init(&r, d, VQ_CTL);
	req_tmf(&r, VIRTIO_SCSI_T_TMF_LOGICAL_UNIT_RESET, 1, 0, 0);
	req_run(&r);
	req_free(&r);
	check(req_tmf_response(&r) == VIRTIO_SCSI_S_FUNCTION_SUCCEEDED,
	      "TMF response %u", req_tmf_response(&r));
}

/* Two at once from two queues: one of them, and only one, may win. */
static void race(struct vdev *d, int rounds)
{
	uint64_t mark = d->mem.used;
	struct req r[2];

	for (int round = 0; round < rounds; round++) {
		unsigned int won = 0;

		step("two at once, round %d", round);
		scsi_write_pattern(d, VQ_IO, 8, BLOCK, 1);
		for (int i = 0; i < 2; i++) {
			prep(&r[i], d, VQ_IO + i, 8, 1, 2 + i);
			req_queue(&r[i]);
		}
		for (int i = 0; i < 2; i++)
			ring_publish(r[i].vq);
		for (int i = 0; i < 2; i++)
			ring_kick(r[i].vq);
		for (int i = 0; i < 2; i++) {
			req_wait(&r[i]);
			won += !r[i].rsp.response && !r[i].rsp.status;
		}
		check(won == 1, "%u of two won", won);
		req_sense(&r[r[0].rsp.status ? 0 : 1], 0xe, 0x1d);
		scsi_check_pattern(d, VQ_IO, 8, BLOCK, r[0].rsp.status ? 3 : 2);
		for (int i = 0; i < 2; i++)
			req_free(&r[i]);
		d->mem.used = mark;
	}
}

VRING_TEST_LIMIT(
	caw_attention, "io/compare-and-write-after-resets",
	"have COMPARE AND WRITE fail for a unit attention, and be atomic after that",
	120)
{
	struct vdev *d;
	struct req r;
	struct bs b;

	bs_ramdisk(&b, 4 * MIB);
	d = dev_up_on(&b, 2);
	scsi_write_pattern(d, VQ_IO, 0, BLOCK, 1);
	for (int i = 0; i < 4; i++) {
		step("reset %d", i);
		reset_lun(d);
		run(&r, d, 0, 1, 2);
		req_sense(&r, 6, 0x29);
	}
	step("the comparison");
	run(&r, d, 0, 7, 2);
	req_sense(&r, 0xe, 0x1d);
	run(&r, d, 0, 1, 2);
	req_good(&r);
	scsi_check_pattern(d, VQ_IO, 0, BLOCK, 2);
	race(d, 200);
}

VRING_TEST(
	caw_conflict, "io/compare-and-write-under-reservation",
	"have COMPARE AND WRITE fail for another's reservation, and do it afterwards")
{
	uint8_t reserve[CDB_LEN] = { 0x16 }, release[CDB_LEN] = { 0x17 };
	struct vdev *a, *d;
	struct req r;
	struct bs b;

	bs_ramdisk(&b, 4 * MIB);
	a = dev_up_on(&b, 1);
	d = dev_up_on(&b, 2);
	req_init(&r, a, VQ_IO);
	req_cmd(&r, 1, 0, reserve);
	req_run(&r);
	req_good(&r);
	for (int i = 0; i < 4; i++) {
		run(&r, d, 0, 1, 2);
		req_response(&r, VIRTIO_SCSI_S_OK);
		check(r.rsp.status == RESERVATION_CONFLICT, "%s", req_text(&r));
	}
	req_init(&r, a, VQ_IO);
	req_cmd(&r, 1, 0, release);
	req_run(&r);
	req_good(&r);
	race(d, 50);
}

/* A reset aborts one that waits for its READ. */
VRING_TEST(caw_reset, "io/compare-and-write-after-an-aborted-one",
	   "abort a COMPARE AND WRITE in flight, and do another one afterwards")
{
	struct req held, tmf, r;
	struct vdev *d;
	struct tgt t;
	struct dm m;

	tgt_with_dm(&t, &m);
	d = dev_up(t.wwn, 2, 64, F_DEFAULT);
	scsi_tur(d, VQ_IO);
	scsi_write_pattern(d, VQ_IO, 0, BLOCK, 1);
	dm_suspend(&m);
	prep(&held, d, VQ_IO, 0, 1, 2);
	req_send(&held);
	check(wait_until(*ring_avail_event(held.vq) == held.vq->avail_idx),
	      "the command is not taken");
	req_init(&tmf, d, VQ_CTL);
	req_tmf(&tmf, VIRTIO_SCSI_T_TMF_LOGICAL_UNIT_RESET, 1, 0, 0);
	req_send(&tmf);
	check(wait_until(task_stands_in("target_put_cmd_and_wait")),
	      "the reset does not wait for the command");
	dm_resume(&m);
	req_wait(&tmf);
	req_wait(&held);
	req_response(&held, VIRTIO_SCSI_S_RESET);
	run(&r, d, 0, 1, 3);
	req_sense(&r, 6, 0x29);
	run(&r, d, 0, 1, 3);
	req_good(&r);
	race(d, 20);
}

/* The READ that comes before the comparison fails. */
VRING_TEST(
	caw_error, "io/compare-and-write-what-cannot-be-read",
	"have COMPARE AND WRITEs fail, one after the other, with the READ of each")
{
	struct vdev *d;
	struct req r;
	struct tgt t;
	struct dm m;

	tgt_with_dm(&t, &m);
	d = dev_up(t.wwn, 1, 64, F_DEFAULT);
	scsi_tur(d, VQ_IO);
	dm_suspend(&m);
	dm_resume_failing(&m);
	for (int i = 0; i < 4; i++) {
		step("command %d", i);
		run(&r, d, 0, 1, 2);
		check(!r.rsp.response && r.rsp.status == 2, "%s", req_text(&r));
	}
}
