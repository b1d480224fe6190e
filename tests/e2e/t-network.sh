#!/bin/bash
# Steps that install packages on a private network: as root, as a user with subordinate ids, and as one without. Debian's and npm's
# packages come over the network. /dev/net/tun is one of our own, which ordinary users may open as on most machines.
if [ "$(id -u)" = 0 ] && [ -z "${E2E_TUN:-}" ]; then
	E2E_TUN=1 exec unshare -m bash "$0" "$@"
fi
. "$(dirname "$0")/lib.sh"
want_bases debian-bookworm node-20

own_tun() {
	mkdir -p /dev/net && mount -t tmpfs -o mode=755 tmpfs /dev/net && mknod -m 666 /dev/net/tun c 10 200
}
[ "${E2E_TUN:-}" != 1 ] || E2E_TUN=$(own_tun && echo made || echo failed)
export E2E_TUN

need_private_network() {
	need pasta
	[ "$E2E_TUN" = made ] || skip "no device /dev/net/tun can be made"
	[[ $(cooper info -f '{{.Network}}') == private* ]] || skip "no private network: $(cooper info -f '{{.Network}}')"
}

every_mode() {
	"$@"
	[ "$ROLE" = user ] || return 0
	export COOPER_SUBIDS=none COOPER_ROOT=$E2E_DIR/store-single
	"$@"
}

not_the_hosts() { ! grep 'share the network of the host' build.log || fail "no private network"; }

packages() {
	online deb.debian.org
	need_private_network
	need_base debian-bookworm debian:bookworm-slim 'CMD ["bash"]'
	printf 'FROM debian:bookworm-slim\nRUN apt-get update && apt-get install -y python3-flask\nRUN python3 -c "import flask; print(flask.__name__, 6*7)"; stat -c %%U:%%a /var/lib/apt/lists/partial /etc/shadow\n' >Containerfile
	build_ok -t flask .
	not_the_hosts
	assert_match "$(cat build.log)" '*flask 42*_apt:700*root:640*'
}
test_apt_get_installs_flask_in_every_mode() { every_mode packages; }

modules() {
	online registry.npmjs.org
	need_private_network
	need_busybox
	need_base node-20 node:20 'CMD ["node"]'
	rm -rf ctx
	cp -r "$E2E_SOURCE/examples/vite" ctx
	rm -rf ctx/node_modules ctx/dist
	build_ok -t site ctx
	not_the_hosts
	files_of site
	assert_file out/www/index.html
}
test_npm_ci_installs_a_project_in_every_mode() { every_mode modules; }

closed() {
	need_private_network
	need_busybox
	mkdir -p www
	echo secret >www/file
	serve www
	here=$(hostname -I)
	printf 'FROM busybox\nRUN for h in 127.0.0.1 %s; do wget -q -T 3 -O - http://$h:%s/file && exit 1; done; cat /proc/net/route | grep -c 00000000\n' "${here%% *}" "${SERVER##*:}" >Containerfile
	build_ok --no-cache .
	not_the_hosts
	! grep -q GET "$SERVER_LOG" || fail "the host was reached"
}
test_the_hosts_loopback_is_not_reached_in_any_mode() { every_mode closed; }

run_tests
