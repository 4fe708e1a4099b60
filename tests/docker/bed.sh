#!/bin/sh
# Starts a Docker engine of the tests' own under build/docker, with images made on the spot: no registry is needed.
#   bed.sh start   starts what does not run yet, and prints the engine's address
#   bed.sh stop    stops it
# It needs root, dockerd and busybox-static; bash and coreutils are copied from this machine. Another engine may run
# beside it: nothing is shared, and the containers have no network.
set -eu
here=$(cd "$(dirname "$0")/../.." && pwd)
bed=$here/build/docker
socket=$bed/docker.sock
export DOCKER_HOST=unix://$socket

engine() { # STORAGE
	storage=$1
	rm -f "$bed/docker.pid"
	dockerd --data-root "$bed/data" --exec-root "$bed/exec" --pidfile "$bed/docker.pid" --host "$DOCKER_HOST" \
		--containerd-namespace execkit --containerd-plugins-namespace execkit-plugins --group "${SUDO_GID:-0}" \
		--iptables=false --bridge=none --storage-driver "$storage" >>"$bed/dockerd.log" 2>&1 &
	pid=$!
	tries=0
	until docker version >/dev/null 2>&1; do
		kill -0 $pid 2>/dev/null || return 1
		tries=$((tries + 1))
		[ $tries -lt 300 ] || { kill $pid; return 1; }
		sleep 0.1
	done
}

# A tree of programs with the libraries that they need.
copy() { # TREE PROGRAM…
	tree=$1
	shift
	for program; do
		for file in "$program" $(ldd "$program" 2>/dev/null | grep -o '/[^ ]*'); do
			mkdir -p "$tree$(dirname "$file")"
			[ -e "$tree$file" ] || cp -L "$file" "$tree$file"
		done
	done
}

skeleton() { # TREE
	rm -rf "$1"
	mkdir -p "$1/bin" "$1/etc" "$1/tmp" "$1/root" "$1/usr/bin" "$1/proc" "$1/dev"
	chmod 1777 "$1/tmp"
	printf 'root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000::/:/bin/sh\n' >"$1/etc/passwd"
	printf 'root:x:0:\nuser:x:1000:\n' >"$1/etc/group"
}

import() { # NAME TREE
	tar -C "$2" -c . | docker import - "$1" >/dev/null
	rm -rf "$2"
}

images() {
	tree=$bed/tree
	static=$(command -v busybox)

	skeleton "$tree" # busybox alone, and so its sh
	cp "$static" "$tree/bin/busybox"
	for applet in $("$static" --list); do [ "$applet" = busybox ] || ln -s busybox "$tree/bin/$applet"; done
	import execkit-busybox "$tree"

	skeleton "$tree" # bash, with the programs of coreutils and no sh but bash
	copy "$tree" "$(command -v bash)"
	for program in cat chmod chown cp cut date echo env false grep head id kill ln ls mkdir mktemp mv ps pwd rm rmdir sed seq setsid sleep sort stat stty tail tee test timeout touch tr true uname wc yes; do
		path=$(command -v "/usr/bin/$program" || command -v "/bin/$program") && copy "$tree" "$path"
	done
	[ -e "$tree/bin/bash" ] || cp "$tree/usr/bin/bash" "$tree/bin/bash"
	ln -sf bash "$tree/bin/sh"
	import execkit-bash "$tree"

	skeleton "$tree" # dash alone, with nothing else: every program is missing
	copy "$tree" "$(command -v dash)"
	[ -e "$tree/bin/dash" ] || cp "$tree/usr/bin/dash" "$tree/bin/dash"
	ln -sf dash "$tree/bin/sh"
	cp "$static" "$tree/sleep"
	import execkit-dash "$tree"

	skeleton "$tree" # a program and no shell
	cp "$static" "$tree/sleep"
	import execkit-static "$tree"

	skeleton "$tree" # a shell that lies: it prints for ever, whatever it is told
	cp "$static" "$tree/bin/busybox"
	cp "$static" "$tree/sleep"
	printf '#!/bin/busybox sh\nwhile :; do echo garbage; done\n' >"$tree/bin/sh"
	chmod 755 "$tree/bin/sh"
	import execkit-liar "$tree"

	skeleton "$tree" # and one that gives back what it reads
	cp "$static" "$tree/sleep"
	cp "$static" "$tree/bin/cat"
	printf '#!/bin/cat\n' >"$tree/bin/sh"
	chmod 755 "$tree/bin/sh"
	import execkit-echo "$tree"
}

case "${1:-}" in
start)
	mkdir -p "$bed"
	if ! docker version >/dev/null 2>&1; then
		rm -rf "$bed/exec"
		engine overlay2 || engine vfs || {
			tail -20 "$bed/dockerd.log" >&2
			exit 1
		}
	fi
	# The images are those of this very script, or made anew.
	made=execkit-bed:$(sha256sum <"$here/tests/docker/bed.sh" | head -c 12)
	docker image inspect "$made" >/dev/null 2>&1 || { images && docker tag execkit-echo "$made"; }
	echo "$DOCKER_HOST"
	;;
stop)
	[ -f "$bed/docker.pid" ] && kill "$(cat "$bed/docker.pid")"
	;;
*)
	echo "usage: $0 start | stop" >&2
	exit 2
	;;
esac
