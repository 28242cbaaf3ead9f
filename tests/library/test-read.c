// SPDX-License-Identifier: GPL-2.0
/*
 * Reading the tree: what the kernel shows, what targetcli has made, and copies of
 * trees that may have anything in them.
 *
 * Seen to fail on: a path that went on to the end of its line, an "attached" of two
 * words taken for three, a backstore without a file "enable" (a crash).
 */
#include <sys/stat.h>

#include "tests.h"

static void what_was_made_is_read(void **state)
{
	const struct bed *bed = *state;
	struct vscsi_config *config = vscsi_config_new();
	struct vscsi_store *store = add_file(bed, config, "disk0", MIB);

	store->buffered = true;
	vscsi_set(&store->serial, "0123");
	add_ramdisk(config, "ram", KIB4 + 1)->nullio = true;
	struct vscsi_tpg *tpg = add_tpg(config, WWN, 3);

	vscsi_tpg_add_lun(tpg, 2, VSCSI_FILEIO, "disk0");
	vscsi_tpg_add_lun(tpg, 12, VSCSI_RAMDISK, "ram");
	apply(bed, config);
	struct vscsi_config *live = read_config(bed);

	assert_int_equal(live->n_stores, 2);
	assert_string_equal(live->stores[0].path, config->stores[0].path);
	assert_int_equal(live->stores[0].size, MIB);
	assert_true(live->stores[0].buffered);
	assert_true(live->stores[0].enabled);
	assert_string_equal(live->stores[0].serial, "0123");
	assert_int_equal(live->stores[0].users, 1);
	assert_string_equal(vscsi_attrs_get(&live->stores[0].attrs,
					    "emulate_write_cache"),
			    "1");
	assert_null(vscsi_attrs_get(&live->stores[0].attrs, "hw_block_size"));
	assert_null(vscsi_attrs_get(&live->stores[0].attrs, "pi_prot_format"));
	assert_int_equal(live->stores[1].size, 2 * KIB4);
	assert_true(live->stores[1].nullio);
	assert_null(live->stores[1].path);
	tpg = vscsi_target_tpg(vscsi_config_target(live, WWN), 3);
	assert_non_null(tpg);
	assert_string_equal(tpg->nexus, WWN);
	assert_int_equal(tpg->n_luns, 2);
	assert_int_equal(tpg->luns[0].index, 2);
	assert_int_equal(tpg->luns[0].kind, VSCSI_FILEIO);
	assert_string_equal(tpg->luns[1].store, "ram");
	assert_string_equal(tpg->luns[1].alias, "ram");
	assert_null(tpg->luns[1].alua);
	assert_int_equal(tpg->n_acls, 0);
	vscsi_config_free(live);
	expect_settled(bed, config);
	vscsi_config_free(config);
}

static void make_store(const struct bed *bed, const char *plugin,
		       const char *name, const char *info)
{
	char command[2 * PATH_MAX];

	/* some are not the stand-in's to make */
	snprintf(command, sizeof(command), "mkdir -p %s",
		 cfs(bed, "core/%s/%s", plugin, name));
	assert_int_equal(system(command), 0);
	put(cfs(bed, "core/%s/%s/enable", plugin, name), "1");
	put(cfs(bed, "core/%s/%s/info", plugin, name), info);
}

#define HEAD \
	"Status: ACTIVATED  Max Queue Depth: 0  SectorSize: 512  HwMaxSectors: 1\n        "

/* The text as LIO writes it on 6.1 and 6.12. */
static void info_is_understood(void **state)
{
	const struct bed *bed = *state;

	if (bed->live)
		skip();
	make_store(
		bed, "fileio_3", "f",
		HEAD
		"TCM FILEIO ID: 0        File: /srv/my  disk, Size: 1 .img  Size: 1048576  Mode: Buffered-WCE Async: 1");
	make_store(
		bed, "iblock_7", "b",
		HEAD
		"iBlock device: loop0  UDEV PATH: /dev/my disk  readonly: 1\n        Major: 7 Minor: 3  CLAIMED: IBLOCK");
	make_store(
		bed, "rd_mcp_12", "r",
		HEAD
		"TCM RamDisk ID: 0  RamDisk Makeup: rd_mcp\n        PAGES/PAGE_SIZE: 64*4096  SG_table_count: 1  nullio: 1 dummy: 0");
	make_store(
		bed, "user_0", "u",
		HEAD
		"Config: qcow//srv/a Size: 3 b Size: 1048576 MaxDataAreaMB: 1024 DataPagesPerBlk: 1 CmdRingSizeMB: 8");
	make_store(
		bed, "pscsi_1", "p",
		"SCSI Device Bus Location: Channel ID: 1 Target ID: 2 LUN: 3 Host ID: 4");
	make_store(bed, "zoned_1", "z", "what nobody knows");
	char *dir = in_bed(bed, "sys/dev/block/7:3");
	char command[2 * PATH_MAX];

	snprintf(command, sizeof(command), "mkdir -p %s", dir);
	assert_int_equal(system(command), 0);
	put(in_bed(bed, "sys/dev/block/7:3/size"), "2048");
	struct vscsi_config *live = read_config(bed);
	const struct vscsi_store *store =
		vscsi_config_store(live, VSCSI_FILEIO, "f");

	assert_int_equal(live->n_stores, 6);
	assert_string_equal(store->path, "/srv/my  disk, Size: 1 .img");
	assert_int_equal(store->size, MIB);
	assert_true(store->buffered && store->aio);
	store = vscsi_config_store(live, VSCSI_BLOCK, "b");
	assert_string_equal(store->path, "/dev/my disk");
	assert_int_equal(store->size, MIB);
	assert_true(store->readonly);
	store = vscsi_config_store(live, VSCSI_RAMDISK, "r");
	assert_int_equal(store->size, 64 * KIB4);
	assert_true(store->nullio);
	store = vscsi_config_store(live, VSCSI_USER, "u");
	assert_string_equal(store->path, "qcow//srv/a Size: 3 b");
	assert_int_equal(store->size, MIB);
	store = vscsi_config_store(live, VSCSI_PSCSI, "p");
	assert_string_equal(store->path, "4:1:2:3");
	assert_non_null(vscsi_config_store(live, VSCSI_OTHER, "z"));
	vscsi_config_free(live);
}

static void who_is_attached_is_read(void **state)
{
	static const struct {
		const char *line;
		pid_t pid;
		const char *command;
		uid_t uid;
	} lines[] = {
		{ "4711 qemu-system-x86 64055", 4711, "qemu-system-x86",
		  64055 },
		{ "12 a name with blanks 0", 12, "a name with blanks", 0 },
		{ "", 0, NULL, 0 },
		{ "12", 0, NULL, 0 },
		{ "12 x", 0, NULL, 0 },
	};
	const struct bed *bed = *state;
	struct vscsi_config *config = vscsi_config_new();

	if (bed->live) {
		vscsi_config_free(config);
		skip();
	}
	add_tpg(config, WWN, 1);
	apply(bed, config);
	vscsi_config_free(config);
	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
		put(cfs(bed, "vhost/%s/tpgt_1/attached", WWN), lines[i].line);
		config = read_config(bed);
		const struct vscsi_tpg *tpg = &config->targets[0].tpgs[0];

		assert_int_equal(tpg->pid, lines[i].pid);
		if (lines[i].pid) {
			assert_string_equal(tpg->command, lines[i].command);
			assert_int_equal(tpg->uid, lines[i].uid);
		}
		vscsi_config_free(config);
	}
	assert_int_equal(unlink(cfs(bed, "vhost/%s/tpgt_1/attached", WWN)), -1);
}

/* Names and files that no kernel has: all is read without harm, most is left out. */
static void strange_trees_do_no_harm(void **state)
{
	const struct bed *bed = *state;
	static const char *const dirs[] = {
		"vhost/naa.x/tpgt_1/lun/lun_0",
		"vhost/naa.x/tpgt_01",
		"vhost/naa.x/tpgt_99999999999",
		"vhost/naa.x/tpgt_-1",
		"vhost/naa.x/tpgt_1/nexus",
		"vhost/naa.x/tpgt_1/attrib/a",
		"vhost/naa.x/tpgt_1/lun/lun_x",
		"vhost/naa.x/tpgt_1/acls/i/lun_1",
		"vhost/no.wwn/tpgt_1",
		"core/iblock_0/b/info",
		"core/iblock_0/b/enable",
		"core/iblock_",
		"core/rd_mcp_0/r/attrib",
		"core/x_1/y",
		"iscsi/iqn.x/tpgt_1/lun/lun_0",
	};
	static const char *const strange[] = {
		"ln -s nowhere vhost/naa.x/tpgt_1/lun/lun_0/a",
		"ln -s / vhost/naa.x/tpgt_1/acls/i/lun_1/b",
		"ln -s core/iblock_0/b iscsi/iqn.x/tpgt_1/lun/lun_0/c",
		"mkfifo core/rd_mcp_0/r/enable core/rd_mcp_0/r/attrib/f",
		"head -c 200000 /dev/urandom >vhost/naa.x/tpgt_1/attached",
		"head -c 200000 /dev/zero >vhost/naa.x/tpgt_1/attrib/owner",
		"ln -s / core/fileio_0",
	};
	char command[2 * PATH_MAX];

	if (bed->live)
		skip();
	for (size_t i = 0; i < sizeof(dirs) / sizeof(*dirs); i++) {
		snprintf(command, sizeof(command), "mkdir -p '%s'",
			 cfs(bed, "%s", dirs[i]));
		assert_int_equal(system(command), 0);
	}
	for (size_t i = 0; i < sizeof(strange) / sizeof(*strange); i++) {
		snprintf(command, sizeof(command), "cd '%s' && %s",
			 cfs(bed, "."), strange[i]);
		assert_int_equal(system(command), 0);
	}
	struct vscsi_config *live = read_config(bed);

	assert_int_equal(live->n_targets, 1);
	assert_int_equal(live->targets[0].n_tpgs, 1);
	assert_int_equal(live->targets[0].tpgs[0].n_luns, 0);
	assert_int_equal(live->n_stores, 0);
	struct vscsi_config *copy = vscsi_config_copy(live);

	expect_settled(bed, copy);
	vscsi_config_free(copy);
	vscsi_config_free(live);
}

static void lack_of_a_tree_is_explained(void **state)
{
	const struct bed *bed = *state;
	struct vscsi_tree *tree;
	char command[2 * PATH_MAX];

	assert_int_equal(vscsi_tree_open(&tree, "/no/such/root"), -ENOENT);
	assert_null(tree);
	assert_non_null(strstr(vscsi_tree_error(NULL), "/no/such/root"));
	if (bed->live)
		return;
	snprintf(command, sizeof(command), "rm -r %s", cfs(bed, "."));
	command[strlen(command) - 2] = '\0';
	assert_int_equal(system(command), 0);
	assert_int_equal(vscsi_tree_open(&tree, bed->root), -ENOENT);
	assert_non_null(
		strstr(vscsi_tree_error(NULL), "modprobe target_core_mod"));
}

/**
 * run_read_tests() - run the tests of this file
 */
int run_read_tests(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(what_was_made_is_read),
		TEST(info_is_understood),
		TEST(who_is_attached_is_read),
		TEST(strange_trees_do_no_harm),
		TEST(lack_of_a_tree_is_explained),
	};

	return cmocka_run_group_tests_name("read", tests, NULL, NULL);
}
