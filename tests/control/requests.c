// SPDX-License-Identifier: GPL-2.0
/*
 * R06, R12: everything that can be put in the control queue is answered, or at
 * least returned.
 *
 * The peer on 6.12: return-unknown-and-short-requests is never answered (A02),
 * report-absent-lun gets FUNCTION_REJECTED (A23); the others pass.
 */
#include "vring.h"

#define SUCCEEDED VIRTIO_SCSI_S_FUNCTION_SUCCEEDED
#define REJECTED VIRTIO_SCSI_S_FUNCTION_REJECTED

static struct vdev *start(void)
{
	struct vdev *d;
	struct tgt t;

	tgt_with_ramdisk(&t, 4 * MIB);
	d = dev_up(t.wwn, 1, 64, F_DEFAULT);
	scsi_tur(d, VQ_IO);
	return d;
}

static unsigned int tmf(struct vdev *d, unsigned int subtype,
			unsigned int target, unsigned int lun)
{
	struct req r;

	step("TMF %u to target %u LUN %u", subtype, target, lun);
	req_init(&r, d, VQ_CTL);
	req_tmf(&r, subtype, target, lun, 0x1234);
	req_run(&r);
	check(r.used_len == 1 || module_is_peer(), "used.len %u", r.used_len);
	return req_tmf_response(&r);
}

VRING_TEST(ctl_reset, "control/reset-idle-lun",
	   "reset a LUN without commands, and use it afterwards")
{
	struct vdev *d = start();

	for (int i = 0; i < 20; i++) {
		unsigned int got;

		got = tmf(d, VIRTIO_SCSI_T_TMF_LOGICAL_UNIT_RESET, 1, 0);
		check(got == SUCCEEDED, "response %u", got);
		scsi_tur(d, VQ_IO);
	}
}

VRING_TEST(ctl_others, "control/reject-other-tmfs",
	   "be told FUNCTION_REJECTED for CLEAR ACA and unknown functions")
{
	static const unsigned int subtype[] = {
		VIRTIO_SCSI_T_TMF_CLEAR_ACA,
		8,
		77,
		0xffffffff,
	};
	struct vdev *d = start();

	for (size_t i = 0; i < ARRAY_SIZE(subtype); i++) {
		unsigned int got = tmf(d, subtype[i], 1, 0);

		check(got == REJECTED, "TMF %u: response %u", subtype[i], got);
	}
	scsi_tur(d, VQ_IO);
}

VRING_TEST(ctl_bad_target, "control/refuse-bad-target",
	   "be told BAD_TARGET for a TMF to a target that does not exist")
{
	struct vdev *d = start();
	unsigned int got;

	got = tmf(d, VIRTIO_SCSI_T_TMF_LOGICAL_UNIT_RESET, 9, 0);
	check(got == VIRTIO_SCSI_S_BAD_TARGET, "response %u", got);
	got = tmf(d, VIRTIO_SCSI_T_TMF_LOGICAL_UNIT_RESET, 255, 0);
	check(got == VIRTIO_SCSI_S_BAD_TARGET, "response %u", got);
}

VRING_TEST(ctl_absent_lun, "control/report-absent-lun",
	   "be told INCORRECT_LUN for the reset of a LUN that does not exist")
{
	struct vdev *d = start();
	unsigned int got;

	got = tmf(d, VIRTIO_SCSI_T_TMF_LOGICAL_UNIT_RESET, 1, 5);
	check(got == VIRTIO_SCSI_S_INCORRECT_LUN, "response %u", got);
	got = tmf(d, VIRTIO_SCSI_T_TMF_LOGICAL_UNIT_RESET, 1, 0);
	check(got == SUCCEEDED, "response %u", got);
}

VRING_TEST(ctl_an, "control/answer-notification-queries",
	   "be answered AN query and subscribe with no events (R12)")
{
	static const uint32_t type[] = { VIRTIO_SCSI_T_AN_QUERY,
					 VIRTIO_SCSI_T_AN_SUBSCRIBE };
	struct virtio_scsi_ctrl_an_resp rsp;
	struct vdev *d = start();
	struct req r;

	for (size_t i = 0; i < ARRAY_SIZE(type); i++) {
		step("type %u", type[i]);
		req_init(&r, d, VQ_CTL);
		req_an(&r, type[i], 1, 0x7e);
		req_run(&r);
		memcpy(&rsp, &r.rsp, sizeof(rsp));
		check(rsp.response == VIRTIO_SCSI_S_OK && !rsp.event_actual,
		      "response %u events %x", rsp.response, rsp.event_actual);
		step("type %u, lun[0] = 0", type[i]);
		r.hdr[4] = 0;
		req_again(&r);
		req_run(&r);
		step("type %u, absent target", type[i]);
		req_an(&r, type[i], 99, 0x7e);
		req_again(&r);
		req_run(&r);
	}
	scsi_tur(d, VQ_IO);
}

/* A02: what cannot be answered in the guest's terms still has to come back. */
VRING_TEST(ctl_unknown, "control/return-unknown-and-short-requests",
	   "get unknown, short, empty and unanswerable requests back")
{
	struct vdev *d = start();
	struct req r;

	for (int i = 0; i < 8; i++) {
		step("case %d", i);
		req_init(&r, d, VQ_CTL);
		if (i < 6)
			req_tmf(&r, VIRTIO_SCSI_T_TMF_LOGICAL_UNIT_RESET, 1, 0,
				0);
		else
			req_an(&r, VIRTIO_SCSI_T_AN_QUERY, 1, 2);
		if (i == 0)
			r.hdr[0] = 99; /* type */
		if (i == 1)
			r.hdr_len = 3;
		if (i == 2)
			r.hdr_len = 0;
		if (i == 3)
			r.hdr_len = 23;
		if (i == 4)
			r.rsp_len = 0;
		if (i == 5)
			memset(r.hdr, 0xff, sizeof(r.hdr));
		if (i == 6)
			r.hdr_len = 19;
		if (i == 7)
			r.rsp_len = 4;
		req_run(&r);
		check(r.used_len <= r.rsp_len, "used.len %u", r.used_len);
	}
	step("and a good one");
	check(tmf(d, VIRTIO_SCSI_T_TMF_LOGICAL_UNIT_RESET, 1, 0) == SUCCEEDED,
	      "the LUN cannot be reset");
	scsi_tur(d, VQ_IO);
}

VRING_TEST(ctl_shapes, "control/take-requests-of-any-shape",
	   "be answered requests split at any place and longer than needed")
{
	static const uint32_t by[] = { 1, 3, 4, 8, 23 };
	struct virtio_scsi_ctrl_an_resp an;
	struct vdev *d = start();
	struct req r;

	for (size_t i = 0; i < ARRAY_SIZE(by); i++) {
		step("by %u", by[i]);
		req_init(&r, d, VQ_CTL);
		req_tmf(&r, VIRTIO_SCSI_T_TMF_LOGICAL_UNIT_RESET, 1, 0, 0);
		r.hdr_chunk = by[i];
		r.direct = i & 1 ? 0 : ALL_DIRECT;
		req_run(&r);
		check(req_tmf_response(&r) == SUCCEEDED, "response %u",
		      req_tmf_response(&r));
		req_init(&r, d, VQ_CTL);
		req_an(&r, VIRTIO_SCSI_T_AN_QUERY, 1, 2);
		r.hdr_chunk = by[i];
		r.rsp_chunk = 1;
		req_run(&r);
		memcpy(&an, &r.rsp, sizeof(an));
		check(an.response == VIRTIO_SCSI_S_OK, "response %u",
		      an.response);
	}
	step("room after the request and the response");
	req_init(&r, d, VQ_CTL);
	req_tmf(&r, VIRTIO_SCSI_T_TMF_LOGICAL_UNIT_RESET, 1, 0, 0);
	r.hdr_len = 64;
	r.rsp_len = 108;
	req_run(&r);
	check(req_tmf_response(&r) == SUCCEEDED, "response %u",
	      req_tmf_response(&r));
	for (int i = 1; i < 108; i++)
		check(((uint8_t *)&r.rsp)[i] == RSP_POISON,
		      "byte %d after the response was written", i);
}
