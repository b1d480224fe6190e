#!/bin/bash
# The examples as they stand in examples/: built twice by both roles, the digests compared, the products looked at. Debian's and
# npm's packages come over the network.
. "$(dirname "$0")/lib.sh"
want_bases debian-bookworm node-20
export SOURCE_DATE_EPOCH=1700000000

# Builds twice; the digest is in $ID. The copy is the user's own: an example that was built in place would have node_modules.
example() {
	cp -r "$E2E_SOURCE/examples/$1" ctx
	rm -rf ctx/node_modules ctx/dist ctx/_site
	build_ok -t "$1" --iidfile iid "${@:2}" ctx
	ID=$(cat iid)
	build_ok -t "$1" --iidfile iid "${@:2}" ctx
	assert_eq "$(steps_cached) cached" "$(grep -cE '^#[0-9]+ \[' build.log) cached"
	assert_eq "$(cat iid)" "$ID"
	same_for_both "$ID"
}

test_hello() {
	need_busybox
	example hello
	files_of hello
	assert_eq "$(sh out/bin/hello you | tail -n 1)" "$(sh "$E2E_SOURCE/examples/hello/hello.sh" you | tail -n 1)"
	assert_match "$(cat build.log)" '*CACHED*'
}

test_c_program() {
	online deb.debian.org
	need_base debian-bookworm debian:bookworm-slim 'CMD ["bash"]'
	example c-scratch
	files_of c-scratch
	assert_eq "$(find out -type f)" out/greet
	assert_match "$(./out/greet you)" '*you*'
	# A comment more: the compiler runs, the image is the same.
	sed -i '1s,^,/* another comment */ ,' ctx/greet.c
	build_ok -t c-scratch --iidfile iid ctx
	assert_eq "$(cat iid)" "$ID"
	grep -q '^#[0-9]* DONE' build.log || fail "nothing ran"
	sed -i 's/ello/owdy/' ctx/greet.c
	build_ok -t c-scratch --iidfile iid ctx
	[ "$(cat iid)" != "$ID" ] || fail "changed text is not in the image"
}

test_flask() {
	online deb.debian.org
	need_base debian-bookworm debian:bookworm-slim 'CMD ["bash"]'
	example flask
	files_of flask
	assert_eq "$(sed -n 's/^app:[^:]*:\([0-9]*\):.*/\1/p' out/etc/shadow)" $((SOURCE_DATE_EPOCH / 86400))
	printf 'FROM flask\nRUN id -un && python3 -c "import app; print(app.app.test_client().get(\\"/health\\").status_code)"\n' >Containerfile
	mkdir empty
	build_ok -f Containerfile empty
	assert_match "$(cat build.log)" '* app*200*'
	# Only the application changes: the packages stay.
	echo '# changed' >>ctx/app.py
	build_ok -t flask ctx
	assert_match "$(grep -A1 'RUN apt-get' build.log)" '*CACHED*'
}

test_vite() {
	online registry.npmjs.org
	need_busybox
	need_base node-20 node:20 'CMD ["node"]'
	example vite
	files_of vite
	assert_file out/www/index.html
	script=$(sed -n 's/.*src="\/*\([^"]*\.js\)".*/\1/p' out/www/index.html)
	assert_file "out/www/${script#./}"
	! grep -rq node_modules out/www || fail "packages are in the image"
	cooper build -q --target build -o type=local,dest=stage ctx
	assert_file stage/app/dist/index.html
}

test_jekyll() {
	online deb.debian.org
	need_base debian-bookworm debian:bookworm-slim 'CMD ["bash"]'
	example jekyll
	build_ok -o _site ctx
	assert_file _site/index.html
	grep -q '<html' _site/index.html || fail "no page"
	build_ok -o type=pages,dest=artifact.tar ctx
	tar tf artifact.tar | grep -q 'index.html$' || fail "no page in the artifact"
}

run_tests
