/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_SANDBOX_TERMINAL_H
#define COOPER_SANDBOX_TERMINAL_H

/* An interactive step: a terminal of its own, of its own /dev/pts, carried to and from the user's. */
#include <poll.h>
#include <stdbool.h>

struct job;
struct err;
enum { TERMINAL_POLLS = 2, TERMINAL_TICK_MS = 200 };

int terminal_prepare(struct job *j, struct err *e);
/* Stage: makes the terminal and its session's controlling one; without a terminal outside, the builder's own streams.
 */
int terminal_attach(struct job *j);
/* After the start: takes the master and puts the user's terminal into raw mode. */
void terminal_begin(struct job *j);
void terminal_poll(const struct job *j, struct pollfd p[TERMINAL_POLLS]);
void terminal_serve(struct job *j, const struct pollfd p[TERMINAL_POLLS]);
/* Passes on what is left and gives the user's terminal its mode back. */
void terminal_end(struct job *j);

#endif
