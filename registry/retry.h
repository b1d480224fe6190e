/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_RETRY_H
#define COOPER_RETRY_H

/* Trying again: what is worth it, how often, after how long. */
#include "registry/http.h"

struct retry {
	unsigned tries;    /* failures in a row */
	int64_t since_ms;  /* of the first of them */
};
/* After a failure (rc < 0, or an answer with a passing status): waits and returns 1 when it should be tried again, 0 when the failure
 * is final; negative (ERR_CANCELLED, ERR_REMOTE with the figure when the registry asks for more patience than we have). */
int retry_wait(struct retry *r, int rc, const struct http_answer *ans, const struct cancel *cancel, struct err *e);
/* Something was gained since: count from the beginning. */
void retry_progress(struct retry *r);
int64_t retry_now_ms(void);

#endif
