/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_HUMAN_H
#define COOPER_HUMAN_H

/* Numbers and times as people (and docker's scripts) read them. */
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

/* "2.06MB": decimal units, `digits` significant ones (docker: 3 in lists, 4 in sums). */
void human_size(uint64_t bytes, int digits, struct buf *out);
/* "55 minutes", "About an hour", "3 weeks" (docker's units.HumanDuration). */
void human_duration(int64_t seconds, struct buf *out);
/* "2026-11-25 20:49:38 +0000 UTC" */
void human_time(int64_t sec, struct buf *out);
/* "24h", "1h30m", "7d", "2w", "90s" to seconds; ERR_USAGE. */
int human_parse_duration(const char *text, int64_t *ret_seconds, struct err *e);

#endif
