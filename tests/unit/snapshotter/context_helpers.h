/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_TEST_CONTEXT_HELPERS_H
#define COOPER_TEST_CONTEXT_HELPERS_H

/* A context in a scratch folder: files put there, walked, and shown as lines. */
#include "tests/unit/base/tempdir.h"

#include <sys/stat.h>
#include <time.h>

#include "base/buf.h"
#include "base/io.h"
#include "base/mem.h"
#include "snapshotter/context.h"

/* The context is <temp>/c, the remembered digests are <temp>/cache. */
static inline struct context *open_context(const struct tempdir *t, const struct context_filter *f)
{
	struct err e;
	struct context *c = NULL;
	cleanup_free char *path = mem_printf("%s/c", t->path);
	cr_assert_eq(context_open(path, f, t->fd, "cache", &c, &e), 0);
	return c;
}

static inline struct tempdir new_place(void)
{
	struct tempdir t = tempdir_new();
	cr_assert_eq(mkdirat(t.fd, "c", 0755), 0);
	return t;
}

static inline void put(const struct tempdir *t, const char *path, const char *text)
{
	struct err e;
	cleanup_free char *full = mem_printf("c/%s", path);
	cleanup_free char *parent = mem_strdup(full);
	*strrchr(parent, '/') = '\0';
	cr_assert_eq(fs_mkdirs(t->fd, parent, 0755, &e), 0);
	tempdir_write(t, full, text);
}

static inline void need(struct context *c, const char *path)
{
	struct err e;
	int rc = context_need(c, str_of(path), 0, NULL, &e);
	cr_assert_eq(rc, 0, "%s", rc < 0 ? e.text : "");
}

static inline int add_line(void *arg, const struct entry *en)
{
	static const char letters[] = "?fdslpcbw";
	buf_printf(arg, "%c %.*s", letters[en->type], STR_ARG(en->path));
	if (en->target.len)
		buf_printf(arg, " > %.*s", STR_ARG(en->target));
	buf_putc(arg, '\n');
	return 0;
}

static inline void expect(struct context *c, const char *want)
{
	cleanup_buf struct buf b = {0};
	buf_puts(&b, "");
	view_walk(context_view(c), STR(""), add_line, &b);
	cr_assert_str_eq(b.p, want);
}

/* Long enough ago for the walk to trust the files. */
static inline void settle(void)
{
	usleep(60000);
}

static inline struct digest digest_in(struct context *c, const char *path, struct context_reads *reads)
{
	struct err e;
	struct str p = str_of(path);
	struct digest d = {0};
	int rc = context_digests(c, &p, 1, &d, reads, NULL, &e);
	cr_assert_eq(rc, 0, "%s", rc < 0 ? e.text : "");
	return d;
}

/* The digest that is known without reading; false: there is none. */
static inline bool knows(struct context *c, const char *path, struct digest *ret)
{
	struct entry en;
	if (!view_find(context_view(c), str_of(path), &en) || digest_none(&en.digest))
		return false;
	struct context_reads reads = {0};
	*ret = digest_in(c, path, &reads);
	cr_assert(reads.files == 0 && digest_eq(ret, &en.digest), "%s", path);
	return true;
}

static inline bool is_of(const struct digest *d, const char *text)
{
	struct digest want = digest_of(text, strlen(text));
	return digest_eq(d, &want);
}

#endif
