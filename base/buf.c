/* SPDX-License-Identifier: Apache-2.0 */
/* Growable bytes. See buf.h. */
#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void buf_done(struct buf *b)
{
	mem_free(b->p);
	*b = (struct buf){0};
}

void buf_clear(struct buf *b)
{
	b->len = 0;
	if (b->p)
		b->p[0] = '\0';
}

void buf_need(struct buf *b, size_t more)
{
	size_t want;
	if (__builtin_add_overflow(b->len, more, &want) || __builtin_add_overflow(want, (size_t)1, &want))
		abort();
	if (want <= b->cap)
		return;
	size_t cap = b->cap ? b->cap : 64;
	while (cap < want)
		cap = cap > ((size_t)-1) / 2 ? want : cap * 2;
	b->p = mem_grow(b->p, cap, 1);
	b->cap = cap;
}

void buf_add(struct buf *b, const void *p, size_t len)
{
	buf_need(b, len);
	if (len)
		memcpy(b->p + b->len, p, len);
	b->len += len;
	b->p[b->len] = '\0';
}

void buf_str(struct buf *b, struct str s)
{
	buf_add(b, s.p, s.len);
}

void buf_puts(struct buf *b, const char *s)
{
	buf_add(b, s, strlen(s));
}

void buf_putc(struct buf *b, char c)
{
	buf_add(b, &c, 1);
}

void buf_printf(struct buf *b, const char *format, ...)
{
	va_list args, again;
	va_start(args, format);
	va_copy(again, args);
	int n = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (n > 0) {
		buf_need(b, (size_t)n);
		vsnprintf(b->p + b->len, (size_t)n + 1, format, again);
		b->len += (size_t)n;
	}
	va_end(again);
}

void buf_quote(struct buf *b, struct str s)
{
	buf_putc(b, '"');
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.p[i];
		if (c == '"' || c == '\\')
			buf_printf(b, "\\%c", c);
		else if (c == '\n')
			buf_puts(b, "\\n");
		else if (c == '\t')
			buf_puts(b, "\\t");
		else if (c == '\r')
			buf_puts(b, "\\r");
		else if (c < 32 || c == 127)
			buf_printf(b, "\\x%02x", c);
		else
			buf_putc(b, (char)c);
	}
	buf_putc(b, '"');
}

char *buf_steal(struct buf *b)
{
	if (!b->p)
		buf_add(b, "", 0);
	char *p = b->p;
	*b = (struct buf){0};
	return p;
}

/* Length of the UTF-8 sequence that s begins with; 0 when it is none or a C1 control. */
static size_t utf8_len(struct str s)
{
	unsigned char c = (unsigned char)s.p[0];
	size_t len = c < 0x80 ? 1 : c < 0xc2 ? 0 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : c < 0xf5 ? 4 : 0;
	if (len == 0 || len > s.len)
		return 0;
	for (size_t i = 1; i < len; i++)
		if (((unsigned char)s.p[i] & 0xc0) != 0x80)
			return 0;
	return c == 0xc2 && (unsigned char)s.p[1] < 0xa0 ? 0 : len;
}

/* Length of the "ESC [ digits m" that s begins with, or 0. */
static size_t color_len(struct str s)
{
	if (s.len < 3 || s.p[0] != 033 || s.p[1] != '[')
		return 0;
	size_t n = 2;
	while (n < s.len && ((s.p[n] >= '0' && s.p[n] <= '9') || s.p[n] == ';' || s.p[n] == ':'))
		n++;
	return n < s.len && s.p[n] == 'm' ? n + 1 : 0;
}

void buf_clean(struct buf *b, struct str s, bool colors)
{
	while (s.len) {
		unsigned char c = (unsigned char)s.p[0];
		size_t len = colors ? color_len(s) : 0;
		if (!len && ((c >= ' ' && c != 127) || c == '\n' || c == '\t'))
			len = utf8_len(s);
		if (len)
			buf_add(b, s.p, len);
		else
			buf_printf(b, "\\x%02x", c);
		s = str_from(s, len ? len : 1);
	}
}
