/* SPDX-License-Identifier: Apache-2.0 */
/* Two layer indexes, entry by entry: a merge of sorted lists. */
#include "builder/graph/parts.h"
#include "builder/solve/why.h"
#include "snapshotter/index.h"

/* What may be different in two entries of one path, and how it is shown. */
static bool other_type(const struct entry *a, const struct entry *b)
{
	return a->type != b->type;
}

static struct str show_type(struct arena *a, const struct entry *en)
{
	static const char *const names[] = {[ENTRY_FILE] = "file", [ENTRY_DIR] = "folder", [ENTRY_SYMLINK] = "symlink", [ENTRY_LINK] = "link",
		[ENTRY_FIFO] = "fifo", [ENTRY_CHAR] = "char", [ENTRY_BLOCK] = "block", [ENTRY_WHITEOUT] = "whiteout"};
	(void)a;
	return str_of(names[en->type]);
}

static bool other_content(const struct entry *a, const struct entry *b)
{
	return a->type == ENTRY_FILE && !digest_eq(&a->digest, &b->digest);
}

static struct str show_content(struct arena *a, const struct entry *en)
{
	char text[DIGEST_TEXT + 1];
	digest_text(&en->digest, text);
	return arena_str(a, str_of(text));
}

static bool other_target(const struct entry *a, const struct entry *b)
{
	return !str_eq(a->target, b->target);
}

static struct str show_target(struct arena *a, const struct entry *en)
{
	return arena_str(a, en->target);
}

static bool other_mode(const struct entry *a, const struct entry *b)
{
	return a->mode != b->mode;
}

static struct str show_mode(struct arena *a, const struct entry *en)
{
	return str_of(arena_printf(a, "%04o", en->mode));
}

static bool other_owner(const struct entry *a, const struct entry *b)
{
	return a->uid != b->uid || a->gid != b->gid;
}

static struct str show_owner(struct arena *a, const struct entry *en)
{
	return str_of(arena_printf(a, "%u:%u", en->uid, en->gid));
}

static bool other_attributes(const struct entry *a, const struct entry *b)
{
	return !str_eq(a->xattrs, b->xattrs);
}

static bool other_device(const struct entry *a, const struct entry *b)
{
	return a->major != b->major || a->minor != b->minor;
}

static struct str show_device(struct arena *a, const struct entry *en)
{
	return str_of(arena_printf(a, "%u:%u", en->major, en->minor));
}

static const struct aspect {
	const char *name;
	bool (*differs)(const struct entry *a, const struct entry *b);
	struct str (*show)(struct arena *a, const struct entry *en); /* or NULL */
} aspects[] = {
    {"type", other_type, show_type}, {"content", other_content, show_content}, {"link target", other_target, show_target},
    {"mode", other_mode, show_mode}, {"owner", other_owner, show_owner}, {"attributes", other_attributes, NULL},
    {"device", other_device, show_device},
};

static void compare_entries(const struct entry *a, const struct entry *b, struct changes *c)
{
	for (size_t i = 0; i < ARRAY_LEN(aspects); i++) {
		const struct aspect *as = &aspects[i];
		if (!as->differs(a, b))
			continue;
		struct change one = {.kind = part_kind(PART_COPIED), .path = arena_str(&c->arena, b->path), .change = as->name};
		if (as->show) {
			one.was = as->show(&c->arena, a);
			one.is = as->show(&c->arena, b);
		}
		why_add(c, &one);
		if (i == 0)
			return; /* of another type, nothing else is comparable */
	}
}

static void compare_indexes(const struct index *a, const struct index *b, struct changes *c)
{
	size_t i = 0, k = 0;
	while (i < a->n || k < b->n) {
		int order = i == a->n ? 1 : k == b->n ? -1 : path_cmp(a->entries[i].path, b->entries[k].path);
		const struct entry *was = order <= 0 ? &a->entries[i++] : NULL, *is = order >= 0 ? &b->entries[k++] : NULL;
		if (was && is)
			compare_entries(was, is, c);
		else
			why_add(c, &(struct change){.kind = part_kind(PART_COPIED), .path = arena_str(&c->arena, was ? was->path : is->path),
				.change = was ? "removed" : "added"});
	}
}

void why_files(struct store *s, const struct digest *then, const struct digest *now, struct changes *c)
{
	cleanup_index struct index *a = NULL;
	cleanup_index struct index *b = NULL;
	struct err ignored;
	if (digest_none(then) || digest_none(now) || store_layer_index(s, then, &a, &ignored) < 0 ||
	    store_layer_index(s, now, &b, &ignored) < 0)
		return;
	compare_indexes(a, b, c);
}
