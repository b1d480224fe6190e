/* SPDX-License-Identifier: Apache-2.0 */
/* The table that INSTRS spells out, and looking up in it: by keyword, by nearness. */
#include "parser/instrs.h"

#include "base/mem.h"

static const struct instr_kind kinds[INSTR_COUNT] = {
#define X(id, shape, flags, traits) [INSTR_##id] = {#id, SHAPE_##shape, flags, traits},
    INSTRS(X)
#undef X
};

static const char *const names[INSTR_COUNT] = {
#define X(id, shape, flags, traits) [INSTR_##id] = #id,
    INSTRS(X)
#undef X
};

const struct instr_kind *instr_kind(enum instr_id id)
{
	return &kinds[id];
}

const char *instr_name(enum instr_id id)
{
	return names[id];
}

bool instr_find(struct str keyword, enum instr_id *ret)
{
	if (keyword.len < 3 || keyword.len > 11)
		return false;
	for (int i = 0; i < INSTR_COUNT; i++) {
		if ((names[i][0] ^ keyword.p[0]) & ~0x20 || !str_ieq(keyword, str_of(names[i])))
			continue;
		*ret = (enum instr_id)i;
		return true;
	}
	return false;
}

struct str instr_suggest(struct str keyword, char room[16])
{
	char upper[16];
	bool small = false;
	if (keyword.len > sizeof(upper))
		return (struct str){0};
	for (size_t i = 0; i < keyword.len; i++) {
		char c = keyword.p[i];
		bool lower = c >= 'a' && c <= 'z';
		small |= lower;
		upper[i] = lower ? (char)(c - 32) : c;
	}
	const char *near = str_suggest((struct str){upper, keyword.len}, names, INSTR_COUNT);
	if (!near)
		return (struct str){0};
	size_t n = strlen(near);
	for (size_t i = 0; i < n; i++)
		room[i] = small ? (char)(near[i] + 32) : near[i];
	return (struct str){room, n};
}
