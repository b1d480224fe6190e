/* SPDX-License-Identifier: Apache-2.0 */
/* The level of instructions: the folders instructions/ and corpus/. A command is compared by what its kind has to say.
 */
#include <stdlib.h>

#include "base/mem.h"
#include "parser/parse.h"
#include "parser/values.h"
#include "tests/conformance/drive.h"

typedef bool same_fn(const struct instr *in, const struct jval *want, struct buf *why);

static bool same_list(const char *what, const struct str *got, size_t n, const struct jval *want, struct buf *why)
{
	bool same = drive_same_int(why, what, (long long)n, (long long)jval_count(want));
	for (size_t i = 0; same && i < n; i++)
		same = drive_same(why, what, got[i], jval_text(jval_at(want, i)));
	return same;
}

static bool same_lines(struct where w, const struct jval *want, struct buf *why)
{
	size_t n = jval_count(want);
	return drive_same_int(why, "first line", w.line, jval_int(jval_at(want, 0), -1)) &&
	       drive_same_int(why, "last line", w.end_line, jval_int(jval_at(want, n - 1), -1));
}

static bool same_value(const struct instr *in, const struct jval *want, struct buf *why)
{
	return drive_same_int(why, "arguments", (long long)in->nargs, 1) &&
	       drive_same(why, "value", in->args[0], jval_get_text(want, "value"));
}

static bool same_pairs(const struct instr *in, const struct jval *want, struct buf *why)
{
	const struct jval *pairs = jval_get(want, "pairs");
	bool same = drive_same_int(why, "pairs", (long long)in->npairs, (long long)jval_count(pairs));
	for (size_t i = 0; same && i < in->npairs; i++) {
		const struct jval *p = jval_at(pairs, i);
		same = drive_same(why, "key", in->pairs[i].key, jval_text(jval_at(p, 0))) &&
		       drive_same(why, "value", in->pairs[i].value, jval_text(jval_at(p, 1))) &&
		       drive_same_int(why, "legacy", in->pairs[i].legacy, jval_bool(jval_at(p, 2), false));
	}
	return same;
}

static bool same_args(const struct instr *in, const struct jval *want, struct buf *why)
{
	const struct jval *args = jval_get(want, "args");
	bool same = drive_same_int(why, "args", (long long)in->npairs, (long long)jval_count(args));
	for (size_t i = 0; same && i < in->npairs; i++) {
		const struct jval *w = jval_at(args, i);
		same = drive_same(why, "key", in->pairs[i].key, jval_get_text(w, "key")) &&
		       drive_same_int(why, "has value", in->pairs[i].has_value, jval_is_string(jval_get(w, "value"))) &&
		       drive_same(why, "value", in->pairs[i].value, jval_get_text(w, "value")) &&
		       drive_same(why, "doc", in->pairs[i].doc, jval_get_text(w, "doc"));
	}
	return same;
}

static bool same_command(const struct instr *in, const struct jval *want, struct buf *why)
{
	return drive_same_int(why, "shell", !in->json, jval_bool(jval_get(want, "shell"), false)) &&
	       same_list("cmdline", in->args, in->nargs, jval_get(want, "cmdline"), why);
}

static bool same_health(const struct instr *in, const struct jval *want, struct buf *why)
{
	static const char *const flags[][2] = {{"interval", "Interval"}, {"timeout", "Timeout"},
	    {"start-period", "StartPeriod"}, {"start-interval", "StartInterval"}};
	const struct jval *h = jval_get(want, "health"), *test = jval_get(h, "Test");
	const char *kind = str_eqz(in->health_type, "NONE") ? "NONE" : in->json ? "CMD" : "CMD-SHELL";
	bool same = drive_same(why, "type", str_of(kind), jval_text(jval_at(test, 0)));
	for (size_t i = 0; same && i < in->nargs; i++)
		same = drive_same(why, "test", in->args[i], jval_text(jval_at(test, i + 1)));
	for (size_t i = 0; same && i < ARRAY_LEN(flags); i++) {
		const struct flag *f = instr_flag(in, flags[i][0]);
		struct err e = {0};
		int64_t ns = 0;
		same = (!f || duration_parse(f->value, &ns, &e) == 0) &&
		       drive_same_int(why, flags[i][0], ns, jval_int(jval_get(h, flags[i][1]), 0));
	}
	return same && drive_same_int(why, "words", (long long)in->nargs + 1, (long long)jval_count(test));
}

static bool same_string_flag(
    const struct instr *in, const char *name, const char *fallback, const char *want, struct buf *why)
{
	const struct flag *f = instr_flag(in, name);
	return drive_same(why, name, f ? f->value : str_of(fallback), want);
}

static bool same_run(const struct instr *in, const struct jval *want, struct buf *why)
{
	const struct jval *files = jval_get(want, "files");
	bool same = same_command(in, want, why) &&
	            same_string_flag(in, "network", "default", jval_get_text(want, "network"), why) &&
	            same_string_flag(in, "security", "sandbox", jval_get_text(want, "security"), why) &&
	            drive_same_int(why, "files", (long long)in->nheredocs, (long long)jval_count(files));
	for (size_t i = 0; same && i < in->nheredocs; i++) {
		const struct jval *f = jval_at(files, i);
		same = drive_same(why, "file", in->heredocs[i].name, jval_get_text(f, "Name")) &&
		       drive_same(why, "body", in->heredocs[i].raw, jval_get_text(f, "Data")) &&
		       drive_same_int(why, "chomp", in->heredocs[i].chomp, jval_bool(jval_get(f, "Chomp"), false));
	}
	size_t mounts = 0;
	for (size_t i = 0; i < in->nflags; i++)
		mounts += str_eqz(in->flags[i].name, "mount");
	return same &&
	       drive_same_int(why, "mounts", (long long)mounts, (long long)jval_count(jval_get(want, "mounts")));
}

/* opts: a string, a boolean, or a list of strings for --exclude; null is absent. */
struct opts {
	const struct instr *in;
	struct buf *why;
};

static int other_opt(const char *key, struct jval *value, void *arg)
{
	struct opts *o = arg;
	const char *name = strcmp(key, "keepGitDir") == 0 ? "keep-git-dir" : key;
	if (jval_is_string(value))
		return !same_string_flag(o->in, name, "", jval_text(value), o->why);
	if (jval_is_array(value) || strcmp(key, "exclude") == 0) {
		long long n = 0;
		for (size_t i = 0; i < o->in->nflags; i++)
			n += str_eqz(o->in->flags[i].name, name);
		return !drive_same_int(o->why, name, n, (long long)jval_count(value));
	}
	return !drive_same_int(o->why, name, instr_flag_on(o->in, name), jval_bool(value, false));
}

static bool same_copy(const struct instr *in, const struct jval *want, struct buf *why)
{
	const struct jval *sources = jval_get(want, "sources"), *files = jval_get(want, "inline");
	struct opts o = {in, why};
	size_t s = 0, f = 0;
	bool same = jval_each(jval_get(want, "opts"), other_opt, &o) == 0;
	for (size_t i = 0; same && i + 1 < in->nargs; i++) {
		const struct heredoc *h = instr_heredoc(in, i);
		const struct jval *w = h ? jval_at(files, f++) : jval_at(sources, s++);
		same = h ? drive_same(why, "file", h->name, jval_get_text(w, "Path")) &&
		               drive_same(why, "data", h->content, jval_get_text(w, "Data")) &&
		               drive_same_int(why, "expand", h->expand, jval_bool(jval_get(w, "Expand"), false))
		         : drive_same(why, "source", in->args[i], jval_text(w));
	}
	return same && drive_same(why, "dest", in->args[in->nargs - 1], jval_get_text(want, "dest")) &&
	       drive_same_int(why, "sources", (long long)s, (long long)jval_count(sources)) &&
	       drive_same_int(why, "inline", (long long)f, (long long)jval_count(files));
}

static int by_text(const void *a, const void *b)
{
	return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

/* The reference sorts ports; we leave them as they were written. */
static bool same_ports(const struct instr *in, const struct jval *want, struct buf *why)
{
	struct str *ports = mem_array(in->nargs + 1, sizeof(*ports));
	memcpy(ports, in->args, in->nargs * sizeof(*ports));
	qsort(ports, in->nargs, sizeof(*ports), by_text);
	bool same = same_list("ports", ports, in->nargs, jval_get(want, "ports"), why);
	mem_free(ports);
	return same;
}

static bool same_volumes(const struct instr *in, const struct jval *want, struct buf *why)
{
	return same_list("volumes", in->args, in->nargs, jval_get(want, "volumes"), why);
}

static bool same_shell(const struct instr *in, const struct jval *want, struct buf *why)
{
	return same_list("shell", in->args, in->nargs, jval_get(want, "shellCmd"), why);
}

static same_fn *const same[INSTR_COUNT] = {
    [INSTR_ADD] = same_copy,
    [INSTR_ARG] = same_args,
    [INSTR_CMD] = same_command,
    [INSTR_COPY] = same_copy,
    [INSTR_ENTRYPOINT] = same_command,
    [INSTR_ENV] = same_pairs,
    [INSTR_EXPOSE] = same_ports,
    [INSTR_HEALTHCHECK] = same_health,
    [INSTR_LABEL] = same_pairs,
    [INSTR_MAINTAINER] = same_value,
    [INSTR_ONBUILD] = same_value,
    [INSTR_RUN] = same_run,
    [INSTR_SHELL] = same_shell,
    [INSTR_STOPSIGNAL] = same_value,
    [INSTR_USER] = same_value,
    [INSTR_VOLUME] = same_volumes,
    [INSTR_WORKDIR] = same_value,
};

static bool same_instr(const struct instr *in, const struct jval *want, struct buf *why)
{
	return drive_same(why, "name", str_of(instr_name(in->id)), jval_get_text(want, "name")) &&
	       drive_same(why, "code", str_trim(in->original), jval_get_text(want, "code")) &&
	       same_lines(in->where, jval_get(want, "lines"), why) && same[in->id](in, want, why);
}

static bool same_stage(const struct stage *s, const struct jval *want, struct buf *why)
{
	const struct jval *commands = jval_get(want, "commands");
	bool fine = drive_same(why, "base", s->base, jval_get_text(want, "base")) &&
	            drive_same(why, "name", s->name, jval_get_text(want, "name")) &&
	            drive_same(why, "platform", s->platform, jval_get_text(want, "platform")) &&
	            drive_same(why, "doc", s->doc, jval_get_text(want, "doc")) &&
	            drive_same(why, "code", str_trim(s->from->original), jval_get_text(want, "code")) &&
	            same_lines(s->where, jval_get(want, "lines"), why) &&
	            drive_same_int(why, "commands", (long long)s->ninstrs, (long long)jval_count(commands));
	for (size_t i = 0; fine && i < s->ninstrs; i++)
		fine = same_instr(s->instrs[i], jval_at(commands, i), why);
	return fine;
}

static bool same_cf(const struct cf *cf, const struct jval *c, struct buf *why)
{
	const struct jval *metas = jval_get(c, "metaArgs"), *stages = jval_get(c, "stages");
	bool fine = drive_same_int(why, "metas", (long long)cf->nmetas, (long long)jval_count(metas)) &&
	            drive_same_int(why, "stages", (long long)cf->nstages, (long long)jval_count(stages));
	for (size_t i = 0; fine && i < cf->nmetas; i++)
		fine = same_args(cf->metas[i], jval_at(metas, i), why) &&
		       same_lines(cf->metas[i]->where, jval_get(jval_at(metas, i), "lines"), why);
	for (size_t i = 0; fine && i < cf->nstages; i++)
		fine = same_stage(&cf->stages[i], jval_at(stages, i), why);
	return fine;
}

static bool compare(const struct jval *c, const char *error, const struct jval *lines, struct buf *why)
{
	cleanup_cf struct cf *cf = NULL;
	struct err e = {0};
	int rc = cf_parse(drive_text(c, "dockerfile"), "Dockerfile", &cf, &e);
	if (!error && rc < 0)
		buf_printf(why, "failed: %s", e.text);
	else if (error && rc == 0)
		buf_printf(why, "should fail: %s", error);
	if (why->len)
		return false;
	return error ? drive_line(why, &e, lines) && drive_suggestion(why, &e, error) : same_cf(cf, c, why);
}

bool drive_instrs(const struct jval *c, struct buf *why)
{
	return compare(c, jval_get_text(c, "error"), jval_get(c, "errorLines"), why);
}

bool drive_corpus(const struct jval *c, struct buf *why)
{
	const struct jval *failure = jval_get(c, "parse_error");
	if (!failure && !drive_syntax(c, why))
		return false;
	failure = failure ? failure : jval_get(c, "instr_error");
	return compare(c, jval_get_text(failure, "message"), jval_get(failure, "lines"), why);
}
