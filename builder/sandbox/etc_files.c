/* SPDX-License-Identifier: Apache-2.0 */
/* /etc/hosts and /etc/resolv.conf of a step: written to the scratch tmpfs, bound read-only, never part of a layer. */
#include "builder/sandbox/job.h"

#include "builder/sandbox/network.h"

#include "base/io.h"

enum { MAX_RESOLV = 64 * 1024 };

static int add_file(struct job *j, const char *name, const char *target, const struct buf *content, struct err *e)
{
	cleanup_close int fd = openat(j->scratch_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (fd < 0 || fchmod(fd, 0644) < 0)
		return err_sys(e, "create %s", target);
	TRY(io_write_all(fd, content->p, content->len, e));
	struct job_mount *m = job_mount_add(j);
	*m = (struct job_mount){.source = SOURCE_SCRATCH, .target = target, .tree_fd = -1, .name = name,
	    .attrs = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC, .builtin = true};
	return 0;
}

static void print_hosts(const struct sandbox_run *r, struct buf *out)
{
	buf_printf(out, "127.0.0.1\tlocalhost%s%s\n", r->hostname ? " " : "", r->hostname ? r->hostname : "");
	buf_puts(out, "::1\tlocalhost ip6-localhost ip6-loopback\n");
	for (size_t i = 0; i < r->nhosts; i++)
		buf_printf(out, "%s\t%s\n", r->hosts[i].ip, r->hosts[i].name);
}

/* Reads a nameserver line's address; empty for other lines. */
static struct str nameserver(struct str line)
{
	line = str_trim(line);
	if (!str_starts(line, STR("nameserver")))
		return (struct str){0};
	return str_trim(str_from(line, sizeof("nameserver") - 1));
}

static bool is_loopback(struct str ip)
{
	return str_starts(ip, STR("127.")) || str_eqz(ip, "::1") || str_eqz(ip, "0.0.0.0");
}

/* Copies what a step on its own network can use: all but resolvers on the host's loopback. Returns how many are left. */
static size_t copy_reachable(struct str text, struct buf *out)
{
	struct str line;
	size_t n = 0;
	while (str_split(&text, '\n', &line)) {
		struct str ip = nameserver(line);
		if (ip.len > 0 && is_loopback(ip))
			continue;
		n += ip.len > 0;
		if (line.len > 0) {
			buf_str(out, line);
			buf_putc(out, '\n');
		}
	}
	return n;
}

static int print_resolv(struct job *j, struct buf *out, struct err *e)
{
	static const char *const sources[] = {"/etc/resolv.conf", "/run/systemd/resolve/resolv.conf"};
	for (size_t i = 0; i < ARRAY_LEN(sources); i++) {
		cleanup_buf struct buf text = {0};
		if (io_read_file(AT_FDCWD, sources[i], MAX_RESOLV, &text, e) < 0)
			continue;
		buf_clear(out);
		if (!j->own_network) {
			buf_str(out, buf_view(&text));
			return 0;
		}
		if (copy_reachable(buf_view(&text), out) > 0)
			return 0;
	}
	/* Only resolvers on loopback: the private network answers for them at this address. */
	if (j->net_fd >= 0)
		buf_printf(out, "nameserver %s\n", NETWORK_RESOLVER);
	return 0;
}

int etc_files_prepare(struct job *j, struct err *e)
{
	cleanup_buf struct buf hosts = {0}, resolv = {0};
	print_hosts(j->run, &hosts);
	TRY(print_resolv(j, &resolv, e));
	TRY(add_file(j, "hosts", "/etc/hosts", &hosts, e));
	return add_file(j, "resolv.conf", "/etc/resolv.conf", &resolv, e);
}
