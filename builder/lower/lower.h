/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_LOWER_H
#define COOPER_LOWER_H

/*
 * AST to plan: evaluates the stages that the target reaches, expands variables, keeps each stage's image configuration, and turns
 * what changes files into steps. Pure but for the resolver, which is asked for base images' configurations.
 */
#include "builder/graph/plan.h"
#include "builder/ops/ops.h"
#include "parser/ast.h"
#include "registry/oci.h"

struct lower_image {
	struct image_config config; /* owned by whoever gets it */
	struct tree *tree;          /* in the given arena */
	struct platform platform;
};

struct image_wish {
	struct str name;
	struct platform want;
};

struct resolver {
	/* The image a reference names (docker-image, "oci-layout://..." too), for a platform. Caches as it likes. */
	int (*image)(void *arg, struct str name, const struct platform *want, struct arena *a, struct lower_image *ret, struct err *e);
	/* These will be asked for: may look for them all at once. What is wrong with one is told when it is asked for. May be NULL. */
	void (*expect)(void *arg, const struct image_wish *wishes, size_t n);
	void *arg;
};

/* --build-context */
struct lower_named {
	struct str name;            /* as written */
	bool is_image;              /* value is a reference for the resolver ("scratch" too) */
	struct str image;
	struct str stage;           /* else, when not empty: another stage of the file ("target:NAME") */
	unsigned context;           /* else: number of a directory context */
};

struct lower_opts {
	struct cf *cf;               /* ONBUILD triggers are parsed into its memory */
	struct str target;          /* empty: last stage */
	struct platform platform;   /* TARGETPLATFORM */
	struct platform build_platform;
	bool platform_given;
	bool several_platforms;      /* the plan is for more than this one: steps say whose they are */
	const struct pair *build_args;
	size_t nbuild_args;
	const struct pair *labels;
	size_t nlabels;
	bool no_cache;
	const struct str *no_cache_stages;
	size_t nno_cache_stages;
	const struct lower_named *named;
	size_t nnamed;
	enum exec_network network;  /* --network */
	bool allow_host_network, allow_insecure;
	struct str hostname;        /* empty: buildkitsandbox */
	struct str cache_ns;        /* BUILDKIT_CACHE_MOUNT_NS */
	struct str project;         /* identity for step families: context and Containerfile paths */
	const struct resolver *resolver;
};

struct lowered {
	struct step *head;           /* whose tree is the image's */
	struct image_config config;  /* without diff ids; history without times for the new entries */
	size_t nbase_history;        /* entries that came from the base image */
	size_t nbase_layers;
	bool from_scratch;
};

/* Fills the plan (initialised, may hold steps of another platform already). e has the place in the file. */
int lower(const struct lower_opts *o, struct plan *plan, struct lowered *ret, struct err *e);
void lowered_done(struct lowered *l);

#endif
