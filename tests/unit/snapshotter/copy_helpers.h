/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_TEST_COPY_HELPERS_H
#define COOPER_TEST_COPY_HELPERS_H

/* COPY in a few words: a source that is an index or a real folder, and the callbacks that the parser gives. */
#include "helpers.h"

#include "parser/ignore.h"
#include "parser/values.h"
#include "snapshotter/copy.h"

struct fake_source {
	struct copy_source source;
	struct index *ix;
	struct view *view;
	int dirfd;             /* real files, or -1 */
	unsigned opened, asked, learned;
};

static inline const struct view *fake_view(void *arg)
{
	return ((struct fake_source *)arg)->view;
}
static inline int fake_need(void *arg, struct str path, struct err *e)
{
	(void)arg, (void)path, (void)e;
	return 0;
}
static inline int fake_open(void *arg, const struct entry *en, int *ret_fd, struct err *e)
{
	struct fake_source *f = arg;
	__atomic_fetch_add(&f->opened, 1, __ATOMIC_RELAXED);
	*ret_fd = openat(f->dirfd, en->path.p, O_RDONLY | O_CLOEXEC);
	return *ret_fd < 0 ? err_sys(e, "open %s", en->path.p) : 0;
}
static inline int fake_digests(void *arg, const struct str *paths, size_t n, struct digest *ret, struct err *e)
{
	struct fake_source *f = arg;
	for (size_t i = 0; i < n; i++) {
		cleanup_buf struct buf b = {0};
		TRY(io_read_file(f->dirfd, paths[i].p, 1 << 24, &b, e));
		ret[i] = digest_of(b.p, b.len);
		f->asked++;
	}
	return 0;
}
static inline void fake_learn(void *arg, const struct entry *en, int fd, const struct digest *d)
{
	struct fake_source *f = arg;
	if (fd >= 0 && en->size && !digest_none(d))
		__atomic_fetch_add(&f->learned, 1, __ATOMIC_RELAXED);
}
static inline void fake_hint(void *arg, struct str path, struct err *e)
{
	(void)arg, (void)path;
	err_append(e, " (hint)");
}

/* Takes the index. */
static inline void fake_init(struct fake_source *f, struct index *take_ix, int dirfd)
{
	*f = (struct fake_source){.ix = take_ix, .dirfd = dirfd};
	f->view = view_new((const struct index *const *)&f->ix, 1);
	f->source = (struct copy_source){.view = fake_view, .need = fake_need, .open = fake_open, .digests = fake_digests, .learn = fake_learn,
		.hint = fake_hint, .arg = f};
}
static inline void fake_done(struct fake_source *f)
{
	view_free(f->view);
	index_free(f->ix);
}
#define cleanup_fake __attribute__((cleanup(fake_done)))

static inline int real_excluder(const struct str *patterns, size_t n, void **ret, struct err *e)
{
	return ignore_new(patterns, n, (struct ignore **)ret, e);
}
static inline bool real_excluded(void *x, struct str path)
{
	return ignore_match(x, path, NULL);
}
static inline void real_free(void *x)
{
	ignore_free(x);
}
static inline void note_warning(void *arg, const char *text)
{
	buf_puts(arg, text);
	buf_putc(arg, '\n');
}

/* What every instruction has. */
#define COPY_ARGS(...)                                                                                                     \
	(struct copy_args){.workdir = STR("/"), .now = 5000, .glob = glob_match, .excluder = real_excluder, .excluded = real_excluded, \
		.excluder_free = real_free, .chmod_apply = chmod_apply, __VA_ARGS__}

/* "d:app f:app/x l:app/l>x h:app/h>app/x w:gone", in index order. */
static inline void describe_index(const struct index *ix, struct buf *out)
{
	static const char kinds[] = "?fdlhpcbw";
	buf_puts(out, "");
	for (size_t i = 0; i < ix->n; i++) {
		const struct entry *en = &ix->entries[i];
		buf_printf(out, "%s%c:%.*s", i ? " " : "", kinds[en->type], STR_ARG(en->path));
		if (en->target.len)
			buf_printf(out, ">%.*s", STR_ARG(en->target));
	}
}

#endif
