/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_OP_H
#define COOPER_OP_H

/*
 * What a kind of step can do. The graph knows steps only through this table; members are builder/ops/op_*.c, each exporting
 * one `const struct op`.
 */
#include <stdatomic.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/digest.h"
#include "base/err.h"
#include "base/pool.h"

struct step;

/* Another machine's build cache (--cache-from). */
struct tree_cache {
	const char *name;       /* for messages */
	atomic_bool broken;     /* a layer of it could not be had, or is not what its record says: it is not asked again */
};

/*
 * A layer that is known from another machine's cache only. What its record says - this key gave this content, in this blob - is a
 * claim: keys may be looked up with it, but no record is made in the store from it until the bytes were looked at.
 */
struct tree_claim {
	struct tree_cache *cache;
	uint64_t tar_size;      /* of the plain tar */
	int64_t newest;         /* latest time in that tar */
	bool clamped;           /* its true times were others (SOURCE_DATE_EPOCH where it was made) */
	bool clock;             /* they are in the tar, and some are the clock's */
	bool as_is;             /* its times are those that this build wants */
	struct digest index;    /* blob of its index with the true times; none: there is none */
	uint64_t index_size;
};

/* One layer of a tree, in whatever form is known so far. */
struct tree_layer {
	struct digest cid;      /* content id: what keys are made of */
	struct digest id;       /* layer id in the store; none = a pulled layer that was not unpacked yet */
	struct digest diff_id;  /* of a pulled layer; none for layers made here */
	struct digest blob;     /* of a pulled layer: the blob that holds it */
	uint64_t blob_size;
	const char *media_type; /* of that blob, as the manifest has it */
	const char *origin;     /* where it can be fetched from: a reference, or NULL when it is in the store */
	int64_t created;        /* of a layer made here: when its step ran */
	uint32_t created_nsec;
	const struct tree_claim *claim; /* of a layer from another machine's cache: blob and diff_id are there, id is not. Or NULL */
};
/* Its digest in the store, or that of its tar until it is there: other times are another name. */
static inline const struct digest *tree_layer_name(const struct tree_layer *l)
{
	return digest_none(&l->id) ? &l->diff_id : &l->id;
}
/* Only its content id is known: the cache has left the bytes out. */
static inline bool tree_layer_hollow(const struct tree_layer *l)
{
	return l->claim && digest_none(&l->blob);
}

/* A state of a root file system: layers, bottom first. Never changed after it was made. */
struct tree {
	struct tree_layer *layers;
	size_t n;
	struct digest cid;      /* H(content ids): tree_seal */
};
struct tree *tree_new(struct arena *a, const struct tree *below, size_t room);
void tree_seal(struct tree *t);
bool tree_hollow(const struct tree *t); /* is any layer? */

/* What a run of a step gives. */
struct outcome {
	bool has_layer;         /* false: the tree stays as it is (a WORKDIR that was there) */
	struct tree_layer layer;
	bool keep_out;          /* do not record: the result must not be found again */
};

/* A fact that follows from trees' content ids, such as what COPY --from selects, and the key it is remembered by (store.h, memos). */
struct task_memo {
	struct digest key, value;
};

/* What a step came to, for those who pass it on (--cache-to). */
struct step_result {
	struct digest key;      /* none: it was not needed, or is known without a key */
	bool kept_out;          /* of the records */
	bool has_layer;
	struct tree_layer layer;
	const struct task_memo *memos;
	size_t nmemos;
};

/* A step being looked up or run. */
struct task {
	const struct step *step;
	const struct tree *const *inputs;  /* solved trees of step->inputs; [0] is the tree it stands on, when op->on_tree */
	void *env;                         /* the builder's environment: struct ops_env */
	const struct cancel *cancel;
	struct digest former;              /* layer id of what the step gave when it was most like now, or none */
	struct buf why;                    /* filled by op->key: JSON members of what the key was made of, for --explain */
	struct buf found;                  /* filled by op->key: what it learned of the world and op->run has to stand by */
	struct task_memo *memos;           /* filled by op->key: what it was made with; in `arena` */
	size_t nmemos, memos_cap;
	bool floating;                     /* set by op->key: the tree it stands on does not count */
	/* While op->key is called; may be NULL. What other machines' caches say of a memo that the store does not have: a claim, good for
	 * finding a record. A step that has to run is asked for its key once more without it. */
	bool (*recall)(struct task *t, const struct digest *key, struct digest *ret);
	bool recalled;                     /* a claim went into the key */
	/*
	 * A key for which much would have to be read that the run reads anyway, and that cannot find a record: when it may be late,
	 * op->key sets `late` and leaves it unfinished. It is called again after the run, which has learned what it takes; `unsure`:
	 * other files are there by then.
	 */
	bool may_be_late, late, unsure;
	/*
	 * A key that has to wait for bytes: files to be read, layers to be fetched. While it is `hasty`, op->key says in `waits` what they
	 * are (the op's own words, in `arena`) and leaves it unfinished. op->gather brings them, and op->key is called again.
	 */
	bool hasty;
	void *waits;
	struct arena *arena;               /* lives as long as the task */
	bool want_folder, want_tar;        /* forms of the result that somebody downstream needs */
	/* Output of the step, line by line or as it comes. */
	void (*log)(void *arg, const struct step *s, int stream, const void *p, size_t len);
	void (*warn)(void *arg, const struct step *s, const char *text);
	void *arg;
};

struct op {
	const char *name;
	bool on_tree;    /* inputs[0] is the tree that the result's layer is put on */
	bool inherits;   /* what it makes may have times of what it sees of its inputs */
	bool far;        /* op->key asks other machines: it is called on a thread of its own, beside other steps' */
	/* All that defines the step apart from its inputs: equal steps of a plan are one. */
	void (*hash)(const void *args, struct hasher *h);
	/* A step whose result is known without running (an image, an empty tree). Optional. */
	int (*known)(struct task *t, struct arena *a, struct tree **ret, struct err *e);
	/* The key: arguments that decide about the result, content ids of the trees that do, digests of what is selected. The tree that
	 * it stands on is added by the solver. Left out: the key is made of `hash` and the content ids of all inputs. */
	int (*key)(struct task *t, struct hasher *h, struct err *e);
	/* Brings what the key waits for; brings the tree it stands on in the form that op->run needs. Both are called on a thread of their
	 * own, beside other steps. Optional. */
	int (*gather)(struct task *t, struct err *e);
	int (*ground)(struct task *t, struct err *e);
	/* With SOURCE_DATE_EPOCH: would a run give the times that this layer, which is on record for the key, has in its tar? As far as what
	 * is here can tell. Optional. */
	int (*timely)(struct task *t, const struct digest *layer, bool *ret, struct err *e);
	int (*run)(struct task *t, struct outcome *ret, struct err *e);
	/* A step that this one waits for runs, so it is likely to run itself: may begin with what takes long. Optional. */
	void (*expect)(const void *args);
};

#endif
