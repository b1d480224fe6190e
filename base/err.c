/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Errors as values: a code for the program, a text for the person, a place in the Containerfile. Nothing is allocated,
 * so that failing can never fail.
 */
#include "base/err.h"

#include <stdio.h>
#include <string.h>

static void vput(char *out, size_t size, const char *format, va_list args) __attribute__((format(printf, 3, 0)));

static void vput(char *out, size_t size, const char *format, va_list args)
{
	int n = vsnprintf(out, size, format, args);
	if (n < 0)
		out[0] = '\0';
}

int err_set(struct err *e, enum err_code code, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	*e = (struct err){.code = code};
	vput(e->text, sizeof(e->text), format, args);
	va_end(args);
	return -(int)code;
}

int err_sys(struct err *e, const char *format, ...)
{
	int saved = errno;
	va_list args;
	va_start(args, format);
	*e = (struct err){.code = ERR_SYS, .sys = saved};
	vput(e->text, sizeof(e->text), format, args);
	va_end(args);
	size_t len = strlen(e->text);
	snprintf(e->text + len, sizeof(e->text) - len, ": %s", strerrordesc_np(saved) ? strerrordesc_np(saved) : "unknown error");
	errno = saved;
	return -(int)ERR_SYS;
}

int err_wrap(struct err *e, const char *format, ...)
{
	char words[sizeof(e->text)], rest[sizeof(e->text)];
	va_list args;
	va_start(args, format);
	vput(words, sizeof(words), format, args);
	va_end(args);
	memcpy(rest, e->text, sizeof(rest));
	size_t n = strnlen(words, sizeof(words) - 3);
	memcpy(e->text, words, n);
	e->text[n] = '\0';
	/* What does not fit is cut on purpose: the words in front say more than the tail. */
	snprintf(e->text + n, sizeof(e->text) - n, ": %.*s", (int)(sizeof(e->text) - n - 3), rest);
	return -(int)e->code;
}

int err_at(struct err *e, int line, int col, int end_line)
{
	if (e->line == 0) {
		e->line = line;
		e->col = col;
		e->end_line = end_line;
	}
	return -(int)e->code;
}

int err_append(struct err *e, const char *format, ...)
{
	size_t len = strlen(e->text);
	va_list args;
	va_start(args, format);
	vput(e->text + len, sizeof(e->text) - len, format, args);
	va_end(args);
	return -(int)e->code;
}
