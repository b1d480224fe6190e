#!/bin/bash
# What is fetched, when, and how often: requests at a registry, downloads side by side, layers that nobody needs as folders.
. "$(dirname "$0")/lib.sh"

# A registry in front of $REGISTRY that sends blobs at a pace ($1: bytes a second, 0 = at once), answers for manifests after a while
# ($2: seconds), and notes requests with the times of their beginning and end: "GET /v2/... 12.345 13.456".
paced_registry() {
	cat >paced.py <<'PY'
import http.server, http.client, sys, time
pace, delay = int(sys.argv[2]), float(sys.argv[3])
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
        while data := r.read(65536):
            self.wfile.write(data)
            if pace and "/blobs/" in self.path: time.sleep(len(data) / pace)
        print(self.command, self.path, "%.3f %.3f" % (began, time.monotonic()), flush=True)
    do_GET = do_HEAD = do
    def log_message(self, *a): pass
s = http.server.ThreadingHTTPServer(("127.0.0.1", 0), H)
print("Serving on port %d " % s.server_address[1], flush=True)
s.serve_forever()
PY
	serve . python3 -u paced.py "$REGISTRY" "$1" "${2:-0}"
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

run_tests
