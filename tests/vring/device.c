// SPDX-License-Identifier: GPL-2.0
/*
 * The device, driven in the order in which QEMU does it: owner and eventfds
 * when the device is realized; features, memory, rings and then the endpoint
 * when the guest's driver is ready.
 */
#include <fcntl.h>
#include "vring.h"

int dev_ioctl(int fd, unsigned long nr, void *arg)
{
	int r = ioctl(fd, nr, arg);

	return r < 0 ? -errno : r;
}

int dev_open_fd(void)
{
	int fd = open("/dev/vhost-scsi", O_RDWR | O_CLOEXEC);

	check(fd >= 0, "/dev/vhost-scsi: %s", strerror(errno));
	return fd;
}

int dev_vring_state(int fd, unsigned long nr, unsigned int index,
		    unsigned int num)
{
	struct vhost_vring_state s = { .index = index, .num = num };

	return dev_ioctl(fd, nr, &s);
}

int dev_vring_file(int fd, unsigned long nr, unsigned int index, int file)
{
	struct vhost_vring_file f = { .index = index, .fd = file };

	return dev_ioctl(fd, nr, &f);
}

int dev_vring_base(int fd, unsigned int index)
{
	struct vhost_vring_state s = { .index = index };
	int r = dev_ioctl(fd, VHOST_GET_VRING_BASE, &s);

	return r ? r : (int)s.num;
}

int dev_features(int fd, uint64_t features)
{
	return dev_ioctl(fd, VHOST_SET_FEATURES, &features);
}

static int endpoint(int fd, unsigned long nr, const char *wwn)
{
	struct vhost_scsi_target t;

	memset(&t, 0, sizeof(t));
	memcpy(t.vhost_wwpn, wwn, strnlen(wwn, sizeof(t.vhost_wwpn)));
	return dev_ioctl(fd, nr, &t);
}

int dev_set_endpoint(int fd, const char *wwn)
{
	return endpoint(fd, VHOST_SCSI_SET_ENDPOINT, wwn);
}

int dev_clear_endpoint(int fd, const char *wwn)
{
	return endpoint(fd, VHOST_SCSI_CLEAR_ENDPOINT, wwn);
}

struct vdev *dev_open_on(int fd, unsigned int io_queues)
{
	struct vdev *d = calloc(1, sizeof(*d));

	d->fd = fd;
	d->nvqs = VQ_IO + io_queues;
	d->vq = calloc(d->nvqs, sizeof(*d->vq));
	gmem_init(&d->mem);
	expect(dev_ioctl(d->fd, VHOST_SET_OWNER, NULL), 0);
	for (unsigned int i = 0; i < d->nvqs; i++) {
		struct vq *vq = &d->vq[i];

		vq->dev = d;
		vq->index = i;
		vq->kick = efd_new();
		vq->call = efd_new();
		vq->err = efd_new();
		expect(dev_vring_file(d->fd, VHOST_SET_VRING_CALL, i, vq->call),
		       0);
		expect(dev_vring_file(d->fd, VHOST_SET_VRING_ERR, i, vq->err),
		       0);
	}
	return d;
}

struct vdev *dev_open(unsigned int io_queues)
{
	return dev_open_on(dev_open_fd(), io_queues);
}

void dev_rings(struct vdev *d, unsigned int num)
{
	for (unsigned int i = 0; i < d->nvqs; i++)
		ring_init(&d->vq[i], num);
}

int dev_vq_addr(struct vq *vq)
{
	struct vhost_vring_addr a = {
		.index = vq->index,
		.desc_user_addr = (uintptr_t)vq->desc,
		.avail_user_addr = (uintptr_t)vq->avail,
		.used_user_addr = (uintptr_t)vq->used,
	};

	return dev_ioctl(vq->dev->fd, VHOST_SET_VRING_ADDR, &a);
}

int dev_vq_start(struct vq *vq)
{
	int fd = vq->dev->fd;
	int r;

	r = dev_vring_state(fd, VHOST_SET_VRING_NUM, vq->index, vq->num);
	if (!r)
		r = dev_vring_state(fd, VHOST_SET_VRING_BASE, vq->index,
				    vq->used_idx);
	if (!r)
		r = dev_vq_addr(vq);
	if (!r)
		r = dev_vring_file(fd, VHOST_SET_VRING_KICK, vq->index,
				   vq->kick);
	if (!r)
		r = dev_vring_file(fd, VHOST_SET_VRING_CALL, vq->index,
				   vq->call);
	return r;
}

int dev_ready(struct vdev *d, uint64_t features)
{
	int abi = 0, r;

	r = dev_ioctl(d->fd, VHOST_SCSI_GET_ABI_VERSION, &abi);
	if (!r)
		r = dev_features(d->fd, features);
	if (!r)
		r = gmem_set_table(&d->mem, d->fd);
	d->features = features;
	for (unsigned int i = 0; i < d->nvqs && !r; i++) {
		d->vq[i].event_idx = features & F_EVENT_IDX;
		if (d->vq[i].gpa)
			r = dev_vq_start(&d->vq[i]);
	}
	return r;
}

struct vdev *dev_up(const char *wwn, unsigned int io_queues, unsigned int num,
		    uint64_t features)
{
	struct vdev *d = dev_open(io_queues);

	dev_rings(d, num);
	expect(dev_ready(d, features), 0);
	expect(dev_set_endpoint(d->fd, wwn), 0);
	return d;
}

void dev_close(struct vdev *d)
{
	close(d->fd);
	d->fd = -1;
}

int dev_worker_new(int fd)
{
	struct vhost_worker_state w = { 0 };
	int r = dev_ioctl(fd, VHOST_NEW_WORKER, &w);

	return r ? r : (int)w.worker_id;
}

int dev_worker_free(int fd, unsigned int id)
{
	struct vhost_worker_state w = { .worker_id = id };

	return dev_ioctl(fd, VHOST_FREE_WORKER, &w);
}

int dev_worker_attach(int fd, unsigned int index, unsigned int id)
{
	struct vhost_vring_worker w = { .index = index, .worker_id = id };

	return dev_ioctl(fd, VHOST_ATTACH_VRING_WORKER, &w);
}

int dev_worker_of(int fd, unsigned int index)
{
	struct vhost_vring_worker w = { .index = index, .worker_id = ~0u };
	int r = dev_ioctl(fd, VHOST_GET_VRING_WORKER, &w);

	check(r || w.index == index, "the index became %u", w.index);
	return r ? r : (int)w.worker_id;
}
