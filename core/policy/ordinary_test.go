package policy

import (
	"encoding/json"
	"strings"
	"testing"
)

// ordinary is work that the entries before it grant, with programs that not every machine has; those that all have are in
// testdata, where they are run as well.
var ordinary = []struct{ allow, text string }{
	{"docker ps,docker inspect,docker logs,xargs", "docker ps -q | xargs docker inspect"}, {"docker ps,docker logs,head", "docker logs $(docker ps -q | head -1)"}, {"docker ps,docker inspect,xargs", "docker ps -aq --filter status=exited | xargs -r -n1 docker inspect"},
	{"docker ps,docker logs,echo", `for c in $(docker ps --format "{{.Names}}"); do echo "$c"; docker logs --tail 1 "$c"; done`}, {"docker ps,docker inspect,xargs", "docker ps -q | xargs -I{} docker inspect {}"},
	{"kubectl get,kubectl logs", `for p in $(kubectl get pods -o name); do kubectl logs "$p" --tail=5; done`}, {"kubectl get,kubectl describe,head", `p=$(kubectl get pods -o name 2>/dev/null | head -n1); kubectl describe "$p"`}, {"kubectl get,[,wc", "[ $(kubectl get pods --no-headers | wc -l) -gt 3 ]"},
	{"go test", `go test -run "$T" ./pkg`}, {"go test", `go test -bench "$B" -count 3 ./...`}, {"pytest", "pytest --cov=src --cov-report=term-missing"}, {"pytest", "pytest --cov-report term --durations=10"}, {"pytest", "pytest -p no:cacheprovider"},
	{"mvn", "mvn -Dtest=FooTest#testBar test"}, {"mvn", "mvn clean package -DskipTests"}, {"gcc", "gcc -fsyntax-only -Wno-error x.c"}, {"bundle exec rspec", "bundle exec rspec spec/a_spec.rb:10"}, {"poetry run pytest", "poetry run pytest -q"}, {"bundle,rspec", "bundle exec rspec"},
	{"tar", "tar -xOf a.tar f"}, {"tar", "tar xzOf a.tgz f"}, {"ssh", "ssh -V"}, {"split", "split --help"}, {"python3", "python3 --version"}, {"xargs,wc", "xargs -a list.txt wc -l"}, {"xargs,wc", "xargs --arg-file=list.txt -n 1 wc -l"},
	{"find,tar", `find . -name '*.tar' -exec tar -tf {} \;`}, {"find,sort", `find src -name '*.txt' -exec sort {} +`}, {"git rev-list,[", "[ $(git rev-list --count HEAD) -gt 3 ]"}, {"grep,[", `[ $(grep -c x f) -eq 0 ]`},
}

func TestOrdinaryWorkIsGranted(t *testing.T) {
	for _, o := range ordinary {
		raw, _ := json.Marshal(map[string]any{"default": "deny", "allow": strings.Split(o.allow, ","), "intercept": "off"})
		p, err := Load(raw)
		if err != nil {
			t.Fatalf("%v: %v", o.allow, err)
		}
		if d := p.Check(o.text, nil); d.Decision != Allow {
			t.Errorf("allow %v: %q is refused: %s", o.allow, o.text, d.Reason)
		}
	}
}
