/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_REMOTE_H
#define COOPER_REMOTE_H

/*
 * A repository of a registry as a place (OCI distribution-spec). HTTP comes from libcurl, which is loaded when the first
 * request is made and not before. Names are tags or digests.
 */
#include "registry/place.h"
#include "registry/ref.h"

struct remote_opts {
	bool push;                  /* ask for push scope */
	bool insecure;              /* allow plain HTTP and unverified TLS for this registry (--tls-verify=false) */
	const char *authfile;       /* NULL: the usual places (cred.h) */
	const char *user, *password;/* --creds; NULL: from the files */
	const struct cancel *cancel;
};
/* registries.conf can move, block (ERR_DENIED) or open a registry for plain HTTP (registries.h). */
int remote_open(const struct ref *repo, const struct remote_opts *o, struct place **ret, struct err *e);

/* Is this user let in? Used by `cooper login`: an authenticated GET /v2/. ERR_DENIED, ERR_REMOTE. */
int remote_check(struct str host, const char *user, const char *password, bool insecure, struct err *e);

/* Fetches an URL for ADD and remote contexts: body into the sink, final status checked (ERR_REMOTE "invalid response status 404"),
 * redirects followed for https and http only. Headers of interest are given back; strings in `a`. */
struct fetched {
	struct str etag, last_modified, content_type;
	int64_t last_modified_sec;  /* 0 when there is none */
	bool not_modified;          /* 304 to the etag that was sent */
};
int remote_fetch(struct str url, struct str if_none_match, struct sink *to, uint64_t limit, const struct cancel *cancel,
	struct arena *a, struct fetched *ret, struct err *e);

#endif
