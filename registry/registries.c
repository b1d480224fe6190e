/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A reader for the little TOML that these files are made of: [[tables]], `key = "text"`, `key = true`, comments. Lines that are
 * something else belong to settings that do not concern us.
 */
#include "registry/registries.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>

#include "base/io.h"

enum { FILE_MAX = 1024 * 1024 };

struct table {
	struct str prefix, location;
	bool insecure, blocked, open;
};

/* "text" or 'text'; escapes do not occur in names of registries. */
static bool text_value(struct str v, struct str *ret)
{
	char quote = v.len ? v.p[0] : '\0';
	ptrdiff_t end = v.len ? str_find(str_from(v, 1), quote) : -1;
	if ((quote != '"' && quote != '\'') || end < 0)
		return false;
	*ret = str_sub(v, 1, (size_t)end + 1);
	return true;
}

static bool true_value(struct str v)
{
	ptrdiff_t hash = str_find(v, '#');
	return str_eqz(str_trim(hash < 0 ? v : str_sub(v, 0, (size_t)hash)), "true");
}

/* A prefix fits when it is the name or ends at a border in it; "*.example.com" stands for all hosts below. */
static size_t fit(struct str prefix, struct str name)
{
	struct str host = name;
	ptrdiff_t slash = str_find(name, '/');
	if (slash >= 0)
		host.len = (size_t)slash;
	if (str_starts(prefix, STR("*.")))
		return str_ends(host, str_from(prefix, 1)) ? prefix.len : 0;
	if (!str_starts(name, prefix))
		return 0;
	return prefix.len == name.len || name.p[prefix.len] == '/' || name.p[prefix.len] == ':' ? prefix.len : 0;
}

static void finish_table(struct table *t, struct arena *a, struct registry_match *m)
{
	struct str prefix = t->prefix.len ? t->prefix : t->location;
	size_t len = t->open && prefix.len ? fit(prefix, m->name) : 0;
	if (len > m->best_len)
		*m = (struct registry_match){m->name, len, t->insecure, t->blocked, arena_str(a, prefix), arena_str(a, t->location)};
	*t = (struct table){0};
}

static void read_setting(struct str line, struct table *t)
{
	ptrdiff_t eq = str_find(line, '=');
	if (eq < 1 || !t->open)
		return;
	struct str key = str_trim(str_sub(line, 0, (size_t)eq)), value = str_trim(str_from(line, (size_t)eq + 1));
	if (str_eqz(key, "prefix"))
		text_value(value, &t->prefix);
	else if (str_eqz(key, "location"))
		text_value(value, &t->location);
	else if (str_eqz(key, "insecure"))
		t->insecure = true_value(value);
	else if (str_eqz(key, "blocked"))
		t->blocked = true_value(value);
}

void registries_read(struct str text, struct arena *a, struct registry_match *m)
{
	struct str line;
	struct table t = {0};
	while (str_split(&text, '\n', &line)) {
		line = str_trim(line);
		if (line.len == 0 || line.p[0] == '#')
			continue;
		if (line.p[0] != '[') {
			read_setting(line, &t);
			continue;
		}
		if (str_starts(line, STR("[[registry.mirror]]"))) {
			struct table kept = t; /* its settings are not the registry's */
			finish_table(&kept, a, m);
			t.open = false;
			continue;
		}
		finish_table(&t, a, m);
		t.open = str_starts(line, STR("[[registry]]"));
	}
	finish_table(&t, a, m);
}

static bool read_file(const char *path, struct arena *a, struct registry_match *m)
{
	cleanup_buf struct buf text = {0};
	struct err ignored = {0};
	if (io_read_file(AT_FDCWD, path, FILE_MAX, &text, &ignored) < 0)
		return false;
	registries_read(buf_view(&text), a, m);
	return true;
}

static int only_conf(const struct dirent *d)
{
	return d->d_name[0] != '.' && str_ends(str_of(d->d_name), STR(".conf"));
}

/* Later files win over earlier ones; among equal prefixes the first one read stays, so they are read backwards. */
static void read_folder(const char *path, struct arena *a, struct registry_match *m)
{
	struct dirent **items;
	int n = scandir(path, &items, only_conf, alphasort);
	for (int i = n - 1; i >= 0; i--) {
		read_file(arena_printf(a, "%s/%s", path, items[i]->d_name), a, m);
		mem_free(items[i]);
	}
	if (n >= 0)
		mem_free(items);
}

static void read_all(struct arena *a, struct registry_match *m)
{
	const char *given = getenv("CONTAINERS_REGISTRIES_CONF"), *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
	const char *own = config && *config ? arena_printf(a, "%s/containers", config) : home ? arena_printf(a, "%s/.config/containers", home) : NULL;
	if (given && *given) {
		read_file(given, a, m);
		return;
	}
	if (own)
		read_folder(arena_printf(a, "%s/registries.conf.d", own), a, m);
	read_folder("/etc/containers/registries.conf.d", a, m);
	if (!own || !read_file(arena_printf(a, "%s/registries.conf", own), a, m))
		read_file("/etc/containers/registries.conf", a, m);
}

void registries_find(struct str host, struct str repo, struct arena *a, struct registry_rule *ret)
{
	struct registry_match m = {.name = str_of(arena_printf(a, "%.*s/%.*s", STR_ARG(host), STR_ARG(repo)))};
	read_all(a, &m);
	*ret = (struct registry_rule){m.insecure, m.blocked, host, repo};
	if (m.location.len == 0 || str_eq(m.location, m.prefix) || str_starts(m.prefix, STR("*.")))
		return;
	struct str moved = str_of(arena_printf(a, "%.*s%.*s", STR_ARG(m.location), STR_ARG(str_from(m.name, m.best_len))));
	ptrdiff_t slash = str_find(moved, '/');
	if (slash < 1)
		return;
	ret->host = str_sub(moved, 0, (size_t)slash);
	ret->repo = str_from(moved, (size_t)slash + 1);
}
