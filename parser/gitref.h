/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_GITREF_H
#define COOPER_GITREF_H

/* Git references as sources of ADD and as build contexts: git@host:path, git://, ssh://, http(s)://….git, with #ref:subdir
 * or ?ref=…&subdir=…. */
#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

enum gitref_choice { GITREF_UNSET = -1, GITREF_NO = 0, GITREF_YES = 1 };

struct gitref {
	struct str remote;                 /* URL without fragment and query */
	struct str short_name;             /* last element of the path without ".git" */
	struct str ref;                    /* "" = the remote's HEAD; refs/heads/x and refs/tags/x from ?branch= and ?tag= */
	struct str subdir;                 /* "" = the root */
	struct str checksum;               /* prefix the commit's hash must have, or "" */
	struct str mtime;                  /* "", "checkout" or "commit" */
	enum gitref_choice keep_git_dir, submodules;
	bool fetch_by_commit;
	bool maybe_local;                  /* "github.com/u/r": could be a path as well; ADD takes such a source as local */
	bool unencrypted;                  /* git:// or http:// */
};

/*
 * *ret_is_git false and 0 when the text is no git reference at all; an error (ERR_SYNTAX) only for a git reference with a
 * wrong query, or one that would be an option or lead out of the repository. Strings live in `a`.
 */
int gitref_parse(struct str text, struct arena *a, struct gitref *ret, bool *ret_is_git, struct err *e);

#endif
