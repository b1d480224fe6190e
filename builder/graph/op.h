/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_OP_H
#define COOPER_OP_H

/*
 * What a kind of step can do. The graph knows steps only through this table; members are builder/ops/op_*.c, each exporting
 * one `const struct op`.
 */
#include "base/arena.h"
#include "base/buf.h"
#include "base/digest.h"
#include "base/err.h"
#include "base/pool.h"

struct step;

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
};

/* A state of a root file system: layers, bottom first. Never changed after it was made. */
struct tree {
	struct tree_layer *layers;
	size_t n;
	struct digest cid;      /* H(content ids): tree_seal */
};
struct tree *tree_new(struct arena *a, const struct tree *below, size_t room);
void tree_seal(struct tree *t);

/* What a run of a step gives. */
struct outcome {
	bool has_layer;         /* false: the tree stays as it is (a WORKDIR that was there) */
	struct tree_layer layer;
	bool keep_out;          /* do not record: the result must not be found again */
};

/* A step being looked up or run. */
struct task {
	const struct step *step;
	const struct tree *const *inputs;  /* solved trees of step->inputs; [0] is the tree it stands on, when op->on_tree */
	void *env;                         /* the builder's environment: struct ops_env */
	const struct cancel *cancel;
	struct digest former;              /* layer id of the family's newest record, or none */
	struct buf why;                    /* filled by op->key: JSON members of what the key was made of, for --explain */
	struct buf found;                  /* filled by op->key: what it learned of the world and op->run has to stand by */
	/* Only while op->key is called, NULL otherwise: to be called before layers are unpacked. */
	int (*prepare)(struct task *t, struct err *e);
	bool want_folder, want_tar;        /* forms of the result that somebody downstream needs */
	/* Output of the step, line by line or as it comes. */
	void (*log)(void *arg, const struct step *s, int stream, const void *p, size_t len);
	void (*warn)(void *arg, const struct step *s, const char *text);
	void *arg;
};

struct op {
	const char *name;
	bool on_tree;    /* inputs[0] is the tree that the result's layer is put on */
	/* All that defines the step apart from its inputs: equal steps of a plan are one. */
	void (*hash)(const void *args, struct hasher *h);
	/* A step whose result is known without running (an image, an empty tree). Optional. */
	int (*known)(struct task *t, struct arena *a, struct tree **ret, struct err *e);
	/* The key: arguments that decide about the result, content ids of the trees that do, digests of what is selected. Left out: the
	 * key is made of `hash` and the content ids of all inputs. */
	int (*key)(struct task *t, struct hasher *h, struct err *e);
	int (*run)(struct task *t, struct outcome *ret, struct err *e);
};

#endif
