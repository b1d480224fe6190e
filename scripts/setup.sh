#!/bin/sh
# Sourced by ./run and ./check: packages, build folders, tests.

say() { printf '\n==> %s\n' "$*"; }

as_root() {
	if [ "$(id -u)" = 0 ]; then
		"$@"
	elif sudo -n true 2>/dev/null; then
		sudo -n "$@"
	else
		sudo "$@"
	fi
}

# install_deps PURPOSE...: what is missing of scripts/packages.
install_deps() {
	missing=
	arch=$(dpkg --print-architecture)
	for purpose; do
		for package in $(sed -n "s/#.*//; s/^$purpose://p; s/^$purpose-$arch://p" scripts/packages); do
			dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || missing="$missing $package"
		done
	done
	[ -z "$missing" ] && return
	say "installing$missing"
	as_root apt-get -qq update
	# shellcheck disable=SC2086
	as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends -o Dpkg::Use-Pty=0 install $missing
}

# build_in FOLDER OPTION...: configures it when that was not done.
build_in() {
	folder=$1
	shift
	[ ! -f "$folder/build.ninja" ] || return 0
	say "configuring $folder"
	rm -rf "$folder"
	log=$(mktemp)
	meson setup "$folder" "$@" >"$log" 2>&1 || { cat "$log"; rm -f "$log"; return 1; }
	rm -f "$log"
}

# leave_chroot COMMAND...: goes on with it behind a root of its own, since the kernel gives an ordinary user in a chroot no
# user namespace. Elsewhere it does nothing.
leave_chroot() {
	if [ "$(id -u)" = 0 ] || [ -n "${COOPER_LEFT-}" ] || grep -qE '^([^ ]+ ){4}/ ' /proc/self/mountinfo; then
		return
	fi
	as_root scripts/own-root setpriv --reuid "$(id -u)" --regid "$(id -g)" --init-groups \
		env COOPER_LEFT=1 "HOME=$HOME" "PATH=$PATH" ${COOPER_ROOT+"COOPER_ROOT=$COOPER_ROOT"} "$@"
	exit
}

# tests_of FOLDER PATTERN: names of tests that begin so.
tests_of() {
	meson test -C "$1" --list 2>/dev/null | sed 's,.* / ,,' | grep -E "^($2)" || :
}

# run_tests FOLDER OPTION...: builds as whoever this is, tests as root.
run_tests() {
	folder=$1
	shift
	say "building in $folder"
	ninja -C "$folder" all meson-test-prereq
	say "testing in $folder"
	as_root scripts/own-root meson test -C "$folder" --no-rebuild --print-errorlogs "$@"
}

# test_user NAME: an ordinary user with subordinate ids.
test_user() {
	id "$1" >/dev/null 2>&1 || as_root useradd --create-home "$1"
}

# What root made in somebody's checkout is theirs.
give_back() {
	for folder in build build-check build-asan build-tsan; do
		[ ! -d "$folder" ] || [ -z "$(find "$folder" -user root -print -quit)" ] || as_root chown -R --reference=. "$folder"
	done
}
