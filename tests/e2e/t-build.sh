#!/bin/bash
# cooper build: its flags, its inputs, its outputs.
. "$(dirname "$0")/lib.sh"
want_bases debian-bookworm

# A file of the image $1, on standard output.
file_of() { cooper build -q -o type=tar,dest=- - <<<"FROM $1" 2>file_of.log | tar xOf - "$2"; }

config_of() { cooper inspect -f '{{json .Config}}' "$1" | jq -r "$2"; }

test_names_and_files_about_the_result() {
	need_busybox
	printf 'FROM busybox\nRUN echo x >/x\nLABEL from=file\n' >Containerfile
	build_ok -t one -t two:2 -t example.com/team/three --label a=b --label from=flag --iidfile iid --metadata-file meta .
	id=$(cat iid)
	for name in one two:2 example.com/team/three:latest; do
		assert_eq "$(cooper build -q - <<<"FROM $name")" "$(cooper build -q - <<<"FROM one")"
	done
	assert_eq "$(jq -r '."containerimage.digest"' meta)" "$id"
	assert_eq "$(jq -r '."containerimage.config.digest"' meta)" "$(jq -r .config.digest "$COOPER_ROOT/blobs/sha256/${id#sha256:}")"
	mkdir locked
	chmod 500 locked
	[ "$ROLE" = root ] || assert_fails 1 cooper build --iidfile locked/iid .
	[ "$ROLE" = root ] || assert_match "$LAST" '*--iidfile locked/iid: folder locked: Permission denied'
	assert_eq "$(jq -r '."image.name"' meta)" 'docker.io/library/one:latest,docker.io/library/two:2,example.com/team/three:latest'
	assert_eq "$(jq -r '."containerimage.descriptor".size' meta)" "$(stat -c %s "$COOPER_ROOT/blobs/sha256/${id#sha256:}")"
	assert_eq "$(config_of one '.Labels | "\(.a) \(.from)"')" 'b flag'
	assert_eq "$(cooper build -q -t one --label a=b --label from=flag .)" "$id"
}

test_quiet_prints_the_digest_alone() {
	need_busybox
	printf 'FROM busybox\nRUN echo loud; echo louder >&2\n' >Containerfile
	cooper build -q . >out 2>err
	assert_match "$(cat out)" 'sha256:????????????????????????????????????????????????????????????????'
	assert_eq "$(wc -l <out) $(grep -c '^#\|loud' err || :)" '1 0'
}

test_the_containerfile_comes_from_anywhere() {
	need_busybox
	mkdir ctx
	echo data >ctx/data
	printf 'FROM busybox\nCOPY data /from-other\n' >other
	printf 'FROM busybox\nCOPY data /from-default\n' >ctx/Dockerfile
	build_ok -t a -f other ctx
	assert_eq "$(file_of a from-other)" data
	cooper build -q -t b -f - ctx <other >/dev/null
	assert_eq "$(file_of b from-other)" data
	build_ok -t c ctx
	assert_eq "$(file_of c from-default)" data
	printf 'FROM busybox\nRUN echo own >/own\n' | cooper build -q -t d - >/dev/null
	assert_eq "$(file_of d own)" own
	printf 'FROM busybox\nCOPY data /from-containerfile\n' >ctx/Containerfile
	build_ok -t e ctx
	assert_eq "$(file_of e from-containerfile)" data
}

test_the_context_is_a_tar_from_stdin_or_from_a_server() {
	need_busybox
	mkdir ctx www
	echo data >ctx/data
	printf 'FROM busybox\nCOPY data /d\n' >ctx/Containerfile
	tar -C ctx -cf ctx.tar .
	gzip -c ctx.tar >www/ctx.tar.gz
	cp ctx/Containerfile www/plain
	one=$(SOURCE_DATE_EPOCH=0 digest_of ctx)
	assert_eq "$(SOURCE_DATE_EPOCH=0 cooper build -q - <ctx.tar)" "$one"
	assert_eq "$(gzip -c ctx.tar | SOURCE_DATE_EPOCH=0 cooper build -q -)" "$one"
	assert_eq "$(zstd -qc ctx.tar | SOURCE_DATE_EPOCH=0 cooper build -q -)" "$one"
	serve www
	assert_eq "$(SOURCE_DATE_EPOCH=0 digest_of "http://$SERVER/ctx.tar.gz")" "$one"
	assert_match "$(cat "$SERVER_LOG")" '*GET /ctx.tar.gz*'
	printf 'FROM busybox\nRUN echo from-url >/u\n' >www/plain
	build_ok -t u "http://$SERVER/plain"
	assert_eq "$(file_of u u)" from-url
	assert_fails 3 cooper build "http://$SERVER/missing"
	assert_match "$LAST" 'error: *404*'
}

test_target_builds_only_what_it_reaches() {
	need_busybox
	printf 'FROM busybox AS one\nRUN echo 1 >/one\nFROM busybox AS two\nRUN exit 3\nFROM one AS three\nRUN echo 3 >/three\n' >Containerfile
	build_ok --target one -t one .
	assert_eq "$(file_of one one)" 1
	build_ok -t three .
	assert_eq "$(file_of three three)" 3
	assert_fails 1 cooper build --target two .
	assert_fails 1 cooper build --target thre .
	assert_match "$LAST" '*thre*three*'
}

test_build_arguments_come_from_flags_the_environment_and_files() {
	need_busybox
	printf 'ARG TAG=latest\nFROM busybox:$TAG\nARG A=a\nARG B=b\nARG C\nRUN echo "$A $B ${C-unset}" >/args\n' >Containerfile
	A=fromenv build_ok --build-arg A --build-arg B=fromflag -t x .
	assert_eq "$(file_of x args)" 'fromenv fromflag unset'
	printf 'A=1\n# comment\nC=3 4\n' >args
	build_ok --build-arg-file args -t x .
	assert_eq "$(file_of x args)" '1 b 3 4'
	build_ok --build-arg Z=1 -t x .
	assert_match "$(cat build.log)" '*build argument Z was not consumed*'
}

test_output_to_a_folder_and_tars() {
	need_busybox
	need skopeo
	printf 'FROM busybox AS b\nRUN mkdir -p /p/d && echo x >/p/f && ln -s f /p/l && chmod 750 /p/d && ln /p/f /p/h\nFROM scratch\nCOPY --from=b /p /p\n' >Containerfile
	build_ok -o out .
	assert_eq "$(cat out/p/f) $(readlink out/p/l) $(stat -c %a out/p/d)" 'x f 750'
	build_ok -o type=tar,dest=out.tar .
	cooper build -q -o - . >minus.tar
	cmp out.tar minus.tar
	assert_eq "$(tar tf out.tar | sort | tr '\n' ' ')" 'p/ p/d/ p/f p/h p/l '
	build_ok -t named -o type=oci,dest=oci.tar -o type=docker,dest=docker.tar -o type=oci,tar=false,dest=ocidir .
	id=$(cooper build -q .)
	config=$(jq -r .config.digest "$COOPER_ROOT/blobs/sha256/${id#sha256:}")
	for from in oci-archive:oci.tar docker-archive:docker.tar oci:ocidir; do
		assert_eq "$from sha256:$(skopeo inspect --config --raw "$from" | sha256sum | cut -d' ' -f1)" "$from $config"
	done
	assert_eq "$(tar xOf docker.tar manifest.json | jq -r '.[0].RepoTags[0]')" named:latest
	build_ok -o type=docker,dest=- .
	tar tf stdout.log >/dev/null
}

test_pages_hold_readable_files_without_links() {
	need_busybox
	printf 'FROM busybox AS b\nRUN mkdir -p /s/d && echo x >/s/f && chmod 600 /s/f && ln -s f /s/l && ln -s d /s/e && echo y >/s/d/g && ln /s/f /s/h\nFROM scratch\nCOPY --from=b /s /\n' >Containerfile
	build_ok -o type=pages,dest=pages.tar .
	mkdir p
	tar xf pages.tar -C p
	assert_eq "$(cat p/f p/l p/h p/d/g p/e/g | tr -d '\n')" xxxyy
	assert_eq "$(find p -type l -o -type f -links +1 -o ! -perm -444)" ''
}

test_push_goes_to_the_registry() {
	need_registry
	need skopeo
	need_busybox
	printf 'FROM busybox\nRUN echo pushed >/pushed\n' >Containerfile
	build_ok --push -t "$REGISTRY/pushed:$ROLE" .
	remote() { skopeo inspect --tls-verify=false "$@" "docker://$REGISTRY/pushed:$ROLE"; }
	id=$(digest_of .)
	assert_eq "sha256:$(remote --config --raw | sha256sum | cut -d' ' -f1)" "$(jq -r .config.digest "$COOPER_ROOT/blobs/sha256/${id#sha256:}")"
	build_ok -o "type=registry,name=$REGISTRY/pushed:$ROLE" .
	COOPER_ROOT=$E2E_DIR/other
	printf 'FROM %s/pushed:%s\nRUN test -s /pushed && echo again >/again\n' "$REGISTRY" "$ROLE" >Containerfile
	build_ok -t again .
	assert_eq "$(file_of again pushed)" pushed
}

test_network_none_has_no_way_out() {
	need_busybox
	printf 'FROM busybox\nRUN ls /sys/class/net | tr "\\n" " " >/net; ip route >/route\n' >Containerfile
	build_ok --network=none -t a .
	assert_eq "$(file_of a net)" 'lo '
	assert_eq "$(file_of a route)" ''
	printf 'FROM busybox\nRUN --network=none ls /sys/class/net | tr "\\n" " " >/net\n' >Containerfile
	build_ok -t b .
	assert_eq "$(file_of b net)" 'lo '
	printf 'FROM busybox\nRUN --network=host true\n' >Containerfile
	assert_fails 1 cooper build .
	build_ok --allow network.host .
}

test_hosts_are_added_and_stay_out_of_the_layer() {
	need_busybox
	printf 'FROM busybox\nRUN grep -w far /etc/hosts >/seen; hostname >/name\n' >Containerfile
	build_ok --add-host far:10.1.2.3 -t a .
	assert_match "$(file_of a seen)" '10.1.2.3?far'
	cooper build -q -o type=tar,dest=a.tar - <<<'FROM a' >/dev/null
	! tar xOf a.tar etc/hosts etc/resolv.conf etc/hostname 2>/dev/null | grep . || fail "the files of the sandbox are in the image"
}

test_secrets_are_seen_by_their_step_and_by_nothing_else() {
	need_busybox
	secret=hush-$RANDOM$RANDOM-hush
	echo "$secret-file" >secret
	printf 'FROM busybox\nRUN --mount=type=secret,id=f md5sum </run/secrets/f >/f; stat -c %%a /run/secrets/f >/mode\nRUN --mount=type=secret,id=e,env=TOKEN --mount=type=secret,id=e,target=/tok printf %%s "$TOKEN" | md5sum >/e; md5sum </tok >>/e\nRUN test ! -e /run/secrets/f && test -z "$TOKEN" && test ! -s /tok\n' >Containerfile
	TOKEN_HERE=$secret-env build_ok --secret id=f,src=secret --secret id=e,env=TOKEN_HERE -t s .
	assert_eq "$(file_of s f)" "$(md5sum <secret)"
	assert_eq "$(file_of s mode)" 400
	assert_eq "$(file_of s e | sort -u)" "$(printf %s "$secret-env" | md5sum)"
	! grep -raF "$secret" "$COOPER_ROOT" build.log || fail "the secret is kept somewhere"
	! cooper history --no-trunc s | grep -F "$secret" || fail "the secret is in the history"
	cooper save s | gzip -dcf | { ! grep -aF "$secret"; } || fail "the secret is in the image"
	# The way to look is good: what is no secret is found.
	echo "$secret" >plain
	printf 'FROM busybox\nCOPY plain /\nRUN cp plain plain2\n' >Containerfile
	build_ok -t s .
	grep -raqF "$secret" "$COOPER_ROOT" || fail "grep finds nothing"
}

test_a_required_secret_that_is_missing_fails() {
	need_busybox
	printf 'FROM busybox\nRUN --mount=type=secret,id=no test ! -e /run/secrets/no\n' >Containerfile
	build_ok .
	printf 'FROM busybox\nRUN --mount=type=secret,id=no,required true\n' >Containerfile
	assert_fails 1 cooper build .
	assert_match "$LAST" 'error: Containerfile:2:*no*'
}

test_an_agent_is_forwarded() {
	need ssh-agent ssh-keygen ssh-add
	need_debian
	ssh-keygen -q -t ed25519 -N '' -f key
	eval "$(ssh-agent -a "$E2E_DIR/agent")" >/dev/null
	echo "$SSH_AGENT_PID" >>"$E2E_DIR/pids"
	ssh-add -q key
	cat >ask.pl <<'PERL'
use IO::Socket::UNIX;
my $s = IO::Socket::UNIX->new(Peer => $ENV{SSH_AUTH_SOCK}) or die "no agent: $!";
print $s "\0\0\0\1\x0b"; # SSH_AGENTC_REQUEST_IDENTITIES
$s->flush;
my ($head, $body);
read $s, $head, 4;
read $s, $body, unpack("N", $head);
my ($kind, $keys) = unpack("CN", $body);
print "kind $kind keys $keys\n";
PERL
	printf 'FROM debian:bookworm-slim\nCOPY ask.pl /\nRUN --mount=type=ssh perl /ask.pl >/answer\nUSER nobody\nRUN --mount=type=ssh,id=other,uid=65534 perl /ask.pl\nRUN test -z "$SSH_AUTH_SOCK"\n' >Containerfile
	build_ok --ssh default --ssh "other=$SSH_AUTH_SOCK" -t a .
	assert_eq "$(file_of a answer)" 'kind 12 keys 1'
	assert_match "$(cat build.log)" '*kind 12 keys 1*'
}

test_named_contexts_are_folders_images_and_layouts() {
	need_busybox
	mkdir more
	echo m >more/m
	printf 'FROM busybox\nRUN echo base >/base\n' | cooper build -q -t mine - >/dev/null
	cooper save --format oci-dir -o layout mine
	cooper rmi mine >/dev/null
	cooper build -q -t kept - <<<'FROM busybox' >/dev/null
	printf 'FROM base\nCOPY --from=more m /\nCOPY --from=img /bin/busybox /bb\nRUN cat /base /m >/both\n' >Containerfile
	build_ok --build-context more=more --build-context img=docker-image://kept --build-context base=oci-layout://layout:latest -t x .
	assert_eq "$(file_of x both | tr '\n' ' ')" 'base m '
	assert_fails 1 cooper build --build-context more=more --build-context img=docker-image://kept --build-context base=oci-layout://layout:nope .
	assert_fails 1 cooper build --build-context more=missing .
}

make_repository() {
	git init -q -b main src
	git -C src config user.email a@example.com
	git -C src config user.name a
	mkdir src/sub
	printf 'FROM busybox\nCOPY file /file\n' >src/Containerfile
	printf 'FROM busybox\nRUN echo sub >/sub\n' >src/sub/Containerfile
	echo one >src/file
	git -C src add .
	git -C src commit -qm one
	git -C src tag v1
	echo two >src/file
	git -C src commit -qam two
	mkdir www
	git clone -q --bare src www/repo.git
	git -C www/repo.git update-server-info
}

test_git_gives_contexts_and_files() {
	need git
	need_busybox
	make_repository
	serve www
	url=http://$SERVER/repo.git
	build_ok -t a "$url"
	assert_eq "$(file_of a file)" two
	build_ok -t a "$url#v1"
	assert_eq "$(file_of a file)" one
	build_ok -t a "$url#main:sub"
	assert_eq "$(file_of a sub)" sub
	printf 'FROM busybox\nADD %s#v1 /repo\nADD --keep-git-dir=true %s /kept\n' "$url" "$url" >Containerfile
	build_ok -t a .
	assert_eq "$(file_of a repo/file) $(file_of a kept/file)" 'one two'
	assert_match "$(file_of a kept/.git/HEAD)" '?*'
	build_ok .
	assert_eq "$(grep -A1 -E '^#[0-9]+ \[[23]/3\] ADD' build.log | grep -c CACHED)" 2
	assert_fails 1 cooper build "$url#nothing"
	assert_match "$LAST" 'error: *nothing*'
}

test_private_git_repositories() {
	need git strace
	need_busybox
	make_repository
	cat >server.py <<-'END'
		import base64, http.server, os
		os.chdir("www")
		good = ["Basic " + base64.b64encode(b).decode() for b in (b"x-access-token:tok3n", b"me:pass:word@3", b"tok3n:")] + ["Bearer tok3n"]
		class Handler(http.server.SimpleHTTPRequestHandler):
		    def do_GET(self):
		        who = self.headers.get("Authorization")
		        self.path = self.path.removeprefix("http://behind.invalid")
		        if self.path.startswith("/elsewhere/"):
		            self.send_response(302)
		            self.send_header("Location", self.path.replace("/elsewhere/", "http://localhost:%d/pub/" % self.server.server_address[1]))
		            return self.end_headers()
		        if self.headers["Host"].startswith("localhost") and who:
		            open("../leaked", "w").write(who)
		        if self.path.startswith("/pub/") and not who:
		            self.path = self.path[4:]
		            return super().do_GET()
		        if who in good:
		            return super().do_GET()
		        self.send_response(401)
		        self.send_header("WWW-Authenticate", 'Basic realm="x"')
		        self.end_headers()
		server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
		print("on port %d " % server.server_address[1], flush=True)
		server.serve_forever()
	END
	serve . python3 -u server.py
	url=http://$SERVER/repo.git
	printf 'FROM busybox\nADD %s /repo\n' "$url" >Containerfile
	assert_fails 3 cooper build "$url"
	assert_match "$LAST" "*--secret id=GIT_AUTH_TOKEN*"
	assert_fails 3 cooper build .
	export TOK=tok3n HEAD='Bearer tok3n' BAD=bad
	for secret in "id=GIT_AUTH_TOKEN,env=TOK" "id=GIT_AUTH_TOKEN.$SERVER,env=TOK" "id=GIT_AUTH_HEADER,env=HEAD"; do
		build_ok --no-cache --secret "$secret" -t a .
		assert_eq "$(file_of a repo/file)" two
	done
	assert_fails 3 cooper build --no-cache --secret id=GIT_AUTH_TOKEN,env=TOK --secret "id=GIT_AUTH_HEADER.$SERVER,env=BAD" .
	strace -f -s 1000 -e trace=execve -o trace cooper build --progress=plain --secret id=GIT_AUTH_TOKEN,env=TOK "$url" >log 2>&1 || fail "$(cat log)"
	strace -f -s 1000 -e trace=execve -o trace2 cooper build --progress=plain "http://me:pass%3Aword%403@$SERVER/repo.git" >>log 2>&1 || fail "$(cat log)"
	build_ok "http://tok3n@$SERVER/repo.git"
	build_ok --secret id=GIT_AUTH_TOKEN,env=TOK "http://me@$SERVER/repo.git"
	build_ok "http://git@$SERVER/pub/repo.git" # whose host takes nobody it does not know
	build_ok "http://$SERVER/elsewhere/repo.git"
	http_proxy=http://$SERVER build_ok http://behind.invalid/pub/repo.git
	assert_fails 3 cooper build --secret id=GIT_AUTH_TOKEN,env=TOK "http://$SERVER/elsewhere/repo.git"
	[ ! -e leaked ] || fail "another host got $(cat leaked)"
	sed -i 1d trace2 # our own command line
	grep -q 'git.*ls-remote' trace2 || fail "git was not seen"
	! grep -E 'tok3n|pass' trace trace2 log || fail "a secret is told"
	[ "$ROLE" != root ] || ! grep -rlE 'tok3n|pass.{1,3}word' "$COOPER_ROOT" || fail "a secret is kept"
	assert_fails 1 cooper build "http://me:pass%3Aword%403@$SERVER/repo.git#nothing"
	[[ $(cat stderr.log) != *pass* ]] || fail "a secret is told: $(cat stderr.log)"
	for bad in "http://me:pa^ss@$SERVER/repo.git" "http://me:s3/pass@$SERVER/repo.git"; do
		assert_fails 1 cooper build "$bad"
		[[ $(cat stderr.log) != *'ss@'* ]] || fail "a secret is told: $(cat stderr.log)"
	done
}

test_add_fetches_files_and_checks_them() {
	need_busybox
	mkdir www
	echo remote >www/file
	false_sum=$(echo other | sha256sum | cut -d' ' -f1)
	sum=$(sha256sum <www/file | cut -d' ' -f1)
	serve www
	printf 'FROM busybox\nADD --checksum=sha256:%s http://%s/file /file\n' "$sum" "$SERVER" >Containerfile
	build_ok -t a .
	assert_eq "$(file_of a file)" remote
	printf 'FROM busybox\nADD --checksum=sha256:%s http://%s/file /file\n' "$false_sum" "$SERVER" >Containerfile
	assert_fails 1 cooper build .
	assert_match "$LAST" "error: Containerfile:2:*$sum*"
	printf 'FROM busybox\nADD --checksum=sha256:%064d http://%s/file /file\n' 0 "$SERVER" >Containerfile
	assert_fails 1 cooper build .
}

test_downloads_and_steps_that_do_not_wait_for_each_other_go_together() {
	need_busybox
	cat >server.py <<-'END'
		import http.server, threading
		all = threading.Barrier(3)
		class Handler(http.server.BaseHTTPRequestHandler):
		    def do_GET(self):
		        try:
		            all.wait(20)
		            self.send_response(200)
		        except threading.BrokenBarrierError:
		            self.send_response(500)
		        self.end_headers()
		        self.wfile.write(self.path.encode())
		server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
		print('on port %d ' % server.server_address[1], flush=True)
		server.serve_forever()
	END
	serve . python3 -u server.py
	cat >Containerfile <<-END
		FROM busybox AS a
		ADD http://$SERVER/one /one
		FROM busybox AS b
		RUN wget -qO /three http://$SERVER/three
		FROM busybox
		ADD http://$SERVER/two /two
		COPY --from=a /one /one
		COPY --from=b /three /three
	END
	build_ok --network=host --allow network.host -t all .
	assert_eq "$(file_of all one) $(file_of all two) $(file_of all three)" "/one /two /three"
}

test_a_download_that_fails_stops_what_runs() {
	need_busybox
	mkdir www
	serve www
	printf 'FROM busybox AS a\nADD http://%s/nothing /\nFROM busybox AS b\nRUN sleep 10; echo ove""r\nFROM scratch\nCOPY --from=a /nothing /\nCOPY --from=b /bin/busybox /\n' "$SERVER" >Containerfile
	for jobs in 1 4; do
		assert_fails 3 cooper build --progress=plain --jobs "$jobs" .
		assert_match "$LAST" '*response status 404*'
		! grep -q 'over$' stderr.log || fail "the other step went on to its end"
	done
}

test_an_image_without_steps_of_its_own_is_exported() {
	need_busybox
	printf 'FROM busybox\nRUN echo secret >/f; chown 5:6 /f; chmod 600 /f\n' | cooper build -q -t a - >/dev/null
	cooper build -q -o type=tar,dest=a.tar - <<<'FROM a'
	assert_eq "$(tar --numeric-owner -tvf a.tar f | cut -d' ' -f1,2) $(tar xOf a.tar f)" '-rw------- 5/6 secret'
}

test_a_cached_step_that_was_a_folder_becomes_a_layer() {
	need_busybox
	printf 'FROM busybox\nRUN echo secret >/f; chown 5:6 /f; chmod 600 /f\n' >Containerfile
	build_ok -o type=tar,dest=a.tar .
	build_ok -t a .
	assert_eq "$(file_of a f)" secret
}

test_what_scripts_of_other_builders_say() {
	need_busybox
	printf 'FROM busybox\nRUN env | grep -i proxy | sort >/proxies\n' >Containerfile
	for words in "create --use --name x" "inspect --bootstrap" "ls" "use x" "rm x" "version" "du"; do
		cooper buildx $words >/dev/null || fail "buildx $words"
	done
	assert_fails 2 cooper buildx bake
	mkdir -p home/.docker
	echo '{"proxies":{"default":{"httpProxy":"http://p:1","noProxy":"*.local"}}}' >home/.docker/config.json
	HTTP_PROXY=http://other:2 HTTPS_PROXY=http://s:3 DOCKER_CONFIG=$PWD/home/.docker build_ok --manifest a --retry 3 --retry-delay 2s .
	assert_eq "$(file_of a proxies | tr '\n' ' ')" 'HTTPS_PROXY=http://s:3 HTTP_PROXY=http://p:1 NO_PROXY=*.local http_proxy=http://p:1 https_proxy=http://s:3 no_proxy=*.local '
	for flag in --squash --attest=type=sbom --add-host=x:host-gateway; do
		cooper build "$flag" . >log 2>&1
		grep -q "warning: ${flag%%=*}" log || fail "no word about $flag: $(cat log)"
	done
	assert_fails 2 cooper build -v /tmp:/x .
	assert_match "$LAST" 'error: --volume /tmp:/x: *'
	BUILDAH_FORMAT=docker cooper build -q -o type=oci,dest=x.tar . >/dev/null
	assert_match "$(tar xOf x.tar index.json)" '*vnd.docker.distribution.manifest*'
}

test_only_what_is_below_the_working_folder_is_deleted() {
	printf 'FROM scratch\nCOPY f /\n' >Containerfile
	echo f >f
	mkdir -p out/old other work
	touch out/old/file other/keep
	cooper build -q -o type=local,dest=out,mode=delete . >/dev/null
	assert_eq "$(ls out)" f
	cd work
	assert_fails 2 cooper build -q -o type=local,dest=../other,mode=delete ..
	[ -e ../other/keep ] || fail "a file was deleted"
	cooper build -q --allow buildx.local.delete -o type=local,dest=../other,mode=delete .. >/dev/null
	assert_eq "$(ls ../other)" f
}

test_another_platform_is_built_without_running() {
	need_busybox
	echo f >f
	printf 'FROM --platform=$BUILDPLATFORM busybox AS b\nARG TARGETARCH\nRUN echo "for $TARGETARCH" >/for\nFROM scratch\nCOPY --from=b /for /\nCOPY f /\nENV A=b\n' >Containerfile
	build_ok --platform linux/arm64 -t a .
	assert_eq "$(cooper inspect -f '{{.Os}}/{{.Architecture}}' a)" linux/arm64
	build_ok --platform linux/arm64 -o out .
	assert_eq "$(cat out/for)" 'for arm64'
}

test_heredocs_run_and_copy() {
	need_busybox
	cat >Containerfile <<'END'
FROM busybox
ARG X=expanded
COPY <<one <<"two" /d/
$X
one
$X
two
RUN <<SCRIPT
set -e
echo first >/r
echo second >>/r
set -e
echo first >/r
echo second >>/r
SCRIPT
COPY --chmod=755 <<S /bin/s
#!/bin/sh
echo script
S
RUN s >/s
RUN <<MORE cat >/piped
piped
MORE
END
	build_ok -o out .
	assert_eq "$(cat out/d/one out/d/two out/r out/s out/piped | tr '\n' ' ')" 'expanded $X first second script piped '
}

test_stages_that_do_not_wait_for_each_other_run_together() {
	need_busybox
	# Each waits for the other's sign in the shared cache folder.
	meet='for i in $(seq 300); do [ -e /c/%s ] && exit 0; sleep 0.1; done; exit 1'
	# shellcheck disable=SC2059
	printf "FROM busybox AS a\nRUN --mount=type=cache,id=meet,target=/c touch /c/a; $meet\nFROM busybox AS b\nRUN --mount=type=cache,id=meet,target=/c touch /c/b; $meet\nFROM busybox\nCOPY --from=a /etc /a\nCOPY --from=b /etc /b\n" b a >Containerfile
	build_ok --jobs 2 .
}

test_equal_steps_of_two_stages_run_once() {
	need_busybox
	printf 'FROM busybox AS a\nRUN cat /proc/sys/kernel/random/uuid >/u\nFROM busybox AS b\nRUN cat /proc/sys/kernel/random/uuid >/u\nFROM scratch\nCOPY --from=a /u /a\nCOPY --from=b /u /b\n' >Containerfile
	build_ok -o out .
	assert_eq "$(cat out/a)" "$(cat out/b)"
}

test_cache_mounts_are_kept() {
	need_busybox
	printf 'FROM busybox\nARG N\nRUN --mount=type=cache,target=/c echo "$N" >>/c/all; cat /c/all >/seen\n' >Containerfile
	build_ok --build-arg N=1 .
	build_ok --build-arg N=2 -t a .
	assert_eq "$(file_of a seen | tr '\n' ' ')" '1 2 '
	cooper build -q -o type=tar,dest=a.tar - <<<'FROM a' >/dev/null
	! tar tf a.tar | grep -q '^c/.' || fail "the cache is in the image"
}

test_steps_see_bind_and_tmpfs_mounts() {
	need_busybox
	mkdir ctx
	echo bound >ctx/b
	printf 'FROM busybox AS other\nRUN echo stage >/s\nFROM busybox\nRUN --mount=target=/ctx --mount=from=other,target=/other --mount=type=tmpfs,target=/t cat /ctx/b /other/s >/seen; echo gone >/t/x; ! touch /ctx/w\n' >ctx/Containerfile
	build_ok -t a ctx
	assert_eq "$(file_of a seen | tr '\n' ' ')" 'bound stage '
	assert_no_file ctx/w
}

test_called_build_it_builds() {
	need_busybox
	ln -s "$COOPER" build
	printf 'FROM busybox\nRUN echo x >/x\n' >Containerfile
	./build -t app . >build.log 2>&1
	assert_eq "$(file_of app x)" x
	./build --help | grep -q -- --build-arg || fail "build --help is not that of cooper build"
}

test_owners_modes_and_users_are_kept() {
	need_busybox
	printf 'FROM busybox\nRUN echo "app:x:1234:4321::/home:/bin/sh" >>/etc/passwd; echo "app:x:4321:" >>/etc/group\nCOPY --chown=app:app --chmod=640 f /f\nRUN chmod 4755 /bin/busybox; touch /g; chown 5:6 /g; mkdir -m 1777 /t\nUSER app\nRUN id -u >/t/id; id -g >>/t/id; touch /t/mine\n' >Containerfile
	echo f >f
	build_ok -o type=tar,dest=a.tar .
	assert_eq "$(tar --numeric-owner -tvf a.tar f g t/mine bin/busybox | awk '{print $1, $2, $NF}' | sort | tr '\n' ';')" \
		'-rw-r----- 1234/4321 f;-rw-r--r-- 1234/4321 t/mine;-rw-r--r-- 5/6 g;-rwsr-xr-x 0/0 bin/busybox;'
	assert_eq "$(tar xOf a.tar t/id | tr '\n' ' ')" '1234 4321 '
}

test_the_config_has_what_the_instructions_say() {
	printf 'FROM scratch\nENV A=1 B="two words"\nEXPOSE 80 53/udp\nVOLUME /v\nWORKDIR /w\nWORKDIR x\nUSER 7:8\nSTOPSIGNAL SIGQUIT\nENTRYPOINT ["/e"]\nCMD ["c", "d"]\nHEALTHCHECK --interval=5s CMD x\nONBUILD RUN y\nLABEL l="m n"\n' >Containerfile
	build_ok -t a .
	assert_eq "$(config_of a '[.Env[-2:], (.ExposedPorts|keys), (.Volumes|keys), .WorkingDir, .User, .StopSignal, .Entrypoint, .Cmd, .Labels.l] | tojson')" \
		'[["A=1","B=two words"],["53/udp","80/tcp"],["/v"],"/w/x","7:8","SIGQUIT",["/e"],["c","d"],"m n"]'
}

test_caches_in_services_are_passed_over() {
	need_busybox
	printf 'FROM busybox\nRUN echo x >/x\n' >Containerfile
	build_ok -t app --cache-from type=gha --cache-to type=gha,mode=max .
	assert_eq "$(grep -c '^warning: --cache-\(from\|to\) type=gha is passed over: .*type=registry,ref=' build.log)" 2
	for type in s3,region=eu,bucket=b,name=n azblob,account_url=https://x,name=n gha,scope=main; do
		build_ok --cache-to "mode=max,type=$type,ignore-error=true" --cache-from "type=$type" .
		assert_eq "$(grep -c "^warning: .* type=${type%%,*} is passed over" build.log)" 2
	done
	assert_fails 2 cooper build --cache-to type=s4 .
	assert_match "$LAST" '*unknown type "s4"*'
	assert_fails 2 cooper build --cache-to type=inline,reset=true .
}

test_one_registry_may_be_insecure() {
	need_registry
	need_busybox
	# This name of the loopback is not known for one: TLS is wanted there.
	there=0.0.0.0:${REGISTRY#*:}/insecure-$ROLE
	printf 'FROM busybox\nRUN echo x >/x\n' >Containerfile
	assert_fails 3 cooper build -o "type=image,name=$there:1,push=true" .
	build_ok -o "type=image,name=$there:1,push=true,registry.insecure=true" .
	assert_fails 3 cooper build -o "type=image,name=$there:1,push=true,registry.insecure=false" .
	cache=type=registry,ref=$there:cache
	assert_fails 3 cooper build --cache-to "$cache,mode=max" .
	build_ok --cache-to "$cache,mode=max,registry.insecure=true" .
	# Reading it, and the bytes of its layers.
	printf 'RUN cat /x >/y\n' >>Containerfile
	export COOPER_ROOT=$E2E_DIR/other
	need_busybox
	build_ok --cache-from "$cache" .
	grep -q "cache-from $there:cache is not used" build.log || fail "no warning"
	rm -rf "$COOPER_ROOT"
	need_busybox
	build_ok -t app --cache-from "$cache,registry.insecure=true" .
	! grep -q "is not used" build.log || fail "a warning: $(cat build.log)"
	grep -q '^#[0-9]* CACHED' build.log || fail "nothing was found: $(cat build.log)"
	assert_eq "$(file_of app y)" x
}

test_a_cache_folder_is_started_anew() {
	need_busybox
	printf 'FROM busybox\nARG N\nRUN echo $N >/n\n' >Containerfile
	build_ok --build-arg N=1 --cache-to type=local,dest=c,mode=max .
	first=$(ls c/blobs/sha256)
	build_ok --build-arg N=2 --cache-to type=local,dest=c,mode=max .
	for blob in $first; do assert_file "c/blobs/sha256/$blob"; done
	build_ok --build-arg N=2 --cache-from type=local,src=c --cache-to type=local,dest=c,mode=max,tag=new,reset=true .
	assert_eq "$(jq -r '[.manifests[].annotations."org.opencontainers.image.ref.name"] | tojson' c/index.json)" '["new"]'
	assert_eq "$(comm -12 <(echo "$first" | sort) <(ls c/blobs/sha256 | sort) | wc -l)" 0
	export COOPER_ROOT=$E2E_DIR/other
	need_busybox
	build_ok --build-arg N=2 --cache-from type=local,src=c,tag=new .
	grep -q '^#[0-9]* CACHED' build.log || fail "nothing was found: $(cat build.log)"
	mkdir -p d/blobs
	echo mine >d/blobs/x
	assert_fails 1 cooper build --cache-to type=local,dest=d,reset=true .
	assert_eq "$(cat d/blobs/x)" mine
}

# The manifest of a name in a registry: its bytes, and its digest.
raw_of() { skopeo inspect --tls-verify=false --raw "docker://$1"; }

raw_digest_of() { echo "sha256:$(raw_of "$1" | sha256sum | cut -d' ' -f1)"; }

test_the_digest_that_is_told_is_the_one_that_is_outside() {
	need skopeo
	need_registry
	need_busybox
	app=$REGISTRY/outside/$ROLE
	printf 'FROM busybox\nRUN echo out >/out\n' >Containerfile
	stored=$(cooper build -q -t "$app:1" .)
	build_ok --push -t "$app:1" --iidfile iid --metadata-file meta .
	there=$(raw_digest_of "$app:1")
	[ "$there" != "$stored" ] || fail "the manifests are the same, compressed or not"
	assert_eq "$(cat iid)" "$there"
	assert_eq "$(cooper build -q --push -t "$app:1" . 2>/dev/null)" "$there"
	raw_of "$app:1" >manifest
	assert_eq "$(jq -r '."containerimage.digest", (."containerimage.descriptor" | .digest, .size, .mediaType, .platform.os, .platform.architecture)' meta | tr '\n' ' ')" \
		"$there $there $(stat -c %s manifest) $(jq -r .mediaType manifest) $(cooper version -f '{{.OsArch}}' | tr / ' ') "
	# the name works here too, and what was not pushed is told as it is stored
	cooper tag "$(cat iid)" again
	assert_eq "$(cooper inspect -f '{{.Descriptor.digest}}' again)" "$stored"
	build_ok -t "$app:1" --iidfile iid --metadata-file meta .
	assert_eq "$(cat iid) $(jq -r '."containerimage.descriptor".digest' meta)" "$stored $stored"
}

test_an_archive_alone_is_what_the_digest_is_of() {
	need_busybox
	printf 'FROM busybox\nRUN echo out >/out\n' >Containerfile
	stored=$(cooper build -q .)
	build_ok -o type=oci,dest=a.tar --iidfile iid --metadata-file meta .
	tar xf a.tar index.json
	assert_eq "$(jq -r '.manifests[0] | .digest, .size' index.json | tr '\n' ' ')" "$(jq -r '."containerimage.descriptor" | .digest, .size' meta | tr '\n' ' ')"
	assert_eq "$(cat iid)" "$(jq -r '.manifests[0].digest' index.json)"
	[ "$(cat iid)" != "$stored" ] || fail "the manifests are the same, compressed or not"
	build_ok -o type=image -o type=oci,dest=a.tar --iidfile iid .
	assert_eq "$(cat iid)" "$stored"
}

test_push_by_digest_writes_no_tag() {
	need skopeo
	need_registry
	need_busybox
	app=$REGISTRY/bydigest/$ROLE
	printf 'FROM busybox\nRUN echo one platform >/p\n' >Containerfile
	build_ok -o "type=image,name=$app,push-by-digest=true,name-canonical=true,push=true" --iidfile iid --metadata-file meta .
	assert_eq "$(raw_digest_of "$app@$(cat iid)")" "$(cat iid)"
	assert_eq "$(jq -r '."containerimage.digest", ."image.name"' meta | tr '\n' ' ')" "$(cat iid) $app "
	! raw_of "$app:latest" 2>/dev/null || fail "there is a tag"
	assert_eq "$(cooper images --format '{{.Repository}}' "$app")" ''
	# as in docker's documentation: the repository is given with -t
	build_ok -t "$app-t" -o type=image,push-by-digest=true,push=true --iidfile iid .
	assert_eq "$(raw_digest_of "$app-t@$(cat iid)")" "$(cat iid)"
	assert_fails 2 cooper build -o "type=image,name=$app:1,push-by-digest=true,push=true" .
	assert_eq "$LAST" "error: can't push tagged ref $app:1 by digest: leave the tag out"
	assert_fails 2 cooper build -t "$app:2" -o type=registry,push-by-digest=true .
	assert_eq "$LAST" "error: can't push tagged ref $app:2 by digest: leave the tag out"
	assert_fails 2 cooper build -t "$app" -o type=registry,push-by-digest=perhaps .
}

test_metadata_has_the_names_of_outputs() {
	need_busybox
	printf 'FROM busybox\nLABEL a=b\n' >Containerfile
	build_ok -o type=image,name=one:1 --metadata-file meta .
	assert_eq "$(jq -r '."image.name"' meta)" docker.io/library/one:1
	build_ok -t two -o type=image -o 'type=image,"name=one:1,example.com/three"' --metadata-file meta .
	assert_eq "$(jq -r '."image.name"' meta)" docker.io/library/two:latest,docker.io/library/one:1,example.com/three:latest
}

test_steps_of_several_platforms_say_whose_they_are() {
	need_busybox
	host=$(uname -m | sed 's/x86_64/amd64/;s/aarch64/arm64/')
	other=arm64
	[ "$host" != arm64 ] || other=amd64
	cat >Containerfile <<END
FROM --platform=\$BUILDPLATFORM busybox AS tools
RUN echo t >/t
FROM --platform=\$BUILDPLATFORM tools AS cross
ARG TARGETARCH
RUN echo \$TARGETARCH >/r
FROM scratch AS base
COPY Containerfile /f
FROM base
COPY --from=tools /t /t
COPY --from=cross /r /r
END
	build_ok --platform "linux/$other,linux/$host" .
	# What is the same for both is one step, of the first.
	names() { sed -n 's/^#[0-9]* \(\[[^]]*\] [A-Z]*\).*/\1/p' build.log | grep -v '^\[internal' | sort -u; }
	assert_eq "$(names)" "$(sort <<END
[linux/$host tools 1/2] FROM
[linux/$host tools 2/2] RUN
[linux/$host->$other cross 1/1] RUN
[linux/$host cross 1/1] RUN
[linux/$other base 1/1] COPY
[linux/$other stage-3 1/2] COPY
[linux/$other stage-3 2/2] COPY
[linux/$host stage-3 2/2] COPY
END
)"
	build_ok --platform "linux/$host" --target tools .
	assert_eq "$(names)" "$(printf '[tools 1/2] FROM\n[tools 2/2] RUN')"
}

test_annotations_go_where_they_are_told() {
	printf 'FROM scratch\nCOPY Containerfile /f\n' >Containerfile
	# A document of the layout $1 by its digest $2.
	document() { cat "$1/blobs/sha256/${2#sha256:}"; }
	build_ok --platform linux/amd64,linux/arm64 -o type=oci,dest=out,tar=false -t two \
		--annotation plain=1 --annotation index,manifest:both=2 --annotation 'manifest[linux/arm64]:arm=a:b=c' \
		--annotation manifest-descriptor:md=4 --annotation 'manifest-descriptor[linux/amd64]:md=5' --annotation index-descriptor:id=6 .
	assert_eq "$(jq -c '.manifests | length, .[0].annotations.id' out/index.json | tr '\n' ' ')" '1 "6" '
	assert_eq "$(jq -r '.manifests[0].annotations."org.opencontainers.image.ref.name"' out/index.json)" latest
	document out "$(jq -r '.manifests[0].digest' out/index.json)" >index
	assert_eq "$(jq -c .annotations index)" '{"both":"2"}'
	assert_eq "$(jq -c '[.manifests[] | [.platform.architecture, .annotations.md]]' index)" '[["amd64","5"],["arm64","4"]]'
	assert_eq "$(document out "$(jq -r '.manifests[0].digest' index)" | jq -cS .annotations)" '{"both":"2","plain":"1"}'
	assert_eq "$(document out "$(jq -r '.manifests[1].digest' index)" | jq -cS .annotations)" '{"arm":"a:b=c","both":"2","plain":"1"}'
	# The same as members of the output; and a file instead of a folder, and the store.
	build_ok --platform linux/amd64,linux/arm64 -t two -o "type=oci,dest=two.tar,annotation.plain=1,annotation-index.both=2,annotation-manifest.both=2,\
annotation-manifest[linux/arm64].arm=a:b=c,annotation-manifest-descriptor.md=4,annotation-manifest-descriptor[linux/amd64].md=5,annotation-index-descriptor.id=6" .
	mkdir two && tar -C two -xf two.tar
	assert_eq "$(jq -cS .manifests two/index.json)" "$(jq -cS .manifests out/index.json)"
	build_ok --platform linux/amd64,linux/arm64 -t two .
	for id in 7 8 8; do
		build_ok --platform linux/amd64,linux/arm64 -t two -o "type=image,annotation-index-descriptor.id=$id,annotation[linux/arm64].org.x=y" .
		assert_eq "$(jq -c '[.manifests[] | select(.annotations."org.opencontainers.image.ref.name" == "two:latest").annotations.id]' "$COOPER_ROOT/index.json")" "[\"$id\"]"
	done
	digest=$(digest_of --platform linux/amd64,linux/arm64 -t two --annotation 'manifest[linux/arm64]:org.x=y' .)
	assert_eq "$(document "$COOPER_ROOT" "$(document "$COOPER_ROOT" "$digest" | jq -r '.manifests[1].digest')" | jq -c .annotations)" '{"org.x":"y"}'
	assert_eq "$(document "$COOPER_ROOT" "$(document "$COOPER_ROOT" "$digest" | jq -r '.manifests[0].digest')" | jq -c .annotations)" null
}

test_annotations_of_one_platform() {
	printf 'FROM scratch\nCOPY Containerfile /f\n' >Containerfile
	build_ok -o type=oci,dest=out,tar=false --annotation manifest,manifest-descriptor:k=v .
	assert_eq "$(jq -c '.manifests[0].annotations.k' out/index.json)" '"v"'
	assert_eq "$(jq -c .annotations "out/blobs/sha256/$(jq -r '.manifests[0].digest[7:]' out/index.json)")" '{"k":"v"}'
	for flag in "--annotation=index,manifest:k=v" "--output=type=image,annotation-index.k=v"; do
		cooper build "$flag" . >log 2>&1 || fail "$(cat log)"
		grep -q 'warning: annotation k is written nowhere' log || fail "no word about $flag: $(cat log)"
	done
	assert_fails 2 cooper build --annotation indes:k=v .
	assert_match "$LAST" '*unknown annotation type "indes" (did you mean index?)*'
	assert_fails 2 cooper build -o type=image,annotation-foo.k=v .
	assert_match "$LAST" '*unknown annotation type "foo"*'
	for bad in :k=v manifest,:k=v manifest:=v 'manifest[linux/arm64:k=v' 'index[linux/arm64]:k=v' 'manifest[linux/s390x]:k=v' 'manifest[a/b/c/d/e]:k=v' manifest:k; do
		assert_fails 2 cooper build --annotation "$bad" .
	done
	assert_fails 2 cooper build -o type=local,dest=d,annotation.k=v .
	assert_fails 2 cooper build -o type=oci,dest=a.tar,annotation.k=v -o type=image .
	assert_match "$LAST" '*--annotation gives all of them the same*'
}

run_tests
