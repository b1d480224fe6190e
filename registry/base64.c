/* SPDX-License-Identifier: Apache-2.0 */
/* Base64 as it stands in credential files, Authorization headers and embedded descriptors. */
#include "registry/base64.h"

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_encode(struct str bytes, struct buf *out)
{
	for (size_t i = 0; i < bytes.len; i += 3) {
		size_t left = bytes.len - i;
		const unsigned char *p = (const unsigned char *)bytes.p + i;
		unsigned v = (unsigned)p[0] << 16 | (left > 1 ? (unsigned)p[1] << 8 : 0) | (left > 2 ? p[2] : 0);
		buf_putc(out, digits[v >> 18 & 63]);
		buf_putc(out, digits[v >> 12 & 63]);
		buf_putc(out, left > 1 ? digits[v >> 6 & 63] : '=');
		buf_putc(out, left > 2 ? digits[v & 63] : '=');
	}
}

static int value_of(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

bool base64_decode(struct str text, struct buf *out)
{
	while (text.len && text.p[text.len - 1] == '=')
		text.len--;
	if (text.len % 4 == 1)
		return false;
	unsigned v = 0, bits = 0;
	for (size_t i = 0; i < text.len; i++) {
		int d = value_of(text.p[i]);
		if (d < 0)
			return false;
		v = v << 6 | (unsigned)d;
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			buf_putc(out, (char)(v >> bits & 0xff));
			v &= (1U << bits) - 1;
		}
	}
	return true;
}
