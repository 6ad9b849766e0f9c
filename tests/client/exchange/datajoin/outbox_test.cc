#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <string>

#include "absl/strings/str_cat.h"
#include "client/exchange/datajoin/outbox.h"
#include "tests/client/exchange/datajoin/datajoin_source.h"

namespace mirror::outbox_test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

using DatajoinOutbox = DatajoinSource;

TEST_F(DatajoinOutbox, HasAnEntryForEachColumnThatChanged) {
  StartWith(OutboxFrom::kChangeLog, kCustomer, {"customer"});
  application_->Run("INSERT INTO customer (id, vat, city) VALUES (7, 'NO ~1', NULL)");
  Ready();
  EXPECT_THAT(Outbox(), ElementsAre("1|customer|id|7|I|id|7", "2|customer|id|7|I|vat|NO ~1"));
  application_->Run("UPDATE customer SET city = 'Rome', name = 'Ada'; UPDATE customer SET city = NULL");
  application_->Run("DELETE FROM ds_change_outbox");
  Ready();
  EXPECT_THAT(Outbox(), ElementsAre("3|customer|id|7|U|name|Ada", "4|customer|id|7|U|city|NULL"));
  application_->Run("DELETE FROM customer; DELETE FROM ds_change_outbox");
  Ready();
  EXPECT_THAT(Outbox(), ElementsAre("5|customer|id|7|D|NULL|NULL"));
  Ready();
  EXPECT_EQ(Outbox().size(), 1U);
  EXPECT_THAT(Rows("SELECT DISTINCT object_database, updated_by_server_id, update_datetime, note1, "
                   "object_operation_command FROM ds_change_outbox"),
              ElementsAre("testapp1|testapp1|2023-11-14 22:13:20|change log|NULL"));
}

TEST_F(DatajoinOutbox, TellsThatARowWentThoughItsKeyWasUsedAgain) {
  StartWith(OutboxFrom::kChangeLog, kCustomer, {"customer"});
  application_->Run("INSERT INTO customer (id, vat) VALUES (7, 'a')");
  Ready();
  application_->Run("DELETE FROM ds_change_outbox; DELETE FROM customer");
  application_->Run("INSERT INTO customer (id, vat) VALUES (7, 'b')");
  Ready();
  EXPECT_THAT(Outbox(), ElementsAre("3|customer|id|7|D|NULL|NULL", "4|customer|id|7|I|id|7",
                                    "5|customer|id|7|I|vat|b"));
}

TEST_F(DatajoinOutbox, HasKeysOfSeveralColumnsAndEachValueAsText) {
  StartWith(OutboxFrom::kChangeLog,
            "CREATE TABLE line (land TEXT, no INTEGER, price, picture BLOB, PRIMARY KEY (land, no))",
            {"line"});
  application_->Run("INSERT INTO line VALUES ('NO', 3, 1.5, x'00ff')");
  Ready();
  EXPECT_THAT(Outbox(), ElementsAre("1|line|land,no|[\"NO\",3]|I|land|NO", "2|line|land,no|[\"NO\",3]|I|no|3",
                                    "3|line|land,no|[\"NO\",3]|I|price|1.5",
                                    "4|line|land,no|[\"NO\",3]|I|picture|\\x00ff"));
}

TEST_F(DatajoinOutbox, KnowsWhichOfManyColumnsChanged) {
  std::string columns;
  for (int i = 0; i < 70; ++i) absl::StrAppend(&columns, ", c", i, " TEXT");
  StartWith(OutboxFrom::kChangeLog, absl::StrCat("CREATE TABLE wide (id INTEGER PRIMARY KEY", columns, ")"),
            {"wide"});
  application_->Run("INSERT INTO wide (id) VALUES (1)");
  Ready();
  application_->Run("DELETE FROM ds_change_outbox; UPDATE wide SET c2 = 'x', c61 = 'y', c69 = 'z'");
  Ready();
  EXPECT_THAT(Outbox(), ElementsAre("2|wide|id|1|U|c2|x", "3|wide|id|1|U|c61|y", "4|wide|id|1|U|c69|z"));
}

TEST_F(DatajoinOutbox, BeginsWithWhatChangesFromNowOn) {
  Start(kCustomer, {"customer"});
  application_->Run("INSERT INTO customer (id) VALUES (1)");
  importer_.reset();
  StartWith(OutboxFrom::kChangeLog, "SELECT 1", {"customer"});
  Ready();
  EXPECT_THAT(Outbox(), IsEmpty());
  application_->Run("INSERT INTO customer (id) VALUES (2)");
  Ready();
  EXPECT_THAT(Outbox(), ElementsAre("1|customer|id|2|I|id|2"));
}

TEST_F(DatajoinOutbox, IsFilledInPieces) {
  StartWith(OutboxFrom::kChangeLog, kCustomer, {"customer"});
  application_->Run(absl::StrCat("WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ",
                                 kOutboxPiece + 1, ") INSERT INTO customer (id) SELECT i FROM n"));
  bool more = true;
  ASSERT_THAT(importer_->file().Change([&] {
    const auto filled = FillOutbox(*boxes_, "testapp1", now_);
    more = filled.value_or(false);
    return filled.status();
  }),
              IsOk());
  EXPECT_TRUE(more);
  EXPECT_THAT(Rows("SELECT count(*) FROM ds_change_outbox"), ElementsAre(absl::StrCat(kOutboxPiece)));
  Ready();
  EXPECT_THAT(Rows("SELECT count(*) FROM ds_change_outbox"), ElementsAre(absl::StrCat(kOutboxPiece + 1)));
}

TEST_F(DatajoinOutbox, OfAnApplicationNamesTheRowsThatArePushed) {
  StartWith(OutboxFrom::kApplication,
            absl::StrCat(kCustomer, "; CREATE TABLE line (land TEXT, no INTEGER, PRIMARY KEY (land, no))"),
            {"customer", "line"});
  application_->Run("INSERT INTO customer (id) VALUES (5); INSERT INTO line VALUES ('NO', 3)");
  const std::vector<std::string> customer = Log("customer"), line = Log("line");
  application_->Run(
      "INSERT INTO ds_change_outbox (object_table, object_id, object_operation) VALUES ('Customer', '5', "
      "'U'), "
      "('customer', '5', 'U'), ('customer', '6', 'D'), ('line', '[\"NO\",3]', 'U')");
  Ready();
  // Each once, whatever the case of its table, and as it stands there: a number, though the box has text.
  std::vector<std::string> wanted = customer;
  wanted.insert(wanted.end(), {"5", "6"});
  EXPECT_EQ(Log("customer"), wanted);
  EXPECT_EQ(Log("line").size(), line.size() + 1);
  EXPECT_THAT(Rows("SELECT DISTINCT typeof(k0) FROM _mirror_log_1 WHERE seq > 1"), ElementsAre("integer"));
  Ready();
  EXPECT_EQ(Log("line").size(), line.size() + 1);
}

TEST_F(DatajoinOutbox, OfAnApplicationThatUpdatedARowIsNoInsert) {
  StartWith(OutboxFrom::kApplication, kCustomer, {"customer"});
  application_->Run("INSERT INTO customer (id) VALUES (5)");
  Ready();
  application_->Run(
      "INSERT INTO ds_change_outbox (object_table, object_id, object_operation) VALUES ('customer', '5', "
      "'U'), ('customer', '6', 'D')");
  Ready();
  // All columns of the row that stands; of the one that is gone that it is.
  EXPECT_THAT(Rows("SELECT k0, m0 FROM _mirror_log_1 ORDER BY seq DESC LIMIT 2"),
              ElementsAre("6|NULL", absl::StrCat("5|", (std::int64_t{1} << 62) - 1)));
}

TEST_F(DatajoinOutbox, KeepsThePointerBeforeAnEntryThatNamesNothing) {
  StartWith(OutboxFrom::kApplication, kCustomer, {"customer"});
  application_->Run("INSERT INTO customer (id) VALUES (5)");
  application_->Run(
      "INSERT INTO ds_change_outbox (object_table, object_id) VALUES ('customer', '5'), ('customer', 'x; "
      "DROP'), "
      "('_mirror_ledger', 'a'), ('elsewhere', '1'), (NULL, NULL), ('customer', '5')");
  Fetch({});
  EXPECT_EQ(Program("1000"), "1|entry 2 names no row that can be sent: see its object_table and object_id");
  EXPECT_THAT(Rows("SELECT outbox_id FROM _mirror_datajoin_unread"), ElementsAre("2", "3", "4", "5"));
  const auto noted = Log("customer");
  Fetch({});
  EXPECT_EQ(Log("customer"), noted);
  application_->Run("UPDATE ds_change_outbox SET object_id = '6' WHERE id = 2");
  application_->Run("DELETE FROM ds_change_outbox WHERE id BETWEEN 3 AND 5");
  Fetch({});
  EXPECT_EQ(Program("1000"), "6|done");
  EXPECT_EQ(Log("customer").back(), "6");
}

TEST_F(DatajoinOutbox, TakesNoKeyFromAnEntryThatIsTooLong) {
  StartWith(OutboxFrom::kApplication, "CREATE TABLE land (code TEXT PRIMARY KEY, name TEXT)", {"land"});
  application_->Run("INSERT INTO land (code) VALUES ('NO')");
  const std::size_t noted = Log("land").size();
  application_->Run(absl::StrCat(
      "INSERT INTO ds_change_outbox (object_table, object_id) VALUES ('land', hex(zeroblob(2500000))), "
      "('land', replace(hex(zeroblob(",
      kNamedBytesMax / 2, ")), '0', 'x')), ('land', printf('%.*c', ", kNamedBytesMax + 1,
      ", 'x')), ('land', 'a' || char(0) || hex(zeroblob(9000))), (hex(zeroblob(9000)), 'NO'), ('land', "
      "'NO')"));
  Fetch({});
  // The second one is as long as an entry may be.
  EXPECT_THAT(Rows("SELECT outbox_id FROM _mirror_datajoin_unread"), ElementsAre("1", "3", "4", "5"));
  EXPECT_EQ(Program("1000"), "0|entry 1 names no row that can be sent: see its object_table and object_id");
  EXPECT_EQ(Log("land").size(), noted + 2);
  application_->Run("DELETE FROM ds_change_outbox WHERE length(object_id) > 8192 OR id IN (4, 5)");
  Fetch({});
  EXPECT_EQ(Program("1000"), "6|done");
}

TEST_F(DatajoinOutbox, OfAnApplicationMayBeginAnew) {
  StartWith(OutboxFrom::kApplication, kCustomer, {"customer"});
  application_->Run("INSERT INTO customer (id) VALUES (5)");
  const std::string told = "INSERT INTO ds_change_outbox (object_table, object_id) VALUES ('customer', '5')";
  application_->Run(told);
  application_->Run(told);
  Fetch({});
  application_->Run("DELETE FROM ds_change_outbox; DELETE FROM sqlite_sequence");
  application_->Run(told);
  const std::size_t noted = Log("customer").size();
  Fetch({});
  EXPECT_EQ(Log("customer").size(), noted + 1);
  EXPECT_EQ(Program("1000"), "1|done");
}

TEST_F(DatajoinOutbox, KeepsThePointerBeforeATableThatWasNotSent) {
  StartWith(OutboxFrom::kChangeLog, absl::StrCat(kCustomer, "; CREATE TABLE line (no INTEGER PRIMARY KEY)"),
            {"customer", "line"});
  application_->Run("INSERT INTO customer (id) VALUES (1)");
  Ready();
  application_->Run("INSERT INTO line VALUES (1)");
  Ready();
  round_.failed = {"line"};
  ASSERT_THAT(layout_->ShowPushed(false, now_), IsOk());
  EXPECT_EQ(Program("1000"), "1|table 'line' was not sent");
  ASSERT_THAT(layout_->ShowFailed(absl::UnavailableError("no line"), now_), IsOk());
  EXPECT_EQ(Program("1000"), "1|failed: no line");
  Ready();
  round_.failed.clear();
  ASSERT_THAT(layout_->ShowPushed(true, now_), IsOk());
  EXPECT_EQ(Program("1000"), "2|waiting");
}

TEST_F(DatajoinOutbox, ForgetsWhatItFilledLongAgo) {
  StartWith(OutboxFrom::kChangeLog, kCustomer, {"customer"});
  application_->Run("INSERT INTO customer (id) VALUES (1)");
  Fetch({});
  now_ += kLedgerKeptMs + 1'000;
  application_->Run("INSERT INTO customer (id) VALUES (2)");
  Fetch({});
  EXPECT_THAT(Outbox(), ElementsAre("2|customer|id|2|I|id|2"));
}

TEST_F(DatajoinOutbox, OfARowThatIsGoneTheValuesAreForgotten) {
  StartWith(OutboxFrom::kChangeLog, kCustomer, {"customer"});
  application_->Run("INSERT INTO customer (id, vat) VALUES (1, 'a'), (2, 'b')");
  Fetch({});
  application_->Run("DELETE FROM customer WHERE id = 1");
  Fetch({});
  EXPECT_THAT(Outbox(),
              ElementsAre("1|customer|id|1|I|id|NULL", "2|customer|id|1|I|vat|NULL", "3|customer|id|2|I|id|2",
                          "4|customer|id|2|I|vat|b", "5|customer|id|1|D|NULL|NULL"));
}

TEST_F(DatajoinOutbox, OfAnApplicationIsItsOwn) {
  StartWith(OutboxFrom::kApplication, kCustomer, {"customer"});
  application_->Run(
      "INSERT INTO ds_change_outbox (object_table, object_id, update_datetime) VALUES ('customer', '1', "
      "'2001-01-01 "
      "00:00:00'), ('customer', '2', '2023-11-14 22:13:20')");
  Fetch({});
  now_ += 2 * kLedgerKeptMs;
  Fetch({});
  EXPECT_EQ(Outbox().size(), 2U);
  // Its own words are not told again by a change log that fills the outbox one day.
  application_->Run("INSERT INTO customer (id) VALUES (3)");
  Fetch({});
  StartRound(OutboxFrom::kChangeLog);
  Fetch({});
  EXPECT_EQ(Outbox().size(), 2U);
}

}  // namespace
}  // namespace mirror::outbox_test
