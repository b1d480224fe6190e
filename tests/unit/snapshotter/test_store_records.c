/* SPDX-License-Identifier: Apache-2.0 */
/* What steps gave for their keys, memos, and what of it is written when. */
#include "store_helpers.h"

#include <sys/stat.h>

struct seen {
	int n, stop_after;
	char answers[8][8];
};

static bool see(void *arg, const struct record *r)
{
	struct seen *s = arg;
	snprintf(s->answers[s->n], sizeof(s->answers[0]), "%.*s", STR_ARG(r->answers));
	return ++s->n == s->stop_after;
}

static void add_record(struct store *s, const char *key, const char *layer, const char *answers)
{
	struct err e;
	struct record r = {.key = d_of(key),
	    .family = d_of("family"),
	    .created = 9,
	    .created_nsec = 8,
	    .answers = str_of(answers),
	    .why = STR("{\"a\":1}")};
	if (layer) {
		r.layer = d_of(layer);
		r.cid = d_of("cid");
	}
	cr_assert_eq(store_add_record(s, &r, &e), 0, "%s", e.text);
}

Test(store_records, records_of_a_key_come_newest_first)
{
	struct err e;
	struct digest key = d_of("k"), none = d_of("none");
	struct seen seen = {0};
	cleanup_tempdir struct tempdir t = tempdir_new();
	cleanup_store struct store *s = open_store(&t);
	add_record(s, "k", "l1", "a");
	add_record(s, "k", "l2", "b");
	add_record(s, "k", "l3", "a"); /* replaces the first */
	add_record(s, "other", NULL, "z");
	cr_assert_eq(store_find_records(s, &key, see, &seen, &e), 0);
	cr_assert_eq(seen.n, 2);
	cr_assert_str_eq(seen.answers[0], "a");
	cr_assert_str_eq(seen.answers[1], "b");
	seen = (struct seen){.stop_after = 1};
	cr_assert_eq(store_find_records(s, &key, see, &seen, &e), 1);
	cr_assert_eq(seen.n, 1);
	cr_assert_eq(store_find_records(s, &none, see, &seen, &e), 0);
}

Test(store_records, a_key_keeps_its_newest_records_only)
{
	struct err e;
	struct digest key = d_of("k");
	cleanup_tempdir struct tempdir t = tempdir_new();
	cleanup_store struct store *s = open_store(&t);
	for (int i = 0; i < 50; i++) {
		char text[8];
		snprintf(text, sizeof(text), "%d", i);
		add_record(s, "k", "l", text);
	}
	cleanup_stmt struct stmt *st = NULL;
	cr_assert_eq(db_prepare(s->db, "SELECT COUNT(*), MIN(n), MAX(n) FROM records WHERE key=?1", &st, &e), 0);
	stmt_digest(st, 1, &key);
	cr_assert_eq(stmt_next(st, &e), 1);
	cr_assert_eq(stmt_get_int(st, 0), 32);
	cr_assert_eq(stmt_get_int(st, 2) - stmt_get_int(st, 1), 31);
}

Test(store_records, families_and_equal_content_are_found)
{
	struct err e;
	bool found;
	struct record r;
	struct digest family = d_of("family"), cid = d_of("cid"), other = d_of("other"), first = d_of("l1");
	cleanup_arena struct arena a = {0};
	cleanup_tempdir struct tempdir t = tempdir_new();
	cleanup_store struct store *s = open_store(&t);
	cr_assert_eq(store_find_family(s, &family, &a, &found, &r, &e), 0);
	cr_assert(!found);
	add_record(s, "k1", "l1", "");
	add_record(s, "k2", "l2", "");
	add_record(s, "k3", NULL, "x");
	cr_assert_eq(store_find_family(s, &family, &a, &found, &r, &e), 0);
	cr_assert(found && str_eqz(r.answers, "x") && str_eqz(r.why, "{\"a\":1}") && digest_none(&r.layer));
	cr_assert_eq(r.created, 9);
	cr_assert_eq(store_find_same(s, &family, &cid, &found, &r, &e), 0);
	cr_assert(found && digest_eq(&r.layer, &first), "the oldest, so that digests do not move");
	cr_assert_eq(store_find_same(s, &family, &other, &found, &r, &e), 0);
	cr_assert(!found);
}

Test(store_records, memos)
{
	struct err e;
	bool found;
	struct digest key = d_of("memo");
	cleanup_buf struct buf out = {0};
	cleanup_tempdir struct tempdir t = tempdir_new();
	cleanup_store struct store *s = open_store(&t);
	cr_assert_eq(store_get_memo(s, &key, &out, &found, &e), 0);
	cr_assert(!found);
	cr_assert_eq(store_set_memo(s, &key, STR("a\0b"), &e), 0);
	cr_assert_eq(store_set_memo(s, &key, STR("c\0d"), &e), 0);
	cr_assert_eq(store_get_memo(s, &key, &out, &found, &e), 0);
	cr_assert(found && str_eq(buf_view(&out), STR("c\0d")));
}

/* --- what is written when --- */

static int64_t number(struct store *s, const char *sql)
{
	struct err e;
	cleanup_stmt struct stmt *st = NULL;
	cr_assert_eq(db_prepare(s->db, sql, &st, &e), 0, "%s", e.text);
	cr_assert_eq(stmt_next(st, &e), 1);
	return stmt_get_int(st, 0);
}

Test(store_records, a_touch_is_written_once_an_hour)
{
	struct err e;
	struct digest d = d_of("x");
	cleanup_tempdir struct tempdir t = tempdir_new();
	struct store *s = open_store(&t);
	store_touch(s, &d);
	cr_assert_eq(number(s, "SELECT COUNT(*) FROM used"), 0);
	cr_assert_eq(store_flush(s, &e), 0);
	cr_assert_eq(number(s, "SELECT COUNT(*) FROM used"), 1);
	db_exec(s->db, "UPDATE used SET at=at-100", &e);
	int64_t before = number(s, "SELECT at FROM used");
	store_touch(s, &d);
	cr_assert_eq(store_flush(s, &e), 0);
	cr_assert_eq(number(s, "SELECT at FROM used"), before);
	db_exec(s->db, "UPDATE used SET at=at-4000", &e);
	store_touch(s, &d);
	store_close(s);
	s = open_store(&t);
	cr_assert_gt(number(s, "SELECT at FROM used"), before);
	store_close(s);
}

Test(store_records, looking_changes_no_file)
{
	struct err e;
	struct stat before, after;
	struct layer l;
	struct digest id = d_of("one");
	cleanup_tempdir struct tempdir t = tempdir_new();
	struct store *s = open_store(&t);
	cr_assert_eq(add_layer(s, "one", true, &e), 0);
	store_close(s);
	cr_assert_eq(fstatat(t.fd, "store/cooper.db", &before, 0), 0);
	s = open_store(&t);
	cr_assert_eq(store_get_layer(s, &id, &l, &e), 0);
	store_touch(s, &id);
	store_close(s);
	cr_assert_eq(fstatat(t.fd, "store/cooper.db", &after, 0), 0);
	cr_assert_eq(before.st_mtim.tv_nsec, after.st_mtim.tv_nsec);
	cr_assert_eq(before.st_size, after.st_size);
}

Test(store_records, layers_of_an_unclean_boot_are_forgotten_and_synced_ones_stay)
{
	struct err e;
	struct layer l;
	struct digest good = d_of("good"), bad = d_of("bad"), key = d_of("k");
	struct seen seen = {0};
	cleanup_tempdir struct tempdir t = tempdir_new();
	struct store *s = open_store(&t);
	cr_assert_eq(add_layer(s, "good", true, &e), 0);
	cr_assert_eq(store_flush(s, &e), 0);
	cr_assert_eq(number(s, "SELECT COUNT(*) FROM unsynced"), 0);
	cr_assert_eq(add_layer(s, "bad", true, &e), 0);
	add_record(s, "k", "bad", "");
	cr_assert_eq(number(s, "SELECT COUNT(*) FROM unsynced"), 1);
	db_exec(s->db, "UPDATE unsynced SET boot='another boot'", &e);
	s->unsynced = false; /* as if it had crashed here */
	store_close(s);
	s = open_store(&t);
	cr_assert_eq(store_get_layer(s, &bad, &l, &e), -ERR_NOT_FOUND);
	cr_assert(!store_has_folder(s, &bad));
	cr_assert_eq(store_find_records(s, &key, see, &seen, &e), 0);
	cr_assert_eq(seen.n, 0);
	check_layer(s, &good);
	store_close(s);
}
