/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One entry: what its own header says, or an extension header in its place (PAX before GNU's long names before the
 * header). Where two of them could be meant, where a type carries what it cannot have, and where a value is out of
 * bounds, the archive is refused.
 */
#include "snapshotter/tar_name.h"
#include "snapshotter/tar_reader_impl.h"

enum { TARGET_LIMIT = 4095, MAX_ID = UINT32_MAX - 1 };
enum { MAX_MAJOR = 0xfff, MAX_MINOR = 0xfffff };

static bool is_gnu(const struct tar_header *h)
{
	return memcmp(h->magic, "ustar  ", 8) == 0;
}

static bool is_ustar(const struct tar_header *h)
{
	return memcmp(h->magic, "ustar", 6) == 0;
}

/* The header's own name, prefix included. */
static void header_name(const struct tar_header *h, struct buf *out)
{
	struct str prefix = is_ustar(h) ? tar_header_text(h->prefix, sizeof(h->prefix)) : (struct str){0};
	buf_clear(out);
	if (is_ustar(h) && memcmp(h->pad + 8, "tar\0", 4) == 0)
		prefix = tar_header_text(h->prefix, 131); /* star keeps times behind a shorter prefix */
	if (prefix.len) {
		buf_str(out, prefix);
		buf_putc(out, '/');
	}
	buf_str(out, tar_header_text(h->name, sizeof(h->name)));
}

static int entry_name(struct tar_reader *r, const struct tar_header *h, bool *ret_slash, struct err *e)
{
	cleanup_buf struct buf raw = {0};
	struct str name;
	if (r->pax.sparse_name.len)
		name = buf_view(&r->pax.sparse_name);
	else if (r->pax.has_path)
		name = buf_view(&r->pax.path);
	else if (r->has_long_name)
		name = buf_view(&r->long_name);
	else {
		header_name(h, &raw);
		name = buf_view(&raw);
	}
	if (r->has_long_name && (r->pax.has_path || r->pax.sparse_name.len))
		return tar_odd_name(name, "two long names", e);
	*ret_slash = name.len && name.p[name.len - 1] == '/';
	return tar_clean_name(name, &r->path, e);
}

static int entry_target(struct tar_reader *r, const struct tar_header *h, struct entry *en, struct err *e)
{
	struct str text = tar_header_text(h->link, sizeof(h->link));
	if (r->pax.has_link && r->has_long_link)
		return tar_odd_name(buf_view(&r->path), "two long link targets", e);
	if (r->pax.has_link)
		text = buf_view(&r->pax.link);
	else if (r->has_long_link)
		text = buf_view(&r->long_link);
	if (text.len == 0)
		return tar_odd_name(buf_view(&r->path), "link without a target", e);
	if (en->type == ENTRY_LINK) {
		TRY(tar_clean_name(text, &r->target, e));
		if (r->target.len == 0)
			return tar_odd_name(buf_view(&r->path), "hard link to the root", e);
	} else if (text.len > TARGET_LIMIT) {
		return err_set(e, ERR_LIMIT, "tar: link target of %zu bytes", text.len);
	} else {
		buf_clear(&r->target);
		buf_str(&r->target, text);
	}
	en->target = buf_view(&r->target);
	return 0;
}

static int entry_device(struct tar_reader *r, const struct tar_header *h, struct entry *en, struct err *e)
{
	uint64_t major, minor;
	TRY(tar_header_number(h->major, sizeof(h->major), MAX_MAJOR, "device number", &major, e));
	TRY(tar_header_number(h->minor, sizeof(h->minor), MAX_MINOR, "device number", &minor, e));
	if (en->type == ENTRY_CHAR && major == 0 && minor == 0)
		return tar_odd_name(buf_view(&r->path), "device 0:0, overlayfs' whiteout", e);
	en->major = (uint32_t)major;
	en->minor = (uint32_t)minor;
	return 0;
}

static int entry_owner(struct tar_reader *r, const struct tar_header *h, struct entry *en, struct err *e)
{
	uint64_t uid = r->pax.uid, gid = r->pax.gid, mode;
	if (!r->pax.has_uid)
		TRY(tar_header_number(h->uid, sizeof(h->uid), MAX_ID, "user id", &uid, e));
	if (!r->pax.has_gid)
		TRY(tar_header_number(h->gid, sizeof(h->gid), MAX_ID, "group id", &gid, e));
	TRY(tar_header_number(h->mode, sizeof(h->mode), UINT64_MAX, "mode", &mode, e));
	en->uid = (uint32_t)uid;
	en->gid = (uint32_t)gid;
	en->mode = en->type == ENTRY_SYMLINK ? 0777 : (uint32_t)(mode & 07777);
	if (r->pax.has_mtime) {
		en->mtime = r->pax.mtime;
		en->mtime_nsec = r->pax.mtime_nsec;
		return 0;
	}
	return tar_header_time(h->mtime, sizeof(h->mtime), &en->mtime, e);
}

static int entry_type(const struct tar_header *h, struct entry *en, struct err *e)
{
	static const struct {
		char flag;
		uint8_t type;
	} types[] = {{'0', ENTRY_FILE}, {'\0', ENTRY_FILE}, {'7', ENTRY_FILE}, {'S', ENTRY_FILE}, {'1', ENTRY_LINK},
	    {'2', ENTRY_SYMLINK}, {'3', ENTRY_CHAR}, {'4', ENTRY_BLOCK}, {'5', ENTRY_DIR}, {'6', ENTRY_FIFO}};
	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		if (types[i].flag != h->type)
			continue;
		if (h->type == 'S' && !is_gnu(h))
			break;
		en->type = types[i].type;
		return 0;
	}
	unsigned char flag = (unsigned char)h->type;
	return err_set(e, ERR_UNSUPPORTED,
	    flag > ' ' && flag < 127 ? "tar: entry of type '%c'" : "tar: entry of type 0x%02x", flag);
}

int tar_reader_entry(struct tar_reader *r, const struct tar_header *h, struct entry *en, struct err *e)
{
	bool slash = false;
	TRY(entry_type(h, en, e));
	TRY(entry_name(r, h, &slash, e));
	if (en->type == ENTRY_FILE && slash && r->left == 0 && h->type != 'S')
		en->type = ENTRY_DIR; /* V7 has no type for folders */
	if (en->type != ENTRY_FILE && (r->left || r->pax.sparse))
		return tar_odd_name(buf_view(&r->path), "data where none can be", e);
	if (en->type == ENTRY_FILE && slash)
		return tar_odd_name(buf_view(&r->path), "a file's name with a slash at its end", e);
	if (r->path.len == 0 && en->type != ENTRY_DIR)
		return tar_odd_name(STR("/"), "the root is not a folder", e);
	if (en->type == ENTRY_SYMLINK || en->type == ENTRY_LINK)
		TRY(entry_target(r, h, en, e));
	if (en->type == ENTRY_CHAR || en->type == ENTRY_BLOCK)
		TRY(entry_device(r, h, en, e));
	TRY(entry_owner(r, h, en, e));
	if (en->type == ENTRY_FILE && (h->type == 'S' || r->pax.sparse))
		TRY(tar_reader_sparse(r, h, e));
	en->size = r->sparse ? r->realsize : r->left;
	buf_clear(&r->xattrs);
	tar_pax_xattrs(&r->pax, &r->xattrs);
	en->xattrs = buf_view(&r->xattrs);
	return 0;
}
