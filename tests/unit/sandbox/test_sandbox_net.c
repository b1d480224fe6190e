/* SPDX-License-Identifier: Apache-2.0 */
/* The networks of a step. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "box.h"

BOTH(sandbox_net, network_none_has_only_loopback)
{
	check_text(box_sh(b, "ip -o link | sed 's/:.*LOOPBACK,UP.*//'; ls /sys/class/net", NULL), "1\nlo\n");
}

BOTH(sandbox_net, hosts_are_added_and_cannot_be_written)
{
	const struct sandbox_host hosts[] = {{"some.host", "1.2.3.4"}, {"other", "::1"}};
	const struct sandbox_run run = {.network = SANDBOX_NET_NONE, .hosts = hosts, .nhosts = 2};
	check_text(
	    box_sh(b,
	        "grep -E 'some.host|other' /etc/hosts; test -e /etc/resolv.conf && ! echo x 2>/dev/null >> /etc/hosts",
	        &run),
	    "1.2.3.4\tsome.host\n::1\tother\n");
}

BOTH(sandbox_net, the_default_network_does_not_reach_the_hosts_loopback)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(a);
	const struct sandbox_run run = {.network = SANDBOX_NET_DEFAULT};
	cleanup_close int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	check(bind(listener, (struct sockaddr *)&a, sizeof(a)) == 0 && listen(listener, 5) == 0);
	check(getsockname(listener, (struct sockaddr *)&a, &len) == 0);
	const struct sandbox_run host = {.network = SANDBOX_NET_HOST};
	cleanup_free char *reach = mem_printf("probe connect %u", ntohs(a.sin_port));
	box_sh(b, reach, &host);
	box_sh(b, "true", &run);
	const char *notice = sandbox_notice();
	check(sandbox_notice() == NULL);
	if (notice) { /* no pasta, no tun: the notice says so, and the host's network is there */
		check(strstr(notice, "network of the host"), "%s", notice);
		return;
	}
	cleanup_free char *script = mem_printf("! probe connect %u && ip route | grep -c default; ls /sys/class/net; "
	                                       "cat /etc/resolv.conf | grep -c nameserver",
	    ntohs(a.sin_port));
	check_text(box_sh(b, script, &run), "1\neth0\nlo\n1\n");
	sandbox_shutdown();
}

static void must_be_private(struct box *b)
{
	const struct sandbox_run run = {.network = SANDBOX_NET_DEFAULT};
	check_text(box_sh(b, "ls /sys/class/net | tr '\\n' ' '", &run), "eth0 lo ");
	check(sandbox_notice() == NULL);
}

/* This machine's /dev/net/tun may be for root only, which is not how it usually is. */
Test(sandbox_net, an_ordinary_user_gets_a_private_network_where_tun_can_be_opened)
{
	char dir[] = "/tmp/cooper-tun-XXXXXX";
	cr_assert_not_null(mkdtemp(dir));
	cleanup_free char *node = mem_printf("%s/tun", dir);
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
	if (fd < 0 || access("/usr/bin/pasta", X_OK) < 0 || mknod(node, S_IFCHR, makedev(10, 200)) < 0) {
		rmdir(dir);
		cr_skip_test("no pasta or no tun device");
	}
	close(fd);
	cr_assert_eq(chmod(node, 0666), 0);
	cr_assert_eq(unshare(CLONE_NEWNS), 0);
	cr_assert_eq(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	cr_assert_eq(mount(node, "/dev/net/tun", NULL, MS_BIND, NULL), 0);
	box_as_user(must_be_private, true);
	umount2("/dev/net/tun", MNT_DETACH);
	cr_assert_eq(unlink(node) | rmdir(dir), 0);
}
