// SPDX-License-Identifier: GPL-2.0
/*
 * kmod/wire.c under any bytes, for libFuzzer and for fuzz-main.c: the first byte
 * chooses what is done, the second how; the rest is what a guest sent. Buffers
 * have their exact size, so the address sanitizer sees a byte too many; and
 * what is claimed of the results is checked.
 *
 * Seen to fail, each within a second, on: an allocation length that reaches
 * beyond the CDB (heap overflow), a parser that takes lun[4..7] for nothing, a
 * response that leaves the tail of the sense field as it was.
 */
#include <stdio.h>
#include <stdlib.h>

#include <linux/kernel.h>
#include <linux/string.h>
#include <linux/unaligned.h>
#include <wire.h>

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

#define claim(what)                                                     \
	do {                                                            \
		if (!(what)) {                                          \
			fprintf(stderr, "ERROR: %s:%d: %s\n", __FILE__, \
				__LINE__, #what);                       \
			abort();                                        \
		}                                                       \
	} while (0)

struct input {
	const u8 *data;
	size_t left;
	u8 how;
};

/* The next @size bytes on the heap, zeroes when there are no more. */
static u8 *take(struct input *in, size_t size)
{
	size_t n = size < in->left ? size : in->left;
	u8 *p = malloc(size ? size : 1);

	claim(p);
	memset(p, 0, size);
	if (n)
		memcpy(p, in->data, n);
	in->data += n;
	in->left -= n;
	return p;
}

static u64 number(struct input *in, unsigned int size)
{
	u8 *p = take(in, size);
	u64 val = unit_load(p, size, false);

	free(p);
	return val;
}

static void check_addr(const struct vscsi_addr *addr, const u8 *field)
{
	struct vscsi_addr again = { .target = 0x5a, .lun = 0x5a5a };
	u8 *event = malloc(VSCSI_EVENT_SIZE);

	claim(event);
	claim(addr->target == field[1]);
	if (addr->lun != VSCSI_NO_LUN) {
		claim(addr->lun < 16384);
		claim(!field[4] && !field[5] && !field[6] && !field[7]);
		vscsi_encode_event(VIRTIO_SCSI_T_TRANSPORT_RESET, addr->target,
				   addr->lun, 0, true, event);
		claim(!vscsi_parse_addr(event + 4, &again));
		claim(again.target == addr->target && again.lun == addr->lun);
	}
	free(event);
}

static void fuzz_addr(struct input *in)
{
	struct vscsi_addr addr;
	u8 *field = take(in, 8);

	if (vscsi_parse_addr(field, &addr))
		claim(field[0] != 1);
	else
		check_addr(&addr, field);
	free(field);
}

static void fuzz_cmd(struct input *in)
{
	bool pi = in->how & 1, le = in->how & 2;
	u8 *buf = take(in, pi ? VSCSI_HDR_PI_SIZE : VSCSI_HDR_SIZE);
	struct vscsi_cmd_hdr hdr, other;
	int ret = vscsi_parse_cmd(buf, pi, le, &hdr);

	claim(vscsi_parse_cmd(buf, pi, !le, &other) == ret);
	claim(hdr.tag == __builtin_bswap64(other.tag));
	claim(hdr.pi_out == __builtin_bswap32(other.pi_out));
	claim(hdr.pi_in == __builtin_bswap32(other.pi_in));
	claim(pi || (!hdr.pi_out && !hdr.pi_in));
	claim(!memcmp(hdr.cdb, buf + (pi ? 27 : 19), VSCSI_CDB_SIZE));
	claim(hdr.attr == buf[16]);
	if (ret)
		claim(buf[0] != 1);
	else
		check_addr(&hdr.addr, buf);
	free(buf);
}

static void fuzz_ctl(struct input *in)
{
	bool le = in->how & 1;
	u8 *buf = take(in, VSCSI_TMF_SIZE), *type = malloc(4);
	struct vscsi_tmf_hdr hdr;

	claim(type);
	memcpy(type, buf, 4);
	claim(vscsi_parse_ctl_type(type, le) == unit_load(buf, 4, le));
	if (vscsi_parse_tmf(buf, le, &hdr))
		claim(buf[8] != 1);
	else
		check_addr(&hdr.addr, buf + 8);
	claim(hdr.subtype == unit_load(buf + 4, 4, le));
	claim(hdr.tag == unit_load(buf + 16, 8, le));
	free(type);
	free(buf);
}

static void fuzz_limit(struct input *in)
{
	u32 room = number(in, 4), len = room, again;
	u8 *cdb = take(in, VSCSI_CDB_SIZE);
	u8 before[VSCSI_CDB_SIZE], after[VSCSI_CDB_SIZE];
	unsigned int changed = 0;

	memcpy(before, cdb, sizeof(before));
	if (vscsi_cdb_limit(cdb, &len)) {
		claim(len <= room);
		/* What asks for no more than there is room for stays so. */
		memcpy(after, cdb, sizeof(after));
		again = len;
		claim(vscsi_cdb_limit(cdb, &again));
		claim(again == len && !memcmp(cdb, after, sizeof(after)));
		/* With endless room nothing is cut. */
		memcpy(cdb, before, sizeof(before));
		again = 0xffffffff;
		claim(vscsi_cdb_limit(cdb, &again));
		claim(!memcmp(cdb, before, sizeof(before)));
	} else {
		claim(!memcmp(cdb, before, sizeof(before)));
		memcpy(after, before, sizeof(after));
	}
	for (unsigned int i = 0; i < sizeof(after); i++)
		changed += after[i] != before[i];
	claim(changed <= 4 && after[0] == before[0]);
	free(cdb);
}

static void fuzz_rw(struct input *in)
{
	u8 *cdb = take(in, VSCSI_CDB_SIZE);
	u32 len = 0xffffffff;
	struct vscsi_rw rw;

	claim(vscsi_cdb_size(cdb) >= 6 && vscsi_cdb_size(cdb) <= 263);
	if (vscsi_parse_rw(cdb, &rw)) {
		claim(vscsi_cdb_size(cdb) <= 16);
		claim(vscsi_cdb_limit(cdb, &len) && len == 0xffffffff);
		if (vscsi_cdb_size(cdb) == 6)
			claim(rw.blocks >= 1 && rw.blocks <= 256 &&
			      rw.lba <= 0x1fffff && !rw.flags);
		if (vscsi_cdb_size(cdb) <= 12)
			claim(rw.lba <= 0xffffffff);
	}
	free(cdb);
}

static void fuzz_resp(struct input *in)
{
	bool le = in->how & 1;
	struct vscsi_resp resp = {
		.sense_len = number(in, 4),
		.resid = number(in, 4),
		.qualifier = number(in, 2),
		.status = number(in, 1),
		.response = number(in, 1),
	};
	u32 kept = resp.sense_len < VSCSI_SENSE_SIZE ? resp.sense_len
						     : VSCSI_SENSE_SIZE;
	u8 *sense = take(in, kept);
	u8 *buf = malloc(VSCSI_RESP_SIZE), *twin = malloc(VSCSI_RESP_SIZE);

	claim(buf && twin);
	resp.sense = sense;
	memset(buf, 0, VSCSI_RESP_SIZE);
	memset(twin, 0xff, VSCSI_RESP_SIZE);
	vscsi_encode_resp(&resp, le, buf);
	vscsi_encode_resp(&resp, le, twin);
	claim(!memcmp(buf, twin, VSCSI_RESP_SIZE));
	claim(unit_load(buf, 4, le) == kept);
	claim(unit_load(buf + 4, 4, le) == resp.resid);
	claim(unit_load(buf + 8, 2, le) == resp.qualifier);
	claim(buf[10] == resp.status && buf[11] == resp.response);
	claim(!memcmp(buf + 12, sense, kept));
	free(twin);
	free(buf);
	free(sense);
}

static void fuzz_event(struct input *in)
{
	u32 event = number(in, 4), reason = number(in, 4);
	u8 target = number(in, 1), *buf = malloc(VSCSI_EVENT_SIZE);
	u16 lun = number(in, 2) & 0x3fff;
	bool le = in->how & 1;
	struct vscsi_addr addr;
	u8 *sense = malloc(VSCSI_SENSE_SIZE);

	claim(buf && sense);
	vscsi_encode_event(event, target, lun, reason, le, buf);
	claim(unit_load(buf, 4, le) == event);
	claim(unit_load(buf + 12, 4, le) == reason);
	if (event & ~(u32)VIRTIO_SCSI_T_EVENTS_MISSED)
		claim(!vscsi_parse_addr(buf + 4, &addr) &&
		      addr.target == target && addr.lun == lun);
	else
		claim(!unit_load(buf + 4, 8, le));
	vscsi_encode_sense(target, lun, reason, sense);
	claim(sense[0] == 0x70 && sense[2] == target &&
	      sense[7] + 8 == VSCSI_FIXED_SENSE_LEN);
	free(sense);
	free(buf);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static void (*const fuzz[])(struct input *) = {
		fuzz_addr, fuzz_cmd,  fuzz_ctl,	  fuzz_limit,
		fuzz_rw,   fuzz_resp, fuzz_event,
	};
	struct input in;

	if (size < 2)
		return 0;
	in = (struct input){ .data = data + 2,
			     .left = size - 2,
			     .how = data[1] };
	fuzz[data[0] % ARRAY_SIZE(fuzz)](&in);
	return 0;
}
