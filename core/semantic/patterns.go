package semantic

import "regexp"

// Kinds of recognisers beside those of events.
const (
	failedName = "failed name" // the name of a test that failed
	notFailed  = "not failed"  // a name that was that of a group of tests
	count      = "count"       // one line of a summary of several
	blockStart = "block"       // the first line of a block
	goPackage  = "go package"
	goPassed   = "go passed"
)

// A recogniser takes a line of one exact form.
type recogniser struct {
	on         int // the group that a line must be of
	tool, kind string
	re, not    *regexp.Regexp
	language   string
	ok         bool
	namesAfter bool   // names of failed tests follow the summary
	passedFrom string // the count that tells how many passed
	block      *block
}

// A block is an error that is told in several lines.
type block struct {
	tool, language string
	then, end      *regexp.Regexp // more of the fields; end is the last line
	until          *regexp.Regexp // ends it without an event
	lines          int64          // after the first
	own            bool           // frames of libraries do not count
	last           bool           // the last place counts, not the first
	repeat         bool           // each further line is an error of its own
	placeless      bool           // is an error without a place too
}

func re(pattern string) *regexp.Regexp { return regexp.MustCompile(pattern) }

const (
	duration = `(?: in [\d.]+ ?m?s(?:econds)?(?: \([\d:]+\))?)?`
	file     = `(?P<file>[^\s:()'"]{1,200}\.\w{1,8})`
)

var byGroup = func() (groups [numGroups][]*recogniser) {
	for _, list := range [][]recogniser{tests, builds, packages, servers, faults, progresses} {
		for i := range list {
			groups[list[i].on] = append(groups[list[i].on], &list[i])
		}
	}
	return groups
}()

var tests = []recogniser{
	// pytest
	{on: onFail, tool: "pytest", kind: failedName, re: re(`^(?:FAILED|ERROR) (?P<name>\S+\.py(?:::\S.*?)?)(?: - .*)?$`)},
	{on: onFail, tool: "pytest", kind: TestsFinished, re: re(`^=+ (?P<failed>\d+) failed(?:, (?P<passed>\d+) passed)?(?:, (?P<skipped>\d+) skipped)?(?:, \d+ [a-z]+)*` + duration + ` =+$`)},
	{on: onPass, tool: "pytest", kind: TestsFinished, re: re(`^=+ (?P<passed>\d+) passed(?:, (?P<skipped>\d+) skipped)?(?:, \d+ (?:deselected|xfailed|xpassed|warnings?))*(?:, (?P<errors>\d+) errors?)?` + duration + ` =+$`)},
	// unittest
	{on: onFail, tool: "unittest", kind: failedName, re: re(`^(?:FAIL|ERROR): (?P<name>\w+ \([\w.]+\))$`)},
	{on: onPass, tool: "unittest", kind: count, re: re(`^(?P<what>Ran) (?P<n>\d+) tests? in [\d.]+s$`)},
	{on: onFail, tool: "unittest", kind: TestsFinished, re: re(`^FAILED \((?:failures=(?P<failed>\d+))?(?:, )?(?:errors=(?P<errors>\d+))?(?:, skipped=(?P<skipped>\d+))?\)$`)},
	// go test
	{on: onFail, tool: "go test", kind: failedName, re: re(`^ *--- FAIL: (?P<name>\S+) \([\d.]+s\)$`)},
	{on: onPass, tool: "go test", kind: goPassed, re: re(`^ *--- PASS: (?P<name>\S+) \([\d.]+s\)$`)},
	{on: onFail, tool: "go test", kind: goPackage, re: re(`^(?P<bad>FAIL)\t\S+(?:\t[\d.]+s| \[(?:build|setup) failed\])$`)},
	{on: onPass, tool: "go test", kind: goPackage, re: re(`^ok  \t\S+\t(?:[\d.]+s|\(cached\))(?:\tcoverage: .*)?$`)},
	// cargo test
	{on: onFail, tool: "cargo test", kind: failedName, re: re(`^test (?P<name>\S+) \.\.\. FAILED$`)},
	{on: onTest, tool: "cargo test", kind: TestsFinished, re: re(`^test result: (?:ok|FAILED)\. (?P<passed>\d+) passed; (?P<failed>\d+) failed; (?P<skipped>\d+) ignored; `)},
	// jest
	{on: onMark, tool: "jest", kind: failedName, re: re(`^  ● (?P<name>\S.* › .*|\S.*)$`), not: re(`● (?:Test suite failed|Console|Cannot log|Validation|Deprecation)`)},
	{on: onTest, tool: "jest", kind: TestsFinished, re: re(`^Tests: +(?:(?P<failed>\d+) failed, )?(?:(?P<skipped>\d+) skipped, )?(?:\d+ todo, )?(?:(?P<passed>\d+) passed, )?(?P<total>\d+) total$`)},
	// vitest
	{on: onFail, tool: "vitest", kind: failedName, re: re(`^ FAIL  (?P<name>\S+\.[cm]?[jt]sx? > \S.*)$`)},
	{on: onTest, tool: "vitest", kind: TestsFinished, re: re(`^ +Tests  (?:(?P<failed>\d+) failed)?(?: \| )?(?:(?P<passed>\d+) passed)?(?: \| (?P<skipped>\d+) skipped)?(?: \| \d+ todo)? \(\d+\)$`)},
	// mocha
	{on: onPass, tool: "mocha", kind: count, re: re(`^  (?P<n>\d+) (?P<what>passing) \(\d+(?:ms|s|m)\)$`)},
	{on: onFail, tool: "mocha", kind: TestsFinished, passedFrom: "mocha passing", namesAfter: true, re: re(`^  (?P<failed>\d+) failing$`)},
	{on: onNumber, tool: "mocha", kind: failedName, re: re(`^  \d+\) (?P<name>\S.*)$`)},
	// node:test, in both of its forms, and TAP
	{on: onHash, tool: "node:test", kind: count, re: re(`^# (?P<what>pass) (?P<n>\d+)$`)},
	{on: onHash, tool: "node:test", kind: TestsFinished, passedFrom: "node:test pass", re: re(`^# fail (?P<failed>\d+)$`)},
	{on: onFail, tool: "node:test", kind: failedName, re: re(`^ *not ok \d+ - (?P<name>\S.*?)$`), not: re(`# (?:TODO|SKIP)`)},
	{on: onMark, tool: "node:test", kind: count, re: re(`^ℹ (?P<what>pass) (?P<n>\d+)$`)},
	{on: onMark, tool: "node:test", kind: TestsFinished, passedFrom: "node:test pass", namesAfter: true, re: re(`^ℹ fail (?P<failed>\d+)$`)},
	{on: onMark, tool: "node:test", kind: failedName, re: re(`^✖ (?P<name>\S.*) \([\d.]+ms\)$`)},
	// Maven
	{on: onFail, tool: "maven", kind: failedName, re: re(`^(?:\[ERROR\] +)?(?P<name>\w+\([\w.$]+\)|[\w.$]+\.\w+)  ?(?:-- )?Time elapsed: [\d.]+ s(?:ec)? +<<< (?:FAILURE|ERROR)!$`)},
	{on: onTest, tool: "maven", kind: TestsFinished, re: re(`^(?:\[(?:ERROR|WARNING|INFO)\] )?Tests run: (?P<total>\d+), Failures: (?P<failed>\d+), Errors: (?P<errors>\d+), Skipped: (?P<skipped>\d+)$`)},
	// Gradle
	{on: onFail, tool: "gradle", kind: failedName, re: re(`^(?P<name>[\w.$]+ > .{1,200}) FAILED$`)},
	{on: onTest, tool: "gradle", kind: TestsFinished, re: re(`^(?P<total>\d+) tests? completed, (?P<failed>\d+) failed(?:, (?P<skipped>\d+) skipped)?$`)},
	// CTest
	{on: onTest, tool: "ctest", kind: TestsFinished, namesAfter: true, re: re(`^\d+% tests passed, (?P<failed>\d+) tests? failed out of (?P<total>\d+)$`)},
	{on: onFail, tool: "ctest", kind: failedName, re: re(`^\t +\d+ - (?P<name>\S+) \((?:Failed|Timeout|SEGFAULT|Subprocess aborted|Not Run)\)$`)},
}

var builds = []recogniser{
	{on: onBuild, tool: "maven", kind: BuildFinished, re: re(`^\[INFO\] BUILD FAILURE$`)},
	{on: onBuild, tool: "maven", kind: BuildFinished, ok: true, re: re(`^\[INFO\] BUILD SUCCESS$`)},
	{on: onBuild, tool: "gradle", kind: BuildFinished, re: re(`^BUILD FAILED in (?:\d+[hms] ?)+$`)},
	{on: onBuild, tool: "gradle", kind: BuildFinished, ok: true, re: re(`^BUILD SUCCESSFUL in (?:\d+[hms] ?)+$`)},
	{on: onBuild, tool: "cargo", kind: BuildFinished, re: re("^error: could not compile `[^`]+` \\(")},
	{on: onBuild, tool: "cargo", kind: BuildFinished, ok: true, re: re("^    Finished (?:`\\w+` profile|\\w+) \\[[^\\]]+\\] target\\(s\\) in ")},
	{on: onBuild, tool: "make", kind: BuildFinished, re: re(`^g?make: \*\*\* \[.+\] Error \d+$`)},
	{on: onBuild, tool: "ninja", kind: BuildFinished, re: re(`^ninja: build stopped: `)},
	{on: onBuild, tool: "webpack", kind: BuildFinished, re: re(`^webpack [\d.]+ compiled with (?P<errors>\d+) errors?(?: and \d+ warnings?)? in \d+ m?s$`)},
	{on: onBuild, tool: "webpack", kind: BuildFinished, ok: true, re: re(`^webpack [\d.]+ compiled (?:successfully|with \d+ warnings?) in \d+ m?s$`)},
	{on: onBuild, tool: "vite", kind: BuildFinished, ok: true, re: re(`^✓ built in [\d.]+m?s$`)},
	{on: onBuild, tool: "tsc", kind: BuildFinished, re: re(`^Found (?P<errors>\d+) errors? in `)},
	{on: onBuild, tool: "mypy", kind: BuildFinished, re: re(`^Found (?P<errors>\d+) errors? in \d+ files? \(checked \d+ source files?\)$`)},
	{on: onBuild, tool: "terraform", kind: BuildFinished, ok: true, re: re(`^Apply complete! Resources: \d+ added, \d+ changed, \d+ destroyed\.$`)},
	{on: onBuild, tool: "docker", kind: BuildFinished, re: re(`^ERROR: failed to solve: `)},
	{on: onBuild, tool: "docker", kind: BuildFinished, ok: true, re: re(`^#\d+ naming to \S+ (?:[\d.]+s )?done$`)},
}

var packages = []recogniser{
	{on: onInstall, tool: "pip", kind: PackageInstalled, re: re(`^Successfully installed (?P<list>\S+-\d\S*(?: \S+-\d\S*)*)$`)},
	{on: onInstall, tool: "npm", kind: PackageInstalled, re: re(`^added (?P<n>\d+) packages?(?:, removed \d+ packages?)?(?:, changed \d+ packages?)?(?:, and audited \d+ packages?)? in [\d.]+m?s$`)},
	{on: onInstall, tool: "apt", kind: PackageInstalled, re: re(`^Setting up (?P<name>[a-z0-9][a-z0-9.+:-]+) \((?P<version>[^\s)]+)\) \.\.\.$`)},
	{on: onInstall, tool: "cargo", kind: PackageInstalled, re: re("^   Installed package `(?P<name>[\\w-]+) v(?P<version>[\\w.+-]+)")},
	{on: onInstall, tool: "go", kind: PackageInstalled, re: re(`^go: added (?P<name>[\w./-]+) (?P<version>v\d\S*)$`)},
	{on: onInstall, tool: "gem", kind: PackageInstalled, re: re(`^Successfully installed (?P<name>[a-z][\w-]*?)-(?P<version>\d[\w.]*)$`)},
}

const (
	address = `(?P<url>(?P<scheme>https?)://(?:\[[0-9a-fA-F:]+\]|[\w.-]+)(?::(?P<port>\d+))?/?[^\s)]*)`
	port    = `(?P<port>\d{1,5})`
)

var noServer = re(`(?i)\b(?:fail\w*|errors?|refused|not|n't|unable|cannot|stop\w*|clos\w*|in use|was|waiting|wait|retry\w*|shut\w*|if|when|should|is the|connect\w*|expect\w*)\b|\?$`)

var servers = []recogniser{
	{on: onListen, tool: "vite", kind: ServerListening, re: re(`^  ➜  Local: +` + address + `$`)},
	{on: onListen, tool: "next", kind: ServerListening, re: re(`^ *- Local: +` + address + `$`)},
	{on: onListen, tool: "http.server", kind: ServerListening, re: re(`^Serving HTTP on \S+ port ` + port + ` \((?P<url>https?://\S+)\) \.\.\.$`)},
	{on: onListen, tool: "flask", kind: ServerListening, re: re(`^ \* Running on ` + address + `(?: \(Press CTRL\+C to quit\))?$`)},
	{on: onListen, tool: "uvicorn", kind: ServerListening, re: re(`^INFO: +Uvicorn running on ` + address + ` \(Press CTRL\+C to quit\)$`)},
	{on: onListen, tool: "django", kind: ServerListening, re: re(`^Starting development server at ` + address + `$`)},
	{on: onListen, tool: "gunicorn", kind: ServerListening, re: re(`\[INFO\] Listening at: ` + address + ` \(\d+\)$`)},
	{on: onListen, tool: "spring", kind: ServerListening, re: re(`: (?:Tomcat|Netty|Undertow|Jetty) started on ports?(?:\(s\):)? ` + port + `\b`)},
	{on: onListen, tool: "puma", kind: ServerListening, re: re(`^\* Listening on ` + address + `$`)},
	{on: onListen, tool: "webpack-dev-server", kind: ServerListening, re: re(`^<i> \[webpack-dev-server\] (?:Loopback: |Loopback: .*, |On Your Network \(IPv4\): )` + address)},
	{on: onListen, kind: ServerListening, not: noServer, re: re(`(?i)^(?:\S+ ){0,4}?(?:server|app|application|api|service|backend|express|fastify|http)? ?(?:is |now |started and )?(?:listening|running|ready|started)(?: now)?(?: on| at|:) (?:port:? )?` + address + `\.?$`)},
	{on: onListen, kind: ServerListening, not: noServer, re: re(`(?i)^(?:\S+ ){0,4}?(?:listening|(?:server|app|application|api|service) (?:is )?(?:running|started|ready))(?: now)? (?:on|at) (?:port:? |(?:\*|0\.0\.0\.0|localhost|127\.0\.0\.1|\[?::\]?|):)` + port + `[.!]?$`)},
}

var progresses = []recogniser{
	{on: onPercent, tool: "cmake", kind: Progress, re: re(`^\[ *(?P<percent>\d{1,3})%\] (?:Building|Linking|Built|Generating) `)},
	{on: onPercent, tool: "ninja", kind: Progress, re: re(`^\[(?P<done>\d+)/(?P<total>\d+)\] \S`)},
	{on: onPercent, tool: "pytest", kind: Progress, re: re(`^\S+\.py.* \[ *(?P<percent>\d{1,3})%\]$`)},
	{on: onPercent, tool: "git", kind: Progress, re: re(`^(?:Receiving objects|Resolving deltas|Updating files): +(?P<percent>\d{1,3})% \(`)},
}
