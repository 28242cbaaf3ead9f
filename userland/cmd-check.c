// SPDX-License-Identifier: GPL-2.0
/*
 * check: what is wrong with this host, a line each, with what to do about it.
 */
#include <string.h>

#include "check.h"

static const struct {
	const char *name;
	enum ui_style style;
} levels[] = {
	[CHECK_OK] = { "ok", UI_GOOD },
	[CHECK_NOTE] = { "note", UI_PLAIN },
	[CHECK_WARNING] = { "warning", UI_WARN },
	[CHECK_ERROR] = { "error", UI_BAD },
};

/**
 * check_say() - a finding
 * @check: what was found so far
 * @level: how bad it is
 * @topic: what was looked at; one word
 * @text: what was found; consumed
 * @remedy: what to do, or NULL; consumed
 */
void check_say(struct check *check, enum check_level level, const char *topic,
	       char *text, char *remedy)
{
	check->v = reallocarray(check->v, check->n + 1, sizeof(*check->v));
	if (!check->v)
		abort();
	check->v[check->n++] = (struct finding){ level, topic, text, remedy };
	check->count[level]++;
}

/**
 * check_exists() - is there such a path?
 * @check: whose root it is below
 * @path: the path
 *
 * Return: true if there is.
 */
bool check_exists(const struct check *check, const char *path)
{
	AUTO_FREE char *full = ctx_path(check->ctx, path);

	return access(full, F_OK) == 0;
}

static void check_free(struct check *check)
{
	for (size_t i = 0; i < check->n; i++) {
		free(check->v[i].text);
		free(check->v[i].remedy);
	}
	free(check->v);
}

static const char *plural(size_t n)
{
	return n == 1 ? "" : "s";
}

static void print(const struct check *check, bool quiet)
{
	for (size_t i = 0; i < check->n; i++) {
		const struct finding *finding = &check->v[i];
		enum ui_style style = levels[finding->level].style;

		if (quiet && finding->level < CHECK_WARNING)
			continue;
		printf("%s%-7s%s  %-9s  %s%s%s\n", ui_style(style),
		       levels[finding->level].name, ui_style_end(style),
		       finding->topic, finding->text,
		       finding->remedy ? ": " : "",
		       finding->remedy ? finding->remedy : "");
	}
	printf("%zu error%s, %zu warning%s\n", check->count[CHECK_ERROR],
	       plural(check->count[CHECK_ERROR]), check->count[CHECK_WARNING],
	       plural(check->count[CHECK_WARNING]));
}

static struct json_object *to_json(const struct check *check, bool quiet)
{
	struct json_object *object = json_object_new_object();
	struct json_object *list = json_object_new_array();

	for (size_t i = 0; i < check->n; i++) {
		const struct finding *finding = &check->v[i];
		struct json_object *line;

		if (quiet && finding->level < CHECK_WARNING)
			continue;
		line = json_object_new_object();
		json_object_object_add(
			line, "level",
			json_object_new_string(levels[finding->level].name));
		json_object_object_add(line, "topic",
				       json_object_new_string(finding->topic));
		json_object_object_add(line, "text",
				       json_object_new_string(finding->text));
		json_object_object_add(
			line, "remedy",
			finding->remedy
				? json_object_new_string(finding->remedy)
				: NULL);
		json_object_array_add(list, line);
	}
	json_object_object_add(object, "findings", list);
	json_object_object_add(
		object, "errors",
		json_object_new_int64(check->count[CHECK_ERROR]));
	json_object_object_add(
		object, "warnings",
		json_object_new_int64(check->count[CHECK_WARNING]));
	return object;
}

/**
 * cmd_check() - the command
 * @ctx: the run
 * @argc: length of @argv
 * @argv: options
 *
 * Return: ST_FAILED if there is an error among the findings.
 */
int cmd_check(struct ctx *ctx, int argc, char **argv)
{
	static void (*const all[])(struct check *) = {
		check_module, check_kernels, check_signature, check_configfs,
		check_device, check_dbroot,  check_targets,   check_backing,
		check_saved,  check_service, check_dbus,      check_qemu,
		check_kvm,    check_memory,
	};
	AUTO_CONFIG struct vscsi_config *live = NULL;

	__attribute__((cleanup(check_free))) struct check check = {
		.ctx = ctx,
	};
	bool quiet = false;
	const struct opt opts[] = {
		{ "quiet", NULL, "only what is wrong", OPT_FLAG, &quiet, 0 }, {}
	};

	if (opts_parse(ctx, opts, argc, argv, 0, 0) < 0)
		return ctx->status;
	if (vscsi_tree_open(&ctx->tree, ctx->root) == 0) {
		if (vscsi_config_read(ctx->tree, &live) == 0)
			check.live = live;
	} else {
		ctx->tree = NULL;
	}
	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
		all[i](&check);
	if (ctx->json)
		ctx_print_json(to_json(&check, quiet));
	else
		print(&check, quiet);
	return check.count[CHECK_ERROR] ? ST_FAILED : ST_OK;
}
