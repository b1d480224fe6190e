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
	    .place = d_of("place"),
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

static bool take_whole(void *arg, const struct record *r)
{
	cr_expect(str_eqz(r->answers, "x") && str_eqz(r->why, "{\"a\":1}") && digest_none(&r->layer));
	cr_expect(r->created == 9 && r->created_nsec == 8);
	++*(int *)arg;
	return true;
}

Test(store_records, a_record_comes_back_whole)
{
	struct err e;
	int n = 0;
	struct digest family = d_of("family"), other = d_of("other");
	cleanup_tempdir struct tempdir t = tempdir_new();
	cleanup_store struct store *s = open_store(&t);
	add_record(s, "k1", "l1", "");
	add_record(s, "k2", NULL, "x");
	cr_assert_eq(store_find_kin(s, &family, take_whole, &n, &e), 1);
	cr_assert_eq(n, 1);
	cr_assert_eq(store_find_kin(s, &other, take_whole, &n, &e), 0);
	cr_assert_eq(n, 1);
}

static bool take_layer(void *arg, const struct record *r)
{
	struct buf *out = arg;
	char hex[DIGEST_HEX + 1];
	digest_hex(&r->layer, hex);
	buf_printf(out, "%.4s ", hex);
	return false;
}

static void add_of_family(struct store *s, const char *key, const char *family, const char *layer)
{
	struct err e;
	struct record r = {.key = d_of(key), .family = d_of(family), .place = d_of("p"), .layer = d_of(layer), .cid = d_of("cid")};
	cr_assert_eq(store_add_record(s, &r, &e), 0, "%s", e.text);
}

/* The layers that the record_fn saw, against these. */
static void expect_layers(struct buf *seen, const char *const *names)
{
	cleanup_buf struct buf want = {0};
	for (; *names; names++)
		take_layer(&want, &(struct record){.layer = d_of(*names)});
	cr_expect_str_eq(seen->p, want.p);
	buf_clear(seen);
}

Test(store_records, equal_content_is_found_at_any_step_and_first_at_the_same_one)
{
	struct err e;
	struct digest mine = d_of("mine"), place = d_of("p"), cid = d_of("cid"), none = d_of("none");
	cleanup_buf struct buf seen = {0};
	cleanup_tempdir struct tempdir t = tempdir_new();
	cleanup_store struct store *s = open_store(&t);
	add_of_family(s, "k1", "other", "l1");
	add_of_family(s, "k2", "mine", "l2");
	add_of_family(s, "k3", "mine", "l3");
	add_record(s, "k4", NULL, ""); /* no layer */
	cr_assert_eq(store_find_content(s, &mine, &cid, take_layer, &seen, &e), 0);
	expect_layers(&seen, (const char *[]){"l2", "l3", "l1", "l2", "l3", NULL});
	cr_assert_eq(store_find_content(s, &mine, &none, take_layer, &seen, &e), 0);
	cr_expect_eq(seen.len, 0u);
	cr_assert_eq(store_find_kin(s, &mine, take_layer, &seen, &e), 0);
	expect_layers(&seen, (const char *[]){"l3", "l2", NULL});
	cr_assert_eq(store_find_place(s, &place, take_layer, &seen, &e), 0);
	expect_layers(&seen, (const char *[]){"l3", "l2", "l1", NULL});
}

static bool count(void *arg, const struct record *r)
{
	(void)r;
	++*(int *)arg;
	return false;
}

Test(store_records, of_a_family_a_few_are_looked_at)
{
	struct err e;
	int n = 0;
	struct digest family = d_of("mine");
	cleanup_tempdir struct tempdir t = tempdir_new();
	cleanup_store struct store *s = open_store(&t);
	for (int i = 0; i < 40; i++) {
		char text[8];
		snprintf(text, sizeof(text), "%d", i);
		add_of_family(s, text, "mine", text);
	}
	cr_assert_eq(store_find_kin(s, &family, count, &n, &e), 0);
	cr_expect_eq(n, 16);
}

/* A store of the first format, whose families were places. */
Test(store_records, records_of_the_first_format_are_found_by_place)
{
	struct err e;
	struct digest family = d_of("mine");
	cleanup_buf struct buf seen = {0};
	cleanup_tempdir struct tempdir t = tempdir_new();
	struct store *s = open_store(&t);
	add_of_family(s, "k", "mine", "l");
	cr_assert_eq(db_exec(s->db, "DROP INDEX records_place; DROP INDEX records_cid; ALTER TABLE records DROP COLUMN place; PRAGMA user_version=1", &e), 0,
		"%s", e.text);
	store_close(s);
	s = open_store(&t);
	cr_assert_eq(store_find_place(s, &family, take_layer, &seen, &e), 0);
	expect_layers(&seen, (const char *[]){"l", NULL});
	store_close(s);
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
