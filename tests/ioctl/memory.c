// SPDX-License-Identifier: GPL-2.0
/*
 * SET_MEM_TABLE. The peer on 6.12 passes.
 */
#include "vring.h"

#define MAX 64

static struct vhost_memory *table(unsigned int nr)
{
	struct vhost_memory *t;

	t = calloc(1, sizeof(*t) + nr * sizeof(t->regions[0]));
	t->nregions = nr;
	for (unsigned int i = 0; i < nr; i++) {
		t->regions[i].guest_phys_addr = i * MIB;
		t->regions[i].memory_size = 4096;
		t->regions[i].userspace_addr = 0x10000 + i * MIB;
	}
	return t;
}

VRING_TEST(ioctl_mem, "ioctl/check-memory-table",
	   "set memory tables of up to 64 regions and be refused bad ones")
{
	struct vhost_memory *t = table(MAX + 1);
	int fd = dev_open_fd();

	expect(dev_ioctl(fd, VHOST_SET_OWNER, NULL), 0);
	expect(dev_ioctl(fd, VHOST_SET_MEM_TABLE, (void *)8), -EFAULT);
	expect(dev_ioctl(fd, VHOST_SET_MEM_TABLE, t), -E2BIG);
	t->nregions = MAX;
	expect(dev_ioctl(fd, VHOST_SET_MEM_TABLE, t), 0);
	t->padding = 1;
	expect(dev_ioctl(fd, VHOST_SET_MEM_TABLE, t), -EOPNOTSUPP);
	t->padding = 0;
	step("a region that wraps");
	t->regions[1].guest_phys_addr = ~0ull - 4094;
	expect(dev_ioctl(fd, VHOST_SET_MEM_TABLE, t), -EFAULT);
	t->nregions = 0;
	expect(dev_ioctl(fd, VHOST_SET_MEM_TABLE, t), 0);
}

VRING_TEST(ioctl_mem_live, "ioctl/check-memory-table-while-attached",
	   "be refused a table outside of user memory, and keep the old one")
{
	struct vhost_memory *bad = table(1);
	struct vdev *d;
	struct tgt t;

	tgt_with_ramdisk(&t, 4 * MIB);
	d = dev_up(t.wwn, 1, 16, F_DEFAULT);
	bad->regions[0].userspace_addr = 0xffff800000000000ull;
	expect(dev_ioctl(d->fd, VHOST_SET_MEM_TABLE, bad), -EFAULT);
	scsi_tur(d, VQ_IO);
	expect(gmem_set_table(&d->mem, d->fd), 0);
	scsi_tur(d, VQ_IO);
}
