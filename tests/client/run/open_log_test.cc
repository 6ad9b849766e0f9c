// From the kind of a source to its change log.

#include "client/run/open_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "client/run/open_source.h"
#include "tests/client/source/source_database.h"
#include "tests/support/status_matchers.h"

namespace mirror::open_log_test {
namespace {

using testing::HasSubstr;
using testing::IsNull;

class OpenLogTest : public testing::Test {
 protected:
  OpenLogTest() {
    source_.context_id = "Cust";
    source_.path = folder_ / "crm.db";
  }
  LogUser user() const { return {folder_.path(), "0123456789abcdef"}; }

  TempFolder folder_;
  SourceConfig source_;
};

TEST_F(OpenLogTest, IsThereFromInstallToUninstallAndItsReaderTakesIt) {
  Sql(source_.path, "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT); INSERT INTO t VALUES (1, 'a')");
  EXPECT_THAT(OpenLog(source_, user()), IsOkAndHolds(IsNull()));
  const auto none = CountWaiting(source_, user());
  ASSERT_THAT(none, IsOk());
  EXPECT_FALSE(*none);
  const auto installed = InstallLog(source_, user(), {"t"});
  ASSERT_THAT(installed, IsOk());
  EXPECT_EQ(installed->source_id, user().source_id);
  EXPECT_THAT(installed->words, HasSubstr("the changes of 1 table are logged"));
  {
    const auto log = OpenLog(source_, user());
    ASSERT_THAT(log, IsOk());
    ASSERT_NE(*log, nullptr);
    EXPECT_EQ((*log)->source_id(), user().source_id);
    ASSERT_THAT((*log)->Renew({"t"}), IsOk());
    const auto reader = OpenSource(source_, {}, log->get());
    ASSERT_THAT(reader->Schema(), IsOk());
    EXPECT_THAT(reader->Changes("t", Lsn{0}, {0, 1}, false, false, {}), IsOk());
  }
  const auto waiting = CountWaiting(source_, user());
  ASSERT_THAT(waiting, IsOk());
  ASSERT_TRUE(*waiting);
  EXPECT_EQ((*waiting)->count("t"), 1U);
  EXPECT_THAT(UninstallLog(source_, user()), IsOkAndHolds(true));
  EXPECT_THAT(UninstallLog(source_, user()), IsOkAndHolds(false));
  EXPECT_THAT(OpenLog(source_, user()), IsOkAndHolds(IsNull()));
}

TEST_F(OpenLogTest, OfAnotherAgentIsRefusedUnlessItIsTakenOver) {
  Sql(source_.path, "CREATE TABLE t (id INTEGER PRIMARY KEY)");
  ASSERT_THAT(InstallLog(source_, user(), {"t"}), IsOk());
  SourceConfig other = source_;
  other.context_id = "Other";
  LogUser user = {folder_.path(), "another"};
  EXPECT_THAT(OpenLog(other, user).status(),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("another agent")));
  EXPECT_THAT(InstallLog(other, user, {"t"}).status(),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("another agent")));
  user.takes_over = true;
  EXPECT_THAT(InstallLog(other, user, {"t"}), IsOk());
}

TEST_F(OpenLogTest, EveryKindWhoseLogIsReadAndNoOtherIsInstalled) {
  for (const auto& [word, kind] : SourceKindWords()) {
    source_.kind = kind;
    source_.path = folder_ / "none";
    const absl::Status installed = InstallLog(source_, user(), {"t"}).status();
    EXPECT_FALSE(installed.ok()) << word;
    EXPECT_EQ(absl::IsUnimplemented(installed), !TraitsOf(kind).reads_log) << word << ": " << installed;
    if (TraitsOf(kind).reads_log) continue;
    EXPECT_THAT(OpenLog(source_, user()), IsOkAndHolds(IsNull())) << word;
    EXPECT_THAT(UninstallLog(source_, user()), IsOkAndHolds(false)) << word;
  }
}

}  // namespace
}  // namespace mirror::open_log_test
