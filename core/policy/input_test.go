package policy

import (
	"testing"

	"github.com/execkit/execkit/core/command"
)

func TestInput(t *testing.T) {
	for text, want := range map[string]InputKind{
		"cat": Data, "grep x | sort": Data, "bash script.sh": Data, "bash -c 'read x'": Data, "python3 x.py": Data, "ssh h uptime": Data, "tar xf -": Data, "bash <file": Data,
		"echo x | bash": Data, "docker exec -i c cat": Data, "while read -r l; do echo $l; done": Data, "sh -e script": Data, "node app.js": Data,
		"bash": ShellText, "sh -s": ShellText, "bash -": ShellText, "bash -i": ShellText, "/bin/dash": ShellText, "busybox sh": ShellText, "ls; bash": ShellText, "sudo bash": ShellText, "sudo -i": ShellText,
		"env -i bash": ShellText, "timeout 5 sh": ShellText, "ssh h": ShellText, "ssh -t h": ShellText, "docker exec -i c sh": ShellText, "kubectl exec -i p -- bash": ShellText, ". /dev/stdin": ShellText,
		"bash /dev/stdin": ShellText, "$SHELL": ShellText, "nohup bash &": ShellText, "( bash )": ShellText, "at now": ShellText, "exec bash": ShellText, "su": ShellText, "bash -o posix": ShellText,
		"python3": OtherText, "python3 -i x.py": OtherText, "node": OtherText, "perl -": OtherText, "psql -h x": OtherText, "sqlite3 f.db": OtherText, "make -f -": OtherText, "ruby": OtherText, "sudo python3": OtherText,
	} {
		script, err := command.Parse(text, command.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		if kind, _ := Input(script); kind != want {
			t.Errorf("%s: %d, want %d", text, kind, want)
		}
	}
}
