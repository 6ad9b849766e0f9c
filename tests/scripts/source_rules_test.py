#!/usr/bin/python3
"""Each rule of source_rules.py is broken once, in a tree of its own, and has to be noticed."""

import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

SCRIPT = pathlib.Path(__file__).with_name("source_rules.py")
FORMAT = SCRIPT.parents[2] / ".clang-format"

# (check, file, an include that is refused there)
REFUSED = [
    ("proto/wire/batch.cc", "<google/protobuf/message.h>"),
    ("proto/wire/batch.cc", '"mirror/v1/table.pb.h"'),
    ("proto/wire/batch.h", '"proto/wire/codec.h"'),
    ("proto/wire/lsn.cc", "<grpcpp/grpcpp.h>"),
    ("proto/wire/table.cc", "<sqlite3.h>"),
    ("proto/wire/table.cc", '"certs/key.h"'),
    ("proto/wire/codec.cc", "<grpcpp/grpcpp.h>"),
    ("proto/wire/codec.cc", '"mirror/v1/mirror_client.grpc.pb.h"'),
    ("proto/wire/codec.h", '"server/plan/plan.h"'),
    ("base/http/metric_page.cc", '"proto/wire/lsn.h"'),
    ("proto/wire/table.cc", '"base/http/counters.h"'),
    ("server/metrics.cc", "<prometheus/registry.h>"),
    ("client/command/agent_metrics.cc", "<httplib.h>"),
    ("base/http/metrics_listener.cc", "<httplib.h>"),
    ("base/http/metrics_listener.cc", "<boost/beast/http.hpp>"),
    ("base/http/listener.h", "<boost/beast/http.hpp>"),
    ("base/http/listener.cc", '"proto/wire/lsn.h"'),
    ("base/http/page.cc", '"server/config/config.h"'),
    ("certs/token.cc", '"server/source/gate.h"'),
    ("certs/token.cc", '"proto/wire/lsn.h"'),
    ("certs/key.cc", "<grpcpp/security/credentials.h>"),
    ("server/plan/schema_plan.cc", '"server/store/store.h"'),
    ("server/plan/apply_plan.cc", "<spdlog/spdlog.h>"),
    ("server/plan/apply_plan.cc", '"mirror/v1/change_batch.pb.h"'),
    ("server/plan/plan.h", '"proto/wire/codec.h"'),
    ("server/store/sqlite/sqlite_store.cc", "<grpcpp/grpcpp.h>"),
    ("server/store/sqlite/sqlite_store.cc", "<pqxx/pqxx>"),
    ("server/store/sqlite/sqlite_store.cc", '"mirror/v1/table.pb.h"'),
    ("server/store/postgres_store.cc", "<SQLiteCpp/SQLiteCpp.h>"),
    ("server/store/store.h", "<sqlite3.h>"),
    ("server/tenant/tenants.cc", "<grpcpp/grpcpp.h>"),
    ("server/tenant/tenants.cc", '"proto/wire/codec.h"'),
    ("server/tenant/tenants.cc", '"server/store/sqlite/sqlite_store.h"'),
    ("server/hooks/delivery/hook_runner.cc", '"server/store/sqlite/sqlite_store.h"'),
    ("server/server.cc", '"server/store/sqlite/sqlite_home.h"'),
    ("server/metrics.cc", '"server/store/sqlite/sqlite_home.h"'),
    ("server/metrics.cc", '"server/store/catalog/sqlite_catalog.h"'),
    ("server/watch/events.cc", '"server/store/catalog/sqlite_catalog.h"'),
    ("server/source/gate.cc", '"server/store/store.h"'),
    ("server/source/source_calls.cc", "<grpcpp/server_context.h>"),
    ("server/source/source_calls.h", '"mirror/v1/mirror_client.grpc.pb.h"'),
    ("server/rpc/rpc_status.cc", '"server/plan/apply_plan.h"'),
    ("server/rpc/mirror_service.cc", "<sqlite3.h>"),
    ("server/rpc/listener/endpoint.cc", '"client/cycle/cycle.h"'),
    ("client/source/sqlite/sqlite_reader.cc", '"mirror/v1/table.pb.h"'),
    ("client/source/sqlite/sqlite_reader.cc", "<pqxx/pqxx>"),
    ("client/source/reader.h", "<grpcpp/grpcpp.h>"),
    ("server/store/sqlite/file/sql.cc", '"server/store/sqlite/rows/sqlite_rows.h"'),
    ("server/watch/events.cc", '"server/tenant/tenant.h"'),
    ("server/config/config.cc", '"server/hooks/delivery/hook_url.h"'),
    ("server/plan/breaker.cc", "<sqlite3.h>"),
    ("server/hooks/delivery/hook_command.cc", "<httplib.h>"),
    ("client/source/files/file_row_readers.cc", "<csv.h>"),
    ("base/name_pattern.cc", '"proto/wire/table.h"'),
    ("base/utf8.cc", "<spdlog/spdlog.h>"),
    ("server/attic/a.cc", '"base/utf8.h"'),
    ("client/cycle/cycle.cc", "<sqlite3.h>"),
    ("client/cycle/cycle.cc", '"client/source/sqlite/sqlite_reader.h"'),
    ("client/command/main.cc", '"server/config/config.h"'),
    ("tools/mirrorctl/main.cc", '"server/config/config.h"'),
    ("tools/mirrorctl/main.cc", '"client/config/config.h"'),
    ("tools/mirror_harness/main.cc", '"server/store/sqlite/file/sql.h"'),
    ("tests/wire/lsn_test.cc", '"proto/wire/lsn.cc"'),
    ("server/main.cc", '"../server/config.h"'),
    ("server/main.cc", '"absl/synchronization/mutex.h"'),
]

ALLOWED = [
    ("base/http/metric_page.cc", "<prometheus/text_serializer.h>"),
    ("base/http/metrics_listener.cc", '"base/http/listener.h"'),
    ("base/http/listener.cc", "<boost/beast/http/read.hpp>"),
    ("server/hooks/delivery/hook_url.cc", "<httplib.h>"),
    ("server/metrics.cc", '"base/http/metric_page.h"'),
    ("proto/wire/table.cc", '"absl/strings/str_cat.h"'),
    ("proto/wire/row_digest.cc", "<xxhash.h>"),
    ("proto/wire/codec.cc", '"mirror/v1/table.pb.h"'),
    ("proto/wire/table_pack.cc", '"proto/wire/codec.h"'),
    ("certs/tls.cc", "<grpcpp/security/credentials.h>"),
    ("base/file.cc", "<sys/stat.h>"),
    ("certs/key.cc", "<openssl/evp.h>"),
    ("server/plan/apply_plan.h", '"server/plan/plan.h"'),
    ("server/store/sqlite/sqlite_store.cc", "<sqlite3.h>"),
    ("server/store/store.h", '"server/plan/plan.h"'),
    ("server/open_store.cc", '"server/store/sqlite/sqlite_home.h"'),
    ("server/tenant/tenants.cc", '"server/store/home.h"'),
    ("server/source/gate.cc", '"certs/key_ring.h"'),
    ("client/cycle/cycle.cc", '"client/source/reader.h"'),
    ("client/source/sqlite/sqlite_reader.cc", "<sqlite3.h>"),
    ("tools/mirror_harness/attack/target.cc", '"client/wire/mirror_client.h"'),
    ("tools/mirror_harness/synthetic/checker.cc", "<sqlite3.h>"),
    ("tests/server/tenant/tenants_test.cc", '"server/tenant/tenants.h"'),
]

GUARDED = "#ifndef MIRROR_{0}_H_\n#define MIRROR_{0}_H_\n\n#endif  // MIRROR_{0}_H_\n"
FILES = [
    ("server/a.h", GUARDED.format("SERVER_A").replace("SERVER_A", "A"), "MIRROR_SERVER_A_H_"),
    ("server/a.h", "#pragma once\n", "MIRROR_SERVER_A_H_"),
    ("server/a.cc", "int a;  // " + "x" * 110 + "\n", "columns"),
    ("proto/mirror/v1/a.proto", "// " + "x" * 110 + "\n", "columns"),
    ("server/a.cc", "int a;\t\n", "tab"),
    ("server/a.cc", "absl::Mutex a;\n", "absl::Mutex"),
    ("server/a.cc", "std::mutex a;\n", "base/mutex.h"),
    ("tools/a.cc", "const std::lock_guard lock(mutex_);\n", "base/mutex.h"),
    ("client/a.h", "#include <condition_variable>\n", "base/mutex.h"),
    ("server/rpc/row_stream.cc", "return ToRpcStatus(status);\n", "SourceStatus"),
    ("server/a.cc", "// FROM pragma_table_info(?1)\n", "temp.pragma_"),
    ("server/string_utils.cc", "int a;\n", "says nothing"),
    ("server/tenant_manager.cc", "int a;\n", "says nothing"),
    ("notes.txt", "x\n", "at the top"),
    ("src/a.cc", "int a;\n", "at the top"),
    ("tests/data/a.pem", "-----BEGIN EC PRIVATE" + " KEY-----\n" + "A" * 64 + "\n", "private key"),
]


# (what stands before a function, how it begins, its name)
LONG_FUNCTIONS = [
    ("", "void Say()", "Say"),
    ("/// Of all {.\n", "absl::Status Tenant::Say(const Words& words)", "Tenant::Say"),
    ("const std::string kWords = \"{\";\n", "template <typename T>\nstd::map<T, int>\nSay(T words)", "Say"),
    ("class A : public B {\n public:\n", "  int Say() const override", "Say"),
    ("namespace {\nstruct A {\n int a = 0;\n};\n", "A::~A()", "A::~A"),
]


class SourceRules(unittest.TestCase):
    def setUp(self):
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="source rules "))
        self.addCleanup(shutil.rmtree, self.root)

    def run_script(self, *arguments):
        return subprocess.run(
            [sys.executable, SCRIPT, *arguments], capture_output=True, text=True, check=False
        )

    def check(self, check, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        run = self.run_script(check, self.root)
        path.unlink()
        return run

    def test_an_include_across_a_border_is_refused(self):
        for name, include in REFUSED:
            with self.subTest(name=name, include=include):
                run = self.check("includes", name, f"#include <vector>\n\n#include {include}\n")
                self.assertEqual(run.returncode, 1, run.stdout + run.stderr)
                self.assertTrue(run.stdout.startswith(f"{name}:3: {include}"), run.stdout)

    def test_what_each_part_needs_is_allowed(self):
        for name, include in ALLOWED:
            with self.subTest(name=name, include=include):
                run = self.check("includes", name, f"#include <vector>\n#include <unistd.h>\n#include {include}\n")
                self.assertEqual(run.returncode, 0, run.stdout + run.stderr)

    def test_sqlite_is_called_by_the_rooms_that_say_so(self):
        call = "int A(sqlite3_stmt* row) { return sqlite3_step(row); }\n"
        self.assertEqual(self.check("includes", "server/store/sqlite/rows/a.cc", call).returncode, 0)
        for name in ("server/store/a.cc", "client/state/a.h"):
            with self.subTest(name=name):
                run = self.check("includes", name, call)
                self.assertEqual(run.returncode, 1)
                self.assertTrue(run.stdout.startswith(f"{name}:1: sqlite3_step: "), run.stdout)
                handed_on = "void A(sqlite3_stmt* row, sqlite3_value* value);  // Not by sqlite3_step().\n"
                self.assertEqual(self.check("includes", name, handed_on).stdout, "")

    def test_what_includes_itself_is_told(self):
        for name, include in (("base/a.h", "base/b.h"), ("base/b.h", "base/c.h"), ("base/c.h", "base/a.h")):
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f'#include "{include}"\n')
        run = self.run_script("includes", self.root)
        self.assertEqual(run.returncode, 1)
        self.assertEqual(run.stdout, "base/a.h: includes itself: base/a.h → base/b.h → base/c.h → base/a.h\n")

    def test_two_types_of_one_name_are_told(self):
        for name, text in (
            ("base/a.h", "namespace mirror {\n\nstruct Agreed {\n};\nstruct Other;\n\n}  // namespace mirror\n"),
            ("server/plan/b.h", "namespace mirror {\nclass Agreed final : public A {\n};\n}  // namespace mirror\n"),
            ("certs/c.h", "namespace mirror::inner {\nclass Agreed {\n};\n}  // namespace mirror::inner\n"),
            ("certs/d.h", "namespace mirror {\nstruct Other {\n};\n}  // namespace mirror\n"),
        ):
            (self.root / name).parent.mkdir(parents=True, exist_ok=True)
            (self.root / name).write_text(text)
        run = self.run_script("includes", self.root)
        self.assertEqual(run.stdout, "server/plan/b.h:2: base/a.h has a type Agreed, too: a program may hold both\n")

    def test_an_initializer_that_changes_the_process_is_told(self):
        text = """namespace mirror {
const int kZone = setenv("TZ", "UTC", 1);
// const int kNote = setenv("TZ", "UTC", 1);
void Ignore() { std::signal(SIGPIPE, SIG_IGN); }
void Set() {
  const int set = setenv("TZ", "UTC", 1);
}
const auto kOld = std::signal(SIGPIPE, SIG_IGN);
}  // namespace mirror
"""
        (self.root / "base").mkdir(exist_ok=True)
        (self.root / "base/a.cc").write_text(text)
        run = self.run_script("includes", self.root)
        told = [line.partition(" changes")[0] for line in run.stdout.splitlines() if "changes the process" in line]
        self.assertEqual(told, ["base/a.cc:2: setenv()", "base/a.cc:8: signal()"])

    def test_rooms_that_include_each_other_are_told(self):
        for name, include in (("base/a.h", "base/text/b.h"), ("base/text/c.h", "base/d.h")):
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f'#include "{include}"\n')
            (self.root / include).parent.mkdir(parents=True, exist_ok=True)
            (self.root / include).write_text("")
        run = self.run_script("includes", self.root)
        self.assertIn("base: includes itself: base → base/text → base\n", run.stdout)

    def test_a_file_that_breaks_a_rule_is_named(self):
        for name, text, words in FILES:
            with self.subTest(name=name, words=words):
                run = self.check("files", name, text)
                self.assertEqual(run.returncode, 1, run.stdout + run.stderr)
                self.assertIn(name, run.stdout)
                self.assertIn(words, run.stdout)

    def test_a_file_that_keeps_the_rules_is_not(self):
        for name, text in (("server/a.h", GUARDED.format("SERVER_A")), ("server/a.cc", "int a;\n")):
            with self.subTest(name=name):
                run = self.check("files", name, text)
                self.assertEqual(run.returncode, 0, run.stdout + run.stderr)

    def test_a_file_that_is_too_long_is_named(self):
        self.assertEqual(self.check("lengths", "server/a.cc", "int a;\n" * 1000).returncode, 0)
        run = self.check("lengths", "server/a.cc", "int a;\n" * 1001)
        self.assertEqual(run.returncode, 1)
        self.assertIn("server/a.cc:1: 1001 lines", run.stdout)
        self.assertEqual(self.check("lengths", "tests/server/a_test.cc", "int a;\n" * 1001).returncode, 0)

    def test_a_function_that_is_too_long_is_named(self):
        for before, signature, name in LONG_FUNCTIONS:
            with self.subTest(signature=signature):
                begin = f"namespace mirror {{\n{before}{signature} {{\n"
                line = '  Say("}", {1});  // }\n'
                body = line * (60 - len(signature.splitlines()) - 1)
                self.assertEqual(self.check("lengths", "server/a.cc", begin + body + "}\n").stdout, "")
                run = self.check("lengths", "server/a.cc", begin + body + line + "}\n")
                self.assertEqual(run.returncode, 1)
                first = before.count("\n") + 2
                self.assertIn(f"server/a.cc:{first}: {name}() has 61 lines", run.stdout)

    def test_a_class_of_too_many_methods_is_named(self):
        for head, owner in (
            ("class A final : public B<int()>", "A"),
            ('struct MIRROR_LOCKABLE("a") A', "A"),
            ("template <typename T>\nclass A::Impl", "Impl"),
        ):
            begin = f"""namespace mirror {{
{head} {{
 public:
  explicit {owner}(int a = {{}}) : a_{{a}}, b_(1) {{ Say(); }}
  ~{owner}();
  {owner}& operator=({owner}&& other);
  {owner}(const {owner}&) = delete;
  bool operator==(const {owner}&) const = default;
  using Word = std::function<void(int)>;
  class Inner {{
    void Say();
  }};
  friend void Say(int);

 private:
"""
            method = '  std::map<int, B<int>> Say(B b = {}) const MIRROR_REQUIRES(a.b()) { Say("}"); Say(); }\n'
            methods = method + "  virtual void Say() = 0;\n" * 28 + "  bool operator()() const;\n"
            end = "  std::function<void()> say_ = Say();\n  int a_ MIRROR_GUARDED_BY(b_){1};\n};\n}\n"
            with self.subTest(head=head):
                self.assertEqual(self.check("lengths", "server/a.h", begin + methods + end).stdout, "")
                run = self.check("lengths", "server/a.h", begin + methods + method + end)
                self.assertEqual(run.returncode, 1)
                first = head.count("\n") + 2
                self.assertIn(f"server/a.h:{first}: {owner} has 31 methods, 30 are the limit", run.stdout)

    def test_what_is_listed_may_be_too_long_as_long_as_it_is(self):
        listed = self.root / "tests" / "scripts" / "too_long.txt"
        listed.parent.mkdir(parents=True)
        listed.write_text("server/a.cc\nserver/a.cc Say\n")
        long = "void Say() {\n" + "  int a = 1;\n" * 1000 + "}\n"
        self.assertEqual(self.check("lengths", "server/a.cc", long).returncode, 0)
        run = self.check("lengths", "server/a.cc", "int a;\n" * 1001)
        self.assertEqual(run.stdout, "tests/scripts/too_long.txt: 'server/a.cc Say' is short by now: take the line away\n")

    def test_only_the_formatted_file_passes(self):
        shutil.copy(FORMAT, self.root)
        self.assertEqual(self.check("format", "server/a.cc", "int a = 1;\n").returncode, 0)
        run = self.check("format", "server/a.cc", "int a=1;\n")
        self.assertEqual(run.returncode, 1)
        self.assertIn("server/a.cc:1: not as clang-format writes it", run.stdout)

    def test_wrong_usage_is_neither_pass_nor_fail(self):
        self.assertEqual(self.run_script("everything", self.root).returncode, 2)
        self.assertEqual(self.run_script().returncode, 2)


if __name__ == "__main__":
    unittest.main()
