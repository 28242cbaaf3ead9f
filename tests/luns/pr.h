/* SPDX-License-Identifier: GPL-2.0 */
/* What the tests of persistent reservations share (SPC-4, 5.13). */
#ifndef PR_H
#define PR_H

#include "vring.h"

#define PR_REGISTER 0x00
#define PR_RESERVE 0x01
#define PR_RELEASE 0x02
#define PR_CLEAR 0x03
#define PR_PREEMPT 0x04
#define PR_PREEMPT_AND_ABORT 0x05

#define PR_READ_KEYS 0x00
#define PR_READ_RESERVATION 0x01
#define PR_FULL_STATUS 0x03

#define WRITE_EXCLUSIVE 0x01
#define EXCLUSIVE_ACCESS 0x03

#define RESERVATION_CONFLICT 0x18
#define TASK_ABORTED 0x40

/* PERSISTENT RESERVE OUT to LUN 0 of target 1: prepared, or run. */
void pr_out_prep(struct req *r, struct vdev *d, uint8_t action, uint8_t type,
		 uint64_t key, uint64_t new_key, bool aptpl);
uint8_t pr_out(struct vdev *d, uint8_t action, uint8_t type, uint64_t key,
	       uint64_t new_key);
/* PERSISTENT RESERVE IN; bytes of @buf that are valid. */
unsigned int pr_in(struct vdev *d, uint8_t action, uint8_t *buf,
		   unsigned int size);
unsigned int pr_keys(struct vdev *d, uint64_t *keys, unsigned int max);
uint64_t pr_holder(struct vdev *d); /* its key, 0: nobody */
/* Status of a WRITE or READ of one block, past unit attentions. */
uint8_t pr_status(struct vdev *d, bool write);

#endif
