/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_NOTES_H
#define COOPER_NOTES_H

/* Annotations as --annotation and -o annotation...=... ask for them: each says where it belongs. */
#include "registry/oci.h"

enum note_place {
	NOTE_MANIFEST,
	NOTE_INDEX,                  /* of an image for several platforms */
	NOTE_MANIFEST_DESCRIPTOR,    /* in that index; an image for one platform: in index.json of a layout */
	NOTE_INDEX_DESCRIPTOR,       /* in index.json of a layout */
};
struct note {
	enum note_place place;
	bool one;                    /* of this platform alone */
	struct platform platform;
	struct str key, value;
};
struct notes {
	struct note *v;
	size_t n, cap;
};

/* "[TYPE[[PLATFORM]][,...]:]KEY=VALUE", as docker buildx has it; adds to *l. Strings live in `a` or are those given. ERR_USAGE. */
int notes_parse(const char *text, struct arena *a, struct notes *l, struct err *e);
/* "annotation[-TYPE][[PLATFORM]].KEY" of an output; *ret_mine is false for keys that are something else. */
int notes_field(const char *key, const char *value, struct arena *a, struct notes *l, bool *ret_mine, struct err *e);
void notes_add_all(struct notes *l, const struct notes *more, struct arena *a);
/* Can an image for these platforms have them? ERR_USAGE; what only an index could have is warned of where there is none. */
int notes_check(const struct notes *l, const struct platform *platforms, size_t n, struct err *e);
/* Those of a place: the ones for all, then the platform's own, which win. `p`: NULL for an index. */
struct annotations notes_of(const struct notes *l, enum note_place place, const struct platform *p, struct arena *a);

#endif
