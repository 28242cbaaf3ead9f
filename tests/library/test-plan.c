// SPDX-License-Identifier: GPL-2.0
/*
 * Plans: what is refused before anything is touched, in which order things happen,
 * and that what is there already is left alone.
 *
 * Seen to fail on: a plan that removed a TPG with a guest (a crash), one that
 * replaced a ramdisk, one run without looking for a guest again, new backstores
 * that all got the HBA's number 0, a plan that changed what a guest's ACL mapped.
 */
#include <sys/stat.h>

#include "tests.h"

static void attach(const struct bed *bed, unsigned int tag, const char *line)
{
	put(cfs(bed, "vhost/%s/tpgt_%u/attached", WWN, tag), line);
}

static struct vscsi_config *made(const struct bed *bed)
{
	struct vscsi_config *config = vscsi_config_new();

	add_file(bed, config, "disk0", MIB);
	add_file(bed, config, "disk1", MIB);
	add_ramdisk(config, "ram", KIB4);
	vscsi_set(&config->stores[0].serial, "0123");
	struct vscsi_tpg *tpg = add_tpg(config, WWN, 1);

	vscsi_tpg_add_lun(tpg, 0, VSCSI_FILEIO, "disk0");
	vscsi_tpg_add_lun(tpg, 1, VSCSI_RAMDISK, "ram");
	apply(bed, config);
	vscsi_config_free(config);
	return read_config(bed);
}

static struct vscsi_tpg *tpg_of(struct vscsi_config *config)
{
	return &config->targets[0].tpgs[0];
}

static void expect_error(const struct bed *bed, const char *part)
{
	if (!strstr(vscsi_tree_error(bed->tree), part))
		fail_msg("no \"%s\" in \"%s\"", part,
			 vscsi_tree_error(bed->tree));
}

static void guests_keep_what_they_use(void **state)
{
	const struct bed *bed = *state;

	if (bed->live)
		skip();
	struct vscsi_config *config = made(bed);
	char *before = snapshot(bed);

	attach(bed, 1, "4711 qemu 107");
	vscsi_config_free(config);
	config = read_config(bed);
	vscsi_config_del_target(config, WWN);
	assert_int_equal(plan_fails(bed, config), EBUSY);
	expect_error(bed, "4711 (qemu)");
	vscsi_config_free(config);

	config = read_config(bed);
	vscsi_set(&tpg_of(config)->nexus, INITIATOR);
	assert_int_equal(plan_fails(bed, config), EBUSY);
	vscsi_config_free(config);

	config = read_config(bed);
	config->stores[0].size = 2 * MIB;
	assert_int_equal(plan_fails(bed, config), EBUSY);
	expect_error(bed, "LUN 0");
	vscsi_config_free(config);

	config = read_config(bed);
	vscsi_set(&config->stores[0].serial, "4567");
	assert_int_equal(plan_fails(bed, config), EBUSY);
	vscsi_config_free(config);

	/* another disk under the number of one that is in use */
	config = read_config(bed);
	vscsi_set(&tpg_of(config)->luns[0].store, "disk1");
	assert_int_equal(plan_fails(bed, config), EBUSY);
	vscsi_config_free(config);

	/* but a disk may be pulled, and one put in */
	config = read_config(bed);
	vscsi_tpg_del_lun(tpg_of(config), 0);
	vscsi_tpg_add_lun(tpg_of(config), 5, VSCSI_FILEIO, "disk1");
	apply(bed, config);
	expect_settled(bed, config);
	vscsi_config_free(config);
	attach(bed, 1, "");
	free(before);
}

/* What the ACL of the nexus maps is what the guest sees. */
static void a_guests_mapped_luns_stay(void **state)
{
	const struct bed *bed = *state;

	if (bed->live)
		skip();
	struct vscsi_config *config = made(bed);
	struct vscsi_acl *acl = vscsi_tpg_add_acl(tpg_of(config), WWN);

	vscsi_acl_add_mapped(acl, 2, 0, false);
	acl = vscsi_tpg_add_acl(tpg_of(config), INITIATOR);
	vscsi_acl_add_mapped(acl, 2, 0, false);
	apply(bed, config);
	expect_settled(bed, config);
	attach(bed, 1, "4711 qemu 107");
	acl = vscsi_tpg_acl(tpg_of(config), WWN);
	acl->mapped[0].readonly = true;
	assert_int_equal(plan_fails(bed, config), EBUSY);
	expect_error(bed, "LUN 2 of ACL " WWN);
	acl->mapped[0].readonly = false;
	acl->mapped[0].index = 3;
	assert_int_equal(plan_fails(bed, config), EBUSY);
	expect_error(bed, "4711 (qemu)");
	acl->n_mapped = 0;
	assert_int_equal(plan_fails(bed, config), EBUSY);
	acl->n_mapped = 1;
	acl->mapped[0].index = 2;

	/* not what others would see, nor what goes with its LUN */
	vscsi_tpg_del_acl(tpg_of(config), INITIATOR);
	vscsi_acl_add_mapped(acl, 5, 0, true);
	apply(bed, config);
	expect_settled(bed, config);
	vscsi_tpg_del_lun(tpg_of(config), 0);
	apply(bed, config);
	expect_settled(bed, config);
	attach(bed, 1, "");
	vscsi_config_free(config);
}

/* The module of the kernel does not tell who is attached. */
static void open_devices_count_where_nobody_tells(void **state)
{
	const struct bed *bed = *state;
	char command[2 * PATH_MAX];

	if (bed->live)
		skip();
	setenv("STANDIN_PEER", "1", 1);
	struct vscsi_config *config = made(bed);

	unsetenv("STANDIN_PEER");
	assert_int_equal(tpg_of(config)->pid, -1);
	snprintf(command, sizeof(command),
		 "mkdir -p '%s' && ln -s /dev/vhost-scsi '%s/7'",
		 in_bed(bed, "proc/815/fd"), in_bed(bed, "proc/815/fd"));
	assert_int_equal(system(command), 0);
	vscsi_config_del_target(config, WWN);
	assert_int_equal(plan_fails(bed, config), EBUSY);
	expect_error(bed, "process 815");
	assert_int_equal(unlink(in_bed(bed, "proc/815/fd/7")), 0);
	apply(bed, config);
	expect_settled(bed, config);
	vscsi_config_free(config);
}

/* A guest that attaches after the plan was made is seen before a LUN goes. */
static void a_late_guest_loses_nothing(void **state)
{
	const struct bed *bed = *state;

	if (bed->live)
		skip();
	struct vscsi_config *config = made(bed);

	vscsi_config_del_target(config, WWN);
	struct vscsi_plan *plan = plan_to(bed, config);

	attach(bed, 1, "4711 qemu 107");
	char *before = snapshot(bed);

	standin_fail(0, false, 0);
	assert_int_equal(vscsi_plan_run(plan, NULL, NULL), -EBUSY);
	assert_int_equal(standin_changes(), 0);
	char *after = snapshot(bed);

	same_text(after, before, "with a late guest");
	attach(bed, 1, "");
	vscsi_plan_free(plan);
	vscsi_config_free(config);
	free(before);
	free(after);
}

static void data_is_not_lost_by_the_way(void **state)
{
	const struct bed *bed = *state;
	struct vscsi_config *config = made(bed);
	struct vscsi_store *ram =
		vscsi_config_store(config, VSCSI_RAMDISK, "ram");

	ram->size = 2 * KIB4;
	assert_int_equal(plan_fails(bed, config), EPERM);
	ram->size = KIB4;
	ram->nullio = true;
	assert_int_equal(plan_fails(bed, config), EPERM);
	/* a size that LIO would round to the one that is there */
	ram->nullio = false;
	ram->size = KIB4 - 1;
	expect_settled(bed, config);
	vscsi_config_free(config);
}

static void what_cannot_be_is_refused(void **state)
{
	const struct bed *bed = *state;
	struct vscsi_config *config = vscsi_config_new();
	struct vscsi_store *store = add_file(bed, config, "disk0", MIB);
	struct vscsi_tpg *tpg = add_tpg(config, WWN, 1);
	struct vscsi_lun *lun;

	lun = vscsi_tpg_add_lun(tpg, 0, VSCSI_FILEIO, "nothing");
	assert_int_equal(plan_fails(bed, config), EINVAL);
	expect_error(bed, "there is no backstore fileio/nothing");
	vscsi_set(&lun->store, "disk0");
	lun->index = 16384;
	assert_int_equal(plan_fails(bed, config), EINVAL);
	lun->index = 0;
	vscsi_set(&tpg->nexus, "iqn.2026-01.com.example:x");
	assert_int_equal(plan_fails(bed, config), EINVAL);
	vscsi_set(&tpg->nexus, INITIATOR);
	char *path = strdup(store->path);

	vscsi_set(&store->path, "relative");
	assert_int_equal(plan_fails(bed, config), EINVAL);
	vscsi_set(&store->path, "/with,comma");
	assert_int_equal(plan_fails(bed, config), EINVAL);
	expect_error(bed, "comma");
	vscsi_set(&store->path, NULL);
	assert_int_equal(plan_fails(bed, config), EINVAL);
	vscsi_set(&store->path, path);
	vscsi_set(&store->serial, "two\nlines");
	assert_int_equal(plan_fails(bed, config), EINVAL);
	vscsi_set(&store->serial, NULL);
	vscsi_attrs_set(&store->attrs, "../enable", "1");
	assert_int_equal(plan_fails(bed, config), EINVAL);
	vscsi_attrs_set(&store->attrs, "../enable", NULL);
	vscsi_acl_add_mapped(vscsi_tpg_add_acl(tpg, INITIATOR), 0, 4, false);
	assert_int_equal(plan_fails(bed, config), EINVAL);
	tpg->acls[0].mapped[0].lun = 0;
	add_ramdisk(config, "ram", 0);
	assert_int_equal(plan_fails(bed, config), EINVAL);
	expect_error(bed, "has no size");
	vscsi_config_store(config, VSCSI_RAMDISK, "ram")->size = 1;
	free(path);
	apply(bed, config);
	expect_settled(bed, config);
	vscsi_config_free(config);
}

/* The file is LIO's to open, and it would make one that is not there. */
static void a_missing_file_is_not_made(void **state)
{
	const struct bed *bed = *state;
	struct vscsi_config *config = vscsi_config_new();
	struct vscsi_store *store =
		vscsi_config_add_store(config, VSCSI_FILEIO, "disk");
	char path[2 * PATH_MAX];

	snprintf(path, sizeof(path), "%s/none.img", bed->dir);
	vscsi_set(&store->path, path);
	store->size = MIB;
	struct vscsi_plan *plan = plan_to(bed, config);

	assert_int_equal(vscsi_plan_run(plan, NULL, NULL), -ENOENT);
	expect_error(bed, "truncate");
	assert_int_equal(access(path, F_OK), -1);
	vscsi_plan_free(plan);
	vscsi_config_free(config);
}

static int line_of(char *const *lines, size_t n, const char *part)
{
	for (size_t i = 0; i < n; i++)
		if (strstr(lines[i], part))
			return i;
	fail_msg("no line has \"%s\"", part);
	return -1;
}

/* LIO looks at some things only once: they have to be there by then. */
static void things_happen_in_order(void **state)
{
	const struct bed *bed = *state;
	struct vscsi_config *config = vscsi_config_new();
	struct vscsi_store *store = add_file(bed, config, "disk0", MIB);
	char log[2 * PATH_MAX], text[32768] = "";
	char *lines[64];
	size_t n = 0;

	vscsi_set(&store->serial, "0123");
	vscsi_attrs_set(&store->attrs, "emulate_tpu", "1");
	struct vscsi_tpg *tpg = add_tpg(config, WWN, 1);

	vscsi_attrs_set(&tpg->attrs, "fabric_prot_type", "1");
	vscsi_tpg_add_lun(tpg, 0, VSCSI_FILEIO, "disk0");
	vscsi_acl_add_mapped(vscsi_tpg_add_acl(tpg, WWN), 0, 0, true);
	snprintf(log, sizeof(log), "%s/log", bed->dir);
	setenv("STANDIN_LOG", log, 1);
	apply(bed, config);
	unsetenv("STANDIN_LOG");
	FILE *file = fopen(log, "r");

	assert_non_null(file);
	text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
	fclose(file);
	for (char *line = strtok(text, "\n"); line && n < 64;
	     line = strtok(NULL, "\n"))
		lines[n++] = line;
	static const char *const order[] = {
		"mkdir core/fileio_0",
		"mkdir core/fileio_0/disk0",
		"disk0/control fd_dev_",
		"disk0/wwn/vpd_unit_serial 0123",
		"disk0/enable 1",
		"attrib/emulate_tpu 1",
		"tpgt_1",
		"attrib/fabric_prot_type 1",
		"/acls/" WWN,
		"/nexus " WWN,
		"symlink vhost",
		"symlink vhost/" WWN "/tpgt_1/acls",
		"write_protect 1",
	};

	for (size_t i = 0; i + 1 < sizeof(order) / sizeof(*order); i++)
		if (line_of(lines, n, order[i]) >=
		    line_of(lines, n, order[i + 1]))
			fail_msg("\"%s\" is not before \"%s\"", order[i],
				 order[i + 1]);
	vscsi_config_free(config);
}

/* Numbers of HBAs are shared by all kinds, as targetcli gives them. */
static void hbas_have_numbers_of_their_own(void **state)
{
	const struct bed *bed = *state;
	struct vscsi_config *config = vscsi_config_new();

	assert_int_equal(mkdir(cfs(bed, "core/rd_mcp_1"), 0755), 0);
	add_ramdisk(config, "a", KIB4);
	add_ramdisk(config, "b", KIB4);
	add_file(bed, config, "c", MIB);
	apply(bed, config);
	assert_int_equal(access(cfs(bed, "core/fileio_0/c"), F_OK), 0);
	assert_int_equal(access(cfs(bed, "core/rd_mcp_2/a"), F_OK), 0);
	assert_int_equal(access(cfs(bed, "core/rd_mcp_3/b"), F_OK), 0);
	/* one HBA with two backstores, as scripts make them */
	vscsi_config_del_store(config, VSCSI_RAMDISK, "a");
	vscsi_config_del_store(config, VSCSI_RAMDISK, "b");
	apply(bed, config);
	assert_int_equal(access(cfs(bed, "core/rd_mcp_2"), F_OK), -1);
	assert_int_equal(access(cfs(bed, "core/rd_mcp_1"), F_OK), 0);
	assert_int_equal(rmdir(cfs(bed, "core/rd_mcp_1")), 0);
	vscsi_config_free(config);
}

static void a_plan_tells_its_steps(void **state)
{
	const struct bed *bed = *state;
	struct vscsi_config *config = made(bed);

	add_ramdisk(config, "new", 64 * MIB);
	vscsi_tpg_add_lun(tpg_of(config), 7, VSCSI_RAMDISK, "new");
	vscsi_tpg_del_lun(tpg_of(config), 1);
	vscsi_config_del_store(config, VSCSI_RAMDISK, "ram");
	vscsi_attrs_set(&config->targets[0].params, "cmd_completion_affinity",
			"-2");
	struct vscsi_plan *plan = plan_to(bed, config);

	assert_int_equal(vscsi_plan_steps(plan), 5);
	assert_true(step_is(plan, "+ make backstore ramdisk/new (64 MiB)"));
	assert_true(
		step_is(plan, "+ link LUN 7 of " WWN " TPG 1 to ramdisk/new"));
	assert_true(step_is(plan, "- remove LUN 1 (ramdisk/ram)"));
	assert_true(
		step_is(plan, "- remove backstore ramdisk/ram and its data"));
	assert_true(step_is(plan,
			    "~ cmd_completion_affinity of " WWN ": -1 -> -2"));
	/* what cannot be undone comes last */
	assert_non_null(strstr(vscsi_plan_step(plan, 4), "and its data"));
	assert_null(vscsi_plan_step(plan, 5));
	vscsi_plan_free(plan);
	vscsi_config_free(config);
}

static void other_fabrics_keep_their_luns(void **state)
{
	const struct bed *bed = *state;
	char command[4 * PATH_MAX];

	if (bed->live)
		skip();
	struct vscsi_config *config = made(bed);

	snprintf(command, sizeof(command), "mkdir -p '%s' && ln -s '%s' '%s/x'",
		 cfs(bed, "iscsi/iqn.x/tpgt_1/lun/lun_0"),
		 cfs(bed, "core/%s/disk1", config->stores[1].plugin),
		 cfs(bed, "iscsi/iqn.x/tpgt_1/lun/lun_0"));
	assert_int_equal(system(command), 0);
	vscsi_config_del_store(config, VSCSI_FILEIO, "disk1");
	assert_int_equal(plan_fails(bed, config), EBUSY);
	expect_error(bed, "another fabric");
	vscsi_config_free(config);
}

/**
 * run_plan_tests() - run the tests of this file
 */
int run_plan_tests(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(guests_keep_what_they_use),
		TEST(a_guests_mapped_luns_stay),
		TEST(open_devices_count_where_nobody_tells),
		TEST(a_late_guest_loses_nothing),
		TEST(data_is_not_lost_by_the_way),
		TEST(what_cannot_be_is_refused),
		TEST(a_missing_file_is_not_made),
		TEST(things_happen_in_order),
		TEST(hbas_have_numbers_of_their_own),
		TEST(a_plan_tells_its_steps),
		TEST(other_fabrics_keep_their_luns),
	};

	return cmocka_run_group_tests_name("plan", tests, NULL, NULL);
}
