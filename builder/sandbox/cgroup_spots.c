/* SPDX-License-Identifier: Apache-2.0 */
/* See cgroup_spots.h. A mount may show a part of its hierarchy (in a container): paths are counted from there. */
#include "builder/sandbox/cgroup_spots.h"

const char *const cgroup_names[CGROUP_CONTROLLERS] = {
    [CGROUP_MEMORY] = "memory", [CGROUP_PIDS] = "pids", [CGROUP_CPU] = "cpu", [CGROUP_CPUSET] = "cpuset"};

unsigned cgroup_bits(struct str names)
{
	unsigned bits = 0;
	for (size_t at = 0, end; at < names.len; at = end + 1) {
		for (end = at; end < names.len && !strchr(" ,\n", names.p[end]); end++)
			;
		for (unsigned c = 0; c < CGROUP_CONTROLLERS; c++)
			if (str_eqz(str_sub(names, at, end), cgroup_names[c]))
				bits |= 1u << c;
	}
	return bits;
}

struct self { /* paths of /proc/self/cgroup */
	struct str v2, v1[CGROUP_CONTROLLERS];
};

/* "4:memory:/a/b", "0::/a/b" */
static void self_parse(struct str text, struct self *ret)
{
	struct str line, number, names;
	*ret = (struct self){0};
	while (str_split(&text, '\n', &line)) {
		if (!str_split(&line, ':', &number) || !str_split(&line, ':', &names) || !line.p || !line.len ||
		    line.p[0] != '/')
			continue;
		unsigned bits = cgroup_bits(names);
		if (str_eqz(number, "0") && !names.len)
			ret->v2 = line;
		for (unsigned c = 0; c < CGROUP_CONTROLLERS; c++)
			if (bits & 1u << c)
				ret->v1[c] = line;
	}
}

/* Blanks and backslashes are "\040" and so on in mountinfo. */
static char *unescape(struct arena *a, struct str s)
{
	char *out = arena_new(a, s.len + 1), *w = out;
	for (size_t i = 0; i < s.len; i++) {
		if (s.p[i] == '\\' && s.len - i > 3) {
			*w++ = (char)((s.p[i + 1] - '0') << 6 | (s.p[i + 2] - '0') << 3 | (s.p[i + 3] - '0'));
			i += 3;
		} else {
			*w++ = s.p[i];
		}
	}
	return out;
}

static bool climbs(struct str path)
{
	struct str part;
	while (str_split(&path, '/', &part))
		if (str_eqz(part, ".."))
			return true;
	return false;
}

struct mount {
	struct str root, point, type, options;
};

/* 38 31 0:35 /root /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup rw,nsdelegate */
static bool mount_parse(struct str line, struct mount *ret)
{
	struct str word;
	size_t n = 0, after = 0;
	while (str_split(&line, ' ', &word)) {
		n++;
		if (n == 4)
			ret->root = word;
		else if (n == 5)
			ret->point = word;
		else if (n > 6 && !after && str_eqz(word, "-"))
			after = n;
		else if (after && n == after + 1)
			ret->type = word;
		else if (after && n == after + 3)
			ret->options = word;
	}
	return after && n == after + 3;
}

/* The first mount in which we are is the one. */
static void take(struct cgroup_spot *spot, const struct mount *m, struct str own, struct arena *a)
{
	struct str root = m->root;
	if (spot->mount || !own.len || climbs(own) || climbs(root))
		return;
	if (str_eqz(root, "/"))
		root.len = 0;
	if (!str_starts(own, root) || (own.len > root.len && own.p[root.len] != '/'))
		return;
	struct str rest = str_from(own, root.len);
	while (rest.len && rest.p[0] == '/')
		rest = str_from(rest, 1);
	spot->mount = unescape(a, m->point);
	spot->own = rest.len ? arena_printf(a, "%.*s", STR_ARG(rest)) : arena_strdup(a, ".");
}

void cgroup_spots_parse(struct str mountinfo, struct str self, struct arena *a, struct cgroup_spots *ret)
{
	struct self own;
	struct str line;
	*ret = (struct cgroup_spots){0};
	self_parse(self, &own);
	while (str_split(&mountinfo, '\n', &line)) {
		struct mount m = {0};
		if (!mount_parse(line, &m))
			continue;
		if (str_eqz(m.type, "cgroup2"))
			take(&ret->v2, &m, own.v2, a);
		unsigned bits = str_eqz(m.type, "cgroup") ? cgroup_bits(m.options) : 0;
		for (unsigned c = 0; c < CGROUP_CONTROLLERS; c++)
			if (bits & 1u << c)
				take(&ret->v1[c], &m, own.v1[c], a);
	}
}
