/* SPDX-License-Identifier: Apache-2.0 */
/* The AST as text: for `show`, for golden files, for comparing parsers. */
#include "parser/dump.h"

#include "parser/runes.h"
#include "parser/syntax.h"

static void quote_rune(struct buf *out, struct str bytes, uint32_t c)
{
	static const char from[] = "\a\b\f\n\r\t\v\\\"", to[] = "abfnrtv\\\"";
	const char *f = c && c < 0x80 ? strchr(from, (int)c) : NULL;
	if (f)
		buf_printf(out, "\\%c", to[f - from]);
	else if (bytes.len == 1 && c >= 0x80)
		buf_printf(out, "\\x%02x", (unsigned char)bytes.p[0]);
	else if (rune_shown(c))
		buf_str(out, bytes);
	else if (c < 0x80)
		buf_printf(out, "\\x%02x", c);
	else
		buf_printf(out, c > 0xFFFF ? "\\U%08x" : "\\u%04x", c);
}

void dump_quote(struct buf *out, struct str s)
{
	buf_putc(out, '"');
	for (size_t i = 0, n; i < s.len; i += n) {
		uint32_t c;
		n = rune_next(str_from(s, i), &c);
		quote_rune(out, str_sub(s, i, i + n), c);
	}
	buf_putc(out, '"');
}

/* A blank between parts: not behind the bracket, when a line had no keyword. */
static void gap(struct buf *out)
{
	if (out->p[out->len - 1] != '(')
		buf_putc(out, ' ');
}

static void quoted(struct buf *out, struct str s)
{
	gap(out);
	dump_quote(out, s);
}

static void lower(struct buf *out, struct str s)
{
	for (size_t i = 0; i < s.len; i++)
		buf_putc(out, s.p[i] >= 'A' && s.p[i] <= 'Z' ? (char)(s.p[i] + 32) : s.p[i]);
}

void node_dump(const struct node *n, struct buf *out)
{
	buf_putc(out, '(');
	lower(out, n->keyword);
	for (size_t i = 0; i < n->flags.n; i++) {
		gap(out);
		buf_puts(out, i ? "" : "[");
		dump_quote(out, n->flags.w[i].text);
	}
	if (n->flags.n)
		buf_putc(out, ']');
	if (n->sub) {
		gap(out);
		node_dump(n->sub, out);
	}
	for (size_t i = 0; i < n->args.n; i++)
		quoted(out, n->args.w[i].text);
	buf_putc(out, ')');
}

static void dump_flags(const struct instr *in, struct buf *out)
{
	struct buf text = {0};
	for (size_t i = 0; i < in->nflags; i++) {
		buf_clear(&text);
		buf_puts(&text, "--");
		buf_str(&text, in->flags[i].name);
		if (in->flags[i].has_value) {
			buf_putc(&text, '=');
			buf_str(&text, in->flags[i].value);
		}
		buf_puts(out, i ? " " : " [");
		dump_quote(out, buf_view(&text));
	}
	if (in->nflags)
		buf_putc(out, ']');
	buf_done(&text);
}

static void dump_pairs(const struct instr *in, struct buf *out)
{
	struct buf text = {0};
	for (size_t i = 0; i < in->npairs; i++) {
		const struct pair *p = &in->pairs[i];
		if (in->id != INSTR_ARG) {
			quoted(out, p->key);
			quoted(out, p->value);
			quoted(out, p->legacy ? STR("") : STR("="));
			continue;
		}
		buf_clear(&text);
		buf_str(&text, p->key);
		if (p->has_value) {
			buf_putc(&text, '=');
			buf_str(&text, p->value);
		}
		quoted(out, buf_view(&text));
	}
	buf_done(&text);
}

static void dump_instr(const struct instr *in, struct buf *out)
{
	buf_putc(out, '(');
	lower(out, in->keyword);
	dump_flags(in, out);
	if (in->inner) {
		buf_putc(out, ' ');
		dump_instr(in->inner, out);
		buf_putc(out, ')');
		return;
	}
	dump_pairs(in, out);
	if (in->health_type.len)
		quoted(out, in->health_type);
	for (size_t i = 0; i < in->nargs; i++)
		quoted(out, in->args[i]);
	buf_putc(out, ')');
}

static void dump_heredocs(const struct instr *in, struct buf *out)
{
	for (size_t i = 0; i < in->nheredocs; i++) {
		const struct heredoc *h = &in->heredocs[i];
		buf_printf(out, "  heredoc %d-%d", h->where.line, h->where.end_line);
		quoted(out, h->name);
		if (h->fd)
			buf_printf(out, " fd=%d", h->fd);
		buf_puts(out, h->expand ? "" : " literal");
		buf_puts(out, h->chomp ? " chomp" : "");
		if (in->id != INSTR_RUN)
			buf_printf(out, " arg=%zu", h->arg);
		quoted(out, h->content);
		buf_putc(out, '\n');
	}
}

static void dump_notes(const struct instr *in, struct buf *out)
{
	for (size_t i = 0; i < in->ncomments; i++) {
		buf_puts(out, "  comment");
		quoted(out, in->comments[i]);
		buf_putc(out, '\n');
	}
	for (size_t i = 0; i < in->npairs; i++) {
		if (!in->pairs[i].doc.len)
			continue;
		buf_puts(out, "  doc");
		quoted(out, in->pairs[i].key);
		quoted(out, in->pairs[i].doc);
		buf_putc(out, '\n');
	}
	if (in->json)
		buf_puts(out, "  json\n");
	dump_heredocs(in->inner ? in->inner : in, out);
	if (in->id == INSTR_ONBUILD) {
		buf_puts(out, "  trigger");
		quoted(out, in->args[0]);
		buf_putc(out, '\n');
	}
}

static void dump_line(const struct instr *in, enum dump_detail detail, struct buf *out)
{
	if (detail == DUMP_FULL)
		buf_printf(out, "%d:%d-%d ", in->where.line, in->where.col, in->where.end_line);
	dump_instr(in, out);
	buf_putc(out, '\n');
	if (detail == DUMP_FULL)
		dump_notes(in, out);
}

static void named(struct buf *out, const char *name, struct str value)
{
	if (!value.len)
		return;
	buf_printf(out, " %s=", name);
	dump_quote(out, value);
}

static void dump_head(const struct cf *cf, struct buf *out)
{
	buf_puts(out, "file");
	named(out, "escape", cf->escape == '\\' ? STR("") : (struct str){&cf->escape, 1});
	named(out, "syntax", cf->syntax);
	named(out, "check", cf->check);
	buf_putc(out, '\n');
}

static void dump_stage_head(const struct cf *cf, size_t i, struct buf *out)
{
	const struct stage *s = &cf->stages[i];
	buf_printf(out, "stage %zu", i);
	named(out, "name", s->name);
	named(out, "base", s->base);
	named(out, "platform", s->platform);
	named(out, "doc", s->doc);
	buf_putc(out, '\n');
}

void cf_dump(const struct cf *cf, enum dump_detail detail, struct buf *out)
{
	if (detail == DUMP_FULL)
		dump_head(cf, out);
	for (size_t i = 0; i < cf->nmetas; i++)
		dump_line(cf->metas[i], detail, out);
	for (size_t i = 0; i < cf->nstages; i++) {
		if (detail == DUMP_FULL)
			dump_stage_head(cf, i, out);
		dump_line(cf->stages[i].from, detail, out);
		for (size_t k = 0; k < cf->stages[i].ninstrs; k++)
			dump_line(cf->stages[i].instrs[k], detail, out);
	}
	for (size_t i = 0; i < cf->nwarnings && detail == DUMP_FULL; i++)
		buf_printf(out, "warning %d %s: %.*s\n", cf->warnings[i].where.line, cf->warnings[i].rule,
		    STR_ARG(cf->warnings[i].text));
}
