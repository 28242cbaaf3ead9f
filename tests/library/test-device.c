// SPDX-License-Identifier: GPL-2.0
/*
 * Devices under backstores: which one it is, by whatever name.
 *
 * Seen to fail on: the code as it was, which left a SCSI device's node in the place of
 * the address that it was given by, and made two backstores on one file.
 */
#include <sys/stat.h>

#include "tests.h"

/* As sysfs has a SCSI disk. */
static void add_disk(const struct bed *bed, const char *address,
		     const char *node)
{
	char command[2 * PATH_MAX];

	snprintf(command, sizeof(command), "mkdir -p %s/block/%s",
		 in_bed(bed, "sys/bus/scsi/devices/%s", address), node);
	assert_int_equal(system(command), 0);
}

/* LIO opens the node when it enables the device, and never again. */
static void scsi_devices_keep_their_address(void **state)
{
	const struct bed *bed = *state;

	if (bed->live)
		skip();
	struct vscsi_config *config = vscsi_config_new();
	struct vscsi_store *store =
		vscsi_config_add_store(config, VSCSI_PSCSI, "disk");
	char *udev_path = cfs(bed, "core/pscsi_0/disk/udev_path");

	vscsi_set(&store->path, "0:0:1:0");
	add_disk(bed, "0:0:1:0", "sdy");
	add_disk(bed, "0:0:2:0", "sdz");
	apply(bed, config);
	assert_string_equal(get(udev_path), "0:0:1:0");
	expect_settled(bed, config);
	struct vscsi_config *live = read_config(bed);

	assert_string_equal(live->stores[0].path, "0:0:1:0");
	vscsi_config_free(live);
	/* another device is another backstore, and undone it is as before */
	vscsi_set(&store->path, "0:0:2:0");
	for (unsigned int at = 1;; at++) {
		struct vscsi_plan *plan = plan_to(bed, config);

		standin_fail(at, false, EIO);
		int rc = vscsi_plan_run(plan, NULL, NULL);

		standin_fail(0, false, 0);
		vscsi_plan_free(plan);
		if (!rc)
			break;
		assert_int_equal(rc, -EIO);
		assert_string_equal(get(udev_path), "0:0:1:0");
		assert_string_equal(get(cfs(bed, "core/pscsi_0/disk/enable")),
				    "1");
		assert_in_range(at, 1, 20);
	}
	assert_string_equal(get(udev_path), "0:0:2:0");
	vscsi_config_free(config);
}

static void expect_error(const struct bed *bed, const char *part)
{
	if (!strstr(vscsi_tree_error(bed->tree), part))
		fail_msg("no \"%s\" in \"%s\"", part,
			 vscsi_tree_error(bed->tree));
}

/* A second backstore on the file of the first, by another name of it. */
static struct vscsi_store *add_second(struct vscsi_config *config,
				      const char *name, const char *path)
{
	struct vscsi_store *store =
		vscsi_config_add_store(config, VSCSI_FILEIO, name);

	assert_non_null(store);
	vscsi_set(&store->path, path);
	store->size = MIB;
	return store;
}

static void a_file_is_of_one_backstore(void **state)
{
	const struct bed *bed = *state;
	struct vscsi_config *config = vscsi_config_new();
	char path[2 * PATH_MAX], other[2 * PATH_MAX], hard[2 * PATH_MAX];

	snprintf(path, sizeof(path), "%s/a.img", bed->dir);
	snprintf(other, sizeof(other), "%s/link", bed->dir);
	snprintf(hard, sizeof(hard), "%s/hard", bed->dir);
	add_file(bed, config, "a", MIB);
	assert_int_equal(symlink("a.img", other), 0);
	assert_int_equal(link(path, hard), 0);
	add_second(config, "b", other);
	/* both new */
	assert_int_equal(plan_fails(bed, config), EINVAL);
	vscsi_config_del_store(config, VSCSI_FILEIO, "b");
	apply(bed, config);
	/* one of them there */
	add_second(config, "b", hard);
	assert_int_equal(plan_fails(bed, config), EINVAL);
	expect_error(bed, "backstore fileio/b cannot have ");
	expect_error(bed, "--backstore fileio/a");
	/* that one goes */
	vscsi_config_del_store(config, VSCSI_FILEIO, "a");
	apply(bed, config);
	expect_settled(bed, config);
	/* the same by another name, and opened otherwise */
	struct vscsi_store *store = &config->stores[0];

	vscsi_set(&store->path, other);
	store->buffered = true;
	apply(bed, config);
	expect_settled(bed, config);
	/* another one that moves to where it is */
	store = add_file(bed, config, "c", MIB);
	apply(bed, config);
	vscsi_set(&store->path, path);
	assert_int_equal(plan_fails(bed, config), EINVAL);
	vscsi_config_free(config);
}

/* As another tool may have made them. */
static void what_shares_a_file_stays(void **state)
{
	const struct bed *bed = *state;
	char path[2 * PATH_MAX], control[3 * PATH_MAX];

	if (bed->live)
		skip();
	struct vscsi_config *config = vscsi_config_new();

	snprintf(path, sizeof(path), "%s/a.img", bed->dir);
	add_file(bed, config, "a", MIB);
	apply(bed, config);
	assert_int_equal(mkdir(cfs(bed, "core/fileio_7"), 0755), 0);
	assert_int_equal(mkdir(cfs(bed, "core/fileio_7/b"), 0755), 0);
	snprintf(
		control, sizeof(control),
		"TCM FILEIO ID: 0        File: %s  Size: %llu  Mode: O_DSYNC Async: 0",
		path, MIB);
	put(cfs(bed, "core/fileio_7/b/info"), control);
	put(cfs(bed, "core/fileio_7/b/enable"), "1");
	add_second(config, "b", path);
	expect_settled(bed, config);
	vscsi_attrs_set(&config->stores[1].attrs, "emulate_pr", "0");
	apply(bed, config);
	add_second(config, "c", path);
	assert_int_equal(plan_fails(bed, config), EINVAL);
	vscsi_config_free(config);
}

/**
 * run_device_tests() - run the tests of this file
 */
int run_device_tests(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(scsi_devices_keep_their_address),
		TEST(a_file_is_of_one_backstore),
		TEST(what_shares_a_file_stays),
	};

	return cmocka_run_group_tests_name("devices", tests, NULL, NULL);
}
