// SPDX-License-Identifier: GPL-2.0
/*
 * Random rings: descriptors, tables and headers that are right in most parts
 * and wrong in some (R28). The device may stop the queue or answer anything;
 * it has to serve the queue beside it, to let go of everything in
 * CLEAR_ENDPOINT, and to leave no flood in the kernel log.
 *
 * All random buffers lie in the region "high", away from the rings, so that
 * only what the device does to rings it is not given can disturb them.
 *
 * The peer on 6.12 passes without T10_PI; with it the host dies, as in
 * io/refuse-absurd-pi-lengths.
 */
#include "vring.h"

#define ENTRIES 64
#define TABLE 32

static uint64_t state;

static uint32_t rnd(uint32_t below)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (state >> 16) % below;
}

static bool once_in(uint32_t n)
{
	return !rnd(n);
}

/* Mostly good memory, at times a border, a hole or nonsense. */
static uint64_t any_gpa(void)
{
	if (once_in(60))
		return HIGH_GPA + HIGH_SIZE - rnd(200);
	if (once_in(150))
		return HOLE_GPA + rnd(4096);
	if (once_in(150))
		return ~0ull - rnd(64);
	if (once_in(2))
		return HIGH_GPA + rnd(HIGH_SIZE / 4096) * 4096;
	return HIGH_GPA + rnd(HIGH_SIZE - MIB);
}

static uint32_t any_len(void)
{
	static const uint32_t len[] = { 0, 1, 51, 59, 107, 108, 512, 4096 };

	if (once_in(200))
		return ~0u - rnd(4096);
	if (once_in(3))
		return rnd(70000);
	return len[rnd(ARRAY_SIZE(len))];
}

static void any_header(struct gmem *m, uint64_t gpa, bool pi)
{
	static const uint8_t op[] = { 0x00, 0x03, 0x08, 0x0a, 0x12, 0x15, 0x1a,
				      0x25, 0x28, 0x2a, 0x35, 0x41, 0x42, 0x5a,
				      0x5e, 0x5f, 0x7f, 0x88, 0x89, 0x8a, 0x93,
				      0x9e, 0xa0, 0xa3, 0xa4 };
	uint8_t hdr[CMD_PI_HDR_LEN];
	uint8_t *cdb = hdr + (pi ? 27 : 19);

	for (size_t i = 0; i < sizeof(hdr); i++)
		hdr[i] = once_in(3) ? rnd(256) : 0;
	req_lun(hdr, once_in(10) ? rnd(256) : 1, once_in(10) ? rnd(20000) : 0);
	if (pi && once_in(2))
		memset(hdr + 19, 0, 8);
	if (!once_in(20))
		cdb[0] = op[rnd(ARRAY_SIZE(op))];
	gmem_put(m, gpa, hdr, pi ? CMD_PI_HDR_LEN : CMD_HDR_LEN);
}

/* A chain of @n descriptors at @d[@first], the first being a header. */
static void any_chain(struct vdev *d, struct vring_desc *t, unsigned int first,
		      unsigned int n, unsigned int num, bool ctl)
{
	unsigned int out = 1 + (n > 2 ? rnd(n - 1) : 0);
	uint64_t hdr = HIGH_GPA + rnd(1000) * 64;

	any_header(&d->mem, hdr, d->features & F_T10_PI);
	if (ctl) {
		uint32_t words[2] = { rnd(4), rnd(9) };

		gmem_put(&d->mem, hdr, words, sizeof(words));
	}
	for (unsigned int i = 0; i < n; i++) {
		struct vring_desc *e = &t[first + i];

		e->addr = i ? any_gpa() : hdr;
		e->len = i == 0	    ? (ctl ? 24 : 59)
			 : i == out ? CMD_RSP_LEN + rnd(2) * 512
				    : any_len();
		e->flags = (i >= out ? VRING_DESC_F_WRITE : 0) |
			   (i + 1 < n ? VRING_DESC_F_NEXT : 0);
		e->next = first + i + 1;
		if (once_in(100))
			e->flags = rnd(8);
		if (once_in(100))
			e->next = rnd(num * 2);
	}
	if (!(d->features & F_T10_PI) && !ctl)
		t[first].len = 51;
}

static void any_ring(struct vdev *d, struct vq *vq, bool ctl)
{
	unsigned int at = 0, n;

	while (at + 8 < vq->num) {
		n = 2 + rnd(6);
		if (once_in(2)) {
			uint64_t table = HIGH_GPA + MIB + rnd(1000) * 1024;
			uint32_t used = 2 + rnd(TABLE - 2);
			struct vring_desc *t =
				gmem_ptr(&d->mem, table, TABLE * sizeof(*t));

			any_chain(d, t, 0, used, TABLE, ctl);
			vq->desc[at].addr = table;
			vq->desc[at].len =
				used * sizeof(*t) - (once_in(50) ? rnd(20) : 0);
			vq->desc[at].flags = VRING_DESC_F_INDIRECT;
			n = 1;
		} else {
			any_chain(d, vq->desc, at, n, vq->num, ctl);
		}
		ring_offer(vq, once_in(100) ? rnd(70) : at);
		at += n;
	}
	ring_publish(vq);
	ring_kick(vq);
}

static void fuzz(uint64_t features, unsigned int rounds)
{
	uint64_t end = now_ms() + 30000;
	struct vdev *d;
	struct tgt t;

	tgt_with_ramdisk(&t, 4 * MIB);
	d = dev_up(t.wwn, 2, ENTRIES, features);
	/* A slow machine need not do them all. */
	for (unsigned int i = 0; i < rounds && (i < 50 || now_ms() < end);
	     i++) {
		state = 0x9e3779b97f4a7c15ull * (i + 1);
		step("round %u", i);
		any_ring(d, &d->vq[VQ_IO], false);
		if (once_in(4))
			any_ring(d, &d->vq[VQ_CTL], true);
		step("round %u: the queue beside it", i);
		if (!(features & F_T10_PI))
			scsi_tur(d, VQ_IO + 1);
		step("round %u: CLEAR_ENDPOINT", i);
		expect(dev_clear_endpoint(d->fd, t.wwn), 0);
		ring_reset(&d->vq[VQ_IO]);
		ring_reset(&d->vq[VQ_CTL]);
		expect(dev_ready(d, features), 0);
		expect(dev_set_endpoint(d->fd, t.wwn), 0);
	}
}

VRING_TEST_LIMIT(
	io_fuzz, "io/survive-random-rings",
	"serve one queue while another and the control queue hold junk", 240)
{
	uint64_t start = now_ms();
	unsigned int lines;

	kmsg_mark();
	fuzz(F_DEFAULT, 500);
	lines = kmsg_count("vhost");
	check(lines < 100 + (now_ms() - start) / 100,
	      "%u lines in the kernel log", lines);
}

VRING_TEST_LIMIT(io_fuzz_pi, "io/survive-random-rings-with-pi",
		 "survive junk in a ring under T10_PI", 240)
{
	uint64_t offered = 0;
	int fd = dev_open_fd();

	expect(dev_ioctl(fd, VHOST_GET_FEATURES, &offered), 0);
	close(fd);
	if (!(offered & F_T10_PI))
		test_skip("T10_PI is not offered");
	fuzz(F_DEFAULT | F_T10_PI, 500);
}
