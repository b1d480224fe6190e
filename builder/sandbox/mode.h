/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_SANDBOX_MODE_H
#define COOPER_SANDBOX_MODE_H

/* What the machine and this process allow; see sandbox_mode. */
#include "builder/sandbox/sandbox.h"
#include "builder/sandbox/subids.h"

struct mode_ids {
	uid_t uid;
	gid_t gid;
	bool ranges; /* subordinate ids for both and the two programs that map them */
	struct subids uids, gids;
	const char *newuidmap, *newgidmap;
	const char *name; /* of the user, or its number */
};
struct mode_ids mode_ids(struct arena *a);
/* CAP_SYS_ADMIN in the user namespace this process is in. */
bool mode_may_mount(void);
/* This process is in a user namespace of its own now: the answer of sandbox_mode has to be found again. */
void mode_entered(void);
/* The root of this process is no mount: the kernel gives no user namespace to it. */
bool mode_in_chroot(void);
/* Why a user namespace could not be made, and what mends it. */
void mode_explain_userns(struct buf *out, int error);

#endif
