// SPDX-License-Identifier: GPL-2.0
/*
 * R14: a LUN goes while a function on it waits for commands (F17, A20). Unlinking
 * waits for them, all is answered, and the LUN can come back.
 *
 * The peer on 6.12 and 6.1 passes unlink-a-lun-during-its-reset; the functions
 * of the other do not wait there. The first was not yet seen to fail on a
 * broken build.
 */
#include "vring.h"

#define HELD 8
#define SUCCEEDED VIRTIO_SCSI_S_FUNCTION_SUCCEEDED
#define LUN_RESET VIRTIO_SCSI_T_TMF_LOGICAL_UNIT_RESET

struct disk {
	struct vdev *d;
	struct tgt t;
	struct dm m;
	struct bs b;
	struct req held[HELD];
};

static void start(struct disk *k)
{
	dm_new(&k->m, brd_device());
	bs_iblock(&k->b, k->m.node);
	tgt_new(&k->t);
	expect(lun_link(&k->t, 1, 0, &k->b), 0);
	k->d = dev_up(k->t.wwn, 1, 64, F_DEFAULT | F_HOTPLUG);
	for (int i = 0; i < HELD; i++)
		scsi_rw_prep(&k->held[i], k->d, VQ_IO, i & 1, i * 8,
			     gmem_alloc(&k->d->mem, 4096, 4096), 4096);
}

static unsigned int run_tmf(struct disk *k, uint32_t subtype)
{
	struct req r;

	req_init(&r, k->d, VQ_CTL);
	req_tmf(&r, subtype, 1, 0, 0);
	req_run(&r);
	return req_tmf_response(&r);
}

/* Sends the function; returns when it waits for the commands in flight. */
static void send_waiting(struct disk *k, struct req *tmf, uint32_t subtype)
{
	req_init(tmf, k->d, VQ_CTL);
	req_tmf(tmf, subtype, 1, 0, 0);
	req_send(tmf);
	if (subtype == LUN_RESET)
		check(wait_until(task_stands_in("target_put_cmd_and_wait")),
		      "the reset does not wait");
	else
		run_tmf(k, VIRTIO_SCSI_T_TMF_QUERY_TASK);
	check(!tmf->done && !ring_collect(tmf->vq), "the TMF does not wait");
}

static pid_t unlink_waiting(const struct disk *k)
{
	pid_t pid = test_fork();

	if (!pid) {
		expect(lun_unlink(&k->t, 1, 0), 0);
		_exit(EXIT_PASS);
	}
	check(wait_until(task_stands_in("core_tpg_remove_lun")),
	      "unlinking does not wait");
	return pid;
}

static void unlink_during(struct disk *k, uint32_t subtype)
{
	unsigned int response;
	struct req tmf;
	pid_t pid;

	step("TMF %u: commands in flight", subtype);
	scsi_tur(k->d, VQ_IO);
	dm_suspend(&k->m);
	for (int i = 0; i < HELD; i++) {
		req_again(&k->held[i]);
		req_send(&k->held[i]);
	}
	send_waiting(k, &tmf, subtype);
	step("TMF %u: unlink", subtype);
	pid = unlink_waiting(k);
	dm_resume(&k->m);
	step("TMF %u: the answers", subtype);
	req_wait(&tmf);
	response = req_tmf_response(&tmf);
	check(response == SUCCEEDED, "TMF response %u", response);
	ring_collect(&k->d->vq[VQ_IO]);
	for (int i = 0; i < HELD; i++)
		check(k->held[i].done, "the TMF came before command %d", i);
	step("TMF %u: the unlink's end", subtype);
	expect(test_reap(pid), 0);
	response = run_tmf(k, subtype);
	/* A nexus is of more than one LUN. */
	check(response == (subtype == VIRTIO_SCSI_T_TMF_I_T_NEXUS_RESET
				   ? SUCCEEDED
				   : VIRTIO_SCSI_S_INCORRECT_LUN) ||
		      module_is_peer(),
	      "TMF response %u for a LUN that is gone", response);
	step("TMF %u: link it again", subtype);
	expect(lun_link(&k->t, 1, 0, &k->b), 0);
	scsi_tur(k->d, VQ_IO);
	scsi_write_pattern(k->d, VQ_IO, 0, 4096, subtype);
	scsi_check_pattern(k->d, VQ_IO, 0, 4096, subtype);
}

VRING_TEST_LIMIT(ctl_unlink_reset, "control/unlink-a-lun-during-its-reset",
		 "unlink a LUN while its reset waits for commands, three times",
		 120)
{
	struct disk k;

	start(&k);
	for (int i = 0; i < 3; i++)
		unlink_during(&k, LUN_RESET);
}

VRING_TEST_LIMIT(ctl_unlink_abort, "control/unlink-a-lun-during-an-abort",
		 "unlink a LUN while functions on its commands wait for them",
		 120)
{
	struct disk k;

	start(&k);
	unlink_during(&k, VIRTIO_SCSI_T_TMF_ABORT_TASK_SET);
	unlink_during(&k, VIRTIO_SCSI_T_TMF_CLEAR_TASK_SET);
	unlink_during(&k, VIRTIO_SCSI_T_TMF_I_T_NEXUS_RESET);
}
