"""Package managers, version control, shells and plain logs."""

from frame import scenario


@scenario("pip-verbose")
def _(p):
    p.write("pkg/setup.py", "import sys\nfrom setuptools import setup\nfor i in range(2200):\n    print('copying part', i, '-> build/lib')\nraise RuntimeError('ledger headers are missing: install libledger-dev')\n")
    p.want("ledger headers are missing: install libledger-dev", "setup.py\", line 5", "metadata-generation-failed")
    return "python3 -m venv v >/dev/null; v/bin/pip install -v --no-build-isolation --no-index ./pkg || { v/bin/pip install -q setuptools wheel; v/bin/pip install -v --no-build-isolation --no-index ./pkg; }"


@scenario("npm-script")
def _(p):
    p.write("package.json", '{"name":"shop","version":"1.0.0","scripts":{"build":"node build.js"}}')
    p.write("build.js", "for (let i = 0; i < 3000; i++) console.log(`[${i}/3000] transforming src/part_${i}.js`)\nconsole.error('Error: asset ledger.svg is larger than 4096 bytes')\nprocess.exit(4)\n")
    p.want("asset ledger.svg is larger than 4096 bytes")
    return "npm run build"


@scenario("npm-install-verbose")
def _(p):
    p.write("package.json", '{"name":"shop","version":"1.0.0","scripts":{"postinstall":"node post.js"},"dependencies":{"express":"*","jest":"*","webpack":"*"}}')
    p.write("post.js", "throw new Error('native addon ledger.node is for another platform')\n")
    p.want("native addon ledger.node is for another platform", "post.js:1", "code 1")
    return "npm install --loglevel silly --no-audit --no-fund"


@scenario("apt-missing")
def _(p):
    p.want("Unable to locate package libledger-dev")
    return "apt-get install -y --simulate -o Debug::pkgProblemResolver=1 -o Debug::pkgDepCache::AutoInstall=1 -o Debug::pkgDepCache::Marker=1 default-jdk gimp libreoffice libledger-dev build-essential; apt-get install -y --simulate gimp libreoffice texlive-full && apt-get install -y --simulate libledger-dev"


@scenario("git-merge-conflict")
def _(p):
    for f in range(2400):
        p.write(f"r/docs/page_{f}.md", f"page {f}\n")
    p.write("run.sh", """set -e
cd r; git init -q -b main .; git config user.email a@b.c; git config user.name n
git add .; git commit -q -m base; git checkout -q -b topic
for f in docs/*; do echo topic >> $f; done; git commit -qam topic
git checkout -q main; echo main >> docs/page_77.md; echo main >> docs/page_1501.md; git commit -qam main
git merge -v topic
""")
    p.want("CONFLICT (content): Merge conflict in docs/page_77.md", "docs/page_1501.md", "Automatic merge failed")
    return "bash run.sh || { cd r; git status -v; git diff --stat main topic; exit 1; }"


@scenario("bash-xtrace")
def _(p):
    p.write("deploy.sh", "set -ex\nfor i in $(seq 3000); do\n  test $i -gt 0\ndone\ncat /etc/ledger/release.conf\necho done\n")
    p.want("cat: /etc/ledger/release.conf: No such file or directory")
    return "bash deploy.sh"


@scenario("rsync-or-tar")
def _(p):
    for f in range(3000):
        p.write(f"data/file_{f}.txt", "x")
    p.want("data/no_such_ledger.db: Cannot stat", "Exiting with failure status")
    return "LC_ALL=C tar -cvf /dev/null data data/no_such_ledger.db"


@scenario("service-log")
def _(p):
    p.write("emit.py", """import datetime, random, sys
rng = random.Random(4)
at = datetime.datetime(2026, 3, 1)
for n in range(30000):
    at += datetime.timedelta(seconds=rng.random())
    stamp = at.strftime('%b %d %H:%M:%S')
    if n == 17211:
        print(stamp, 'web-1 ledgerd[812]: ERROR cannot open /var/lib/ledger/wal.17: No space left on device')
    elif n == 17212:
        print(stamp, 'web-1 systemd[1]: ledgerd.service: Main process exited, code=exited, status=28/n/a')
    elif rng.random() < 0.3:
        print(stamp, f'web-1 nginx[55]: 10.0.{rng.randrange(256)}.{rng.randrange(256)} GET /item/{rng.randrange(9999)} 200 {rng.randrange(5000)}')
    else:
        print(stamp, f'web-1 kernel: [{n}.{rng.randrange(99999)}] audit: type=1400 pid={rng.randrange(9999)} comm="worker"')
sys.exit(1)
""")
    p.want("cannot open /var/lib/ledger/wal.17: No space left on device", "ledgerd.service: Main process exited")
    return "python emit.py"


@scenario("json-log")
def _(p):
    p.write("emit.py", """import json, random, sys
rng = random.Random(9)
for n in range(20000):
    r = {'ts': 1772000000 + n, 'level': 'info', 'logger': rng.choice(['http', 'db', 'queue']), 'msg': 'handled', 'n': n, 'ms': rng.randrange(90)}
    if n in (6001, 15002):
        r |= {'level': 'error', 'msg': f'deadlock on account {n}', 'file': 'ledger/post.go:88'}
    print(json.dumps(r))
sys.exit(2)
""")
    p.want("deadlock on account 6001", "deadlock on account 15002", "ledger/post.go:88")
    return "python emit.py"


@scenario("terraform-like")
def _(p):
    p.write("emit.sh", """for i in $(seq 700); do
  echo "aws_instance.node[$i]: Creating..."
  echo "aws_instance.node[$i]: Still creating... [10s elapsed]"
  echo "aws_instance.node[$i]: Creation complete after 12s [id=i-0abc$i]"
done
printf '╷\\n│ Error: creating S3 bucket (ledger-archive): BucketAlreadyExists\\n│ \\n│   with aws_s3_bucket.archive,\\n│   on storage.tf line 41, in resource "aws_s3_bucket" "archive":\\n│   41: resource "aws_s3_bucket" "archive" {\\n│ \\n╵\\n'
exit 1
""")
    p.want("creating S3 bucket (ledger-archive): BucketAlreadyExists", "storage.tf line 41", "aws_s3_bucket.archive")
    return "bash emit.sh"


@scenario("docker-build-like")
def _(p):
    p.write("emit.sh", """for i in $(seq 12); do echo "#$i [stage $i/14] RUN step $i"; for j in $(seq 250); do echo "#$i $j.$((j%10)) Get:$j http://mirror/debian bookworm/main amd64 lib$j [${j} kB]"; done; echo "#$i DONE 2.1s"; done
echo '#13 [stage 13/14] RUN make ledger'
echo "#13 4.112 ledger.c:19:8: fatal error: openssl/evp.h: No such file or directory"
echo "#13 4.113 compilation terminated."
echo '#13 ERROR: process "/bin/sh -c make ledger" did not complete successfully: exit code: 2'
echo '------'
echo ' > [stage 13/14] RUN make ledger:'
echo '------'
echo 'Dockerfile:27'
echo 'ERROR: failed to solve: process "/bin/sh -c make ledger" did not complete successfully: exit code: 2'
exit 1
""")
    p.want("ledger.c:19:8: fatal error: openssl/evp.h", "Dockerfile:27", "[stage 13/14] RUN make ledger")
    return "bash emit.sh"
