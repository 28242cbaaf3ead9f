/* SPDX-License-Identifier: GPL-2.0 */
/* What main.c, which runs a test in a process of its own, shares with test.c. */
#ifndef HARNESS_H
#define HARNESS_H

#define STEP_BYTES 256

extern char *test_step; /* shared page: what the test is doing */
extern unsigned int test_number;

#endif
