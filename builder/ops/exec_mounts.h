/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_EXEC_MOUNTS_H
#define COOPER_EXEC_MOUNTS_H

/* RUN --mount: from what was asked (struct exec_mount) to what the sandbox mounts (struct sandbox_mount). */
#include "builder/ops/env.h"
#include "builder/ops/ops.h"

struct exec_cache {            /* a cache folder of the step, however often it is mounted */
	struct exec_mount mount;
	struct digest identity;
	int fd;
};

struct exec_mounts {
	struct arena arena;
	struct exec_cache *caches; /* by identity */
	size_t ncaches;
	struct sandbox_mount *v;
	size_t n;
	char **vars;               /* "NAME=value" for the environment: secrets, SSH_AUTH_SOCK */
	size_t nvars;
	struct ops_tree *trees;    /* opened sources */
	size_t ntrees;
	int *fds;                  /* descriptors and locks to close */
	size_t nfds, fds_cap;
	char **scratch;            /* folders below the store's tmp to remove */
	size_t nscratch, scratch_cap;
	int tmp_fd;
};
int exec_mounts_init(struct exec_mounts *m, struct task *t, struct err *e);
void exec_mounts_done(struct exec_mounts *m);

/* exec_why.c: fills task.why of a RUN. `sources`: digests of what its mounts show of other trees (exec_sources.h). */
void exec_why(struct task *t, const struct digest *sources);

#endif
