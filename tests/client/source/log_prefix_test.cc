// Whether entries of a log that were seen are still there, and what it costs to know.

#include "client/source/sqlite/log/log_prefix.h"

#include <gmock/gmock.h>

#include <memory>
#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "tests/client/source/source_database.h"
#include "tests/support/status_matchers.h"

namespace mirror::log_prefix_test {
namespace {

class LogPrefixTest : public testing::Test {
 protected:
  void SetUp() override {
    app_ = std::make_unique<Application>(path_);
    app_->Run("PRAGMA journal_mode = WAL; CREATE TABLE _mirror_log_1(seq INTEGER PRIMARY KEY, k0, m0)");
    Add(10);
    auto file = SqliteFile::Open(path_, Use::kChange);
    ASSERT_THAT(file, IsOk());
    file_ = *std::move(file);
    sqlite3_trace_v2(file_->handle(), SQLITE_TRACE_ROW, &CountRow, &entries_read_);
  }

  void Add(int entries) {
    for (int i = 0; i < entries; ++i) app_->Run("INSERT INTO _mirror_log_1(k0, m0) VALUES (random() % 9, 1)");
  }
  void MoveSchema() { app_->Run("CREATE TABLE scratch(a); DROP TABLE scratch"); }
  /// As a restore leaves it: the same numbers, other entries.
  void Replace(int from) {
    app_->Run(absl::StrCat("UPDATE _mirror_log_1 SET k0 = k0 + 100 WHERE seq = ", from));
    MoveSchema();
  }
  static int CountRow(unsigned /*kind*/, void* count, void* statement, void* /*none*/) {
    // SQLite's own statements have no text.
    const char* const text = sqlite3_sql(static_cast<sqlite3_stmt*>(statement));
    const std::string_view sql = text == nullptr ? "" : text;
    if (sql.starts_with("SELECT * FROM main._mirror_log_1")) ++*static_cast<int*>(count);
    return 0;
  }

  TempFolder folder_;
  const std::string path_ = folder_ / "source.db";
  std::unique_ptr<Application> app_;
  std::unique_ptr<SqliteFile> file_;
  LogPrefix prefix_{"_mirror_log_1", 10};
  int entries_read_ = 0;
};

TEST_F(LogPrefixTest, EachEntryIsReadOnceHoweverOftenTheSchemaMoves) {
  constexpr int kLooks = 60, kEntries = 5;
  for (int look = 0; look < kLooks; ++look) {
    Add(kEntries);
    MoveSchema();
    ASSERT_THAT(prefix_.See(*file_), IsOk());
  }
  EXPECT_EQ(entries_read_, kLooks * kEntries);
  MoveSchema();
  ASSERT_THAT(prefix_.Check(*file_), IsOk());
  EXPECT_EQ(entries_read_, 2 * kLooks * kEntries);
  ASSERT_THAT(prefix_.Check(*file_), IsOk());
  EXPECT_EQ(entries_read_, 2 * kLooks * kEntries) << "nobody moved the schema";
  prefix_.Settle();
  MoveSchema();
  ASSERT_THAT(prefix_.Check(*file_), IsOk());
  Add(kEntries);
  ASSERT_THAT(prefix_.See(*file_), IsOk());
  MoveSchema();
  ASSERT_THAT(prefix_.Check(*file_), IsOk());
  EXPECT_EQ(entries_read_, 2 * (kLooks + 1) * kEntries) << "a record stands for what was before";
}

TEST_F(LogPrefixTest, EntriesThatWereReplacedAreSeenWhereverTheyStand) {
  for (const int replaced : {11, 15, 20}) {
    LogPrefix prefix("_mirror_log_1", 10);
    app_->Run("DELETE FROM _mirror_log_1 WHERE seq > 10");
    Add(10);
    ASSERT_THAT(prefix.See(*file_), IsOk());
    Replace(replaced);
    // What comes behind does not hide it.
    Add(3);
    if (prefix.See(*file_).ok()) MoveSchema();
    EXPECT_THAT(prefix.Check(*file_), StatusIs(absl::StatusCode::kAborted)) << replaced;
    EXPECT_THAT(prefix.Check(*file_), StatusIs(absl::StatusCode::kAborted)) << replaced;
  }
  // Before what was seen anything may be.
  LogPrefix prefix("_mirror_log_1", 10);
  ASSERT_THAT(prefix.See(*file_), IsOk());
  Replace(10);
  EXPECT_THAT(prefix.Check(*file_), IsOk());
}

TEST_F(LogPrefixTest, EntriesThatAreGoneAreSeenAtTheNextLook) {
  Add(10);
  ASSERT_THAT(prefix_.See(*file_), IsOk());
  app_->Run("DELETE FROM _mirror_log_1 WHERE seq > 15");
  MoveSchema();
  EXPECT_THAT(prefix_.See(*file_), StatusIs(absl::StatusCode::kAborted));
  EXPECT_THAT(prefix_.Check(*file_), StatusIs(absl::StatusCode::kAborted));
  // Others in their place are seen where the record is written.
  Add(5);
  MoveSchema();
  EXPECT_THAT(prefix_.Check(*file_), StatusIs(absl::StatusCode::kAborted));
}

}  // namespace
}  // namespace mirror::log_prefix_test
