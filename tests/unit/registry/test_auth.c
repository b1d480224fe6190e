/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/auth.h"

#include <criterion/criterion.h>

static const struct {
	const char *home, *host, *realm;
	bool trusted;
} rows[] = {
	{"https://registry-1.docker.io/", "docker.io", "https://auth.docker.io/token", true},
	{"https://ghcr.io/", "ghcr.io", "https://ghcr.io/token", true},
	{"https://registry.gitlab.com/", "registry.gitlab.com", "https://gitlab.com/jwt/auth", true},
	{"https://registry.team.example/", "registry.team.example", "https://login.team.example/token", true},
	{"https://registry.example/", "registry.example", "https://registry.example:5001/auth", true},
	{"https://registry.example.co.uk/", "registry.example.co.uk", "https://auth.example.co.uk/", true},
	{"https://registry.example/", "registry.example", "https://auth.docker.io/token", false},
	{"https://registry.example/", "registry.example", "https://evil.example/token", false},
	{"https://registry.co.uk/", "registry.co.uk", "https://evil.co.uk/", false},
	{"https://good.example.com/", "good.example.com", "https://good.example.com.evil.com/", false},
	{"https://notexample.com/", "notexample.com", "https://example.com/", false},
	{"https://registry.example/", "registry.example", "https://169.254.169.254/token", false},
	{"https://10.0.0.1/", "10.0.0.1", "https://10.0.0.1/token", true},
	{"https://10.0.0.1/", "10.0.0.1", "https://20.0.0.1/token", false},
	{"http://127.0.0.1:5000/", "127.0.0.1:5000", "http://127.0.0.1:5000/token", true},
	{"http://127.0.0.1:5000/", "127.0.0.1:5000", "http://127.0.0.1:5001/token", false},
};

Test(auth, credentials_go_to_token_servers_of_the_registry_only)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		cleanup_arena struct arena a = {0};
		struct url home, realm;
		struct err e = {0};
		cr_assert(url_parse(str_of(rows[i].home), &a, &home, &e) == 0);
		cr_assert(url_parse(str_of(rows[i].realm), &a, &realm, &e) == 0);
		cr_assert(auth_realm_trusted(&home, str_of(rows[i].host), &realm) == rows[i].trusted, "%s at %s", rows[i].realm, rows[i].home);
	}
}
