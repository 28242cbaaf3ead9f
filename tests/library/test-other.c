// SPDX-License-Identifier: GPL-2.0
/*
 * The rest: locks, signals, watching, sizes, reservations.
 *
 * Seen to fail on: a lock that was not given back when targetcli's could not be
 * had, a signal that was looked at only before the last operation, registrations
 * joined by semicolons, an unlink that was undone without loading them first, new
 * directories that were not watched.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "tests.h"

static void expect_error(const struct bed *bed, const char *part)
{
	if (!strstr(vscsi_tree_error(bed->tree), part))
		fail_msg("no \"%s\" in \"%s\"", part,
			 vscsi_tree_error(bed->tree));
}

static void locks_keep_others_out(void **state)
{
	const struct bed *bed = *state;
	struct vscsi_tree *other;

	assert_int_equal(vscsi_tree_lock(bed->tree, 0), 0);
	assert_int_equal(vscsi_tree_lock(bed->tree, 0), -EBUSY);
	assert_int_equal(vscsi_tree_open(&other, bed->root), 0);
	assert_int_equal(vscsi_tree_lock(other, 0), -EBUSY);
	assert_non_null(strstr(vscsi_tree_error(other), "vhost-scsi.lock"));
	vscsi_tree_unlock(bed->tree);
	assert_int_equal(vscsi_tree_lock(other, 0), 0);
	vscsi_tree_close(other);
	assert_int_equal(vscsi_tree_lock(bed->tree, 0), 0);
	vscsi_tree_unlock(bed->tree);
}

static void targetcli_keeps_us_out(void **state)
{
	const struct bed *bed = *state;
	int fd =
		open(in_bed(bed, "run/targetcli.lock"), O_RDWR | O_CREAT, 0600);

	assert_int_equal(flock(fd, LOCK_EX), 0);
	assert_int_equal(vscsi_tree_lock(bed->tree, 0), -EBUSY);
	expect_error(bed, "targetcli.lock");
	/* and ours is free again */
	int ours = open(in_bed(bed, "run/vhost-scsi.lock"), O_RDWR);

	assert_int_equal(flock(ours, LOCK_EX | LOCK_NB), 0);
	close(ours);
	close(fd);
	assert_int_equal(vscsi_tree_lock(bed->tree, 0), 0);
	vscsi_tree_unlock(bed->tree);
}

/* struct stop - when a signal shall come */
struct stop {
	size_t at;
	int signal;
	size_t seen;
};

static void stop_there(void *arg, size_t index, const char *step)
{
	struct stop *stop = arg;

	if (index == stop->at)
		raise(stop->signal);
	stop->seen = index + 1;
}

static volatile sig_atomic_t signals;

static void count_signal(int signal)
{
	signals++;
}

static void signals_undo_all(void **state)
{
	static const int stops[] = { SIGINT, SIGTERM, SIGHUP };
	const struct bed *bed = *state;
	struct vscsi_config *config = vscsi_config_new();
	char *before = snapshot(bed);

	add_file(bed, config, "disk0", MIB);
	vscsi_tpg_add_lun(add_tpg(config, WWN, 1), 0, VSCSI_FILEIO, "disk0");
	for (int i = 0; i < 3; i++) {
		struct vscsi_plan *plan = plan_to(bed, config);
		struct stop stop = { .at = 2, .signal = stops[i] };
		__sighandler_t was = signal(stops[i], count_signal);

		signals = 0;
		assert_int_equal(vscsi_plan_run(plan, stop_there, &stop),
				 -EINTR);
		assert_int_equal(signals, 1);
		assert_int_equal(stop.seen, 3);
		expect_error(bed, "nothing is changed");
		char *after = snapshot(bed);

		same_text(after, before, "after a signal");
		free(after);
		/* a plan may be tried again */
		assert_int_equal(vscsi_plan_run(plan, NULL, NULL), 0);
		signal(stops[i], was);
		vscsi_plan_free(plan);
		expect_settled(bed, config);
		struct vscsi_config *none = vscsi_config_new();

		apply(bed, none);
		vscsi_config_free(none);
	}
	free(before);
	vscsi_config_free(config);
}

static bool is_readable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, 0) == 1;
}

static void what_comes_and_goes_is_watched(void **state)
{
	const struct bed *bed = *state;
	struct vscsi_config *config = vscsi_config_new();
	int fd = vscsi_tree_watch(bed->tree);

	assert_true(fd >= 0);
	assert_int_equal(vscsi_tree_watch(bed->tree), fd);
	assert_false(is_readable(fd));
	add_ramdisk(config, "ram", KIB4);
	struct vscsi_tpg *tpg = add_tpg(config, WWN, 1);

	apply(bed, config);
	assert_true(is_readable(fd));
	assert_int_equal(vscsi_tree_watched(bed->tree), 0);
	assert_false(is_readable(fd));
	/* in directories that were not there at first */
	vscsi_tpg_add_lun(tpg, 0, VSCSI_RAMDISK, "ram");
	apply(bed, config);
	assert_true(is_readable(fd));
	assert_int_equal(vscsi_tree_watched(bed->tree), 0);
	vscsi_tpg_del_lun(tpg, 0);
	apply(bed, config);
	assert_true(is_readable(fd));
	assert_int_equal(vscsi_tree_watched(bed->tree), 0);
	vscsi_config_free(config);
}

static void sizes_that_are_fixed_say_so(void **state)
{
	const struct bed *bed = *state;
	struct vscsi_config *config = vscsi_config_new();
	uint64_t now;

	add_ramdisk(config, "ram", KIB4);
	add_file(bed, config, "disk0", MIB);
	apply(bed, config);
	vscsi_config_free(config);
	config = read_config(bed);
	for (size_t i = 0; i < config->n_stores; i++) {
		assert_int_equal(vscsi_store_resize(bed->tree,
						    &config->stores[i], 2 * MIB,
						    &now),
				 -EOPNOTSUPP);
		assert_int_equal(now, config->stores[i].size);
		expect_error(bed, config->stores[i].name);
	}
	vscsi_config_free(config);
}

static void sizes_of_devices_are_seen(void **state)
{
	const struct bed *bed = *state;
	char command[2 * PATH_MAX], path[2 * PATH_MAX];
	uint64_t now;

	if (bed->live)
		skip();
	struct vscsi_config *config = vscsi_config_new();
	struct vscsi_store *store =
		vscsi_config_add_store(config, VSCSI_BLOCK, "disk");

	snprintf(path, sizeof(path), "%s/device", bed->dir);
	put(path, "");
	vscsi_set(&store->path, path);
	store = vscsi_config_add_store(config, VSCSI_USER, "image");
	vscsi_set(&store->path, "qcow//srv/image");
	store->size = MIB;
	apply(bed, config);
	snprintf(command, sizeof(command), "mkdir -p %s",
		 in_bed(bed, "sys/dev/block/7:0"));
	assert_int_equal(system(command), 0);
	put(in_bed(bed, "sys/dev/block/7:0/size"), "4096");
	struct vscsi_config *live = read_config(bed);

	assert_int_equal(live->stores[0].size, 2 * MIB);
	assert_int_equal(
		vscsi_store_resize(bed->tree, &live->stores[0], 0, &now), 0);
	assert_int_equal(now, 2 * MIB);
	assert_int_equal(vscsi_store_resize(bed->tree, &live->stores[0], MIB,
					    &now),
			 -EINVAL);
	assert_int_equal(vscsi_store_resize(bed->tree, &live->stores[1],
					    4 * MIB, &now),
			 0);
	assert_int_equal(now, 4 * MIB);
	vscsi_config_free(live);
	/* a plan does the same, and nothing else */
	struct vscsi_plan *plan = plan_to(bed, config);

	assert_int_equal(vscsi_plan_steps(plan), 1);
	assert_true(step_is(plan, "~ size of user/image: now 1 MiB"));
	assert_int_equal(vscsi_plan_run(plan, NULL, NULL), 0);
	vscsi_plan_free(plan);
	expect_settled(bed, config);
	vscsi_config_free(config);
}

#define REGISTRATION(key)                                              \
	"PR_REG_START: 0\ninitiator_fabric=vhost\ninitiator_node=" WWN \
	"\nsa_res_key=" key "\nres_holder=0\nPR_REG_END: 0\n"

static int count_lines(const char *log, const char *part)
{
	FILE *file = fopen(log, "r");
	char line[1024];
	int n = 0;

	assert_non_null(file);
	while (fgets(line, sizeof(line), file))
		n += strstr(line, part) != NULL;
	fclose(file);
	return n;
}

/* Once for each, before the first LUN, also where all LUN links go and return. */
static void reservations_are_handed_back(void **state)
{
	const struct bed *bed = *state;
	char log[2 * PATH_MAX];

	if (bed->live)
		skip();
	struct vscsi_config *config = vscsi_config_new();
	struct vscsi_store *store = add_file(bed, config, "disk0", MIB);
	struct vscsi_tpg *tpg = add_tpg(config, WWN, 1);

	vscsi_set(&store->serial, "0123");
	vscsi_tpg_add_lun(tpg, 0, VSCSI_FILEIO, "disk0");
	assert_int_equal(vscsi_reservations_kept(bed->tree, "0123"), 0);
	put(in_bed(bed, "etc/target/pr/aptpl_0123"),
	    REGISTRATION("161") REGISTRATION("162"));
	assert_int_equal(vscsi_reservations_kept(bed->tree, "0123"), 1);
	snprintf(log, sizeof(log), "%s/log", bed->dir);
	setenv("STANDIN_LOG", log, 1);
	apply(bed, config);
	assert_int_equal(count_lines(log, "res_aptpl_metadata"), 2);
	assert_int_equal(
		count_lines(log, "initiator_fabric=vhost,initiator_node=" WWN
				 ",sa_res_key=162,res_holder=0"),
		1);
	vscsi_set(&tpg->nexus, INITIATOR);
	apply(bed, config);
	assert_int_equal(count_lines(log, "res_aptpl_metadata"), 4);
	put(in_bed(bed, "etc/target/pr/aptpl_0123"),
	    "No Registrations or Reservations");
	assert_int_equal(vscsi_reservations_kept(bed->tree, "0123"), 0);
	vscsi_set(&tpg->nexus, WWN);
	apply(bed, config);
	unsetenv("STANDIN_LOG");
	assert_int_equal(count_lines(log, "res_aptpl_metadata"), 4);
	vscsi_config_free(config);
}

/* Undone, a removal hands them back as well: once, whenever it failed. */
static void undoing_hands_reservations_back(void **state)
{
	const struct bed *bed = *state;
	char log[2 * PATH_MAX];

	if (bed->live)
		skip();
	struct vscsi_config *config = vscsi_config_new();
	struct vscsi_store *store = add_file(bed, config, "disk0", MIB);

	vscsi_set(&store->serial, "0123");
	vscsi_tpg_add_lun(add_tpg(config, WWN, 1), 0, VSCSI_FILEIO, "disk0");
	apply(bed, config);
	put(in_bed(bed, "etc/target/pr/aptpl_0123"), REGISTRATION("161"));
	snprintf(log, sizeof(log), "%s/log", bed->dir);
	setenv("STANDIN_LOG", log, 1);
	struct vscsi_config *none = vscsi_config_new();
	struct vscsi_plan *plan = plan_to(bed, none);
	unsigned int total = 0;

	/* the link goes first, so each failure after it is of this kind */
	for (unsigned int n = 2; n <= 7; n++) {
		remove(log);
		standin_fail(n, false, EIO);
		assert_int_equal(vscsi_plan_run(plan, NULL, NULL), -EIO);
		assert_int_equal(count_lines(log, "res_aptpl_metadata"), 1);
		total++;
	}
	assert_int_equal(total, 6);
	unsetenv("STANDIN_LOG");
	vscsi_plan_free(plan);
	vscsi_config_free(none);
	vscsi_config_free(config);
}

/**
 * run_other_tests() - run the tests of this file
 */
int run_other_tests(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(locks_keep_others_out),
		TEST(targetcli_keeps_us_out),
		TEST(signals_undo_all),
		TEST(what_comes_and_goes_is_watched),
		TEST(sizes_that_are_fixed_say_so),
		TEST(sizes_of_devices_are_seen),
		TEST(reservations_are_handed_back),
		TEST(undoing_hands_reservations_back),
	};

	return cmocka_run_group_tests_name("other", tests, NULL, NULL);
}
