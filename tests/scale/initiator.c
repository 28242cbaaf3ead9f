// SPDX-License-Identifier: GPL-2.0
/*
 * initiator WWN "COMMAND [WORD]..."... - a guest in one line of shell
 *
 * Plays the VMM on /dev/vhost-scsi by the library of vring-tests: attaches to
 * the WWN, does the commands on LUN 0 of TPG 1 in the given order, each on a
 * line of output, and lets go. A thing that cannot be done ends it with status
 * 1 and the reason on standard error.
 *
 *   register KEY [aptpl]     PERSISTENT RESERVE OUT, from no key or any
 *   reserve KEY TYPE
 *   keys                     all that are registered
 *   holder                   the key of the reservation's holder, or "nobody"
 *   try read|write           the SCSI status of one block's
 *   serial                   the unit serial number, VPD page 80h
 *   wce                      1 if the disk says that it has a write cache, else 0
 *   write SEED PIECES FILE   so many pieces of 64 KiB, 16 at a time, each once;
 *                            the numbers of those that were acknowledged go to
 *                            FILE at once. Stops at the first that was not
 *   verify SEED FILE         what FILE names is on the medium
 */
#include <fcntl.h>
#include <stdio.h>
#include "../luns/pr.h"
#include "../vring/harness.h"

#define PIECE (64 * KIB)
#define DEPTH 16
#define WAIT_LONG_MS 60000u /* beyond any timeout that the tests set below */

static uint64_t number(const char *word)
{
	char *end;
	uint64_t value;

	check(word, "a number is lacking");
	value = strtoull(word, &end, 0);
	check(end != word && !*end, "%s is no number", word);
	return value;
}

/* A word of a command, or the end of the program. */
static char *next(char **rest, const char *what)
{
	char *word = strsep(rest, " ");

	check(word, "%s is lacking", what);
	return word;
}

static void unit_attentions(struct vdev *d)
{
	uint8_t cdb[CDB_LEN];
	struct req r;

	cdb_tur(cdb);
	req_init(&r, d, VQ_IO);
	req_cmd(&r, 1, 0, cdb);
	for (int i = 0; i < 8; i++) {
		req_again(&r);
		req_run(&r);
		if (r.rsp.response || r.rsp.status != 2 ||
		    (r.rsp.sense[2] & 0xf) != 6)
			break;
	}
}

static void do_register(struct vdev *d, char **rest)
{
	uint64_t key = number(next(rest, "the key"));
	char *word = strsep(rest, " ");
	struct req r;

	/* REGISTER AND IGNORE EXISTING KEY */
	pr_out_prep(&r, d, 0x06, 0, 0, key, word && !strcmp(word, "aptpl"));
	req_run(&r);
	req_free(&r);
	printf("register %s\n",
	       r.rsp.response || r.rsp.status ? req_text(&r) : "good");
}

static void do_reserve(struct vdev *d, char **rest)
{
	uint64_t key = number(next(rest, "the key"));
	uint8_t type = number(next(rest, "the type"));

	printf("reserve %u\n", pr_out(d, PR_RESERVE, type, key, 0));
}

static void do_keys(struct vdev *d)
{
	uint64_t keys[32];
	unsigned int n = pr_keys(d, keys, ARRAY_SIZE(keys));

	printf("keys");
	for (unsigned int i = 0; i < n && i < ARRAY_SIZE(keys); i++)
		printf(" %#llx", (unsigned long long)keys[i]);
	printf("\n");
}

static void do_holder(struct vdev *d)
{
	uint64_t key = pr_holder(d);

	if (key)
		printf("holder %#llx\n", (unsigned long long)key);
	else
		printf("holder nobody\n");
}

static void do_try(struct vdev *d, char **rest)
{
	char *way = next(rest, "read or write");

	printf("try %s %u\n", way, pr_status(d, !strcmp(way, "write")));
}

static void do_serial(struct vdev *d)
{
	uint64_t gpa = gmem_alloc(&d->mem, 255, 64);
	uint8_t cdb[CDB_LEN], buf[256] = { 0 };
	struct req r;

	cdb_inquiry(cdb, 0x80, 255);
	req_init(&r, d, VQ_IO);
	req_cmd(&r, 1, 0, cdb);
	req_in(&r, gpa, 255);
	req_run(&r);
	req_good(&r);
	req_free(&r);
	gmem_get(&d->mem, gpa, buf, 255);
	printf("serial %.*s\n", buf[3], (char *)buf + 4);
}

/* MODE SENSE(6) of the caching page, without block descriptors. */
static void do_wce(struct vdev *d)
{
	uint8_t cdb[CDB_LEN] = { 0x1a, 0x08, 0x08, 0, 64 }, buf[64] = { 0 };
	uint64_t gpa = gmem_alloc(&d->mem, sizeof(buf), 64);
	struct req r;

	req_init(&r, d, VQ_IO);
	req_cmd(&r, 1, 0, cdb);
	req_in(&r, gpa, sizeof(buf));
	req_run(&r);
	req_good(&r);
	req_free(&r);
	gmem_get(&d->mem, gpa, buf, sizeof(buf));
	printf("wce %u\n", !!(buf[4 + 2] & 4));
}

struct slot {
	struct req r;
	uint64_t gpa;
	unsigned int piece;
	bool busy;
};

static uint64_t seed_of(uint64_t seed, unsigned int piece)
{
	return seed << 32 | piece;
}

static void send_piece(struct vdev *d, struct slot *s, uint64_t seed,
		       unsigned int piece)
{
	gmem_pattern(&d->mem, s->gpa, PIECE, seed_of(seed, piece));
	scsi_rw_prep(&s->r, d, VQ_IO, true, piece * (PIECE / BLOCK), s->gpa,
		     PIECE);
	s->piece = piece;
	s->busy = true;
	req_send(&s->r);
}

/* An answered slot, or NULL if none is busy. */
static struct slot *answered(struct vdev *d, struct slot *slots)
{
	uint64_t deadline = deadline_in(WAIT_LONG_MS);
	bool busy = true;

	while (busy) {
		busy = false;
		for (int i = 0; i < DEPTH; i++) {
			if (slots[i].busy && slots[i].r.done)
				return &slots[i];
			busy |= slots[i].busy;
		}
		check(!busy || ring_wait(&d->vq[VQ_IO], deadline),
		      "a write is not answered");
	}
	return NULL;
}

static void do_write(struct vdev *d, char **rest)
{
	uint64_t seed = number(next(rest, "the seed")), start = now_ms();
	unsigned int pieces = number(next(rest, "the number of pieces"));
	unsigned int sent = 0, good = 0, bad = 0;
	struct slot slots[DEPTH] = { 0 }, *s;
	char why[200] = "";
	int log =
		open(next(rest, "a file"), O_CREAT | O_TRUNC | O_WRONLY, 0600);

	check(log >= 0, "the file: %s", strerror(errno));
	for (int i = 0; i < DEPTH; i++)
		slots[i].gpa = gmem_alloc(&d->mem, PIECE, 4096);
	for (; sent < DEPTH && sent < pieces; sent++)
		send_piece(d, &slots[sent], seed, sent);
	while ((s = answered(d, slots))) {
		req_wait(&s->r);
		req_free(&s->r);
		s->busy = false;
		if (!s->r.rsp.response && !s->r.rsp.status) {
			good++;
			dprintf(log, "%u\n", s->piece);
		} else if (!bad++) {
			strcpy(why, req_text(&s->r));
		}
		if (!bad && sent < pieces)
			send_piece(d, s, seed, sent++);
	}
	close(log);
	printf("write good %u bad %u in %llu s %s\n", good, bad,
	       (unsigned long long)(now_ms() - start) / 1000, why);
}

static void do_verify(struct vdev *d, char **rest)
{
	uint64_t seed = number(next(rest, "the seed"));
	FILE *log = fopen(next(rest, "a file"), "r");
	unsigned int piece, good = 0;

	check(log, "the file: %s", strerror(errno));
	for (; fscanf(log, "%u", &piece) == 1; good++)
		scsi_check_pattern(d, VQ_IO, piece * (PIECE / BLOCK), PIECE,
				   seed_of(seed, piece));
	fclose(log);
	printf("verify good %u\n", good);
}

static void run(struct vdev *d, char *rest)
{
	char *word;

	step("%s", rest);
	word = strsep(&rest, " ");
	if (!strcmp(word, "register"))
		do_register(d, &rest);
	else if (!strcmp(word, "reserve"))
		do_reserve(d, &rest);
	else if (!strcmp(word, "keys"))
		do_keys(d);
	else if (!strcmp(word, "holder"))
		do_holder(d);
	else if (!strcmp(word, "try"))
		do_try(d, &rest);
	else if (!strcmp(word, "serial"))
		do_serial(d);
	else if (!strcmp(word, "wce"))
		do_wce(d);
	else if (!strcmp(word, "write"))
		do_write(d, &rest);
	else if (!strcmp(word, "verify"))
		do_verify(d, &rest);
	else
		fail("what is %s?", word);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	static char step_text[STEP_BYTES];
	static unsigned int seconds;
	struct vdev *d;

	test_step = step_text;
	test_seconds = &seconds;
	test_number = getpid();
	if (argc < 3) {
		fprintf(stderr, "usage: initiator WWN COMMAND...\n");
		return 2;
	}
	step("attach to %s", argv[1]);
	d = dev_up(argv[1], 1, 128, F_DEFAULT);
	unit_attentions(d);
	for (int i = 2; i < argc; i++)
		run(d, argv[i]);
	expect(dev_clear_endpoint(d->fd, argv[1]), 0);
	dev_close(d);
	return 0;
}
