/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "builder/cli/opt.h"

struct values {
	bool quiet, secure_off;
	const char *tag, *pull, *progress;
	struct opt_list labels, hosts;
	int64_t jobs;
	uint64_t memory;
	const char *called;
};

static int on_call(void *opts, struct arena *a, const char *value, struct err *e)
{
	struct values *v = opts;

	(void)a;
	if (strcmp(value, "bad") == 0)
		return err_set(e, ERR_USAGE, "it is bad");
	v->called = value;
	return 0;
}

static const char *const modes[] = {"plain", "tty", NULL};

#define T struct values
static const struct opt table[] = {
    OPT_GROUP("First"),
    OPT_STR('t', "tag", T, tag, "NAME", "A name"),
    OPT_BOOL('q', "quiet", T, quiet, "Say nothing"),
    OPT_BOOL(0, "tls-verify", T, secure_off, "Look at certificates", .flip = true),
    OPT_MAYBE(0, "pull", T, pull, "POLICY", "always", "When to pull"),
    OPT_LIST('l', "label", T, labels, "K=V", "Labels"),
    OPT_CSV(0, "add-host", T, hosts, "HOST", "Hosts"),
    OPT_INT('j', "jobs", T, jobs, "N", "Steps at once", .otherwise = "4"),
    OPT_BYTES('m', "memory", T, memory, "SIZE", "Memory"),
    OPT_STR(
        0, "progress", T, progress, "MODE", "How", .words = modes, .otherwise = "plain", .env = "TEST_OPT_PROGRESS"),
    OPT_CALL('c', "call", on_call, "X", "Calls"),
    OPT_IGNORED_BOOL(0, "rm"),
    OPT_IGNORED(0, "isolation"),
    OPT_STR(0, "hidden", T, tag, "X", "Not shown", .hidden = true),
    OPT_END,
};
#undef T

struct parsed {
	struct values v;
	struct opt_args args;
	struct arena arena;
	struct err e;
	int rc;
};

static struct parsed parse(const char *line)
{
	struct parsed p = {0};
	struct opt_set set = {table, &p.v};
	struct str rest = str_of(line), word;
	static char *argv[32];
	int argc = 0;

	while (*line && str_split(&rest, ' ', &word))
		argv[argc++] = arena_printf(&p.arena, "%.*s", STR_ARG(word));
	p.rc = opt_parse(&set, 1, argc, argv, false, &p.arena, &p.args, &p.e);
	return p;
}

static const char *const tag_forms[] = {
    "-t app", "-tapp", "-t=app", "--tag app", "--tag=app", "-qt app", "-qtapp", "-qt=app", ". -t app", "-t x -t app"};

Test(opt, values_stand_apart_joined_or_behind_an_equals_sign)
{
	for (size_t i = 0; i < ARRAY_LEN(tag_forms); i++) {
		struct parsed p = parse(tag_forms[i]);

		cr_assert_eq(p.rc, 0, "%s: %s", tag_forms[i], p.e.text);
		cr_assert_str_eq(p.v.tag, "app", "%s", tag_forms[i]);
		cr_assert_eq(p.v.quiet, strstr(tag_forms[i], "q") != NULL);
		arena_done(&p.arena);
	}
}

static const struct {
	const char *line;
	bool quiet;
	int args;
} switches[] = {
    {"", false, 0},
    {"-q", true, 0},
    {"--quiet", true, 0},
    {"--quiet=true", true, 0},
    {"-q=false", false, 0},
    {"--quiet=F", false, 0},
    {"-q --quiet=0", false, 0},
    {"--quiet false", true, 1},
    {"-q -- -t x", true, 2},
    {"- -q", true, 1},
};

Test(opt, switches_take_a_value_only_behind_an_equals_sign)
{
	for (size_t i = 0; i < ARRAY_LEN(switches); i++) {
		struct parsed p = parse(switches[i].line);

		cr_assert_eq(p.rc, 0, "%s: %s", switches[i].line, p.e.text);
		cr_assert_eq(p.v.quiet, switches[i].quiet, "%s", switches[i].line);
		cr_assert_eq(p.args.n, switches[i].args, "%s", switches[i].line);
		cr_assert_null(p.args.v[p.args.n]);
		arena_done(&p.arena);
	}
}

static const struct {
	const char *line, *text;
} wrong[] = {
    {"--ta app", "unknown flag: --ta (did you mean --tag?)"},
    {"--nonsense", "unknown flag: --nonsense"},
    {"-x", "unknown shorthand flag: 'x' in -x"},
    {"-qx", "unknown shorthand flag: 'x' in -qx"},
    {"--tag", "flag needs an argument: --tag"},
    {"-qt", "flag needs an argument: 't' in -qt"},
    {"--quiet=maybe", "invalid argument \"maybe\" for \"--quiet\" flag: expected true or false"},
    {"-j 3x", "invalid argument \"3x\" for \"-j\" flag: expected a number"},
    {"-m 12q", "invalid argument \"12q\" for \"-m\" flag: expected a size such as 64m or 1g"},
    {"--progress=fancy", "invalid argument \"fancy\" for \"--progress\" flag: expected one of plain, tty"},
    {"-c bad", "invalid argument \"bad\" for \"-c\" flag: it is bad"},
    {"--=x", "bad flag syntax: --=x"},
};

Test(opt, errors_name_the_flag_and_help)
{
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		struct parsed p = parse(wrong[i].line);

		cr_assert_eq(p.rc, -ERR_USAGE, "%s", wrong[i].line);
		cr_assert_str_eq(p.e.text, wrong[i].text, "%s: %s", wrong[i].line, p.e.text);
		arena_done(&p.arena);
	}
}

Test(opt, optional_values_have_a_bare_form)
{
	struct parsed p = parse("--pull x"), q = parse("--pull=never"), r = parse("");

	cr_assert_str_eq(p.v.pull, "always");
	cr_assert_eq(p.args.n, 1);
	cr_assert_str_eq(q.v.pull, "never");
	cr_assert_null(r.v.pull);
	arena_done(&p.arena);
	arena_done(&q.arena);
	arena_done(&r.arena);
}

Test(opt, lists_keep_commas_and_csv_lists_split_them)
{
	struct parsed p = parse("-l a,b --label=c --add-host x,y --add-host z,");

	cr_assert_eq(p.v.labels.n, 2);
	cr_assert_str_eq(p.v.labels.v[0], "a,b");
	cr_assert_eq(p.v.hosts.n, 3);
	cr_assert_str_eq(p.v.hosts.v[1], "y");
	cr_assert_str_eq(p.v.hosts.v[2], "z");
	arena_done(&p.arena);
}

Test(opt, values_have_a_beginning_and_the_environment_comes_behind_the_line)
{
	struct parsed p = parse("--tls-verify=false"), q, r;

	cr_assert_eq(p.v.jobs, 4);
	cr_assert_str_eq(p.v.progress, "plain");
	cr_assert(p.v.secure_off);
	setenv("TEST_OPT_PROGRESS", "tty", 1);
	q = parse("--tls-verify");
	cr_assert_str_eq(q.v.progress, "tty");
	cr_assert_not(q.v.secure_off);
	r = parse("--progress plain -j9");
	cr_assert_str_eq(r.v.progress, "plain");
	cr_assert_eq(r.v.jobs, 9);
	unsetenv("TEST_OPT_PROGRESS");
	arena_done(&p.arena);
	arena_done(&q.arena);
	arena_done(&r.arena);
}

Test(opt, ignored_options_take_what_they_take)
{
	struct parsed p = parse("--rm --isolation chroot --rm=false dir");

	cr_assert_eq(p.rc, 0, "%s", p.e.text);
	cr_assert_eq(p.args.n, 1);
	cr_assert_str_eq(p.args.v[0], "dir");
	arena_done(&p.arena);
}

Test(opt, the_first_argument_ends_options_when_asked)
{
	char *argv[] = {"-q", "run", "-t", "x", NULL};
	struct values v = {0};
	struct opt_set set = {table, &v};
	struct arena a = {0};
	struct opt_args args;
	struct err e;

	cr_assert_eq(opt_parse(&set, 1, 4, argv, true, &a, &args, &e), 0);
	cr_assert(v.quiet);
	cr_assert_null(v.tag);
	cr_assert_eq(args.n, 3);
	cr_assert_str_eq(args.v[1], "-t");
	arena_done(&a);
}

static const struct {
	const char *text;
	bool fine;
	uint64_t bytes;
} sizes[] = {
    {"0", true, 0},
    {"10", true, 10},
    {"64k", true, 65536},
    {"64K", true, 65536},
    {"1.5g", true, 1610612736},
    {"2MiB", true, 2097152},
    {"2mb", true, 2097152},
    {"1 g", true, 1073741824},
    {"7b", true, 7},
    {"", false, 0},
    {"-1", false, 0},
    {"k", false, 0},
    {"1x", false, 0},
    {"1kk", false, 0},
    {"0x10", false, 0},
    {"99999999999p", false, 0},
    {"nan", false, 0},
};

Test(opt, sizes_are_binary_multiples)
{
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		uint64_t bytes = 0;

		cr_assert_eq(opt_parse_bytes(sizes[i].text, &bytes), sizes[i].fine, "%s", sizes[i].text);
		cr_assert_eq(bytes, sizes[i].bytes, "%s: %llu", sizes[i].text, (unsigned long long)bytes);
	}
}

static const struct {
	const char *text, *fields; /* key<value> joined; '!' = an error */
} csvs[] = {
    {"type=local,dest=out", "type<local>dest<out>"},
    {"TYPE=Local,\"name=a,b\",push", "type<Local>name<a,b>push"},
    {"\"a=say \"\"hi\"\"\"", "a<say \"hi\">"},
    {",,a=1,,", "a<1>"},
    {"", ""},
    {"a=b=c", "a<b=c>"},
    {"\"a=b", "!"},
    {"a\"b", "!"},
    {"\"a\"b", "!"},
};

Test(opt, key_value_lines_are_csv)
{
	for (size_t i = 0; i < ARRAY_LEN(csvs); i++) {
		const char *rest = csvs[i].text, *key, *value;
		struct arena a = {0};
		struct buf got = {0};
		struct err e;
		int rc;

		buf_puts(&got, "");
		while ((rc = opt_csv_next(&rest, &a, &key, &value, &e)) > 0) {
			buf_puts(&got, key);
			if (value)
				buf_printf(&got, "<%s>", value);
		}
		if (rc < 0)
			buf_putc(&got, '!');
		cr_assert_str_eq(got.p, csvs[i].fields, "%s: %s", csvs[i].text, got.p);
		buf_done(&got);
		arena_done(&a);
	}
}

Test(opt, help_shows_every_row_but_hidden_ones)
{
	struct buf out = {0};

	opt_print_help(table, 80, &out);
	cr_assert(strstr(out.p, "First:\n"));
	cr_assert(strstr(out.p, "  -t, --tag NAME              A name\n"));
	cr_assert(strstr(out.p, "      --pull[=POLICY]         When to pull\n"));
	cr_assert(strstr(out.p, "How: plain, tty (default: plain)"));
	cr_assert_null(strstr(out.p, "hidden"));
	cr_assert_null(strstr(out.p, "isolation"));
	for (const char *line = out.p; *line; line = strchr(line, '\n') + 1)
		cr_assert_leq(strchr(line, '\n') - line, 80);
	buf_done(&out);
}

Test(opt, words_wrap_below_each_other)
{
	struct buf out = {0};

	opt_wrap("one two three four", 4, 12, &out);
	cr_assert_str_eq(out.p, "one two\n    three\n    four");
	buf_done(&out);
}
