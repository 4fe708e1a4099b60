package policy

import (
	"strings"

	"github.com/execkit/execkit/core/command"
	"github.com/execkit/execkit/core/intercept"
)

// An InputKind says what a command makes of its standard input.
type InputKind int

const (
	// Data is read as data.
	Data InputKind = iota
	// ShellText is run as commands of a shell.
	ShellText
	// OtherText is run as a program in another language.
	OtherText
)

// Input says what a script makes of its standard input, and which of its programs does.
func Input(sc *command.Script) (kind InputKind, program string) {
	fed := map[int]bool{}
	for i := range sc.Commands() {
		cmd := &sc.Commands()[i]
		for _, r := range cmd.Redirs {
			if (r.FD == "" || r.FD == "0") && strings.HasPrefix(r.Op, "<") {
				fed[i] = true
			}
		}
		if len(cmd.Feeds) > 0 {
			fed[i] = true
		}
		if fed[i] {
			continue
		}
		if k := inputKind(cmd.Words, 0); k == ShellText || k > kind {
			kind, program = k, show(cmd.Words[:min(1, len(cmd.Words))])
			if k == ShellText {
				return kind, program
			}
		}
	}
	return kind, program
}

// readers take commands from their input although they are given operands.
var readers = set(`psql mysql mariadb sqlite3 redis-cli mongosh mongo clickhouse-client cqlsh influx gdb lldb bc dc ed ex crontab ftp sftp lftp telnet nc ncat
	debugfs fdisk gdisk parted xargs visidata octave maxima`)

func inputKind(words []command.Word, depth int) InputKind {
	if len(words) == 0 || depth > 8 {
		return Data
	}
	if !words[0].Static {
		return ShellText // it may be a shell
	}
	kind := Data
	for _, inner := range intercept.Inner(words) {
		kind = max(kind, inputKind(inner, depth+1))
		if kind == ShellText {
			return kind
		}
	}
	name := canonical(words[0].Value)
	switch {
	case shellNamesOfPrograms[name]:
		if alone(words) {
			return ShellText
		}
	case name == "." || name == "source":
		if len(words) > 1 && (!words[1].Static || fromInput(words[1].Value)) {
			return ShellText
		}
	case name == "su" || name == "sudo" || name == "doas" || name == "login" || name == "newgrp" || name == "chroot" || name == "nsenter" || name == "unshare" || name == "script":
		if len(intercept.Inner(words)) == 0 {
			return ShellText
		}
	case name == "ssh" || name == "mosh" || name == "rsh":
		if operandCount(words) < 2 {
			return ShellText
		}
	case name == "at" || name == "batch" || name == "parallel":
		return ShellText
	case readers[name]:
		return max(kind, OtherText)
	case interpreters[name] && alone(words):
		return max(kind, OtherText)
	case name == "make" || name == "sed" || name == "awk" || name == "gawk" || name == "jq":
		for i, w := range words[1:] {
			if w.Static && (w.Value == "-f-" || (w.Value == "-f" || w.Value == "--file") && i+2 < len(words) && fromInput(words[i+2].Value)) {
				return max(kind, OtherText)
			}
		}
	}
	return kind
}

var shellNamesOfPrograms = set("sh bash dash zsh ksh mksh ash rbash fish csh tcsh yash busybox")

func fromInput(file string) bool {
	return file == "-" || file == "/dev/stdin" || file == "/dev/fd/0" || file == "/proc/self/fd/0"
}

// alone reports whether an interpreter has no script among its arguments, so that it reads one from its input.
func alone(words []command.Word) bool {
	for i := 1; i < len(words); i++ {
		w := words[i]
		switch {
		case !w.Static:
			return true // nothing is known
		case w.Value == "-o" || w.Value == "+o" || w.Value == "-O" || w.Value == "+O" || w.Value == "--rcfile" || w.Value == "--init-file":
			i++
		case w.Value == "-" || w.Value == "-s" || w.Value == "-i" || fromInput(w.Value):
			return true
		case w.Value == "-c" || w.Value == "-e" || w.Value == "-m" || w.Value == "-p" || strings.HasPrefix(w.Value, "--version"):
			return false
		case strings.HasPrefix(w.Value, "-") && !strings.HasPrefix(w.Value, "--") && strings.ContainsAny(w.Value[1:], "ce") && len(w.Value) < 5:
			return false
		case !strings.HasPrefix(w.Value, "-") && !strings.HasPrefix(w.Value, "+") && w.Value != "sh" && w.Value != "ash":
			return false
		}
	}
	return true
}

func operandCount(words []command.Word) (n int) {
	for _, w := range words[1:] {
		if !w.Static || !strings.HasPrefix(w.Value, "-") {
			n++
		}
	}
	return n
}
