// SPDX-License-Identifier: GPL-2.0
/*
 * Random CDBs: mostly an operation that LIO knows, with fields that are right
 * in most parts, so that it is carried out.
 */
#include "cdb.h"

/* Where an operation has its fields; a size of 0: it has none. */
struct operation {
	uint8_t opcode;
	bool write;
	uint8_t lba, lba_size;
	uint8_t len, len_size; /* in blocks if there is an LBA, else in bytes */
};

static const struct operation reads_writes[] = {
	{ 0x08, false, 2, 2, 4, 1 }, { 0x0a, true, 2, 2, 4, 1 },
	{ 0x28, false, 2, 4, 7, 2 }, { 0x2a, true, 2, 4, 7, 2 },
	{ 0x2e, true, 2, 4, 7, 2 },  { 0xa8, false, 2, 4, 6, 4 },
	{ 0xaa, true, 2, 4, 6, 4 },  { 0x88, false, 2, 8, 10, 4 },
	{ 0x8a, true, 2, 8, 10, 4 }, { 0x8e, true, 2, 8, 10, 4 },
};

static const struct operation others[] = {
	{ 0x00, false, 0, 0, 0, 0 },  /* TEST UNIT READY */
	{ 0x03, false, 0, 0, 4, 1 },  /* REQUEST SENSE */
	{ 0x04, true, 0, 0, 0, 0 },   /* FORMAT UNIT */
	{ 0x12, false, 0, 0, 3, 2 },  /* INQUIRY */
	{ 0x15, true, 0, 0, 4, 1 },   /* MODE SELECT(6) */
	{ 0x16, true, 0, 0, 0, 0 },   /* RESERVE(6) */
	{ 0x17, true, 0, 0, 0, 0 },   /* RELEASE(6) */
	{ 0x1a, false, 0, 0, 4, 1 },  /* MODE SENSE(6) */
	{ 0x1b, false, 0, 0, 0, 0 },  /* START STOP UNIT */
	{ 0x25, false, 0, 0, 0, 0 },  /* READ CAPACITY(10) */
	{ 0x2f, false, 2, 4, 7, 2 },  /* VERIFY(10) */
	{ 0x35, false, 2, 4, 7, 2 },  /* SYNCHRONIZE CACHE(10) */
	{ 0x3b, true, 0, 0, 6, 3 },   /* WRITE BUFFER */
	{ 0x41, true, 2, 4, 7, 2 },   /* WRITE SAME(10) */
	{ 0x42, true, 0, 0, 7, 2 },   /* UNMAP */
	{ 0x4d, false, 0, 0, 7, 2 },  /* LOG SENSE */
	{ 0x53, true, 2, 4, 7, 2 },   /* XDWRITEREAD(10) */
	{ 0x55, true, 0, 0, 7, 2 },   /* MODE SELECT(10) */
	{ 0x56, true, 0, 0, 7, 2 },   /* RESERVE(10) */
	{ 0x57, true, 0, 0, 7, 2 },   /* RELEASE(10) */
	{ 0x5a, false, 0, 0, 7, 2 },  /* MODE SENSE(10) */
	{ 0x5e, false, 0, 0, 7, 2 },  /* PERSISTENT RESERVE IN */
	{ 0x5f, true, 0, 0, 5, 4 },   /* PERSISTENT RESERVE OUT */
	{ 0x7f, true, 12, 8, 28, 4 }, /* of variable length */
	{ 0x83, true, 0, 0, 10, 4 },  /* EXTENDED COPY */
	{ 0x84, false, 0, 0, 10, 4 }, /* RECEIVE COPY RESULTS */
	{ 0x89, true, 2, 8, 13, 1 },  /* COMPARE AND WRITE */
	{ 0x8f, false, 2, 8, 10, 4 }, /* VERIFY(16) */
	{ 0x91, false, 2, 8, 10, 4 }, /* SYNCHRONIZE CACHE(16) */
	{ 0x93, true, 2, 8, 10, 4 },  /* WRITE SAME(16) */
	{ 0x9e, false, 0, 0, 10, 4 }, /* SERVICE ACTION IN(16) */
	{ 0xa0, false, 0, 0, 6, 4 },  /* REPORT LUNS */
	{ 0xa3, false, 0, 0, 6, 4 },  /* MAINTENANCE IN */
	{ 0xa4, true, 0, 0, 6, 4 },   /* MAINTENANCE OUT */
};

static void put_be(uint8_t *p, unsigned int size, uint64_t value)
{
	for (; size; size--, value >>= 8)
		p[size - 1] = value;
}

static uint64_t any_lba(struct rng *r)
{
	if (rng_once_in(r, 40))
		return rng_word(r);
	if (rng_once_in(r, 20))
		return DISK_BLOCKS - rng_below(r, 20);
	return rng_below(r, DISK_BLOCKS);
}

static uint32_t any_blocks(struct rng *r)
{
	if (rng_once_in(r, 50))
		return rng_word(r);
	if (rng_once_in(r, 10))
		return rng_below(r, DISK_BLOCKS / 4);
	return rng_below(r, 24);
}

static uint32_t any_bytes(struct rng *r)
{
	static const uint32_t usual[] = { 0, 8, 16, 24, 36, 96, 252, 255 };

	if (rng_once_in(r, 50))
		return rng_word(r);
	return rng_once_in(r, 3) ? rng_below(r, 5000) : rng_pick(r, usual);
}

/* A bit here, a byte there; service actions and page codes are small. */
static void sprinkle(struct rng *r, uint8_t *cdb)
{
	for (int i = 1; i < 16; i++)
		if (rng_once_in(r, 12))
			cdb[i] = rng_once_in(r, 3) ? rng_word(r)
						   : 1u << rng_below(r, 8);
}

static void service_action(struct rng *r, uint8_t *cdb)
{
	static const uint8_t pages[] = { 0x00, 0x01, 0x08, 0x0a, 0x1c, 0x3f,
					 0x80, 0x83, 0x86, 0xb0, 0xb1, 0xb2 };

	switch (cdb[0]) {
	case 0x12:
		cdb[1] = rng_below(r, 2);
		/* fallthrough */
	case 0x1a:
	case 0x4d:
	case 0x5a:
		cdb[2] = rng_pick(r, pages);
		break;
	case 0x7f:
		cdb[7] = rng_once_in(r, 4) ? rng_word(r) : 0x18;
		cdb[9] = rng_once_in(r, 4) ? 0x07 : 0x0d;
		break;
	case 0x9e:
		cdb[1] = rng_within(r, 0x10, 0x13);
		break;
	case 0xa3:
	case 0xa4:
		cdb[1] = rng_once_in(r, 2) ? 0x0a : 0x0c;
		break;
	case 0x5e:
	case 0x5f:
	case 0x83:
	case 0x84:
		cdb[1] = rng_below(r, 9);
		cdb[2] = rng_below(r, 9);
		break;
	}
}

/* Data that does not follow from the number of blocks. */
static void adjust(struct rng *r, struct command *c)
{
	switch (c->cdb[0]) {
	case 0x41:
	case 0x7f:
	case 0x93:
		c->bytes = BLOCK;
		break;
	case 0x89:
		c->cdb[13] = rng_below(r, 3);
		c->bytes = 2 * c->cdb[13] * BLOCK;
		break;
	}
}

static void fill(struct rng *r, struct command *c, const struct operation *op)
{
	uint32_t len = op->lba_size ? any_blocks(r) : any_bytes(r);
	uint32_t mask = op->len_size < 4 ? (1u << 8 * op->len_size) - 1 : ~0u;

	c->cdb[0] = op->opcode;
	if (rng_once_in(r, 4))
		sprinkle(r, c->cdb);
	service_action(r, c->cdb);
	put_be(c->cdb + op->lba, op->lba_size, any_lba(r));
	put_be(c->cdb + op->len, op->len_size, len);
	c->write = op->write;
	c->bytes = len & mask;
	if (op->lba_size)
		c->bytes *= BLOCK;
	adjust(r, c);
}

void any_command(struct rng *r, struct command *c)
{
	memset(c, 0, sizeof(*c));
	if (rng_once_in(r, 30)) {
		for (int i = 0; i < CDB_LEN; i++)
			c->cdb[i] = rng_word(r);
		c->write = rng_once_in(r, 2);
		c->bytes = rng_below(r, 5000);
	} else if (rng_once_in(r, 3)) {
		fill(r, c, &rng_pick(r, others));
	} else {
		fill(r, c, &rng_pick(r, reads_writes));
		if (rng_once_in(r, 8))
			c->cdb[1] = rng_word(r);
		if (c->cdb[0] < 0x20 && !c->cdb[4])
			c->bytes = 256 * BLOCK;
		c->blocks = c->bytes / BLOCK;
	}
}
