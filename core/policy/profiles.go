package policy

import (
	"path"
	"regexp"
	"strings"
)

// interpreters run whatever program they are given: in an argument, a file or their input. Only a full command line
// can be granted.
var interpreters = set(`sh bash dash zsh ksh mksh ash rbash fish csh tcsh yash python python2 python3 perl ruby node nodejs deno bun php
	pypy pypy3 bpython ptpython pdb pdb3 kotlin groovysh clojure clj bb raku perl6 mono wine gforth hy nu xonsh osh elvish posh slsh sash ghc jjs tsx dlv bpftrace stap debugfs rview rvim vimdiff gvim vigr vipw
	hx kak jed mg zile ranger nnn lf vifm psftp ncftp smbclient tftp rlogin minicom w3m lynx elinks links mailx byebug pgcli mycli litecli cqlsh duckdb lua luajit tclsh wish expect osascript pwsh powershell Rscript R julia groovy scala ghci irb pry ipython jshell ld.so
	vim vi view nvim ex ed red emacs emacsclient nano pico joe mcedit micro gdb lldb at batch screen tmux dtach zellij m4 dc bc
	guile sbcl clisp swipl erl elixir iex ocaml racket java jrunscript go-run cscript wscript msbuild awk-run ansible
	ansible-playbook salt puppet chef socat nc ncat netcat telnet ftp sftp lftp gnuplot octave maxima ffmpeg-run mail mutt`)

// commandsAnywhere take commands of their own from options even after their operands (vim FILE -c ':!sh').
var commandsAnywhere = set(`vim vi view nvim ex emacs emacsclient gdb lldb screen tmux m4 socat ncat nc expect ansible-playbook gnuplot mail mutt`)

// canonical is the name by which the tables know a program: without its directory and version, and GNU's tools on other
// systems without their g (python3.11, gcc-12, gfind).
func canonical(program string) string {
	base := path.Base(program)
	for _, name := range []string{base, strings.TrimRight(base, "0123456789.-"), strings.TrimPrefix(base, "g")} {
		_, launches := launchers[name]
		if name != "" && (launches || interpreters[name] || profiles[name] != nil) {
			return name
		}
	}
	return base
}

// profiles holds the programs that people grant most, by name. What is missing here has no options known to run or to
// write something else.
var profiles map[string]*profile

// init breaks the circle of sshArgs, which judges an inner command by the same table.
func init() {
	profiles = profileTable
	for name, p := range moreProfiles {
		if profiles[name] == nil {
			profiles[name] = p
		}
	}
	for _, sub := range gitProfile.subs {
		if !strings.Contains(sub.exact, "--help") {
			sub.exact += " --help" // starts a reader of manuals
		}
	}
	for name, like := range map[string]string{"oc": "kubectl", "nerdctl": "docker", "tofu": "terraform"} {
		profiles[name] = profiles[like]
	}
	for _, name := range []string{"git", "docker", "podman"} {
		for _, sub := range profiles[name].subs {
			sub.loose = true
		}
	}
	for _, p := range profiles {
		p.tidy()
	}
	profiles["ssh"].more = sshArgs
}

var profileTable = map[string]*profile{
	"sort":  {short: "T", vals: "kStT", wshort: "o", long: "compress-program temporary-directory", wlong: "output", operands: 0, longVals: "key field-separator buffer-size parallel batch-size"},
	"uniq":  {vals: "fsw", operands: 1, longVals: "skip-fields skip-chars check-chars"},
	"shuf":  {vals: "in", wshort: "o", wlong: "output"},
	"xxd":   {vals: "cglosnR", operands: 1, exact: "-r -revert -i", more: xxdArgs},
	"iconv": {vals: "ft", wshort: "o", wlong: "output"},
	"tree":  {wshort: "o", vals: "LIPHT", short: "R", long: "output"},
	"file":  {short: "C", vals: "mfFeP", long: "compile"},
	"date":  {short: "sf", vals: "dr", optional: "I", long: "set", more: dateArgs}, "hostname": {short: "Fb", long: "file boot", operands: -1},
	"dmesg": {short: "CcDEn", long: "clear read-clear console-off console-on console-level"},
	"ss":    {short: "K", long: "kill diag", wshort: "D"},
	"rg":    {vals: "efgtTABCmjMdErE", short: "z", long: "pre hostname-bin search-zip"},
	"bat":   bat, "batcat": bat,
	"fd": {short: "xX", long: "exec exec-batch", vals: "dteES"}, "fdfind": {short: "xX", long: "exec exec-batch", vals: "dteES"},
	"less": {short: "koOT", long: "cmd lesskey-file lesskey-src lesskey-content log-file LOG-FILE tag-file", starts: "+ ++"},
	"more": {starts: "+"},
	"man":  {short: "PHlCBEpTXZ", long: "pager html local-file config-file preprocessor browser troff-device gxditview ditroff", vals: "MSs"}, "apropos": {short: "C", long: "config-file"},
	"split": {why: "writes files"}, "csplit": {why: "writes files"}, "unzip": {why: "writes files", reads: unzipLists}, "gunzip": {why: "writes files", reads: toStdout}, "gzip": {why: "writes files", reads: toStdout},
	"tee":   {operands: 0, long: "output-error", more: everyOperandWritten},
	"yq":    {short: "is", long: "inplace in-place split-exp split-exp-file"},
	"jq":    {longFine: "slurp", pairs: "arg argjson", long: "in-place from-file rawfile slurpfile library-path", short: "fL"},
	"sdiff": {short: "o", long: "output diff-program"},
	"diff":  {short: "l", vals: "xIUCWFDS", long: "paginate"},
	"find":  {endless: true, exact: "-delete -execdir -ok -okdir -fprint -fprint0 -fprintf -fls", more: findArgs},
	"awk":   {more: awkArgs}, "gawk": {more: awkArgs}, "mawk": {more: awkArgs}, "nawk": {more: awkArgs},
	"sed": {more: sedArgs}, "gsed": {more: sedArgs},
	"tar": {long: "to-command checkpoint-action use-compress-program rsh-command rmt-command info-script new-volume-script index-file listed-incremental volno-file files-from", short: "IFgT", longFine: "list file", more: tarArgs},
	"ar":  {long: "plugin output", reads: readings(`-?(t|tv|p)( [^- ][^ ]*)+`), why: "writes files unless the entry names a reading operation"},
	"curl": {dash: true, short: "cDJKOQx", starts: "--expand", wshort: "o", vals: "AbCdeEFHmPrtTuUwxXyYz", long: `config dump-header cookie-jar remote-name remote-name-all remote-header-name
		stderr trace trace-ascii libcurl hsts alt-svc ssl-sessions socks4 socks4a socks5 socks5-hostname proxy1.0 etag-save engine output-dir quote telnet-option unix-socket abstract-unix-socket proxy preproxy netrc-file`, wlong: "output", more: curlArgs},
	"wget":  {dash: true, short: "oaePrmpNKkxib", wshort: "O", long: "output-file append-output execute use-askpass directory-prefix config warc-file save-cookies rejected-log hsts-file recursive mirror input-file page-requisites background", wlong: "output-document", vals: "tTwQUlADRIXB", more: wgetArgs},
	"rsync": {short: "eMT", long: "server password-command rsh rsync-path daemon config log-file write-batch only-write-batch remote-option delete remove-source-files backup-dir temp-dir partial-dir", vals: "fB", more: copyArgs},
	"scp":   {short: "SoFDiJ", long: "", vals: "clPX", more: copyArgs},
	"ssh":   {short: "FEIoLRDwSOWJtAP", vals: "bceilmpQB"},
	"docker": {reads: dockerReads, short: "Hc", long: "host context config tlscacert tlscert tlskey", known: `ps logs images inspect stats version info top port diff history events search pull rm rmi start stop restart
		kill pause unpause wait rename tag push update volume network system compose image container node secret manifest login logout`,
		named: "run exec build buildx cp save export load import plugin context create stack service swarm debug init commit attach compose container image builder", subs: map[string]*profile{
			"*": {short: "H", long: "host context config"}, "compose": {short: "f", long: "file env-file project-directory"}, "system": {exact: "dial-stdio"}, "build": {short: "o", long: "output iidfile metadata-file cidfile cache-to builder push allow"}, "save": {short: "o", long: "output"}, "export": {short: "o", long: "output"}}},
	"podman": {short: "cr", long: podmanElsewhere, known: "ps logs images inspect stats version info top port diff history events search", subs: map[string]*profile{"*": {long: podmanElsewhere}}},
	"kubectl": {reads: kubectlReads, loose: true, long: "kubeconfig server token as as-group context cluster user kuberc cache-dir profile-output log-file log-dir certificate-authority insecure-skip-tls-verify", short: "s",
		known: `get describe logs top explain version api-resources api-versions cluster-info rollout auth diff apply delete scale label annotate create patch set wait events cordon uncordon drain taint
			expose autoscale replace certificate kustomize options`, named: "exec run debug cp attach plugin proxy edit port-forward config", subs: map[string]*profile{
			"*": kubectlAny, "apply": kubectlApply, "logs": kubectlLogs,
			"kustomize": {short: "o", long: "output enable-exec enable-alpha-plugins enable-helm helm-command network mount env"}}},
	"helm": {long: "post-renderer kubeconfig kube-apiserver kube-token kube-context registry-config repository-config repository-cache", known: "list ls status get history version show search env lint template repo dependency test install upgrade rollback uninstall verify",
		named: "plugin install upgrade push pull package create", subs: map[string]*profile{"*": {long: "post-renderer kubeconfig kube-apiserver kube-token kube-context kube-as-user kube-as-group kube-ca-file kube-tls-server-name kube-insecure-skip-tls-verify output-dir registry-config repository-config repository-cache content-cache", vals: "n", longVals: "namespace"}}},
	"systemctl":  {short: "HM", long: "host machine root image", vals: "tpnos", subs: map[string]*profile{"*": {short: "HM", long: "host machine root image", vals: "tpnos", longVals: "type state property lines output signal"}}, named: "edit set-environment import-environment link enable preset set-property switch-root kexec daemon-reexec"},
	"journalctl": {short: "M", long: "vacuum-size vacuum-time vacuum-files rotate flush sync relinquish-var smart-relinquish-var setup-keys cursor-file update-catalog root image interval force machine", vals: "uptSgDMo"},
	"npm": {reads: npmReads, short: "cC", long: "script-shell node-options prefix userconfig globalconfig call git editor viewer browser onload-script shell init-module cache ignore-scripts",
		known: "ls list view info outdated test t run run-script version audit ping search whoami pack docs fund explain query prefix root bin help doctor config",
		named: "exec x install i ci add update explore edit config set init create start stop restart publish link rebuild run run-script test t pack docs", subs: map[string]*profile{
			"audit": {exact: "fix", short: "cC", long: npmElsewhere}, "version": {operands: -1, long: npmElsewhere}, "fund": {operands: -1, long: npmElsewhere}, "help": {operands: -1, long: npmElsewhere},
			"*": {short: "cC", long: npmElsewhere}}},
	"pip": pip, "pip3": pip,
	"make": gnuMake, "gmake": gnuMake,
	"go": {reads: goReads, known: "test build vet list version env doc fmt help mod tool work", named: "run generate tool get install fmt mod work clean build test", subs: map[string]*profile{
		"*": {starts: "-exec --exec -vettool --vettool -toolexec --toolexec -o= --o= -C --C -overlay --overlay -modfile --modfile -cpuprofile -memprofile -blockprofile -mutexprofile -trace -coverprofile -outputdir -test. --test. -modcacherw -ldflags --ldflags -gccgoflags -gcflags -asmflags -compiler -pkgdir -pgo -http --http -testlogfile -gocoverdir -artifacts", rest: "-test. --test.", valued: "run bench benchtime count timeout tags p parallel cpu skip list fuzz fuzztime shuffle", exact: "-o --o -w -u -c -exec -fix -diff"}}},
	"cargo": {long: "config manifest-path target-dir", short: "ZC", starts: "+", known: "test build check tree metadata version bench doc clippy fmt search verify-project pkgid locate-project",
		named: "run install publish", subs: map[string]*profile{"*": {rest: "--logfile", long: "config manifest-path target-dir out-dir artifact-dir lockfile-path fix open", short: "ZC"}}},
	"terraform": {reads: terraformReads, starts: "-chdir --chdir", known: "plan validate show output version providers graph fmt state workspace get init", named: "apply destroy import taint console state workspace init get",
		subs: map[string]*profile{"*": {starts: terraformWrites}, "providers": {exact: "mirror lock", starts: terraformWrites}}},
	"aws":    {long: "endpoint-url ca-bundle profile no-verify-ssl", subs: map[string]*profile{"*": {long: "endpoint-url ca-bundle no-verify-ssl cli-input-json cli-input-yaml profile", longVals: "region output query"}}, named: "configure"},
	"pytest": {endless: true, more: pytestArgs, longFine: "cov durations", fine: regexp.MustCompile(`^(--cov-report[= ]term(-missing)?(:skip-covered)?|-p ?no:[a-z_]+)$`), short: "pco", starts: "@", vals: "kmnrW", long: "rootdir override-ini confcutdir basetemp junitxml junit-xml log-file pastebin pdbcls pdb trace dc import-mode ignore-glob config-file debug cov-config cov-report report-log html json-report-file durations-path tx px rsyncdir inifile ds result-log resultlog benchmark-json benchmark-storage"},
	"openssl": {more: opensslCommand, subs: map[string]*profile{"*": {more: opensslArgs}},
		known: "rand sha256 sha512 sha1 md5 x509 version s_client verify req crl rsa pkey ec asn1parse ciphers dgst", named: "engine s_server"},
	"ip":    {short: "bn", long: "batch netns", exact: "-batch -netns -n -b", known: "addr address a link l route r neigh n rule -s maddr", named: "netns vrf", subs: map[string]*profile{"*": {more: ipArgs}}},
	"nmap":  {more: nmapArgs},
	"psql":  {short: "oLfv", wshort: "", long: "output log-file file set variable", vals: "dhpUF", more: sqlArgs},
	"mysql": mysqlProfile, "mariadb": mysqlProfile,
	"sqlite3":   {exact: "-init -cmd --init --cmd", more: sqlArgs},
	"redis-cli": {long: "eval pipe rdb functions-rdb cluster"},
	"gcc":       cc, "g++": cc, "cc": cc, "clang": cc, "c++": cc, "clang++": cc,
	"prove": {short: "eIPMmva", long: "exec harness source formatter archive rc statefile"}, "rake": {short: "fEeprRIC", long: "directory rakefile execute execute-print execute-continue require libdir rakelibdir"},
	"crontab": {why: "changes what is run later", reads: readings(`-l`)}, "machinectl": {named: "shell login copy-to copy-from start import-tar", known: "list status show list-images image-status show-image", subs: map[string]*profile{"*": {}}},
	"git": gitProfile, "lsof": {short: "D"}, "column": {}, "mount": {operands: -1, short: "aoB", starts: "--make", long: "all bind rbind move options label uuid source target"}, "ifconfig": {operands: 1}, "nft": {why: "changes the firewall", reads: readings(`(-a )?list (ruleset|tables|chains)`)},
	"ansible-lint": {long: "fix write"}, "strings": binutils, "objdump": binutils, "gpg": gpgProfile, "ldd": {why: "may run the program that it is shown"},
}

var gpgProfile = &profile{long: "homedir options output exec-path photo-viewer agent-program dirmngr-program keyserver-options log-file logger-file status-file attribute-file decrypt-files use-embedded-filename", wshort: "o"}

// binutils load a plugin into themselves.
var binutils = &profile{long: "plugin"}

var bat = &profile{long: "pager paging config-file generate-config-file", exact: "cache", vals: "lHmr"}

var kubectlAny = &profile{loose: true, long: "kubeconfig server token as as-group context cluster user kuberc cache-dir output-directory profile-output log-file log-dir certificate-authority insecure-skip-tls-verify raw as-uid username password client-certificate client-key edit tls-server-name", longFine: "client", short: "s", vals: "nlocfkLv", longVals: kubectlValues}

const kubectlValues = "namespace selector output container filename since since-time tail field-selector request-timeout label-columns sort-by"

// kubectlLogs has an -f that takes no value.
var kubectlLogs = func() *profile {
	logs := *kubectlAny
	logs.vals = "nlcv"
	return &logs
}()

// kubectlApply has a subcommand that starts an editor.
var kubectlApply = func() *profile {
	apply := *kubectlAny
	apply.exact = "edit-last-applied"
	return &apply
}()

// gnuMake: the number after -j and -l is optional, so they take no other word.
var gnuMake = &profile{short: "fCEIoe", optional: "jlO", vals: "W", long: "eval file makefile directory include-dir environment-overrides", more: makeArgs}

var mysqlProfile = &profile{long: "pager tee init-command init-command-add defaults-file defaults-extra-file plugin-dir", more: sqlArgs}

// The options of these programs that choose another machine, another program or a file to write, before or after the subcommand.
const (
	podmanElsewhere = "url connection identity remote root runroot hooks-dir conmon runtime module out network-cmd-path network-config-dir storage-opt storage-driver events-backend cgroup-manager tmpdir volumepath imagestore ssh"
	npmElsewhere    = "script-shell node-options prefix userconfig globalconfig call git editor viewer browser onload-script shell cache logs-dir tmp"
	terraformWrites = "-out --out -state --state -backend-config --backend-config -plugin-dir --plugin-dir -backup --backup -chdir --chdir -generate-config-out --generate-config-out -json-into --json-into"
)

var pip = &profile{reads: pipReads, long: "target log log-file local-log python config-settings global-option install-option prefix root build-option cache-dir", known: "list show freeze check index config help cache debug inspect search",
	named: "install download wheel config cache uninstall", subs: map[string]*profile{"*": {long: pipWrites + " index-url extra-index-url proxy trusted-host find-links", short: "if"}, "install": {short: "t", vals: "rceifbC", long: pipWrites + " src"}}}

const pipWrites = "target log log-file local-log python config-settings global-option install-option prefix root cache-dir report keyring-provider"

var cc = &profile{single: true, starts: `-wrapper -B -fplugin -specs --specs -fuse-ld -Xlinker -Wl, -x @ -dump -fdump -MF -MJ -T -aux -iplugindir -time= -Wa, -Wp, -Xpreprocessor -Xassembler -Xclang -cc1
	-mllvm -fpass-plugin -fprofile-generate= -fprofile-note -fprofile-dir -foptimization-record-file -save-temps= --save-temps= --output --prefix --for- --config --serialize-diagnostics`, wshort: "o", exact: "-run"}

var gitRead = &profile{exact: "--output", long: "output ext-diff textconv exec upload-pack"}

// gitStrategy are git's own ways to merge. Any other name is that of a program, git-merge-NAME.
var gitStrategy = regexp.MustCompile(`^(-s ?|--strategy[= ])(ours|ort|recursive|resolve|octopus|subtree)$`)

var gitProfile = &profile{
	reads: gitReads,
	more:  gitEditor,
	// -c, --exec-path and their kin choose programs; --git-dir and --work-tree bring another repository's settings.
	short: "cp", vals: "C", long: "help exec-path git-dir work-tree config-env paginate super-prefix namespace attr-source",
	known: `status log diff show branch rev-parse ls-files grep blame remote fetch stash tag describe shortlog reflog cat-file merge-base ls-tree ls-remote name-rev rev-list
		count-objects show-ref for-each-ref symbolic-ref var check-ignore check-attr diff-tree diff-index diff-files range-diff cherry whatchanged version add commit checkout switch restore reset
		merge pull push clone init mv rm revert cherry-pick clean worktree apply am format-patch archive notes rebase fsck gc bundle verify-commit verify-tag show-branch get-tar-commit-id`,
	named: `help config bisect submodule filter-branch difftool mergetool send-email daemon instaweb web--browse gui citool cvsserver shell svn p4 hook maintenance
		credential alias lfs update-index config--helper upload-pack receive-pack upload-archive archimport cvsimport imap-send request-pull quiltimport fast-import`,
	subs: map[string]*profile{
		"*": gitRead, "log": gitRead, "diff": gitRead, "show": gitRead,
		"grep":      {short: "O", vals: "efABCm", long: "open-files-in-pager ext-grep textconv"},
		"clone":     {short: "uc", long: "upload-pack config template", vals: "bo", starts: "ext:: fd::"},
		"fetch":     {long: "upload-pack server-option recurse-submodules", starts: "ext:: fd::"},
		"pull":      {short: "s", long: "upload-pack exec strategy", longFine: "strategy-option", fine: gitStrategy, starts: "ext:: fd::"},
		"merge":     {short: "s", vals: "mFX", optional: "S", long: "strategy", longFine: "strategy-option", fine: gitStrategy},
		"ls-remote": {long: "upload-pack exec", starts: "ext:: fd::"},
		"push":      {long: "receive-pack exec", starts: "ext:: fd::"},
		"remote":    {starts: "ext:: fd::"},
		"rebase":    {short: "xis", vals: "X", optional: "S", long: "exec interactive edit-todo strategy", longFine: "strategy-option", fine: gitStrategy},
		"revert":    {long: "strategy", longFine: "strategy-option", fine: gitStrategy}, "cherry-pick": {long: "strategy", longFine: "strategy-option", fine: gitStrategy},
		"checkout": {exact: "-p --patch"}, "reset": {exact: "-p --patch"}, "restore": {exact: "-p --patch"},
		"archive": {short: "o", long: "output exec remote"},
		"bisect":  {exact: "run"}, "submodule": {exact: "foreach"},
		"init": {long: "template separate-git-dir"}, "commit": {short: "Fp", vals: "mCct", optional: "Su", long: "edit template patch interactive"}, "tag": {vals: "muF", optional: "n", long: "edit"}, "am": {short: "i", long: "interactive"}, "apply": {long: "unsafe-paths build-fake-ancestor"}, "add": {short: "ipe", long: "interactive patch edit"},
		"format-patch": {short: "o", long: "output-directory"}, "bundle": {exact: "create"}, "branch": {long: "edit-description"},
		"var": {}, "blame": {}, "cat-file": {long: "textconv filters"}, "help": {short: "wi", long: "web info"}, "symbolic-ref": {},
	},
}
