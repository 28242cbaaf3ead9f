// SPDX-License-Identifier: GPL-2.0
/*
 * Which options of QEMU's device are worth giving. What there is was asked of the
 * QEMU that is installed; what is needed depends on the module: ours needs few.
 */
#include <errno.h>
#include <string.h>

#include "qemu-args.h"

/* What QEMU says of a number that it finds out by itself. */
#define QEMU_AUTO "4294967295"
/* Eight megabytes: what the kernel's own module can take of one request. */
#define PEER_MAX_SECTORS "16384"

/**
 * qemu_args_free() - let go of what qemu_args_build() made
 * @args: the options
 */
void qemu_args_free(struct qemu_args *args)
{
	for (size_t i = 0; i < args->n; i++) {
		free(args->v[i].value);
		free(args->v[i].why);
	}
	for (size_t i = 0; i < args->n_notes; i++)
		free(args->notes[i]);
	qemu_free(&args->qemu);
	mod_free(&args->mod);
}

/* Takes @value and @why. */
static void add(struct qemu_args *args, const char *name, char *value,
		char *why)
{
	if (args->n == QEMU_OPTIONS_MAX)
		abort();
	args->v[args->n++] = (struct qemu_option){ name, value, why };
}

/* Takes @text. */
static void note(struct qemu_args *args, char *text)
{
	if (args->n_notes == QEMU_NOTES_MAX)
		abort();
	args->notes[args->n_notes++] = text;
}

static bool can(const struct qemu_args *args, const char *property)
{
	return qemu_property(&args->qemu, property) != NULL;
}

static bool default_is(const struct qemu_args *args, const char *property,
		       const char *value)
{
	const struct qemu_property *p = qemu_property(&args->qemu, property);

	return p && p->value && strcmp(p->value, value) == 0;
}

/* Request queues that a device may have, by the module's parameter. */
static unsigned long queues_max(const struct ctx *ctx)
{
	AUTO_FREE char *text =
		mod_read(ctx, "/sys/module/vhost_scsi/parameters/max_io_vqs");
	unsigned long number;

	if (!text || ui_parse_number(text, 1024, &number) || !number)
		return 128;
	return number;
}

/**
 * qemu_queues_check() - whether a device can have so many request queues
 * @ctx: the run
 * @queues: how many
 *
 * Return: ST_OK, or the status to end with after saying why not.
 */
enum status qemu_queues_check(struct ctx *ctx, long queues)
{
	unsigned long max = queues_max(ctx);

	if (!queues) {
		ui_error("--num-queues 0: give at least 1");
		return ctx->status = ST_USAGE;
	}
	if ((unsigned long)queues <= max)
		return ST_OK;
	ui_error(
		"%ld queues are more than the module's parameter max_io_vqs allows, %lu; raise it: echo %ld >/sys/module/vhost_scsi/parameters/max_io_vqs",
		queues, max, queues);
	return ctx->status = ST_FAILED;
}

static int add_queues(struct ctx *ctx, const struct qemu_wish *wish,
		      struct qemu_args *args)
{
	unsigned long max = queues_max(ctx);
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	if (wish->queues > 0 && qemu_queues_check(ctx, wish->queues))
		return -EINVAL;
	if (wish->queues > 0) {
		add(args, "num_queues", ui_format("%ld", wish->queues),
		    ui_format(
			    "request queues, as asked for; one for each CPU of the guest is best"));
	} else if (default_is(args, "num_queues", QEMU_AUTO) &&
		   cpus <= (long)max) {
		note(args,
		     ui_format(
			     "num_queues is left out: QEMU makes a request queue for each CPU of the guest, which is best; --num-queues N fixes the number"));
	} else {
		long queues = cpus < (long)max ? cpus : (long)max;

		add(args, "num_queues", ui_format("%ld", queues),
		    ui_format(
			    "request queues: %s; with --num-queues N, one for each CPU of the guest is best",
			    cpus > (long)max
				    ? "as many as the module's parameter max_io_vqs allows"
				    : "one for each CPU of this host"));
	}
	return 0;
}

/* Does a TPG, or a backstore behind it, keep protection information? */
static bool has_pi(const struct qemu_wish *wish)
{
	const struct vscsi_target *target = wish->target;

	for (size_t i = 0; i < target->n_tpgs; i++) {
		const struct vscsi_tpg *tpg = &target->tpgs[i];
		const char *type =
			vscsi_attrs_get(&tpg->attrs, "fabric_prot_type");

		if (type && strcmp(type, "0") != 0)
			return true;
		for (size_t l = 0; wish->config && l < tpg->n_luns; l++) {
			const struct vscsi_store *store = vscsi_config_store(
				wish->config, tpg->luns[l].kind,
				tpg->luns[l].store);

			type = store ? vscsi_attrs_get(&store->attrs,
						       "pi_prot_type")
				     : NULL;
			if (type && strcmp(type, "0") != 0)
				return true;
		}
	}
	return false;
}

static void add_boot(const struct qemu_wish *wish, struct qemu_args *args)
{
	const struct vscsi_target *target = wish->target;
	unsigned int tag = target->n_tpgs ? target->tpgs[0].tag : 1;

	add(args, "boot_tpgt", ui_format("%u", tag),
	    ui_format("the TPG whose LUN 0 the firmware is to start"));
	add(args, "bootindex", ui_strdup("0"),
	    ui_format("before any other disk"));
	if (tag > 31)
		note(args,
		     ui_format(
			     "firmware looks at low target numbers only (OVMF: up to 31): TPG %u may not be found",
			     tag));
}

/* What is given because of the module that serves the device. */
static int add_for_module(struct ctx *ctx, const struct qemu_wish *wish,
			  struct qemu_args *args)
{
	bool peer = args->mod.loaded && !mod_loaded_is_ours(&args->mod);

	if (peer) {
		add(args, "max_sectors", ui_strdup(PEER_MAX_SECTORS),
		    ui_format(
			    "the kernel's own vhost_scsi is loaded: it fails requests above 8 MiB, which Windows sends"));
		if (can(args, "worker_per_virtqueue"))
			add(args, "worker_per_virtqueue", ui_strdup("on"),
			    ui_format(
				    "the kernel's own module has one thread for all queues without it"));
	} else if (can(args, "worker_per_virtqueue")) {
		note(args,
		     ui_format(
			     "worker_per_virtqueue is left out: each request queue has a thread of its own without it, and is served faster"));
	}
	if (can(args, "hotplug"))
		add(args, "hotplug", ui_strdup("on"),
		    ui_format("the guest is told of LUNs that come and go"));
	else if (args->qemu.n)
		note(args,
		     ui_format(
			     "this QEMU cannot tell the guest of LUNs that come and go: rescan in the guest, echo '- - -' >/sys/class/scsi_host/hostN/scan"));
	if (wish->migratable && peer) {
		ui_error(
			"the kernel's own vhost_scsi does not log what it writes to guest memory: a migrated guest would be damaged; load the module of vhost-scsi-dkms");
		ctx->status = ST_FAILED;
		return -EOPNOTSUPP;
	}
	if (wish->migratable)
		add(args, "migratable", ui_strdup("on"),
		    ui_format(
			    "QEMU refuses a live migration without it; the other QEMU needs the same options"));
	return 0;
}

/**
 * qemu_args_build() - the options of a target
 * @ctx: the run
 * @wish: what they are to be for
 * @args: filled in
 *
 * Return: 0, or a negative errno with ctx->status set, after saying why.
 */
int qemu_args_build(struct ctx *ctx, const struct qemu_wish *wish,
		    struct qemu_args *args)
{
	int err = qemu_ask(ctx, wish->qemu, wish->version, &args->qemu);

	if (err && (err != -ENOENT || wish->qemu)) {
		ui_error("%s cannot be asked: %s; give another one with --qemu",
			 args->qemu.path ? args->qemu.path : "QEMU",
			 strerror(-err));
		ctx->status = ST_FAILED;
		return err;
	}
	if (!err && !args->qemu.n) {
		ui_error(
			"%s has no device vhost-scsi-pci: install qemu-system-x86",
			args->qemu.path);
		ctx->status = ST_FAILED;
		return -ENODEV;
	}
	if (err)
		note(args,
		     ui_format(
			     "QEMU is not installed here (qemu-system-x86): these arguments are what any version takes"));
	mod_look(ctx, "vhost_scsi", NULL, &args->mod);
	add(args, "wwpn", ui_strdup(wish->target->wwn),
	    ui_format("the target; all its TPGs and LUNs are the guest's"));
	err = add_queues(ctx, wish, args);
	if (!err)
		err = add_for_module(ctx, wish, args);
	if (err)
		return err;
	if (has_pi(wish))
		add(args, "t10_pi", ui_strdup("on"),
		    ui_format("a LUN has protection information"));
	if (wish->boot)
		add_boot(wish, args);
	note(args,
	     ui_format(
		     "the guest's memory need not be shared (no memory-backend with share=on): that is for vhost-user"));
	note(args,
	     ui_format(
		     "QEMU opens /dev/vhost-scsi: root, the group kvm, or an open descriptor as vhostfd"));
	return 0;
}
