/* SPDX-License-Identifier: Apache-2.0 */
/* Paths of COPY and ADD as text: nothing here looks at a tree. */
#include "snapshotter/copy_impl.h"

bool copy_component(struct str *rest, struct str *ret)
{
	while (rest->len) {
		ptrdiff_t slash = str_find(*rest, '/');
		*ret = slash < 0 ? *rest : str_sub(*rest, 0, (size_t)slash);
		*rest = slash < 0 ? (struct str){0} : str_from(*rest, (size_t)slash + 1);
		if (ret->len)
			return true;
	}
	return false;
}

struct str copy_clean(struct arena *ar, struct str path)
{
	char *out = arena_new(ar, path.len + 1);
	size_t n = 0;
	struct str part;
	while (copy_component(&path, &part)) {
		if (str_eqz(part, "."))
			continue;
		if (str_eqz(part, "..")) {
			while (n > 0 && out[n - 1] != '/')
				n--;
			n -= n > 0;
			continue;
		}
		if (n)
			out[n++] = '/';
		memcpy(out + n, part.p, part.len);
		n += part.len;
	}
	out[n] = '\0';
	return (struct str){out, n};
}

struct str copy_join(struct arena *ar, struct str dir, struct str name)
{
	if (!dir.len)
		return name;
	if (!name.len)
		return dir;
	char *out = arena_new(ar, dir.len + name.len + 2);
	memcpy(out, dir.p, dir.len);
	out[dir.len] = '/';
	memcpy(out + dir.len + 1, name.p, name.len);
	return (struct str){out, dir.len + 1 + name.len};
}

bool copy_is_wild(struct str s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (s.p[i] == '\\')
			i++;
		else if (s.p[i] == '*' || s.p[i] == '?' || s.p[i] == '[')
			return true;
	}
	return false;
}

struct str copy_unescape(struct arena *ar, struct str s)
{
	char *out = arena_new(ar, s.len + 1);
	size_t n = 0;
	for (size_t i = 0; i < s.len; i++) {
		if (s.p[i] == '\\' && i + 1 < s.len)
			i++;
		out[n++] = s.p[i];
	}
	return (struct str){out, n};
}

bool copy_is_octal(struct str chmod)
{
	for (size_t i = 0; i < chmod.len; i++)
		if (chmod.p[i] < '0' || chmod.p[i] > '7')
			return false;
	return chmod.len > 0;
}

bool copy_dest_is_folder(const struct copy_args *a)
{
	struct str d = a->dest;
	return !d.len || str_eqz(d, ".") || str_eqz(d, "..") || str_ends(d, STR("/")) || str_ends(d, STR("/.")) || str_ends(d, STR("/.."));
}

struct str copy_dest(const struct copy_args *a, struct arena *ar)
{
	if (str_starts(a->dest, STR("/")))
		return copy_clean(ar, a->dest);
	char *joined = arena_printf(ar, "%.*s/%.*s", STR_ARG(a->workdir), STR_ARG(a->dest));
	return copy_clean(ar, str_of(joined));
}
