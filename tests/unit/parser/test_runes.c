/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>

#include "parser/runes.h"

static const struct {
	const char *bytes;
	uint32_t rune;
	size_t len;
} decodings[] = {
    {"a", 'a', 1},
    {"\x7F", 0x7F, 1},
    {"\xC2\x80", 0x80, 2},
    {"\xC3\xA9x", 0xE9, 2},
    {"\xE2\x82\xAC", 0x20AC, 3},
    {"\xF0\x9F\x8D\x9E", 0x1F35E, 4},
    {"\xF4\x8F\xBF\xBF", 0x10FFFF, 4},
    {"\xC3", RUNE_BAD, 1}, /* cut short */
    {"\xE2\x82", RUNE_BAD, 1},
    {"\xC0\x80", RUNE_BAD, 1}, /* longer than needed */
    {"\xE0\x9F\xBF", RUNE_BAD, 1},
    {"\xF0\x8F\xBF\xBF", RUNE_BAD, 1},
    {"\xED\xA0\x80", RUNE_BAD, 1},     /* a surrogate */
    {"\xF4\x90\x80\x80", RUNE_BAD, 1}, /* beyond Unicode */
    {"\x80", RUNE_BAD, 1},
    {"\xFF", RUNE_BAD, 1},
};

Test(runes, only_valid_utf8_is_decoded)
{
	for (size_t i = 0; i < sizeof(decodings) / sizeof(*decodings); i++) {
		uint32_t c;
		size_t n = rune_next(str_of(decodings[i].bytes), &c);
		cr_assert_eq(n, decodings[i].len, "case %zu", i);
		cr_assert_eq(c, decodings[i].rune, "case %zu", i);
	}
}

Test(runes, what_is_put_is_decoded_again)
{
	static const uint32_t some[] = {1, 0x7F, 0x80, 0x7FF, 0x800, 0xD7FF, 0xE000, 0xFFFD, 0xFFFF, 0x10000, 0x10FFFF};
	for (size_t i = 0; i < sizeof(some) / sizeof(*some); i++) {
		char out[4];
		uint32_t c, last;
		size_t n = rune_put(some[i], out);
		cr_assert_eq(rune_next((struct str){out, n}, &c), n);
		cr_assert_eq(rune_last((struct str){out, n}, &last), n);
		cr_assert_eq(c, some[i]);
		cr_assert_eq(last, some[i]);
	}
}

Test(runes, surrogates_are_put_as_replacement)
{
	char out[4];
	cr_assert_eq(rune_put(0xD800, out), 3);
	cr_assert(memcmp(out, "\xEF\xBF\xBD", 3) == 0);
	cr_assert_eq(rune_put(0x110000, out), 3);
}

Test(runes, last_of_broken_text_is_one_byte)
{
	uint32_t c;
	cr_assert_eq(rune_last(STR("a\xA9"), &c), 1);
	cr_assert_eq(c, RUNE_BAD);
	cr_assert_eq(rune_last(STR("\xC3\xA9z"), &c), 1);
	cr_assert_eq(c, 'z');
	cr_assert_eq(rune_last(STR("\x80\x80\x80\x80\x80"), &c), 1);
}

Test(runes, classes_reach_beyond_ascii)
{
	cr_assert(rune_letter('z') && rune_letter(0xE9) && rune_letter(0xD55C) && rune_letter(0x65E5));
	cr_assert_not(rune_letter('_') || rune_letter('5') || rune_letter(0x20AC) || rune_letter(0x1F35E));
	cr_assert(rune_digit('7') && rune_digit(0x663));
	cr_assert_not(rune_digit('a') || rune_digit(0xB2));
	cr_assert(rune_space(0x85) && rune_space(0xA0) && rune_space(0x3000) && rune_space('\v'));
	cr_assert_not(rune_space(0x200B) || rune_space(0));
	cr_assert(rune_shown(' ') && rune_shown(0xE9) && rune_shown(0x1F35E));
	cr_assert_not(
	    rune_shown(0x1B) || rune_shown(0x7F) || rune_shown(0xA0) || rune_shown(0x9B) || rune_shown(0x202E));
}

Test(runes, trimming_takes_blanks_of_all_kinds)
{
	cr_assert(str_eqz(rune_trim(STR(" \t\xC2\xA0"
	                                "a b"
	                                "\xE3\x80\x80\r\n")),
	    "a b"));
	cr_assert(str_eqz(rune_trim(STR(" \xC2\xA0 ")), ""));
	cr_assert(str_eqz(rune_trim_left(STR(" a ")), "a "));
	cr_assert(str_eqz(rune_trim((struct str){0}), ""));
}
