/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>

#include "base/buf.h"

Test(buf, grows_and_stays_terminated)
{
	cleanup_buf struct buf b = {0};
	for (int i = 0; i < 10000; i++)
		buf_putc(&b, (char)('a' + i % 26));
	cr_assert_eq(b.len, 10000);
	cr_assert_eq(strlen(b.p), 10000);
	cr_assert_eq(b.p[9999], (char)('a' + 9999 % 26));
}

Test(buf, printf_appends_more_than_its_room)
{
	cleanup_buf struct buf b = {0};
	buf_puts(&b, "x=");
	buf_printf(&b, "%0200d|", 7);
	buf_printf(&b, "%s", "");
	cr_assert_eq(b.len, 2 + 200 + 1);
	cr_assert_str_eq(b.p + 2 + 199, "7|");
}

Test(buf, add_takes_nul_bytes)
{
	cleanup_buf struct buf b = {0};
	buf_add(&b, "a\0b", 3);
	cr_assert(str_eq(buf_view(&b), STR("a\0b")));
	buf_clear(&b);
	cr_assert_eq(b.len, 0);
	cr_assert_str_eq(b.p, "");
}

Test(buf, quote_escapes)
{
	cleanup_buf struct buf b = {0};
	buf_quote(&b, STR("a\"\\\n\t\r\x01z\x7f"));
	cr_assert_str_eq(b.p, "\"a\\\"\\\\\\n\\t\\r\\x01z\\x7f\"");
}

Test(buf, steal_never_gives_null)
{
	struct buf b = {0};
	char *p = buf_steal(&b);
	cr_assert_str_eq(p, "");
	mem_free(p);
	cr_assert_null(b.p);
}

Test(buf, clean_text_has_no_control_bytes_but_newline_and_tab)
{
	static const struct {
		const char *in, *plain, *colors;
	} rows[] = {
		{"a\tb\n", "a\tb\n", "a\tb\n"},
		{"\033]0;evil\007", "\\x1b]0;evil\\x07", "\\x1b]0;evil\\x07"},
		{"\033[1;31mred\033[0m", "\\x1b[1;31mred\\x1b[0m", "\033[1;31mred\033[0m"},
		{"\033[2J\033[", "\\x1b[2J\\x1b[", "\\x1b[2J\\x1b["},
		{"caf\303\251 \302\233 \351", "caf\303\251 \\xc2\\x9b \\xe9", "caf\303\251 \\xc2\\x9b \\xe9"},
		{"\r\177\360\237", "\\x0d\\x7f\\xf0\\x9f", "\\x0d\\x7f\\xf0\\x9f"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		cleanup_buf struct buf plain = {0}, colors = {0};
		buf_clean(&plain, str_of(rows[i].in), false);
		buf_clean(&colors, str_of(rows[i].in), true);
		cr_assert_str_eq(plain.p, rows[i].plain);
		cr_assert_str_eq(colors.p, rows[i].colors);
	}
}
