#!/bin/bash
# The cache between machines: what one has built another one finds, fetching what it needs and no more; and caches that lie.
. "$(dirname "$0")/lib.sh"

machine() { COOPER_ROOT=$E2E_DIR/machine-$1; }

# Each test has repositories of its own.
name_for() { echo "$REGISTRY/${FUNCNAME[1]#test_}-$ROLE/$1"; }

ran() { [ "$(grep -cE "^#[0-9]+ DONE" build.log)" != 0 ] && grep -E '^#[0-9]+ \[' build.log | grep -vE 'internal|FROM' | cut -d' ' -f1 |
	while read -r n; do grep -q "^$n CACHED" build.log || grep -m1 "^$n \[" build.log; done; }

assert_all_cached() { assert_eq "$(ran)" ""; }

assert_ran() {
	local words
	for words; do ran | grep -qF "$words" || { cat build.log >&2; fail "$words did not run"; }; done
	assert_eq "$(ran | wc -l)" "$#"
}

# Requests of this role's tests since the mark: "GET blobs sha256:..." for the repository $1.
log_mark() { LOG_FROM=$(wc -c <"$E2E_TOP/registry/log"); }
fetched() { tail -c +$((LOG_FROM + 1)) "$E2E_TOP/registry/log" | grep -aoE "\"GET /v2/${1#*/}/blobs/sha256:[0-9a-f]+" | sed 's,.*/,,' | sort -u; }
uploads() { tail -c +$((LOG_FROM + 1)) "$E2E_TOP/registry/log" | grep -acE "\"PUT /v2/${1#*/}/blobs/uploads/" || :; }

manifest() { skopeo inspect --raw --tls-verify=false "docker://$1"; }

project() {
	mkdir -p ctx/src
	echo one >ctx/src/a
	echo two >ctx/src/b
	cat >ctx/Containerfile <<END
FROM ${1:-busybox} AS tools
RUN mkdir /t && echo '#!/bin/sh' >/t/tool
FROM ${1:-busybox} AS build
WORKDIR /w
COPY src src
RUN --mount=from=tools,source=/t,target=/t cat src/* >all
FROM ${1:-busybox}
RUN echo hi >/hi
COPY --from=build /w/all /all
RUN wc /all >/count
END
}

base() {
	machine A
	need_registry
	need_busybox "$REGISTRY"
	project "$REGISTRY/busybox"
}

# lie FOLDER: changes the records of a cache in a folder by the Python text on stdin: d is the document, m the manifest.
lie() {
	cat >lie.py
	python3 - "$1" lie.py <<'END'
import hashlib, json, sys
top = sys.argv[1]
def path(d): return top + '/blobs/sha256/' + d.split(':')[1]
def put(o, raw=None):
    b = raw if raw is not None else json.dumps(o).encode()
    d = 'sha256:' + hashlib.sha256(b).hexdigest()
    open(path(d), 'wb').write(b)
    return {'digest': d, 'size': len(b)}
index = json.load(open(top + '/index.json'))
m = json.load(open(path(index['manifests'][0]['digest'])))
d = json.load(open(path(m['config']['digest'])))
exec(open(sys.argv[2]).read())
m['config'].update(put(d))
index['manifests'][0].update(put(m))
json.dump(index, open(top + '/index.json', 'w'))
END
}

test_another_machine_finds_everything_and_fetches_nothing() {
	base
	app=$(name_for app)
	export SOURCE_DATE_EPOCH=1700000000
	build_ok -t "$app:1" --push --cache-to "type=registry,ref=$app:cache,mode=max" ctx
	one=$(manifest "$app:1")
	digest=$(digest_of ctx)
	machine B
	log_mark
	build_ok -t "$app:2" --push --cache-from "type=registry,ref=$app:cache" ctx
	assert_all_cached
	assert_eq "$(manifest "$app:2")" "$one"
	records=$(manifest "$app:cache" | jq -r .config.digest)
	assert_eq "$(fetched "$app")" "$records"
	assert_eq "$(fetched "$REGISTRY/busybox" | wc -l)" 1 # its configuration
	assert_eq "$(uploads "$app")" 0
	assert_eq "$(digest_of --cache-from "type=registry,ref=$app:cache" ctx)" "$digest"
}

test_a_push_to_another_repository_moves_no_bytes_through_the_machine() {
	base
	app=$(name_for app)
	other=$(name_for other)
	build_ok -t "$app:1" --push --cache-to "type=registry,ref=$app:cache,mode=max" ctx
	machine B
	log_mark
	build_ok -t "$other:1" --push --cache-from "$app:cache" ctx
	assert_all_cached
	assert_eq "$(fetched "$app" | wc -l)" 1
	assert_eq "$(uploads "$other")" 0
	assert_eq "$(manifest "$other:1" | jq -c .layers)" "$(manifest "$app:1" | jq -c .layers)"
}

test_an_image_that_is_kept_is_the_same_as_where_it_was_made() {
	base
	app=$(name_for app)
	build_ok -t "$app:1" --push --cache-to "type=registry,ref=$app:cache,mode=max" ctx
	one=$(digest_of ctx)
	machine B
	assert_eq "$(digest_of -t here --cache-from "$app:cache" ctx)" "$one"
	cooper save here -o here.tar
	skopeo inspect docker-archive:here.tar >/dev/null
	cooper push -q here "$app:3" >/dev/null
	assert_eq "$(manifest "$app:3")" "$(manifest "$app:1")"
	build_ok -o out --cache-from "$app:cache" ctx
	assert_all_cached
	assert_eq "$(cat out/all)" "$(printf 'one\ntwo')"
}

test_one_changed_file_runs_what_depends_on_it() {
	base
	app=$(name_for app)
	build_ok -t "$app:1" --push --cache-to "type=registry,ref=$app:cache,mode=max" ctx
	machine B
	echo three >ctx/src/c
	build_ok -t here --cache-from "$app:cache" ctx
	assert_ran "COPY src" "RUN --mount" "COPY --from=build /w/all" "RUN wc"
	build_ok -o out ctx
	assert_ran "RUN mkdir" WORKDIR "RUN echo" # what was only in the cache: nothing of it is believed without being named
	assert_eq "$(cat out/all)" "$(printf 'one\ntwo\nthree')"
}

test_mode_min_has_the_layers_of_the_image_alone() {
	base
	app=$(name_for app)
	build_ok -t "$app:1" --push --cache-to "type=registry,ref=$app:cache" ctx
	assert_eq "$(manifest "$app:cache" | jq '[.layers[].mediaType | select(test("layer"))] | length')" 3
	machine B
	log_mark
	build_ok -t "$app:2" --push --cache-from "$app:cache" ctx
	assert_all_cached
	assert_eq "$(fetched "$app" | wc -l)" 1
	machine C
	echo three >ctx/src/c
	build_ok -t here --cache-from "$app:cache" ctx
	assert_ran "RUN mkdir" WORKDIR "COPY src" "RUN --mount" "COPY --from=build /w/all" "RUN wc"
}

test_a_target_whose_bytes_were_left_out_is_built() {
	base
	app=$(name_for app)
	build_ok -t "$app:1" --push --cache-to "type=registry,ref=$app:cache" ctx
	machine B
	build_ok -o out --target build --cache-from "$app:cache" ctx
	assert_eq "$(cat out/w/all)" "$(printf 'one\ntwo')"
	build_ok -t here --target build --cache-from "$app:cache" ctx
}

test_a_folder() {
	base
	build_ok -t app --cache-to type=local,dest=cache,mode=max ctx
	one=$(digest_of ctx)
	skopeo inspect --raw oci:cache:latest | jq -e '.config.mediaType == "application/vnd.cooper.cache.v1+json"' >/dev/null
	machine B
	build_ok -t app --cache-from type=local,src=cache ctx
	assert_all_cached
	assert_eq "$(digest_of --cache-from type=local,src=cache ctx)" "$one"
	# Told again from here, with another compression and tag.
	build_ok -t app --cache-from type=local,src=cache --cache-to type=local,dest=again,tag=v1,mode=max,compression=zstd ctx
	machine C
	build_ok -t app --cache-from type=local,src=again,tag=v1 ctx
	assert_all_cached
	assert_eq "$(digest_of --cache-from type=local,src=again,tag=v1 ctx)" "$one"
}

test_records_in_the_image_itself() {
	base
	app=$(name_for app)
	export SOURCE_DATE_EPOCH=1700000000
	build_ok -t "$app:1" --push --cache-to type=inline ctx
	one=$(manifest "$app:1")
	machine B
	log_mark
	build_ok -t "$app:2" --push --cache-from "$app:1" --cache-to type=inline ctx
	assert_all_cached
	assert_eq "$(fetched "$app" | wc -l)" 1
	assert_eq "$(manifest "$app:2")" "$one"
	machine C # repeatable bit for bit, without a cache too
	build_ok -t "$app:3" --push --build-arg BUILDKIT_INLINE_CACHE=1 ctx
	assert_eq "$(manifest "$app:3")" "$one"
	machine D
	echo 'FROM '"$app"':1
RUN true' >Containerfile
	build_ok -t derived .
	! cooper inspect derived | grep -q cooper.cache || fail "the records went into an image that was built upon it"
}

test_inline_without_a_push_is_told() {
	base
	build_ok -t app --cache-to type=inline ctx
	grep -q 'warning: --cache-to type=inline: .* when it is pushed' build.log || fail "$(cat build.log)"
}

test_other_times_give_what_a_fresh_build_gives() {
	base
	build_ok -t app --source-date-epoch 1500000000 --cache-to type=local,dest=cache,mode=max ctx
	for epoch in 1500000000 1400000000 1600000000; do
		machine "B$epoch"
		want=$(digest_of --source-date-epoch $epoch --no-cache ctx)
		machine "C$epoch"
		assert_eq "$(digest_of --source-date-epoch $epoch --cache-from type=local,src=cache ctx)" "$want"
		build_ok --source-date-epoch $epoch --cache-from type=local,src=cache ctx
		assert_all_cached
		# Told again by a machine that has all from the cache.
		rm -rf again
		build_ok --source-date-epoch $epoch --cache-from type=local,src=cache --cache-to type=local,dest=again,mode=max ctx
		for other in $epoch 1550000000; do
			machine "D$epoch$other"
			assert_eq "$(digest_of --source-date-epoch $other --cache-from type=local,src=again ctx)" \
				"$(machine "E$other"; digest_of --source-date-epoch $other ctx)"
			build_ok --source-date-epoch $other --cache-from type=local,src=again ctx
			assert_all_cached
		done
	done
}

# What a command copies up, moves or copies has the time that it had: the step's, when that was the clock's. With an earlier epoch and
# with one to come, of a cache from builds with and without one.
test_a_command_on_a_layer_of_a_cache_has_the_times_of_a_fresh_build() {
	base
	cat >ctx/Containerfile <<-END
		FROM $REGISTRY/busybox AS made
		RUN mkdir /a /b && echo 1 >/a/f && touch -d @1000 /a/set
		RUN mv /a/f /b/f && cp -p /b/f /b/copy
		FROM $REGISTRY/busybox
		COPY --from=made /b /b
		RUN --mount=from=made,target=/m cp -p /m/b/f /f && chmod 700 /b/f
	END
	sed 's/^RUN mv/& -f/; s/chmod 700/chmod 711/' ctx/Containerfile >changed
	later=$(($(date +%s) + 1000))
	for told in none 1500000000 $later; do
		machine "A$told"
		[ "$told" = none ] || local -x SOURCE_DATE_EPOCH=$told
		build_ok --cache-to "type=local,dest=cache-$told,mode=max" ctx
		unset SOURCE_DATE_EPOCH
	done
	for epoch in 1400000000 $later $((later + 500)); do
		machine "fresh$epoch"
		want=$(digest_of --source-date-epoch $epoch -f changed ctx)
		same=$(digest_of --source-date-epoch $epoch ctx)
		for told in none 1500000000 $later; do
			machine "B$epoch-$told"
			build_ok --source-date-epoch $epoch --cache-from "type=local,src=cache-$told" -f changed ctx
			assert_ran "RUN mv" "RUN --mount"
			assert_eq "$(digest_of --source-date-epoch $epoch -f changed ctx)" "$want" # what is on record now
			machine "C$epoch-$told"
			assert_eq "$(digest_of --source-date-epoch $epoch --cache-from "type=local,src=cache-$told" -f changed ctx)" "$want"
			machine "D$epoch-$told"
			build_ok --source-date-epoch $epoch --cache-from "type=local,src=cache-$told" ctx
			assert_all_cached
			assert_eq "$(digest_of --source-date-epoch $epoch --cache-from "type=local,src=cache-$told" ctx)" "$same"
		done
	done
	for told in none 1500000000 $later; do # first a build without an epoch
		machine "E$told"
		build_ok --cache-from "type=local,src=cache-$told" -f changed ctx
		assert_ran "RUN mv" "RUN --mount"
		assert_eq "$(digest_of --source-date-epoch $((later + 500)) -f changed ctx)" "$want"
	done
}

# The index of a layer is fetched when a step stands on it, and not when the layer is passed on; nor a second time.
test_indexes_are_fetched_of_layers_that_are_opened() {
	base
	app=$(name_for app)
	printf 'FROM %s/busybox\nRUN echo 1 >/1\nRUN echo 2 >/2\n' "$REGISTRY" >ctx/Containerfile
	build_ok -t "$app:1" --push --cache-to "type=registry,ref=$app:cache" ctx
	indexes=$(manifest "$app:cache" | jq -r '.layers[] | select(.mediaType | test("index")) | .digest' | sort)
	assert_eq "$(wc -l <<<"$indexes")" 2
	machine B
	log_mark
	build_ok -t "$app:2" --push --cache-from "$app:cache" ctx
	assert_eq "$(fetched "$app" | grep -cF "$indexes")" 0
	echo 'RUN chmod 600 /1' >>ctx/Containerfile
	log_mark
	build_ok -t "$app:2" --push --cache-from "$app:cache" ctx
	assert_eq "$(fetched "$app" | grep -F "$indexes")" "$indexes"
	echo 'RUN chmod 600 /2' >>ctx/Containerfile
	log_mark
	build_ok -t "$app:2" --push --cache-from "$app:cache" ctx
	assert_eq "$(fetched "$app" | wc -l)" 0
}

# Of an index that is gone nothing is guessed: the cache is left out.
test_indexes_that_are_gone() {
	liars
	lie cache <<-'END'
		import os
		for l in m['layers']:
		    if l['mediaType'] == 'application/vnd.cooper.index.v1': os.remove(path(l['digest']))
	END
	echo three >>ctx/src/b
	TRUTH=$(machine A; digest_of --source-date-epoch 1500000000 ctx)
	assert_harmless
	grep -q 'is not used any more: ' build.log || fail "nothing was said"
}

test_several_platforms() {
	base
	app=$(name_for app)
	export SOURCE_DATE_EPOCH=1700000000
	printf 'FROM scratch AS files\nCOPY src /s\nFROM scratch\nARG TARGETARCH\nCOPY --from=files /s/a /a\nCOPY src/b /b-$TARGETARCH\n' >ctx/Containerfile
	both=linux/amd64,linux/arm64
	build_ok -t "$app:1" --platform $both --push --cache-to "type=registry,ref=$app:cache" --cache-to type=inline ctx
	for from in "$app:cache" "$app:1"; do
		machine "B${from##*:}"
		log_mark
		build_ok -t "$app:2" --platform $both --push --cache-from "$from" --cache-to type=inline ctx
		assert_all_cached
		assert_eq "$(manifest "$app:2")" "$(manifest "$app:1")"
		assert_eq "$(fetched "$app" | wc -l)" $([ "$from" = "$app:1" ] && echo 2 || echo 1)
	done
	machine C # one platform alone has the same records
	build_ok -t "$app:3" --platform linux/arm64 --push --cache-to type=inline ctx
	assert_eq "$(manifest "$app:1" | jq -r '.manifests[1].digest')" "sha256:$(manifest "$app:3" | sha256sum | cut -d' ' -f1)"
}

test_a_registry_that_wants_a_password() {
	base
	need_auth_registry
	echo s3cret | cooper login -u alice --password-stdin "$AUTH_REGISTRY" >/dev/null
	app=$AUTH_REGISTRY/cached-$ROLE
	build_ok -t "$app:1" --push --cache-to "type=registry,ref=$app:cache,mode=max" ctx
	machine B
	build_ok -t "$app:2" --push --cache-from "$app:cache" --cache-to "type=registry,ref=$app-other:cache,mode=max" ctx
	assert_all_cached
	cooper logout "$AUTH_REGISTRY" >/dev/null
	machine C
	build_ok -t x --cache-from "$app:cache" ctx
	grep -q 'cache-from .* is not used' build.log || fail "let in without a password"
}

test_only_the_cache_is_wanted() {
	base
	build_ok -o type=cacheonly --cache-to type=local,dest=cache,mode=max ctx
	machine B
	build_ok -o type=cacheonly --cache-from type=local,src=cache --cache-to type=local,dest=again,mode=max ctx
	assert_all_cached
	assert_eq "$(layer_blobs again)" "$(layer_blobs cache)"
	machine C
	build_ok -o out --cache-from type=local,src=again ctx
	assert_all_cached
	assert_eq "$(cat out/all)" "$(printf 'one\ntwo')"
}

test_a_base_image_that_was_built_here() {
	base
	app=$(name_for app)
	from=$(name_for base)
	printf 'FROM %s/busybox\nRUN echo base >/base\n' "$REGISTRY" >base.containerfile
	build_ok -t "$from:1" --push -f base.containerfile .
	project "$from:1"
	build_ok ctx
	build_ok ctx
	assert_all_cached
	build_ok -t "$app:1" --push --cache-to "type=registry,ref=$app:cache,mode=max" ctx
	machine B
	log_mark
	build_ok -t "$app:2" --push --cache-from "$app:cache" ctx
	assert_all_cached
	assert_eq "$(fetched "$app" | wc -l)" 1
}

# What users have made who own no ids but their own is what others would have made, and the other way round.
test_users_with_one_id_share_with_the_others() {
	[ "$ROLE" = user ] || skip "for the ordinary user"
	base
	printf 'FROM %s/busybox\nRUN mkdir /d && echo x >/d/x && chown -R 12:34 /d && chmod 4755 /d/x\nCOPY src/a /a\nRUN stat -c %%u:%%g:%%a /d/x >/o\n' \
		"$REGISTRY" >ctx/Containerfile
	export SOURCE_DATE_EPOCH=1700000000
	one=$(digest_of --cache-to type=local,dest=cache,mode=max ctx)
	(
		export COOPER_SUBIDS=none COOPER_ROOT=$E2E_DIR/machine-single
		assert_eq "$(digest_of --cache-from type=local,src=cache ctx)" "$one"
		echo other >ctx/src/a
		build_ok -o out --cache-from type=local,src=cache ctx
		assert_ran "COPY src/a" "RUN stat"
		assert_eq "$(cat out/o)" 12:34:4755
		build_ok -t x --cache-from type=local,src=cache --cache-to type=local,dest=again,mode=max ctx
	)
	machine C
	build_ok -t x --cache-from type=local,src=again ctx
	assert_all_cached
}

# --- what cannot be had ---

test_sources_that_are_not_there_are_warnings() {
	base
	local source n=0
	for source in "$REGISTRY/none:1" 127.0.0.1:9/none:1 type=local,src=/nonexistent "$REGISTRY/busybox:latest"; do
		n=$((n + 1))
		machine "B$n"
		build_ok -t app --cache-from "$source" ctx
		grep -q "cache-from .* is not used: " build.log || { cat build.log >&2; fail "$source"; }
	done
}

test_a_target_that_cannot_be_written() {
	base
	assert_fails 3 cooper build -t app --iidfile iid --cache-to type=registry,ref=127.0.0.1:9/none:1 ctx
	assert_eq "$(cat iid)" "$(digest_of ctx)" # the image is made all the same
	assert_match "$LAST" "error: --cache-to 127.0.0.1:9/none:1: *"
	build_ok -t app --cache-to type=registry,ref=127.0.0.1:9/none:1,ignore-error=true ctx
	grep -q 'cache-to 127.0.0.1:9/none:1 failed: ' build.log || fail "no warning"
	cooper inspect app >/dev/null
}

test_what_is_refused_says_what_there_is() {
	base
	assert_fails 2 cooper build --cache-to type=registri ctx
	assert_match "$LAST" "*did you mean registry?*"
	assert_fails 2 cooper build --cache-to type=local ctx
	assert_fails 2 cooper build --cache-from type=registry ctx
	assert_fails 2 cooper build --cache-to ref=x ctx
	assert_fails 2 cooper build --cache-to type=registry,ref=x,mode=most ctx
	assert_fails 2 cooper build -t "$REGISTRY/x:1" --push --cache-to "$REGISTRY/x:1" ctx
	assert_match "$LAST" "*the image's own name*"
}

test_a_bare_repository_does_not_take_the_images_name() {
	base
	app=$(name_for app)
	build_ok -t "$app" --push --cache-to "$app" ctx
	manifest "$app:latest" | jq -e '.config.mediaType | test("image.config")' >/dev/null
	machine B
	build_ok -t here --cache-from "$app" ctx
	assert_all_cached
}

test_an_export_that_is_killed_leaves_the_cache_as_it_was() {
	base
	build_ok -t app --cache-to type=local,dest=cache,mode=max ctx
	before=$(cat cache/index.json)
	printf 'FROM %s/busybox\nRUN dd if=/dev/urandom of=/big bs=1M count=64 2>/dev/null\n' "$REGISTRY" >ctx/Containerfile
	build_ok -t app ctx
	for after in 0.01 0.05 0.1 0.2 0.3; do
		timeout -s KILL $after cooper build -t app --cache-to type=local,dest=cache ctx >/dev/null 2>&1 || :
		manifest=$(jq -r '.manifests[0].digest' cache/index.json)
		for blob in "$manifest" $(jq -r '.config.digest, .layers[].digest' "cache/blobs/sha256/${manifest#sha256:}"); do
			assert_eq "$(sha256sum <"cache/blobs/sha256/${blob#sha256:}" | cut -d' ' -f1)" "${blob#sha256:}"
		done
		[ "$(cat cache/index.json)" = "$before" ] || break
	done
}

# --- lies ---

# The build is right all the same, and a later build without the cache is as if it had never been.
assert_harmless() {
	machine "B${1:-}"
	build_ok -t here --source-date-epoch 1500000000 --cache-from type=local,src=cache ctx
	assert_eq "$(digest_of --source-date-epoch 1500000000 ctx)" "$TRUTH"
}

liars() {
	base
	build_ok -t app --source-date-epoch 1500000000 --cache-to type=local,dest=true,mode=max ctx
	TRUTH=$(digest_of --source-date-epoch 1500000000 ctx)
	rm -rf cache
	cp -r true cache
}

layer_blobs() { jq -r '.layers[] | select(.mediaType | test("layer")) | .digest' "$1/blobs/sha256/$(jq -r '.manifests[0].digest[7:]' "$1/index.json")"; }

test_blobs_with_other_bytes() {
	liars
	for blob in $(layer_blobs cache); do
		head -c 50 /dev/urandom >"cache/blobs/sha256/${blob#sha256:}"
	done
	assert_harmless
	grep -q 'is not used any more: ' build.log || fail "nothing was said"
	assert_eq "$(digest_of --source-date-epoch 1500000000 --cache-from type=local,src=cache ctx)" "$TRUTH"
}

test_a_registry_with_other_bytes() {
	[ "$ROLE" = root ] || skip "the registry's files are root's"
	base
	local app blob file
	app=$(name_for app)
	export SOURCE_DATE_EPOCH=1500000000
	build_ok -t app --cache-to "type=registry,ref=$app:cache,mode=max" ctx
	TRUTH=$(digest_of ctx)
	for blob in $(manifest "$app:cache" | jq -r '.layers[] | select(.mediaType | test("layer")) | .digest[7:]'); do
		file=$E2E_TOP/registry/data/docker/registry/v2/blobs/sha256/${blob:0:2}/$blob/data
		head -c "$(stat -c %s "$file")" /dev/urandom >other
		cp other "$file"
	done
	machine B
	build_ok -t here --cache-from "$app:cache" ctx
	grep -q 'is not used any more: ' build.log || fail "nothing was said"
	assert_eq "$(digest_of --cache-from "$app:cache" ctx)" "$TRUTH"
}

test_blobs_that_end_early_or_are_gone() {
	liars
	for blob in $(layer_blobs cache); do
		truncate -s -1 "cache/blobs/sha256/${blob#sha256:}"
	done
	assert_harmless 1
	for blob in $(layer_blobs cache); do
		rm "cache/blobs/sha256/${blob#sha256:}"
	done
	assert_harmless 2
	echo three >ctx/src/c
	machine B3
	build_ok -t here --cache-from type=local,src=cache ctx
	assert_eq "$(grep -c 'is not used any more: ' build.log)" 1
}

# A step is said to have given another content than the bytes have. What runs on it must not be found by builds that have the true one.
test_a_record_with_another_content() {
	liars
	lie cache <<-'END'
		cids = [r['cid'] for r in d['records'] if 'layer' in r]
		for r in d['records']:
		    if 'layer' in r: r['layer'] = (r['layer'] + 1) % len(d['layers'])
	END
	assert_harmless 1
	echo three >>ctx/src/b # so that steps run on what is there
	TRUTH=$(machine A; digest_of --source-date-epoch 1500000000 ctx)
	assert_harmless 2
}

test_a_record_with_the_content_of_another_step() {
	liars
	lie cache <<-'END'
		cids = [r['cid'] for r in d['records'] if 'layer' in r]
		for r, c in zip([r for r in d['records'] if 'layer' in r], cids[1:] + cids[:1]): r['cid'] = c
	END
	assert_harmless 1
	echo three >>ctx/src/b
	TRUTH=$(machine A; digest_of --source-date-epoch 1500000000 ctx)
	assert_harmless 2
}

test_sizes_that_are_wrong() {
	liars
	lie cache <<-'END'
		for l in d['layers']: l['size'] += 512
	END
	assert_harmless
	grep -q 'is not used any more: ' build.log || fail "nothing was said"
	assert_eq "$(digest_of --source-date-epoch 1500000000 --cache-from type=local,src=cache ctx)" "$TRUTH"
}

test_selections_that_are_others() {
	liars
	lie cache <<-'END'
		for x in d['memos']: x['value'] = 'ab' * 32
	END
	assert_harmless 1
	assert_eq "$(digest_of --source-date-epoch 1500000000 --cache-from type=local,src=cache ctx)" "$TRUTH"
}

test_indexes_that_lie() {
	liars
	lie cache <<-'END'
		for l in m['layers']:
		    if l['mediaType'] == 'application/vnd.cooper.index.v1':
		        b = bytearray(open(path(l['digest']), 'rb').read())
		        b[-9] ^= 1
		        l.update(put(None, bytes(b)))
	END
	machine B
	build_ok -t here --source-date-epoch 1400000000 --cache-from type=local,src=cache ctx
	grep -q 'is not used any more: ' build.log || fail "nothing was said"
	assert_eq "$(digest_of --source-date-epoch 1500000000 ctx)" "$TRUTH"
	# Indexes of other layers.
	cp -r true swapped
	lie swapped <<-'END'
		n = [l['index'] for l in d['layers'] if 'index' in l]
		for l, i in zip([l for l in d['layers'] if 'index' in l], n[1:] + n[:1]): l['index'] = i
	END
	machine C
	build_ok -t here --source-date-epoch 1400000000 --cache-from type=local,src=swapped ctx
	assert_eq "$(digest_of --source-date-epoch 1500000000 ctx)" "$TRUTH"
}

test_documents_that_are_none() {
	liars
	n=0
	while read -r words; do
		rm -rf cache
		cp -r true cache
		lie cache <<<"$words"
		n=$((n + 1))
		machine "B$n"
		build_ok -t here --source-date-epoch 1500000000 --cache-from type=local,src=cache ctx
		grep -q "cache-from cache is not used: " build.log || { cat build.log >&2; fail "$words"; }
	done <<-'END'
		d['version'] = 2
		d['records'][0]['layer'] = 100000
		d['layers'][0]['n'] = 999
		d['records'][0]['key'] = 'xyz'
		d['layers'][0]['size'] = 1 << 62
		d['memos'] = [{'key': 'ab' * 32, 'value': 'cd' * 32}] * 20001
		d['pad'] = 'x' * (9 << 20)
		m['layers'][0]['mediaType'] = 'text/plain'
		m['layers'][0]['size'] = 1 << 60
		m['config']['mediaType'] = 'application/vnd.buildkit.cacheconfig.v0'
		m['config'] = {'mediaType': m['config']['mediaType'], 'digest': 'sha256:' + '0' * 63 + '1', 'size': 3}; put = lambda o, raw=None, p=put: {} if o is d else p(o, raw)
	END
}

run_tests
