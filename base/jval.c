/* SPDX-License-Identifier: Apache-2.0 */
/* The door to jansson. A `struct jval` is a json_t under another name. */
#include "base/jval.h"

#include <jansson.h>

enum { DEPTH_MAX = 64 };

static json_t *in(const struct jval *j)
{
	return (json_t *)(uintptr_t)j;
}

static struct jval *out_of(json_t *j)
{
	return (struct jval *)j;
}

static bool is(const struct jval *j, json_type type)
{
	return j && json_typeof(in(j)) == type;
}

/* jansson's own limit is 2,048 levels of recursion; ours is found by one look at the text. */
static int check_depth(struct str text, struct err *e)
{
	int depth = 0;
	bool quoted = false;
	for (size_t i = 0; i < text.len; i++) {
		char c = text.p[i];
		if (quoted) {
			if (c == '\\')
				i++;
			else if (c == '"')
				quoted = false;
		} else if (c == '"') {
			quoted = true;
		} else if (c == '{' || c == '[') {
			if (++depth > DEPTH_MAX)
				return err_set(e, ERR_LIMIT, "JSON nested deeper than %d", DEPTH_MAX);
		} else if (c == '}' || c == ']') {
			depth--;
		}
	}
	return 0;
}

int jval_parse(struct str text, struct jval **ret, struct err *e)
{
	json_error_t why;
	TRY(check_depth(text, e));
	json_t *j = json_loadb(text.p ? text.p : "", text.len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &why);
	if (!j)
		return err_set(e, ERR_SYNTAX, "invalid JSON at line %d, column %d: %s", why.line, why.column, why.text);
	*ret = out_of(j);
	return 0;
}

void jval_free(struct jval *j)
{
	json_decref(in(j));
}

bool jval_is_object(const struct jval *j)
{
	return is(j, JSON_OBJECT);
}

bool jval_is_array(const struct jval *j)
{
	return is(j, JSON_ARRAY);
}

bool jval_is_string(const struct jval *j)
{
	return is(j, JSON_STRING);
}

bool jval_is_null(const struct jval *j)
{
	return is(j, JSON_NULL);
}

struct jval *jval_get(const struct jval *object, const char *key)
{
	return jval_is_object(object) ? out_of(json_object_get(in(object), key)) : NULL;
}

size_t jval_count(const struct jval *j)
{
	if (jval_is_array(j))
		return json_array_size(in(j));
	return jval_is_object(j) ? json_object_size(in(j)) : 0;
}

struct jval *jval_at(const struct jval *array, size_t i)
{
	return jval_is_array(array) ? out_of(json_array_get(in(array), i)) : NULL;
}

const char *jval_text(const struct jval *j)
{
	return jval_is_string(j) ? json_string_value(in(j)) : NULL;
}

const char *jval_get_text(const struct jval *object, const char *key)
{
	return jval_text(jval_get(object, key));
}

int64_t jval_int(const struct jval *j, int64_t otherwise)
{
	return is(j, JSON_INTEGER) ? json_integer_value(in(j)) : otherwise;
}

double jval_real(const struct jval *j, double otherwise)
{
	return is(j, JSON_REAL) || is(j, JSON_INTEGER) ? json_number_value(in(j)) : otherwise;
}

bool jval_bool(const struct jval *j, bool otherwise)
{
	return is(j, JSON_TRUE) || (!is(j, JSON_FALSE) && otherwise);
}

int jval_each(const struct jval *object, int (*fn)(const char *key, struct jval *value, void *arg), void *arg)
{
	const char *key;
	json_t *value;
	void *next;
	if (!jval_is_object(object))
		return 0;
	json_object_foreach_safe (in(object), next, key, value) {
		int rc = fn(key, out_of(value), arg);
		if (rc)
			return rc;
	}
	return 0;
}

struct jval *jval_object(void)
{
	return out_of(json_object());
}

struct jval *jval_array(void)
{
	return out_of(json_array());
}

/* Length of the well-formed UTF-8 sequence at s, or 0 (RFC 3629). */
static size_t utf8_len(const unsigned char *s, size_t left)
{
	if (s[0] < 0x80)
		return 1;
	size_t n = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;
	if (s[0] < 0xc2 || s[0] > 0xf4 || left < n)
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) || (s[0] == 0xf0 && s[1] < 0x90) ||
	    (s[0] == 0xf4 && s[1] > 0x8f))
		return 0;
	return n;
}

struct jval *jval_string(struct str s)
{
	json_t *j = json_stringn(s.p ? s.p : "", s.len);
	if (j)
		return out_of(j);
	cleanup_buf struct buf clean = {0};
	for (size_t i = 0; i < s.len;) {
		size_t n = utf8_len((const unsigned char *)s.p + i, s.len - i);
		if (n)
			buf_add(&clean, s.p + i, n);
		else
			buf_puts(&clean, "\xef\xbf\xbd");
		i += n ? n : 1;
	}
	return out_of(json_stringn(clean.p, clean.len));
}

struct jval *jval_integer(int64_t v)
{
	return out_of(json_integer(v));
}

struct jval *jval_boolean(bool v)
{
	return out_of(json_boolean(v));
}

struct jval *jval_null(void)
{
	return out_of(json_null());
}

struct jval *jval_copy(const struct jval *j)
{
	return out_of(json_deep_copy(in(j)));
}

void jval_set(struct jval *object, const char *key, struct jval *take_value)
{
	json_object_set_new_nocheck(in(object), key, in(take_value));
}

void jval_remove(struct jval *object, const char *key)
{
	json_object_del(in(object), key);
}

void jval_append(struct jval *array, struct jval *take_value)
{
	json_array_append_new(in(array), in(take_value));
}

static int dump(const char *p, size_t len, void *arg)
{
	buf_add(arg, p, len);
	return 0;
}

void jval_print(const struct jval *j, unsigned indent, struct buf *out)
{
	size_t flags = JSON_ENCODE_ANY | JSON_PRESERVE_ORDER | (indent ? JSON_INDENT(indent) : JSON_COMPACT);
	json_dump_callback(in(j), dump, out, flags);
}

void jval_quote(struct str s, struct buf *out)
{
	struct jval *j = jval_string(s);
	jval_print(j, 0, out);
	jval_free(j);
}
