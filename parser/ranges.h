/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_RANGES_H
#define COOPER_RANGES_H

/* Parts of the results of checks and subrequests as JSON. A place: {"ranges":[{"start":{"line":1},"end":{"line":2}}]}. */
#include "base/jval.h"
#include "parser/ast.h"

static inline struct jval *ranges_line(int line)
{
	struct jval *j = jval_object();
	jval_set(j, "line", jval_integer(line));
	return j;
}

static inline struct jval *ranges_json(struct where where)
{
	struct jval *j = jval_object(), *ranges = jval_array(), *range = jval_object();
	jval_set(range, "start", ranges_line(where.line));
	jval_set(range, "end", ranges_line(where.end_line > where.line ? where.end_line : where.line));
	jval_append(ranges, range);
	jval_set(j, "ranges", ranges);
	return j;
}

/* Members are left out when there is nothing to say. */
static inline void ranges_set_text(struct jval *j, const char *key, struct str value)
{
	if (value.len)
		jval_set_str(j, key, value);
}

#endif
