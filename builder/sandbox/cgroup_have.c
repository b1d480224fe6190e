/* SPDX-License-Identifier: Apache-2.0 */
/* See cgroup_have.h. */
#include "builder/sandbox/cgroup_have.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/io.h"
#include "builder/sandbox/sandbox.h"

enum { MOUNTINFO_MAX = 8 << 20 };

static void find_spots(struct arena *a, struct cgroup_spots *ret)
{
	cleanup_buf struct buf mounts = {0}, self = {0};
	struct err ignored;
	*ret = (struct cgroup_spots){0};
	if (io_read_file(AT_FDCWD, "/proc/self/mountinfo", MOUNTINFO_MAX, &mounts, &ignored) < 0 ||
	    io_read_file(AT_FDCWD, "/proc/self/cgroup", MOUNTINFO_MAX, &self, &ignored) < 0)
		return;
	cgroup_spots_parse(buf_view(&mounts), buf_view(&self), a, ret);
}

/* "a-b.slice" is "a.slice/a-b.slice", as systemd has it. */
static char *parent_path(struct arena *a, const char *parent)
{
	struct str name = str_of(parent + strspn(parent, "/"));
	char *path = arena_strdup(a, "");
	if (!str_ends(name, STR(".slice")) || str_find(name, '/') >= 0)
		return arena_strdup(a, name.p);
	for (size_t i = 0; i + sizeof(".slice") - 1 < name.len; i++)
		if (i > 0 && name.p[i] == '-')
			path = arena_printf(a, "%s%.*s.slice/", path, (int)i, name.p);
	return arena_printf(a, "%s%s", path, name.p);
}

struct finding {
	struct cgroup_have *have;
	unsigned wanted;
	const char *parent;
	bool use;
};

static void find_place(
    struct finding *f, const struct cgroup_spot *spot, bool v2, unsigned wanted, struct cgroup_place *p)
{
	struct cgroup_have *h = f->have;
	*p = (struct cgroup_place){.dir = -1, .path = arena_strdup(&h->arena, "."), .lack = CGROUP_LACK_HIERARCHY};
	cleanup_close int mount = spot->mount ? open(spot->mount, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
	if (mount < 0)
		return;
	if (f->parent && f->use) {
		size_t first = h->nmade;
		cgroup_place_make(
		    mount, parent_path(&h->arena, f->parent), spot->own, v2, wanted, &h->arena, &h->made, &h->nmade, p);
		for (; first < h->nmade; first++)
			h->made[first] = arena_printf(&h->arena, "%s/%s", spot->mount, h->made[first]);
	} else if (v2) {
		cgroup_place_find(mount, spot->own, wanted, &h->arena, p);
	} else {
		cgroup_place_find_old(mount, spot->own, wanted, &h->arena, p);
	}
}

static void add(struct finding *f, const struct cgroup_spot *spot, bool v2, unsigned wanted)
{
	struct cgroup_have *h = f->have;
	struct cgroup_place p;
	find_place(f, spot, v2, wanted, &p);
	unsigned has = (p.dir >= 0 ? p.ready | p.possible : 0) & wanted;
	if (v2 && p.dir >= 0) {
		h->alone = p.alone;
		h->possible = p.possible & wanted;
		if (f->use && !p.alone && h->possible)
			has = cgroup_enable(p.dir, wanted) & wanted;
	}
	for (unsigned c = 0; c < CGROUP_CONTROLLERS; c++) {
		if (((wanted ? wanted : CGROUP_ALL) & ~has & 1u << c) == 0)
			continue;
		h->lack[c].lack = p.lack != CGROUP_LACK_NOTHING ? p.lack : CGROUP_LACK_CONTROLLER;
		h->lack[c].v2 = v2;
		h->lack[c].path = p.path;
	}
	if (p.dir >= 0 && (has || f->parent))
		h->v[h->n++] =
		    (struct cgroup_hierarchy){.v2 = v2, .has = has, .dir = steal_fd(&p.dir), .mount = spot->mount};
	if (p.dir >= 0)
		close(p.dir);
	h->has |= has;
}

void cgroup_have_init(struct cgroup_have *h, unsigned wanted, const char *parent, bool use)
{
	struct cgroup_spots spots;
	struct finding f = {.have = h, .wanted = wanted, .parent = parent, .use = use};
	*h = (struct cgroup_have){0};
	find_spots(&h->arena, &spots);
	add(&f, &spots.v2, true, wanted);
	if (parent && use)
		wanted = CGROUP_ALL;
	for (unsigned c = 0, done = h->has; c < CGROUP_CONTROLLERS; c++) {
		unsigned together = 0;
		for (unsigned k = c; k < CGROUP_CONTROLLERS && spots.v1[c].mount; k++)
			if (spots.v1[k].mount && strcmp(spots.v1[k].mount, spots.v1[c].mount) == 0)
				together |= wanted & ~done & 1u << k;
		if (together)
			add(&f, &spots.v1[c], false, together);
		done |= together;
	}
}

void cgroup_have_done(struct cgroup_have *h)
{
	for (size_t i = 0; i < h->n; i++)
		close(h->v[i].dir);
	for (size_t i = h->nmade; i-- > 0;)
		(void)rmdir(h->made[i]); /* kept while somebody else's step is in it */
	arena_done(&h->arena);
	*h = (struct cgroup_have){0};
}

static void own_scope(struct buf *out)
{
	if (faccessat(AT_FDCWD, "/run/systemd/system", F_OK, 0) == 0)
		buf_printf(out, "start it with: systemd-run %s--scope -p Delegate=yes cooper build ...",
		    sandbox_mode(NULL) == SANDBOX_ROOT ? "" : "--user ");
	else if (sandbox_mode(NULL) == SANDBOX_ROOT)
		buf_puts(out,
		    "move the others out first: mkdir /sys/fs/cgroup/init && xargs -rn1 </sys/fs/cgroup/cgroup.procs "
		    ">/sys/fs/cgroup/init/cgroup.procs");
	else
		buf_puts(out, "it has to be started as root, or in a session that systemd manages");
}

static void no_controller(const char *path, const char *name, struct buf *out)
{
	buf_printf(out, "the cgroup /%s has no controller %s to give", path, name);
	if (sandbox_mode(NULL) == SANDBOX_ROOT)
		buf_puts(out, "; see cgroup_disable= on the kernel's command line");
	else
		buf_puts(out, "; as root, systemctl edit user@.service with the lines [Service] and \"Delegate=cpu "
		              "cpuset io memory "
		              "pids\", then log in again");
}

void cgroup_have_explain(const struct cgroup_have *h, enum cgroup_controller c, struct buf *out)
{
	const char *path = strcmp(h->lack[c].path, ".") == 0 ? "" : h->lack[c].path;
	switch (h->lack[c].lack) {
	case CGROUP_LACK_NOTHING:
		break;
	case CGROUP_LACK_HIERARCHY:
		buf_puts(out, "no cgroup file system that holds this process is mounted here; mount -t cgroup2 none "
		              "/sys/fs/cgroup");
		break;
	case CGROUP_LACK_READ_ONLY:
		buf_puts(out, "/sys/fs/cgroup is read-only; a container has to be started with --privileged");
		break;
	case CGROUP_LACK_RIGHTS:
		if (h->lack[c].v2) {
			buf_printf(out, "the cgroup /%s is not delegated to this user; ", path);
			own_scope(out);
		} else {
			buf_puts(out, "this machine has cgroups of version 1, which are for root only; run cooper as "
			              "root, or boot with "
			              "systemd.unified_cgroup_hierarchy=1");
		}
		break;
	case CGROUP_LACK_ROOM:
		buf_printf(out, "there are other processes in the cgroup /%s; ", path);
		own_scope(out);
		break;
	case CGROUP_LACK_LIMIT:
		buf_printf(out, "the cgroup /%s has a limit of its own and other processes in it; ", path);
		own_scope(out);
		break;
	case CGROUP_LACK_CONTROLLER:
		no_controller(path, cgroup_names[c], out);
		break;
	}
}
