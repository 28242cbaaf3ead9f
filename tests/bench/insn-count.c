// SPDX-License-Identifier: GPL-2.0
/*
 * A plugin for QEMU (TCG, plugin API version 1): how many instructions the
 * guest executes where, between the two marks that ring-bench executes. At the
 * second mark it writes "address TAB instructions" for every block of code to
 * the file given as out=FILE. Debian does not package the plugin header: what
 * is needed of it is declared here.
 *
 * Counts are kept per block of translated code, under the address of its first
 * instruction; a block ends at a call, a jump or a page, so it practically
 * always lies in one function. Processors that run at the same time may lose
 * one another's counts now and then.
 */
#include <inttypes.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef uint64_t plugin_id;
struct qemu_info;
struct qemu_plugin_tb;
struct qemu_plugin_insn;

enum cb_flags {
	CB_NO_REGS
};
enum op {
	OP_ADD_U64
};

typedef void (*tb_trans_cb)(plugin_id id, struct qemu_plugin_tb *tb);
typedef void (*vcpu_cb)(unsigned int vcpu, void *data);

void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id id, tb_trans_cb cb);
void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb *tb,
					      enum op op, void *ptr,
					      uint64_t imm);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn,
					    vcpu_cb cb, enum cb_flags flags,
					    void *data);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *
qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t n);
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *insn);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *insn);

#define EXPORT __attribute__((visibility("default")))

EXPORT int qemu_plugin_version = 1;

#define BUCKETS (1u << 16)

struct block {
	struct block *next;
	uint64_t vaddr;
	uint64_t insns;	 /* executed, counted by generated code */
	uint64_t before; /* as it was at the first mark */
};

static struct block *buckets[BUCKETS];
static const char *out_path;

/* nopl with a displacement that nobody else uses: see bench.h */
static const uint8_t mark_begin[] = { 0x0f, 0x1f, 0x80, 'I', 'G', 'E', 'B' };
static const uint8_t mark_end[] = { 0x0f, 0x1f, 0x80, 'D', 'N', 'E', 'B' };

static struct block *block_at(uint64_t vaddr)
{
	struct block **bucket = &buckets[(vaddr ^ vaddr >> 16) % BUCKETS];
	struct block *b;

	for (b = *bucket; b; b = b->next)
		if (b->vaddr == vaddr)
			return b;
	b = calloc(1, sizeof(*b));
	if (!b)
		abort();
	b->vaddr = vaddr;
	b->next = *bucket;
	*bucket = b;
	return b;
}

static void begin(unsigned int vcpu, void *data)
{
	(void)vcpu;
	(void)data;
	for (unsigned int i = 0; i < BUCKETS; i++)
		for (struct block *b = buckets[i]; b; b = b->next)
			b->before = b->insns;
}

static void end(unsigned int vcpu, void *data)
{
	FILE *f = fopen(out_path, "w");

	(void)vcpu;
	(void)data;
	if (!f) {
		perror(out_path);
		return;
	}
	for (unsigned int i = 0; i < BUCKETS; i++)
		for (struct block *b = buckets[i]; b; b = b->next)
			if (b->insns > b->before)
				fprintf(f, "%016" PRIx64 "\t%" PRIu64 "\n",
					b->vaddr, b->insns - b->before);
	fclose(f);
}

static bool is_mark(const struct qemu_plugin_insn *insn, const uint8_t *mark)
{
	return qemu_plugin_insn_size(insn) == sizeof(mark_begin) &&
	       !memcmp(qemu_plugin_insn_data(insn), mark, sizeof(mark_begin));
}

static void translated(plugin_id id, struct qemu_plugin_tb *tb)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	size_t n = qemu_plugin_tb_n_insns(tb);
	struct block *b;

	(void)id;
	/* Each emulated processor translates for itself. */
	pthread_mutex_lock(&lock);
	b = block_at(qemu_plugin_tb_vaddr(tb));
	pthread_mutex_unlock(&lock);
	qemu_plugin_register_vcpu_tb_exec_inline(tb, OP_ADD_U64, &b->insns, n);
	for (size_t i = 0; i < n; i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);

		if (is_mark(insn, mark_begin))
			qemu_plugin_register_vcpu_insn_exec_cb(
				insn, begin, CB_NO_REGS, NULL);
		else if (is_mark(insn, mark_end))
			qemu_plugin_register_vcpu_insn_exec_cb(
				insn, end, CB_NO_REGS, NULL);
	}
}

EXPORT int qemu_plugin_install(plugin_id id, const struct qemu_info *info,
			       int argc, char **argv)
{
	(void)info;
	for (int i = 0; i < argc; i++)
		if (!strncmp(argv[i], "out=", 4))
			out_path = strdup(argv[i] + 4);
	if (!out_path) {
		fprintf(stderr, "insn-count: out=FILE is needed\n");
		return -1;
	}
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	return 0;
}
