/* SPDX-License-Identifier: Apache-2.0 */
/* What all instructions share: adding steps, history, expansion, and finding what a name means. */
#include "builder/lower/stage.h"

#include "registry/platform.h"
#include "registry/ref.h"

int stage_expand(struct lowering *lw, struct stage_state *st, const struct instr *in, struct str word, struct str *ret, struct err *e)
{
	(void)in;
	struct str value;
	TRY(scope_expand(&st->scope, lw->o->cf->escape, word, &value, e));
	if ((lw->expanded += value.len) > LOWER_EXPANDED_MAX)
		return err_set(e, ERR_LIMIT, "the file's values expand to more than %d MiB", LOWER_EXPANDED_MAX >> 20);
	*ret = value;
	return 0;
}

struct str stage_path(struct lowering *lw, struct str base, struct str rel)
{
	cleanup_buf struct buf out = {0};
	struct str parts[2] = {base, rel};
	for (int k = 0; k < 2; k++) {
		struct str rest = parts[k], part;
		while (str_split(&rest, '/', &part)) {
			if (!part.len || str_eqz(part, "."))
				continue;
			if (str_eqz(part, "..")) {
				ptrdiff_t slash = str_rfind(buf_view(&out), '/');
				out.len = slash > 0 ? (size_t)slash : 0;
				continue;
			}
			buf_putc(&out, '/');
			buf_str(&out, part);
		}
	}
	return out.len ? arena_str(lw->arena, buf_view(&out)) : STR("/");
}

struct strs stage_shell(const struct stage_state *st)
{
	static struct str unix_shell[] = {{"/bin/sh", 7}, {"-c", 2}}, windows_shell[] = {{"cmd", 3}, {"/S", 2}, {"/C", 2}};
	if (st->config.shell.n)
		return st->config.shell;
	if (str_eqz(st->config.os, "windows"))
		return (struct strs){.v = windows_shell, .n = 3};
	return (struct strs){.v = unix_shell, .n = 2};
}

void stage_history(struct stage_state *st, struct buf *created_by, bool empty_layer)
{
	struct history_entry h = {.created_by = buf_view(created_by), .comment = STR("buildkit.dockerfile.v0"), .empty_layer = empty_layer};
	image_config_add_history(&st->config, &h);
	st->history_bytes += created_by->len;
}

/* What a step has in common with itself in an earlier state of the file: whose it is, of which kind, and its own text, or which one
 * of its kind it is. A stage without a name keeps its identity when another one comes before it. */
static struct digest identity(struct lowering *lw, const struct stage_state *st, const struct step *proto, const struct instr *in, bool by_text)
{
	struct hasher h;
	hasher_init(&h);
	hasher_str(&h, lw->o->project);
	hasher_str(&h, st->ast ? st->ast->name : str_of(st->name));
	hasher_str(&h, str_of(proto->op->name));
	hasher_u64(&h, (uint64_t)in->id);
	hasher_u64(&h, by_text ? UINT64_MAX : st->ordinals[in->id]);
	struct platform p = lw->o->platform;
	hasher_str(&h, p.arch);
	hasher_str(&h, p.variant);
	/* One instruction may have several internal ones: mounts, URLs. */
	hasher_str(&h, by_text || proto->internal ? str_of(proto->label) : STR(""));
	return hasher_done(&h);
}

/* TARGETPLATFORM as the stage has asked for it, in full or in parts, when it is not the stage's own platform. */
static const char *cross_target(struct lowering *lw, const struct stage_state *st)
{
	struct platform t = st->platform;
	struct str whole;
	struct err ignored;
	cleanup_buf struct buf text = {0};
	if (scope_get(&st->scope, STR("TARGETPLATFORM"), &whole)) {
		if (platform_parse(whole, lw->arena, &t, &ignored) < 0)
			return NULL;
	} else {
		bool os = scope_get(&st->scope, STR("TARGETOS"), &t.os), arch = scope_get(&st->scope, STR("TARGETARCH"), &t.arch);
		if (arch)
			t.variant = STR("");
		bool variant = scope_get(&st->scope, STR("TARGETVARIANT"), &t.variant);
		if (!os && !arch && !variant)
			return NULL;
	}
	if (str_eq(t.os, st->platform.os) && str_eq(t.arch, st->platform.arch) && str_eq(t.variant, st->platform.variant))
		return NULL;
	if (!str_eq(t.os, st->platform.os))
		platform_print(&t, &text);
	else
		buf_printf(&text, "%.*s%s%.*s", STR_ARG(t.arch), t.variant.len ? "/" : "", STR_ARG(t.variant));
	return arena_str(lw->arena, buf_view(&text)).p;
}

void stage_sign(struct lowering *lw, struct stage_state *st, struct step *proto)
{
	cleanup_buf struct buf text = {0};
	proto->stage = lw->nstages > 1 ? st->name : NULL;
	if (!lw->o->several_platforms)
		return;
	platform_print(&st->platform, &text);
	proto->platform = arena_str(lw->arena, buf_view(&text)).p;
	proto->target = cross_target(lw, st);
}

static struct step *add(struct lowering *lw, struct stage_state *st, const struct instr *in, struct step *proto)
{
	proto->line = in->where.line;
	proto->col = in->where.col;
	proto->end_line = in->where.end_line;
	stage_sign(lw, st, proto);
	proto->no_cache = st->no_cache;
	proto->family = identity(lw, st, proto, in, true);
	proto->place = identity(lw, st, proto, in, false);
	return plan_add(lw->plan, proto);
}

struct step *stage_add_step(struct lowering *lw, struct stage_state *st, const struct instr *in, const struct op *op, const void *args,
	struct step **sources, size_t nsources, const char *label)
{
	struct step **inputs = arena_new(lw->arena, (nsources + 1) * sizeof(*inputs));
	inputs[0] = st->head;
	if (nsources)
		memcpy(inputs + 1, sources, nsources * sizeof(*inputs));
	st->nth++;
	st->ordinals[in->id]++;
	struct step proto = {.op = op, .args = args, .inputs = inputs, .ninputs = nsources + 1, .label = label, .nth = st->nth, .of = st->of};
	st->head = add(lw, st, in, &proto);
	st->scratch = false;
	return st->head;
}

struct step *stage_add_internal(struct lowering *lw, struct stage_state *st, const struct instr *in, const struct op *op,
	const void *args, struct step **inputs, size_t ninputs, const char *label)
{
	struct step proto = {.op = op, .args = args, .inputs = inputs, .ninputs = ninputs, .label = label, .internal = true};
	return add(lw, st, in, &proto);
}

ptrdiff_t stage_find(const struct lowering *lw, struct str name, bool numbers)
{
	uint64_t number;
	if (numbers && str_u64(name, 1u << 20, &number))
		return number < lw->nstages ? (ptrdiff_t)number : -2;
	for (size_t i = lw->nstages; i-- > 0;)
		if (lw->o->cf->stages[i].name.len && str_ieq(lw->o->cf->stages[i].name, name))
			return (ptrdiff_t)i;
	return -1;
}

/* Named contexts match by name, or, for images, by normalised reference ("busybox" = docker.io/library/busybox:latest). */
static bool same_image(struct arena *a, struct str x, struct str y)
{
	struct ref rx, ry;
	struct err e;
	if (ref_parse(x, a, &rx, &e) < 0 || ref_parse(y, a, &ry, &e) < 0)
		return false;
	return str_eq(rx.host, ry.host) && str_eq(rx.path, ry.path) && str_eq(rx.tag, ry.tag) && digest_eq(&rx.digest, &ry.digest);
}

const struct lower_named *named_find(const struct lowering *lw, struct str name, bool as_image)
{
	if (str_ieq(name, STR("context")) || str_ieq(name, STR("scratch")))
		return NULL;
	for (size_t i = 0; i < lw->o->nnamed; i++) {
		const struct lower_named *n = &lw->o->named[i];
		if (str_ieq(n->name, name) || (as_image && same_image(lw->arena, n->name, name)))
			return n;
	}
	return NULL;
}

static struct step *image_step(struct lowering *lw, struct stage_state *st, const struct instr *in, struct tree *tree, struct str name)
{
	struct op_image_args *args = arena_new(lw->arena, sizeof(*args));
	args->tree = tree;
	return stage_add_internal(lw, st, in, &op_image, args, NULL, 0, arena_printf(lw->arena, "FROM %.*s", STR_ARG(name)));
}

int named_stage(struct lowering *lw, const struct lower_named *named, const struct instr *in, size_t *ret, struct err *e)
{
	ptrdiff_t i = stage_find(lw, named->stage, false);
	if (i < 0)
		return err_set(e, ERR_NOT_FOUND, "--build-context %.*s=target:%.*s: no stage has that name", STR_ARG(named->name), STR_ARG(named->stage));
	*ret = (size_t)i;
	return stage_need(lw, (size_t)i, in, e);
}

static int named_source(struct lowering *lw, struct stage_state *st, const struct instr *in, const struct lower_named *named,
	struct from_source *ret, struct err *e)
{
	if (named->stage.len) {
		size_t number;
		TRY(named_stage(lw, named, in, &number, e));
		ret->step = lw->stages[number].head;
		return 0;
	}
	if (!named->is_image) {
		ret->context = named->context;
		return 0;
	}
	if (str_eqz(named->image, "scratch")) {
		ret->step = stage_add_internal(lw, st, in, &op_scratch, NULL, NULL, 0, "scratch");
		return 0;
	}
	struct lower_image image = {0};
	TRY(lw->o->resolver->image(lw->o->resolver->arg, named->image, &lw->o->platform, lw->arena, &image, e));
	image_config_done(&image.config);
	ret->step = image_step(lw, st, in, image.tree, named->image);
	return 0;
}

static int image_source(struct lowering *lw, struct stage_state *st, const struct instr *in, struct str name, struct from_source *ret,
	struct err *e)
{
	struct ref ref;
	struct lower_image image = {0};
	TRY(ref_parse(name, lw->arena, &ref, e));
	if (lw->o->resolver->image(lw->o->resolver->arg, name, &lw->o->platform, lw->arena, &image, e) < 0) {
		const char *names[64];
		size_t n = 0;
		for (size_t i = 0; i < lw->nstages && n < ARRAY_LEN(names); i++)
			if (lw->o->cf->stages[i].name.len)
				names[n++] = arena_str(lw->arena, lw->o->cf->stages[i].name).p;
		const char *near = str_suggest(name, names, n);
		return near ? err_append(e, " (no stage has that name either; did you mean %s?)", near) : -(int)e->code;
	}
	image_config_done(&image.config);
	ret->step = image_step(lw, st, in, image.tree, name);
	return 0;
}

int from_source(struct lowering *lw, struct stage_state *st, const struct instr *in, struct str name, bool numbers,
	struct from_source *ret, struct err *e)
{
	*ret = (struct from_source){0};
	ptrdiff_t i = stage_find(lw, name, numbers);
	if (i == -2)
		return err_set(e, ERR_SYNTAX, "invalid stage index %.*s: there are %zu stages, from 0", STR_ARG(name), lw->nstages);
	const struct lower_named *named = named_find(lw, name, i < 0);
	if (named && !(i >= 0 && numbers && str_u64(name, 1u << 20, &(uint64_t){0})))
		return named_source(lw, st, in, named, ret, e);
	if (i < 0)
		return image_source(lw, st, in, name, ret, e);
	if ((size_t)i == st->number)
		return err_set(e, ERR_SYNTAX, "circular dependency detected on stage: %s", st->name);
	if ((size_t)i > st->number)
		return err_set(e, ERR_SYNTAX, "cannot copy from stage \"%.*s\", it needs to be defined before current stage \"%s\"",
			STR_ARG(name), st->name);
	TRY(stage_need(lw, (size_t)i, in, e));
	ret->step = lw->stages[i].head;
	return 0;
}

struct step *context_tree(struct lowering *lw, struct stage_state *st, const struct instr *in, unsigned context, struct str source)
{
	struct op_copy_item *item = arena_new(lw->arena, sizeof(*item));
	*item = (struct op_copy_item){.from = COPY_FROM_CONTEXT, .n = context, .path = source, .literal = true};
	struct op_copy_args *args = arena_new(lw->arena, sizeof(*args));
	*args = (struct op_copy_args){.items = item, .nitems = 1, .dest = STR("/"), .workdir = STR("/")};
	struct step **inputs = arena_new(lw->arena, sizeof(*inputs));
	inputs[0] = stage_add_internal(lw, st, in, &op_scratch, NULL, NULL, 0, "scratch");
	return stage_add_internal(lw, st, in, &op_copy, args, inputs, 1,
		arena_printf(lw->arena, "load build context%s%.*s", source.len ? " " : "", STR_ARG(source)));
}
