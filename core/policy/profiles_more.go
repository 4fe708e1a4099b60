package policy

import (
	"regexp"
	"strings"

	"github.com/execkit/execkit/core/command"
)

// moreProfiles are programs that are granted less often. Those that read when they are asked to read are granted that;
// those whose every use changes something only what an entry spells out.
var moreProfiles = map[string]*profile{
	// Archives and compression.
	"bsdtar": {short: "xcruIC", long: "use-compress-program extract create", why: "writes files unless the entry names a reading operation"},
	"zip":    {why: "writes files and runs the command of -TT"}, "7z": {why: "writes files unless the entry names a reading operation", reads: readings(`[lt]( [^- ][^ ]*)+`)}, "7za": {why: "writes files unless the entry names a reading operation"}, "unrar": {why: "writes files unless the entry names a reading operation"},
	"cpio": {why: "writes files"}, "xz": {why: "writes files", reads: toStdout}, "zstd": {why: "writes files", reads: toStdout}, "bzip2": {why: "writes files", reads: toStdout}, "lz4": {why: "writes files"}, "compress": {why: "writes files"}, "lzip": {why: "writes files"},
	// Searching and showing.
	"ag": {long: "pager"}, "ack": {long: "pager ackrc output"}, "ugrep": {long: "pager filter config save-config view query", short: "zQ"}, "pt": {},
	"info": {long: "init-file output restore", short: "o"}, "most": {}, "delta": {long: "pager"}, "zless": {starts: "+", short: "oO"}, "zmore": {starts: "+"},
	"diff3": {long: "diff-program"}, "ptx": {short: "G", operands: 1, long: "traditional"}, "pr": {}, "exa": {}, "eza": {}, "lsd": {}, "watch": {},
	"locate": {}, "updatedb": {why: "writes a database"}, "dos2unix": {why: "changes files"}, "unix2dos": {why: "changes files"}, "recode": {why: "changes files"}, "patch": {short: "oirBYz", long: "output reject-file get", why: "changes files"},
	"xmllint": {long: "output shell", short: "o", exact: "-shell -output"}, "xsltproc": {short: "o", long: "output writesubtree profile"}, "xmlstarlet": {named: "ed edit c14n", known: "sel select val validate fo format el elements", subs: map[string]*profile{"*": {exact: "-L --inplace"}}},
	"hexdump": {}, "od": {}, "exiftool": {long: "config", short: "", starts: "-if -o -w -W -config -tagsFromFile -execute -api -overwrite -delete", why: "changes files and evaluates expressions"},
	// Keys.
	"ssh-keygen": {short: "DwfCNPtYKIUGMkRAqxpie", why: "writes and loads keys"}, "ssh-add": {short: "sedDkKtxXE", operands: -1}, "ssh-keyscan": {}, "gpg2": gpgProfile,
	// Networks.
	"tcpdump": {short: "wzZGCFVr", long: "postrotate-command relinquish-privileges"}, "tshark": {short: "wXrbFGoKHC", long: "log-file export-objects"}, "dumpcap": {why: "writes files"},
	"ethtool": {short: "sAGKCLXETfrWwNUpQt", starts: "--set --flash --reset --config --coalesce --per-queue --identify --test --offload --features --negotiate --rxfh", long: "change pause ring"}, "iptables": firewall, "ip6tables": firewall, "ufw": {named: "enable disable allow deny delete reset reload limit reject route insert", known: "status version show"},
	"arp": {short: "dsf", long: "set delete file"}, "route": {known: "-n -e -ee", exact: "add del delete flush change", operands: -1}, "iwconfig": {operands: 1}, "nmcli": {named: "networking radio agent monitor", known: "general g device d dev connection con c -t -f -g -p help", subs: map[string]*profile{"*": {more: nmcliArgs}}},
	"bluetoothctl": {why: "changes devices"}, "dig": {short: "fk"}, "mtr": {}, "nc": {}, "resolvectl": {named: "flush-caches reset-statistics reset-server-features dns domain default-route llmnr mdns dnsovertls dnssec nta revert log-level monitor", known: "query status statistics service openpgp tlsa show-cache"},
	// The machine.
	"loginctl":    {known: "list-sessions session-status show-session list-users user-status show-user list-seats seat-status show-seat", short: "HM", long: "host machine", subs: map[string]*profile{"*": {short: "HM", long: "host machine"}}, named: "activate lock-session unlock-session terminate-session kill-session terminate-user kill-user enable-linger disable-linger attach flush-devices terminate-seat"},
	"hostnamectl": {known: "status show", short: "HM", long: "host machine", named: "hostname set-hostname icon-name set-icon-name chassis set-chassis deployment set-deployment location set-location", subs: map[string]*profile{"*": {operands: -1, short: "HM", long: "host machine"}}},
	"timedatectl": {known: "status show list-timezones timesync-status show-timesync", short: "HM", long: "host machine", named: "set-time set-timezone set-local-rtc set-ntp ntp-servers revert", subs: map[string]*profile{"*": elsewhere}},
	"localectl":   {short: "HM", long: "host machine", known: "status list-locales list-keymaps", named: "set-locale set-keymap set-x11-keymap", subs: map[string]*profile{"*": elsewhere}},
	"busctl":      {short: "HM", long: "host machine address", known: "list status monitor capture tree introspect get-property", named: "call emit set-property wait", subs: map[string]*profile{"*": elsewhere}},
	"sysctl":      {short: "wpf", long: "write load system", more: sysctlArgs}, "modprobe": {why: "loads and removes modules"}, "insmod": {why: "loads modules"}, "rmmod": {why: "removes modules"},
	"umount": {why: "changes mounts"}, "losetup": {short: "dDfcrP", long: "detach detach-all find set-capacity partscan", operands: -1}, "blkid": {short: "cgo", long: "cache-file garbage-collect"}, "swapoff": {why: "changes swap"}, "swapon": {operands: -1, short: "a", long: "all"},
	"dmidecode": {long: "dump-bin from-dump no-sysfs dev-mem"}, "lspci": {short: "OH", long: ""}, "hdparm": {short: "YySsMBFWXpcdukQRz", starts: "--"}, "smartctl": {short: "sotXF", long: "smart offlineauto saveauto test set abort"},
	"fdisk": {why: "changes disks unless the entry only lists", short: "wWtB"}, "sfdisk": {why: "changes disks unless the entry only lists"}, "gdisk": {why: "changes disks"}, "sgdisk": {why: "changes disks"}, "parted": {why: "changes disks unless the entry only lists"}, "lvs": {long: "config"}, "vgs": {long: "config"}, "pvs": {long: "config"},
	"renice": {why: "changes other processes"}, "chattr": {why: "changes files"}, "setfacl": {why: "changes files"}, "setcap": {why: "changes files"}, "setfattr": {why: "changes files"}, "last": {}, "sar": {short: "o"}, "top": {short: "w"}, "htop": {}, "lsns": {}, "mesg": {}, "wall": {why: "writes to other people's terminals"}, "write": {why: "writes to other people's terminals"}, "logger": {why: "writes to the system's log"},
	"stty": {}, "loadkeys": {why: "changes the keyboard"}, "lp": {why: "prints"}, "lpr": {why: "prints"}, "xdg-open": {why: "starts another program"}, "open": {why: "starts another program"}, "sensible-browser": {why: "starts another program"},
	// Packages.
	"apt":     {short: "oct", long: "option config-file target-release", known: "list show search policy depends rdepends changelog help madison", named: "install remove purge update upgrade full-upgrade autoremove edit-sources satisfy build-dep source download autoclean clean reinstall", subs: map[string]*profile{"*": {short: "oc", long: "option config-file"}}},
	"apt-get": {why: "changes packages"}, "apt-cache": {short: "oc", long: "option config-file", known: "policy show search depends rdepends madison showpkg stats pkgnames showsrc dump unmet", subs: map[string]*profile{"*": {short: "oc", long: "option config-file"}}, named: "gencaches add"},
	"apt-mark": {named: "auto manual hold unhold minimize-manual", known: "showauto showmanual showhold", subs: map[string]*profile{"*": {short: "oc"}}}, "aptitude": {named: "install remove purge update safe-upgrade full-upgrade build-dep", known: "search show why why-not versions", subs: map[string]*profile{"*": {short: "oq"}}},
	"dpkg": {short: "irPAxXeRb", long: "command-fd recursive forget-old-unavail install remove purge unpack configure root admindir instdir log pre-invoke post-invoke status-logger force triggers-only add-architecture remove-architecture merge-avail update-avail clear-avail clear-selections set-selections ctrl-tarfile extract vextract control raw-extract fsys-tarfile build"},
	"rpm":  {short: "EUFieD", long: "reinstall specfile eval pipe root dbpath define undefine macros rcfile load install upgrade freshen erase import rebuilddb initdb setperms setugids restore predefine"},
	"yum":  yum, "dnf": yum, "dnf5": yum, "zypper": {named: "in install rm remove up update dup patch ar rr addrepo removerepo lu refresh", known: "se search if info lr repos ls list-updates packages pa", subs: map[string]*profile{"lr": {short: "e", long: "export"}, "repos": {short: "e", long: "export"}}}, "apk": {named: "add del update upgrade fix cache", known: "info list search policy version stats dot audit", short: "pX", long: "root repository repositories-file keys-dir", subs: map[string]*profile{"*": {short: "pX", long: "root repository"}}},
	"pacman": {short: "SURDTbr", long: "database sync remove upgrade root dbpath config hookdir logfile"}, "snap": {known: "list info find version changes tasks services logs connections interfaces warnings whoami", named: "install remove refresh revert enable disable run start stop restart set unset alias connect disconnect try save restore"},
	"brew": {known: "list ls info search outdated deps uses desc config doctor leaves --version --prefix", named: "install uninstall upgrade update reinstall tap untap link unlink services edit create cleanup bundle sh ruby"}, "flatpak": {known: "list info search history remotes remote-ls", named: "install uninstall update run override"}, "gem": {known: "list search info environment outdated which contents dependency specification", named: "install uninstall update exec build push server", subs: map[string]*profile{"*": {}}},
	// Builders, checkers and converters.
	"cmake": {why: "runs what its files name"}, "ninja": {why: "runs what its files name"}, "meson": {why: "runs what its files name"}, "ld": {why: "writes files"}, "as": {why: "writes files"}, "objcopy": {why: "writes files"}, "strip": {why: "changes files"}, "ranlib": {why: "changes files"},
	"nm": {long: "plugin", starts: "-plugin"}, "size": binutils, "readelf": {}, "addr2line": binutils, "c++filt": {},
	"convert": {why: "writes files"}, "magick": {why: "writes files"}, "mogrify": {why: "changes files"}, "ffmpeg": {why: "writes files"}, "ffprobe": {short: "o"}, "pandoc": {short: "oFLHd", vals: "tfrwVM", exact: "lua server", more: pandocArgs, long: "output filter lua-filter pdf-engine extract-media defaults metadata-file data-dir to write include-in-header log"},
	"latex": {why: "writes files"}, "pdflatex": {why: "writes files"}, "xelatex": {why: "writes files"}, "tex": {why: "writes files"}, "gs": {why: "writes files"}, "sphinx-build": {why: "writes files and runs its configuration"},
	"eslint": {short: "oc", long: "fix rulesdir plugin resolve-plugins-relative-to output-file config format parser cache-file cache-location init"}, "prettier": {short: "w", long: "write plugin plugin-search-dir config cache-location"}, "tsc": {starts: "@", more: tscArgs},
	"ruff": {long: "config log-file", reads: ruffReads, known: "check version help rule linter config", named: "format clean server", subs: map[string]*profile{"*": {short: "o", long: "fix fix-only unsafe-fixes output-file config add-noqa cache-dir"}}}, "gofmt": goFormat, "goimports": goFormat, "gofumpt": goFormat, "shfmt": {short: "w", long: "write"}, "clang-format": {exact: "-i --i"}, "rustfmt": {why: "changes files without --check", reads: onlyChecks}, "yapf": {short: "i", long: "in-place"}, "black": {why: "changes files without --check", long: "config", reads: onlyChecks}, "isort": {why: "changes files without --check", long: "settings-path config-root", reads: onlyChecks}, "autopep8": {short: "i", long: "in-place"}, "mypy": {long: "install-types config-file python-executable cache-dir plugins junit-xml html-report txt-report xml-report any-exprs-report xslt-html-report xslt-txt-report linecoverage-report memory-xml-report timing-stats line-checking-stats shadow-file", starts: "@ --cobertura --linecount --lineprecision"},
	"flake8": {long: "output-file config append-config tee install-hook enable-extensions"}, "pylint": {long: "load-plugins init-hook rcfile output generate-rcfile"}, "pyright": {short: "p", long: "project pythonpath venvpath createstub"}, "bandit": {short: "oc", long: "output configfile ini"},
	"jest": {longFine: "coverage", short: "uc", long: "globalSetup globalTeardown setupFiles setupFilesAfterEnv testEnvironment testRunner runner reporters transform config rootDir resolver updateSnapshot outputFile coverageDirectory moduleLoader", starts: "--global --setup"}, "mocha": {short: "rR", long: "node-option import require reporter config package opts file ui extension loader"},
	"phpunit": {short: "c", long: "bootstrap configuration log-junit coverage-html coverage-clover include-path loader printer extension prepend"}, "rspec": {short: "rIo", long: "require out default-path options"}, "shellcheck": {}, "hadolint": {}, "golangci-lint": {known: "run linters help version config", named: "custom fmt migrate", long: golangciFiles, subs: map[string]*profile{"*": {short: "c", starts: "--output.", long: "fix config out-format cpu-profile-path mem-profile-path trace-path"}}},
	"mvn": {fine: regexp.MustCompile(`^-D(test|it\.test|skipTests|skipITs|maven\.test\.skip|maven\.javadoc\.skip|checkstyle\.skip|failIfNoTests|includes|excludes)(=[\w.#,*!+:-]*)?$`), short: "fslgD", long: "file settings log-file global-settings toolchains"}, "gradle": {short: "bcIpgDPM", long: "init-script build-file settings-file project-dir gradle-user-home include-build project-cache-dir"}, "ansible-inventory": {short: "i", long: "inventory output playbook-dir vault-password-file vault-id"},
	// Programs that start others, or write, where an option says so.
	"fzf": fuzzy, "sk": fuzzy, "peco": {long: "exec rcfile"}, "cowsay": {short: "f"}, "cowthink": {short: "f"}, "enscript": {short: "Ipod", long: "filter output printer"}, "highlight": {short: "oOdB", long: "output outdir plug-in config-file"},
	"openvpn": {why: "runs commands that its options name"}, "aria2c": {why: "writes files"}, "http": httpie, "https": httpie, "xh": httpie, "hurl": {short: "o", long: "output report-html report-json report-junit report-tap cookie-jar netrc-file"},
	"rclone":  {long: "config password-command rc log-file temp-dir cache-dir", known: "ls lsl lsd lsf lsjson cat size about check version listremotes tree", named: "copy sync move delete purge mkdir rmdir rmdirs mount serve config rcat copyto moveto copyurl cleanup deletefile dedupe bisync rc rcd selfupdate link touch cryptcheck backend", subs: map[string]*profile{"*": {long: "config password-command rc log-file temp-dir cache-dir sftp-ssh"}}},
	"restic":  {short: "o", long: "password-command option", known: "snapshots ls stats version find diff check cat list", named: "backup restore forget prune mount init dump copy tag unlock migrate rewrite key", subs: map[string]*profile{"*": {short: "o", long: "password-command option"}}},
	"pg_dump": {wshort: "f", wlong: "file", vals: "djnNtTUhpEFSZ"}, "pg_dumpall": {wshort: "f", wlong: "file"}, "mysqldump": {short: "rT", long: "result-file tab plugin-dir log-error init-command", vals: "uhPSw"}, "mongodump": {short: "o", long: "out archive config"}, "mongoexport": {short: "o", long: "out config"},
	"ctags": {why: "writes files"}, "dot": {wshort: "o", short: "O", single: true}, "protoc": {why: "writes files and runs plugins"}, "sysdig": {short: "wcC", long: "write chisel"}, "pidstat": {short: "e"}, "fuser": {short: "kKw", long: "kill"}, "ncdu": {short: "oe", long: "extended"},
	"pre-commit":    {short: "c", long: "config", known: "run validate-config validate-manifest sample-config help", named: "install uninstall autoupdate clean gc init-templatedir install-hooks migrate-config try-repo hook-impl", subs: map[string]*profile{"*": {short: "c", long: "config"}}},
	"ansible-vault": {named: "edit create encrypt decrypt rekey encrypt_string", known: "view", subs: map[string]*profile{"*": {long: "vault-password-file vault-id output"}}}, "ansible-doc": {short: "M", long: "module-path playbook-dir"}, "ansible-config": {short: "c", long: "config", named: "init", known: "list dump view validate", subs: map[string]*profile{"*": {short: "c", long: "config output"}}},
	"kustomize": {known: "build version cfg fn", named: "edit create localize", subs: map[string]*profile{"*": {short: "oe", long: "output enable-exec enable-alpha-plugins enable-helm helm-command network mount env"}}}, "helmfile": {short: "bk", long: "helm-binary kustomize-binary", subs: map[string]*profile{"*": {long: "helm-binary kustomize-binary output-dir post-renderer"}}},
	"yarn": {long: "use-yarnrc cwd script-shell modules-folder cache-folder global-folder preferred-cache-folder prefix"}, "pnpm": {short: "C", long: "dir prefix script-shell config-dir"},
	// Services and clouds.
	"gcloud": cloud, "az": cloud, "gsutil": {named: "rm mv cp rsync rb mb acl iam setmeta defacl lifecycle", known: "ls du cat stat version"}, "gh": {reads: ghReads, named: "api alias extension ext auth secret ssh-key gpg-key codespace cs run workflow gist repo release config cache variable ruleset browse copilot", known: "pr issue status search label org version help", subs: map[string]*profile{"*": {short: "w", long: "web", exact: "create new co clone merge close delete edit reopen checkout review comment ready lock unlock transfer develop pin unpin update-branch revert"}}},
	"vault":  {long: "address agent-address ca-cert ca-path", starts: "-address -agent-address -ca-", known: "read list status version kv", named: "write delete token auth secrets policy operator lease login agent server ssh unwrap plugin", subs: map[string]*profile{"*": {starts: "-address -agent-address -ca- -output-", exact: "put delete destroy patch undelete rollback"}}},
	"consul": {known: "members info version catalog", named: "kv exec lock leave join force-leave reload agent event acl operator watch", subs: map[string]*profile{"*": {starts: "-http-addr -token -ca-"}}}, "nomad": {known: "status version", named: "job run stop exec alloc node system operator var acl agent plan", subs: map[string]*profile{"*": {starts: "-address -token -ca-"}}},
	"istioctl": {known: "version analyze proxy-status ps", named: "install upgrade uninstall proxy-config dashboard experimental x manifest operator"}, "kubectx": {operands: -1, short: "du"}, "kubens": {operands: -1}, "ctr": {named: "run task tasks t content images image i container containers c snapshots plugins", known: "version info namespaces"}, "tailscale": {known: "status ip ping netcheck version whois", named: "up down set login logout ssh serve funnel file cert switch exit-node"},
	"mongosh": {why: "runs scripts", long: "eval file"}, "mongo": {why: "runs scripts"}, "clickhouse-client": {long: "query queries-file multiquery config-file"}, "influx": {why: "runs scripts"},
	"docker-compose": {short: "f", long: "file env-file project-directory", known: "ps logs images top port config version events ls", named: "up down run exec build start stop restart rm kill pull push create pause unpause cp watch scale", subs: map[string]*profile{"*": {}}},
	"skopeo":         {known: "inspect list-tags", named: "copy delete sync login logout layers", subs: map[string]*profile{"*": {long: "authfile cert-dir"}}}, "crictl": {short: "rci", long: "runtime-endpoint config image-endpoint", known: "ps images pods logs inspect inspecti inspectp stats statsp info version", named: "exec run create start stop rm rmi rmp stopp runp pull attach port-forward update", subs: map[string]*profile{"*": {}}},
}

// fuzzy finders start commands to show what is chosen, and when keys are pressed.
var fuzzy = &profile{long: "preview bind become execute with-shell listen cmd cmd-prompt interactive history-size history tmux walker-root", short: "ic"}

var httpie = &profile{short: "do", long: "download output session session-read-only output-file cert-key-pass continue"}

// elsewhere are options of systemd's tools for another machine; an address of D-Bus may start a program.
var elsewhere = &profile{short: "HM", long: "host machine address"}

const golangciFiles = "config cpu-profile-path mem-profile-path trace-path"

var goFormat = &profile{exact: "-w --w", starts: "-w= --w= -cpuprofile --cpuprofile -memprofile --memprofile -trace --trace"}

var firewall = &profile{short: "ADIRFXNPZE", vals: "tmpsdioj", why: "changes the firewall unless the entry lists", reads: readings(`(-t [a-z]+ )?-(n|v)*[LS](n|v)*( -(n|v|x)+| --line-numbers| [A-Z]+)*`), long: "append delete insert replace flush delete-chain new-chain policy zero rename-chain modprobe"}

var yum = &profile{short: "c", long: "config installroot setopt enableplugin releasever", known: "list info search repolist repoquery provides deplist check-update history updateinfo", named: "install remove erase update upgrade downgrade reinstall clean makecache autoremove groupinstall swap shell distro-sync copr config-manager",
	subs: map[string]*profile{"*": {short: "c", long: "config installroot setopt repofrompath destdir downloaddir downloadonly", exact: "undo redo rollback install remove"}}}

// cloud command lines have groups, and the verb comes last.
var cloud = &profile{long: "impersonate-service-account flags-file configuration access-token-file output-file account", exact: "create delete update set unset add remove deploy start stop restart reset ssh scp run exec apply import export enable disable resize move attach detach add-iam-policy-binding remove-iam-policy-binding set-iam-policy login logout activate-service-account patch invoke submit cancel purge restore promote rollback regenerate upload download rest interactive extension"}

// sysctlArgs refuses NAME=VALUE, which sets.
func sysctlArgs(_ *check, words []command.Word, granted int) string {
	for i, w := range words {
		if i > 0 && i >= granted && (!w.Static && !safePrefix(w) || strings.Contains(w.Value, "=")) {
			return "sysctl would set a value"
		}
	}
	return ""
}
