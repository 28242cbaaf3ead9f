// SPDX-License-Identifier: GPL-2.0
#include "cmd.h"

int vs_modules_need(struct ctx *ctx)
{
	(void)ctx;
	return 0;
}
