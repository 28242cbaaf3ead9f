// SPDX-License-Identifier: GPL-2.0
/*
 * Options and --help, of all commands alike: what a command takes is a table, and
 * from the table come the parsing, the help, and the nearest known word for an
 * unknown one.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cmd.h"

#define OPTIONS_MAX 32

struct parse {
	struct ctx *ctx;
	const struct opt *opts;
	int argc, at;
	char **argv;
};

static const struct opt no_opts[] = { {} };

/**
 * opts_unknown() - say that a word is not known, and which one is near
 * @ctx: the run
 * @what: what the word should have been, "command", "option"
 * @word: the word
 * @known: what there is; ends with NULL
 *
 * Return: ST_USAGE.
 */
enum status opts_unknown(struct ctx *ctx, const char *what, const char *word,
			 const char *const known[])
{
	const char *nearest = words_nearest(word, known);
	AUTO_FREE char *help =
		ctx->cmd ? ui_format("vhost-scsi %s --help", ctx->cmd->name)
			 : ui_strdup("vhost-scsi --help");

	if (nearest)
		ui_error("unknown %s '%s': did you mean '%s'? `%s` lists all",
			 what, word, nearest, help);
	else
		ui_error("unknown %s '%s': `%s` lists all", what, word, help);
	return ctx->status = ST_USAGE;
}

static int usage_wrong(struct ctx *ctx, const char *format, const char *word)
{
	char text[512];

	snprintf(text, sizeof(text), format, word);
	if (ctx->cmd)
		ui_error("%s; usage: vhost-scsi %s%s%s", text, ctx->cmd->name,
			 *ctx->cmd->usage ? " " : "", ctx->cmd->usage);
	else
		ui_error("%s; see `vhost-scsi --help`", text);
	ctx->status = ST_USAGE;
	return -1;
}

static void print_options(const struct opt *opts)
{
	for (; opts->name; opts++) {
		AUTO_FREE char *left = ui_format("--%s%s%s", opts->name,
						 opts->arg ? " " : "",
						 opts->arg ? opts->arg : "");

		printf("  %-20s  %s\n", left, opts->help);
	}
}

static int print_help(struct ctx *ctx, const struct opt *opts)
{
	const struct cmd *cmd = ctx->cmd;

	printf("%sUsage:%s vhost-scsi %s%s%s\n\n%s.\n", ui_style(UI_HEAD),
	       ui_style_end(UI_HEAD), cmd->name, *cmd->usage ? " " : "",
	       cmd->usage, cmd->help);
	if (opts->name) {
		printf("\n%sOptions:%s\n", ui_style(UI_HEAD),
		       ui_style_end(UI_HEAD));
		print_options(opts);
	}
	printf("\n%sExamples:%s\n", ui_style(UI_HEAD), ui_style_end(UI_HEAD));
	for (const char *line = cmd->examples; *line;) {
		int n = strcspn(line, "\n");

		printf("  %.*s\n", n, line);
		line += n + (line[n] == '\n');
	}
	printf("\nOptions of all commands: `vhost-scsi --help`; exit codes: vhost-scsi(8).\n");
	ctx->status = ST_OK;
	return -1;
}

static int unknown_option(struct parse *p, const char *name)
{
	const char *known[OPTIONS_MAX + 8];
	size_t n = 0;

	for (const struct opt *opt = p->opts; opt->name; opt++)
		if (n < OPTIONS_MAX)
			known[n++] = opt->name;
	known[n++] = "json";
	known[n++] = "verbose";
	known[n++] = "root";
	known[n++] = "color";
	known[n++] = "help";
	known[n] = NULL;
	const char *nearest = words_nearest(name, known);

	if (!nearest) {
		opts_unknown(p->ctx, "option", p->argv[p->at],
			     (const char *const[]){ NULL });
		return -1;
	}
	AUTO_FREE char *dashed = ui_format("--%s", nearest);
	AUTO_FREE char *word = ui_format("--%s", name);

	/* the right one would be its own nearest, so tell it as it is written */
	opts_unknown(p->ctx, "option", word,
		     (const char *const[]){ dashed, NULL });
	return -1;
}

static int set_color(struct ctx *ctx, const char *value)
{
	static const char *const words[] = { "auto", "always", "never", NULL };

	for (int i = 0; words[i]; i++) {
		if (!strcmp(words[i], value)) {
			ctx->color = i;
			ui_init(ctx->color);
			return 0;
		}
	}
	opts_unknown(ctx, "value of --color", value, words);
	return -1;
}

static int set_value(struct parse *p, const struct opt *opt, const char *value)
{
	unsigned long number;

	switch (opt->type) {
	case OPT_FLAG:
		*(bool *)opt->value = true;
		return 0;
	case OPT_STRING:
		*(const char **)opt->value = value;
		return 0;
	case OPT_NUMBER:
		if (ui_parse_number(value, opt->max, &number)) {
			ui_error("--%s '%s': give a number from 0 to %lu",
				 opt->name, value, opt->max);
			break;
		}
		*(long *)opt->value = number;
		return 0;
	case OPT_SIZE:
		if (ui_parse_size(value, opt->value)) {
			ui_error(
				"--%s '%s': give a size in bytes, or with a unit, such as 64M, 1.5G",
				opt->name, value);
			break;
		}
		return 0;
	}
	p->ctx->status = ST_USAGE;
	return -1;
}

/* The value of the option at hand: after '=', or the next word. */
static const char *take_value(struct parse *p, const char *name,
			      const char *equals)
{
	if (equals)
		return equals + 1;
	if (p->at + 1 < p->argc)
		return p->argv[++p->at];
	usage_wrong(p->ctx, "option --%s lacks its value", name);
	return NULL;
}

static int parse_short(struct parse *p)
{
	for (const char *letter = p->argv[p->at] + 1; *letter; letter++) {
		if (*letter == 'j')
			p->ctx->json = true;
		else if (*letter == 'v')
			p->ctx->verbose = true;
		else if (*letter == 'h' && p->ctx->cmd)
			return print_help(p->ctx, p->opts);
		else
			return opts_unknown(p->ctx, "option", p->argv[p->at],
					    (const char *const[]){ NULL }),
			       -1;
	}
	return 0;
}

/* 1: was one of all commands; 0: is none. */
static int parse_common(struct parse *p, const char *name, const char *equals)
{
	struct ctx *ctx = p->ctx;

	if (!strcmp(name, "json") && !equals)
		ctx->json = true;
	else if (!strcmp(name, "verbose") && !equals)
		ctx->verbose = true;
	else if (!strcmp(name, "help") && !equals && ctx->cmd)
		return print_help(ctx, p->opts);
	else if (!strcmp(name, "root"))
		return (ctx->root = take_value(p, name, equals)) ? 1 : -1;
	else if (!strcmp(name, "color")) {
		const char *value = take_value(p, name, equals);

		return value && !set_color(ctx, value) ? 1 : -1;
	} else {
		return 0;
	}
	return 1;
}

static int parse_long(struct parse *p)
{
	const char *word = p->argv[p->at] + 2;
	const char *equals = strchr(word, '=');
	AUTO_FREE char *name = ui_strdup(word);

	if (equals)
		name[equals - word] = '\0';
	int rc = parse_common(p, name, equals);

	if (rc)
		return rc < 0 ? -1 : 0;
	for (const struct opt *opt = p->opts; opt->name; opt++) {
		if (strcmp(opt->name, name))
			continue;
		if (opt->type == OPT_FLAG) {
			if (equals)
				return usage_wrong(p->ctx,
						   "option --%s takes no value",
						   name);
			return set_value(p, opt, NULL);
		}
		const char *value = take_value(p, name, equals);

		return value ? set_value(p, opt, value) : -1;
	}
	return unknown_option(p, name);
}

/**
 * opts_parse() - options and words of a command
 * @ctx: the run; its options of all commands are set as well
 * @opts: the command's options
 * @argc: length of @argv
 * @argv: what comes after the command; words are moved to its front
 * @min: so many words at least
 * @max: and at most
 *
 * Return: how many words, or -1: the program ends with ctx->status.
 */
int opts_parse(struct ctx *ctx, const struct opt *opts, int argc, char **argv,
	       int min, int max)
{
	struct parse p = {
		.ctx = ctx, .opts = opts, .argc = argc, .argv = argv
	};
	bool words_only = false;
	int words = 0;

	for (; p.at < argc; p.at++) {
		char *word = argv[p.at];

		if (words_only || word[0] != '-' || !word[1]) {
			argv[words++] = word;
			continue;
		}
		if (!strcmp(word, "--")) {
			words_only = true;
			continue;
		}
		if (word[1] == '-' ? parse_long(&p) : parse_short(&p))
			return -1;
	}
	if (words < min)
		return usage_wrong(ctx, "something is lacking after %s",
				   words ? argv[words - 1] : ctx->cmd->name);
	if (words > max)
		return usage_wrong(ctx, "'%s' is too much", argv[max]);
	return words;
}

/**
 * opts_parse_global() - options of all commands, before the command
 * @ctx: the run
 * @argc: length of @argv
 * @argv: what comes after the program's name
 *
 * --help and --version are left to the caller.
 *
 * Return: how many words of @argv were options, or -1: end with ctx->status.
 */
int opts_parse_global(struct ctx *ctx, int argc, char **argv)
{
	struct parse p = {
		.ctx = ctx, .opts = no_opts, .argc = argc, .argv = argv
	};

	for (; p.at < argc && argv[p.at][0] == '-'; p.at++) {
		if (!strcmp(argv[p.at], "--help") ||
		    !strcmp(argv[p.at], "-h") ||
		    !strcmp(argv[p.at], "--version"))
			break;
		if (argv[p.at][1] == '-' ? parse_long(&p) : parse_short(&p))
			return -1;
	}
	return p.at;
}
