/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_DIGEST_H
#define COOPER_DIGEST_H

/*
 * SHA-256 digests (OCI image-spec, descriptor.md: "sha256:" and 64 lower-case hex digits) and the hasher that makes them.
 * Text becomes a struct digest at the border and is never used as a path or URL before that.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

enum { DIGEST_SIZE = 32, DIGEST_HEX = 64, DIGEST_TEXT = 7 + 64 };

struct digest {
	uint8_t b[DIGEST_SIZE]; /* all zero = none */
};

struct hasher {
	uint64_t opaque[16]; /* the library's context */
};

void hasher_init(struct hasher *h);
void hasher_add(struct hasher *h, const void *p, size_t len);
/* Length-prefixed, so that ("ab","c") and ("a","bc") differ: for keys. */
void hasher_str(struct hasher *h, struct str s);
void hasher_u64(struct hasher *h, uint64_t v);
void hasher_digest(struct hasher *h, const struct digest *d);
/* The digest; the hasher must be initialised again before it is used again. */
struct digest hasher_done(struct hasher *h);

struct digest digest_of(const void *p, size_t len);
/* Names a fact of this kind about the digest. */
struct digest digest_about(struct str kind, const struct digest *d);
bool digest_eq(const struct digest *a, const struct digest *b);
bool digest_none(const struct digest *d);
/* "sha256:<hex>", ERR_SYNTAX otherwise. */
int digest_parse(struct str text, struct digest *ret, struct err *e);
/* 64 hex digits alone. */
bool digest_from_hex(struct str hex, struct digest *ret);
/* Writes 64 hex digits and a NUL. */
void digest_hex(const struct digest *d, char out[DIGEST_HEX + 1]);
/* Writes "sha256:<hex>" and a NUL. */
void digest_text(const struct digest *d, char out[DIGEST_TEXT + 1]);

#endif
