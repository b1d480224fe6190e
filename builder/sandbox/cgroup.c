/* SPDX-License-Identifier: Apache-2.0 */
/* See cgroup.h. What was found is kept for the whole build, under a lock. */
#include "builder/sandbox/cgroup.h"

#include <dirent.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>

#include "base/log.h"
#include "builder/sandbox/cgroup_values.h"
#include "builder/sandbox/notice.h"

static const char prefix[] = "cooper-";
enum { REMOVE_TRIES = 200 }; /* a millisecond apart */

static struct {
	pthread_mutex_t lock;
	bool known;      /* `have` is filled */
	unsigned wanted; /* for these controllers */
	char *parent;    /* and this --cgroup-parent */
	struct cgroup_have have;
	struct cgroup_part leaf; /* where the builder has gone; dir -1: it is where it was */
	unsigned enabled;        /* controllers that were switched on above the leaf */
	unsigned counter;
} groups = {.lock = PTHREAD_MUTEX_INITIALIZER, .leaf = {.parent = -1, .dir = -1, .procs = -1}};

/* --- removing --------------------------------------------------------------------------------------------------------
 */

/* Cgroups below `dir`, which a step with all rights may have made; their files go with them. */
static void remove_below(int dir, int depth)
{
	int copy = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = copy < 0 ? NULL : fdopendir(copy);
	for (struct dirent *en; d && depth < 64 && (en = readdir(d)) != NULL;) {
		if (en->d_type != DT_DIR || en->d_name[0] == '.')
			continue;
		cleanup_close int below = openat(dir, en->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (below >= 0)
			remove_below(below, depth + 1);
		(void)unlinkat(dir, en->d_name, AT_REMOVEDIR);
	}
	if (d)
		closedir(d);
}

/* A process that has just ended may still be counted for a moment. */
static void remove_group(int parent, const char *name, int dir, bool with_processes)
{
	const struct timespec pause = {.tv_nsec = 1000 * 1000};
	bool opened;
	for (int i = 0; i < REMOVE_TRIES; i++) {
		if (unlinkat(parent, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
			return;
		if (i == 0 && with_processes) {
			(void)cgroup_write(dir, "cgroup.kill", "1", &opened); /* version 2, since Linux 5.14 */
			remove_below(dir, 0);
		}
		nanosleep(&pause, NULL);
	}
	log_debug("sandbox: cannot remove the cgroup %s: %s", name, strerrordesc_np(errno));
}

/* cooper-PID-N and nothing else: what is swept is killed. */
static bool is_ours(const char *name)
{
	static const char digits[] = "0123456789";
	if (strncmp(name, prefix, sizeof(prefix) - 1) != 0)
		return false;
	name += sizeof(prefix) - 1;
	size_t pid = strspn(name, digits), n = name[pid] == '-' ? strspn(name + pid + 1, digits) : 0;
	return pid > 0 && n > 0 && name[pid + 1 + n] == '\0';
}

static bool builder_is_gone(const char *name)
{
	return kill((pid_t)strtol(name + sizeof(prefix) - 1, NULL, 10), 0) < 0 && errno == ESRCH;
}

/* Processes that a killed builder started have its lock, too, until they are quite gone. */
static bool is_left(int fd, const char *name)
{
	const struct timespec pause = {.tv_nsec = 1000 * 1000};
	for (int i = 0; i < REMOVE_TRIES; i++) {
		if (flock(fd, LOCK_EX | LOCK_NB) == 0)
			return true;
		if (errno != EWOULDBLOCK || !builder_is_gone(name))
			return false;
		nanosleep(&pause, NULL);
	}
	return false;
}

void cgroup_sweep(int dir)
{
	int copy = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = copy < 0 ? NULL : fdopendir(copy);
	for (struct dirent *en; d && (en = readdir(d)) != NULL;) {
		if (en->d_type != DT_DIR || !is_ours(en->d_name))
			continue;
		cleanup_close int fd = openat(dir, en->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (fd >= 0 && is_left(fd, en->d_name))
			remove_group(dir, en->d_name, fd, true);
	}
	if (d)
		closedir(d);
}

static void part_done(struct cgroup_part *p, bool with_processes)
{
	if (p->procs >= 0)
		close(p->procs);
	if (p->dir >= 0) {
		remove_group(p->parent, p->name, p->dir, with_processes);
		close(p->dir);
	}
	if (p->parent >= 0)
		close(p->parent);
	p->parent = p->dir = p->procs = -1;
}

/* --- making ----------------------------------------------------------------------------------------------------------
 */

/* Is the locked folder still the one with this name? Another builder may have swept between mkdir and lock. */
static bool still_there(const struct cgroup_part *p)
{
	struct stat a, b;
	return fstat(p->dir, &a) == 0 && fstatat(p->parent, p->name, &b, AT_SYMLINK_NOFOLLOW) == 0 &&
	       a.st_ino == b.st_ino && a.st_dev == b.st_dev;
}

static int part_init(struct cgroup_part *p, const struct cgroup_hierarchy *h, struct err *e)
{
	*p = (struct cgroup_part){.v2 = h->v2, .has = h->has, .dir = -1, .procs = -1};
	p->parent = fcntl(h->dir, F_DUPFD_CLOEXEC, 0);
	for (int i = 0; i < 1000 && p->parent >= 0; i++) {
		snprintf(p->name, sizeof(p->name), "%s%d-%u", prefix, (int)getpid(), groups.counter++);
		if (mkdirat(p->parent, p->name, 0755) < 0) {
			if (errno == EEXIST) /* another one's, in a pid namespace of its own */
				continue;
			break;
		}
		p->dir = openat(p->parent, p->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (p->dir >= 0 && flock(p->dir, LOCK_EX | LOCK_NB) == 0 && still_there(p)) {
			p->procs = openat(p->dir, "cgroup.procs", O_WRONLY | O_CLOEXEC);
			return p->procs < 0 ? err_sys(e, "enter the cgroup %s", p->name) : 0;
		}
		mem_cleanup_close(&p->dir);
		p->dir = -1;
	}
	return err_sys(e, "make the cgroup %s in %s", p->name, h->mount);
}

int cgroup_limit(int dir, int parent, bool v2, unsigned has, const struct sandbox_resources *r, struct err *e)
{
	struct cgroup_setting v[CGROUP_SETTINGS_MAX];
	size_t n = cgroup_values(r, v);
	for (size_t i = 0; i < n; i++) {
		const char *file = v2 ? v[i].file : v[i].file_old;
		const char *value = v[i].text ? v[i].text : v2 ? v[i].value : v[i].value_old;
		bool opened;
		if (!file || !(has & 1u << v[i].controller) || cgroup_write(dir, file, value, &opened) == 0)
			continue;
		if (opened) {
			int sys = errno;
			return err_set(e, ERR_USAGE, "%s: the kernel does not take \"%s\" for %s: %s", v[i].option,
			    value, file, strerrordesc_np(sys));
		}
		if (!v[i].implied)
			notice_add("%s has no effect: the kernel has no %s here%s", v[i].option, file,
			    strstr(file, "sw") ? " (swapaccount=1 on its command line)" : "");
	}
	if (!v2 && (has & 1u << CGROUP_CPUSET) && cgroup_fill_cpuset(dir, parent) < 0)
		return err_sys(e, "fill a cpuset");
	return 0;
}

/* --- once for a build ------------------------------------------------------------------------------------------------
 */

/* What we have started before, or in the leaf. */
static void move_ours(int from, int to)
{
	cleanup_arena struct arena a = {0};
	struct str rest = cgroup_read(from, "cgroup.procs", &a), pid;
	bool opened;
	while (str_split(&rest, '\n', &pid))
		if (cgroup_is_ours(pid))
			(void)cgroup_write(to, "cgroup.procs", arena_str(&a, pid).p, &opened);
}

/* Our own cgroup may get children with controllers only when no process is in it: the builder goes into one of them. */
static void take_leaf(void)
{
	struct cgroup_have *h = &groups.have;
	struct err e = {0};
	if (!h->alone || !h->possible || h->n == 0 || !h->v[0].v2)
		return;
	if (part_init(&groups.leaf, &h->v[0], &e) == 0 && write(groups.leaf.procs, "0", 1) == 1) {
		move_ours(h->v[0].dir, groups.leaf.dir);
		unsigned ready = cgroup_enable(h->v[0].dir, h->v[0].has);
		groups.enabled = h->possible & ready;
		h->v[0].has &= ready;
		h->has &= ready | ~h->possible;
		return;
	}
	log_debug("sandbox: cannot leave the own cgroup: %s", e.text);
	part_done(&groups.leaf, false);
	h->has &= ~h->possible;
	h->v[0].has &= ~h->possible;
}

static void leave_leaf(void)
{
	bool opened;
	if (groups.leaf.dir < 0)
		return;
	for (unsigned c = 0; c < CGROUP_CONTROLLERS; c++) {
		cleanup_free char *word = mem_printf("-%s", cgroup_names[c]);
		if (groups.enabled & 1u << c)
			(void)cgroup_write(groups.leaf.parent, "cgroup.subtree_control", word, &opened);
	}
	move_ours(groups.leaf.dir, groups.leaf.parent);
	part_done(&groups.leaf, false);
	groups.enabled = 0;
}

static void forget(void)
{
	if (!groups.known)
		return;
	leave_leaf();
	cgroup_have_done(&groups.have);
	mem_free(groups.parent);
	groups.parent = NULL;
	groups.known = false;
}

static bool named(const char *text, const char *option)
{
	const char *p = strstr(text, option);
	return p && (p[strlen(option)] == '\0' || strchr(", ", p[strlen(option)]));
}

/* Says what was asked and cannot be had: options with the same reason in one sentence. */
static void tell_lacks(const struct sandbox_resources *r, unsigned lacking)
{
	struct cgroup_setting v[CGROUP_SETTINGS_MAX];
	size_t n = cgroup_values(r, v);
	cleanup_buf struct buf options = {0}, reason = {0};
	for (unsigned c = 0; c <= CGROUP_CONTROLLERS; c++) {
		cleanup_buf struct buf next = {0};
		if (c < CGROUP_CONTROLLERS && !(lacking & 1u << c))
			continue;
		if (c < CGROUP_CONTROLLERS)
			cgroup_have_explain(&groups.have, c, &next);
		if (options.len && !str_eq(buf_view(&next), buf_view(&reason))) {
			notice_add("no effect here: %s: %s", options.p, reason.p);
			buf_clear(&options);
		}
		buf_clear(&reason);
		buf_str(&reason, buf_view(&next));
		for (size_t i = 0; i < n; i++)
			if (v[i].controller == c && !v[i].implied && !named(options.len ? options.p : "", v[i].option))
				buf_printf(&options, "%s%s", options.len ? ", " : "", v[i].option);
	}
}

static unsigned wanted_by(const struct sandbox_resources *r)
{
	struct cgroup_setting v[CGROUP_SETTINGS_MAX];
	unsigned bits = 0;
	size_t n = r ? cgroup_values(r, v) : 0;
	for (size_t i = 0; i < n; i++)
		bits |= 1u << v[i].controller;
	return bits;
}

/* All steps of a build ask for the same. Without limits it is only looked for what was left behind. */
static void find(const struct sandbox_resources *r, unsigned wanted)
{
	const char *parent = r && r->cgroup_parent ? r->cgroup_parent : "";
	bool use = wanted || *parent;
	if (groups.known && (!use || (groups.wanted == wanted && strcmp(groups.parent, parent) == 0)))
		return;
	forget();
	groups.known = true;
	groups.wanted = wanted;
	groups.parent = mem_strdup(parent);
	cgroup_have_init(&groups.have, use ? wanted : CGROUP_ALL, *parent ? parent : NULL, use);
	for (size_t i = 0; i < groups.have.n; i++)
		cgroup_sweep(groups.have.v[i].dir);
	if (!use)
		return;
	take_leaf();
	if (*parent && groups.have.n == 0) {
		cleanup_buf struct buf reason = {0};
		cgroup_have_explain(&groups.have, CGROUP_MEMORY, &reason);
		notice_add("no effect here: --cgroup-parent: %s", reason.p);
	}
	tell_lacks(r, wanted & ~groups.have.has);
}

/* --- a step ----------------------------------------------------------------------------------------------------------
 */

static int make(struct job *j, struct cgroup *g, struct err *e)
{
	for (size_t i = 0; i < groups.have.n; i++) {
		const struct cgroup_hierarchy *h = &groups.have.v[i];
		if (!h->has && !j->run->resources->cgroup_parent)
			continue;
		struct cgroup_part *p = &g->v[g->n++];
		if (part_init(p, h, e) < 0) {
			if (e->sys != EACCES && e->sys != EPERM && e->sys != EROFS)
				return -(int)e->code;
			notice_add("limits have no effect here: %s", e->text); /* looked allowed, and is not */
			part_done(p, true);
			g->n--;
			continue;
		}
		TRY(cgroup_limit(p->dir, p->parent, p->v2, p->has, j->run->resources, e));
	}
	return 0;
}

int cgroup_prepare(struct job *j, struct err *e)
{
	unsigned wanted = wanted_by(j->run->resources);
	int rc = 0;
	j->cgroup = arena_new(j->arena, sizeof(*j->cgroup));
	pthread_mutex_lock(&groups.lock);
	find(j->run->resources, wanted);
	if (wanted || (j->run->resources && j->run->resources->cgroup_parent))
		rc = make(j, j->cgroup, e);
	pthread_mutex_unlock(&groups.lock);
	return rc;
}

int cgroup_born_in(const struct job *j)
{
	for (size_t i = 0; i < j->cgroup->n; i++)
		if (j->cgroup->v[i].v2)
			return j->cgroup->v[i].dir;
	return -1;
}

int cgroup_join(const struct job *j, bool born)
{
	for (size_t i = 0; i < j->cgroup->n; i++)
		if (!(born && j->cgroup->v[i].v2) && write(j->cgroup->v[i].procs, "0", 1) != 1)
			return -1;
	return 0;
}

/* The number behind a word in a file of lines "word number". */
static uint64_t count_of(int dir, const char *file, const char *word)
{
	cleanup_arena struct arena a = {0};
	struct str rest = cgroup_read(dir, file, &a), line, key;
	uint64_t n = 0;
	while (str_split(&rest, '\n', &line))
		if (str_split(&line, ' ', &key) && str_eqz(key, word) && str_u64(line, UINT64_MAX, &n))
			return n;
	return 0;
}

void cgroup_result(const struct job *j, struct sandbox_result *ret)
{
	for (size_t i = 0; i < j->cgroup->n; i++) {
		const struct cgroup_part *p = &j->cgroup->v[i];
		if (p->has & 1u << CGROUP_MEMORY)
			ret->out_of_memory =
			    count_of(p->dir, p->v2 ? "memory.events" : "memory.oom_control", "oom_kill") > 0;
		if (p->has & 1u << CGROUP_PIDS)
			ret->out_of_pids = count_of(p->dir, "pids.events", "max") > 0;
	}
}

void cgroup_done(struct job *j)
{
	for (size_t i = 0; j->cgroup && i < j->cgroup->n; i++)
		part_done(&j->cgroup->v[i], true);
}

void cgroup_shutdown(void)
{
	pthread_mutex_lock(&groups.lock);
	forget();
	pthread_mutex_unlock(&groups.lock);
}

void sandbox_limits(struct buf *out)
{
	struct cgroup_have h;
	cgroup_have_init(&h, CGROUP_ALL, NULL, false);
	cleanup_buf struct buf reason = {0};
	size_t start = out->len;
	for (unsigned c = 0; c < CGROUP_CONTROLLERS; c++) {
		if (h.has & 1u << c)
			buf_printf(out, "%s%s", out->len > start ? ", " : "", cgroup_names[c]);
		else if (!reason.len)
			cgroup_have_explain(&h, c, &reason);
	}
	if (!h.has)
		buf_puts(out, "none");
	else
		buf_printf(out, " (cgroup version %d)", h.v[0].v2 ? 2 : 1);
	if (reason.len)
		buf_printf(out, "%s%s", h.has ? "; others not: " : ": ", reason.p);
	cgroup_have_done(&h);
}
