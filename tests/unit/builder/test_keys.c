/* SPDX-License-Identifier: Apache-2.0 */
/* What a key and a step's id are made of: each row changes one thing. */
#include <criterion/criterion.h>

#include "builder/ops/env.h"
#include "builder/ops/ops.h"

enum { SAME, OTHER };

/* --- RUN --- */

struct run {
	struct op_exec_args args;
	struct exec_mount mounts[2];
	struct tree trees[3];
	struct ops_env env;
	struct sandbox_host host;
	struct sandbox_limit limit;
	struct str argv[2], vars[2];
};

static void run_init(struct run *r)
{
	*r = (struct run){.argv = {STR("sh"), STR("make")}, .vars = {STR("A=1"), STR("B=2")}, .host = {.name = "h"}, .limit = {.soft = 1, .hard = 2}};
	r->args = (struct op_exec_args){.argv = {.v = r->argv, .n = 2}, .env = {.v = r->vars, .n = 2}, .cwd = STR("/"), .user = STR("u"),
		.hostname = STR("host"), .mounts = r->mounts, .nmounts = 2, .text = STR("sh make")};
	r->mounts[0] = (struct exec_mount){.kind = EXEC_BIND, .target = "/a", .input = 1, .placed = true, .source = STR("s")};
	r->mounts[1] = (struct exec_mount){.kind = EXEC_CACHE, .target = "/c", .input = -1, .placed = true, .id = STR("i"), .mode = 0755};
	for (size_t i = 0; i < 3; i++)
		r->trees[i].cid = digest_of(&i, sizeof(i));
	r->env.hosts = &r->host;
	r->env.nhosts = 1;
	r->env.limits = &r->limit;
	r->env.nlimits = 1;
}

static struct digest run_key(struct run *r)
{
	const struct tree *inputs[] = {&r->trees[0], &r->trees[1], &r->trees[2]};
	struct step below = {.op = &op_scratch}, *steps[] = {&below, &below, &below};
	const struct step step = {.op = &op_exec, .args = &r->args, .inputs = steps, .ninputs = 3};
	struct task t = {.step = &step, .inputs = inputs, .env = &r->env};
	struct hasher h;
	struct err e;
	hasher_init(&h);
	cr_assert_eq(op_exec.key(&t, &h, &e), 0);
	buf_done(&t.why);
	return hasher_done(&h);
}

static struct digest run_id(struct run *r)
{
	struct hasher h;
	hasher_init(&h);
	op_exec.hash(&r->args, &h);
	return hasher_done(&h);
}

#define CHANGE(name, statement)            \
	static void name(struct run *r)    \
	{                                  \
		statement;                 \
	}
CHANGE(argv, r->argv[1] = STR("make all"))
CHANGE(argv_split, r->args.argv.n = 1)
CHANGE(variable, r->vars[0] = STR("A=2"))
CHANGE(cwd, r->args.cwd = STR("/x"))
CHANGE(user, r->args.user = STR("v"))
CHANGE(hostname, r->args.hostname = STR("other"))
CHANGE(network, r->args.network = EXEC_NET_NONE)
CHANGE(insecure, r->args.insecure = true)
CHANGE(script, r->args.script.content = STR("#!"))
CHANGE(fewer_mounts, r->args.nmounts = 1)
CHANGE(kind, r->mounts[1].kind = EXEC_TMPFS)
CHANGE(target, r->mounts[0].target = "/b")
CHANGE(written, r->mounts[0].rw = true)
CHANGE(source, r->mounts[0].source = STR("t"))
CHANGE(input, r->mounts[0].input = 2)
CHANGE(seed, r->mounts[1].input = 2)
CHANGE(mode, r->mounts[1].mode = 0700)
CHANGE(owner, r->mounts[1].uid = 1)
CHANGE(group, r->mounts[1].gid = 1)
CHANGE(secret_variable, r->mounts[0].env = STR("V"))
CHANGE(secret_id, (r->mounts[1].kind = EXEC_SECRET, r->mounts[1].id = STR("j")))
CHANGE(root, r->trees[0].cid = digest_of("x", 1))
CHANGE(mounted, r->trees[1].cid = digest_of("x", 1))
CHANGE(host_name, r->host.name = "i")
CHANGE(limit, r->limit.soft = 2)
CHANGE(cache_id, r->mounts[1].id = STR("j"))
CHANGE(sharing, r->mounts[1].sharing = SHARING_LOCKED)
CHANGE(required, r->mounts[1].required = true)
CHANGE(proxy, (r->env.proxy[0] = STR("http_proxy=x"), r->env.nproxy = 1))
CHANGE(shm, r->env.shm_size = 1)
CHANGE(text, r->args.text = STR("other words"))

static const struct {
	const char *name;
	void (*change)(struct run *r);
	int key, id;
} run_rows[] = {
    {"argv", argv, OTHER, OTHER},
    {"fewer arguments", argv_split, OTHER, OTHER},
    {"a variable", variable, OTHER, OTHER},
    {"the working directory", cwd, OTHER, OTHER},
    {"the user", user, OTHER, OTHER},
    {"the host name", hostname, OTHER, OTHER},
    {"the network", network, OTHER, OTHER},
    {"rights", insecure, OTHER, OTHER},
    {"a script", script, OTHER, OTHER},
    {"one mount less", fewer_mounts, OTHER, OTHER},
    {"the kind of a mount", kind, OTHER, OTHER},
    {"the target of a mount", target, OTHER, OTHER},
    {"a mount that is written to", written, OTHER, OTHER},
    {"what of a tree is mounted", source, OTHER, OTHER},
    {"which tree is mounted", input, OTHER, OTHER},
    {"a seed", seed, OTHER, OTHER},
    {"a mount's mode", mode, OTHER, OTHER},
    {"a mount's owner", owner, OTHER, OTHER},
    {"a mount's group", group, OTHER, OTHER},
    {"the variable of a secret", secret_variable, OTHER, OTHER},
    {"the id of a secret", secret_id, OTHER, OTHER},
    {"the content of the root, which the solver adds", root, SAME, SAME},
    {"the content of what is mounted", mounted, OTHER, SAME},
    {"the name of a host", host_name, OTHER, SAME},
    {"a limit", limit, OTHER, SAME},
    {"the id of a cache", cache_id, SAME, OTHER},
    {"how a cache is shared", sharing, SAME, OTHER},
    {"what has to be there", required, SAME, OTHER},
    {"a proxy", proxy, SAME, SAME},
    {"shared memory", shm, SAME, SAME},
    {"words for people", text, SAME, SAME},
};

Test(keys, each_thing_that_decides_about_a_run_counts_and_nothing_else)
{
	struct run same;
	run_init(&same);
	struct digest key = run_key(&same), id = run_id(&same);
	for (size_t i = 0; i < ARRAY_LEN(run_rows); i++) {
		struct run r;
		run_init(&r);
		run_rows[i].change(&r);
		struct digest k = run_key(&r), d = run_id(&r);
		cr_expect_eq(digest_eq(&k, &key), run_rows[i].key == SAME, "key: %s", run_rows[i].name);
		cr_expect_eq(digest_eq(&d, &id), run_rows[i].id == SAME, "id: %s", run_rows[i].name);
	}
}

/* --- COPY of here-documents, which needs no store --- */

static struct digest copy_key(const struct op_copy_args *a, const struct tree *below, bool *ret_floating)
{
	struct step scratch = {.op = &op_scratch}, *steps[] = {&scratch};
	const struct step step = {.op = &op_copy, .args = a, .inputs = steps, .ninputs = 1, .label = "COPY"};
	struct task t = {.step = &step, .inputs = &below};
	struct hasher h;
	struct err e;
	hasher_init(&h);
	cr_assert_eq(op_copy.key(&t, &h, &e), 0);
	buf_done(&t.why);
	if (ret_floating)
		*ret_floating = t.floating;
	return hasher_done(&h);
}

Test(keys, each_thing_that_decides_about_a_copy_counts)
{
	struct op_copy_inline doc = {.name = STR("f"), .content = STR("x")}, other = {.name = STR("f"), .content = STR("y")};
	struct str pattern = STR("*.o");
	const struct op_copy_args base = {.inlines = &doc, .ninlines = 1, .dest = STR("/d"), .workdir = STR("/")};
	struct op_copy_args v[8];
	struct tree below = {.cid = digest_of("1", 1)};
	for (size_t i = 0; i < ARRAY_LEN(v); i++)
		v[i] = base;
	v[1].inlines = &other;
	v[2].dest = STR("/e");
	v[3].workdir = STR("/w");
	v[4].chown = STR("1");
	v[5].chmod = STR("700");
	v[6].parents = true;
	v[7].excludes = &pattern;
	v[7].nexcludes = 1;
	struct digest key = copy_key(&base, &below, NULL);
	for (size_t i = 0; i < ARRAY_LEN(v); i++) {
		struct digest k = copy_key(&v[i], &below, NULL);
		cr_expect_eq(digest_eq(&k, &key), i == 0, "variant %zu", i);
	}
}

Test(keys, a_linked_copy_does_not_know_what_is_below)
{
	struct op_copy_inline doc = {.name = STR("f"), .content = STR("x")};
	const struct op_copy_args a = {.inlines = &doc, .ninlines = 1, .dest = STR("/d"), .workdir = STR("/"), .link = true};
	struct tree below = {.cid = digest_of("1", 1)}, changed = {.cid = digest_of("2", 1)};
	bool floats, floats_not;
	struct digest x = copy_key(&a, &below, &floats), y = copy_key(&a, &changed, NULL);
	cr_expect(digest_eq(&x, &y));
	struct op_copy_args placed = a;
	placed.link = false;
	copy_key(&placed, &below, &floats_not);
	cr_expect(floats && !floats_not);
}
