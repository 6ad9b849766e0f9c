#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "client/config/source_config.h"
#include "client/run/open_log.h"
#include "client/run/open_source.h"
#include "tests/client/exchange/exchange_source.h"

namespace mirror::installed_exchange_test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

class InstalledExchange : public testing::Test {
 protected:
  void SetUp() override {
    application_.Run("PRAGMA journal_mode = WAL; CREATE TABLE customer (id INTEGER PRIMARY KEY, city TEXT)");
    source_.context_id = "Cust1";
    source_.path = path_;
    source_.accept.updates = true;
  }
  std::vector<std::string> TableNames() {
    const auto names = OpenSource(source_, {})->TableNames();
    EXPECT_THAT(names, IsOk());
    return names.value_or(std::vector<std::string>());
  }
  std::vector<std::string> Logged() {
    return Rows(application_, "SELECT name FROM _mirror_tables ORDER BY name");
  }

  TempFolder folder_;
  const std::string path_ = folder_ / "erp.db";
  Application application_{path_};
  SourceConfig source_;
  const LogUser user_ = {folder_.path(), "id"};
};

TEST_F(InstalledExchange, IsMadeAndItsLedgerIsATableLikeOthers) {
  EXPECT_THAT(TableNames(), ElementsAre("customer"));
  const auto made = InstallLog(source_, user_, TableNames());
  ASSERT_THAT(made, IsOk());
  EXPECT_EQ(made->words,
            "the changes of 1 table are logged; the exchange's tables _mirror_exchange, _mirror_inbox and "
            "_mirror_ledger are made");
  EXPECT_THAT(TableNames(), ElementsAre("customer", "_mirror_ledger"));
  EXPECT_THAT(Logged(), ElementsAre("_mirror_ledger", "customer"));
  const auto again = InstallLog(source_, user_, TableNames());
  ASSERT_THAT(again, IsOk());
  EXPECT_THAT(again->words, HasSubstr("the changes of 1 table are logged; the exchange's tables "));
  EXPECT_THAT(again->words, HasSubstr("are there"));
  EXPECT_THAT(Logged(), ElementsAre("_mirror_ledger", "customer"));
  EXPECT_THAT(UninstallLog(source_, user_), IsOkAndHolds(true));
  EXPECT_THAT(Rows(application_, "SELECT name FROM sqlite_schema"), ElementsAre("customer"));
}

TEST_F(InstalledExchange, IsNotThereWithoutAccept) {
  ASSERT_THAT(InstallLog(source_, user_, TableNames()), IsOk());
  source_.accept = {};
  EXPECT_THAT(TableNames(), ElementsAre("customer"));
  EXPECT_THAT(UninstallLog(source_, user_), IsOkAndHolds(true));
  const auto made = InstallLog(source_, user_, TableNames());
  ASSERT_THAT(made, IsOk());
  EXPECT_THAT(made->words, Not(HasSubstr("exchange")));
  EXPECT_THAT(Rows(application_,
                   "SELECT name FROM sqlite_schema WHERE name IN ('_mirror_exchange', "
                   "'_mirror_inbox', '_mirror_ledger')"),
              testing::IsEmpty());
}

TEST_F(InstalledExchange, HasDatajoinsTablesWhereItsLayoutIsThat) {
  source_.exchange.layout = ExchangeLayout::kDatajoin;
  const auto made = InstallLog(source_, user_, {"customer"});
  ASSERT_THAT(made, IsOk());
  EXPECT_THAT(made->words, HasSubstr("; ds_change_outbox, ds_change_inbox, ds_program_parameter, "
                                     "view_recordlevel_update_datetime are made"));
  EXPECT_THAT(Rows(application_, "SELECT count(*) FROM pragma_table_info('ds_change_inbox')"),
              ElementsAre("16"));
  EXPECT_THAT(Rows(application_,
                   "SELECT id, programtype, fromoutboxpointer, fromdb, fromconnectionstring, "
                   "toconnectionstring FROM ds_program_parameter"),
              ElementsAre("1000|outbox to inbox transport|0|Cust1|NULL|NULL",
                          "1001|inbox to apptable import|0|Cust1|NULL|NULL"));
  const auto again = InstallLog(source_, user_, {"customer"});
  ASSERT_THAT(again, IsOk());
  EXPECT_THAT(again->words, HasSubstr("; DataJoin's tables are there"));
  EXPECT_THAT(Rows(application_, "SELECT count(*) FROM ds_program_parameter"), ElementsAre("2"));
  EXPECT_THAT(UninstallLog(source_, user_), IsOkAndHolds(true));
  EXPECT_THAT(
      Rows(application_, "SELECT name FROM sqlite_schema WHERE name NOT GLOB 'sqlite_*' ORDER BY name"),
      ElementsAre("customer", "ds_change_inbox", "ds_change_outbox", "ds_program_parameter",
                  "view_recordlevel_update_datetime"));
}

TEST_F(InstalledExchange, NeedsAWalJournal) {
  application_.Run("PRAGMA journal_mode = DELETE");
  EXPECT_THAT(InstallLog(source_, user_, TableNames()),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("journal_mode to WAL")));
}

}  // namespace
}  // namespace mirror::installed_exchange_test
