/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>

#include "base/mem.h"
#include "parser/dump.h"
#include "parser/syntax.h"

static const struct {
	const char *text, *dump; /* one node */
} nodes[] = {
    {"FOO --a b", "(foo [\"--a\"] \"\")"},
    {"RUN", "(run)"},
    {"run  a  b ", "(run \"a  b\")"},
    {"COPY a\tb", "(copy \"a\" \"b\")"},
    {"ENV a=b 'c d'=e", "(env \"a\" \"b\" \"=\" \"'c d'\" \"e\" \"=\")"},
    {"ENV a b c", "(env \"a\" \"b c\" \"\")"},
    {"ARG a b='c d'", "(arg \"a\" \"b='c d'\")"},
    {"HEALTHCHECK", "(healthcheck)"},
    {"HEALTHCHECK Cmd [\"a\"]", "(healthcheck \"Cmd\" \"a\")"},
    {"ONBUILD", "(onbuild)"},
    {"ONBUILD onbuild FOO", "(onbuild (onbuild (foo \"\")))"},
    {"SHELL text", "(shell \"text\")"},
    {"\\\n\\\n", "(\"\")"},
};

Test(syntax, lines_become_nodes)
{
	for (size_t i = 0; i < ARRAY_LEN(nodes); i++) {
		struct arena a = {0};
		struct syntax s;
		struct err e = {0};
		struct buf dump = {0};
		cr_assert_eq(syntax_parse(&a, str_of(nodes[i].text), &s, &e), 0, "%s", e.text);
		cr_assert_eq(s.nnodes, 1);
		node_dump(s.nodes[0], &dump);
		cr_assert_str_eq(dump.p, nodes[i].dump);
		buf_done(&dump);
		arena_done(&a);
	}
}

static void refused(struct str text, enum err_code code)
{
	struct arena a = {0};
	struct syntax s;
	struct err e = {0};
	cr_assert_eq(syntax_parse(&a, text, &s, &e), -(int)code, "%s", e.text);
	cr_assert_gt(e.line, 0);
	arena_done(&a);
}

static void refuse_repeated(const char *head, const char *part, int times, const char *tail)
{
	struct buf b = {0};
	buf_puts(&b, head);
	for (int i = 0; i < times; i++)
		buf_puts(&b, part);
	buf_puts(&b, tail);
	refused(buf_view(&b), ERR_LIMIT);
	buf_done(&b);
}

Test(syntax, counts_are_limited)
{
	refuse_repeated("", "A\n", SYNTAX_NODES_MAX + 1, "");
	refuse_repeated("EXPOSE", " 1", SYNTAX_WORDS_MAX + 1, "\n");
	refuse_repeated("ENV", " a=b", SYNTAX_WORDS_MAX + 1, "\n");
	refuse_repeated("CMD [\"a\"", ",\"b\"", SYNTAX_WORDS_MAX, "]\n");
	refuse_repeated("RUN", " --x", SYNTAX_WORDS_MAX + 1, "\n");
	refuse_repeated("RUN", " <<E", SYNTAX_HEREDOCS_MAX + 1, "\n");
	refuse_repeated("", "ONBUILD ", SYNTAX_INNER_MAX + 2, "RUN x\n");
}

Test(syntax, texts_without_instructions_are_refused)
{
	refused(STR("# a\n"), ERR_SYNTAX);
	refused(STR("\n \n"), ERR_SYNTAX);
}

Test(syntax, heredocs_under_onbuild_belong_to_the_outer_node)
{
	struct arena a = {0};
	struct syntax s;
	struct err e;
	cr_assert_eq(syntax_parse(&a, STR("ONBUILD RUN <<E\nx\nE\nUSER y\n"), &s, &e), 0);
	cr_assert_eq(s.nnodes, 2);
	cr_assert_eq(s.nodes[0]->nheredocs, 1);
	cr_assert_eq(s.nodes[0]->last, 3);
	cr_assert_eq(s.nodes[1]->first, 4);
	arena_done(&a);
}
