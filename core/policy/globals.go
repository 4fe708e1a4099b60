package policy

import (
	"regexp"
	"strings"

	"github.com/execkit/execkit/core/command"
)

// globalOptions are options between a program and its subcommand that choose neither another program, nor another machine,
// account or configuration. An entry for the subcommand grants them too: kubectl -n prod get pods is kubectl get.
type globalOptions struct {
	flags, values string
}

var harmlessGlobals = map[string]globalOptions{
	"git":       {flags: "--no-pager -P --no-optional-locks --no-replace-objects --literal-pathspecs"},
	"kubectl":   {values: "-n --namespace --request-timeout"},
	"helm":      {values: "-n --namespace"},
	"systemctl": {flags: "--no-pager --full -l --plain --no-legend --user --quiet -q --all -a --failed", values: "-n --lines -o --output -t --type --state"},
	"aws":       {flags: "--no-cli-pager --no-paginate --no-cli-auto-prompt", values: "--region --output --query"},
	"ip":        {flags: "-br -brief -4 -6 -c -color -o -oneline -s -stats -d -details -j -json -p -pretty -h -human"},
	"npm":       {flags: "-s --silent --no-color"},
	"yarn":      {flags: "-s --silent --no-color"},
	"cargo":     {flags: "-q --quiet -v --verbose --locked --offline --frozen", values: "--color"},
	"make":      {flags: makeQuietly}, "gmake": {flags: makeQuietly},
	"pip":  {flags: "-q --quiet --disable-pip-version-check --no-input --no-color"},
	"pip3": {flags: "-q --quiet --disable-pip-version-check --no-input --no-color"},
}

const makeQuietly = "-s --silent --quiet --no-print-directory"

var makeJobs = regexp.MustCompile(`^-j[0-9]*$`)

// harmlessConfig are settings of git -c that only change how it prints, and who a commit is by.
var harmlessConfig = regexp.MustCompile(`(?i)^(color\.[a-z.]+=(auto|always|never|true|false)|core\.(quotepath|abbrev)=[a-z0-9]+|core\.pager=(?-i:(cat)?)|pager\.[a-z]+=(?-i:false|cat)|advice\.[a-z]+=(true|false)|log\.(date|decorate|showsignature)=[a-z0-9-]+|diff\.(noprefix|mnemonicprefix|renames)=[a-z]+|user\.(name|email)=[^\n]*|commit\.gpgsign=false|init\.defaultbranch=[a-z0-9/_-]+)$`)

// withoutGlobals returns words without the harmless options that stand before the subcommand.
func withoutGlobals(words []command.Word) []command.Word {
	if len(words) < 2 || !words[0].Static {
		return words
	}
	name := words[0].Value
	o, known := harmlessGlobals[name]
	if !known {
		return words
	}
	at := 1
	for at < len(words) && words[at].Static {
		v := words[at].Value
		option, _, joined := strings.Cut(v, "=")
		switch {
		case has(o.flags, v):
			at++
		case joined && strings.HasPrefix(v, "--") && has(o.values, option):
			at++
		case has(o.values, v) && at+1 < len(words) && oneWord(words[at+1]):
			at += 2
		case strings.HasSuffix(name, "make") && makeJobs.MatchString(v):
			at++
		case name == "git" && v == "-c" && at+1 < len(words) && words[at+1].Static && harmlessConfig.MatchString(words[at+1].Value):
			at += 2
		default:
			return cut(words, at)
		}
	}
	return cut(words, at)
}

// cut returns words without those between the first and at.
func cut(words []command.Word, at int) []command.Word {
	if at == 1 {
		return words
	}
	return append([]command.Word{words[0]}, words[at:]...)
}
