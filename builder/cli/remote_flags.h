/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_REMOTE_FLAGS_H
#define COOPER_REMOTE_FLAGS_H

/* The options of all commands that talk to registries, and a transfer that shows its progress. */
#include "builder/cli/local.h"
#include "registry/remote.h"
#include "registry/transfer.h"

struct remote_flags {
	bool insecure;
	const char *authfile, *creds;
};

/* Rows for an option table; `m` is the struct remote_flags in T. */
#define REMOTE_ROWS(T, m)                                                                                                   \
	OPT_STR(0, "authfile", T, m.authfile, "FILE", "Read credentials from this file only", .env = "REGISTRY_AUTH_FILE",   \
	    .files = true),                                                                                                 \
	    OPT_STR(0, "creds", T, m.creds, "USER:PASSWORD", "Credentials for the registry"),                                \
	    OPT_BOOL(0, "tls-verify", T, m.insecure, "=false: allow plain HTTP and certificates that nobody knows", .flip = true), \
	    OPT_IGNORED(0, "retry"), OPT_IGNORED(0, "retry-delay"), OPT_IGNORED_BOOL(0, "disable-content-trust")

/* What --creds (may be NULL) says; strings in `a`. ERR_USAGE. */
int remote_creds(const char *creds, struct arena *a, struct remote_opts *o, struct err *e);
/* Strings live in the command's arena. ERR_USAGE for bad --creds. */
int remote_flags_open(struct cli *cli, const struct remote_flags *f, const struct ref *repo, bool push, struct place **ret, struct err *e);

/* transfer() with its progress on stderr under the title; `quiet` shows nothing. */
struct shown_transfer {
	const char *title;
	bool quiet;
	const struct platform *platform;
	const struct descriptor *resolved; /* see transfer.h */
};
int remote_transfer(struct cli *cli, const struct shown_transfer *how, struct place *from, struct str from_name, struct place *to,
	struct str to_name, struct descriptor *ret, struct err *e);
/* "docker://x" -> "x" */
const char *remote_name(const char *written);

#endif
