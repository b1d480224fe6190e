/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_GIT_H
#define COOPER_GIT_H

/*
 * Checking out git repositories with the git program: found in fixed folders, with an environment of its own (proxies and
 * certificates are those of this process), no hooks, no system or user configuration, only https, http, git and ssh, and nothing in
 * a reference that could be taken for an option.
 */
#include "base/arena.h"
#include "base/digest.h"
#include "base/err.h"
#include "base/pool.h"
#include "base/str.h"
#include "builder/ops/env.h"

struct git_source {
	struct str remote, ref, subdir, checksum; /* as in parser/gitref.h */
	bool keep_git_dir, submodules;
	const char *ssh_socket;                   /* for ssh remotes; NULL: none */
	const struct ops_secret *secrets;         /* for http remotes (git_auth.h) */
	size_t nsecrets;
};

/* The commit that the reference names now, 40 or 64 hex digits, in `a`. Asks the remote unless the reference is a commit itself. */
int git_resolve(const struct git_source *g, const struct cancel *cancel, struct arena *a, struct str *ret_commit, struct err *e);
/* Checks the source out into the empty folder `path` (absolute): the subdirectory's content, without .git unless asked for. The
 * commit's time goes to *ret_time. */
int git_checkout(const struct git_source *g, struct str commit, const char *path, const struct cancel *cancel, int64_t *ret_time,
	struct err *e);

#endif
