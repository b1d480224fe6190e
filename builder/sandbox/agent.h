/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_SANDBOX_AGENT_H
#define COOPER_SANDBOX_AGENT_H

/*
 * A unix socket of the host inside a step (the ssh agent): the step gets a socket of its own, with the owner and mode
 * that were asked for, and the builder carries bytes between it and the host's. So no host folder and no host inode is
 * mounted, and the step's user needs no rights on the host's socket.
 */
#include <poll.h>

#include "builder/sandbox/job.h"

enum { AGENT_MAX_LISTENERS = 8, AGENT_MAX_LINKS = 32, AGENT_MAX_POLL = AGENT_MAX_LISTENERS + 2 * AGENT_MAX_LINKS };

/* Fills at most AGENT_MAX_POLL entries; their number. */
size_t agent_poll(struct job *j, struct pollfd *p);
/* Accepts and carries, after a poll of these entries. */
void agent_serve(struct job *j, const struct pollfd *p, size_t n);
/* Closes all. */
void agent_done(struct job *j);

#endif
