#!/bin/bash
# Owners of files and failing steps, the same for root, a user with subordinate ids and one without (COOPER_SUBIDS=none).
. "$(dirname "$0")/lib.sh"
want_bases debian-bookworm
export SOURCE_DATE_EPOCH=1700000000

# every_mode COMMAND: for the ordinary user once with and once without subordinate ids, each in a store of its own.
every_mode() {
	"$@"
	[ "$ROLE" = user ] || return 0
	export COOPER_SUBIDS=none COOPER_ROOT=$E2E_DIR/store-single
	"$@"
}

owners() {
	need_busybox
	mkdir -p ctx
	echo a >ctx/a
	cat >ctx/Containerfile <<-'END'
		FROM busybox
		RUN echo app:x:501:501::/:/bin/sh >>/etc/passwd && mkdir /d && touch /d/x && chown -R 501:502 /d && chmod 2755 /d
		COPY --chown=7:8 a /a
		RUN echo more >>/a && touch /d/new && cp -a /d /copy && stat -c %u:%g /a /d/x /copy/x
		USER app
		RUN touch /tmp/mine && stat -c %u /tmp/mine
	END
	build_ok --iidfile iid -t o ctx
	assert_match "$(cat build.log)" "*7:8*501:502*501:502*501*"
	cooper build -q -o type=tar,dest=o.tar ctx >/dev/null
	assert_eq "$(tar --numeric-owner -tvf o.tar a d/x d/new copy/x tmp/mine | awk '{print $2}' | tr '\n' ' ')" "7/8 501/502 0/502 501/502 501/501 "
	same_for_both "$(cat iid)"
}
test_owners_are_the_same_in_every_mode() { every_mode owners; }

# Links and pipes cannot carry the note of a single id; stat in later steps and the layers know them all the same.
link_owners() {
	need_busybox
	mkdir -p ctx
	cat >ctx/Containerfile <<-'END'
		FROM busybox
		RUN mkdir /d && ln -s x /d/l && chown -h 5:6 /d/l && mkfifo /d/p && chown 7:8 /d/p && ln -s y /d/r && chown -h 9:9 /d/r && mv /d/r /d/moved
		RUN stat -c %u:%g /d/l /d/p /d/moved | tr '\n' ' ' && cp -a /d/l /copy && stat -c %u:%g /copy && touch /d/new && ln -s z /d/plain
		RUN chown -h 10:11 /d/l /d/plain && stat -c %u:%g /d/l
	END
	build_ok --iidfile iid ctx
	assert_match "$(cat build.log)" "*5:6 7:8 9:9 5:6*10:11*"
	cooper build -q -o type=tar,dest=o.tar ctx >/dev/null
	assert_eq "$(tar --numeric-owner -tvf o.tar copy d/l d/moved d/p d/plain | sort -k6 | awk '{print $2}' | tr '\n' ' ')" "5/6 10/11 9/9 7/8 10/11 "
	same_for_both "$(cat iid)"
}
test_links_and_pipes_belong_to_the_same_in_every_mode() { every_mode link_owners; }

# Whoever makes a file owns it, also after su; in a single id the kernel does not know.
makers() {
	need_busybox
	mkdir -p ctx
	cat >ctx/Containerfile <<-'END'
		FROM busybox
		RUN echo app:x:1000:1001::/home/app:/bin/sh >>/etc/passwd && mkdir -p /home/app && chown 1000:1001 /home/app && \
			su app -c 'cd && mkdir a && echo 1 >a/f && ln -s f a/l && mkfifo p && cp -a a b && tar cf t.tar a' && chown -h 0:5 /home/app/a/l
		USER app
		RUN cd && echo x >y && mkdir -p k/l
		USER root
		RUN su app -c 'cd && echo more >>y && rm a/f && (umask 077; echo new >a/f)' && echo root >/home/app/r && stat -c %u:%g /home/app/a/f
	END
	build_ok --iidfile iid ctx
	assert_match "$(cat build.log)" "*1000:1001*"
	cooper build -q -o type=tar,dest=o.tar ctx >/dev/null
	assert_eq "$(tar --numeric-owner -tvf o.tar home/app/a/f home/app/a/l home/app/b/f home/app/k/l home/app/r home/app/y | sort -k6 | awk '{print $1 $2}' | tr '\n' ' ')" \
		"-rw-------1000/1001 lrwxrwxrwx0/5 -rw-r--r--1000/1001 drwxr-xr-x1000/1001 -rw-r--r--0/0 -rw-r--r--1000/1001 "
}
test_files_belong_to_who_makes_them_in_every_mode() { every_mode makers; }

missing_command() {
	need_busybox
	printf 'FROM busybox\nRUN ["nosuch"]\n' >Containerfile
	assert_fails 1 cooper build .
	assert_match "$LAST" '*process "nosuch" could not be started: exec: "nosuch": executable file not found in $PATH'
}
test_a_missing_command_is_a_failed_step() { every_mode missing_command; }

kept() {
	need_busybox
	printf 'FROM busybox\nRUN mkdir /gone && echo below >/gone/f\nRUN rm -r /gone && mkdir /gone && echo made >/made; exit 3\n' >Containerfile
	rm -rf kept
	assert_fails 1 cooper build --on-error=shell --output-on-failure kept . </dev/null
	assert_match "$(cat stderr.log)" "*needs a terminal*"
	assert_eq "$(cat kept/made)" made
	assert_no_file kept/gone/f
	assert_file kept/bin/sh
}
test_files_of_a_failed_step_are_kept() { every_mode kept; }

layers_mounted() {
	need_busybox
	mkdir -p ctx
	cat >ctx/Containerfile <<-'END'
		FROM busybox AS src
		RUN mkdir /s && echo one >/s/1 && echo gone >/s/2
		RUN rm /s/2 && echo three >/s/3 && ln -s s /link
		FROM busybox
		RUN --mount=from=src,source=/link,target=/m [ "$(ls /m | tr '\n' ' ')" = "1 3 " ] && ! touch /m/x
		RUN --mount=from=src,source=/s,target=/m,rw echo more >/m/1 && rm /m/3
		RUN --mount=from=src,source=/s/3,target=/f [ "$(cat /f)" = three ]
	END
	build_ok ctx
	printf 'FROM busybox AS src\nRUN touch /a\nFROM busybox\nRUN --mount=from=src,source=/nope,target=/m true\n' >ctx/Containerfile
	assert_fails 1 cooper build ctx
	assert_match "$LAST" '*"/nope": not found*'
}
test_trees_of_several_layers_are_mounted_as_one() { every_mode layers_mounted; }

# A container that allows namespaces: root in it, and somebody else.
inside_a_container() {
	need_debian
	mkdir -p ctx
	cp "$COOPER" ctx/cooper
	cp "$E2E_TOP/busybox.tar" ctx/busybox.tar
	printf 'FROM busybox\nRUN --network=none echo inner >/x && chown 5:6 /x\nRUN --network=none stat -c %%u:%%g /x && cat /x\n' >ctx/inner
	cat >ctx/Containerfile <<-'END'
		FROM debian:bookworm-slim
		RUN useradd u
		RUN --security=insecure --network=none --mount=type=bind,target=/ctx --mount=type=tmpfs,target=/t \
		    cp -r /ctx /t/c && cd /t/c && export COOPER_ROOT=/t/st && \
		    ./cooper import busybox.tar busybox && ./cooper build --progress=plain -f inner .
	END
	runs=1
	# With one id nobody is really somebody else.
	[ "${COOPER_SUBIDS:-}" = none ] || { runs=2; cat >>ctx/Containerfile; } <<-'END'
		RUN --security=insecure --network=none --mount=type=bind,target=/ctx --mount=type=tmpfs,target=/t \
		    mkdir /t/u && cp -r /ctx /t/u/c && chown -R u /t/u && \
		    su u -c 'cd /t/u/c && export COOPER_ROOT=/t/u/st && ./cooper import busybox.tar busybox && ./cooper build --progress=plain -f inner .'
	END
	build_ok --allow security.insecure --no-cache ctx
	assert_eq "$(grep -cE '^#[0-9]+ [0-9.]+ #[0-9]+ [0-9.]+ (inner|5:6)$' build.log)" $((2 * runs))
}
test_steps_run_inside_of_a_container() { every_mode inside_a_container; }

test_a_store_of_one_id_is_not_taken_for_another() {
	[ "$ROLE" = user ] || skip "for ordinary users"
	need_busybox
	printf 'FROM busybox\nRUN echo x >/x\n' >Containerfile
	COOPER_SUBIDS=none build_ok .
	printf 'FROM busybox\nRUN echo y >/y\n' >Containerfile
	[[ $(cooper info) == *"with subordinate ids"* ]] || skip "no subordinate ids"
	assert_fails 1 cooper build .
	assert_match "$LAST" "*filled without subordinate ids*"
}

test_info_says_what_will_happen() {
	if [ "$ROLE" = user ]; then
		assert_match "$(COOPER_SUBIDS=none cooper info)" '*one id: owners of files are kept as notes, and are right in the image*'
	fi
	assert_eq "$(COOPER_NETWORK=host cooper info -f '{{.Network}}')" "the host's (COOPER_NETWORK=host)"
	need_busybox
	printf 'FROM busybox\nRUN ls /sys/class/net >/n\n' >Containerfile
	build_ok .
	case $(cooper info -f '{{.Network}}') in
	private*) ! grep -q 'share the network of the host' build.log || fail "$(cat build.log)" ;;
	"the host's: "*) grep -q 'share the network of the host' build.log || fail "$(cat build.log)" ;;
	*) fail "$(cooper info)" ;;
	esac
	[ -r /dev/net/tun ] || [ ! -e /dev/net/tun ] || ! command -v pasta || assert_match "$(cooper info)" '*as root: chmod 666 /dev/net/tun*'
	case $(cooper info -f '{{.Limits}}') in
	*' (cgroup version '[12]')'* | 'none: '?*) ;;
	*) fail "$(cooper info)" ;;
	esac
}

run_tests
