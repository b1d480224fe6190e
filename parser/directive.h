/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_DIRECTIVE_H
#define COOPER_DIRECTIVE_H

/* Parser directives: `# name=value` lines at the very top of a file. */
#include <stdbool.h>

#include "base/str.h"

struct directive {
	struct str value; /* the whole text behind '=', blanks cut; a slice of the text, or of `room` when it came from JSON */
	struct str word;  /* up to the first blank */
	int line, col;    /* 1-based place of the value; of "{" when it came from JSON */
	char *room;       /* owned; NULL unless the value came from JSON */
};

/* One line (without its end) in the form of a directive behind `mark` ("#", "//"): its name and value. Any name. */
bool directive_line(struct str line, struct str mark, struct str *ret_name, struct str *ret_value);
/* "escape", "syntax" and "check", in any case. */
bool directive_known(struct str name);

/*
 * Looks a directive up in a whole text. A first line that begins with "#!" is passed over. For "syntax" also the forms
 * `// syntax=x` and a JSON document with that key count: files that only their frontend understands.
 */
bool directive_find(struct str text, const char *name, struct directive *ret);
void directive_done(struct directive *d);
#define cleanup_directive __attribute__((cleanup(directive_done)))

#endif
