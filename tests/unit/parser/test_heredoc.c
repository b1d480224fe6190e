/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>

#include "parser/syntax.h"

static const struct {
	const char *line, *names; /* each with '-' when tabs are cut, '=' when not expanded, a blank behind */
} lines[] = {
    {"RUN cat <<A", "A "},
    {"RUN <<-A <<'B' <<\"C\" <<D\"\" x", "A- B= C= D= "},
    {"RUN cat << A > b", "A "},
    {"RUN cat <<A>b", "A>b "},
    {"RUN x<<A", ""},
    {"RUN cat <<<A", ""},
    {"RUN echo $((1<<2))", ""},
    {"RUN echo $((1 << 2)) $(( 1 << 2 ))", ""},
    {"RUN cat <<2 << E2 <<)", "2 E2 ) "},
    {"RUN cat '<<A' \"<<B\"", ""},
    {"RUN cat \\<<A", ""},
    {"RUN it's <<A", ""},
    {"RUN cat << <A", ""},
    {"RUN << ", ""},
    {"RUN 3<<A 04<<B", "A B "},
    {"RUN echo ${X:-y} <<A", "A "},
    {"RUN <<A ${X:-y}", "A "},
    {"RUN <<A\\ B", "A B "},
};

Test(heredoc, words_of_a_line_open_them)
{
	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
		struct arena a = {0};
		struct heredoc *h;
		size_t n;
		struct err e;
		struct buf names = {0};
		cr_assert_eq(heredoc_find(&a, str_of(lines[i].line), &h, &n, &e), 0);
		buf_puts(&names, "");
		for (size_t k = 0; k < n; k++)
			buf_printf(
			    &names, "%.*s%s%s ", STR_ARG(h[k].name), h[k].chomp ? "-" : "", h[k].expand ? "" : "=");
		cr_assert_str_eq(names.p, lines[i].names, "%s opens %s", lines[i].line, names.p);
		buf_done(&names);
		arena_done(&a);
	}
}

Test(heredoc, numbers_in_front_are_descriptors)
{
	struct arena a = {0};
	struct heredoc h;
	bool is;
	struct err e;
	cr_assert_eq(heredoc_word(&a, STR("0012<<A"), &is, &h, &e), 0);
	cr_assert(is && h.fd == 12);
	cr_assert_eq(heredoc_word(&a, STR("99999999999999999999<<A"), &is, &h, &e), 0);
	cr_assert(is && h.fd > 0);
	arena_done(&a);
}

Test(heredoc, too_many_on_a_line_are_refused)
{
	struct arena a = {0};
	struct heredoc *h;
	size_t n;
	struct err e;
	struct buf line = {0};
	for (int i = 0; i <= SYNTAX_HEREDOCS_MAX; i++)
		buf_puts(&line, "<<E ");
	cr_assert_eq(heredoc_find(&a, buf_view(&line), &h, &n, &e), -ERR_LIMIT);
	buf_done(&line);
	arena_done(&a);
}

Test(heredoc, bodies_end_at_the_exact_word)
{
	struct arena a = {0};
	struct lines l;
	struct err e;
	struct heredoc h = {.name = STR("E"), .chomp = true};
	lines_init(&l, STR("\ta\r\n E\n\t\tE\r\nrest"), &a);
	cr_assert_eq(heredoc_read(&l, &h, &e), 0);
	cr_assert(str_eqz(h.raw, "\ta\r\n E\n"));
	cr_assert_eq(h.where.line, 1);
	cr_assert_eq(h.where.end_line, 3);
	h.chomp = false;
	cr_assert_eq(heredoc_read(&l, &h, &e), -ERR_SYNTAX);
	lines_done(&l);
	arena_done(&a);
}

Test(heredoc, only_leading_tabs_are_cut)
{
	struct arena a = {0};
	cr_assert(str_eqz(heredoc_chomp(&a, STR("\t\ta\tb\n \tc\n\t\n\n\td")), "a\tb\n \tc\n\n\nd"));
	cr_assert(str_eqz(heredoc_chomp(&a, STR("")), ""));
	arena_done(&a);
}
