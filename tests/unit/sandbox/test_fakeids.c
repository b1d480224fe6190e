/* SPDX-License-Identifier: Apache-2.0 */
/* Steps in a user namespace with one id. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/mem.h"
#include "box.h"
#include "builder/sandbox/fakeids.h"

static const char *owner(struct box *b, const char *name)
{
	static char text[32];
	cleanup_free char *path = mem_printf("%s/upper/%s", b->dir, name);
	ssize_t n = lgetxattr(path, FAKEIDS_XATTR, text, sizeof(text) - 1);
	text[n > 0 ? n : 0] = '\0';
	return text;
}

static void chown_is_written_down(struct box *b)
{
	box_sh(b,
	    "cd /tmp; touch a b; mkdir d; ln -s a l; chown 5:7 a; chown 3 b; probe chown b -1 9; chown 6:6 ./l ; chown "
	    "-h 8 l; chown -R 4:4 /tmp/d; chown 1 /etc/passwd",
	    NULL);
	check_text(owner(b, "tmp/a"), "6:6"); /* through the link */
	check_text(owner(b, "tmp/b"), "3:9");
	check_text(owner(b, "tmp/d"), "4:4");
	check_text(owner(b, "tmp/l"), "");
	check_text(owner(b, "etc/passwd"), "1:0");
}

static void chown_of_what_is_not_there_fails(struct box *b)
{
	box_sh(
	    b, "! chown 5 /nope 2>/dev/null; ln -s ../../../../../../../../etc/passwd /tmp/up; chown 5 /tmp/up", NULL);
	check_text(owner(b, "etc/passwd"), "5:0");
}

static void the_usual_things_work(struct box *b)
{
	check_text(
	    box_sh(b, "id -u; ls -ln /etc/passwd | sed 's/  */ /g' | cut -d' ' -f3,4; echo x > /dev/stdout", NULL),
	    "0\n0 0\nx\n");
	const struct sandbox_run user = {.network = SANDBOX_NET_NONE, .uid = 1000, .gid = 1000};
	check_text(box_sh(b, "id -u; id -g", &user), "1000\n1000\n");
	struct sandbox_mount m = {
	    .kind = SANDBOX_FILE, .target = "/run/secrets/s", .content = STR("hush"), .mode = 0400, .uid = 5};
	const struct sandbox_run secret = {.network = SANDBOX_NET_NONE, .mounts = &m, .nmounts = 1};
	check_text(box_sh(b, "cat /run/secrets/s", &secret), "hush");
}

/* What the result says about a file of the upper; "" when nothing. */
static const char *link_owner(struct box *b, const struct sandbox_result *r, const char *name)
{
	static char text[32];
	struct stat st;
	cleanup_free char *path = mem_printf("%s/upper/%s", b->dir, name);
	check(lstat(path, &st) == 0, "%s", path);
	text[0] = '\0';
	for (size_t i = 0; i < r->nowners; i++) /* the last one counts: numbers are used again */
		if (r->owners[i].ino == st.st_ino)
			snprintf(text, sizeof(text), "%u:%u", r->owners[i].uid, r->owners[i].gid);
	return text;
}

static bool owner_below(void *arg, const char *path, uint32_t *ret_uid, uint32_t *ret_gid)
{
	(void)arg;
	*ret_uid = 31;
	*ret_gid = 32;
	return strcmp(path, "etc/old") == 0;
}

static void links_and_pipes_have_owners_too(struct box *b)
{
	struct sandbox_result r = {0};
	struct err e = {0};
	const struct sandbox_run run = {.network = SANDBOX_NET_NONE, .owner = owner_below};
	check(symlinkat("passwd", b->lower, "etc/old") == 0 && symlinkat("passwd", b->lower, "etc/other") == 0);
	static const char script[] =
	    "cd /tmp; ln -s x a; chown -h 5:7 a; mv a moved; mknod p p; chown 8:9 p; ln -s x gone; chown -h 1:1 gone; rm gone; "
	    "ln -s x new; mkdir d; ln -s x d/l; chown -h 2:3 d/l; chown -h 4 d/l; mv d e; stat -c %u:%g moved p new e/l /etc/old /etc/other; "
	    "chown -h 6 /etc/old; chown -h 0:0 /etc/other; stat -c %u:%g /etc/old; cp -a moved copy; stat -c %u:%g copy; [ \"$(readlink moved)\" = x ]";
	check(box_run(b, script, &run, &r, &e) == 0 && r.exit_code == 0, "%s %s", e.text, b->err.p);
	check_text(b->out.p, "5:7\n8:9\n0:0\n4:3\n31:32\n0:0\n6:32\n5:7\n");
	check_text(link_owner(b, &r, "tmp/moved"), "5:7");
	check_text(link_owner(b, &r, "tmp/p"), "8:9");
	check_text(link_owner(b, &r, "tmp/e/l"), "4:3");
	check_text(link_owner(b, &r, "tmp/copy"), "5:7");
	check_text(link_owner(b, &r, "etc/old"), "6:32"); /* copied up for it */
	check(faccessat(b->upper, "etc/other", F_OK, AT_SYMLINK_NOFOLLOW) < 0);
	sandbox_result_done(&r);
}

Test(fakeids, links_and_pipes_have_owners_too)
{
	box_as_user(links_and_pipes_have_owners_too, false);
}

static void links_in_mounts_are_left_alone(struct box *b)
{
	struct sandbox_result r = {0};
	struct err e = {0};
	struct sandbox_mount m = {.kind = SANDBOX_TMPFS, .target = "/m", .source_fd = -1, .rw = true};
	const struct sandbox_run run = {.network = SANDBOX_NET_NONE, .mounts = &m, .nmounts = 1, .owner = owner_below};
	static const char script[] = "ln -s x /m/l && chown -h 5:7 /m/l && stat -c %u:%g /m/l";
	check(box_run(b, script, &run, &r, &e) == 0, "%s", e.text);
	check_text(b->out.p, "0:0\n");
	check(r.nowners == 0);
}

Test(fakeids, links_in_mounts_are_left_alone)
{
	box_as_user(links_in_mounts_are_left_alone, false);
}

static void processes_are_told_the_ids_they_set(struct box *b)
{
	box_write(b->lower, "etc/passwd", "root:x:0:0::/:/bin/sh\napp:x:55:66::/:/bin/sh\n", 0644);
	check_text(
	    box_sh(
	        b, "su app -c 'id -u; sh -c \"id -g; id -u\"; ! su root -c true 2>/dev/null </dev/null'; id -u", NULL),
	    "55\n66\n55\n0\n");
}

Test(fakeids, processes_are_told_the_ids_they_set)
{
	box_as_user(processes_are_told_the_ids_they_set, false);
}

/* As sudo does: a program with the set-id bits takes on its owner's ids, whoever that is said to be. */
static void programs_take_on_their_owners_ids(struct box *b)
{
	box_write(b->lower, "etc/passwd", "root:x:0:0::/:/bin/sh\napp:x:55:66::/:/bin/sh\n", 0644);
	check_text(box_sh(b,
	    "cd /tmp; cp /bin/probe plain; cp /bin/probe root; chmod 6755 root; cp /bin/probe other; chown 7:8 other; chmod 4755 other; "
	    "cp /bin/probe no; chmod 4644 no; "
	    "su app -c './plain ids; ./root ids; ./other ids; ./no ids 2>/dev/null; ./plain ids'; ./other ids; ./plain ids", NULL),
	    "55 55 55 66 66 66\n55 0 0 66 0 0\n55 7 7 66 66 66\n55 55 55 66 66 66\n0 7 7 0 0 0\n0 0 0 0 0 0\n");
	const struct sandbox_run user = {.network = SANDBOX_NET_NONE, .uid = 1000, .gid = 1000};
	check(fchmodat(b->lower, "bin/probe", 04755, 0) == 0);
	check_text(box_sh(b, "probe ids; /tmp/plain ids", &user), "1000 0 0 1000 1000 1000\n1000 1000 1000 1000 1000 1000\n");
}

Test(fakeids, programs_take_on_their_owners_ids)
{
	box_as_user(programs_take_on_their_owners_ids, false);
}

/* Files are those of whoever makes them, not of the step's user; modes are as ever. */
static void files_belong_to_who_makes_them(struct box *b)
{
	box_write(b->lower, "etc/passwd", "root:x:0:0::/:/bin/sh\napp:x:55:66::/:/bin/sh\n", 0644);
	static const char script[] = "mkdir /tmp/w /tmp/g; chown 55:66 /tmp/w; chown 3:9 /tmp/g; chmod 2777 /tmp/g; umask 027; echo r >/tmp/old; "
		"su app -c 'umask 027; cd /tmp/w; echo x >a; echo y >>a; mkdir d d/e; mkdir -m 1777 s/ ; ln -s a l; mkfifo p; cp a d/b; mv d/b d/c; "
		"set -C; echo >n; ! echo >a; set +C; echo z >/tmp/old; echo g >../g/f; mkdir ../g/d; ! echo >no/such; ! mkdir d; ! mkdir /proc/x' 2>/dev/null; "
		"cat /tmp/w/a; touch /tmp/mine; cd /tmp/w; stat -c '%u:%g %a %n' a d d/e s l p d/c n ../g/f ../g/d ../mine ../old";
	check_text(box_sh(b, script, NULL),
	    "x\ny\n55:66 640 a\n55:66 750 d\n55:66 750 d/e\n55:66 1777 s\n55:66 777 l\n55:66 640 p\n55:66 640 d/c\n55:66 640 n\n"
	    "55:9 640 ../g/f\n55:9 2750 ../g/d\n0:0 640 ../mine\n0:0 640 ../old\n");
	check_text(box_sh(b, "su app -c '(sleep 0.3; echo d >/tmp/w/daemon) & exit 0'; sleep 1; stat -c %u:%g /tmp/w/daemon", NULL), "55:66\n");
	check_text(owner(b, "tmp/w/a"), "55:66");
	check_text(owner(b, "tmp/w/d/c"), "55:66");
	check_text(owner(b, "tmp/mine"), "");
}

Test(fakeids, files_belong_to_who_makes_them)
{
	box_as_user(files_belong_to_who_makes_them, false);
}

Test(fakeids, chown_is_written_down)
{
	box_as_user(chown_is_written_down, false);
}

Test(fakeids, chown_of_what_is_not_there_fails)
{
	box_as_user(chown_of_what_is_not_there_fails, false);
}

Test(fakeids, the_usual_things_work)
{
	box_as_user(the_usual_things_work, false);
}
