// SPDX-License-Identifier: GPL-2.0
/*
 * Devices under backstores: which one it is, by whatever name.
 *
 * Seen to fail on: the code as it was, which left a SCSI device's node in the place of
 * the address that it was given by.
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

/**
 * run_device_tests() - run the tests of this file
 */
int run_device_tests(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(scsi_devices_keep_their_address),
	};

	return cmocka_run_group_tests_name("devices", tests, NULL, NULL);
}
