#!/bin/bash
# Other programs take what cooper makes, and cooper takes what they make.
. "$(dirname "$0")/lib.sh"

# An image with all that a layer can hold.
rich_image() {
	need_busybox
	cat >Containerfile <<'END'
FROM busybox
RUN mkdir -p /t/deep/er /t/empty && echo one >/t/one && ln /t/one /t/hard && ln -s one /t/soft && ln -s /nowhere /t/broken && \
    chmod 4755 /t/one && mkdir -m 1777 /t/sticky && mkfifo /t/fifo && chown -h 12:34 /t/soft && chown 56:78 /t/empty && \
    printf x >"/t/a name with spaces" && printf y >/t/$(printf 'n\303\266n-ascii') && touch -d '2001-02-03 04:05:06' /t/old && \
    i=0; n=/t; while [ $i -lt 30 ]; do n=$n/long-component-$i; i=$((i+1)); done; mkdir -p $n && echo end >$n/end
RUN echo gone >/t/gone && mkdir /t/opaque && touch /t/opaque/a /t/opaque/b
RUN rm /t/gone && rm -r /t/opaque && mkdir /t/opaque && touch /t/opaque/c && rm -r /t/deep && echo file >/t/deep
COPY --chown=3:4 given /t/given
ENV A=b
CMD ["x"]
END
	mkdir -p given/d
	echo g >given/d/g
	build_ok -t rich .
}

# Paths, types, modes, sizes, link targets, contents; owners where they can be told.
describe() {
	python3 - "$1" <<'PY'
import hashlib, os, stat, sys
top = os.fsencode(sys.argv[1])
for d, ds, fs in os.walk(top):
    for n in sorted(ds + fs):
        p = os.path.join(d, n); s = os.lstat(p); m = s.st_mode
        what = b""
        if stat.S_ISREG(m): what = hashlib.sha256(open(p, "rb").read()).hexdigest().encode() + b" %d %d" % (s.st_size, s.st_nlink)
        if stat.S_ISLNK(m): what = os.readlink(p)
        print("%r %o %r" % (p[len(top):], 0 if stat.S_ISLNK(m) else m, what))
PY
}

test_the_store_is_read_by_skopeo() {
	need skopeo
	rich_image
	id=$(digest_of .)
	skopeo inspect "oci:$COOPER_ROOT:rich:latest" >seen
	assert_eq "$(jq -r '.Digest' seen)" "$id"
	assert_match "$(jq -rc '.Env' seen)" '*"A=b"*'
	assert_eq "$(jq '.Layers | length' seen)" 5
	skopeo copy -q "oci:$COOPER_ROOT:rich:latest" "oci:copy:rich"
	skopeo copy -q "oci:$COOPER_ROOT:rich:latest" "docker-archive:copy.tar:rich:1"
	COOPER_ROOT=$E2E_DIR/other
	assert_eq "$(cooper load -i copy.tar)" 'Loaded image: rich:1'
	cooper build -q -t x - <<<'FROM rich:1' >/dev/null
}

test_umoci_unpacks_the_same_tree() {
	need umoci
	rich_image
	rootless=
	[ "$ROLE" = root ] || rootless=--rootless
	umoci unpack $rootless --image "$COOPER_ROOT:rich:latest" bundle >umoci.log 2>&1 || { cat umoci.log >&2; fail umoci; }
	build_ok -o type=local,dest=out .
	describe bundle/rootfs | sort >by-umoci
	describe out | sort >by-cooper
	[ "$(wc -l <by-cooper)" -gt 60 ] || fail "few files: $(wc -l <by-cooper)"
	diff by-umoci by-cooper || fail "the trees differ"
	build_ok -o type=tar,dest=out.tar .
	assert_eq "$(tar --numeric-owner -tvf out.tar t/soft t/empty t/given/d/g | awk '{print $2}' | sort | tr '\n' ' ')" '12/34 3/4 56/78 '
	[ "$ROLE" = root ] || return 0
	tar --numeric-owner -xpf out.tar -C "$(mkdir tarred && echo tarred)"
	describe tarred | sort | diff by-umoci - || fail "the tar differs"
	diff <(cd bundle/rootfs && find . -printf '%p %U:%G\n' | sort) <(cd tarred && find . -printf '%p %U:%G\n' | sort) | grep -v '^[<>] \. ' | grep '^[<>]' && fail "owners differ"
	return 0
}

test_pushed_images_are_read_by_skopeo_and_umoci() {
	need skopeo umoci
	need_registry
	rich_image
	build_ok --push -t "$REGISTRY/rich:$ROLE" .
	skopeo inspect --tls-verify=false "docker://$REGISTRY/rich:$ROLE" | jq -e '.Layers | length == 5' >/dev/null
	skopeo copy -q --src-tls-verify=false "docker://$REGISTRY/rich:$ROLE" oci:from-registry:rich
	rootless=
	[ "$ROLE" = root ] || rootless=--rootless
	umoci unpack $rootless --image from-registry:rich bundle >umoci.log 2>&1
	build_ok -o out .
	diff <(describe bundle/rootfs | sort) <(describe out | sort) || fail "the trees differ"
}

test_podman_loads_both_kinds_of_archive() {
	need podman
	[ "$ROLE" = root ] || skip "needs a session of the user's"
	rich_image
	build_ok -t rich -o type=docker,dest=docker.tar -o type=oci,dest=oci.tar .
	id=$(digest_of .)
	config=$(jq -r .config.digest "$COOPER_ROOT/blobs/sha256/${id#sha256:}")
	run=$(mktemp -d /tmp/e2e-podman.XXXXXX) # the path must be short
	trap 'rm -rf "$run"' EXIT
	pod() { podman --root "$E2E_DIR/podman" --runroot "$run" --storage-driver vfs "$@"; }
	pod info >/dev/null 2>podman.log || skip "podman does not work here: $(tail -n 1 podman.log)"
	for kind in docker oci; do
		pod load -q -i $kind.tar >loaded
		assert_match "$(cat loaded)" '*rich:latest'
		assert_eq "$kind sha256:$(pod images -q --no-trunc | head -n 1 | sed 's/^sha256://')" "$kind $config"
		pod rmi -af >/dev/null
	done
}

test_zstd_and_docker_variants_are_built_upon() {
	need skopeo
	need_registry
	for how in "--format=oci --dest-compress-format=zstd" "--format=v2s2" "--format=oci --dest-compress-format=gzip"; do
		name=variant-$ROLE-$(echo "$how" | md5sum | cut -c1-6)
		# What skopeo remembers of one blob must not decide about the next: each has bytes of its own.
		cp "$E2E_TOP/busybox.tar" "$name.tar"
		cat /proc/sys/kernel/random/uuid >unique
		tar -rf "$name.tar" unique
		cooper import "$name.tar" "$name" >/dev/null
		# shellcheck disable=SC2086
		skopeo copy -q $how --dest-tls-verify=false "oci:$COOPER_ROOT:$name:latest" "docker://$REGISTRY/$name:1"
		printf 'FROM %s/%s:1\nRUN echo upon >/upon\n' "$REGISTRY" "$name" >Containerfile
		COOPER_ROOT=$E2E_DIR/$name cooper build -q -o out-"$name" . >/dev/null
		assert_eq "$(cat "out-$name/upon")" upon
		assert_file "out-$name/bin/busybox"
	done
}

test_an_image_of_buildah_is_built_upon() {
	need buildah
	need_registry
	[ "$ROLE" = root ] || skip "needs a session of the user's"
	need_busybox
	cooper push -q busybox "$REGISTRY/for-buildah:1" >/dev/null
	run=$(mktemp -d /tmp/e2e-buildah.XXXXXX)
	trap 'rm -rf "$run"' EXIT
	bh() { buildah --root "$E2E_DIR/buildah" --runroot "$run" --storage-driver vfs "$@"; }
	mkdir ctx
	echo made >ctx/made
	printf 'FROM %s/for-buildah:1\nCOPY made /made\nENV MADE=yes\nUSER 7\n' "$REGISTRY" >ctx/Containerfile
	bh build --isolation chroot -q --tls-verify=false -t "$REGISTRY/by-buildah:1" ctx >buildah.log 2>&1 || skip "buildah does not work here: $(tail -n 1 buildah.log)"
	bh push -q --tls-verify=false "$REGISTRY/by-buildah:1" >>buildah.log 2>&1 || { cat buildah.log >&2; fail "buildah push"; }
	printf 'FROM %s/by-buildah:1\nUSER 0\nRUN cat /made >/copy; echo "$MADE" >>/copy\n' "$REGISTRY" >Containerfile
	build_ok -o out .
	assert_eq "$(tr '\n' ' ' <out/copy)" 'made yes '
	# And the other way round: buildah builds upon ours.
	build_ok --push -t "$REGISTRY/ours:1" .
	printf 'FROM %s/ours:1\nCOPY made /again\n' "$REGISTRY" >ctx/Containerfile
	bh build --isolation chroot -q --tls-verify=false -t again ctx >buildah.log 2>&1 || { cat buildah.log >&2; fail "buildah does not take ours"; }
}

# An image whose layer is one gzip member of several MiB, as other tools write them: an OCI archive of the name $1 in large.tar.
one_large_member() {
	seq 1000000 >numbers
	python3 - "$E2E_TOP/busybox.tar" "$1" <<'PY'
import gzip, hashlib, io, json, shutil, sys, tarfile
shutil.copy(sys.argv[1], "layer.tar")
with tarfile.open("layer.tar", "a") as t:
    t.add("numbers")
plain = open("layer.tar", "rb").read()
layer = gzip.compress(plain, 6, mtime=0)
def blob(t, data):
    d = hashlib.sha256(data).hexdigest()
    i = tarfile.TarInfo("blobs/sha256/" + d); i.size = len(data); t.addfile(i, io.BytesIO(data))
    return {"digest": "sha256:" + d, "size": len(data)}
with tarfile.open("large.tar", "w") as t:
    config = json.dumps({"architecture": "amd64", "os": "linux", "config": {"Env": ["PATH=/bin"]},
        "rootfs": {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(plain).hexdigest()]}}).encode()
    m = "application/vnd.oci.image."
    manifest = {"schemaVersion": 2, "mediaType": m + "manifest.v1+json", "config": {"mediaType": m + "config.v1+json", **blob(t, config)},
        "layers": [{"mediaType": m + "layer.v1.tar+gzip", **blob(t, layer)}]}
    d = {"mediaType": m + "manifest.v1+json", **blob(t, json.dumps(manifest).encode()), "annotations": {"org.opencontainers.image.ref.name": sys.argv[2]}}
    for name, text in ("oci-layout", {"imageLayoutVersion": "1.0.0"}), ("index.json", {"schemaVersion": 2, "manifests": [d]}):
        data = json.dumps(text).encode(); i = tarfile.TarInfo(name); i.size = len(data); t.addfile(i, io.BytesIO(data))
PY
}

# What is loaded while an image of a large member is built upon, with this program; the result is the same each time.
loaded_by() {
	local COOPER_ROOT=$E2E_DIR/store-$2
	LD_DEBUG=files LD_DEBUG_OUTPUT=$E2E_DIR/ld-$2 "$1" load -i large.tar >/dev/null
	LD_DEBUG=files LD_DEBUG_OUTPUT=$E2E_DIR/ld-$2 "$1" build -q -o "out-$2" - <<<'FROM large:1' >/dev/null || fail "$2"
	cmp numbers "out-$2/numbers" || fail "$2: other bytes"
	grep -ho 'calling init: .*' "$E2E_DIR/ld-$2".* | sed 's,.*/,,' | sort -u
}

test_large_gzip_members_are_read_with_isal_and_without() {
	modules=$(dirname "$COOPER")/../../snapshotter
	[ -f "$modules/cooper-igzip.so" ] || skip "built without isa-l"
	one_large_member large:1
	mkdir -p own/bin own/lib/cooper
	cp "$COOPER" own/bin/
	assert_eq "$(loaded_by "$COOPER" built | grep -E 'igzip|isal' | tr '\n' ' ')" 'cooper-igzip.so libisal.so.2 '
	assert_eq "$(loaded_by own/bin/cooper alone | grep -E 'cooper|isal')" ''
	cp "$modules/cooper-igzip.so" own/lib/cooper/
	assert_eq "$(loaded_by own/bin/cooper installed | grep -E 'igzip|isal' | tr '\n' ' ')" 'cooper-igzip.so libisal.so.2 '
	echo "not a module" >own/lib/cooper/cooper-igzip.so
	assert_eq "$(loaded_by own/bin/cooper broken | grep -E 'cooper|isal')" ''
	# Nor is anything of it loaded for what cooper compresses itself.
	cooper import "$E2E_TOP/busybox.tar" small >/dev/null
	build_ok -o type=oci,dest=small.tar - <<<'FROM small'
	cooper load -i small.tar >/dev/null
	LD_DEBUG=files LD_DEBUG_OUTPUT=$E2E_DIR/ld-small cooper build -q -o out-small - <<<'FROM small' >/dev/null
	grep -lE 'isal|libcurl|libarchive' "$E2E_DIR"/ld-small.* && fail "a library that is not needed was loaded"
	return 0
}

# What `docker save` writes: layers in folders, no annotations.
docker_save_like() {
	python3 - "$E2E_TOP/busybox.tar" "$1" <<'PY'
import hashlib, io, json, sys, tarfile
layer = open(sys.argv[1], "rb").read()
diff = "sha256:" + hashlib.sha256(layer).hexdigest()
config = json.dumps({"architecture": "amd64", "os": "linux", "config": {"Env": ["PATH=/bin"], "Cmd": ["sh"]}, "rootfs": {"type": "layers", "diff_ids": [diff]},
    "history": [{"created": "2024-01-01T00:00:00Z", "created_by": "ADD"}], "created": "2024-01-01T00:00:00Z"}).encode()
cid = hashlib.sha256(config).hexdigest()
lid = hashlib.sha256(b"layer").hexdigest()
manifest = json.dumps([{"Config": cid + ".json", "RepoTags": ["saved:1", "saved:latest"], "Layers": [lid + "/layer.tar"]}]).encode()
repositories = json.dumps({"saved": {"1": lid, "latest": lid}}).encode()
with tarfile.open(sys.argv[2], "w") as t:
    def add(name, data):
        i = tarfile.TarInfo(name); i.size = len(data); t.addfile(i, io.BytesIO(data))
    add(cid + ".json", config)
    d = tarfile.TarInfo(lid); d.type = tarfile.DIRTYPE; d.mode = 0o755; t.addfile(d)
    add(lid + "/VERSION", b"1.0"); add(lid + "/json", b"{}"); add(lid + "/layer.tar", layer)
    add("manifest.json", manifest); add("repositories", repositories)
print("sha256:" + cid)
PY
}

test_archives_of_docker_save_are_loaded_and_built_upon() {
	id=$(docker_save_like saved.tar)
	cooper load -i saved.tar >loaded
	assert_eq "$(sort loaded | tr '\n' ' ')" 'Loaded image: saved:1 Loaded image: saved:latest '
	assert_eq "$(cooper inspect -f '{{.Id}}' saved:1)" "$id"
	printf 'FROM saved:1\nRUN echo upon >/upon\n' >Containerfile
	build_ok -o out .
	assert_eq "$(cat out/upon)" upon
	gzip -c saved.tar >saved.tar.gz
	COOPER_ROOT=$E2E_DIR/other
	assert_match "$(cooper load <saved.tar.gz)" '*saved:1*'
}

run_tests
