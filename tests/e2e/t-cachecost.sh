#!/bin/bash
# What a build costs of which little or nothing is new: the steps that run, the layers that are opened and the bytes that are read of
# them, and what goes over the wire.
. "$(dirname "$0")/lib.sh"

# Steps that ran, one line each; downloads and pulls too.
ran() {
	grep -E '^#[0-9]+ \[' build.log | grep -vE '\] (FROM|load metadata) ' | sort -u | while read -r number text; do
		grep -q "^$number CACHED" build.log || echo "$text"
	done
}

# traced BUILD-ARGUMENTS...: as build_ok. An ordinary user's newuidmap has no rights in a traced process: then only steps and requests count.
traced() {
	rm -f thread.*
	if [ "$ROLE" != root ]; then
		build_ok "$@"
		return
	fi
	need strace
	strace -ff -y -o thread -e trace=openat,openat2,read,pread64,mmap,sendfile,copy_file_range cooper build --progress=plain "$@" >stdout.log 2>build.log ||
		{ cat build.log >&2; fail "cooper build $*"; }
}

# Layers that the traced build opened, and what it read: "blobs 0 files 0 bytes 0".
assert_read() { [ "$ROLE" != root ] || assert_eq "$(python3 "$E2E_SOURCE/tests/e2e/store-reads.py" "$COOPER_ROOT" thread.*)" "$1"; }

# assert_read_accounts N: what N RUN steps look up before they start, the users and groups of their base image, and nothing else.
assert_read_accounts() {
	local accounts=("$COOPER_ROOT"/layers/*/fs/etc/passwd "$COOPER_ROOT"/layers/*/fs/etc/group)
	assert_read "blobs 0 files ${#accounts[@]} bytes $(($1 * $(cat "${accounts[@]}" | wc -c)))"
}

# Blobs that came from and went to the logging registry: "got 1 blobs 410 bytes sent 0 blobs 0 bytes".
wire() {
	awk '/"GET [^ ]*\/blobs\// { got++; sub(/.*out=/, ""); in_bytes += $0 }
		/"(PUT|PATCH) [^ ]*\/blobs\// { sent += /"PUT/; sub(/.*in=/, ""); out_bytes += $1 }
		END { printf "got %d blobs %d bytes sent %d blobs %d bytes\n", got, in_bytes, sent, out_bytes }' "$SERVER_LOG"
}

# What the registry has of an image: the size of its configuration.
config_size() { skopeo inspect --raw --tls-verify=false "docker://$1" | jq .config.size; }

forget_wire() { : >"$SERVER_LOG"; }

test_early_cutoff_of_a_command() {
	need_registry
	need_busybox
	mkdir ctx
	head -c 300000 /dev/urandom >ctx/data
	cat >ctx/Containerfile <<-'END'
		FROM busybox AS build
		COPY data /data
		RUN cat /data >/all
		RUN wc -c /all >/count
		FROM busybox
		RUN echo in the image >/x
		COPY --from=build /all /count /
		RUN wc -l /count >/lines
	END
	logging_registry
	build_ok --push -t "$SERVER/cutoff/$ROLE:1" ctx
	assert_eq "$(ran | wc -l)" 6
	forget_wire
	sed -i 's,^RUN cat.*,RUN cp /data /all,; s,^RUN echo,& -e,' ctx/Containerfile
	traced --push -t "$SERVER/cutoff/$ROLE:1" ctx
	assert_match "$(ran)" '*RUN echo -e in*RUN cp /data /all'
	assert_eq "$(ran | wc -l)" 2
	assert_read_accounts 2
	assert_eq "$(wire)" "got 0 blobs 0 bytes sent 1 blobs $(config_size "$REGISTRY/cutoff/$ROLE:1") bytes" # history tells the new text
}

test_early_cutoff_of_a_download() {
	need_busybox
	mkdir www
	head -c 300000 /dev/urandom >www/file
	touch -d 2020-01-01 www/file
	serve www
	printf 'FROM busybox\nADD http://%s/file /file\nRUN wc -c /file >/count\n' "$SERVER" >Containerfile
	build_ok -t a .
	one=$(digest_of -t a .)
	touch -d 2021-01-01 www/file
	forget_wire
	traced -t a .
	assert_eq "$(ran)" "[internal] http://$SERVER/file"
	assert_eq "$(grep -c '"GET /file .* 200' "$SERVER_LOG")" 1
	assert_read 'blobs 0 files 0 bytes 0'
	assert_eq "$(digest_of .)" "$one"
	echo more >>www/file
	build_ok .
	assert_eq "$(ran | wc -l)" 3
}

test_early_cutoff_of_a_repository() {
	need git
	need_busybox
	git init -q -b main src
	git -C src config user.email a@example.com
	git -C src config user.name a
	head -c 300000 /dev/urandom >src/file
	git -C src add .
	git -C src commit -qm one
	mkdir www
	publish() {
		rm -rf www/repo.git
		git clone -q --bare src www/repo.git
		git -C www/repo.git update-server-info
	}
	publish
	serve www
	printf 'FROM busybox\nADD http://%s/repo.git#main /src\nRUN wc -c /src/file >/count\n' "$SERVER" >Containerfile
	build_ok -t a .
	one=$(digest_of -t a .)
	git -C src commit -q --allow-empty -m two
	publish
	traced -t a .
	assert_eq "$(ran)" "[internal] http://$SERVER/repo.git"
	assert_read 'blobs 0 files 0 bytes 0'
	assert_eq "$(digest_of .)" "$one"
	echo more >>src/file
	git -C src commit -qam three
	publish
	build_ok .
	assert_eq "$(ran | wc -l)" 3
}

test_metadata_alone_moves_no_layer() {
	need_registry
	need_busybox
	cooper push -q busybox "$REGISTRY/meta/$ROLE:1" >/dev/null
	logging_registry
	COOPER_ROOT=$E2E_DIR/other
	printf 'FROM %s/meta/%s:1\nENV A=b\nLABEL c=d\nCMD ["x"]\n' "$SERVER" "$ROLE" >Containerfile
	traced --push -t "$SERVER/meta/$ROLE/derived:1" .
	assert_eq "$(ran)" ''
	assert_read 'blobs 0 files 0 bytes 0'
	assert_eq "$(wire)" "got 1 blobs $(config_size "$REGISTRY/meta/$ROLE:1") bytes sent 1 blobs $(config_size "$REGISTRY/meta/$ROLE/derived:1") bytes"
	grep -q 'POST /v2/[^ ]*mount=' "$SERVER_LOG" || fail "the layer was not mounted from the base's repository"
	remote() { skopeo inspect --raw --tls-verify=false "docker://$REGISTRY/meta/$ROLE$1:1" | jq -c .layers; }
	assert_eq "$(remote /derived)" "$(remote '')"
	assert_eq "$(find "$COOPER_ROOT" -size +100k -not -name 'cooper.db*')" ''
}

# What counting gives where something has to be read: the tar of each layer, once.
test_an_archive_of_a_cached_image_takes_each_layer_once() {
	need_busybox
	printf 'FROM busybox\nRUN seq 100000 >/x\n' >Containerfile
	build_ok -t a .
	traced -o type=oci,dest=a.tar,compression=uncompressed .
	assert_eq "$(ran)" ''
	tar -xOf a.tar "blobs/sha256/$(digest_of . | cut -d: -f2)" | jq '.layers[].size' >sizes
	assert_read "blobs 2 files 0 bytes $(awk '{ n += $1 } END { print n }' sizes)"
}

# A stage whose files are selected from has changed beside them, and so has the context.
test_only_the_paths_that_a_copy_selects_count() {
	need_busybox
	mkdir -p ctx/src
	echo one >ctx/src/a
	head -c 300000 /dev/urandom >ctx/unused
	cat >ctx/Containerfile <<-'END'
		FROM busybox AS build
		COPY unused /unused
		RUN mkdir /out && echo made >/out/file
		FROM busybox
		COPY src /src
		COPY --from=build /out /out
		RUN cat /out/file /src/a >/all
	END
	build_ok ctx
	assert_eq "$(ran | wc -l)" 5
	echo more >>ctx/unused
	traced ctx
	assert_match "$(ran)" '*COPY unused*RUN mkdir*'
	assert_eq "$(ran | wc -l)" 2
	assert_read_accounts 1
	sed -i '/unused/d' ctx/Containerfile
	build_ok ctx
	echo most >>ctx/unused
	traced ctx
	assert_eq "$(ran)" ''
	assert_read 'blobs 0 files 0 bytes 0'
	! grep -h '"unused"' thread.* || fail "a file that nothing copies was opened"
}

# What was not used for longest goes first: the base image, which a build before had unpacked.
test_a_base_image_that_is_gone_is_not_fetched_when_all_is_cached() {
	need_registry
	need_busybox
	cooper push -q busybox "$REGISTRY/gone/$ROLE:1" >/dev/null
	logging_registry
	COOPER_ROOT=$E2E_DIR/other
	build_ok - <<<"FROM $SERVER/gone/$ROLE:1
RUN true"
	sleep 1.1
	printf 'FROM %s/gone/%s:1 AS b\nRUN echo x >/x\nRUN echo y >/y\nFROM scratch\nCOPY --from=b /x /y /\n' "$SERVER" "$ROLE" >Containerfile
	build_ok -t a .
	one=$(digest_of .)
	cooper rmi "$SERVER/gone/$ROLE:1" >/dev/null
	cooper prune -f --keep-storage 100kB >/dev/null
	assert_eq "$(find "$COOPER_ROOT" -size +100k -not -name 'cooper.db*')" ''
	forget_wire
	traced -t a .
	assert_eq "$(ran)" ''
	assert_read 'blobs 0 files 0 bytes 0'
	assert_eq "$(wire)" "got 1 blobs $(config_size "$REGISTRY/gone/$ROLE:1") bytes sent 0 blobs 0 bytes"
	assert_eq "$(digest_of .)" "$one"
	sed -i 's/echo y/echo z/' Containerfile
	build_ok .
	assert_match "$(ran)" '*RUN echo z*pull*COPY*'
}

# An empty store, and records from another machine.
test_a_base_image_that_never_was_here_is_not_fetched_when_all_is_cached() {
	need_registry
	need_busybox
	cooper push -q busybox "$REGISTRY/never/$ROLE:1" >/dev/null
	logging_registry
	base=$SERVER/never/$ROLE app=$SERVER/never/$ROLE/app
	printf 'FROM %s:1\nRUN echo x >/x\nRUN echo y >/y\n' "$base" >Containerfile
	SOURCE_DATE_EPOCH=5 build_ok --push -t "$app:1" --cache-to "type=registry,ref=$app:cache" .
	size=$(($(config_size "$REGISTRY/never/$ROLE:1") + $(config_size "$REGISTRY/never/$ROLE/app:cache")))
	COOPER_ROOT=$E2E_DIR/other
	forget_wire
	SOURCE_DATE_EPOCH=5 traced --push -t "$app:2" --cache-from "type=registry,ref=$app:cache" .
	assert_eq "$(ran)" ''
	assert_read 'blobs 0 files 0 bytes 0'
	assert_eq "$(wire)" "got 2 blobs $size bytes sent 0 blobs 0 bytes"
}

# compressed_blob: waits for one in the store.
compressed_blob() {
	local blob
	for _ in $(seq 200); do
		for blob in "$COOPER_ROOT"/blobs/sha256/*; do
			case $(head -c 4 "$blob" | od -An -tx1 | tr -d ' ') in
			1f8b* | 28b52ffd) echo "$blob" && return ;;
			esac
		done
		sleep 0.1
	done
}

# The second step does not end before the first one's layer was seen compressed.
test_layers_are_compressed_while_later_steps_run() {
	cat >Containerfile <<-'END'
		FROM busybox
		RUN seq 300000 >/numbers
		RUN --mount=type=cache,target=/c touch /c/here; until test -e /c/go; do sleep 0.05; done; rm /c/*
	END
	for compression in gzip zstd; do
		COOPER_ROOT=$E2E_DIR/$compression
		need_busybox
		cooper build -q -o "type=oci,dest=$compression.tar,compression=$compression" . >build.log 2>&1 &
		echo $! >>"$E2E_DIR/pids"
		for _ in $(seq 200); do
			[ ! -e "$(echo "$COOPER_ROOT"/mounts/*/data/here)" ] || break
			sleep 0.1
		done
		early=$(compressed_blob)
		touch "$(echo "$COOPER_ROOT"/mounts/*/data)/go"
		wait $! || fail "$(cat build.log)"
		[ -n "$early" ] || fail "nothing was compressed before the last step ended"
		tar -tf $compression.tar | grep "${early##*/}" >/dev/null || fail "what was compressed is not what went out"
	done
}

run_tests
