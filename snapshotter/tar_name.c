/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a layer's names may be. A clean path has no "..", so it cannot climb whatever it is joined with; marks are told
 * by the prefix ".wh." of the last component, and anywhere else the prefix has no meaning that two readers would agree
 * on.
 */
#include "snapshotter/tar_name.h"

#include "base/mem.h"
#include "snapshotter/index.h"

enum { PATH_LIMIT = 64 * 1024 };

int tar_odd_name(struct str name, const char *why, struct err *e)
{
	cleanup_buf struct buf q = {0};
	buf_quote(&q, name.len > 200 ? str_sub(name, 0, 200) : name);
	return err_set(e, ERR_CORRUPT, "tar: %s: %s", q.p, why);
}

int tar_clean_name(struct str raw, struct buf *out, struct err *e)
{
	struct str rest = raw, part;
	unsigned depth = 0;
	buf_clear(out);
	buf_need(out, 1);
	if (raw.len == 0)
		return tar_odd_name(raw, "empty name", e);
	if (raw.len > PATH_LIMIT)
		return err_set(e, ERR_LIMIT, "tar: path of %zu bytes", raw.len);
	while (str_split(&rest, '/', &part)) {
		if (part.len == 0 || str_eqz(part, "."))
			continue;
		if (str_eqz(part, ".."))
			return tar_odd_name(raw, "\"..\" in a path", e);
		if (part.len > 255)
			return tar_odd_name(raw, "name longer than 255 bytes", e);
		if (++depth > TAR_DEPTH_MAX)
			return err_set(e, ERR_LIMIT, "tar: path deeper than %d folders", TAR_DEPTH_MAX);
		if (out->len)
			buf_putc(out, '/');
		buf_str(out, part);
	}
	return 0;
}

/* OCI image-spec, layer.md: whiteouts */
int tar_find_mark(struct buf *path, enum tar_mark *ret, struct err *e)
{
	struct str rest = buf_view(path), part = {0};
	*ret = TAR_MARK_NONE;
	while (rest.len && str_split(&rest, '/', &part)) {
		if (!str_starts(part, STR(".wh.")))
			continue;
		bool last = rest.p == NULL;
		if (last && str_eqz(part, ".wh..wh..opq")) {
			*ret = TAR_MARK_OPAQUE;
		} else if (str_starts(part, STR(".wh..wh."))) { /* what aufs keeps for itself */
			*ret = TAR_MARK_IGNORED;
			return 0;
		} else if (!last) {
			return tar_odd_name(buf_view(path), "whiteout as a folder", e);
		} else {
			*ret = TAR_MARK_WHITEOUT;
		}
	}
	if (*ret == TAR_MARK_NONE)
		return 0;
	size_t dir = path_parent(buf_view(path)).len;
	if (*ret == TAR_MARK_OPAQUE) {
		path->len = dir;
		return 0;
	}
	struct str name = str_from(part, 4);
	if (name.len == 0 || str_eqz(name, ".") || str_eqz(name, ".."))
		return tar_odd_name(buf_view(path), "whiteout of nothing", e);
	memmove(path->p + path->len - part.len, name.p, name.len);
	path->len -= 4;
	return 0;
}
