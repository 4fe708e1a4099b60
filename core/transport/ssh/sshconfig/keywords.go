package sshconfig

import "strings"

// A kind says what the arguments of a keyword look like.
type kind int

const (
	one      kind = iota // one argument
	flag                 // yes or no
	number               // a decimal number
	port                 // 1 to 65535
	interval             // seconds, or 1h30m, or none
	rest                 // the line to its end, quotes and all
	list                 // one or more arguments; the first line wins
	add                  // one argument; every line counts
	addList              // one or more arguments; every line counts
	anything             // arguments that nobody looks at
)

// A use says what a keyword means for a session: it is honoured, unless it is one of these.
type use int

const (
	// idle keywords concern what a session does not do, or a convenience that changes neither the peer nor the trust
	// in it.
	idle use = 1 + iota
	// refused keywords change the peer or the trust in it, in a way that is not implemented.
	refused
)

type keyword struct {
	kind kind
	use  use
	// harmless is the value with which a refused keyword has no effect.
	harmless []string
}

var off = []string{"no", "false", "none"}

var keywords = map[string]keyword{
	"addressfamily": {kind: one}, "bindaddress": {kind: one}, "casignaturealgorithms": {kind: one},
	"certificatefile": {kind: add}, "ciphers": {kind: one}, "connectionattempts": {kind: number},
	"connecttimeout": {kind: interval}, "globalknownhostsfile": {kind: list}, "hashknownhosts": {kind: flag},
	"hostkeyalgorithms": {kind: one}, "hostkeyalias": {kind: one}, "hostname": {kind: one},
	"identitiesonly": {kind: flag}, "identityagent": {kind: one}, "identityfile": {kind: add},
	"kbdinteractiveauthentication": {kind: flag}, "kexalgorithms": {kind: one}, "macs": {kind: one},
	"numberofpasswordprompts": {kind: number}, "passwordauthentication": {kind: flag}, "port": {kind: port},
	"preferredauthentications": {kind: one}, "proxycommand": {kind: rest}, "proxyjump": {kind: rest},
	"pubkeyacceptedalgorithms": {kind: one}, "pubkeyauthentication": {kind: one}, "rekeylimit": {kind: list},
	"requiredrsasize": {kind: number}, "revokedhostkeys": {kind: one}, "serveralivecountmax": {kind: number},
	"serveraliveinterval": {kind: interval}, "setenv": {kind: list}, "stricthostkeychecking": {kind: one},
	"tcpkeepalive": {kind: flag}, "user": {kind: one}, "userknownhostsfile": {kind: list},

	"bindinterface":                    {kind: one, use: refused, harmless: []string{"none"}},
	"canonicalizehostname":             {kind: one, use: refused, harmless: off},
	"checkhostip":                      {kind: flag, use: refused, harmless: off},
	"knownhostscommand":                {kind: rest, use: refused, harmless: []string{"none"}},
	"nohostauthenticationforlocalhost": {kind: flag, use: refused, harmless: off},
	"permitlocalcommand":               {kind: flag, use: refused, harmless: off},
	"pkcs11provider":                   {kind: one, use: refused, harmless: []string{"none"}},
	"proxyusefdpass":                   {kind: flag, use: refused, harmless: off},
	"remotecommand":                    {kind: rest, use: refused, harmless: []string{"none"}},
	"sessiontype":                      {kind: one, use: refused, harmless: []string{"default"}},
	"verifyhostkeydns":                 {kind: one, use: refused, harmless: []string{"no", "false", "ask"}},
	"warnweakcrypto":                   {kind: anything, use: idle},
}

func init() {
	for _, name := range strings.Fields(`addkeystoagent batchmode canonicaldomains canonicalizefallbacklocal
		canonicalizemaxdots canonicalizepermittedcnames channeltimeout clearallforwardings compression compressionlevel
		controlmaster controlpath controlpersist dynamicforward enableescapecommandline enablesshkeysign escapechar
		exitonforwardfailure fingerprinthash forkafterauthentication forwardagent forwardx11 forwardx11timeout
		forwardx11trusted gatewayports gssapiauthentication gssapiclientidentity gssapidelegatecredentials
		gssapikexalgorithms gssapikeyexchange gssapirenewalforcesrekey gssapiserveridentity gssapitrustdns
		hostbasedacceptedalgorithms hostbasedauthentication ipqos kbdinteractivedevices localcommand localforward loglevel
		logverbose obscurekeystroketiming permitremoteopen refuseconnection remoteforward requesttty securitykeyprovider sendenv stdinnull
		streamlocalbindmask streamlocalbindunlink syslogfacility tag tunnel tunneldevice updatehostkeys versionaddendum
		visualhostkey xauthlocation
		protocol cipher fallbacktorsh globalknownhostsfile2 rhostsauthentication userknownhostsfile2 useroaming usersh
		useprivilegedport afstokenpassing kerberosauthentication kerberostgtpassing rsaauthentication rhostsrsaauthentication`) {
		keywords[name] = keyword{kind: anything, use: idle}
	}
	// What would make ssh refuse to connect must not be passed over.
	keywords["refuseconnection"] = keyword{kind: rest, use: refused}
}

// aliases are other names of keywords.
var aliases = map[string]string{
	"challengeresponseauthentication": "kbdinteractiveauthentication", "skeyauthentication": "kbdinteractiveauthentication",
	"tisauthentication": "kbdinteractiveauthentication", "dsaauthentication": "pubkeyauthentication",
	"identityfile2": "identityfile", "pubkeyacceptedkeytypes": "pubkeyacceptedalgorithms", "keepalive": "tcpkeepalive",
	"hostbasedkeytypes": "hostbasedacceptedalgorithms", "smartcarddevice": "pkcs11provider",
}

// values are the words that keywords with a fixed set accept.
var values = map[string][]string{
	"addressfamily":         {"inet", "inet6", "any"},
	"pubkeyauthentication":  {"yes", "no", "true", "false", "unbound", "host-bound"},
	"stricthostkeychecking": {"yes", "no", "true", "false", "ask", "off", "accept-new"},
	"canonicalizehostname":  {"yes", "no", "true", "false", "none", "always"},
	"sessiontype":           {"none", "subsystem", "default"},
	"verifyhostkeydns":      {"yes", "no", "true", "false", "ask"},
}
