/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The instructions that bring files: COPY and ADD with their sources and documents, RUN with its mounts. They may take
 * from other stages, which have to stand before.
 */
#include "base/mem.h"
#include "parser/gitref.h"
#include "parser/ignore.h"
#include "parser/survey.h"
#include "parser/values.h"

/* ---- COPY, ADD ---- */

static int expand_flag(struct survey_at *at, const char *name, struct str *ret, struct err *e)
{
	const struct flag *f = instr_flag(at->in, name);
	*ret = (struct str){"", 0};
	return f ? survey_at_expand(at, f->value, ret, e) : 0;
}

static int documents(struct survey_at *at, struct err *e)
{
	for (size_t i = 0; i < at->in->nheredocs; i++) {
		const struct heredoc *h = &at->in->heredocs[i];
		struct lint_word w;
		if (!h->expand)
			continue;
		int rc = survey_expand_document(at->s, &at->st->vars, h->content, &w, e);
		survey_at_unset(at, &w);
		TRY(rc);
	}
	return 0;
}

/* Sources that are taken from the context, as the ignore file sees them. */
static bool local_source(struct survey_at *at, struct str source)
{
	struct gitref ref;
	struct err e;
	bool git = false;
	if (at->in->id == INSTR_COPY)
		return true;
	if (str_starts(source, STR("http://")) || str_starts(source, STR("https://")))
		return false;
	return gitref_parse(source, at->s->arena, &ref, &git, &e) == 0 && (!git || ref.maybe_local);
}

static void look_at_sources(struct survey_at *at)
{
	struct str *local = arena_new(at->s->arena, (at->view.nargs + 1) * sizeof(*local));
	size_t n = 0;
	for (size_t i = 0; i + 1 < at->view.nargs; i++)
		if (!instr_heredoc(at->in, i) && local_source(at, at->view.args[i]))
			local[n++] = ignore_clean(at->view.args[i], at->s->arena);
	at->view.args = local;
	at->view.nargs = n;
	if (instr_flag(at->in, "from"))
		return;
	at->view.ignore = at->s->env->ignore;
}

static int not_before(struct survey_at *at, const struct stage *from, const char *verb, struct err *e)
{
	return err_set(e, ERR_SYNTAX,
	    "cannot %s from stage \"%.*s\", it needs to be defined before current stage \"%.*s\"", verb,
	    STR_ARG(from->name), STR_ARG(at->st->stage->name));
}

/* Dependencies stand in the order of the instructions. */
static int check_order(struct survey_at *at, const char *verb, struct err *e)
{
	struct survey_stage *st = at->st;
	for (; st->dep_cursor < st->ndeps && st->dep_instrs[st->dep_cursor] == at->in; st->dep_cursor++) {
		const struct survey_stage *dep = &at->s->stages[st->deps[st->dep_cursor]];
		if (!dep->done && !dep->replaced)
			return not_before(at, dep->stage, verb, e);
	}
	return 0;
}

int survey_at_copy(struct survey_at *at, struct err *e)
{
	struct str chown, chmod, checksum;
	TRY(check_order(at, "copy", e));
	TRY(expand_flag(at, "chown", &chown, e));
	TRY(expand_flag(at, "chmod", &chmod, e));
	TRY(expand_flag(at, "checksum", &checksum, e));
	TRY(survey_at_args(at, e));
	TRY(documents(at, e));
	if (chmod.len)
		TRY(chmod_check(chmod, NULL, NULL, e));
	look_at_sources(at);
	return 0;
}

/* ---- RUN ---- */

static int expand_mount(void *arg, struct str value, struct str *ret, struct err *e)
{
	return survey_at_expand(arg, value, ret, e);
}

static void need(struct survey_at *at, struct survey_needs *needs, struct str name, bool required)
{
	uintptr_t known = (uintptr_t)map_get(&needs->index, name);
	if (known) {
		needs->list[known - 1].required = needs->list[known - 1].required || required;
		return;
	}
	ARENA_ROOM(at->s->arena, needs->list, needs->n, needs->cap);
	needs->list[needs->n++] = (struct survey_need){arena_str(at->s->arena, name), required, at->in->where};
	map_set(&needs->index, name, (void *)(uintptr_t)needs->n);
}

static struct str base_name(struct str path)
{
	while (path.len > 1 && path.p[path.len - 1] == '/')
		path.len--;
	return str_from(path, (size_t)(str_rfind(path, '/') + 1));
}

static void note_mount(struct survey_at *at, const struct mount_spec *m)
{
	if (m->type == MOUNT_SECRET) {
		struct str id = m->id.len ? m->id : m->source.len ? m->source : base_name(m->target);
		need(at, &at->st->secrets, id, m->required);
	} else if (m->type == MOUNT_SSH) {
		struct str id = m->id.len ? m->id : STR("default");
		need(at, &at->st->ssh, id, m->required);
	}
}

int survey_at_run(struct survey_at *at, struct err *e)
{
	TRY(check_order(at, "mount", e));
	for (size_t i = 0; i < at->in->nflags; i++) {
		struct mount_spec m;
		if (!str_eqz(at->in->flags[i].name, "mount"))
			continue;
		TRY(mount_spec_parse(at->in->flags[i].value, expand_mount, at, at->s->arena, &m, e));
		note_mount(at, &m);
	}
	return 0;
}
