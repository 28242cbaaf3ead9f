// SPDX-License-Identifier: GPL-2.0
#include "cmd.h"

int cmd_qemu_args(struct ctx *ctx, int argc, char **argv)
{
	if (opts_parse(ctx, (const struct opt[]){ {} }, argc, argv, 0, 9) < 0)
		return ctx->status;
	ui_error("not built yet");
	return ST_FAILED;
}

int qemu_args_print(struct ctx *ctx, const struct vscsi_target *target,
		    unsigned int num_queues, bool libvirt)
{
	(void)ctx, (void)num_queues, (void)libvirt;
	printf("-device vhost-scsi-pci,wwpn=%s\n", target->wwn);
	return ST_OK;
}

struct json_object *qemu_args_json(struct ctx *ctx,
				   const struct vscsi_target *target,
				   unsigned int num_queues)
{
	(void)ctx, (void)num_queues;
	struct json_object *object = json_object_new_object();
	struct json_object *args = json_object_new_array();
	AUTO_FREE char *device =
		ui_format("vhost-scsi-pci,wwpn=%s", target->wwn);

	json_object_array_add(args, json_object_new_string("-device"));
	json_object_array_add(args, json_object_new_string(device));
	json_object_object_add(object, "args", args);
	return object;
}
