/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>

#include "builder/cli/completion.h"
#include "builder/cli/help.h"

static const struct {
	const char *words[3], *name;
	int count;
} finds[] = {
    {{"images"}, "images", 1},
    {{"image", "ls"}, "images", 2},
    {{"image", "rm", "x"}, "rmi", 2},
    {{"system", "df"}, "du", 2},
    {{"builder", "prune"}, "prune", 2},
    {{"tag", "a", "b"}, "tag", 1},
};

Test(commands, are_found_by_name_and_by_two_words)
{
	for (size_t i = 0; i < ARRAY_LEN(finds); i++) {
		int argc = 0, words;
		const struct command *c;

		while (argc < 3 && finds[i].words[argc])
			argc++;
		c = command_find(argc, (char **)finds[i].words, &words);
		cr_assert_not_null(c, "%s", finds[i].words[0]);
		cr_assert_str_eq(c->name, finds[i].name);
		cr_assert_eq(words, finds[i].count);
	}
}

Test(commands, what_is_none_is_not_found)
{
	char *one[] = {"image", "nothing"}, *two[] = {"imagels"};
	int words;

	cr_assert_null(command_find(2, one, &words));
	cr_assert_null(command_find(1, one, &words));
	cr_assert_null(command_find(1, two, &words));
	cr_assert_null(command_find(0, two, &words));
}

Test(commands, aliases_lead_to_commands)
{
	for (const struct command_alias *a = command_aliases; a->words; a++)
		cr_assert_not_null(command_by_name(a->name), "%s", a->words);
}

/* A letter or a name twice in one table would hide the second row. */
Test(commands, no_option_stands_twice_in_a_table)
{
	for (const struct command *const *c = commands; *c; c++) {
		for (const struct opt *o = (*c)->opts; o && o->kind != OPT_KIND_END; o++) {
			if (o->kind == OPT_KIND_GROUP)
				continue;
			for (const struct opt *p = (*c)->opts; p != o; p++) {
				if (p->kind == OPT_KIND_GROUP)
					continue;
				cr_assert(!o->letter || o->letter != p->letter, "%s -%c", (*c)->name, o->letter);
				cr_assert(!o->name || !p->name || strcmp(o->name, p->name) != 0, "%s --%s", (*c)->name,
				    o->name);
			}
		}
	}
}

Test(commands, every_command_says_what_it_does)
{
	for (const struct command *const *c = commands; *c; c++) {
		struct buf help = {0}, page = {0};

		cr_assert_not_null((*c)->summary);
		cr_assert_not_null((*c)->run);
		cr_assert_neq((*c)->summary[strlen((*c)->summary) - 1], '.', "%s", (*c)->name);
		help_command(*c, 80, &help);
		help_scdoc(*c, &page);
		cr_assert(strstr(help.p, (*c)->summary));
		cr_assert(strstr(page.p, "# SYNOPSIS"));
		for (const struct opt *o = (*c)->opts; o && o->kind != OPT_KIND_END; o++)
			if (o->kind != OPT_KIND_GROUP && o->help && !o->hidden)
				cr_assert(strstr(help.p, o->name), "%s --%s", (*c)->name, o->name);
		buf_done(&help);
		buf_done(&page);
	}
}

Test(commands, completion_scripts_know_every_command)
{
	struct buf bash = {0}, zsh = {0}, fish = {0};

	completion_bash(&bash);
	completion_zsh(&zsh);
	completion_fish(&fish);
	for (const struct command *const *c = commands; *c; c++) {
		if ((*c)->hidden)
			continue;
		cr_assert(strstr(bash.p, (*c)->name), "%s", (*c)->name);
		cr_assert(strstr(zsh.p, (*c)->name), "%s", (*c)->name);
		cr_assert(strstr(fish.p, (*c)->name), "%s", (*c)->name);
	}
	buf_done(&bash);
	buf_done(&zsh);
	buf_done(&fish);
}
