/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a Containerfile: no crash, and what is accepted is coherent: it can be dumped, its triggers can be
 * parsed, its places lie inside the file, an excerpt can be made of any of them.
 */
#include <stdlib.h>

#include "base/buf.h"
#include "parser/directive.h"
#include "parser/dump.h"
#include "parser/parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool fine)
{
	if (!fine)
		abort();
}

static int count_lines(struct str text)
{
	int n = 1;
	for (size_t i = 0; i < text.len; i++)
		n += text.p[i] == '\n';
	return n;
}

static void check_where(struct where w, int lines)
{
	demand(w.line >= 1 && w.line <= lines && w.col >= 1 && w.end_line >= w.line && w.end_line <= lines);
}

static void check_instr(struct cf *cf, const struct instr *in, int lines)
{
	struct instr *again;
	struct err e;
	check_where(in->where, lines);
	for (size_t i = 0; i < in->nflags; i++)
		check_where(in->flags[i].where, lines);
	for (size_t i = 0; i < in->nargs; i++)
		check_where(in->arg_where[i], lines);
	for (size_t i = 0; i < in->npairs; i++)
		check_where(in->pairs[i].where, lines);
	for (size_t i = 0; i < in->nheredocs; i++)
		demand(in->heredocs[i].content.len <= in->heredocs[i].raw.len);
	if (in->id == INSTR_ONBUILD)
		(void)cf_parse_trigger(cf, in->args[0], in, &again, &e);
}

static void check_cf(struct cf *cf, int lines)
{
	struct buf out = {0};
	demand(cf->nstages > 0);
	cf_dump(cf, DUMP_FULL, &out);
	buf_done(&out);
	for (size_t i = 0; i < cf->nmetas; i++)
		check_instr(cf, cf->metas[i], lines);
	for (size_t i = 0; i < cf->nstages; i++)
		for (size_t k = 0; k < cf->stages[i].ninstrs; k++)
			check_instr(cf, cf->stages[i].instrs[k], lines);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = {(const char *)data, size};
	struct directive d;
	struct cf *cf = NULL;
	struct err e;
	struct buf out = {0};
	int lines = count_lines(text);
	if (directive_find(text, "syntax", &d))
		directive_done(&d);
	if (cf_parse(text, "Containerfile", &cf, &e) == 0) {
		check_cf(cf, lines);
	} else {
		demand(e.code == ERR_SYNTAX || e.code == ERR_LIMIT);
		demand(e.line >= 0 && e.line <= lines);
		cf_excerpt(text, "Containerfile", e.line, e.end_line, e.col, &out);
	}
	cf_free(cf);
	buf_done(&out);
	return 0;
}
