/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Upper folders of real overlay mounts: a script changes the merged tree, the layer that comes out is listed, and lower layers
 * and new layer seen as one must be what the mount shows. Root only; the mounts are in a namespace of the test's own.
 */
#include "helpers.h"

#include <ftw.h>
#include <sched.h>
#include <sys/mount.h>

#include "snapshotter/layer.h"
#include "snapshotter/tar.h"

struct stage {
	struct area area;
	struct store *store;
	struct digest lower;
	struct index *below;
	struct view *view;
	int upper;
	bool mounted;
};

static void stage_done(struct stage *s)
{
	cleanup_free char *merged = mem_printf("%s/merged", s->area.path);
	umount2(merged, MNT_DETACH);
	view_free(s->view);
	index_free(s->below);
	if (s->store)
		store_close(s->store);
	if (s->upper >= 0)
		close(s->upper);
	area_done(&s->area);
}

static void shell(const struct stage *s, const char *dir, const char *script)
{
	cleanup_free char *full = mem_printf("mkdir -p %s/%s && cd %s/%s && { %s; }", s->area.path, dir, s->area.path, dir, script);
	cr_assert_eq(system(full), 0, "%s", script);
}

/* The lower layer is what the script makes in an empty folder, everything with a whole-second time. */
static struct stage stage_new(const char *script)
{
	struct err e = {0};
	struct stage s = {.upper = -1};
	if (geteuid() != 0 || unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		cr_skip_test("no rights to mount");
	s.area = area_new();
	cleanup_free char *path = mem_printf("%s/store", s.area.path), *tar = mem_printf("%s; find . -exec touch -hd @1000 {} +; "
		"tar --sort=name --format=posix --xattrs -cf ../t.tar .", script);
	cleanup_buf struct buf bytes = {0};
	struct digest blob;
	OK(store_open(path, 1000, &s.store, &e));
	shell(&s, "in", tar);
	OK(io_read_file(s.area.fd, "t.tar", 64 << 20, &bytes, &e));
	OK(blobs_put(s.store->blobs, buf_view(&bytes), &blob, &e));
	OK(layer_unpack(s.store, &blob, &blob, true, NULL, &s.lower, &e));
	OK(store_layer_index(s.store, &s.lower, &s.below, &e));
	const struct index *const layers[] = {s.below};
	s.view = view_new(layers, 1);
	shell(&s, ".", "mkdir upper work merged");
	char hex[DIGEST_HEX + 1];
	digest_hex(&s.lower, hex);
	cleanup_free char *options = mem_printf("lowerdir=%s/store/layers/%s/fs,upperdir=%s/upper,workdir=%s/work,userxattr", s.area.path, hex,
		s.area.path, s.area.path);
	cleanup_free char *merged = mem_printf("%s/merged", s.area.path);
	s.mounted = mount("overlay", merged, "overlay", 0, options) == 0;
	s.upper = openat(s.area.fd, "upper", O_PATH | O_DIRECTORY);
	return s;
}
#define STAGE(name, script)                                                    \
	struct stage name __attribute__((cleanup(stage_done))) = stage_new(script); \
	if (!name.mounted)                                                     \
	cr_skip_test("overlayfs cannot be mounted here")

static struct index *changes(struct stage *s, const char *script, const struct layer_skip *skip)
{
	struct err e = {0};
	struct index *ix = NULL;
	shell(s, "merged", script);
	OK(layer_from_upper(s->upper, s->view, skip, NULL, &ix, &e));
	return ix;
}

static void list(const struct index *ix, struct buf *b)
{
	static const char kinds[] = "?fdlhpcbw";
	buf_puts(b, "");
	for (size_t i = 0; i < ix->n; i++) {
		const struct entry *en = &ix->entries[i];
		buf_printf(b, "%c:%.*s", kinds[en->type], STR_ARG(en->path));
		if (en->target.len)
			buf_printf(b, ">%.*s", STR_ARG(en->target));
		buf_putc(b, ' ');
	}
}

/* --- what the mount shows against what the layers say --- */

static const struct view *now;
static size_t merged_from, merged_seen;
static int merged_wrong;

static int compare_file(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	struct entry en;
	(void)ftw;
	if (strlen(path) <= merged_from)
		return 0;
	struct str rel = str_of(path + merged_from + 1);
	if (S_ISSOCK(st->st_mode))
		return 0;
	merged_seen++;
	bool same = view_inode(now, rel, &en) && en.uid == st->st_uid && en.gid == st->st_gid &&
		(type == FTW_SL || en.mode == (st->st_mode & 07777)) && (en.type == ENTRY_DIR) == S_ISDIR(st->st_mode) &&
		(en.type == ENTRY_FILE) == S_ISREG(st->st_mode) && (en.type != ENTRY_FILE || en.size == (uint64_t)st->st_size) &&
		(en.type == ENTRY_DIR || (en.mtime == st->st_mtim.tv_sec && en.mtime_nsec == st->st_mtim.tv_nsec));
	if (!same) {
		cr_log_warn("differs: %s", path);
		merged_wrong++;
	}
	return 0;
}

static int count_entry(void *arg, const struct entry *en)
{
	(void)en;
	++*(size_t *)arg;
	return 0;
}

static void expect_changes_like(struct stage *s, const char *script, const struct layer_skip *skip, const char *want, bool compare)
{
	cleanup_index struct index *ix = changes(s, script, skip);
	cleanup_buf struct buf b = {0};
	list(ix, &b);
	cr_expect_str_eq(b.p, want, "\n is:  %s\n not: %s", b.p, want);
	if (!compare)
		return;
	const struct index *const layers[] = {s->below, ix};
	cleanup_view struct view *v = view_new(layers, 2);
	cleanup_free char *merged = mem_printf("%s/merged", s->area.path);
	size_t shown = 0;
	now = v;
	merged_from = strlen(merged);
	merged_seen = 0;
	merged_wrong = 0;
	nftw(merged, compare_file, 20, FTW_PHYS);
	view_walk(v, STR(""), count_entry, &shown);
	cr_expect_eq(merged_wrong, 0);
	cr_expect_eq(shown, merged_seen, "%zu entries, the mount shows %zu", shown, merged_seen);
}
#define EXPECT_CHANGES(s, script, want) expect_changes_like(&(s), script, NULL, want, true)

#define BASE "mkdir -p etc usr/lib var/cache; echo passwd >etc/passwd; echo a >usr/lib/a; echo b >usr/lib/b; ln usr/lib/b usr/lib/hard; " \
	     "ln -s lib usr/link; echo 1 >var/cache/1; echo 2 >var/cache/2; mkdir var/cache/sub; echo 3 >var/cache/sub/3"

Test(layer_upper, nothing_changed_gives_an_empty_layer)
{
	STAGE(s, BASE);
	EXPECT_CHANGES(s, "true", "");
	EXPECT_CHANGES(s, "touch new; rm new; touch etc/new; rm etc/new; mkdir d; rmdir d", "");
}

Test(layer_upper, new_and_changed_files_come_with_their_parents)
{
	STAGE(s, BASE);
	EXPECT_CHANGES(s, "echo new >usr/lib/new; echo more >>etc/passwd; mkdir -p opt/x; mkfifo opt/p; ln -s x opt/l",
		"d:etc f:etc/passwd d:opt l:opt/l>x p:opt/p d:opt/x d:usr d:usr/lib f:usr/lib/new ");
}

Test(layer_upper, a_change_of_metadata_carries_the_whole_file)
{
	STAGE(s, BASE);
	EXPECT_CHANGES(s, "chmod 600 etc/passwd; chown 5:6 usr/lib/a; touch var/cache/1; chmod 700 var/cache/sub",
		"d:etc f:etc/passwd d:usr d:usr/lib f:usr/lib/a d:var d:var/cache f:var/cache/1 d:var/cache/sub ");
}

Test(layer_upper, copied_up_and_put_back_is_no_change)
{
	STAGE(s, BASE);
	EXPECT_CHANGES(s, "chmod 600 etc/passwd; chmod 644 etc/passwd; touch usr/lib", "");
	EXPECT_CHANGES(s, "echo passwD >etc/passwd; touch -d @1000 etc/passwd", "d:etc f:etc/passwd ");
	EXPECT_CHANGES(s, "echo passwd >etc/passwd; touch -d @1000 etc/passwd", "");
}

Test(layer_upper, what_is_gone_is_one_whiteout_for_its_top)
{
	STAGE(s, BASE);
	EXPECT_CHANGES(s, "rm -r var/cache etc/passwd usr/link", "d:etc w:etc/passwd d:usr w:usr/link d:var w:var/cache ");
}

Test(layer_upper, a_folder_made_anew_has_whiteouts_for_the_children_that_are_gone)
{
	STAGE(s, BASE);
	EXPECT_CHANGES(s, "rm -r var/cache; mkdir var/cache var/cache/sub; echo 2 >var/cache/2; echo 4 >var/cache/sub/4",
		"d:var d:var/cache w:var/cache/1 f:var/cache/2 d:var/cache/sub w:var/cache/sub/3 f:var/cache/sub/4 ");
}

Test(layer_upper, files_and_folders_replace_each_other)
{
	STAGE(s, BASE);
	EXPECT_CHANGES(s, "rm -r var/cache etc/passwd; echo file >var/cache; mkdir etc/passwd; touch etc/passwd/in; rm usr/link; mkdir usr/link",
		"d:etc d:etc/passwd f:etc/passwd/in d:usr d:usr/link d:var f:var/cache ");
}

Test(layer_upper, hard_links_are_links_within_the_layer_and_copies_across)
{
	STAGE(s, BASE);
	EXPECT_CHANGES(s, "echo x >etc/one; ln etc/one etc/two; ln etc/one a-three; ln usr/lib/a usr/lib/z-copy",
		"f:a-three d:etc h:etc/one>a-three h:etc/two>a-three d:usr d:usr/lib f:usr/lib/z-copy ");
}

Test(layer_upper, renames_are_whiteouts_and_new_entries)
{
	STAGE(s, BASE);
	EXPECT_CHANGES(s, "mv etc/passwd etc/shadow; mv var/cache var/moved 2>/dev/null || { cp -a var/cache var/moved; rm -r var/cache; }",
		"d:etc w:etc/passwd f:etc/shadow d:var w:var/cache d:var/moved f:var/moved/1 f:var/moved/2 d:var/moved/sub f:var/moved/sub/3 ");
}

Test(layer_upper, sockets_are_left_out_and_skipped_paths_too)
{
	static const struct str paths[] = {{"etc/resolv.conf", 15}, {"proc", 4}};
	static const struct layer_skip skip = {paths, ARRAY_LEN(paths)};
	STAGE(s, BASE);
	expect_changes_like(&s, "touch etc/resolv.conf; mkdir -p proc/x; python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind(\"sock\")'", &skip, "",
		false);
	expect_changes_like(&s, "rm etc/passwd; python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind(\"etc/passwd\")'", &skip,
		"d:etc w:etc/passwd ", false);
}

Test(layer_upper, user_attributes_and_capabilities_are_kept)
{
	struct str name = STR("user.note");
	STAGE(s, BASE);
	cleanup_index struct index *ix = changes(&s, "python3 -c 'import os; os.setxattr(\"etc/passwd\", \"user.note\", b\"v\"); "
		"os.setxattr(\"usr/lib\", \"user.note\", b\"w\"); os.setxattr(\"usr/lib/a\", \"security.capability\", bytes([1,0,0,2,0,4]+14*[0]))'", NULL);
	cr_assert_eq(ix->n, 5);
	cr_expect_eq(memcmp(index_find(ix, STR("etc/passwd"))->xattrs.p, name.p, name.len), 0);
	cr_expect_eq(memcmp(index_find(ix, STR("usr/lib"))->xattrs.p, name.p, name.len), 0);
	cr_expect_str_eq(index_find(ix, STR("usr/lib/a"))->xattrs.p, "security.capability");
}

Test(layer_upper, a_user_xattr_that_looks_like_overlayfs_own_goes_through_and_back)
{
	STAGE(s, BASE);
	cleanup_index struct index *ix = changes(&s, "python3 -c 'import os; os.setxattr(\"etc\", \"user.overlay.opaque\", b\"y\")' || rmdir ../work/nothing", NULL);
	struct entry *etc = index_find(ix, STR("etc"));
	if (!etc)
		cr_skip_test("this kernel keeps user.overlay.* to itself");
	cr_expect_str_eq(etc->xattrs.p, "user.overlay.opaque");
	cr_expect_not(etc->opaque);
	cr_expect_eq(ix->n, 1, "nothing in etc was taken for gone");
}

#define DEEP(levels) "python3 -c 'import os\nfor i in range(" levels "): os.mkdir(\"d\" * 40); os.chdir(\"d\" * 40)\nopen(\"end\", \"w\").write(\"x\")'"

Test(layer_upper, paths_longer_than_path_max_are_walked)
{
	STAGE(s, BASE);
	cleanup_index struct index *ix = changes(&s, DEEP("511"), NULL);
	cr_assert_eq(ix->n, 512);
	cr_expect_eq(ix->entries[511].type, ENTRY_FILE);
	cr_expect_eq(ix->entries[511].size, 1);
}

Test(layer_upper, depth_has_a_limit)
{
	struct err e = {0};
	struct index *ix;
	STAGE(s, BASE);
	shell(&s, "merged", DEEP("512"));
	cr_expect_eq(layer_from_upper(s.upper, s.view, NULL, NULL, &ix, &e), -ERR_LIMIT, "%s", e.text);
}

Test(layer_upper, equal_layers_have_equal_ids_and_tars)
{
	struct digest ids[2];
	for (int i = 0; i < 2; i++) {
		STAGE(s, BASE);
		cleanup_index struct index *ix = changes(&s, i ? "echo y >etc/y; echo x >etc/x; touch -d @9 etc/x etc/y etc" :
			"echo x >etc/x; echo y >etc/y; touch -d @9 etc/x etc/y etc", NULL);
		ids[i] = index_layer_id(ix);
	}
	cr_expect(digest_eq(&ids[0], &ids[1]));
}

static const struct entry *entry_of(const struct index *ix, const char *path)
{
	const struct entry *en = index_find(ix, str_of(path));
	cr_assert_not_null(en, "%s", path);
	return en;
}

Test(layer_upper, times_are_the_clocks_when_the_step_or_an_earlier_one_gave_them)
{
	STAGE(s, "mkdir -p d a/b; echo x >d/built; echo x >d/came; echo x >d/moved; echo x >d/copied; echo x >d/kept; touch -d @1000 d/*");
	struct index *below = (struct index *)s.below;
	for (size_t i = 0; i < below->n; i++)
		below->entries[i].clock = below->entries[i].type == ENTRY_FILE && !str_eqz(below->entries[i].path, "d/came");
	index_find(below, STR("d/moved"))->mtime = 2000;
	struct layer_skip skip = {0};
	clock_gettime(CLOCK_REALTIME_COARSE, &skip.began);
	cleanup_index struct index *ix = changes(&s, "touch -d @2000 d/moved; "
		"chmod 600 d/built d/came; mv d/moved d/elsewhere; cp -p d/copied a/b/copy; echo new >new; touch -d @1001 set; "
		"touch -d @1000.75 near; touch -d 2100-01-01 later; mkdir dir", &skip);
	static const struct {
		const char *path;
		bool clock;
	} want[] = {{"d/built", true}, {"d/came", false}, {"d/elsewhere", true}, {"a/b/copy", true}, {"new", true}, {"set", false}, {"near", false},
		{"later", false}, {"dir", true}, {"a/b", true}, {"d", true}, {"d/moved", false}};
	for (size_t i = 0; i < ARRAY_LEN(want); i++)
		cr_expect_eq(entry_of(ix, want[i].path)->clock, want[i].clock, "%s", want[i].path);
}

Test(layer_upper, times_that_were_copied_from_beside_are_as_there)
{
	STAGE(s, BASE);
	cleanup_index struct index *mounted = INDEX("f app x");
	mounted->entries[0].mtime = 1000;
	mounted->entries[0].clock = true;
	const struct index *const layers[] = {mounted};
	cleanup_view struct view *view = view_new(layers, 1);
	shell(&s, "beside", "touch -d @2000.5 .");
	cleanup_close int folder = openat(s.area.fd, "beside", O_PATH | O_DIRECTORY);
	struct layer_beside beside = {.view = view, .folders = &folder, .nfolders = 1};
	struct layer_skip skip = {.beside = &beside, .nbeside = 1};
	clock_gettime(CLOCK_REALTIME_COARSE, &skip.began);
	cleanup_index struct index *ix = changes(&s, "touch -d @1000 app; touch -d @1001 other; touch -d @2000.5 root; touch -d @2000 rounded", &skip);
	cr_expect(entry_of(ix, "app")->clock && !entry_of(ix, "other")->clock);
	cr_expect(entry_of(ix, "root")->clock && entry_of(ix, "rounded")->clock, "the root is in no index");
}

/* tar keeps seconds, busybox's cp -p microseconds. */
Test(layer_upper, times_of_the_step_are_the_clocks_when_a_copy_has_but_a_part_of_them)
{
	STAGE(s, "true");
	struct layer_skip skip = {.began = {.tv_sec = 2000, .tv_nsec = 123456789}};
	cleanup_index struct index *ix = changes(&s, "touch -d @2000 sec; touch -d @2000.123 milli; touch -d @2000.123456 micro; "
		"touch -d @2000.123456789 whole; touch -d @1999 a; touch -d @2000.122 b; touch -d @2000.123455 c; touch -d @2000.123456788 d", &skip);
	static const char *const clock[] = {"sec", "milli", "micro", "whole"}, *const set[] = {"a", "b", "c", "d"};
	for (size_t i = 0; i < ARRAY_LEN(clock); i++)
		cr_expect(entry_of(ix, clock[i])->clock && !entry_of(ix, set[i])->clock, "%s, %s", clock[i], set[i]);
}

#define NOTE(path, owner) "python3 -c 'import os; os.setxattr(\"" path "\", \"user.cooper.owner\", b\"" owner "\")'; "

Test(layer_upper, with_one_id_owners_come_from_the_attribute_and_it_stays_out_of_the_index)
{
	STAGE(s, "echo a > a; chown 7:8 a; echo b > b; ln -s a l; chown -h 5:6 l");
	const struct layer_skip skip = {.owners_in_xattr = true, .uid = 9, .gid = 10};
	cleanup_index struct index *ix = changes(&s,
		"echo new > n; mkdir -m 2755 d; echo x > d/x; " NOTE("a", "3:4") NOTE("d", "1:2")
		"chmod 600 b", &skip);
	const struct entry *en = entry_of(ix, "a");
	cr_expect(en->uid == 3 && en->gid == 4 && en->xattrs.len == 0, "what was noted");
	en = entry_of(ix, "b");
	cr_expect(en->uid == 0 && en->gid == 0, "copied up: as below, got %u:%u", en->uid, en->gid);
	en = entry_of(ix, "n");
	cr_expect(en->uid == 9 && en->gid == 10, "new: the step's user");
	en = entry_of(ix, "d/x");
	cr_expect(en->uid == 9 && en->gid == 2, "new in a set-group-id folder");
}

Test(layer_upper, with_one_id_links_belong_to_whom_the_step_gave_them_by_inode_and_birth)
{
	STAGE(s, "ln -s a old; chown -h 5:6 old");
	struct layer_owner owners[3] = {{.uid = 1, .gid = 2}, {.uid = 3, .gid = 4}, {.uid = 7, .gid = 8}};
	static const char *const names[] = {"one", "two", "old"};
	shell(&s, "merged", "ln -s x one; ln -s x two; mkfifo three; chown -h 0:0 old");
	for (size_t i = 0; i < ARRAY_LEN(owners); i++) {
		struct statx st;
		cr_assert_eq(statx(s.upper, names[i], AT_SYMLINK_NOFOLLOW, STATX_INO | STATX_BTIME, &st), 0);
		owners[i].ino = st.stx_ino;
		owners[i].born = st.stx_mask & STATX_BTIME ? st.stx_btime.tv_sec : 0;
		owners[i].born_nsec = st.stx_mask & STATX_BTIME ? st.stx_btime.tv_nsec : 0;
	}
	owners[1].born++; /* of an earlier file with this number */
	const struct layer_skip skip = {.owners_in_xattr = true, .uid = 9, .gid = 10, .owners = owners, .nowners = ARRAY_LEN(owners)};
	cleanup_index struct index *ix = changes(&s, "mv one moved", &skip);
	const struct entry *en = entry_of(ix, "moved");
	cr_expect(en->uid == 1 && en->gid == 2, "got %u:%u", en->uid, en->gid);
	en = entry_of(ix, "old");
	cr_expect(en->uid == 7 && en->gid == 8, "copied up for it");
	en = entry_of(ix, "three");
	cr_expect(en->uid == 9 && en->gid == 10, "nothing is known: the step's user");
	struct statx st;
	if (statx(s.upper, "two", AT_SYMLINK_NOFOLLOW, STATX_BTIME, &st) == 0 && (st.stx_mask & STATX_BTIME)) {
		en = entry_of(ix, "two");
		cr_expect(en->uid == 9 && en->gid == 10, "not this one");
	}
}

Test(layer_upper, nobody_believes_the_attribute_elsewhere)
{
	STAGE(s, "echo a > a");
	cleanup_index struct index *ix = changes(&s, "echo n > n; " NOTE("n", "3:4") "true", NULL);
	const struct entry *en = entry_of(ix, "n");
	cr_expect(en->uid == 0 && en->gid == 0 && en->xattrs.len == 0);
}
