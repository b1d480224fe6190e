/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_TESTS_GOLD_H
#define COOPER_TESTS_GOLD_H

/* What is made of a Containerfile to be compared with a file beside it. Drivers live in gold_<x>.c and are listed in golden.c. */
#include "base/buf.h"
#include "base/err.h"

/*
 * Appends the text that should stand in name.<extension>. `name` is the file's name for messages. Returns 0, or negative when
 * there is nothing to compare (what happened then goes to out).
 */
typedef int gold_fn(const char *name, struct str text, struct buf *out);

/* gold_parse.c: the AST (.ast); the message of a file that must not parse, with its excerpt (.err). */
gold_fn gold_ast, gold_err;
/* gold_check.c: what the build checks find (.check), the outline (.outline), the targets (.targets). */
gold_fn gold_check, gold_outline, gold_targets;

/* gold_plan.c: the steps of a build and the image's history (.plan). */
gold_fn gold_plan;

#endif
