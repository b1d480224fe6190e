/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /etc/resolv.conf for steps. On the host's network it is the host's file. On a private network a resolver on the
 * host's loopback (systemd-resolved's 127.0.0.53, a local dnsmasq) cannot be reached; those programs write down where
 * they ask themselves, and that is taken instead.
 */
#include <fcntl.h>

#include "base/io.h"
#include "builder/sandbox/network.h"

enum { MAX_RESOLV = 64 * 1024 };

static const char *const sources[] = {
    "/etc/resolv.conf", "/run/systemd/resolve/resolv.conf", "/run/NetworkManager/no-stub-resolv.conf"};

/* The address of a nameserver line; empty for other lines. */
static struct str nameserver(struct str line)
{
	line = str_trim(line);
	if (!str_starts(line, STR("nameserver")))
		return (struct str){0};
	return str_trim(str_from(line, sizeof("nameserver") - 1));
}

static bool is_loopback(struct str ip)
{
	return str_starts(ip, STR("127.")) || str_eqz(ip, "::1") || str_eqz(ip, "0.0.0.0") || str_eqz(ip, "::");
}

static size_t copy_reachable(struct str text, struct buf *out)
{
	struct str line;
	size_t n = 0;
	while (str_split(&text, '\n', &line)) {
		struct str ip = nameserver(line);
		if (line.len == 0 || (ip.len > 0 && is_loopback(ip)))
			continue;
		n += ip.len > 0;
		buf_str(out, line);
		buf_putc(out, '\n');
	}
	return n;
}

size_t resolv_private(struct buf *out)
{
	for (size_t i = 0; i < ARRAY_LEN(sources); i++) {
		cleanup_buf struct buf text = {0};
		struct err ignored = {0};
		buf_clear(out);
		if (io_read_file(AT_FDCWD, sources[i], MAX_RESOLV, &text, &ignored) < 0)
			continue;
		size_t n = copy_reachable(buf_view(&text), out);
		if (n > 0)
			return n;
	}
	return 0;
}

void resolv_host(struct buf *out)
{
	struct err ignored = {0};
	buf_clear(out);
	(void)io_read_file(AT_FDCWD, sources[0], MAX_RESOLV, out, &ignored);
}
