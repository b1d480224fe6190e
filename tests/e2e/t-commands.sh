#!/bin/bash
# The commands that work on images, without a build: import, images, tag, rmi, inspect, history, save, load, push, pull, login, prune.
. "$(dirname "$0")/lib.sh"

id_of() { cooper inspect -f '{{.Id}}' "$1"; }

test_import_makes_an_image_from_a_plain_tar() {
	id=$(cooper import "$E2E_TOP/busybox.tar" bb:1)
	assert_match "$id" 'sha256:????????????????????????????????????????????????????????????????'
	assert_eq "$(id_of bb:1)" "$id"
	assert_eq "$(cooper images --format '{{.Repository}}:{{.Tag}}')" bb:1
	assert_eq "$(cooper inspect -f '{{.Os}} {{len .RootFS.Layers}}' bb:1)" 'linux 1'
}

test_import_takes_compressed_tars_from_standard_input() {
	cooper import "$E2E_TOP/busybox.tar" plain >/dev/null
	gzip -c "$E2E_TOP/busybox.tar" | cooper import - gz >/dev/null
	zstd -qc "$E2E_TOP/busybox.tar" | cooper import - zst >/dev/null
	layers='{{index .RootFS.Layers 0}}'
	assert_eq "$(cooper inspect -f "$layers" gz)" "$(cooper inspect -f "$layers" plain)"
	assert_eq "$(cooper inspect -f "$layers" zst)" "$(cooper inspect -f "$layers" plain)"
}

test_import_applies_changes() {
	cooper import -c 'CMD ["sh", "-c", "x"]' -c 'ENV A=b' -c 'LABEL l=m' -c 'EXPOSE 80' -m 'by hand' "$E2E_TOP/busybox.tar" bb >/dev/null
	assert_eq "$(cooper inspect -f '{{json .Config.Cmd}} {{.Config.Labels.l}}' bb)" '["sh","-c","x"] m'
	assert_match "$(cooper inspect -f '{{json .Config.Env}}' bb)" '*"A=b"*'
	assert_match "$(cooper history bb)" '*by hand*'
	assert_fails 2 cooper import -c 'RUN true' "$E2E_TOP/busybox.tar" bb
}

test_import_refuses_what_is_no_tar() {
	head -c 5000 /dev/urandom >noise
	assert_fails 1 cooper import noise bad
	assert_match "$LAST" 'error: import noise: *'
	assert_fails 1 cooper import missing bad
	assert_eq "$(cooper images -q)" ''
}

test_import_is_reproducible_with_a_fixed_time() {
	one=$(SOURCE_DATE_EPOCH=1 cooper import "$E2E_TOP/busybox.tar" a:1)
	two=$(SOURCE_DATE_EPOCH=1 cooper --root "$E2E_DIR/other" import "$E2E_TOP/busybox.tar" a:1)
	assert_eq "$one" "$two"
}

test_images_filters_and_formats() {
	cooper import -c 'LABEL kind=base' "$E2E_TOP/busybox.tar" one:1 >/dev/null
	cooper tag one:1 example.com/team/two:3
	cooper import "$E2E_TOP/busybox.tar" >/dev/null
	assert_eq "$(cooper images -q | wc -l)" 3
	assert_eq "$(cooper images --filter dangling=true -q | wc -l)" 1
	assert_eq "$(cooper images --filter label=kind=base --format '{{.Repository}}' | sort | tr '\n' ' ')" 'example.com/team/two one '
	assert_eq "$(cooper images --filter 'reference=example.com/*/two' --format '{{.Tag}}')" 3
	assert_eq "$(cooper images one --format json | jq -r .Tag)" 1
	assert_match "$(cooper image ls | head -n 1)" 'REPOSITORY * TAG * IMAGE ID * CREATED * SIZE'
	assert_fails 2 cooper images --filter nonsense=1
	assert_fails 2 cooper images --format '{{.Nonsense}}'
}

test_tag_and_rmi_count_names() {
	id=$(cooper import "$E2E_TOP/busybox.tar" a:1)
	cooper tag a:1 b:2
	assert_eq "$(cooper rmi a:1)" 'Untagged: a:1'
	assert_eq "$(id_of b:2)" "$id"
	assert_eq "$(cooper rmi b:2)" "$(printf 'Untagged: b:2\nDeleted: %s' "$id")"
	assert_fails 1 cooper rmi b:2
	assert_eq "$LAST" 'error: No such image: b:2'
	cooper rmi -f b:2
}

test_rmi_by_id_wants_force_for_several_names() {
	id=$(cooper import "$E2E_TOP/busybox.tar" a:1)
	cooper tag a:1 b:2
	short=${id#sha256:}
	assert_fails 1 cooper rmi "${short:0:12}"
	cooper rmi -f "${short:0:12}" >/dev/null
	assert_eq "$(cooper images -q)" ''
}

test_tag_refuses_names_that_are_none() {
	need_busybox
	assert_fails 2 cooper tag busybox 'BAD:tag:x'
	assert_fails 1 cooper tag nothing:1 other:1
	assert_fails 2 cooper tag busybox
}

test_save_writes_an_archive_that_others_read() {
	need skopeo
	need_busybox
	id=$(id_of busybox)
	cooper save -o bb.tar busybox
	assert_eq "sha256:$(skopeo inspect --config --raw docker-archive:bb.tar | sha256sum | cut -d' ' -f1)" "$id"
	assert_eq "sha256:$(skopeo inspect --config --raw oci-archive:bb.tar | sha256sum | cut -d' ' -f1)" "$id"
	assert_eq "$(tar xOf bb.tar manifest.json | jq -r '.[0].RepoTags[0]')" busybox:latest
	cooper save busybox | cmp - bb.tar
}

test_save_as_a_folder_is_read_by_umoci() {
	need umoci
	need_busybox
	cooper save --format oci-dir -o layout busybox
	assert_eq "$(umoci list --layout layout)" latest
	rootless=
	[ "$ROLE" = root ] || rootless=--rootless
	umoci unpack $rootless --image layout:latest bundle >/dev/null 2>&1
	assert_file bundle/rootfs/bin/busybox
}

test_save_compresses_when_asked() {
	need_busybox
	cooper save -o plain.tar busybox
	cooper save --compression gzip -o gz.tar busybox
	cooper save --compression zstd --compression-level 10 -o zst.tar busybox
	[ "$(stat -c %s gz.tar)" -lt "$(stat -c %s plain.tar)" ] || fail "gzip made nothing smaller"
	assert_match "$(tar xOf zst.tar index.json manifest.json | head -c 2000)" '*blobs/sha256/*'
	cooper --root "$E2E_DIR/other" load -q -i zst.tar
	assert_eq "$(cooper --root "$E2E_DIR/other" inspect -f '{{.Id}}' busybox)" "$(id_of busybox)"
	assert_fails 2 cooper save --compression lzma -o x.tar busybox
	assert_fails 2 cooper save --compression gzip --compression-level 99 -o x.tar busybox
	assert_no_file x.tar
}

test_load_takes_what_save_and_skopeo_write() {
	need skopeo
	need_busybox
	id=$(id_of busybox)
	cooper save -o bb.tar busybox
	skopeo copy -q docker-archive:bb.tar docker-archive:sk-docker.tar:sk:docker
	skopeo copy -q oci-archive:bb.tar oci-archive:sk-oci.tar:sk:oci
	skopeo copy -q oci-archive:bb.tar oci:sk-dir:sk
	export COOPER_ROOT=$E2E_DIR/other
	assert_eq "$(cooper load -i bb.tar)" 'Loaded image: busybox:latest'
	assert_eq "$(cooper load <sk-docker.tar)" 'Loaded image: sk:docker'
	assert_eq "$(gzip -c sk-oci.tar | cooper load)" 'Loaded image: sk:oci'
	cooper load -i sk-dir >/dev/null
	assert_eq "$(id_of sk:oci)" "$id"
	cooper save -o again.tar busybox
	cmp again.tar bb.tar
	assert_fails 1 cooper load -i /dev/null
	assert_fails 1 cooper load -i missing.tar
}

test_podman_loads_what_save_writes() {
	need podman
	[ "$ROLE" = root ] || skip "needs a session"
	need_busybox
	cooper save -o bb.tar busybox
	run=$(mktemp -d /tmp/e2e-podman.XXXXXX) # the path must be short
	podman --root "$E2E_DIR/podman" --runroot "$run" --storage-driver vfs load -q -i bb.tar >podman.log
	rm -rf "$run"
	assert_match "$(cat podman.log)" '*busybox:latest'
}

test_push_sends_a_compressed_image_with_the_same_id() {
	need skopeo
	need_registry
	need_busybox
	last=$(cooper push busybox "$REGISTRY/bb:1" 2>/dev/null | tail -n 1)
	assert_match "$last" '1: digest: sha256:* size: *'
	skopeo inspect --tls-verify=false --raw "docker://$REGISTRY/bb:1" >manifest
	assert_eq "sha256:$(sha256sum <manifest | cut -d' ' -f1)" "$(echo "$last" | cut -d' ' -f3)"
	assert_eq "$(jq -r .config.digest manifest)" "$(id_of busybox)"
	assert_eq "$(jq -r '.layers[0].mediaType' manifest)" application/vnd.oci.image.layer.v1.tar+gzip
	again=$(cooper push busybox "$REGISTRY/bb:1" 2>/dev/null | tail -n 1)
	assert_eq "$again" "$last"
}

test_archives_may_be_compressed_with_xz_and_bzip2() {
	need xz bzip2
	need_busybox
	cooper save -o image.tar busybox
	mkdir root
	seq 100000 >root/numbers
	tar -C root -cf root.tar numbers
	for by in xz bzip2; do
		$by -k image.tar root.tar
	done
	for ext in xz bz2; do
		export COOPER_ROOT=$E2E_DIR/store-$ext
		assert_match "$(cooper load -i "image.tar.$ext")" 'Loaded image: busybox:latest'
		cooper load <"image.tar.$ext" >/dev/null
		cooper import -q "root.tar.$ext" "a:$ext" >/dev/null
		cooper import -q - "b:$ext" <"root.tar.$ext" >/dev/null
		assert_eq "$(cooper inspect -f '{{.RootFS.Layers}}' "a:$ext")" "[sha256:$(sha256sum <root.tar | cut -d' ' -f1)]"
		assert_eq "$(cooper inspect -f '{{.RootFS.Layers}}' "b:$ext")" "$(cooper inspect -f '{{.RootFS.Layers}}' "a:$ext")"
		size=$(stat -c %s "root.tar.$ext")
		head -c $((size / 2)) "root.tar.$ext" >cut
		assert_fails 1 cooper import cut c
		[ -z "$(cooper images -q c)" ] || fail "there is an image of half a file"
		seq 100000 | "${ext/bz2/bzip2}" >none
		assert_fails 1 cooper load -i none
		assert_fails 1 cooper import none d
	done
	printf 'BZh nothing of the kind' >none
	assert_fails 1 cooper load -i none
}

test_a_pushed_layer_is_not_kept_and_not_compressed_twice() {
	need skopeo strace
	need_registry
	need_busybox
	repo=$REGISTRY/kept/$ROLE
	cooper push -q busybox "$repo:1" >/dev/null
	skopeo inspect --tls-verify=false --raw "docker://$repo:1" >manifest
	blob=$(jq -r '.layers[0].digest' manifest)
	[ ! -e "$COOPER_ROOT/blobs/sha256/${blob#sha256:}" ] || fail "$blob is in the store"
	# the registry has it: the tar is not opened
	tar=$(cooper inspect -f '{{index .RootFS.Layers 0}}' busybox)
	strace -f -e trace=openat -o trace cooper push -q busybox "$repo:2" >/dev/null
	! grep -q "blobs/sha256/${tar#sha256:}.*= [0-9]" trace || fail "the tar was read: $(grep "${tar#sha256:}" trace)"
	# another repository has not
	cooper push -q busybox "$repo/other:1" >/dev/null
	assert_eq "$(skopeo inspect --tls-verify=false --raw "docker://$repo/other:1" | sha256sum)" "$(sha256sum <manifest)"
	# and several repositories and registries at once are served as well
	second=localhost:${REGISTRY#*:}/second/$ROLE:1
	printf 'FROM busybox\nRUN echo kept > /kept\n' >Containerfile
	build_ok --push -t "$repo/a:1" -t "$repo/b:1" -t "$second" .
	for name in "$repo/a:1" "$repo/b:1" "$second"; do
		skopeo inspect --tls-verify=false "docker://$name" >/dev/null || fail "$name is not there"
	done
}

test_push_takes_other_compressions_and_media_types() {
	need skopeo
	need_registry
	need_busybox
	cooper push -q --compression zstd --digestfile digest busybox "$REGISTRY/bb:$ROLE-zstd" >name
	assert_eq "$(cat name)" "$REGISTRY/bb:$ROLE-zstd"
	skopeo inspect --tls-verify=false --raw "docker://$REGISTRY/bb:$ROLE-zstd" >manifest
	assert_eq "$(cat digest)" "sha256:$(sha256sum <manifest | cut -d' ' -f1)"
	assert_eq "$(jq -r '.layers[0].mediaType' manifest)" application/vnd.oci.image.layer.v1.tar+zstd
	cooper push -q --format docker busybox "$REGISTRY/bb:$ROLE-docker" >/dev/null
	type=$(skopeo inspect --tls-verify=false --raw "docker://$REGISTRY/bb:$ROLE-docker" | jq -r '.mediaType, .layers[0].mediaType' | tr '\n' ' ')
	assert_eq "$type" 'application/vnd.docker.distribution.manifest.v2+json application/vnd.docker.image.rootfs.diff.tar.gzip '
}

test_pull_gives_back_what_was_pushed() {
	need_registry
	need_busybox
	cooper push -q busybox "$REGISTRY/bb:$ROLE-pull" >/dev/null
	id=$(id_of busybox)
	export COOPER_ROOT=$E2E_DIR/other
	cooper pull "$REGISTRY/bb:$ROLE-pull" >out 2>err
	assert_match "$(cat out)" "*Digest: sha256:*Status: Downloaded newer image for $REGISTRY/bb:$ROLE-pull*$REGISTRY/bb:$ROLE-pull"
	assert_eq "$(id_of "$REGISTRY/bb:$ROLE-pull")" "$id"
	assert_match "$(cooper pull "$REGISTRY/bb:$ROLE-pull" 2>/dev/null)" '*Status: Image is up to date*'
	assert_eq "$(cooper pull -q "$REGISTRY/bb:$ROLE-pull" 2>&1)" "$REGISTRY/bb:$ROLE-pull"
	digest=$(cooper inspect -f '{{index .RepoDigests 0}}' "$REGISTRY/bb:$ROLE-pull")
	cooper pull -q "$digest" >/dev/null
	cooper push -q "$REGISTRY/bb:$ROLE-pull" "$REGISTRY/copy:$ROLE" >/dev/null
}

test_pull_of_an_image_of_several_platforms_takes_ours() {
	need skopeo umoci
	need_registry
	need_busybox
	cooper save --format oci-dir -o one busybox
	arch=$(cooper version -f '{{.OsArch}}' | cut -d/ -f2)
	jq --arg arch "$arch" -c '{schemaVersion: 2, mediaType: "application/vnd.oci.image.index.v1+json", manifests: [.manifests[0] | del(.annotations) |
		(.platform = {os: "linux", architecture: $arch}), (.platform = {os: "linux", architecture: "riscv64"})]}' one/index.json >index
	digest=$(sha256sum <index | cut -d' ' -f1)
	cp index "one/blobs/sha256/$digest"
	jq -n --arg d "sha256:$digest" --argjson s "$(stat -c %s index)" '{schemaVersion: 2, manifests: [{mediaType: "application/vnd.oci.image.index.v1+json",
		digest: $d, size: $s, annotations: {"org.opencontainers.image.ref.name": "multi"}}]}' >one/index.json
	skopeo copy -q --all --dest-tls-verify=false oci:one:multi "docker://$REGISTRY/multi:$ROLE"
	cooper pull -q "$REGISTRY/multi:$ROLE" >/dev/null
	assert_eq "$(id_of "$REGISTRY/multi:$ROLE")" "$(id_of busybox)"
	assert_fails 1 cooper pull --platform linux/s390x "$REGISTRY/multi:$ROLE"
}

test_registries_that_fail_give_status_three() {
	need_busybox
	assert_fails 3 cooper pull 127.0.0.1:9/nothing:1
	assert_match "$LAST" 'error: pull 127.0.0.1:9/nothing:1: *'
	assert_fails 3 cooper push busybox 127.0.0.1:9/nothing:1
}

test_pull_of_a_missing_tag_says_so() {
	need_registry
	assert_fails 1 cooper pull "$REGISTRY/no/such:tag"
	assert_match "$LAST" "error: pull $REGISTRY/no/such:tag: *"
}

test_login_keeps_credentials_for_push_and_pull() {
	need_auth_registry
	need_busybox
	assert_fails 1 cooper push busybox "$AUTH_REGISTRY/bb:1"
	echo wrong >bad
	assert_fails 1 cooper login -u alice --password-stdin "$AUTH_REGISTRY" <bad
	assert_no_file "$HOME/.docker/config.json"
	echo s3cret >good
	assert_match "$(cooper login -u alice --password-stdin "$AUTH_REGISTRY" <good)" '*Login Succeeded'
	assert_eq "$(stat -c %a "$HOME/.docker/config.json")" 600
	assert_eq "$(cooper login --get-login "$AUTH_REGISTRY")" alice
	cooper push -q busybox "$AUTH_REGISTRY/bb:$ROLE" >/dev/null
	cooper pull -q "$AUTH_REGISTRY/bb:$ROLE" >/dev/null
	assert_match "$(cooper logout "$AUTH_REGISTRY")" 'Removing login credentials*'
	assert_fails 1 cooper pull "$AUTH_REGISTRY/bb:$ROLE"
	cooper pull -q --creds alice:s3cret "$AUTH_REGISTRY/bb:$ROLE" >/dev/null
	printf 'FROM %s/bb:%s\nRUN echo x >/x\n' "$AUTH_REGISTRY" "$ROLE" >Containerfile
	assert_fails 1 cooper build --pull --push -t "$AUTH_REGISTRY/built:$ROLE" .
	build_ok --creds alice:s3cret --pull --push --cache-to "$AUTH_REGISTRY/built:$ROLE-cache" -t "$AUTH_REGISTRY/built:$ROLE" .
	assert_fails 2 cooper build --creds alice .
}

test_login_checks_its_options() {
	assert_fails 2 cooper login --password-stdin host.example </dev/null
	assert_fails 2 cooper login -u a -p b --password-stdin host.example </dev/null
}

test_prune_removes_only_what_has_no_name() {
	need_busybox
	cooper import -c 'LABEL unnamed=1' "$E2E_TOP/busybox.tar" >/dev/null
	assert_eq "$(cooper images -q | wc -l)" 2
	cooper prune -f >out
	assert_match "$(cat out)" '*Deleted: sha256:*Total reclaimed space: *B'
	assert_eq "$(cooper images --format '{{.Repository}}')" busybox
	cooper save -o all.tar busybox
	assert_eq "$(cooper prune </dev/null 2>/dev/null)" ''
}

test_prune_gives_the_space_back() {
	need_busybox
	cooper rmi busybox >/dev/null
	cooper prune -af >/dev/null
	[ "$(find "$COOPER_ROOT" -type f -size +100k | wc -l)" = 0 ] || { find "$COOPER_ROOT" -size +100k >&2; fail "large files are left"; }
	assert_match "$(cooper du)" '*Images *0 *0B*Total: *'
}

test_inspect_of_a_missing_image_prints_an_empty_list() {
	assert_fails 1 cooper inspect nothing
	assert_eq "$(cat stdout.log)" '[]'
	assert_eq "$LAST" 'error: No such image: nothing'
}

test_the_store_is_a_layout_that_others_read() {
	need skopeo
	need_busybox
	cooper tag busybox example.com/x/y:z
	assert_eq "sha256:$(skopeo inspect --config --raw "oci:$COOPER_ROOT:example.com/x/y:z" | sha256sum | cut -d' ' -f1)" "$(id_of busybox)"
}

test_wrong_usage_gives_status_two_and_a_hint() {
	assert_fails 2 cooper imagse
	assert_match "$LAST" '*did you mean images?*'
	assert_fails 2 cooper images --quite
	assert_match "$LAST" '*did you mean --quiet?*'
	assert_fails 2 cooper images --qu
	assert_fails 2 cooper tag
	assert_fails 2 cooper images --all=maybe
}

test_help_and_completion_come_from_the_tables() {
	assert_match "$(cooper --help)" 'Usage: cooper *Commands:*images*'
	assert_match "$(cooper images --help)" '*--filter KEY=VALUE*'
	assert_eq "$(cooper help images)" "$(cooper images --help)"
	assert_match "$(cooper --version)" 'cooper version *'
	cooper completion bash >completion.bash
	bash -n completion.bash
	# shellcheck disable=SC1091
	. ./completion.bash
	COMP_WORDS=(cooper pul) COMP_CWORD=1
	_cooper
	assert_eq "${COMPREPLY[*]}" pull
	COMP_WORDS=(cooper images --fo) COMP_CWORD=2
	_cooper
	assert_eq "${COMPREPLY[*]}" --format
}

test_repo_digests_are_those_of_the_registry_the_asked_one_first() {
	need skopeo
	need_registry
	need_busybox
	app=$REGISTRY/digests/$ROLE
	cooper tag busybox "$app:1"
	cooper tag busybox "$app:2"
	cooper tag busybox aaa/unpushed:1
	first='{{index .RepoDigests 0}}'
	stored=$(cooper inspect -f '{{.Descriptor.digest}}' busybox)
	assert_eq "$(cooper inspect -f "$first" "$app:1")" "$app@$stored"
	cooper push -q --digestfile digest "$app:1" >/dev/null
	[ "$(cat digest)" != "$stored" ] || fail "the manifests are the same, compressed or not"
	assert_eq "$(cooper inspect -f "$first" "$app:1")" "$app@$(cat digest)"
	assert_eq "$(cooper inspect -f "$first" aaa/unpushed:1)" "aaa/unpushed@$stored"
	assert_eq "$(cooper inspect -f '{{json .RepoDigests}}' aaa/unpushed:1 | jq -r 'sort | .[]' | tr '\n' ' ')" \
		"$(printf '%s\n' "$app@$(cat digest)" "aaa/unpushed@$stored" "busybox@$stored" | sort | tr '\n' ' ')"
	assert_eq "$(cooper images --format '{{.Digest}}' "$app:2") $(cooper images --format '{{.Digest}}' busybox)" "$(cat digest) $stored"
	skopeo inspect --tls-verify=false "docker://$(cooper inspect -f "$first" "$app:1")" >/dev/null || fail "the registry has another digest"
	assert_eq "$(id_of "$(cat digest)")" "$(id_of busybox)"
	# what a build pushes is known as well
	printf 'FROM busybox\nRUN echo x >/x\n' >Containerfile
	build_ok --push -t "$app:3" --iidfile iid .
	assert_eq "$(cooper inspect -f "$first" "$app:3")" "$app@$(cat iid)"
}

test_sizes_are_those_of_the_files_whatever_was_done_before() {
	need_registry
	need_busybox
	printf 'FROM busybox\nRUN printf hello >/f && ln /f /g\nRUN printf more >/h\n' >Containerfile
	build_ok -t sized .
	sizes() { cooper history --human=false --format '{{.Size}}' "$1" | tr '\n' ' '; }
	want=$(sizes sized)
	assert_match "$want" '4 5 *'
	size=$(cooper inspect -f '{{.Size}}' sized)
	assert_eq "$size" $((4 + 5 + $(cooper inspect -f '{{.Size}}' busybox)))
	shown=$(cooper images --format '{{.Size}}' sized)
	SOURCE_DATE_EPOCH=1 build_ok -t clamped .
	assert_eq "$(sizes clamped)" "$want"
	cooper save -o plain.tar sized
	cooper push -q sized "$REGISTRY/sized:$ROLE" >/dev/null
	cooper prune -f >/dev/null
	assert_eq "$(sizes sized) $(cooper inspect -f '{{.Size}}' sized)" "$want $size"
	# another store has never seen the files: plain tars, then compressed ones, then unpacked
	export COOPER_ROOT=$E2E_DIR/loaded
	cooper load -q -i plain.tar >/dev/null
	assert_eq "$(sizes sized) $(cooper inspect -f '{{.Size}}' sized)" "$want $size"
	export COOPER_ROOT=$E2E_DIR/pulled
	cooper pull -q "$REGISTRY/sized:$ROLE" >/dev/null
	for turn in first again; do
		assert_eq "$turn $(sizes "$REGISTRY/sized:$ROLE") $(cooper inspect -f '{{.Size}}' "$REGISTRY/sized:$ROLE")" "$turn $want $size"
	done
	assert_eq "$(cooper images --format '{{.Size}}')" "$shown"
	build_ok - <<<"FROM $REGISTRY/sized:$ROLE
RUN true"
	assert_eq "$(sizes "$REGISTRY/sized:$ROLE") $(cooper inspect -f '{{.Size}}' "$REGISTRY/sized:$ROLE")" "$want $size"
}

run_tests
