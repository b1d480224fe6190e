/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_PARSE_H
#define COOPER_PARSE_H

#include "base/err.h"
#include "parser/ast.h"

/* Largest Containerfile that is read. */
enum { CF_SIZE_MAX = 16 * 1024 * 1024 };

/*
 * Text to AST. `file` is the name for messages; both are copied. ERR_SYNTAX with e->line, col, end_line set, ERR_LIMIT.
 * Free with cf_free.
 */
int cf_parse(struct str text, const char *file, struct cf **ret, struct err *e);
void cf_free(struct cf *cf);
static inline void cf_cleanup(struct cf **cf)
{
	cf_free(*cf);
}
#define cleanup_cf __attribute__((cleanup(cf_cleanup)))

/* One instruction of its own: an ONBUILD trigger of a base image. Its memory belongs to cf; its places are those of `at`.
 * ERR_SYNTAX when the text holds none or several. */
int cf_parse_trigger(struct cf *cf, struct str text, const struct instr *at, struct instr **ret, struct err *e);

/* Excerpt around lines first..last, as BuildKit prints it ("  10 | >>> RUN ..."), with a caret line under the column when
 * col > 0. Ends with a newline. */
struct buf;
void cf_excerpt(struct str text, const char *file, int first, int last, int col, struct buf *out);

#endif
