/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The walk: threads take folders from a stack, read one whole (getdents with a large buffer), sort its names, stat what
 * the filter keeps, and push the folders found. Everything goes into arenas, one a thread. Since '/' sorts before all
 * other bytes, a depth-first pass over the sorted folders gives path_cmp order without sorting anything twice. A second
 * thread is started only when there is work for it.
 */
#include "snapshotter/context_impl.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "snapshotter/rootpath.h"
#include "snapshotter/stat_entry.h"

enum { DENTS = 256 * 1024, THREADS_MAX = 32, WORTH_A_THREAD = 4 };

struct folder;
/* One name; there may be very many, so it has only what an entry and its meta are made of. */
struct item {
	struct str path, target;
	struct folder *sub; /* of a folder that is walked */
	struct stamp stamp;
	int64_t mtime;
	uint32_t mtime_nsec, mode, major, minor;
	uint8_t type;
	bool linked; /* has more than one name */
	bool racy;
	bool excluded; /* kept only when something below it is */
};
struct folder {
	struct str path; /* NUL-terminated; empty: the root */
	struct item *items;
	size_t n;
	bool excluded;
	struct folder *next; /* in the stack */
};

struct name {
	uint64_t head; /* the first 8 bytes, big end first: most comparisons end here */
	struct str path;
	uint32_t base; /* where the name begins in path */
	uint8_t type;  /* DT_* */
};

struct job {
	int rootfd;
	const struct context_filter *filter;
	const struct cancel *cancel;
	int64_t settled; /* what changed before this moment cannot have changed unseen since */
	int64_t settled_coarse;

	pthread_mutex_t lock; /* guards what follows */
	pthread_cond_t more;
	struct folder *stack;
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
	uint8_t *dents;
	struct name *names;
	size_t nnames, cap;
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

static int fill(struct worker *w, int dirfd, const char *name, struct str path, const struct stat *st, struct item *it,
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

static struct folder *new_folder(struct worker *w, struct str path, bool excluded)
{
	struct folder *f = arena_new(&w->scratch, sizeof(*f));
	f->path = path;
	f->excluded = excluded;
	return f;
}

/* Looks at one name. 1: it is in *it (zeroed before); 0: it is not wanted, or gone again. */
static int look_at(
    struct worker *w, int dirfd, const char *name, struct str path, uint8_t type, struct item *it, struct err *e)
{
	const struct context_filter *f = w->job->filter;
	struct stat st;
	bool prune = false, known = type != DT_UNKNOWN, folder = type == DT_DIR;
	if (known && f->excluded) {
		it->excluded = f->excluded(f->arg, path, folder, &prune);
		if (it->excluded && (!folder || prune))
			return 0; /* not even a stat */
	}
	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : err_sys(e, "stat %s", path.p);
	if (!known && f->excluded) {
		folder = S_ISDIR(st.st_mode);
		it->excluded = f->excluded(f->arg, path, folder, &prune);
		if (it->excluded && (!folder || prune))
			return 0;
	}
	TRY(fill(w, dirfd, name, path, &st, it, e));
	if (it->type == ENTRY_DIR)
		it->sub = new_folder(w, path, it->excluded);
	else if (it->excluded)
		return 0; /* it was a folder a moment ago */
	return 1;
}

/* --- one folder --- */

static uint64_t head_of(const char *s, size_t len)
{
	uint64_t h = 0;
	for (size_t i = 0; i < 8; i++)
		h = h << 8 | (i < len ? (unsigned char)s[i] : 0);
	return h;
}

static int by_name(const void *a, const void *b)
{
	const struct name *x = a, *y = b;
	if (x->head != y->head)
		return x->head < y->head ? -1 : 1;
	return strcmp(x->path.p + x->base, y->path.p + y->base);
}

static void add_name(struct worker *w, const struct folder *f, const char *name, uint8_t type)
{
	size_t len = strlen(name), base = f->path.len ? f->path.len + 1 : 0;
	char *path = arena_new(&w->arena, base + len + 1);
	if (base) {
		memcpy(path, f->path.p, f->path.len);
		path[base - 1] = '/';
	}
	memcpy(path + base, name, len);
	MEM_ROOM(w->names, w->nnames, w->cap);
	w->names[w->nnames++] = (struct name){head_of(name, len), {path, base + len}, (uint32_t)base, type};
}

static int read_names(struct worker *w, const struct folder *f, int fd, struct err *e)
{
	if (!w->dents)
		w->dents = mem_grow(NULL, DENTS, 1);
	w->nnames = 0;
	for (;;) {
		ssize_t n = getdents64(fd, w->dents, DENTS);
		if (n < 0 && errno == ENOENT)
			return 0; /* removed meanwhile */
		if (n < 0)
			return err_sys(e, "read folder %s", f->path.len ? f->path.p : ".");
		if (n == 0)
			break;
		for (ssize_t at = 0; at < n;) {
			const struct dirent64 *d = (const struct dirent64 *)(const void *)(w->dents + at);
			if (strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0)
				add_name(w, f, d->d_name, d->d_type);
			at += d->d_reclen;
		}
	}
	if (w->nnames > 1)
		qsort(w->names, w->nnames, sizeof(*w->names), by_name);
	return 0;
}

static int open_folder(struct worker *w, const struct folder *f, int *ret, struct err *e)
{
	return rootpath_open_nolinks(w->job->rootfd, f->path.len ? f->path.p : ".", O_RDONLY | O_DIRECTORY, 0, ret, e);
}

static int read_folder(struct worker *w, struct folder *f, struct err *e)
{
	cleanup_close int fd = -1;
	if (cancelled(w->job->cancel))
		return err_set(e, ERR_CANCELLED, "cancelled");
	int rc = open_folder(w, f, &fd, e);
	if (rc < 0 && (e->code == ERR_NOT_FOUND || f->excluded))
		return 0; /* gone again, or nobody asked for it */
	TRY(rc);
	TRY(read_names(w, f, fd, e));
	f->items = w->nnames ? arena_new(&w->scratch, w->nnames * sizeof(*f->items)) : NULL;
	for (size_t i = 0; i < w->nnames; i++) {
		const struct name *n = &w->names[i];
		struct item *it = &f->items[f->n];
		rc = look_at(w, fd, n->path.p + n->base, n->path, n->type, it, e);
		if (rc < 0)
			return rc;
		if (rc == 0)
			*it = (struct item){0};
		f->n += (size_t)rc;
	}
	return 0;
}

/* --- the threads --- */

static void *work(void *arg);

/* The lock is held. */
static void push_found(struct job *j, const struct folder *f)
{
	for (size_t i = f->n; i-- > 0;) {
		struct folder *sub = f->items[i].sub;
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
static struct folder *next_folder(struct job *j)
{
	while (!j->stack && j->busy && j->rc == 0)
		pthread_cond_wait(&j->more, &j->lock);
	struct folder *f = j->rc == 0 ? j->stack : NULL;
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
	struct folder *f;
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

static int walk_below(struct job *j, struct folder *top, struct err *e)
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

static struct entry entry_of(const struct item *it)
{
	return (struct entry){.path = it->path,
	    .target = it->target,
	    .type = it->type,
	    .mode = it->mode,
	    .size = it->stamp.size,
	    .mtime = it->mtime,
	    .mtime_nsec = it->mtime_nsec,
	    .major = it->major,
	    .minor = it->minor};
}

/* How many entries there may be, to have room for them at once. */
static size_t count(const struct folder *f)
{
	size_t n = f->n;
	for (size_t i = 0; i < f->n; i++)
		n += f->items[i].sub ? count(f->items[i].sub) : 0;
	return n;
}

/* Depth first: path_cmp order. An excluded folder stays only when something below it does. */
static void flatten(const struct folder *f, struct walked *out)
{
	for (size_t i = 0; i < f->n; i++) {
		const struct item *it = &f->items[i];
		size_t before = out->n;
		out->entries[out->n] = entry_of(it);
		out->metas[out->n++] =
		    (struct meta){.stamp = it->stamp, .type = it->type, .linked = it->linked, .racy = it->racy};
		if (it->sub)
			flatten(it->sub, out);
		if (it->excluded && out->n == before + 1)
			out->n = before;
	}
}

/* Goes down to path, one item a folder; *ret_last is the last folder on the way that is to be read, or NULL. */
static int walk_down(struct worker *w, struct folder *root, struct str path, struct folder **ret_last, struct err *e)
{
	struct folder *at = root;
	size_t end = 0;
	while (at && end < path.len) {
		cleanup_close int fd = -1;
		size_t from = end ? end + 1 : 0;
		ptrdiff_t slash = str_find(str_from(path, from), '/');
		end = slash < 0 ? path.len : from + (size_t)slash;
		struct str here = arena_str(&w->arena, str_sub(path, 0, end));
		TRY(open_folder(w, at, &fd, e));
		at->items = arena_new(&w->scratch, sizeof(*at->items));
		int rc = look_at(w, fd, here.p + from, here, DT_UNKNOWN, at->items, e);
		if (rc < 0)
			return rc;
		at->n = (size_t)rc;
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
	*w = (struct walked){0};
}

static int walk_all(struct job *j, struct str path, struct walked *ret, struct err *e)
{
	struct folder *root = new_folder(&j->workers[0], STR(""), false), *last = NULL;
	int rc = walk_down(&j->workers[0], root, path, &last, e);
	if (rc < 0 && e->code == ERR_NOT_FOUND)
		rc = 0;
	if (rc == 0 && last)
		rc = walk_below(j, last, e);
	if (rc < 0)
		return rc;
	size_t n = count(root);
	ret->entries = mem_large(n, sizeof(*ret->entries));
	ret->metas = mem_large(n, sizeof(*ret->metas));
	flatten(root, ret);
	return 0;
}

int context_walk(int rootfd, struct str path, const struct context_filter *filter, unsigned threads,
    const struct cancel *cancel, struct walked *ret, struct err *e)
{
	struct job j = {.rootfd = rootfd,
	    .filter = filter,
	    .cancel = cancel,
	    .lock = PTHREAD_MUTEX_INITIALIZER,
	    .more = PTHREAD_COND_INITIALIZER};
	set_settled(&j);
	j.limit = threads ? threads : pool_cores();
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
		ret->arenas[i] = j.workers[i].arena;
		arena_done(&j.workers[i].scratch);
		mem_free(j.workers[i].dents);
		mem_free(j.workers[i].names);
	}
	mem_free(j.workers);
	if (rc < 0)
		walked_done(ret);
	return rc;
}
