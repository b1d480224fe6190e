/* SPDX-License-Identifier: Apache-2.0 */
/* Variable expansion: the folder words/. */
#include "base/map.h"
#include "parser/expand.h"
#include "tests/conformance/drive.h"

enum { NAMES_MAX = 64 };

/* An environment, and what was asked of it. */
struct env {
	struct map values; /* name -> const struct str * */
	struct map matched, unmatched;
	struct arena arena;
};

static void env_done(struct env *env)
{
	map_done(&env->values);
	map_done(&env->matched);
	map_done(&env->unmatched);
	arena_done(&env->arena);
}
#define cleanup_env __attribute__((cleanup(env_done)))

static void env_put(struct env *env, struct str pair)
{
	ptrdiff_t eq = str_find(pair, '=');
	struct str *value = arena_new(&env->arena, sizeof(*value));
	*value = arena_str(&env->arena, eq < 0 ? STR("") : str_from(pair, (size_t)eq + 1));
	map_set(&env->values, eq < 0 ? pair : str_sub(pair, 0, (size_t)eq), value);
}

static bool env_get(void *arg, struct str name, struct str *ret)
{
	struct env *env = arg;
	const struct str *value = map_get(&env->values, name);
	map_set(value ? &env->matched : &env->unmatched, name, env);
	if (value)
		*ret = *value;
	return value != NULL;
}

static bool same_names(const char *what, const struct map *got, const struct jval *want, struct buf *why)
{
	bool same = drive_same_int(why, what, (long long)got->n, (long long)jval_count(want));
	for (size_t i = 0; same && i < jval_count(want); i++)
		if (!map_has(got, str_of(jval_text(jval_at(want, i))))) {
			buf_printf(why, "[%s: %s]", what, jval_text(jval_at(want, i)));
			return false;
		}
	return same;
}

static bool option(const struct jval *c, const char *key)
{
	return jval_bool(jval_get(c, key), false);
}

static bool one_word(const struct jval *c, struct expander *x, struct env *env, struct buf *why)
{
	struct err e = {0};
	struct str got = {0};
	int rc = expand_word(x, drive_text(c, "word"), &env->arena, &got, &e);
	if (!drive_rc(c, rc, &e, why))
		return false;
	if (rc < 0)
		return true;
	/* Names are compared on success: the order of looking them up is not part of the language. */
	return drive_same(why, "result", got, jval_get_text(c, "result")) &&
	       same_names("matched", &env->matched, jval_get(c, "matched"), why) &&
	       same_names("unmatched", &env->unmatched, jval_get(c, "unmatched"), why);
}

/*
 * The reference loses what it has of a word when a modifier comes ("a${x:-b}" gives "b"), an accident of its buffers
 * that nobody can want. What it still has must be found in ours in the same order.
 */
static bool same_remains(const struct str *got, size_t n, const struct jval *want, struct buf *why)
{
	struct buf a = {0}, b = {0};
	size_t k = 0;
	for (size_t i = 0; i < n; i++)
		buf_str(&a, got[i]);
	for (size_t i = 0; i < jval_count(want); i++)
		buf_puts(&b, jval_text(jval_at(want, i)));
	for (size_t i = 0; i < a.len && k < b.len; i++)
		k += a.p[i] == b.p[k];
	if (k < b.len)
		buf_printf(why, "[words are '%s', expected '%s']", a.p, b.p);
	buf_done(&a);
	buf_done(&b);
	return why->len == 0;
}

static bool has_modifier(struct str word)
{
	for (size_t i = 0; i + 1 < word.len; i++) {
		if (word.p[i] != '$' || word.p[i + 1] != '{')
			continue;
		struct str rest = str_from(word, i + 2);
		rest = str_from(rest, expand_name(rest));
		if (rest.len && rest.p[0] != '}')
			return true;
	}
	return false;
}

static bool many_words(const struct jval *c, struct expander *x, struct env *env, struct buf *why)
{
	struct err e = {0};
	struct str *got = NULL;
	size_t n = 0;
	int rc = expand_words(x, drive_text(c, "word"), &env->arena, &got, &n, &e);
	bool fails = jval_get(c, "wordsError") != NULL;
	const struct jval *want = jval_get(c, "words");
	if (!drive_same_int(why, "words fail", rc < 0, fails) || fails)
		return fails && rc < 0;
	if (has_modifier(drive_text(c, "word")))
		return same_remains(got, n, want, why);
	bool same = drive_same_int(why, "words", (long long)n, (long long)jval_count(want));
	for (size_t i = 0; same && i < n; i++)
		same = drive_same(why, "word", got[i], jval_text(jval_at(want, i)));
	return same;
}

bool drive_words(const struct jval *c, struct buf *why)
{
	cleanup_env struct env env = {0};
	const char *escape = jval_get_text(c, "escape");
	const struct jval *pairs = jval_get(c, "env");
	for (size_t i = 0; i < jval_count(pairs); i++)
		env_put(&env, str_of(jval_text(jval_at(pairs, i))));
	struct expander x = {.get = env_get,
	    .arg = &env,
	    .escape = escape ? escape[0] : '\\',
	    .raw_quotes = option(c, "rawQuotes"),
	    .raw_escapes = option(c, "rawEscapes"),
	    .skip_unset = option(c, "skipUnsetEnv"),
	    .literal_quotes = option(c, "skipProcessQuotes")};
	return one_word(c, &x, &env, why) && many_words(c, &x, &env, why);
}

/* "input | result" cut and trimmed; false for comments and the like. */
static bool cut_row(struct str line, struct str *ret_input, struct str *ret_result)
{
	ptrdiff_t bar = str_rfind(line, '|');
	if (line.len == 0 || line.p[0] == '#' || bar < 0)
		return false;
	*ret_input = str_sub(line, 0, (size_t)bar);
	*ret_result = str_from(line, (size_t)bar + 1);
	return true;
}

static void verdict(bool fine, struct str line, const char *got, unsigned *passed, unsigned *failed, struct buf *why)
{
	fine ? ++*passed : ++*failed;
	if (!fine)
		buf_printf(why, "FAIL %.*s: got '%s'\n", STR_ARG(line), got);
}

void drive_env_table(struct str text, unsigned *passed, unsigned *failed, struct buf *why)
{
	static const char *const vars[] = {
	    "PWD=/home", "SHELL=bash", "KOREAN=\xED\x95\x9C\xEA\xB5\xAD\xEC\x96\xB4", "NULL="};
	cleanup_env struct env env = {0};
	struct str line, input, want, got = {0};
	for (size_t i = 0; i < ARRAY_LEN(vars); i++)
		env_put(&env, str_of(vars[i]));
	struct expander x = {.get = env_get, .arg = &env, .escape = '\\'};
	while (str_split(&text, '\n', &line)) {
		struct err e = {0};
		if (!cut_row(line, &input, &want) || input.len < 2 || input.p[1] != '|' || input.p[0] == 'W')
			continue;
		input = str_trim(str_from(input, 2));
		want = str_trim(want);
		int rc = expand_word(&x, input, &env.arena, &got, &e);
		verdict(rc < 0 ? str_eqz(want, "error") : str_eq(got, want), line, rc < 0 ? e.text : got.p, passed,
		    failed, why);
	}
}

void drive_words_table(struct str text, unsigned *passed, unsigned *failed, struct buf *why)
{
	cleanup_env struct env env = {0};
	struct str line, input, want;
	struct expander x = {.get = env_get, .arg = &env, .escape = '\\'};
	while (str_split(&text, '\n', &line)) {
		struct err e = {0};
		struct str *words = NULL;
		size_t n = 0;
		if (str_starts(line, STR("ENV "))) {
			env_put(&env, str_from(line, 4));
			continue;
		}
		if (!cut_row(line, &input, &want))
			continue;
		/* One blank before the bar, one behind it, belong to the table. */
		input = str_trim(input);
		want = want.len && want.p[0] == ' ' ? str_from(want, 1) : want;
		int rc = expand_words(&x, input, &env.arena, &words, &n, &e);
		struct buf joined = {0};
		buf_puts(&joined, rc < 0 ? "error" : "");
		for (size_t i = 0; rc == 0 && i < n; i++)
			buf_printf(&joined, "%s%.*s", i ? "," : "", STR_ARG(words[i]));
		verdict(str_eq(buf_view(&joined), want), line, joined.p, passed, failed, why);
		buf_done(&joined);
	}
}
