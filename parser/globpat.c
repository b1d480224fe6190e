/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Most patterns of real ignore files are a name, a name with "**" behind it, or something that begins with "**" or one
 * star and then is plain text; these are compared as text. All others become tokens and are run as a nondeterministic
 * automaton: a set of positions (bits) is carried along the path, so no pattern needs backtracking. A match of a parent
 * folder is a set that holds the final position just before a slash, so one run answers for the path and all its
 * parents.
 */
#include "parser/globpat.h"

#include "base/mem.h"

enum token_kind {
	TOKEN_RUNE,
	TOKEN_ONE,   /* ? */
	TOKEN_CLASS, /* value: its place in the text */
	TOKEN_STAR,  /* any run without slash */
	TOKEN_DIRS,  /* ** : nothing, or anything that ends in a slash */
	TOKEN_REST,  /* ** at the end: anything */
};

struct globpat_token {
	uint8_t kind;
	uint32_t value;
};

/* ---- compiling ---- */

/* Length of what can be compared as bytes: no special characters, and no stray bytes, which might be the first of a
 * longer character in a path. */
static size_t plain_length(struct str s)
{
	size_t i = 0, n;
	uint32_t rune;
	for (; i < s.len && !memchr("*?[]\\", s.p[i], 5); i += n) {
		n = glob_rune(str_from(s, i), &rune);
		if (rune > 0x10FFFF)
			break;
	}
	return i;
}

static bool plain(struct str s)
{
	return plain_length(s) == s.len;
}

/* The forms that are compared as text. */
static bool compile_plain(struct str text, struct globpat *p)
{
	struct str rest = str_starts(text, STR("**")) ? str_from(text, 2) : text;
	if (rest.len < text.len && plain(rest)) {
		p->kind = GLOBPAT_SUFFIX;
		p->lit = rest;
	} else if (plain(text)) {
		p->kind = GLOBPAT_EXACT;
		p->lit = text;
	} else if (str_ends(text, STR("**")) && plain(str_sub(text, 0, text.len - 2))) {
		p->kind = GLOBPAT_PREFIX;
		p->lit = str_sub(text, 0, text.len - 2);
	} else {
		return false;
	}
	return true;
}

/* "*lit" and "**" "/" "*lit", where lit has no slash. */
static bool compile_tail(struct str text, struct globpat *p)
{
	bool dirs = str_starts(text, STR("**/"));
	struct str rest = dirs ? str_from(text, 3) : text;
	if (!str_starts(rest, STR("*")) || !plain(str_from(rest, 1)) || str_find(rest, '/') >= 0)
		return false;
	p->kind = dirs ? GLOBPAT_TAIL : GLOBPAT_STAR;
	p->lit = str_from(rest, 1);
	return true;
}

static struct globpat_token token_at(struct str text, size_t *i)
{
	struct globpat_token t = {TOKEN_RUNE, 0};
	bool ignored;
	switch (text.p[*i]) {
	case '*':
		++*i;
		if (*i == text.len || text.p[*i] != '*') {
			t.kind = TOKEN_STAR;
			return t;
		}
		++*i;
		*i += *i < text.len && text.p[*i] == '/';
		t.kind = *i == text.len ? TOKEN_REST : TOKEN_DIRS;
		return t;
	case '?':
		++*i;
		t.kind = TOKEN_ONE;
		return t;
	case '[':
		t = (struct globpat_token){TOKEN_CLASS, (uint32_t)*i};
		if (glob_class(text, i, 0, &ignored))
			return t;
		break;
	case '\\':
		*i += *i + 1 < text.len;
		break;
	}
	t.kind = TOKEN_RUNE;
	*i += glob_rune(str_from(text, *i), &t.value);
	return t;
}

/* The bytes at both ends. */
static void set_ends(struct globpat *p)
{
	struct globpat_token end = p->ntokens ? p->tokens[p->ntokens - 1] : (struct globpat_token){TOKEN_STAR, 0};
	bool from_start = p->kind == GLOBPAT_EXACT || p->kind == GLOBPAT_PREFIX || p->kind == GLOBPAT_GENERAL;
	bool to_end = p->kind != GLOBPAT_PREFIX && p->kind != GLOBPAT_GENERAL;
	p->first = from_start && p->lit.len ? (unsigned char)p->lit.p[0] : -1;
	p->last = to_end && p->lit.len ? (unsigned char)p->lit.p[p->lit.len - 1] : -1;
	if (end.kind == TOKEN_RUNE && end.value < 0x80)
		p->last = (int)end.value;
}

int globpat_compile(struct str text, struct arena *a, struct globpat *ret, struct err *e)
{
	struct globpat p = {.text = text};
	if (text.len > GLOBPAT_LEN_MAX)
		return err_set(e, ERR_LIMIT, "pattern longer than %d bytes", GLOBPAT_LEN_MAX);
	TRY(glob_check(text, e));
	if (!compile_plain(text, &p) && !compile_tail(text, &p)) {
		size_t i = plain_length(text);
		p.kind = GLOBPAT_GENERAL;
		p.lit = str_sub(text, 0, i);
		p.tokens = arena_new(a, (text.len - i) * sizeof(*p.tokens));
		while (i < text.len)
			p.tokens[p.ntokens++] = token_at(text, &i);
	}
	set_ends(&p);
	*ret = p;
	return 0;
}

/* ---- the automaton ---- */

enum { STACK_WORDS = 4 };

struct run {
	const struct globpat *p;
	size_t nwords;
	uint64_t *now, *next;
	uint64_t stack[2 * STACK_WORDS];
	uint64_t *heap;
};

static void run_done(struct run *r)
{
	mem_free(r->heap);
}

/* Adds position i and those that are reached from it with nothing read. */
static void reach(const struct globpat *p, uint64_t *set, size_t i)
{
	for (;; i++) {
		set[i / 64] |= UINT64_C(1) << (i % 64);
		if (i == p->ntokens || p->tokens[i].kind < TOKEN_STAR)
			return;
	}
}

static void run_init(struct run *r, const struct globpat *p)
{
	r->p = p;
	r->nwords = p->ntokens / 64 + 1;
	r->heap = NULL;
	r->now = r->stack;
	if (r->nwords > STACK_WORDS)
		r->now = r->heap = mem_array(2 * r->nwords, sizeof(uint64_t));
	r->next = r->now + r->nwords;
	memset(r->now, 0, 2 * r->nwords * sizeof(uint64_t));
	reach(p, r->now, 0);
}

static bool final(const struct run *r)
{
	return r->now[r->p->ntokens / 64] >> (r->p->ntokens % 64) & 1;
}

/* What position i becomes when `rune` is read. */
static void advance(struct run *r, size_t i, uint32_t rune)
{
	const struct globpat_token *t = &r->p->tokens[i];
	size_t at = t->value;
	bool in = false;
	switch (t->kind) {
	case TOKEN_RUNE:
		in = rune == t->value;
		break;
	case TOKEN_ONE:
		in = rune != '/';
		break;
	case TOKEN_CLASS:
		in = glob_class(r->p->text, &at, rune, &in) && in;
		break;
	case TOKEN_STAR:
		if (rune != '/')
			reach(r->p, r->next, i);
		return;
	case TOKEN_REST:
		reach(r->p, r->next, i);
		return;
	case TOKEN_DIRS:
		/* Stays inside; only a slash lets go on. */
		r->next[i / 64] |= UINT64_C(1) << (i % 64);
		in = rune == '/';
		break;
	}
	if (in)
		reach(r->p, r->next, i + 1);
}

/* Reads one character; false when no position is left. */
static bool read_rune(struct run *r, uint32_t rune)
{
	bool alive = false;
	memset(r->next, 0, r->nwords * sizeof(uint64_t));
	for (size_t w = 0; w < r->nwords; w++) {
		for (uint64_t bits = r->now[w]; bits; bits &= bits - 1) {
			size_t i = w * 64 + (size_t)__builtin_ctzll(bits);
			if (i < r->p->ntokens)
				advance(r, i, rune);
		}
	}
	uint64_t *done = r->now;
	r->now = r->next;
	r->next = done;
	for (size_t w = 0; w < r->nwords; w++)
		alive = alive || r->now[w];
	return alive;
}

static bool general(const struct globpat *p, struct str path, bool up)
{
	__attribute__((cleanup(run_done))) struct run r;
	if (!str_starts(path, p->lit)) {
		r.heap = NULL;
		return false;
	}
	run_init(&r, p);
	for (size_t i = p->lit.len; i < path.len;) {
		uint32_t rune;
		if (up && path.p[i] == '/' && final(&r))
			return true;
		i += glob_rune(str_from(path, i), &rune);
		if (!read_rune(&r, rune))
			return false;
	}
	return final(&r);
}

/* ---- matching ---- */

static bool suffix(struct str lit, struct str path)
{
	return str_ends(path, lit) || (lit.len && lit.p[0] == '/' && str_eq(path, str_from(lit, 1)));
}

static bool begins_otherwise(const struct globpat *p, struct str path)
{
	return p->first >= 0 && path.len && (unsigned char)path.p[0] != p->first;
}

static bool ends_otherwise(const struct globpat *p, struct str path)
{
	return p->last >= 0 && path.len && (unsigned char)path.p[path.len - 1] != p->last;
}

bool globpat_match(const struct globpat *p, struct str path)
{
	if (begins_otherwise(p, path) || ends_otherwise(p, path))
		return false;
	switch (p->kind) {
	case GLOBPAT_EXACT:
		return str_eq(path, p->lit);
	case GLOBPAT_PREFIX:
		return str_starts(path, p->lit);
	case GLOBPAT_SUFFIX:
		return suffix(p->lit, path);
	case GLOBPAT_STAR:
		return str_ends(path, p->lit) && str_find(path, '/') < 0;
	case GLOBPAT_TAIL:
		return str_ends(path, p->lit);
	case GLOBPAT_GENERAL:
		break;
	}
	return general(p, path, false);
}

/* Calls the text comparison for each folder above. */
static bool any_parent(const struct globpat *p, struct str path)
{
	for (size_t i = 0; i < path.len; i++)
		if (path.p[i] == '/' && globpat_match(p, str_sub(path, 0, i)))
			return true;
	return false;
}

bool globpat_match_up(const struct globpat *p, struct str path)
{
	if (begins_otherwise(p, path))
		return false;
	switch (p->kind) {
	case GLOBPAT_EXACT:
		return str_starts(path, p->lit) && (path.len == p->lit.len || path.p[p->lit.len] == '/');
	case GLOBPAT_PREFIX:
		return globpat_match(p, path);
	case GLOBPAT_STAR: {
		ptrdiff_t slash = str_find(path, '/');
		return str_ends(slash < 0 ? path : str_sub(path, 0, (size_t)slash), p->lit);
	}
	case GLOBPAT_SUFFIX:
	case GLOBPAT_TAIL:
		return globpat_match(p, path) || any_parent(p, path);
	case GLOBPAT_GENERAL:
		break;
	}
	return general(p, path, true);
}

/* Does a path that begins with the folder and a slash begin with lit, or can it still become one that does? */
static bool compatible(struct str folder, struct str lit)
{
	size_t n = folder.len < lit.len ? folder.len : lit.len;
	if (!str_eq(str_sub(folder, 0, n), str_sub(lit, 0, n)))
		return false;
	return lit.len <= folder.len || lit.p[folder.len] == '/';
}

bool globpat_match_below(const struct globpat *p, struct str folder)
{
	switch (p->kind) {
	case GLOBPAT_EXACT:
		return compatible(folder, p->lit) && p->lit.len > folder.len + 1;
	case GLOBPAT_PREFIX:
		return compatible(folder, p->lit);
	case GLOBPAT_STAR:
		return false;
	case GLOBPAT_SUFFIX:
	case GLOBPAT_TAIL:
		return true;
	case GLOBPAT_GENERAL:
		break;
	}
	if (!compatible(folder, p->lit))
		return false;
	if (p->lit.len > folder.len)
		return true;
	__attribute__((cleanup(run_done))) struct run r;
	run_init(&r, p);
	for (size_t i = p->lit.len; i < folder.len;) {
		uint32_t rune;
		i += glob_rune(str_from(folder, i), &rune);
		if (!read_rune(&r, rune))
			return false;
	}
	return read_rune(&r, '/');
}
