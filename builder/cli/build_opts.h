/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_BUILD_OPTS_H
#define COOPER_BUILD_OPTS_H

/* The options of `cooper build`: as they are typed, and as the build wants them. */
#include "builder/cli/cache_opts.h"
#include "builder/cli/cmd.h"
#include "builder/cli/notes.h"
#include "builder/lower/lower.h"
#include "builder/ops/env.h"
#include "snapshotter/compress.h"

/* As typed: filled by the option table. */
struct build_opts {
	struct opt_list tags, files, build_args, labels, secrets, ssh, contexts, add_hosts, outputs, platforms, no_cache_filter, allow,
	    annotations, ulimits, cache_from, cache_to, volumes;
	const char *target, *pull, *network, *progress, *iidfile, *metadata_file, *build_arg_file, *explain, *on_error, *keep_failed, *call,
	    *hostname, *ignore_file, *epoch, *timestamp, *authfile, *creds, *format, *provenance, *sbom, *attest, *memory_swap, *cpuset_cpus, *cpuset_mems,
	    *cgroup_parent;
	uint64_t shm_size, memory;
	int64_t jobs, pids_limit, cpu_period, cpu_quota, cpu_shares;
	bool no_cache, quiet, push, load, check, insecure, rewrite_timestamp, squash;
};
extern const struct opt build_table[];

enum output_kind { OUTPUT_IMAGE, OUTPUT_REGISTRY, OUTPUT_OCI, OUTPUT_DOCKER, OUTPUT_LOCAL, OUTPUT_TAR, OUTPUT_PAGES, OUTPUT_CACHEONLY };

struct output {
	enum output_kind kind;
	const char *dest;            /* NULL or "-": stdout, where that makes sense */
	struct str *names;
	size_t nnames;
	const char *tagged;          /* the first of them that has a tag, as written; NULL: none has */
	enum compression compression;
	bool compression_set, force;
	int level;
	bool push;
	bool by_digest;              /* push without writing a tag; only with push */
	bool insecure;               /* registry.insecure=true: as --tls-verify=false, for this output */
	bool folder;                 /* oci, docker: tar=false */
	bool docker_types;           /* oci-mediatypes=false */
	bool mode_delete;            /* local: remove what is not in the tree */
	struct notes notes;          /* annotation...=; they are in the request's as well */
	bool load;                   /* docker without dest: hand it to a docker or podman that is there */
};

/* As the build wants them. Strings live in the cli's arena. */
struct build_request {
	const struct build_opts *o;
	struct lower_opts lower;     /* all but cf, resolver, warn */
	struct platform *platforms;
	size_t nplatforms;
	struct output *outputs;
	size_t noutputs;
	struct str *names;           /* -t, familiar */
	size_t nnames;
	struct ops_secret *secrets;
	size_t nsecrets;
	struct ops_ssh *ssh;
	size_t nssh;
	struct sandbox_host *hosts;
	size_t nhosts;
	struct sandbox_limit *limits;
	size_t nlimits;
	struct sandbox_resources resources;
	struct notes notes;          /* --annotation, and those of the image's output */
	struct cache_spec *cache_from, *cache_to;
	size_t ncache_from, ncache_to;
	enum pull_policy pull;
	struct remote_opts remote;
	int64_t epoch;
	struct str *proxy;           /* "NAME=value" */
	size_t nproxy;
	const char *check_override;  /* BUILDKIT_DOCKERFILE_CHECK, or NULL */
	bool allow_delete;           /* -o type=local,mode=delete outside of the working folder */
	bool keep_git_dir;           /* BUILDKIT_CONTEXT_KEEP_GIT_DIR */
};
/* ERR_USAGE and friends, before anything is opened. */
int build_request_init(struct cli *cli, const struct build_opts *o, struct build_request *ret, struct err *e);
/* build_resources.c: --memory and its like; ERR_USAGE. */
int build_resources_parse(const struct build_opts *o, struct sandbox_resources *ret, struct err *e);
bool build_explains_to_tools(const struct build_opts *o); /* --explain=json */
/* Wipes secrets. */
void build_request_done(struct build_request *r);

#endif
