// SPDX-License-Identifier: GPL-2.0
/*
 * Asking QEMU. It is run with "-device vhost-scsi-pci,help", which prints a line
 * for each property, and "-version"; both at the same time, since most of it is
 * loading QEMU. What it says is believed, whatever its version.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <time.h>
#include <fcntl.h>
#include <sys/wait.h>

#include "cmd.h"
#include "qemu.h"

#define ANSWER_MAX 65536
#define PATIENCE 60 /* seconds */

/** struct question - a QEMU that runs, and what it has said */
struct question {
	pid_t pid;
	int fd;	      /* -1: it has ended */
	char *answer; /* of ANSWER_MAX + 1 bytes */
	size_t length;
};

/**
 * qemu_free() - let go of what qemu_ask() found
 * @qemu: the answers
 */
void qemu_free(struct qemu *qemu)
{
	for (size_t i = 0; i < qemu->n; i++) {
		free(qemu->v[i].name);
		free(qemu->v[i].value);
	}
	free(qemu->v);
	free(qemu->path);
	free(qemu->version);
	*qemu = (struct qemu){ 0 };
}

/**
 * qemu_property() - a property of vhost-scsi-pci
 * @qemu: the answers
 * @name: its name
 *
 * Return: the property, or NULL.
 */
const struct qemu_property *qemu_property(const struct qemu *qemu,
					  const char *name)
{
	for (size_t i = 0; i < qemu->n; i++) {
		if (strcmp(qemu->v[i].name, name) == 0)
			return &qemu->v[i];
	}
	return NULL;
}

/* Where Debian and most others put it; with --root below that. */
static char *find(const struct ctx *ctx)
{
	static const char *const places[] = {
		"/usr/local/bin/qemu-system-x86_64",
		"/usr/bin/qemu-system-x86_64",
		"/usr/libexec/qemu-kvm",
	};

	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
		char *path = ctx_path(ctx, places[i]);

		if (access(path, X_OK) == 0)
			return path;
		free(path);
	}
	return NULL;
}

static int begin(struct question *question, char *const argv[])
{
	posix_spawn_file_actions_t actions;
	int ends[2], err;

	question->fd = -1;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
	posix_spawn_file_actions_adddup2(&actions, ends[1], 2);
	err = posix_spawn(&question->pid, argv[0], &actions, NULL, argv,
			  environ);
	posix_spawn_file_actions_destroy(&actions);
	close(ends[1]);
	if (err) {
		close(ends[0]);
		return -err;
	}
	question->fd = ends[0];
	question->answer = ui_alloc(ANSWER_MAX + 1);
	return 0;
}

static void take(struct question *question)
{
	ssize_t got = read(question->fd, question->answer + question->length,
			   ANSWER_MAX - question->length);

	if (got > 0)
		question->length += got;
	if (got == 0 || (got < 0 && errno != EINTR) ||
	    question->length == ANSWER_MAX) {
		close(question->fd);
		question->fd = -1;
	}
}

static time_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec;
}

/* Read what they say until all have ended, or one takes too long. */
static int listen_to(struct question *questions, size_t n)
{
	time_t end = now() + PATIENCE;
	bool late = false;
	int err = 0;

	while (!late) {
		struct pollfd fds[2] = { 0 };
		bool open = false;

		for (size_t i = 0; i < n; i++) {
			fds[i] = (struct pollfd){ questions[i].fd, POLLIN, 0 };
			open |= questions[i].fd >= 0;
		}
		if (!open)
			break;
		late = now() >= end;
		poll(fds, n, 1000);
		for (size_t i = 0; i < n; i++) {
			if (fds[i].revents)
				take(&questions[i]);
		}
	}
	for (size_t i = 0; i < n; i++) {
		int status;

		if (late)
			kill(questions[i].pid, SIGKILL);
		if (questions[i].fd >= 0)
			close(questions[i].fd);
		waitpid(questions[i].pid, &status, 0);
		if (late)
			err = -ETIMEDOUT;
	}
	return err;
}

/* "  name=<type>  - text  (default: value)" */
static void parse_property(struct qemu *qemu, char *line)
{
	char *equals = strchr(line, '=');
	char *value = strstr(line, "(default: ");

	if (strncmp(line, "  ", 2) != 0 || !equals || equals[1] != '<')
		return;
	*equals = '\0';
	line += strspn(line, " ");
	if (value) {
		value += strlen("(default: ");
		value[strcspn(value, ")")] = '\0';
		if (value[0] == '"' && value[strlen(value) - 1] == '"') {
			value[strlen(value) - 1] = '\0';
			value++;
		}
	}
	qemu->v = reallocarray(qemu->v, qemu->n + 1, sizeof(*qemu->v));
	if (!qemu->v)
		abort();
	qemu->v[qemu->n++] = (struct qemu_property){
		.name = ui_strdup(line),
		.value = value ? ui_strdup(value) : NULL,
	};
}

static void parse(struct qemu *qemu, char *properties, char *version)
{
	static const char before[] = "version ";
	char *save, *line, *found;

	for (line = strtok_r(properties, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save))
		parse_property(qemu, line);
	found = version ? strstr(version, before) : NULL;
	if (found) {
		found += strlen(before);
		found[strcspn(found, " (\n")] = '\0';
		qemu->version = ui_strdup(found);
	}
}

/**
 * qemu_ask() - ask a QEMU what its vhost-scsi-pci can do
 * @ctx: whose root it is looked for below
 * @path: the program; NULL: the one that is installed
 * @version: ask for its version, too
 * @qemu: filled in; to be freed by qemu_free()
 *
 * Return: 0; -ENOENT if there is none; another negative errno if it does not run
 * or gives no answer.
 */
int qemu_ask(const struct ctx *ctx, const char *path, bool version,
	     struct qemu *qemu)
{
	struct question questions[2] = { 0 };
	size_t n = 0;
	int err;

	*qemu = (struct qemu){ 0 };
	qemu->path = path ? ui_strdup(path) : find(ctx);
	if (!qemu->path)
		return -ENOENT;
	char *const device[] = { qemu->path, "-device", "vhost-scsi-pci,help",
				 NULL };
	char *const which[] = { qemu->path, "-version", NULL };

	err = begin(&questions[n], device);
	if (!err)
		n++;
	if (!err && version) {
		err = begin(&questions[n], which);
		if (!err)
			n++;
	}

	int late = listen_to(questions, n);

	if (!err)
		err = late;
	if (!err)
		parse(qemu, questions[0].answer,
		      version ? questions[1].answer : NULL);
	free(questions[0].answer);
	free(questions[1].answer);
	return err;
}
