/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_BUF_H
#define COOPER_BUF_H

/* Growable bytes, always NUL-terminated once something was added. `struct buf b = {0};` is a good empty one. */
#include <stdbool.h>
#include <stddef.h>

#include "base/mem.h"
#include "base/str.h"

struct buf {
	char *p; /* NULL while nothing was added */
	size_t len, cap;
};

void buf_done(struct buf *b);                              /* frees and zeroes */
void buf_clear(struct buf *b);                             /* length 0, memory kept */
void buf_need(struct buf *b, size_t more);                 /* room for `more` bytes and a NUL */
void buf_add(struct buf *b, const void *p, size_t len);
void buf_str(struct buf *b, struct str s);
void buf_puts(struct buf *b, const char *s);
void buf_putc(struct buf *b, char c);
void buf_printf(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Appends s as a Go/JSON-like quoted string: \" \\ \n \t \r \xNN for other control bytes. */
void buf_quote(struct buf *b, struct str s);
/* Appends text that comes from a file or from elsewhere as a terminal may have it: control bytes other than newline and tab, C1
 * controls and bytes that are no UTF-8 become "\x1b"; with colors, "ESC [ ... m" stays. */
void buf_clean(struct buf *b, struct str s, bool colors);
static inline struct str buf_view(const struct buf *b)
{
	return (struct str){b->p, b->len};
}
/* Takes the string out (never NULL); the caller frees it with mem_free. */
char *buf_steal(struct buf *b);
#define cleanup_buf __attribute__((cleanup(buf_done)))

#endif
