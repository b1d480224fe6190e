/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_OPS_H
#define COOPER_OPS_H

/*
 * The kinds of steps and what each is told. Arguments are plain data in the plan's arena, made by builder/lower, hashed into the
 * step's id and key, and read by the op when it runs.
 */
#include "builder/graph/plan.h"
#include "registry/oci.h"

/* --- op_image: a base image; its tree is known from its manifest and config --- */
struct op_image_args {
	struct tree *tree;
};
extern const struct op op_image;

/* --- op_scratch: the empty tree; no arguments --- */
extern const struct op op_scratch;

/* --- op_copy: COPY, ADD, WORKDIR and the sources of bind mounts --- */
enum copy_from { COPY_FROM_CONTEXT, COPY_FROM_INPUT };
struct op_copy_item {
	enum copy_from from;
	unsigned n;              /* number of the context, or of the step's input */
	struct str path;
	bool archive;            /* ADD: unpack when the content is a tar */
	bool unpack_required;    /* ADD --unpack=true */
	bool literal;            /* a fetched file: no wildcards */
	struct str rename;
};
struct op_copy_inline {
	struct str name, content;
};
struct op_copy_args {
	const struct op_copy_item *items;
	size_t nitems;
	const struct op_copy_inline *inlines;
	size_t ninlines;
	struct str dest, workdir;
	struct str chown;        /* "user[:group]" as written, expanded; empty = none */
	bool chown_as_user;      /* WORKDIR: owner is what RUN would run as */
	struct str chmod;
	bool link, parents;
	const struct str *excludes;
	size_t nexcludes;
};
extern const struct op op_copy; /* inputs[0]: destination tree; further ones: sources */

/* --- op_exec: RUN --- */
enum exec_network { EXEC_NET_DEFAULT, EXEC_NET_NONE, EXEC_NET_HOST };
enum exec_mount_kind { EXEC_BIND, EXEC_CACHE, EXEC_TMPFS, EXEC_SECRET, EXEC_SSH };
struct exec_mount {
	enum exec_mount_kind kind;
	const char *target;      /* absolute; NULL: a secret that is only a variable */
	int input;               /* step input it comes from, or -1 */
	struct str source;       /* path inside of the input, relative and clean */
	bool placed;             /* the input holds the source at its root: a folder's content, or a file under its own name */
	bool rw;
	uint64_t size;           /* tmpfs */
	struct str id;           /* cache: identity; secret, ssh: id */
	int sharing;             /* enum mount_sharing */
	bool own;                /* cache: uid, gid, mode were given */
	uint32_t uid, gid, mode;
	bool required;
	struct str env;          /* secret: variable */
};
struct op_exec_args {
	struct strs argv;
	bool words;              /* as they are written, without a shell */
	struct strs env;         /* "K=V", in order; HOME and proxies are added when it runs */
	struct str cwd, user, hostname;
	enum exec_network network;
	bool insecure;
	const struct exec_mount *mounts;
	size_t nmounts;
	struct op_copy_inline script; /* a lone heredoc that begins with #!: name and body; empty name = none */
	struct str text;         /* for messages: the process as BuildKit prints it */
};
extern const struct op op_exec; /* inputs[0]: root tree; further ones: what is mounted */

/* --- op_http, op_git: things fetched for ADD; their tree has one layer --- */
struct op_http_args {
	struct str url;
	struct digest checksum;  /* none = not given */
	struct str name;         /* of the file in the tree */
	uint32_t mode;
};
extern const struct op op_http;
struct op_git_args {
	struct str remote, ref, subdir, checksum;
	bool keep_git_dir;
	bool submodules;
};
extern const struct op op_git;

#endif
