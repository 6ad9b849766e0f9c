// All tables of a push are read as of one moment: what commits behind it comes with the next one, whole.
// MIRROR_TEST_SEED=n repeats a run, MIRROR_TEST_ROUNDS makes it longer or shorter.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <random>
#include <set>
#include <thread>

#include "absl/strings/str_cat.h"
#include "tests/client/source/postgres/postgres_log_source.h"
#include "tests/support/rows.h"

namespace mirror::postgres_moment_test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class PostgresMomentTest : public PostgresLogTest {
 protected:
  void SetUp() override {
    PostgresLogTest::SetUp();
    if (IsSkipped()) return;
    holds_moment_ = true;
    Sql("CREATE TABLE contact (id bigint PRIMARY KEY, name text, note text);"
        "CREATE TABLE lead (id bigint PRIMARY KEY, name text, note text);"
        "INSERT INTO contact VALUES (1, 'Cy', NULL); INSERT INTO lead VALUES (7, 'Ada', NULL), (8, 'Bo', "
        "NULL)");
    Install();
  }

  std::set<std::string> KeysOf(const std::string& table) {
    std::set<std::string> keys;
    for (const auto& [key, row] : mirror_[table].rows) keys.insert(key.substr(2, key.size() - 3));
    return keys;
  }
  /// Of the row with this id; "none": there is none.
  std::string ValueOf(const std::string& table, int id, std::size_t column) {
    const auto row = mirror_[table].rows.find(absl::StrCat("i:", id, "|"));
    return row == mirror_[table].rows.end() ? "none" : row->second[column];
  }
  void MoveAda() {
    Sql("BEGIN; INSERT INTO contact SELECT * FROM lead WHERE id = 7; DELETE FROM lead WHERE id = 7; COMMIT");
  }
  void ExpectAdaIsALead() {
    EXPECT_THAT(KeysOf("contact"), ElementsAre("1"));
    EXPECT_THAT(KeysOf("lead"), ElementsAre("7", "8"));
  }
};

TEST_F(PostgresMomentTest, ARowThatMovesBehindTheMomentMovesInTheNextCycle) {
  CycleAndExpect("lead", "populate");
  // Both have something to send.
  Sql("UPDATE contact SET note = 'x'; UPDATE lead SET note = 'x'");
  behind_moment_ = [this] { MoveAda(); };
  Cycle();
  EXPECT_EQ(mirror_["lead"].action, "changes");
  ExpectAdaIsALead();
  EXPECT_EQ(ValueOf("contact", 1, 2), "t:x");
  CycleAndExpect("lead", "changes");
  EXPECT_THAT(KeysOf("contact"), ElementsAre("1", "7"));
}

TEST_F(PostgresMomentTest, PopulationsAreOfIt) {
  behind_moment_ = [this] {
    MoveAda();
    Sql("UPDATE lead SET name = 'Later'; INSERT INTO lead VALUES (9, 'New', NULL)");
  };
  Cycle();
  EXPECT_EQ(mirror_["lead"].action, "populate");
  ExpectAdaIsALead();
  EXPECT_EQ(ValueOf("lead", 8, 1), "t:Bo");
  CycleAndExpect("lead", "changes");
}

TEST_F(PostgresMomentTest, APopulatedTableAndOneThatChangedAreOfTheSame) {
  CycleAndExpect("lead", "populate");
  Sql("UPDATE contact SET note = 'x'");
  mirror_["lead"].position = {};
  behind_moment_ = [this] { MoveAda(); };
  Cycle();
  EXPECT_EQ(mirror_["lead"].action, "populate");
  EXPECT_EQ(mirror_["contact"].action, "changes");
  ExpectAdaIsALead();
  CycleAndExpect("contact", "changes");
}

TEST_F(PostgresMomentTest, WhatIsOpenAtTheMomentComesLater) {
  CycleAndExpect("lead", "populate");
  const auto other = Session();
  ASSERT_THAT(other->Execute("BEGIN; UPDATE lead SET note = 'open' WHERE id = 8"), IsOk());
  Sql("UPDATE contact SET note = 'x'");
  mirror_["lead"].position = {};
  behind_moment_ = [&] { ASSERT_THAT(other->Execute("COMMIT"), IsOk()); };
  Cycle();
  EXPECT_EQ(ValueOf("lead", 8, 2), "null");
  CycleAndExpect("lead", "changes");
}

TEST_F(PostgresMomentTest, RowsThatHaveToBeReadInTheDatabaseAreOfItToo) {
  // The log leaves out a long value that did not change, and the row has a key under which it never sent it.
  Sql("ALTER TABLE lead ALTER COLUMN note SET STORAGE EXTERNAL; UPDATE lead SET note = repeat('n', 9000)");
  CycleAndExpect("lead", "populate");
  Sql("UPDATE lead SET id = 70 WHERE id = 7");
  behind_moment_ = [this] {
    Sql("UPDATE lead SET name = 'Later' WHERE id = 70; DELETE FROM lead WHERE id = 8");
  };
  Cycle();
  EXPECT_EQ(mirror_["lead"].action, "changes");
  EXPECT_THAT(KeysOf("lead"), ElementsAre("70", "8"));
  EXPECT_EQ(ValueOf("lead", 70, 1), "t:Ada");
  EXPECT_GT(ValueOf("lead", 70, 2).size(), 9000U);
  CycleAndExpect("lead", "changes");
}

TEST_F(PostgresMomentTest, ATableThatIsEmptiedBehindItIsReadAnewAndNeverTakenForEmpty) {
  // Its rows are not in any file any more: the snapshot sees none, and not those of before.
  behind_moment_ = [this] { Sql("TRUNCATE lead; INSERT INTO lead VALUES (9, 'New', NULL)"); };
  Cycle();
  EXPECT_THAT(KeysOf("lead"), ElementsAre("9"));
  ExpectEqual();
}

TEST_F(PostgresMomentTest, ATableThatIsRedefinedBehindItIsReadAnew) {
  behind_moment_ = [this] {
    Sql("ALTER TABLE lead RENAME name TO former; ALTER TABLE lead RENAME note TO name; UPDATE lead SET name "
        "= 'x'");
  };
  CycleAndExpect("lead", "populate");
  EXPECT_EQ(ValueOf("lead", 8, 1), "t:Bo");
  EXPECT_EQ(ValueOf("lead", 8, 2), "t:x");
}

TEST_F(PostgresMomentTest, APartitionThatIsEmptiedBehindItIsSeen) {
  Sql("CREATE TABLE deal (id bigint PRIMARY KEY, name text) PARTITION BY RANGE (id);"
      "CREATE TABLE deal_1 PARTITION OF deal FOR VALUES FROM (0) TO (10);"
      "CREATE TABLE deal_2 PARTITION OF deal FOR VALUES FROM (10) TO (20);"
      "INSERT INTO deal VALUES (1, 'a'), (11, 'b')");
  Install();
  behind_moment_ = [this] { Sql("TRUNCATE deal_2; INSERT INTO deal VALUES (12, 'c')"); };
  Cycle();
  EXPECT_THAT(KeysOf("deal"), ElementsAre("1", "12"));
  ExpectEqual();
}

TEST_F(PostgresMomentTest, NothingIsHeldBehindIt) {
  constexpr char kHolders[] =
      "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'mirror-agent' AND backend_xmin IS NOT "
      "NULL "
      "AND backend_type = 'client backend'";
  std::int64_t during = 0;
  behind_moment_ = [&] { during = *connection_->Number(kHolders); };
  Cycle();
  EXPECT_EQ(during, 1);
  EXPECT_THAT(connection_->Number(kHolders), IsOkAndHolds(0));
}

TEST_F(PostgresMomentTest, AServerThatEndsWhatKeepsItIsNamed) {
  behind_moment_ = [this] {
    const auto ended = connection_->Number(
        "SELECT count(pg_terminate_backend(pid, 10000)) FROM pg_stat_activity WHERE state = 'idle in "
        "transaction' "
        "AND application_name = 'mirror-agent'");
    EXPECT_THAT(ended, IsOkAndHolds(1));
  };
  Cycle();
  EXPECT_THAT(mirror_["lead"].action, HasSubstr("ended the transaction that holds the snapshot"));
  EXPECT_THAT(mirror_["lead"].rows, IsEmpty());
  CycleAndExpect("lead", "populate");
}

TEST_F(PostgresMomentTest, TimeoutsOfTheRoleDoNotEndIt) {
  Sql("ALTER ROLE CURRENT_USER SET idle_in_transaction_session_timeout = '1ms'");
  behind_moment_ = [&] {
    // Longer than that, as the server counts.
    Sql("SELECT pg_sleep(0.05)");
    MoveAda();
  };
  Cycle();
  ExpectAdaIsALead();
}

/// Rows that go to and fro between two tables, each of them in one at any time.
TEST_F(PostgresMomentTest, EachRowIsInOneOfTwoTablesInEachCycle) {
  const std::uint64_t seed = TestSeed();
  SCOPED_TRACE(absl::StrCat("MIRROR_TEST_SEED=", seed));
  Sql("DELETE FROM contact; DELETE FROM lead; INSERT INTO lead SELECT i, i, NULL FROM generate_series(1, 40) "
      "i");
  std::atomic<bool> stop = false;
  std::thread writer([this, &stop, seed] {
    const auto session = Session();
    std::mt19937_64 random(seed);
    while (!stop) {
      const std::string from = random() % 2 == 0 ? "lead" : "contact",
                        to = from == "lead" ? "contact" : "lead";
      const std::string which = absl::StrCat(" WHERE id % 7 = ", random() % 7);
      const absl::Status moved =
          session->Execute(absl::StrCat("BEGIN; INSERT INTO ", to, " SELECT * FROM ", from, which,
                                        "; DELETE FROM ", from, which, "; COMMIT"));
      EXPECT_THAT(moved, IsOk());
    }
  });
  std::mt19937_64 random(seed + 1);
  for (int round = 0; round < static_cast<int>(FromEnvironment("MIRROR_TEST_ROUNDS", 10)); ++round) {
    for (const char* const table : {"lead", "contact"}) {
      if (random() % 4 == 0) mirror_[table].position = {};
    }
    Cycle();
    std::set<std::string> all = KeysOf("lead");
    const std::set<std::string> contacts = KeysOf("contact");
    EXPECT_EQ(all.size() + contacts.size(), 40U) << "round " << round;
    all.insert(contacts.begin(), contacts.end());
    EXPECT_EQ(all.size(), 40U) << "round " << round;
  }
  stop = true;
  writer.join();
  Cycle();
  ExpectEqual();
}

}  // namespace
}  // namespace mirror::postgres_moment_test
