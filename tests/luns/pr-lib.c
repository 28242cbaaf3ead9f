// SPDX-License-Identifier: GPL-2.0
/* PERSISTENT RESERVE IN and OUT: see pr.h. */
#include "pr.h"

static void put_be64(uint8_t *p, uint64_t v)
{
	for (int i = 7; i >= 0; i--, v >>= 8)
		p[i] = v;
}

static uint64_t get_be64(const uint8_t *p)
{
	uint64_t v = 0;

	for (int i = 0; i < 8; i++)
		v = v << 8 | p[i];
	return v;
}

static uint32_t get_be32(const uint8_t *p)
{
	return get_be64(p) >> 32;
}

void pr_out_prep(struct req *r, struct vdev *d, uint8_t action, uint8_t type,
		 uint64_t key, uint64_t new_key, bool aptpl)
{
	uint8_t cdb[CDB_LEN] = { 0x5f, action, type, [8] = 24 };
	uint64_t gpa = gmem_alloc(&d->mem, 24, 64);
	uint8_t list[24] = { 0 };

	put_be64(list, key);
	put_be64(list + 8, new_key);
	list[20] = aptpl;
	gmem_put(&d->mem, gpa, list, sizeof(list));
	req_init(r, d, VQ_IO);
	req_cmd(r, 1, 0, cdb);
	req_out(r, gpa, sizeof(list));
}

uint8_t pr_out(struct vdev *d, uint8_t action, uint8_t type, uint64_t key,
	       uint64_t new_key)
{
	struct req r;

	pr_out_prep(&r, d, action, type, key, new_key, false);
	req_run(&r);
	req_free(&r);
	req_response(&r, VIRTIO_SCSI_S_OK);
	return r.rsp.status;
}

unsigned int pr_in(struct vdev *d, uint8_t action, uint8_t *buf,
		   unsigned int size)
{
	uint8_t cdb[CDB_LEN] = { 0x5e, action, [7] = size >> 8, size };
	uint64_t gpa = gmem_alloc(&d->mem, size, 512);
	struct req r;

	req_init(&r, d, VQ_IO);
	req_cmd(&r, 1, 0, cdb);
	req_in(&r, gpa, size);
	req_run(&r);
	req_good(&r);
	req_free(&r);
	gmem_get(&d->mem, gpa, buf, size);
	return size - r.rsp.resid;
}

unsigned int pr_keys(struct vdev *d, uint64_t *keys, unsigned int max)
{
	uint8_t buf[512];
	unsigned int n;

	pr_in(d, PR_READ_KEYS, buf, sizeof(buf));
	n = get_be32(buf + 4) / 8;
	for (unsigned int i = 0; i < n && i < max; i++)
		keys[i] = get_be64(buf + 8 + 8 * i);
	return n;
}

uint64_t pr_holder(struct vdev *d)
{
	uint8_t buf[64];

	pr_in(d, PR_READ_RESERVATION, buf, sizeof(buf));
	return get_be32(buf + 4) ? get_be64(buf + 8) : 0;
}

uint8_t pr_status(struct vdev *d, bool write)
{
	uint64_t mark = d->mem.used;
	struct req r;

	for (int i = 0; i < 4; i++) {
		uint64_t gpa = gmem_alloc(&d->mem, BLOCK, 512);

		scsi_rw_prep(&r, d, VQ_IO, write, 0, gpa, BLOCK);
		req_run(&r);
		req_free(&r);
		if (!req_has_sense(&r, 6, 0x2a))
			break;
	}
	req_response(&r, VIRTIO_SCSI_S_OK);
	d->mem.used = mark;
	return r.rsp.status;
}
