/* SPDX-License-Identifier: Apache-2.0 */
/*
 * certs.d as docker and podman have it: `*.crt` are CAs that count beside the system's, `X.cert` with `X.key` is what we show.
 * A folder is looked for as HOST:PORT and, for port 443, as HOST.
 */
#include "registry/http_tls.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/io.h"
#include "base/mem.h"

enum { PEM_MAX = 8 * 1024 * 1024 };

static const char system_bundle[] = "/etc/ssl/certs/ca-certificates.crt";

static void add_file(const char *path, struct buf *out)
{
	struct err ignored = {0};
	if (io_read_file(AT_FDCWD, path, PEM_MAX, out, &ignored) == 0)
		buf_putc(out, '\n');
}

static void read_folder(const char *folder, struct arena *a, struct http_tls *t, struct buf *cas)
{
	DIR *dir = opendir(folder);
	struct dirent *item;
	while (dir && (item = readdir(dir)) != NULL) {
		struct str name = str_of(item->d_name);
		if (str_ends(name, STR(".crt")))
			add_file(arena_printf(a, "%s/%s", folder, item->d_name), cas);
		if (str_ends(name, STR(".cert")) && !t->cert) {
			t->cert = arena_printf(a, "%s/%s", folder, item->d_name);
			t->key = arena_printf(a, "%s/%.*s.key", folder, (int)name.len - 5, item->d_name);
			if (access(t->key, F_OK) != 0)
				t->key = NULL; /* it stands in the same file */
		}
	}
	if (dir)
		closedir(dir);
}

static void read_folders(const char *base, const struct url *u, struct arena *a, struct http_tls *t, struct buf *cas)
{
	if (u->port == 443)
		read_folder(arena_printf(a, "%s/%.*s", base, STR_ARG(u->host)), a, t, cas);
	read_folder(arena_printf(a, "%s/%.*s:%u", base, STR_ARG(u->host), u->port), a, t, cas);
}

void http_tls_find(const struct url *u, struct arena *a, struct http_tls *ret)
{
	const char *home = getenv("HOME"), *config = getenv("XDG_CONFIG_HOME");
	const char *file = getenv("SSL_CERT_FILE"), *dir = getenv("SSL_CERT_DIR");
	cleanup_buf struct buf cas = {0};
	struct http_tls t = {.ca_file = file && *file ? file : NULL, .ca_dir = dir && *dir ? dir : NULL};
	if (config && *config)
		read_folders(arena_printf(a, "%s/containers/certs.d", config), u, a, &t, &cas);
	else if (home)
		read_folders(arena_printf(a, "%s/.config/containers/certs.d", home), u, a, &t, &cas);
	if (home)
		read_folders(arena_printf(a, "%s/.docker/certs.d", home), u, a, &t, &cas);
	read_folders("/etc/containers/certs.d", u, a, &t, &cas);
	read_folders("/etc/docker/certs.d", u, a, &t, &cas);
	if (cas.len) {
		add_file(t.ca_file ? t.ca_file : system_bundle, &cas);
		t.ca_blob = arena_str(a, buf_view(&cas));
	}
	*ret = t;
}
