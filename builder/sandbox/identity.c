/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who the step is: ids, capabilities, limits. Raw system calls, because the C library's setuid family wants to tell all
 * threads, and after the clone there are none. The order is the argument: groups, gid, bounding set, uid, then nothing
 * ambient and nothing inheritable, so that no right is left over from the builder.
 */
#include "builder/sandbox/job.h"

#include <linux/capability.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

/* Docker's set: chown dac_override fowner fsetid kill setgid setuid setpcap net_bind_service net_raw sys_chroot mknod
 * audit_write setfcap. */
static const uint64_t default_caps = 0xa80425fb;

int identity_hostname(struct job *j)
{
	const char *name = j->run->hostname;
	if (name && syscall(SYS_sethostname, name, strlen(name)) < 0)
		return job_detail(j, "host name ", name);
	return 0;
}

int identity_limits(struct job *j)
{
	for (size_t i = 0; i < j->run->nlimits; i++) {
		const struct sandbox_limit *l = &j->run->limits[i];
		const uint64_t both[2] = {l->soft, l->hard};
		if (syscall(SYS_prlimit64, 0, l->resource, both, NULL) < 0)
			return job_detail(j, "resource limit", "");
	}
	return 0;
}

static int drop_bounding(uint64_t keep)
{
	for (unsigned long cap = 0; cap < 64; cap++) {
		if (keep >> cap & 1)
			continue;
		if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0) {
			if (errno == EINVAL) /* past the last one this kernel knows */
				return 0;
			return -1;
		}
	}
	return 0;
}

static int set_caps(uint64_t caps)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {
	    {.effective = (uint32_t)caps, .permitted = (uint32_t)caps},
	    {.effective = (uint32_t)(caps >> 32), .permitted = (uint32_t)(caps >> 32)},
	};
	return (int)syscall(SYS_capset, &head, data);
}

static int current_caps(uint64_t *ret)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2];
	if (syscall(SYS_capget, &head, data) < 0)
		return -1;
	*ret = data[0].permitted | (uint64_t)data[1].permitted << 32;
	return 0;
}

static int set_ids(struct job *j)
{
	const struct sandbox_run *r = j->run;
	if (j->single_id) /* there is only id 0: every user of the step is the one who builds */
		return 0;
	if (syscall(SYS_setgroups, r->ngroups, r->groups) < 0)
		return job_detail(j, "supplementary groups", "");
	if (syscall(SYS_setresgid, r->gid, r->gid, r->gid) < 0)
		return job_detail(j, "group id", "");
	return 0;
}

int identity_drop(struct job *j)
{
	const struct sandbox_run *r = j->run;
	uint64_t have = 0, keep = r->insecure ? ~(uint64_t)0 : default_caps;
	if (current_caps(&have) < 0)
		return job_detail(j, "capabilities", "");
	if (set_ids(j) < 0)
		return -1;
	if (drop_bounding(keep) < 0)
		return job_detail(j, "capability bounding set", "");
	if (!j->single_id && syscall(SYS_setresuid, r->uid, r->uid, r->uid) < 0)
		return job_detail(j, "user id", "");
	(void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	if (set_caps(r->uid == 0 || j->single_id ? keep & have : 0) < 0)
		return job_detail(j, "capabilities", "");
	/* Changing ids forgets it. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
		return job_detail(j, "parent-death signal", "");
	return 0;
}
