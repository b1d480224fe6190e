# Sourced by t-*.sh. A test is a function test_<sentence>; run_tests carries out all of them, as root and as the ordinary user
# "coopertest", each in a fresh folder, and prints TAP. What may be used in a test:
#
#	cooper ...                        the program under test, with a store of its own ($COOPER_ROOT)
#	$REGISTRY                         host:port of a real registry on loopback, after need_registry
#	$AUTH_REGISTRY                    the same, wants user "alice", password "s3cret", after need_auth_registry
#	need_busybox, need_debian         images busybox:latest, debian:bookworm-slim in the store (and, with a registry, in it)
#	need TOOL..., skip REASON         leaves the test when something is missing; so does online HOST
#	serve FOLDER [COMMAND...]         a web server on loopback until the test ends: $SERVER is host:port, $SERVER_LOG what was asked for
#	logging_registry                  a way to $REGISTRY that notes what is asked for: its place and log as above (proxy.py)
#	digest_of BUILD-ARGUMENTS...      builds quietly and prints the digest
#	build_ok BUILD-ARGUMENTS...       builds; the progress is in build.log
#	assert_eq GOT WANT, assert_match TEXT PATTERN, assert_file PATH, assert_fails STATUS COMMAND...
#	$ROLE                             "root" or "user"
#
# The environment: COOPER is the program (argument 1 of the script by default), E2E_CACHE keeps what takes long to make.
set -u

COOPER=${COOPER:-${1:-}}
COOPER=$(realpath "${COOPER:?the program to test: COOPER or the first argument}")
E2E_SOURCE=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
E2E_CACHE=${E2E_CACHE:-/var/tmp/cooper-e2e-cache}
E2E_SCRIPT=$(realpath "$0")
E2E_USER=coopertest
export COOPER E2E_CACHE LC_ALL=C
unset XDG_DATA_HOME XDG_CONFIG_HOME DOCKER_CONFIG REGISTRY_AUTH_FILE BUILDKIT_PROGRESS DOCKER_DEFAULT_PLATFORM SOURCE_DATE_EPOCH GITHUB_ACTIONS

# --- assertions ---

fail() {
	echo "assertion failed: $*" >&2
	echo "  at ${BASH_SOURCE[2]##*/}:${BASH_LINENO[1]}" >&2
	exit 1
}

assert_eq() { [ "$1" = "$2" ] || fail "got \"$1\", want \"$2\""; }

# shellcheck disable=SC2053
assert_match() { [[ $1 == $2 ]] || fail "\"$1\" does not match \"$2\""; }

assert_file() { [ -e "$1" ] || [ -L "$1" ] || fail "$1 is not there"; }

assert_no_file() { [ ! -e "$1" ] || fail "$1 is there"; }

# assert_fails STATUS COMMAND...: the last line of its standard error is in $LAST then.
assert_fails() {
	local want=$1 got=0
	shift
	"$@" >stdout.log 2>stderr.log || got=$?
	LAST=$(tail -n 1 stderr.log)
	[ "$got" = "$want" ] || { cat stdout.log stderr.log >&2; fail "exit status $got, want $want: $*"; }
}

skip() {
	echo "$*" >"$E2E_DIR/skip"
	exit 77
}

need() {
	local tool
	for tool; do command -v "$tool" >/dev/null || skip "$tool is not installed"; done
}

# --- the registry ---

# start_registry NAME [HTPASSWD]: prints host:port. It lives until the script ends.
start_registry() {
	local dir=$E2E_TOP/$1 port
	mkdir -p "$dir/data"
	{
		printf 'version: 0.1\nlog:\n  level: info\nstorage:\n  filesystem:\n    rootdirectory: %s/data\n  delete:\n    enabled: true\n' "$dir"
		printf 'http:\n  addr: 127.0.0.1:0\n'
		[ -z "${2:-}" ] || printf 'auth:\n  htpasswd:\n    realm: test\n    path: %s\n' "$2"
	} >"$dir/config.yml"
	docker-registry serve "$dir/config.yml" >"$dir/log" 2>&1 &
	echo $! >>"$E2E_TOP/pids"
	for _ in $(seq 100); do
		port=$(sed -n 's/.*listening on 127\.0\.0\.1:\([0-9]*\).*/\1/p' "$dir/log" | head -n 1)
		[ -z "$port" ] || break
		sleep 0.1
	done
	[ -n "$port" ] && echo "127.0.0.1:$port"
}

# The top script starts both before the first test; tests only ask for them.
start_registries() {
	command -v docker-registry >/dev/null || return 0
	REGISTRY=$(start_registry registry)
	python3 -W ignore -c 'import crypt; print("alice:" + crypt.crypt("s3cret", crypt.mksalt(crypt.METHOD_BLOWFISH, rounds=16)))' >"$E2E_TOP/htpasswd"
	AUTH_REGISTRY=$(start_registry auth-registry "$E2E_TOP/htpasswd")
	export REGISTRY AUTH_REGISTRY
}

need_registry() { [ -n "${REGISTRY:-}" ] || skip "docker-registry is not installed"; }

need_auth_registry() { [ -n "${AUTH_REGISTRY:-}" ] || skip "docker-registry is not installed"; }

# --- web servers ---

# Waits for the line "... port N ..." that python's http.server prints, and so do ours.
serve() {
	local folder=$1 port=
	shift
	[ $# -gt 0 ] || set -- python3 -u -m http.server 0 --bind 127.0.0.1 --directory "$folder"
	SERVER_LOG=$E2E_DIR/server.log
	: >"$SERVER_LOG"
	"$@" >>"$SERVER_LOG" 2>&1 & # appending: a test may empty it
	echo $! >>"$E2E_DIR/pids"
	for _ in $(seq 100); do
		port=$(sed -n 's/.* port \([0-9]*\).*/\1/p' "$SERVER_LOG" | head -n 1)
		[ -z "$port" ] || break
		sleep 0.1
	done
	[ -n "$port" ] || fail "the server does not start"
	SERVER=127.0.0.1:$port
}

logging_registry() { serve . python3 -u "$E2E_SOURCE/tests/e2e/proxy.py" "$REGISTRY"; }

# --- builds ---

digest_of() { cooper build -q "$@" 2>quiet.log || { cat quiet.log >&2; return 1; }; }

build_ok() { cooper build --progress=plain "$@" >stdout.log 2>build.log || { cat build.log >&2; fail "cooper build $*"; }; }

# same_for_both TEXT: the ordinary user's tests come second and have to come to what root's left.
same_for_both() {
	local left=$E2E_TOP/same-${E2E_DIR##*/}
	[ "$ROLE" != root ] || echo "$1" >"$left"
	[ ! -e "$left" ] || assert_eq "$1" "$(cat "$left")"
}

steps_cached() { grep -c '^#[0-9]* CACHED' "${1:-build.log}" || :; }

# --- base images ---

# The same image each time: its age is fixed.
need_busybox() {
	SOURCE_DATE_EPOCH=1700000000 cooper import --change 'CMD ["sh"]' - busybox:latest <"$E2E_TOP/busybox.tar" >/dev/null
	[ -z "${1:-}" ] || cooper push -q busybox:latest "$REGISTRY/busybox:latest" >/dev/null
}

need_debian() {
	[ -f "$E2E_CACHE/debian-bookworm.tar" ] || skip "there is no $E2E_CACHE/debian-bookworm.tar (want_bases at the top of the script makes it)"
	SOURCE_DATE_EPOCH=1700000000 cooper import --change 'CMD ["bash"]' "$E2E_CACHE/debian-bookworm.tar" debian:bookworm-slim >/dev/null
	[ -z "${1:-}" ] || cooper push -q debian:bookworm-slim "$REGISTRY/debian:bookworm-slim" >/dev/null
}

# online HOST: is it there?
online() { timeout 10 bash -c ": </dev/tcp/$1/80" 2>/dev/null || timeout 20 curl -sSfIo /dev/null "http://$1/" 2>/dev/null || skip "$1 is not reachable"; }

# need_base TAR NAME CHANGE: a tar of want_bases as an image.
need_base() {
	local tar=$E2E_CACHE/$1.tar
	[ -s "$tar" ] || skip "there is no $tar"
	SOURCE_DATE_EPOCH=1700000000 cooper import --change "$3" "$tar" "$2" >/dev/null
}

# The files of an image, in the folder out.
files_of() {
	cooper build -q -o out - <<<"FROM $1" >/dev/null
}

# At the top of a script whose tests use base images that scripts/base-images makes; they are kept in E2E_CACHE.
want_bases() { E2E_BASES=$*; }

make_bases() {
	local name
	for name in ${E2E_BASES:-}; do
		"$E2E_SOURCE/scripts/base-images" "$name" "$E2E_CACHE" || echo "# no base image $name"
	done
}

# --- running ---

run_one() {
	local name=$1 rc words
	words=$(echo "${name#test_}" | tr _ ' ')
	E2E_DIR=$E2E_HOME/$name
	mkdir -p "$E2E_DIR/work" "$E2E_DIR/home"
	export E2E_DIR HOME=$E2E_DIR/home COOPER_ROOT=$E2E_DIR/store TMPDIR=/tmp
	(
		set -e
		cd "$E2E_DIR/work"
		"$name"
	) >"$E2E_DIR/log" 2>&1
	rc=$?
	stop_pids "$E2E_DIR/pids"
	if [ $rc = 0 ]; then
		echo "ok - $ROLE: $words"
	elif [ $rc = 77 ]; then
		echo "ok - $ROLE: $words # SKIP $(cat "$E2E_DIR/skip")"
	else
		echo "not ok - $ROLE: $words"
		sed 's/^/# /' "$E2E_DIR/log"
	fi
	[ -n "${E2E_KEEP:-}" ] || remove_all "$E2E_DIR"
}

# What an ordinary user's store holds may belong to subordinate ids.
remove_all() {
	rm -rf "$1" 2>/dev/null || { chmod -R u+rwX "$1" 2>/dev/null; rm -rf "$1" 2>/dev/null; } || :
}

run_role() {
	ROLE=$1
	E2E_HOME=$E2E_TOP/$ROLE
	PATH=$E2E_TOP/bin:$PATH
	export ROLE E2E_HOME PATH
	for name in $(declare -F | sed -n 's/^declare -f \(test_.*\)/\1/p'); do
		[[ -z ${E2E_ONLY:-} || $name == *$E2E_ONLY* ]] && run_one "$name"
	done
}

make_user() {
	id "$E2E_USER" >/dev/null 2>&1 || useradd --create-home --shell /bin/bash "$E2E_USER"
	grep -q "^$E2E_USER:" /etc/subuid 2>/dev/null || usermod --add-subuids 200000-265535 --add-subgids 200000-265535 "$E2E_USER" || :
}

run_user() {
	make_user
	install -d -o "$E2E_USER" -m 755 "$E2E_TOP/user"
	if ! setpriv --reuid "$E2E_USER" --regid "$E2E_USER" --init-groups test -x "$COOPER"; then
		echo "ok - user: all tests # SKIP $E2E_USER cannot reach $COOPER"
		return
	fi
	setpriv --reuid "$E2E_USER" --regid "$E2E_USER" --init-groups env -u XDG_RUNTIME_DIR E2E_TOP="$E2E_TOP" E2E_CHILD=1 \
		USER="$E2E_USER" LOGNAME="$E2E_USER" bash "$E2E_SCRIPT" "$COOPER"
}

stop_pids() {
	local pid
	[ ! -f "$1" ] || while read -r pid; do kill "$pid" 2>/dev/null; done <"$1"
	return 0
}

stop_all() {
	trap - EXIT INT TERM
	stop_pids "$E2E_TOP/pids"
	[ -n "${E2E_KEEP:-}" ] && echo "# kept: $E2E_TOP" || remove_all "$E2E_TOP"
}

run_tests() {
	if [ -n "${E2E_CHILD:-}" ]; then
		run_role user
		return
	fi
	if [ "$(id -u)" != 0 ] && sudo -n true 2>/dev/null; then
		exec sudo -n env COOPER="$COOPER" E2E_CACHE="$E2E_CACHE" E2E_ONLY="${E2E_ONLY:-}" bash "$E2E_SCRIPT"
	fi
	E2E_TOP=$(mktemp -d /var/tmp/cooper-e2e.XXXXXX)
	chmod 755 "$E2E_TOP"
	export E2E_TOP
	trap stop_all EXIT
	trap 'exit 130' INT TERM
	mkdir "$E2E_TOP/bin"
	ln -s "$COOPER" "$E2E_TOP/bin/cooper"
	"$E2E_SOURCE/scripts/busybox-tar" >"$E2E_TOP/busybox.tar"
	make_bases
	start_registries
	if [ "$(id -u)" = 0 ]; then
		{ run_role root; [ "${E2E_ROLES:-}" = root ] || run_user; } | tee "$E2E_TOP/tap"
	else
		run_role user | tee "$E2E_TOP/tap"
	fi
	echo "1..$(grep -cE '^(not )?ok ' "$E2E_TOP/tap")"
	! grep -q '^not ok' "$E2E_TOP/tap"
}
