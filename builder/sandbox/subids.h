/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_SANDBOX_SUBIDS_H
#define COOPER_SANDBOX_SUBIDS_H

/* The subordinate ids an administrator gave to a user in /etc/subuid and /etc/subgid. */
#include <sys/types.h>

#include "base/arena.h"

struct subid_range {
	uint32_t first, count;
};
struct subids {
	struct subid_range *ranges;
	size_t n, cap;
};
/* Ranges of the lines that name the user or its number; none when the file is missing. name may be NULL. */
struct subids subids_read(struct arena *a, const char *path, const char *name, uid_t uid);
/* From the text of such a file. */
struct subids subids_parse(struct arena *a, struct str text, const char *name, uid_t uid);
/* The name of a user, or NULL. */
char *subids_user_name(struct arena *a, uid_t uid);
/* newuidmap, newgidmap ... in the folders an administrator installs to; NULL if there is none. Never from $PATH. */
const char *subids_helper(struct arena *a, const char *name);

#endif
