// A reader of a mirror in PostgreSQL, as a BI tool is one: it looks twice in one REPEATABLE READ transaction,
// while an application writes and tables are populated anew. It sees each table as some transaction of the
// application left it, never a part of one and never an empty one, and twice the same.
//
// MIRROR_TEST_ROUNDS=n: cycles.

#include <gtest/gtest.h>

#include <cstdint>
#include <iostream>
#include <iterator>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "base/db/postgres/connection.h"
#include "tests/support/agent_bench.h"
#include "tests/support/mirror_file.h"
#include "tests/support/places.h"
#include "tests/support/postgres_server.h"
#include "tests/support/status_matchers.h"
#include "tests/support/writer_and_reader.h"

namespace mirror::steady_postgres_reader_test {
namespace {

/// The rows of a table in one text, by which `row` tells them and `order` puts them: in both dialects.
struct Watched {
  const char* name;
  const char* row;
  const char* order;
};
constexpr Watched kTables[] = {
    {"keyed", "id || '|' || coalesce(u || '', '-') || '|' || coalesce(v, '-')", "id"},
    {"pairs", "a || '|' || b || '|' || coalesce(v, '-')", "a, b"},
};
constexpr char kMake[] =
    "CREATE TABLE keyed(id INTEGER PRIMARY KEY, u INTEGER UNIQUE, v TEXT) STRICT;"
    "CREATE TABLE pairs(a INTEGER, b TEXT, v TEXT, PRIMARY KEY(a, b)) STRICT, WITHOUT ROWID;"
    "INSERT INTO keyed VALUES(100, 100, 'stays'); INSERT INTO pairs VALUES(100, 'b', 'stays');";

std::uint64_t Rounds() { return FromEnvironment("MIRROR_TEST_ROUNDS", 40); }

class SteadyPostgresReaderTest : public testing::Test {
 protected:
  void SetUp() override {
    SKIP_WITHOUT_POSTGRES();
    auto here = Installation::Make({.bin_dir = BinDir(), .postgres = true});
    ASSERT_THAT(here, IsOk());
    here_ = *std::move(here);
    bench_ = std::make_unique<AgentBench>(*here_, here_->context_id(), here_->dir() + "/source");
    ASSERT_EQ(bench_->Sql("PRAGMA journal_mode = WAL"), "");
    ASSERT_EQ(bench_->Sql(kMake), "");
    KeepState();
    ASSERT_THAT(bench_->Install(), IsOk());
  }

  std::string AtSource(const Watched& table) const {
    return MirrorFile(bench_->path(), "")
        .Value(absl::StrCat("SELECT group_concat(line, ';') FROM (SELECT ", table.row, " AS line FROM ",
                            table.name, " ORDER BY ", table.order, ")"));
  }
  /// A state in which the only writer left the source. Under `mutex_`, once there is a reader.
  void KeepState() {
    for (const Watched& table : kTables) states_[table.name].insert(AtSource(table));
  }

  void Write() {
    std::mt19937_64 random(seed_);
    const auto below = [&random](std::uint64_t limit) { return random() % limit; };
    while (!beside_.over()) {
      std::string statements = "BEGIN IMMEDIATE;";
      for (std::uint64_t left = 1 + below(6); left > 0; --left) {
        const std::string a = absl::StrCat(below(20)), b = absl::StrCat(below(20));
        const std::string more[] = {
            absl::StrCat("INSERT OR REPLACE INTO keyed VALUES(", a, ", ", b, ", 'v", b, "');"),
            absl::StrCat("UPDATE OR REPLACE keyed SET id = ", a, ", v = NULL WHERE id = ", b, ";"),
            absl::StrCat("DELETE FROM keyed WHERE id = ", a, ";"),
            absl::StrCat("INSERT OR REPLACE INTO pairs VALUES(", a, ", 'b", b, "', 'v", a, "');"),
            absl::StrCat("UPDATE OR REPLACE pairs SET a = ", a, " WHERE a = ", b, ";"),
            absl::StrCat("DELETE FROM pairs WHERE a BETWEEN ", a, " AND 20;"),
        };
        statements += more[below(std::size(more))];
      }
      {
        // Whoever reads it meanwhile finds it only when it is known.
        const std::lock_guard lock(mutex_);
        ASSERT_EQ(bench_->Sql(statements + "COMMIT;"), "");
        KeepState();
      }
      beside_.WaitForALook();
    }
  }

  void Read() {
    auto reader = postgres::Connection::Open({.conninfo = here_->conninfo(), .application_name = "reader"});
    ASSERT_THAT(reader, IsOk());
    while (!beside_.over()) {
      ASSERT_THAT((*reader)->Execute("BEGIN ISOLATION LEVEL REPEATABLE READ"), IsOk());
      std::map<std::string, std::string> first;
      for (const int look : {1, 2}) {
        for (const Watched& table : kTables) {
          const auto found =
              (*reader)->Query(absl::StrCat("SELECT coalesce(string_agg(line, ';'), '') FROM (SELECT ",
                                            table.row, " AS line FROM \"Mirror_", here_->context_id(), "\".",
                                            table.name, " ORDER BY ", table.order, ") t"));
          ASSERT_THAT(found, IsOk());
          const std::string text = found->Text(0, 0);
          if (look == 2) {
            ASSERT_EQ(text, first[table.name]) << table.name << " changed within one transaction";
          }
          first[table.name] = text;
          const std::lock_guard lock(mutex_);
          ASSERT_TRUE(states_[table.name].contains(text)) << table.name << " was never like this: " << text;
        }
      }
      ASSERT_THAT((*reader)->Execute("COMMIT"), IsOk());
      beside_.NoteLook();
    }
  }

  const std::uint64_t seed_ = TestSeed();
  std::unique_ptr<Installation> here_;
  std::unique_ptr<AgentBench> bench_;
  std::mutex mutex_;
  std::map<std::string, std::set<std::string>> states_;
  WriterAndReader beside_;
};

TEST_F(SteadyPostgresReaderTest, EachTableIsAtEachMomentAsSomeTransactionLeftIt) {
  CycleReport report = bench_->Run();
  ASSERT_TRUE(report.Good()) << Summary(report);
  beside_.Begin([this] { Write(); }, [this] { Read(); });
  std::mt19937_64 random(seed_ + 1);
  std::uint64_t good = 0, repopulations = 0;
  for (std::uint64_t round = 0; round < Rounds() && !HasFailure(); ++round) {
    const bool repopulate = random() % 3 == 0;
    repopulations += repopulate ? 1 : 0;
    report = bench_->Run(repopulate);
    if (report.Good()) ++good;
  }
  beside_.End();
  EXPECT_GT(good, Rounds() / 2) << Summary(report);
  report = bench_->Run();
  EXPECT_TRUE(report.Good()) << Summary(report);
  EXPECT_EQ(Difference(ReadTables(bench_->path()), ReadTables(bench_->mirror().path())), "");
  std::cout << good << " good cycles, " << repopulations << " repopulations, " << beside_.looks()
            << " looks at " << states_["keyed"].size() << " states\n";
}

}  // namespace
}  // namespace mirror::steady_postgres_reader_test
