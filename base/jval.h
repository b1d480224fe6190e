/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_JVAL_H
#define COOPER_JVAL_H

/*
 * JSON (RFC 8259), strict: valid UTF-8, no duplicate keys, depth at most 64, nothing behind the document, no NUL in
 * strings. Values are a tree owned by the root that jval_parse gave; parts are borrowed from it. Questions asked of a
 * value of another kind, or of NULL, give "nothing" (NULL, 0, default), so look-ups can be chained.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

struct jval; /* a value */

int jval_parse(struct str text, struct jval **ret, struct err *e); /* ERR_SYNTAX; free with jval_free */
void jval_free(struct jval *j);
static inline void jval_cleanup(struct jval **j)
{
	jval_free(*j);
}
#define cleanup_jval __attribute__((cleanup(jval_cleanup)))

bool jval_is_object(const struct jval *j);
bool jval_is_array(const struct jval *j);
bool jval_is_string(const struct jval *j);
bool jval_is_null(const struct jval *j);                           /* JSON null; NULL is not */
struct jval *jval_get(const struct jval *object, const char *key); /* NULL if absent */
size_t jval_count(const struct jval *j);                           /* items of an array, members of an object */
struct jval *jval_at(const struct jval *array, size_t i);
const char *jval_text(const struct jval *j);                       /* the string, or NULL */
const char *jval_get_text(const struct jval *object, const char *key);
int64_t jval_int(const struct jval *j, int64_t otherwise);
double jval_real(const struct jval *j, double otherwise);
bool jval_bool(const struct jval *j, bool otherwise);
/* Calls fn for each member in document order until it returns non-zero, which is returned. */
int jval_each(const struct jval *object, int (*fn)(const char *key, struct jval *value, void *arg), void *arg);

/* Building and changing. Containers take ownership of what is put in. */
struct jval *jval_object(void);
struct jval *jval_array(void);
struct jval *jval_string(struct str s);                            /* bytes that are no UTF-8 become U+FFFD */
struct jval *jval_integer(int64_t v);
struct jval *jval_boolean(bool v);
struct jval *jval_null(void);
struct jval *jval_copy(const struct jval *j);                      /* deep */
void jval_set(struct jval *object, const char *key, struct jval *take_value);
static inline void jval_set_str(struct jval *object, const char *key, struct str s)
{
	jval_set(object, key, jval_string(s));
}
static inline void jval_set_text(struct jval *object, const char *key, const char *s)
{
	jval_set(object, key, jval_string(str_of(s)));
}
void jval_remove(struct jval *object, const char *key);
void jval_append(struct jval *array, struct jval *take_value);
/* Members in order of insertion; indent 0 gives one line without blanks; no newline at the end. */
void jval_print(const struct jval *j, unsigned indent, struct buf *out);
/* Appends s as a JSON string. */
void jval_quote(struct str s, struct buf *out);

#endif
