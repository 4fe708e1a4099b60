package intercept

import (
	"regexp"
	"strings"
)

// database reports whether a client of a database is given a statement that destroys: as an argument, through a pipe or in
// a here-document.
func database(c *call) bool {
	for _, a := range c.args {
		if strings.HasPrefix(a, "--") {
			_, a, _ = strings.Cut(a, "=")
		}
		if sqlDestroys(a) {
			return true
		}
	}
	for _, t := range c.inputs() {
		if sqlDestroys(t) {
			return true
		}
	}
	return false
}

func sqlDestroys(s string) bool {
	low := strings.ToLower(plainSQL(clientShell.ReplaceAllString(s, "")))
	if dropped.MatchString(low) || mongoDestroys.MatchString(strings.Join(strings.Fields(low), "")) {
		return true
	}
	for _, stmt := range strings.Split(low, ";") {
		if statementDestroys(strings.Join(strings.Fields(stmt), " ")) {
			return true
		}
	}
	return false
}

var (
	dropped       = regexp.MustCompile(`\b(drop\s+(database|table|schema|column|user|role|index|view|keyspace|owned|tablespace|extension)|truncate\s+(table|only))\b`)
	mongoDestroys = regexp.MustCompile(`\.drop(database|indexes|user|role)?\(|dropdatabase\(|deletemany\(\{\}|\.remove\(\{\}|shutdownserver\(|shutdown:1`)
	// everyRow is a condition that every row meets.
	everyRow = regexp.MustCompile(` where \(?(1|true|1 ?= ?1|'?(\w+)'? ?= ?'?(\w+)'?)\)?$`)
	// leads stand before a statement that is carried out all the same.
	leads = regexp.MustCompile(`^(begin |start transaction |explain \(?analyze[^)]*\)? |-?c ?)+`)
)

// statementDestroys judges one statement in lower case with single blanks.
func statementDestroys(stmt string) bool {
	stmt = leads.ReplaceAllString(stmt, "")
	all := func() bool {
		if m := everyRow.FindStringSubmatch(stmt); m != nil {
			return m[2] == "" || m[2] == m[3]
		}
		return !strings.Contains(stmt, " where ")
	}
	switch first, rest, _ := strings.Cut(stmt, " "); first {
	case "drop", "truncate":
		return rest != ""
	case "alter":
		return strings.Contains(rest, " drop ")
	case "delete":
		return strings.HasPrefix(rest, "from ") && all()
	case "update":
		return strings.Contains(rest, " set ") && all()
	case "with":
		return strings.Contains(rest, ") delete from ") && all()
	case "shutdown":
		return rest == ""
	case "reset", "purge":
		return rest == "master" || strings.HasPrefix(rest, "binary logs") || strings.HasPrefix(rest, "master logs")
	}
	return false
}

// plainSQL removes string literals and comments: select 'drop table users' drops nothing, and drop/**/table does. What
// stands in a comment that begins with an exclamation mark is carried out by MySQL.
func plainSQL(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		rest := s[i:]
		switch {
		case s[i] == '\'':
			end := strings.IndexByte(rest[1:], '\'')
			if end < 0 {
				return b.String()
			}
			b.WriteString("''")
			i += end + 1
		case strings.HasPrefix(rest, "--") && (i == 0 || s[i-1] != '-'):
			end := strings.IndexByte(rest, '\n')
			if end < 0 {
				return b.String()
			}
			i += end
			b.WriteByte('\n')
		case strings.HasPrefix(rest, "/*!"):
			i += 2
		case strings.HasPrefix(rest, "/*"):
			end := strings.Index(rest[2:], "*/")
			if end < 0 {
				return b.String()
			}
			i += end + 3
			b.WriteByte(' ')
		default:
			b.WriteByte(s[i])
		}
	}
	return b.String()
}

// redis reports whether redis-cli is given a command that empties or stops a server.
func redis(c *call) bool {
	commands := [][]string{redisCommand(c)}
	for _, t := range c.inputs() {
		for _, line := range strings.Split(t, "\n") {
			commands = append(commands, strings.Fields(line))
		}
	}
	for _, cmd := range commands {
		if len(cmd) == 0 {
			continue
		}
		second := ""
		if len(cmd) > 1 {
			second = strings.ToLower(cmd[1])
		}
		switch strings.ToLower(cmd[0]) {
		case "flushall", "flushdb", "shutdown", "debug", "replicaof", "slaveof", "swapdb", "failover":
			return true
		case "del", "unlink":
			return strings.Contains(strings.Join(cmd, " "), unknown)
		case "config", "script", "acl", "cluster", "function":
			if redisChanges[second] {
				return true
			}
		case "eval":
			if strings.Contains(strings.ToLower(strings.Join(cmd, " ")), "flush") {
				return true
			}
		}
	}
	return false
}

var redisChanges = set("set rewrite resetstat flush deluser setuser reset forget flushslots failover delete")

// redisCommand returns the words behind the options of redis-cli.
func redisCommand(c *call) []string {
	vals := set("-h -p -n -a -u -s -i -r -t -d --user --pass --cacert --cert --key")
	for i := 0; i < len(c.args); i++ {
		if a := c.args[i]; !strings.HasPrefix(a, "-") {
			return c.args[i:]
		} else if vals[a] {
			i++
		}
	}
	return nil
}
