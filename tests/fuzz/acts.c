// SPDX-License-Identifier: GPL-2.0
/* What is done to a device beside single ioctls: see ops.h. */
#include "ops.h"

static struct bs extra;

void acts_init(struct guest *g)
{
	bs_ramdisk(&extra, MIB);
	expect(tpg_mkdir(&g->t, 3), 0);
	for (unsigned int i = 0; i < QUEUES; i++)
		ring_resize(&g->d->vq[i], 16);
}

/* Chains in a ring, and a kick; what was there before may be in flight. */
int act_fill(struct actor *a)
{
	struct vq *vq = &a->g->d->vq[rng_below(&a->r, QUEUES)];
	unsigned int faults = rng_once_in(&a->r, 3) ? 10 : 0;

	vq->avail_idx = vq->used->idx;
	place_chains(a->g, &a->r, vq, faults, false);
	ring_publish(vq);
	ring_kick(vq);
	return 0;
}

/* All that it takes until commands are served; by one thread, or not quite. */
int act_bring_up(struct actor *a)
{
	struct vdev *d = a->g->d;

	dev_ioctl(d->fd, VHOST_SET_OWNER, NULL);
	dev_features(d->fd, a->g->features);
	gmem_set_table(&d->mem, d->fd);
	for (unsigned int i = 0; i < QUEUES; i++) {
		d->vq[i].used->idx = d->vq[i].avail->idx;
		d->vq[i].used_idx = d->vq[i].used->idx;
		dev_vq_start(&d->vq[i]);
	}
	return dev_set_endpoint(d->fd, a->g->t.wwn);
}

void ops_reopen(struct guest *g)
{
	int fd = dev_open_fd();

	check(dup2(fd, g->d->fd) == g->d->fd, "dup2: %s", strerror(errno));
	close(fd);
}

int act_reopen(struct actor *a)
{
	ops_reopen(a->g);
	return 0;
}

int act_luns(struct actor *a)
{
	const struct tgt *t = &a->g->t;

	switch (rng_below(&a->r, 4)) {
	case 0:
		lun_link(t, 1, 9, &extra);
		break;
	case 1:
		lun_unlink(t, 1, 9);
		break;
	case 2:
		tpg_nexus(t, 3, "NULL");
		break;
	case 3:
		tpg_nexus(t, 3, t->wwn);
		break;
	}
	return 0;
}
