/* SPDX-License-Identifier: Apache-2.0 */
/* The input is a spec, the passwd file and the group file, separated by NUL bytes. What is found stays within the range of ids. */
#include <stdlib.h>

#include "snapshotter/passwd.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool fine)
{
	if (!fine)
		abort();
}

static struct str cut(struct str *rest)
{
	ptrdiff_t nul = str_find(*rest, '\0');
	struct str part = nul < 0 ? *rest : str_sub(*rest, 0, (size_t)nul);
	*rest = nul < 0 ? (struct str){0} : str_from(*rest, (size_t)nul + 1);
	return part;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str rest = {(const char *)data, size};
	struct str spec = cut(&rest), users = cut(&rest), groups = rest;
	struct passwd *p = passwd_parse(users, groups);
	struct passwd_user u;
	struct err e;
	uint32_t uid, gid;
	if (passwd_run_user(p, spec, &u, &e) == 0) {
		demand(u.uid != UINT32_MAX && u.gid != UINT32_MAX);
		for (size_t i = 0; i < u.ngroups; i++)
			demand(u.groups[i] != UINT32_MAX);
		passwd_user_done(&u);
	} else {
		demand(e.code == ERR_NOT_FOUND);
	}
	if (passwd_chown(p, spec, &uid, &gid, &e) == 0)
		demand(uid != UINT32_MAX && gid != UINT32_MAX);
	else
		demand(e.code == ERR_NOT_FOUND);
	passwd_free(p);
	return 0;
}
