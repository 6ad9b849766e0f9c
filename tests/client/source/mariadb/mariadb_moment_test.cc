// The net changes of all tables of a push are as of one moment: what commits behind it comes with the next
// one.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/client/source/mariadb/mariadb_log_source.h"

namespace mirror::mariadb_moment_test {
namespace {

using testing::ElementsAre;
using testing::Key;

class MariadbMomentTest : public MariadbLogTest {
 protected:
  void MoveAda() {
    Sql("START TRANSACTION", "INSERT INTO contact SELECT * FROM lead_of WHERE id = 7",
        "DELETE FROM lead_of WHERE id = 7", "COMMIT");
  }
};

TEST_F(MariadbMomentTest, ARowThatMovesBehindTheMomentMovesInTheNextCycle) {
  Sql("CREATE TABLE contact (id INT PRIMARY KEY, name TEXT)",
      "CREATE TABLE lead_of (id INT PRIMARY KEY, name TEXT)", "INSERT INTO contact VALUES (1, 'Cy')",
      "INSERT INTO lead_of VALUES (7, 'Ada'), (8, 'Bo')");
  Cycle();
  // Both have something to send.
  Sql("UPDATE contact SET name = 'Di'", "UPDATE lead_of SET name = 'Al' WHERE id = 8");
  behind_moment_ = [this] { MoveAda(); };
  Cycle();
  EXPECT_EQ(mirror_["contact"].action, "changes");
  EXPECT_EQ(mirror_["lead_of"].action, "changes");
  EXPECT_THAT(mirror_["contact"].rows, ElementsAre(Key("i:1|")));
  EXPECT_EQ(mirror_["contact"].rows["i:1|"][1], "t:Di");
  EXPECT_THAT(mirror_["lead_of"].rows, ElementsAre(Key("i:7|"), Key("i:8|")));
  CycleAndExpect("contact", "changes");
  EXPECT_THAT(mirror_["lead_of"].rows, ElementsAre(Key("i:8|")));
}

TEST_F(MariadbMomentTest, AMomentThatIsOverIsLetGo) {
  Sql("CREATE TABLE contact (id INT PRIMARY KEY, name TEXT)",
      "CREATE TABLE lead_of (id INT PRIMARY KEY, name TEXT)", "INSERT INTO contact VALUES (1, 'Cy')",
      "INSERT INTO lead_of VALUES (7, 'Ada'), (8, 'Bo')");
  Cycle();
  log_options_.holds_for = std::chrono::milliseconds(0);
  Sql("UPDATE contact SET name = 'Di'", "UPDATE lead_of SET name = 'Al' WHERE id = 8");
  behind_moment_ = [this] { MoveAda(); };
  Cycle();
  EXPECT_THAT(mirror_["contact"].rows, ElementsAre(Key("i:1|"), Key("i:7|")));
  EXPECT_THAT(mirror_["lead_of"].rows, ElementsAre(Key("i:8|")));
}

TEST_F(MariadbMomentTest, NoneIsHeldWhereNoChangesAreRead) {
  Sql("CREATE TABLE contact (id INT PRIMARY KEY, name TEXT)");
  Cycle();
  EXPECT_THAT(reader_->HoldMoment(/*with_changes=*/false), IsOkAndHolds(false));
  EXPECT_THAT(reader_->HoldMoment(/*with_changes=*/true), IsOkAndHolds(true));
  reader_->LeaveMoment();
}

TEST_F(MariadbMomentTest, ATableThatIsPopulatedBesideItIsWhole) {
  Sql("CREATE TABLE contact (id INT PRIMARY KEY, name TEXT)",
      "CREATE TABLE lead_of (id INT PRIMARY KEY, name TEXT)", "INSERT INTO contact VALUES (1, 'Cy')",
      "INSERT INTO lead_of VALUES (7, 'Ada'), (8, 'Bo')");
  Cycle();
  Sql("UPDATE contact SET name = 'Di'");
  mirror_["lead_of"].position = {};
  behind_moment_ = [this] { MoveAda(); };
  Cycle();
  EXPECT_EQ(mirror_["lead_of"].action, "populate");
  CycleAndExpect("contact", "changes");
}

}  // namespace
}  // namespace mirror::mariadb_moment_test
