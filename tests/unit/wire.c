// SPDX-License-Identifier: GPL-2.0
/*
 * kmod/wire.c, the module's parser and encoder, as a user program. Buffers are
 * given from the heap at their exact size, so that a byte too many is seen by
 * the address sanitizer; expectations are written out as bytes, or in terms of
 * the structures of <linux/virtio_scsi.h>, never by calling the code itself.
 *
 * Seen to fail on: a parser that reads the PI lengths without PI (heap
 * overflow), one that takes LUN bytes 4 to 7 for nothing, one that leaves the
 * tail of the sense field as it was.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/string.h>
#include <linux/unaligned.h>
#include <wire.h>

/* A copy on the heap with nothing behind it. */
static u8 *exact(const void *bytes, size_t size)
{
	u8 *p = malloc(size);

	assert_non_null(p);
	if (bytes)
		memcpy(p, bytes, size);
	else
		memset(p, 0xa5, size);
	return p;
}

static struct vscsi_addr parse_addr(const u8 (*bytes)[8], int want)
{
	struct vscsi_addr addr = { .target = 0x5a, .lun = 0x5a5a };
	u8 *field = exact(*bytes, 8);

	assert_int_equal(vscsi_parse_addr(field, &addr), want);
	free(field);
	return addr;
}

/* The specification's LUN field: 1, target, a single level LUN, four zeros. */
static void addresses_name_target_and_lun(void **state)
{
	static const struct {
		u8 field[8];
		u8 target;
		u16 lun;
	} good[] = {
		{ { 1, 0, 0, 0 }, 0, 0 },
		{ { 1, 255, 0, 255 }, 255, 255 },
		{ { 1, 7, 0x40, 0 }, 7, 0 },
		{ { 1, 7, 0x40, 9 }, 7, 9 },
		{ { 1, 7, 0x41, 0 }, 7, 256 },
		{ { 1, 7, 0x7f, 0xff }, 7, 16383 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		struct vscsi_addr addr = parse_addr(&good[i].field, 0);

		assert_int_equal(addr.target, good[i].target);
		assert_int_equal(addr.lun, good[i].lun);
	}
}

/* Other addressing methods and lower levels exist, and are no LUN of ours. */
static void other_lun_formats_name_no_lun(void **state)
{
	static const u8 none[][8] = {
		{ 1, 3, 0x01, 0x00 }, /* peripheral device on bus 1 */
		{ 1, 3, 0x3f, 0xff },
		{ 1, 3, 0x80, 0x00 }, /* logical unit method */
		{ 1, 3, 0xc1, 0x01 }, /* well-known logical unit */
		{ 1, 3, 0xff, 0xff },
		{ 1, 3, 0, 1, 0, 1 }, /* a second level */
		{ 1, 3, 0x40, 1, 0, 0, 0, 1 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(none); i++) {
		struct vscsi_addr addr = parse_addr(&none[i], 0);

		assert_int_equal(addr.target, 3);
		assert_int_equal(addr.lun, VSCSI_NO_LUN);
	}
}

static void addresses_begin_with_one(void **state)
{
	(void)state;
	for (unsigned int first = 0; first < 256; first++) {
		const u8 field[8] = { first, 1, 0x40, 1 };

		parse_addr(&field, first == 1 ? 0 : -ENXIO);
	}
}

static void store(void *p, u64 val, unsigned int bytes, bool le)
{
	unit_store(val, p, bytes, le);
}

static void check_cmd(bool pi, bool le)
{
	struct virtio_scsi_cmd_req_pi with = { .lun = { 1, 17, 0x41, 2 } };
	struct virtio_scsi_cmd_req without = { .lun = { 1, 17, 0x41, 2 } };
	struct vscsi_cmd_hdr hdr;
	u8 *buf;

	for (unsigned int i = 0; i < VSCSI_CDB_SIZE; i++)
		with.cdb[i] = without.cdb[i] = 0x80 + i;
	store(&with.tag, 0x1122334455667788, 8, le);
	store(&without.tag, 0x1122334455667788, 8, le);
	with.task_attr = without.task_attr = VIRTIO_SCSI_S_ORDERED;
	with.prio = without.prio = 0xee;
	with.crn = without.crn = 0xdd;
	store(&with.pi_bytesout, 0x01020304, 4, le);
	store(&with.pi_bytesin, 0x0a0b0c0d, 4, le);
	buf = pi ? exact(&with, sizeof(with))
		 : exact(&without, sizeof(without));

	assert_int_equal(vscsi_parse_cmd(buf, pi, le, &hdr), 0);
	assert_int_equal(hdr.addr.target, 17);
	assert_int_equal(hdr.addr.lun, 258);
	assert_true(hdr.tag == 0x1122334455667788);
	assert_int_equal(hdr.attr, VIRTIO_SCSI_S_ORDERED);
	assert_int_equal(hdr.pi_out, pi ? 0x01020304 : 0);
	assert_int_equal(hdr.pi_in, pi ? 0x0a0b0c0d : 0);
	assert_memory_equal(hdr.cdb, with.cdb, VSCSI_CDB_SIZE);

	buf[0] = 2;
	assert_int_equal(vscsi_parse_cmd(buf, pi, le, &hdr), -ENXIO);
	free(buf);
}

static void commands_are_decoded(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 4; i++)
		check_cmd(i & 1, i & 2);
}

static void task_management_is_decoded(void **state)
{
	(void)state;
	for (unsigned int le = 0; le < 2; le++) {
		struct virtio_scsi_ctrl_tmf_req req = { .lun = { 1, 9, 0, 4 } };
		struct vscsi_tmf_hdr hdr;
		u8 *buf;

		store(&req.type, VIRTIO_SCSI_T_TMF, 4, le);
		store(&req.subtype, VIRTIO_SCSI_T_TMF_QUERY_TASK_SET, 4, le);
		store(&req.tag, 0x8877665544332211, 8, le);
		buf = exact(&req, sizeof(req));
		assert_int_equal(vscsi_parse_tmf(buf, le, &hdr), 0);
		assert_int_equal(hdr.subtype, VIRTIO_SCSI_T_TMF_QUERY_TASK_SET);
		assert_true(hdr.tag == 0x8877665544332211);
		assert_int_equal(hdr.addr.target, 9);
		assert_int_equal(hdr.addr.lun, 4);
		buf[8] = 0;
		assert_int_equal(vscsi_parse_tmf(buf, le, &hdr), -ENXIO);
		free(buf);
	}
}

static void control_type_is_decoded(void **state)
{
	const u8 bytes[4] = { 1, 2, 3, 4 };
	u8 *buf = exact(bytes, sizeof(bytes));

	(void)state;
	assert_int_equal(vscsi_parse_ctl_type(buf, true), 0x04030201);
	assert_int_equal(vscsi_parse_ctl_type(buf, false), 0x01020304);
	free(buf);
}

/* SPC: the three high bits of the first byte; 7fh says it itself. */
static void cdb_length_follows_the_group(void **state)
{
	static const u8 by_group[] = { 6, 10, 10, 0, 16, 12, 0, 0 };
	u8 *cdb = exact(NULL, VSCSI_CDB_SIZE);

	(void)state;
	for (unsigned int op = 0; op < 256; op++) {
		unsigned int want = by_group[op >> 5];

		cdb[0] = op;
		if (op == 0x7f || !want)
			continue; /* below; reserved and vendor's groups */
		assert_int_equal(vscsi_cdb_size(cdb), want);
	}
	cdb[0] = 0x7f;
	cdb[7] = 24;
	assert_int_equal(vscsi_cdb_size(cdb), 32);
	cdb[7] = 25;
	assert_true(vscsi_cdb_size(cdb) > VSCSI_CDB_SIZE);
	cdb[7] = 255;
	assert_true(vscsi_cdb_size(cdb) > VSCSI_CDB_SIZE);
	free(cdb);
}

static void reads_and_writes_are_decoded(void **state)
{
	static const struct {
		u8 cdb[VSCSI_CDB_SIZE];
		struct vscsi_rw rw;
	} known[] = {
		{ { 0x08, 0xff, 2, 3, 4, 5 }, { 0x1f0203, 4, false, 0 } },
		{ { 0x0a, 1, 2, 3, 0, 5 }, { 0x010203, 256, true, 0 } },
		{ { 0x28, 0xab, 1, 2, 3, 4, 5, 6, 7, 8 },
		  { 0x01020304, 0x0607, false, 0xab } },
		{ { 0x2a, 0x08, 0xff, 2, 3, 4, 5, 0, 0, 8 },
		  { 0xff020304, 0, true, 0x08 } },
		{ { 0x2e, 0x10, 1, 2, 3, 4, 5, 0, 1, 8 },
		  { 0x01020304, 1, true, 0x10 } },
		{ { 0xa8, 0x20, 1, 2, 3, 4, 5, 6, 7, 8 },
		  { 0x01020304, 0x05060708, false, 0x20 } },
		{ { 0xaa, 0, 0xff, 2, 3, 4, 0xf5, 6, 7, 8 },
		  { 0xff020304, 0xf5060708, true, 0 } },
		{ { 0x88, 0xe0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 },
		  { 0x0102030405060708, 0x090a0b0c, false, 0xe0 } },
		{ { 0x8a, 0x18, 0xff, 2, 3, 4, 5, 6, 7, 8, 0xf9, 10, 11, 12 },
		  { 0xff02030405060708, 0xf90a0b0c, true, 0x18 } },
		{ { 0x8e, 0, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 1 },
		  { 0x0102030405060708, 1, true, 0 } },
	};
	bool is_rw[256] = { false };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		u8 *cdb = exact(known[i].cdb, VSCSI_CDB_SIZE);
		struct vscsi_rw rw;

		is_rw[cdb[0]] = true;
		assert_true(vscsi_parse_rw(cdb, &rw));
		assert_true(rw.lba == known[i].rw.lba);
		assert_int_equal(rw.blocks, known[i].rw.blocks);
		assert_int_equal(rw.write, known[i].rw.write);
		assert_int_equal(rw.flags, known[i].rw.flags);
		free(cdb);
	}
	for (unsigned int op = 0; op < 256; op++) {
		u8 *cdb = exact(NULL, VSCSI_CDB_SIZE);
		struct vscsi_rw rw;

		cdb[0] = op;
		assert_int_equal(vscsi_parse_rw(cdb, &rw), is_rw[op]);
		free(cdb);
	}
}

/* SPC-4: where a command names the length of what it wants, or brings. */
static const struct length_field {
	u8 opcode;
	u8 offset;
	u8 bytes;
	bool brings;
} length_fields[] = {
	{ 0x03, 4, 1, false },	/* REQUEST SENSE */
	{ 0x12, 3, 2, false },	/* INQUIRY */
	{ 0x15, 4, 1, true },	/* MODE SELECT(6) */
	{ 0x1a, 4, 1, false },	/* MODE SENSE(6) */
	{ 0x42, 7, 2, true },	/* UNMAP */
	{ 0x55, 7, 2, true },	/* MODE SELECT(10) */
	{ 0x5a, 7, 2, false },	/* MODE SENSE(10) */
	{ 0x5e, 7, 2, false },	/* PERSISTENT RESERVE IN */
	{ 0x5f, 5, 4, true },	/* PERSISTENT RESERVE OUT */
	{ 0x83, 10, 4, true },	/* EXTENDED COPY */
	{ 0x9e, 10, 4, false }, /* READ CAPACITY(16) */
	{ 0xa0, 6, 4, false },	/* REPORT LUNS */
	{ 0xa3, 6, 4, false },	/* REPORT TARGET PORT GROUPS */
	{ 0xa4, 6, 4, true },	/* SET TARGET PORT GROUPS */
};

/* A field of @asked bytes meets a buffer of @room: nothing may exceed it. */
static void check_limit(const struct length_field *field, u32 asked, u32 room)
{
	u8 *cdb = exact(NULL, VSCSI_CDB_SIZE);
	u8 want[VSCSI_CDB_SIZE];
	u32 len = room;

	memset(want, 0xa5, sizeof(want));
	want[0] = cdb[0] = field->opcode;
	unit_store(asked, cdb + field->offset, field->bytes, false);
	unit_store(asked, want + field->offset, field->bytes, false);
	if (!field->brings && asked > room)
		unit_store(room, want + field->offset, field->bytes, false);

	assert_int_equal(vscsi_cdb_limit(cdb, &len),
			 !field->brings || asked <= room);
	assert_memory_equal(cdb, want, VSCSI_CDB_SIZE);
	assert_true(len <= room);
	if (field->brings && asked <= room)
		assert_int_equal(len, asked);
	free(cdb);
}

static void lengths_fit_the_buffers(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(length_fields); i++) {
		const struct length_field *field = &length_fields[i];
		const u32 max = field->bytes == 4
					? 0xffffffff
					: (1u << 8 * field->bytes) - 1;

		check_limit(field, 0, 0);
		check_limit(field, 0, 36);
		check_limit(field, 36, 36);
		check_limit(field, 35, 36);
		check_limit(field, 37, 36);
		check_limit(field, max, 36);
		check_limit(field, max, 0);
		check_limit(field, max, max - 1);
		check_limit(field, max, 0xffffffff);
	}
}

/* Commands without such a field, reads and writes above all, stay as they are. */
static void other_lengths_are_left_alone(void **state)
{
	static const u8 others[] = { 0x00, 0x08, 0x0a, 0x25, 0x28, 0x2a,
				     0x35, 0x88, 0x8a, 0xa8, 0xaa };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		u8 *cdb = exact(NULL, VSCSI_CDB_SIZE);
		u8 want[VSCSI_CDB_SIZE];
		u32 len = 512;

		memset(want, 0xa5, sizeof(want));
		want[0] = cdb[0] = others[i];
		assert_true(vscsi_cdb_limit(cdb, &len));
		assert_int_equal(len, 512);
		assert_memory_equal(cdb, want, VSCSI_CDB_SIZE);
		free(cdb);
	}
}

static void check_resp(u32 sense_len, bool le)
{
	struct virtio_scsi_cmd_resp want = {
		.status = 2, /* CHECK CONDITION */
		.response = VIRTIO_SCSI_S_OVERRUN,
	};
	u8 *sense = sense_len ? exact(NULL, sense_len) : NULL;
	struct vscsi_resp resp = {
		.response = VIRTIO_SCSI_S_OVERRUN,
		.status = 2,
		.qualifier = 0x1234,
		.resid = 0x89abcdef,
		.sense_len = sense_len,
		.sense = sense,
	};
	u8 *buf = exact(NULL, VSCSI_RESP_SIZE);
	u32 kept = sense_len > VSCSI_SENSE_SIZE ? VSCSI_SENSE_SIZE : sense_len;

	store(&want.sense_len, kept, 4, le);
	store(&want.resid, 0x89abcdef, 4, le);
	store(&want.status_qualifier, 0x1234, 2, le);
	memset(want.sense, 0xa5, kept);
	vscsi_encode_resp(&resp, le, buf);
	assert_memory_equal(buf, &want, VSCSI_RESP_SIZE);
	free(buf);
	free(sense);
}

/* No byte of a response is what happened to be in the buffer. */
static void responses_are_encoded_whole(void **state)
{
	(void)state;
	assert_int_equal(sizeof(struct virtio_scsi_cmd_resp), VSCSI_RESP_SIZE);
	for (u32 len = 0; len <= VSCSI_SENSE_SIZE; len++) {
		check_resp(len, true);
		check_resp(len, false);
	}
	check_resp(VSCSI_SENSE_SIZE + 1, true);
	check_resp(252, false);
}

static void check_event(u32 event, u16 lun, u16 encoded, bool le)
{
	const bool about_a_lun = event & ~VIRTIO_SCSI_T_EVENTS_MISSED;
	struct virtio_scsi_event want = { 0 };
	u8 *buf = exact(NULL, VSCSI_EVENT_SIZE);

	store(&want.event, event, 4, le);
	store(&want.reason, 0x01020304, 4, le);
	if (about_a_lun) {
		want.lun[0] = 1;
		want.lun[1] = 200;
		store(&want.lun[2], encoded, 2, false);
	}
	vscsi_encode_event(event, 200, lun, 0x01020304, le, buf);
	assert_memory_equal(buf, &want, VSCSI_EVENT_SIZE);
	free(buf);
}

static void events_are_encoded_whole(void **state)
{
	(void)state;
	for (unsigned int le = 0; le < 2; le++) {
		check_event(VIRTIO_SCSI_T_TRANSPORT_RESET, 0, 0, le);
		check_event(VIRTIO_SCSI_T_TRANSPORT_RESET, 255, 255, le);
		check_event(VIRTIO_SCSI_T_TRANSPORT_RESET, 256, 0x4100, le);
		check_event(VIRTIO_SCSI_T_TRANSPORT_RESET |
				    VIRTIO_SCSI_T_EVENTS_MISSED,
			    16383, 0x7fff, le);
		check_event(VIRTIO_SCSI_T_NO_EVENT, 5, 0, le);
		check_event(VIRTIO_SCSI_T_NO_EVENT |
				    VIRTIO_SCSI_T_EVENTS_MISSED,
			    5, 0, le);
	}
}

static void sense_is_encoded_whole(void **state)
{
	static const u8 want[VSCSI_SENSE_SIZE] = {
		[0] = 0x70, [2] = 5, [7] = 10, [12] = 0x24, [13] = 1,
	};
	u8 *buf = exact(NULL, VSCSI_SENSE_SIZE);

	(void)state;
	vscsi_encode_sense(5, 0x24, 1, buf);
	assert_memory_equal(buf, want, VSCSI_SENSE_SIZE);
	free(buf);
}

/* Any bytes: no read past the end, and no answer outside of its range. */
static void random_bytes_are_survived(void **state)
{
	(void)state;
	srandom(1);
	for (unsigned int round = 0; round < 100000; round++) {
		const bool pi = random() & 1;
		const size_t size = pi ? VSCSI_HDR_PI_SIZE : VSCSI_HDR_SIZE;
		u8 *buf = malloc(size);
		struct vscsi_cmd_hdr cmd;
		struct vscsi_tmf_hdr tmf;
		struct vscsi_rw rw;

		assert_non_null(buf);
		for (size_t i = 0; i < size; i++)
			buf[i] = random();
		if (random() & 1)
			buf[0] = 1;
		if (!vscsi_parse_cmd(buf, pi, random() & 1, &cmd))
			assert_true(cmd.addr.lun < 16384 ||
				    cmd.addr.lun == VSCSI_NO_LUN);
		assert_true(vscsi_cdb_size(cmd.cdb) >= 6);
		vscsi_parse_rw(cmd.cdb, &rw);
		buf = realloc(buf, VSCSI_TMF_SIZE);
		assert_non_null(buf);
		vscsi_parse_tmf(buf, random() & 1, &tmf);
		free(buf);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_name_target_and_lun),
		cmocka_unit_test(other_lun_formats_name_no_lun),
		cmocka_unit_test(addresses_begin_with_one),
		cmocka_unit_test(commands_are_decoded),
		cmocka_unit_test(task_management_is_decoded),
		cmocka_unit_test(control_type_is_decoded),
		cmocka_unit_test(cdb_length_follows_the_group),
		cmocka_unit_test(reads_and_writes_are_decoded),
		cmocka_unit_test(lengths_fit_the_buffers),
		cmocka_unit_test(other_lengths_are_left_alone),
		cmocka_unit_test(responses_are_encoded_whole),
		cmocka_unit_test(events_are_encoded_whole),
		cmocka_unit_test(sense_is_encoded_whole),
		cmocka_unit_test(random_bytes_are_survived),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
