/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_SANDBOX_H
#define COOPER_SANDBOX_H

/*
 * Runs one command in a tree: described first, as data, then carried out as a table of stages. The same code for root
 * and for an ordinary user inside the user namespace that userns_enter made.
 */
#include "base/buf.h"
#include "base/pool.h"

enum sandbox_network { SANDBOX_NET_DEFAULT, SANDBOX_NET_NONE, SANDBOX_NET_HOST };

enum sandbox_mount_kind {
	SANDBOX_BIND,    /* source_fd (O_PATH folder or file) or lowers, read-only unless rw */
	SANDBOX_OVERLAY, /* the same as lower of an overlay, writes go to a throw-away upper (beside run.work_fd) */
	SANDBOX_TMPFS,   /* size bytes (0 = default), mode 1777 */
	SANDBOX_FILE,    /* `content` as a file on a tmpfs: secrets, heredoc scripts; never touches a disk */
	SANDBOX_SOCKET,  /* source_path: a unix socket of the host (ssh agent) */
};
struct sandbox_mount {
	enum sandbox_mount_kind kind;
	const char *target; /* absolute, inside the tree; symlinks resolved inside the root; made when missing, and such
	                       stubs (and only they) are removed again when they are empty afterwards */
	int source_fd;
	const int *lowers; /* BIND, OVERLAY: a tree of several layers, BOTTOM first, instead of source_fd; BIND is then
	                      read-only */
	size_t nlowers;
	/* SOCKET: the host's socket. BIND, OVERLAY: when not NULL, the part of the source that is meant; symlinks are
	 * resolved inside the source; a missing one makes sandbox_run fail with ERR_NOT_FOUND. */
	const char *source_path;
	bool rw;
	uint64_t size;
	struct str content;
	uint32_t mode, uid, gid; /* FILE, SOCKET */
};

struct sandbox_host { /* a line of /etc/hosts */
	const char *name, *ip;
};

struct sandbox_limit { /* --ulimit */
	int resource;  /* RLIMIT_* */
	uint64_t soft, hard;
};

/* What a step may use up, all its processes together (control groups; see cgroup.h). 0 and NULL: no limit. */
struct sandbox_resources {
	uint64_t memory;      /* bytes */
	uint64_t memory_swap; /* memory and swap together; UINT64_MAX = as much swap as there is; 0 = twice memory */
	uint64_t pids;
	uint64_t cpu_period;  /* microseconds; 0 = 100000 */
	int64_t cpu_quota;    /* microseconds of a period; -1 = no limit */
	uint64_t cpu_shares;  /* 1024 is usual */
	const char *cpuset_cpus, *cpuset_mems; /* "0-3,7" */
	const char *cgroup_parent; /* below which the step's cgroup is made; NULL: found */
};

struct sandbox_run {
	const int *lowers; /* O_PATH folders of the layers, BOTTOM first (may be 0) */
	size_t nlowers;
	int upper_fd,
	    work_fd; /* folders of one mount; upper gets the changes; work is emptied again of what was put there */
	char *const *argv; /* argv[0] is looked up in env's PATH inside the tree when it has no slash */
	char *const *env;  /* complete */
	const char *cwd;   /* absolute; made 0755 root when missing (and kept) */
	uint32_t uid, gid;
	const uint32_t *groups;
	size_t ngroups;
	const char *hostname;
	enum sandbox_network network;
	bool insecure; /* --security=insecure */
	const struct sandbox_mount *mounts;
	size_t nmounts;
	const struct sandbox_host *hosts;
	size_t nhosts;
	const struct sandbox_limit *limits;
	size_t nlimits;
	uint64_t shm_size; /* 0 = 64 MiB */
	const struct sandbox_resources *resources; /* NULL: no limits; all steps of a process have the same */
	const struct cancel *cancel;
	/* Output as it comes, from the calling thread. stream: 1 stdout, 2 stderr. */
	void (*output)(void *arg, int stream, const void *p, size_t len);
	void *arg;
	/* With one id: whom a link or special file of the lowers belongs to, by its path in the tree (without a slash in front); false
	 * when it is not known. May be NULL; called from the calling thread. */
	bool (*owner)(void *arg, const char *path, uint32_t *ret_uid, uint32_t *ret_gid);
	bool interactive; /* the caller's terminal instead of pipes (--on-error=shell): carried to one of the step's own
	                   */
};

struct sandbox_owner { /* of a file in the upper that cannot carry the attribute */
	uint64_t ino;
	int64_t born; /* its time of birth, 0 where the file system has none */
	uint32_t born_nsec, uid, gid;
};

struct sandbox_result {
	int exit_code; /* 128 + signal when killed by one */
	int signal;
	/* Mount points (relative paths) that could not be removed from the upper and are to be left out of the layer;
	 * usually none. */
	char **stubs;
	size_t nstubs;
	struct sandbox_owner *owners; /* with one id: see below */
	size_t nowners;
	bool out_of_memory, out_of_pids; /* a limit of run.resources was met: a process was killed, none could be made */
};
void sandbox_result_done(struct sandbox_result *r);

/* Blocks until the step and every process of it is gone. A command that ran and failed is success here: look at
 * exit_code. ERR_SYS and friends when it could not be started: the text names the stage. ERR_NOT_FOUND: no such command
 * (text as runc: 'exec: "x": executable file not found in $PATH'), or no such source_path; ERR_DENIED, ERR_UNSUPPORTED:
 * the command may not, cannot be run. ERR_CANCELLED. Callable from several threads at once; the calling thread has to
 * live until it returns, the step dies with it.
 *
 * With one id (SANDBOX_SINGLE_ID) owners that the step gives to files are in their extended attribute
 * "user.cooper.owner", as "UID:GID" in decimal; whoever reads the upper has to take them from there and to leave the
 * attribute out. Those of links and special files, which cannot have one, are in ret->owners. */
int sandbox_run(const struct sandbox_run *run, struct sandbox_result *ret, struct err *e);

/* What this machine allows, found once; also what `cooper info` shows. */
enum sandbox_mode {
	SANDBOX_ROOT,      /* uid 0, may mount */
	SANDBOX_SUBIDS,    /* user namespace with the user's subordinate ids */
	SANDBOX_SINGLE_ID, /* user namespace with one id */
	SANDBOX_UNAVAILABLE
};
enum sandbox_mode sandbox_mode(
    struct buf *why); /* why: text for people, what is missing and the command that mends it */

/* For an ordinary user: puts THIS process into a new user namespace with the full id map, where it is uid 0 with all
 * capabilities. Must be called while the process has one thread. No-op for root and when already done. */
int userns_enter(struct err *e);
/* Something the user should know once about how steps run (no private network, a limit without effect); NULL when there is nothing
 * more. */
const char *sandbox_notice(void);
/* Which network a step without --network gets here, and if it is the host's why, with what mends it: text for people. */
void sandbox_default_network(struct buf *out);
/* Which limits of sandbox_resources can be had here, and why not the others: text for people. */
void sandbox_limits(struct buf *out);
/* A step on the default network is likely to come: begins to make it, beside what the caller goes on with. */
void sandbox_expect_network(void);
/* Ends what is there for the whole build: the private network (pasta), the builder's own cgroup. */
void sandbox_shutdown(void);

#endif
