/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The library with which a C test plays the VMM on /dev/vhost-scsi. This header
 * is its index: one section per source file, in the order in which a test needs
 * them. A typical test makes a target (target.c), a device that is attached to
 * it (device.c), sends requests (request.c, scsi.c) and checks what comes back.
 *
 * Conventions: functions that may be expected to fail return 0 or -errno;
 * everything else ends the test with test_fail() when it does not succeed. A
 * test never cleans up: its process ends, and the parent (main.c) removes what
 * carries the process' number from configfs and device-mapper, and fails the
 * test when that does not work.
 */
#ifndef VRING_H
#define VRING_H

#include <errno.h>
#include <linux/types.h>
#include <linux/vhost.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>
#include <linux/virtio_scsi.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/types.h>
#include <unistd.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define KIB 1024ull
#define MIB (1024 * KIB)

/* ---- main.c: what a test is ------------------------------------------- */

struct test {
	const char *name;	 /* group/verb-phrase */
	const char *description; /* completes "This test will ..." */
	void (*run)(void);
	unsigned int limit; /* seconds until it counts as hung, 0: default */
};

#define VRING_TEST_LIMIT(ident, path, what, seconds)                           \
	static void ident(void);                                               \
	static const struct test test_##ident = {                              \
		.name = path,                                                  \
		.description = what,                                           \
		.run = ident,                                                  \
		.limit = seconds,                                              \
	};                                                                     \
	static const struct test *const entry_##ident                          \
		__attribute__((used, section("vring_tests"))) = &test_##ident; \
	static void ident(void)

#define VRING_TEST(ident, path, what) VRING_TEST_LIMIT(ident, path, what, 0)

/* ---- test.c: verdicts, deadlines, children ---------------------------- */

#define EXIT_PASS 0
#define EXIT_FAIL 1
#define EXIT_SKIP 4

void test_fail(const char *file, int line, const char *fmt, ...)
	__attribute__((noreturn, format(printf, 3, 4)));
void test_skip(const char *fmt, ...)
	__attribute__((noreturn, format(printf, 1, 2)));

#define fail(...) test_fail(__FILE__, __LINE__, __VA_ARGS__)

/* Fails the test with the given words unless @cond holds. */
#define check(cond, ...)                                            \
	do {                                                        \
		if (!(cond))                                        \
			test_fail(__FILE__, __LINE__, __VA_ARGS__); \
	} while (0)

/* Fails the test unless @expr (0 or -errno) is @want (0 or -errno). */
#define expect(expr, want) \
	test_expect(__FILE__, __LINE__, #expr, (expr), (want))
void test_expect(const char *file, int line, const char *what, long got,
		 long want);
const char *errno_name(long neg_errno);

/* Names what the test is about to do; shown when it hangs there. */
void step(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Seconds until the test counts as hung, in place of VRING_TEST_LIMIT's. */
void test_limit(unsigned int seconds);

/* All times scale with VSCSI_SLOW, so that a busy machine fails no test. */
unsigned int test_slow(void);
uint64_t now_ms(void);
uint64_t deadline_in(unsigned int ms);
#define WAIT_MS 20000u /* for what has to happen */

/* Polls @cond every few milliseconds until true or the deadline; 0 or 1. */
#define wait_until(cond)                                   \
	({                                                 \
		uint64_t end_ = deadline_in(WAIT_MS);      \
		bool ok_;                                  \
                                                           \
		while (!(ok_ = (cond)) && now_ms() < end_) \
			nap();                             \
		ok_;                                       \
	})
void nap(void);

pid_t test_fork(void);
int test_reap(pid_t pid);   /* wait status, fails on the deadline */
bool test_gone(pid_t pid);  /* child has ended and was reaped */
unsigned int test_id(void); /* the number in all names of this test */
bool module_is_peer(void);
void kmsg_mark(void);
unsigned int kmsg_count(const char *text); /* lines, since the last look */
bool kmsg_has(const char *text);	   /* since kmsg_mark() */
bool task_in_ioctl(pid_t pid, unsigned long nr); /* blocked in it */
bool task_stands_in(const char *function); /* a task sleeps in @function */

/* ---- file.c: configfs, sysfs, modules --------------------------------- */

int file_write(const char *text, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
int file_read(char *buf, size_t size, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* Our module's counters of the device that this process owns; false without one. */
bool queues_path(char *path, size_t size);
bool file_exists(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
int dir_make(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
int dir_remove(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
int run_program(const char *const argv[]);
void need_module(const char *name, const char *param);

/* ---- gmem.c: guest memory --------------------------------------------- */

#define GMEM_REGIONS 65

struct region {
	uint64_t gpa;
	uint64_t size;
	uint8_t *hva;
};

/*
 * Default layout: "low" (allocations come from it), "next" that follows it in
 * guest-physical space but stands elsewhere, a hole, and "high".
 */
struct gmem {
	struct region region[GMEM_REGIONS];
	unsigned int nr;
	uint64_t used; /* allocated bytes of region[0]; may be reset */
	uint64_t kept; /* bytes at its end that gmem_keep() gave */
};

#define LOW_GPA 0x100000000ull
#define LOW_SIZE (192 * MIB)
#define NEXT_GPA (LOW_GPA + LOW_SIZE)
#define NEXT_SIZE (16 * MIB)
#define HOLE_GPA (NEXT_GPA + NEXT_SIZE)
#define HIGH_GPA 0x800000000ull
#define HIGH_SIZE (16 * MIB)

void gmem_init(struct gmem *m);
struct region *gmem_add(struct gmem *m, uint64_t gpa, uint64_t size);
uint64_t gmem_alloc(struct gmem *m, uint64_t size, uint64_t align);
uint64_t gmem_keep(struct gmem *m, uint64_t size);
void *gmem_ptr(const struct gmem *m, uint64_t gpa, uint64_t len);
void gmem_put(const struct gmem *m, uint64_t gpa, const void *src, size_t len);
void gmem_get(const struct gmem *m, uint64_t gpa, void *dst, size_t len);
void gmem_fill(const struct gmem *m, uint64_t gpa, int byte, size_t len);
void gmem_pattern(const struct gmem *m, uint64_t gpa, size_t len,
		  uint64_t seed);
/* Offset of the first byte that differs from the pattern, or -1. */
ssize_t gmem_differs(const struct gmem *m, uint64_t gpa, size_t len,
		     uint64_t seed);
uint8_t pattern_byte(uint64_t seed, uint64_t offset);
int gmem_set_table(const struct gmem *m, int fd);

/* ---- ring.c: split rings ---------------------------------------------- */

struct seg {
	uint64_t gpa;
	uint32_t len;
};

#define ALL_DIRECT (~0u)

struct req;
struct vdev;

struct vq {
	struct vdev *dev;
	unsigned int index;
	unsigned int num;
	uint64_t gpa; /* of the descriptor table, 0: not set up */
	struct vring_desc *desc;
	struct vring_avail *avail;
	struct vring_used *used;
	size_t bytes;	    /* of the three together */
	uint16_t avail_idx; /* next to fill; published by ring_publish() */
	uint16_t used_idx;  /* next to read */
	uint16_t *free;	    /* stack of free descriptors */
	unsigned int nr_free;
	struct req **owner; /* by head */
	uint64_t *table;    /* by head: gpa of an indirect table */
	uint32_t *table_room;
	uint32_t seq; /* counts used entries read */
	bool event_idx;
	int kick, call, err;
};

void ring_init(struct vq *vq, unsigned int num);
void ring_reset(struct vq *vq);
/* A ring of another size, not above that of ring_init(), in the same place. */
void ring_resize(struct vq *vq, unsigned int num);
/* Adds a chain; @direct segments stand in the ring, the rest in a table. */
int ring_add(struct vq *vq, const struct seg *seg, unsigned int nr_out,
	     unsigned int nr_in, unsigned int direct, struct req *owner);
void ring_offer(struct vq *vq, uint16_t head); /* raw: head into avail */
void ring_publish(struct vq *vq);
void ring_kick(struct vq *vq); /* always */
bool ring_wants_kick(struct vq *vq, uint16_t old);
unsigned int ring_collect(struct vq *vq);
bool ring_wait(struct vq *vq, uint64_t deadline);
uint16_t *ring_used_event(struct vq *vq);
uint16_t *ring_avail_event(struct vq *vq);

/* Also in ring.c: eventfds. */

int efd_new(void);
void efd_signal(int fd);
uint64_t efd_drain(int fd);
bool efd_wait(int fd, uint64_t deadline);

/* ---- device.c: the device as QEMU drives it --------------------------- */

#define VQ_CTL 0
#define VQ_EVT 1
#define VQ_IO 2

#define F_LOG_ALL (1ull << VHOST_F_LOG_ALL)
#define F_ANY_LAYOUT (1ull << VIRTIO_F_ANY_LAYOUT)
#define F_NOTIFY_ON_EMPTY (1ull << VIRTIO_F_NOTIFY_ON_EMPTY)
#define F_INDIRECT (1ull << VIRTIO_RING_F_INDIRECT_DESC)
#define F_EVENT_IDX (1ull << VIRTIO_RING_F_EVENT_IDX)
#define F_VERSION_1 (1ull << VIRTIO_F_VERSION_1)
#define F_HOTPLUG (1ull << VIRTIO_SCSI_F_HOTPLUG)
#define F_CHANGE (1ull << VIRTIO_SCSI_F_CHANGE)
#define F_T10_PI (1ull << VIRTIO_SCSI_F_T10_PI)
#define F_DEFAULT (F_INDIRECT | F_EVENT_IDX | F_VERSION_1)

struct vdev {
	int fd;
	uint64_t features;
	unsigned int nvqs;
	struct vq *vq;
	struct gmem mem;
};

int dev_open_fd(void);
struct vdev *dev_open(unsigned int io_queues); /* SET_OWNER, CALL, ERR */
struct vdev *dev_open_on(int fd, unsigned int io_queues);
void dev_rings(struct vdev *d, unsigned int num); /* memory for all rings */
int dev_vq_start(struct vq *vq);		  /* NUM BASE ADDR KICK CALL */
int dev_vq_addr(struct vq *vq);
int dev_ready(struct vdev *d, uint64_t features); /* all but SET_ENDPOINT */
struct vdev *dev_up(const char *wwn, unsigned int io_queues, unsigned int num,
		    uint64_t features);
int dev_set_endpoint(int fd, const char *wwn);
int dev_clear_endpoint(int fd, const char *wwn);
int dev_ioctl(int fd, unsigned long nr, void *arg);
int dev_vring_state(int fd, unsigned long nr, unsigned int index,
		    unsigned int num);
int dev_vring_file(int fd, unsigned long nr, unsigned int index, int file);
int dev_vring_base(int fd, unsigned int index); /* GET_VRING_BASE */
int dev_features(int fd, uint64_t features);
void dev_close(struct vdev *d);
int dev_worker_new(int fd); /* its number */
int dev_worker_free(int fd, unsigned int id);
int dev_worker_attach(int fd, unsigned int index, unsigned int id);
int dev_worker_of(int fd, unsigned int index); /* GET_VRING_WORKER */

#ifndef VHOST_NEW_WORKER
struct vhost_worker_state {
	unsigned int worker_id;
};
struct vhost_vring_worker {
	unsigned int index;
	unsigned int worker_id;
};
#define VHOST_NEW_WORKER _IOR(VHOST_VIRTIO, 0x8, struct vhost_worker_state)
#define VHOST_FREE_WORKER _IOW(VHOST_VIRTIO, 0x9, struct vhost_worker_state)
#define VHOST_ATTACH_VRING_WORKER \
	_IOW(VHOST_VIRTIO, 0x15, struct vhost_vring_worker)
#define VHOST_GET_VRING_WORKER \
	_IOWR(VHOST_VIRTIO, 0x16, struct vhost_vring_worker)
#endif

/* ---- request.c: one chain, of any shape ------------------------------- */

#define CMD_HDR_LEN 51u
#define CMD_PI_HDR_LEN 59u
#define CMD_RSP_LEN 108u
#define RSP_POISON 0xee /* what the response area holds before */

struct req {
	struct vdev *dev;
	struct vq *vq;
	uint8_t hdr[128];
	uint32_t hdr_len, rsp_len;
	uint32_t hdr_chunk, rsp_chunk; /* bytes per descriptor, 0: one */
	uint64_t hdr_gpa, rsp_gpa;
	struct seg *out, *in; /* data segments */
	unsigned int nr_out, nr_in;
	unsigned int direct; /* descriptors before the table */
	int head;
	bool done;
	uint32_t used_len;
	uint32_t seq;			 /* place in the order of completion */
	struct virtio_scsi_cmd_resp rsp; /* valid once done */
};

void req_init(struct req *r, struct vdev *d, unsigned int queue);
struct virtio_scsi_cmd_req *req_cmd(struct req *r, unsigned int target,
				    unsigned int lun, const uint8_t *cdb);
void req_pi(struct req *r, uint32_t pi_out, uint32_t pi_in);
void req_tmf(struct req *r, uint32_t subtype, unsigned int target,
	     unsigned int lun, uint64_t tag);
void req_an(struct req *r, uint32_t type, unsigned int target, uint32_t events);
void req_lun(uint8_t addr[8], unsigned int target, unsigned int lun);
void req_out(struct req *r, uint64_t gpa, uint32_t len);
void req_in(struct req *r, uint64_t gpa, uint32_t len);
/* As above, in pieces of @chunk bytes. */
void req_out_split(struct req *r, uint64_t gpa, uint32_t len, uint32_t chunk);
void req_in_split(struct req *r, uint64_t gpa, uint32_t len, uint32_t chunk);
void req_again(struct req *r); /* may be sent once more */
void req_free(struct req *r);
void req_queue(struct req *r); /* in the ring, not yet visible */
void req_send(struct req *r);  /* queue, publish, kick */
bool req_wait_until(struct req *r, uint64_t deadline);
void req_wait(struct req *r);		   /* fails on the deadline */
void req_run(struct req *r);		   /* send and wait */
const char *req_text(const struct req *r); /* the result in words */

#define req_good(r)                                                 \
	check((r)->done && (r)->rsp.response == VIRTIO_SCSI_S_OK && \
		      (r)->rsp.status == 0,                         \
	      "want GOOD, got %s", req_text(r))
#define req_response(r, want)                           \
	check((r)->done && (r)->rsp.response == (want), \
	      "want response %u, got %s", (unsigned int)(want), req_text(r))
#define req_sense(r, key, asc)                                             \
	check(req_has_sense(r, key, asc),                                  \
	      "want CHECK CONDITION %x/%02x, got %s", (unsigned int)(key), \
	      (unsigned int)(asc), req_text(r))
bool req_has_sense(const struct req *r, unsigned int key, unsigned int asc);
uint8_t req_tmf_response(const struct req *r);
/* An event buffer for the event queue, and what came in it. */
void event_post(struct req *r, struct vdev *d);
struct virtio_scsi_event event_wait(struct req *r);
#define event_expect(r, type, target, lun, reason) \
	event_check(__FILE__, __LINE__, r, type, target, lun, reason)
void event_check(const char *file, int line, struct req *r, uint32_t type,
		 unsigned int target, unsigned int lun, uint32_t reason);

/* ---- scsi.c: commands ------------------------------------------------- */

#define CDB_LEN 32
#define BLOCK 512u

void cdb_tur(uint8_t *cdb);
void cdb_inquiry(uint8_t *cdb, int page, uint16_t len);
void cdb_report_luns(uint8_t *cdb, uint32_t len);
void cdb_rw10(uint8_t *cdb, bool write, uint32_t lba, uint16_t blocks);
void cdb_rw16(uint8_t *cdb, bool write, uint64_t lba, uint32_t blocks);

void scsi_tur(struct vdev *d, unsigned int queue);
/* WRITE(16) or READ(16) of @len bytes at @lba, prepared but not sent. */
void scsi_rw_prep(struct req *r, struct vdev *d, unsigned int queue, bool write,
		  uint64_t lba, uint64_t gpa, uint32_t len);
void scsi_rw(struct vdev *d, unsigned int queue, bool write, uint64_t lba,
	     uint64_t gpa, uint32_t len);
void scsi_write_pattern(struct vdev *d, unsigned int queue, uint64_t lba,
			uint32_t len, uint64_t seed);
void scsi_check_pattern(struct vdev *d, unsigned int queue, uint64_t lba,
			uint32_t len, uint64_t seed);

/* ---- target.c, backstore.c: LIO by configfs --------------------------- */

#define CONFIG_TARGET "/sys/kernel/config/target"

struct bs {
	char path[256]; /* in configfs */
	char name[64];
	char file[128]; /* fileio: what has to be unlinked */
};

void bs_ramdisk(struct bs *b, uint64_t bytes);
void bs_null(struct bs *b, uint64_t bytes); /* a ramdisk that moves no data */
void bs_fileio(struct bs *b, uint64_t bytes);
void bs_iblock(struct bs *b, const char *device);
void bs_fileio_on(struct bs *b, const char *device);
void bs_user(struct bs *b, uint64_t bytes); /* without a handler */
int bs_attrib(const struct bs *b, const char *attrib, const char *value);
void bs_remove(struct bs *b);
const char *brd_device(void); /* 128 MiB of RAM as block device */
/* 8 MiB of scsi_debug, with two more parameters; gone after the test. */
const char *scsi_debug_device(const char *param, const char *param2);

struct tgt {
	char wwn[256];
	char path[512];
};

void tgt_name(struct tgt *t); /* a unique WWN, nothing made */
void tgt_new(struct tgt *t);  /* with tpgt_1 and its nexus */
int tgt_mkdir(const struct tgt *t);
int tgt_rmdir(const struct tgt *t);
int tpg_mkdir(const struct tgt *t, unsigned int tpgt);
int tpg_rmdir(const struct tgt *t, unsigned int tpgt);
int tpg_nexus(const struct tgt *t, unsigned int tpgt, const char *name);
bool tpg_is_attached(const struct tgt *t, unsigned int tpgt);
int lun_link(const struct tgt *t, unsigned int tpgt, unsigned int lun,
	     const struct bs *b);
int lun_unlink(const struct tgt *t, unsigned int tpgt, unsigned int lun);
void tgt_add(const struct tgt *t, unsigned int tpgt); /* TPG and nexus */
/* A device on a new target whose LUN 0 is @b, past its unit attention. */
struct vdev *dev_up_on(const struct bs *b, unsigned int queues);
/* The common case: a target whose TPG 1 has a ramdisk as LUN 0. */
void tgt_with_ramdisk(struct tgt *t, uint64_t bytes);
/* As that, but LUN 0 is a block device that can be made to hang and to fail. */
struct dm;
void tgt_with_dm(struct tgt *t, struct dm *m);
/* Removes everything of test @id; false and a line on stderr if it cannot. */
bool tgt_sweep(unsigned int id);
bool bs_sweep(unsigned int id);

/* ---- dm.c: a block device that hangs or fails on demand --------------- */

struct dm {
	char name[64];
	char node[64];
	char under[64]; /* the device below */
	uint64_t sectors;
};

void dm_new(struct dm *m, const char *under); /* linear over @under */
void dm_suspend(const struct dm *m);	      /* I/O waits */
void dm_resume(const struct dm *m);	      /* I/O goes on */
void dm_resume_failing(const struct dm *m);   /* I/O fails */
void dm_resize(struct dm *m, uint64_t sectors);
void dm_unhang(unsigned int id);
bool dm_sweep(unsigned int id);

#endif
