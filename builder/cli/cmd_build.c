/* SPDX-License-Identifier: Apache-2.0 */
/* `cooper build`: the whole program as a list of calls. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fs.h"
#include "builder/cli/build_check.h"
#include "builder/cli/build_context.h"
#include "builder/cli/build_images.h"
#include "builder/cli/build_opts.h"
#include "builder/cli/build_output.h"
#include "builder/cli/cache_from.h"
#include "builder/cli/cache_to.h"
#include "builder/cli/fetch_steps.h"
#include "builder/cli/local.h"
#include "builder/cli/progress.h"
#include "builder/cli/report.h"
#include "builder/cli/result_files.h"
#include "builder/cli/roots.h"
#include "builder/export/ahead.h"
#include "builder/export/assemble.h"
#include "builder/solve/solve.h"
#include "parser/parse.h"
#include "registry/platform.h"

struct build {
	struct cli *cli;
	const struct build_opts *o;
	struct build_request r;
	struct local local;
	struct build_inputs inputs;
	const char *project;         /* identity for what steps were before an edit */
	struct cf *cf;
	struct ops_env env;
	struct image_finder finder;
	struct resolver resolver;
	struct plan plan;
	struct lowered *lowered;     /* one for each platform */
	struct step **heads;
	struct solved solved;
	struct ahead ahead;
	const struct tree **trees;   /* of each platform */
	struct image_config *configs; /* copies of the lowered ones, which assembling completes */
	struct progress *progress;
	struct events *events;
	struct built built;
	struct cache_sources sources;
	struct claims claims;
	bool prepared;               /* before_run was here */
	struct buf explain;
	struct fetch_steps fetches;
};

/* --- set-up --- */

static int open_store(struct build *b, struct err *e)
{
	TRY(local_open(b->cli, &b->local, e));
	b->local.store->cancel = b->cli->cancel;
	return 0;
}

static int read_inputs(struct build *b, const struct opt_args *args, struct err *e)
{
	TRY(build_inputs_init(b->cli, b->local.store, &b->r, args->n ? args->v[0] : NULL, &b->inputs, e));
	/* What came from elsewhere lies in another folder each time; the project is known by what was typed. */
	const char *path = b->inputs.contexts[0].path, *store = b->local.store->path;
	bool scratch = path && str_starts(str_of(path), str_of(store)) && path[strlen(store)] == '/';
	b->project = arena_printf(b->cli->arena, "%s\n%s", scratch ? args->v[0] : path, scratch ? "" : b->inputs.path);
	b->cli->file = b->inputs.file;
	b->cli->text = b->inputs.text;
	return 0;
}

/* --on-error=shell: the terminal is the shell's until it ends. */
static void on_shell(void *arg, const struct step *s, bool begins)
{
	struct build *b = arg;
	if (!begins) {
		progress_resume(b->progress);
		return;
	}
	progress_pause(b->progress);
	fprintf(stderr, "\nA shell in the failed step \"%s\", with its files, mounts and environment (exit ends the build):\n", s->label);
}

static int make_env(struct build *b, struct err *e)
{
	const char *mode = b->o->quiet ? "quiet" : b->o->progress;
	if (b->o->quiet && b->o->progress && strcmp(b->o->progress, "auto") != 0 && strcmp(b->o->progress, "quiet") != 0 &&
	    !getenv("BUILDKIT_PROGRESS"))
		return err_set(e, ERR_USAGE, "--quiet and --progress=%s cannot be used together", b->o->progress);
	TRY(progress_new(mode, STDERR_FILENO, &b->progress, e));
	b->events = progress_events(b->progress);
	fetch_steps_init(&b->fetches, b->events);
	b->env = (struct ops_env){.store = b->local.store, .layout = b->local.layout, .contexts = b->inputs.contexts,
		.ncontexts = b->inputs.ncontexts, .secrets = b->r.secrets, .nsecrets = b->r.nsecrets, .ssh = b->r.ssh, .nssh = b->r.nssh,
		.pull = b->r.pull, .remote = b->r.remote, .epoch = b->r.epoch, .hosts = b->r.hosts,
		.nhosts = b->r.nhosts, .limits = b->r.limits, .nlimits = b->r.nlimits, .shm_size = b->o->shm_size, .resources = b->r.resources, .nproxy = b->r.nproxy,
		.threads = (unsigned)b->o->jobs, .cancel = b->cli->cancel, .keep_failed = b->o->keep_failed,
		.shell_on_error = b->o->on_error && strcmp(b->o->on_error, "shell") == 0, .shell = on_shell,
		.progress = fetch_steps_show, .progress_arg = &b->fetches};
	for (size_t i = 0; i < b->r.nproxy; i++)
		b->env.proxy[i] = b->r.proxy[i];
	pthread_mutex_init(&b->env.context_lock, NULL);
	b->env.fetching = TURNS_INIT;
	cache_from_trust(b->r.cache_from, b->r.ncache_from, b->cli->arena, &b->env);
	b->finder = (struct image_finder){.env = &b->env, .a = b->cli->arena, .events = b->events};
	b->sources = (struct cache_sources){.specs = b->r.cache_from, .n = b->r.ncache_from, .env = &b->env, .events = b->events,
		.a = b->cli->arena};
	claims_init(&b->claims, b->r.epoch, cache_from_load, &b->sources);
	b->resolver = (struct resolver){.image = image_find, .expect = images_expect, .arg = &b->finder};
	return 0;
}

/* --- from text to plan --- */

static int make_plan(struct build *b, struct err *e)
{
	struct lower_opts *l = &b->r.lower;
	l->cf = b->cf;
	l->resolver = &b->resolver;
	l->named = b->inputs.named;
	l->nnamed = b->inputs.nnamed;
	l->project = str_of(b->project);
	plan_init(&b->plan);
	b->lowered = arena_new(b->cli->arena, b->r.nplatforms * sizeof(*b->lowered));
	b->heads = arena_new(b->cli->arena, b->r.nplatforms * sizeof(*b->heads));
	b->configs = arena_new(b->cli->arena, b->r.nplatforms * sizeof(*b->configs));
	for (size_t i = 0; i < b->r.nplatforms; i++) {
		l->platform = b->r.platforms[i];
		TRY(lower(l, &b->plan, &b->lowered[i], e));
		b->heads[i] = b->lowered[i].head;
	}
	return 0;
}

/* --- solving --- */

/* Layers that were unpacked with one id have notes where all others have owners: nobody else may take them for theirs. */
static int check_ids(const struct store *s, struct err *e)
{
	static const char mark[] = "single-id";
	bool single = sandbox_mode(NULL) == SANDBOX_SINGLE_ID, marked = faccessat(s->fd, mark, F_OK, 0) == 0;
	if (single && !marked)
		return fs_write_atomic(s->fd, mark, STR("files of other owners have notes: user.cooper.owner\n"), 0644, false, e);
	if (marked && !single)
		return err_set(e, ERR_UNSUPPORTED, "the store %s was filled without subordinate ids, its files have no owners: remove it, or "
			"name another one with COOPER_ROOT", s->path);
	return 0;
}

static int before_run(void *arg, struct err *e)
{
	struct build *b = arg;
	if (b->prepared)
		return 0;
	b->prepared = true;
	progress_ticker(b->progress, false);
	int rc = userns_enter(e);
	if (rc == 0)
		rc = store_reopen(b->local.store, e);
	if (rc == 0)
		rc = check_ids(b->local.store, e);
	progress_ticker(b->progress, true);
	return rc;
}

static void layer_made(void *arg, const struct digest *layer)
{
	struct build *b = arg;
	ahead_add(&b->ahead, layer);
}

static int solve_plan(struct build *b, struct err *e)
{
	const struct step *failed = NULL;
	b->ahead = (struct ahead){.store = b->local.store, .epoch = b->r.epoch};
	bool ahead = build_outputs_compress(&b->r, &b->ahead.compression, &b->ahead.level);
	struct solve_opts so = {.store = b->local.store, .env = &b->env, .events = b->events, .jobs = (unsigned)b->o->jobs,
		.cancel = b->cli->cancel, .before_run = before_run, .arg = b, .made = ahead ? layer_made : NULL, .want_tar = build_outputs_want_image(&b->r),
		.want_folder = build_outputs_want_tree(&b->r), .epoch = b->r.epoch, .claims = b->r.ncache_from ? &b->claims : NULL, .explain_all = b->o->explain && strcmp(b->o->explain, "text") == 0,
		.explain_json = build_explains_to_tools(b->o) ? &b->explain : NULL};
	int rc = solve(&b->plan, b->heads, b->r.nplatforms, &so, &b->solved, &failed, e);
	ahead_finish(&b->ahead, rc == 0);
	fetch_steps_end(&b->fetches, rc);
	return rc;
}

/* --- results --- */

static struct cache_targets cache_targets(struct build *b)
{
	return (struct cache_targets){.cli = b->cli, .r = &b->r, .plan = &b->plan, .solved = &b->solved, .built = &b->built, .events = b->events,
		.from_repos = b->sources.repos, .nfrom_repos = b->sources.nrepos};
}

static int add_inline_cache(struct build *b, size_t i, struct err *e)
{
	struct cache_targets t = cache_targets(b);
	return cache_to_inline_text(&t, b->heads[i], b->built.trees[i], b->lowered[i].nbase_layers, &b->configs[i].cache, e);
}

/* Layers from another machine's cache that have other times than this image is to have. */
static int settle(struct build *b, size_t i, struct err *e)
{
	if (ops_tree_settled(b->trees[i]))
		return 0;
	TRY(before_run(b, e));
	return ops_settle_tree(&b->env, b->trees[i], b->cli->cancel, b->cli->arena, &b->trees[i], e);
}

static int assemble_platform(struct build *b, size_t i, struct descriptor *ret, struct err *e)
{
	TRY(settle(b, i, e));
	image_config_done(&b->configs[i]);
	image_config_copy(&b->lowered[i].config, &b->configs[i]);
	const struct annotations notes = notes_of(&b->r.notes, NOTE_MANIFEST, &b->r.platforms[i], b->cli->arena);
	struct assembly as = {.store = b->local.store, .tree = b->trees[i], .config = &b->configs[i], .ret_config = &b->built.config,
		.nbase_history = b->lowered[i].nbase_history, .nbase_layers = b->lowered[i].nbase_layers, .epoch = b->r.epoch,
		.annotations = &notes, .cancel = b->cli->cancel};
	if (build_outputs_want_blobs(&b->r))
		TRY(ops_need_blobs(&b->env, as.tree, b->cli->cancel, e));
	if (assemble_reads_folders(&as))
		TRY(before_run(b, e));
	if (cache_to_inline(&b->r))
		TRY(add_inline_cache(b, i, e));
	return assemble(&as, b->cli->arena, ret, e);
}

static int make_image(struct build *b, struct err *e)
{
	struct descriptor *d = arena_new(b->cli->arena, b->r.nplatforms * sizeof(*d));
	for (size_t i = 0; i < b->r.nplatforms; i++) {
		TRY(assemble_platform(b, i, &d[i], e));
		d[i].annotations = notes_of(&b->r.notes, NOTE_MANIFEST_DESCRIPTOR, &b->r.platforms[i], b->cli->arena);
	}
	b->built.has_image = true;
	b->built.image = d[0];
	if (b->r.nplatforms == 1)
		return 0;
	const struct annotations notes = notes_of(&b->r.notes, NOTE_INDEX, NULL, b->cli->arena);
	TRY(assemble_index(b->local.store, d, b->r.nplatforms, &notes, b->cli->arena, &b->built.image, e));
	b->built.image.annotations = notes_of(&b->r.notes, NOTE_INDEX_DESCRIPTOR, NULL, b->cli->arena);
	return 0;
}

static int write_results(struct build *b, struct err *e)
{
	b->trees = arena_new(b->cli->arena, b->r.nplatforms * sizeof(*b->trees));
	for (size_t i = 0; i < b->r.nplatforms; i++)
		b->trees[i] = b->solved.trees[b->heads[i]->number];
	b->built.env = &b->env;
	b->built.trees = b->trees;
	b->built.cache_repos = b->sources.repos;
	b->built.ncache_repos = b->sources.nrepos;
	b->built.platforms = b->r.platforms;
	b->built.n = b->r.nplatforms;
	b->built.bases = b->finder.found;
	b->built.nbases = b->finder.n;
	bool image = build_outputs_want_image(&b->r);
	uint32_t step = event_step(b->events, image ? STR("exporting to image") : STR("exporting files"), NULL, NULL, 0);
	event_started(b->events, step);
	int rc = image ? make_image(b, e) : 0;
	if (rc == 0 && build_outputs_want_tree(&b->r)) /* folders with files of other ids are made or read */
		rc = before_run(b, e);
	if (rc == 0 && b->solved.stats.ran > 0) /* bytes are on the disk before index.json names them */
		rc = store_flush(b->local.store, e);
	if (rc == 0)
		rc = images_keep(&b->finder, e);
	if (rc == 0)
		rc = build_outputs_write(b->cli, &b->r, &b->built, b->events, step, e);
	fetch_steps_end(&b->fetches, rc);
	if (rc < 0)
		event_failed(b->events, step, e);
	else
		event_done(b->events, step);
	return rc;
}

static int write_caches(struct build *b, struct err *e)
{
	struct cache_targets t = cache_targets(b);
	if (!cache_to_wanted(&b->r))
		return 0;
	TRY(before_run(b, e)); /* tars are made of folders */
	int rc = cache_to_write(&t, e);
	fetch_steps_end(&b->fetches, rc);
	return rc;
}

/* Is a layer of the result from a cache that has turned out to be no good? */
static bool on_broken_cache(const struct build *b)
{
	for (size_t i = 0; i < b->r.nplatforms; i++) {
		const struct tree *t = b->solved.trees[b->heads[i]->number];
		for (size_t k = 0; k < t->n; k++)
			if (t->layers[k].claim && atomic_load(&t->layers[k].claim->cache->broken))
				return true;
	}
	return false;
}

/* A cache whose layers cannot be had when the result is put out is left, and the build goes on without it. */
static int solve_and_write(struct build *b, struct err *e)
{
	for (;;) {
		TRY(solve_plan(b, e));
		int rc = write_results(b, e);
		if (rc == 0)
			return 0;
		if (e->code == ERR_CANCELLED || !on_broken_cache(b))
			return rc;
		cleanup_free char *text = mem_printf("the cache is not used any more: %s", e->text);
		event_warning(b->events, 0, "", NULL, NULL, 0, 0, str_of(text));
		solved_done(&b->solved);
	}
}

/* One document, whatever becomes of the build. */
static void tell_reasons(const struct build *b)
{
	if (build_explains_to_tools(b->o))
		printf("[%s]\n", b->explain.len ? b->explain.p : "");
}

static int tell(struct build *b, struct err *e)
{
	char digest[DIGEST_TEXT + 1] = "";
	if (b->built.has_image)
		digest_text(&built_known_as(&b->r, &b->built)->digest, digest);
	tell_reasons(b);
	TRY(result_files_write(b->o, &b->r, &b->built, b->cli->arena, e));
	const char *mode = b->o->progress ? b->o->progress : "";
	if ((b->o->quiet || strcmp(mode, "quiet") == 0) && *digest && !build_explains_to_tools(b->o))
		printf("%s\n", digest);
	return 0;
}

/* The cache keeps below a cap on its own; a build that only looked things up has nothing to add to it. */
static void keep_small(struct build *b)
{
	static const uint64_t default_cap = (uint64_t)50 << 30;
	const char *text = getenv("COOPER_CACHE_CAP");
	uint64_t cap = default_cap;
	struct gc_roots roots = roots_of(&b->local);
	struct gc_result freed;
	struct err ignored;
	if (text && !opt_parse_bytes(text, &cap))
		report_warning("COOPER_CACHE_CAP=%s is no size (50g, 0 for no cap)", text);
	if (b->solved.stats.ran)
		gc_auto(b->local.store, &roots, cap, &freed, &ignored);
}

static void build_done(struct build *b)
{
	progress_free(b->progress);
	sandbox_shutdown();
	for (size_t i = 0; b->lowered && i < b->r.nplatforms; i++)
		lowered_done(&b->lowered[i]);
	for (size_t i = 0; b->configs && i < b->r.nplatforms; i++)
		image_config_done(&b->configs[i]);
	solved_done(&b->solved);
	claims_done(&b->claims);
	plan_done(&b->plan);
	cf_free(b->cf);
	build_inputs_done(&b->inputs);
	build_request_done(&b->r);
	buf_done(&b->explain);
	local_close(&b->local);
}

static int begin(struct build *b, const struct opt_args *args, struct err *e)
{
	TRY(build_request_init(b->cli, b->o, &b->r, e));
	TRY(open_store(b, e));
	return read_inputs(b, args, e);
}

static int build(struct build *b, struct err *e)
{
	TRY(result_files_prepare(b->o, e));
	cleanup_buf struct buf foreign = {0};
	build_foreign_frontend(b->inputs.text, &b->r, &foreign);
	if (cf_parse(b->inputs.text, b->inputs.file, &b->cf, e) < 0) {
		if (foreign.len)
			err_append(e, " (the file asks for the frontend %s, which is never run)", foreign.p);
		return e->line ? -(int)e->code : err_wrap(e, "%s", b->inputs.file);
	}
	TRY(make_env(b, e));
	if (foreign.len) {
		cleanup_free char *text = mem_printf("the frontend %s is never run: the file is read as docker/dockerfile", foreign.p);
		event_warning(b->events, 0, "", NULL, b->inputs.file, b->cf->syntax_where.line, b->cf->syntax_where.line, str_of(text));
	}
	int rc = make_plan(b, e);
	images_found(&b->finder);
	if (rc < 0)
		return rc;
	build_unused_args(b->cf, &b->r, b->events);
	TRY(build_lint(b->cf, &b->r, &b->inputs, &b->finder, b->events, e));
	return solve_and_write(b, e);
}

static int run_build(struct build *b, const struct opt_args *args, struct err *e)
{
	int rc = begin(b, args, e);
	if (rc == 0 && (b->o->check || (b->o->call && strcmp(b->o->call, "build") != 0)))
		return build_check(b->cli, &b->r, &b->inputs, e);
	if (rc == 0)
		rc = build(b, e);
	if (rc < 0) {
		progress_finish(b->progress);
		tell_reasons(b);
		return rc;
	}
	struct err untold;
	rc = write_caches(b, e); /* the image is out, whatever becomes of them */
	progress_finish(b->progress);
	TRY(tell(b, rc < 0 ? &untold : e));
	keep_small(b);
	return rc;
}

static int run(struct cli *cli, void *opts, const struct opt_args *args, struct err *e)
{
	struct build b = {.cli = cli, .o = opts};
	int rc = run_build(&b, args, e);
	build_done(&b);
	return rc;
}

const struct command cmd_build = {
    .name = "build",
    .usage = "[OPTIONS] [CONTEXT]",
    .summary = "Build an image from a Containerfile",
    .details = "Reads the Containerfile (or Dockerfile) of a project folder, runs what is not in the cache yet and stores the image under the "
	       "names given with -t. CONTEXT is a folder (the current one when it is left out), a git or http URL, or - for a tar or a "
	       "Containerfile on stdin.\n\n"
	       "Steps are cached by content: a step runs again only when its own text, the files it starts from or the files it copies have "
	       "changed, whatever was done to get there. --explain says what changed.\n\n"
	       "No daemon and no root are needed. Progress goes to stderr; stdout carries only what was asked for: the digest with -q, a "
	       "tar with -o -, the answer of --check and --call.",
    .examples = "cooper build -t app .\n"
		"cooper build -t ghcr.io/me/app:1 --push .\n"
		"cooper build --target site -o dist .\n"
		"  # writes the files of a stage into a folder\n"
		"cooper build --secret id=token,src=token.txt --build-arg VERSION=2 .\n"
		"cooper build --check .\n",
    .opts = build_table,
    .opts_size = sizeof(struct build_opts),
    .min_args = 0,
    .max_args = 1,
    .run = run,
};
