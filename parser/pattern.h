/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_PATTERN_H
#define COOPER_PATTERN_H

/*
 * The patterns of ${x#p}, ${x%p} and ${x/p/r}: '*' is any run without newline, '?' any character but newline, everything else
 * stands for itself. "\*" "\?" "\\" "\}" "\/" are the bare characters; another escape is ERR_SYNTAX. Time is bounded by the
 * product of the lengths (ERR_LIMIT beyond a fixed amount).
 */
#include "base/buf.h"
#include "base/err.h"

/* What is left of value without the shortest or longest prefix (suffix) that matches. */
int pattern_cut(struct str pattern, struct str value, bool suffix, bool longest, struct str *ret, struct err *e);
/* Appends value with the first, or every, longest match replaced. */
int pattern_replace(struct str pattern, struct str value, struct str with, bool all, struct buf *out, struct err *e);

#endif
