/* SPDX-License-Identifier: Apache-2.0 */
/* See notice.h. A text stays where it was put: whoever got it may keep it. */
#include "builder/sandbox/notice.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "builder/sandbox/sandbox.h"

enum { NOTICES = 8, NOTICE_SIZE = 1024 };

static struct {
	pthread_mutex_t lock;
	size_t n, given;
	char texts[NOTICES][NOTICE_SIZE];
} notices = {.lock = PTHREAD_MUTEX_INITIALIZER};

void notice_add(const char *format, ...)
{
	char text[NOTICE_SIZE];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	pthread_mutex_lock(&notices.lock);
	bool known = notices.n == NOTICES;
	for (size_t i = 0; i < notices.n; i++)
		known = known || strcmp(notices.texts[i], text) == 0;
	if (!known)
		memcpy(notices.texts[notices.n++], text, sizeof(text));
	pthread_mutex_unlock(&notices.lock);
}

const char *sandbox_notice(void)
{
	pthread_mutex_lock(&notices.lock);
	const char *ret = notices.given < notices.n ? notices.texts[notices.given++] : NULL;
	pthread_mutex_unlock(&notices.lock);
	return ret;
}
