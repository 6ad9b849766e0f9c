#include "client/source/postgres/log_intake.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/db/postgres/value.h"
#include "tests/client/source/server/staged_source.h"
#include "tests/support/status_matchers.h"

namespace mirror::log_intake_test {
namespace {

using postgres::AppendNumber;

std::string BeginOf(std::int64_t lsn) {
  std::string bytes = "B";
  AppendNumber(bytes, lsn);
  AppendNumber(bytes, std::int64_t{0});
  AppendNumber(bytes, std::int32_t{7});
  return bytes;
}
std::string CommitOf() { return "C" + std::string(25, '\0'); }
/// A table of one column, int4, which is its key.
std::string RelationOf(std::int32_t oid, const std::string& column) {
  std::string bytes = "R";
  AppendNumber(bytes, oid);
  bytes += std::string("public\0t\0d", 10);
  AppendNumber(bytes, std::int16_t{1});
  bytes += '\1' + column + '\0';
  AppendNumber(bytes, std::int32_t{23});
  AppendNumber(bytes, std::int32_t{-1});
  return bytes;
}
std::string InsertOf(std::int32_t oid, const std::string& value) {
  std::string bytes = "I";
  AppendNumber(bytes, oid);
  bytes += 'N';
  AppendNumber(bytes, std::int16_t{1});
  bytes += 't';
  AppendNumber(bytes, static_cast<std::int32_t>(value.size()));
  return bytes + value;
}

TEST(LogIntake, ATableWhoseRowsDoNotFitIsGivenUpHoweverTheyAreWritten) {
  StageFolder stage;
  stage.options().fold_bytes = 1;
  stage.Open();
  ASSERT_THAT(stage->SetTable(ModelStagedTable(1)), IsOk());
  StreamedTable table;
  table.table = 1;
  table.columns = {{"id", 23, -1, kModelKey}};
  table.key = {0};
  LogIntake intake(*stage, std::nullopt, 0);
  intake.SetTables(std::make_shared<const StreamedTables>(StreamedTables{{16'384, table}}));
  for (const std::string& message :
       {BeginOf(10), RelationOf(16'384, "id"), InsertOf(16'384, "1"), CommitOf()})
    ASSERT_THAT(intake.Take(std::string_view(message)), IsOk());
  EXPECT_THAT(stage->CountRowsBehind(1, 0), IsOkAndHolds(1));
  for (const std::string& message :
       {BeginOf(20), RelationOf(16'384, "other"), InsertOf(16'384, "2"), CommitOf()})
    ASSERT_THAT(intake.Take(std::string_view(message)), IsOk());
  // The stage has written by itself, and the process dies before it was told to.
  stage.Open();
  EXPECT_THAT(stage->Place(), IsOkAndHolds(20));
  const auto tables = stage->Tables();
  ASSERT_THAT(tables, IsOk());
  EXPECT_EQ((*tables)[0].floor, 20);
  EXPECT_THAT(stage->CountRowsBehind(1, 20), IsOkAndHolds(0));
}

TEST(LogIntake, AStageThatFellBehindIsReadAnew) {
  StageFolder stage;
  ASSERT_THAT(stage->SetTable(ModelStagedTable(1)), IsOk());
  LogIntake intake(*stage, std::nullopt, 0);
  for (const std::string& message : {BeginOf(10), CommitOf()})
    ASSERT_THAT(intake.Take(std::string_view(message)), IsOk());
  ASSERT_THAT(stage->SetPlace(5), IsOk());
  EXPECT_THAT(intake.Flush(), StatusIs(absl::StatusCode::kAborted));
}

}  // namespace
}  // namespace mirror::log_intake_test
