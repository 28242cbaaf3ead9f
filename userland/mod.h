/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Kernel modules: the one that is loaded, and the file that would be.
 */
#ifndef MOD_H
#define MOD_H

#include <stdbool.h>

struct ctx;

/** struct mod - a kernel module, see mod_look() */
struct mod {
	bool loaded;
	char *version;	  /* of the loaded one; NULL if it does not tell */
	char *srcversion; /* likewise */
	char *file;	  /* that modprobe would take; NULL: none */
	char *file_version;
	char *file_srcversion;
	char *file_signer; /* who signed it; NULL: nobody */
};

/* Only our vhost_scsi has a version. */
static inline bool mod_loaded_is_ours(const struct mod *mod)
{
	return mod->loaded && mod->version;
}

static inline bool mod_file_is_ours(const struct mod *mod)
{
	return mod->file && mod->file_version;
}

/* The release of the kernel that runs, below ctx's root; NULL if it cannot be told. To be freed. */
char *mod_release(const struct ctx *ctx);
/* @release: of which kernel; NULL: of the one that runs. 0 or -errno; @mod is to be freed. */
int mod_look(const struct ctx *ctx, const char *name, const char *release,
	     struct mod *mod);
void mod_free(struct mod *mod);
/* Is configfs mounted where it belongs? */
bool mod_configfs_mounted(const struct ctx *ctx);
/* What is read of a small file, without the newline; NULL if there is none. To be freed. */
char *mod_read(const struct ctx *ctx, const char *path);

#define AUTO_MOD __attribute__((cleanup(mod_free)))

#endif
