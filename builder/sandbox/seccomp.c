/* SPDX-License-Identifier: Apache-2.0 */
/* Installs the system call filter that seccomp_gen.c made at build time. */
#include <linux/filter.h>
#include <linux/seccomp.h>

#include "builder/sandbox/job.h"
#include "builder/sandbox/fakeids.h"
#include "builder/sandbox/seccomp_filters.h"

static int load(const struct sock_filter *code, size_t n, unsigned int flags)
{
	const struct sock_fprog program = {.len = (unsigned short)n, .filter = (struct sock_filter *)(uintptr_t)code};
	int rc = (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
	if (rc < 0 && errno == EINVAL && flags == SECCOMP_FILTER_FLAG_SPEC_ALLOW)
		rc = (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program);
	return rc;
}

/* Needs CAP_SYS_ADMIN, because no_new_privs stays off (set-uid programs work in a step as they do in Docker): so it
 * comes before identity_drop, whose calls are allowed. */
int seccomp_install(struct job *j)
{
	if (j->fakeids) {
		int listener =
		    load(seccomp_owner_calls, ARRAY_LEN(seccomp_owner_calls), SECCOMP_FILTER_FLAG_NEW_LISTENER);
		if (listener >= 0 && channel_send(j, 'l', listener) < 0)
			return job_detail(j, "hand over the listener", "");
	}
	if (j->run->insecure)
		return 0;
	if (load(seccomp_default, ARRAY_LEN(seccomp_default), SECCOMP_FILTER_FLAG_SPEC_ALLOW) < 0)
		return job_detail(j, "install", "");
	return 0;
}

enum owner_call seccomp_owner_call(uint32_t arch, uint32_t nr)
{
	for (size_t i = 0; i < ARRAY_LEN(seccomp_owner_table); i++)
		if (seccomp_owner_table[i].arch == arch && seccomp_owner_table[i].nr == nr)
			return seccomp_owner_table[i].call;
	return OWNER_PRETEND;
}
