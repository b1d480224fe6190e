/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Up to the first NUL an ignore file, behind it a path. What the list says has to be what a slow and simple matcher
 * says, walked down from the root or asked at once, and nothing that is kept may lie in a folder that may be skipped.
 */
#include <stdlib.h>

#include "base/mem.h"
#include "parser/globpat.h"
#include "parser/ignore.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool fine)
{
	if (!fine)
		abort();
}

enum { SHORT = 48 };

/* The rules read straight off the pattern: a table of what was tried keeps it from being exponential. */
struct slow {
	struct str p, s;
	signed char known[SHORT + 1][SHORT + 1];
};

static bool slow_at(struct slow *w, size_t i, size_t k);

/* Any run that ends in a slash, or nothing. */
static bool slow_dirs(struct slow *w, size_t i, size_t k)
{
	if (slow_at(w, i, k))
		return true;
	for (size_t end = k + 1; end <= w->s.len; end++)
		if (w->s.p[end - 1] == '/' && slow_at(w, i, end))
			return true;
	return false;
}

static bool slow_star(struct slow *w, size_t i, size_t k)
{
	while (!slow_at(w, i, k)) {
		uint32_t ignored;
		if (k == w->s.len || w->s.p[k] == '/')
			return false;
		k += glob_rune(str_from(w->s, k), &ignored);
	}
	return true;
}

static bool slow_one(struct slow *w, size_t i, size_t k)
{
	uint32_t rune, want;
	bool in;
	if (k == w->s.len)
		return false;
	size_t n = glob_rune(str_from(w->s, k), &rune);
	if (w->p.p[i] == '?')
		return rune != '/' && slow_at(w, i + 1, k + n);
	if (w->p.p[i] == '[') {
		demand(glob_class(w->p, &i, rune, &in));
		return in && slow_at(w, i, k + n);
	}
	i += w->p.p[i] == '\\';
	i += glob_rune(str_from(w->p, i), &want);
	return rune == want && slow_at(w, i, k + n);
}

static bool slow_try(struct slow *w, size_t i, size_t k)
{
	if (i == w->p.len)
		return k == w->s.len;
	if (w->p.p[i] != '*')
		return slow_one(w, i, k);
	if (i + 1 == w->p.len || w->p.p[i + 1] != '*')
		return slow_star(w, i + 1, k);
	i += 2;
	i += i < w->p.len && w->p.p[i] == '/';
	return i == w->p.len || slow_dirs(w, i, k);
}

static bool slow_at(struct slow *w, size_t i, size_t k)
{
	signed char *known = &w->known[i][k];
	if (!*known)
		*known = slow_try(w, i, k) ? 1 : -1;
	return *known > 0;
}

/* "**lit", in valid UTF-8: any path that ends in lit. */
static bool glued_suffix(struct str p)
{
	if (!str_starts(p, STR("**")) || str_starts(p, STR("**/")))
		return false;
	for (size_t i = 2; i < p.len;) {
		uint32_t rune;
		if (memchr("*?[]\\", p.p[i], 5))
			return false;
		i += glob_rune(str_from(p, i), &rune);
		if (rune > 0x10FFFF)
			return false;
	}
	return true;
}

static bool slow_match(struct str p, struct str s)
{
	struct slow w = {.p = p, .s = s};
	if (glued_suffix(p))
		return str_ends(s, str_from(p, 2));
	return slow_at(&w, 0, 0);
}

static bool slow_up(struct str p, struct str path)
{
	for (size_t i = 0; i < path.len; i++)
		if (path.p[i] == '/' && slow_match(p, str_sub(path, 0, i)))
			return true;
	return slow_match(p, path);
}

static void compare(const struct ignore *ig, struct str path)
{
	bool want = false;
	for (size_t i = 0; i < ignore_count(ig); i++) {
		struct str p = ignore_pattern_text(ig, (int)i, NULL);
		bool exception = p.p[0] == '!';
		p = str_from(p, exception);
		if (p.len > SHORT)
			return;
		if (slow_up(p, path))
			want = !exception;
	}
	bool got = ignore_match(ig, path, NULL);
	demand(got == want);
	for (size_t i = 0; i < path.len; i++)
		if (path.p[i] == '/')
			demand(got || !ignore_may_prune(ig, str_sub(path, 0, i)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_ignore struct ignore *ig = NULL;
	struct str text = {(const char *)data, size}, path = {"", 0};
	struct err e;
	bool match;
	ptrdiff_t nul = str_find(text, '\0');
	if (nul >= 0) {
		path = str_from(text, (size_t)nul + 1);
		text = str_sub(text, 0, (size_t)nul);
	}
	if (glob_match(text, path, &match, &e) < 0)
		demand(e.code == ERR_SYNTAX);
	if (ignore_parse(text, &ig, &e) < 0) {
		demand(e.code == ERR_SYNTAX || e.code == ERR_LIMIT);
		return 0;
	}
	if (path.len <= SHORT)
		compare(ig, path);
	else
		ignore_match(ig, path, NULL);
	return 0;
}
