/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>

#include "base/digest.h"

/* FIPS 180-4 examples. */
static const struct {
	const char *text, *hex;
} known[] = {
    {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
    {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
    {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
};

Test(digest, known_answers)
{
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		char hex[DIGEST_HEX + 1];
		struct digest d = digest_of(known[i].text, strlen(known[i].text));
		digest_hex(&d, hex);
		cr_assert_str_eq(hex, known[i].hex);
	}
}

Test(digest, text_and_back)
{
	struct err e;
	char text[DIGEST_TEXT + 1];
	struct digest d = digest_of("abc", 3), back;
	digest_text(&d, text);
	cr_assert_eq(digest_parse(str_of(text), &back, &e), 0);
	cr_assert(digest_eq(&d, &back));
}

Test(digest, bad_texts)
{
	static const struct {
		const char *text;
		int code;
	} rows[] = {
	    {"", ERR_SYNTAX},
	    {"sha256:", ERR_SYNTAX},
	    {"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", ERR_SYNTAX},
	    {"sha256:BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD", ERR_SYNTAX},
	    {"sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015a", ERR_SYNTAX},
	    {"sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015adx", ERR_SYNTAX},
	    {"sha256:../../../../etc/passwd0000000000000000000000000000000000000000000000", ERR_SYNTAX},
	    {"sha512:ab", ERR_UNSUPPORTED},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct err e;
		struct digest d;
		cr_assert_eq(digest_parse(str_of(rows[i].text), &d, &e), -rows[i].code, "\"%s\"", rows[i].text);
	}
}

Test(digest, strings_of_a_key_do_not_run_together)
{
	struct hasher a, b;
	hasher_init(&a);
	hasher_str(&a, STR("ab"));
	hasher_str(&a, STR("c"));
	hasher_init(&b);
	hasher_str(&b, STR("a"));
	hasher_str(&b, STR("bc"));
	struct digest x = hasher_done(&a), y = hasher_done(&b);
	cr_assert(!digest_eq(&x, &y));
}

Test(digest, pieces_make_the_same_as_the_whole)
{
	struct hasher h;
	hasher_init(&h);
	for (int i = 0; i < 1000; i++)
		hasher_add(&h, "0123456789", 10);
	struct digest pieces = hasher_done(&h);
	char whole[10000];
	for (size_t i = 0; i < sizeof(whole); i++)
		whole[i] = (char)('0' + i % 10);
	struct digest at_once = digest_of(whole, sizeof(whole));
	cr_assert(digest_eq(&pieces, &at_once));
	struct digest none = {0};
	cr_assert(digest_none(&none));
	cr_assert(!digest_none(&pieces));
}
