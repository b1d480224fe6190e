/* SPDX-License-Identifier: Apache-2.0 */
/* See stat_entry.h. */
#include "snapshotter/stat_entry.h"

#include <unistd.h>

#include "snapshotter/index.h"

enum { TARGET_ROOM = 4096, TARGET_MAX = 64 * 1024 };

uint8_t stat_entry_type(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG:
		return ENTRY_FILE;
	case S_IFDIR:
		return ENTRY_DIR;
	case S_IFLNK:
		return ENTRY_SYMLINK;
	case S_IFIFO:
		return ENTRY_FIFO;
	case S_IFCHR:
		return ENTRY_CHAR;
	case S_IFBLK:
		return ENTRY_BLOCK;
	default:
		return 0;
	}
}

/* Some file systems do not say how long it is. */
int stat_entry_target(
    struct arena *a, int dirfd, const char *name, const struct stat *st, struct str *ret, struct err *e)
{
	size_t room = st->st_size > 0 && st->st_size < TARGET_MAX ? (size_t)st->st_size + 1 : TARGET_ROOM;
	char *text = arena_new(a, room);
	ssize_t n = readlinkat(dirfd, name, text, room);
	if (n < 0)
		return err_sys(e, "read symlink %s", name);
	if ((size_t)n == room)
		return err_set(e, ERR_LIMIT, "symlink %s changed while it was read", name);
	text[n] = '\0';
	*ret = (struct str){text, (size_t)n};
	return 0;
}
