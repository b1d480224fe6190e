/* SPDX-License-Identifier: Apache-2.0 */
/* See subids.h. subuid(5): name-or-number:first:count. */
#include "builder/sandbox/subids.h"

#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <unistd.h>

#include "base/io.h"

enum { MAX_SUBID_FILE = 4 << 20, MAX_RANGES = 300 };

static bool parse_line(struct str line, const char *name, uid_t uid, struct subid_range *ret)
{
	struct str who, first, count;
	uint64_t number, from, n;
	line = str_trim(line);
	if (!str_split(&line, ':', &who) || !str_split(&line, ':', &first) || !str_split(&line, ':', &count) || line.p)
		return false;
	if (!(name && str_eqz(who, name)) && !(str_u64(who, UINT32_MAX, &number) && number == uid))
		return false;
	if (!str_u64(first, UINT32_MAX - 1, &from) || !str_u64(count, UINT32_MAX, &n) || n == 0 ||
	    from + n > UINT32_MAX)
		return false;
	*ret = (struct subid_range){(uint32_t)from, (uint32_t)n};
	return true;
}

struct subids subids_parse(struct arena *a, struct str text, const char *name, uid_t uid)
{
	struct subids s = {0};
	struct subid_range r;
	struct str line;
	while (s.n < MAX_RANGES && str_split(&text, '\n', &line)) {
		if (!parse_line(line, name, uid, &r))
			continue;
		ARENA_ROOM(a, s.ranges, s.n, s.cap);
		s.ranges[s.n++] = r;
	}
	return s;
}

struct subids subids_read(struct arena *a, const char *path, const char *name, uid_t uid)
{
	cleanup_buf struct buf text = {0};
	struct err ignored = {0};
	if (io_read_file(AT_FDCWD, path, MAX_SUBID_FILE, &text, &ignored) < 0)
		return (struct subids){0};
	return subids_parse(a, buf_view(&text), name, uid);
}

char *subids_user_name(struct arena *a, uid_t uid)
{
	struct passwd p, *found = NULL;
	size_t size = 16 * 1024;
	char *buffer = arena_new(a, size);
	if (getpwuid_r(uid, &p, buffer, size, &found) != 0 || !found)
		return NULL;
	return found->pw_name;
}

const char *subids_helper(struct arena *a, const char *name)
{
	static const char *const folders[] = {
	    "/usr/bin", "/usr/local/bin", "/bin", "/usr/sbin", "/sbin", "/run/wrappers/bin"};
	for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
		char *path = arena_printf(a, "%s/%s", folders[i], name);
		if (access(path, X_OK) == 0)
			return path;
	}
	return NULL;
}
