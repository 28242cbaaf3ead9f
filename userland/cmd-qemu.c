// SPDX-License-Identifier: GPL-2.0
/*
 * qemu-args: what a QEMU, or libvirt, is to be told of a target. Each option comes
 * with its reason, which a person sees and a program may.
 */
#include <string.h>

#include "qemu-args.h"

/* "vhost-scsi-pci,wwpn=...,..." */
static char *device_text(const struct qemu_args *args)
{
	char *text = ui_strdup("vhost-scsi-pci");

	for (size_t i = 0; i < args->n; i++) {
		char *longer = ui_format("%s,%s=%s", text, args->v[i].name,
					 args->v[i].value);

		free(text);
		text = longer;
	}
	return text;
}

/* What libvirt has no element for, as properties that it passes on. NULL: nothing. */
static char *override_text(const struct qemu_args *args)
{
	char *text = NULL;

	for (size_t i = 1; i < args->n; i++) {
		const char *value = args->v[i].value;
		bool number = strspn(value, "0123456789") == strlen(value);
		char *longer = ui_format(
			"%s        <qemu:property name='%s' type='%s' value='%s'/>\n",
			text ? text : "", args->v[i].name,
			number ? "unsigned" : "bool", number ? value : "true");

		free(text);
		text = longer;
	}
	return text;
}

/* An alias that libvirt lets a user choose: "ua-", letters, digits and '-'. */
static char *alias_text(const char *wwn)
{
	char *alias = ui_format("ua-%s", wwn);

	for (char *c = alias; *c; c++) {
		if (*c == '.' || *c == ':')
			*c = '-';
	}
	return alias;
}

static char *libvirt_text(struct ctx *ctx, const struct qemu_wish *wish,
			  const struct qemu_args *args)
{
	const char *wwn = wish->target->wwn;
	const char *wrong = vscsi_wwn_wrong(wwn, true);

	AUTO_FREE char *override = override_text(args);
	AUTO_FREE char *alias = alias_text(wwn);

	if (wrong) {
		ui_error("libvirt does not take %s: %s", wwn, wrong);
		ctx->status = ST_FAILED;
		return NULL;
	}
	if (!override)
		return ui_format(
			"<hostdev mode='subsystem' type='scsi_host' managed='no'>\n"
			"  <source protocol='vhost' wwpn='%s'/>\n"
			"</hostdev>\n",
			wwn);
	return ui_format(
		"<hostdev mode='subsystem' type='scsi_host' managed='no'>\n"
		"  <source protocol='vhost' wwpn='%s'/>\n"
		"  <alias name='%s'/>\n"
		"</hostdev>\n"
		"<!-- libvirt has no element for the rest, but passes it on. As the last element of\n"
		"     <domain xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0' ...>:\n"
		"  <qemu:override>\n"
		"    <qemu:device alias='%s'>\n"
		"      <qemu:frontend>\n"
		"%s      </qemu:frontend>\n"
		"    </qemu:device>\n"
		"  </qemu:override>\n"
		"-->\n",
		wwn, alias, alias, override);
}

static struct json_object *to_json(const struct qemu_args *args)
{
	struct json_object *object = json_object_new_object();
	struct json_object *list = json_object_new_array();
	struct json_object *options = json_object_new_array();
	struct json_object *notes = json_object_new_array();
	struct json_object *qemu = json_object_new_object();
	AUTO_FREE char *device = device_text(args);

	json_object_array_add(list, json_object_new_string("-device"));
	json_object_array_add(list, json_object_new_string(device));
	for (size_t i = 0; i < args->n; i++) {
		struct json_object *option = json_object_new_object();

		json_object_object_add(option, "name",
				       json_object_new_string(args->v[i].name));
		json_object_object_add(
			option, "value",
			json_object_new_string(args->v[i].value));
		json_object_object_add(option, "why",
				       json_object_new_string(args->v[i].why));
		json_object_array_add(options, option);
	}
	for (size_t i = 0; i < args->n_notes; i++)
		json_object_array_add(notes,
				      json_object_new_string(args->notes[i]));
	if (args->qemu.path)
		json_object_object_add(qemu, "path",
				       json_object_new_string(args->qemu.path));
	if (args->qemu.version)
		json_object_object_add(
			qemu, "version",
			json_object_new_string(args->qemu.version));
	json_object_object_add(object, "args", list);
	json_object_object_add(object, "options", options);
	json_object_object_add(object, "notes", notes);
	json_object_object_add(object, "qemu", qemu);
	return object;
}

/* The arguments alone are what a script wants: reasons go to a terminal, or by -v. */
static void print_reasons(const struct ctx *ctx, const struct qemu_args *args)
{
	if (!ctx->verbose && !isatty(STDOUT_FILENO))
		return;
	fputs(ui_style(UI_FAINT), stdout);
	for (size_t i = 0; i < args->n; i++)
		printf("# %s: %s\n", args->v[i].name, args->v[i].why);
	for (size_t i = 0; i < args->n_notes; i++)
		printf("# %s\n", args->notes[i]);
	fputs(ui_style_end(UI_FAINT), stdout);
}

static int print(struct ctx *ctx, const struct qemu_wish *wish, bool libvirt)
{
	AUTO_ARGS struct qemu_args args = { 0 };

	if (qemu_args_build(ctx, wish, &args))
		return ctx->status;
	AUTO_FREE char *xml = libvirt ? libvirt_text(ctx, wish, &args) : NULL;

	if (libvirt && !xml)
		return ctx->status;
	if (ctx->json) {
		struct json_object *object = to_json(&args);

		json_object_object_add(
			object, "wwn",
			json_object_new_string(wish->target->wwn));
		if (libvirt)
			json_object_object_add(object, "libvirt",
					       json_object_new_string(xml));
		return ctx_print_json(object);
	}
	if (libvirt) {
		fputs(xml, stdout);
		return ST_OK;
	}
	AUTO_FREE char *device = device_text(&args);

	printf("-device %s\n", device);
	print_reasons(ctx, &args);
	return ST_OK;
}

/**
 * qemu_args_print() - the QEMU arguments of a target
 * @ctx: the run
 * @target: the target
 * @num_queues: request queues; 0 for what is best
 * @libvirt: libvirt's XML instead
 *
 * Return: a status.
 */
int qemu_args_print(struct ctx *ctx, const struct vscsi_target *target,
		    unsigned int num_queues, bool libvirt)
{
	struct qemu_wish wish = { .target = target, .queues = num_queues };

	return print(ctx, &wish, libvirt);
}

/**
 * qemu_args_json() - the QEMU arguments of a target, for programs
 * @ctx: the run
 * @target: the target
 * @num_queues: request queues; 0 for what is best
 *
 * Return: an object, or NULL with ctx->status set, after saying why.
 */
struct json_object *qemu_args_json(struct ctx *ctx,
				   const struct vscsi_target *target,
				   unsigned int num_queues)
{
	AUTO_ARGS struct qemu_args args = { 0 };
	struct qemu_wish wish = { .target = target, .queues = num_queues };

	return qemu_args_build(ctx, &wish, &args) ? NULL : to_json(&args);
}

/**
 * cmd_qemu_args() - the command
 * @ctx: the run
 * @argc: length of @argv
 * @argv: the target, and options
 *
 * Return: a status.
 */
int cmd_qemu_args(struct ctx *ctx, int argc, char **argv)
{
	struct qemu_wish wish = { .queues = -1, .version = true };
	bool libvirt = false;
	const struct opt opts[] = {
		{ "libvirt", NULL, "the element of libvirt's XML instead",
		  OPT_FLAG, &libvirt, 0 },
		{ "num-queues", "N",
		  "request queues; one for each CPU of the guest is best",
		  OPT_NUMBER, &wish.queues, 1024 },
		{ "boot", NULL, "the guest starts from LUN 0 of the first TPG",
		  OPT_FLAG, &wish.boot, 0 },
		{ "migratable", NULL, "the guest can be migrated live",
		  OPT_FLAG, &wish.migratable, 0 },
		{ "qemu", "PATH",
		  "ask this QEMU, not /usr/bin/qemu-system-x86_64", OPT_STRING,
		  &wish.qemu, 0 },
		{}
	};
	AUTO_CONFIG struct vscsi_config *config = NULL;

	if (opts_parse(ctx, opts, argc, argv, 1, 1) < 0)
		return ctx->status;
	if (wish.queues >= 0 && qemu_queues_check(ctx, wish.queues))
		return ctx->status;
	if (wish.queues < 0)
		wish.queues = 0;
	if (ctx_read(ctx, &config))
		return ctx->status;
	wish.config = config;
	wish.target = find_target(ctx, config, argv[0]);
	if (!wish.target)
		return ctx->status;
	return print(ctx, &wish, libvirt);
}
