#include "client/source/sqlite/log/change_log.h"

#include "tests/client/exchange/exchange_source.h"

namespace mirror::exchange_marks_test {
namespace {

using testing::ElementsAre;

class Marks : public ExchangeSource {
 protected:
  void SetUp() override {
    ExchangeSource::SetUp();
    Start(kCustomer, {"customer"});
    importer_.reset();
  }
  std::unique_ptr<ChangeLog> OpenLog(bool exchange) {
    ChangeLogOptions options = Options();
    options.exchange = exchange;
    auto log = ChangeLog::Open(options);
    EXPECT_THAT(log, IsOk());
    EXPECT_THAT((*log)->Renew({"customer", std::string(kLedgerTable)}), IsOk());
    return *std::move(log);
  }
  std::vector<std::string> Noted() { return Rows("SELECT completing, completed FROM _mirror_exchange"); }
};

TEST_F(Marks, AreWrittenWithTheRecordOfWhatIsSent) {
  const auto log = OpenLog(true);
  CycleMarks* const marks = log->marks();
  ASSERT_NE(marks, nullptr);
  marks->Begin(7);
  EXPECT_THAT(Noted(), ElementsAre("0|0"));
  const auto targets = log->Begin({"customer"}, 0);
  ASSERT_THAT(targets, IsOk());
  EXPECT_THAT(Noted(), ElementsAre("7|0"));
  EXPECT_TRUE(marks->Read()->broken());
  ASSERT_THAT(marks->NoteCompleted(7), IsOk());
  EXPECT_THAT(Noted(), ElementsAre("7|7"));
  EXPECT_FALSE(marks->Read()->broken());
  // A cycle that rests writes nothing; one without rows behind a broken one notes itself.
  marks->Begin(8);
  EXPECT_THAT(Noted(), ElementsAre("7|7"));
  ASSERT_THAT(marks->NoteCompleting(8), IsOk());
  EXPECT_THAT(Noted(), ElementsAre("8|7"));
  // Of a record that could not be written nothing is noted.
  application_->Run("DELETE FROM _mirror_lineage");
  marks->Begin(9);
  application_->Run("INSERT INTO customer (city) VALUES ('Rome')");
  EXPECT_THAT(log->Seal("customer", Lsn{2}), StatusIs(absl::StatusCode::kAborted));
  EXPECT_THAT(Noted(), ElementsAre("8|7"));
}

TEST_F(Marks, AreNoneWithoutAnExchange) {
  EXPECT_EQ(OpenLog(false)->marks(), nullptr);
  application_->Run("DROP TABLE _mirror_exchange");
  EXPECT_EQ(OpenLog(true)->marks(), nullptr);
}

}  // namespace
}  // namespace mirror::exchange_marks_test
