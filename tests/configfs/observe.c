// SPDX-License-Identifier: GPL-2.0
/*
 * What is promised in configfs/ABI of counters and tracepoints. The peer has
 * neither.
 */
#include <stdio.h>
#include "vring.h"

#define TRACING "/sys/kernel/tracing"

static void need_ours(void)
{
	if (module_is_peer())
		test_skip("the peer has no counters and no tracepoints");
}

static char line[1024];

/* Reads the line of a queue; an empty one if it has none. */
static void read_queue(unsigned int queue)
{
	static char text[65536];
	char path[512], *p, *save;

	check(queues_path(path, sizeof(path)), "no counters of this process");
	expect(file_read(text, sizeof(text), "%s", path), 0);
	line[0] = 0;
	for (p = strtok_r(text, "\n", &save); p;
	     p = strtok_r(NULL, "\n", &save))
		if (atoi(p) == (int)queue)
			snprintf(line, sizeof(line), "%s", p);
}

static uint64_t counter(const char *name)
{
	char key[64], *p;

	snprintf(key, sizeof(key), " %s ", name);
	p = strstr(line, key);
	check(p, "no %s in: %s", name, line);
	return strtoull(p + strlen(key), NULL, 10);
}

static uint64_t answers(void)
{
	uint64_t sum = counter("resp_other");
	char name[16];

	for (int i = 0; i < 10; i++) {
		snprintf(name, sizeof(name), "resp%d", i);
		sum += counter(name);
	}
	return sum;
}

static void expect_state(unsigned int queue, const char *state)
{
	char want[64];

	read_queue(queue);
	snprintf(want, sizeof(want), "%u state %s ", queue, state);
	check(!strncmp(line, want, strlen(want)), "want %s, got: %s", want,
	      line);
}

static void send_mix(struct vdev *d)
{
	uint8_t cdb[CDB_LEN];
	struct req r;

	for (int i = 0; i < 40; i++)
		scsi_rw(d, VQ_IO, i & 1, i * 8, gmem_alloc(&d->mem, 4096, 4096),
			4096);
	step("three bad targets");
	cdb_tur(cdb);
	for (int i = 0; i < 3; i++) {
		req_init(&r, d, VQ_IO);
		req_cmd(&r, 200, 0, cdb);
		req_run(&r);
		req_response(&r, VIRTIO_SCSI_S_BAD_TARGET);
	}
	step("one that cannot be answered");
	req_init(&r, d, VQ_IO);
	req_cmd(&r, 1, 0, cdb);
	r.rsp_len = 20;
	req_run(&r);
	step("a LUN reset");
	req_init(&r, d, VQ_CTL);
	req_tmf(&r, VIRTIO_SCSI_T_TMF_LOGICAL_UNIT_RESET, 1, 0, 0);
	req_run(&r);
	/* what the reset leaves to be told */
	req_init(&r, d, VQ_IO);
	req_cmd(&r, 1, 0, cdb);
	req_run(&r);
}

VRING_TEST(cfs_counters, "configfs/count-what-happened",
	   "find the counters in debugfs to be what was done, and to add up")
{
	struct vdev *d;
	struct tgt t;

	need_ours();
	tgt_with_ramdisk(&t, 1 * MIB);
	d = dev_open(3);
	read_queue(VQ_IO);
	check(!line[0], "a queue that was never used: %s", line);
	dev_rings(d, 64);
	expect(dev_ready(d, F_DEFAULT), 0);
	expect(dev_set_endpoint(d->fd, t.wwn), 0);
	send_mix(d);
	step("look at the counters");
	expect_state(VQ_IO, "live");
	expect(counter("inflight"), 0);
	expect(counter("requests"), 45);
	expect(counter("resp0"), 41);
	expect(counter("resp3"), 3);
	expect(answers(), 44);
	expect(counter("malformed"), 0);
	check(counter("kicks") >= 1, "kicks: %s", line);
	check(counter("batches") >= 1 && counter("batches") <= 45 &&
		      counter("signals") <= counter("batches"),
	      "batches: %s", line);
	expect_state(VQ_CTL, "live");
	expect(counter("requests"), 1);
	expect(answers(), 1);
	expect(counter("resp0") + counter("resp_other"), 1);
	step("break a queue");
	ring_offer(&d->vq[VQ_IO + 1], 4000);
	ring_publish(&d->vq[VQ_IO + 1]);
	ring_kick(&d->vq[VQ_IO + 1]);
	check(efd_wait(d->vq[VQ_IO + 1].err, deadline_in(WAIT_MS)),
	      "no error is signalled");
	expect_state(VQ_IO + 1, "broken");
	expect(counter("malformed"), 1);
	step("kept over CLEAR_ENDPOINT");
	expect(dev_clear_endpoint(d->fd, t.wwn), 0);
	expect_state(VQ_IO, "stopped");
	expect(counter("requests"), 45);
}

/* ---- tracepoints --------------------------------------------------------- */

static const char *const steps[] = {
	"vscsi_kick: Q=2",   "vscsi_fetch: R=",	   "vscsi_ref: R=",
	"vscsi_parse: R=",   "vscsi_map: R=",	   "vscsi_submit: R=",
	"vscsi_done: R=",    "vscsi_complete: R=", "vscsi_used: R=",
	"vscsi_signal: Q=2",
};

#define STEP_COMPLETE 7

/*
 * Each event has to be the next of steps[], apart from further looks at the
 * ring, and from the end of the request's life, some time after its answer.
 */
static void expect_path(char *text, const char *id)
{
	unsigned int n = 0, freed = 0;
	char *p, *save;

	for (p = strtok_r(text, "\n", &save); p;
	     p = strtok_r(NULL, "\n", &save)) {
		char *event = strstr(p, "vscsi_");

		if (!event || (strstr(event, "vscsi_kick") && n))
			continue;
		fprintf(stderr, "%s\n", event);
		if (strstr(event, " R="))
			check(!strncmp(strstr(event, " R=") + 3, id, 8),
			      "another request: %s", event);
		if (strstr(event, "vscsi_ref") && strstr(event, " free")) {
			check(n > STEP_COMPLETE && !freed++, "too early: %s",
			      event);
			continue;
		}
		check(n < ARRAY_SIZE(steps), "one too many: %s", event);
		check(!strncmp(event, steps[n], strlen(steps[n])),
		      "event %u is %s, want %s", n, event, steps[n]);
		n++;
	}
	expect(n, ARRAY_SIZE(steps));
	expect(freed, 1);
}

static void trace_set(const char *file, const char *value)
{
	expect(file_write(value, TRACING "/%s", file), 0);
}

/* In a child, so that the settings are put back whatever it finds. */
static void trace_one_read(const struct tgt *t)
{
	static char text[65536];
	char id[9] = "", *p;
	struct vdev *d = dev_up(t->wwn, 1, 16, F_DEFAULT);
	uint64_t gpa = gmem_alloc(&d->mem, 4096, 4096);
	struct req r;

	scsi_tur(d, VQ_IO);
	/* A page that is not there yet would be met twice. */
	gmem_fill(&d->mem, gpa, 0, 4096);
	scsi_rw_prep(&r, d, VQ_IO, false, 0, gpa, 4096);
	read_queue(VQ_IO);
	trace_set("trace", "");
	trace_set("events/vhost_scsi/enable", "1");
	req_run(&r);
	req_good(&r);
	check(wait_until(({
		      expect(file_read(text, sizeof(text), TRACING "/trace"),
			     0);
		      strstr(text, "vscsi_signal");
	      })),
	      "no vscsi_signal in: %s", text);
	trace_set("events/vhost_scsi/enable", "0");
	p = strstr(text, "vscsi_fetch: R=");
	check(p, "no vscsi_fetch in: %s", text);
	snprintf(id, sizeof(id), "%.8s", p + strlen("vscsi_fetch: R="));
	expect_path(text, id);
	_exit(EXIT_PASS);
}

VRING_TEST(io_trace, "io/trace-path",
	   "find the tracepoints of one READ in the order of its path")
{
	struct tgt t;
	int status;
	pid_t pid;

	need_ours();
	tgt_with_ramdisk(&t, 1 * MIB);
	/* a clock that counts, so that two processors agree on the order */
	trace_set("trace_clock", "counter");
	pid = test_fork();
	if (!pid)
		trace_one_read(&t);
	status = test_reap(pid);
	trace_set("events/vhost_scsi/enable", "0");
	trace_set("trace_clock", "local");
	trace_set("trace", "");
	check(!status, "status %x", status);
}
