/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A plan: steps, each with a line for people, and the operations that a step is
 * made of. An operation knows how it is undone; one that only undoes (OP_SAVE)
 * stands before the operation whose undoing makes its place anew, for undoing
 * goes from the last to the first.
 */
#ifndef VSCSI_PLAN_H
#define VSCSI_PLAN_H

#include <sys/stat.h>

#include "internal.h"

#pragma GCC visibility push(hidden)

/* enum op_kind - what an operation does, and what undoes it */
enum op_kind {
	OP_MKDIR,  /* rmdir */
	OP_RMDIR,  /* mkdir */
	OP_WRITE,  /* a write of @undo, if there is one */
	OP_SAVE,   /* nothing; undone by a write of @undo */
	OP_LINK,   /* of @path to @value; unlink */
	OP_UNLINK, /* a link to @value */
	OP_LOAD_PR, /* hand kept reservations of serial @value to the backstore; nothing */
	OP_SAVE_PR,    /* nothing; undone as OP_SAVE is, by the same */
	OP_CHECK_FREE, /* the TPG must have no guest; nothing */
	OP_CHECK_FILE, /* the file @value must be there; nothing */
};

struct op {
	enum op_kind kind;
	char *path;  /* relative to the tree */
	char *value; /* may be NULL, as the next */
	char *undo;
	bool differs; /* leave it if the value is there already */
	bool loses;   /* undone, data is lost all the same */
	bool trivial; /* if it fails, no matter */
	bool bound;   /* to be undone only if what follows was done */
	bool done;
};

struct step {
	char sign;
	char *line;
	size_t first; /* its first operation */
};

struct vscsi_plan {
	struct vscsi_tree *tree;
	struct op *ops;
	size_t n_ops;
	struct step *steps;
	size_t n_steps;
	struct names
		loaded; /* backstores with reservations that no LUN has taken yet */
	int rc;		/* -ENOMEM while it is made */
};

/* struct hbas - numbers of HBA directories, for new ones */
struct hbas {
	bool *taken;
	size_t n;
};

/* enum fate - what becomes of something that is there */
enum fate {
	STAYS,
	GOES,
	RETURNS, /* goes, and the same or another comes in its place */
};

/* struct make - what a plan is made from */
struct make {
	struct vscsi_tree *tree;
	const struct vscsi_config *live;
	const struct vscsi_config *wanted;
	struct vscsi_plan *plan;
	struct names
		holders; /* processes with an open device, if the module does not tell of whom */
	enum fate *stores; /* of each of live's */
	bool *relinked;	   /* of each of live's: its LUN links go and return */
	unsigned int *unlinked; /* of each of live's: LUN links that go */
	unsigned int *taken;	/* of these, those that the plan has so far */
	struct hbas hbas;
};

/* plan.c */
void step_add(struct vscsi_plan *plan, char sign, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
struct op *op_add(struct vscsi_plan *plan, enum op_kind kind, const char *value,
		  const char *undo, const char *format, ...)
	__attribute__((format(printf, 5, 6)));

/* plan-check.c */
int check_wanted(struct make *make);
int check_new_store(struct make *make, const struct vscsi_store *store);

/* plan-device.c */
bool same_file(const struct stat *a, const struct stat *b);
int check_not_taken(struct make *make, const struct vscsi_store *store);

/* plan-use.c */
int check_in_use(struct make *make);

/* plan-fate.c */
int decide_fates(struct make *make);
bool same_nexus(const char *a, const char *b);
bool nexus_changes(const struct vscsi_tpg *live,
		   const struct vscsi_tpg *wanted);
enum fate fate_of_lun(const struct make *make, const struct vscsi_tpg *wanted,
		      const struct vscsi_lun *lun);
bool serial_changes(const struct vscsi_store *live,
		    const struct vscsi_store *wanted);
uint64_t size_wanted(const struct vscsi_store *store);
const struct vscsi_acl *find_acl(const struct vscsi_tpg *tpg,
				 const char *initiator);
const struct vscsi_acl *find_nexus_acl(const struct vscsi_tpg *tpg,
				       const char *nexus);
const struct vscsi_mapped *find_mapped(const struct vscsi_acl *acl,
				       unsigned int index);

/* plan-store.c */
int plan_new_store(struct make *make, const struct vscsi_store *store,
		   const char *plugin, const char *serial);
int plan_gone_store(struct make *make, const struct vscsi_store *store,
		    bool keep_hba);
void plan_attrs(struct make *make, const struct vscsi_attrs *live,
		const struct vscsi_attrs *wanted, const char *dir,
		const char *of);
char *free_plugin(struct make *make, enum vscsi_kind kind);
const char *size_text(uint64_t size, char buffer[32]);

/* plan-alua.c */
const char *group_value(const char *file, const char *value);
int plan_groups(struct make *make, const char *store, bool again);

/* plan-down.c, plan-up.c */
int plan_targets_down(struct make *make);
int plan_targets_up(struct make *make);

/* remedy.c */
const char *remedy(const struct vscsi_plan *plan, const struct op *op,
		   int error);

#pragma GCC visibility pop

#endif
