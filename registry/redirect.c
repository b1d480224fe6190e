/* SPDX-License-Identifier: Apache-2.0 */
/* Redirects are followed by hand, so that each hop is looked at and credentials stay behind (CVE-2020-15157 and its kin). */
#include "registry/redirect.h"

bool redirect_is(const struct http_answer *ans)
{
	struct str location;
	int s = ans->status;
	return (s == 301 || s == 302 || s == 303 || s == 307 || s == 308) && http_header_find(ans, "Location", &location);
}

int redirect_next(const struct url *from, const struct http_answer *ans, bool strict, struct arena *a, struct url *ret, struct err *e)
{
	struct str location = {NULL, 0};
	struct url to;
	http_header_find(ans, "Location", &location);
	if (url_join(from, location, a, &to, e) < 0)
		return err_set(e, ERR_REMOTE, "redirect to a place that cannot be followed: only http and https are");
	if (strict && from->https && !to.https)
		return err_set(e, ERR_REMOTE, "redirect from https to plain http (%.*s) is not followed", STR_ARG(to.host));
	if (strict && url_host_is_internal(to.host) && !url_host_is_internal(from->host))
		return err_set(e, ERR_REMOTE, "redirect to the internal address %.*s is not followed", STR_ARG(to.host));
	to.user = STR("");
	*ret = to;
	return 0;
}
