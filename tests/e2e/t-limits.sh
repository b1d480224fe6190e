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

# limit_of CONTROLLER: can it be had here? cooper info says so; else a build has to say why it has no effect.
limit_of() {
	[[ $(cooper info -f '{{.Limits}}') =~ ^([a-z, ]*)\ \(cgroup ]] && [[ " ${BASH_REMATCH[1]}," == *" $1,"* ]]
}

no_cgroup_left() {
	assert_eq "$(find /sys/fs/cgroup -type d -regex '.*/cooper-[0-9]+-[0-9]+' -user "$(id -un)" 2>/dev/null)" ''
}

test_memory_is_limited_or_it_is_told_why_not() {
	need_busybox
	mkdir ctx
	printf 'FROM busybox\nRUN --network=none head -c 100000000 /dev/zero | sort -r >/x\n' >ctx/Containerfile
	if limit_of memory; then
		assert_fails 1 cooper build -m 32m --memory-swap 32m ctx
		assert_match "$LAST" '*did not complete successfully: exit code: 137: killed: out of memory (limit 32m)'
		printf 'FROM busybox\nRUN --network=none head -c 100000000 /dev/zero | sort -r >/x; true\n' >ctx/Containerfile
		build_ok -m 32m --memory-swap 32m ctx
		assert_match "$(cat build.log)" '*a process of this step was killed: out of memory (limit 32m)*'
	else
		printf 'FROM busybox\nRUN --network=none echo one\nRUN --network=none echo two\n' >ctx/Containerfile
		build_ok -m 32m ctx
		assert_match "$(cat build.log)" '*WARN: no effect here: --memory: *'
		assert_eq "$(grep -c 'WARN: no effect here' build.log)" 1
	fi
	no_cgroup_left
}

test_processes_are_limited_or_it_is_told_why_not() {
	need_busybox
	mkdir ctx
	printf 'FROM busybox\nRUN --network=none for i in $(seq 30); do sleep 5 & done; echo made\n' >ctx/Containerfile
	if limit_of pids; then
		assert_fails 1 cooper build --pids-limit 10 ctx
		assert_match "$LAST" '*exit code: 2: no more processes could be made (limit 10)'
	else
		build_ok --pids-limit 10 ctx
		assert_match "$(cat build.log)" '*WARN: no effect here: --pids-limit: *'
	fi
	build_ok ctx
	no_cgroup_left
}

test_processor_time_is_limited_or_it_is_told_why_not() {
	need_busybox
	mkdir ctx
	printf 'FROM busybox\nRUN --network=none true\n' >ctx/Containerfile
	build_ok --cpu-quota 20000 --cpu-period 100000 -c 512 --cpuset-cpus 0 ctx
	if limit_of cpu && limit_of cpuset; then
		! grep -q 'no effect' build.log || fail "$(grep 'no effect' build.log)"
		printf 'FROM busybox\nRUN --network=none [ $(grep Cpus_allowed_list /proc/self/status | cut -f2) = 0 ]\n' >ctx/Containerfile
		build_ok --cpuset-cpus 0 ctx
	elif ! limit_of cpu && ! limit_of cpuset; then
		assert_match "$(cat build.log)" '*WARN: no effect here: --cpu-quota, --cpu-shares, --cpuset-cpus: *'
	fi
	no_cgroup_left
}

test_limits_are_not_part_of_the_key() {
	need_busybox
	printf 'FROM busybox\nRUN --network=none echo x >/x\n' >Containerfile
	build_ok .
	build_ok -m 1g --pids-limit 500 --cpu-shares 2048 --cpuset-cpus 0 --cgroup-parent /nowhere .
	assert_eq "$(steps_cached)" 2
	assert_eq "$(grep -c WARN build.log)" 0 # nothing ran
}

test_wrong_limits_are_refused_before_anything_is_done() {
	local o
	for o in --memory=5m --memory=x --memory-swap=1g '--memory=64m --memory-swap=32m' --cpu-period=10 --cpu-quota=10 --cpu-shares=1 --cpuset-cpus=a \
		--cpuset-cpus=3-1 --cpuset-mems=0- --pids-limit=-2 --cgroup-parent=../x; do
		# shellcheck disable=SC2086
		assert_fails 2 cooper build $o .
		name=${o##*--}
		assert_match "$LAST" "error: *--${name%%=*}*"
	done
}

test_a_killed_builders_cgroup_goes_with_the_next_build() {
	limit_of pids || skip 'no limits for this user'
	need_busybox
	printf 'FROM busybox\nRUN --network=none echo begun; sleep 60\n' >Containerfile
	cooper build --progress=plain --pids-limit 20 . >log 2>&1 &
	pid=$!
	for _ in $(seq 100); do
		grep -q ' begun$' log && break # its output, not its name
		sleep 0.1
	done
	find /sys/fs/cgroup -type d -name "cooper-$pid-*" | grep -q . || fail 'it had no cgroup'
	kill -KILL $pid
	wait $pid || :
	printf 'FROM busybox\nRUN --network=none true\n' >Containerfile
	build_ok .
	assert_eq "$(find /sys/fs/cgroup -type d -name "cooper-$pid-*")" ''
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
