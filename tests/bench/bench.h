/* SPDX-License-Identifier: GPL-2.0 */
/*
 * main.c has the cases; load.c those of requests, whose timed loop is drive.c;
 * fair.c those of what one's requests are to others'; lifecycle.c those of a
 * device's life.
 */
#ifndef BENCH_H
#define BENCH_H

#include "vring.h"

#define RING_SIZE 128u
#define MAX_DEPTH 128u
#define PAGE 4096u
#define DEVICE_BYTES (256 * MIB)

/* What is behind a LUN. */
enum store {
	STORE_NULL, /* a ramdisk that moves no data: what is measured is the way */
	STORE_RAM,
	STORE_BLOCK, /* null_blk by iblock: ends in an interrupt, moves no data */
	STORE_FILE,
};

/* One kind of request, on a number of queues at some depth each. */
struct load {
	unsigned int queues;
	unsigned int depth;
	unsigned int bytes;
	unsigned int luns; /* in turns; 0 is 1 */
	enum store store;
	bool write;
	bool scattered; /* no two pages of a request adjacent */
	bool roaming;	/* one page each, another every time */
};

struct bench {
	const char *name;
	const char *unit;
	void (*run)(const struct bench *b);
	struct load load;
	long requests;
};

/* From the command line, or 0. */
extern long requests;
extern unsigned int poll_us;

void result(const char *name, const char *unit, double value);
double median(double *values, unsigned int n);
struct vdev *bench_device(unsigned int queues);
void bench_target(struct tgt *t, const struct load *load);
void take_attentions(struct vdev *d, const struct load *load);

void run_load(const struct bench *b);
void run_fair_alone(const struct bench *b);
void run_fair_queue(const struct bench *b);
void run_fair_lun(const struct bench *b);
void run_fair_device(const struct bench *b);
void run_set_endpoint(const struct bench *b);
void run_clear_endpoint(const struct bench *b);
void run_link_to_event(const struct bench *b);
void run_memory(const struct bench *b);
void run_allocations(const struct bench *b);

/* A request slot: its number is its head in the ring. */
struct slot {
	struct virtio_scsi_cmd_req *hdr;
	struct virtio_scsi_cmd_resp *rsp;
	struct vring_desc *data; /* of a load that roams */
};

struct driver {
	struct vq *vq;
	const struct load *load;
	unsigned int blocks; /* per request */
	uint32_t lba;
	uint8_t lun;	   /* of the next request */
	uint64_t roam_gpa; /* where a load roams */
	uint32_t roam;
	unsigned int inflight;
	unsigned int first; /* slot, of one that has no others */
	struct slot slot[MAX_DEPTH];
	long *left; /* requests that nobody has begun yet, shared */
};

void drive_prepare(struct driver *d, struct vq *vq, const struct load *load,
		   long *left);
void drive_run(struct driver *d);
void drive_prepare_slot(struct driver *d, struct vq *vq,
			const struct load *load, unsigned int head);
uint64_t drive_flood(struct driver *d, struct driver *probe, uint8_t lun,
		     unsigned int *passed);
void drive_flood_end(struct driver *d);
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
