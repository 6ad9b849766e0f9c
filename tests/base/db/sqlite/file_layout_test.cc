#include "base/db/sqlite/file_layout.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <memory>
#include <string>

#include "tests/support/status_matchers.h"

namespace mirror::file_layout_test {
namespace {

using testing::AllOf;
using testing::HasSubstr;

absl::Status Execute(sqlite3* database, const std::string& sql) {
  char* wrong = nullptr;
  if (sqlite3_exec(database, sql.c_str(), nullptr, nullptr, &wrong) == SQLITE_OK) return absl::OkStatus();
  const std::string words = wrong == nullptr ? "" : wrong;
  sqlite3_free(wrong);
  return absl::UnavailableError(words);
}

absl::Status ToSecond(sqlite3* database) {
  return Execute(database, "CREATE TABLE IF NOT EXISTS second (v); INSERT INTO second VALUES ('made')");
}
absl::Status ToThird(sqlite3* database) {
  return Execute(database,
                 "CREATE TABLE IF NOT EXISTS third (v); INSERT INTO third SELECT count(*) FROM second");
}
absl::Status Fails(sqlite3* database) { return Execute(database, "INSERT INTO nowhere VALUES (1)"); }

KnownLayout Known(std::int64_t present) {
  KnownLayout known = {"the file", present, {}};
  if (present >= 2) known.steps.push_back({2, ToSecond});
  if (present >= 3) known.steps.push_back({3, ToThird});
  return known;
}

class FileLayoutTest : public testing::Test {
 protected:
  FileLayoutTest() { sqlite3_open(":memory:", &database_); }
  ~FileLayoutTest() override { sqlite3_close(database_); }

  /// As its users do it.
  absl::Status TakeOverInTransaction(const KnownLayout& known) {
    EXPECT_THAT(Execute(database_, "BEGIN IMMEDIATE"), IsOk());
    absl::Status taken = TakeOver(database_, known, 1, "x.db");
    EXPECT_THAT(Execute(database_, taken.ok() ? "COMMIT" : "ROLLBACK"), IsOk());
    return taken;
  }

  std::string Value(const char* sql) {
    sqlite3_stmt* statement = nullptr;
    if (sqlite3_prepare_v2(database_, sql, -1, &statement, nullptr) != SQLITE_OK)
      return sqlite3_errmsg(database_);
    std::string value;
    if (sqlite3_step(statement) == SQLITE_ROW)
      value = reinterpret_cast<const char*>(sqlite3_column_text(statement, 0));
    sqlite3_finalize(statement);
    return value;
  }

  sqlite3* database_ = nullptr;
};

TEST_F(FileLayoutTest, AFileWithoutANumberMeetsEachStepOnce) {
  EXPECT_EQ(ReadLayout(database_).value(), std::nullopt);
  EXPECT_TRUE(IsOlder(database_, Known(3), "x.db").value());
  for (int again = 0; again < 2; ++again) {
    ASSERT_THAT(TakeOverInTransaction(Known(3)), IsOk());
    EXPECT_EQ(ReadLayout(database_).value(), (FileLayout{3, std::string(ProgramVersion())}));
    EXPECT_EQ(Value("SELECT count(*) FROM second"), "1");
    EXPECT_EQ(Value("SELECT group_concat(v) FROM third"), "1") << "the third behind the second";
  }
  EXPECT_FALSE(IsOlder(database_, Known(3), "x.db").value());
}

TEST_F(FileLayoutTest, OnlyTheStepsThatLieAheadAreTaken) {
  ASSERT_THAT(TakeOverInTransaction(Known(2)), IsOk());
  ASSERT_THAT(TakeOverInTransaction(Known(3)), IsOk());
  EXPECT_EQ(Value("SELECT count(*) FROM second"), "1");
  EXPECT_EQ(Value("SELECT layout FROM _mirror_layout"), "3");
}

TEST_F(FileLayoutTest, AStepThatFailsLeavesTheFileAsItWas) {
  ASSERT_THAT(TakeOverInTransaction(Known(2)), IsOk());
  KnownLayout known = Known(3);
  known.present = 4;
  known.steps.push_back({4, Fails});
  EXPECT_FALSE(TakeOverInTransaction(known).ok());
  EXPECT_EQ(Value("SELECT layout FROM _mirror_layout"), "2");
  EXPECT_EQ(Value("SELECT count(*) FROM sqlite_schema WHERE name = 'third'"), "0");
}

TEST_F(FileLayoutTest, WhatALaterVersionWroteIsLeftAlone) {
  ASSERT_THAT(TakeOverInTransaction(Known(3)), IsOk());
  ASSERT_THAT(Execute(database_, "UPDATE _mirror_layout SET program = '9.8.7'"), IsOk());
  const auto words = AllOf(HasSubstr("the file 'x.db' has layout 3"), HasSubstr("reads layouts up to 2"),
                           HasSubstr("left as it is"), HasSubstr("Install Partner Mirror 9.8.7"));
  EXPECT_THAT(TakeOverInTransaction(Known(2)), StatusIs(absl::StatusCode::kFailedPrecondition, words));
  EXPECT_THAT(IsOlder(database_, Known(2), "x.db").status(),
              StatusIs(absl::StatusCode::kFailedPrecondition, words));
  EXPECT_EQ(ReadLayout(database_).value(), (FileLayout{3, "9.8.7"}));
}

TEST_F(FileLayoutTest, ANumberThatSomebodyChangedIntoNoneIsWrittenAgain) {
  for (const char* const harm :
       {"DROP TABLE _mirror_layout", "DELETE FROM _mirror_layout",
        "DROP TABLE _mirror_layout; CREATE TABLE _mirror_layout (one INTEGER PRIMARY KEY, layout, program); "
        "INSERT INTO _mirror_layout VALUES (1, 'three', x'00')"}) {
    ASSERT_THAT(TakeOverInTransaction(Known(2)), IsOk());
    ASSERT_THAT(Execute(database_, harm), IsOk());
    EXPECT_EQ(ReadLayout(database_).value(), std::nullopt);
    EXPECT_TRUE(IsOlder(database_, Known(2), "x.db").value());
    ASSERT_THAT(TakeOverInTransaction(Known(2)), IsOk());
    EXPECT_EQ(ReadLayout(database_).value(), (FileLayout{2, std::string(ProgramVersion())}));
  }
}

}  // namespace
}  // namespace mirror::file_layout_test
