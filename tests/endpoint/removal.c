// SPDX-License-Identifier: GPL-2.0
/*
 * Configfs against endpoints: what is in use cannot be removed, LUNs can at
 * any time, and a SET_ENDPOINT that failed holds nothing.
 *
 * The peer on 6.12 passes; lockdep reports a lock order inversion in
 * change-luns-during-set-and-clear (A31).
 */
#include <pthread.h>
#include "vring.h"

VRING_TEST(ep_in_use, "endpoint/refuse-removal-while-attached",
	   "be refused to remove target, TPG and nexus in use, during I/O")
{
	struct req r[8];
	struct vdev *d;
	struct tgt t;
	struct dm m;

	tgt_with_dm(&t, &m);
	d = dev_up(t.wwn, 1, 64, F_DEFAULT);
	scsi_tur(d, VQ_IO);
	dm_suspend(&m);
	for (int i = 0; i < 8; i++) {
		scsi_rw_prep(&r[i], d, VQ_IO, i & 1, i * 8,
			     gmem_alloc(&d->mem, 4096, 4096), 4096);
		req_send(&r[i]);
	}
	step("remove what is in use");
	expect(tpg_nexus(&t, 1, "NULL"), -EBUSY);
	expect(tpg_rmdir(&t, 1), -EBUSY);
	check(tgt_rmdir(&t) < 0, "the target can be removed");
	dm_resume(&m);
	for (int i = 0; i < 8; i++) {
		req_wait(&r[i]);
		req_good(&r[i]);
	}
	step("without LUNs");
	expect(lun_unlink(&t, 1, 0), 0);
	expect(tpg_nexus(&t, 1, "NULL"), -EBUSY);
	expect(tpg_rmdir(&t, 1), -EBUSY);
	step("after CLEAR_ENDPOINT");
	expect(dev_clear_endpoint(d->fd, t.wwn), 0);
	expect(tpg_nexus(&t, 1, "NULL"), 0);
	expect(tpg_rmdir(&t, 1), 0);
	expect(tgt_rmdir(&t), 0);
}

VRING_TEST(ep_lun_change, "endpoint/add-and-remove-luns-while-attached",
	   "add and remove LUNs of an attached TPG, and see them come and go")
{
	uint8_t cdb[CDB_LEN];
	struct bs first, second;
	struct vdev *d;
	struct req r;
	struct tgt t;

	bs_ramdisk(&first, 1 * MIB);
	bs_ramdisk(&second, 1 * MIB);
	tgt_new(&t);
	expect(lun_link(&t, 1, 0, &first), 0);
	d = dev_up(t.wwn, 1, 64, F_DEFAULT);
	cdb_inquiry(cdb, -1, 36);
	req_init(&r, d, VQ_IO);
	req_cmd(&r, 1, 5, cdb);
	req_in(&r, gmem_alloc(&d->mem, 64, 64), 36);
	for (int i = 0; i < 10; i++) {
		step("round %d", i);
		expect(lun_link(&t, 1, 5, &second), 0);
		req_run(&r);
		req_good(&r);
		expect(lun_unlink(&t, 1, 5), 0);
		scsi_tur(d, VQ_IO);
	}
	cdb_tur(cdb);
	req_cmd(&r, 1, 5, cdb);
	r.nr_in = 0;
	req_run(&r);
	req_sense(&r, 5, 0x25);
}

/* R13, without injected faults: each way in which SET_ENDPOINT can fail. */
VRING_TEST(ep_failed_set, "endpoint/hold-nothing-after-failed-set",
	   "link LUNs and remove TPGs after SET_ENDPOINT failed in every way")
{
	struct vdev *owner, *d = dev_open(1);
	struct tgt t, busy;
	struct bs b;

	bs_ramdisk(&b, 1 * MIB);
	tgt_new(&busy);
	owner = dev_up(busy.wwn, 1, 16, F_DEFAULT);
	tgt_new(&t);
	dev_rings(d, 16);
	step("EFAULT: no memory table");
	expect(dev_set_endpoint(d->fd, t.wwn), -EFAULT);
	expect(lun_link(&t, 1, 0, &b), 0);
	expect(lun_unlink(&t, 1, 0), 0);
	step("in use");
	expect(dev_ready(d, F_DEFAULT), 0);
	check(dev_set_endpoint(d->fd, busy.wwn) < 0, "a busy WWN is taken");
	step("EEXIST");
	expect(dev_set_endpoint(owner->fd, t.wwn), -EEXIST);
	expect(lun_link(&t, 1, 0, &b), 0);
	step("ENODEV");
	expect(dev_set_endpoint(d->fd, "naa.none"), -ENODEV);
	dev_close(d);
	expect(lun_unlink(&t, 1, 0), 0);
	expect(tpg_nexus(&t, 1, "NULL"), 0);
	expect(tpg_rmdir(&t, 1), 0);
	expect(tgt_rmdir(&t), 0);
	dev_close(owner);
	expect(tpg_nexus(&busy, 1, "NULL"), 0);
	expect(tpg_rmdir(&busy, 1), 0);
}

struct changer {
	struct tgt t;
	struct bs b;
	bool stop;
};

static void *change_luns(void *arg)
{
	struct changer *c = arg;

	while (!__atomic_load_n(&c->stop, __ATOMIC_RELAXED)) {
		expect(lun_link(&c->t, 1, 3, &c->b), 0);
		expect(lun_unlink(&c->t, 1, 3), 0);
	}
	return NULL;
}

VRING_TEST_LIMIT(
	ep_lock_order, "endpoint/change-luns-during-set-and-clear",
	"link and unlink a LUN in a loop while an endpoint comes and goes", 120)
{
	struct changer c = { .stop = false };
	struct vdev *d;
	pthread_t thread;

	tgt_with_ramdisk(&c.t, 1 * MIB);
	bs_ramdisk(&c.b, 1 * MIB);
	d = dev_up(c.t.wwn, 1, 16, F_DEFAULT);
	check(!pthread_create(&thread, NULL, change_luns, &c), "no thread");
	for (int i = 0; i < 200; i++) {
		step("round %d", i);
		scsi_tur(d, VQ_IO);
		expect(dev_clear_endpoint(d->fd, c.t.wwn), 0);
		expect(dev_set_endpoint(d->fd, c.t.wwn), 0);
	}
	__atomic_store_n(&c.stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
}

/* A27: nexus and endpoint come and go under I/O. */
VRING_TEST_LIMIT(
	ep_nexus, "endpoint/drop-nexus-after-clear-under-io",
	"clear the endpoint with I/O in flight, drop the nexus at once", 120)
{
	struct req r[8];
	struct vdev *d;
	struct tgt t;

	tgt_new(&t);
	d = dev_up(t.wwn, 1, 64, F_DEFAULT);
	for (int i = 0; i < 8; i++)
		scsi_rw_prep(&r[i], d, VQ_IO, i & 1, i * 8,
			     gmem_alloc(&d->mem, 4096, 4096), 4096);
	for (int round = 0; round < 100; round++) {
		struct bs b;

		step("round %d", round);
		if (!round) {
			bs_ramdisk(&b, 1 * MIB);
			expect(lun_link(&t, 1, 0, &b), 0);
		}
		for (int i = 0; i < 8; i++) {
			req_again(&r[i]);
			req_queue(&r[i]);
		}
		ring_publish(&d->vq[VQ_IO]);
		ring_kick(&d->vq[VQ_IO]);
		expect(dev_clear_endpoint(d->fd, t.wwn), 0);
		expect(lun_unlink(&t, 1, 0), 0);
		expect(tpg_nexus(&t, 1, "NULL"), 0);
		expect(tpg_nexus(&t, 1, t.wwn), 0);
		expect(lun_link(&t, 1, 0, &b), 0);
		expect(dev_set_endpoint(d->fd, t.wwn), 0);
		ring_kick(&d->vq[VQ_IO]);
		for (int i = 0; i < 8; i++)
			req_wait(&r[i]);
	}
}
