"""Go, Rust, C, C++, Java, and what builds them."""

from frame import scenario


def go_module(p, packages, tests, faults, noise=0):
    p.write("go.mod", "module shop\n\ngo 1.21\n")
    for k in range(packages):
        p.write(f"p{k}/p{k}.go", f"package p{k}\n\n// Total adds.\nfunc Total(a, b int) int {{ return a + b }}\n")
        text = f"package p{k}\n\nimport \"testing\"\n"
        for t in range(tests):
            log = f"\tfor i := 0; i < {noise}; i++ {{\n\t\tt.Logf(\"tick %d\", i)\n\t}}\n" if noise else ""
            body = faults.get((k, t), f"\tif Total({t}, 1) != {t + 1} {{\n\t\tt.Fatal(\"sum\")\n\t}}\n")
            text += f"\nfunc TestStep{t}(t *testing.T) {{\n{log}{body}}}\n"
        p.write(f"p{k}/p{k}_test.go", text)


@scenario("go-test-verbose")
def _(p):
    go_module(p, 30, 60, {(4, 17): "\tt.Errorf(\"total is %d, want 9\", Total(1, 2))\n", (22, 50): "\tvar m map[string]int\n\tm[\"ledger\"] = 1\n"})
    p.want("TestStep17", "total is 3, want 9", "p4_test.go:108", "TestStep50", "assignment to entry in nil map", "p22_test.go:307")
    return "go test -v ./..."


@scenario("go-test-noisy")
def _(p):
    go_module(p, 6, 12, {(3, 5): "\tt.Fatalf(\"ledger drifted by %d\", Total(40, 2))\n"}, noise=120)
    p.want("TestStep5", "ledger drifted by 42", "p3_test.go:54")
    return "go test -v ./..."


@scenario("go-subtests")
def _(p):
    p.write("go.mod", "module shop\n\ngo 1.21\n")
    p.write("grid_test.go", """package shop

import (
	"fmt"
	"testing"
)

func TestGrid(t *testing.T) {
	for i := 0; i < 2500; i++ {
		t.Run(fmt.Sprintf("cell_%d", i), func(t *testing.T) {
			if i == 1777 {
				t.Errorf("cell %d has weight %d", i, i*3)
			}
		})
	}
}
""")
    p.want("TestGrid/cell_1777", "grid_test.go:12", "cell 1777 has weight 5331")
    return "go test -v ."


@scenario("go-race-and-panic")
def _(p):
    go_module(p, 40, 40, {(31, 39): "\tdone := make(chan int)\n\tclose(done)\n\tclose(done)\n"})
    p.want("TestStep39", "close of closed channel", "p31_test.go:242")
    return "go test -v -p 1 ./..."


@scenario("go-build-x")
def _(p):
    p.write("go.mod", "module shop\n\ngo 1.21\n")
    imports = ""
    for k in range(420):
        p.write(f"p{k}/p{k}.go", f"package p{k}\n\nfunc V() int {{ return {k} }}\n" + ("\nfunc bad() string { return V() }\n" if k == 130 else ""))
        imports += f"import _ \"shop/p{k}\"\n"
    p.write("main.go", "package main\n\n" + imports + "\nfunc main() {}\n")
    p.want("p130/p130.go:5", "cannot use V()")
    return "go build -a -x -o /dev/null ."


@scenario("go-vet")
def _(p):
    p.write("go.mod", "module shop\n\ngo 1.21\n")
    for k in range(60):
        p.write(f"p{k}/p{k}.go", f"package p{k}\n\nimport \"fmt\"\n\nfunc V() {{ fmt.Printf(\"%d\\n\", {k if k != 41 else chr(34) + 'x' + chr(34)}) }}\n")
    p.want("p41/p41.go:5", "wrong type string")
    return "go vet -x ./..."


@scenario("cargo-test")
def _(p):
    p.write("Cargo.toml", "[package]\nname = \"shop\"\nversion = \"0.1.0\"\nedition = \"2021\"\n")
    text = "pub fn total(a: u32, b: u32) -> u32 { a + b }\n#[cfg(test)]\nmod tests {\n    use super::*;\n"
    for t in range(2600):
        text += f"    #[test]\n    fn step_{t}() {{ assert_eq!(total({t}, 1), {t + 1 if t not in (611, 2100) else 7}); }}\n"
    p.write("src/lib.rs", text + "}\n")
    p.want("tests::step_611", "tests::step_2100", "src/lib.rs:1228", "left: 612", "src/lib.rs:4206")
    return "cargo test --offline"


@scenario("cargo-warnings-and-error")
def _(p):
    p.write("Cargo.toml", "[package]\nname = \"shop\"\nversion = \"0.1.0\"\nedition = \"2021\"\n")
    text = "".join(f"pub fn step_{t}() -> u32 {{ let unused_{t} = 1; {t} }}\n" for t in range(400))
    p.write("src/lib.rs", text + "pub fn bad() -> String { step_3() }\n")
    p.want("E0308", "mismatched types", "src/lib.rs:401")
    return "cargo build --offline"


@scenario("cargo-borrow-errors")
def _(p):
    p.write("Cargo.toml", "[package]\nname = \"shop\"\nversion = \"0.1.0\"\nedition = \"2021\"\n")
    text = "".join(f"pub fn step_{t}(Wrong{t}: u32) -> u32 {{ let mut a = 1; a }}\n" for t in range(300))
    p.write("src/lib.rs", text + "pub fn bad() { let ledger = String::new(); drop(ledger); println!(\"{}\", ledger); }\n")
    p.want("E0382", "src/lib.rs:301", "borrow of moved value: `ledger`")
    return "cargo build --offline"


def c_tree(p, files, faults):
    for f in range(files):
        p.write(f"src/part_{f}.c", f"#include <stdio.h>\n\nint part_{f}(int n)\n{{\n\tchar unused[4];\n\tint i;\n\tprintf(\"%ld\\n\", n);\n\treturn n + {f};\n}}\n" + faults.get(f, ""))
    p.write("src/main.c", "int part_0(int);\nint main(void) { return part_0(1); }\n")


@scenario("make-gcc")
def _(p):
    c_tree(p, 260, {120: "\nint broken(void)\n{\n\treturn ledger_total;\n}\n"})
    p.write("Makefile", "OBJ := $(patsubst %.c,%.o,$(wildcard src/*.c))\napp: $(OBJ)\n\t$(CC) -o $@ $(OBJ)\n%.o: %.c\n\t$(CC) -O2 -g -Wall -Wextra -c -o $@ $<\n")
    p.want("src/part_120.c:13", "'ledger_total' undeclared", "src/part_120.o] Error 1")
    return "make -k LC_ALL=C | cat; LC_ALL=C make"


@scenario("make-linker")
def _(p):
    c_tree(p, 260, {77: "\nint ledger_open(void);\nint user_77(void) { return ledger_open(); }\n"})
    p.write("Makefile", "OBJ := $(patsubst %.c,%.o,$(wildcard src/*.c))\napp: $(OBJ)\n\t$(CC) -o $@ $(OBJ)\n%.o: %.c\n\t$(CC) -g -Wall -Wextra -c -o $@ $<\n")
    p.want("undefined reference to `ledger_open'", "part_77.c:12", "ld returned 1 exit status")
    return "make"


@scenario("gxx-template")
def _(p):
    for f in range(120):
        if f in (31, 90):
            text = ("#include <algorithm>\n#include <list>\n#include <map>\n#include <string>\n#include <vector>\nstruct Ledger { int v; };\n"
                    "int use() {\n    std::map<Ledger, int> m;\n    m[Ledger{1}] = 2;\n    std::list<int> l;\n    std::sort(l.begin(), l.end());\n    return 0;\n}\n")
        else:
            text = "int use(int unused) {\n    unsigned n = 3;\n    for (int i = 0; i < n; i++) { n--; }\n    int other, another, third, fourth;\n    return 0;\n}\n"
        p.write(f"src/t{f:03}.cpp", text)
    p.want("src/t031.cpp:9", "src/t031.cpp:11", "no match for", "src/t090.cpp:11")
    return "LC_ALL=C; export LC_ALL; s=0; for f in src/*.cpp; do g++ -Wall -Wextra -std=c++17 -c -o /dev/null $f || s=1; done; exit $s"


@scenario("cmake-make")
def _(p):
    c_tree(p, 320, {97: "\nint broken(void) { return missing_symbol(1) + }\n"})
    p.write("CMakeLists.txt", "cmake_minimum_required(VERSION 3.10)\nproject(app C)\nset(CMAKE_C_FLAGS \"-Wall -Wextra\")\nfile(GLOB S src/*.c)\nadd_executable(app ${S})\n")
    p.want("part_97.c:11", "expected expression before")
    return "LC_ALL=C; export LC_ALL; cmake -B build . && cmake --build build --verbose"


@scenario("cmake-configure")
def _(p):
    p.write("CMakeLists.txt", "cmake_minimum_required(VERSION 3.10)\nproject(app C)\nforeach(i RANGE 2500)\n  message(STATUS \"Looking for feature ${i} - found\")\nendforeach()\nfind_package(LedgerCore REQUIRED)\n")
    p.want("CMakeLists.txt:6", "LedgerCore", "Configuring incomplete, errors occurred")
    return "cmake -B build ."


@scenario("ctest")
def _(p):
    tests = "".join(f"add_test(NAME step_{t} COMMAND sh -c \"exit {0 if t not in (333, 1200) else 3}\")\n" for t in range(1300))
    p.write("CMakeLists.txt", "cmake_minimum_required(VERSION 3.10)\nproject(app NONE)\nenable_testing()\n" + tests)
    p.want("step_333", "step_1200", "2 tests failed out of 1300")
    return "cmake -B build . && cd build && ctest --output-on-failure"


@scenario("meson-ninja")
def _(p):
    c_tree(p, 220, {60: "\nint broken(struct ledger *l) { return l->total; }\n"})
    p.write("meson.build", "project('app', 'c', default_options: ['warning_level=3'])\nexecutable('app', [" + ", ".join(f"'src/part_{f}.c'" for f in range(220)) + ", 'src/main.c'])\n")
    p.want("src/part_60.c:11", "ledger")
    return "LC_ALL=C; export LC_ALL; meson setup build && ninja -v -k 0 -C build"


POM = """<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion><groupId>shop</groupId>
<artifactId>shop</artifactId><version>1</version>
<properties><maven.compiler.source>17</maven.compiler.source><maven.compiler.target>17</maven.compiler.target>
<project.build.sourceEncoding>UTF-8</project.build.sourceEncoding></properties>
<dependencies><dependency><groupId>junit</groupId><artifactId>junit</artifactId><version>4.13.2</version><scope>test</scope></dependency></dependencies>
</project>
"""


@scenario("maven-test")
def _(p):
    p.write("pom.xml", POM)
    for c in range(60):
        tests = ""
        for t in range(30):
            fault = (c, t) == (14, 21)
            tests += f"  @org.junit.Test public void step{t}() {{\n    for (int i = 0; i < 3; i++) System.out.println(\"INFO posting \" + i);\n    org.junit.Assert.assertEquals({t + (100 if fault else 0)}, {t});\n  }}\n"
        p.write(f"src/test/java/shop/Case{c}Test.java", f"package shop;\npublic class Case{c}Test {{\n{tests}}}\n")
    p.want("Case14Test.step21", "expected:<121> but was:<21>", "BUILD FAILURE", "Tests run: 1800, Failures: 1")
    return "mvn -B test"


@scenario("maven-compile-debug")
def _(p):
    names = [f"m{m}" for m in range(14)]
    modules = "".join(f"<module>{m}</module>" for m in names)
    p.write("pom.xml", POM.replace("<version>1</version>", f"<version>1</version><packaging>pom</packaging><modules>{modules}</modules>"))
    for m in names:
        parent = "<parent><groupId>shop</groupId><artifactId>shop</artifactId><version>1</version></parent>"
        p.write(f"{m}/pom.xml", f'<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>{parent}<artifactId>{m}</artifactId></project>')
        p.write(f"{m}/src/main/java/shop/Part.java", f"package shop;\npublic class Part {{\n  int total() {{ return {7 if m != names[-1] else chr(34) + 'x' + chr(34)}; }}\n}}\n")
    p.want("m13/src/main/java/shop/Part.java:[3,", "incompatible types", "BUILD FAILURE")
    return "mvn -B -X compile"


@scenario("javac")
def _(p):
    for c in range(600):
        p.write(f"src/shop/Part{c}.java", f"package shop;\npublic class Part{c} {{\n  java.util.List raw = new java.util.ArrayList();\n  void add() {{ raw.add(1); }}\n" + ("  Ledger l;\n" if c == 311 else "") + "}\n")
    p.want("src/shop/Part311.java:5", "cannot find symbol", "class Ledger")
    return "javac -Xlint:all -verbose -d out src/shop/*.java"


@scenario("java-crash-after-log")
def _(p):
    p.write("App.java", """public class App {
  static int post(int n) {
    if (n == 24999) throw new IllegalStateException("ledger is closed at entry " + n);
    return n;
  }
  public static void main(String[] a) {
    for (int i = 0; i < 25000; i++) System.out.println("2026-01-05 10:00:" + String.format("%02d", i % 60) + ",123 DEBUG [main] shop.App - posting entry " + post(i));
  }
}
""")
    p.want("IllegalStateException: ledger is closed at entry 24999", "App.java:3", "App.java:7")
    return "java App.java"


@scenario("gradle-test")
def _(p):
    p.write("build.gradle", "apply plugin: 'java'\ntask steps {\n  doLast {\n    for (int i = 0; i < 2500; i++) { println \"step $i is up to date\" }\n    throw new GradleException('ledger task refused: quota 17 reached')\n  }\n}\n")
    p.want("ledger task refused: quota 17 reached", "':steps'", "BUILD FAILED")
    return "gradle --no-daemon --console=plain steps"
