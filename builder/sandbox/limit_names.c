/* SPDX-License-Identifier: Apache-2.0 */
/* Those of docker, in a table. */
#include "builder/sandbox/limit_names.h"

#include <sys/resource.h>

#include "base/mem.h"

static const struct {
	const char *name;
	int resource;
} rows[] = {{"core", RLIMIT_CORE}, {"cpu", RLIMIT_CPU}, {"data", RLIMIT_DATA}, {"fsize", RLIMIT_FSIZE}, {"locks", RLIMIT_LOCKS},
    {"memlock", RLIMIT_MEMLOCK}, {"msgqueue", RLIMIT_MSGQUEUE}, {"nice", RLIMIT_NICE}, {"nofile", RLIMIT_NOFILE}, {"nproc", RLIMIT_NPROC},
    {"rss", RLIMIT_RSS}, {"rtprio", RLIMIT_RTPRIO}, {"rttime", RLIMIT_RTTIME}, {"sigpending", RLIMIT_SIGPENDING}, {"stack", RLIMIT_STACK}};

bool limit_names_find(struct str name, int *ret_resource)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (str_eqz(name, rows[i].name)) {
			*ret_resource = rows[i].resource;
			return true;
		}
	return false;
}

const char *limit_names_of(int resource)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (rows[i].resource == resource)
			return rows[i].name;
	return "?";
}
