/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_SANDBOX_FAKEIDS_H
#define COOPER_SANDBOX_FAKEIDS_H

/*
 * Owners for a user namespace with one id, where the kernel refuses every other: chown and the set*id calls of a step are
 * answered by the builder through a seccomp listener. set*id is a pretence; chown is written down in an extended attribute
 * of the file, "user.cooper.owner" = "UID:GID", for whoever makes a layer of the upper. Links cannot have one: theirs is lost.
 */
#include <stdint.h>

#define FAKEIDS_XATTR "user.cooper.owner"

enum owner_call { OWNER_PRETEND, OWNER_CHOWN, OWNER_LCHOWN, OWNER_FCHOWN, OWNER_FCHOWNAT };
/* seccomp.c: the call behind a notification. */
enum owner_call seccomp_owner_call(uint32_t arch, uint32_t nr);

struct job;
struct err;
/* Makes the way for the listener when this machine needs it. */
int fakeids_prepare(struct job *j, struct err *e);
/* After the start: takes the listener, -1 if there is none. */
void fakeids_take(struct job *j);
/* Answers one question; called when the listener is readable. */
void fakeids_serve(struct job *j);

#endif
