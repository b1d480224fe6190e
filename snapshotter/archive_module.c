/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The module behind archive_reader.c: libarchive, told to know tar and the four compressions that ADD unpacks, and nothing else
 * (every other format it knows would be one more parser for strangers' bytes). The first header is read by open, because only
 * then it is known whether this is an archive at all.
 */
#include "snapshotter/archive_api.h"

#include <archive.h>
#include <archive_entry.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ERRNO_MISC = -1 }; /* libarchive's ARCHIVE_ERRNO_MISC, which its header does not show */

struct handle {
	struct archive *a;
	struct archive_entry *entry;
	bool first; /* entry was read by open and is not given out yet */
};

static void explain(struct archive *a, char text[ARCHIVE_TEXT])
{
	const char *why = archive_error_string(a);
	snprintf(text, ARCHIVE_TEXT, "%s", why ? why : "not readable");
}

static void module_close(void *p)
{
	struct handle *h = p;
	archive_read_free(h->a);
	free(h);
}

static struct handle *handle_new(void)
{
	struct handle *h = calloc(1, sizeof(*h));
	if (!h || !(h->a = archive_read_new()))
		abort();
	return h;
}

/* With the filters and the format set. libarchive's answer. */
static int read_first_header(struct handle *h, int fd)
{
	int rc = archive_read_open_fd(h->a, fd, 256 * 1024);
	return rc >= ARCHIVE_WARN ? archive_read_next_header(h->a, &h->entry) : rc;
}

static void *module_open(int fd, char text[ARCHIVE_TEXT], bool *ret_broken)
{
	*ret_broken = false;
	struct handle *h = handle_new();
	archive_read_support_filter_gzip(h->a);
	archive_read_support_filter_bzip2(h->a);
	archive_read_support_filter_xz(h->a);
	archive_read_support_filter_zstd(h->a);
	archive_read_support_format_tar(h->a);
	/* One compression, never two: the filter that gives plain bytes counts too. */
	int rc = read_first_header(h, fd);
	if (rc == ARCHIVE_OK || rc == ARCHIVE_WARN) {
		if (archive_filter_count(h->a) <= 2) {
			h->first = true;
			return h;
		}
		snprintf(text, ARCHIVE_TEXT, "compressed more than once");
	} else if (rc == ARCHIVE_EOF) {
		snprintf(text, ARCHIVE_TEXT, "empty");
	} else {
		/* the filters use this code for "truncated" and the like; an unknown format has another one */
		*ret_broken = archive_errno(h->a) == ERRNO_MISC;
		explain(h->a, text);
	}
	module_close(h);
	return NULL;
}

static void *module_open_plain(int fd, char text[ARCHIVE_TEXT])
{
	struct handle *h = handle_new();
	archive_read_support_filter_bzip2(h->a);
	archive_read_support_filter_xz(h->a);
	archive_read_support_format_raw(h->a);
	int rc = read_first_header(h, fd);
	if (rc >= ARCHIVE_WARN && rc != ARCHIVE_EOF && archive_filter_count(h->a) > 1)
		return h;
	if (rc >= ARCHIVE_WARN)
		snprintf(text, ARCHIVE_TEXT, "neither xz nor bzip2 data");
	else
		explain(h->a, text);
	module_close(h);
	return NULL;
}

static void fill(struct archive_entry *en, struct archive_item *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->path = archive_entry_pathname(en);
	ret->hardlink = archive_entry_hardlink(en) != NULL;
	ret->target = ret->hardlink ? archive_entry_hardlink(en) : archive_entry_symlink(en);
	ret->sparse = archive_entry_sparse_count(en) > 0;
	ret->type = archive_entry_filetype(en);
	ret->mode = archive_entry_perm(en) & 07777;
	ret->uid = archive_entry_uid(en);
	ret->gid = archive_entry_gid(en);
	ret->size = archive_entry_size(en);
	ret->mtime = archive_entry_mtime(en);
	ret->mtime_nsec = (uint32_t)archive_entry_mtime_nsec(en);
	ret->major = (uint32_t)archive_entry_rdevmajor(en);
	ret->minor = (uint32_t)archive_entry_rdevminor(en);
}

static int module_next(void *p, struct archive_item *ret, char text[ARCHIVE_TEXT])
{
	struct handle *h = p;
	if (!h->first) {
		int rc = archive_read_next_header(h->a, &h->entry);
		if (rc == ARCHIVE_EOF)
			return 0;
		if (rc < ARCHIVE_WARN) {
			explain(h->a, text);
			return -1;
		}
	}
	h->first = false;
	fill(h->entry, ret);
	archive_entry_xattr_reset(h->entry);
	return 1;
}

static long module_read(void *p, void *to, size_t len, char text[ARCHIVE_TEXT])
{
	struct handle *h = p;
	la_ssize_t n = archive_read_data(h->a, to, len);
	if (n < 0) { /* ARCHIVE_RETRY too: pieces of a sparse file in disorder */
		explain(h->a, text);
		return -1;
	}
	return n;
}

static bool module_xattr(void *p, const char **name, const void **value, size_t *len)
{
	struct handle *h = p;
	return archive_entry_xattr_next(h->entry, name, value, len) == ARCHIVE_OK;
}

__attribute__((visibility("default"))) extern const struct archive_api cooper_archive_api;
const struct archive_api cooper_archive_api = {
	.version = ARCHIVE_API_VERSION,
	.open = module_open,
	.open_plain = module_open_plain,
	.next = module_next,
	.read = module_read,
	.xattr = module_xattr,
	.close = module_close,
};
