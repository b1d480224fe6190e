/* SPDX-License-Identifier: Apache-2.0 */
/* Installs the system call filter that seccomp_gen.c made at build time. */
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>

#include "builder/sandbox/job.h"
#include "builder/sandbox/seccomp_filters.h"

static int load(const struct sock_filter *code, size_t n, unsigned int flags)
{
	const struct sock_fprog program = {.len = (unsigned short)n, .filter = (struct sock_filter *)(uintptr_t)code};
	int rc = (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
	if (rc < 0 && errno == EINVAL && flags == SECCOMP_FILTER_FLAG_SPEC_ALLOW)
		rc = (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program);
	return rc;
}

/* Needs CAP_SYS_ADMIN, because no_new_privs stays off (set-uid programs work in a step as they do in Docker): so it comes before
 * identity_drop, whose calls are allowed. */
int seccomp_install(struct job *j)
{
	if (j->run->insecure)
		return 0;
	if (load(seccomp_default, ARRAY_LEN(seccomp_default), SECCOMP_FILTER_FLAG_SPEC_ALLOW) < 0)
		return job_detail(j, "install", "");
	return 0;
}
