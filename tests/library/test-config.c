// SPDX-License-Identifier: GPL-2.0
/*
 * Configurations in memory, and names.
 *
 * Seen to fail on: a copy without the ALUA group, a LUN that was taken away while
 * ACLs still mapped it.
 */
#include "tests.h"
#include "../../configfs/internal.h"

static void objects_are_sorted_and_unique(void **state)
{
	struct vscsi_config *config = vscsi_config_new();

	add_ramdisk(config, "disk10", KIB4);
	add_ramdisk(config, "disk9", KIB4);
	assert_non_null(vscsi_config_add_store(config, VSCSI_BLOCK, "z"));
	assert_string_equal(config->stores[0].name, "z");
	assert_string_equal(config->stores[1].name, "disk9");
	assert_null(vscsi_config_add_store(config, VSCSI_BLOCK, "z"));
	assert_int_equal(errno, EEXIST);
	/* another kind is another name space */
	assert_non_null(vscsi_config_add_store(config, VSCSI_USER, "z"));

	struct vscsi_tpg *tpg = add_tpg(config, WWN, 255);
	struct vscsi_target *target = vscsi_config_target(config, WWN);

	assert_null(vscsi_target_add_tpg(target, 256));
	assert_int_equal(errno, EINVAL);
	assert_null(vscsi_target_add_tpg(target, 255));
	assert_int_equal(errno, EEXIST);
	vscsi_tpg_add_lun(tpg, 16383, VSCSI_BLOCK, "z");
	vscsi_tpg_add_lun(tpg, 3, VSCSI_BLOCK, "z");
	assert_int_equal(tpg->luns[0].index, 3);
	assert_null(vscsi_tpg_add_lun(tpg, 3, VSCSI_USER, "z"));
	assert_null(vscsi_config_add_target(config, WWN));
	assert_int_equal(errno, EEXIST);
	vscsi_config_free(config);
}

static void bad_names_are_refused(void **state)
{
	static const char *const bad[] = { "",	  ".",	  "..",	     "a/b",
					   "a b", "a\nb", ".hidden", "a\177" };
	struct vscsi_config *config = vscsi_config_new();
	char longest[300];

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		assert_null(
			vscsi_config_add_store(config, VSCSI_BLOCK, bad[i]));
		assert_int_equal(errno, EINVAL);
		assert_null(vscsi_config_add_target(config, bad[i]));
		assert_int_equal(errno, EINVAL);
	}
	memset(longest, 'x', sizeof(longest));
	memcpy(longest, "iqn.", 4);
	longest[223] = '\0';
	assert_null(vscsi_wwn_wrong(longest, false));
	longest[223] = 'x';
	longest[224] = '\0';
	assert_non_null(vscsi_wwn_wrong(longest, false));
	assert_int_equal(config->n_stores + config->n_targets, 0);
	vscsi_config_free(config);
}

static void strict_names_please_other_tools(void **state)
{
	static const char *const good[] = { "naa.5001405000000001",
					    "naa.1fffffffffffffff",
					    "naa.2ABCDEFabcdef012" };
	static const char *const loose[] = { "naa.6001405000000001",
					     "naa.500140500000000",
					     "naa.50014050000000011",
					     "naa.500140500000000g",
					     "fc.x",
					     "iqn.2026-01.com.example:x" };

	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
		assert_null(vscsi_wwn_wrong(good[i], true));
	for (size_t i = 0; i < sizeof(loose) / sizeof(*loose); i++) {
		assert_null(vscsi_wwn_wrong(loose[i], false));
		assert_non_null(vscsi_wwn_wrong(loose[i], true));
	}
	assert_non_null(vscsi_wwn_wrong("eui.1", false));
}

static void kinds_have_everybodys_names(void **state)
{
	static const struct {
		const char *name;
		int kind;
	} words[] = {
		{ "block", VSCSI_BLOCK },
		{ "iblock", VSCSI_BLOCK },
		{ "fileio", VSCSI_FILEIO },
		{ "ramdisk", VSCSI_RAMDISK },
		{ "rd_mcp", VSCSI_RAMDISK },
		{ "pscsi", VSCSI_PSCSI },
		{ "user:qcow", VSCSI_USER },
		{ "other", -1 },
		{ "floppy", -1 },
		{ "", -1 },
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		assert_int_equal(vscsi_kind_parse(words[i].name),
				 words[i].kind);
	assert_string_equal(vscsi_kind_name(VSCSI_OTHER), "other");
	assert_string_equal(vscsi_kind_name(99), "other");
}

static struct vscsi_config *rich_config(void)
{
	struct vscsi_config *config = vscsi_config_new();
	struct vscsi_store *store = add_ramdisk(config, "r", KIB4);

	store->nullio = true;
	vscsi_set(&store->serial, "s");
	vscsi_attrs_set(&store->attrs, "b", "2");
	vscsi_attrs_set(&store->attrs, "a", "1");
	struct vscsi_tpg *tpg = add_tpg(config, WWN, 1);

	vscsi_set(&config->targets[0].label, "name");
	vscsi_attrs_set(&config->targets[0].params, "p", "3");
	vscsi_attrs_set(&tpg->attrs, "owner", "any");
	struct vscsi_lun *lun = vscsi_tpg_add_lun(tpg, 0, VSCSI_RAMDISK, "r");

	vscsi_set(&lun->alias, "x");
	vscsi_set(&lun->alua, "standby");
	struct vscsi_acl *acl = vscsi_tpg_add_acl(tpg, INITIATOR);

	vscsi_acl_add_mapped(acl, 5, 0, true);
	vscsi_acl_add_mapped(acl, 6, 0, true);
	tpg->pid = 17;
	vscsi_set(&tpg->command, "qemu");
	return config;
}

static void a_copy_is_equal_and_ones_own(void **state)
{
	struct vscsi_config *config = rich_config();
	struct vscsi_config *copy = vscsi_config_copy(config);
	const struct vscsi_store *store = &copy->stores[0];

	assert_non_null(copy);
	assert_true(store->nullio);
	assert_string_equal(store->serial, "s");
	assert_string_equal(store->attrs.v[0].name, "a");
	assert_string_equal(vscsi_attrs_get(&store->attrs, "b"), "2");
	const struct vscsi_target *target = &copy->targets[0];
	struct vscsi_tpg *tpg = &target->tpgs[0];

	assert_string_equal(target->label, "name");
	assert_string_equal(vscsi_attrs_get(&target->params, "p"), "3");
	assert_string_equal(tpg->luns[0].alias, "x");
	assert_string_equal(tpg->luns[0].alua, "standby");
	assert_int_equal(tpg->acls[0].n_mapped, 2);
	assert_true(tpg->acls[0].mapped[1].readonly);
	assert_int_equal(tpg->pid, 17);
	assert_string_equal(tpg->command, "qemu");
	/* a LUN goes with what is mapped of it */
	vscsi_tpg_del_lun(tpg, 0);
	assert_int_equal(tpg->acls[0].n_mapped, 0);
	vscsi_config_del_store(copy, VSCSI_RAMDISK, "r");
	vscsi_config_del_store(copy, VSCSI_RAMDISK, "r");
	vscsi_config_del_target(copy, WWN);
	assert_int_equal(copy->n_stores + copy->n_targets, 0);
	assert_int_equal(config->targets[0].tpgs[0].acls[0].n_mapped, 2);
	vscsi_config_free(copy);
	vscsi_config_free(config);
}

static void digests_are_those_of_the_standard(void **state)
{
	static const struct {
		const char *text, *digest;
	} known[] = {
		{ "", "e3b0c44298fc1c149afbf4c8996fb924" },
		{ "abc", "ba7816bf8f01cfea414140de5dae2223" },
		{ "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
		  "248d6a61d20638b8e5c026930c3e6039" },
	};

	for (size_t i = 0; i < 3; i++) {
		uint8_t digest[32];
		char hex[33];

		sha256(known[i].text, strlen(known[i].text), digest);
		for (int j = 0; j < 16; j++)
			sprintf(hex + 2 * j, "%02x", digest[j]);
		assert_string_equal(hex, known[i].digest);
	}
}

static void made_names_are_the_same_each_time(void **state)
{
	const struct bed *bed = *state;
	char a[VSCSI_WWN_MADE], b[VSCSI_WWN_MADE];
	char serial[VSCSI_SERIAL_MADE];

	assert_int_equal(vscsi_wwn_make(bed->tree, "demo", a), 0);
	assert_null(vscsi_wwn_wrong(a, true));
	assert_int_equal(strncmp(a, "naa.5001405", 11), 0);
	assert_int_equal(vscsi_wwn_make(bed->tree, "demo", b), 0);
	assert_string_equal(a, b);
	assert_int_equal(vscsi_wwn_make(bed->tree, "other", b), 0);
	assert_string_not_equal(a, b);
	assert_int_equal(vscsi_serial_make(bed->tree, "demo", serial), 0);
	assert_int_equal(strspn(serial, "0123456789abcdef"), 32);
	assert_int_not_equal(strncmp(serial, a + 11, 9), 0);
	if (bed->live)
		return;
	assert_int_equal(unlink(in_bed(bed, "etc/machine-id")), 0);
	assert_int_equal(vscsi_wwn_make(bed->tree, "demo", a), -ENOENT);
	assert_non_null(strstr(vscsi_tree_error(bed->tree),
			       "systemd-machine-id-setup"));
}

/**
 * run_config_tests() - run the tests of this file
 */
int run_config_tests(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(objects_are_sorted_and_unique),
		cmocka_unit_test(bad_names_are_refused),
		cmocka_unit_test(strict_names_please_other_tools),
		cmocka_unit_test(kinds_have_everybodys_names),
		cmocka_unit_test(a_copy_is_equal_and_ones_own),
		cmocka_unit_test(digests_are_those_of_the_standard),
		TEST(made_names_are_the_same_each_time),
	};

	return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
