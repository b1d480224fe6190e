/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_MOUNTSPEC_H
#define COOPER_MOUNTSPEC_H

/* The value of RUN --mount: CSV of key=value. */
#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

enum mount_type { MOUNT_BIND, MOUNT_CACHE, MOUNT_TMPFS, MOUNT_SECRET, MOUNT_SSH, MOUNT_TYPE_COUNT };
enum mount_sharing { MOUNT_SHARED, MOUNT_PRIVATE, MOUNT_LOCKED, MOUNT_SHARING_COUNT };

struct mount_spec {
	enum mount_type type;
	struct str from;            /* never expanded; empty = the context */
	struct str source, target;  /* as written; target may be relative or empty */
	struct str id;
	struct str env;             /* secret: name of the variable */
	bool has_env;
	bool readonly;              /* the type's default when nothing was said: bind, secret, ssh true; cache, tmpfs false */
	bool required;
	bool has_sharing;
	enum mount_sharing sharing; /* MOUNT_SHARED when nothing was said */
	bool has_mode, has_uid, has_gid;
	uint32_t mode, uid, gid;
	int64_t size;               /* tmpfs; 0 = no limit */
};

/* Expands one value: expand_word with the state before the instruction. */
typedef int mount_expand_fn(void *arg, struct str value, struct str *ret, struct err *e);

/*
 * Checks what can be said before expansion (CSV form, "from" without variables) and gives `from`. For the moment when the
 * file is read: such errors count for unused stages too.
 */
int mount_spec_check(struct str text, struct arena *a, struct str *ret_from, struct err *e);

/*
 * The whole value, keys in the order written ("type" has to stand before "size" and "required"). expand may be NULL: values
 * are taken as they are. Strings live in `a`. ERR_SYNTAX; unknown keys and types suggest the nearest.
 */
int mount_spec_parse(
    struct str text, mount_expand_fn *expand, void *arg, struct arena *a, struct mount_spec *ret, struct err *e);

#endif
