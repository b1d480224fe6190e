/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_BUILD_CONTEXT_H
#define COOPER_BUILD_CONTEXT_H

/* Where the build's inputs are: the context argument, the Containerfile, ignore files, named contexts. */
#include "builder/cli/build_opts.h"
#include "snapshotter/store.h"

struct build_inputs {
	struct ops_context *contexts; /* [0] is the build context */
	size_t ncontexts;
	struct lower_named *named;
	size_t nnamed;
	const char *file;             /* the Containerfile's name for messages */
	struct str text;
	const char *path;             /* its absolute path, or "" (stdin) */
};

/*
 * `arg`: a folder, "-" (a tar or a Containerfile on stdin), a git or http URL; NULL is ".". Remote and tar contexts are put into the
 * store's scratch folder. ERR_USAGE, ERR_NOT_FOUND, ERR_REMOTE.
 */
int build_inputs_init(struct cli *cli, struct store *s, const struct build_request *r, const char *arg, struct build_inputs *ret,
	struct err *e);
void build_inputs_done(struct build_inputs *in);

#endif
