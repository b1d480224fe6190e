#!/bin/bash
# What the store takes up, and what is thrown away: du, prune and the cap.
. "$(dirname "$0")/lib.sh"

# layer NAME: a build with one RUN layer of 3 MB; succeeds when its step was CACHED.
layer() {
	printf 'FROM busybox\nRUN head -c 3000000 /dev/zero | tr "\\0" %s >/%s\n' "$1" "$1" |
		cooper build --progress=plain --output type=cacheonly - >layer.log 2>&1 || { cat layer.log >&2; fail "build of $1"; }
	[ "$(steps_cached layer.log)" = 2 ] # FROM is one
}

# Cache mounts of 3 MB.
mount_of() {
	printf 'FROM busybox\nRUN --mount=type=cache,target=/m head -c 3000000 /dev/zero >/m/%s && :\n' "$1" | cooper build -q --no-cache --output type=cacheonly - >/dev/null
}

# days_pass N: all that the store knows of is that much older.
days_pass() {
	python3 - "$COOPER_ROOT" "$1" <<'PY'
import os, sqlite3, sys
root, seconds = sys.argv[1], int(sys.argv[2]) * 86400
db = sqlite3.connect(root + "/cooper.db")
for table, column in ("used", "at"), ("layers", "created"), ("records", "created"), ("memos", "made"), ("mounts", "used"):
    db.execute(f"UPDATE {table} SET {column}={column}-{seconds}")
db.commit()
for folder in "blobs/sha256", "contexts":
    for entry in os.scandir(f"{root}/{folder}"):
        when = entry.stat().st_mtime - seconds
        os.utime(entry.path, (when, when))
PY
}

# kind NAME FIELD, image NAME FIELD: of `du`.
kind() { cooper du --format json | jq -r --arg n "$1" --arg f "$2" 'select(.Type == $n) | .[$f]'; }
image() { cooper du --format json | jq -r --arg n "$1" --arg f "$2" 'select(.Type == "Image" and .Name == $n) | .[$f]'; }

test_du_tells_what_images_share_and_what_is_their_own() {
	need jq
	need_busybox
	mkdir ctx
	head -c 3000000 /dev/urandom >ctx/one
	head -c 2000000 /dev/urandom >ctx/two
	printf 'FROM scratch\nCOPY one /\n' | cooper build -q -t app:1 -t app -f - ctx
	printf 'FROM scratch\nCOPY one /\nCOPY two /\n' | cooper build -q -t more -f - ctx
	assert_match "$(image 'app:1, app:latest' Size)" '3.0*MB'
	assert_match "$(image 'app:1, app:latest' SharedSize)" '3.0*MB'
	assert_match "$(image 'app:1, app:latest' UniqueSize)" '*kB'
	assert_match "$(image more:latest Size)" '5.0*MB'
	assert_match "$(image more:latest SharedSize)" '3.0*MB'
	assert_match "$(image more:latest UniqueSize)" '2.0*MB'
	assert_eq "$(image busybox:latest SharedSize)" 0B
	assert_match "$(kind Images SharedSize)" '3.0*MB'
	assert_eq "$(cooper images -q more)" "$(image more:latest ID)"
	cooper du >table
	assert_match "$(cat table)" 'IMAGE *SHARED SIZE *UNIQUE SIZE*app:1, app:latest *TYPE *Cache mounts *Total: *'
	cooper du -v >table
	assert_match "$(grep '^Images .*3\.0[0-9]*MB' table)" '*app:1, app:latest*'
	assert_match "$(grep '^Images .*2\.0[0-9]*MB' table)" '* more:latest'
	# Without the image its own blobs are cache.
	unique=$(image more:latest UniqueSize)
	cooper rmi more >/dev/null
	cooper prune -f >/dev/null
	assert_eq "$(image 'app:1, app:latest' SharedSize)" 0B
	assert_match "$(kind 'Other blobs' Size)" "${unique%.*}.*MB"
}

# A copy of files of which one changed takes the others from the former layer by links.
test_du_and_prune_count_linked_files_once() {
	need jq
	need_busybox
	mkdir ctx
	for i in 1 2 3 4; do head -c 1000000 /dev/urandom >"ctx/$i"; done
	printf 'FROM busybox\nCOPY . /c/\nRUN true\n' >Containerfile
	cooper build -q --output type=cacheonly -f Containerfile ctx
	head -c 1000000 /dev/urandom >ctx/1
	days_pass 2
	cooper build -q --output type=cacheonly -f Containerfile ctx
	[ "$(find "$COOPER_ROOT/layers" -name 2 -links 2)" ] || skip "nothing was linked"
	assert_match "$(kind 'Build cache' SharedSize)" '3.0*MB'
	cooper prune -f --keep-storage 10m >out # busybox 2, one copy 4, of the other one 1
	assert_match "$(cat out)" '*Total reclaimed space: 0B'
	cooper prune -f --keep-storage 6500k >out
	assert_match "$(cat out)" '*Removed: * layer*Total reclaimed space: 1.0*MB'
}

test_prune_keeps_what_was_used_last() {
	need_busybox
	layer old || :
	mount_of old
	days_pass 2
	layer new || :
	cooper prune -f --keep-storage 12m >out
	layer old || fail "it was not too much"
	days_pass 2
	layer new
	cooper prune -f --keep-storage 6m >out
	assert_match "$(cat out)" '*layer*cache mount*Total reclaimed space: *'
	assert_eq "$(cooper du --format '{{.Type}} {{.Count}}' | grep 'Cache mounts')" 'Cache mounts 0'
	layer new || fail "what was used last is gone"
	! layer old || fail "what was not used for longest is here"
}

test_prune_that_keeps_nothing_takes_all_but_images() {
	need_busybox
	layer one || :
	mount_of one
	assert_fails 2 cooper prune -f --keep-storage much
	cooper prune -f --keep-storage 0 >out
	assert_eq "$(cooper du --format '{{.Type}} {{.Count}}' | grep -E 'cache|mounts|Contexts|Other')" "$(printf 'Other blobs 0\nBuild cache 0\nCache mounts 0\nContexts 0')"
	assert_eq "$(cooper images --format '{{.Repository}}')" busybox
	! layer one || fail "it is still cached"
}

test_prune_by_age_goes_by_last_use() {
	need_busybox
	mkdir ctx
	echo x >ctx/x
	printf 'FROM scratch\nCOPY x /\n' >ctx/Containerfile
	layer used || :
	layer unused || :
	mount_of unused
	cooper build -q --output type=cacheonly ctx
	days_pass 2
	layer used || fail "not cached"
	cooper build -q --output type=cacheonly ctx # nothing changed: what is remembered of it is only read
	assert_fails 2 cooper prune -f --filter until=soon
	assert_fails 2 cooper prune -f --filter label=x
	cooper prune -f --filter until=72h >out
	layer unused || fail "it is not three days old"
	days_pass 2
	layer used
	cooper build -q --output type=cacheonly ctx
	cooper prune -f --filter until=24h >out
	assert_match "$(cat out)" 'Removed: *layer*cache mount*'
	layer used || fail "what was used is gone"
	assert_eq "$(find "$COOPER_ROOT/contexts" -type f | wc -l)" 1
	assert_eq "$(find "$COOPER_ROOT/mounts" -mindepth 1 -maxdepth 1 -type d | wc -l)" 0
	! layer unused || fail "what was not used is here"
}

test_a_dry_run_tells_what_prune_does() {
	need_busybox
	for options in --all "--keep-storage 0" "--keep-storage 1m" "--filter until=1s"; do
		layer one || :
		mount_of one
		sleep 2.1 # until
		# shellcheck disable=SC2086
		cooper prune --dry-run $options >dry
		layer one || fail "$options --dry-run removed it"
		# shellcheck disable=SC2086
		cooper prune --dry-run $options >dry
		# shellcheck disable=SC2086
		cooper prune -f $options >wet
		assert_match "$(cat dry)" '*layer *Would remove: *layer*cache mount*Total reclaimable space: *MB'
		assert_eq "$(sed -n 's/^Would remove: //p' dry)" "$(sed -n 's/^Removed: //p' wet)"
		! layer one || fail "$options left it"
	done
}

test_builds_keep_the_cache_below_the_cap() {
	need_busybox
	layer first || :
	days_pass 3
	layer second || :
	days_pass 3
	layer first || fail "not cached"
	COOPER_CACHE_CAP=8m layer third || :
	layer first || fail "what was used lately is gone"
	! layer second || fail "what was not used for longest is here"
	COOPER_CACHE_CAP=0 layer fourth || :
	layer third || fail "there is no cap"
	COOPER_CACHE_CAP=much layer fifth || :
	assert_match "$(cat layer.log)" '*COOPER_CACHE_CAP=much is no size*'
}

test_the_cap_counts_small_files_as_the_disk_does() {
	need_busybox
	printf 'FROM busybox\nRUN mkdir /d; for i in $(seq 4000); do echo >/d/$i; done\n' >Containerfile
	cooper build -q --output type=cacheonly .
	days_pass 3
	COOPER_CACHE_CAP=8m layer other || :
	left=$(find "$COOPER_ROOT/layers" -path '*/d/*' | wc -l)
	assert_eq "$left" 0
}

# A build that runs keeps the cap off; who comes next does not wait for ten minutes.
test_the_cap_takes_nothing_from_a_build_that_runs() {
	need_busybox
	layer first || :
	days_pass 3
	printf 'FROM busybox\nRUN head -c 3000000 /dev/zero | tr "\\0" first >/first\nRUN echo holds; sleep 5\n' >Containerfile
	cooper build --progress=plain --output type=cacheonly . >running.log 2>&1 &
	pid=$!
	for _ in $(seq 100); do
		grep -q ' holds$' running.log && break
		sleep 0.1
	done
	COOPER_CACHE_CAP=1m layer second || :
	[ "$(find "$COOPER_ROOT/layers" -mindepth 1 -maxdepth 1 | wc -l)" = 3 ] || fail "something is gone: $(ls "$COOPER_ROOT/layers")"
	wait $pid || fail "$(cat running.log)"
	COOPER_CACHE_CAP=1m layer third || :
	! layer first || fail "what was not used for longest is here"
}

run_tests
