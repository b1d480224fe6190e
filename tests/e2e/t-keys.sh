#!/bin/bash
# What keys are made of: what makes a step run again and, more so, what does not; and who waits for keys that take long to make.
. "$(dirname "$0")/lib.sh"

layers_of() { jq -r '.layers[].digest' "$COOPER_ROOT/blobs/sha256/${1#sha256:}"; }

assert_all_cached() { assert_eq "$(steps_cached)" "$(grep -cE '^#[0-9]+ \[' build.log)"; }

# base TIME [FILE]: the image "base", of busybox' files with this time, and one more.
base() {
	[ -d rootfs ] || { mkdir rootfs && tar -xf "$E2E_TOP/busybox.tar" -C rootfs; }
	[ -z "${2:-}" ] || echo "$2" >"rootfs/$2"
	find rootfs -exec touch -h -d "@$1" {} +
	tar -C rootfs --owner=0 --group=0 --numeric-owner -cf rootfs.tar .
	cooper import --change 'CMD ["sh"]' rootfs.tar base >/dev/null
}

test_a_base_image_with_other_times_alone_runs_nothing() {
	base 1500000000
	mkdir ctx
	echo file >ctx/file
	cat >Containerfile <<'END2'
FROM base AS other
RUN echo other >/other
FROM base
WORKDIR /w
COPY file .
RUN echo x >/x
RUN cat /x >y
COPY --from=other /other /z
END2
	one=$(digest_of -f Containerfile ctx)
	first=$(layers_of "$(digest_of - <<<'FROM base')")
	base 1600000000
	[ "$(layers_of "$(digest_of - <<<'FROM base')")" != "$first" ] || fail "the base has the same layers"
	build_ok --explain -f Containerfile ctx
	assert_all_cached
	! grep 'not cached' build.log || fail "something ran"
	two=$(digest_of -f Containerfile ctx)
	assert_eq "$(layers_of "$two" | tail -n +2)" "$(layers_of "$one" | tail -n +2)"
	[ "$two" != "$one" ] || fail "the image does not stand on the new base"
	# A change of content is one, and is said to be.
	base 1600000000 more
	build_ok --explain=json -f Containerfile ctx
	assert_match "$(jq -r '.[] | .reason' stdout.log)" '*base image changed*'
}

run_tests
