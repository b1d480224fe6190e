/* SPDX-License-Identifier: Apache-2.0 */
/* The level of lines and words: the folder parser/. */
#include "parser/directive.h"
#include "parser/dump.h"
#include "parser/syntax.h"
#include "tests/conformance/drive.h"

static bool same_words(const char *what, const struct words *got, const struct jval *want, struct buf *why)
{
	bool same = drive_same_int(why, what, (long long)got->n, (long long)jval_count(want));
	for (size_t i = 0; same && i < got->n; i++)
		same = drive_same(why, what, got->w[i].text, jval_text(jval_at(want, i)));
	return same;
}

static bool same_heredoc(const struct heredoc *h, const struct jval *want, struct buf *why)
{
	return drive_same(why, "heredoc name", h->name, jval_get_text(want, "name")) &
	       drive_same_int(why, "heredoc fd", h->fd, jval_int(jval_get(want, "fd"), 0)) &
	       drive_same_int(why, "heredoc expand", h->expand, jval_bool(jval_get(want, "expand"), false)) &
	       drive_same_int(why, "heredoc chomp", h->chomp, jval_bool(jval_get(want, "chomp"), false));
}

static bool same_heredocs(const struct node *n, const struct jval *want, struct buf *why)
{
	bool same = drive_same_int(why, "heredocs", (long long)n->nheredocs, (long long)jval_count(want));
	for (size_t i = 0; same && i < n->nheredocs; i++)
		same = same_heredoc(&n->heredocs[i], jval_at(want, i), why) &&
		       drive_same(why, "heredoc body", n->heredocs[i].raw, jval_get_text(jval_at(want, i), "content"));
	return same;
}

static bool same_comments(const struct node *n, const struct jval *want, struct buf *why)
{
	bool same = drive_same_int(why, "comments", (long long)n->line->ncomments, (long long)jval_count(want));
	for (size_t i = 0; same && i < n->line->ncomments; i++)
		same = drive_same(why, "comment", n->line->comments[i], jval_text(jval_at(want, i)));
	return same;
}

static bool same_node(const struct node *n, const struct jval *want, bool inner, struct buf *why)
{
	const struct jval *sub = jval_get(want, "sub");
	bool same = drive_same(why, "value", n->keyword, jval_get_text(want, "value")) &&
	            drive_same(why, "original", n->original, jval_get_text(want, "original")) &&
	            same_words("flags", &n->flags, jval_get(want, "flags"), why) &&
	            same_words("args", &n->args, jval_get(want, "args"), why) &&
	            drive_same_int(why, "json", n->json, jval_bool(jval_get(want, "json"), false)) &&
	            drive_same_int(why, "has sub", n->sub != NULL, sub != NULL) &&
	            (!sub || same_node(n->sub, sub, true, why));
	if (!same || inner)
		return same;
	return drive_same_int(why, "start", n->first, jval_int(jval_get(want, "start"), -1)) &&
	       drive_same_int(why, "end", n->last, jval_int(jval_get(want, "end"), -1)) &&
	       same_heredocs(n, jval_get(want, "heredocs"), why) && same_comments(n, jval_get(want, "comments"), why);
}

static bool same_warnings(const struct syntax *s, const struct jval *want, struct buf *why)
{
	size_t k = 0;
	bool same = true;
	for (size_t i = 0; i < s->nnodes && same; i++) {
		const struct node *n = s->nodes[i];
		if (!n->line->empty_continuation)
			continue;
		const struct jval *w = jval_at(want, k++);
		struct buf text = {0};
		buf_puts(&text, "Empty continuation line found in: ");
		buf_str(&text, n->line->text);
		same = drive_same(why, "warning", buf_view(&text), jval_get_text(w, "short")) &&
		       drive_same_int(why, "warning line", n->line->last, jval_int(jval_get(w, "line"), -1));
		buf_done(&text);
	}
	return same && drive_same_int(why, "warnings", (long long)k, (long long)jval_count(want));
}

static bool same_syntax(const struct syntax *s, const struct jval *c, struct buf *why)
{
	const struct jval *nodes = jval_get(c, "nodes");
	struct buf dump = {0};
	for (size_t i = 0; i < s->nnodes; i++) {
		if (i)
			buf_putc(&dump, '\n');
		node_dump(s->nodes[i], &dump);
	}
	bool same = drive_same(why, "dump", buf_view(&dump), jval_get_text(c, "dump")) &&
	            drive_same(why, "escape", (struct str){&s->escape, 1}, jval_get_text(c, "escape")) &&
	            drive_same_int(why, "nodes", (long long)s->nnodes, (long long)jval_count(nodes));
	buf_done(&dump);
	for (size_t i = 0; same && i < s->nnodes; i++)
		same = same_node(s->nodes[i], jval_at(nodes, i), false, why);
	const struct jval *w = jval_get(c, "warnings");
	return same && same_warnings(s, w ? w : jval_get(c, "parse_warnings"), why);
}

bool drive_syntax(const struct jval *c, struct buf *why)
{
	cleanup_arena struct arena a = {0};
	struct err e = {0};
	struct syntax s = {0};
	int rc = syntax_parse(&a, drive_text(c, "dockerfile"), &s, &e);
	const struct jval *lines = jval_get(c, "errorLines");
	if (!drive_rc(c, rc, &e, why))
		return false;
	if (rc < 0)
		return drive_line(why, &e, lines ? lines : jval_get(c, "lines"));
	return same_syntax(&s, c, why);
}

bool drive_directive(const struct jval *c, struct buf *why)
{
	cleanup_directive struct directive d = {0};
	const char *key = jval_get_text(c, "key");
	bool any = !key || !*key, want = jval_bool(jval_get(c, "ok"), false);
	bool found = directive_find(drive_text(c, "dockerfile"), any ? "syntax" : key, &d);
	if (!drive_same_int(why, "found", found, want) || !want)
		return found == want;
	const struct jval *loc = jval_at(jval_get(c, "loc"), 0);
	/* The reference counts the line of a JSON document from 0. */
	return drive_same(why, "value", d.word, jval_get_text(c, "value")) &&
	       drive_same(why, "cmdline", d.value, jval_get_text(c, "cmdline")) &&
	       drive_same_int(why, "line", d.line, jval_int(loc, -1) + (d.room != NULL));
}

bool drive_heredoc_word(const struct jval *c, struct buf *why)
{
	cleanup_arena struct arena a = {0};
	struct err e = {0};
	struct heredoc h = {0};
	bool is = false;
	int rc = heredoc_word(&a, drive_text(c, "word"), &is, &h, &e);
	const struct jval *want = jval_get(c, "heredoc");
	if (!drive_rc(c, rc, &e, why) || rc < 0)
		return why->len == 0;
	bool wanted = want && !jval_is_null(want);
	return drive_same_int(why, "is one", is, wanted) && (!wanted || same_heredoc(&h, want, why));
}

bool drive_jsonargs(const struct jval *c, struct buf *why)
{
	static const char *const kinds[] = {"not-json", "array", "not-strings"};
	cleanup_arena struct arena a = {0};
	struct err e = {0};
	struct words w = {0};
	enum jsonargs kind = JSONARGS_NONE;
	if (jsonargs_parse(&a, drive_text(c, "text"), &kind, &w, &e) < 0) {
		buf_puts(why, e.text);
		return false;
	}
	return drive_same(why, "kind", str_of(kinds[kind]), jval_get_text(c, "kind")) &&
	       same_words("array", &w, jval_get(c, "array"), why);
}
