/* SPDX-License-Identifier: Apache-2.0 */
/* The small value grammars: the folder grammar/. */
#include "parser/gitref.h"
#include "parser/lintopts.h"
#include "parser/values.h"
#include "tests/conformance/drive.h"

static bool same_number(const struct jval *c, const char *key, int64_t got, struct buf *why)
{
	int64_t want = jval_int(jval_get(c, key), -12345);
	if (want != got)
		buf_printf(why, "got %lld, expected %lld", (long long)got, (long long)want);
	return want == got;
}

static bool same_strings(const struct jval *want, const struct str *got, size_t n, struct buf *why)
{
	bool same = jval_count(want) == n;
	for (size_t i = 0; same && i < n; i++)
		same = str_eqz(got[i], jval_text(jval_at(want, i)));
	if (!same)
		for (size_t i = 0; i < n; i++)
			buf_printf(why, "%s'%.*s'", i ? " " : "got ", STR_ARG(got[i]));
	if (!same && !n)
		buf_puts(why, "got nothing");
	return same;
}

bool drive_chmod(const struct jval *c, struct buf *why)
{
	struct err e = {0};
	uint32_t mode = 0;
	int rc = chmod_apply(drive_text(c, "mode"), (uint32_t)jval_int(jval_get(c, "base"), 0),
	    jval_bool(jval_get(c, "dir"), false), &mode, &e);
	return drive_rc(c, rc, &e, why) && (rc < 0 || same_number(c, "result", mode, why));
}

bool drive_signal(const struct jval *c, struct buf *why)
{
	struct err e = {0};
	int number = 0;
	int rc = signal_parse(drive_text(c, "text"), &number, &e);
	return drive_rc(c, rc, &e, why) && (rc < 0 || same_number(c, "number", number, why));
}

bool drive_bytes(const struct jval *c, struct buf *why)
{
	struct err e = {0};
	int64_t v = 0;
	int rc = bytes_parse(drive_text(c, "text"), &v, &e);
	/* The reference wraps what does not fit; refusing it is right. */
	if (jval_int(jval_get(c, "value"), 0) < 0)
		return rc < 0;
	return drive_rc(c, rc, &e, why) && (rc < 0 || same_number(c, "value", v, why));
}

bool drive_duration(const struct jval *c, struct buf *why)
{
	struct err e = {0};
	int64_t ns = 0;
	int rc = duration_parse(drive_text(c, "text"), &ns, &e);
	return drive_rc(c, rc, &e, why) && (rc < 0 || same_number(c, "value", ns, why));
}

bool drive_csv(const struct jval *c, struct buf *why)
{
	cleanup_arena struct arena a = {0};
	struct err e = {0};
	struct str *fields = NULL;
	size_t n = 0;
	int rc = csv_parse(drive_text(c, "text"), &a, &fields, &n, &e);
	return drive_rc(c, rc, &e, why) && (rc < 0 || same_strings(jval_get(c, "fields"), fields, n, why));
}

static bool same_text(const struct jval *want, const char *key, struct str got, struct buf *why)
{
	if (str_eq(drive_text(want, key), got))
		return true;
	buf_printf(why, "%s is '%.*s'", key, STR_ARG(got));
	return false;
}

static bool same_choice(const struct jval *want, const char *key, enum gitref_choice got, struct buf *why)
{
	const struct jval *v = jval_get(want, key);
	enum gitref_choice expected = !v || jval_is_null(v) ? GITREF_UNSET
	                              : jval_bool(v, false) ? GITREF_YES
	                                                    : GITREF_NO;
	if (expected != got)
		buf_printf(why, "%s is %d", key, got);
	return expected == got;
}

static bool same_bool(const struct jval *want, const char *key, bool got, struct buf *why)
{
	if (jval_bool(jval_get(want, key), false) == got)
		return true;
	buf_printf(why, "%s is %d", key, got);
	return false;
}

bool drive_gitref(const struct jval *c, struct buf *why)
{
	cleanup_arena struct arena a = {0};
	struct err e = {0};
	struct gitref r = {0};
	bool is_git = false;
	int rc = gitref_parse(drive_text(c, "ref"), &a, &r, &is_git, &e);
	if (!same_bool(c, "isGit", is_git, why))
		return false;
	if (!is_git)
		return rc == 0;
	const struct jval *p = jval_get(c, "parsed");
	return drive_rc(c, rc, &e, why) &&
	       (rc < 0 || (same_text(p, "Remote", r.remote, why) && same_text(p, "ShortName", r.short_name, why) &&
	                      same_text(p, "Ref", r.ref, why) && same_text(p, "SubDir", r.subdir, why) &&
	                      same_text(p, "Checksum", r.checksum, why) && same_text(p, "MTime", r.mtime, why) &&
	                      same_choice(p, "KeepGitDir", r.keep_git_dir, why) &&
	                      same_choice(p, "Submodules", r.submodules, why) &&
	                      same_bool(p, "FetchByCommit", r.fetch_by_commit, why) &&
	                      same_bool(p, "IndistinguishableFromLocal", r.maybe_local, why) &&
	                      same_bool(p, "UnencryptedTCP", r.unencrypted, why)));
}

bool drive_lintopts(const struct jval *c, struct buf *why)
{
	cleanup_arena struct arena a = {0};
	struct err e = {0};
	struct lintopts o = {0};
	int rc = lintopts_parse(drive_text(c, "text"), &a, &o, &e);
	const struct jval *want = jval_get(c, "config");
	return drive_rc(c, rc, &e, why) &&
	       (rc < 0 || (same_bool(want, "error", o.error, why) && same_bool(want, "skipAll", o.skip_all, why) &&
	                      same_bool(want, "experimentalAll", o.experimental_all, why) &&
	                      same_strings(jval_get(want, "skip"), o.skip, o.nskip, why) &&
	                      same_strings(jval_get(want, "experimental"), o.experimental, o.nexperimental, why)));
}
