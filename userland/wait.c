// SPDX-License-Identifier: GPL-2.0
/*
 * At boot a device may come later than we do: a logical volume that nothing in fstab
 * names, a path of a SAN. Nothing tells systemd that we want it, so we wait.
 */
#include <poll.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "config.h"

#define LOOK_EVERY 200 /* milliseconds */

/* The first device that is saved and not there, or NULL. */
static const char *lacking(struct ctx *ctx, const struct vscsi_config *saved)
{
	for (size_t i = 0; i < saved->n_stores; i++) {
		const char *path = saved->stores[i].path;

		if (!path || strncmp(path, "/dev/", strlen("/dev/")))
			continue;
		AUTO_FREE char *place = ctx_path(ctx, path);

		if (access(place, F_OK))
			return path;
	}
	return NULL;
}

/**
 * wait_for_devices() - wait until all devices that are saved are there
 * @ctx: the run; no lock is held
 * @seconds: how long at most
 *
 * Return: ST_OK, also if some did not come: who makes what is on them says so. Else the
 * status to end with after saying what is wrong with what is saved.
 */
enum status wait_for_devices(struct ctx *ctx, long seconds)
{
	AUTO_CONFIG struct vscsi_config *saved = state_load(ctx);
	struct timespec now, end;
	const char *path = NULL;

	if (!saved)
		return ctx->status;
	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += seconds;
	while ((path = lacking(ctx, saved))) {
		clock_gettime(CLOCK_MONOTONIC, &now);
		if (now.tv_sec > end.tv_sec ||
		    (now.tv_sec == end.tv_sec && now.tv_nsec >= end.tv_nsec))
			break;
		poll(NULL, 0, LOOK_EVERY);
	}
	if (path)
		ui_note("%s is not there after %ld seconds", path, seconds);
	return ST_OK;
}
