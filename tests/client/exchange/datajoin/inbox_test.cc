#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/client/exchange/datajoin/datajoin_source.h"

namespace mirror::inbox_test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class DatajoinInbox : public DatajoinSource {
 protected:
  void SetUp() override {
    DatajoinSource::SetUp();
    StartWith(OutboxFrom::kChangeLog, kCustomer, {"customer"});
    application_->Run("INSERT INTO customer (id, vat, city) VALUES (1, 'a', 'Rome'), (2, 'b', 'Rome')");
  }
  v1::Delivery Refused(const std::string& id) { return Update(id, 2, "Rome", "Hell"); }
};

TEST_F(DatajoinInbox, HasAnEntryForEachColumnOfADelivery) {
  v1::Delivery insert = Insert("d2", "c", "~Oslo~'; DROP TABLE customer");
  insert.set_source_id("17");
  Fetch({Update("d1", 1, "Rome", "Bern"), insert, Delete("d3", 2, "Rome")});
  EXPECT_THAT(Inbox(),
              ElementsAre("1|1|U|city|Bern|waiting", "2|NULL|I|vat|c|waiting",
                          "3|NULL|I|city|~Oslo~'; DROP TABLE customer|waiting", "4|2|D|NULL|NULL|waiting"));
  EXPECT_THAT(Rows("SELECT object_database, object_table, object_pk_attribute, source_id, "
                   "object_operation_command FROM ds_change_inbox WHERE id = 3"),
              ElementsAre("testapp1|customer|id|17|NULL"));
  EXPECT_EQ(Program("1001"), "0|waiting");
  EXPECT_EQ(Import(Update("d1", 1, "Rome", "Bern")), "APPLIED");
  EXPECT_EQ(Program("1001"), "1|waiting");
  EXPECT_EQ(Import(insert), "APPLIED");
  EXPECT_EQ(Import(Delete("d3", 2, "Rome")), "APPLIED");
  EXPECT_EQ(Program("1001"), "4|done");
  EXPECT_THAT(Rows("SELECT DISTINCT note1 FROM ds_change_inbox"), ElementsAre("applied"));
  // The key that the database made.
  EXPECT_THAT(Inbox().at(1), HasSubstr("2|3|I|vat|c|applied"));
}

TEST_F(DatajoinInbox, IsOfTheLastAnswerAndKeepsTheIdsOfWhatIsOfferedAgain) {
  const v1::Delivery first = Update("d1", 1, "Rome", "Bern"), second = Update("d2", 2, "Rome", "Ulm");
  Fetch({first, second});
  Fetch({second, Insert("d3", "c", "Oslo")});
  EXPECT_THAT(Inbox(), ElementsAre("1|1|U|city|Bern|withdrawn", "2|2|U|city|Ulm|waiting",
                                   "3|NULL|I|vat|c|waiting", "4|NULL|I|city|Oslo|waiting"));
  EXPECT_EQ(Program("1001"), "1|waiting");
  // What an answer was cut off from may come yet.
  Fetch({}, false);
  EXPECT_EQ(Program("1001"), "1|waiting");
  Fetch({});
  EXPECT_EQ(Program("1001"), "4|done");
}

TEST_F(DatajoinInbox, APointerNeverPassesWhatFailed) {
  Fetch({Refused("d1"), Update("d2", 1, "Rome", "Bern")});
  EXPECT_THAT(Import(Refused("d1")), HasSubstr("REFUSED"));
  EXPECT_EQ(Import(Update("d2", 1, "Rome", "Bern")), "APPLIED");
  EXPECT_THAT(Inbox(),
              ElementsAre("1|2|U|city|Hell|refused: the database refused it: CHECK constraint failed: "
                          "city <> 'Hell'",
                          "2|1|U|city|Bern|applied"));
  EXPECT_THAT(Program("1001"), testing::StartsWith("0|refused"));
  Fetch({Refused("d1")});
  EXPECT_THAT(Import(Refused("d1")), HasSubstr("LATER"));
  EXPECT_THAT(Inbox().at(0), HasSubstr("refused"));
  EXPECT_THAT(Program("1001"), testing::StartsWith("0|refused"));
  Fetch({});
  EXPECT_EQ(Program("1001"), "2|done");
}

TEST_F(DatajoinInbox, AConflictIsOpenUntilTheHubSaysWhatFollows) {
  Fetch({Update("d1", 1, "Oslo", "Bern")});
  EXPECT_THAT(Import(Update("d1", 1, "Oslo", "Bern")), HasSubstr("CONFLICT"));
  EXPECT_THAT(Inbox().at(0), HasSubstr("conflict: the row differs from what the hub knew"));
  EXPECT_EQ(Program("1001"), "0|waiting");
  Fetch({Update("d2", 1, "Rome", "Bern")});
  EXPECT_THAT(Inbox(), ElementsAre("1|1|U|city|Bern|withdrawn", "2|1|U|city|Bern|waiting"));
  EXPECT_EQ(Program("1001"), "1|waiting");
}

TEST_F(DatajoinInbox, TheSameChangeOfASystemStandsThereOnce) {
  v1::Delivery first = Update("d1", 1, "Rome", "Bern"), again = Update("d2", 1, "Oslo", "Bern");
  v1::Delivery other = Update("d3", 2, "Rome", "Bern");
  for (v1::Delivery* const one : {&first, &again, &other}) one->set_source_id("17");
  Fetch({first});
  Fetch({again, other});
  EXPECT_THAT(Inbox(), ElementsAre("1|1|U|city|Bern|waiting", "2|2|U|city|Bern|waiting"));
  EXPECT_THAT(Import(again), HasSubstr("CONFLICT"));
  EXPECT_THAT(Inbox().at(0), HasSubstr("1|1|U|city|Bern|conflict"));
}

TEST_F(DatajoinInbox, WhatWasAppliedStaysSoWhenItIsOfferedOnceMore) {
  Fetch({Update("d1", 1, "Rome", "Bern")});
  EXPECT_EQ(Import(Update("d1", 1, "Rome", "Bern")), "APPLIED");
  const auto told = Inbox();
  Fetch({Update("d1", 1, "Rome", "Bern")});
  EXPECT_EQ(Import(Update("d1", 1, "Rome", "Bern")), "ALREADY");
  EXPECT_EQ(Inbox(), told);
  EXPECT_EQ(Program("1001"), "1|done");
}

TEST_F(DatajoinInbox, OfARowThatIsGoneTheValuesAreForgotten) {
  const v1::Delivery insert = Insert("d1", "c", "Oslo"), other = Update("d2", 1, "Rome", "Bern");
  Fetch({insert, other});
  EXPECT_EQ(Import(insert), "APPLIED");
  EXPECT_EQ(Import(other), "APPLIED");
  Fetch({Delete("d3", 3, "Oslo")});
  EXPECT_EQ(Import(Delete("d3", 3, "Oslo")), "APPLIED");
  Fetch({});
  EXPECT_THAT(Inbox(), ElementsAre("1|3|I|vat|NULL|applied", "2|3|I|city|NULL|applied",
                                   "3|1|U|city|Bern|applied", "4|3|D|NULL|NULL|applied"));
}

TEST_F(DatajoinInbox, NoIdIsUsedAgain) {
  Fetch({Update("d1", 1, "Rome", "Bern")});
  application_->Run("DELETE FROM ds_change_inbox; DELETE FROM sqlite_sequence");
  Fetch({Update("d2", 2, "Rome", "Bern")});
  EXPECT_THAT(Inbox(), ElementsAre("2|2|U|city|Bern|waiting"));
  // A line of somebody else's is passed over.
  application_->Run("INSERT INTO ds_change_inbox (id, note1) VALUES (9, 'mine')");
  Fetch({Update("d3", 2, "Rome", "Ulm")});
  EXPECT_THAT(Inbox(), ElementsAre("2|2|U|city|Bern|withdrawn", "9|NULL|NULL|NULL|NULL|mine",
                                   "10|2|U|city|Ulm|waiting"));
  EXPECT_EQ(Import(Update("d3", 2, "Rome", "Ulm")), "APPLIED");
  EXPECT_EQ(Program("1001"), "10|done");
}

TEST_F(DatajoinInbox, ForgetsWhatWasDoneLongAgo) {
  Fetch({Update("d1", 1, "Rome", "Bern"), Refused("d2")});
  EXPECT_EQ(Import(Update("d1", 1, "Rome", "Bern")), "APPLIED");
  EXPECT_THAT(Import(Refused("d2")), HasSubstr("REFUSED"));
  now_ += kLedgerKeptMs + 1;
  Fetch({Refused("d2")});
  EXPECT_EQ(Inbox().size(), 1U);
  EXPECT_THAT(Inbox().at(0), HasSubstr("2|2|U|city|Hell|refused"));
  EXPECT_THAT(Rows("SELECT inbox_id FROM _mirror_datajoin_entry"), ElementsAre("2"));
  EXPECT_THAT(Program("1001"), testing::StartsWith("1|refused"));
}

TEST_F(DatajoinInbox, WhatIsImportedIsNothingThatTheSystemSays) {
  Fetch({Update("d1", 1, "Rome", "Bern")});
  application_->Run("DELETE FROM ds_change_outbox; UPDATE customer SET name = 'Ada' WHERE id = 2");
  EXPECT_EQ(Import(Update("d1", 1, "Rome", "Bern")), "APPLIED");
  // What the application did in between is told all the same.
  const auto told = Outbox();
  ASSERT_EQ(told.size(), 1U);
  EXPECT_THAT(told.at(0), HasSubstr("customer|id|2|U|name|Ada"));
  Ready();
  EXPECT_EQ(Outbox(), told);
}

TEST_F(DatajoinInbox, ATriggerThatTakesAllBackTakesNoWordOfOthers) {
  application_->Run(
      "CREATE TRIGGER no BEFORE UPDATE OF city ON customer BEGIN SELECT RAISE(ROLLBACK, 'closed'); END");
  Fetch({Update("d1", 1, "Rome", "Bern")});
  application_->Run("DELETE FROM ds_change_outbox; UPDATE customer SET name = 'Ada' WHERE id = 2");
  EXPECT_THAT(Import(Update("d1", 1, "Rome", "Bern")), HasSubstr("REFUSED"));
  EXPECT_THAT(Inbox().at(0), HasSubstr("refused: "));
  ASSERT_EQ(Outbox().size(), 1U);
  EXPECT_THAT(Outbox().at(0), HasSubstr("customer|id|2|U|name|Ada"));
}

TEST_F(DatajoinInbox, WhatCannotBeToldIsNotDone) {
  Fetch({Update("d1", 1, "Rome", "Bern")});
  const auto told = Inbox();
  application_->Run("ALTER TABLE ds_program_parameter RENAME TO away");
  EXPECT_THAT(Import(Update("d1", 1, "Rome", "Bern")), HasSubstr("ds_program_parameter"));
  EXPECT_EQ(Inbox(), told);
  EXPECT_THAT(Rows("SELECT city FROM customer WHERE id = 1"), ElementsAre("Rome"));
  EXPECT_THAT(Rows("SELECT count(*) FROM _mirror_inbox"), ElementsAre("1"));
  EXPECT_THAT(Rows("SELECT 1 FROM _mirror_ledger"), IsEmpty());
}

}  // namespace
}  // namespace mirror::inbox_test
