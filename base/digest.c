/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The door to libcrypto. The low-level SHA256 functions are used on purpose: they cost no start-up, where the provider
 * machinery behind EVP costs two milliseconds before the first byte (docs/ARCHITECTURE.md, "Start small").
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "base/digest.h"

#include <openssl/sha.h>

_Static_assert(sizeof(SHA256_CTX) <= sizeof(struct hasher), "struct hasher is too small");

static SHA256_CTX *ctx(struct hasher *h)
{
	return (SHA256_CTX *)(void *)h->opaque;
}

void hasher_init(struct hasher *h)
{
	SHA256_Init(ctx(h));
}

void hasher_add(struct hasher *h, const void *p, size_t len)
{
	SHA256_Update(ctx(h), p, len);
}

void hasher_u64(struct hasher *h, uint64_t v)
{
	uint8_t b[8];
	for (int i = 0; i < 8; i++)
		b[i] = (uint8_t)(v >> (8 * i));
	hasher_add(h, b, sizeof(b));
}

void hasher_str(struct hasher *h, struct str s)
{
	hasher_u64(h, s.len);
	if (s.len)
		hasher_add(h, s.p, s.len);
}

void hasher_digest(struct hasher *h, const struct digest *d)
{
	hasher_add(h, d->b, sizeof(d->b));
}

struct digest hasher_done(struct hasher *h)
{
	struct digest d;
	SHA256_Final(d.b, ctx(h));
	return d;
}

struct digest digest_about(struct str kind, const struct digest *d)
{
	struct hasher h;
	hasher_init(&h);
	hasher_str(&h, kind);
	hasher_digest(&h, d);
	return hasher_done(&h);
}

struct digest digest_of(const void *p, size_t len)
{
	struct hasher h;
	hasher_init(&h);
	if (len)
		hasher_add(&h, p, len);
	return hasher_done(&h);
}

bool digest_eq(const struct digest *a, const struct digest *b)
{
	return memcmp(a->b, b->b, sizeof(a->b)) == 0;
}

bool digest_none(const struct digest *d)
{
	static const struct digest none;
	return digest_eq(d, &none);
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool digest_from_hex(struct str hex, struct digest *ret)
{
	struct digest d;
	if (hex.len != DIGEST_HEX)
		return false;
	for (size_t i = 0; i < DIGEST_SIZE; i++) {
		int hi = hex_value(hex.p[2 * i]), lo = hex_value(hex.p[2 * i + 1]);
		if (hi < 0 || lo < 0)
			return false;
		d.b[i] = (uint8_t)(hi << 4 | lo);
	}
	*ret = d;
	return true;
}

int digest_parse(struct str text, struct digest *ret, struct err *e)
{
	if (!str_starts(text, STR("sha256:"))) {
		ptrdiff_t colon = str_find(text, ':');
		if (colon > 0 && str_eq(str_sub(text, 0, (size_t)colon), STR("sha512")))
			return err_set(e, ERR_UNSUPPORTED, "digest algorithm sha512 is not supported, only sha256");
		return err_set(e, ERR_SYNTAX, "invalid digest \"%.*s\"", STR_ARG(text));
	}
	struct digest d;
	if (!digest_from_hex(str_from(text, 7), &d))
		return err_set(e, ERR_SYNTAX, "invalid digest \"%.*s\"", STR_ARG(text));
	if (digest_none(&d)) /* would mean "not given" further on */
		return err_set(e, ERR_SYNTAX, "nothing has the digest \"%.*s\"", STR_ARG(text));
	*ret = d;
	return 0;
}

void digest_hex(const struct digest *d, char out[DIGEST_HEX + 1])
{
	static const char digits[] = "0123456789abcdef";
	for (size_t i = 0; i < DIGEST_SIZE; i++) {
		out[2 * i] = digits[d->b[i] >> 4];
		out[2 * i + 1] = digits[d->b[i] & 15];
	}
	out[DIGEST_HEX] = '\0';
}

void digest_text(const struct digest *d, char out[DIGEST_TEXT + 1])
{
	memcpy(out, "sha256:", 7);
	digest_hex(d, out + 7);
}
