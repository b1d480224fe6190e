/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/registries.h"

#include <criterion/criterion.h>

#include "base/mem.h"

static const char text[] = "unqualified-search-registries = [\"docker.io\",\n \"quay.io\"]\n# comment\n"
	"[[registry]]\nprefix = \"a.example\"\ninsecure = true # yes\n"
	"[[registry.mirror]]\nlocation = \"mirror.example\"\ninsecure = false\n"
	"[[registry]]\nlocation='b.example:5000'\nblocked=true\n"
	"[[registry]]\nprefix=\"b.example:5000/team\"\nlocation=\"c.example/moved\"\n"
	"[[registry]]\nprefix=\"*.wild.example\"\nblocked = true\n"
	"[aliases]\n\"x\" = \"y\"\ninsecure = true\n[[registry]]\ninsecure = true\n[broken\n= \n";

static const struct {
	const char *name;
	bool insecure, blocked;
	const char *location;
} rows[] = {
	{"a.example/x", true, false, ""},
	{"a.example.evil/x", false, false, ""},
	{"aa.example/x", false, false, ""},
	{"b.example:5000/x", false, true, "b.example:5000"},
	{"b.example/x", false, false, ""},
	{"b.example:5000/team/app", false, false, "c.example/moved"},
	{"b.example:5000/teams/app", false, true, "b.example:5000"},
	{"host.wild.example/x", false, true, ""},
	{"wild.example/x", false, false, ""},
	{"other.example/x", false, false, ""},
};

Test(registries, the_longest_prefix_that_fits_counts)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		cleanup_arena struct arena a = {0};
		struct registry_match m = {.name = str_of(rows[i].name)};
		registries_read(STR(text), &a, &m);
		cr_assert(m.insecure == rows[i].insecure && m.blocked == rows[i].blocked, "%s", rows[i].name);
		cr_assert(str_eqz(m.location, rows[i].location), "%s", rows[i].name);
	}
}
