// SPDX-License-Identifier: GPL-2.0
/*
 * What a chain says: headers, LUNs, commands, task management functions, event
 * buffers; and where its buffers are. Right in most parts and wrong in some.
 */
#include "cdb.h"

static void add(struct seg *list, unsigned int *nr, uint64_t gpa, uint64_t len)
{
	if (*nr < SEGS_MAX / 3) {
		list[*nr].gpa = gpa;
		list[*nr].len = len;
		++*nr;
	}
}

/* The two directions while a chain is made. */
struct draft {
	unsigned int out, in;
	struct seg out_seg[SEGS_MAX / 3], in_seg[SEGS_MAX / 3];
};

static void add_out(struct draft *d, uint64_t gpa, uint64_t len)
{
	add(d->out_seg, &d->out, gpa, len);
}

static void add_in(struct draft *d, uint64_t gpa, uint64_t len)
{
	add(d->in_seg, &d->in, gpa, len);
}

/* Memory that is none, or none in part, or not with every access. */
static uint64_t odd_gpa(struct rng *r)
{
	switch (rng_below(r, 7)) {
	case 0:
		return HIGH_GPA + HIGH_SIZE - rng_below(r, 8192);
	case 1:
		return HOLE_GPA + rng_below(r, 8192);
	case 2:
		return ~0ull - rng_below(r, 8192);
	case 3:
		return NEXT_GPA - rng_below(r, 16384);
	case 4:
		return NO_ACCESS_GPA - rng_below(r, 8192);
	case 5:
		return READ_ONLY_GPA + rng_below(r, 4096);
	default:
		return rng_word(r);
	}
}

static uint64_t data_gpa(struct rng *r, uint32_t grain, uint32_t len)
{
	uint64_t room = DATA_SIZE - (len < DATA_SIZE ? len : DATA_SIZE);

	if (rng_once_in(r, 60))
		return odd_gpa(r);
	return DATA_GPA + rng_below(r, room / grain + 1) * grain;
}

/* @bytes of data in pieces, cut at multiples of a random grain. */
static void add_data(struct rng *r, struct draft *d, bool write, uint32_t bytes)
{
	static const uint32_t grains[] = { 1, 1, 4, 512, 512, 512, 4096 };
	uint32_t grain = rng_pick(r, grains), n;
	unsigned int pieces = rng_once_in(r, 12) ? rng_within(r, 1, 300)
						 : rng_within(r, 1, 5);

	for (; bytes; bytes -= n) {
		n = bytes;
		if (pieces > 1)
			n = rng_below(r, 2 * (bytes / pieces) + 1);
		n = (n + grain - 1) / grain * grain;
		if (n > bytes || pieces == 1)
			n = bytes;
		if (n < bytes)
			pieces--;
		if (write)
			add_out(d, data_gpa(r, grain, n), n);
		else
			add_in(d, data_gpa(r, grain, n), n);
		if (rng_once_in(r, 50))
			add_in(d, data_gpa(r, 1, 0), 0);
	}
}

static void any_lun(struct rng *r, uint8_t *lun)
{
	unsigned int target = rng_once_in(r, 8) ? 2 : 1;

	memset(lun, 0, 8);
	lun[0] = 1;
	lun[1] = target;
	lun[3] = target == 1 ? rng_below(r, LUNS) : 0;
	if (rng_once_in(r, 2))
		lun[2] = 0x40;
	if (rng_once_in(r, 10))
		lun[rng_below(r, 8)] = rng_word(r);
}

static uint64_t any_tag(struct rng *r)
{
	return rng_below(r, 100);
}

static void put_le(uint8_t *p, unsigned int size, uint64_t value)
{
	for (; size; size--, value >>= 8)
		*p++ = value;
}

/* The two PI lengths: mostly none, or a tuple for each block. */
static void any_pi(struct rng *r, uint8_t *hdr, const struct command *c)
{
	uint32_t len = rng_once_in(r, 6) ? rng_word(r) : c->blocks * 8;

	memset(hdr + 19, 0, 8);
	if (rng_once_in(r, 2))
		put_le(hdr + (c->write ? 19 : 23), 4, len);
	if (rng_once_in(r, 30))
		put_le(hdr + 19, 4, rng_below(r, 4096));
}

/* Parameter data: words that are mostly small, in either byte order. */
static void any_parameters(struct guest *g, struct rng *r, struct draft *d)
{
	uint8_t block[256] = { 0 };

	for (int i = 0; i < 24; i++)
		block[rng_below(r, sizeof(block))] = rng_below(r, 40);
	if (!d->out || d->out_seg[0].gpa - DATA_GPA > DATA_SIZE - sizeof(block))
		return;
	gmem_put(&g->d->mem, d->out_seg[0].gpa, block, sizeof(block));
}

/* How much of a buffer there is for @want bytes of data. */
static uint32_t buffer_for(struct rng *r, uint32_t want)
{
	if (want > 2 * DATA_SIZE)
		want = rng_below(r, 2 * DATA_SIZE);
	switch (rng_below(r, 8)) {
	case 0:
		return rng_below(r, 5000);
	case 1:
		return want / 2 + rng_below(r, want + 1);
	default:
		return want;
	}
}

static void cut(struct rng *r, struct draft *d, bool write, uint64_t gpa,
		uint32_t len)
{
	while (len) {
		uint32_t n = rng_within(r, 1, len);

		if (write)
			add_out(d, gpa, n);
		else
			add_in(d, gpa, n);
		gpa += n;
		len -= n;
	}
}

/* A header or response, now and then in pieces or too short. */
static void add_area(struct rng *r, struct draft *d, bool write, uint64_t gpa,
		     uint32_t len)
{
	if (rng_once_in(r, 40))
		len = rng_below(r, 2 * len);
	if (rng_once_in(r, 12))
		cut(r, d, write, gpa, len);
	else if (rng_once_in(r, 100))
		cut(r, d, write, odd_gpa(r), len);
	else if (write)
		add_out(d, gpa, len);
	else
		add_in(d, gpa, len);
}

static void make_command(struct guest *g, struct rng *r, uint64_t hdr_gpa,
			 uint64_t rsp_gpa, struct draft *d)
{
	bool pi = g->features & F_T10_PI;
	uint32_t len = pi ? CMD_PI_HDR_LEN : CMD_HDR_LEN, bytes;
	uint8_t hdr[CMD_PI_HDR_LEN] = { 0 };
	struct draft data = { 0 };
	struct command c;

	any_command(r, &c);
	any_lun(r, hdr);
	put_le(hdr + 8, 8, any_tag(r));
	hdr[16] = rng_once_in(r, 8) ? rng_word(r) : 0;
	if (pi)
		any_pi(r, hdr, &c);
	memcpy(hdr + len - CDB_LEN, c.cdb, CDB_LEN);
	gmem_put(&g->d->mem, hdr_gpa, hdr, len);
	bytes = buffer_for(r, c.bytes);
	if (pi && rng_once_in(r, 2))
		bytes += c.blocks * 8;
	add_data(r, &data, c.write, bytes);
	/* Both ways at once. */
	if (rng_once_in(r, 50))
		add_data(r, &data, !c.write, rng_below(r, 5000));
	if (c.write && !c.blocks)
		any_parameters(g, r, &data);
	add_area(r, d, true, hdr_gpa, len);
	add_area(r, d, false, rsp_gpa, CMD_RSP_LEN);
	for (unsigned int i = 0; i < data.out; i++)
		add_out(d, data.out_seg[i].gpa, data.out_seg[i].len);
	for (unsigned int i = 0; i < data.in; i++)
		add_in(d, data.in_seg[i].gpa, data.in_seg[i].len);
}

static void make_control(struct guest *g, struct rng *r, uint64_t hdr_gpa,
			 uint64_t rsp_gpa, struct draft *d)
{
	uint32_t type = rng_once_in(r, 20) ? rng_word(r) : rng_below(r, 4);
	uint8_t hdr[24] = { 0 };

	put_le(hdr, 4, type);
	if (type == VIRTIO_SCSI_T_TMF) {
		put_le(hdr + 4, 4, rng_below(r, 10));
		any_lun(r, hdr + 8);
		put_le(hdr + 16, 8, any_tag(r));
	} else {
		any_lun(r, hdr + 4);
		put_le(hdr + 12, 4, rng_word(r));
	}
	gmem_put(&g->d->mem, hdr_gpa, hdr, sizeof(hdr));
	add_area(r, d, true, hdr_gpa, type == VIRTIO_SCSI_T_TMF ? 24 : 16);
	add_area(r, d, false, rsp_gpa, type == VIRTIO_SCSI_T_TMF ? 1 : 5);
}

static void make_event(struct rng *r, uint64_t hdr_gpa, uint64_t rsp_gpa,
		       struct draft *d)
{
	add_area(r, d, false, rsp_gpa, 16);
	if (rng_once_in(r, 20))
		add_area(r, d, true, hdr_gpa, 16);
	if (rng_once_in(r, 20))
		add_in(d, rsp_gpa + 32, rng_below(r, 64));
}

/* Out first; how else is a matter of place.c. */
static void join(const struct draft *d, struct chain *c)
{
	c->out = d->out;
	c->in = d->in;
	memcpy(c->seg, d->out_seg, d->out * sizeof(*c->seg));
	memcpy(c->seg + d->out, d->in_seg, d->in * sizeof(*c->seg));
	if (!c->out && !c->in) {
		c->in = 1;
		c->seg[0] = (struct seg){ DATA_GPA, 0 };
	}
}

void chain_make(struct guest *g, struct rng *r, unsigned int queue,
		unsigned int slot, struct chain *c)
{
	unsigned int nr = queue * RING_MAX + slot;
	uint64_t hdr = HDR_GPA + nr * HDR_SLOT;
	uint64_t rsp = RSP_GPA + nr * RSP_SLOT;
	struct draft d = { 0 };

	if (queue == VQ_CTL)
		make_control(g, r, hdr, rsp, &d);
	else if (queue == VQ_EVT)
		make_event(r, hdr, rsp, &d);
	else
		make_command(g, r, hdr, rsp, &d);
	join(&d, c);
}

/* Where the guest has its rings, or its headers, responses and tables. */
void chain_scatter(struct guest *g, struct rng *r, struct chain *c)
{
	for (unsigned int i = 0; i < c->out + c->in; i++) {
		struct seg *s = &c->seg[i];
		const struct vq *vq = &g->d->vq[rng_below(r, QUEUES)];

		if (!rng_once_in(r, 4) || i == 0)
			continue;
		if (rng_once_in(r, 2))
			s->gpa = vq->gpa + rng_below(r, vq->bytes);
		else
			s->gpa = HIGH_GPA + rng_below(r, MIB);
	}
}
