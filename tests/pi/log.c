// SPDX-License-Identifier: GPL-2.0
/*
 * The dirty log and PI: it is written by the device as the data is, and when
 * one of the two cannot be written the other has been all the same.
 */
#include <sys/mman.h>
#include "pi.h"

#define LOG_BYTES ((HIGH_GPA + HIGH_SIZE) / 4096 / 8)

static uint8_t *start_log(struct vdev *d)
{
	uint8_t *log = mmap(NULL, LOG_BYTES, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint64_t base = (uintptr_t)log;

	check(log != MAP_FAILED, "mmap: %s", strerror(errno));
	expect(dev_ioctl(d->fd, VHOST_SET_LOG_BASE, &base), 0);
	expect(dev_features(d->fd, d->features | F_LOG_ALL), 0);
	return log;
}

/* Pages of the area that are logged. */
static unsigned int dirty(const uint8_t *log, uint64_t gpa, uint64_t len)
{
	unsigned int n = 0;

	for (uint64_t page = gpa / 4096; page <= (gpa + len - 1) / 4096; page++)
		n += log[page / 8] >> (page % 8) & 1;
	return n;
}

VRING_TEST(
	pi_log, "pi/log-pages-of-pi",
	"find PI and data of a READ in the dirty log, and nothing of a WRITE")
{
	struct vdev *d = pi_start(1, 4 * MIB);
	uint8_t *log = start_log(d);
	struct pi_buf b = pi_alloc(d, 1024);
	struct req r;

	gmem_alloc(&d->mem, 8192, 4096);
	gmem_pattern(&d->mem, b.data, 1024 * BLOCK, 1);
	pi_fill(d, b.pi, b.data, 1024, 0);
	step("WRITE");
	pi_run(&r, d, true, PROTECT_ALL, 0, &b);
	req_good(&r);
	check(!dirty(log, b.pi, 1024 * PI_TUPLE) &&
		      !dirty(log, b.data, 1024 * BLOCK),
	      "what the device read is logged");
	step("READ");
	pi_run(&r, d, false, PROTECT_ALL, 0, &b);
	req_good(&r);
	check(dirty(log, b.pi, 1024 * PI_TUPLE) == 2, "PI is not logged");
	check(dirty(log, b.data, 1024 * BLOCK) == 128, "data is not logged");
	check(dirty(log, r.rsp_gpa, CMD_RSP_LEN), "the response is not logged");
	check(!dirty(log, b.data + 1024 * BLOCK, 4096),
	      "a page that was not written is logged");
}

/*
 * Seen to fail on a build that gave up at the PI: the data, which had been read
 * into the guest's pages by then, was not logged.
 */
VRING_TEST(pi_log_fault, "pi/log-data-when-pi-cannot-be-written",
	   "find data in the dirty log whose PI has nowhere to go")
{
	struct vdev *d = pi_start(1, 4 * MIB);
	uint8_t *log = start_log(d);
	struct pi_buf b = pi_alloc(d, 64);
	struct req r;

	pi_write_pattern(d, 0, 64, 1);
	b.pi = HIGH_GPA;
	check(!mprotect(gmem_ptr(&d->mem, HIGH_GPA, 4096), 4096, PROT_READ),
	      "mprotect: %s", strerror(errno));
	pi_run(&r, d, false, PROTECT_ALL, 0, &b);
	req_response(&r, VIRTIO_SCSI_S_FAILURE);
	check(r.used_len == CMD_RSP_LEN && r.rsp.resid == 64 * BLOCK, "%s",
	      req_text(&r));
	check(gmem_differs(&d->mem, b.data, 64 * BLOCK, 1) < 0,
	      "the data was not read in place");
	check(dirty(log, b.data, 64 * BLOCK) == 8, "data is not logged");
}
