package intercept

import (
	"path"
	"regexp"
	"slices"
	"strings"
)

var hostRules = []Rule{
	{ID: "shutdown", Reason: "stops or restarts the machine", names: set("shutdown reboot poweroff halt telinit init kexec pm-suspend rtcwake ipmitool dbus-send busctl gdbus"), match: func(c *call) bool {
		switch c.name {
		case "ipmitool":
			return c.has("off", "cycle", "reset", "soft")
		case "rtcwake":
			return c.has("off", "mem", "disk")
		case "dbus-send", "busctl", "gdbus":
			return c.contains("poweroff", "reboot", "halt", "suspend")
		}
		return !((c.name == "init" || c.name == "telinit") && len(c.args) == 0) && !(c.name == "kexec" && len(c.args) == 0) && !c.has("-c", "--show")
	}, Hits: []string{"shutdown -h now", "sudo reboot -f", "telinit 6"}, Passes: []string{"which shutdown", "cat shutdown.md"}},
	{ID: "service-stop", Reason: "stops, restarts or disables a service", names: set("systemctl service rc-service rc-update initctl supervisorctl pm2 launchctl sv s6-svc monit update-rc.d chkconfig svcadm loginctl start-stop-daemon invoke-rc.d nginx apachectl apache2ctl pg_ctl pg_ctlcluster"), match: services,
		Hits: []string{"systemctl --no-pager stop db", "service nginx stop", "pm2 delete all"}, Passes: []string{"systemctl status api", "service nginx status"}},
	{ID: "init-script", Reason: "stops or restarts a service", match: func(c *call) bool {
		return c.cmd != nil && len(c.cmd.Words) > 0 && strings.HasPrefix(c.cmd.Words[0].Value, "/etc/init.d/") && c.has("stop", "restart", "force-reload", "kill")
	}, Hits: []string{"/etc/init.d/nginx stop"}, Passes: []string{"/etc/init.d/nginx status", "cat /etc/init.d/nginx"}},
	{ID: "mass-kill", Reason: "kills processes by name or in mass", names: set("killall killall5 pkill skill kill fuser xkill tmux xargs parallel"), match: func(c *call) bool {
		switch c.name {
		case "kill":
			return killsMany(c)
		case "xargs", "parallel":
			return c.startsEach("kill") && searchesProcesses(c)
		case "tmux":
			return c.sub("kill-server")
		case "fuser":
			return c.flag("k", "kill")
		case "killall":
			return !c.flag("l", "list") && !c.has("-0")
		}
		return !c.has("-0", "-l")
	}, Hits: []string{"killall -9 python3", "pkill -9 -u app", "kill -9 -1", "killall5"}, Passes: []string{"kill -0 1234", "pgrep -f api", "kill 1234"}},
	{ID: "firewall-network", Reason: "changes the firewall or cuts the network", names: set("iptables ip6tables iptables-restore ip6tables-restore nft ufw firewall-cmd ip ifconfig ifdown route nmcli tc ebtables arptables pfctl netsh nmtui ifup netplan rfkill wg-quick tailscale dhclient conntrack ipset ipvsadm"), match: network,
		Hits: []string{"iptables -t nat -F", "ip link set eth0 down", "ufw disable"}, Passes: []string{"iptables -S", "ip link show", "ufw status"}},
	{ID: "kernel", Reason: "changes the running kernel or its protection", names: set("rmmod modprobe insmod setenforce sysctl aa-teardown aa-disable apparmor_parser grub-install update-grub efibootmgr mokutil"), match: func(c *call) bool {
		switch c.name {
		case "modprobe":
			return c.flag("r", "remove")
		case "sysctl":
			return c.flag("wp", "write", "load", "system") || c.contains("=")
		case "setenforce":
			return c.has("0", "Permissive", "permissive")
		case "apparmor_parser":
			return c.flag("R", "remove")
		case "efibootmgr":
			return c.flag("BbonO")
		}
		return len(c.args) > 0 || c.name == "aa-teardown" || c.name == "update-grub"
	}, Hits: []string{"rmmod nvme", "setenforce 0"}, Passes: []string{"sysctl -a", "lsmod"}},
	{ID: "accounts", Reason: "changes accounts, passwords or keys", names: set("useradd adduser userdel groupdel groupmod usermod chsh deluser delgroup passwd chpasswd chage gpasswd adduser-admin vipw vigr gpg gpg2 kdestroy ssh-keygen ssh-add newusers realm faillock visudo"), match: func(c *call) bool {
		switch c.name {
		case "passwd":
			return !c.flag("S", "status")
		case "useradd", "adduser":
			return c.flag("o", "non-unique") || c.has("sudo", "wheel", "root", "0") // an account that is another root
		case "chage":
			return !c.flag("l", "list")
		case "gpg", "gpg2":
			return c.contains("--delete-", "--gen-revoke", "--edit-key")
		case "ssh-keygen":
			return c.flag("R")
		case "ssh-add":
			return c.flag("Dd")
		case "usermod", "gpasswd", "chsh", "groupmod":
			return len(c.args) > 0
		case "faillock":
			return c.has("--reset")
		}
		return true
	}, Hits: []string{"userdel app", "useradd -o -u 0 x", "passwd -d root", "usermod -aG sudo a"}, Passes: []string{"useradd app", "chage -l app", "getent passwd app", "ssh-add -l"}},
	{ID: "history-audit", Reason: "wipes history, logs or the audit trail", names: set("history set unset export journalctl auditctl dmesg wevtutil logrotate ausearch last utmpdump fc shopt service-audit rm shred truncate"), match: func(c *call) bool {
		switch c.name {
		case "history":
			return c.flag("cdw")
		case "set":
			return c.has("+o") && c.has("history")
		case "shopt":
			return c.flag("u") && c.has("cmdhist", "histappend", "history")
		case "unset", "export":
			return (c.name == "unset" || c.has("-n")) && c.contains("histfile", "histsize")
		case "journalctl":
			return c.contains("--vacuum", "--rotate", "--flush")
		case "auditctl":
			return c.flag("De") || c.has("-D")
		case "dmesg":
			return c.flag("Cc", "clear", "read-clear")
		case "wevtutil":
			return c.has("cl", "clear-log")
		case "logrotate":
			return c.flag("f", "force")
		case "rm", "shred", "truncate":
			return c.contains("_history", "/var/log/", "wtmp", "lastlog")
		}
		return false
	}, Hits: []string{"history -cw", "set +o history", "dmesg -C"}, Passes: []string{"history", "journalctl -u nginx -n 20", "set -e"}},
	{ID: "packages", Reason: "removes packages", names: set("apt apt-get aptitude dpkg dnf yum zypper rpm pacman apk snap flatpak brew pip pip3 pipx npm pnpm yarn gem cargo conda emerge opkg nix-env choco winget port xbps-remove go uv poetry composer rustup nvm pyenv rbenv asdf nix-collect-garbage"), match: packages,
		Hits: []string{"apt-get -y autoremove", "pip uninstall -y x", "pacman -Rns glibc"}, Passes: []string{"apt-get -s remove nginx", "pip list", "npm install"}},
	{ID: "publish", Reason: "publishes to others", names: set("npm pnpm yarn cargo docker podman helm gh twine gem mvn gradle gradlew poetry uv flit hatch dotnet nuget lerna goreleaser bun skopeo crane oras vsce ovsx rake snapcraft sbt deno semantic-release changeset pod dart flutter mix huggingface-cli"), match: publishes,
		Hits: []string{"npm publish", "docker push app:latest", "gh release create v1"}, Passes: []string{"cargo publish --dry-run", "npm pack --dry-run", "git push"}},
}

// killsMany reports whether kill is aimed at every process, at the first one, or at those that a search finds.
func killsMany(c *call) bool {
	if c.has("-0", "-l") || len(c.args) == 0 {
		return false
	}
	ws, last := c.words(), c.args[len(c.args)-1]
	switch {
	case last == "-1" && len(c.args) > 1:
		return true
	case len(ws) > 0 && (ws[len(ws)-1] == "1" || ws[len(ws)-1] == "0"):
		return true
	case strings.HasSuffix(strings.Join(c.args, " "), unknown) && c.has("-9", "-KILL", "-SIGKILL"):
		return true
	}
	return searchesProcesses(c) && strings.HasSuffix(last, unknown)
}

// searchesProcesses reports whether a command reads the numbers of processes that a search by name or owner finds.
func searchesProcesses(c *call) bool {
	for _, f := range c.feeds {
		if len(f.args) > 0 && processSearch[path.Base(f.args[0])] {
			return true
		}
	}
	return false
}

var processSearch = set("pgrep pidof ps lsof fuser ss netstat")

func services(c *call) bool {
	switch c.name {
	case "systemctl", "launchctl":
		return c.sub("stop", "restart", "disable", "mask", "kill", "isolate", "reload-or-restart", "try-restart", "poweroff", "reboot", "halt", "rescue", "emergency", "suspend", "hibernate", "kexec", "default", "reset-failed", "revert", "unload", "bootout", "remove", "daemon-reexec", "set-default", "soft-reboot", "condrestart") ||
			c.has("stop", "mask", "isolate")
	case "loginctl":
		return c.contains("terminate", "kill", "poweroff", "reboot", "halt", "suspend")
	case "nginx":
		return c.has("stop", "quit")
	case "update-rc.d", "chkconfig", "rc-update":
		return c.has("remove", "disable", "off", "del", "--del", "delete")
	}
	return c.has("stop", "restart", "stop-all", "delete", "kill", "shutdown", "disable", "force-stop", "force-restart", "remove", "reload", "down", "--stop", "del", "term", "graceful-stop", "--full-restart")
}

func network(c *call) bool {
	switch c.name {
	case "ufw":
		return c.sub("disable", "reset", "delete", "deny", "default", "enable", "reject") && !c.dry()
	case "firewall-cmd":
		return c.contains("--panic-on", "--remove", "--add-", "--set-default", "--complete-reload")
	case "nft":
		return c.has("flush", "delete", "destroy")
	case "ip":
		ws := c.words()
		if len(ws) > 1 && (strings.HasPrefix("flush", ws[1]) || strings.HasPrefix("delete", ws[1]) && ws[1] != "") {
			return true // ip takes every beginning of its verbs
		}
		return c.has("down", "flush") || c.has("del", "delete") && !c.has("show")
	case "wg-quick", "tailscale":
		return c.sub("down", "logout")
	case "dhclient":
		return c.flag("rx")
	case "conntrack":
		return c.flag("FD", "flush", "delete")
	case "ipset", "ipvsadm":
		return c.sub("flush", "destroy", "del", "swap") || c.flag("CFXD", "clear", "flush", "destroy")
	case "ifconfig":
		return c.has("down")
	case "ifdown", "iptables-restore", "ip6tables-restore":
		return true
	case "route":
		return c.has("del", "delete", "flush")
	case "nmcli":
		return c.has("off", "down", "delete", "disconnect")
	case "tc":
		return c.has("del", "replace", "netem")
	case "pfctl":
		return c.flag("Fd")
	case "rfkill":
		return c.has("block")
	case "netplan":
		return c.has("apply")
	case "ip6tables", "iptables", "ebtables", "arptables":
		return c.has("-F", "--flush", "-X", "-Z", "-P", "--policy", "-D", "--delete", "-A", "--append", "-I", "--insert", "-R", "--delete-chain")
	}
	return false
}

func packages(c *call) bool {
	if c.dry() || strings.HasPrefix(c.name, "apt") && c.flag("s", "simulate", "just-print", "no-act") || c.name == "rpm" && c.flag("q", "query") {
		return false
	}
	switch c.name {
	case "pacman":
		for _, a := range c.args {
			if strings.HasPrefix(a, "-R") || a == "--remove" {
				return true
			}
		}
		return false
	case "rpm", "emerge":
		return c.flag("eC", "erase", "unmerge", "depclean")
	case "dpkg":
		return c.flag("rP", "remove", "purge")
	case "nix-env":
		return c.flag("e", "uninstall")
	case "go":
		return c.sub("clean") && c.has("-modcache")
	case "xbps-remove", "nix-collect-garbage":
		return true
	case "npm", "pnpm", "yarn":
		return c.sub("uninstall", "remove", "rm", "un", "prune", "unpublish", "global remove") && c.words()[0] != "run"
	}
	return c.sub("remove", "purge", "autoremove", "erase", "uninstall", "pip uninstall", "tool uninstall", "self uninstall", "toolchain uninstall", "del", "rm", "autopurge", "full-upgrade", "dist-upgrade", "autoclean", "env remove", "history undo", "group remove")
}

// gradlePublish is a task that publishes elsewhere than on this machine.
var gradlePublish = regexp.MustCompile(`^(:?[\w-]+:)*publish($|[A-Z]\w*$)`)

func publishes(c *call) bool {
	if c.dry() {
		return false
	}
	switch c.name {
	case "docker", "podman":
		return c.sub("push", "image push", "manifest push", "compose push") || c.sub("build", "buildx build", "image build") && c.has("--push")
	case "helm":
		return c.sub("push")
	case "gh":
		return c.sub("release create", "release upload", "release edit", "pr merge")
	case "twine":
		return c.sub("upload")
	case "gem":
		return c.sub("push", "yank")
	case "mvn", "gradle", "gradlew":
		return c.has("deploy", "release:perform") || slices.ContainsFunc(c.args, func(a string) bool { return gradlePublish.MatchString(a) && !strings.Contains(a, "MavenLocal") })
	case "sbt":
		return slices.ContainsFunc(c.args, func(a string) bool { return strings.HasPrefix(a, "publish") && !strings.HasPrefix(a, "publishLocal") })
	case "semantic-release":
		return true
	case "pod":
		return c.sub("trunk push")
	case "dart", "flutter":
		return c.sub("pub publish")
	case "mix":
		return c.has("hex.publish")
	case "dotnet", "nuget":
		return c.sub("push", "nuget push")
	case "skopeo", "crane", "oras":
		return c.sub("copy", "push", "delete")
	case "goreleaser", "rake":
		return c.has("release")
	case "cargo":
		return c.sub("publish", "yank", "owner")
	}
	return c.sub("publish", "unpublish", "deprecate", "dist-tag add", "owner add", "access", "npm publish", "upload", "release") && c.words()[0] != "run"
}
