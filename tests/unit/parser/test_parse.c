/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>

#include "base/mem.h"
#include "parser/dump.h"
#include "parser/parse.h"

static struct cf *parse(struct str text)
{
	struct cf *cf = NULL;
	struct err e = {0};
	cr_assert_eq(cf_parse(text, "x/Containerfile", &cf, &e), 0, "%d: %s", e.line, e.text);
	return cf;
}

Test(parse, nothing_is_borrowed_from_the_text)
{
	char text[] = "# escape=`\nARG A=1\nFROM a AS b\nENV C=d\nRUN <<E\nx\nE\n";
	struct cf *cf = parse(str_of(text));
	memset(text, '#', sizeof(text) - 1);
	struct buf dump = {0};
	cf_dump(cf, DUMP_PLAIN, &dump);
	cr_assert_str_eq(dump.p, "(arg \"A=1\")\n(from \"a\" \"AS\" \"b\")\n(env \"C\" \"d\" \"=\")\n(run \"<<E\")\n");
	cr_assert(str_eqz(cf->file, "x/Containerfile"));
	cr_assert(str_eqz(cf->stages[0].instrs[1]->heredocs[0].content, "x\n"));
	buf_done(&dump);
	cf_free(cf);
}

Test(parse, places_point_at_words)
{
	struct cf *cf =
	    parse(STR("FROM a\nCOPY --chown=1 \\\n  --chmod=2 a \\\n b\nENV a=b  c=d\nCMD [ \"x\", \"y\" ]\n"));
	const struct stage *s = &cf->stages[0];
	const struct instr *copy = s->instrs[0], *env = s->instrs[1], *cmd = s->instrs[2];
	cr_assert(copy->where.line == 2 && copy->where.col == 1 && copy->where.end_line == 4);
	cr_assert(copy->flags[0].where.line == 2 && copy->flags[0].where.col == 6);
	cr_assert(copy->flags[1].where.line == 3 && copy->flags[1].where.col == 3);
	cr_assert(copy->arg_where[0].line == 3 && copy->arg_where[0].col == 13);
	cr_assert(copy->arg_where[1].line == 4 && copy->arg_where[1].col == 2);
	cr_assert(env->pairs[1].where.line == 5 && env->pairs[1].where.col == 10);
	cr_assert(cmd->arg_where[1].line == 6 && cmd->arg_where[1].col == 12);
	cf_free(cf);
}

Test(parse, flags_are_asked_by_name)
{
	struct cf *cf = parse(STR("FROM a\nCOPY --from=x --link --parents=FALSE a b\nADD --link=true a b\n"));
	const struct instr *copy = cf->stages[0].instrs[0];
	cr_assert(str_eqz(instr_flag(copy, "from")->value, "x"));
	cr_assert_null(instr_flag(copy, "chown"));
	cr_assert(instr_flag_on(copy, "link"));
	cr_assert_not(instr_flag_on(copy, "parents"));
	cr_assert_not(instr_flag_on(copy, "exclude"));
	cr_assert(instr_flag_on(cf->stages[0].instrs[1], "link"));
	cf_free(cf);
}

Test(parse, heredocs_of_copy_know_their_argument)
{
	struct cf *cf = parse(STR("FROM a\nCOPY x <<E y <<F /d/\n1\nE\n2\nF\nRUN <<G\nG\n"));
	const struct instr *copy = cf->stages[0].instrs[0], *run = cf->stages[0].instrs[1];
	cr_assert_null(instr_heredoc(copy, 0));
	cr_assert(str_eqz(instr_heredoc(copy, 1)->name, "E"));
	cr_assert_null(instr_heredoc(copy, 2));
	cr_assert(str_eqz(instr_heredoc(copy, 3)->content, "2\n"));
	cr_assert_null(instr_heredoc(copy, 4));
	cr_assert_null(instr_heredoc(run, 0));
	cr_assert_eq(run->nheredocs, 1);
	cf_free(cf);
}

Test(parse, run_keeps_the_body_as_written_and_as_meant)
{
	struct cf *cf = parse(STR("FROM a\nRUN cat <<-E\n\tx\n\tE\n"));
	const struct heredoc *h = &cf->stages[0].instrs[0]->heredocs[0];
	cr_assert(str_eqz(h->raw, "\tx\n"));
	cr_assert(str_eqz(h->content, "x\n"));
	cf_free(cf);
}

Test(parse, files_have_a_largest_size)
{
	struct cf *cf = NULL;
	struct err e = {0};
	char *text = mem_array(CF_SIZE_MAX + 1, 1);
	memset(text, ' ', CF_SIZE_MAX + 1);
	cr_assert_eq(cf_parse((struct str){text, CF_SIZE_MAX + 1}, NULL, &cf, &e), -ERR_LIMIT);
	memcpy(text, "FROM a\nRUN ", 11);
	memset(text + 11, 'x', CF_SIZE_MAX - 11);
	cr_assert_eq(cf_parse((struct str){text, CF_SIZE_MAX}, NULL, &cf, &e), 0);
	cr_assert_eq(cf->stages[0].instrs[0]->args[0].len, (size_t)CF_SIZE_MAX - 11);
	cf_free(cf);
	mem_free(text);
}

Test(parse, a_nul_is_nowhere_allowed)
{
	struct cf *cf = NULL;
	struct err e;
	cr_assert_eq(cf_parse(STR("FROM a\nRUN <<E\nx\0y\nE\n"), NULL, &cf, &e), -ERR_SYNTAX);
	cr_assert(e.line == 3 && e.col == 2);
	cr_assert_null(cf);
}

Test(parse, free_takes_null)
{
	cf_free(NULL);
}

Test(parse, triggers_get_the_place_where_they_fire)
{
	struct cf *cf = parse(STR("\n FROM base\nUSER x\n"));
	const struct instr *from = cf->stages[0].from;
	struct instr *in = NULL;
	struct err e;
	cr_assert_eq(cf_parse_trigger(cf, STR("COPY --chown=1 <<E a /x\nbody\nE"), from, &in, &e), 0);
	cr_assert_eq(in->id, INSTR_COPY);
	cr_assert(str_eqz(in->heredocs[0].content, "body\n"));
	cr_assert(
	    in->where.line == 2 && in->where.col == 2 && in->flags[0].where.line == 2 && in->arg_where[1].line == 2);
	cf_free(cf);
}

static const struct {
	const char *text, *says;
} triggers[] = {
    {"", "ONBUILD trigger \"\": file with no instructions"},
    {"RUN a\nRUN b", "ONBUILD trigger \"RUN a\": more than one instruction"},
    {"ONBUILD RUN a", "ONBUILD trigger \"ONBUILD RUN a\": ONBUILD isn't allowed as an ONBUILD trigger"},
    {"FROM a", "ONBUILD trigger \"FROM a\": FROM isn't allowed as an ONBUILD trigger"},
    {"RUNN a", "ONBUILD trigger \"RUNN a\": unknown instruction: RUNN (did you mean RUN?)"},
    {"RUN <<E", "ONBUILD trigger \"RUN <<E\": unterminated heredoc: no line \"E\""},
};

Test(parse, bad_triggers_are_told_where_they_fire)
{
	struct cf *cf = parse(STR("ARG a\nFROM base\n"));
	for (size_t i = 0; i < ARRAY_LEN(triggers); i++) {
		struct instr *in = NULL;
		struct err e;
		cr_assert_eq(cf_parse_trigger(cf, str_of(triggers[i].text), cf->stages[0].from, &in, &e), -ERR_SYNTAX);
		cr_assert_str_eq(e.text, triggers[i].says);
		cr_assert_eq(e.line, 2);
	}
	cf_free(cf);
}

Test(parse, onbuild_has_the_trigger_and_what_it_means)
{
	struct cf *cf = parse(STR("FROM a\nONBUILD COPY --from=b <<E \\\n /x\nt\nE\nONBUILD nonsense\n"));
	const struct instr *one = cf->stages[0].instrs[0], *two = cf->stages[0].instrs[1];
	cr_assert(str_eqz(one->args[0], "COPY --from=b <<E  /x\nt\nE"));
	cr_assert_eq(one->inner->id, INSTR_COPY);
	cr_assert(str_eqz(instr_heredoc(one->inner, 0)->content, "t\n"));
	cr_assert_null(two->inner);
	cr_assert(str_eqz(two->args[0], "nonsense"));
	cf_free(cf);
}
