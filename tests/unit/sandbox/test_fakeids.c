/* SPDX-License-Identifier: Apache-2.0 */
/* Steps in a user namespace with one id. */
#include <criterion/criterion.h>
#include <sys/xattr.h>

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
