/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_MEM_H
#define COOPER_MEM_H

/*
 * Allocation that cannot fail: out of memory aborts. In exchange every size that comes from outside is checked against a
 * limit before it is allocated. malloc, free and strdup are not called anywhere else.
 */
#include <stdarg.h>
#include <stddef.h>

void *mem_new(size_t size);                                /* zeroed */
void *mem_array(size_t n, size_t size);                    /* zeroed, overflow-checked */
void *mem_grow(void *p, size_t n, size_t size);            /* like realloc; new bytes are not zeroed */
/* For megabytes that are filled at once: not zeroed, in huge pages where the kernel has them, so that they do not cost a page
 * fault for every 4 KiB. Freed and grown like all others. */
void *mem_large(size_t n, size_t size);
char *mem_strdup(const char *s);                           /* NULL gives NULL */
char *mem_strndup(const char *s, size_t n);                /* always NUL-terminated */
char *mem_vprintf(const char *format, va_list args) __attribute__((format(printf, 1, 0)));
char *mem_printf(const char *format, ...) __attribute__((format(printf, 1, 2)));
void mem_free(void *p);                                    /* NULL is fine; keeps errno */

/* Makes room for one more in the array `a` of `n` used and `cap` allocated items. */
#define MEM_ROOM(a, n, cap)                                              \
	do {                                                             \
		if ((n) >= (cap)) {                                      \
			(cap) = (cap) ? (cap) * 2 : 8;                   \
			(a) = mem_grow((a), (cap), sizeof(*(a)));        \
		}                                                        \
	} while (0)

/* Clean-up attributes: `cleanup_free char *s = NULL;` */
void mem_cleanup_free(void *pp);
void mem_cleanup_close(int *fd);                           /* closes fd >= 0 */
#define cleanup_free __attribute__((cleanup(mem_cleanup_free)))
#define cleanup_close __attribute__((cleanup(mem_cleanup_close)))
#define cleanup_with(fn) __attribute__((cleanup(fn)))

/* Defines `name` as a clean-up for `type *` variables through `destroy(type *)`. */
#define MEM_CLEANUP(name, type, destroy)                                 \
	static inline void name(type **p)                                \
	{                                                                \
		if (*p)                                                  \
			destroy(*p);                                     \
	}

/* Gives the pointer away: returns it and leaves NULL. */
static inline void *mem_steal_(void *pp)
{
	void **p = pp, *v = *p;
	*p = NULL;
	return v;
}
#define steal(p) ((__typeof__(*(p)))mem_steal_(p))
static inline int steal_fd(int *fd)
{
	int v = *fd;
	*fd = -1;
	return v;
}

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

#endif
