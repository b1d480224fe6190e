/* SPDX-License-Identifier: Apache-2.0 */
/*
 * At most five tries in a row, and none that starts long after the first failure (connections that hang take half a minute each);
 * half a second between them at first, doubled each time, with a random part, so that many builders do not come back at once.
 */
#include "registry/retry.h"

#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

enum { TRIES_MAX = 5, UNREACHED_MAX = 2, PATIENCE_MS = 45 * 1000, PATIENCE_STATUS_MS = 180 * 1000, FIRST_MS = 400, RETRY_AFTER_MAX = 60, TICK_MS = 100 };

int64_t retry_now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void retry_progress(struct retry *r)
{
	*r = (struct retry){0};
}

static bool passing(int status)
{
	return status == 408 || status == 429 || status == 500 || status == 502 || status == 503 || status == 504;
}

static unsigned tries_max(int rc, const struct http_answer *ans)
{
	if (rc == 0)
		return passing(ans->status) ? TRIES_MAX : 0;
	switch (ans->end) {
	case HTTP_UNREACHED:
		return UNREACHED_MAX;
	case HTTP_BROKEN: case HTTP_TIMEOUT: case HTTP_FAILED:
		return TRIES_MAX;
	default:
		return 0;
	}
}

/* Seconds, or -1. */
static int64_t retry_after(const struct http_answer *ans)
{
	struct str text;
	uint64_t seconds;
	int64_t when;
	if (!http_header_find(ans, "Retry-After", &text))
		return -1;
	if (str_u64(text, INT64_MAX / 1000, &seconds))
		return (int64_t)seconds;
	if (!http_date_parse(text, &when))
		return -1;
	when -= (int64_t)time(NULL);
	return when > 0 ? when : 0;
}

static int64_t backoff(unsigned tries)
{
	uint16_t noise = 0;
	int64_t base = (int64_t)FIRST_MS << (tries - 1);
	if (getrandom(&noise, sizeof(noise), GRND_NONBLOCK) < 0)
		noise = 0;
	return base + base * noise / 65536 / 2;
}

static int sleep_ms(int64_t ms, const struct cancel *cancel, struct err *e)
{
	int64_t until = retry_now_ms() + ms, left;
	while ((left = until - retry_now_ms()) > 0) {
		struct timespec t = {.tv_nsec = (left < TICK_MS ? left : TICK_MS) * 1000000};
		if (cancelled(cancel))
			return err_set(e, ERR_CANCELLED, "cancelled");
		nanosleep(&t, NULL);
	}
	return 0;
}

int retry_wait(struct retry *r, int rc, const struct http_answer *ans, const struct cancel *cancel, struct err *e)
{
	int64_t now = retry_now_ms();
	unsigned max = tries_max(rc, ans);
	if (max == 0)
		return 0;
	if (r->tries++ == 0)
		r->since_ms = now;
	if (r->tries >= max || now - r->since_ms > (rc < 0 ? PATIENCE_MS : PATIENCE_STATUS_MS))
		return 0;
	int64_t asked = rc == 0 ? retry_after(ans) : -1, ms = asked >= 0 ? asked * 1000 : backoff(r->tries);
	if (asked > RETRY_AFTER_MAX)
		return err_set(e, ERR_REMOTE, "status %d, and we should try again after %lld seconds", ans->status, (long long)asked);
	TRY(sleep_ms(ms, cancel, e));
	return 1;
}
