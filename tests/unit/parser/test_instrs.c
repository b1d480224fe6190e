/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>

#include "parser/instrs.h"

Test(instrs, every_name_finds_its_own_instruction)
{
	for (int i = 0; i < INSTR_COUNT; i++) {
		enum instr_id id = INSTR_COUNT;
		cr_assert(instr_find(str_of(instr_name((enum instr_id)i)), &id), "%s", instr_name((enum instr_id)i));
		cr_assert_eq((int)id, i);
	}
}

Test(instrs, keywords_are_found_in_any_case_and_only_whole)
{
	enum instr_id id;
	cr_assert(instr_find(STR("hEaLtHcHeCk"), &id));
	cr_assert_eq(id, INSTR_HEALTHCHECK);
	cr_assert_not(instr_find(STR("RU"), &id));
	cr_assert_not(instr_find(STR("RUNN"), &id));
	cr_assert_not(instr_find(STR(""), &id));
	cr_assert_not(instr_find(STR("HEALTHCHECKS"), &id));
	cr_assert_not(instr_find(STR("R\x15N"), &id)); /* 'U' without the bit that folds case */
}

static const struct {
	const char *word, *near;
} suggestions[] = {
    {"FNTRYPOINT", "ENTRYPOINT"},
    {"entrypiont", "entrypoint"},
    {"Frm", "from"},
    {"FROM", ""},
    {"BAKE", ""},
    {"", ""},
    {"ENTRYPOINTENTRYPOINT", ""},
};

Test(instrs, suggestions_come_in_the_case_of_the_word)
{
	for (size_t i = 0; i < sizeof(suggestions) / sizeof(*suggestions); i++) {
		char room[16];
		struct str near = instr_suggest(str_of(suggestions[i].word), room);
		cr_assert(str_eqz(near, suggestions[i].near), "%s gives '%.*s'", suggestions[i].word, STR_ARG(near));
	}
}
