/* SPDX-License-Identifier: GPL-2.0 */
/*
 * libvhostscsi - vhost-scsi targets in LIO's configfs, as objects.
 *
 * What is there and what is wanted are described by the same structures, a
 * configuration. A change is made in four steps:
 *
 *	vscsi_tree_open(&tree, NULL);
 *	vscsi_tree_lock(tree);
 *	vscsi_config_read(tree, &live);            what is there
 *	wanted = vscsi_config_copy(live);          what shall be there:
 *	vscsi_config_add_store(wanted, ...); ...       edit the copy
 *	vscsi_plan_make(tree, live, wanted, &plan);  the way from one to the other
 *	vscsi_plan_run(plan);                      all of it, or nothing
 *
 * Functions that return int return 0, or a negative errno, if nothing else is
 * said at them; vscsi_tree_error() then has a line for people, if the function
 * was given a tree. No function prints. A tree and what was made of it
 * belong to one thread at a time; a configuration belongs to nobody but who made
 * it. Strings and arrays in the structures are the structure's own (malloc'd) and are
 * changed by the functions below.
 */
#ifndef LIBVHOSTSCSI_H
#define LIBVHOSTSCSI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define VSCSI_WWN_MAX 223    /* longest name of a target, in bytes */
#define VSCSI_TAG_MAX 255    /* highest number of a TPG */
#define VSCSI_LUN_MAX 16383  /* highest LUN that a guest can address */
#define VSCSI_WWN_MADE 21    /* "naa." and 16 digits, with the NUL */
#define VSCSI_SERIAL_MADE 33 /* 32 digits, with the NUL */

/** struct vscsi_tree - an open configfs, see vscsi_tree_open() */
struct vscsi_tree;
/** struct vscsi_plan - the steps from one configuration to another */
struct vscsi_plan;

/* ---- what a configuration is made of ---- */

/** enum vscsi_kind - who keeps a backstore's data */
enum vscsi_kind {
	VSCSI_BLOCK,   /* a block device; LIO's iblock */
	VSCSI_FILEIO,  /* a file, or a block device through the page cache */
	VSCSI_RAMDISK, /* memory, lost with the backstore; LIO's rd_mcp */
	VSCSI_PSCSI,   /* a SCSI device, its commands passed through */
	VSCSI_USER,    /* a program, by TCMU */
	VSCSI_OTHER,   /* a kind that this library cannot make; only read */
};

/** struct vscsi_attr - a file of an attribute group, and its value */
struct vscsi_attr {
	char *name;  /* the file's name */
	char *value; /* without the newline */
};

/** struct vscsi_attrs - attributes, sorted by name */
struct vscsi_attrs {
	struct vscsi_attr *v;
	size_t n;
};

/** struct vscsi_store - a backstore */
struct vscsi_store {
	enum vscsi_kind kind;
	char *name; /* unique among those of its kind */
	char *path; /* block, fileio, pscsi: the device or file, pscsi: or "host:channel:target:lun"; user: the handler's configuration; else NULL */
	uint64_t
		size; /* bytes; block, pscsi: read only, 0 unknown; fileio: 0 is that of the file; that of a block device is read only */
	bool buffered; /* fileio: through the page cache, not synchronous */
	bool aio;      /* fileio: asynchronous, without the page cache */
	bool readonly; /* block: opened for reading only */
	bool nullio;   /* ramdisk: data is thrown away; for benchmarks */
	char *serial; /* unit serial number, by which a guest knows the disk; NULL: LIO's */
	struct vscsi_attrs
		attrs; /* attrib/: read: all that can be written; wanted: those to be set */

	/* What is read only: not compared, not written. */
	char *plugin; /* directory under core/, for instance "iblock_3"; NULL in a wanted one */
	bool enabled;	    /* its device is set up */
	unsigned int users; /* LUN links to it, of all fabrics */
};

/** struct vscsi_lun - a backstore's link into a TPG */
struct vscsi_lun {
	unsigned int index;   /* number of the LUN */
	enum vscsi_kind kind; /* the backstore: kind ... */
	char *store;	      /* ... and name */
	char *alias; /* name of the link; NULL in a wanted one: the store's name */
	char *alua; /* ALUA target port group; NULL: the default */
};

/** struct vscsi_mapped - a LUN as an ACL shows it to its initiator */
struct vscsi_mapped {
	unsigned int index; /* LUN as the initiator sees it */
	unsigned int lun;   /* LUN of the TPG */
	bool readonly;
};

/** struct vscsi_acl - what one initiator may see */
struct vscsi_acl {
	char *initiator;
	struct vscsi_mapped *mapped;
	size_t n_mapped;
};

/** struct vscsi_tpg - a target port group: one SCSI target of the guest */
struct vscsi_tpg {
	unsigned int tag; /* N of tpgt_N: target number that the guest sees */
	char *nexus; /* name of the initiator, with "fc." if it has that; NULL: none */
	struct vscsi_attrs attrs; /* attrib/ */
	struct vscsi_lun *luns;	  /* sorted by index */
	size_t n_luns;
	struct vscsi_acl *acls; /* sorted by initiator */
	size_t n_acls;
	bool ours; /* made by who keeps the configuration; for him alone: it is not in configfs */

	/* What is read only: the process that uses the TPG. */
	pid_t pid; /* 0: nobody; -1: the module does not tell */
	char *command;
	uid_t uid;
};

/** struct vscsi_target - a WWN: one vhost-scsi device of a VMM */
struct vscsi_target {
	char *wwn;
	char *label; /* a name for people; configfs does not keep it */
	struct vscsi_attrs params; /* param/ */
	struct vscsi_tpg *tpgs;	   /* sorted by tag */
	size_t n_tpgs;
};

/** struct vscsi_config - backstores and vhost targets */
struct vscsi_config {
	struct vscsi_store *stores; /* sorted by kind and name */
	size_t n_stores;
	struct vscsi_target *targets; /* sorted by wwn */
	size_t n_targets;
};

/* ---- the tree ---- */

/* @root: what all paths are below, NULL for "/". -ENOENT: no configfs there, or LIO is not loaded. */
int vscsi_tree_open(struct vscsi_tree **tree, const char *root);
void vscsi_tree_close(struct vscsi_tree *tree);
/* Keeps others out: this library's users, and targetcli, which holds its lock as long as it runs. Waits up to @seconds; -EBUSY. */
int vscsi_tree_lock(struct vscsi_tree *tree, unsigned int seconds);
void vscsi_tree_unlock(struct vscsi_tree *tree);
/* The last failure of @tree in one line: what was tried, where, why, and what to do. Never NULL.
 * Also after vscsi_tree_open() failed, with @tree NULL.
 */
const char *vscsi_tree_error(const struct vscsi_tree *tree);
/* A descriptor to poll(): readable when targets, TPGs, LUNs or backstores came or went. It does
 * not tell of attributes that change, nor of a guest that attaches.
 */
int vscsi_tree_watch(struct vscsi_tree *tree);
/* Forgets what made the descriptor readable, and looks at directories that are new. */
int vscsi_tree_watched(struct vscsi_tree *tree);

/* ---- configurations ---- */

int vscsi_config_read(struct vscsi_tree *tree, struct vscsi_config **config);
struct vscsi_config *vscsi_config_new(void);
struct vscsi_config *vscsi_config_copy(const struct vscsi_config *config);
void vscsi_config_free(struct vscsi_config *config);

/* They return what was made, in its place, or NULL with errno EEXIST, EINVAL or ENOMEM.
 * Pointers into an array are valid until the next such call on that array.
 */
struct vscsi_store *vscsi_config_add_store(struct vscsi_config *config,
					   enum vscsi_kind kind,
					   const char *name);
struct vscsi_target *vscsi_config_add_target(struct vscsi_config *config,
					     const char *wwn);
struct vscsi_tpg *vscsi_target_add_tpg(struct vscsi_target *target,
				       unsigned int tag);
struct vscsi_lun *vscsi_tpg_add_lun(struct vscsi_tpg *tpg, unsigned int index,
				    enum vscsi_kind kind, const char *store);
struct vscsi_acl *vscsi_tpg_add_acl(struct vscsi_tpg *tpg,
				    const char *initiator);
struct vscsi_mapped *vscsi_acl_add_mapped(struct vscsi_acl *acl,
					  unsigned int index, unsigned int lun,
					  bool readonly);
/* @value NULL takes the attribute away. */
int vscsi_attrs_set(struct vscsi_attrs *attrs, const char *name,
		    const char *value);
/* Replaces a string of a structure. @value may be NULL. */
int vscsi_set(char **string, const char *value);

/* NULL if there is none. */
struct vscsi_store *vscsi_config_store(const struct vscsi_config *config,
				       enum vscsi_kind kind, const char *name);
struct vscsi_target *vscsi_config_target(const struct vscsi_config *config,
					 const char *wwn);
struct vscsi_tpg *vscsi_target_tpg(const struct vscsi_target *target,
				   unsigned int tag);
struct vscsi_lun *vscsi_tpg_lun(const struct vscsi_tpg *tpg,
				unsigned int index);
struct vscsi_acl *vscsi_tpg_acl(const struct vscsi_tpg *tpg,
				const char *initiator);
const char *vscsi_attrs_get(const struct vscsi_attrs *attrs, const char *name);

/* They take away an object and all that it holds; what is not there is no error. */
void vscsi_config_del_store(struct vscsi_config *config, enum vscsi_kind kind,
			    const char *name);
void vscsi_config_del_target(struct vscsi_config *config, const char *wwn);
void vscsi_target_del_tpg(struct vscsi_target *target, unsigned int tag);
void vscsi_tpg_del_lun(struct vscsi_tpg *tpg, unsigned int index);
void vscsi_tpg_del_acl(struct vscsi_tpg *tpg, const char *initiator);

/* ---- plans ---- */

/* The steps that make @live to @wanted. Objects of @live that @wanted has not are taken away;
 * attributes that @wanted does not name, and a serial that is NULL, are left as they are. Changes nothing.
 * -EINVAL: @wanted cannot be (a LUN of a store that is not there, a bad name, a new store on another's file ...);
 * -EBUSY: a guest uses a TPG, a nexus or a LUN that would go or become another (a LUN may only go, as a disk is
 * pulled, with what maps it), another fabric a store, or the host the device of a new fileio store;
 * -EPERM: data would be lost (a ramdisk that would be replaced); -EOPNOTSUPP: a store of a kind that
 * could not be made again would go.
 */
int vscsi_plan_make(struct vscsi_tree *tree, const struct vscsi_config *live,
		    const struct vscsi_config *wanted,
		    struct vscsi_plan **plan);
void vscsi_plan_free(struct vscsi_plan *plan);
/* Steps, and each as a line for people: "make backstore ramdisk/demo (64 MiB)", "link LUN 0 ...". */
size_t vscsi_plan_steps(const struct vscsi_plan *plan);
const char *vscsi_plan_step(const struct vscsi_plan *plan, size_t index);
/* '+' something comes, '-' goes, '~' changes. */
char vscsi_plan_sign(const struct vscsi_plan *plan, size_t index);
/* Does all steps, or undoes those that were done. @progress, if given, is called before each.
 * SIGINT, SIGTERM and SIGHUP wait; -EINTR: one came, and nothing is changed. SIGPIPE waits, too, and does not
 * stop it. -ENOTRECOVERABLE: undoing failed as well; the error says what is left.
 */
int vscsi_plan_run(struct vscsi_plan *plan,
		   void (*progress)(void *arg, size_t index, const char *step),
		   void *arg);

/* ---- small things ---- */

/* "block", "fileio", "ramdisk", "pscsi", "user"; "other". */
const char *vscsi_kind_name(enum vscsi_kind kind);
/* -1 for an unknown word; also knows targetcli's names. */
int vscsi_kind_parse(const char *name);
/* What is wrong with a target's name, or NULL. @strict: also what targetcli and libvirt demand. */
const char *vscsi_wwn_wrong(const char *wwn, bool strict);
/* The name "naa.5001405" and nine digits, made of the machine's identity and @seed: the same each time. */
int vscsi_wwn_make(struct vscsi_tree *tree, const char *seed,
		   char wwn[VSCSI_WWN_MADE]);
/* A serial number of 32 digits, likewise. */
int vscsi_serial_make(struct vscsi_tree *tree, const char *seed,
		      char serial[VSCSI_SERIAL_MADE]);
/* Has another size of a block or user backstore seen. Nothing is written for a block device: our module sees
 * its new size by itself and tells the guests; under the in-tree one, rescan in the guest. -EOPNOTSUPP: LIO fixed it
 * when the backstore was made. @size: 0 if the device says; user: bytes. @now is the size afterwards.
 */
int vscsi_store_resize(struct vscsi_tree *tree, const struct vscsi_store *store,
		       uint64_t size, uint64_t *now);
/* Persistent reservations that LIO kept in its folder for the store of @serial: 1 if there are, 0, -errno. */
int vscsi_reservations_kept(struct vscsi_tree *tree, const char *serial);

#ifdef __cplusplus
}
#endif

#endif
