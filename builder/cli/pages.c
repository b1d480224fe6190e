/* SPDX-License-Identifier: Apache-2.0 */
/* See pages.h. The links are resolved on the view; bytes come from the layers' folders. */
#include "builder/cli/pages.h"

#include <fcntl.h>
#include <unistd.h>

#include "snapshotter/rootpath.h"
#include "snapshotter/tar.h"
#include "snapshotter/view.h"

struct pages {
	struct store *store;
	size_t n;
	struct index **indexes;
	int *folders;
	struct view *view;
	struct tar_writer tar;
	int64_t set_time;
	const struct cancel *cancel;
	struct err *e;
	unsigned entries;
};

enum { DEPTH_MAX = 64, ENTRIES_MAX = 1000000 };

static int write_file(struct pages *p, const struct entry *to, const struct entry *from)
{
	cleanup_free char *path = mem_strndup(from->path.p, from->path.len);
	cleanup_close int fd = -1;
	cleanup_free char *chunk = mem_grow(NULL, IO_CHUNK, 1);
	TRY(rootpath_open_nolinks(p->folders[from->origin], path, O_RDONLY, 0, &fd, p->e));
	TRY(tar_write_entry(&p->tar, to, p->e));
	for (uint64_t left = to->size; left;) {
		size_t n;
		TRY(io_read_full(fd, chunk, left < IO_CHUNK ? (size_t)left : IO_CHUNK, &n, p->e));
		if (!n)
			return err_set(p->e, ERR_CORRUPT, "%s is shorter than it was", path);
		TRY(tar_write_data(&p->tar, chunk, n, p->e));
		left -= n;
	}
	return tar_write_pad(&p->tar, to->size, p->e);
}

struct level {
	struct pages *p;
	struct str to;
	int depth;
};

static int visit(void *arg, const struct entry *en);

static int write_folder(struct pages *p, struct str from, struct str to, int depth)
{
	struct level below = {.p = p, .to = to, .depth = depth + 1};
	if (depth > DEPTH_MAX)
		return err_set(p->e, ERR_LIMIT, "/%.*s: folders nested deeper than %d (a circle of links?)", STR_ARG(to), DEPTH_MAX);
	return view_children(p->view, from, visit, &below);
}

/* The folder `from` is shown below `to`; they differ under a followed link. */
static int visit(void *arg, const struct entry *en)
{
	struct level *l = arg;
	struct pages *p = l->p;
	struct entry target = *en;
	cleanup_buf struct buf real = {0}, name = {0};
	struct err ignored;
	if (cancelled(p->cancel))
		return err_set(p->e, ERR_CANCELLED, "interrupted");
	if (str_eqz(path_base(en->path), ".git"))
		return 0;
	/* Links to folders that hold links to folders: what is small may become large without any circle. */
	if (++p->entries > ENTRIES_MAX)
		return err_set(p->e, ERR_LIMIT, "more than %d files when links are followed", ENTRIES_MAX);
	if (en->type == ENTRY_SYMLINK || en->type == ENTRY_LINK) {
		if (view_resolve(p->view, en->path, true, &real, &ignored) < 0 || !view_inode(p->view, buf_view(&real), &target))
			return 0;
	}
	if (l->to.len)
		buf_printf(&name, "%.*s/", STR_ARG(l->to));
	buf_str(&name, path_base(en->path));
	struct entry out = {.path = buf_view(&name), .type = target.type, .size = target.size,
		.mtime = p->set_time == INT64_MAX ? target.mtime : p->set_time};
	if (target.type == ENTRY_DIR) {
		out.mode = (target.mode | 0755) & 0777;
		TRY(tar_write_entry(&p->tar, &out, p->e));
		return write_folder(p, target.path, out.path, l->depth);
	}
	out.mode = (target.mode | 0644) & 0777;
	return target.type == ENTRY_FILE ? write_file(p, &out, &target) : 0;
}

int pages_write(struct store *s, const struct digest *ids, size_t n, int64_t set_time, struct sink *out, const struct cancel *cancel,
	struct err *e)
{
	struct pages p = {.store = s, .set_time = set_time, .cancel = cancel, .e = e, .indexes = mem_array(n + 1, sizeof(*p.indexes)),
		.folders = mem_array(n + 1, sizeof(*p.folders))};
	int rc = 0;
	tar_writer_init(&p.tar, out, INT64_MAX);
	for (size_t i = 0; rc == 0 && i < n; i++) {
		p.folders[i] = -1;
		rc = store_layer_index(s, &ids[i], &p.indexes[i], e);
		if (rc < 0)
			break;
		p.n++;
		rc = store_layer_folder(s, &ids[i], &p.folders[i], e);
	}
	if (rc == 0) {
		p.view = view_new((const struct index *const *)p.indexes, p.n);
		rc = write_folder(&p, STR(""), STR(""), 0);
	}
	if (rc == 0)
		rc = tar_write_end(&p.tar, e);
	if (p.view)
		view_free(p.view);
	for (size_t i = 0; i < p.n; i++) {
		index_free(p.indexes[i]);
		mem_cleanup_close(&p.folders[i]);
	}
	mem_free(p.indexes);
	mem_free(p.folders);
	tar_writer_done(&p.tar);
	return rc;
}
