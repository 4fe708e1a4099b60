package redact

import (
	"bytes"
	"strings"
)

// userFlag redacts the password of curl -u user:password and its relatives.
func (sc *scanner) userFlag(p int) int {
	b := sc.b
	head := b[:p]
	if !sc.spend(min(p, 512)) || !hasCommand(head, "curl", "wget", "http", "https", "smbclient", "lftp", "xh", "ab") {
		return -1
	}
	i := p + 2
	if b[p+2] == '-' {
		for i < len(b) && b[i] != ' ' && b[i] != '=' {
			i++
		}
	} else {
		i = p + 3
	}
	return sc.userValue(i)
}

// userValue redacts the password of the user:password that stands at or after i.
func (sc *scanner) userValue(i int) int {
	b := sc.b
	for i < len(b) && (b[i] == ' ' || b[i] == '=' || b[i] == '"' || b[i] == '\'') {
		i++
	}
	e := i
	for e < len(b) && !isSpace(b[e]) && b[e] != '"' && b[e] != '\'' {
		e++
	}
	k := bytes.IndexAny(b[i:e], ":%,")
	if k <= 0 || e-i-k < 3 {
		return -1
	}
	if text := string(b[i+k+1 : e]); placeholder(text) || strings.HasPrefix(text, "//") || text == "pwd" || text == "pass" {
		return -1
	}
	return sc.add(i+k+1, e, "password")
}

// hasCommand reports that one of the words is a command in head.
func hasCommand(head []byte, words ...string) bool {
	if len(head) > 512 { // a command further away is another command
		head = head[len(head)-512:]
	}
	for _, w := range words {
		for off := 0; ; {
			k := bytes.Index(head[off:], []byte(w))
			if k < 0 {
				break
			}
			k += off
			if (k == 0 || !isWord(head[k-1]) && head[k-1] != '.') && (k+len(w) == len(head) || head[k+len(w)] == ' ') {
				return true
			}
			off = k + 1
		}
	}
	return false
}

// passFlag redacts short password options, which mean a password only to some commands.
func (sc *scanner) passFlag(p int) int {
	b := sc.b
	head := b[:p]
	if !sc.spend(2 * min(p, 1024)) {
		return -1
	}
	i := p + 3
	attached := i < len(b) && b[i] != ' '
	switch fold[b[p+2]] {
	case 'p':
		upper := b[p+2] == 'P'
		switch {
		case !upper && attached && hasCommand(head, "mysql", "mysqldump", "mysqladmin", "mariadb", "mariadb-dump", "mysqlimport", "sshpass", "7z", "7za", "rar", "unrar", "mysqlcheck", "mysqlshow", "mysqlbinlog"):
		case !attached && !upper && hasCommand(head, "sshpass", "docker login", "podman login", "buildah login", "nerdctl login", "registry login", "mongo", "mongosh", "mongodump", "mongorestore", "mongoexport", "az login", "ldapmodify", "oc login", "skopeo login", "crane auth login", "winrm", "cqlsh", "influx"):
		case !attached && upper && hasCommand(head, "zip", "unzip", "sqlcmd", "bcp"):
		case attached && upper && hasCommand(head, "sqlcmd", "bcp", "unzip"):
		default:
			return -1
		}
	case 'a':
		if !hasCommand(head, "redis-cli") {
			return -1
		}
	case 'w':
		if !hasCommand(head, "ldapsearch", "ldapadd", "ldapmodify", "ldapwhoami", "ldapdelete", "ldappasswd") {
			return -1
		}
	case 'k':
		if !hasCommand(head, "openssl enc") && !bytes.Contains(head, []byte("openssl ")) {
			return -1
		}
	}
	return sc.addArgument(argument(b, i))
}

// fromLiteral redacts the values of kubectl create secret --from-literal=NAME=VALUE, whatever the name.
func (sc *scanner) fromLiteral(p int) int {
	b := sc.b
	if !sc.spend(min(p, 512)) || !hasCommand(b[:p], "create secret", "secret generic") {
		return -1
	}
	i := p + len("--from-literal")
	if i >= len(b) || b[i] != '=' && b[i] != ' ' {
		return -1
	}
	i++
	i, e := argument(b, i)
	k := bytes.IndexByte(b[i:e], '=')
	if k < 0 {
		return -1
	}
	s := i + k + 1
	if text := string(b[s:min(e, s+maxJudge)]); len(text) < 3 || placeholder(text) || reference(text) {
		return -1
	}
	return sc.add(s, e, "password")
}

// piped redacts what echo or printf gives to a command that reads a password.
func (sc *scanner) piped(p int) int {
	b := sc.b
	e := len(bytes.TrimRight(b[:p], " "))
	if e == 0 || !sc.spend(p) || !hasCommand(b[max(0, p-300):e], "echo", "printf") {
		return -1
	}
	q := byte(' ')
	if b[e-1] == '"' || b[e-1] == '\'' {
		q = b[e-1]
		e--
	}
	s := bytes.LastIndexByte(b[:e], q) + 1
	if k := bytes.IndexByte(b[s:e], ':'); k > 0 && fold[b[p+2]] == 'c' {
		s += k + 1
	}
	if text := string(b[s:e]); s == 0 || len(text) < 3 || placeholder(text) {
		return -1
	}
	return sc.add(s, e, "password")
}
