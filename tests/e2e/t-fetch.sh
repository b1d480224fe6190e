#!/bin/bash
# What is fetched, when, and how often: requests at a registry, downloads side by side, layers that nobody needs as folders.
. "$(dirname "$0")/lib.sh"

# A registry in front of $REGISTRY that sends blobs at a pace ($1: bytes a second, 0 = at once), answers for manifests after a while
# ($2: seconds), hangs up in the middle of each blob's first GET ($3: "cut"), and notes requests with the times of their beginning and
# end: "GET /v2/... 12.345 13.456".
paced_registry() {
	cat >paced.py <<'PY'
import http.server, http.client, sys, time
pace, delay, cut, seen = int(sys.argv[2]), float(sys.argv[3]), sys.argv[4] == "cut", set()
class H(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do(self):
        began = time.monotonic()
        c = http.client.HTTPConnection(sys.argv[1])
        c.request(self.command, self.path, headers={k: v for k, v in self.headers.items() if k.lower() != "connection"})
        r = c.getresponse()
        if "/manifests/" in self.path: time.sleep(delay)
        self.send_response(r.status)
        for k, v in r.getheaders():
            if k.lower() not in ("connection", "date", "server"):
                self.send_header(k, v)
        self.end_headers()
        left = int(r.getheader("Content-Length") or 0) if self.command == "GET" else 0
        if cut and "/blobs/" in self.path and self.path not in seen:
            seen.add(self.path)
            left //= 2
            self.close_connection = True
        while left and (data := r.read(min(left, 65536))):
            left -= len(data)
            self.wfile.write(data)
            if pace and "/blobs/" in self.path: time.sleep(len(data) / pace)
        sys.stdout.write("%s %s %.3f %.3f\n" % (self.command, self.path, began, time.monotonic()))
        sys.stdout.flush()
    do_GET = do_HEAD = do
    def log_message(self, *a): pass
s = http.server.ThreadingHTTPServer(("127.0.0.1", 0), H)
print("Serving on port %d " % s.server_address[1], flush=True)
s.serve_forever()
PY
	serve . python3 -u paced.py "$REGISTRY" "$1" "${2:-0}" "${3:-}"
}

asked_for() { grep -cE "^(GET|HEAD) /v2/[^ ]*/$1/" "$SERVER_LOG" || :; }

# An image on scratch with a file of random bytes, in the registry. push_random NAME KIB [BUILD-ARGUMENTS...]
push_random() {
	local name=$1 kib=$2
	shift 2
	mkdir -p "random-$kib"
	head -c $((kib * 1024)) /dev/urandom >"random-$kib/file"
	printf 'FROM scratch\nCOPY file /%s\n' "${name##*/}" | COOPER_ROOT=$E2E_DIR/pusher cooper build -q --push -t "$REGISTRY/$name/$ROLE:1" "$@" -f - "random-$kib" >/dev/null
}

test_a_tag_that_did_not_move_costs_one_request() {
	need_registry
	push_random one/plain 4
	push_random one/index 4 --platform linux/amd64,linux/arm64
	paced_registry 0
	for kind in plain index; do
		printf 'FROM %s/one/%s/%s:1\nLABEL a=b\n' "$SERVER" "$kind" "$ROLE" >Containerfile
		build_ok -t x .
		before=$(asked_for manifests)
		build_ok -t x .
		assert_eq "$kind $(($(asked_for manifests) - before))" "$kind 0"
		build_ok --pull=always -t x .
		assert_eq "$kind $(($(asked_for manifests) - before))" "$kind 1"
		cooper pull -q "$SERVER/one/$kind/$ROLE:1" >/dev/null
		before=$(asked_for manifests)
		cooper pull -q "$SERVER/one/$kind/$ROLE:1" >/dev/null
		assert_eq "pull of $kind $(($(asked_for manifests) - before))" "pull of $kind 1"
	done
}

# blob_of NAME: the digest of the image's one layer in the registry.
blob_of() { skopeo inspect --raw --tls-verify=false "docker://$REGISTRY/$1/$ROLE:1" | jq -r '.layers[0].digest'; }

# Did each of these begin before the first of them ended? Lines of the log, on stdin.
side_by_side() { awk '{ if (!n++ || $4 < first) first = $4; if ($3 > last) last = $3 } END { exit !(n > 1 && last < first) }'; }

test_stages_fetch_their_bases_side_by_side() {
	need_registry
	need skopeo
	push_random side/a 1500
	push_random side/b 1501
	paced_registry 1000000 0.3
	printf 'FROM %s/side/a/%s:1 AS a\nCOPY f /f\nFROM %s/side/b/%s:1\nCOPY f /f\nCOPY --from=a /f /g\n' "$SERVER" "$ROLE" "$SERVER" "$ROLE" >Containerfile
	echo f >f
	build_ok --jobs 2 .
	grep -E "^GET .*($(blob_of side/a)|$(blob_of side/b)) " "$SERVER_LOG" | side_by_side || fail "one base after the other: $(cat "$SERVER_LOG")"
}

test_several_bases_are_asked_for_side_by_side() {
	need_registry
	for name in a b c d; do push_random "ask/$name" 4; done
	push_random ask/unused 4
	paced_registry 0 1
	printf 'ARG C=c\nFROM %s/ask/unused/%s:1 AS unused\nRUN true\nFROM %s/ask/a/%s:1 AS a\nFROM %s/ask/$C/%s:1 AS c\nFROM a\nCOPY --from=%s/ask/b/%s:1 /b /\nCOPY --from=c /c /\nCOPY --from=%s/ask/d/%s:1 /d /\n' \
		"$SERVER" "$ROLE" "$SERVER" "$ROLE" "$SERVER" "$ROLE" "$SERVER" "$ROLE" "$SERVER" "$ROLE" >Containerfile
	build_ok .
	assert_eq "$(grep -cE '^HEAD .*/manifests/' "$SERVER_LOG")" 4
	grep -E '^HEAD .*/manifests/' "$SERVER_LOG" | side_by_side || fail "one after the other: $(cat "$SERVER_LOG")"
	! grep -q unused "$SERVER_LOG" || fail "an image that nobody needs was asked for"
	sed -i 's,/ask/b/[^ ]*,/ask/nosuch:1,' Containerfile
	assert_fails 1 cooper build .
	assert_match "$LAST" '*ask/nosuch*'
	assert_match "$(cat stderr.log)" '*Containerfile:7*'
	build_ok -f - . <<<"FROM $SERVER/ask/a/$ROLE:1"
	before=$(asked_for manifests)
	sed -i 's,/ask/nosuch:1,/ask/b/'"$ROLE"':1,' Containerfile
	build_ok .
	assert_eq "$(asked_for manifests)" "$before"
}

test_a_layer_that_two_stages_want_is_fetched_once() {
	need_registry
	need skopeo
	push_random once/a 1500
	skopeo copy -q --src-tls-verify=false --dest-tls-verify=false "docker://$REGISTRY/once/a/$ROLE:1" "docker://$REGISTRY/once/b/$ROLE:1"
	paced_registry 1000000
	printf 'FROM %s/once/a/%s:1 AS a\nCOPY f /f\nFROM %s/once/b/%s:1\nCOPY f /f\nCOPY --from=a /f /g\n' "$SERVER" "$ROLE" "$SERVER" "$ROLE" >Containerfile
	echo f >f
	build_ok --jobs 2 .
	assert_eq "$(grep -cE "^GET .*$(blob_of once/a) " "$SERVER_LOG")" 1
}

test_a_layer_is_unpacked_while_it_comes() {
	need_registry
	need_busybox
	mkdir layer
	echo early >layer/0-early
	head -c 3000000 /dev/urandom >layer/1-late
	printf 'FROM busybox\nCOPY layer /layer\n' | cooper build -q --push -t "$REGISTRY/while/$ROLE:1" -f - . >/dev/null
	paced_registry 1000000
	COOPER_ROOT=$E2E_DIR/other
	printf 'FROM %s/while/%s:1\nRUN sha256sum /layer/1-late >/sum\n' "$SERVER" "$ROLE" | cooper build -q -t x - >digest 2>build.log &
	early=
	for _ in $(seq 60); do
		[ -z "$early" ] && early=$(find "$COOPER_ROOT/tmp" -name 0-early 2>/dev/null | head -n 1)
		[ -z "$early" ] || break
		kill -0 $! 2>/dev/null || break
		sleep 0.05
	done
	[ -n "$early" ] || fail "nothing was unpacked before the blob was whole"
	[ -z "$(find "$COOPER_ROOT/layers" -name 0-early 2>/dev/null)" ] || fail "the layer was seen before it was whole"
	wait $! || fail "$(cat build.log)"
	files_of x
	assert_eq "$(cut -d' ' -f1 out/sum)" "$(sha256sum <layer/1-late | cut -d' ' -f1)"
}

test_a_download_that_breaks_off_is_unpacked_to_its_end() {
	need_registry
	need skopeo
	push_random cut/a 3000
	paced_registry 0 0 cut
	printf 'FROM %s/cut/a/%s:1\nCOPY f /f\n' "$SERVER" "$ROLE" >Containerfile
	echo f >f
	build_ok -t x .
	assert_eq "$(grep -cE "^GET .*$(blob_of cut/a) " "$SERVER_LOG")" 2
	files_of x
	cmp out/a random-3000/file
}

folders() { find "$COOPER_ROOT/layers" -mindepth 2 -maxdepth 2 -name fs | wc -l; }

test_a_base_that_is_only_copied_onto_never_becomes_a_folder() {
	need_registry
	need_busybox
	assert_eq "$(folders)" 0 # import
	cooper push -q busybox "$REGISTRY/index/$ROLE:1" >/dev/null
	paced_registry 0
	COOPER_ROOT=$E2E_DIR/other
	echo a >a
	printf 'FROM %s/index/%s:1\nCOPY a /bin/\nWORKDIR /w\nENV A=b\n' "$SERVER" "$ROLE" >Containerfile
	build_ok -t x .
	assert_eq "$(folders)" 0
	printf 'RUN test -f /bin/a && ls -l /bin/sh >/sh\n' >>Containerfile
	build_ok -t y .
	assert_eq "$(steps_cached)" 3
	[ "$(folders)" -gt 0 ] || fail "no folder"
	assert_eq "$(asked_for blobs)" 2 # a layer and the configuration, once each
	files_of x
	assert_eq "$(cat out/bin/a)" a
}

# Nothing listens on port 1.
test_what_could_not_be_fetched_is_told_when_it_is_needed() {
	need_busybox
	printf 'FROM busybox\nRUN --mount=type=tmpfs,target=/a,from=localhost:1/a --mount=type=tmpfs,target=/b,from=localhost:1/b true >/x\n' >Containerfile
	build_ok .
	! grep 'localhost:1/.:latest\|ERROR' build.log || fail "asked for what nobody needs"
	printf 'FROM localhost:1/a AS a\nFROM localhost:1/b\nCOPY --from=a /a /a\n' >Containerfile
	assert_fails 3 cooper build --progress=plain .
	assert_match "$LAST" 'error: Containerfile:2:*localhost:1/b:latest: *onnect*'
	assert_eq "$(grep '^#.* ERROR' stderr.log | cut -d: -f1)" "$(grep 'load metadata for localhost:1/b' stderr.log | cut -d' ' -f1) ERROR"
	assert_eq "$(grep -c '^#.* CANCELED' stderr.log)" 1
}

test_a_registry_that_is_away_is_no_failure_when_the_image_may_be_older() {
	need_busybox
	cooper tag busybox localhost:1/bb
	printf 'FROM localhost:1/bb\nRUN true >/x\n' >Containerfile
	build_ok --pull=newer .
	! grep ERROR build.log || fail "told as a failure"
	assert_match "$(cat build.log)" '*localhost:1/bb*is taken from the store: *onnect*'
	assert_fails 3 cooper build --pull=always .
}

run_tests
