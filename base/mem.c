/* SPDX-License-Identifier: Apache-2.0 */
/* The only file that calls malloc and free. See mem.h. */
#include "base/mem.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { HUGE_PAGE = 2 << 20 };

static void *checked(void *p)
{
	if (!p) {
		static const char text[] = "cooper: out of memory\n";
		ssize_t n = write(STDERR_FILENO, text, sizeof(text) - 1);
		(void)n;
		abort();
	}
	return p;
}

void *mem_new(size_t size)
{
	return checked(calloc(1, size ? size : 1));
}

void *mem_array(size_t n, size_t size)
{
	return checked(calloc(n ? n : 1, size ? size : 1));
}

void *mem_grow(void *p, size_t n, size_t size)
{
	size_t bytes;
	if (__builtin_mul_overflow(n, size, &bytes))
		checked(NULL);
	return checked(realloc(p, bytes ? bytes : 1));
}

void *mem_large(size_t n, size_t size)
{
	size_t bytes, room;
	void *p = NULL;
	if (__builtin_mul_overflow(n, size, &bytes) || __builtin_add_overflow(bytes, HUGE_PAGE - 1, &room))
		checked(NULL);
	if (bytes < HUGE_PAGE)
		return mem_grow(NULL, bytes, 1);
	room &= ~(size_t)(HUGE_PAGE - 1);
	if (posix_memalign(&p, HUGE_PAGE, room) != 0)
		checked(NULL);
	(void)madvise(p, room, MADV_HUGEPAGE);
	return p;
}

char *mem_strdup(const char *s)
{
	return s ? checked(strdup(s)) : NULL;
}

char *mem_strndup(const char *s, size_t n)
{
	char *p = mem_new(n + 1);
	if (n)
		memcpy(p, s, n);
	return p;
}

char *mem_vprintf(const char *format, va_list args)
{
	char *s = NULL;
	int n = vasprintf(&s, format, args);
	return checked(n < 0 ? NULL : s);
}

char *mem_printf(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	char *s = mem_vprintf(format, args);
	va_end(args);
	return s;
}

void mem_free(void *p)
{
	int saved = errno;
	free(p);
	errno = saved;
}

void mem_cleanup_free(void *pp)
{
	mem_free(*(void **)pp);
}

void mem_cleanup_close(int *fd)
{
	int saved = errno;
	if (*fd >= 0)
		close(*fd);
	errno = saved;
}
