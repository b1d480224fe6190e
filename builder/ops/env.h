/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_ENV_H
#define COOPER_ENV_H

/* What steps stand in: the store, the contexts, and what the command line allows. One per build, made by builder/cli. */
#include <pthread.h>

#include "base/arena.h"
#include "builder/graph/op.h"
#include "builder/graph/parts.h"
#include "builder/ops/turns.h"
#include "builder/sandbox/sandbox.h"
#include "parser/ignore.h"
#include "registry/oci.h"
#include "registry/place.h"
#include "registry/remote.h"
#include "snapshotter/context.h"
#include "snapshotter/copy.h"
#include "snapshotter/store.h"

/* A directory that COPY and bind mounts may read: number 0 is the build context, others are named. */
struct ops_context {
	const char *name;          /* "" for the main one */
	const char *path;          /* absolute; NULL: empty context */
	struct ignore *ignore;     /* owned; NULL: nothing is ignored */
	const char *ignore_file;   /* its name for messages */
	struct context *context;   /* opened on first use */
	struct context_filter filter;
};

struct ops_secret {
	const char *id;
	struct str value;          /* wiped by ops_env_done */
	bool missing;
};

struct ops_ssh {
	const char *id, *socket;
};

/* How FROM finds images. */
enum pull_policy { PULL_MISSING, PULL_ALWAYS, PULL_NEVER, PULL_NEWER };

struct ops_env {
	struct store *store;
	struct place *layout;      /* the store's images */
	struct ops_context *contexts;
	size_t ncontexts;
	struct ops_secret *secrets;
	size_t nsecrets;
	struct ops_ssh *ssh;
	size_t nssh;
	enum pull_policy pull;
	struct remote_opts remote; /* how registries are spoken to */
	const struct str *insecure_repos; /* "HOST/NAME", as origins have them: those of caches that said so */
	size_t ninsecure_repos;
	int64_t epoch;             /* SOURCE_DATE_EPOCH, or INT64_MAX */
	struct sandbox_host *hosts;
	size_t nhosts;
	struct sandbox_limit *limits;
	size_t nlimits;
	uint64_t shm_size;
	struct sandbox_resources resources; /* never part of a key */
	struct str proxy[16];      /* "NAME=value": handed to RUN, never part of a key */
	size_t nproxy;
	unsigned threads;
	const struct cancel *cancel;
	pthread_mutex_t context_lock; /* contexts are walked by one thread at a time */
	struct turns fetching;        /* layers: one that two stages want is fetched once */
	struct context_reads reads;/* what was read of contexts, for `--progress` and tests */
	const char *keep_failed;   /* --output-on-failure */
	bool shell_on_error;
	/* Around a shell in a failed step (--on-error=shell), in the same thread: nothing else may use the terminal in between. */
	void (*shell)(void *arg, const struct step *s, bool begins);
	/* Progress of a layer that is fetched from `origin`, from any thread. */
	void (*progress)(void *arg, const char *origin, const struct digest *blob, uint64_t done, uint64_t total);
	void *progress_arg;        /* of both */
};

/* Opens (and walks nothing of) context n. */
int ops_context_open(struct ops_env *env, size_t n, struct err *e);

/* What is needed of a tree's layers. */
enum tree_need {
	TREE_INDEXES,  /* indexes: nothing becomes a folder for that */
	TREE_UNPACKED, /* indexes, and folders before long: what has to be read for its index becomes one on the way */
	TREE_FOLDERS,  /* indexes and folders */
};
/*
 * Makes sure that the layers of a tree are there as `need` says - fetches blobs, unpacks them meanwhile - and gives the layer ids,
 * bottom first, into ids[0..t->n-1].
 */
int ops_need_tree(struct ops_env *env, const struct tree *t, enum tree_need need, const struct cancel *cancel, struct digest *ids,
	struct err *e);
/* Are the indexes of a tree's layers there already? */
bool ops_tree_here(struct ops_env *env, const struct tree *t);
/* Makes sure that the blobs of pulled layers are in the store (not unpacked), and the plain tars of other machines' layers. */
int ops_need_blobs(struct ops_env *env, const struct tree *t, const struct cancel *cancel, struct err *e);

/* Have all layers from caches the times that the build wants? If not: a tree in which those are layers of the store with their true
 * times, of which a tar can be made (in `a`). Unpacks: be in the user namespace. */
bool ops_tree_settled(const struct tree *t);
/* The blob with a cache layer's index, as it is. */
int ops_need_index(struct ops_env *env, const struct tree_layer *l, const struct cancel *cancel, struct err *e);
int ops_settle_tree(struct ops_env *env, const struct tree *t, const struct cancel *cancel, struct arena *a, const struct tree **ret,
	struct err *e);

/* A tree opened for questions: ids, indexes, view, and with TREE_FOLDERS descriptors of folders. */
struct ops_tree {
	size_t n;
	struct digest *ids;
	struct index **indexes;
	struct view *view;
	int *folders;              /* O_PATH, or NULL */
};
int ops_tree_open(struct ops_env *env, const struct tree *t, enum tree_need need, const struct cancel *cancel, struct ops_tree *ret,
	struct err *e);
void ops_tree_close(struct ops_tree *t);
/* Its folders as overlayfs takes them: a layer that comes twice counts where it stands highest. Allocated from `a`, the descriptors
 * stay the tree's. */
const int *ops_tree_lowers(const struct ops_tree *t, struct arena *a, size_t *ret_n);

/* JSON members for task.why: "part":"value", with the comma that is needed. Each part once. */
void ops_why_text(struct buf *why, enum part part, struct str value);
void ops_why_digest(struct buf *why, enum part part, const struct digest *value);
/* The tree the step stands on, and the base image below it. */
void ops_why_tree(struct task *t, enum part part);
void ops_why_list(struct buf *why, enum part part, const struct strs *values);
/* The beginning of a member whose value the caller writes. */
void ops_why_part(struct buf *why, enum part part);

#endif
