/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The walk: threads take folders from a stack, find out one's names, stat what the filter keeps, and push the folders found. A
 * folder whose stamp is the remembered one has the remembered names: it is not listed again (its entries are looked at all the
 * same). That is done only where file systems are known to move a folder's times with its names. Everything goes into arenas,
 * one a thread. A second thread is started only when there is work for it.
 */
#include "snapshotter/context_impl.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "snapshotter/rootpath.h"
#include "snapshotter/stat_entry.h"

#define ZFS_MAGIC 0x2fc12fc1
#define BCACHEFS_MAGIC 0xca451a4e
enum { THREADS_MAX = 32, WORTH_A_THREAD = 4 };

struct job {
	const struct walk *what;
	uint64_t trusted; /* the device on which a folder's times tell of its names; 0: none */
	int64_t settled; /* what changed before this moment cannot have changed unseen since */
	int64_t settled_coarse;

	pthread_mutex_t lock; /* guards what follows */
	pthread_cond_t more;
	struct walk_folder *stack;
	size_t waiting; /* folders in the stack */
	unsigned busy;  /* threads that work on one */
	unsigned limit, started;
	pthread_t ids[THREADS_MAX];
	struct worker *workers;
	int rc;
	struct err first;
};

struct worker {
	struct job *job;
	struct arena arena;   /* strings, which stay */
	struct arena scratch; /* folders and items, until the walk is flattened */
	struct names names;
	bool news; /* of struct walked */
};

/* Wraps round beyond the year 2262: good enough for comparing. */
static int64_t ns_of(const struct timespec *t)
{
	return (int64_t)((uint64_t)t->tv_sec * 1000000000u + (uint64_t)t->tv_nsec);
}

struct stamp stamp_of(const struct stat *st)
{
	return (struct stamp){st->st_dev, st->st_ino, S_ISREG(st->st_mode) ? (uint64_t)st->st_size : 0,
	    ns_of(&st->st_mtim), ns_of(&st->st_ctim)};
}

/* File times have the kernel's tick (10 ms at worst), on some file systems whole seconds or two. */
static void set_settled(struct job *j)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	int64_t ns = ns_of(&now);
	j->settled = ns - 20 * 1000000;
	j->settled_coarse = ns - 2 * (int64_t)1000000000;
}

static bool is_racy(const struct job *j, const struct stamp *s)
{
	return s->ctime >= (s->ctime % 1000000000 == 0 ? j->settled_coarse : j->settled);
}

/* --- one entry --- */

static int fill(struct worker *w, int dirfd, const char *name, struct str path, const struct stat *st, struct walk_item *it,
    struct err *e)
{
	it->path = path;
	it->type = stat_entry_type(st->st_mode);
	if (!it->type)
		it->type = ENTRY_FILE; /* a socket is an empty file */
	it->mode = it->type == ENTRY_SYMLINK ? 0777 : st->st_mode & 07777;
	it->mtime = st->st_mtim.tv_sec;
	it->mtime_nsec = (uint32_t)st->st_mtim.tv_nsec;
	if (it->type == ENTRY_CHAR || it->type == ENTRY_BLOCK) {
		it->major = major(st->st_rdev);
		it->minor = minor(st->st_rdev);
	}
	it->stamp = stamp_of(st);
	it->linked = st->st_nlink > 1 && !S_ISDIR(st->st_mode);
	it->racy = is_racy(w->job, &it->stamp);
	return it->type == ENTRY_SYMLINK ? stat_entry_target(&w->arena, dirfd, name, st, &it->target, e) : 0;
}

static struct walk_folder *new_folder(struct worker *w, struct str path, bool excluded, const struct known_folder *known)
{
	struct walk_folder *f = arena_new(&w->scratch, sizeof(*f));
	f->path = path;
	f->excluded = excluded;
	f->known = *known;
	return f;
}

/* The filter's word on a name; *ret_gone: it is not wanted, nor is anything below it. */
static bool filtered(const struct worker *w, struct str path, bool folder, bool *ret_gone)
{
	const struct context_filter *f = w->job->what->filter;
	bool prune = false, excluded = f->excluded && f->excluded(f->arg, path, folder, &prune);
	*ret_gone = excluded && (!folder || prune);
	return excluded;
}

/* Looks at one name. 1: it is in *it (zeroed before); 0: it is not there any more; or *ret_dropped: the filter takes it away. */
static int look_at(struct worker *w, int dirfd, const struct name *n, struct walk_item *it, bool *ret_dropped, struct err *e)
{
	const char *name = n->path.p + n->base;
	struct stat st;
	*ret_dropped = false;
	if (n->type != DT_UNKNOWN)
		it->excluded = filtered(w, n->path, n->type == DT_DIR, ret_dropped);
	if (*ret_dropped)
		return 0; /* not even a stat */
	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : err_sys(e, "stat %s", n->path.p);
	if (n->type == DT_UNKNOWN)
		it->excluded = filtered(w, n->path, S_ISDIR(st.st_mode), ret_dropped);
	if (*ret_dropped)
		return 0;
	TRY(fill(w, dirfd, name, n->path, &st, it, e));
	if (it->type == ENTRY_DIR)
		it->sub = new_folder(w, n->path, it->excluded, &n->folder);
	else if (it->excluded)
		return 0; /* it was a folder a moment ago */
	if (n->stamp && it->type == ENTRY_FILE && stamp_eq(n->stamp, &it->stamp))
		it->digest = n->digest;
	return 1;
}

/* --- one folder --- */

static int read_names(struct worker *w, struct walk_folder *f, int fd, struct err *e)
{
	bool trusted = w->job->trusted == f->stamp.dev, same = f->known.at && stamp_eq(f->known.stamp, &f->stamp);
	f->whole = trusted;
	if (trusted && same && f->known.whole) {
		names_remembered(&w->names, &w->arena, f);
		return 0;
	}
	if (trusted && f->known.at && !f->racy)
		w->news = true;
	return names_listed(&w->names, &w->arena, f, fd, e);
}

static int open_folder(struct worker *w, struct walk_folder *f, int *ret, struct err *e)
{
	struct stat st;
	TRY(rootpath_open_nolinks(w->job->what->rootfd, f->path.len ? f->path.p : ".", O_RDONLY | O_DIRECTORY, 0, ret, e));
	if (fstat(*ret, &st) < 0)
		return err_sys(e, "stat %s", f->path.len ? f->path.p : ".");
	f->stamp = stamp_of(&st);
	f->racy = is_racy(w->job, &f->stamp);
	return 0;
}

/* `max`: names that may be dropped in all. */
static void drop(struct worker *w, struct walk_folder *f, const struct name *n, size_t max)
{
	if (!f->dropped)
		f->dropped = arena_new(&w->scratch, max * sizeof(*f->dropped));
	f->dropped[f->ndropped++] = (struct dropped){n->path, n->type};
}

static int read_folder(struct worker *w, struct walk_folder *f, struct err *e)
{
	cleanup_close int fd = -1;
	if (cancelled(w->job->what->cancel))
		return err_set(e, ERR_CANCELLED, "cancelled");
	int rc = open_folder(w, f, &fd, e);
	if (rc < 0 && (e->code == ERR_NOT_FOUND || f->excluded))
		return 0; /* gone again, or nobody asked for it */
	TRY(rc);
	TRY(read_names(w, f, fd, e));
	f->items = w->names.n ? arena_new(&w->scratch, w->names.n * sizeof(*f->items)) : NULL;
	for (size_t i = 0; i < w->names.n; i++) {
		struct walk_item *it = &f->items[f->n];
		bool dropped;
		rc = look_at(w, fd, &w->names.all[i], it, &dropped, e);
		if (rc < 0)
			return rc;
		if (dropped)
			drop(w, f, &w->names.all[i], w->names.n);
		if (rc == 0)
			*it = (struct walk_item){0};
		f->nsubs += it->sub != NULL;
		f->n += (size_t)rc;
	}
	return 0;
}

/* --- the threads --- */

static void *work(void *arg);

/* The lock is held. */
static void push_found(struct job *j, const struct walk_folder *f)
{
	for (size_t i = f->nsubs ? f->n : 0; i-- > 0;) {
		struct walk_folder *sub = f->items[i].sub;
		if (!sub)
			continue;
		sub->next = j->stack;
		j->stack = sub;
		j->waiting++;
	}
	while (j->waiting >= WORTH_A_THREAD && j->started + 1 < j->limit) {
		if (pthread_create(&j->ids[j->started], NULL, work, &j->workers[j->started + 1]) != 0)
			j->limit = j->started + 1;
		else
			j->started++;
		if (j->waiting < WORTH_A_THREAD * (j->started + 1))
			break;
	}
	if (j->waiting)
		pthread_cond_broadcast(&j->more);
}

/* The lock is held. NULL: the walk is over. */
static struct walk_folder *next_folder(struct job *j)
{
	while (!j->stack && j->busy && j->rc == 0)
		pthread_cond_wait(&j->more, &j->lock);
	struct walk_folder *f = j->rc == 0 ? j->stack : NULL;
	if (f) {
		j->stack = f->next;
		j->waiting--;
		j->busy++;
	}
	return f;
}

static void *work(void *arg)
{
	struct worker *w = arg;
	struct job *j = w->job;
	struct walk_folder *f;
	pthread_mutex_lock(&j->lock);
	while ((f = next_folder(j)) != NULL) {
		struct err e = {0};
		pthread_mutex_unlock(&j->lock);
		int rc = read_folder(w, f, &e);
		pthread_mutex_lock(&j->lock);
		j->busy--;
		if (rc < 0 && j->rc == 0) {
			j->rc = rc;
			j->first = e;
		}
		push_found(j, f);
		if (!j->busy || j->rc < 0)
			pthread_cond_broadcast(&j->more);
	}
	pthread_mutex_unlock(&j->lock);
	return NULL;
}

static int walk_below(struct job *j, struct walk_folder *top, struct err *e)
{
	j->stack = top;
	j->waiting = 1;
	work(&j->workers[0]);
	for (unsigned i = 0; i < j->started; i++)
		pthread_join(j->ids[i], NULL);
	if (j->rc < 0)
		*e = j->first;
	return j->rc;
}

/* --- the whole --- */

/* Goes down to path, one item a folder; *ret_last is the last folder on the way that is to be read, or NULL. */
static int walk_down(struct worker *w, struct walk_folder *root, struct str path, struct walk_folder **ret_last, struct err *e)
{
	struct walk_folder *at = root;
	size_t end = 0;
	while (at && end < path.len) {
		cleanup_close int fd = -1;
		size_t from = end ? end + 1 : 0;
		ptrdiff_t slash = str_find(str_from(path, from), '/');
		end = slash < 0 ? path.len : from + (size_t)slash;
		struct name n = {.path = arena_str(&w->arena, str_sub(path, 0, end)), .base = (uint32_t)from, .type = DT_UNKNOWN};
		bool dropped;
		TRY(open_folder(w, at, &fd, e));
		name_recall(at, &n);
		at->items = arena_new(&w->scratch, sizeof(*at->items));
		int rc = look_at(w, fd, &n, at->items, &dropped, e);
		if (rc < 0)
			return rc;
		if (dropped)
			drop(w, at, &n, 1);
		at->n = (size_t)rc;
		at->nsubs = rc && at->items->sub;
		at = rc ? at->items->sub : NULL;
	}
	*ret_last = at;
	return 0;
}

void walked_done(struct walked *w)
{
	for (unsigned i = 0; i < w->narenas; i++)
		arena_done(&w->arenas[i]);
	mem_free(w->arenas);
	mem_free(w->entries);
	mem_free(w->metas);
	mem_free(w->dropped);
	*w = (struct walked){0};
}

static int walk_all(struct job *j, struct str path, struct walked *ret, struct err *e)
{
	struct known_folder known = remembered_root(j->what->remembered);
	struct walk_folder *root = new_folder(&j->workers[0], STR(""), false, &known), *last = NULL;
	int rc = walk_down(&j->workers[0], root, path, &last, e);
	if (rc < 0 && e->code == ERR_NOT_FOUND)
		rc = 0;
	if (rc == 0 && last)
		rc = walk_below(j, last, e);
	if (rc == 0)
		walk_flatten(root, j->limit, ret);
	return rc;
}

/* Where a folder's times are known to change with its names: not on what other machines or programs hold. */
static void set_trusted(struct job *j)
{
	struct statfs fs;
	struct stat st;
	static const uint32_t types[] = {EXT4_SUPER_MAGIC, XFS_SUPER_MAGIC, BTRFS_SUPER_MAGIC, F2FS_SUPER_MAGIC, TMPFS_MAGIC,
	    OVERLAYFS_SUPER_MAGIC, ZFS_MAGIC, BCACHEFS_MAGIC};
	if (fstatfs(j->what->rootfd, &fs) < 0 || fstat(j->what->rootfd, &st) < 0)
		return;
	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if ((uint32_t)fs.f_type == types[i])
			j->trusted = st.st_dev;
}

int context_walk(const struct walk *what, struct str path, struct walked *ret, struct err *e)
{
	struct job j = {.what = what, .lock = PTHREAD_MUTEX_INITIALIZER, .more = PTHREAD_COND_INITIALIZER};
	set_settled(&j);
	set_trusted(&j);
	j.limit = what->threads ? what->threads : pool_cores();
	j.limit = j.limit < THREADS_MAX ? j.limit : THREADS_MAX;
	j.workers = mem_array(j.limit, sizeof(*j.workers));
	unsigned n = j.limit;
	for (unsigned i = 0; i < n; i++)
		j.workers[i].job = &j;
	*ret = (struct walked){0};
	int rc = walk_all(&j, path, ret, e);
	ret->arenas = mem_array(n, sizeof(*ret->arenas));
	ret->narenas = n;
	for (unsigned i = 0; i < n; i++) {
		ret->news |= j.workers[i].news;
		ret->arenas[i] = j.workers[i].arena;
		arena_done(&j.workers[i].scratch);
		names_done(&j.workers[i].names);
	}
	mem_free(j.workers);
	if (rc < 0)
		walked_done(ret);
	return rc;
}
