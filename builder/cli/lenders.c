/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/cli/lenders.h"

void lenders_add(struct lenders *l, struct arena *a, struct str name, const struct ref *target)
{
	struct ref ref;
	struct err ignored;
	if (ref_parse(name, a, &ref, &ignored) < 0 || !str_eq(ref.host, target->host) || str_eq(ref.path, target->path))
		return;
	for (size_t i = 0; i < l->n; i++)
		if (str_eq(l->paths[i], ref.path))
			return;
	ARENA_ROOM(a, l->paths, l->n, l->cap);
	l->paths[l->n++] = ref.path;
}
