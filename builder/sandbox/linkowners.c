/* SPDX-License-Identifier: Apache-2.0 */
/* See linkowners.h. */
#include "builder/sandbox/linkowners.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"

struct key {
	uint64_t ino;
	int64_t sec;
	uint64_t nsec;
};

static bool key_of(int fd, struct key *ret)
{
	struct statx st;
	if (statx(fd, "", AT_EMPTY_PATH, STATX_INO | STATX_BTIME, &st) < 0)
		return false;
	*ret = (struct key){.ino = st.stx_ino};
	if (st.stx_mask & STATX_BTIME) {
		ret->sec = st.stx_btime.tv_sec;
		ret->nsec = st.stx_btime.tv_nsec;
	}
	return true;
}

static struct str bytes(const struct key *k)
{
	return (struct str){(const char *)k, sizeof(*k)};
}

void linkowners_done(struct linkowners *l)
{
	map_done(&l->map);
	mem_free(l->v);
}

void linkowners_set(struct linkowners *l, int fd, uint32_t uid, uint32_t gid)
{
	struct key k;
	if (!key_of(fd, &k))
		return;
	size_t at = (size_t)(uintptr_t)map_get(&l->map, bytes(&k));
	if (at == 0) {
		if (l->n >= LINKOWNERS_MAX)
			return;
		MEM_ROOM(l->v, l->n, l->cap);
		at = ++l->n;
		map_set(&l->map, bytes(&k), (void *)(uintptr_t)at);
	}
	l->v[at - 1] =
	    (struct sandbox_owner){.ino = k.ino, .born = k.sec, .born_nsec = (uint32_t)k.nsec, .uid = uid, .gid = gid};
}

bool linkowners_get(const struct linkowners *l, int fd, uint32_t *ret_uid, uint32_t *ret_gid)
{
	struct key k;
	size_t at = l->n > 0 && key_of(fd, &k) ? (size_t)(uintptr_t)map_get(&l->map, bytes(&k)) : 0;
	if (at == 0)
		return false;
	*ret_uid = l->v[at - 1].uid;
	*ret_gid = l->v[at - 1].gid;
	return true;
}

void linkowners_result(struct linkowners *l, struct sandbox_result *ret)
{
	ret->owners = l->v;
	ret->nowners = l->n;
	l->v = NULL;
	l->n = l->cap = 0;
}
