/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The digest that keys a COPY: everything about the selected entries that can be seen in the layer, times left out. Names are
 * relative to what they are placed in. The name of a file source counts only when it may decide where the file goes.
 */
#include "snapshotter/copy_impl.h"
#include "snapshotter/relay.h"

enum { TEXT = 32 * 1024 };

/* A file whose digest has to be asked for. */
struct unknown {
	struct str path;
	const struct copy_source *source;
	struct digest digest;
};
/* The entries go by as text that is hashed, beside it when there is much. When digests are missing, the first round only collects
 * them, and there is a second one. */
struct stream {
	const struct copy_args *args;
	const struct copy_source *source;
	struct buf text;        /* not hashed yet */
	struct hash_pipe pipe;
	struct map inodes;      /* of the pick: the first name of a file that has several, in arena */
	struct unknown *unknown;
	size_t n, cap, used;
	uint64_t bytes;         /* of the unknown */
	bool answered;
	struct arena *arena;
};

static void stream_done(struct stream *s)
{
	hash_pipe_done(&s->pipe);
	buf_done(&s->text);
	map_done(&s->inodes);
	mem_free(s->unknown);
}

/* Asks each source once for all that is not known. */
static int learn(const struct copy_args *a, struct stream *s, struct err *e)
{
	cleanup_free struct str *paths = mem_array(s->n, sizeof(*paths));
	cleanup_free struct digest *digests = mem_array(s->n, sizeof(*digests));
	cleanup_free size_t *where = mem_array(s->n, sizeof(*where));
	for (size_t i = 0; i < a->nitems; i++) {
		const struct copy_source *src = a->items[i].source;
		size_t n = 0;
		for (size_t j = 0; j < s->n; j++) {
			struct entry en;
			if (s->unknown[j].source != src || !digest_none(&s->unknown[j].digest))
				continue;
			/* Of a hard link: the first name, which is the FILE entry. */
			paths[n] = copy_source_entry(src, s->unknown[j].path, &en) ? en.path : s->unknown[j].path;
			where[n++] = j;
		}
		if (n)
			TRY(src->digests(src->arg, paths, n, digests, e));
		for (size_t k = 0; k < n; k++)
			s->unknown[where[k]].digest = digests[k];
	}
	s->answered = true;
	return 0;
}

static void flush(struct stream *s)
{
	struct err never;
	(void)sink_write(&s->pipe.sink, s->text.p, s->text.len, &never); /* it only hashes */
	buf_clear(&s->text);
}

static void put_u64(struct stream *s, uint64_t v)
{
	uint8_t b[8];
	for (int i = 0; i < 8; i++)
		b[i] = (uint8_t)(v >> (8 * i));
	buf_add(&s->text, b, sizeof(b));
}

/* As hasher_str does. */
static void put_str(struct stream *s, struct str v)
{
	put_u64(s, v.len);
	buf_str(&s->text, v);
}

/* --- an entry as text: there may be very many, so it is put together at once and kept short --- */

enum { FIXED = 128 }; /* more than all of an entry that is no string */

static char *add(char *at, const void *p, size_t n)
{
	memcpy(at, p, n);
	return at + n;
}

static char *add_u32(char *at, uint32_t v)
{
	uint8_t b[] = {(uint8_t)v, (uint8_t)(v >> 8), (uint8_t)(v >> 16), (uint8_t)(v >> 24)};
	return add(at, b, sizeof(b));
}

static char *add_str(char *at, struct str v)
{
	at = add_u32(at, (uint32_t)v.len);
	return v.len ? add(at, v.p, v.len) : at;
}

/* `first`: of a hard link, the name that its file has already. */
static void hash_entry(struct stream *s, struct str rel, struct str first, const struct entry *en, const struct digest *d)
{
	bool mode_counts = en->type != ENTRY_SYMLINK && !copy_is_octal(s->args->chmod);
	bool owner_counts = !s->args->set_owner && s->source->owners;
	struct str target = en->type == ENTRY_SYMLINK ? en->target : (struct str){0};
	buf_need(&s->text, FIXED + rel.len + first.len + target.len + en->xattrs.len);
	char *start = s->text.p + s->text.len, *at = start;
	*at++ = 1;
	*at++ = (char)en->type;
	at = add_str(at, rel);
	at = add_str(at, first);
	at = add_u32(at, mode_counts ? en->mode : 0);
	at = add_u32(at, owner_counts ? en->uid : 0);
	at = add_u32(at, owner_counts ? en->gid : 0);
	at = add_u32(at, en->major);
	at = add_u32(at, en->minor);
	at = add_u32(at, (uint32_t)(en->type == ENTRY_FILE ? en->size : 0));
	at = add_u32(at, (uint32_t)(en->type == ENTRY_FILE ? en->size >> 32 : 0));
	if (en->type == ENTRY_FILE)
		at = add(at, d->b, sizeof(d->b));
	at = add_str(at, target);
	at = add_str(at, en->xattrs);
	s->text.len += (size_t)(at - start);
}

/* Hard links: later names refer to the first one. */
static struct str first_name(struct stream *s, struct str rel, struct str inode)
{
	if (!inode.len)
		return (struct str){0};
	const struct str *first = map_get(&s->inodes, inode);
	if (first)
		return *first;
	struct str *own = arena_new(s->arena, sizeof(*own));
	*own = arena_str(s->arena, rel);
	map_set(&s->inodes, inode, own);
	return (struct str){0};
}

static int stream_entry(void *arg, struct str rel, const struct entry *en, struct str inode, struct err *e)
{
	struct stream *s = arg;
	const struct digest *d = &en->digest;
	if (en->type == ENTRY_FILE && digest_none(d)) {
		if (!s->answered) {
			MEM_ROOM(s->unknown, s->n, s->cap);
			s->unknown[s->n++] = (struct unknown){.path = en->path, .source = s->source};
			s->bytes += en->size;
			return 0;
		}
		if (s->used == s->n || !str_eq(s->unknown[s->used].path, en->path))
			return err_set(e, ERR_STEP, "\"/%.*s\" appeared while files were looked at", STR_ARG(en->path));
		d = &s->unknown[s->used++].digest;
	}
	if (s->n && !s->answered)
		return 0;
	hash_entry(s, rel, first_name(s, rel, inode), en, d);
	if (s->text.len >= TEXT)
		flush(s);
	return 0;
}

/* Does the name of a file source matter? Not when it is certain that the destination is the file itself. */
static bool name_counts(const struct copy_args *a, struct arena *ar)
{
	struct ground g = {.args = a, .below = a->link ? NULL : a->below};
	if (copy_dest_is_folder(a) || (!a->link && !a->below))
		return true;
	struct str dest = copy_dest(a, ar), at;
	struct err ignored = {0};
	struct entry en;
	bool folder = copy_ground_resolve(&g, STR(""), dest, true, false, &at, &ignored) < 0 ||
		(copy_ground_find(&g, at, &en, NULL) && en.type == ENTRY_DIR);
	copy_ground_done(&g);
	return folder;
}

static void hash_inlines(struct stream *s, bool names)
{
	const struct copy_args *a = s->args;
	put_u64(s, a->ninlines);
	for (size_t i = 0; i < a->ninlines; i++) {
		put_str(s, names ? a->inlines[i].name : (struct str){0});
		put_str(s, a->inlines[i].content);
	}
}

/* Marks in the stream where a pick begins and what kind it is. */
static void hash_pick(struct stream *s, const struct pick *p, bool names)
{
	bool folder = p->en.type == ENTRY_DIR;
	put_u64(s, p->number);
	put_u64(s, folder ? 1 : 2);
	put_str(s, folder || !names ? (struct str){0} : p->name);
}

static int round_of(struct stream *s, struct selection *sel, bool names, struct err *e)
{
	hash_pipe_done(&s->pipe);
	hash_pipe_init(&s->pipe, NULL);
	buf_clear(&s->text);
	put_str(s, STR("cooper select 3"));
	for (size_t i = 0; i < sel->n; i++) {
		struct pick *p = &sel->picks[i];
		s->source = p->item->source;
		hash_pick(s, p, names);
		if (p->en.type == ENTRY_DIR)
			TRY(copy_each(sel, p, stream_entry, s, e));
		else
			TRY(stream_entry(s, (struct str){0}, &p->en, (struct str){0}, e));
		put_u64(s, 0); /* no entry begins so */
		map_done(&s->inodes);
		s->inodes = (struct map){0};
	}
	hash_inlines(s, names);
	flush(s);
	return 0;
}

int copy_select_digest(const struct copy_args *a, uint64_t limit, struct digest *ret, bool *ret_over, struct err *e)
{
	cleanup_selection struct selection sel = {0};
	cleanup_with(stream_done) struct stream s = {.args = a, .arena = &sel.arena};
	TRY(copy_select(a, &sel, e));
	bool names = name_counts(a, &sel.arena) || sel.n + a->ninlines > 1;
	TRY(round_of(&s, &sel, names, e));
	*ret_over = s.bytes > limit;
	if (*ret_over)
		return 0;
	if (s.n) {
		TRY(learn(a, &s, e));
		TRY(round_of(&s, &sel, names, e));
	}
	return hash_pipe_finish(&s.pipe, ret, e);
}
