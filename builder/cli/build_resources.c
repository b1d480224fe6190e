/* SPDX-License-Identifier: Apache-2.0 */
/* --memory, --cpu-quota and their like: what docker build, podman build and buildah take, with their bounds. */
#include <limits.h>

#include "builder/cli/build_opts.h"

enum { MEMORY_LEAST = 6 << 20, CPU_LEAST_US = 1000, CPU_MOST_US = 1000000 };

static int memory(const struct build_opts *o, struct sandbox_resources *ret, struct err *e)
{
	const char *swap = o->memory_swap;
	if (o->memory && o->memory < MEMORY_LEAST)
		return err_set(e, ERR_USAGE, "--memory: at least 6m are needed");
	ret->memory = o->memory;
	if (!swap || !*swap || strcmp(swap, "0") == 0)
		return 0;
	if (strcmp(swap, "-1") == 0)
		ret->memory_swap = UINT64_MAX;
	else if (!opt_parse_bytes(swap, &ret->memory_swap))
		return err_set(e, ERR_USAGE, "--memory-swap %s: a size is wanted, e.g. 1g, or -1", swap);
	if (!o->memory)
		return err_set(e, ERR_USAGE, "--memory-swap counts memory and swap together: it takes --memory");
	if (ret->memory_swap < o->memory)
		return err_set(e, ERR_USAGE, "--memory-swap %s is less than --memory: it counts both together", swap);
	return 0;
}

static int cpu(const struct build_opts *o, struct sandbox_resources *ret, struct err *e)
{
	if (o->cpu_period && (o->cpu_period < CPU_LEAST_US || o->cpu_period > CPU_MOST_US))
		return err_set(e, ERR_USAGE, "--cpu-period %lld: it is from 1000 to 1000000 microseconds", (long long)o->cpu_period);
	if (o->cpu_quota != 0 && o->cpu_quota != -1 && o->cpu_quota < CPU_LEAST_US)
		return err_set(e, ERR_USAGE, "--cpu-quota %lld: it is 1000 microseconds or more, or -1", (long long)o->cpu_quota);
	if (o->cpu_shares < 0 || o->cpu_shares == 1)
		return err_set(e, ERR_USAGE, "--cpu-shares %lld: it is 2 or more", (long long)o->cpu_shares);
	ret->cpu_period = (uint64_t)o->cpu_period;
	ret->cpu_quota = o->cpu_quota;
	ret->cpu_shares = (uint64_t)o->cpu_shares;
	return 0;
}

/* "0-3,7" */
static bool is_list(const char *text)
{
	struct str rest = str_of(text), part;
	while (str_split(&rest, ',', &part)) {
		struct str first;
		uint64_t a, b;
		if (!str_split(&part, '-', &first) || !str_u64(first, INT_MAX, &a))
			return false;
		if (part.p && (!str_u64(part, INT_MAX, &b) || b < a))
			return false;
	}
	return true;
}

static int list(const char *option, const char *text, const char **ret, struct err *e)
{
	if (!text || !*text)
		return 0;
	if (!is_list(text))
		return err_set(e, ERR_USAGE, "%s %s: a list of numbers is wanted, e.g. 0-3,7", option, text);
	*ret = text;
	return 0;
}

static int parent(const struct build_opts *o, struct sandbox_resources *ret, struct err *e)
{
	struct str rest = str_of(o->cgroup_parent), part;
	while (str_split(&rest, '/', &part))
		if (str_eqz(part, ".") || str_eqz(part, ".."))
			return err_set(e, ERR_USAGE, "--cgroup-parent %s: . and .. are not taken", o->cgroup_parent);
	ret->cgroup_parent = o->cgroup_parent && *o->cgroup_parent ? o->cgroup_parent : NULL;
	return 0;
}

int build_resources_parse(const struct build_opts *o, struct sandbox_resources *ret, struct err *e)
{
	*ret = (struct sandbox_resources){0};
	TRY(memory(o, ret, e));
	TRY(cpu(o, ret, e));
	TRY(list("--cpuset-cpus", o->cpuset_cpus, &ret->cpuset_cpus, e));
	TRY(list("--cpuset-mems", o->cpuset_mems, &ret->cpuset_mems, e));
	if (o->pids_limit < -1)
		return err_set(e, ERR_USAGE, "--pids-limit %lld: it is 1 or more, or -1", (long long)o->pids_limit);
	ret->pids = o->pids_limit > 0 ? (uint64_t)o->pids_limit : 0;
	return parent(o, ret, e);
}
