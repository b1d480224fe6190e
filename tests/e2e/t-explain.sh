#!/bin/bash
# Why steps ran, and what a step gives back that comes to what is on record.
. "$(dirname "$0")/lib.sh"

# The reason of the step whose text contains $1.
why() { jq -r --arg s "$1" '.[] | select(.step | contains($s)) | .reason' stdout.log; }

# The changes of that step, one a line, members in a fixed order: kind|name|path|change|old|new.
changes() {
	jq -r --arg s "$1" '.[] | select(.step | contains($s)) | .changes[] | [.kind, .name, .path, .change, .old, .new] | map(. // "") | join("|")' stdout.log
}

layers_of() { jq -r '.layers[].digest' "$COOPER_ROOT/blobs/sha256/${1#sha256:}"; }

explain() { build_ok --explain=json "$@"; }

test_the_nearest_record_is_compared_with() {
	need_busybox
	printf 'FROM busybox\nARG V\nARG W\nRUN echo "$V $W" >/x\n' >Containerfile
	explain --build-arg V=1 --build-arg W=1 .
	explain --build-arg V=2 --build-arg W=2 .
	assert_eq "$(changes RUN)" $'argument|environment||changed|V=1|V=2\nargument|environment||changed|W=1|W=2'
	explain --build-arg V=1 --build-arg W=3 .
	assert_eq "$(changes RUN)" 'argument|environment||changed|W=1|W=3'
	assert_eq "$(why RUN)" 'environment changed from "W=1" to "W=3"'
}

test_of_equally_near_records_the_newest_is_compared_with() {
	need_busybox
	printf 'FROM busybox\nARG V\nARG W\nRUN echo "$V $W" >/x\n' >Containerfile
	for v in 1 2 3; do
		explain --build-arg V=$v --build-arg W=$v .
	done
	assert_eq "$(changes RUN)" $'argument|environment||changed|V=2|V=3\nargument|environment||changed|W=2|W=3'
}

test_a_step_in_front_does_not_blur_the_reasons() {
	need_busybox
	printf 'FROM busybox\nRUN echo B >/b\nRUN echo C >/c\n' >Containerfile
	explain .
	printf 'FROM busybox\nRUN echo A >/a\nRUN echo B >/b\nRUN echo C >/c\n' >Containerfile
	explain .
	assert_eq "$(why 'echo A')" 'no earlier run of this step is on record'
	assert_eq "$(changes 'echo A')" 'new|||||'
	for step in B C; do
		assert_eq "$(why "echo $step")" 'the files it starts from changed'
		assert_match "$(changes "echo $step")" 'parent|the files it starts from||changed|sha256:*|sha256:*'
	done
	sed -i 's/echo B/echo b/' Containerfile
	explain .
	assert_match "$(why 'echo b')" 'command changed from "*echo B*" to "*echo b*"'
}

test_a_step_that_moves_down_keeps_its_layer() {
	need_busybox
	printf 'FROM busybox\nRUN mkdir /d && echo x >/d/x\n' >Containerfile
	one=$(layers_of "$(digest_of .)" | tail -n 1)
	sleep 1.1
	printf 'FROM busybox\nRUN echo first >/first\nRUN mkdir /d && echo x >/d/x\n' >Containerfile
	assert_eq "$(layers_of "$(digest_of .)" | tail -n 1)" "$one"
	sleep 1.1
	two=$(digest_of .)
	assert_eq "$(digest_of --no-cache .)" "$two"
}

# Another command in another project, whose file gets its time from the clock as well.
test_what_any_step_has_made_is_not_made_twice() {
	need_busybox
	mkdir one two
	printf 'FROM busybox\nRUN mkdir /d && echo x >/d/x\n' >one/Containerfile
	printf 'FROM busybox AS a\nRUN printf "x\\n" >/x\nFROM busybox\nRUN true >/y\nRUN mkdir -p /d; printf "x\\n" >/d/x\n' >two/Containerfile
	one=$(layers_of "$(digest_of one)" | tail -n 1)
	sleep 1.1
	assert_eq "$(layers_of "$(digest_of two)" | tail -n 1)" "$one"
}

test_a_layer_that_was_made_again_has_the_digest_that_the_registry_has() {
	need_registry
	need_busybox push
	mkdir one two
	printf 'FROM busybox\nRUN seq 100000 >/x\n' >one/Containerfile
	printf 'FROM busybox\nRUN seq 1 100000 >/x\n' >two/Containerfile
	build_ok -t "$REGISTRY/again/app:1" --push one
	blob=$(curl -sS -H 'Accept: application/vnd.oci.image.manifest.v1+json' "http://$REGISTRY/v2/again/app/manifests/1" | jq -r '.layers[-1].digest')
	sleep 1.1
	build_ok -t "$REGISTRY/again/app:2" --push two
	assert_eq "$(curl -sS -H 'Accept: application/vnd.oci.image.manifest.v1+json' "http://$REGISTRY/v2/again/app/manifests/2" | jq -r '.layers[-1].digest')" "$blob"
}

# The time of /x in an image.
time_of_x() { cooper build -q -o - "$@" 2>build.log | tar --full-time -tvf - x | awk '{print $4}'; }

test_a_time_that_a_command_sets_is_its_own() {
	need_busybox
	mkdir one two three
	printf 'FROM busybox\nRUN echo x >/x; touch -d 2001-02-03 /x\n' >one/Containerfile
	printf 'FROM busybox\nRUN echo x >/x\n' >two/Containerfile
	printf 'FROM busybox\nRUN echo x >/x; touch -d 2004-05-06 /x\n' >three/Containerfile
	assert_eq "$(time_of_x one)" 2001-02-03
	[ "$(time_of_x two)" != 2001-02-03 ] || fail "the time of another command's file"
	assert_eq "$(time_of_x three)" 2004-05-06
	sed -i 's/2004/2005/' three/Containerfile
	assert_eq "$(time_of_x three)" 2005-05-06
	# The same text may set another time, and one in the future is none of the clock's.
	printf 'FROM busybox\nARG T\nENV T=$T\nRUN echo x >/x; touch -d $T /x\n' >one/Containerfile
	for day in 2006-07-08 2007-08-09 2050-01-02 2051-01-02; do
		assert_eq "$(time_of_x --build-arg T=$day one)" $day
	done
}

# What another step's layer has of times before the epoch would be seen.
test_an_epoch_gives_what_an_empty_store_gives() {
	need_busybox
	mkdir one two
	printf 'FROM busybox\nRUN echo x >/x\n' >one/Containerfile
	printf 'FROM busybox\nRUN printf "x\\n" >/x\n' >two/Containerfile
	digest_of one >/dev/null
	sleep 2.1
	SOURCE_DATE_EPOCH=$(date +%s)
	export SOURCE_DATE_EPOCH
	sleep 1.1
	here=$(digest_of two)
	COOPER_ROOT=$PWD/other
	export COOPER_ROOT
	(unset SOURCE_DATE_EPOCH; need_busybox)
	assert_eq "$(digest_of two)" "$here"
}

test_owners_and_modes_are_told() {
	need_busybox
	mkdir ctx
	echo a >ctx/a
	chmod 644 ctx/a
	printf 'FROM busybox\nCOPY a /a\n' >Containerfile
	explain -f Containerfile ctx
	printf 'FROM busybox\nCOPY --chown=7:8 a /a\n' >Containerfile
	explain -f Containerfile ctx
	assert_match "$(changes COPY)" *'file||a|owner|0:0|7:8'
	assert_match "$(why COPY)" 'instruction changed from "COPY a /a" to "COPY --chown=7:8 a /a": a (owner)'
	chmod 755 ctx/a
	explain -f Containerfile ctx
	assert_eq "$(changes COPY)" 'file||a|mode|0644|0755'
	echo b >ctx/a
	explain -f Containerfile ctx
	assert_match "$(changes COPY)" 'file||a|content|sha256:*|sha256:*'
}

# Much that was never read is read once, by the copy, and the key comes after it: what it was before is known all the same.
test_a_copy_that_gets_its_key_last_is_explained_and_linked() {
	need_busybox
	mkdir ctx
	head -c 9000000 /dev/urandom >ctx/large
	echo a >ctx/a
	seq 100 >ctx/small
	printf 'FROM busybox\nRUN echo 1 >/1\nCOPY . /d/\nRUN true >/x\n' >Containerfile
	explain -f Containerfile ctx
	cp -a ctx again
	rm -r ctx
	mv again ctx
	echo b >ctx/a
	sed -i 's/echo 1/echo 2/' Containerfile
	explain -f Containerfile ctx
	assert_match "$(changes COPY)" $'parent|the files it is copied onto||changed|sha256:*|sha256:*\nfile||d/a|content|sha256:*|sha256:*'
	assert_eq "$(why COPY)" 'the files it is copied onto changed; what is copied changed: d/a (content)'
	for f in large small; do
		assert_eq "$(find "$COOPER_ROOT/layers" -path "*/fs/d/$f" -links 2 | wc -l)" 2
	done
	assert_eq "$(find "$COOPER_ROOT/layers" -path '*/fs/d/a' -links 1 | wc -l)" 2
	explain --no-cache -f Containerfile ctx
	assert_eq "$(changes COPY)" 'no-cache|||||'
	build_ok -f Containerfile ctx
	assert_eq "$(grep -c 'not cached' build.log)" 0
}

test_all_files_are_listed_for_tools() {
	need_busybox
	mkdir ctx
	touch ctx/f{1..30}
	printf 'FROM busybox\nCOPY . /d/\n' >Containerfile
	explain -f Containerfile ctx
	for f in ctx/*; do
		echo x >"$f"
	done
	rm ctx/f30
	explain -f Containerfile ctx
	assert_eq "$(changes COPY | grep -c '|content|')" 29
	assert_eq "$(changes COPY | grep '|removed|')" 'file||d/f30|removed||'
	assert_match "$(why COPY)" 'what is copied changed: d/f1 (content), d/f10 (content), d/f11 (content) and 27 more'
	jq -e '.[0] | .line == 2 and .step == "COPY . /d/"' stdout.log >/dev/null || fail "$(cat stdout.log)"
}

# mounts FLAGS OTHER-FLAGS WANT-CHANGES WANT-REASON: what is told when a command gets other mounts.
mounts() {
	local flags
	nth=$((${nth:-0} + 1))
	for flags in "$1" "$2"; do
		printf 'FROM busybox AS s\nCOPY a /a\nFROM busybox\nRUN %s true %s >/x\n' "$flags" "$nth" >Containerfile
		explain --secret id=k,src=key --secret id=k2,src=key -f Containerfile ctx
	done
	assert_match "$(changes RUN)" "$3"
	assert_match "$(why RUN)" "$4"
}

test_mounts_are_told_one_by_one() {
	need_busybox
	mkdir ctx
	echo a >ctx/a
	echo s3same-s3cret >key
	cache='--mount=type=cache,target=/c' bind='--mount=type=bind,from=s,source=/a,target=/m' secret='--mount=type=secret,id=k'
	mounts '' "$cache" 'mount||/c|added||cache' 'mount /c (cache) was added'
	mounts "$cache" '' 'mount||/c|removed|cache|' 'mount /c (cache) was removed'
	mounts "$cache" "${cache%c}d" 'mount||/d|target|/c|/d' 'the target of a mount changed from "/c" to "/d"'
	mounts "$cache" "$cache,mode=0700" 'mount|mode|/c|changed|0755|0700' 'mode of mount /c changed from "0755" to "0700"'
	mounts "$cache" "${cache/cache/tmpfs}" 'mount|type|/c|changed|cache|tmpfs' 'type of mount /c changed from "cache" to "tmpfs"'
	mounts '' "$secret" 'mount||/run/secrets/k|added||secret' 'mount /run/secrets/k (secret) was added'
	mounts "$secret,target=/s" "${secret}2,target=/s" 'mount|id|/s|changed|k|k2' 'id of mount /s changed from "k" to "k2"'
	mounts "$secret,env=A" "$secret,env=B" '*mount|*B*' '*mount*'
	mounts "$cache $bind" "$bind $cache" 'mount|||order||' 'the mounts stand in another order'
	mounts "$bind" "$bind,rw" 'mount|rw|/m|changed|false|true' 'rw of mount /m changed from "false" to "true"'
	echo b >ctx/a
	explain --secret id=k,src=key --secret id=k2,src=key -f Containerfile ctx
	assert_match "$(changes RUN)" 'mount||/m|content|sha256:*|sha256:*'
	assert_eq "$(why RUN)" 'the files of mount /m changed'
	! grep -rl s3same-s3cret "$COOPER_ROOT" stdout.log build.log || fail "a secret's value was kept or told"
}

test_options_are_told_by_name() {
	need_busybox
	printf 'FROM busybox\nRUN true >/x\n' >Containerfile
	explain .
	explain --network=none .
	assert_eq "$(changes RUN)" 'argument|network||added||none'
	explain --network=none --add-host db:10.0.0.1 .
	assert_eq "$(changes RUN)" 'argument|added hosts||added||db'
	printf 'FROM busybox\nUSER 5\nWORKDIR /w\nRUN true >/tmp/x\n' >Containerfile
	explain .
	printf 'FROM busybox\nUSER 6\nWORKDIR /w\nRUN true >/tmp/x\n' >Containerfile
	explain .
	assert_match "$(changes RUN)" *'argument|user||changed|5|6'*
}

test_a_failed_build_says_to_tools_what_ran() {
	need_busybox
	printf 'FROM busybox\nRUN true >/x\n' >Containerfile
	build_ok .
	printf 'FROM busybox\nRUN true >/x\nRUN exit 3\n' >Containerfile
	assert_fails 1 cooper build --explain=json .
	jq -e 'length == 1 and .[0].changes[0].kind == "new" and .[0].line == 3' stdout.log >/dev/null || fail "$(cat stdout.log)"
}

test_tools_get_one_document_whatever_happens() {
	need_busybox
	printf 'FROM busybox\nRUNN x\n' >Containerfile
	assert_fails 1 cooper build --explain=json .
	assert_eq "$(cat stdout.log)" '[]'
	printf 'FROM nobody/has-this:1\nRUN true\n' >Containerfile
	assert_fails 1 cooper build --explain=json --pull=never .
	assert_eq "$(cat stdout.log)" '[]'
	assert_fails 1 cooper build --explain=json -f nowhere .
	assert_eq "$(cat stdout.log)" '[]'
	assert_fails 2 cooper build --explain=json --no-cache --no-cache-filter x .
	assert_eq "$(cat stdout.log)" '[]'
	printf 'FROM busybox\nRUN true >/x\n' >Containerfile
	cooper build -q --explain=json . >stdout.log
	jq -se 'length == 1 and .[0][0].line == 2' stdout.log >/dev/null || fail "$(cat stdout.log)"
	assert_fails 2 cooper build --explain=json -o - .
	assert_match "$LAST" '*--explain=json*stdout*'
	assert_fails 2 cooper build --explain=yaml .
	assert_match "$LAST" '*yaml*--explain*json*'
}

# Without --explain: one line, about the first step that could not be found, when it ran before.
test_the_first_miss_is_told_without_being_asked() {
	need_busybox
	mkdir ctx
	echo a >ctx/a
	printf 'FROM busybox\nCOPY a /a\nRUN cat /a >/b\nRUN cat /b >/c\n' >Containerfile
	build_ok -f Containerfile ctx
	assert_eq "$(grep -c 'not cached' build.log)" 0
	echo b >ctx/a
	build_ok -f Containerfile ctx
	assert_eq "$(grep -c 'not cached' build.log)" 1
	assert_match "$(grep 'not cached' build.log)" '*not cached: what is copied changed: a (content)'
	build_ok -f Containerfile ctx
	assert_eq "$(grep -c 'not cached' build.log)" 0
}

test_a_stage_without_a_name_is_the_same_behind_a_new_one() {
	need_busybox
	printf 'FROM busybox\nRUN echo 1 >/x\n' >Containerfile
	explain .
	printf 'FROM busybox AS new\nRUN echo y >/y\nFROM busybox\nRUN echo 2 >/x\nCOPY --from=new /y /y\n' >Containerfile
	explain .
	assert_eq "$(why 'echo 2')" 'command changed from "/bin/sh -c echo 1 >/x" to "/bin/sh -c echo 2 >/x"'
}

# What a step mounts is a step of its own, which says nothing when it is new.
test_the_first_miss_is_told_by_the_step_that_knows_why() {
	need_busybox
	mkdir ctx
	echo a | tee ctx/a >ctx/b
	printf 'FROM busybox\nRUN --mount=source=a,target=/m cat /m >/x\n' >Containerfile
	build_ok -f Containerfile ctx
	echo b >ctx/b
	sed -i s/source=a/source=b/ Containerfile
	build_ok -f Containerfile ctx
	assert_eq "$(grep -o 'not cached.*' build.log)" 'not cached: source of mount /m changed from "a" to "b"; the files of mount /m changed'
}

test_what_decides_beside_the_text_is_told() {
	need git
	need_busybox
	git init -q r
	echo f >r/f
	git -C r add f
	git -C r -c user.name=n -c user.email=e commit -qm m
	git clone -q --bare r www/r.git
	git -C www/r.git update-server-info
	serve www
	printf 'FROM busybox\nADD http://%s/r.git /r\nUSER 1\nWORKDIR /w\nRUN true\n' "$SERVER" >Containerfile
	explain .
	sed -i 's/ADD/ADD --keep-git-dir/; s/USER 1/USER 2/' Containerfile
	explain --ulimit nofile=100:200 .
	assert_eq "$(jq -r '.[] | select(.step | startswith("http")) | .reason' stdout.log)" 'a flag: added "--keep-git-dir"'
	assert_match "$(why WORKDIR)" '*user changed from "1" to "2"*: w (owner)'
	assert_match "$(why RUN)" '*ulimits: added "nofile=100:200"*'
	explain --ulimit nofile=300 .
	assert_eq "$(why RUN)" 'ulimits changed from "nofile=100:200" to "nofile=300"'
	for words in '"/a b"' '"/a","b"'; do
		printf 'FROM busybox\nRUN ["touch",%s]\n' "$words" >Containerfile
		explain .
	done
	assert_eq "$(why RUN)" 'command changed from "["touch","/a b"]" to "touch /a b"'
}

run_tests
