// SPDX-License-Identifier: GPL-2.0
/*
 * Reads and writes of no blocks, which are no error (SBC-3, 5.8), where PI is
 * kept on the medium or made by the port: there are no tuples either, for which
 * LIO would allocate, and then write in front of nothing.
 *
 * Found by fuzz/answer-random-chains: the host went down (a page fault in
 * sg_init_table) on a build that handed LIO these commands.
 */
#include "pi.h"

static void run(struct vdev *d, const uint8_t *cdb, bool write, uint32_t len)
{
	uint64_t mark = d->mem.used;
	struct req r;

	req_init(&r, d, VQ_IO);
	req_cmd(&r, 1, 0, cdb);
	if (d->features & F_T10_PI)
		req_pi(&r, 0, 0);
	if (len && write)
		req_out(&r, gmem_alloc(&d->mem, len, 4096), len);
	else if (len)
		req_in(&r, gmem_alloc(&d->mem, len, 4096), len);
	req_run(&r);
	req_good(&r);
	check(r.rsp.resid == len, "%s", req_text(&r));
	req_free(&r);
	d->mem.used = mark;
}

/* Every read and write that can be of no blocks: those of 6 bytes cannot. */
static void move_nothing(struct vdev *d)
{
	static const struct {
		uint8_t opcode;
		bool write;
	} op[] = {
		{ 0x28, false }, { 0xa8, false }, { 0x88, false },
		{ 0x2a, true },	 { 0xaa, true },  { 0x8a, true },
		{ 0x2e, true },	 { 0x8e, true },
	};

	for (size_t i = 0; i < ARRAY_SIZE(op); i++) {
		for (unsigned int protect = 0; protect < 5; protect++) {
			uint8_t cdb[CDB_LEN] = { op[i].opcode, protect << 5 };

			step("%02x with protect %u", cdb[0], protect);
			run(d, cdb, op[i].write, 0);
			run(d, cdb, op[i].write, 4096);
		}
	}
}

static void test_port(unsigned int medium, const char *port)
{
	struct vdev *d;
	struct bs b;
	struct tgt t;

	pi_ramdisk(&b, medium, 4 * MIB);
	pi_target(&t, &b, port);
	d = dev_up(t.wwn, 1, 64, F_DEFAULT | F_T10_PI);
	pi_settle(d);
	move_nothing(d);
	step("a driver that knows no PI");
	expect(dev_clear_endpoint(d->fd, t.wwn), 0);
	for (unsigned int i = 0; i < d->nvqs; i++)
		ring_reset(&d->vq[i]);
	expect(dev_ready(d, F_DEFAULT), 0);
	expect(dev_set_endpoint(d->fd, t.wwn), 0);
	move_nothing(d);
}

VRING_TEST(pi_none, "pi/move-no-blocks",
	   "read and write no blocks where PI is kept on the medium")
{
	test_port(1, NULL);
}

VRING_TEST(pi_none_port, "pi/move-no-blocks-with-pi-of-the-port",
	   "read and write no blocks where the port makes and checks PI")
{
	test_port(0, "1");
}
