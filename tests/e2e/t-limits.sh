#!/bin/bash
# What a file or a step may use up: memory of the builder, processes, the disk. Everything ends, with a reason, and can be stopped.
. "$(dirname "$0")/lib.sh"

# measured MIB STATUS COMMAND...: runs it, checks its status and the most memory that a process of it had.
measured() {
	local mib=$1 want=$2
	shift 2
	python3 - "$mib" "$want" "$@" >measured.log 2>&1 <<'PY' || { cat measured.log >&2; fail "$*"; }
import os, subprocess, sys
p = subprocess.Popen(sys.argv[3:], stdin=subprocess.DEVNULL)
_, status, usage = os.wait4(p.pid, 0)
p.returncode = os.waitstatus_to_exitcode(status)
print("\nstatus", p.returncode, "MiB", usage.ru_maxrss // 1024)
sys.exit(p.returncode != int(sys.argv[2]) or usage.ru_maxrss > int(sys.argv[1]) << 10)
PY
}

test_values_cannot_grow_without_end() {
	mkdir ctx
	for word in ENV ARG LABEL; do
		{
			echo 'FROM scratch'
			printf 'ARG a0=%s\n' "$(head -c 500000 /dev/zero | tr '\0' x)"
			for i in $(seq 1000); do echo "$word b$i=\$a0"; done
		} >ctx/Containerfile
		measured 400 1 cooper build ctx
		assert_match "$(cat measured.log)" '*error: *more than 64 MiB*'
	done
}

test_many_layers_work_or_are_refused_with_a_reason() {
	need_busybox
	mkdir ctx
	echo f >ctx/f
	{
		echo 'FROM busybox'
		for i in $(seq 520); do echo "COPY f /d/$i"; done
		echo 'RUN --network=none ls /d | wc -l >/n; test $(cat /n) = 520'
	} >ctx/Containerfile
	measured 256 0 cooper build -q -t many ctx
	assert_eq "$(cooper inspect -f '{{len .RootFS.Layers}}' many)" 522
	printf 'FROM many\nRUN --network=none test $(cat /n) = 520\n' >ctx/Containerfile
	cooper build -q ctx
}

test_output_without_lines_does_not_fill_memory() {
	need_busybox
	mkdir ctx
	printf 'FROM busybox\nRUN --network=none head -c 100000000 /dev/zero\nRUN --network=none yes | head -c 2000000\n' >ctx/Containerfile
	for mode in plain quiet rawjson; do
		measured 128 0 cooper build --no-cache --progress=$mode -t out ctx
		: >measured.log
	done
}

test_a_step_that_forks_without_end_can_be_stopped() {
	need_busybox
	mkdir ctx
	printf 'FROM busybox\nRUN --network=none i=0; while [ $i -lt 1500 ]; do sleep 1000 & i=$((i+1)); done; echo forked; wait\n' >ctx/Containerfile
	cooper build --progress=plain ctx >log 2>&1 &
	pid=$!
	for _ in $(seq 300); do
		grep -q ' forked' log && break
		sleep 0.1
	done
	grep -q ' forked' log || fail "$(tail -n 3 log)"
	start=$(date +%s%N)
	kill -TERM $pid
	status=0
	wait $pid || status=$?
	assert_eq "$status" 130
	[ $((($(date +%s%N) - start) / 1000000)) -lt 8000 ] || fail 'stopping took too long'
	for _ in $(seq 50); do
		[ "$(pgrep -fxc 'sleep 1000')" = 0 ] && return
		sleep 0.1
	done
	fail "$(pgrep -fxc 'sleep 1000') processes are left"
}

test_a_full_disk_is_an_error_and_the_store_stays_good() {
	[ "$ROLE" = root ] || skip 'a small file system takes root'
	mkdir ctx small
	mount -t tmpfs -o size=48m none small || skip 'nothing can be mounted'
	trap 'umount -l small' EXIT
	export COOPER_ROOT=$PWD/small/store
	need_busybox
	printf 'FROM busybox\nRUN --network=none echo good >/good\nRUN --network=none dd if=/dev/zero of=/big bs=1M\n' >ctx/Containerfile
	assert_fails 1 cooper build -t full ctx
	assert_match "$LAST" 'error: *Containerfile:3:*'
	head -c 60000000 /dev/urandom >ctx/big
	printf 'FROM busybox\nRUN --network=none echo good >/good\nCOPY big /big\n' >ctx/Containerfile
	assert_fails 1 cooper build -t full ctx
	assert_match "$LAST" '*No space left on device*'
	rm ctx/big
	printf 'FROM busybox\nRUN --network=none echo good >/good\nRUN --network=none cat /good\n' >ctx/Containerfile
	cooper build -t full ctx
	cooper prune -af >/dev/null
	cooper build -q -t full ctx
	assert_eq "$(ls small/store/tmp)" ''
}

run_tests
