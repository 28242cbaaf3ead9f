// SPDX-License-Identifier: GPL-2.0
/*
 * Our module has a short way for the usual request: an indirect table of header, response
 * and one buffer, a READ or WRITE of whole blocks in one page that the queue has met before.
 * It must make no difference. Each request here is sent in such a table, twice, for the first
 * time the page is not known, and in descriptors of the ring, which is the long way.
 *
 * The peer on 6.12: see tests/vring/PEER.md. Seen to fail on a build whose short way does not
 * look at where the medium ends, and on one that does not look at the CDB's flags.
 */
#include <stdio.h>
#include "vring.h"

#define BLOCKS 2048u /* of the LUN */
#define PAGE 4096u
#define ROOM (3 * PAGE) /* of the buffer */
#define ROUNDS 1500

struct stage {
	struct vdev *d;
	uint64_t buf;
	struct req r;
};

/* All that a guest sees of an answer. */
struct outcome {
	uint32_t used_len;
	struct virtio_scsi_cmd_resp rsp;
	uint8_t data[ROOM];
	uint8_t medium[16 * BLOCK]; /* where WRITEs go */
};

static void see_medium(struct stage *s, uint8_t *medium)
{
	uint64_t buf = s->buf + ROOM;

	scsi_rw(s->d, VQ_IO, false, 0, buf, 16 * BLOCK);
	gmem_get(&s->d->mem, buf, medium, 16 * BLOCK);
}

/* One way: the same data in the buffer and on the medium each time. */
static void go(struct stage *s, unsigned int direct, struct outcome *o)
{
	struct gmem *m = &s->d->mem;

	scsi_write_pattern(s->d, VQ_IO, 0, 16 * BLOCK, 7);
	gmem_pattern(m, s->buf, ROOM, 3);
	s->r.direct = direct;
	req_again(&s->r);
	req_run(&s->r);
	memset(o, 0, sizeof(*o));
	o->used_len = s->r.used_len;
	o->rsp = s->r.rsp;
	gmem_get(m, s->buf, o->data, ROOM);
	see_medium(s, o->medium);
}

static void compare(struct stage *s, const char *what)
{
	static struct outcome table, again, direct;

	step("%s", what);
	go(s, 0, &table);
	go(s, 0, &again);
	go(s, ALL_DIRECT, &direct);
	check(table.used_len == direct.used_len &&
		      again.used_len == direct.used_len,
	      "%s: %u, then %u bytes used in a table, %u in the ring", what,
	      table.used_len, again.used_len, direct.used_len);
	check(!memcmp(&table.rsp, &direct.rsp, sizeof(direct.rsp)) &&
		      !memcmp(&again.rsp, &direct.rsp, sizeof(direct.rsp)),
	      "%s: in the ring %s; in a table response %u status %u, then %u, %u",
	      what, req_text(&s->r), table.rsp.response, table.rsp.status,
	      again.rsp.response, again.rsp.status);
	check(!memcmp(table.data, direct.data, ROOM) &&
		      !memcmp(again.data, direct.data, ROOM),
	      "%s: other data", what);
	check(!memcmp(table.medium, direct.medium, sizeof(direct.medium)) &&
		      !memcmp(again.medium, direct.medium,
			      sizeof(direct.medium)),
	      "%s: the medium has other data", what);
}

/* A new request: @cdb with a buffer at @offset of @len bytes, if any. */
static struct virtio_scsi_cmd_req *prepare(struct stage *s, const uint8_t *cdb,
					   bool write, uint32_t offset,
					   uint32_t len)
{
	req_free(&s->r);
	if (write && len)
		req_out(&s->r, s->buf + offset, len);
	else if (len)
		req_in(&s->r, s->buf + offset, len);
	return req_cmd(&s->r, 1, 0, cdb);
}

static void set_up(struct stage *s)
{
	struct bs b;
	struct tgt t;

	tgt_new(&t);
	bs_ramdisk(&b, (uint64_t)BLOCKS * BLOCK);
	expect(lun_link(&t, 1, 0, &b), 0);
	s->d = dev_up(t.wwn, 1, 128, F_DEFAULT);
	scsi_tur(s->d, VQ_IO);
	s->buf = gmem_alloc(&s->d->mem, ROOM + 16 * BLOCK, PAGE);
	req_init(&s->r, s->d, VQ_IO);
}

static void compare_ranges(struct stage *s)
{
	static const struct {
		uint32_t lba, blocks, offset, len;
	} range[] = {
		{ 0, 8, 0, PAGE },
		{ 3, 1, BLOCK, BLOCK },
		{ 0, 7, BLOCK, 7 * BLOCK },
		{ 0, 8, BLOCK, PAGE }, /* two pages */
		{ 0, 8, 1, PAGE },
		{ 0, 1, 5, BLOCK },
		{ 0, 1, 0, BLOCK + 1 },
		{ 0, 1, 0, PAGE },  /* more room than data */
		{ 0, 8, 0, BLOCK }, /* less */
		{ 0, 0, 0, PAGE },
		{ 0, 0, 0, 0 },
		{ 0, 1, 0, 0 },
		{ 0, 24, 0, ROOM },
		{ BLOCKS - 8, 8, 0, PAGE },
		{ BLOCKS - 7, 8, 0, PAGE },
		{ BLOCKS - 1, 1, 0, BLOCK },
		{ BLOCKS, 1, 0, BLOCK },
		{ UINT32_MAX, 1, 0, BLOCK },
		{ UINT32_MAX, 8, 0, PAGE },
	};
	uint8_t cdb[CDB_LEN];
	char what[80];

	for (size_t i = 0; i < ARRAY_SIZE(range); i++) {
		for (unsigned int how = 0; how < 6; how++) {
			bool cdb_writes = how & 1;
			bool out = how < 4 ? cdb_writes : !cdb_writes;

			if (how & 2)
				cdb_rw16(cdb, cdb_writes, range[i].lba,
					 range[i].blocks);
			else
				cdb_rw10(cdb, cdb_writes, range[i].lba,
					 range[i].blocks);
			prepare(s, cdb, out, range[i].offset, range[i].len);
			snprintf(what, sizeof(what), "range %zu, form %u", i,
				 how);
			compare(s, what);
		}
	}
}

VRING_TEST_LIMIT(
	io_ways_ranges, "io/answer-alike-by-the-short-way",
	"send READs and WRITEs of all kinds of ranges in a table and in the ring, and compare the answers",
	60)
{
	struct stage s = { 0 };

	set_up(&s);
	compare_ranges(&s);
	/* A queue keeps two regions at hand: with these there are two, then three. */
	s.buf = HIGH_GPA;
	compare_ranges(&s);
	s.r.rsp_gpa = NEXT_GPA;
	compare_ranges(&s);
}

/* Somewhere in the header, or another command, or another address. */
static void mutate(struct virtio_scsi_cmd_req *h, unsigned int *seed)
{
	static const uint8_t opcodes[] = { 0x28, 0x2a, 0x88, 0x8a, 0x08,
					   0x0a, 0xa8, 0xaa, 0x2e, 0x8e,
					   0x00, 0x12, 0x25, 0xff };
	uint8_t *bytes = (uint8_t *)h;

	switch (rand_r(seed) % 4) {
	case 0:
		h->cdb[0] = opcodes[rand_r(seed) % ARRAY_SIZE(opcodes)];
		break;
	case 1:
		h->cdb[1 + rand_r(seed) % 15] ^= 1u << rand_r(seed) % 8;
		break;
	case 2:
		h->lun[rand_r(seed) % 8] ^= 1u << rand_r(seed) % 8;
		break;
	default:
		/* All but the operation code. */
		bytes[rand_r(seed) % 19] = rand_r(seed);
	}
}

VRING_TEST_LIMIT(
	io_ways_random, "io/answer-alike-whatever-the-header",
	"change READs and WRITEs at random, send each in a table and in the ring, and compare the answers",
	120)
{
	unsigned int seed = 1, first = seed;
	struct virtio_scsi_cmd_req *h;
	struct stage s = { 0 };
	uint8_t cdb[CDB_LEN];
	char what[80];

	set_up(&s);
	for (unsigned int i = 0; i < ROUNDS; i++) {
		bool write = rand_r(&seed) & 1;

		if (rand_r(&seed) & 1)
			cdb_rw10(cdb, write, rand_r(&seed) % 9, 8);
		else
			cdb_rw16(cdb, write, rand_r(&seed) % 9, 8);
		h = prepare(&s, cdb, write, 0, PAGE);
		for (unsigned int n = rand_r(&seed) % 3; n; n--)
			mutate(h, &seed);
		snprintf(what, sizeof(what), "seed %u, round %u, opcode %02x",
			 first, i, h->cdb[0]);
		compare(&s, what);
	}
}
