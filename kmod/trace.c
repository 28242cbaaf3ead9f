// SPDX-License-Identifier: GPL-2.0
/* The tracepoints of trace.h, instantiated once. */
#include "vhost_scsi.h"

#define CREATE_TRACE_POINTS
#include "trace.h"
