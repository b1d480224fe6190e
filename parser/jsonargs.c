/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The JSON form of arguments, as strict as RFC 8259: one array, white space around it, nothing else. Whether the
 * elements are strings decides between an error and success, whether it is JSON at all between this form and another
 * one, so a text is first walked over as JSON of any kind (without recursion: a stack of bits remembers what is open),
 * noting the strings of the outer array.
 */
#include "parser/runes.h"
#include "parser/syntax.h"

enum { DEPTH_MAX = 10000 };

struct walk {
	const char *p, *end;
	unsigned depth;
	uint64_t objects[(DEPTH_MAX + 63) / 64]; /* bit d: what is open at depth d is an object */
	bool strings;                            /* all elements of the outer array are strings */
};

static void white(struct walk *w)
{
	while (w->p < w->end && (*w->p == ' ' || *w->p == '\t' || *w->p == '\n' || *w->p == '\r'))
		w->p++;
}

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool string(struct walk *w)
{
	for (w->p++; w->p < w->end; w->p++) {
		if (*w->p == '"') {
			w->p++;
			return true;
		}
		if ((unsigned char)*w->p < 0x20)
			return false;
		if (*w->p != '\\')
			continue;
		if (++w->p == w->end)
			return false;
		if (*w->p == 'u') {
			for (int i = 0; i < 4; i++)
				if (++w->p >= w->end || hex(*w->p) < 0)
					return false;
		} else if (!*w->p || !strchr("\"\\/bfnrt", *w->p)) {
			return false;
		}
	}
	return false;
}

static bool digits(struct walk *w)
{
	const char *from = w->p;
	while (w->p < w->end && *w->p >= '0' && *w->p <= '9')
		w->p++;
	return w->p > from;
}

static bool number(struct walk *w)
{
	if (*w->p == '-')
		w->p++;
	if (w->p < w->end && *w->p == '0')
		w->p++;
	else if (!digits(w))
		return false;
	if (w->p < w->end && *w->p == '.') {
		w->p++;
		if (!digits(w))
			return false;
	}
	if (w->p < w->end && (*w->p | 0x20) == 'e') {
		w->p++;
		if (w->p < w->end && (*w->p == '+' || *w->p == '-'))
			w->p++;
		return digits(w);
	}
	return true;
}

static bool literal(struct walk *w, struct str word)
{
	if ((size_t)(w->end - w->p) < word.len || memcmp(w->p, word.p, word.len) != 0)
		return false;
	w->p += word.len;
	return true;
}

static bool scalar(struct walk *w)
{
	if (w->p >= w->end)
		return false;
	switch (*w->p) {
	case '"':
		return string(w);
	case 't':
		return literal(w, STR("true"));
	case 'f':
		return literal(w, STR("false"));
	case 'n':
		return literal(w, STR("null"));
	default:
		return number(w);
	}
}

static bool in_object(const struct walk *w)
{
	return w->objects[w->depth / 64] >> (w->depth % 64) & 1;
}

/* In an object: the name and the colon in front of a value. */
static bool name_and_colon(struct walk *w)
{
	white(w);
	if (w->p >= w->end || *w->p != '"' || !string(w))
		return false;
	white(w);
	if (w->p >= w->end || *w->p != ':')
		return false;
	w->p++;
	white(w);
	return true;
}

/* Closes what ends here and passes over a comma; *ret_more: a value has to follow. */
static bool after_value(struct walk *w, bool *ret_more)
{
	*ret_more = false;
	while (w->depth) {
		white(w);
		if (w->p >= w->end)
			return false;
		if (*w->p == ',') {
			w->p++;
			*ret_more = true;
			return !in_object(w) || name_and_colon(w);
		}
		if (*w->p != (in_object(w) ? '}' : ']'))
			return false;
		w->p++;
		w->depth--;
	}
	return true;
}

/* Opens an array or object; *ret_more: a value has to follow (it is not empty). */
static bool open(struct walk *w, bool *ret_more)
{
	bool object = *w->p++ == '{';
	if (++w->depth >= DEPTH_MAX)
		return false;
	uint64_t bit = (uint64_t)1 << (w->depth % 64);
	if (object)
		w->objects[w->depth / 64] |= bit;
	else
		w->objects[w->depth / 64] &= ~bit;
	white(w);
	if (w->p >= w->end)
		return false;
	if (*w->p == (object ? '}' : ']')) {
		w->p++;
		w->depth--;
		return after_value(w, ret_more);
	}
	*ret_more = true;
	return !object || name_and_colon(w);
}

static void put_escape(const char **p, char **out)
{
	static const char from[] = "bfnrt", to[] = "\b\f\n\r\t";
	const char *f = strchr(from, **p);
	*(*out)++ = f && **p ? to[f - from] : **p;
	(*p)++;
}

static uint32_t four(const char *p)
{
	return (uint32_t)(hex(p[0]) << 12 | hex(p[1]) << 8 | hex(p[2]) << 4 | hex(p[3]));
}

/* \uXXXX, joined with a following low surrogate. */
static void put_unicode(const char **p, const char *end, char **out)
{
	uint32_t c = four(*p + 1);
	*p += 5;
	if (c >= 0xD800 && c < 0xDC00 && end - *p >= 6 && (*p)[0] == '\\' && (*p)[1] == 'u') {
		uint32_t low = four(*p + 2);
		if (low >= 0xDC00 && low < 0xE000) {
			c = 0x10000 + ((c - 0xD800) << 10 | (low - 0xDC00));
			*p += 6;
		}
	}
	*out += rune_put(c, *out);
}

/* The value of a string's inside that was walked over before. */
static struct str decode(struct arena *a, struct str s)
{
	bool plain = true;
	for (size_t i = 0; i < s.len && plain; i++)
		plain = s.p[i] != '\\' && (unsigned char)s.p[i] < 0x80;
	if (plain)
		return s;
	char *text = arena_new(a, s.len * 3 + 1), *out = text;
	for (const char *p = s.p, *end = s.p + s.len; p < end;) {
		uint32_t c;
		if (*p == '\\') {
			p++;
			if (*p == 'u')
				put_unicode(&p, end, &out);
			else
				put_escape(&p, &out);
			continue;
		}
		p += rune_next((struct str){p, (size_t)(end - p)}, &c);
		out += rune_put(c, out);
	}
	return (struct str){text, (size_t)(out - text)};
}

/* Walks over the array; the strings of its first level go to ret, as they are written. False: not JSON. */
static int walk_array(struct walk *w, struct arena *a, struct words *ret, bool *ret_json, struct err *e)
{
	bool more = false, fine = open(w, &more);
	while (fine && more) {
		white(w);
		const char *from = w->p;
		bool string_here = w->depth == 1 && from < w->end && *from == '"';
		w->strings &= string_here || w->depth > 1;
		if (from < w->end && (*from == '[' || *from == '{')) {
			fine = open(w, &more);
			continue;
		}
		fine = scalar(w);
		if (fine && string_here)
			TRY(words_add(a, ret, (struct str){from + 1, (size_t)(w->p - from) - 2}, from, e));
		fine = fine && after_value(w, &more);
	}
	white(w);
	*ret_json = fine && w->p == w->end;
	return 0;
}

int jsonargs_parse(struct arena *a, struct str text, enum jsonargs *ret_kind, struct words *ret, struct err *e)
{
	text = rune_trim_left(text);
	*ret_kind = JSONARGS_NONE;
	if (text.len == 0 || text.p[0] != '[')
		return 0;
	struct walk w;
	w.p = text.p;
	w.end = text.p + text.len;
	w.depth = 0;
	w.strings = true;
	size_t before = ret->n;
	bool json;
	TRY(walk_array(&w, a, ret, &json, e));
	if (json && w.strings) {
		*ret_kind = JSONARGS_ARRAY;
		for (size_t i = before; i < ret->n; i++)
			ret->w[i].text = decode(a, ret->w[i].text);
		return 0;
	}
	ret->n = before;
	if (json)
		*ret_kind = JSONARGS_NOT_STRINGS;
	return 0;
}
