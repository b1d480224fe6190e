/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_REF_H
#define COOPER_REF_H

/* Image references: [host[:port]/]path[:tag][@digest], normalised as docker does ("app" = docker.io/library/app:latest). */
#include "base/arena.h"
#include "base/buf.h"
#include "base/digest.h"
#include "base/err.h"

struct ref {
	struct str host;   /* "docker.io", "localhost:5000" */
	struct str path;   /* "library/app" */
	struct str tag;    /* empty when there is a digest and no tag was written; else at least "latest" */
	struct digest digest; /* none when not given */
	bool tagged;       /* a tag was written */
};

/* ERR_SYNTAX: 'invalid reference format', '... repository name must be lowercase', as docker words it. Strings live in `a`. */
int ref_parse(struct str text, struct arena *a, struct ref *ret, struct err *e);
void ref_print(const struct ref *r, struct buf *out);          /* full: docker.io/library/app:latest */
void ref_print_familiar(const struct ref *r, struct buf *out); /* app:latest */
void ref_print_repo(const struct ref *r, struct buf *out);     /* docker.io/library/app */

#endif
