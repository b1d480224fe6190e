/* SPDX-License-Identifier: Apache-2.0 */
/* /etc/hosts and /etc/resolv.conf of a step: written to the scratch tmpfs, bound read-only, never part of a layer. */
#include "builder/sandbox/job.h"

#include "builder/sandbox/network.h"

#include "base/io.h"

static int add_file(struct job *j, const char *name, const char *target, const struct buf *content, struct err *e)
{
	cleanup_close int fd = openat(j->scratch_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (fd < 0 || fchmod(fd, 0644) < 0)
		return err_sys(e, "create %s", target);
	TRY(io_write_all(fd, content->p, content->len, e));
	struct job_mount *m = job_mount_add(j);
	*m = (struct job_mount){.source = SOURCE_SCRATCH,
	    .target = target,
	    .tree_fd = -1,
	    .name = name,
	    .attrs = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC,
	    .builtin = true};
	return 0;
}

static void print_hosts(const struct sandbox_run *r, struct buf *out)
{
	buf_printf(out, "127.0.0.1\tlocalhost%s%s\n", r->hostname ? " " : "", r->hostname ? r->hostname : "");
	buf_puts(out, "::1\tlocalhost ip6-localhost ip6-loopback\n");
	for (size_t i = 0; i < r->nhosts; i++)
		buf_printf(out, "%s\t%s\n", r->hosts[i].ip, r->hosts[i].name);
}

int etc_files_prepare(struct job *j, struct err *e)
{
	cleanup_buf struct buf hosts = {0}, resolv = {0};
	print_hosts(j->run, &hosts);
	if (j->net_fd >= 0)
		(void)resolv_private(&resolv);
	else
		resolv_host(&resolv);
	TRY(add_file(j, "hosts", "/etc/hosts", &hosts, e));
	return add_file(j, "resolv.conf", "/etc/resolv.conf", &resolv, e);
}
