#!/bin/bash
# Builds that are stopped at random moments, and killed: nothing is left, the store stays good, and the next build comes to the same.
. "$(dirname "$0")/lib.sh"

ROUNDS=${E2E_ROUNDS:-20}

slow_project() {
	need_busybox
	mkdir -p ctx
	for i in $(seq 200); do echo "file $i" >"ctx/f$i"; done
	cat >ctx/Containerfile <<'END'
FROM busybox AS a
COPY f* /a/
RUN for i in $(seq 300); do echo $i >/a/n$i; done; sleep 0.1; sleep 100 & sleep 0.05
FROM busybox AS b
RUN mkdir /b && dd if=/dev/zero of=/b/big bs=1M count=8 2>/dev/null; sleep 0.1; (sleep 50; echo late >/b/late) & true
RUN echo second >/b/second
FROM busybox
COPY --from=a /a /a
COPY --from=b /b /b
RUN cat /a/* | md5sum >/sum; sleep 0.05
RUN echo last >/last
END
}

# Processes of builds with our store, and those that live in a root below it.
left_over() {
	grep -lzxF "COOPER_ROOT=$COOPER_ROOT" /proc/[0-9]*/environ 2>/dev/null | while read -r f; do
		[ "$(readlink "${f%environ}exe" 2>/dev/null)" != "$COOPER" ] || echo "$f"
	done
	grep -lF "$COOPER_ROOT" /proc/[0-9]*/mountinfo 2>/dev/null || :
}

gone() {
	local i
	for i in $(seq 50); do
		[ -n "$(left_over)" ] || return 0
		sleep 0.1
	done
	fail "processes are left: $(left_over)"
}

# stop_at SIGNAL SECONDS: starts a build, and stops it then. Its status is in $STATUS.
stop_at() {
	STATUS=$(python3 - "$1" "$2" <<'PY'
import os, signal, subprocess, sys
sig = getattr(signal, "SIG" + sys.argv[1])
p = subprocess.Popen([os.environ["COOPER"], "build", "-q", "--no-cache", "-t", "app", "ctx"], stdout=subprocess.DEVNULL, stderr=open("stderr.log", "w"),
    preexec_fn=lambda: [signal.signal(s, signal.SIG_DFL) for s in (signal.SIGINT, signal.SIGTERM)])
try:
    p.wait(float(sys.argv[2]))
except subprocess.TimeoutExpired:
    p.send_signal(sig)
try:
    p.wait(20)
except subprocess.TimeoutExpired:
    print("does not end"); p.kill(); sys.exit()
print(p.returncode)
PY
)
}

test_a_step_that_waits_for_a_cache_mount_stops_when_another_one_fails() {
	need_busybox
	mkdir -p one two
	printf 'FROM busybox\nRUN --network=none --mount=type=cache,target=/c,sharing=locked echo holds; sleep 30\n' >one/Containerfile
	cat >two/Containerfile <<'END'
FROM busybox AS waits
RUN --network=none --mount=type=cache,target=/c,sharing=locked echo never
FROM busybox AS fails
RUN --network=none sleep 0.5; exit 9
FROM busybox
COPY --from=waits /etc /a
COPY --from=fails /etc /b
END
	cooper build --progress=plain one >log 2>&1 &
	pid=$!
	for _ in $(seq 100); do
		grep -q ' holds' log && break
		sleep 0.1
	done
	start=$(date +%s)
	assert_fails 1 cooper build -j 4 two
	assert_match "$LAST" '*exit code: 9'
	[ $(($(date +%s) - start)) -lt 10 ] || fail 'it waited'
	kill $pid
	wait $pid || :
}

test_stopped_at_random_moments() {
	local signal signals=(INT TERM KILL) stopped=0 i
	export SOURCE_DATE_EPOCH=1700000000
	slow_project
	good=$(digest_of ctx)
	start=$(date +%s%N)
	digest_of --no-cache ctx >/dev/null
	whole=$((($(date +%s%N) - start) / 1000000))
	RANDOM=$$
	for i in $(seq "$ROUNDS"); do
		signal=${signals[i % 3]}
		delay=$((RANDOM % whole))
		stop_at "$signal" "$((delay / 1000)).$(printf %03d $((delay % 1000)))"
		case $signal:$STATUS in
		*:0) ;;
		INT:-2 | TERM:-15) [ $delay -lt 100 ] || fail "$signal after $delay ms: no answer" ;; # before main
		INT:130 | TERM:130 | KILL:-9) stopped=$((stopped + 1)) ;;
		*) cat stderr.log >&2; fail "round $i, $signal after $delay of $whole ms: status $STATUS" ;;
		esac
		gone
		assert_eq "$(grep -c "$E2E_DIR" /proc/self/mountinfo || :)" 0
		# What a killed one left is swept by the next, which may be stopped before it gets so far.
		[ "$signal" != KILL ] || cooper images >/dev/null
		assert_eq "$i: $(ls -A "$COOPER_ROOT/tmp")" "$i: "
		[ $((i % 4)) != 0 ] || assert_eq "$(digest_of ctx)" "$good"
	done
	assert_eq "$(digest_of --no-cache -t end ctx)" "$good"
	assert_eq "tmp $(ls -A "$COOPER_ROOT/tmp")" 'tmp '
	[ $stopped -gt $((ROUNDS / 3)) ] || fail "only $stopped of $ROUNDS builds were stopped"
	for blob in "$COOPER_ROOT"/blobs/sha256/*; do
		assert_eq "$(sha256sum <"$blob" | cut -d' ' -f1)" "${blob##*/}"
	done
	cooper prune -af >/dev/null
	need_busybox
	assert_eq "$(digest_of ctx)" "$good"
}

test_a_second_signal_ends_at_once() {
	need_busybox
	printf 'FROM busybox\nRUN trap "" INT TERM; sleep 100\n' >Containerfile
	cat >twice.py <<'PY'
import os, signal, subprocess, time
p = subprocess.Popen([os.environ["COOPER"], "build", "-q", "."], preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
time.sleep(0.8)
start = time.time()
p.send_signal(signal.SIGINT); time.sleep(0.01); p.send_signal(signal.SIGINT)
print(p.wait(), time.time() - start < 5)
PY
	assert_eq "$(python3 twice.py 2>/dev/null)" '130 True'
	gone
}

run_tests
