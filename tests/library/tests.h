/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the library's tests share: a tree to work on, which is a stand-in that is
 * made for each test, or (VSCSI_TEST_LIVE=1) the kernel's own.
 */
#ifndef TESTS_H
#define TESTS_H

#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <libvhostscsi.h>
#include "standin.h"

#define WWN "naa.5001405000000c11"
#define OTHER_WWN "naa.5001405000000c12"
#define INITIATOR "naa.5001405000000c21"
#define OTHER_INITIATOR "naa.5001405000000c22"
#define MIB (1024 * 1024ULL)
#define KIB4 4096ULL

/* struct bed - a tree for one test */
struct bed {
	char root[PATH_MAX]; /* "/" if it is live */
	char dir[PATH_MAX];  /* for files */
	struct vscsi_tree *tree;
	bool live;
};

int bed_setup(void **state);
int bed_teardown(void **state);

char *in_bed(const struct bed *bed, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
char *cfs(const struct bed *bed, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void put(const char *path, const char *value);
char *get(const char *path);
char *snapshot(const struct bed *bed);
void same_text(const char *got, const char *want, const char *what);

struct vscsi_config *read_config(const struct bed *bed);
struct vscsi_plan *plan_to(const struct bed *bed,
			   const struct vscsi_config *wanted);
int plan_fails(const struct bed *bed, const struct vscsi_config *wanted);
void apply(const struct bed *bed, const struct vscsi_config *wanted);
void expect_settled(const struct bed *bed, const struct vscsi_config *wanted);
bool step_is(const struct vscsi_plan *plan, const char *line);

struct vscsi_store *add_file(const struct bed *bed, struct vscsi_config *config,
			     const char *name, uint64_t size);
struct vscsi_store *add_ramdisk(struct vscsi_config *config, const char *name,
				uint64_t size);
struct vscsi_tpg *add_tpg(struct vscsi_config *config, const char *wwn,
			  unsigned int tag);

#define TEST(function) \
	cmocka_unit_test_setup_teardown(function, bed_setup, bed_teardown)

int run_config_tests(void);
int run_read_tests(void);
int run_plan_tests(void);
int run_rollback_tests(void);
int run_device_tests(void);
int run_other_tests(void);

#endif
