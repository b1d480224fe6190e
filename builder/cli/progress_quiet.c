/* SPDX-License-Identifier: Apache-2.0 */
/* Two renderers that show nothing while the build runs: `quiet` still tells why it failed, `none` does not. */
#include "builder/cli/board.h"

static void begin(struct board *b)
{
	b->keep_lines = 0;
	b->keep_log = true;
}

static void on_event(struct board *b, struct board_step *s, const struct event *ev)
{
	(void)b, (void)s, (void)ev;
}

static void end(struct board *b, int64_t now)
{
	(void)b, (void)now;
}

const struct renderer progress_quiet = {.name = "quiet", .tells = true, .begin = begin, .event = on_event, .end = end};
const struct renderer progress_none = {.name = "none", .event = on_event, .end = end};
