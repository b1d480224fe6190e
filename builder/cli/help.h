/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_HELP_H
#define COOPER_HELP_H

/* Texts made from the commands' descriptors: `cooper --help`, `cooper build --help`, and the man pages as scdoc source. */
#include "builder/cli/cmd.h"

void help_overview(unsigned width, struct buf *out);
void help_command(const struct command *c, unsigned width, struct buf *out);
void help_scdoc(const struct command *c, struct buf *out);
/* cooper(1): the commands and the global options. */
void help_scdoc_overview(struct buf *out);
/* Columns of the terminal at fd: TIOCGWINSZ, then $COLUMNS, then 80. */
unsigned help_width(int fd);

#endif
