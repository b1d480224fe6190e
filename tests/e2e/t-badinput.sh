#!/bin/bash
# What goes wrong: one clear message with its place, the documented exit status, nothing left behind, and the next build works.
. "$(dirname "$0")/lib.sh"

mounts() { grep -c "$E2E_DIR" /proc/self/mountinfo || :; }

# Nothing of a build is left: mounts, processes that have to do with this test's folder, scratch folders.
assert_clean() {
	assert_eq "$(mounts)" 0
	local i left
	for i in $(seq 30); do
		left=$(grep -lsaF "COOPER_ROOT=$COOPER_ROOT" /proc/[0-9]*/environ 2>/dev/null | while read -r f; do
			pid=${f#/proc/} pid=${pid%/environ}
			[ "$(readlink "/proc/$pid/exe" 2>/dev/null)" != "$COOPER" ] || echo "$pid"
		done || :)
		[ -n "$left" ] || break
		sleep 0.1
	done
	assert_eq "processes $left" 'processes '
	assert_eq "scratch $(ls -A "$COOPER_ROOT/tmp" | tr '\n' ' ')" 'scratch '
}

# The same store builds what is right.
assert_usable() {
	printf 'FROM busybox\nRUN echo good >/good\n' >good.Containerfile
	build_ok -f good.Containerfile .
	assert_clean
}

test_a_missing_containerfile() {
	assert_fails 1 cooper build .
	assert_match "$LAST" 'error: *Containerfile*'
	assert_fails 1 cooper build -f nothing/there .
	assert_match "$LAST" 'error: *nothing/there*'
	assert_fails 1 cooper build missing-folder
	assert_match "$LAST" 'error: *missing-folder*'
	: >empty
	assert_fails 1 cooper build -f empty .
	assert_match "$LAST" 'error: *empty*'
}

test_an_unknown_instruction() {
	printf 'FROM scratch\n\nRUM true\n' >Containerfile
	assert_fails 1 cooper build .
	assert_match "$LAST" 'error: Containerfile:3:1: *RUM*did you mean RUN?*'
	assert_match "$(cat stderr.log)" '*3 | >>> RUM true*'
	printf 'FROM scratch\nCOPY --chwon=1 a b\n' >Containerfile
	assert_fails 1 cooper build .
	assert_match "$LAST" 'error: Containerfile:2:*chwon*did you mean*chown*'
	printf 'FROM scratch\nCOPY a\n' >Containerfile
	assert_fails 1 cooper build .
	assert_match "$LAST" 'error: Containerfile:2:*COPY*'
	printf 'RUN x\n' >Containerfile
	assert_fails 1 cooper build .
	assert_match "$LAST" 'error: Containerfile:1:*'
}

test_commands_of_tools_that_run_containers() {
	assert_fails 2 cooper run busybox
	assert_match "$LAST" 'error: unknown command: run: cooper builds images and runs no containers*'
}

# What a failed step printed is kept; a step that printed nothing has nothing to look at.
test_the_output_of_a_failed_step_is_kept() {
	need_busybox
	printf 'FROM busybox\nRUN echo why; false\n' >Containerfile
	assert_fails 1 cooper build --progress=plain .
	assert_match "$(cat stderr.log)" "*the whole output of the step is in $COOPER_ROOT/logs/*"
	assert_eq "$(cat "$COOPER_ROOT"/logs/*.log)" why
	printf 'FROM busybox\nRUN ["missing"]\n' >Containerfile
	assert_fails 1 cooper build --progress=plain .
	grep -q __asan_init "$COOPER" && return # which says a word of its own in the step
	[[ $(cat stderr.log) != *'whole output'* ]] || fail "an empty log is shown"
}

test_a_bad_flag() {
	printf 'FROM scratch\n' >Containerfile
	assert_fails 2 cooper build --taget x .
	assert_match "$LAST" 'error: *--taget*did you mean --target?*'
	assert_fails 2 cooper build -o type=nonsense .
	assert_match "$LAST" 'error: *nonsense*'
	assert_fails 2 cooper build --platform 'not a platform' .
	assert_fails 2 cooper build --progress=loud .
	assert_fails 2 cooper build -t 'Bad:Name:x' .
	assert_fails 1 cooper build --secret id=x,src=missing .
	assert_match "$LAST" 'error: *missing*'
	assert_fails 2 cooper build one two
	assert_fails 2 cooper build --jobs=many .
}

test_a_step_that_fails() {
	need_busybox
	printf 'FROM busybox\nRUN true\nRUN echo working; \\\n    echo broken >&2; \\\n    exit 42\nRUN true\n' >Containerfile
	assert_fails 1 cooper build --progress=plain .
	assert_match "$LAST" 'error: Containerfile:3:1: *exit code: 42'
	assert_match "$(cat stderr.log)" '*working*broken*3 | >>> RUN echo working*5 | >>>     exit 42*'
	assert_eq "$(cat stdout.log)" ''
	assert_fails 1 cooper build -q .
	assert_match "$LAST" 'error: Containerfile:3:1: *exit code: 42'
	assert_match "$(cat stderr.log)" '*broken*'
	printf 'FROM busybox\nRUN ["/no/such/program"]\n' >Containerfile
	assert_fails 1 cooper build .
	assert_match "$LAST" 'error: Containerfile:2:1: */no/such/program*'
	printf 'FROM busybox\nRUN sh -c "kill -9 \\$\\$"; exit $?\n' >Containerfile
	assert_fails 1 cooper build .
	assert_match "$LAST" 'error: Containerfile:2:1: *137*'
	assert_clean
	assert_usable
}

test_a_step_that_fails_stops_those_beside_it() {
	need_busybox
	printf 'FROM busybox AS a\nRUN sleep 100\nFROM busybox AS b\nRUN sleep 0.3; exit 3\nFROM scratch\nCOPY --from=a / /\nCOPY --from=b / /\n' >Containerfile
	SECONDS=0
	assert_fails 1 cooper build --jobs 2 .
	assert_match "$LAST" 'error: Containerfile:4:1: *exit code: 3'
	[ $SECONDS -lt 30 ] || fail "took $SECONDS s"
	assert_clean
}

test_a_missing_source() {
	need_busybox
	mkdir ctx
	echo x >ctx/readme.txt
	printf 'FROM busybox\nRUN sleep 0\nCOPY readme.tx /\n' >ctx/Containerfile
	assert_fails 1 cooper build ctx
	assert_match "$LAST" 'error: Containerfile:3:*readme.tx*not found*did you mean*readme.txt*'
	printf 'FROM busybox\nCOPY secret.txt /\n' >ctx/Containerfile
	echo x >ctx/secret.txt
	echo 'secret*' >ctx/.dockerignore
	assert_fails 1 cooper build ctx
	assert_match "$LAST" 'error: Containerfile:2:*secret.txt*.dockerignore*'
	printf 'FROM busybox AS first\nFROM busybox\nCOPY --from=frist /bin/sh /x\n' >ctx/Containerfile
	cooper build ctx >stdout.log 2>stderr.log && fail "no such stage"
	assert_match "$(tail -n 1 stderr.log)" 'error: Containerfile:3:*frist*'
	assert_usable
}

test_link_looks_up_no_names() {
	need_busybox
	echo a >a
	printf 'FROM busybox\nCOPY --link --chown=root:root a /\n' >Containerfile
	assert_fails 1 cooper build .
	assert_match "$LAST" '*unable to find user root*with --link the image is not looked into; give numbers*'
}

test_a_path_that_leaves_the_context() {
	need_busybox
	mkdir -p ctx/sub outside
	echo hidden >outside/f
	ln -s ../outside/f ctx/link
	ln -s ../../outside ctx/sub/up
	printf 'FROM busybox\nCOPY ../outside/f /f\n' >ctx/Containerfile
	cooper build -o out ctx >stdout.log 2>stderr.log && fail "../outside was found"
	assert_match "$(tail -n 1 stderr.log)" 'error: Containerfile:2:*outside/f*not found in the build context: *nothing outside of it can be copied'
	printf 'FROM busybox\nCOPY /etc/passwd /f\n' >ctx/Containerfile
	assert_fails 1 cooper build ctx
	assert_match "$LAST" 'error: Containerfile:2:*"/etc/passwd": not found in the build context*'
	printf 'FROM busybox\nCOPY sub/up/f /f\n' >ctx/Containerfile
	cooper build -o out ctx >stdout.log 2>stderr.log && fail "sub/up/f was found"
	assert_match "$(tail -n 1 stderr.log)" 'error: Containerfile:2:*'
	printf 'FROM busybox\nCOPY link /f\n' >ctx/Containerfile
	! { cooper build -o out ctx >stdout.log 2>stderr.log && grep -q hidden out/f; } || fail "the link led out of the context"
	assert_fails 1 cooper build -f ctx/../../../../../../nothing ctx
	assert_usable
}

test_a_registry_that_is_not_there() {
	need_busybox
	printf 'FROM 127.0.0.1:9/none:1\nRUN true\n' >Containerfile
	SECONDS=0
	assert_fails 3 cooper build .
	assert_match "$LAST" 'error: Containerfile:1:*127.0.0.1:9/none:1*'
	[ $SECONDS -lt 60 ] || fail "took $SECONDS s"
	printf 'FROM busybox\nRUN echo kept >/kept\n' >Containerfile
	assert_fails 3 cooper build --push -t 127.0.0.1:9/x:1 .
	assert_match "$LAST" 'error: push 127.0.0.1:9/x:1: *'
	assert_usable
}

test_a_tag_that_is_not_there() {
	need_registry
	need_busybox
	printf 'FROM %s/no/such:tag\n' "$REGISTRY" >Containerfile
	cooper build . >stdout.log 2>stderr.log && fail "no such image"
	assert_match "$(tail -n 1 stderr.log)" "error: Containerfile:1:*$REGISTRY/no/such:tag*"
	printf 'FROM no-such-image-here\n' >Containerfile
	assert_fails 1 cooper build --pull=never .
	assert_match "$LAST" 'error: Containerfile:1:*no-such-image-here*'
}

# Serves one image; $1 says how it lies: layer (wrong bytes), short, config, manifest.
lying_registry() {
	cooper save --format oci-dir --compression gzip -o layout busybox
	cat >liar.py <<'PY'
import hashlib, http.server, json, os, sys
how, base = sys.argv[1], "layout/blobs/sha256/"
index = json.load(open("layout/index.json"))
manifest = index["manifests"][0]["digest"]
doc = json.load(open(base + manifest[7:]))
layer, config = doc["layers"][0]["digest"], doc["config"]["digest"]
class H(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        last = self.path.rsplit("/", 1)[-1]
        if self.path in ("/v2/", "/v2"):
            return self.answer(b"{}", "application/json")
        digest = manifest if "/manifests/" in self.path and not last.startswith("sha256:") else last
        name = base + digest[7:]
        if not os.path.exists(name):
            self.send_response(404); self.send_header("Content-Length", "0"); self.end_headers(); return
        data = open(name, "rb").read()
        kind = "application/vnd.oci.image.manifest.v1+json" if digest == manifest else "application/octet-stream"
        if how == "layer" and digest == layer: data = data[:1000] + b"evil" + data[1004:]
        if how == "config" and digest == config: data = data.replace(b"linux", b"minix")
        if how == "manifest" and digest == manifest: data = data.replace(b"schemaVersion", b"schemaversion")
        self.answer(data, kind, digest, how == "short" and digest == layer)
    do_HEAD = do_GET
    def answer(self, data, kind, digest=None, short=False):
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        if digest: self.send_header("Docker-Content-Digest", digest)
        self.end_headers()
        if self.command == "HEAD": return
        self.wfile.write(data[:len(data) // 2] if short else data)
        if short: self.close_connection = True
s = http.server.ThreadingHTTPServer(("127.0.0.1", 0), H)
print("Serving on port %d " % s.server_address[1], flush=True)
s.serve_forever()
PY
	serve . python3 -u liar.py "$1"
}

lie() {
	need_busybox
	lying_registry "$1"
	honest=$COOPER_ROOT
	COOPER_ROOT=$E2E_DIR/other
	printf 'FROM %s/img%s\nRUN true\n' "$SERVER" "${3:-:1}" >Containerfile
	cooper build . >stdout.log 2>stderr.log && fail "the lie was believed"
	assert_match "$(tail -n 1 stderr.log)" "error: *$2*"
	[ -z "$(cooper images -q)" ] || fail "an image is there"
	for blob in "$COOPER_ROOT"/blobs/sha256/*; do
		[ ! -e "$blob" ] || assert_eq "$(sha256sum <"$blob" | cut -d' ' -f1)" "${blob##*/}"
	done
	need_busybox
	assert_usable
}

test_a_registry_that_sends_other_layer_bytes() { lie layer 'digest*'; }

test_a_registry_that_sends_another_config() { lie config 'digest*'; }

# Of its manifest as the lying registry has it: with gzip.
digest_of_busybox() {
	need_busybox
	cooper save --format oci-dir --compression gzip -o ids busybox
	jq -r '.manifests[0].digest' ids/index.json
}

test_a_registry_that_sends_another_manifest() {
	lie manifest 'another manifest*' "@$(COOPER_ROOT=$E2E_DIR/ids digest_of_busybox)"
}

test_a_registry_that_stops_in_the_middle() { lie short ''; }

test_a_full_disk() {
	[ "$ROLE" = root ] || skip "needs a mount"
	mkdir "$E2E_DIR/small"
	mount -t tmpfs -o size=12m tmpfs "$E2E_DIR/small" || skip "no tmpfs here"
	trap 'umount "$E2E_DIR/small"' EXIT
	COOPER_ROOT=$E2E_DIR/small/store
	need_busybox
	printf 'FROM busybox\nRUN dd if=/dev/zero of=/big bs=1M count=30\n' >Containerfile
	assert_fails 1 cooper build .
	assert_match "$(cat stderr.log)" '*No space left on device*'
	dd if=/dev/urandom of=big bs=1M count=30 2>/dev/null
	printf 'FROM busybox\nCOPY big /big\n' >Containerfile
	assert_fails 1 cooper build .
	assert_match "$LAST" 'error: *No space left on device*'
	printf 'FROM busybox\nRUN dd if=/dev/urandom of=/big bs=1M count=5\n' >Containerfile
	assert_fails 1 cooper build . # the layer fits, its tar does not
	assert_match "$LAST" 'error: *No space left on device*'
	cooper images -q >/dev/null
	rm big
	printf 'FROM busybox\nRUN echo good >/good\n' >Containerfile
	cooper build -q . >/dev/null
	assert_eq "$(ls -A "$COOPER_ROOT/tmp")" ''
}

test_a_store_that_another_cooper_uses() {
	need_busybox
	printf 'FROM busybox\nRUN echo start >/x; sleep 2\nRUN echo end >>/x\n' >Containerfile
	cooper build -q -t slow . >id 2>err &
	build=$!
	sleep 0.7
	cooper prune -af >prune.log 2>&1 || assert_match "$(tail -n 1 prune.log)" 'error: *use*'
	printf 'FROM busybox\nRUN echo other >/y\n' >other.Containerfile
	build_ok -t other -f other.Containerfile .
	wait $build || { cat err >&2; fail "the build was disturbed"; }
	assert_match "$(cat id)" 'sha256:*'
	cooper build -q -o type=tar,dest=slow.tar - <<<'FROM slow'
	assert_eq "$(tar xOf slow.tar x | tr '\n' ' ')" 'start end '
	assert_usable
}

test_two_builds_of_the_same_at_once() {
	need_busybox
	printf 'FROM busybox\nRUN echo x >/x; sleep 0.5\nRUN echo y >/y\n' >Containerfile
	for i in 1 2 3 4; do SOURCE_DATE_EPOCH=9 cooper build -q -t "same:$i" . >"id$i" 2>"err$i" & done
	wait
	for i in 1 2 3 4; do cmp id1 "id$i" || { cat err* >&2; fail "build $i"; }; done
	assert_match "$(cat id1)" 'sha256:*'
	assert_clean
}

test_a_store_that_is_none() {
	printf 'FROM scratch\n' >Containerfile
	echo x >file
	assert_fails 1 cooper --root "$PWD/file" build .
	assert_match "$LAST" 'error: *file*'
	[ "$ROLE" = user ] || return 0
	mkdir closed
	chmod 555 closed
	assert_fails 1 cooper --root "$PWD/closed/store" build .
	assert_match "$LAST" 'error: *closed*'
}

test_ctrl_c_in_a_step() {
	need_busybox
	printf 'FROM busybox\nRUN echo started; trap "" INT TERM; sleep 300 & sleep 300\n' >Containerfile
	# A shell without job control would ignore SIGINT for what it starts in the background: python does not.
	cat >run.py <<'PY'
import os, signal, subprocess, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)
p = subprocess.Popen([os.environ["COOPER"], "build", "--progress=plain", "."], stderr=subprocess.PIPE, start_new_session=True)
seen = b""
while b" started\n" not in seen:
    line = p.stderr.readline()
    if not line: sys.exit("no step: %r" % seen)
    seen += line
start = time.time()
os.killpg(p.pid, signal.SIGINT)
try:
    rest = p.communicate(timeout=20)[1]
except subprocess.TimeoutExpired:
    os.killpg(p.pid, signal.SIGKILL)
    sys.exit("it does not stop")
rc = p.returncode
sys.stderr.buffer.write(seen + rest)
print(rc, "%d" % (time.time() - start))
PY
	python3 run.py >stdout.log 2>stderr.log
	assert_match "$(cat stdout.log)" '130 [0-9]'
	assert_match "$(tail -n 1 stderr.log)" 'error: *'
	assert_clean
	assert_usable
}

run_tests
