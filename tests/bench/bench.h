/* SPDX-License-Identifier: GPL-2.0 */
/* What main.c (cases, results) and drive.c (the loop that is timed) share. */
#ifndef BENCH_H
#define BENCH_H

#include "vring.h"

#define RING_SIZE 128u
#define MAX_DEPTH 64u
#define PAGE 4096u
#define DEVICE_BYTES (256 * MIB)

/* One kind of request, on a number of queues at some depth each. */
struct load {
	unsigned int queues;
	unsigned int depth;
	unsigned int bytes;
	bool write;
	bool scattered; /* no two pages of a request adjacent */
};

/* A request slot: its number is its head in the ring. */
struct slot {
	struct virtio_scsi_cmd_req *hdr;
	struct virtio_scsi_cmd_resp *rsp;
};

struct driver {
	struct vq *vq;
	const struct load *load;
	unsigned int blocks; /* per request */
	uint32_t lba;
	unsigned int inflight;
	struct slot slot[MAX_DEPTH];
	long *left; /* requests that nobody has begun yet, shared */
};

void drive_prepare(struct driver *d, struct vq *vq, const struct load *load,
		   long *left);
void drive_run(struct driver *d);
uint64_t now_ns(void);

/* Seen by insn-count.c, which counts between the two. */
static inline void mark_begin(void)
{
	asm volatile("nopl 0x42454749(%%rax)" ::: "memory");
}

static inline void mark_end(void)
{
	asm volatile("nopl 0x42454e44(%%rax)" ::: "memory");
}

#endif
