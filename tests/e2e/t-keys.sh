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
RUN --mount=type=bind,from=other,target=/o cat /o/other >y
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
	assert_match "$(jq -r '.[] | .reason' stdout.log)" '*base image*changed*'
}

test_a_base_image_that_is_fetched_for_a_step_is_looked_into_before_it_runs() {
	need_registry
	for at in 1 2; do
		base $((1500000000 + at))
		cooper push -q base "$REGISTRY/keys/$ROLE:$at" >/dev/null
	done
	COOPER_ROOT=$E2E_DIR/other
	printf 'FROM %s/keys/%s:1\nRUN echo x >/x\nRUN echo y >/y\n' "$REGISTRY" "$ROLE" >Containerfile
	build_ok .
	sed -i 's/:1$/:2/' Containerfile
	build_ok .
	assert_eq "$(steps_cached)" 3
	build_ok --explain --build-arg X=1 .
	assert_eq "$(steps_cached)" 3
}

# mounting OPTIONS [COMMAND]: a stage with a folder /u, a symlink to it and a file beside it, changed by the command, and a RUN that mounts
# something of it. Why it ran is in $reason.
mounting() {
	{
		printf 'FROM busybox AS b\nRUN mkdir -p /u/d; echo in >/u/d/f; ln -s /u /l; echo out >/out\n'
		[ -z "${2:-}" ] || printf 'RUN %s\n' "$2"
		printf 'FROM busybox\nRUN --mount=type=bind,from=b,target=/m,%s ls -lR /m\n' "$1"
	} >Containerfile
	build_ok --explain=json .
	reason=$(jq -r '.[] | select(.step | contains("mount")) | .reason' stdout.log)
}

# What is mounted, and whether a command of the stage changes it.
test_a_mounted_folder_is_keyed_by_what_can_be_seen_in_it() {
	need_busybox
	while read -r runs source change; do
		mounting "$source"
		mounting "$source" "$change"
		case $runs in
		runs) assert_match "$reason" '*mount*' ;;
		stays) assert_eq "$source, $change: $reason" "$source, $change: " ;;
		esac
	done <<-'END2'
		stays source=/u echo 2 >/out
		runs source=/u echo 2 >/u/d/f
		stays source=u,rw echo 3 >/out
		runs source=u,rw chmod 700 /u/d
		stays source=/u/d echo 4 >/u/g
		runs source=/u/d chmod 711 /u/d
		stays source=/u/d/f echo 5 >/u/d/g
		runs source=/u/d/f chmod 600 /u/d/f
		stays source=/l echo 6 >/out
		runs source=/l rm /l; mkdir /l; echo 6 >/l/f
		runs source=/ echo 7 >/out
		runs source=/u chown 5 /u
		runs source=/u ln -s x /u/link
		stays source=/u touch -d @1 /u/d/f
		runs source=/u rm /u/d/f
	END2
}

# What is seen of a stage whose layers nobody has is told by the cache.
test_a_mounted_stage_of_another_machine_is_not_fetched() {
	need_registry
	need_busybox
	cooper push -q busybox "$REGISTRY/keys/busybox-$ROLE" >/dev/null
	printf 'FROM %s/keys/busybox-%s AS b\nRUN mkdir /u; echo x >/u/f; echo y >/u/g\nFROM %s/keys/busybox-%s\nRUN --mount=from=b,source=/u/f,target=/f --mount=from=b,source=/u/g,target=/g cat /f /g >/x\n' "$REGISTRY" "$ROLE" "$REGISTRY" "$ROLE" >Containerfile
	for mode in min max; do
		cache=$REGISTRY/keys/mounted-$ROLE:$mode
		COOPER_ROOT=$E2E_DIR/one-$mode
		build_ok --cache-to "type=registry,ref=$cache,mode=$mode" .
		COOPER_ROOT=$E2E_DIR/other-$mode
		build_ok --cache-from "type=registry,ref=$cache" .
		assert_eq "$(steps_cached)" 3
		assert_eq "$(find "$COOPER_ROOT/layers" -mindepth 1 -maxdepth 1 | wc -l)" 0
	done
}

# line PATTERN: where it first stands in the log.
line() { grep -nE -m 1 "$1" build.log | cut -d: -f1; }

test_files_that_are_read_for_a_key_keep_no_other_stage_waiting() {
	need_busybox
	mkdir ctx
	truncate -s 1G ctx/large
	echo small >ctx/small
	cat >Containerfile <<-'END2'
		FROM scratch AS a
		COPY large /
		FROM busybox AS b
		ARG N
		COPY small /
		RUN echo "$N" >/n
		FROM busybox
		COPY --from=a /large /
		COPY --from=b /n /
	END2
	build_ok --build-arg N=1 -f Containerfile ctx
	touch ctx/large
	build_ok --build-arg N=2 -f Containerfile ctx
	assert_eq "$(steps_cached)" "$(($(grep -cE '^#[0-9]+ \[' build.log) - 2))" # RUN and COPY /n
	ran=$(line '^#[0-9]+ .*RUN' | head -n 1)
	step=$(sed -n "${ran}s/^\(#[0-9]*\) .*/\1/p" build.log)
	large=$(sed -n 's/^\(#[0-9]*\) .*COPY large.*/\1/p' build.log | head -n 1)
	[ "$(line "^$step DONE")" -lt "$(line "^$large CACHED")" ] || { cat build.log >&2; fail "the RUN was over after the large file only"; }
}

run_tests
