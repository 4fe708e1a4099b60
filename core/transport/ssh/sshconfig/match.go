package sshconfig

import (
	"strings"

	"github.com/execkit/execkit/core/errdefs"
)

// unsupportedCriteria are those of newer or other versions of OpenSSH and exec, which would run a program to decide.
var unsupportedCriteria = map[string]bool{"exec": true, "localnetwork": true, "tagged": true, "version": true, "sessiontype": true, "command": true}

func (b *block) match(args string) error {
	b.active = false
	result := true
	criteria := 0
	for rest := args; rest != "" && rest[0] != '#'; {
		var word string
		var ok bool
		if word, rest, ok = matchWord(rest); !ok {
			return b.at.bad("a quote is not closed")
		}
		if word == "" {
			break
		}
		name, negated := strings.CutPrefix(word, "!")
		name = strings.ToLower(name)
		if name == "all" {
			if criteria > 1 || rest != "" && rest[0] != '#' {
				return b.at.bad("Match all cannot be combined with other criteria")
			}
			b.active = b.outer && result && !negated
			return nil
		}
		criteria++
		matched, left, err := b.criterion(name, rest)
		if err != nil {
			return err
		}
		rest = left
		if matched == negated {
			result = false
		}
	}
	if criteria == 0 {
		return b.at.bad("Match has no criteria")
	}
	b.active = b.outer && result
	return nil
}

// criterion judges one criterion of a Match line and returns what follows its argument.
func (b *block) criterion(name, rest string) (matched bool, left string, err error) {
	if name == "canonical" || name == "final" {
		// Nothing in a block that is never reached asks for a second pass, but OpenSSH looks at the word alone.
		b.again = b.again || name == "final"
		return b.final, rest, nil
	}
	if unsupportedCriteria[name] {
		return false, "", b.at.error(errdefs.Unsupported, "Match %s is not supported", name).
			WithHint("put the host's settings into a Host block, or name another file with ssh.config").WithDetail("keyword", "match "+name)
	}
	arg, left, ok := matchWord(rest)
	if !ok || arg == "" || arg[0] == '#' {
		return false, "", b.at.bad("Match %s has no argument", errdefs.Quote(name))
	}
	switch name {
	case "host":
		host, err := b.hostName()
		return err == nil && MatchHost(host, arg), left, err
	case "originalhost":
		return MatchHost(b.asked, arg), left, nil
	case "user":
		return MatchList(b.userName(), arg), left, nil
	case "localuser":
		return MatchList(b.local.User, arg), left, nil
	}
	return false, "", b.at.bad("Match %s is no criterion", errdefs.Quote(name))
}

// hostName is the name to connect to by what has been read so far.
func (r *reader) hostName() (string, error) {
	s := r.set["hostname"]
	if s == nil {
		return r.asked, nil
	}
	return expandTokens(s.values[0], s.at, map[byte]string{'h': r.asked})
}

func (r *reader) userName() string {
	if s := r.set["user"]; s != nil {
		return s.values[0]
	}
	return r.local.User
}
