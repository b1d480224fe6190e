/* SPDX-License-Identifier: Apache-2.0 */
/* See log.h. One flag, written once by main before any thread starts. */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>

static bool enabled;

void log_enable(bool on)
{
	enabled = on;
}

void log_debug(const char *format, ...)
{
	if (!enabled)
		return;
	va_list args;
	va_start(args, format);
	flockfile(stderr);
	fputs("debug: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	funlockfile(stderr);
	va_end(args);
}
