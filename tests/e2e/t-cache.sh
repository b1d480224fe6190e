#!/bin/bash
# The cache: what runs again, what does not, why, and what a build costs in which nothing runs.
. "$(dirname "$0")/lib.sh"

layers_of() { jq -r '.layers[].digest' "$COOPER_ROOT/blobs/sha256/${1#sha256:}"; }

assert_all_cached() {
	local steps
	steps=$(grep -cE '^#[0-9]+ \[' build.log)
	assert_eq "$(steps_cached) of $steps" "$steps of $steps"
}

# The reason of the step whose text contains $1.
why() { jq -r --arg s "$1" '.[] | select(.step | contains($s)) | .reason' stdout.log; }

project() {
	mkdir -p ctx/src
	echo one >ctx/src/a
	echo two >ctx/src/b
	echo skip >ctx/unused
	printf 'FROM busybox AS build\nWORKDIR /w\nCOPY src src\nRUN cat src/* >all\nFROM busybox\nCOPY --from=build /w/all /all\nRUN wc /all >/count\n' >ctx/Containerfile
}

test_the_second_build_runs_nothing() {
	need_busybox
	project
	build_ok -t a ctx
	assert_eq "$(steps_cached)" 1 # the base image
	one=$(digest_of ctx)
	build_ok -t a ctx
	assert_all_cached
	assert_eq "$(digest_of ctx)" "$one"
}

test_a_cached_build_forks_mounts_and_opens_nothing() {
	need strace
	need_busybox
	project
	sleep 0.1 # files that changed in the last 20 ms are read again to be sure
	build_ok -t a ctx
	strace -f -y -o trace -e trace=process,network,/mount,unshare,setns,pivot_root,open,openat,openat2,sendfile,copy_file_range,connect,getdents64 \
		"$COOPER" build --progress=plain -t a ctx >stdout.log 2>build.log
	assert_all_cached
	grep -c . trace >/dev/null
	! grep -E '(\bfork|vfork|clone3?)\(' trace | grep -v CLONE_THREAD || fail "a process was started"
	! grep -E '\b(u?mount2?|move_mount|fsopen|unshare|setns|pivot_root|socket|connect)\(' trace || fail "mounts or network"
	assert_eq "$(grep -c 'execve(' trace)" 1
	for layer in $(jq -r '.layers[].digest' "$COOPER_ROOT"/blobs/sha256/* 2>/dev/null | sort -u); do
		! grep "${layer#sha256:}" trace || fail "layer $layer was opened"
	done
	! grep -E 'layers/[0-9a-f]*/fs' trace || fail "a layer's folder was opened"
	! grep -E 'src/[ab]"' trace | grep -v ENOENT || fail "a file of the context was read again"
	! grep 'getdents64(.*/ctx' trace || fail "a folder that did not change was listed again"
}

test_a_step_with_the_same_product_stops_the_rest() {
	need_busybox
	project
	build_ok -t a ctx
	before=$(layers_of "$(digest_of ctx)")
	sed -i 's,RUN cat.*,RUN cat src/a src/b >all # said otherwise,' ctx/Containerfile
	build_ok -t a ctx
	assert_eq "$(grep -c '^#[0-9]* CACHED' build.log)" $(($(grep -cE '^#[0-9]+ \[' build.log) - 1))
	assert_eq "$(layers_of "$(digest_of ctx)")" "$before"
}

test_in_one_stage_later_layers_keep_their_digests() {
	need_busybox
	printf 'FROM busybox\nRUN echo x >/x\nRUN echo y >/y; cat /x\nRUN echo z >/z\n' >Containerfile
	one=$(SOURCE_DATE_EPOCH=1000000000 digest_of .)
	printf 'FROM busybox\nRUN printf "x\\n" >/x\nRUN echo y >/y; cat /x\nRUN echo z >/z\n' >Containerfile
	SOURCE_DATE_EPOCH=1000000000 build_ok -t a .
	assert_eq "$(steps_cached)" 3
	assert_eq "$(layers_of "$(SOURCE_DATE_EPOCH=1000000000 digest_of .)")" "$(layers_of "$one")"
	build_ok .
	assert_all_cached
}

test_a_comment_in_a_compiled_file_leaves_the_image_as_it_is() {
	need_busybox
	# A compiler of few words: comments do not come out of it.
	printf 'FROM busybox AS b\nCOPY x.c /\nRUN grep -v "^//" /x.c >/x\nFROM scratch\nCOPY --from=b /x /x\nCMD ["/x"]\n' >Containerfile
	printf '// a comment\ncode\n' >x.c
	one=$(digest_of .)
	printf '// another comment\ncode\n' >x.c
	build_ok .
	assert_match "$(cat build.log)" '*1/1* COPY *CACHED*'
	assert_eq "$(digest_of .)" "$one"
	printf '// another comment\nother code\n' >x.c
	[ "$(digest_of .)" != "$one" ] || fail "changed code is not in the image"
}

test_reasons_are_told() {
	need_busybox
	mkdir ctx
	echo a >ctx/a
	echo b >ctx/b
	cat >Containerfile <<'END'
FROM busybox
ARG V=1
COPY a b* /d/
RUN echo "$V" >/v; cat /d/*
END
	build_ok --explain=json -f Containerfile ctx
	assert_eq "$(why COPY)" 'no earlier run of this step is on record'
	build_ok --explain=json -f Containerfile ctx
	assert_eq "$(jq length stdout.log)" 0
	build_ok --explain=json --build-arg V=2 -f Containerfile ctx
	assert_match "$(why RUN)" '*V=2*'
	assert_eq "$(why COPY)" ''
	echo new >ctx/b2
	build_ok --explain=json -f Containerfile ctx
	assert_match "$(why COPY)" '*b2 (added)*'
	assert_match "$(why RUN)" '*files*'
	rm ctx/b2 ctx/b
	build_ok --explain=json -f Containerfile ctx
	assert_match "$(why COPY)" '*b (removed)*'
	echo changed >ctx/a
	build_ok --explain=json -f Containerfile ctx
	assert_match "$(why COPY)" '*a (content)*'
	chmod 755 ctx/a
	build_ok --explain=json -f Containerfile ctx
	assert_match "$(why COPY)" '*a (mode)*'
	jq -e '.[0].line == 3' stdout.log >/dev/null || fail "the line is not told"
	echo again >ctx/a
	build_ok --explain -f Containerfile ctx
	assert_match "$(cat build.log)" '*not cached: *a (content)*'
	assert_eq "$(cat stdout.log)" ''
	sed -i 's/RUN echo/RUN echo -n/' Containerfile
	build_ok --explain=json -f Containerfile ctx
	assert_match "$(why RUN)" '*echo -n*'
	build_ok --explain=json --no-cache -f Containerfile ctx
	assert_match "$(why RUN)" '*--no-cache*'
}

test_a_changed_base_image_is_the_reason() {
	need_busybox
	printf 'FROM busybox\nRUN true >/x\n' >Containerfile
	build_ok .
	printf 'FROM busybox\nRUN echo more >/more\n' | cooper build -q -t busybox - >/dev/null
	build_ok --explain=json .
	assert_eq "$(why RUN)" 'the base image docker.io/library/busybox:latest changed'
}

test_what_is_not_copied_does_not_count() {
	need_busybox
	project
	build_ok ctx
	echo changed >ctx/unused
	mkdir ctx/more
	echo x >ctx/more/x
	build_ok ctx
	assert_all_cached
	touch -d '2001-01-01' ctx/src/a
	build_ok ctx
	assert_all_cached
	printf '# a comment\n' >>ctx/Containerfile
	build_ok ctx
	assert_all_cached
}

test_ignored_files_do_not_count() {
	need_busybox
	mkdir ctx
	echo a >ctx/a
	echo '*.log' >ctx/.dockerignore
	printf 'FROM busybox\nCOPY . /d\nRUN ls /d >/l\n' >ctx/Containerfile
	build_ok -t a ctx
	echo x >ctx/x.log
	build_ok -t a ctx
	assert_all_cached
}

test_a_push_to_two_repositories_after_one_at_another_level() {
	need_registry
	need_busybox
	export NO_MOUNT=1
	logging_registry
	cooper push -q --compression-level 1 busybox "$SERVER/level/$ROLE/x:1" >/dev/null
	printf 'FROM busybox\nENV A=b\n' >Containerfile
	build_ok --push -t "$SERVER/level/$ROLE/x:2" -t "$SERVER/level/$ROLE/y:2" .
	cooper pull -q "$SERVER/level/$ROLE/y:2" >/dev/null
}

test_a_base_image_of_another_name_changes_nothing() {
	need_registry
	need_busybox
	cooper push -q busybox "$REGISTRY/base2/$ROLE:1" >/dev/null
	printf 'FROM busybox\nRUN echo x >/x\nRUN echo y >/y\n' >Containerfile
	build_ok .
	logging_registry
	sed -i "s,FROM .*,FROM $SERVER/base2/$ROLE:1," Containerfile
	build_ok .
	assert_eq "$(steps_cached)" 3
	assert_eq "$(grep -cE '(GET|POST|PUT) /v2/[^ ]*/blobs/' "$SERVER_LOG" || :)" 0
}

tree() {
	mkdir -p "$1/d/e"
	for f in "${@:2}"; do echo "$f" >"$1/d/$f"; done
	ln -s f1 "$1/d/l"
	printf 'FROM busybox AS b\nRUN mkdir /r && for i in 3 1 2; do echo $i >/r/$i; done && chown 5:6 /r/1\nFROM busybox\nCOPY d /d\nCOPY --from=b /r /r\nRUN ls -lR /d /r | wc -l >/n; mkdir -m 700 /private && ln /n /private/hard && echo hostile >/etc/x\nLABEL a=b\nCMD ["x"]\n' >"$1/Containerfile"
}

test_one_digest_on_every_way() {
	need_busybox
	export SOURCE_DATE_EPOCH=1234567890
	umask 022
	tree one f1 f2 f3 f4 f5
	tree two f5 f3 f1 f4 f2
	mkdir "$E2E_DIR/tmp"
	first=$(digest_of --jobs 8 one)
	fresh() {
		COOPER_ROOT=$E2E_DIR/$1
		need_busybox
	}
	fresh jobs
	assert_eq "$(digest_of --jobs 1 one)" "$first"
	fresh order
	touch -d 2020-01-01 two/d/*
	assert_eq "$(TMPDIR=$E2E_DIR/tmp digest_of two)" "$first"
	fresh nocache
	assert_eq "$(digest_of --no-cache two)" "$first"
	same_for_both "$first"
}

# What this store has built before is not seen in an image: neither are the hours at which it did.
test_a_used_store_gives_what_an_empty_one_does() {
	need_busybox
	mkdir ctx
	echo x >ctx/x
	touch -d 2001-01-01 ctx/x
	cat >ctx/Containerfile <<'EOF'
FROM busybox AS b
RUN mkdir -p /app/d && echo built >/app/f && touch -d @1000 /app/set
RUN chmod 600 /app/f && cp -p /app/f /app/copy && mv /app/d /app/e
FROM busybox
COPY --from=b /app /app/
COPY x /new/folder/
COPY <<here /here
text
here
WORKDIR /made/here
RUN --mount=from=b,target=/b mkdir /r && cp -p /b/app/f /r/f && chmod 640 /app/copy
RUN --mount=type=tmpfs,target=/t --mount=target=/c echo t >/t/t && cp -p /t/t /t1 && cp -a /c /c1 && mkdir /t2 && tar -C /t -cf - . | tar -C /t2 -xf -
EOF
	touch -d 2001-01-01 ctx/Containerfile
	build_ok -t a ctx
	sleep 1.1
	for epoch in $(($(date +%s) + 1000)) "$(date +%s)" 1500000000; do
		used=$(digest_of --source-date-epoch "$epoch" ctx)
		build_ok --source-date-epoch "$epoch" ctx
		assert_all_cached
		fresh=$(COOPER_ROOT=$E2E_DIR/empty; need_busybox; digest_of --source-date-epoch "$epoch" ctx)
		rm -rf "$E2E_DIR/empty"
		assert_eq "$used" "$fresh"
	done
	cooper build -q -o type=oci,dest=image.tar --source-date-epoch "$epoch" ctx >/dev/null
}

# Files of a commit have the time at which they were checked out.
test_a_repository_that_was_fetched_before_has_the_epochs_times() {
	need git
	need_busybox
	git init -q -b main src
	echo x >src/x
	git -C src add .
	git -C src -c user.email=a@example.com -c user.name=a commit -qm one
	git clone -q --bare src www/r.git
	git -C www/r.git update-server-info
	serve www
	printf 'FROM busybox\nADD http://%s/r.git#main /r\nRUN chmod 600 /r/x\nADD --keep-git-dir http://%s/r.git#main /k\n' \
		"$SERVER" "$SERVER" >Containerfile
	build_ok .
	sleep 1.1
	export SOURCE_DATE_EPOCH=$(($(date +%s) + 1000))
	assert_eq "$(digest_of .)" "$(COOPER_ROOT=$E2E_DIR/empty; need_busybox; digest_of .)"
}

test_with_an_epoch_a_run_has_the_times_of_its_base() {
	need_busybox
	printf 'FROM busybox\nRUN echo x >/f\n' >base
	printf 'FROM base\nRUN chmod 600 /f\n' >Containerfile
	for epoch in 1500000000 1600000000; do
		build_ok --source-date-epoch $epoch -t base -f base .
		used=$(digest_of --source-date-epoch 1700000000 .)
	done
	assert_eq "$used" "$(COOPER_ROOT=$E2E_DIR/empty; need_busybox
		build_ok --source-date-epoch $epoch -t base -f base .; digest_of --source-date-epoch 1700000000 .)"
}

test_with_an_epoch_a_run_has_the_times_of_what_it_saw() {
	need_busybox
	mkdir -p ctx/d ctx/e
	touch ctx/d/x ctx/d/y ctx/e/z ctx/e/q
	cat >ctx/Containerfile <<'EOF'
FROM busybox
COPY d /d
RUN chmod 700 /d/x
RUN echo nothing of them >/new
RUN --mount=type=bind,source=e,target=/e cp -a /e /copy
RUN echo >/d/sub
EOF
	touch -d 2001-01-01 ctx/d ctx/d/* ctx/e ctx/e/*
	export SOURCE_DATE_EPOCH=1700000000
	build_ok ctx
	for path in d/x d/y e/z d; do
		touch -d 2002-02-02 ctx/$path
		build_ok --explain ctx
		# The second RUN has nothing of them.
		grep -A1 '^#[0-9]* \[4/6\]' build.log | grep -q CACHED || fail "$path: $(cat build.log)"
		assert_eq "$(digest_of ctx)" "$(COOPER_ROOT=$E2E_DIR/empty; need_busybox; digest_of ctx)"
		build_ok ctx
		assert_all_cached
		rm -rf "$E2E_DIR/empty"
	done
	grep -q 'other times' build.log && fail "$(cat build.log)"
	unset SOURCE_DATE_EPOCH
	touch -d 2003-03-03 ctx/d/x
	build_ok ctx
	assert_all_cached
}

test_with_an_epoch_a_copy_has_the_times_of_what_is_copied() {
	need_busybox
	mkdir -p ctx/d
	echo f >ctx/d/f
	touch -d 2001-01-01 ctx/d/f ctx/d
	tar -C ctx -cf ctx/a.tar d
	touch -d 2001-01-01 ctx/a.tar
	printf 'FROM busybox AS b\nCOPY d /d\nFROM busybox\nADD d/f /f\nADD a.tar d/f /x/\nCOPY --from=b /d /d\nRUN ls /d >/l\n' >ctx/Containerfile
	export SOURCE_DATE_EPOCH=1700000000
	build_ok ctx
	for when in 2002-01-01 2003-01-01; do
		touch -d $when ctx/d/f
		build_ok --explain ctx
		grep -q 'not cached: files have other times' build.log || fail "$(cat build.log)"
		used=$(digest_of ctx)
		assert_eq "$used" "$(COOPER_ROOT=$E2E_DIR/empty$when; need_busybox; digest_of ctx)"
		build_ok ctx
		assert_all_cached
	done
	if [ "$ROLE" = root ]; then # a traced process cannot use newuidmap
		need strace
		strace -f -o trace -e trace=openat,open "$COOPER" build -q ctx >/dev/null
		assert_eq "$(grep -c 'layers/' trace)" 0
	fi
	# Later ones are all the epoch, and without one times are nobody's business.
	touch ctx/d/f ctx/d
	build_ok ctx
	touch ctx/d/f ctx/d
	build_ok ctx
	assert_all_cached
	touch -d 2004-01-01 ctx/d/f
	unset SOURCE_DATE_EPOCH
	build_ok ctx
	assert_all_cached
}

test_a_large_new_context_is_read_once() {
	need strace
	[ "$ROLE" = root ] || skip "a traced process cannot use newuidmap"
	mkdir ctx
	head -c 20000000 /dev/urandom >ctx/big
	head -c 5000 /dev/urandom >ctx/small
	touch ctx/empty
	ln ctx/small ctx/hard
	printf 'FROM scratch\nCOPY . /\n' >ctx/Containerfile
	# A file for each thread: in a common one a call may be cut in two by another thread's.
	strace -ff -y -o thread -e trace=openat2,read,pread64,copy_file_range cooper build -q -t one ctx >/dev/null
	cat thread.* >trace
	assert_eq "$(grep -c 'openat2(.*"big"' trace)" 1
	assert_eq "$(sed -n 's,.*read[0-9]*([0-9]*<[^>]*/ctx/big>.* = \([0-9]*\)$,\1,p' trace | awk '{n += $1} END {print n}')" 20000000
	build_ok ctx
	assert_eq "$(steps_cached)" 1
	cp -a ctx elsewhere
	build_ok elsewhere
	assert_eq "$(steps_cached)" 1
	cooper build -q -o out - <<<"FROM one" >/dev/null
	cmp out/big ctx/big
	cmp out/hard ctx/small
}

# What is recorded is what was copied, also when the key is made afterwards and the file is another one by then.
test_a_large_file_that_is_replaced_during_the_copy_is_not_taken_for_the_other() {
	mkdir ctx
	head -c 9000000 /dev/zero | tr '\0' a >a
	head -c 9000000 /dev/zero | tr '\0' b >b
	printf 'FROM scratch\nCOPY big /\n' >ctx/Containerfile
	replace() { cp "$1" ctx/next && mv ctx/next ctx/big; }
	for round in 1 2 3 4 5 6; do
		export COOPER_ROOT=$E2E_DIR/store$round
		replace a
		cooper build -q ctx >/dev/null 2>&1 &
		sleep "0.00$round"
		replace b
		wait $! || :
		for now in a b a; do
			replace $now
			rm -rf out
			cooper build -q -o out ctx >/dev/null
			cmp out/big $now
		done
	done
}

# Hashes and compressors have code for many processors; what they give is the same. Steps cannot run in the emulator.
test_one_archive_on_every_processor() {
	need qemu-x86_64
	[ "$(uname -m)" = x86_64 ] || skip "not on x86_64"
	[ "$ROLE" = root ] || skip "the emulator has threads, a process with threads gets no user namespace"
	! grep -qE '__(a|t)san_init' "$COOPER" || skip "the emulator does not run sanitizers"
	export SOURCE_DATE_EPOCH=1234567890
	tree ctx f1 f2
	cat "$COOPER" >ctx/d/program
	seq 200000 >ctx/d/numbers
	printf 'FROM scratch\nCOPY d /d\n' >ctx/Containerfile
	for compression in gzip zstd; do
		cooper build -q -o "type=oci,dest=native.tar,compression=$compression" ctx >/dev/null
		for cpu in qemu64 Nehalem max; do
			rm -rf emulated
			qemu-x86_64 -cpu "$cpu" "$COOPER" --root "$PWD/emulated" build -q -o "type=oci,dest=$cpu.tar,compression=$compression" ctx >/dev/null
			cmp native.tar "$cpu.tar" || fail "$cpu, $compression: other bytes"
		done
	done
}

test_no_cache_filter_runs_only_its_stage() {
	need_busybox
	printf 'FROM busybox AS a\nRUN cat /proc/sys/kernel/random/uuid >/a\nFROM busybox AS b\nRUN cat /proc/sys/kernel/random/uuid >/b\nFROM scratch\nCOPY --from=a /a /\nCOPY --from=b /b /\n' >Containerfile
	build_ok -o one .
	build_ok --no-cache-filter b -o two .
	cmp one/a two/a
	! cmp -s one/b two/b || fail "stage b was cached"
}

test_a_pruned_cache_is_built_anew() {
	need_busybox
	project
	SOURCE_DATE_EPOCH=5 digest_of ctx >one
	cooper prune -af >/dev/null
	need_busybox
	SOURCE_DATE_EPOCH=5 digest_of ctx >two
	cmp one two
}

run_tests
