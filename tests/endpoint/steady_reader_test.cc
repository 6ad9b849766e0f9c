// A reader of the mirror that looks again and again while an application writes and the agent's cycles run:
// each table that it sees is as some transaction of the application left it.
//
// MIRROR_TEST_ROUNDS=n: cycles.

#include <gtest/gtest.h>
#include <sqlite3.h>

#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <iterator>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/digest.h"
#include "tests/support/agent_bench.h"
#include "tests/support/places.h"
#include "tests/support/rows.h"
#include "tests/support/status_matchers.h"
#include "tests/support/writer_and_reader.h"

namespace mirror::steady_reader_test {
namespace {

const char* const kTables[] = {"keyed", "pairs", "keyless", "hidden"};

constexpr char kMake[] =
    "CREATE TABLE keyed(id INTEGER PRIMARY KEY, u INTEGER UNIQUE, v TEXT);"
    "CREATE TABLE pairs(a, b TEXT, v, PRIMARY KEY(a, b)) WITHOUT ROWID;"
    "CREATE TABLE keyless(a, b);"
    "CREATE TABLE hidden(id INTEGER PRIMARY KEY, s TEXT); CREATE UNIQUE INDEX lower_s ON hidden(lower(s));";

std::uint64_t Rounds() { return FromEnvironment("MIRROR_TEST_ROUNDS", 60); }

/// The states that were committed, or are about to be.
class States {
 public:
  void Add(sqlite3* database) {
    for (const char* table : kTables) {
      const std::string digest = Digest(ReadTable(database, table));
      const std::lock_guard lock(mutex_);
      states_[table].insert(digest);
    }
  }
  bool Knows(const std::string& table, const std::vector<std::string>& lines) {
    const std::lock_guard lock(mutex_);
    return states_[table].contains(Digest(lines));
  }
  std::size_t count() {
    const std::lock_guard lock(mutex_);
    return states_["keyed"].size();
  }

 private:
  static std::string Digest(const std::vector<std::string>& lines) {
    return HexDigest(absl::StrJoin(lines, "\n"));
  }
  std::mutex mutex_;
  std::map<std::string, std::set<std::string>> states_;
};

class Database {
 public:
  explicit Database(const std::string& path) {
    sqlite3_open_v2(path.c_str(), &handle_, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, nullptr);
    // What is on disk is looked at, not how long a busy machine takes for it.
    sqlite3_busy_timeout(handle_, 60'000);
    Run("PRAGMA synchronous = OFF");
  }
  ~Database() { sqlite3_close(handle_); }
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;
  int Run(const std::string& sql) { return sqlite3_exec(handle_, sql.c_str(), nullptr, nullptr, nullptr); }
  sqlite3* handle() { return handle_; }

 private:
  sqlite3* handle_ = nullptr;
};

class SteadyReaderTest : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    Database made(bench_.path());
    ASSERT_EQ(made.Run("PRAGMA journal_mode = " + GetParam()), SQLITE_OK);
    ASSERT_EQ(made.Run(kMake), SQLITE_OK);
    states_.Add(made.handle());
    ASSERT_THAT(bench_.Install(), IsOk());
  }

  /// Transactions of several statements until `stop_`.
  void Write(std::uint64_t seed) {
    std::mt19937_64 random(seed);
    const auto below = [&random](std::uint64_t limit) { return random() % limit; };
    Database application(bench_.path());
    while (!beside_.over()) {
      ASSERT_EQ(application.Run("BEGIN IMMEDIATE"), SQLITE_OK) << sqlite3_errmsg(application.handle());
      for (std::uint64_t left = 1 + below(6); left > 0; --left) {
        const std::string a = absl::StrCat(below(20)), b = absl::StrCat(below(20));
        const std::string letter = absl::StrCat("'", std::string(1, static_cast<char>('a' + below(9))), "'");
        const std::string statements[] = {
            absl::StrCat("INSERT OR REPLACE INTO keyed VALUES(", a, ", ", b, ", ", letter, ")"),
            absl::StrCat("UPDATE OR REPLACE keyed SET u = ", a, " WHERE id = ", b),
            absl::StrCat("UPDATE OR REPLACE keyed SET id = ", a, ", v = ", letter, " WHERE id = ", b),
            absl::StrCat("INSERT OR REPLACE INTO pairs VALUES(", a, ", ", letter, ", ", b, ")"),
            absl::StrCat("UPDATE OR IGNORE pairs SET a = a + 1.0, v = ", b, " WHERE a = ", a),
            absl::StrCat("DELETE FROM pairs WHERE a > ", a),
            absl::StrCat("INSERT INTO keyless VALUES(", a, ", ", letter, ")"),
            absl::StrCat("DELETE FROM keyless WHERE a = ", b),
            absl::StrCat("INSERT OR REPLACE INTO hidden VALUES(", a, ", upper(", letter, "))"),
            absl::StrCat("UPDATE OR REPLACE hidden SET s = ", letter, " WHERE id = ", b),
        };
        application.Run(statements[below(std::size(statements))]);
      }
      states_.Add(application.handle());
      ASSERT_EQ(application.Run("COMMIT"), SQLITE_OK) << sqlite3_errmsg(application.handle());
      beside_.WaitForALook();
    }
  }

  void Read() {
    Database reader(bench_.mirror_path());
    while (!beside_.over()) {
      beside_.NoteLook();
      for (const char* table : kTables) {
        const std::vector<std::string> lines = ReadTable(reader.handle(), table);
        const bool not_made = !lines.empty() && lines.back().starts_with("error: no such table");
        if (not_made) continue;
        ASSERT_TRUE(states_.Knows(table, lines)) << "'" << table << "' was never like this:\n"
                                                 << absl::StrJoin(lines, "\n");
      }
    }
  }

  const std::uint64_t seed_ = TestSeed();
  std::unique_ptr<Installation> here_ = Installation::Make({.bin_dir = BinDir()}).value();
  AgentBench bench_{*here_, "Cust", here_->dir() + "/source"};
  States states_;
  WriterAndReader beside_;
};

TEST_P(SteadyReaderTest, EachTableIsAtEachMomentAsSomeTransactionLeftIt) {
  CycleReport report = bench_.Run();
  ASSERT_TRUE(report.Good()) << Summary(report);
  beside_.Begin([this] { Write(seed_); }, [this] { Read(); });
  std::mt19937_64 random(seed_ + 1);
  std::uint64_t good = 0;
  for (std::uint64_t round = 0; round < Rounds() && !HasFailure(); ++round) {
    if (random() % 4 == 0) {
      bench_.mirror().Execute(absl::StrCat("UPDATE ", bench_.mirror().metadata(),
                                           " SET lsn = -1 WHERE table_name = '", kTables[random() % 4], "'"));
    }
    report = bench_.Run();
    if (report.Good()) ++good;
  }
  beside_.End();
  EXPECT_GT(good, Rounds() / 2) << Summary(report);
  report = bench_.Run();
  EXPECT_TRUE(report.Good()) << Summary(report);
  EXPECT_EQ(bench_.Difference(), "");
  std::cout << good << " good cycles, " << beside_.looks() << " looks at " << states_.count() << " states\n";
}

INSTANTIATE_TEST_SUITE_P(Journal, SteadyReaderTest, testing::Values("WAL", "DELETE"),
                         [](const auto& test) { return test.param; });

}  // namespace
}  // namespace mirror::steady_reader_test
