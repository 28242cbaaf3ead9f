// SPDX-License-Identifier: GPL-2.0
/*
 * vhost-scsi - targets for virtual machines, made and looked after.
 *
 * The table of commands, and what they have in common.
 */
#include <errno.h>
#include <locale.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "config.h"

#define SOURCE \
	"(--ramdisk SIZE | --file PATH [--size SIZE] | --block DEV | --pscsi DEV | --user CFG --size SIZE | --backstore KIND/NAME)"

const struct cmd commands[] = {
	{ "create",
	  "Make a target with a backstore as its LUN 0, and print the QEMU arguments",
	  "NAME " SOURCE " [OPTION]...",
	  "vhost-scsi create demo --ramdisk 64M\n"
	  "vhost-scsi create db --file /srv/db.img --size 20G\n"
	  "vhost-scsi create data --block /dev/vg0/data --owner 64055\n",
	  cmd_create },
	{ "delete",
	  "Take a target away with its LUNs and those of its backstores that nobody else uses",
	  "TARGET [--keep-backstores] [--no-save]",
	  "vhost-scsi delete demo\n"
	  "vhost-scsi delete naa.5001405000000001 --keep-backstores\n",
	  cmd_delete },
	{ "lun add", "Add a LUN to a target, also while a guest uses it",
	  "TARGET " SOURCE " [OPTION]...",
	  "vhost-scsi lun add demo --ramdisk 16M\n"
	  "vhost-scsi lun add demo --backstore fileio/shared --lun 7\n",
	  cmd_lun_add },
	{ "lun remove",
	  "Remove a LUN from a target, and its backstore if nobody else uses that",
	  "TARGET LUN [--keep-backstores] [--tpg N] [--no-save]",
	  "vhost-scsi lun remove demo 1\n", cmd_lun_remove },
	{ "lun resize", "Tell the guests that a LUN's device has another size",
	  "TARGET LUN [SIZE] [--shrink] [--tpg N] [--no-save]",
	  "lvextend -L +10G vg0/data && vhost-scsi lun resize data 0\n",
	  cmd_lun_resize },
	{ "list", "List targets, LUNs or backstores",
	  "[targets|luns|backstores]",
	  "vhost-scsi list\n"
	  "vhost-scsi list luns\n"
	  "vhost-scsi -j list | jq -r '.targets[].wwn'\n",
	  cmd_list },
	{ "show", "Show all there is to know of a target, or of all",
	  "[TARGET]",
	  "vhost-scsi show demo\n"
	  "vhost-scsi -j show demo\n",
	  cmd_show },
	{ "apply",
	  "Make what a file describes, and take away what is ours and not in it",
	  "FILE [--dry-run] [--no-save]",
	  "vhost-scsi apply targets.json --dry-run\n"
	  "vhost-scsi export | ssh other vhost-scsi apply -\n",
	  cmd_apply },
	{ "diff", "Show what apply would change", "FILE",
	  "vhost-scsi diff targets.json || echo differs\n", cmd_diff },
	{ "export", "Write the configuration as JSON", "[--targetcli] [FILE]",
	  "vhost-scsi export backup.json\n"
	  "vhost-scsi export --targetcli saveconfig.json\n",
	  cmd_export },
	{ "restore",
	  "Make what was saved, and as much of it as can be made (vhost-scsi.service does so at boot)",
	  "[--wait SECONDS]", "vhost-scsi restore\n", cmd_restore },
	{ "release",
	  "Let go of the files and devices of what is ours and not used, and forget nothing (vhost-scsi.service does so at shutdown)",
	  "", "vhost-scsi release && umount /srv\n", cmd_release },
	{ "save",
	  "Save what is ours as it is now, for the next boot; changes are saved by the commands that make them",
	  "", "vhost-scsi save\n", cmd_save },
	{ "adopt",
	  "Take over a target that another tool made, with its LUNs and backstores",
	  "TARGET [--name NAME]",
	  "vhost-scsi adopt naa.5001405aabbccdd0 --name db\n", cmd_adopt },
	{ "qemu-args", "Print what QEMU or libvirt needs to use a target",
	  "TARGET [--libvirt] [--num-queues N]",
	  "vhost-scsi qemu-args demo\n"
	  "vhost-scsi qemu-args demo --libvirt\n",
	  cmd_qemu_args },
	{ "check", "Say what is wrong with this host, and what to do", "",
	  "vhost-scsi check\n", cmd_check },
	{ "watch", "Show changes as they happen", "[--count N]",
	  "vhost-scsi watch\n"
	  "vhost-scsi -j watch --count 1\n",
	  cmd_watch },
	{}
};

/**
 * ctx_path() - a path below the root that was given
 * @ctx: the run
 * @path: the path, absolute
 *
 * Return: where it is; to be freed.
 */
char *ctx_path(const struct ctx *ctx, const char *path)
{
	return ui_format("%s%s", ctx->root ? ctx->root : "", path);
}

/**
 * ctx_tree_failed() - say what the library could not do
 * @ctx: the run
 * @err: negative errno of the library
 *
 * Return: the status to end with, also in ctx->status.
 */
enum status ctx_tree_failed(struct ctx *ctx, int err)
{
	ui_error("%s", vscsi_tree_error(ctx->tree));
	return ctx->status = err == -EBUSY	       ? ST_IN_USE
			     : err == -ENOTRECOVERABLE ? ST_CHANGED
						       : ST_FAILED;
}

/**
 * ctx_open() - open the tree
 * @ctx: the run
 * @lock: whether to keep others out until the end
 *
 * Return: ST_OK, or the status to end with.
 */
enum status ctx_open(struct ctx *ctx, bool lock)
{
	int err;

	if (!ctx->tree) {
		err = vscsi_tree_open(&ctx->tree, ctx->root);
		if (err) {
			ctx->tree = NULL;
			return ctx_tree_failed(ctx, err);
		}
	}
	err = lock ? vscsi_tree_lock(ctx->tree, 10) : 0;
	return err ? ctx_tree_failed(ctx, err) : ST_OK;
}

/**
 * ctx_close() - close the tree; nobody is kept out any more
 * @ctx: the run
 */
void ctx_close(struct ctx *ctx)
{
	if (ctx->tree)
		vscsi_tree_close(ctx->tree);
	ctx->tree = NULL;
	if (ctx->ours)
		vscsi_config_free(ctx->ours);
	ctx->ours = NULL;
}

/**
 * ctx_print_json() - what a program reads
 * @object: consumed
 *
 * Return: ST_OK, or ST_FAILED if it could not be written.
 */
enum status ctx_print_json(struct json_object *object)
{
	puts(json_object_to_json_string_ext(
		object, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED |
				JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(object);
	return ST_OK;
}

static int print_usage(struct ctx *ctx)
{
	printf("%sUsage:%s vhost-scsi [OPTION]... COMMAND [ARGUMENT]...\n\n"
	       "Targets for virtual machines: backstores, LUNs and who may use them.\n\n"
	       "%sCommands:%s\n",
	       ui_style(UI_HEAD), ui_style_end(UI_HEAD), ui_style(UI_HEAD),
	       ui_style_end(UI_HEAD));
	for (const struct cmd *cmd = commands; cmd->name; cmd++)
		printf("  %-11s  %s\n", cmd->name, cmd->help);
	printf("\n%sOptions of all commands:%s\n"
	       "  -j, --json           print JSON for programs\n"
	       "  -v, --verbose        say what is done\n"
	       "  --root DIR           take DIR for /\n"
	       "  --color WHEN         auto (default), always or never; NO_COLOR is respected\n"
	       "  --help               of a command: its options and examples\n"
	       "  --version            the version\n"
	       "\n%sExit status:%s\n"
	       "  0  done\n"
	       "  1  failed, and nothing was changed\n"
	       "  2  the command line is wrong\n"
	       "  3  in use by a guest, or by another tool\n"
	       "  4  there is no such target, LUN or backstore\n"
	       "  5  restore: something could not be restored\n"
	       "  6  diff, apply --dry-run: there are differences\n"
	       "  7  failed, and not all is as it was before\n"
	       "\n%sExamples:%s\n"
	       "  vhost-scsi create demo --ramdisk 64M\n"
	       "  vhost-scsi list\n"
	       "  vhost-scsi lun add --help\n",
	       ui_style(UI_HEAD), ui_style_end(UI_HEAD), ui_style(UI_HEAD),
	       ui_style_end(UI_HEAD), ui_style(UI_HEAD), ui_style_end(UI_HEAD));
	return ctx->status = ST_OK;
}

/* What a word, or two, can be: all names of commands, or what follows @first. */
static enum status unknown_command(struct ctx *ctx, const char *first,
				   const char *word)
{
	const char *known[sizeof(commands) / sizeof(commands[0]) + 1];
	size_t n = 0, skip = first ? strlen(first) + 1 : 0;

	for (const struct cmd *cmd = commands; cmd->name; cmd++)
		if (!first || !strncmp(cmd->name, first, skip - 1))
			known[n++] = cmd->name + skip;
	/* "lun" has no row of its own */
	if (!first)
		known[n++] = "lun";
	known[n] = NULL;
	AUTO_FREE char *what = first ? ui_format("command after '%s':", first)
				     : ui_strdup("command");

	return opts_unknown(ctx, what, word, known);
}

/* The row for the first words of a command line; how many words it took. */
static const struct cmd *find_command(struct ctx *ctx, int argc, char **argv,
				      int *words)
{
	bool begins = false;

	for (const struct cmd *cmd = commands; cmd->name; cmd++) {
		size_t n = strcspn(cmd->name, " ");

		if (strlen(argv[0]) != n || strncmp(cmd->name, argv[0], n))
			continue;
		*words = 1;
		if (!cmd->name[n])
			return cmd;
		*words = 2;
		begins = true;
		if (argc > 1 && !strcmp(cmd->name + n + 1, argv[1]))
			return cmd;
	}
	if (!begins)
		unknown_command(ctx, NULL, argv[0]);
	else if (argc > 1 && argv[1][0] != '-')
		unknown_command(ctx, argv[0], argv[1]);
	else if (argc > 1 && !strcmp(argv[1], "--help"))
		print_usage(ctx);
	else {
		ui_error("%s what? `vhost-scsi --help` lists all commands",
			 argv[0]);
		ctx->status = ST_USAGE;
	}
	return NULL;
}

static int run(struct ctx *ctx, int argc, char **argv)
{
	int words = opts_parse_global(ctx, argc, argv);

	if (words < 0)
		return ctx->status;
	argc -= words;
	argv += words;
	if (!argc) {
		ui_error("which command? `vhost-scsi --help` lists all");
		return ST_USAGE;
	}
	if (!strcmp(argv[0], "--version")) {
		puts("vhost-scsi " VERSION);
		return ST_OK;
	}
	if (!strcmp(argv[0], "--help") || !strcmp(argv[0], "-h") ||
	    (!strcmp(argv[0], "help") && argc == 1))
		return print_usage(ctx);
	ctx->cmd = find_command(ctx, argc, argv, &words);
	if (!ctx->cmd)
		return ctx->status;
	return ctx->cmd->run(ctx, argc - words, argv + words);
}

/* The reader of standard output has gone, after a change that is not ended by that. */
static bool nobody_reads(void)
{
	struct pollfd out = { STDOUT_FILENO, 0, 0 };

	return poll(&out, 1, 0) > 0 && out.revents & (POLLERR | POLLHUP);
}

/**
 * main() - run a command
 * @argc: length of @argv
 * @argv: the command line
 *
 * Return: an enum status.
 */
int main(int argc, char **argv)
{
	struct ctx ctx = { 0 };

	setlocale(LC_CTYPE, "");
	ui_init(UI_COLOR_AUTO);
	int status = run(&ctx, argc - 1, argv + 1);

	ui_progress_end();
	ctx_close(&ctx);
	/* a full disk must not look like success */
	if ((fflush(stdout) || ferror(stdout)) && !nobody_reads()) {
		ui_error("cannot write to standard output: %s%s",
			 strerror(errno),
			 ctx.changed ? "; the change is made" : "");
		status = status ? status : ctx.changed ? ST_CHANGED : ST_FAILED;
	}
	stop_end();
	return status;
}
