// SPDX-License-Identifier: GPL-2.0
/*
 * The order in which kvmtool sets a device up, which is not QEMU's: memory when
 * the device is made, then ring by ring as the guest's driver writes the
 * addresses, and features only at DRIVER_OK, just before SET_ENDPOINT. It asks
 * for no ABI version, but gives version 1, and has no ERR eventfds. What the
 * features say of the rings has to hold although the rings were there first.
 *
 * The peer passes. A module that refuses SET_FEATURES once a ring has an address
 * fails both; one that takes a ring's features when its address is set fails
 * both, too.
 */
#include "vring.h"

#define KVMTOOL_VQS 3
#define KVMTOOL_NUM 128

static const struct {
	const char *name;
	uint64_t features;
} drivers[] = {
	{ "modern", F_VERSION_1 | F_INDIRECT | F_EVENT_IDX },
	{ "legacy", F_ANY_LAYOUT | F_INDIRECT | F_EVENT_IDX },
	{ "plain", 0 },
};

static struct vdev *kvmtool_open(void)
{
	struct vdev *d = calloc(1, sizeof(*d));

	d->fd = dev_open_fd();
	d->nvqs = KVMTOOL_VQS;
	d->vq = calloc(d->nvqs, sizeof(*d->vq));
	gmem_init(&d->mem);
	expect(dev_ioctl(d->fd, VHOST_SET_OWNER, NULL), 0);
	expect(gmem_set_table(&d->mem, d->fd), 0);
	for (unsigned int i = 0; i < d->nvqs; i++) {
		d->vq[i].dev = d;
		d->vq[i].index = i;
		d->vq[i].kick = efd_new();
		d->vq[i].call = efd_new();
	}
	return d;
}

static void kvmtool_ring(struct vq *vq)
{
	int fd = vq->dev->fd;

	ring_init(vq, KVMTOOL_NUM);
	expect(dev_vring_state(fd, VHOST_SET_VRING_NUM, vq->index, vq->num), 0);
	expect(dev_vring_state(fd, VHOST_SET_VRING_BASE, vq->index, 0), 0);
	expect(dev_vq_addr(vq), 0);
	expect(dev_vring_file(fd, VHOST_SET_VRING_CALL, vq->index, vq->call),
	       0);
	expect(dev_vring_file(fd, VHOST_SET_VRING_KICK, vq->index, vq->kick),
	       0);
}

static void kvmtool_driver_ok(struct vdev *d, const struct tgt *t,
			      uint64_t features)
{
	struct vhost_scsi_target arg = { .abi_version = 1 };

	strcpy(arg.vhost_wwpn, t->wwn);
	expect(dev_features(d->fd, features), 0);
	expect(dev_ioctl(d->fd, VHOST_SCSI_SET_ENDPOINT, &arg), 0);
	d->features = features;
	for (unsigned int i = 0; i < d->nvqs; i++)
		d->vq[i].event_idx = features & F_EVENT_IDX;
}

static bool used_to(struct vq *vq, uint16_t idx)
{
	return *(volatile uint16_t *)&vq->used->idx == idx;
}

/* Sends @n TEST UNIT READYs one by one, without looking for a notification. */
static void send_silently(struct vdev *d, unsigned int n)
{
	struct vq *vq = &d->vq[VQ_IO];
	uint8_t cdb[CDB_LEN];

	cdb_tur(cdb);
	for (unsigned int i = 0; i < n; i++) {
		struct req *r = calloc(1, sizeof(*r));

		req_init(r, d, VQ_IO);
		req_cmd(r, 1, 0, cdb);
		req_send(r);
		check(wait_until(used_to(vq, vq->avail_idx)),
		      "used index is %u, not %u", vq->used->idx, vq->avail_idx);
	}
}

/*
 * Whether the device notifies as this driver has negotiated. What it has to say
 * about a request is said when the next one is answered, so the first of three
 * takes away what came before.
 */
static void check_event_idx(struct vdev *d)
{
	struct vq *vq = &d->vq[VQ_IO];

	*ring_used_event(vq) = vq->used_idx + 1000;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	send_silently(d, 1);
	efd_drain(vq->call);
	send_silently(d, 2);
	if (vq->event_idx) {
		check(!efd_drain(vq->call), "signalled before used_event");
		check(wait_until(*(volatile uint16_t *)ring_avail_event(vq) ==
				 vq->avail_idx),
		      "avail_event is %u, not %u", *ring_avail_event(vq),
		      vq->avail_idx);
	} else {
		check(efd_drain(vq->call), "not signalled without EVENT_IDX");
		check(!*ring_avail_event(vq), "avail_event is written");
	}
	ring_collect(vq);
}

static void check_io(struct vdev *d)
{
	struct vq *vq = &d->vq[VQ_IO];
	struct req r;

	scsi_tur(d, VQ_IO);
	scsi_write_pattern(d, VQ_IO, 8, 65536, 5);
	scsi_check_pattern(d, VQ_IO, 8, 65536, 5);
	check_event_idx(d);
	step("with an indirect table");
	scsi_rw_prep(&r, d, VQ_IO, false, 8, gmem_alloc(&d->mem, 4096, 4096),
		     4096);
	r.direct = 0;
	req_run(&r);
	req_good(&r);
	check(gmem_differs(&d->mem, r.in[0].gpa, 4096, 5) < 0, "wrong data");
	req_init(&r, d, VQ_CTL);
	req_tmf(&r, VIRTIO_SCSI_T_TMF_LOGICAL_UNIT_RESET, 1, 0, 0);
	req_run(&r);
	check(req_tmf_response(&r) == VIRTIO_SCSI_S_FUNCTION_SUCCEEDED,
	      "LOGICAL UNIT RESET: response %u", req_tmf_response(&r));
	step("with the guest's own eventfd");
	vq->call = efd_new();
	expect(dev_vring_file(d->fd, VHOST_SET_VRING_CALL, VQ_IO, vq->call), 0);
	scsi_tur(d, VQ_IO);
}

VRING_TEST(io_features_last, "io/serve-rings-set-up-before-features",
	   "do I/O after rings, features and endpoint in kvmtool's order")
{
	for (unsigned int i = 0; i < ARRAY_SIZE(drivers); i++) {
		struct vdev *d;
		struct tgt t;

		step("a %s driver", drivers[i].name);
		tgt_with_ramdisk(&t, 4 * MIB);
		d = kvmtool_open();
		for (unsigned int q = 0; q < d->nvqs; q++)
			kvmtool_ring(&d->vq[q]);
		kvmtool_driver_ok(d, &t, drivers[i].features);
		check_io(d);
		expect(dev_clear_endpoint(d->fd, t.wwn), 0);
		expect(dev_vring_base(d->fd, VQ_IO), d->vq[VQ_IO].used_idx);
		dev_close(d);
	}
}

VRING_TEST(io_features_again, "io/obey-the-last-features",
	   "see rings obey the last features, set before and after them")
{
	for (unsigned int i = 0; i < ARRAY_SIZE(drivers); i++) {
		uint64_t features = drivers[i].features;
		uint64_t other = features ^ F_EVENT_IDX;
		struct vdev *d;
		struct tgt t;

		step("a %s driver", drivers[i].name);
		tgt_with_ramdisk(&t, 4 * MIB);
		d = kvmtool_open();
		expect(dev_features(d->fd, other), 0);
		for (unsigned int q = 0; q < d->nvqs; q++) {
			kvmtool_ring(&d->vq[q]);
			expect(dev_features(d->fd, q & 1 ? other : features),
			       0);
		}
		kvmtool_driver_ok(d, &t, features);
		check_io(d);
		dev_close(d);
	}
}
