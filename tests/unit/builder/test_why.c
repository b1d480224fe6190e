/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>

#include "base/jval.h"
#include "builder/ops/env.h"
#include "builder/solve/why.h"
#include "tests/unit/builder/fake_steps.h"

static const struct {
	const char *then, *now, *want;
} rows[] = {
    {"{\"command\":\"make\"}", "{\"command\":\"make all\"}", "command changed from \"make\" to \"make all\""},
    {"{\"what is copied\":\"sha256:1\"}", "{\"what is copied\":\"sha256:2\"}", "what is copied changed"},
    {"{\"command\":\"1\",\"user\":\"1\"}", "{\"command\":\"2\",\"user\":\"2\"}", "command changed from \"1\" to \"2\"; user changed from \"1\" to \"2\""},
    {"{\"command\":\"a\\nb\"}", "{\"command\":\"a\\nc\"}", "command changed from \"a\\nb\" to \"a\\nc\""},
    {"{\"command\":\"a\"}", "{\"command\":\"a\\nb\"}", "command changed from \"a\" to \"a\\nb\""},
    {"{}", "{\"command\":\"a\\nb\"}", "command: added \"a...\""},
    {"{\"environment\":[\"A=1\",\"B=1\"]}", "{\"environment\":[\"A=2\",\"B=1\"]}", "environment changed from \"A=1\" to \"A=2\""},
    {"{\"environment\":[\"A=1\"]}", "{\"environment\":[\"A=1\",\"B=1\"]}", "environment: added \"B=1\""},
    {"{\"environment\":[\"AB=1\"]}", "{\"environment\":[\"A=1\"]}", "environment: added \"A=1\"; environment: removed \"AB=1\""},
    {"{}", "{\"network\":\"none\"}", "network: added \"none\""},
    {"{\"the here-document\":\"sha256:1\"}", "{}", "the here-document was removed"},
    {"{\"unheard of\":\"1\"}", "{\"unheard of\":\"2\"}", NULL},
    {"{}", "{\"mounts\":[{\"type\":\"ssh\",\"target\":\"/x\"}]}", "mount /x (ssh) was added"},
    {"{\"mounts\":[{\"type\":\"bind\",\"target\":\"/x\"},{\"type\":\"cache\",\"target\":\"/y\"}]}", "{\"mounts\":[{\"type\":\"cache\",\"target\":\"/y\"}]}",
	"mount /x (bind) was removed"},
    {"{\"mounts\":[{\"type\":\"bind\",\"target\":\"/x\",\"content\":\"sha256:1\"}]}", "{\"mounts\":[{\"type\":\"bind\",\"target\":\"/x\",\"content\":\"sha256:2\"}]}",
	"the files of mount /x changed"},
    {"{\"mounts\":[{\"type\":\"cache\",\"target\":\"/x\",\"uid\":\"5\"}]}", "{\"mounts\":[{\"type\":\"cache\",\"target\":\"/x\",\"mode\":\"0700\"}]}",
	"mode of mount /x: added \"0700\"; uid of mount /x: removed \"5\""},
    {"{\"mounts\":[{\"type\":\"cache\",\"target\":\"/x\"}]}", "{\"mounts\":[{\"type\":\"cache\",\"target\":\"/y\"}]}",
	"the target of a mount changed from \"/x\" to \"/y\""},
    {"{\"ulimits\":[\"nofile=1\"]}", "{\"ulimits\":[\"nofile=2:3\"]}", "ulimits changed from \"nofile=1\" to \"nofile=2:3\""},
    /* What follows from another change is not said to people. */
    {"{\"the base image\":\"a1: FROM b\",\"the files it starts from\":\"sha256:1\"}", "{\"the base image\":\"a2: FROM b\",\"the files it starts from\":\"sha256:2\"}",
	"the base image b changed"},
    {"{\"the base image\":\"a1: FROM b\",\"the files it is copied onto\":\"sha256:1\"}", "{\"the base image\":\"a2: FROM c\",\"the files it is copied onto\":\"sha256:2\"}",
	"the base image changed from \"b\" to \"c\""},
    {"{\"the files it starts from\":\"sha256:1\"}", "{\"the base image\":\"a2: FROM c\",\"the files it starts from\":\"sha256:2\"}", "the base image: added \"c\""},
    {"{\"instruction\":\"COPY a\",\"the base image\":\"a1: FROM b\",\"the files it is copied onto\":\"sha256:1\"}", "{\"instruction\":\"COPY --link a\"}",
	"instruction changed from \"COPY a\" to \"COPY --link a\""},
    {"{\"what the URL gives\":\"sha256:1\",\"the time of what the URL gives\":\"1\"}", "{\"what the URL gives\":\"sha256:2\",\"the time of what the URL gives\":\"2\"}",
	"what the URL gives changed"},
    {"{\"the time of what the URL gives\":\"1\"}", "{\"the time of what the URL gives\":\"2\"}", "the time of what the URL gives changed"},
    {"{\"mounts\":[{\"target\":\"/x\"},{\"target\":\"/y\"}]}", "{\"mounts\":[{\"target\":\"/y\"},{\"target\":\"/x\"}]}", "the mounts stand in another order"},
};

Test(why, says_what_differs)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		cleanup_buf struct buf out = {0};
		cleanup_changes struct changes c = {0};
		cr_expect(why_parts(str_of(rows[i].then), str_of(rows[i].now), &c));
		why_text(&c, &out);
		if (rows[i].want)
			cr_expect_str_eq(out.p, rows[i].want);
		else
			cr_expect_eq(c.n, 0u);
	}
}

Test(why, what_is_no_record_says_nothing)
{
	cleanup_changes struct changes c = {0};
	cr_expect(!why_parts(STR(""), STR("{}"), &c));
	cr_expect(!why_parts(STR("no JSON"), STR("{}"), &c));
	cr_expect_eq(c.n, 0u);
}

Test(why, long_values_are_cut_for_people_at_whole_characters)
{
	cleanup_buf struct buf out = {0}, json = {0}, now = {0};
	cleanup_changes struct changes c = {0};
	buf_puts(&now, "{\"command\":\"");
	for (int i = 0; i < 500; i++)
		buf_puts(&now, "\u20ac");
	buf_puts(&now, "\"}");
	cr_assert(why_parts(STR("{\"command\":\"y\"}"), buf_view(&now), &c));
	why_text(&c, &out);
	why_json(&c, &json);
	cr_expect_lt(out.len, 120u);
	cr_expect(str_ends(buf_view(&out), STR("\u20ac...\"")));
	cr_expect_gt(json.len, 1500u);
}

/* A text of n bytes with one "x" in it. */
static struct str with_x(struct arena *a, const char *name, size_t n, size_t at)
{
	char *p = arena_printf(a, "%s%*s", name, (int)(n - strlen(name)), "");
	for (size_t i = strlen(name); i < n; i++)
		p[i] = i == at ? 'x' : (char)('0' + i / 10 % 10);
	return str_of(p);
}

Test(why, of_long_values_the_first_difference_is_shown)
{
	cleanup_arena struct arena a = {0};
	for (size_t n = 20; n < 400; n += 19) {
		for (size_t at = 5; at < n; at++) {
			struct str then = with_x(&a, "PATH=", n, n), now = with_x(&a, "PATH=", n, at);
			cleanup_changes struct changes c = {0};
			cleanup_buf struct buf out = {0};
			why_add(&c, &(struct change){.kind = "argument", .name = "environment", .change = "changed", .was = then, .is = now});
			why_text(&c, &out);
			struct str rest = buf_view(&out);
			ptrdiff_t from = str_find(rest, '"'), to = str_rfind(rest, ' ');
			cr_expect(str_starts(str_from(rest, (size_t)from), STR("\"PATH=")), "%s", out.p);
			cr_expect(str_starts(str_from(rest, (size_t)to), STR(" \"PATH=")), "%s", out.p);
			cr_expect(str_find(rest, 'x') > to, "%zu of %zu: %s", at, n, out.p);
			cr_expect_lt(out.len, 170u);
		}
	}
}

Test(why, values_that_go_on_and_letters_that_share_bytes_are_told_apart)
{
	cleanup_arena struct arena a = {0};
	struct str long_one = with_x(&a, "", 200, 200);
	const struct str pairs[][2] = {
		{long_one, str_of(arena_printf(&a, "%s more", long_one.p))},
		{str_of(arena_printf(&a, "%s\u20ac", long_one.p)), str_of(arena_printf(&a, "%s\u20ab", long_one.p))},
	};
	static const char *const want[] = {"...9999999999\" to", "\u20ac\" to"}, *const then[] = {"...9999999999 more\"", "\u20ab\""};
	for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
		cleanup_changes struct changes c = {0};
		cleanup_buf struct buf out = {0};
		why_add(&c, &(struct change){.kind = "argument", .name = "command", .change = "changed", .was = pairs[i][0], .is = pairs[i][1]});
		why_text(&c, &out);
		cr_expect_not_null(strstr(out.p, want[i]), "%s", out.p);
		cr_expect(str_ends(buf_view(&out), str_of(then[i])), "%s", out.p);
	}
}

Test(why, tools_get_every_member)
{
	struct err e;
	cleanup_buf struct buf json = {0};
	cleanup_jval struct jval *j = NULL;
	cleanup_changes struct changes c = {0};
	cr_assert(why_parts(STR("{\"environment\":[\"A=\\\"\"]}"), STR("{\"environment\":[\"A=2\"],\"mounts\":[{\"type\":\"ssh\",\"target\":\"/x\"}]}"), &c));
	why_json(&c, &json);
	cr_assert_eq(jval_parse(buf_view(&json), &j, &e), 0, "%s: %s", e.text, json.p);
	static const char *const want[][2] = {{"kind", "argument"}, {"name", "environment"}, {"change", "changed"}, {"old", "A=\""}, {"new", "A=2"}};
	for (size_t i = 0; i < ARRAY_LEN(want); i++)
		cr_expect_str_eq(jval_get_text(jval_at(j, 0), want[i][0]), want[i][1]);
	cr_expect_str_eq(jval_get_text(jval_at(j, 1), "path"), "/x");
	cr_expect_null(jval_get(jval_at(j, 1), "old"));
}

Test(why, parts_are_written_as_json_whatever_is_in_them)
{
	cleanup_buf struct buf why = {0};
	cleanup_jval struct jval *j = NULL;
	struct err e;
	struct str v[] = {STR("A=\"\n"), STR("B=\xff")};
	const struct strs list = {.v = v, .n = 2};
	buf_putc(&why, '{');
	ops_why_text(&why, PART_USER, STR("\\\""));
	ops_why_list(&why, PART_ENVIRONMENT, &list);
	buf_putc(&why, '}');
	cr_assert_eq(jval_parse(buf_view(&why), &j, &e), 0, "%s: %s", e.text, why.p);
	cr_expect_str_eq(jval_get_text(j, "user"), "\\\"");
	cr_expect_eq(jval_count(jval_get(j, "environment")), 2u);
}

Test(why, names_the_files_that_differ)
{
	cleanup_bench struct bench b;
	struct outcome one = {0}, two = {0};
	struct err e;
	cleanup_buf struct buf out = {0};
	cleanup_changes struct changes c = {0};
	bench_init(&b);
	cr_assert_eq(fake_layer(b.store, "1", &one, &e), 0, "%s", e.text);
	cr_assert_eq(fake_layer(b.store, "2", &two, &e), 0, "%s", e.text);
	why_files(b.store, &one.layer.id, &one.layer.id, &c);
	cr_expect_eq(c.n, 0u);
	why_files(b.store, &one.layer.id, &two.layer.id, &c);
	why_text(&c, &out);
	cr_expect_str_eq(out.p, "file (content)");
}

/* Entry by entry, in layers that are made of indexes alone. */
static struct digest index_layer(struct store *s, const struct entry *entries, size_t n)
{
	struct err e;
	cleanup_index struct index *ix = index_new();
	for (size_t i = 0; i < n; i++)
		index_add(ix, &entries[i]);
	struct layer l = {.cid = index_content_id(ix), .id = index_layer_id(ix)};
	cr_assert_eq(store_add_index(s, ix, &l, &e), 0, "%s", e.text);
	return l.id;
}

Test(why, says_of_files_what_is_different)
{
	cleanup_bench struct bench b;
	cleanup_buf struct buf text = {0}, json = {0};
	cleanup_changes struct changes c = {0};
	const struct entry then[] = {
	    {.path = STR("a"), .type = ENTRY_FILE, .mode = 0644, .digest = digest_of("1", 1)},
	    {.path = STR("b"), .type = ENTRY_SYMLINK, .mode = 0777, .target = STR("x")},
	    {.path = STR("c"), .type = ENTRY_FILE, .mode = 0644, .digest = digest_of("1", 1)},
	    {.path = STR("d"), .type = ENTRY_DIR, .mode = 0755},
	};
	const struct entry now[] = {
	    {.path = STR("a"), .type = ENTRY_FILE, .mode = 0755, .uid = 5, .digest = digest_of("1", 1), .mtime = 9},
	    {.path = STR("b"), .type = ENTRY_SYMLINK, .mode = 0777, .target = STR("y")},
	    {.path = STR("c"), .type = ENTRY_DIR, .mode = 0755},
	    {.path = STR("e"), .type = ENTRY_DIR, .mode = 0755},
	};
	bench_init(&b);
	struct digest one = index_layer(b.store, then, 4), two = index_layer(b.store, now, 4);
	why_files(b.store, &one, &two, &c);
	why_text(&c, &text);
	cr_expect_str_eq(text.p, "a (mode), a (owner), b (link target) and 3 more");
	why_json(&c, &json);
	cr_expect_str_eq(json.p, "[{\"kind\":\"file\",\"path\":\"a\",\"change\":\"mode\",\"old\":\"0644\",\"new\":\"0755\"},"
		"{\"kind\":\"file\",\"path\":\"a\",\"change\":\"owner\",\"old\":\"0:0\",\"new\":\"5:0\"},"
		"{\"kind\":\"file\",\"path\":\"b\",\"change\":\"link target\",\"old\":\"x\",\"new\":\"y\"},"
		"{\"kind\":\"file\",\"path\":\"c\",\"change\":\"type\",\"old\":\"file\",\"new\":\"folder\"},"
		"{\"kind\":\"file\",\"path\":\"d\",\"change\":\"removed\"},{\"kind\":\"file\",\"path\":\"e\",\"change\":\"added\"}]");
}
