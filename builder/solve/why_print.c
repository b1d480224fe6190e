/* SPDX-License-Identifier: Apache-2.0 */
/* Changes as a line for people, where long values are cut and files counted, and as JSON for tools, where nothing is left out. */
#include "base/jval.h"
#include "builder/graph/parts.h"
#include "builder/solve/why.h"

enum {
	NAMED_MAX = 3,
	VALUE_MAX = 60,
	HEAD_MAX = 20,   /* of a value whose middle is left out */
	BEFORE_MAX = 10, /* what comes before the first difference */
};

static bool is_file(const struct change *one)
{
	return one->path.len && strcmp(one->kind, part_kind(PART_COPIED)) == 0;
}

static bool is_part(const struct change *one, enum part p)
{
	return one->name && strcmp(one->name, part_name(p)) == 0;
}

static const struct change *find(const struct changes *c, enum part p)
{
	for (size_t i = 0; i < c->n; i++)
		if (is_part(&c->v[i], p))
			return &c->v[i];
	return NULL;
}

/* Is it said already by another one? */
static bool follows(const struct changes *c, const struct change *one)
{
	static const struct {
		enum part what, from;
	} rows[] = {{PART_START, PART_BASE}, {PART_ONTO, PART_BASE}, {PART_BODY_TIME, PART_BODY}};
	const struct change *onto = find(c, PART_ONTO);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (is_part(one, rows[i].what) && find(c, rows[i].from))
			return true;
	/* With --link, which came or went, what it is copied onto does not count. */
	return onto && strcmp(onto->change, "changed") != 0 && (one == onto || is_part(one, PART_BASE));
}

static bool is_mount(const struct change *one)
{
	return strcmp(one->kind, part_kind(PART_MOUNTS)) == 0;
}

/* A digest says nothing to people. */
static bool shown(struct str value)
{
	return value.len && !str_starts(value, STR("sha256:"));
}

/* The end of the last whole character in the first n bytes. */
static size_t whole(struct str s, size_t n)
{
	while (n && n < s.len && ((unsigned char)s.p[n] & 0xc0) == 0x80)
		n--;
	return n;
}

/* The text of at most `room` bytes, on one line. */
static void piece(struct buf *out, struct str s, size_t room)
{
	size_t n = s.len > room ? whole(s, room - 3) : s.len;
	for (size_t i = 0; i < n; i++)
		if (s.p[i] == '\n')
			buf_puts(out, "\\n");
		else
			buf_putc(out, s.p[i]);
	if (n < s.len)
		buf_puts(out, "...");
}

/* The beginning, which says what it is, and what follows from `from` on; 0: nothing is left out. */
static void value(struct buf *out, struct str s, size_t from)
{
	size_t head = from ? whole(s, HEAD_MAX) : 0;
	buf_putc(out, '"');
	if (from)
		buf_printf(out, "%.*s...", (int)head, s.p);
	piece(out, str_from(s, from), from ? VALUE_MAX - HEAD_MAX - 3 : VALUE_MAX);
	buf_putc(out, '"');
}

static void first_line(struct buf *out, struct str s)
{
	ptrdiff_t nl = str_find(s, '\n');
	buf_putc(out, '"');
	piece(out, nl < 0 ? s : str_sub(s, 0, (size_t)nl), VALUE_MAX);
	buf_puts(out, nl < 0 || nl > VALUE_MAX ? "\"" : "...\""); /* else the line is cut already */
}

/* Where two values have to be shown from so that they look different; 0: from the beginning. */
static size_t differ_at(struct str a, struct str b)
{
	size_t n = 0;
	while (n < a.len && n < b.len && a.p[n] == b.p[n])
		n++;
	bool long_one = a.len > VALUE_MAX || b.len > VALUE_MAX;
	return long_one && n > HEAD_MAX + BEFORE_MAX + 3 ? whole(a, n - BEFORE_MAX) : 0;
}

static void from_to(const struct change *one, struct buf *out)
{
	bool is = strcmp(one->change, "removed") != 0, both = is && strcmp(one->change, "added") != 0;
	struct str only = is ? one->is : one->was;
	if (both) {
		buf_puts(out, " changed");
		if (!shown(one->was) || !shown(one->is) || is_part(one, PART_BODY_TIME))
			return;
		size_t from = differ_at(one->was, one->is);
		buf_puts(out, " from ");
		value(out, one->was, from);
		buf_puts(out, " to ");
		value(out, one->is, from);
	} else if (shown(only)) {
		buf_printf(out, ": %s ", one->change);
		first_line(out, only);
	} else {
		buf_printf(out, " was %s", one->change);
	}
}

/* "<beginning of the id>: FROM <name>" */
static struct str image_name(struct str base)
{
	ptrdiff_t colon = str_find(base, ':');
	struct str rest = colon < 0 ? base : str_from(base, (size_t)colon);
	return str_starts(rest, STR(": FROM ")) ? str_from(rest, strlen(": FROM ")) : base;
}

static void base_image(const struct change *one, struct buf *out)
{
	struct change names = *one;
	names.was = image_name(one->was);
	names.is = image_name(one->is);
	buf_puts(out, one->name);
	if (str_eq(names.was, names.is))
		buf_printf(out, " %.*s changed", STR_ARG(names.is));
	else
		from_to(&names, out);
}

static void mount(const struct change *one, struct buf *out)
{
	if (one->name) {
		buf_printf(out, "%s of mount %.*s", one->name, STR_ARG(one->path));
		from_to(one, out);
	} else if (strcmp(one->change, "order") == 0) {
		buf_puts(out, "the mounts stand in another order");
	} else if (strcmp(one->change, "target") == 0) {
		buf_puts(out, "the target of a mount");
		from_to(one, out);
	} else if (strcmp(one->change, "content") == 0) {
		buf_printf(out, "the files of mount %.*s changed", STR_ARG(one->path));
	} else {
		struct str type = one->is.len ? one->is : one->was;
		buf_printf(out, "mount %.*s (%.*s) was %s", STR_ARG(one->path), STR_ARG(type), one->change);
	}
}

static void reason(const struct change *one, struct buf *out)
{
	static const struct {
		const char *kind, *text;
	} rows[] = {
	    {"new", "no earlier run of this step is on record"},
	    {"no-cache", "--no-cache asked for it"},
	    {"pruned", "the record was pruned"},
	    {"times", "files have other times than when it ran, which counts with SOURCE_DATE_EPOCH"},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (strcmp(one->kind, rows[i].kind) == 0) {
			buf_puts(out, rows[i].text);
			return;
		}
	if (is_mount(one)) {
		mount(one, out);
	} else if (is_part(one, PART_BASE)) {
		base_image(one, out);
	} else {
		buf_puts(out, one->name);
		from_to(one, out);
	}
}

void why_text(const struct changes *c, struct buf *out)
{
	const char *between = "";
	size_t files = 0;
	for (size_t i = 0; i < c->n; i++) {
		if (is_file(&c->v[i]) || follows(c, &c->v[i]))
			continue;
		buf_puts(out, between);
		reason(&c->v[i], out);
		between = "; ";
	}
	for (size_t i = 0; i < c->n; i++)
		if (is_file(&c->v[i]) && files++ < NAMED_MAX)
			buf_printf(out, "%s%.*s (%s)", files > 1 ? ", " : *between ? ": " : "", STR_ARG(c->v[i].path), c->v[i].change);
	if (files > NAMED_MAX)
		buf_printf(out, " and %zu more", files - NAMED_MAX);
}

static void member(struct buf *out, const char *name, struct str text)
{
	if (!text.len)
		return;
	buf_printf(out, ",\"%s\":", name);
	jval_quote(text, out);
}

void why_json(const struct changes *c, struct buf *out)
{
	const char *between = "";
	bool files = false;
	for (size_t i = 0; i < c->n; i++)
		files = files || is_file(&c->v[i]);
	buf_putc(out, '[');
	for (size_t i = 0; i < c->n; i++) {
		const struct change *one = &c->v[i];
		if (files && !is_file(one) && strcmp(one->kind, part_kind(PART_COPIED)) == 0)
			continue; /* that there are changed files is said by the files */
		buf_printf(out, "%s{\"kind\":\"%s\"", between, one->kind);
		member(out, "name", str_of(one->name));
		member(out, "path", one->path);
		member(out, "change", str_of(one->change));
		member(out, "old", one->was);
		member(out, "new", one->is);
		buf_putc(out, '}');
		between = ",";
	}
	buf_putc(out, ']');
}
