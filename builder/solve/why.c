/* SPDX-License-Identifier: Apache-2.0 */
/* Two JSON objects, member by member; and two layer indexes, entry by entry (a merge of sorted lists). */
#include "builder/solve/why.h"

#include "base/jval.h"
#include "snapshotter/index.h"

struct compare {
	const struct jval *then;
	struct buf *out;
	size_t before;
};

static void separate(struct compare *c)
{
	if (c->out->len > c->before)
		buf_puts(c->out, "; ");
}

static void cut(struct buf *out, const char *s)
{
	size_t n = strlen(s);
	buf_printf(out, n > 60 ? "\"%.57s...\"" : "\"%s\"", s);
}

/* Environment lists are compared entry by entry: the variable that changed is what people want to know. */
static void list_differs(const char *key, const struct jval *then, const struct jval *now, struct compare *c)
{
	for (size_t pass = 0; pass < 2; pass++) {
		const struct jval *a = pass ? then : now, *b = pass ? now : then;
		for (size_t i = 0; i < jval_count(a); i++) {
			const char *item = jval_text(jval_at(a, i));
			bool there = false;
			for (size_t k = 0; k < jval_count(b) && item; k++) {
				const char *other = jval_text(jval_at(b, k));
				there = there || (other && strcmp(item, other) == 0);
			}
			if (there || !item)
				continue;
			separate(c);
			buf_printf(c->out, "%s %s ", key, pass ? "lost" : "now has");
			cut(c->out, item);
		}
	}
}

static int member(const char *key, struct jval *now, void *arg)
{
	struct compare *c = arg;
	const struct jval *then = jval_get(c->then, key);
	cleanup_buf struct buf a = {0}, b = {0};
	if (then)
		jval_print(then, 0, &a);
	jval_print(now, 0, &b);
	if (str_eq(buf_view(&a), buf_view(&b)))
		return 0;
	if (jval_is_array(now) && jval_is_array(then)) {
		list_differs(key, then, now, c);
		return 0;
	}
	const char *was = jval_text(then), *is = jval_text(now);
	separate(c);
	if (is && strncmp(is, "sha256:", 7) == 0) {
		buf_printf(c->out, "%s changed", key);
	} else if (was && is) {
		buf_printf(c->out, "%s changed from ", key);
		cut(c->out, was);
		buf_puts(c->out, " to ");
		cut(c->out, is);
	} else {
		buf_printf(c->out, "%s changed", key);
	}
	return 0;
}

void why_differs(struct str then, struct str now, bool no_cache, struct buf *out)
{
	struct err ignored;
	cleanup_jval struct jval *a = NULL;
	cleanup_jval struct jval *b = NULL;
	struct compare c = {.out = out, .before = out->len};
	if (no_cache) {
		buf_puts(out, "--no-cache asked for it");
		return;
	}
	if (!then.len || jval_parse(then, &a, &ignored) < 0) {
		buf_puts(out, "no earlier run of this step is on record");
		return;
	}
	if (jval_parse(now, &b, &ignored) < 0)
		return;
	c.then = a;
	jval_each(b, member, &c);
	if (out->len == c.before)
		buf_puts(out, "the record was pruned");
}

struct counts {
	unsigned added, removed, changed;
	struct buf names;
	unsigned named;
};

enum { NAMED_MAX = 3 };

static void name(struct counts *c, struct str path, const char *what)
{
	if (c->named++ < NAMED_MAX)
		buf_printf(&c->names, "%s%.*s (%s)", c->named > 1 ? ", " : "", STR_ARG(path), what);
}

static const char *entry_differs(const struct entry *a, const struct entry *b)
{
	if (a->type != b->type)
		return "type";
	if (a->type == ENTRY_FILE && (a->size != b->size || !digest_eq(&a->digest, &b->digest)))
		return "content";
	if (!str_eq(a->target, b->target))
		return "link target";
	if (a->mode != b->mode)
		return "mode";
	if (a->uid != b->uid || a->gid != b->gid)
		return "owner";
	return str_eq(a->xattrs, b->xattrs) ? NULL : "attributes";
}

static void compare_indexes(const struct index *a, const struct index *b, struct counts *c)
{
	size_t i = 0, k = 0;
	while (i < a->n || k < b->n) {
		int order = i == a->n ? 1 : k == b->n ? -1 : path_cmp(a->entries[i].path, b->entries[k].path);
		if (order < 0) {
			c->removed++;
			name(c, a->entries[i++].path, "removed");
		} else if (order > 0) {
			c->added++;
			name(c, b->entries[k++].path, "added");
		} else {
			const char *what = entry_differs(&a->entries[i++], &b->entries[k]);
			if (what) {
				c->changed++;
				name(c, b->entries[k].path, what);
			}
			k++;
		}
	}
}

void why_files(struct store *s, const struct digest *then, const struct digest *now, struct buf *out)
{
	cleanup_index struct index *a = NULL;
	cleanup_index struct index *b = NULL;
	struct err ignored;
	struct counts c = {0};
	if (digest_none(then) || digest_none(now) || store_layer_index(s, then, &a, &ignored) < 0 ||
	    store_layer_index(s, now, &b, &ignored) < 0)
		return;
	compare_indexes(a, b, &c);
	unsigned total = c.added + c.removed + c.changed;
	if (!total)
		return;
	buf_str(out, buf_view(&c.names));
	if (total > NAMED_MAX)
		buf_printf(out, " and %u more", total - NAMED_MAX);
	buf_done(&c.names);
}
