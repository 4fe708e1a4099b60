package compress

// The flags of a line, by the words in it.
const (
	flagStrong   = 1 << iota // tells of an error
	flagWeak                 // may tell of one
	flagWarning              //
	flagPassed               // says that something went well
	flagPlace                // has a file and a line
	flagNegation             // "not", "no", "null": with another word it may tell of an error, or that there was none
)

// words are what gives a line its flags, in lower case. A word that is part of a name (error.o, test_error) is none.
var words = map[string]uint8{
	"error": flagStrong, "errors": flagStrong, "fatal": flagStrong, "panic": flagStrong, "panicked": flagStrong,
	"failed": flagStrong, "fail": flagStrong, "fails": flagStrong, "failure": flagStrong, "failures": flagStrong, "failing": flagStrong,
	"traceback": flagStrong, "exception": flagStrong, "conflict": flagStrong, "critical": flagStrong, "crit": flagStrong,
	"emerg": flagStrong, "severe": flagStrong, "segfault": flagStrong, "segmentation": flagStrong, "aborted": flagStrong, "abort": flagStrong,
	"undefined": flagStrong, "unresolved": flagStrong, "undeclared": flagStrong, "killed": flagStrong, "oom": flagStrong, "oomkilled": flagStrong,
	"crashed": flagStrong, "crashloopbackoff": flagStrong, "err": flagStrong, "deadlock": flagStrong, "assertionfailederror": flagStrong,
	"cannot": flagWeak, "can't": flagWeak, "couldn't": flagWeak, "unable": flagWeak, "denied": flagWeak, "refused": flagWeak,
	"invalid": flagWeak, "missing": flagWeak, "unexpected": flagWeak, "unknown": flagWeak, "timeout": flagWeak, "timed": flagWeak,
	"unreachable": flagWeak, "unsatisfied": flagWeak, "incompatible": flagWeak, "mismatched": flagWeak, "mismatch": flagWeak,
	"expected": flagWeak, "exited": flagWeak, "terminated": flagWeak, "rejected": flagWeak, "required": flagWeak, "unhandled": flagWeak, "uncaught": flagWeak,
	"leak": flagWeak, "race": flagWeak, "problem": flagWeak, "problems": flagWeak, "rollback": flagWeak, "unauthorized": flagWeak, "forbidden": flagWeak,
	"warning": flagWarning, "warnings": flagWarning, "warn": flagWarning, "deprecated": flagWarning,
	"passed": flagPassed, "pass": flagPassed, "ok": flagPassed, "success": flagPassed, "succeeded": flagPassed,
	"line": flagPlace, // where a number follows
	"not":  flagNegation, "no": flagNegation, "without": flagNegation, "nil": flagNegation, "null": flagNegation, "none": flagNegation,
}

// A word of the table by the hash of its letters.
var wordFlags = func() map[uint32]uint8 {
	m := make(map[uint32]uint8, len(words))
	for w, f := range words {
		m[hashWord([]byte(w))] = f
	}
	return m
}()

// wordFilter holds a bit for each hash in wordFlags, so that most words cost no look-up.
var wordFilter = func() (f [1 << 11]uint8) {
	for h := range wordFlags {
		f[h>>21] = 1
	}
	return f
}()

const hashPrime = 16777619

func hashWord(w []byte) uint32 {
	h := uint32(2166136261)
	for _, b := range w {
		h = (h ^ uint32(b|0x20)) * hashPrime
	}
	return h
}

// The kinds of byte to the scan of a line.
const (
	byteOther = iota
	byteLetter
	byteDigit
	byteName // joins words to a name
	byteSpace
)

var byteKinds = func() (k [256]uint8) {
	for i := range k {
		switch b := byte(i); {
		case b >= 'a' && b <= 'z', b >= 'A' && b <= 'Z', b == '\'':
			k[i] = byteLetter
		case b >= '0' && b <= '9':
			k[i] = byteDigit
		case b == '_', b == '-', b == '/', b == '\\', b == '.', b == '@', b >= 0x80:
			k[i] = byteName
		case b == ' ', b == '\t':
			k[i] = byteSpace
		}
	}
	return k
}()

// passing are the beginnings of lines of tests that run or passed, whatever these are called.
var passing = []string{
	"=== RUN", "=== PAUSE", "=== CONT", "=== NAME", "--- PASS", "--- SKIP", "ok  \t", "?   \t", "PASS", "✓", "✔", "√", "ok ",
}

// progress are the beginnings of lines of progress and downloads.
var progress = []string{
	"Downloading", "Downloaded", "Get:", "Hit:", "Ign:", "Fetching", "Fetched", "Collecting", "Using cached",
	"Requirement already", "Compiling ", "Checking ", "Copying", "copying", "creating", "adding", "inflating", "Extracting",
	"Unpacking", "Selecting previously", "Preparing to unpack", "Setting up", "Processing triggers", "Pulling fs layer",
	"Download complete", "Pull complete", "Verifying Checksum", "Waiting", "Progress", "Resolving", "Receiving objects",
	"remote: ", "Resolving deltas", "Updating files", "Still creating", "npm http", "npm verb", "npm silly", "npm timing", "npm info",
	"Creating...", "Refreshing state", "Installing collected", "Reading package", "Building dependency", "Loaded ", "[parsing ", "[loading ", "[wrote ",
	"[search", "[checking ", "[total", "[DEBUG]", "LOG: ", "TRACE:", "Starting ", "mkdir -p", "-- Looking for", "-- Performing Test",
}

// libraryFrames are parts of a stack frame that is not the caller's own code.
var libraryFrames = []string{
	"node_modules/", "node:internal", "(node:", "at node:", "java.base/", "jdk.internal.", "sun.reflect.", "org.junit.", "junit.framework.",
	"org.apache.maven.", "org.gradle.", "org.codehaus.", "groovy.lang.", "site-packages/", "/lib/python", "<frozen ", "/usr/local/go/src/", "testing.tRunner",
	"/rustc/", "/.cargo/registry/", "internal/process/", "(internal/", "/lib/node/", "core::ops::function", "std::panicking", "test::", "rust_begin_unwind",
	"/go/pkg/mod/", "kotlin.", "scala.", "dalvik.", "java.lang.reflect.", "org.springframework.", "runtime/panic.go", "/go/src/runtime/", "/go/src/testing/",
}
