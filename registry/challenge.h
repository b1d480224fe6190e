/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_CHALLENGE_H
#define COOPER_CHALLENGE_H

/* WWW-Authenticate (RFC 9110 11.6.1): which way to prove who we are a registry offers. */
#include "base/arena.h"

struct challenge {
	bool basic, bearer;               /* both may be offered; bearer is taken first */
	struct str realm, service, scope; /* of the bearer challenge; empty: none */
	struct str error;
};
/* Reads one header value, which may hold several challenges; adds to *c, so that several headers can be read. What cannot be
 * understood is passed over. Strings live in `a`. */
void challenge_parse(struct str value, struct arena *a, struct challenge *c);

#endif
