/* SPDX-License-Identifier: Apache-2.0 */
/* Ignore files and globs: the folders patternmatcher/ and dockerignore/. */
#include "parser/ignore.h"
#include "tests/conformance/drive.h"

/* Nothing below a folder that may be pruned is kept. */
static bool prune_agrees(const struct ignore *ig, struct str path, bool excluded, struct buf *why)
{
	for (size_t i = 1; i < path.len; i++)
		if (path.p[i] == '/' && ignore_may_prune(ig, str_sub(path, 0, i)) && !excluded) {
			buf_printf(why, "'%.*s' pruned, but the path is kept", (int)i, path.p);
			return false;
		}
	return true;
}

bool drive_patterns(const struct jval *c, struct buf *why)
{
	cleanup_arena struct arena a = {0};
	cleanup_ignore struct ignore *ig = NULL;
	struct err e = {0};
	const struct jval *patterns = jval_get(c, "patterns");
	size_t n = jval_count(patterns);
	struct str *texts = arena_new(&a, (n + 1) * sizeof(*texts));
	for (size_t i = 0; i < n; i++)
		texts[i] = str_of(jval_text(jval_at(patterns, i)));
	int rc = ignore_new(texts, n, &ig, &e);
	if (!drive_rc(c, rc, &e, why) || rc < 0)
		return why->len == 0;
	struct str file = drive_text(c, "file");
	bool want = jval_bool(jval_get(c, "match"), false);
	bool got = ignore_match(ig, file, NULL);
	if (got != want)
		buf_printf(why, "match is %d", got);
	return why->len == 0 && prune_agrees(ig, file, got, why);
}

bool drive_glob(const struct jval *c, struct buf *why)
{
	struct err e = {0};
	bool got = false;
	int rc = glob_match(drive_text(c, "pattern"), drive_text(c, "name"), &got, &e);
	if (drive_rc(c, rc, &e, why) && rc >= 0 && got != jval_bool(jval_get(c, "match"), false))
		buf_printf(why, "match is %d", got);
	return why->len == 0;
}

bool drive_ignore_lines(const struct jval *c, struct buf *why)
{
	cleanup_arena struct arena a = {0};
	struct err e = {0};
	struct ignore_line *lines;
	size_t n = 0;
	int rc = ignore_lines(drive_text(c, "text"), &a, &lines, &n, &e);
	const struct jval *want = jval_get(c, "patterns");
	if (!drive_rc(c, rc, &e, why))
		return false;
	bool same = jval_count(want) == n;
	for (size_t i = 0; same && i < n; i++)
		same = str_eqz(lines[i].text, jval_text(jval_at(want, i)));
	for (size_t i = 0; !same && i < n; i++)
		buf_printf(why, " '%.*s'", STR_ARG(lines[i].text));
	return same;
}
