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

install_missing() {
	local missing=()
	command -v go >/dev/null || missing+=(golang-go)
	command -v cc >/dev/null || missing+=(gcc g++ libc6-dev)
	if [ "${1:-}" = tests ] || [ "${1:-}" = quick ]; then
		command -v dash >/dev/null || missing+=(dash)
		command -v busybox >/dev/null || missing+=(busybox-static)
		command -v setsid >/dev/null || missing+=(util-linux)
		command -v python3 >/dev/null || missing+=(python3)
		command -v git >/dev/null || missing+=(git)
		command -v ssh >/dev/null || missing+=(openssh-client) # reads configurations, to compare
	fi
	if [ "${1:-}" = tests ]; then
		[ -x /usr/sbin/sshd ] || missing+=(openssh-server openssh-client)
		[ -x /usr/sbin/dropbear ] || missing+=(dropbear-bin)
		compgen -G '/lib/*/security/pam_oath.so' >/dev/null || missing+=(libpam-oath) # asks for one-time codes
		command -v zsh >/dev/null || missing+=(zsh)
		command -v fish >/dev/null || missing+=(fish)
		command -v csh >/dev/null || missing+=(csh)
		command -v dockerd >/dev/null || missing+=(docker.io)
		command -v docker >/dev/null || missing+=(docker.io)
		python3 -c 'import ensurepip' 2>/dev/null || missing+=(python3-venv)
		command -v npm >/dev/null || missing+=(nodejs npm)
		command -v objdump >/dev/null || missing+=(binutils)
		command -v pkg-config >/dev/null || missing+=(pkgconf)
		# The programs that the live tests drive.
		local program
		for program in bc dc ed fzf gdb less nano perl sqlite3 sudo vim; do
			command -v "$program" >/dev/null || missing+=("$program")
		done
		command -v tclsh >/dev/null || missing+=(tcl)
		command -v top >/dev/null || missing+=(procps)
		compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || missing+=(postgresql)
	fi
	if ((${#missing[@]})); then
		install_packages "${missing[@]}"
	fi
}

install_packages() {
	echo "installing $*"
	local root=()
	((EUID == 0)) || root=(sudo)
	"${root[@]}" apt-get update -qq
	"${root[@]}" apt-get install -y -qq "$@"
}

build_lib() {
	mkdir -p build/include build/lib/pkgconfig
	# libpthread is named although nothing needs it on a new glibc: on one before 2.34 the thread functions live there.
	# Without netgo the resolver would bind to functions of a new glibc; with it a lookup reads resolv.conf itself.
	CGO_CFLAGS="-O2 -include $PWD/capi/glibc_compat.h" go build -buildmode=c-shared -tags "netgo,osusergo,${EXECKIT_TAGS:-}" -trimpath -ldflags \
		"-s -w -extldflags '-Wl,-soname,libexeckit.so.1 -Wl,--version-script=$PWD/capi/execkit.map -Wl,--no-as-needed,-l:libpthread.so.0'" \
		-o build/libexeckit.so ./capi
	rm -f build/libexeckit.h # cgo's own header; users include ours
	ln -sf libexeckit.so build/libexeckit.so.1
	cp include/execkit.h build/include/
	ln -sf ../libexeckit.so build/lib/libexeckit.so
	ln -sf ../libexeckit.so build/lib/libexeckit.so.1
	sed "s|@VERSION@|$(cat VERSION)|" capi/execkit.pc.in >build/lib/pkgconfig/execkit.pc
}

build_cli() { CGO_ENABLED=0 go build -trimpath -ldflags "-s -w" -o build/execkit ./cmd/execkit; }

build_python() {
	mkdir -p bindings/python/src/execkit/lib
	cp build/libexeckit.so bindings/python/src/execkit/lib/
}

build_node() { (cd bindings/node && npm run --silent build); }

# The package with the library and the addon inside, and that package in an empty folder, with no compiler in reach.
build_npm() {
	local work=build/npm native
	native=$work/lib/native/$(node -p 'process.platform + "-" + process.arch')
	rm -rf "$work" && mkdir -p dist && cp -r bindings/node "$work"
	rm -rf "$work/build" "$work/test" "$work/src"
	mkdir -p "$native"
	cp build/libexeckit.so bindings/node/build/execkit_addon.node "$native/"
	cp LICENSE "$work/"
	rm -f dist/*.tgz
	(cd "$work" && npm pack --silent --pack-destination ../../dist)
}

test_npm() {
	local here=$PWD
	rm -rf build/empty-npm && mkdir -p build/empty-npm
	(cd build/empty-npm && npm init -y >/dev/null && npm install --silent --offline "$here"/dist/*.tgz &&
		cat >probe.mjs <<'PROBE' && env PATH="$(dirname "$(command -v node)"):/usr/bin:/bin" node probe.mjs)
import { Session } from 'execkit'
const s = await Session.create()
const r = await s.exec('echo from a tarball')
await s.close()
if (r.stdout !== 'from a tarball\n') throw new Error(JSON.stringify(r))
console.log('tarball works in an empty folder')
PROBE
}

venv() { # a virtual environment for the tests, so that the system's packages stay as they are
	if ! build/venv/bin/python -c 'import pytest, mcp' 2>/dev/null; then
		python3 -m venv build/venv
		build/venv/bin/pip install -q pytest mcp
	fi
}

mcp_clients() { # the official client in TypeScript; the one in Python is in the virtual environment
	if [ ! -d build/node_mcp/node_modules/@modelcontextprotocol/sdk ]; then
		mkdir -p build/node_mcp
		(cd build/node_mcp && npm init -y >/dev/null && npm install --silent @modelcontextprotocol/sdk)
	fi
}

test_c() {
	check_headers
	cc -std=c99 -Wall -Wextra -Werror -Iinclude -o build/abi_test tests/abi/abi_test.c -Lbuild -lexeckit -Wl,-rpath,"$PWD/build"
	build/abi_test
	# What docs/abi.md shows, built as it says.
	sed -n '/^```c$/,/^```$/{/^```/d;p}' docs/abi.md >build/example.c
	# shellcheck disable=SC2046 # the flags are words
	cc -std=c89 -Wall -Wextra -pedantic -Werror -o build/example build/example.c $(PKG_CONFIG_PATH=build/lib/pkgconfig pkg-config --cflags --libs execkit) -Wl,-rpath,"$PWD/build/lib"
	build/example | grep -F '"stdout":"hello from /tmp\n"'
}

# The estimate of tokens beside the real tokenizers, whose tables only this module has.
test_tokens() { (cd bench/output && go vet ./... && go test ./...); }

glibc_floor() { objdump -T build/libexeckit.so | grep -o 'GLIBC_[0-9.]*' | sort -uV | tail -1 | cut -d_ -f2; }

# The library needs an older glibc than any that manylinux2014 (2.17) stands for, so that tag is the true one.
build_wheel() {
	local work=build/wheel
	rm -rf "$work" && mkdir -p "$work" dist
	cp -r bindings/python/pyproject.toml bindings/python/README.md bindings/python/src LICENSE "$work/"
	find "$work" -name __pycache__ -prune -exec rm -rf {} + -o -name '*.egg-info' -prune -exec rm -rf {} +
	build/venv/bin/pip install -q wheel setuptools auditwheel
	build/venv/bin/pip wheel -q --no-deps --no-build-isolation -w "$work/out" "$work"
	build/venv/bin/python -m wheel tags --remove --python-tag py3 --abi-tag none --platform-tag "manylinux_2_17_$(uname -m)" "$work"/out/*.whl
	rm -f dist/*.whl
	cp "$work"/out/*.whl dist/
	echo "needs glibc $(glibc_floor)"
	[ "$(printf '%s\n' 2.17 "$(glibc_floor)" | sort -V | tail -1)" = 2.17 ]
	build/venv/bin/auditwheel show dist/*.whl
}

# The wheel in an empty environment, without the checkout, Go or a compiler in reach.
test_wheel() {
	rm -rf build/empty && python3 -m venv build/empty
	build/empty/bin/pip install -q --no-index dist/*.whl
	(cd / && env -u PYTHONPATH PATH=/usr/bin:/bin "$OLDPWD/build/empty/bin/python" -c '
import execkit
with execkit.create() as s:
    assert s.exec("echo from a wheel").stdout == "from a wheel\n"
print("wheel works in an empty environment")')
	local said status=0 here=$PWD
	said=$(cd / && env -u PYTHONPATH PATH=/usr/bin:/bin "$here/build/empty/bin/execkit" exec -- "echo it; exit 3") || status=$?
	[ "$said" = it ] && [ "$status" = 3 ]
	echo "and brings the command line along"
}

# A Docker engine of the tests' own, with images made on the spot; the tests find it by EXECKIT_DOCKER.
docker_bed() {
	local root=()
	((EUID == 0)) || root=(sudo)
	EXECKIT_DOCKER=$("${root[@]}" tests/docker/bed.sh start)
	export EXECKIT_DOCKER
	trap "${root[*]} tests/docker/bed.sh stop" EXIT
}

build_testees() {
	go build -o build/testee-go ./tests/testee/go
	go build -o build/testee-mcp ./tests/testee/mcp
	cc -std=gnu99 -Wall -Wextra -Werror -Iinclude -o build/testee-c tests/testee/c/testee.c -Lbuild -lexeckit -Wl,-rpath,"$PWD/build"
}

# The Kubernetes cluster of the tests takes minutes to compile, so its program is kept for as long as its source is the
# same. Cgo is off in every step of it, since that is part of the build cache's key.
build_bed() {
	local version=v1.37.2 flags
	K8SBED=$PWD/build/k8sbed-$(cat tests/k8sbed/*.go tests/k8sbed/go.sum | sha256sum | head -c 12)
	export K8SBED
	[ -x "$K8SBED" ] && return
	flags="-X k8s.io/component-base/version.gitVersion=$version -X k8s.io/component-base/version.gitMajor=1 -X k8s.io/component-base/version.gitMinor=37"
	(cd tests/k8sbed && CGO_ENABLED=0 go build -ldflags "-s -w $flags" -o "$K8SBED" .)
}

# The collector of the tests takes a minute to compile, and is kept likewise.
build_otel_bed() {
	OTELBED=$PWD/build/otelbed-$(cat tests/otelbed/*.go tests/otelbed/go.sum | sha256sum | head -c 12)
	export OTELBED
	[ -x "$OTELBED" ] && return
	(cd tests/otelbed && CGO_ENABLED=0 go build -ldflags "-s -w" -o "$OTELBED" .)
}

# The source of the bash that is installed, from the distribution's own archive; apt looks for it with lists of its own, so
# that the system's stay as they are.
bash_source() {
	local work=build/bash-source version id
	version=$(dpkg-query -W -f '${source:Version}' bash)
	[ "$(cat $work/version 2>/dev/null)" = "$version" ] && return
	command -v dpkg-source >/dev/null || install_packages dpkg-dev
	rm -rf $work && mkdir -p $work/etc $work/lists/partial
	id=$(. /etc/os-release && echo "$ID")
	local file
	for file in /etc/apt/sources.list /etc/apt/sources.list.d/"$id"*.{list,sources}; do
		[ -f "$file" ] && sed -E 's/^deb(\s)/deb-src\1/; s/^Types:.*/Types: deb-src/' "$file" >"$work/etc/${file##*/}"
	done
	local apt=(apt-get -qq -o Dir::Etc::SourceList=/dev/null -o Dir::Etc::SourceParts="$PWD/$work/etc" -o Dir::State::Lists="$PWD/$work/lists")
	"${apt[@]}" update
	# The download is not done as another user: that one cannot write into the checkout.
	(cd $work && "${apt[@]}" -o APT::Sandbox::User=root source "bash=$version" && mv bash-*/ source)
	echo "$version" >$work/version
}

# What needs no run: style, known faults, other platforms, and what must not drift apart. The tools are pinned here.
check() {
	step format test -z "$(gofmt -l .)"
	step vet go vet ./...
	step staticcheck go run honnef.co/go/tools/cmd/staticcheck@v0.8.2 ./...
	step govulncheck go run golang.org/x/vuln/cmd/govulncheck@v1.6.0 ./...
	step arm64 env GOARCH=arm64 CGO_ENABLED=0 go build -o build/execkit-arm64 ./cmd/execkit
	step darwin env GOOS=darwin CGO_ENABLED=0 go build -o build/execkit-darwin ./cmd/execkit
	step lib build_lib
	step headers check_headers
	step symbols check_symbols
	step "types, Python" check_python_types
	step "types, TypeScript" check_node_types
}

check_python_types() {
	[ -x build/venv/bin/python ] || python3 -m venv build/venv
	build/venv/bin/pip install -q mypy==2.4.1
	build/venv/bin/mypy --strict bindings/python/src/execkit tests/types/consumer.py
}

# A program of a user's, compiled against the package as npm lays it out.
check_node_types() {
	local work=build/typescript
	if [ ! -x $work/node_modules/.bin/tsc ]; then
		mkdir -p $work
		(cd $work && npm init -y >/dev/null && npm install --silent typescript@7.0.2 @types/node@20)
	fi
	ln -sfn ../../../bindings/node $work/node_modules/execkit
	cp tests/types/tsconfig.json tests/types/consumer.mts tests/types/consumer.cts $work/
	$work/node_modules/.bin/tsc -p $work
}

check_headers() {
	cc -std=c89 -Wall -Wextra -pedantic -Werror -fsyntax-only -x c include/execkit.h
	c++ -Wall -Wextra -Werror -fsyntax-only -x c++ include/execkit.h
}

# Nothing but the functions of the header may be visible.
check_symbols() {
	local declared exported
	declared=$(grep -o '\bexeckit_[a-z_]*(' include/execkit.h | tr -d '(' | sort -u)
	exported=$(objdump -T build/libexeckit.so | awk '/EXECKIT_/ && $2 == "g" && !/\*ABS\*/ {print $NF}' | sort -u)
	diff <(echo "$declared") <(echo "$exported")
}

# Figures beside their rivals, in one run. The rivals' packages have an environment of their own: one has our name.
bench() {
	if [ ! -x build/rival/bin/python ]; then
		python3 -m venv build/rival
		build/rival/bin/pip install -q execkit pexpect
	fi
	printf '\n| microseconds | p50 | p99 |\n|---|---|---|\n'
	PYTHONPATH=bindings/python/src build/venv/bin/python bench/roundtrip.py ours
	node bench/roundtrip.mjs
	build/rival/bin/python bench/roundtrip.py rivals
	printf '\nGo, beside a bare loop that sends eval and printf through bash -i on a pipe:\n'
	go test -run '^$' -bench . ./core/engine ./core ./core/policy | grep ^Benchmark
	printf '\nOutput folded by meaning (at least 50 MB/s):\n'
	go test -run '^$' -bench Folder ./core/compress | grep ^Benchmark
	printf '\n| 200 streams at once in one process | events | event loop held up, p99 ms | at most, ms |\n|---|---|---|---|\n'
	PYTHONPATH=bindings/python/src build/venv/bin/python bench/streams.py
	node bench/streams.mjs
	printf '\nCheckpoints of 10,000 files, beside git:\n'
	go test -run '^$' -bench 'Checkpoint|Restore' -benchtime 5x ./core/checkpoint | grep ^Benchmark
	if ! build/rival-ssh/bin/python -c 'import kubernetes' 2>/dev/null; then
		python3 -m venv build/rival-ssh
		build/rival-ssh/bin/pip install -q paramiko fabric asyncssh docker kubernetes
	fi
	printf "\nIn a container, beside docker exec for each command and a bare loop through one:\n"
	docker_bed
	EXECKIT_RIVAL_PYTHON=$PWD/build/rival-ssh/bin/python go test -run '^$' -bench True -benchtime 100x ./tests/docker | grep ^Benchmark
	go test -run '^$' -bench Throughput -benchtime 1x ./tests/docker | grep ^Benchmark
	printf "\nIn a pod, beside kubectl exec for each command, the Python client and a bare loop through kubectl:\n"
	build_bed
	EXECKIT_RIVAL_PYTHON=$PWD/build/rival-ssh/bin/python go test -run '^$' -bench True -benchtime 100x ./tests/integration/k8s | grep ^Benchmark
	go test -run '^$' -bench Throughput -benchtime 1x ./tests/integration/k8s | grep ^Benchmark
	printf '\nSSH on the loopback, beside a bare shell, ssh, paramiko, fabric and asyncssh:\n'
	EXECKIT_RIVAL_PYTHON=$PWD/build/rival-ssh/bin/python go test -run '^$' -bench 'True|FarAway' -benchtime 500x ./core/transport/ssh | grep ^Benchmark
	go test -run '^$' -bench 'FiftySessions|Throughput' -benchtime 1x ./core/transport/ssh | grep ^Benchmark
	printf '\nRedaction beside gitleaks as a library, one core:\n'
	(cd bench/redact && go test -run '^$' -bench . -cpu 1 | grep ^Benchmark)
	printf "\n| Redaction through a Python package | secrets hidden | other text unchanged | 32 MB of log, all of it | the same, as it comes |\n|---|---|---|---|---|\n"
	PYTHONPATH=bindings/python/src build/venv/bin/python bench/redaction.py ours "${EXECKIT_REDACT_CASES:-core/redact/testdata}"
	build/rival/bin/python bench/redaction.py rival "${EXECKIT_REDACT_CASES:-core/redact/testdata}"
	printf '\nWhat 2,000 tokens keep of failing builds and tests, beside their head and tail:\n'
	(cd bench/output && go run .)
	printf '\nlibrary: %s bytes\n' "$(stat -c %s build/libexeckit.so)"
}

case "${1:-}" in
lib)
	install_missing
	step lib build_lib
	;;
cli)
	install_missing
	step cli build_cli
	;;
python)
	"$0" lib
	step python build_python
	;;
node)
	"$0" lib
	step node build_node
	;;
demo)
	install_missing
	step demo go run ./examples/go
	;;
test)
	if [ "${2:-}" = quick ]; then # what needs no server
		install_missing quick
		step format test -z "$(gofmt -l .)"
		step vet go vet ./...
		step "go test" go test -short ./core/... ./cmd/... ./tools/...
		exit
	fi
	install_missing tests
	step format test -z "$(gofmt -l .)"
	step vet go vet ./...
	step "docker engine" docker_bed
	step "kubernetes bed" build_bed
	step "opentelemetry bed" build_otel_bed
	step "go test" env EXECKIT_PROGRAMS=1 go test -race -timeout 40m ./...
	step "oracle, shells driven as on other machines" go test -count=1 -tags portable ./tests/oracle
	step demo sh -c 'go run ./examples/go >/dev/null'
	step "fence" go run ./tools/fencefuzz -n 4000 -seed 1
	step "tokens test" test_tokens
	step lib build_lib
	step c test_c
	step purego env CGO_ENABLED=0 EXECKIT_LIBRARY="$PWD/build/libexeckit.so" go test -count=1 ./tests/abi/purego
	step python build_python
	step node build_node
	step venv venv
	step cli build_cli
	step testees build_testees
	step conformance env EXECKIT_CONFORMANCE=1 PYTHONPATH="$PWD/bindings/python/src" go test -count=1 -timeout 40m ./tests/runner
	step "python test" env PYTHONPATH=bindings/python/src build/venv/bin/python -m pytest -q bindings/python/tests
	step "node test" node --test bindings/node/test/
	step "mcp clients" mcp_clients
	step "mcp test, Python" build/venv/bin/python -m pytest -q tests/integration/mcp
	step "mcp test, TypeScript" node --test tests/integration/mcp/typescript_client.test.mjs
	step wheel build_wheel
	step "wheel test" test_wheel
	step npm build_npm
	step "npm test" test_npm
	;;
dist)
	"$0" python
	step node build_node
	step venv venv
	step wheel build_wheel
	step npm build_npm
	;;
bench)
	"$0" python
	step node build_node
	step venv venv
	step bench bench
	;;
bash-suite) # bash's own tests through a session and directly; what follows goes to the comparison
	install_missing
	step "bash source" bash_source
	step "bash suite" go run ./tools/bashsuite "${@:2}" build/bash-source/source
	;;
check)
	install_missing tests
	check
	;;
clean) step clean rm -rf build dist bindings/python/src/execkit/lib ;;
*)
	echo "usage: ./build.sh demo | test [quick] | check | lib | cli | python | node | dist | bench | bash-suite | clean" >&2
	exit 2
	;;
esac
