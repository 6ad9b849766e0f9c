// How many rows a population would take away, where a sample of keys is drawn first.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "server/store/sqlite/file/sqlite_connection.h"
#include "server/store/sqlite/file/sqlite_ledger.h"
#include "tests/support/rows.h"
#include "tests/support/status_matchers.h"

namespace mirror::count_absent_test {
namespace {

class CountAbsentTest : public testing::Test {
 protected:
  /// Of 200,000 rows the keys are `key`, in SQL of a number from 0 on.
  void Fill(const std::string& key, const std::string& columns = "id INTEGER PRIMARY KEY, name, age") {
    key_ = key;
    Run(absl::StrCat("DROP TABLE IF EXISTS ", table_, "; CREATE TABLE ", table_, " (", columns, ")"));
    Run(absl::StrCat("INSERT INTO ", table_, " SELECT ", key, ", 'x', 1 FROM ", kNumbers));
  }
  /// The shadow lacks the rows from one number to before another. Gives what is counted, where half may go.
  absl::StatusOr<std::int64_t> Lacks(int from, int to) {
    Run("DROP TABLE IF EXISTS shadow; CREATE TABLE shadow (id INTEGER PRIMARY KEY, name, age)");
    Run(absl::StrCat("INSERT INTO shadow SELECT ", key_, ", 'x', 2 FROM ", kNumbers, " WHERE n NOT BETWEEN ",
                     from, " AND ", to - 1));
    return CountAbsent(*connection_, People(table_), "shadow", kRows / 2);
  }

  std::string table_ = "people";
  static constexpr int kRows = 200'000;
  static constexpr char kNumbers[] =
      "(WITH RECURSIVE numbers(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n < 199999) "
      "SELECT n FROM numbers)";

 private:
  void Run(const std::string& sql) { ASSERT_THAT(connection_->Execute(sql), IsOk()); }

  const ScratchFolder folder_;
  const std::unique_ptr<SqliteConnection> connection_ =
      *SqliteConnection::Open(folder_.path() + "/m.db", true, MirrorUse::kBuilding, nullptr);
  std::string key_;
};

TEST_F(CountAbsentTest, MoreThanMayGoIsCountedWhereverItIsAndHoweverTheKeysStand) {
  for (const char* const key : {
           "n",               // One behind the other.
           "3 * n - 300000",  // Some distance from each other, from below 0 on.
           "1000 * n",        // So far that hardly a number that is drawn is a key.
           "CASE WHEN n < 150000 THEN n ELSE 50 * n END",  // Both.
           "9223372036854775807 - n * 40000000000000",     // Over all that an integer can be.
       }) {
    SCOPED_TRACE(key);
    Fill(key);
    EXPECT_THAT(Lacks(20'000, 150'000), IsOkAndHolds(130'000)) << "in the middle";
    EXPECT_THAT(Lacks(0, 120'000), IsOkAndHolds(120'000)) << "at one end";
    EXPECT_THAT(Lacks(70'000, kRows), IsOkAndHolds(130'000)) << "at the other end";
    EXPECT_THAT(Lacks(0, kRows), IsOkAndHolds(kRows));
    EXPECT_THAT(Lacks(5'000, 15'000), IsOkAndHolds(0)) << "that many may go";
    EXPECT_THAT(Lacks(0, 0), IsOkAndHolds(0));
  }
}

TEST_F(CountAbsentTest, ATableMayHaveAnyName) {
  for (const char* const name : {"drawn", "d", "s", "t", "n", "lacks"}) {
    SCOPED_TRACE(name);
    table_ = name;
    Fill("n");
    EXPECT_THAT(Lacks(20'000, 150'000), IsOkAndHolds(130'000));
  }
}

TEST_F(CountAbsentTest, ATableThatSomebodyMadeAnewIsLookedThroughOnce) {
  Fill("n", "id INTEGER, name, age");
  EXPECT_THAT(Lacks(20'000, 150'000), IsOkAndHolds(130'000));
  EXPECT_THAT(Lacks(5'000, 15'000), IsOkAndHolds(0));
}

}  // namespace
}  // namespace mirror::count_absent_test
