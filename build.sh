#!/usr/bin/env bash
# Builds and tests execkit. `./build.sh` without arguments lists the commands.
set -euo pipefail
cd "$(dirname "$0")"

step() { # NAME COMMAND…: run a command, say what it is and how long it took
	local name=$1 begin=$SECONDS
	shift
	printf '+ %s\n' "$*"
	"$@"
	printf '%s: %ss\n' "$name" "$((SECONDS - begin))"
}

install_go_and_cc() {
	local missing=()
	command -v go >/dev/null || missing+=(golang-go)
	command -v cc >/dev/null || missing+=(gcc libc6-dev)
	if ((${#missing[@]})); then
		echo "installing ${missing[*]}"
		local root=()
		((EUID == 0)) || root=(sudo)
		"${root[@]}" apt-get update -qq
		"${root[@]}" apt-get install -y -qq "${missing[@]}"
	fi
}

build_lib() {
	mkdir -p build/include build/lib/pkgconfig
	# libpthread is named although nothing needs it on a new glibc: on one before 2.34 the thread functions live there.
	CGO_CFLAGS="-O2 -include $PWD/capi/glibc_compat.h" go build -buildmode=c-shared -trimpath -ldflags \
		"-s -w -extldflags '-Wl,-soname,libexeckit.so.1 -Wl,--version-script=$PWD/capi/execkit.map -Wl,--no-as-needed -lpthread'" \
		-o build/libexeckit.so ./capi
	rm -f build/libexeckit.h # cgo's own header; users include ours
	ln -sf libexeckit.so build/libexeckit.so.1
	cp include/execkit.h build/include/
	sed "s|@PREFIX@|/usr/local|; s|@VERSION@|$(cat VERSION)|" capi/execkit.pc.in >build/lib/pkgconfig/execkit.pc
}

build_python() {
	mkdir -p bindings/python/src/execkit/lib
	cp build/libexeckit.so bindings/python/src/execkit/lib/
}

venv() { # a virtual environment for the tests, so that the system's packages stay as they are
	if [ ! -x build/venv/bin/pytest ]; then
		python3 -m venv build/venv
		build/venv/bin/pip install -q pytest
	fi
}

test_c() {
	cc -std=c89 -Wall -Wextra -pedantic -Werror -fsyntax-only -x c include/execkit.h
	c++ -Wall -Wextra -Werror -fsyntax-only -x c++ include/execkit.h
	cc -std=c99 -Wall -Wextra -Werror -Iinclude -o build/abi_test tests/abi/abi_test.c -Lbuild -lexeckit -Wl,-rpath,"$PWD/build"
	build/abi_test
}

build_testees() {
	go build -o build/testee-go ./tests/testee/go
	cc -std=gnu99 -Wall -Wextra -Werror -Iinclude -o build/testee-c tests/testee/c/testee.c -Lbuild -lexeckit -Wl,-rpath,"$PWD/build"
}

case "${1:-}" in
lib)
	install_go_and_cc
	step lib build_lib
	;;
python)
	"$0" lib
	step python build_python
	;;
demo)
	install_go_and_cc
	step demo go run ./examples/go
	;;
test)
	install_go_and_cc
	step format test -z "$(gofmt -l .)"
	step vet go vet ./...
	step "go test" go test -race ./...
	step lib build_lib
	step c test_c
	step python build_python
	step venv venv
	step testees build_testees
	step conformance env EXECKIT_CONFORMANCE=1 PYTHONPATH="$PWD/bindings/python/src" go test -count=1 ./tests/runner
	step "python test" env PYTHONPATH=bindings/python/src build/venv/bin/python -m pytest -q bindings/python/tests
	;;
clean) step clean rm -rf build dist bindings/python/src/execkit/lib ;;
*)
	echo "usage: ./build.sh demo | test | lib | python | clean" >&2
	exit 2
	;;
esac
