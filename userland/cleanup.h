/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What is declared with one of these is let go of at the end of its scope.
 */
#ifndef CLEANUP_H
#define CLEANUP_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <json-c/json.h>

#include "libvhostscsi.h"

#define CLEANUP(function) __attribute__((cleanup(function)))
#define AUTO_FREE CLEANUP(cleanup_free)
#define AUTO_CLOSE CLEANUP(cleanup_close)
#define AUTO_FCLOSE CLEANUP(cleanup_fclose)
#define AUTO_JSON CLEANUP(cleanup_json)
#define AUTO_CONFIG CLEANUP(cleanup_config)
#define AUTO_PLAN CLEANUP(cleanup_plan)

static inline void cleanup_free(void *p)
{
	free(*(void **)p);
}

static inline void cleanup_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static inline void cleanup_fclose(FILE **file)
{
	if (*file)
		fclose(*file);
}

static inline void cleanup_json(struct json_object **object)
{
	json_object_put(*object);
}

static inline void cleanup_config(struct vscsi_config **config)
{
	if (*config)
		vscsi_config_free(*config);
}

static inline void cleanup_plan(struct vscsi_plan **plan)
{
	if (*plan)
		vscsi_plan_free(*plan);
}

#endif
