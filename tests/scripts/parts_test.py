#!/usr/bin/python3
"""tools/check: the parts of a test program, and which change makes which part run again. Compiler, nm and ninja are real; the
test program is a script that lists its tests as googletest does."""

import contextlib
import io
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
import unittest.mock

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools" / "lib"))

from check import green, groups, parts, runs  # noqa: E402

OWN = "tests/CMakeFiles/x_test.dir"
# The part of a_test.cc lacks near(), which lacks middle(). That of b_test.cc lacks far(), which lacks Any<int>::get().
SOURCES = {
    f"{OWN}/Unity/unity_0_cxx.cxx": "int near(); int fresh() { return near(); }",
    f"{OWN}/Unity/unity_1_cxx.cxx": "int far(); int other() { return far(); }",
    f"{OWN}/below/c_test.cc": "int closing() { return 1; }",
    f"{OWN}/ends.cc": "int closing(); int ends = closing();",
    "tests/CMakeFiles/y_test.dir/Unity/unity_9_cxx.cxx": "int near() { return 9; }",
    "lib/near.cc": "int middle(); int near() { return middle(); }",
    "lib/middle.cc": "int middle() { return 1; }",
    "lib/far.cc": "template <class T> struct Any { int get(); }; extern template struct Any<int>; int far() { return Any<int>().get(); }",
    "lib/any.cc": "template <class T> struct Any { int get() { return 1; } }; template struct Any<int>;",
    "lib/alone.cc": "int alone() { return 1; }",
    "proto/messages.cc": "int message = 1;",
}
INCLUDES = {f"{OWN}/Unity/unity_0_cxx.cxx": "tests/a_test.cc", f"{OWN}/Unity/unity_1_cxx.cxx": "tests/b_test.cc"}
TESTS = {"Suite.Works": "tests/a_test.cc", "Suite.Rests": "tests/a_test.cc", "All/Suite.Works/0": "tests/b_test.cc", "Alone.Works": "../../tests/below/c_test.cc"}
A, B, C = "Suite.Works Suite.Rests", "All/Suite.Works/0", "Alone.Works"


class PartsOfAProgram(unittest.TestCase):
    def setUp(self):
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="parts"))
        self.addCleanup(shutil.rmtree, self.root)
        self.folder = self.root / "build" / "dev"
        self.sources, self.tests, self.flags, self.listings = dict(SOURCES), dict(TESTS), "-O1", 0
        self.programs = []  # Those that x_test may start.
        subprocess.run(["git", "init", "-q", self.root], check=True)
        self.write(self.root / ".gitignore", "build\n")
        for path in TESTS.values():
            self.write(self.root / path.removeprefix("../../"), "")
        self.build()

    def write(self, path, text):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def build(self):
        rules = ["rule compile", "  command = c++ -c -x c++ $in -o $out", "rule link", "  command = : $flags $in -o $out"]
        for path, text in self.sources.items():
            include = f'\n#include "{self.root / INCLUDES[path]}"\n' if path in INCLUDES else "\n"
            self.write(self.folder / path, text + include)
            rules.append(f"build {path}.o: compile {path}")
        for program, other in (("x_test", "y_test"), ("y_test", "x_test")):
            objects = " ".join(f"{path}.o" for path in self.sources if f"/{other}.dir/" not in path)
            programs = " ".join(f"bin/{name}" for name in self.programs if program == "x_test")
            rules += [f"build bin/{program}: link {objects} || {programs}", f"  flags = {self.flags}"]
        for name in self.programs:
            self.write(self.folder / "bin" / name, "built")
        self.write(self.folder / "build.ninja", "\n".join(rules) + "\n")
        subprocess.run(["ninja", "-C", self.folder], check=True, capture_output=True)
        listed = [{"name": name.rpartition(".")[0], "testsuite": [{"name": name.rpartition(".")[2], "file": file}]} for name, file in self.tests.items()]
        self.write(self.folder / "list.json", json.dumps({"testsuites": listed}))
        program = self.folder / "bin" / "x_test"
        self.write(program, f"#!/bin/sh\ncp '{self.folder / 'list.json'}' \"${{2#--gtest_output=json:}}\"\n# {sorted(self.sources.items())} {self.flags}\n")
        program.chmod(0o755)

    def digests(self):
        """Returns the digest of each part, by its tests."""
        self.listings += 1
        tests = [(f"{name} # {self.listings}", [str(self.folder / "bin" / "x_test"), f"--gtest_filter={name}"], {}) for name in self.tests]
        found = green.Green(self.root, "dev").parts({"x_test": tests, "y_test": []})
        return {" ".join(name.partition(" ")[0] for name, _, _ in part.tests): part.digest for part in found.values() if part.tests}

    def run_again(self, **changed):
        """Returns the parts that run again after a change. Keys are names of sources without folder and ending."""
        before = self.digests()
        self.assertNotIn(None, before.values())
        for path in list(self.sources):
            self.sources[path] = changed.pop(pathlib.Path(path).stem, self.sources[path])
        self.assertEqual(changed, {})
        self.build()
        after = self.digests()
        return sorted(tests for tests, digest in after.items() if before.get(tests) != digest)

    def test_what_no_test_uses_runs_none_again(self):
        self.assertEqual(sorted(self.digests()), sorted([A, B, C]))
        self.assertEqual(self.run_again(), [])
        self.assertEqual(self.run_again(alone="int alone() { return 2; }", unity_9_cxx="int near() { return 8; }"), [])

    def test_its_own_object_and_what_it_uses_directly_or_not_runs_a_part_again(self):
        self.assertEqual(self.run_again(unity_1_cxx="int far(); int other() { return 2 * far(); }"), [B])
        self.assertEqual(self.run_again(near="int middle(); int near() { return 2 * middle(); }"), [A])
        self.assertEqual(self.run_again(middle="int middle() { return 2; }"), [A])

    def test_a_definition_that_many_may_have_is_used(self):
        any_of_two = SOURCES["lib/any.cc"].replace("return 1", "return 2")
        self.assertEqual(self.run_again(any=any_of_two), [B])

    def test_of_two_kinds_of_definitions_both_are_used(self):
        self.run_again(alone="template <class T> struct Any { int get(); }; template <> int Any<int>::get() { return 3; }")
        self.assertEqual(self.run_again(any=SOURCES["lib/any.cc"].replace("return 1", "return 2")), [B])

    def test_a_use_that_is_new_is_seen(self):
        self.run_again(near="int alone(); int near() { return alone(); }")
        self.assertEqual(self.run_again(alone="int alone() { return 2; }"), [A])
        self.assertEqual(self.run_again(middle="int middle() { return 2; }"), [])

    def test_generated_code_and_objects_without_tests_run_all_again(self):
        self.assertEqual(self.run_again(messages="int message = 2;"), sorted([A, B, C]))
        self.assertEqual(self.run_again(ends="int closing(); int ends = 2 * closing();"), sorted([A, B, C]))
        self.assertEqual(self.run_again(c_test="int closing() { return 2; }"), sorted([A, B, C]))

    def test_what_sets_something_for_the_whole_program_runs_all_again(self):
        self.run_again(unity_1_cxx='int far(); extern "C" int CRYPTO_set_mem_functions(); int other() { return CRYPTO_set_mem_functions(); }')
        self.assertEqual(self.run_again(unity_1_cxx='extern "C" int CRYPTO_set_mem_functions(); int other() { return 2 * CRYPTO_set_mem_functions(); }'), sorted([A, B, C]))

    def test_other_flags_of_the_linker_run_all_again(self):
        before = self.digests()
        self.flags = "-O1 -Wl,--icf=all"
        self.build()
        after = self.digests()
        self.assertEqual([before[A] == after[A], before[B] == after[B]], [False, False])

    def test_a_new_test_runs_its_part_again(self):
        before = self.digests()
        self.tests["Suite.New"] = "tests/b_test.cc"
        self.build()
        after = self.digests()
        self.assertEqual(after[A], before[A])
        self.assertIn(f"{B} Suite.New", after)

    def test_a_program_that_is_started_is_one_of_the_inputs_of_those_that_name_it(self):
        self.programs = ["mirrorctl", "mirror-agent"]
        self.run_again(near='const char* name = "/mirrorctl"; int middle(); int near() { return middle(); }')
        self.assertEqual(self.run_again(), [])
        before = self.digests()
        self.write(self.folder / "bin/mirrorctl", "changed")
        self.assertEqual(self.digests(), before, "the product names it, not the tests")
        self.run_again(unity_1_cxx='const char* name = "/mirrorctl"; int far(); int other() { return far(); }')
        before = self.digests()
        self.write(self.folder / "bin/mirrorctl", "changed again")
        self.write(self.folder / "bin/mirror-agent", "changed again")
        after = self.digests()
        self.assertEqual([name for name in before if before[name] != after[name]], [B])

    def test_a_program_that_is_not_built_before_the_test_program_is_none_of_its_inputs(self):
        self.run_again(unity_1_cxx='const char* name = "/mirrorctl"; int far(); int other() { return far(); }')
        before = self.digests()
        self.write(self.folder / "bin/mirrorctl", "new")
        self.assertEqual(self.digests(), before)

    def test_where_ninja_does_not_know_the_program_nothing_is_green(self):
        (self.folder / "build.ninja").write_text("", encoding="utf-8")
        self.assertEqual(set(self.digests().values()), {None})

    def test_a_program_that_a_started_program_starts_is_one_of_the_inputs(self):
        self.programs = ["mirror-server"]
        self.run_again(unity_1_cxx='const char* name = "/mirror-server"; int far(); int other() { return far(); }')
        before = self.digests()
        self.write(self.folder / "bin/mirror-import", "changed")
        after = self.digests()
        self.assertEqual([name for name in before if before[name] != after[name]], [B])

    def test_what_is_no_part_any_more_is_forgotten(self):
        written = green.Green(self.root, "dev")
        one, two, other = ("x_test", "one"), ("x_test", "two"), ("y_test", "three")
        found = {key: green.Part([], "digest") for key in (one, two, other)}
        written.keep(found)
        written.forget({("x_test", ""): found[one]}, {("x_test", ""): found[one]})
        self.assertEqual(green.Green(self.root, "dev").same(found), [other])
        written.keep(found)
        written.forget(found, {two: found[two]})
        self.assertEqual(green.Green(self.root, "dev").same(found), [one, other])

    def test_where_the_record_cannot_be_written_no_old_one_stays(self):
        written = green.Green(self.root, "dev")
        found = {("x_test", "one"): green.Part([], "digest")}
        written.keep(found)
        (self.folder / "green.new").mkdir()  # Cannot be written, also by root.
        with contextlib.redirect_stdout(io.StringIO()) as words:
            written.forget(found, found)
        self.assertIn("cannot be written", words.getvalue())
        self.assertEqual(green.Green(self.root, "dev").same(found), [])

    def test_a_file_that_cannot_be_executed_any_more_is_another_one(self):
        with unittest.mock.patch.dict(green.READ, x_test=("script",)):
            self.write(self.root / "script", "#!/bin/sh\n")
            (self.root / "script").chmod(0o755)
            before = self.digests()
            (self.root / "script").chmod(0o644)
            self.assertNotEqual(self.digests()[A], before[A])

    def test_where_a_part_cannot_be_known_the_program_is_one(self):
        whole = " ".join(TESTS)
        self.tests["Suite.Works"] = "tests/elsewhere_test.cc"
        self.build()
        self.assertEqual(list(self.digests()), [whole])
        self.assertEqual(self.run_again(alone="int alone() { return 2; }"), [whole])
        self.tests = dict(TESTS)
        self.build()
        self.assertEqual(len(self.digests()), 3)
        (self.folder / "lib/alone.cc.o").unlink()
        self.assertEqual(list(self.digests()), [whole])
        self.build()
        for nothing in ("exit 1", "exit 0", 'echo "{" > "${2#--gtest_output=json:}"', 'echo "{}" > "${2#--gtest_output=json:}"'):
            self.write(self.folder / "bin/x_test", f"#!/bin/sh\n{nothing}\n")
            self.assertEqual(list(self.digests()), [whole])
        self.build()
        (self.folder / OWN / "Unity/unity_0_cxx.cxx").unlink()
        self.assertEqual(list(self.digests()), [whole])


class ThisRepository(unittest.TestCase):
    def files(self):
        return [(path, path.read_text()) for path in sorted((ROOT / "tests").rglob("*.cc")) + sorted((ROOT / "tests").rglob("*.h"))]

    def test_a_suite_gets_its_parameters_in_the_file_of_its_tests(self):
        """The file of a test says in which part it is. Its parameters would be those of another part."""
        for path, text in self.files():
            defined = set(re.findall(r"\b(?:TYPED_)?TEST_P\(\s*(\w+)\s*,", text))
            given = set(re.findall(r"INSTANTIATE_(?:TYPED_)?TEST_SUITE_P\(\s*\w*\s*,\s*(\w+)", text))
            self.assertEqual(given - defined, set(), path)

    @unittest.skipUnless((ROOT / "build/dev/bin/wire_test").exists(), "build/dev is not built")
    def test_the_programs_of_the_build_have_parts(self):
        programs = [name for name in groups.CPP if name.endswith("_test")]
        tests = runs.tests_of(ROOT, "dev", ["-L", "^(wire|base|server)$"])
        linked = parts.Parts(ROOT / "build" / "dev", programs)
        written = green.Green(ROOT, "dev")
        for program in ("wire_test", "base_test", "server_test"):
            split = linked.split(program, tests[program])
            self.assertGreater(len(split), 1)
            self.assertEqual(sum(len(some) for _, some, _, _ in split), len(tests[program]))
            for _, some, paths, _ in split:
                self.assertTrue(any(path.endswith("grpc_ends.cc.o") for path in paths))
                self.assertEqual(program == "base_test", any(path.endswith("http_tls_test.cc.o") for path in paths), "it has OpenSSL's memory")
                self.assertEqual([path for path in paths if not os.path.exists(path)], [])
                if any(test[0].startswith("HostileFileTest") for test in some):
                    self.assertEqual(written._started(written._may_start("server_test"), paths), {"mirror-import"})


if __name__ == "__main__":
    unittest.main()
