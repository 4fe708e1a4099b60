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

case "${1:-}" in
demo) step demo go run ./examples/go ;;
test)
	step vet go vet ./...
	step "go test" go test ./...
	;;
clean) step clean rm -rf build dist ;;
*)
	echo "usage: ./build.sh demo | test | clean" >&2
	exit 2
	;;
esac
