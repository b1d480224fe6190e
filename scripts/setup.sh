# Sourced by ./run and ./check: packages, build folders, tests.

say() { printf '\n==> %s\n' "$*"; }

as_root() {
	if [ "$(id -u)" = 0 ]; then
		"$@"
	else
		sudo -n "$@" || sudo "$@"
	fi
}

# install_deps PURPOSE...: what is missing of scripts/packages.
install_deps() {
	missing=
	for purpose; do
		for package in $(sed -n "s/#.*//; s/^$purpose://p" scripts/packages); do
			dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || missing="$missing $package"
		done
	done
	[ -z "$missing" ] && return
	say "installing$missing"
	as_root apt-get -qq update
	# shellcheck disable=SC2086
	as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends -o Dpkg::Use-Pty=0 install $missing
}

# build_in FOLDER OPTION...: configures once, then builds what changed. What root makes in somebody's checkout is theirs.
build_in() {
	folder=$1
	shift
	say "building in $folder"
	if [ ! -f "$folder/build.ninja" ]; then
		rm -rf "$folder"
		meson setup "$folder" "$@" >"/tmp/cooper-setup.$$" 2>&1 || { cat "/tmp/cooper-setup.$$"; rm -f "/tmp/cooper-setup.$$"; return 1; }
		rm -f "/tmp/cooper-setup.$$"
	fi
	ninja -C "$folder"
	[ "$(id -u)" != 0 ] || chown -R --reference=. "$folder"
}

# run_tests FOLDER OPTION...
run_tests() {
	folder=$1
	shift
	say "testing in $folder"
	ASAN_OPTIONS=detect_leaks=1 meson test -C "$folder" --no-rebuild --print-errorlogs "$@"
}
