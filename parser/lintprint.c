/* SPDX-License-Identifier: Apache-2.0 */
/* What the build checks found, as text and as JSON. The forms are those that scripts read from other builders. */
#include "base/jval.h"
#include "base/mem.h"
#include "parser/lintrules.h"
#include "parser/parse.h"
#include "parser/ranges.h"

const char *lint_rule_name(const struct lint_rule *r)
{
	return r->name;
}

const struct lint_rule *lint_rule_at(size_t i)
{
	return i < lint_nrules ? &lint_rules[i] : NULL;
}

void lint_rule_url(const struct lint_rule *r, struct buf *out)
{
	buf_printf(out, "https://docs.docker.com/go/dockerfile/rule/%s/", r->slug);
}

void lint_finding_print(const struct lint_finding *f, struct buf *out)
{
	buf_printf(out, "%s: ", f->rule->name);
	buf_str(out, f->detail);
	if (f->where.line)
		buf_printf(out, " (line %d)", f->where.line);
}

void lint_report_print(const struct lint_report *r, struct str text, const char *file, struct buf *out)
{
	if (!r->nfindings && !r->failed)
		buf_puts(out, "Check complete, no warnings found.\n");
	if (r->nfindings)
		buf_printf(out, "Check complete, %zu warning%s been found!\n", r->nfindings,
		    r->nfindings == 1 ? " has" : "s have");
	for (size_t i = 0; i < r->nfindings; i++) {
		const struct lint_finding *f = &r->findings[i];
		buf_printf(out, "\nWARNING: %s - ", f->rule->name);
		lint_rule_url(f->rule, out);
		buf_putc(out, '\n');
		buf_str(out, f->detail);
		buf_putc(out, '\n');
		if (f->where.line)
			cf_excerpt(text, file, f->where.line, f->where.end_line, 0, out);
	}
}

static struct jval *finding_json(const struct lint_finding *f)
{
	cleanup_buf struct buf url = {0};
	struct jval *j = jval_object();
	lint_rule_url(f->rule, &url);
	jval_set_text(j, "ruleName", f->rule->name);
	jval_set_text(j, "description", f->rule->description);
	jval_set_str(j, "url", buf_view(&url));
	jval_set_str(j, "detail", f->detail);
	struct jval *location = ranges_json(f->where);
	jval_set(location, "sourceIndex", jval_integer(0));
	jval_set(j, "location", location);
	return j;
}

static struct jval *error_json(const struct err *e)
{
	struct jval *j = jval_object();
	jval_set_text(j, "message", e->text);
	if (e->line) {
		struct jval *location =
		    ranges_json((struct where){e->line, e->col, e->end_line ? e->end_line : e->line});
		jval_set(location, "sourceIndex", jval_integer(0));
		jval_set(j, "location", location);
	}
	return j;
}

static void base64(struct str s, struct buf *out)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	for (size_t i = 0; i < s.len; i += 3) {
		size_t n = s.len - i < 3 ? s.len - i : 3;
		uint32_t v = 0;
		for (size_t k = 0; k < 3; k++)
			v = v << 8 | (k < n ? (unsigned char)s.p[i + k] : 0);
		for (size_t k = 0; k < 4; k++)
			buf_putc(out, k <= n ? digits[v >> (18 - 6 * k) & 63] : '=');
	}
}

static struct jval *source_json(struct str text, const char *file)
{
	cleanup_buf struct buf data = {0};
	struct jval *j = jval_object();
	base64(text, &data);
	jval_set_text(j, "filename", file);
	jval_set_text(j, "language", "Dockerfile");
	jval_set_str(j, "data", data.len ? buf_view(&data) : (struct str){"", 0});
	return j;
}

struct jval *lint_report_json(const struct lint_report *r, const struct str *text, const char *file)
{
	struct jval *j = jval_object(), *warnings = jval_array(), *sources = jval_array();
	for (size_t i = 0; i < r->nfindings; i++)
		jval_append(warnings, finding_json(&r->findings[i]));
	jval_set(j, "warnings", warnings);
	if (text)
		jval_append(sources, source_json(*text, file));
	jval_set(j, "sources", sources);
	if (r->failed || r->violation)
		jval_set(j, "buildError", error_json(&r->error));
	return j;
}
