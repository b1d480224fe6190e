/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lists of patterns. Reading and deciding are separate: a file becomes cleaned lines, lines become compiled patterns.
 * The last pattern that matches a path or one of its parents decides, so the list is searched from its end.
 */
#include "parser/ignore.h"

#include "base/arena.h"
#include "base/mem.h"
#include "parser/globpat.h"
#include "parser/runes.h"

struct ignore_item {
	struct globpat pattern;
	struct str text; /* with its '!' */
	int line;        /* 0 when it is not from a file */
	bool exception;
};

struct ignore {
	struct arena arena;
	struct ignore_item *items;
	size_t n, cap;
	bool exceptions;
};

/* A path without "//", "." and "x/..", as short as it can be; "." for nothing. */
static struct str clean(struct arena *a, struct str s)
{
	char *out = arena_new(a, s.len + 2);
	size_t n = 0, keep = 0; /* `keep`: ".." at the front, which cannot be taken back */
	struct str part;
	bool rooted = s.len && s.p[0] == '/';
	if (rooted)
		out[n++] = '/';
	keep = n;
	while (str_split(&s, '/', &part)) {
		if (!part.len || str_eqz(part, "."))
			continue;
		bool up = str_eqz(part, "..");
		if (up && n > keep) {
			while (n > keep && out[n - 1] != '/')
				n--;
			n -= n > keep;
			continue;
		}
		if (up && rooted)
			continue;
		if (n && out[n - 1] != '/')
			out[n++] = '/';
		memcpy(out + n, part.p, part.len);
		n += part.len;
		if (up)
			keep = n;
	}
	if (!n)
		out[n++] = '.';
	return (struct str){out, n};
}

struct str ignore_clean(struct str path, struct arena *a)
{
	return clean(a, path);
}

/* A line of a file: an empty string when there is no pattern in it. */
static struct str clean_line(struct arena *a, struct str line)
{
	if (line.len && line.p[0] == '#')
		return (struct str){"", 0};
	struct str s = rune_trim(line);
	bool exception = s.len && s.p[0] == '!';
	if (exception)
		s = rune_trim(str_from(s, 1));
	if (s.len) {
		s = clean(a, s);
		if (s.len > 1 && s.p[0] == '/')
			s = str_from(s, 1);
	}
	if (!exception)
		return s;
	char *p = arena_new(a, s.len + 2);
	p[0] = '!';
	if (s.len)
		memcpy(p + 1, s.p, s.len);
	return (struct str){p, s.len + 1};
}

static int add(struct ignore *ig, struct str text, int line, struct err *e)
{
	struct str s = rune_trim(text);
	if (!s.len)
		return 0;
	if (str_find(s, '\0') >= 0)
		return err_set(e, ERR_SYNTAX, "NUL byte in a pattern");
	s = clean(&ig->arena, s);
	ARENA_ROOM(&ig->arena, ig->items, ig->n, ig->cap);
	struct ignore_item *item = &ig->items[ig->n];
	*item = (struct ignore_item){.text = s, .line = line, .exception = s.p[0] == '!'};
	if (item->exception && s.len == 1)
		return err_set(e, ERR_SYNTAX, "illegal exclusion pattern: \"!\"");
	TRY(globpat_compile(str_from(s, item->exception), &ig->arena, &item->pattern, e));
	ig->exceptions = ig->exceptions || item->exception;
	ig->n++;
	return 0;
}

int ignore_lines(struct str text, struct arena *a, struct ignore_line **ret, size_t *ret_n, struct err *e)
{
	struct ignore_line *lines = NULL;
	size_t n = 0, cap = 0;
	struct str line;
	if (text.len > IGNORE_SIZE_MAX)
		return err_set(e, ERR_LIMIT, "ignore file larger than %d bytes", IGNORE_SIZE_MAX);
	if (str_starts(text, STR("\xef\xbb\xbf")))
		text = str_from(text, 3);
	for (int number = 1; str_split(&text, '\n', &line); number++) {
		struct str s = clean_line(a, line);
		if (!s.len)
			continue;
		ARENA_ROOM(a, lines, n, cap);
		lines[n++] = (struct ignore_line){s, number};
	}
	*ret = lines;
	*ret_n = n;
	return 0;
}

int ignore_parse(struct str text, struct ignore **ret, struct err *e)
{
	cleanup_ignore struct ignore *ig = mem_new(sizeof(*ig));
	struct ignore_line *lines;
	size_t n;
	TRY(ignore_lines(text, &ig->arena, &lines, &n, e));
	for (size_t i = 0; i < n; i++)
		if (add(ig, lines[i].text, lines[i].line, e) < 0)
			return err_at(e, lines[i].line, 0, lines[i].line);
	*ret = steal(&ig);
	return 0;
}

int ignore_new(const struct str *patterns, size_t n, struct ignore **ret, struct err *e)
{
	cleanup_ignore struct ignore *ig = mem_new(sizeof(*ig));
	for (size_t i = 0; i < n; i++)
		TRY(add(ig, arena_str(&ig->arena, patterns[i]), 0, e));
	*ret = steal(&ig);
	return 0;
}

void ignore_free(struct ignore *ig)
{
	if (!ig)
		return;
	arena_done(&ig->arena);
	mem_free(ig);
}

size_t ignore_count(const struct ignore *ig)
{
	return ig->n;
}

bool ignore_has_exceptions(const struct ignore *ig)
{
	return ig->exceptions;
}

struct str ignore_pattern_text(const struct ignore *ig, int pattern, int *ret_line)
{
	if (ret_line)
		*ret_line = ig->items[pattern].line;
	return ig->items[pattern].text;
}

/* The deciding pattern, or -1. */
static int decide(const struct ignore *ig, struct str path)
{
	for (size_t i = ig->n; i-- > 0;)
		if (globpat_match_up(&ig->items[i].pattern, path))
			return (int)i;
	return -1;
}

bool ignore_match(const struct ignore *ig, struct str path, int *ret_pattern)
{
	int i = decide(ig, path);
	if (ret_pattern)
		*ret_pattern = i;
	return i >= 0 && !ig->items[i].exception;
}

bool ignore_may_prune(const struct ignore *ig, struct str dir)
{
	int decided = decide(ig, dir);
	if (decided < 0 || ig->items[decided].exception)
		return false;
	/* Exceptions above the deciding pattern are overruled by it below, too. */
	for (size_t i = (size_t)decided + 1; i < ig->n; i++)
		if (ig->items[i].exception && globpat_match_below(&ig->items[i].pattern, dir))
			return false;
	return true;
}
