// Where deliveries go: programs, URLs, SQL in the tenant's own database; and what they are told.

#include <SQLiteCpp/SQLiteCpp.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <httplib.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/hooks/delivery/hook_command.h"
#include "server/hooks/delivery/hook_sql.h"
#include "server/hooks/delivery/hook_url.h"
#include "server/hooks/hook_note.h"
#include "tests/support/processes.h"
#include "tests/support/status_matchers.h"

namespace mirror::hook_targets_test {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::SizeIs;

const HookDelivery kDelivery{"Cust1", "completed", 7, "{\"tables\": []}"};

// --- Programs -----------------------------------------------------------------

/// /bin/sh stands for any program: the server itself starts no shell.
std::unique_ptr<HookTarget> Script(const std::string& script) {
  return MakeCommandHook({"/bin/sh", "-c", script});
}

TEST(CommandHookTest, GetsTheJsonAndAnswers) {
  EXPECT_THAT(Script("cat")->Deliver(kDelivery, kPatience, {}), IsOkAndHolds(kDelivery.json));
}

TEST(CommandHookTest, WordsAreTakenAsTheyStand) {
  EXPECT_THAT(MakeCommandHook({"/bin/echo", "$HOME; `id`", "a b"})->Deliver(kDelivery, kPatience, {}),
              IsOkAndHolds("$HOME; `id` a b\n"));
}

TEST(CommandHookTest, HasAnEnvironmentOfItsOwnAndNoneOfTheServersFiles) {
  const auto printed = Script("env; ls /proc/self/fd; pwd")->Deliver(kDelivery, kPatience, {});
  ASSERT_THAT(printed, IsOk());
  EXPECT_THAT(*printed, AllOf(HasSubstr("MIRROR_EVENT=completed\n"), HasSubstr("MIRROR_CONTEXT_ID=Cust1\n"),
                              Not(HasSubstr("HOME=")), HasSubstr("\n/\n")));
  // 0, 1, 2 and the one that ls reads the folder with.
  EXPECT_THAT(*printed, Not(HasSubstr("\n4\n")));
}

TEST(CommandHookTest, WhatItWritesToItsStandardErrorIsNoPartOfItsAnswer) {
  EXPECT_THAT(Script("echo warning >&2; echo answer; echo more >&2")->Deliver(kDelivery, kPatience, {}),
              IsOkAndHolds("answer\n"));
}

TEST(CommandHookTest, AnotherExitCodeOrASignalIsAFailure) {
  EXPECT_THAT(Script("exit 3")->Deliver(kDelivery, kPatience, {}),
              StatusIs(absl::StatusCode::kAborted, HasSubstr("exit code 3")));
  EXPECT_THAT(Script("kill -SEGV $$")->Deliver(kDelivery, kPatience, {}),
              StatusIs(absl::StatusCode::kAborted, HasSubstr("signal 11")));
  EXPECT_THAT(MakeCommandHook({"/nowhere/program"})->Deliver(kDelivery, kPatience, {}),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("could not be started")));
}

TEST(CommandHookTest, AMegabyteOfOutputIsReadAndCut) {
  const auto printed = Script("head -c 1000000 /dev/zero | tr '\\0' x")->Deliver(kDelivery, kPatience, {});
  ASSERT_THAT(printed, IsOk());
  EXPECT_EQ(printed->size(), kHookOutputBytesMax);
}

TEST(CommandHookTest, WhatHangsIsKilledWithItsChildren) {
  const TempFolder folder;
  const std::string pid_file = folder.path() + "/pid";
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_THAT(Script(absl::StrCat("sleep 600 & echo $! > ", pid_file, "; wait"))
                  ->Deliver(kDelivery, std::chrono::milliseconds(300), {}),
              StatusIs(absl::StatusCode::kDeadlineExceeded, HasSubstr("killed")));
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(30));
  const std::string child = ReadFileText(pid_file);
  ASSERT_FALSE(child.empty());
  // A killed orphan is nobody's zombie here only until its new parent has waited for it.
  for (int look = 0; look < 1'000 && std::filesystem::exists("/proc/" + child.substr(0, child.size() - 1));
       ++look) {
    const std::string status = ReadFileText("/proc/" + child.substr(0, child.size() - 1) + "/status");
    if (status.find("State:\tZ") != std::string::npos) break;
    std::this_thread::yield();
  }
  EXPECT_THAT(ReadFileText("/proc/" + child.substr(0, child.size() - 1) + "/status"),
              Not(HasSubstr("State:\tS")));
}

TEST(CommandHookTest, AProgramThatEndsLeavesNoChildThatHoldsItsOutput) {
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_THAT(Script("sleep 600 & echo done")->Deliver(kDelivery, kPatience, {}), IsOkAndHolds("done\n"));
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(30));
}

TEST(CommandHookTest, ALargeTextNeedNotBeRead) {
  HookDelivery large = kDelivery;
  large.json.assign(4 << 20, 'x');
  EXPECT_THAT(Script("exit 0")->Deliver(large, kPatience, {}), IsOk());
  EXPECT_THAT(Script("wc -c")->Deliver(large, kPatience, {}), IsOkAndHolds(HasSubstr("4194304")));
}

/// Leaves this process so many descriptors, until it goes.
class FewDescriptors {
 public:
  explicit FewDescriptors(int left) {
    getrlimit(RLIMIT_NOFILE, &before_);
    rlimit few = before_;
    few.rlim_cur = std::min<rlim_t>(few.rlim_cur, 256);
    setrlimit(RLIMIT_NOFILE, &few);
    for (int one; (one = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0;) taken_.push_back(one);
    for (; left > 0 && !taken_.empty(); --left) {
      close(taken_.back());
      taken_.pop_back();
    }
  }
  ~FewDescriptors() {
    for (const int one : taken_) close(one);
    setrlimit(RLIMIT_NOFILE, &before_);
  }

 private:
  rlimit before_{};
  std::vector<int> taken_;
};

TEST(CommandHookTest, WithoutADescriptorForItsEndThatIsNoticedAllTheSame) {
  const auto begin = std::chrono::steady_clock::now();
  absl::StatusOr<std::string> printed, failed;
  {
    const FewDescriptors enough_for_two_pipes(4);
    printed = Script("cat; sleep 0.2")->Deliver(kDelivery, kPatience, {});
    failed = Script("exit 3")->Deliver(kDelivery, kPatience, {});
  }
  EXPECT_THAT(printed, IsOkAndHolds(kDelivery.json));
  EXPECT_THAT(failed, StatusIs(absl::StatusCode::kAborted, HasSubstr("exit code 3")));
  EXPECT_LT(std::chrono::steady_clock::now() - begin, kPatience / 2);
}

TEST(CommandHookTest, AStopEndsIt) {
  std::stop_source stop;
  stop.request_stop();
  EXPECT_THAT(Script("sleep 600")->Deliver(kDelivery, kPatience, stop.get_token()),
              StatusIs(absl::StatusCode::kCancelled));
}

// --- URLs ---------------------------------------------------------------------

class UrlHookTest : public testing::Test {
 protected:
  void SetUp() override {
    server_.Post("/ok", [this](const httplib::Request& request, httplib::Response& response) {
      body_ = request.body;
      type_ = request.get_header_value("Content-Type");
      response.set_content("answer", "text/plain");
    });
    server_.Post("/moved",
                 [](const httplib::Request&, httplib::Response& response) { response.set_redirect("/ok"); });
    server_.Post("/bad", [](const httplib::Request&, httplib::Response& response) { response.status = 500; });
    server_.Post("/large", [](const httplib::Request&, httplib::Response& response) {
      response.set_content(std::string(1 << 20, 'x'), "text/plain");
    });
    server_.Post("/large-bad", [](const httplib::Request&, httplib::Response& response) {
      response.status = 500;
      response.set_content(std::string(1 << 20, 'x'), "text/plain");
    });
    server_.Post("/slow", [this](const httplib::Request&, httplib::Response& response) {
      response.set_chunked_content_provider("text/plain", [this](std::size_t, httplib::DataSink& sink) {
        std::unique_lock lock(mutex_);
        ended_.wait_for(lock, std::chrono::milliseconds(50), [this] { return over_; });
        return !over_ && sink.write("x", 1);
      });
    });
    port_ = server_.bind_to_any_port("127.0.0.1");
    thread_ = std::thread([this] { server_.listen_after_bind(); });
    while (!server_.is_running()) std::this_thread::yield();
  }
  void TearDown() override {
    {
      const std::lock_guard lock(mutex_);
      over_ = true;
      ended_.notify_all();
    }
    server_.stop();
    thread_.join();
  }

  absl::StatusOr<std::string> Post(const std::string& path, std::chrono::milliseconds timeout = kPatience) {
    return MakeUrlHook(ParseHookUrl(absl::StrCat("http://127.0.0.1:", port_, path)).value())
        ->Deliver(kDelivery, timeout, {});
  }

  httplib::Server server_;
  int port_ = 0;
  std::thread thread_;
  std::string body_, type_;
  std::mutex mutex_;
  std::condition_variable ended_;
  bool over_ = false;
};

TEST_F(UrlHookTest, PostsTheJson) {
  EXPECT_THAT(Post("/ok"), IsOkAndHolds("answer"));
  EXPECT_EQ(body_, kDelivery.json);
  EXPECT_EQ(type_, "application/json");
}

TEST_F(UrlHookTest, RedirectsAndErrorsAreFailures) {
  EXPECT_THAT(Post("/moved"), StatusIs(absl::StatusCode::kAborted, HasSubstr("status 302")));
  EXPECT_EQ(body_, "") << "a redirect is not followed";
  EXPECT_THAT(Post("/bad"), StatusIs(absl::StatusCode::kAborted, HasSubstr("status 500")));
  EXPECT_THAT(Post("/none"), StatusIs(absl::StatusCode::kAborted, HasSubstr("status 404")));
}

TEST_F(UrlHookTest, ALargeAnswerIsCut) {
  const auto answer = Post("/large");
  ASSERT_THAT(answer, IsOk());
  EXPECT_EQ(answer->size(), kHookOutputBytesMax);
}

TEST_F(UrlHookTest, ALargeAnswerThatIsAnErrorIsAFailure) {
  EXPECT_THAT(Post("/large-bad"), StatusIs(absl::StatusCode::kAborted, HasSubstr("status 500")));
}

TEST_F(UrlHookTest, AnAnswerThatDripsForEverEndsAtTheTimeout) {
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_THAT(Post("/slow", std::chrono::milliseconds(500)), Not(IsOk()));
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(30));
}

TEST_F(UrlHookTest, PlainTextWhereTlsIsWantedIsAFailure) {
  const auto hook = MakeUrlHook(ParseHookUrl(absl::StrCat("https://127.0.0.1:", port_, "/ok")).value());
  EXPECT_THAT(hook->Deliver(kDelivery, kPatience, {}), StatusIs(absl::StatusCode::kUnavailable));
}

TEST(HookUrlTest, IsTakenApartAndChecked) {
  const auto url = ParseHookUrl("https://example.org:8443/a/b?c=d");
  ASSERT_THAT(url, IsOk());
  EXPECT_EQ(url->origin, "https://example.org:8443");
  EXPECT_EQ(url->path, "/a/b?c=d");
  EXPECT_EQ(ParseHookUrl("http://localhost")->path, "/");
  for (const char* const bad :
       {"ftp://a/b", "https://", "https://user:secret@a/b", "/path", "https://a/ b", ""}) {
    const auto status = ParseHookUrl(bad).status();
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kInvalidArgument)) << bad;
    EXPECT_THAT(std::string(status.message()), Not(HasSubstr("secret")));
  }
}

// --- SQL ----------------------------------------------------------------------

class SqlHookTest : public testing::Test {
 protected:
  void SetUp() override {
    database_.exec(
        "PRAGMA journal_mode = WAL; CREATE TABLE Cust1_mirroring (table_name TEXT PRIMARY KEY, lsn INTEGER);"
        "CREATE TABLE _mirror_schema (table_name TEXT); CREATE TABLE _mirror_tenant (context_id TEXT);"
        "CREATE TABLE People (id INTEGER PRIMARY KEY, name TEXT); INSERT INTO People VALUES (1, 'Ada');"
        "INSERT INTO Cust1_mirroring VALUES ('People', 5); INSERT INTO _mirror_schema VALUES ('People');"
        "CREATE TABLE own (cycle INTEGER, event TEXT, context_id TEXT, json TEXT)");
  }

  absl::StatusOr<std::string> Run(const std::string& sql, std::chrono::milliseconds timeout = kPatience) {
    return MakeSqlHook(sql, [this](const std::string&) { return path_; })->Deliver(kDelivery, timeout, {});
  }
  std::string Ask(const std::string& sql) { return database_.execAndGet(sql).getString(); }

  TempFolder folder_;
  std::string path_ = folder_.path() + "/Mirror_Cust1.db";
  SQLite::Database database_{path_, SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE, 5'000};
};

TEST_F(SqlHookTest, WritesItsOwnTablesWithWhatItIsTold) {
  EXPECT_THAT(Run("-- a comment\nINSERT INTO own VALUES (:cycle, :event, :context_id, :json);"
                  "INSERT INTO own (cycle) SELECT count(*) FROM People; CREATE TABLE more (a)"),
              IsOk());
  EXPECT_EQ(Ask("SELECT group_concat(cycle || coalesce(event || context_id || json, '')) FROM own"),
            "7completedCust1{\"tables\": []},1");
}

TEST_F(SqlHookTest, AnswersWithItsFirstValue) {
  EXPECT_THAT(Run("SELECT name, 2 FROM People; SELECT 3"), IsOkAndHolds("Ada"));
  EXPECT_THAT(Run("SELECT NULL"), IsOkAndHolds(""));
}

TEST_F(SqlHookTest, MirroredRowsAndEverythingBesideTheDatabaseAreRefused) {
  for (const char* const sql : {"UPDATE People SET name = 'Eve'",
                                "DELETE FROM people",
                                "INSERT INTO \"PEOPLE\" VALUES (2, 'Eve')",
                                "DROP TABLE People",
                                "ALTER TABLE People ADD COLUMN x",
                                "UPDATE Cust1_mirroring SET lsn = -1",
                                "DELETE FROM _mirror_tenant",
                                "SELECT * FROM _mirror_tenant",
                                "CREATE TABLE _mirror_hooks (a)",
                                "CREATE TRIGGER t AFTER INSERT ON own BEGIN DELETE FROM People; END; INSERT "
                                "INTO own (cycle) VALUES (1)",
                                "CREATE TRIGGER t AFTER INSERT ON People BEGIN DELETE FROM own; END",
                                "ATTACH DATABASE '/tmp/other.db' AS other",
                                "PRAGMA writable_schema = ON",
                                "PRAGMA journal_mode = DELETE",
                                "COMMIT",
                                "ROLLBACK",
                                "BEGIN",
                                "SAVEPOINT a",
                                "VACUUM",
                                "SELECT load_extension('x')",
                                "UPDATE sqlite_schema SET sql = ''",
                                "CREATE VIRTUAL TABLE v USING fts5(a)",
                                "nothing at all"}) {
    EXPECT_THAT(Run(absl::StrCat("INSERT INTO own (cycle) VALUES (99); ", sql)), Not(IsOk())) << sql;
  }
  EXPECT_EQ(Ask("SELECT count(*) || name FROM People"), "1Ada");
  EXPECT_EQ(Ask("SELECT count(*) FROM own"), "0") << "what stands before a refused statement is not kept";
}

TEST_F(SqlHookTest, StatementsThatNeverEndDo) {
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_THAT(Run("INSERT INTO own (cycle) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) "
                  "SELECT count(*) FROM n",
                  std::chrono::milliseconds(200)),
              StatusIs(absl::StatusCode::kDeadlineExceeded));
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(30));
  EXPECT_EQ(Ask("SELECT count(*) FROM own"), "0");
}

TEST_F(SqlHookTest, ADatabaseThatIsNotThereIsNotMade) {
  const std::string none = folder_.path() + "/none.db";
  const auto hook = MakeSqlHook("SELECT 1", [&](const std::string&) { return none; });
  EXPECT_THAT(hook->Deliver(kDelivery, kPatience, {}), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_FALSE(std::filesystem::exists(none));
}

// --- What they are told -------------------------------------------------------

class ListeningHooks final : public MirrorHooks {
 public:
  absl::Status BeforeTables(const HookCycle& cycle, const std::vector<HookTable>& tables) override {
    for (const HookTable& one : tables) {
      heard.push_back(
          absl::StrCat(cycle.context_id, cycle.cycle, one.table, static_cast<int>(one.change), one.reason));
    }
    return absl::OkStatus();
  }
  absl::Status Wiped(const HookCycle&, const std::string& table) override {
    heard.push_back(table);
    return absl::OkStatus();
  }
  absl::Status Completed(const HookCycle& cycle, const std::vector<HookCounts>& tables) override {
    for (const HookCounts& one : tables) {
      heard.push_back(absl::StrCat(cycle.time_ms, one.table, one.inserts, one.updates, one.deletes));
    }
    return absl::AbortedError("words");
  }
  absl::Status Event(const EventRecord& event) override {
    heard.push_back(absl::StrCat(event.id, event.context_id, event.kind, static_cast<int>(event.severity)));
    return absl::OkStatus();
  }
  std::vector<std::string> heard;
};

TEST(HookNoteTest, IsToldToAProgramAsItWasMeant) {
  ListeningHooks hooks;
  const HookCycle cycle{"Cust1", 7, 5};
  EXPECT_THAT(TellHooks(hooks, TablesText(cycle, {{"a\n\"b\"", TableChange::kRefused, "why"}})), IsOk());
  EXPECT_THAT(TellHooks(hooks, WipedText(cycle, "people")), IsOk());
  EXPECT_THAT(TellHooks(hooks, CompletedText(cycle, {{"people", 1, 2, 3}})),
              StatusIs(absl::StatusCode::kAborted, HasSubstr("words")));
  EXPECT_THAT(TellHooks(hooks, EventText({9, 5, "Cust1", Severity::kError, "mirror.damaged", "m"})), IsOk());
  EXPECT_THAT(hooks.heard,
              ElementsAre("Cust17a\n\"b\"5why", "people", "5people123", "9Cust1mirror.damaged3"));
  EXPECT_THAT(TellHooks(hooks, "{}"), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(TellHooks(hooks, "nothing"), StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST(HookNoteTest, IsJsonWhateverTheNamesHold) {
  const std::string text = WipedText({"Cust1", 7, 5}, "\xff\n\"\x01");
  EXPECT_TRUE(nlohmann::json::parse(text, nullptr, false).is_object());
  EXPECT_EQ(text.find('\n'), std::string::npos);
}

TEST(HookNoteTest, ARefusalIsReadOnlyWhereOneWasMeant) {
  EXPECT_THAT(ReadRefusal(""), IsOkAndHolds(""));
  EXPECT_THAT(ReadRefusal(" \n"), IsOkAndHolds(""));
  EXPECT_THAT(ReadRefusal("{}"), IsOkAndHolds(""));
  EXPECT_THAT(ReadRefusal("{\"do_not_replicate\": false}"), IsOkAndHolds(""));
  EXPECT_THAT(ReadRefusal("{\"do_not_replicate\": true, \"reason\": \"we move\"}\n"),
              IsOkAndHolds("we move"));
  EXPECT_THAT(ReadRefusal("{\"do_not_replicate\": \"true\"}"), IsOkAndHolds(HasSubstr("refused")));
  EXPECT_THAT(ReadRefusal("yes"), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(ReadRefusal("{\"do_not_replicate\": 1}"), StatusIs(absl::StatusCode::kInvalidArgument));
}

}  // namespace
}  // namespace mirror::hook_targets_test
