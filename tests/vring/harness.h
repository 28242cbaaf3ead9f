/* SPDX-License-Identifier: GPL-2.0 */
/* What main.c, which runs a test in a process of its own, shares with test.c. */
#ifndef HARNESS_H
#define HARNESS_H

#define STEP_BYTES 256

/* Shared with the process of the test: */
extern char *test_step;		   /* what it is doing */
extern unsigned int *test_seconds; /* until it counts as hung */
extern unsigned int test_number;

#endif
