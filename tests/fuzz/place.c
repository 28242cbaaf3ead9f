// SPDX-License-Identifier: GPL-2.0
/*
 * Chains in a ring: descriptors and indirect tables in any order and mixture,
 * and what breaks the rules. Tables stand where no buffer of a chain is, so
 * that oracle.c reads in them what the device will.
 */
#include "fuzz.h"

#define TABLE_MAX (TABLE_SLOT / sizeof(struct vring_desc))
#define BIG_MAX (BIG_TABLE / sizeof(struct vring_desc))

struct placer {
	struct guest *g;
	struct rng *r;
	struct vq *vq;
	uint16_t free[RING_MAX]; /* descriptors, shuffled */
	unsigned int left;
	unsigned int slot; /* chains so far */
	bool big_used;
};

/* A chain that was placed: its descriptors in the ring, and its table. */
struct placed {
	uint16_t at[RING_MAX];
	unsigned int direct;
	uint64_t table_gpa;
	struct vring_desc *table;
	unsigned int tabled;
};

static void shuffle(struct placer *p)
{
	p->left = p->vq->num;
	for (unsigned int i = 0; i < p->left; i++) {
		unsigned int j = rng_below(p->r, i + 1);

		p->free[i] = p->free[j];
		p->free[j] = i;
	}
}

static uint64_t big_gpa(const struct placer *p)
{
	return BIG_GPA + p->vq->index * BIG_TABLE;
}

static uint64_t table_gpa(const struct placer *p)
{
	return TABLE_GPA +
	       (p->vq->index * RING_MAX + p->slot) * (uint64_t)TABLE_SLOT;
}

static struct vring_desc *table_at(const struct placer *p, uint64_t gpa,
				   unsigned int n)
{
	return gmem_ptr(&p->g->d->mem, gpa, n * sizeof(struct vring_desc));
}

static void put(struct vring_desc *d, const struct chain *c, unsigned int i,
		unsigned int next)
{
	bool last = i + 1 == c->out + c->in;

	d->addr = c->seg[i].gpa;
	d->len = c->seg[i].len;
	d->flags = (i >= c->out ? VRING_DESC_F_WRITE : 0) |
		   (last ? 0 : VRING_DESC_F_NEXT);
	d->next = last ? 0 : next;
}

/* Segments from @first on, its entries linked in order or criss-cross. */
static void put_table(struct placer *p, struct placed *x, const struct chain *c,
		      unsigned int first)
{
	unsigned int n = c->out + c->in - first, at[BIG_MAX];
	bool mixed = rng_once_in(p->r, 2);

	for (unsigned int i = 0; i < n; i++) {
		/* The first entry is where it has to be. */
		unsigned int j = mixed && i ? rng_within(p->r, 1, i) : i;

		at[i] = at[j];
		at[j] = i;
	}
	x->tabled = n;
	x->table_gpa = n > TABLE_MAX ? big_gpa(p) : table_gpa(p);
	p->big_used |= n > TABLE_MAX;
	x->table = table_at(p, x->table_gpa, n);
	for (unsigned int i = 0; i < n; i++)
		put(&x->table[at[i]], c, first + i, i + 1 < n ? at[i + 1] : 0);
}

/* How many segments stand in the ring, the rest being in a table. */
static unsigned int choose_direct(struct placer *p, const struct chain *c)
{
	unsigned int n = c->out + c->in;

	if (n <= p->left && rng_once_in(p->r, 3))
		return n;
	if (rng_once_in(p->r, 2))
		return 0;
	return rng_below(p->r, n < p->left ? n : p->left);
}

/* What fits no table is left out. */
static void shorten(const struct placer *p, struct chain *c,
		    unsigned int direct)
{
	unsigned int max = direct + (p->big_used ? TABLE_MAX : BIG_MAX);

	if (c->out + c->in <= max)
		return;
	if (c->out > max)
		c->out = max;
	c->in = max - c->out;
}

static void place(struct placer *p, struct placed *x, struct chain *c)
{
	unsigned int n, need;

	x->direct = choose_direct(p, c);
	shorten(p, c, x->direct);
	n = c->out + c->in;
	x->tabled = 0;
	need = x->direct + (x->direct < n);
	for (unsigned int i = 0; i < need; i++)
		x->at[i] = p->free[--p->left];
	for (unsigned int i = 0; i < x->direct; i++)
		put(&p->vq->desc[x->at[i]], c, i,
		    i + 1 < need ? x->at[i + 1] : 0);
	if (x->direct < n) {
		struct vring_desc *d = &p->vq->desc[x->at[x->direct]];

		put_table(p, x, c, x->direct);
		d->addr = x->table_gpa;
		d->len = x->tabled * sizeof(*d);
		d->flags = VRING_DESC_F_INDIRECT;
		d->next = rng_once_in(p->r, 4) ? rng_word(p->r) : 0;
	}
}

static struct vring_desc *any_descriptor(struct placer *p, struct placed *x)
{
	unsigned int n = x->direct + x->tabled;
	unsigned int i = rng_below(p->r, n);

	return i < x->direct ? &p->vq->desc[x->at[i]]
			     : &x->table[i - x->direct];
}

/* Some of a ring's own descriptors. */
static void refer_to_ring(struct placer *p, struct vring_desc *ref,
			  const struct vq *vq)
{
	unsigned int first = rng_below(p->r, vq->num);

	ref->addr = vq->gpa + first * sizeof(*ref);
	ref->len = rng_within(p->r, 1, vq->num - first) * sizeof(*ref);
}

/*
 * A table where there is none, in part or at all, or a ring, or that of another
 * chain. Not where a response or data may come: the oracle has read it by then.
 */
static void refer_to_odd(struct placer *p, struct vring_desc *ref)
{
	ref->flags |= VRING_DESC_F_INDIRECT;
	switch (rng_below(p->r, 6)) {
	case 0:
		ref->addr = HOLE_GPA + rng_below(p->r, 4096);
		break;
	case 1:
		ref->addr = ~0ull - rng_below(p->r, 512);
		break;
	case 2:
		ref->addr = NO_ACCESS_GPA;
		break;
	case 3:
		refer_to_ring(p, ref, p->vq);
		break;
	case 4:
		refer_to_ring(p, ref, &p->g->d->vq[rng_below(p->r, QUEUES)]);
		break;
	default:
		ref->addr = TABLE_GPA + rng_below(p->r, SLOTS * TABLE_SLOT / 2);
	}
}

/* As many entries as a table may have, or one more. */
static void lengthen(struct placer *p, struct vring_desc *ref)
{
	unsigned int n = VISIT_MAX + rng_below(p->r, 2);
	struct vring_desc *t = table_at(p, big_gpa(p), n);

	if (p->big_used)
		return;
	p->big_used = true;
	for (unsigned int i = 0; i < n; i++) {
		t[i].addr = HDR_GPA;
		t[i].len = 1;
		t[i].flags = i + 1 < n ? VRING_DESC_F_NEXT : 0;
		t[i].next = i + 1;
	}
	ref->addr = big_gpa(p);
	ref->len = n * sizeof(*t);
	ref->flags = VRING_DESC_F_INDIRECT;
}

static void break_table(struct placer *p, struct placed *x)
{
	struct vring_desc *ref = &p->vq->desc[x->at[x->direct]];
	struct vring_desc *e = &x->table[rng_below(p->r, x->tabled)];

	switch (rng_below(p->r, 8)) {
	case 0:
		ref->len = rng_below(p->r, ref->len + 20);
		break;
	case 1:
		refer_to_odd(p, ref);
		break;
	case 2:
		/* A table that refers to itself. */
		e->addr = x->table_gpa;
		e->len = ref->len;
		e->flags |= VRING_DESC_F_INDIRECT;
		break;
	case 3:
		ref->flags |= rng_once_in(p->r, 2) ? VRING_DESC_F_WRITE
						   : VRING_DESC_F_NEXT;
		/* Often a descriptor of another chain's. */
		if (rng_once_in(p->r, 2))
			ref->next = rng_below(p->r, p->vq->num);
		break;
	case 4:
		lengthen(p, ref);
		break;
	case 5:
		e->flags |= VRING_DESC_F_NEXT;
		e->next = rng_below(p->r, x->tabled);
		break;
	case 6:
		ref->len = rng_once_in(p->r, 2) ? ~0u << 4 : rng_word(p->r);
		break;
	default:
		e->next = rng_below(p->r, 2 * x->tabled);
		break;
	}
}

static void break_chain(struct placer *p, struct placed *x)
{
	struct vring_desc *d = any_descriptor(p, x);

	if (x->tabled && rng_once_in(p->r, 2)) {
		break_table(p, x);
		return;
	}
	switch (rng_below(p->r, 8)) {
	case 0:
		d->next = rng_below(p->r, 2 * p->vq->num);
		break;
	case 1:
		d->flags |= VRING_DESC_F_NEXT;
		d->next = x->at[0];
		break;
	case 2:
		d->flags ^= VRING_DESC_F_WRITE;
		break;
	case 3:
		d->flags ^= VRING_DESC_F_NEXT;
		break;
	case 4:
		d->flags |= rng_word(p->r) << 3;
		break;
	case 5:
		d->addr = 0 - (uint64_t)rng_below(p->r, 4096);
		d->len = rng_once_in(p->r, 2) ? 4096 : rng_word(p->r);
		break;
	case 6:
		refer_to_odd(p, d);
		break;
	default:
		/* Not up to where tables are. */
		if (d->flags & VRING_DESC_F_WRITE)
			d->addr = DATA_GPA + rng_below(p->r, DATA_SIZE);
		d->len = rng_word(p->r);
		break;
	}
}

static uint16_t any_head(struct placer *p, uint16_t head, bool wrong)
{
	if (wrong && rng_once_in(p->r, 10))
		return p->vq->num + rng_below(p->r, 65536 - p->vq->num);
	return head;
}

unsigned int place_chains(struct guest *g, struct rng *r, struct vq *vq,
			  unsigned int faults, bool scatter)
{
	struct placer p = { .g = g, .r = r, .vq = vq };
	unsigned int max = rng_within(r, 1, vq->num);
	struct placed x;
	struct chain c;

	shuffle(&p);
	memset(vq->desc, 0, vq->num * sizeof(*vq->desc));
	for (; p.left && p.slot < max; p.slot++) {
		bool wrong = faults && rng_once_in(r, faults);

		chain_make(g, r, vq->index, p.slot, &c);
		if (scatter)
			chain_scatter(g, r, &c);
		place(&p, &x, &c);
		if (wrong)
			break_chain(&p, &x);
		ring_offer(vq, any_head(&p, x.at[0], wrong));
	}
	/* An index that says more than the ring holds. */
	if (faults && rng_once_in(r, 30))
		vq->avail_idx += vq->num + rng_below(r, 60000);
	return p.slot;
}
