package policy

import (
	"regexp"
	"strings"

	"github.com/execkit/execkit/core/command"
)

// A sqlClient is how a database client takes its statement.
type sqlClient struct {
	// vals and longVals are the options that take the next word, which is then no statement, whatever it looks like.
	vals, longVals string
	// statement is a word that holds the statement, or says that the next one does.
	statement *regexp.Regexp
}

var mysqlClient = sqlClient{vals: "uhPSDCer", longVals: "user host port socket database protocol ssl-ca ssl-cert ssl-key ssl-mode delimiter prompt default-character-set",
	statement: regexp.MustCompile(`^(-[ABEHNXnqrstv]*e|--execute(=|$)|--version$|-V$)`)}

var sqlClients = map[string]sqlClient{
	"psql": {vals: "dhpUFPRTvLof", longVals: "dbname host port username field-separator record-separator pset table-attr set variable log-file output file",
		statement: regexp.MustCompile(`^(-[AabeEHnqsStwWxXz01]*[cl]|--command(=|$)|--list$|--version$|-V$)`)},
	"mysql": mysqlClient, "mariadb": mysqlClient,
}

// sqlArgs: database clients have commands of their own that start programs and write files. They must be given their
// statement, because what comes on their input is not judged.
func sqlArgs(_ *check, words []command.Word, granted int) string {
	base := canonical(words[0].Value)
	for i := max(granted, 1); i < len(words); i++ {
		if !words[i].Static {
			return "an argument of " + base + " that is not known may hold a command"
		}
		if why := sqlWord(base, words[i].Value); why != "" {
			return why
		}
	}
	if granted > 1 {
		return "" // what the entry spells out is the operator's
	}
	if base == "sqlite3" {
		return sqliteOperands(words[1:])
	}
	if !sqlClients[base].stated(words[1:]) {
		return base + " without a statement runs what comes on its input"
	}
	return ""
}

func sqlWord(base, v string) string {
	if strings.Contains(v, `\`) && !(base == "psql" && psqlDescribes.MatchString(v)) {
		return "the statement for " + base + " holds a backslash"
	}
	for _, word := range strings.FieldsFunc(strings.ToLower(v), func(r rune) bool { return r < 0x80 && !wordByte(byte(r)) }) {
		if sqlActs[word] {
			return "the statement for " + base + " holds " + word
		}
	}
	if loadsLibrary.MatchString(v) {
		return "the statement for " + base + " loads a library"
	}
	if base == "sqlite3" && strings.HasPrefix(strings.TrimSpace(v), ".") && !sqliteReads.MatchString(v) {
		return "a dot command of sqlite3 that is not known to read"
	}
	return ""
}

var loadsLibrary = regexp.MustCompile(`(?i)\bload\s*'`)

// psqlDescribes is a command of psql that shows what a database has.
var psqlDescribes = regexp.MustCompile(`^\\(d[a-zA-Z]*|l)[S+]*( [A-Za-z0-9_.*]+)?$`)

// stated reports whether the words hold a statement that no option takes as its value.
func (s sqlClient) stated(words []command.Word) bool {
	for i := 0; i < len(words); i++ {
		v := words[i].Value
		switch {
		case v == "--" || !strings.HasPrefix(v, "-"):
		case s.statement.MatchString(v):
			return true
		case strings.HasPrefix(v, "--"):
			if !strings.Contains(v, "=") && hasLong(s.longVals, v) {
				i++
			}
		case strings.IndexAny(v[1:], s.vals) == len(v)-2:
			i++
		}
	}
	return false
}

const (
	sqliteFlags  = "batch bail header noheader csv json line list column html ascii box table markdown quote tabs readonly echo stats safe nofollow version help"
	sqliteValues = "separator newline nullvalue"
)

// sqliteOperands asks for a database and a statement: with less sqlite3 runs what comes on its input.
func sqliteOperands(words []command.Word) string {
	operands := 0
	for i := 0; i < len(words); i++ {
		v := words[i].Value
		option := strings.TrimPrefix(strings.TrimPrefix(v, "-"), "-")
		switch {
		case !strings.HasPrefix(v, "-"):
			operands++
		case has("version help", option):
			return ""
		case has(sqliteFlags, option):
		case has(sqliteValues, option):
			i++
		default:
			return "the option " + v + " of sqlite3 is not granted"
		}
	}
	if operands < 2 {
		return "sqlite3 without a statement runs what comes on its input"
	}
	return ""
}

// sqlActs are words of statements and client commands that write files, start programs or load code.
var sqlActs = set(`program outfile dumpfile load_extension pg_read_file pg_read_binary_file pg_ls_dir lo_export lo_import writefile readfile edit system source
	load_file pager nopager tee notee copy attach vacuum infile xp_cmdshell dblink dblink_exec fts3_tokenizer delimiter do call pg_file_write soname plperlu plpythonu plpython2u plpython3u pltclu general_log_file slow_query_log_file
	session_preload_libraries local_preload_libraries shared_preload_libraries archive_command temp_store_directory zipfile fsdir`)

var sqliteReads = regexp.MustCompile(`^\s*\.(tables|schema|databases|indexes|indices|fullschema|show|headers? (on|off)|mode (csv|column|json|line|list|table|box|markdown|html|quote|tabs))( [A-Za-z0-9_%]+)?\s*$`)

// opensslWrites are options of openssl that write a file, load code or take settings from elsewhere.
var opensslWrites = set(`out engine provider provider-path config CAserial CAcreateserial writerand keyout passin passout sess_out msgfile keylogfile proxy early_data
	ssl_client_engine newkey engine_impl`)

// opensslCommand refuses openssl alone, which older ones take for a shell of their own.
func opensslCommand(_ *check, words []command.Word, _ int) string {
	if len(words) < 2 {
		return "openssl without a command runs what comes on its input"
	}
	return ""
}

// opensslArgs knows that openssl takes -out, --out and -out=FILE alike. A new request without a key writes one.
func opensslArgs(_ *check, words []command.Word, granted int) string {
	makes, key := false, false
	for i := 1; i < len(words); i++ {
		name, _, _ := strings.Cut(words[i].Value, "=")
		if !words[i].Static || !strings.HasPrefix(name, "-") {
			continue
		}
		name = strings.TrimPrefix(name[1:], "-")
		if i >= granted && opensslWrites[name] {
			return "the option " + words[i].Value + " of openssl is not granted"
		}
		makes = makes || i >= granted && words[0].Value == "req" && has("new x509 precert", name)
		key = key || name == "key"
	}
	if makes && !key {
		return "openssl req would write a new key"
	}
	return ""
}

// nmapWrites finds the options of nmap that write files or run scripts, in clusters and with one dash too.
var nmapWrites = regexp.MustCompile(`^(-[46FfhInqRrVvd0-9]*([oA]|s[A-Z]*C)|--?(sc|da|r?es|st[yr]|ser|ver.*db|app|prox|interact))`)

func nmapArgs(_ *check, words []command.Word, granted int) string {
	for i := max(granted, 1); i < len(words); i++ {
		if v := words[i].Value; words[i].Static && nmapWrites.MatchString(v) && v != "--open" {
			return "the option " + v + " of nmap is not granted"
		}
	}
	return ""
}

// nmcliArgs admits what reads: nmcli takes every beginning of its verbs, so c u is connection up.
func nmcliArgs(_ *check, words []command.Word, granted int) string {
	at := 1
	if at < len(words) && words[at].Value == "wifi" {
		at++
	}
	if at < len(words) && at >= granted && !(words[at].Static && has("show status list permissions", words[at].Value)) {
		return "a verb of nmcli that is not known to read"
	}
	return ""
}

// pandocArgs refuses formats that are programs in Lua.
func pandocArgs(_ *check, words []command.Word, granted int) string {
	for i := max(granted, 1); i < len(words); i++ {
		if strings.Contains(words[i].Value, ".lua") || !words[i].Static && strings.HasPrefix(words[i-1].Value, "-") {
			return "a format of pandoc that is or may be a program"
		}
	}
	return ""
}

var tscWrites = set("project p build b outdir outfile out declarationdir tsbuildinfofile generatetrace generatecpuprofile init")

// tscArgs knows that tsc reads its options in any case and with one dash or two.
func tscArgs(_ *check, words []command.Word, granted int) string {
	for i := max(granted, 1); i < len(words); i++ {
		if v := words[i].Value; strings.HasPrefix(v, "-") && tscWrites[strings.ToLower(strings.TrimLeft(v, "-"))] {
			return "the option " + v + " of tsc is not granted"
		}
	}
	return ""
}
