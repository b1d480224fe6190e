/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_OCI_H
#define COOPER_OCI_H

/*
 * Image documents (OCI image-spec: descriptor.md, manifest.md, config.md, image-index.md) and their docker twins, between JSON
 * and structs. Reading is strict: a document that is two things at once, a wrong type, a digest that is none: ERR_CORRUPT.
 * Bytes that came from outside are kept and passed on as they are; printing is only for documents that we make.
 */
#include "base/arena.h"
#include "base/buf.h"
#include "base/digest.h"
#include "base/err.h"

enum media_kind { MEDIA_UNKNOWN, MEDIA_INDEX, MEDIA_MANIFEST, MEDIA_CONFIG, MEDIA_LAYER };
enum media_family { MEDIA_OCI, MEDIA_DOCKER };
enum media_compression { MEDIA_PLAIN, MEDIA_GZIP, MEDIA_ZSTD };

struct media {
	const char *text;
	enum media_kind kind;
	enum media_family family;
	enum media_compression compression; /* layers */
};
/* The row for a media type, or NULL; and back. */
const struct media *media_find(struct str text);
/* Layers that stand outside of registries and may not be copied there (docker's "foreign", OCI's "nondistributable"). */
bool media_is_foreign(struct str text);
const char *media_type(enum media_kind kind, enum media_family family, enum media_compression compression);

enum { MANIFEST_SIZE_MAX = 4 * 1024 * 1024, CONFIG_SIZE_MAX = 8 * 1024 * 1024 };

struct annotation {
	struct str key, value;
};
struct annotations {
	struct annotation *items;
	size_t n, cap;
};

struct platform {
	struct str os, arch, variant, os_version; /* normalised: platform.h */
};

struct descriptor {
	struct str media_type;
	struct digest digest;
	uint64_t size;
	struct platform platform; /* in an index; os empty = none given */
	struct annotations annotations;
	struct str artifact_type;
};

struct manifest {
	struct arena arena;
	struct str media_type;
	struct descriptor config;
	struct descriptor *layers;
	size_t nlayers;
	struct annotations annotations;
	bool has_subject;
};
int manifest_parse(struct str json, struct manifest *ret, struct err *e);
/* The bytes are part of the image's identity: fixed order of members, no blanks, no newline at the end. */
void manifest_print(const struct manifest *m, struct buf *out);
void manifest_done(struct manifest *m);

struct image_config;
/* May it be run or built upon? The config must be an image's, every layer one that can be opened, and there must be as many as
 * diff ids (`c` may be NULL). ERR_UNSUPPORTED for artifacts, encrypted and foreign layers; ERR_CORRUPT. */
int image_check(const struct manifest *m, const struct image_config *c, struct err *e);

struct image_index {
	struct arena arena;
	struct str media_type;
	struct descriptor *manifests;
	size_t n, cap;
	struct annotations annotations;
};
int image_index_parse(struct str json, struct image_index *ret, struct err *e);
void image_index_print(const struct image_index *ix, struct buf *out);
void image_index_done(struct image_index *ix);

/* A list of strings. */
struct strs {
	struct str *v;
	size_t n, cap;
};
void strs_add(struct arena *a, struct strs *l, struct str s);

struct healthcheck {
	bool set;
	struct strs test;
	int64_t interval, timeout, start_period, start_interval; /* nanoseconds; 0 = absent */
	int64_t retries;
};

struct history_entry {
	struct str created;    /* RFC 3339; empty = absent */
	struct str created_by, author, comment;
	bool empty_layer;
};

/* An image's configuration. "Absent when empty" holds for every list and string; a list that is present but empty counts as
 * absent. Members that we do not know are dropped when printing. */
struct image_config {
	struct arena arena;
	struct str architecture, os, variant, os_version, author, created;
	struct strs os_features;
	/* "config" */
	struct str user, workdir, stop_signal, hostname, domainname;
	struct strs exposed_ports, volumes;  /* keys, sorted when printed */
	struct strs env, entrypoint, cmd, onbuild, shell;
	struct annotations labels;           /* order of insertion; sorted by key when printed */
	struct healthcheck health;
	bool args_escaped;
	/* "rootfs" */
	struct digest *diff_ids;
	size_t ndiff_ids, diff_cap;
	struct history_entry *history;
	size_t nhistory, history_cap;
	struct str cache;      /* member cooper.cache.v1 (cachedoc.h) as JSON: printed, neither parsed nor copied */
};
int image_config_parse(struct str json, struct image_config *ret, struct err *e);
void image_config_print(const struct image_config *c, struct buf *out);
/* Deep copy into a fresh struct. */
void image_config_copy(const struct image_config *from, struct image_config *ret);
void image_config_done(struct image_config *c);
void image_config_add_diff_id(struct image_config *c, const struct digest *d);
void image_config_add_history(struct image_config *c, const struct history_entry *h); /* copies strings */

void annotations_set(struct arena *a, struct annotations *l, struct str key, struct str value); /* replaces in place */
/* Deep copy of strings into the arena. */
void descriptor_copy(const struct descriptor *d, struct arena *a, struct descriptor *ret);
bool annotations_get(const struct annotations *l, struct str key, struct str *ret);

/* RFC 3339 with nanoseconds ("2026-11-25T20:49:38.5Z", fraction without trailing zeroes, "Z"). */
void oci_time_print(int64_t sec, uint32_t nsec, struct buf *out);
bool oci_time_parse(struct str text, int64_t *ret_sec, uint32_t *ret_nsec);

#endif
