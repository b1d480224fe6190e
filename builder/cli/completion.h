/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_COMPLETION_H
#define COOPER_COMPLETION_H

/* Completion scripts for shells, printed from the tables of commands and options. */
#include "builder/cli/cmd.h"

void completion_bash(struct buf *out);
void completion_zsh(struct buf *out);
void completion_fish(struct buf *out);

#endif
