/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_CONTEXT_H
#define COOPER_CONTEXT_H

/*
 * The build context as an index: a parallel walk of only the paths that are asked for, ignore rules pruning on the way, and
 * the digests of files remembered by metadata as git's index does (device, inode, size, mtime, ctime, with git's care for
 * files changed within the clock's granularity of the last look). So are the names in folders, which are not listed again while
 * the folder's own metadata stay. An unchanged context costs one stat a file and nothing more.
 */
#include "base/pool.h"
#include "snapshotter/index.h"
#include "snapshotter/view.h"

struct context;

/* Is the path (relative) excluded; for folders *ret_prune says that nothing below it can be included again. Asked parents
 * first, from several threads at once; nothing is asked below what is pruned. */
struct context_filter {
	bool (*excluded)(void *arg, struct str path, bool folder, bool *ret_prune);
	void *arg;
};

/* Opens the folder. `cache_dirfd`/`cache_name`: where the remembered digests are (the store's contexts/); -1 for none. */
int context_open(const char *path, const struct context_filter *filter, int cache_dirfd, const char *cache_name, struct context **ret,
	struct err *e);
void context_close(struct context *c); /* writes remembered digests when they changed */
static inline void context_cleanup(struct context **c)
{
	if (*c)
		context_close(*c);
}
#define cleanup_context __attribute__((cleanup(context_cleanup)))

/* Walks what is at and below `path` (clean, relative; "" = everything), once; later calls for the same or deeper paths are
 * free. Owners are 0:0 in the entries (the reference: context files belong to root). Sockets appear as empty files. The folders
 * on the way to path are entries too; when one of them is no folder (a symlink, say), it is the last entry. A path that is not
 * there is no failure. Names of one file (hard links) are LINK entries to the first one. All calls may come from several
 * threads. */
int context_need(struct context *c, struct str path, unsigned threads, const struct cancel *cancel, struct err *e);
/* What was walked so far, as a view with one layer; it stays good until context_close, but a later context_need makes a new one.
 * Digests in it are those that were remembered. */
const struct view *context_view(struct context *c);
/* Is the path there but excluded by the filter? For messages. */
bool context_hides(struct context *c, struct str path);
/* Fills in the digests of the given FILE entries (paths), from memory where metadata tells, else by reading, on all cores.
 * A file that changes while it is read is read again, then ERR_STEP. Counts read files and bytes. */
struct context_reads {
	uint64_t files, bytes;
};
int context_digests(struct context *c, const struct str *paths, size_t n, struct digest *ret, struct context_reads *reads,
	const struct cancel *cancel, struct err *e);
/* Learns the digest of a walked file from somebody who read all of it through fd: taken only when fd's metadata are still those
 * of the walk. */
void context_learn(struct context *c, struct str path, int fd, const struct digest *d);
/* Opens a file's bytes; no symlink on the way is followed, and nothing but a regular file is opened. */
int context_file(struct context *c, struct str path, int *ret_fd, struct err *e);

#endif
