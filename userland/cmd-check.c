// SPDX-License-Identifier: GPL-2.0
#include "cmd.h"

int cmd_check(struct ctx *ctx, int argc, char **argv)
{
	if (opts_parse(ctx, (const struct opt[]){ {} }, argc, argv, 0, 9) < 0)
		return ctx->status;
	ui_error("not built yet");
	return ST_FAILED;
}
