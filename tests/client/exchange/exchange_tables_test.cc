#include "client/exchange/exchange_tables.h"

#include "client/exchange/ledger_rows.h"
#include "client/source/sqlite/file/sqlite_schema.h"
#include "tests/client/exchange/exchange_source.h"

namespace mirror::exchange_tables_test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class ExchangeTables : public ExchangeSource {
 protected:
  std::vector<std::string> Ours() {
    return Rows(
        "SELECT name FROM sqlite_schema WHERE name GLOB '_mirror_*' AND type = 'table' AND name NOT "
        "GLOB '_mirror_log_*' ORDER BY name");
  }
  std::vector<std::string> Inbox() { return Rows("SELECT delivery_id FROM _mirror_inbox ORDER BY position"); }
};

TEST_F(ExchangeTables, AreMadeOnceAndGoWithTheLog) {
  Start(kCustomer, {"customer"});
  EXPECT_THAT(Ours(), testing::IsSupersetOf({"_mirror_exchange", "_mirror_inbox", "_mirror_ledger"}));
  EXPECT_THAT(MakeExchangeTables(importer_->file()), IsOkAndHolds(false));
  importer_.reset();
  EXPECT_THAT(ChangeLog::Uninstall(Options()), IsOkAndHolds(true));
  EXPECT_THAT(Rows("SELECT name FROM sqlite_schema"), ElementsAre("customer"));
  EXPECT_THAT(ChangeLog::Uninstall(Options()), IsOkAndHolds(false));
}

TEST_F(ExchangeTables, LedgerIsWhatTheHubReads) {
  Start(kCustomer, {"customer"});
  const auto plan = PlanSource(importer_->file(), std::string(kLedgerTable));
  ASSERT_THAT(plan, IsOk());
  const TableSchema expected = LedgerSchema();
  ASSERT_EQ(plan->schema.columns.size(), expected.columns.size());
  for (std::size_t i = 0; i < expected.columns.size(); ++i) {
    const Column &column = plan->schema.columns[i], &wanted = expected.columns[i];
    EXPECT_EQ(column.name, wanted.name);
    EXPECT_EQ(column.type, wanted.type) << column.name;
    EXPECT_EQ(column.nullable, wanted.nullable) << column.name;
    EXPECT_EQ(column.key_position, wanted.key_position) << column.name;
  }
}

TEST_F(ExchangeTables, NeedsThemAndAWalJournal) {
  application_->Run(kCustomer);
  EXPECT_THAT(Importer::Open(path_, rules_, [] { return std::int64_t{0}; }),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("mirror-agent install")));
  application_->Run("PRAGMA journal_mode = DELETE");
  const auto file = SqliteFile::Open(path_, Use::kChange);
  ASSERT_THAT(file, IsOk());
  EXPECT_THAT(MakeExchangeTables(**file),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("journal_mode to WAL")));
}

TEST_F(ExchangeTables, InboxHoldsTheLastAnswerUntilAPush) {
  Start(kCustomer, {"customer"});
  const SqliteFile& file = importer_->file();
  ASSERT_THAT(FillInbox(file, {{Insert("b", "1", "Rome"), Insert("a", "2", "Rome")}, true}, now_), IsOk());
  ASSERT_THAT(FillInbox(file, {{Insert("c", "3", "Oslo"), Insert("a", "2", "Rome")}, true}, now_), IsOk());
  EXPECT_THAT(Inbox(), ElementsAre("c", "a"));
  const auto deliveries = ReadInbox(file);
  ASSERT_THAT(deliveries, IsOk());
  ASSERT_EQ(deliveries->size(), 2);
  EXPECT_EQ(deliveries->front().columns(1).value().text_value(), "Oslo");
  ASSERT_THAT(EmptyInbox(file), IsOk());
  EXPECT_THAT(Inbox(), IsEmpty());
}

TEST_F(ExchangeTables, FillingForgetsWhatIsWantedNoMore) {
  Start(kCustomer, {"customer"});
  const SqliteFile& file = importer_->file();
  for (const char* const id : {"again", "no_more", "old", "new"}) {
    LedgerRow row{id, "UPDATE", "customer", "[1]"};
    row.at = now_ - (row.delivery_id == "new" ? 0 : kLedgerKeptMs + 1);
    if (row.delivery_id == "again" || row.delivery_id == "no_more") row.reason = "no";
    ASSERT_THAT(file.Change([&] { return WriteLedger(file, row); }), IsOk());
  }
  const FetchedDeliveries part = {{Insert("again", "1", "Rome")}, false};
  ASSERT_THAT(FillInbox(file, part, now_), IsOk());
  EXPECT_THAT(Rows("SELECT delivery_id FROM _mirror_ledger"), ElementsAre("again", "new", "no_more"));
  ASSERT_THAT(FillInbox(file, {part.deliveries, true}, now_), IsOk());
  EXPECT_THAT(Rows("SELECT delivery_id FROM _mirror_ledger"), ElementsAre("again", "new"));
}

TEST_F(ExchangeTables, FillingForgetsTheValuesOfRowsThatWereRemoved) {
  Start(kCustomer, {"customer"});
  const SqliteFile& file = importer_->file();
  const auto applied = [&](const char* id, const char* operation, const char* key) {
    LedgerRow row{id, operation, "customer", key};
    row.at = now_;
    if (std::string(operation) != "DELETE") row.wrote = "{}";
    ASSERT_THAT(file.Change([&] { return WriteLedger(file, row); }), IsOk());
  };
  applied("made", "INSERT", "[1]");
  applied("other", "UPDATE", "[2]");
  applied("gone", "DELETE", "[1]");
  applied("anew", "INSERT", "[1]");
  ASSERT_THAT(FillInbox(file, {{}, true}, now_), IsOk());
  EXPECT_THAT(Rows("SELECT delivery_id, wrote FROM _mirror_ledger ORDER BY number"),
              ElementsAre("made|NULL", "other|{}", "gone|NULL", "anew|{}"));
}

TEST_F(ExchangeTables, TheLedgerForgetsTheValuesOfRowsThatUsersRemoved) {
  Start(kCustomer, {"customer"});
  const SqliteFile& file = importer_->file();
  ASSERT_THAT(file.Run("INSERT INTO customer (id, vat) VALUES (1, 'NO 1'), (2, 'NO 2')"), IsOk());
  const auto applied = [&](const char* id, const char* table, const char* key) {
    LedgerRow row{id, "UPDATE", table, key};
    row.at = now_;
    row.wrote = "{}";
    ASSERT_THAT(file.Change([&] { return WriteLedger(file, row); }), IsOk());
  };
  applied("one", "customer", "[1]");
  applied("two", "customer", "[2]");
  applied("not a key of it", "customer", "[1,2]");
  applied("of a table that went", "gone", "[1]");
  ASSERT_THAT(ForgetValuesOfGone(file, rules_), IsOk());
  EXPECT_THAT(Rows("SELECT delivery_id, wrote FROM _mirror_ledger ORDER BY number"),
              ElementsAre("one|{}", "two|{}", "not a key of it|{}", "of a table that went|NULL"));
  ASSERT_THAT(file.Run("DELETE FROM customer WHERE id = 1"), IsOk());
  ASSERT_THAT(ForgetValuesOfGone(file, rules_), IsOk());
  EXPECT_THAT(Rows("SELECT delivery_id, wrote, state FROM _mirror_ledger ORDER BY number"),
              ElementsAre("one|NULL|APPLIED", "two|{}|APPLIED", "not a key of it|{}|APPLIED",
                          "of a table that went|NULL|APPLIED"));
}

}  // namespace
}  // namespace mirror::exchange_tables_test
