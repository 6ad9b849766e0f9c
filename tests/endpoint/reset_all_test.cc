// 'mirrorctl reset --all' begins a new file, and keeps the old one.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "tests/endpoint/endpoint_fixture.h"

namespace mirror::reset_all_test {
namespace {

using testing::HasSubstr;

using ResetAllTest = EndpointTest;

TEST_F(ResetAllTest, ANewFileIsBegunWhateverIsInTheOldOne) {
  Install();
  const auto client = Client();
  const std::vector<std::string> reset = {"reset", "Cust", "--all", "--confirm", "Cust"};
  std::int64_t lsn = 10;
  for (const char* const sql : {"DROP TABLE _mirror_answers", "DROP TABLE Cust_mirroring",
                                "ALTER TABLE _mirror_shadow DROP COLUMN row_count",
                                "DROP TABLE people; CREATE VIEW people AS SELECT 1 AS id"}) {
    SCOPED_TRACE(sql);
    Fill(*client, People(), {{1, "Ada", 36}}, {Lsn{lsn += 10}, "line"});
    ASSERT_FALSE(HasFailure());
    ASSERT_EQ(here_->mirror().Execute(sql), "");
    const Finished done = here_->Mirrorctl(reset);
    EXPECT_EQ(done.exit_code, 0) << done.errors;
  }
  Fill(*client, People(), {{1, "Ada", 36}}, {Lsn{lsn += 10}, "line"});
  // Another program's database, in the place of the mirror that the server knows.
  ASSERT_THAT(here_->Stop(), IsOk());
  for (const char* const suffix : {"", "-wal", "-shm"})
    std::filesystem::remove(here_->mirror_path() + suffix);
  WriteFileText(here_->mirror_path(), "");
  ASSERT_EQ(here_->mirror().Execute("CREATE TABLE album (id)"), "");
  ASSERT_THAT(here_->Start(), IsOk());
  const auto later = Client();
  EXPECT_THAT(later->Authenticate("holder", false, false).status(),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("another program")));
  EXPECT_THAT(here_->Mirrorctl({"tenants", "--failed", "--wide"}).output, HasSubstr("another program"));
  EXPECT_EQ(here_->mirror().Query("SELECT name FROM sqlite_schema"), std::vector<std::string>{"text:album"});
  EXPECT_EQ(here_->Mirrorctl(reset).exit_code, 0);
  Fill(*later, People(), {{1, "Ada", 36}}, {Lsn{lsn += 10}, "line"});
  ASSERT_FALSE(HasFailure());
  // A folder.
  ASSERT_THAT(here_->Stop(), IsOk());
  for (const char* const suffix : {"", "-wal", "-shm"})
    std::filesystem::remove(here_->mirror_path() + suffix);
  ASSERT_TRUE(std::filesystem::create_directory(here_->mirror_path()));
  ASSERT_THAT(here_->Start(), IsOk());
  const auto last = Client();
  EXPECT_THAT(last->Authenticate("holder", false, false).status(),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("is not a file")));
  const Finished folder = here_->Mirrorctl(reset);
  EXPECT_EQ(folder.exit_code, 0) << folder.errors;
  Fill(*last, People(), {{1, "Ada", 36}}, {Lsn{lsn += 10}, "line"});
}

}  // namespace
}  // namespace mirror::reset_all_test
