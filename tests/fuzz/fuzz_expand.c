/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first byte gives the options, the rest is the word. The variables have values that provoke: empty ones, patterns,
 * line ends, broken UTF-8. A result that is accepted twice has to be the same twice.
 */
#include <stdlib.h>

#include "parser/expand.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool variable(void *arg, struct str name, struct str *ret)
{
	(void)arg;
	if (name.len != 1)
		return false;
	switch (name.p[0]) {
	case 'A':
		*ret = STR("foo/bar.tar.gz");
		return true;
	case 'E':
		*ret = STR("");
		return true;
	case 'N':
		*ret = STR("one\ntwo *?\\ }x\n");
		return true;
	case 'B':
		*ret = STR("\xFF\xC3\xA9\xC3 \xE2\x82\xAC\xF0\x9F");
		return true;
	case 'L':
		*ret = STR("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaabaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab");
		return true;
	default:
		return false;
	}
}

static void unset(void *arg, struct str name)
{
	size_t *count = arg;
	*count += name.len + 1;
}

static void demand(bool fine)
{
	if (!fine)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena a = {0};
	struct err e;
	struct str one, two, *words;
	size_t n, count = 0;
	if (size == 0)
		return 0;
	uint8_t o = data[0];
	struct expander x = {.get = variable,
	    .unset = unset,
	    .arg = &count,
	    .escape = o & 1 ? '`' : '\\',
	    .raw_quotes = o & 2,
	    .raw_escapes = o & 4,
	    .skip_unset = o & 8,
	    .literal_quotes = o & 16};
	struct str word = {(const char *)data + 1, size - 1};
	int rc = expand_word(&x, word, &a, &one, &e);
	if (rc == 0) {
		demand(expand_word(&x, word, &a, &two, &e) == 0 && str_eq(one, two));
		demand(expand_words(&x, word, &a, &words, &n, &e) == 0 || e.code == ERR_LIMIT);
	} else {
		demand(e.code == ERR_SYNTAX || e.code == ERR_LIMIT);
	}
	arena_done(&a);
	return 0;
}
