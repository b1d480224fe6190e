/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_REGISTRIES_H
#define COOPER_REGISTRIES_H

/*
 * What the machine's owner says about registries: containers-registries.conf(5), version 2. Of it, `insecure`, `blocked` and
 * `location` of the [[registry]] with the longest fitting `prefix` count; mirrors, aliases and search lists are left out.
 */
#include "base/arena.h"
#include "base/err.h"

struct registry_rule {
	bool insecure, blocked;
	struct str host, repo; /* where the repository really is; as asked when nothing else is said */
};
/* Reads $CONTAINERS_REGISTRIES_CONF, or the user's file, or the system's, and the files of registries.conf.d. What cannot be
 * understood is passed over. Strings live in `a`. */
void registries_find(struct str host, struct str repo, struct arena *a, struct registry_rule *ret);

/* One file's text, for tests: the best rule so far and the length of its prefix are improved. */
struct registry_match {
	struct str name;   /* "host/repo" */
	size_t best_len;
	bool insecure, blocked;
	struct str prefix, location;
};
void registries_read(struct str text, struct arena *a, struct registry_match *m);

#endif
