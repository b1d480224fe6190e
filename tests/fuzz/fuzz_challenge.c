/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a registry's answer brings: challenges, places to go, dates. A realm never holds a control byte; a URL that is taken
 * prints to one that is the same; a joined one stays within http and https.
 */
#include <stdlib.h>

#include "registry/challenge.h"
#include "registry/http.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool fine)
{
	if (!fine)
		abort();
}

static void try_url(struct str text, struct arena *a)
{
	static const struct url base = {.https = true, .host = {"h.example", 9}, .port = 443, .path = {"/v2/a/b?c=d", 11}};
	struct url u, back;
	struct err e = {0};
	if (url_parse(text, a, &u, &e) == 0) {
		demand(url_parse(str_of(url_print(&u, a)), a, &back, &e) == 0);
		demand(url_same_origin(&u, &back) && str_eq(u.path, back.path));
		url_host_is_internal(u.host);
	}
	if (url_join(&base, text, a, &u, &e) == 0) {
		demand(u.port && u.host.len && u.path.len && u.path.p[0] == '/');
		demand(url_parse(str_of(url_print(&u, a)), a, &back, &e) == 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_arena struct arena a = {0};
	struct str text = {(const char *)data, size};
	struct challenge c = {0};
	int64_t when;
	challenge_parse(text, &a, &c);
	for (size_t i = 0; i < c.realm.len; i++)
		demand((unsigned char)c.realm.p[i] >= ' ' && c.realm.p[i] != 0x7f);
	try_url(text, &a);
	http_date_parse(text, &when);
	return 0;
}
