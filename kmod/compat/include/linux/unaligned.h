/* SPDX-License-Identifier: GPL-2.0 */
/* Kernels before 6.12 keep the accessors under asm/. */
#ifndef VSCSI_COMPAT_LINUX_UNALIGNED_H
#define VSCSI_COMPAT_LINUX_UNALIGNED_H

#include <asm/unaligned.h>

#endif
