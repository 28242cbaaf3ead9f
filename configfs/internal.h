/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the library's files share and its users do not see: the open tree, and
 * the few operations by which the tree is read and changed. All paths are
 * relative to the directory of LIO, opened once, and made of names that were
 * checked or were read from the tree; symbolic links are never followed.
 */
#ifndef VSCSI_INTERNAL_H
#define VSCSI_INTERNAL_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include "libvhostscsi.h"

#pragma GCC visibility push(hidden)

#define CONFIGFS_TARGET "sys/kernel/config/target"
/* An attribute is one page at most. */
#define VALUE_MAX 4096
#define ERROR_MAX 2048

#define AUTO(function) __attribute__((cleanup(function)))
#define AUTO_FREE AUTO(free_pointer)
#define AUTO_CLOSE AUTO(close_descriptor)

static inline void free_pointer(void *p)
{
	free(*(void **)p);
}

static inline void close_descriptor(const int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

/* struct watches - the directories that an inotify descriptor looks at */
struct watches {
	int fd;	      /* -1: none was asked for */
	char **paths; /* relative to the tree */
	size_t n;
};

struct vscsi_tree {
	char *root;  /* absolute, without a slash at its end: "" for "/" */
	int fd;	     /* the directory of LIO */
	int lock[2]; /* ours, targetcli's; -1: not held */
	struct watches watches;
	char error[ERROR_MAX];
};

/* struct names - entries of a directory, sorted */
struct names {
	char **v;
	size_t n;
};

void names_free(struct names *names);
int names_add(struct names *names, const char *name);

/* tree.c */
int tree_fail(struct vscsi_tree *tree, int error, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
char *tree_path(const struct vscsi_tree *tree, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
const char *tree_place(const struct vscsi_tree *tree, const char *path);
char *text(const char *format, ...) __attribute__((format(printf, 1, 2)));
int file_read(int dir, const char *path, char **value);
int tree_read(const struct vscsi_tree *tree, const char *path, char **value);
int tree_write(const struct vscsi_tree *tree, const char *path,
	       const char *value);
int tree_list(const struct vscsi_tree *tree, const char *path,
	      struct names *names);
bool tree_has(const struct vscsi_tree *tree, const char *path);
int tree_link_in(const struct vscsi_tree *tree, const char *dir, char **name,
		 char **target);

/* name.c */
bool name_is_good(const char *name);
bool value_is_good(const char *value, size_t max);
bool number_after(const char *name, const char *prefix, unsigned int *number);
enum vscsi_kind kind_of_plugin(const char *plugin);
const char *kind_prefix(enum vscsi_kind kind);
bool same_value(const char *a, const char *b);
const char *bare_nexus(const char *nexus);
char *whole_nexus(const char *wwn, const char *nexus);
void sha256(const void *data, size_t size, uint8_t digest[32]);

/* read-store.c */
int read_stores(struct vscsi_tree *tree, struct vscsi_config *config);
int read_attrs(struct vscsi_tree *tree, const char *dir,
	       struct vscsi_attrs *attrs);

/* config.c */
void *array_insert(void *array, size_t *n, size_t size, size_t at);
void array_remove(void *array, size_t *n, size_t size, size_t at);

/* scsi.c */
int scsi_address(const struct vscsi_tree *tree, const char *device,
		 unsigned int hctl[4], char **udev_path);
uint64_t block_size_of(const struct vscsi_tree *tree, unsigned int major,
		       unsigned int minor);

/* aptpl.c */
int reservations_read(const struct vscsi_tree *tree, const char *serial,
		      struct names *lines);

/* lock.c */
int device_holders(const struct vscsi_tree *tree, struct names *pids);

#pragma GCC visibility pop

#endif
