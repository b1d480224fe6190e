/* SPDX-License-Identifier: Apache-2.0 */
/* Both ways to write an annotation are a type with a platform and a key; they differ in what stands around them. */
#include "builder/cli/notes.h"

#include "builder/cli/report.h"
#include "registry/platform.h"

static const char *const types[] = {"manifest", "index", "manifest-descriptor", "index-descriptor"};

static bool of_index(enum note_place place)
{
	return place == NOTE_INDEX || place == NOTE_INDEX_DESCRIPTOR;
}

static int find_type(struct str name, const char *said, enum note_place *ret, struct err *e)
{
	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if (str_eqz(name, types[i])) {
			*ret = (enum note_place)i;
			return 0;
		}
	const char *near = str_suggest(name, types, ARRAY_LEN(types));
	return err_set(e, ERR_USAGE, "%s: unknown annotation type \"%.*s\"%s%s%s; known are manifest, index, manifest-descriptor and "
		"index-descriptor", said, STR_ARG(name), near ? " (did you mean " : "", near ? near : "", near ? "?)" : "");
}

/* "TYPE" or "TYPE[PLATFORM]"; no type at all means `otherwise`. */
static int parse_place(struct str text, struct str otherwise, const char *said, struct arena *a, struct note *ret, struct err *e)
{
	ptrdiff_t open = str_find(text, '[');
	struct str type = open < 0 ? text : str_sub(text, 0, (size_t)open);
	TRY(find_type(type.len ? type : otherwise, said, &ret->place, e));
	if (open < 0)
		return 0;
	if (text.p[text.len - 1] != ']')
		return err_set(e, ERR_USAGE, "%s: \"%.*s\": ] is missing behind the platform", said, STR_ARG(text));
	if (of_index(ret->place))
		return err_set(e, ERR_USAGE, "%s: \"%.*s\": an index is of no single platform", said, STR_ARG(text));
	ret->one = true;
	if (platform_parse(str_sub(text, (size_t)open + 1, text.len - 1), a, &ret->platform, e) < 0) {
		e->code = ERR_USAGE;
		return err_wrap(e, "%s", said);
	}
	return 0;
}

static int add(struct notes *l, const struct note *n, const char *said, struct arena *a, struct err *e)
{
	if (!n->key.len)
		return err_set(e, ERR_USAGE, "%s: the key is empty", said);
	ARENA_ROOM(a, l->v, l->n, l->cap);
	l->v[l->n++] = *n;
	return 0;
}

int notes_parse(const char *text, struct arena *a, struct notes *l, struct err *e)
{
	const char *said = arena_printf(a, "--annotation %s", text);
	struct str s = str_of(text), part;
	ptrdiff_t eq = str_find(s, '=');
	if (eq < 0)
		return err_set(e, ERR_USAGE, "%s: KEY=VALUE is wanted", said);
	struct str key = str_sub(s, 0, (size_t)eq), list = {0};
	struct note n = {.place = NOTE_MANIFEST, .key = key, .value = str_from(s, (size_t)eq + 1)};
	ptrdiff_t colon = str_find(key, ':');
	if (colon < 0)
		return add(l, &n, said, a, e);
	list = str_sub(key, 0, (size_t)colon);
	for (bool more = true; more;) { /* an empty list has one empty type */
		ptrdiff_t comma = str_find(list, ',');
		part = comma < 0 ? list : str_sub(list, 0, (size_t)comma);
		more = comma >= 0;
		list = more ? str_from(list, (size_t)comma + 1) : list;
		struct note one = {.key = str_from(key, (size_t)colon + 1), .value = n.value};
		TRY(parse_place(part, STR(""), said, a, &one, e));
		TRY(add(l, &one, said, a, e));
	}
	return 0;
}

int notes_field(const char *key, const char *value, struct arena *a, struct notes *l, bool *ret_mine, struct err *e)
{
	static const char word[] = "annotation";
	struct str s = str_of(key);
	*ret_mine = false;
	if (!str_starts(s, STR("annotation")))
		return 0;
	s = str_from(s, strlen(word));
	ptrdiff_t close = str_find(s, ']'), dot = -1;
	for (size_t i = close < 0 ? 0 : (size_t)close; i < s.len && dot < 0; i++)
		dot = s.p[i] == '.' ? (ptrdiff_t)i : -1;
	if (dot < 0 || (dot > 0 && s.p[0] != '-' && s.p[0] != '['))
		return 0;
	*ret_mine = true;
	const char *said = arena_printf(a, "--output: %s", key);
	struct note n = {.key = str_from(s, (size_t)dot + 1), .value = str_of(value)};
	struct str place = str_sub(s, 0, (size_t)dot);
	bool typed = place.len && place.p[0] == '-';
	TRY(parse_place(typed ? str_from(place, 1) : place, typed ? STR("") : STR("manifest"), said, a, &n, e));
	return add(l, &n, said, a, e);
}

void notes_add_all(struct notes *l, const struct notes *more, struct arena *a)
{
	for (size_t i = 0; i < more->n; i++) {
		ARENA_ROOM(a, l->v, l->n, l->cap);
		l->v[l->n++] = more->v[i];
	}
}

int notes_check(const struct notes *l, const struct platform *platforms, size_t n, struct err *e)
{
	for (size_t i = 0; i < l->n; i++) {
		const struct note *note = &l->v[i];
		bool built = !note->one;
		if (of_index(note->place) && n == 1)
			report_warning("annotation %.*s is written nowhere: an image for one platform has no index", STR_ARG(note->key));
		for (size_t k = 0; k < n && !built; k++)
			built = platform_eq(&note->platform, &platforms[k]);
		if (!built) {
			cleanup_buf struct buf text = {0};
			platform_print(&note->platform, &text);
			return err_set(e, ERR_USAGE, "annotation %.*s: nothing is built for %s", STR_ARG(note->key), text.p);
		}
	}
	return 0;
}

struct annotations notes_of(const struct notes *l, enum note_place place, const struct platform *p, struct arena *a)
{
	struct annotations all = {0};
	for (int own = 0; own < 2; own++)
		for (size_t i = 0; i < l->n; i++) {
			const struct note *n = &l->v[i];
			if (n->place == place && n->one == own && (!own || (p && platform_eq(&n->platform, p))))
				annotations_set(a, &all, n->key, n->value);
		}
	return all;
}
