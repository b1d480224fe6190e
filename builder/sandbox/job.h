/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_SANDBOX_JOB_H
#define COOPER_SANDBOX_JOB_H

/*
 * One step while it is carried out; private to this folder. The parent fills it with ordinary code and errors that
 * speak; what is left for the processes after the clone is a table of short stages that read it and call nothing but the
 * kernel.
 *
 *	builder --clone(new pid ns)--> keeper --clone(all namespaces, vfork)--> step, pid 1 of its own pid ns
 *
 * The keeper is there for the one promise that a hostile step could break otherwise: it dies with the builder (a step
 * may reset its own parent-death signal, but it cannot reach the keeper's), and with the keeper, init of the outer pid
 * namespace, the kernel kills everything inside.
 */
#include <sys/stat.h>
#include <time.h>

#include "base/arena.h"
#include "builder/sandbox/kernel.h"
#include "builder/sandbox/overlay.h"
#include "builder/sandbox/sandbox.h"
#include "builder/sandbox/walk.h"

/* Something made in the root only so that a mount can stand on it, or a folder touched by that. */
struct note {
	enum { NOTE_FILE, NOTE_FOLDER, NOTE_TOUCHED } kind;
	bool in_upper;           /* TOUCHED: the upper had this folder before */
	bool xattrs;             /* TOUCHED: it has extended attributes */
	uint32_t mode, uid, gid; /* TOUCHED: as it was */
	struct timespec mtime;
	size_t path; /* offset in shared.text, NUL-terminated, relative to the root */
};
enum { MAX_NOTES = 2048, MAX_NOTE_TEXT = 512 * 1024, DETAIL_SIZE = 512 };

/* Written by keeper and step, read by the builder; the only memory they have in common. */
struct shared {
	int stage;                /* index into the step's stages, or one of the negative marks below */
	int error;                /* errno of the stage that failed, 0 = none */
	char detail[DETAIL_SIZE]; /* what it was about: a path, an option */
	int wait_status;          /* of the step */
	bool ended;               /* wait_status is valid */
	size_t nnotes, text_len;
	struct note notes[MAX_NOTES];
	char text[MAX_NOTE_TEXT];
};
enum { STAGE_KEEPER = -1, STAGE_CGROUP = -2 };

/* Where the tree of a mount comes from. */
enum source {
	SOURCE_TREE,    /* job_mount.tree_fd, detached, made by the parent */
	SOURCE_SCRATCH, /* a name in the scratch tmpfs */
	SOURCE_FRESH    /* a new instance of a kernel file system, made in the step's namespaces */
};
struct job_mount {
	enum source source;
	const char *target;
	struct overlay_old *old;    /* TREE that can only be made in the child */
	int tree_fd;                /* filled in the child for the other kinds */
	const char *name;           /* SCRATCH: name; FRESH: type */
	const char *const *options; /* FRESH: key, value, ..., NULL; value NULL = flag */
	const char *fallback;       /* FRESH: when it is refused, this path of the host, read-only */
	const char *subpath;        /* of the source; walked inside it */
	uint64_t attrs;             /* MOUNT_ATTR_* */
	bool optional;              /* a failure is no failure */
	bool builtin;               /* not one of sandbox_run.mounts */
};

struct job {
	const struct sandbox_run *run;
	struct shared *shared;
	int root_fd;                   /* detached mount of the merged tree, or */
	struct overlay_old *root_old;  /* what it takes to make it in the child */
	int scratch_fd;                /* detached tmpfs: /dev, hosts, secrets, sockets, places to attach things at */
	bool plain_root;               /* no lowers: the root is the upper itself */
	int status_read, status_write; /* closes at exec: the only news it carries */
	int out[2], err[2];            /* read end, write end */
	struct terminal *terminal;     /* of an interactive step */
	int net_fd;                    /* network namespace to join, or -1 */
	bool own_network;              /* NONE or net_fd */
	bool single_id;
	bool born_in_cgroup; /* the keeper was cloned into it */
	struct fakeids *fakeids;
	struct cgroup *cgroup;         /* NULL before it was prepared */
	int channel[2]; /* brings descriptors from the step; see channel.c */
	int listener;   /* single id: seccomp's questions; see fakeids.h */
	struct job_mount *mounts;
	size_t nmounts, mounts_cap;
	char **candidates; /* paths to try as the command */
	size_t ncandidates;
	dev_t self_dev; /* our own program: must never be run by a step */
	ino_t self_ino;
	char **masked_cpus; /* thermal_throttle folders below /sys */
	size_t nmasked_cpus;
	int *keep; /* descriptors keeper and step need, ascending */
	size_t nkeep;
	char *stack;                /* the step's, then the keeper's */
	struct arena *arena;        /* dies with the job */
	struct listener *listeners; /* sockets handed to the step */
	size_t nlisteners;
	/* child only */
	uint64_t root_mnt_id;
	int null_fd, empty_fd, proc_fd, sys_fd, new_root_fd;
};

/* A stage after the clone: 0, or -1 with errno. */
struct stage {
	const char *name;
	int (*run)(struct job *j);
};
/* Says what the failing call was about. Safe after the clone. Returns -1 and keeps errno. */
int job_detail(struct job *j, const char *what, const char *which);

struct job_mount *job_mount_add(struct job *j);

/* rootfs.c */
int rootfs_prepare(struct job *j, struct err *e); /* the merged tree, detached */
int rootfs_scratch(struct job *j, struct err *e);
int rootfs_private(struct job *j); /* stages */
int rootfs_pivot(struct job *j);

/* devproc.c */
int devproc_prepare(struct job *j, struct err *e);
int devproc_mask(struct job *j); /* stage: masked and read-only paths */

/* etc_files.c */
int etc_files_prepare(struct job *j, struct err *e);

/* mounts.c */
int mounts_prepare(struct job *j, struct err *e);
int mounts_sources(struct job *j); /* stages */
int mounts_attach(struct job *j);
int mounts_builtin(struct job *j);
int mounts_cwd(struct job *j);

/* stubs.c */
void stubs_watch(struct job *j, struct walk *w); /* child: makes the walk write notes */
/* Afterwards, in the parent: takes them away again; what cannot be removed goes to ret->stubs. */
void stubs_remove(struct job *j, struct sandbox_result *ret);

/* identity.c */
int identity_hostname(struct job *j);
int identity_limits(struct job *j);
int identity_drop(struct job *j);

/* seccomp.c */
int seccomp_install(struct job *j);

/* command.c */
int command_prepare(struct job *j, struct err *e);
int command_exec(struct job *j);
/* Turns the errno of command_exec into the error a caller may test. */
int command_error(const struct job *j, int error, struct err *e);

/* network.c */
int network_prepare(struct job *j, struct err *e);
int network_join(struct job *j);

/* output.c */
int output_prepare(struct job *j, struct err *e);
int output_attach(struct job *j); /* stage: 0, 1 and 2 of the step */
/* Passes output on until pidfd is ready and everything was read. True: it was cancelled (and the step was killed). */
bool output_pump(struct job *j, int pidfd);

/* channel.c */
int channel_open(struct job *j, struct err *e);
int channel_send(struct job *j, char letter, int fd); /* in the step */
int channel_receive(struct job *j, char letter); /* in the builder; -1: it did not come. In the order of sending. */

/* agent.c */
int agent_listen(struct job *j, const char *name, const struct sandbox_mount *m, struct err *e);

#endif
