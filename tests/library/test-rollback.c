// SPDX-License-Identifier: GPL-2.0
/*
 * All or nothing: each kind of change is begun again and again, and each time one
 * operation later fails. Whatever was done by then has to be undone, so that the
 * tree is, byte by byte, as it was.
 *
 * Seen to fail on: values that undoing wrote into objects which had not been removed
 * in the end ("enable": EEXIST), a backstore made anew without its ALUA groups,
 * writes to these that were allowed to fail, and a reader of the progress who
 * went: the plan ended there.
 */
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "tests.h"

/* struct scenario - a change from one configuration to another */
struct scenario {
	const char *name;
	void (*before)(const struct bed *bed, struct vscsi_config *config);
	void (*change)(const struct bed *bed, struct vscsi_config *config);
	void (*prepare)(const struct bed *bed); /* by other tools */
	unsigned int at_least;			/* operations it takes */
};

static void nothing(const struct bed *bed, struct vscsi_config *config)
{
}

static void two_luns(const struct bed *bed, struct vscsi_config *config)
{
	struct vscsi_store *store = add_file(bed, config, "disk0", MIB);

	vscsi_set(&store->serial, "0123456789");
	add_file(bed, config, "disk1", 2 * MIB);
	struct vscsi_tpg *tpg = add_tpg(config, WWN, 1);

	vscsi_tpg_add_lun(tpg, 0, VSCSI_FILEIO, "disk0");
	vscsi_tpg_add_lun(tpg, 1, VSCSI_FILEIO, "disk1");
}

static void much(const struct bed *bed, struct vscsi_config *config)
{
	two_luns(bed, config);
	struct vscsi_store *store =
		vscsi_config_store(config, VSCSI_FILEIO, "disk1");

	vscsi_attrs_set(&store->attrs, "emulate_write_cache", "1");
	vscsi_attrs_set(&store->attrs, "is_nonrot", "0");
	store->buffered = true;
	struct vscsi_target *target = vscsi_config_target(config, WWN);

	vscsi_attrs_set(&target->params, "cmd_completion_affinity", "-2");
	struct vscsi_tpg *tpg = add_tpg(config, WWN, 7);

	vscsi_set(&tpg->nexus, INITIATOR);
	vscsi_attrs_set(&tpg->attrs, "fabric_prot_type", "1");
	vscsi_tpg_add_lun(tpg, 300, VSCSI_FILEIO, "disk1");
	struct vscsi_acl *acl = vscsi_tpg_add_acl(tpg, INITIATOR);

	vscsi_acl_add_mapped(acl, 5, 300, true);
	vscsi_tpg_add_acl(tpg, OTHER_INITIATOR);
	add_ramdisk(config, "ram0", 4 * KIB4);
	tpg = add_tpg(config, OTHER_WWN, 0);
	vscsi_tpg_add_lun(tpg, 0, VSCSI_RAMDISK, "ram0");
}

static void remove_all(const struct bed *bed, struct vscsi_config *config)
{
	while (config->n_targets)
		vscsi_config_del_target(config, config->targets[0].wwn);
	while (config->n_stores)
		vscsi_config_del_store(config, config->stores[0].kind,
				       config->stores[0].name);
}

static struct vscsi_tpg *tpg_1(struct vscsi_config *config)
{
	return vscsi_target_tpg(vscsi_config_target(config, WWN), 1);
}

static void rename_nexus(const struct bed *bed, struct vscsi_config *config)
{
	vscsi_set(&tpg_1(config)->nexus, INITIATOR);
}

static void end_nexus(const struct bed *bed, struct vscsi_config *config)
{
	vscsi_set(&tpg_1(config)->nexus, NULL);
}

static void protect(const struct bed *bed, struct vscsi_config *config)
{
	vscsi_attrs_set(&tpg_1(config)->attrs, "fabric_prot_type", "3");
}

static void enlarge(const struct bed *bed, struct vscsi_config *config)
{
	vscsi_config_store(config, VSCSI_FILEIO, "disk0")->size = 3 * MIB;
	vscsi_config_store(config, VSCSI_FILEIO, "disk1")->buffered = true;
}

static void settings(const struct bed *bed, struct vscsi_config *config)
{
	struct vscsi_store *store =
		vscsi_config_store(config, VSCSI_FILEIO, "disk0");

	vscsi_set(&store->serial, "abcdef");
	vscsi_attrs_set(&store->attrs, "emulate_fua_write", "0");
	vscsi_attrs_set(&vscsi_config_target(config, WWN)->params,
			"cmd_completion_affinity", "-2");
}

static void swap_luns(const struct bed *bed, struct vscsi_config *config)
{
	struct vscsi_tpg *tpg = tpg_1(config);

	vscsi_set(&tpg->luns[0].store, "disk1");
	vscsi_set(&tpg->luns[1].store, "disk0");
	vscsi_set(&tpg->luns[0].alias, NULL);
	vscsi_tpg_add_lun(tpg, 2, VSCSI_FILEIO, "disk0");
}

static void acl_for_nexus(const struct bed *bed, struct vscsi_config *config)
{
	struct vscsi_tpg *tpg = tpg_1(config);
	struct vscsi_acl *acl = vscsi_tpg_add_acl(tpg, WWN);

	vscsi_acl_add_mapped(acl, 0, 1, false);
	vscsi_acl_add_mapped(acl, 3, 0, true);
}

static void remap(const struct bed *bed, struct vscsi_config *config)
{
	struct vscsi_tpg *tpg =
		vscsi_target_tpg(vscsi_config_target(config, WWN), 7);

	tpg->acls[0].mapped[0].readonly = false;
	vscsi_acl_add_mapped(&tpg->acls[0], 6, 300, false);
	vscsi_acl_add_mapped(&tpg->acls[1], 0, 300, true);
}

/* One disk goes, and another target gets what it was made of. */
static void exchange(const struct bed *bed, struct vscsi_config *config)
{
	vscsi_target_del_tpg(vscsi_config_target(config, WWN), 7);
	vscsi_tpg_del_lun(tpg_1(config), 1);
	vscsi_config_del_store(config, VSCSI_FILEIO, "disk1");
	vscsi_config_del_target(config, OTHER_WWN);
	vscsi_config_del_store(config, VSCSI_RAMDISK, "ram0");
	struct vscsi_store *store = add_file(bed, config, "disk1", 2 * MIB);

	store->aio = true;
	add_ramdisk(config, "ram1", KIB4)->nullio = true;
	struct vscsi_tpg *tpg = add_tpg(config, OTHER_WWN, 2);

	vscsi_tpg_add_lun(tpg, 0, VSCSI_FILEIO, "disk1");
	vscsi_tpg_add_lun(tpg, 1, VSCSI_RAMDISK, "ram1");
}

static char *store_dir(const struct bed *bed, const char *name)
{
	struct vscsi_config *config = read_config(bed);
	struct vscsi_store *store =
		vscsi_config_store(config, VSCSI_FILEIO, name);

	assert_non_null(store);
	char *dir = cfs(bed, "core/%s/%s", store->plugin, name);

	vscsi_config_free(config);
	return dir;
}

static void write_as_others(const char *path, const char *value)
{
	FILE *file = fopen(path, "w");
	int fd = fileno(file);

	assert_int_equal(write(fd, value, strlen(value)), strlen(value));
	fclose(file);
}

/* Other tools' work: an ALUA group that LUN 0 is in, a LUN without a link. */
static void add_strange_things(const struct bed *bed)
{
	char path[2 * PATH_MAX];

	snprintf(path, sizeof(path), "%s/alua/standby",
		 store_dir(bed, "disk0"));
	assert_int_equal(mkdir(path, 0755), 0);
	strcat(path, "/tg_pt_gp_id");
	write_as_others(path, "5");
	write_as_others(cfs(bed, "vhost/%s/tpgt_1/lun/lun_0/alua_tg_pt_gp",
			    WWN),
			"standby");
	assert_int_equal(
		mkdir(cfs(bed, "vhost/%s/tpgt_1/lun/lun_9", WWN), 0755), 0);
}

static const struct scenario scenarios[] = {
	{ "make", nothing, much, NULL, 35 },
	{ "remove", two_luns, remove_all, NULL, 11 },
	{ "remove much", much, remove_all, NULL, 20 },
	{ "remove what others added to", two_luns, remove_all,
	  add_strange_things, 12 },
	{ "rename the nexus", two_luns, rename_nexus, NULL, 6 },
	{ "end the nexus", two_luns, end_nexus, NULL, 5 },
	{ "protect", two_luns, protect, NULL, 7 },
	{ "replace a backstore", two_luns, enlarge, NULL, 12 },
	{ "replace one that others added to", two_luns, enlarge,
	  add_strange_things, 14 },
	{ "change settings", two_luns, settings, NULL, 4 },
	{ "swap LUNs", two_luns, swap_luns, NULL, 6 },
	{ "an ACL for the nexus", two_luns, acl_for_nexus, NULL, 10 },
	{ "map otherwise", much, remap, NULL, 5 },
	{ "exchange", much, exchange, NULL, 25 },
};

static bool is_lossy(const struct scenario *scenario)
{
	return scenario->before == much &&
	       (scenario->change == remove_all || scenario->change == exchange);
}

static struct vscsi_config *begin(const struct bed *bed,
				  const struct scenario *scenario)
{
	struct vscsi_config *config = vscsi_config_new();

	scenario->before(bed, config);
	apply(bed, config);
	expect_settled(bed, config);
	vscsi_config_free(config);
	if (scenario->prepare)
		scenario->prepare(bed);
	config = read_config(bed);
	scenario->change(bed, config);
	return config;
}

/* Run it with the N-th operation failing; true: there is no N-th. */
static bool run_failing(const struct bed *bed, const struct scenario *scenario,
			const struct vscsi_config *wanted, unsigned int number,
			const char *before)
{
	static const int errors[] = { ENOMEM, EIO, EBUSY };
	int error = errors[number % 3];
	struct vscsi_plan *plan = plan_to(bed, wanted);

	standin_fail(number, false, error);
	int rc = vscsi_plan_run(plan, NULL, NULL);
	bool reached = standin_changes() >= number;

	standin_fail(0, false, 0);
	vscsi_plan_free(plan);
	if (!reached) {
		assert_int_equal(rc, 0);
		return true;
	}
	/* the empty directory of a ramdisk that is gone is no reason: it is left */
	if (!rc && is_lossy(scenario)) {
		for (int i = 0; i < 9; i++)
			rmdir(cfs(bed, "core/rd_mcp_%d", i));
		return true;
	}
	if (rc != -error)
		fail_msg("%s: operation %u failed, the plan gave %d: %s",
			 scenario->name, number, rc,
			 vscsi_tree_error(bed->tree));
	char *after = snapshot(bed);

	same_text(after, before, scenario->name);
	free(after);
	if (!strstr(vscsi_tree_error(bed->tree), "nothing is changed"))
		fail_msg("%s", vscsi_tree_error(bed->tree));
	return false;
}

static void failures_change_nothing(void **state)
{
	const struct bed *bed = *state;

	for (size_t i = 0; i < sizeof(scenarios) / sizeof(*scenarios); i++) {
		const struct scenario *scenario = &scenarios[i];
		struct vscsi_config *wanted = begin(bed, scenario);
		struct vscsi_config *none = vscsi_config_new();
		char *before = snapshot(bed);
		unsigned int number = 1;

		/* the live tree takes long to compare: every third, from 1 to 3 */
		if (bed->live)
			number += i % 3;
		while (!run_failing(bed, scenario, wanted, number, before))
			number += bed->live ? 3 : 1;
		if (number - 1 < scenario->at_least)
			fail_msg("%s: only %u operations", scenario->name,
				 number - 1);
		print_message("%s: %u operations\n", scenario->name,
			      number - 1);
		expect_settled(bed, wanted);
		vscsi_config_free(wanted);
		free(before);
		apply(bed, none);
		vscsi_config_free(none);
	}
}

/* What is made and removed again leaves nothing: not a directory of an HBA. */
static void removal_leaves_nothing(void **state)
{
	const struct bed *bed = *state;
	struct vscsi_config *config = vscsi_config_new();
	struct vscsi_config *none = vscsi_config_new();
	char *before = snapshot(bed);

	much(bed, config);
	apply(bed, config);
	char *between = snapshot(bed);

	assert_string_not_equal(before, between);
	apply(bed, none);
	char *after = snapshot(bed);

	same_text(after, before, "after removal");
	free(before);
	free(between);
	free(after);
	vscsi_config_free(config);
	vscsi_config_free(none);
}

/* When undoing fails as well, it is said, and what can be undone is. */
static void failed_undoing_is_told(void **state)
{
	const struct bed *bed = *state;
	struct vscsi_config *config = vscsi_config_new();

	much(bed, config);
	struct vscsi_plan *plan = plan_to(bed, config);

	standin_fail(12, true, EIO);
	assert_int_equal(vscsi_plan_run(plan, NULL, NULL), -ENOTRECOVERABLE);
	standin_fail(0, false, 0);
	vscsi_plan_free(plan);
	assert_non_null(
		strstr(vscsi_tree_error(bed->tree), "could not be undone"));
	/* and the next run finds its way from there */
	apply(bed, config);
	expect_settled(bed, config);
	vscsi_config_free(config);
}

static void write_to_nobody(void *arg, size_t index, const char *step)
{
	assert_int_equal(write(*(int *)arg, step, strlen(step)), -1);
}

/* Who reads the progress goes: that is the caller's to hear, after the plan. */
static void broken_pipe_waits(void **state)
{
	const struct bed *bed = *state;
	struct vscsi_config *config = vscsi_config_new();
	int ends[2], status;

	much(bed, config);
	assert_int_equal(pipe(ends), 0);
	close(ends[0]);
	pid_t child = fork();

	assert_true(child >= 0);
	if (!child) {
		struct vscsi_plan *plan = plan_to(bed, config);

		signal(SIGPIPE, SIG_DFL);
		_exit(vscsi_plan_run(plan, write_to_nobody, &ends[1]) ? 1 : 0);
	}
	close(ends[1]);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGPIPE);
	expect_settled(bed, config);
	vscsi_config_free(config);
}

/**
 * run_rollback_tests() - run the tests of this file
 */
int run_rollback_tests(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(failures_change_nothing),
		TEST(removal_leaves_nothing),
		TEST(failed_undoing_is_told),
		TEST(broken_pipe_waits),
	};

	return cmocka_run_group_tests_name("rollback", tests, NULL, NULL);
}
