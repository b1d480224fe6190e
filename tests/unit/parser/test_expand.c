/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>

#include "base/buf.h"
#include "base/mem.h"
#include "parser/expand.h"

struct env {
	unsigned asked;
	struct buf unset; /* names told, each with a blank behind */
};

static bool get(void *arg, struct str name, struct str *ret)
{
	static const char *const vars[][2] = {{"NAME", "value"}, {"EMPTY", ""}, {"TWO", "a  b"},
	    {"QUOTED", "'x' \"y\""}, {"FILE", "dir/a.tar.gz"}, {"\xC3\xA9t\xC3\xA9", "summer"}};
	((struct env *)arg)->asked++;
	for (size_t i = 0; i < ARRAY_LEN(vars); i++)
		if (str_eqz(name, vars[i][0])) {
			*ret = str_of(vars[i][1]);
			return true;
		}
	return false;
}

static void unset(void *arg, struct str name)
{
	struct env *env = arg;
	buf_str(&env->unset, name);
	buf_putc(&env->unset, ' ');
}

static const struct {
	const char *word, *result; /* NULL: fails */
} cases[] = {
    {"plain", "plain"},
    {"$NAME", "value"},
    {"${NAME}s", "values"},
    {"$NAME_X", ""},
    {"\\$NAME", "$NAME"},
    {"a\\b", "ab"},
    {"a\\", "a"},
    {"'$NAME\\'", "$NAME\\"},
    {"\"$NAME\\$\\\"\\x\"", "value$\"\\x"},
    {"'a", NULL},
    {"\"a", NULL},
    {"\"a'", NULL},
    {"$QUOTED", "'x' \"y\""},
    {"$ $. $", "$ $. $"},
    {"$$", ""},
    {"$12a", "a"},
    {"$\xC3\xA9t\xC3\xA9!", "summer!"},
    {"${NAME:-x}${EMPTY:-x}${EMPTY-x}${NONE-x}", "valuexx"},
    {"${NAME:+x}${EMPTY:+x}${EMPTY+x}${NONE+x}", "xx"},
    {"${NONE:-${NONE:-\"q $NAME\"}}", "q value"},
    {"${NONE:-a b}", "a b"},
    {"${NONE:-\\}}", "}"},
    {"${NONE?}", NULL},
    {"${EMPTY?}", ""},
    {"${EMPTY:?}", NULL},
    {"${FILE##*/}", "a.tar.gz"},
    {"${FILE#*/}${FILE%%.*}", "a.tar.gzdir/a"},
    {"${FILE%.*}", "dir/a.tar"},
    {"${FILE/./_}${FILE//./_}", "dir/a_tar.gzdir/a_tar_gz"},
    {"${FILE//\\//:}", "dir:a.tar.gz"},
    {"${FILE/x}", NULL},
    {"${NAME//${NONE:-a}/${NONE:-b}}", "vblue"},
    {"${NAME:#x}", NULL},
    {"${NAME:=x}", NULL},
    {"${NAME^}", NULL},
    {"${}", NULL},
    {"${:x}", NULL},
    {"${{a}}", NULL},
    {"${NAME", NULL},
    {"${NAME:-", NULL},
    {"${", NULL},
    {"\xFF$NAME\xC3", "\xFFvalue\xC3"},
};

Test(expand, words_become_what_the_language_says)
{
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct env env = {0};
		struct arena a = {0};
		struct err e;
		struct str got;
		struct expander x = {.get = get, .arg = &env, .escape = '\\'};
		int rc = expand_word(&x, str_of(cases[i].word), &a, &got, &e);
		cr_assert_eq(rc < 0, !cases[i].result, "%s", cases[i].word);
		if (rc == 0)
			cr_assert(str_eqz(got, cases[i].result), "%s gives '%.*s'", cases[i].word, STR_ARG(got));
		else
			cr_assert_eq(e.code, ERR_SYNTAX);
		arena_done(&a);
	}
}

static const struct {
	const char *word, *words; /* joined by '|' */
} splits[] = {
    {"a b", "a|b"},
    {"$TWO", "a|b"},
    {"\"$TWO\"", "a  b"},
    {"x${TWO}y z", "xa|by|z"},
    {"x${NONE:-p q}y", "xp|qy"},
    {"''", ""},
    {"a''b ''", "ab"},
    {"a\\ b", "a b"},
    {" \xC2\xA0 a\xE3\x80\x80"
     "b ",
        "a|b"},
    {"cat << E x", "cat|<< E|x"},
    {"cat <<- \t E", "cat|<<- \t E"},
    {"a < b", "a|<|b"},
};

Test(expand, results_split_at_unquoted_blanks)
{
	for (size_t i = 0; i < ARRAY_LEN(splits); i++) {
		struct env env = {0};
		struct arena a = {0};
		struct err e;
		struct str *words;
		size_t n;
		struct buf joined = {0};
		struct expander x = {.get = get, .arg = &env, .escape = '\\'};
		cr_assert_eq(expand_words(&x, str_of(splits[i].word), &a, &words, &n, &e), 0);
		buf_puts(&joined, "");
		for (size_t k = 0; k < n; k++)
			buf_printf(&joined, "%s%.*s", k ? "|" : "", STR_ARG(words[k]));
		cr_assert_str_eq(joined.p, splits[i].words, "%s gives %s", splits[i].word, joined.p);
		buf_done(&joined);
		arena_done(&a);
	}
}

static const struct {
	const char *word;
	struct expander options;
	const char *result;
} optional[] = {
    {"a`$NAME\\b", {.escape = '`'}, "a$NAME\\b"},
    {"'a' \"b\"", {.escape = '\\', .raw_quotes = true}, "'a' \"b\""},
    {"\\a\\\\", {.escape = '\\', .raw_escapes = true}, "\\a\\\\"},
    {"$X ${Y} ${Z:-w} ${U/a/b} ${V#p}", {.escape = '\\', .skip_unset = true}, "$X ${Y} ${Z:-w} ${U/a/b} ${V#p}"},
    {"it's \"$NAME\" \\$", {.escape = '\\', .literal_quotes = true}, "it's \"value\" $"},
};

Test(expand, options_keep_what_they_name)
{
	for (size_t i = 0; i < ARRAY_LEN(optional); i++) {
		struct env env = {0};
		struct arena a = {0};
		struct err e;
		struct str got;
		struct expander x = optional[i].options;
		x.get = get;
		x.arg = &env;
		cr_assert_eq(expand_word(&x, str_of(optional[i].word), &a, &got, &e), 0);
		cr_assert(str_eqz(got, optional[i].result), "%s gives '%.*s'", optional[i].word, STR_ARG(got));
		arena_done(&a);
	}
}

Test(expand, unset_variables_are_told_unless_a_modifier_answers)
{
	struct env env = {0};
	struct arena a = {0};
	struct err e;
	struct str got;
	struct expander x = {.get = get, .unset = unset, .arg = &env, .escape = '\\'};
	struct str word = STR("$A ${B} ${C:-x} ${D+x} ${E#p} ${F/a/b} $NAME ${G:-$H} '$I'");
	cr_assert_eq(expand_word(&x, word, &a, &got, &e), 0);
	cr_assert_str_eq(env.unset.p, "A B E F H ");
	buf_done(&env.unset);
	arena_done(&a);
}

Test(expand, messages_name_the_word_and_the_cause)
{
	struct env env = {0};
	struct arena a = {0};
	struct err e;
	struct str got;
	struct expander x = {.get = get, .arg = &env, .escape = '\\'};
	cr_assert_lt(expand_word(&x, STR("a${NONE:?must be \"set\"}"), &a, &got, &e), 0);
	cr_assert_str_eq(e.text, "failed to process \"a${NONE:?must be \\\"set\\\"}\": NONE: must be set");
	cr_assert_lt(expand_word(&x, STR("${EMPTY:?}"), &a, &got, &e), 0);
	cr_assert_str_eq(e.text, "failed to process \"${EMPTY:?}\": EMPTY: is not allowed to be empty");
	cr_assert_lt(expand_word(&x, STR("${NAME:=x}"), &a, &got, &e), 0);
	cr_assert_str_eq(e.text, "failed to process \"${NAME:=x}\": unsupported modifier (:=) in substitution");
	arena_done(&a);
}

Test(expand, a_nul_is_no_modifier)
{
	static const char *const words[] = {"${NAME\0}", "${NAME:\0x}"};
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		struct env env = {0};
		struct arena a = {0};
		struct err e = {0};
		struct str got;
		struct expander x = {.get = get, .arg = &env, .escape = '\\'};
		struct str word = {words[i], 8 + i * 2};
		cr_assert_eq(expand_word(&x, word, &a, &got, &e), -ERR_SYNTAX);
		arena_done(&a);
	}
}

Test(expand, nesting_has_an_end)
{
	struct env env = {0};
	struct arena a = {0};
	struct err e;
	struct str got;
	struct buf word = {0};
	struct expander x = {.get = get, .arg = &env, .escape = '\\'};
	for (int i = 0; i < 100000; i++)
		buf_puts(&word, "${X:-");
	cr_assert_eq(expand_word(&x, buf_view(&word), &a, &got, &e), -ERR_LIMIT);
	buf_clear(&word);
	for (int i = 0; i < EXPAND_DEPTH_MAX; i++)
		buf_puts(&word, "${X:-");
	buf_puts(&word, "end");
	for (int i = 0; i < EXPAND_DEPTH_MAX; i++)
		buf_puts(&word, "}");
	cr_assert_eq(expand_word(&x, buf_view(&word), &a, &got, &e), 0);
	cr_assert(str_eqz(got, "end"));
	buf_done(&word);
	arena_done(&a);
}

static bool big(void *arg, struct str name, struct str *ret)
{
	(void)name;
	*ret = *(struct str *)arg;
	return true;
}

Test(expand, results_may_not_grow_without_end)
{
	struct arena a = {0};
	struct err e;
	struct str got, value = {mem_array(1, 1 << 16), 1 << 16};
	struct expander x = {.get = big, .arg = &value, .escape = '\\'};
	struct buf word = {0};
	for (int i = 0; i < 17; i++)
		buf_puts(&word, "$X");
	cr_assert_eq(expand_word(&x, buf_view(&word), &a, &got, &e), -ERR_LIMIT);
	word.len -= 2;
	cr_assert_eq(expand_word(&x, buf_view(&word), &a, &got, &e), 0);
	cr_assert_eq(got.len, (size_t)EXPAND_SIZE_MAX);
	buf_done(&word);
	mem_free((void *)value.p);
	arena_done(&a);
}

Test(expand, long_texts_without_growth_are_fine)
{
	struct arena a = {0};
	struct err e;
	struct env env = {0};
	struct str got, word = {mem_array(1, 4 << 20), 4 << 20};
	memset((void *)word.p, 'x', word.len);
	((char *)word.p)[7] = '\\';
	struct expander x = {.get = get, .arg = &env, .escape = '\\'};
	cr_assert_eq(expand_word(&x, word, &a, &got, &e), 0);
	cr_assert_eq(got.len, word.len - 1);
	mem_free((void *)word.p);
	arena_done(&a);
}

Test(expand, names_end_where_they_must)
{
	static const struct {
		const char *text;
		size_t n;
	} names[] = {
	    {"a1_b-", 4}, {"1a", 1}, {"12-", 2}, {"@a", 1}, {"", 0}, {".", 0}, {"\xC3\xA9.", 2}, {"\xFF", 0}, {"0", 1}};
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		cr_assert_eq(expand_name(str_of(names[i].text)), names[i].n, "%s", names[i].text);
}
