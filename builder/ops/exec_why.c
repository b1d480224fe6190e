/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the key of a RUN is made of, in words for --explain: the same that op_exec.c hashes, and like there nothing of a secret but that it
 * is mounted and where. What has its usual value is left out.
 */
#include "base/jval.h"
#include "builder/ops/env.h"
#include "builder/ops/exec_mounts.h"
#include "builder/sandbox/limit_names.h"

static void option(struct jval *mount, const char *name, const char *value)
{
	if (value && *value)
		jval_set_text(mount, name, value);
}

static void number(struct jval *mount, const char *name, uint64_t value)
{
	cleanup_free char *text = mem_printf(strcmp(name, "mode") == 0 ? "%04llo" : "%llu", (unsigned long long)value);
	option(mount, name, value ? text : NULL);
}

static struct jval *describe_mount(const struct exec_mount *m, const struct digest *source)
{
	static const char *const types[] = {[EXEC_BIND] = "bind", [EXEC_CACHE] = "cache", [EXEC_TMPFS] = "tmpfs", [EXEC_SECRET] = "secret", [EXEC_SSH] = "ssh"};
	struct jval *j = jval_object();
	char content[DIGEST_TEXT + 1] = "";
	bool named = m->kind == EXEC_SECRET || m->kind == EXEC_SSH;
	if (!digest_none(source))
		digest_text(source, content);
	option(j, "type", types[m->kind]);
	option(j, "target", m->target);
	option(j, "rw", m->kind != EXEC_BIND ? NULL : m->rw ? "true" : "false");
	if (m->input >= 0 && m->source.len)
		jval_set_str(j, "source", m->source);
	if (named && m->id.len)
		jval_set_str(j, "id", m->id);
	if (m->env.len)
		jval_set_str(j, "env", m->env);
	number(j, "size", m->kind == EXEC_TMPFS ? m->size : 0);
	number(j, "mode", m->mode);
	number(j, "uid", m->uid);
	number(j, "gid", m->gid);
	option(j, "content", content);
	return j;
}

static void why_mounts(struct task *t, const struct op_exec_args *a, const struct digest *sources)
{
	cleanup_jval struct jval *list = jval_array();
	for (size_t i = 0; i < a->nmounts; i++)
		jval_append(list, describe_mount(&a->mounts[i], &sources[i]));
	ops_why_part(&t->why, PART_MOUNTS);
	jval_print(list, 0, &t->why);
}

static void why_hosts(struct task *t, const struct ops_env *env)
{
	struct str *v = mem_array(env->nhosts, sizeof(*v));
	for (size_t i = 0; i < env->nhosts; i++)
		v[i] = str_of(env->hosts[i].name);
	ops_why_list(&t->why, PART_HOSTS, &(struct strs){.v = v, .n = env->nhosts});
	mem_free(v);
}

static void print_limit(uint64_t value, struct buf *out)
{
	if (value == UINT64_MAX)
		buf_puts(out, "-1");
	else
		buf_printf(out, "%llu", (unsigned long long)value);
}

/* As --ulimit has them. */
static void why_ulimits(struct task *t, const struct ops_env *env)
{
	cleanup_jval struct jval *list = jval_array();
	for (size_t i = 0; i < env->nlimits; i++) {
		const struct sandbox_limit *l = &env->limits[i];
		cleanup_buf struct buf text = {0};
		buf_printf(&text, "%s=", limit_names_of(l->resource));
		print_limit(l->soft, &text);
		if (l->hard != l->soft) {
			buf_putc(&text, ':');
			print_limit(l->hard, &text);
		}
		jval_append(list, jval_string(buf_view(&text)));
	}
	ops_why_part(&t->why, PART_ULIMITS);
	jval_print(list, 0, &t->why);
}

static void why_script(struct task *t, const struct op_exec_args *a)
{
	struct digest d = digest_of(a->script.content.p, a->script.content.len);
	ops_why_digest(&t->why, PART_HEREDOC, &d);
}

/* Words that could be split otherwise are told apart. */
static void why_command(struct task *t, const struct op_exec_args *a)
{
	bool split = true;
	for (size_t i = 0; i < a->argv.n && a->words; i++)
		split = split && a->argv.v[i].len && str_find(a->argv.v[i], ' ') < 0;
	if (split) {
		ops_why_text(&t->why, PART_COMMAND, a->text);
		return;
	}
	cleanup_jval struct jval *words = jval_array();
	cleanup_buf struct buf text = {0};
	for (size_t i = 0; i < a->argv.n; i++)
		jval_append(words, jval_string(a->argv.v[i]));
	jval_print(words, 0, &text);
	ops_why_text(&t->why, PART_COMMAND, buf_view(&text));
}

void exec_why(struct task *t, const struct digest *sources)
{
	static const char *const networks[] = {[EXEC_NET_NONE] = "none", [EXEC_NET_HOST] = "host"};
	const struct op_exec_args *a = t->step->args;
	const struct ops_env *env = t->env;
	why_command(t, a);
	ops_why_tree(t, PART_START);
	ops_why_list(&t->why, PART_ENVIRONMENT, &a->env);
	ops_why_text(&t->why, PART_WORKDIR, a->cwd);
	ops_why_text(&t->why, PART_USER, a->user);
	if (a->script.name.len)
		why_script(t, a);
	if (a->network != EXEC_NET_DEFAULT)
		ops_why_text(&t->why, PART_NETWORK, str_of(networks[a->network]));
	if (a->insecure)
		ops_why_text(&t->why, PART_SECURITY, STR("insecure"));
	if (a->hostname.len)
		ops_why_text(&t->why, PART_HOSTNAME, a->hostname);
	if (a->nmounts)
		why_mounts(t, a, sources);
	if (env->nhosts)
		why_hosts(t, env);
	if (env->nlimits)
		why_ulimits(t, env);
}
