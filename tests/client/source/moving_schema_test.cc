// Definitions that change between two reads of the schema by the same look.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include "tests/client/source/logged_source.h"

namespace mirror {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

/// Called once, right before the first statement of this text that any connection made from now on runs.
struct Interruption {
  std::string before;
  std::function<void()> act;
};
Interruption& TheInterruption() {
  static Interruption one;
  return one;
}

int Interrupt(unsigned /*kind*/, void* /*context*/, void* /*statement*/, void* text) {
  Interruption& one = TheInterruption();
  if (one.act && text != nullptr && std::string_view(static_cast<const char*>(text)) == one.before)
    std::exchange(one.act, nullptr)();
  return 0;
}
int Watch(sqlite3* database, char** /*error*/, const struct sqlite3_api_routines* /*api*/) {
  return sqlite3_trace_v2(database, SQLITE_TRACE_STMT, &Interrupt, nullptr);
}

class MovingSchemaTest : public LoggedSource {
 protected:
  void SetUp() override {
    LoggedSource::SetUp();
    sqlite3_auto_extension(reinterpret_cast<void (*)()>(&Watch));
  }
  void TearDown() override {
    sqlite3_cancel_auto_extension(reinterpret_cast<void (*)()>(&Watch));
    TheInterruption() = {};
  }
};

TEST_F(MovingSchemaTest, ATriggerThatGoesAfterTheSchemaWasReadIsMissedAllTheSame) {
  app_->Run("PRAGMA journal_mode = WAL");
  Start("CREATE TABLE t(id INTEGER PRIMARY KEY, v); CREATE TABLE u(id INTEGER PRIMARY KEY, v)");
  Open();
  // The look at the first table begins; the schema was read before it.
  TheInterruption() = {"BEGIN", [this] { app_->Run("DROP TRIGGER _mirror_2_insert"); }};
  const auto news = log_->Renew({"t", "u"});
  EXPECT_FALSE(TheInterruption().act) << "nothing was interrupted";
  ASSERT_THAT(news, IsOk());
  EXPECT_THAT(*news, ElementsAre(HasSubstr("table 'u': a trigger of its log is gone")));
  EXPECT_THAT(log_->Renew({"t", "u"}), IsOkAndHolds(IsEmpty()));
}

}  // namespace
}  // namespace mirror
