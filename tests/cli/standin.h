/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A folder that behaves as LIO's configfs, for programs that run with the stand-in
 * loaded (LD_PRELOAD=build/cli/standin.so) or linked in. It is told by its path:
 * whatever is below <somewhere>/sys/kernel/config/target, where <somewhere> is not
 * the root. tests/cli/make-root makes one.
 *
 *   STANDIN_FAIL=N:ERRNO   the N-th change (1 is the first) of the process fails,
 *                          for instance 3:EIO; N+:ERRNO: it and all that follow
 *   STANDIN_TERM=N         SIGTERM is sent to the process at its N-th change; 0: when it
 *                          first syncs a file
 *   STANDIN_SYNC=fail      no directory outside of the tree is synced: EIO
 *   STANDIN_HOLD=FILE      rename() waits until there is such a file, for 30 s at most
 *   STANDIN_LOG=FILE       a line is added for each change that was tried
 *   STANDIN_SERIES=6.1     the files of that kernel series (6.12 by default)
 *   STANDIN_PEER=1         those of the in-tree module
 *   STANDIN_NO_MODULE=1    vhost_scsi is not loaded: no mkdir of target/vhost
 *   STANDIN_LIVE=1         changes of the live tree are counted and fail, too; else
 *                          the live tree is left alone
 */
#ifndef STANDIN_H
#define STANDIN_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* enum object - what a directory of the tree is */
enum object {
	NONE,
	FABRIC,
	TARGET,
	TPG,
	LUN,
	ACL,
	MAPPED,
	HBA,
	STORE,
	GROUP, /* of ALUA */
};

/* struct place - a path of the tree, taken apart */
struct place {
	char path[PATH_MAX]; /* all of it */
	const char *below;   /* what comes after ".../target/" */
	bool live;	     /* the kernel's own tree */
	const char *words[12];
	int n;
	char copy[PATH_MAX];
};

/* For programs that have it linked in: the same as STANDIN_FAIL; 0: none. */
void standin_fail(unsigned int number, bool and_all_after, int error);
/* Changes tried since standin_fail(), or since the start. */
unsigned int standin_changes(void);

bool place_find(struct place *place, int dirfd, const char *path);
enum object place_object(const struct place *place);

int make_object(const struct place *place, enum object object);
int remove_object(const struct place *place, enum object object);
int link_object(const struct place *place, const char *target);
int unlink_object(const struct place *place);
int write_file(const struct place *place, const char *data, size_t size);

char *file_get(char value[PATH_MAX], const char *format, ...)
	__attribute__((format(printf, 2, 3)));
int file_put(const char *value, mode_t mode, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
bool link_in(const char *dir, char path[PATH_MAX]);
bool store_is_linked(const char *store);

#endif
