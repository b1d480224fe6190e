/* SPDX-License-Identifier: Apache-2.0 */
/* The option table of `cooper build`: names and behaviour of docker buildx build and podman build. */
#include "builder/cli/build_opts.h"
#include "builder/cli/progress.h"

static const char *const networks[] = {"default", "none", "host", NULL};
static const char *const explanations[] = {"text", "json", NULL};
static const char *const on_errors[] = {"fail", "shell", NULL};
static const char *const formats[] = {"oci", "docker", NULL};

const struct opt build_table[] = {
    OPT_GROUP("What to build"),
    OPT_LIST('f', "file", struct build_opts, files, "FILE", "Containerfile to use; - reads it from stdin", .files = true),
    OPT_STR(0, "target", struct build_opts, target, "STAGE", "Build this stage instead of the last one"),
    OPT_LIST(0, "build-arg", struct build_opts, build_args, "NAME[=VALUE]", "Value for ARG; without =VALUE taken from the environment"),
    OPT_STR(0, "build-arg-file", struct build_opts, build_arg_file, "FILE", "Read build arguments from a file, NAME=VALUE a line", .files = true),
    OPT_LIST(0, "build-context", struct build_opts, contexts, "NAME=SOURCE",
	"Another context: a folder, docker-image://REF, oci-layout://DIR[:TAG], a git or http URL"),
    OPT_LIST(0, "platform", struct build_opts, platforms, "OS/ARCH", "Platform of the image; several give an index", .env = "DOCKER_DEFAULT_PLATFORM"),
    OPT_STR(0, "ignorefile", struct build_opts, ignore_file, "FILE", "Use this ignore file", .files = true),

    OPT_GROUP("What to do with the result"),
    OPT_LIST('t', "tag", struct build_opts, tags, "NAME[:TAG]", "Name of the image; may be given several times"),
    OPT_LIST('o', "output", struct build_opts, outputs, "DEST",
	"A folder, or type=image|registry|oci|docker|local|tar|pages[,dest=PATH][,KEY=VALUE]; - is a tar on stdout"),
    OPT_BOOL(0, "push", struct build_opts, push, "Push the image to its registry"),
    OPT_BOOL(0, "load", struct build_opts, load, "Hand the image to the docker or podman of this machine"),
    OPT_LIST(0, "label", struct build_opts, labels, "KEY=VALUE", "Label of the image"),
    OPT_LIST(0, "annotation", struct build_opts, annotations, "[TYPE:]KEY=VALUE",
	"Annotation of the manifest, or of TYPE: manifest, index, manifest-descriptor, index-descriptor, several with commas, each with [OS/ARCH]"),
    OPT_STR(0, "format", struct build_opts, format, "FORMAT", "Media types that are pushed and exported", .otherwise = "oci",
	.env = "BUILDAH_FORMAT", .words = formats),
    OPT_STR(0, "iidfile", struct build_opts, iidfile, "FILE", "Write the image's digest to a file", .files = true),
    OPT_STR(0, "metadata-file", struct build_opts, metadata_file, "FILE", "Write a JSON description of the result to a file", .files = true),

    OPT_GROUP("Cache"),
    OPT_BOOL(0, "no-cache", struct build_opts, no_cache, "Run every step again"),
    OPT_CSV(0, "no-cache-filter", struct build_opts, no_cache_filter, "STAGE", "Run every step of these stages again"),
    OPT_MAYBE(0, "pull", struct build_opts, pull, "POLICY", "always", "When to ask the registry for base images: missing (default), always, newer, never"),
    OPT_MAYBE(0, "explain", struct build_opts, explain, "FORMAT", "text", "Say for each step that ran why it was not cached; =json for tools",
	.words = explanations),
    OPT_LIST(0, "cache-from", struct build_opts, cache_from, "SOURCE",
	"Look steps up in another machine's cache too: an image reference, type=registry,ref=REF or type=local,src=DIR"),
    OPT_LIST(0, "cache-to", struct build_opts, cache_to, "DEST",
	"Write this build's cache for others: type=registry,ref=REF, type=local,dest=DIR or type=inline "
	"[,mode=min|max][,compression=gzip|zstd|uncompressed][,ignore-error=BOOL]"),

    OPT_GROUP("What steps may use"),
    OPT_LIST(0, "secret", struct build_opts, secrets, "id=ID[,src=FILE|env=VAR]", "Secret for RUN --mount=type=secret"),
    OPT_LIST(0, "ssh", struct build_opts, ssh, "default|ID[=SOCKET]", "Agent for RUN --mount=type=ssh"),
    OPT_STR(0, "network", struct build_opts, network, "MODE", "Network of RUN", .otherwise = "default", .words = networks),
    OPT_CSV(0, "add-host", struct build_opts, add_hosts, "HOST:IP", "Line for /etc/hosts of RUN"),
    OPT_CSV(0, "allow", struct build_opts, allow, "WHAT", "Allow network.host or security.insecure to the Containerfile, or buildx.local.delete to -o mode=delete"),
    OPT_LIST(0, "ulimit", struct build_opts, ulimits, "TYPE=SOFT[:HARD]", "Resource limit of RUN"),
    OPT_BYTES(0, "shm-size", struct build_opts, shm_size, "BYTES", "Size of /dev/shm in RUN"),
    OPT_BYTES('m', "memory", struct build_opts, memory, "BYTES", "Limit of memory of each RUN, e.g. 512m; at least 6m"),
    OPT_STR(0, "memory-swap", struct build_opts, memory_swap, "BYTES",
	"Limit of memory and swap together, -1 for any amount of swap; twice --memory when left out"),
    OPT_INT(0, "pids-limit", struct build_opts, pids_limit, "N", "Limit of processes and threads of each RUN; -1 is none"),
    OPT_INT('c', "cpu-shares", struct build_opts, cpu_shares, "N", "Weight of each RUN when processors are busy; 1024 is usual"),
    OPT_INT(0, "cpu-period", struct build_opts, cpu_period, "MICROSECONDS", "Period that --cpu-quota counts in; 100000 when left out"),
    OPT_INT(0, "cpu-quota", struct build_opts, cpu_quota, "MICROSECONDS", "Processor time of each RUN in a period; 50000 is half a processor"),
    OPT_STR(0, "cpuset-cpus", struct build_opts, cpuset_cpus, "LIST", "Processors that RUN may use: 0-3,7"),
    OPT_STR(0, "cpuset-mems", struct build_opts, cpuset_mems, "LIST", "Memory nodes that RUN may use: 0-1"),
    OPT_STR(0, "cgroup-parent", struct build_opts, cgroup_parent, "PATH", "Control group below which those of RUN are made"),
    OPT_STR(0, "hostname", struct build_opts, hostname, "NAME", "Host name in RUN", .hidden = true),

    OPT_GROUP("Checks and failures"),
    OPT_BOOL(0, "check", struct build_opts, check, "Check the Containerfile instead of building"),
    OPT_STR(0, "call", struct build_opts, call, "METHOD", "build, check, outline or targets; with ,format=json for tools"),
    OPT_STR(0, "on-error", struct build_opts, on_error, "WHAT", "shell: open a shell in the failed step's files", .words = on_errors),
    OPT_STR(0, "output-on-failure", struct build_opts, keep_failed, "DIR", "Keep the files of a failed step in a folder", .folders = true),

    OPT_GROUP("Repeatable images"),
    OPT_STR(0, "source-date-epoch", struct build_opts, epoch, "SECONDS", "Latest time in the image; the same as --build-arg SOURCE_DATE_EPOCH",
	.env = "SOURCE_DATE_EPOCH"),
    OPT_STR(0, "timestamp", struct build_opts, timestamp, "SECONDS", "The same, as podman calls it"),
    OPT_BOOL(0, "rewrite-timestamp", struct build_opts, rewrite_timestamp, "Always so: layers' times are clamped to SOURCE_DATE_EPOCH", .hidden = true),

    OPT_GROUP("How it runs"),
    OPT_BOOL('q', "quiet", struct build_opts, quiet, "Print nothing but the image's digest"),
    OPT_STR(0, "progress", struct build_opts, progress, "MODE", "auto, plain, tty, quiet, none or rawjson", .otherwise = "auto",
	.env = "BUILDKIT_PROGRESS", .words = progress_modes),
    OPT_INT('j', "jobs", struct build_opts, jobs, "N", "Steps that run at the same time; 0: one a core"),
    OPT_STR(0, "authfile", struct build_opts, authfile, "FILE", "Credentials for registries", .env = "REGISTRY_AUTH_FILE", .files = true),
    OPT_STR(0, "creds", struct build_opts, creds, "USER:PASSWORD", "Credentials for all registries of the build"),
    OPT_BOOL(0, "tls-verify", struct build_opts, insecure, "Verify the registry's certificate", .flip = true),

    /* Taken because scripts have them. */
    OPT_STR(0, "provenance", struct build_opts, provenance, "BOOL", "", .hidden = true),
    OPT_STR(0, "sbom", struct build_opts, sbom, "BOOL", "", .hidden = true),
    OPT_STR(0, "attest", struct build_opts, attest, "TYPE", "", .hidden = true),
    OPT_LIST(0, "manifest", struct build_opts, tags, "NAME", "The same as --tag, as podman calls it", .hidden = true),
    OPT_LIST('v', "volume", struct build_opts, volumes, "FOLDERS", "", .hidden = true),
    OPT_BOOL(0, "squash", struct build_opts, squash, "", .hidden = true),
    OPT_IGNORED(0, "retry"),
    OPT_IGNORED(0, "retry-delay"),
    OPT_IGNORED_BOOL(0, "stream"),
    OPT_IGNORED(0, "builder"),
    OPT_IGNORED(0, "isolation"),
    OPT_IGNORED(0, "security-opt"),
    OPT_IGNORED_BOOL(0, "rm"),
    OPT_IGNORED_BOOL(0, "force-rm"),
    OPT_IGNORED_BOOL(0, "layers"),
    OPT_IGNORED_BOOL(0, "compress"),
    OPT_IGNORED_BOOL(0, "disable-content-trust"),
    OPT_END};
