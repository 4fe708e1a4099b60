package policy

import (
	"strings"

	"github.com/execkit/execkit/core/command"
)

// tarValues are the letters of tar that take a value: the rest of their cluster or the next word.
const tarValues = "bCfFgHIKLNTVX"

// tarReader gathers what a tar command might do. A word that could be an option counts as one, also where another option
// takes it as its value, so nothing can hide the mode or the archive.
type tarReader struct {
	mode  byte
	files []command.Word
	// prints is set where the cluster that says to extract also says to write to the output: -xOf.
	prints bool
}

// tarArgs: listing reads; every other mode writes, and only where the entry names it or the archive is granted.
func tarArgs(c *check, words []command.Word, granted int) string {
	var r tarReader
	for i := 1; i < len(words); i++ {
		w, v := words[i], words[i].Value
		why := ""
		switch {
		case !w.Static:
		case strings.HasPrefix(v, "--"):
			why = r.long(words, i, i < granted)
		case strings.HasPrefix(v, "-"):
			why = r.cluster(words, i, i < granted)
		case i == 1:
			why = r.old(words, i < granted)
		}
		if why != "" {
			return why
		}
	}
	for _, f := range r.files {
		host, _, remote := strings.Cut(f.Value, ":")
		if f.Static && remote && !strings.HasPrefix(host, "/") {
			return "an archive on another host starts a remote shell"
		}
		if !f.Static && !(safePrefix(f) && (f.Prefix == "" || strings.Contains(f.Prefix, "/"))) {
			return "an archive whose name is not known could be on another host; put ./ before it"
		}
	}
	return r.writes(c)
}

// writes says why the archives may not be written, or "".
func (r *tarReader) writes(c *check) string {
	switch r.mode {
	case 0:
		return ""
	case 'x':
		if r.prints {
			return ""
		}
		return "extracting writes files"
	}
	if len(r.files) == 0 {
		return "the archive that tar writes is not known"
	}
	for _, f := range r.files {
		if !f.Static {
			return "the archive that tar writes is not known"
		}
		if f.Value == "-" {
			continue
		}
		if why := c.p.writeReason(f.Value, c.s.cd || c.changesDir()); why != "" {
			return why
		}
	}
	return ""
}

func (r *tarReader) long(words []command.Word, i int, own bool) string {
	v := words[i].Value
	_, val, joined := strings.Cut(v, "=")
	switch {
	case longMatches(v, "file") && len(v) > 3:
		if joined {
			r.files = append(r.files, command.Word{Static: true, Value: val})
		} else if i+1 < len(words) {
			r.files = append(r.files, words[i+1])
		}
	case own || len(v) < 4:
	case longMatches(v, "extract"), longMatches(v, "get"):
		r.mode = 'x'
	case hasLong("create append update concatenate catenate delete", v):
		r.mode = 'c'
	case longMatches(v, "remove-files"):
		return "the option " + v + " of tar is not granted"
	}
	return ""
}

func (r *tarReader) letter(l byte, own bool) string {
	switch {
	case own:
	case strings.IndexByte("IFgT", l) >= 0:
		return "the option -" + string(l) + " of tar is not granted"
	case strings.IndexByte("xcruA", l) >= 0:
		r.mode = l
	}
	return ""
}

// printing looks at the letters of a cluster that are no value: a later -x could not take the -O back.
func (r *tarReader) printing(letters string) {
	r.prints = r.prints || strings.ContainsRune(letters, 'x') && strings.ContainsRune(letters, 'O') && !strings.ContainsAny(letters[:len(letters)-1], tarValues)
}

// cluster reads -tvf FILE.
func (r *tarReader) cluster(words []command.Word, i int, own bool) string {
	letters := words[i].Value[1:]
	for k := range len(letters) {
		if why := r.letter(letters[k], own); why != "" {
			return why
		}
		r.printing(letters[:k+1])
		if strings.IndexByte(tarValues, letters[k]) < 0 {
			continue
		}
		rest := letters[k+1:]
		if letters[k] == 'f' && rest != "" {
			r.files = append(r.files, command.Word{Static: true, Value: rest})
		} else if letters[k] == 'f' && i+1 < len(words) {
			r.files = append(r.files, words[i+1])
		}
		break
	}
	return ""
}

// old reads tvf FILE, where the values follow in the order of their letters.
func (r *tarReader) old(words []command.Word, own bool) string {
	next := 2
	for k, l := range []byte(words[1].Value) {
		r.printing(words[1].Value[:k+1])
		if why := r.letter(l, own); why != "" {
			return why
		}
		if strings.IndexByte(tarValues, l) < 0 {
			continue
		}
		if l == 'f' && next < len(words) {
			r.files = append(r.files, words[next])
		}
		next++
	}
	return ""
}
