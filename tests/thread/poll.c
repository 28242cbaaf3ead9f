// SPDX-License-Identifier: GPL-2.0
/*
 * Polling: a queue that has had something to do is looked at for a while without a kick.
 *
 * Seen to fail on builds of the module: the first two where vscsi_poll_us() is 0, the third
 * where need_resched() is not asked. The peer takes the timeout and does not poll.
 */
#include "threads.h"

#define REQUESTS 200
#define MINUTE 60000000u

static struct vdev *start(struct tgt *t)
{
	struct vdev *d;

	if (module_is_peer())
		test_skip("the peer does not poll");
	tgt_with_ramdisk(t, 1 * MIB);
	d = dev_up(t->wwn, 1, 64, F_DEFAULT);
	scsi_tur(d, VQ_IO);
	return d;
}

static void set_timeout(struct vdev *d, unsigned int us)
{
	expect(dev_vring_state(d->fd, VHOST_SET_VRING_BUSYLOOP_TIMEOUT, VQ_IO,
			       us),
	       0);
}

static bool asks_for_kicks(struct vdev *d)
{
	struct vq *vq = &d->vq[VQ_IO];

	return *(volatile uint16_t *)ring_avail_event(vq) == vq->avail_idx;
}

/*
 * Requests one by one, kicked for when the device asks for that, as a driver does: how many
 * were served without. A device that does not poll asks before it answers.
 */
static unsigned int count_without_kick(struct vdev *d)
{
	unsigned int without = 0;
	uint8_t cdb[CDB_LEN];
	struct req r;

	cdb_tur(cdb);
	for (int i = 0; i < REQUESTS; i++) {
		step("request %d", i);
		req_init(&r, d, VQ_IO);
		req_cmd(&r, 1, 0, cdb);
		req_queue(&r);
		ring_publish(r.vq);
		if (ring_wants_kick(r.vq, r.vq->avail_idx - 1))
			ring_kick(r.vq);
		else
			without++;
		req_wait(&r);
		req_good(&r);
		req_free(&r);
	}
	return without;
}

static void expect_polling(struct vdev *d, bool polls)
{
	unsigned int n = count_without_kick(d);

	if (polls)
		check(n >= REQUESTS / 10, "%u served without a kick", n);
	else
		check(!n, "%u served without a kick", n);
}

VRING_TEST(
	poll_vmm, "thread/poll-as-long-as-the-vmm-says",
	"have requests served that it need not kick for, and then kick again")
{
	struct vdev *d;
	struct tgt t;

	d = start(&t);
	expect_polling(d, false);
	set_timeout(d, MINUTE);
	expect_polling(d, true);
	step("CLEAR_ENDPOINT while polled");
	expect(dev_clear_endpoint(d->fd, t.wwn), 0);
	expect(dev_set_endpoint(d->fd, t.wwn), 0);
	expect_polling(d, true);
	step("no more");
	set_timeout(d, 0);
	/* ends what is being polled */
	ring_kick(&d->vq[VQ_IO]);
	check(wait_until(asks_for_kicks(d)), "no kick is asked for");
	expect_polling(d, false);
}

static int set_poll_us(const struct tgt *t, unsigned int tpgt, const char *us)
{
	return file_write(us, "%s/tpgt_%u/attrib/poll_us", t->path, tpgt);
}

static void expect_poll_us(const struct tgt *t, const char *want)
{
	char text[32];

	expect(file_read(text, sizeof(text), "%s/tpgt_1/attrib/poll_us",
			 t->path),
	       0);
	check(!strcmp(text, want), "poll_us is %s", text);
}

VRING_TEST(poll_admin, "thread/poll-as-long-as-the-port-says",
	   "set poll_us of ports in use, see it hold, and bad values refused")
{
	struct vdev *d;
	struct tgt t;

	d = start(&t);
	expect_poll_us(&t, "0\n");
	expect(set_poll_us(&t, 1, "10001"), -EINVAL);
	expect(set_poll_us(&t, 1, "-1"), -EINVAL);
	expect(set_poll_us(&t, 1, "much"), -EINVAL);
	expect_poll_us(&t, "0\n");
	expect_polling(d, false);
	expect(set_poll_us(&t, 1, "10000"), 0);
	expect_poll_us(&t, "10000\n");
	expect_polling(d, true);
	step("another port, attached later");
	expect(tpg_mkdir(&t, 2), 0);
	expect(set_poll_us(&t, 2, "10000"), 0);
	expect(tpg_nexus(&t, 2, t.wwn), 0);
	check(wait_until(tpg_is_attached(&t, 2)), "it is not attached");
	expect(set_poll_us(&t, 1, "0"), 0);
	expect_polling(d, true);
	expect(set_poll_us(&t, 2, "0"), 0);
	check(wait_until(asks_for_kicks(d)), "no kick is asked for");
	expect_polling(d, false);
}

VRING_TEST(poll_yield, "thread/stop-polling-for-others",
	   "want the CPU of a queue that is polled for a minute, and have it")
{
	struct vdev *d;
	struct tgt t;

	pin_self(0);
	d = start(&t);
	set_timeout(d, MINUTE);
	for (int i = 0; i < 20; i++) {
		step("round %d", i);
		scsi_tur(d, VQ_IO);
		check(wait_until(asks_for_kicks(d)),
		      "it is polled while we want its CPU");
	}
}
