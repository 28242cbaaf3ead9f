// SPDX-License-Identifier: GPL-2.0
/*
 * Runs the library's tests, and has what they share (tests.h).
 *
 *   library-tests             on stand-in trees; no root, no kernel
 *   VSCSI_TEST_LIVE=1 library-tests
 *                             on /sys/kernel/config/target, which must be empty
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>

#include "tests.h"

static const char base[] = "vhost-scsi-tests.XXXXXX";

/**
 * in_bed() - a path below the bed's root
 * @bed: the bed
 * @format: the path
 *
 * Return: a string of the test's; as many as a test needs are remembered.
 */
char *in_bed(const struct bed *bed, const char *format, ...)
{
	static char paths[64][PATH_MAX];
	static unsigned int next;
	char *path = paths[next++ % 64];
	va_list args;

	int at = snprintf(path, PATH_MAX, "%s/", bed->live ? "" : bed->root);

	va_start(args, format);
	vsnprintf(path + at, PATH_MAX - at, format, args);
	va_end(args);
	return path;
}

/**
 * cfs() - a path in the tree of LIO
 * @bed: the bed
 * @format: the path
 */
char *cfs(const struct bed *bed, const char *format, ...)
{
	char below[PATH_MAX];
	va_list args;

	va_start(args, format);
	vsnprintf(below, sizeof(below), format, args);
	va_end(args);
	return in_bed(bed, "sys/kernel/config/target/%s", below);
}

/**
 * put() - write a file as nobody but the kernel could: past the stand-in
 * @path: the file
 * @value: what is in it afterwards
 */
void put(const char *path, const char *value)
{
	assert_int_equal(file_put(value, 0644, "%s", path), 0);
}

/**
 * get() - what is in a file, without a newline
 * @path: the file
 */
char *get(const char *path)
{
	static char values[8][PATH_MAX];
	static unsigned int next;

	return file_get(values[next++ % 8], "%s", path);
}

static FILE *snapshot_to;
static bool snapshot_live;

/* What differs from one mkdir to the next, has an order of its own, or counts. */
static bool is_fleeting(const char *path)
{
	const char *name = strrchr(path, '/') + 1;

	return strstr(path, "/statistics") || !strcmp(name, "hba_info") ||
	       !strcmp(name, "alua_lu_gp") || !strcmp(name, "members");
}

static void show_file(const char *path, mode_t mode)
{
	char value[4096];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t got = fd < 0 || !(mode & 0400)
			      ? 0
			      : read(fd, value, sizeof(value) - 1);

	fprintf(snapshot_to, " %s", got < 0 ? strerror(errno) : "");
	for (ssize_t i = 0; i < got; i++) {
		/* LIO ends some lines with a NUL */
		fputc(value[i] == '\n' ? '|' : value[i] ?: '^', snapshot_to);
		/* the number of an HBA's device */
		if (snapshot_live && i > 3 && !memcmp(value + i - 3, "ID: ", 4))
			while (i + 1 < got && value[i + 1] != ' ')
				i++;
	}
	if (fd >= 0)
		close(fd);
}

static int show_entry(const char *path, const struct stat *st, int type,
		      struct FTW *ftw)
{
	char to[PATH_MAX];

	if (is_fleeting(path))
		return 0;
	fprintf(snapshot_to, "%o %s", st->st_mode, path);
	if (type == FTW_SL || type == FTW_SLN) {
		ssize_t length = readlink(path, to, sizeof(to));

		fprintf(snapshot_to, " -> %.*s", (int)length, to);
	} else if (S_ISREG(st->st_mode)) {
		show_file(path, st->st_mode);
	}
	fputc('\n', snapshot_to);
	return 0;
}

static int compare_lines(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/**
 * snapshot() - all of the tree in one string
 * @bed: the bed
 *
 * Return: the caller's string.
 */
char *snapshot(const struct bed *bed)
{
	char *text, *sorted;
	size_t size, n = 0;
	char **lines = NULL;

	snapshot_to = open_memstream(&text, &size);
	snapshot_live = bed->live;
	assert_non_null(snapshot_to);
	nftw(cfs(bed, "core"), show_entry, 32, FTW_PHYS);
	nftw(cfs(bed, "vhost"), show_entry, 32, FTW_PHYS);
	fclose(snapshot_to);
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
		lines = realloc(lines, ++n * sizeof(*lines));
		lines[n - 1] = line;
	}
	if (n)
		qsort(lines, n, sizeof(*lines), compare_lines);
	sorted = calloc(1, size + n + 1);
	for (size_t i = 0; i < n; i++)
		strcat(strcat(sorted, lines[i]), "\n");
	free(lines);
	free(text);
	return sorted;
}

/**
 * same_text() - fail at the first line that differs
 * @got: one text
 * @want: the other
 * @what: what they are
 */
void same_text(const char *got, const char *want, const char *what)
{
	if (!strcmp(got, want))
		return;
	while (*got && *want) {
		size_t a = strcspn(got, "\n"), b = strcspn(want, "\n");

		if (a != b || strncmp(got, want, a))
			break;
		got += a + (got[a] == '\n');
		want += b + (want[b] == '\n');
	}
	fail_msg("%s:\n  got    %.*s\n  wanted %.*s", what,
		 (int)strcspn(got, "\n"), got, (int)strcspn(want, "\n"), want);
}

static int remove_entry(const char *path, const struct stat *st, int type,
			struct FTW *ftw)
{
	return remove(path);
}

/**
 * bed_setup() - make a bed for a test
 * @state: set to it
 */
int bed_setup(void **state)
{
	struct bed *bed = calloc(1, sizeof(*bed));
	char command[2 * PATH_MAX];
	const char *tmp = getenv("TMPDIR") ?: "/tmp";

	standin_fail(0, false, 0);
	bed->live = getenv("VSCSI_TEST_LIVE") != NULL;
	snprintf(bed->dir, sizeof(bed->dir), "%s/%s", tmp, base);
	assert_non_null(mkdtemp(bed->dir));
	snprintf(bed->root, sizeof(bed->root), "%s",
		 bed->live ? "/" : bed->dir);
	if (!bed->live) {
		snprintf(command, sizeof(command), MAKE_ROOT " %s", bed->root);
		assert_int_equal(system(command), 0);
	}
	assert_int_equal(vscsi_tree_open(&bed->tree, bed->root), 0);
	*state = bed;
	return 0;
}

/**
 * bed_teardown() - take it away, and what the test left in the live tree
 * @state: the bed
 */
int bed_teardown(void **state)
{
	struct bed *bed = *state;

	standin_fail(0, false, 0);
	if (bed->live) {
		struct vscsi_config *none = vscsi_config_new();

		apply(bed, none);
		vscsi_config_free(none);
	}
	vscsi_tree_close(bed->tree);
	nftw(bed->dir, remove_entry, 32, FTW_PHYS | FTW_DEPTH);
	free(bed);
	return 0;
}

/**
 * read_config() - what is there
 * @bed: the bed
 *
 * Return: the caller's configuration.
 */
struct vscsi_config *read_config(const struct bed *bed)
{
	struct vscsi_config *config;

	if (vscsi_config_read(bed->tree, &config))
		fail_msg("%s", vscsi_tree_error(bed->tree));
	return config;
}

/**
 * plan_to() - the plan to a configuration
 * @bed: the bed
 * @wanted: the configuration
 */
struct vscsi_plan *plan_to(const struct bed *bed,
			   const struct vscsi_config *wanted)
{
	struct vscsi_config *live = read_config(bed);
	struct vscsi_plan *plan;

	if (vscsi_plan_make(bed->tree, live, wanted, &plan))
		fail_msg("%s", vscsi_tree_error(bed->tree));
	vscsi_config_free(live);
	return plan;
}

/**
 * plan_fails() - the errno of a plan that is refused
 * @bed: the bed
 * @wanted: the configuration
 */
int plan_fails(const struct bed *bed, const struct vscsi_config *wanted)
{
	struct vscsi_config *live = read_config(bed);
	struct vscsi_plan *plan;
	int rc = vscsi_plan_make(bed->tree, live, wanted, &plan);

	vscsi_config_free(live);
	assert_int_not_equal(rc, 0);
	assert_null(plan);
	assert_int_not_equal(strlen(vscsi_tree_error(bed->tree)), 0);
	return -rc;
}

/**
 * apply() - make a configuration be
 * @bed: the bed
 * @wanted: the configuration
 */
void apply(const struct bed *bed, const struct vscsi_config *wanted)
{
	struct vscsi_plan *plan = plan_to(bed, wanted);

	if (vscsi_plan_run(plan, NULL, NULL))
		fail_msg("%s", vscsi_tree_error(bed->tree));
	vscsi_plan_free(plan);
}

/**
 * expect_settled() - there is nothing more to be done
 * @bed: the bed
 * @wanted: the configuration that was made
 */
void expect_settled(const struct bed *bed, const struct vscsi_config *wanted)
{
	struct vscsi_plan *plan = plan_to(bed, wanted);

	for (size_t i = 0; i < vscsi_plan_steps(plan); i++)
		print_error("still to be done: %s\n", vscsi_plan_step(plan, i));
	assert_int_equal(vscsi_plan_steps(plan), 0);
	vscsi_plan_free(plan);
}

/**
 * step_is() - is there a step of that line?
 * @plan: the plan
 * @line: sign, blank and the line's beginning
 */
bool step_is(const struct vscsi_plan *plan, const char *line)
{
	for (size_t i = 0; i < vscsi_plan_steps(plan); i++)
		if (vscsi_plan_sign(plan, i) == line[0] &&
		    !strncmp(vscsi_plan_step(plan, i), line + 2,
			     strlen(line + 2)))
			return true;
	return false;
}

/**
 * add_file() - add a backstore on a file, which is made
 * @bed: the bed
 * @config: the configuration
 * @name: its name
 * @size: its size
 */
struct vscsi_store *add_file(const struct bed *bed, struct vscsi_config *config,
			     const char *name, uint64_t size)
{
	struct vscsi_store *store =
		vscsi_config_add_store(config, VSCSI_FILEIO, name);
	char path[2 * PATH_MAX];

	assert_non_null(store);
	snprintf(path, sizeof(path), "%s/%s.img", bed->dir, name);
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	assert_int_equal(ftruncate(fd, size), 0);
	close(fd);
	vscsi_set(&store->path, path);
	store->size = size;
	return store;
}

/**
 * add_ramdisk() - add a backstore in memory
 * @config: the configuration
 * @name: its name
 * @size: its size
 */
struct vscsi_store *add_ramdisk(struct vscsi_config *config, const char *name,
				uint64_t size)
{
	struct vscsi_store *store =
		vscsi_config_add_store(config, VSCSI_RAMDISK, name);

	assert_non_null(store);
	store->size = size;
	return store;
}

/**
 * add_tpg() - add a TPG with a nexus, and its target if there is none
 * @config: the configuration
 * @wwn: the target
 * @tag: number of the TPG
 */
struct vscsi_tpg *add_tpg(struct vscsi_config *config, const char *wwn,
			  unsigned int tag)
{
	struct vscsi_target *target =
		vscsi_config_target(config, wwn)
			?: vscsi_config_add_target(config, wwn);
	struct vscsi_tpg *tpg = vscsi_target_add_tpg(target, tag);

	assert_non_null(tpg);
	vscsi_set(&tpg->nexus, wwn);
	return tpg;
}

int main(int argc, char **argv)
{
	int failed = 0;

	/* a pattern of names, with * and ? */
	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	failed += run_config_tests();
	failed += run_read_tests();
	failed += run_plan_tests();
	failed += run_rollback_tests();
	failed += run_device_tests();
	failed += run_other_tests();
	return failed ? 1 : 0;
}
