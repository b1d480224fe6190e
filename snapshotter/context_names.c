/* SPDX-License-Identifier: Apache-2.0 */
/* The names in a folder: from the system, sorted and beside what is remembered of them, or from what is remembered alone. */
#include "snapshotter/context_impl.h"

#include <dirent.h>
#include <stdlib.h>

#include "base/mem.h"

enum { DENTS = 256 * 1024 };

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

static struct name *add_name(struct names *ns, struct arena *a, const struct walk_folder *f, struct str name, uint8_t type)
{
	size_t base = f->path.len ? f->path.len + 1 : 0;
	char *path = arena_new(a, base + name.len + 1);
	if (base) {
		memcpy(path, f->path.p, f->path.len);
		path[base - 1] = '/';
	}
	memcpy(path + base, name.p, name.len);
	MEM_ROOM(ns->all, ns->n, ns->cap);
	struct name *n = &ns->all[ns->n++];
	*n = (struct name){.path = {path, base + name.len}, .base = (uint32_t)base, .type = type};
	return n;
}

static void knows(struct name *n, const struct known_name *k)
{
	n->stamp = k->stamp;
	n->digest = k->digest;
	n->folder = k->folder;
}

void names_remembered(struct names *ns, struct arena *a, const struct walk_folder *f)
{
	struct known_folder known = f->known;
	struct known_name k;
	ns->n = 0;
	while (known_next(&known, &k))
		knows(add_name(ns, a, f, k.name, k.type), &k);
}

/* Both are sorted. */
static void add_known(struct names *ns, const struct walk_folder *f)
{
	struct known_folder known = f->known;
	struct known_name k;
	bool more = known_next(&known, &k);
	for (size_t i = 0; i < ns->n && more;) {
		int c = strcmp(ns->all[i].path.p + ns->all[i].base, k.name.p);
		if (c == 0)
			knows(&ns->all[i], &k);
		i += c <= 0;
		if (c >= 0)
			more = known_next(&known, &k);
	}
}

int names_listed(struct names *ns, struct arena *a, const struct walk_folder *f, int fd, struct err *e)
{
	if (!ns->dents)
		ns->dents = mem_grow(NULL, DENTS, 1);
	ns->n = 0;
	for (;;) {
		ssize_t n = getdents64(fd, ns->dents, DENTS);
		if (n < 0 && errno == ENOENT)
			return 0; /* removed meanwhile */
		if (n < 0)
			return err_sys(e, "read folder %s", f->path.len ? f->path.p : ".");
		if (n == 0)
			break;
		for (ssize_t at = 0; at < n;) {
			const struct dirent64 *d = (const struct dirent64 *)(const void *)(ns->dents + at);
			if (strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0) {
				struct str name = str_of(d->d_name);
				add_name(ns, a, f, name, d->d_type)->head = head_of(name.p, name.len);
			}
			at += d->d_reclen;
		}
	}
	if (ns->n > 1)
		qsort(ns->all, ns->n, sizeof(*ns->all), by_name);
	add_known(ns, f);
	return 0;
}

void name_recall(const struct walk_folder *f, struct name *n)
{
	struct known_folder known = f->known;
	struct known_name k;
	while (known_next(&known, &k))
		if (strcmp(k.name.p, n->path.p + n->base) == 0)
			knows(n, &k);
}

void names_done(struct names *ns)
{
	mem_free(ns->dents);
	mem_free(ns->all);
}
