#include "tools/mirror_harness/synthetic/checker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "tests/support/status_matchers.h"
#include "tools/mirror_harness/synthetic/sqlite_file.h"

namespace mirror::harness::checker_test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

/// A tenant of one table and a mirror that was written by hand.
class CheckerTest : public testing::Test {
 protected:
  static constexpr std::size_t kRows = 50;

  CheckerTest() {
    std::string name = testing::TempDir() + "/checker_test.XXXXXX";
    folder_ = mkdtemp(name.data());
    options_.context_id = "Cust";
  }
  ~CheckerTest() override { std::filesystem::remove_all(folder_); }

  /// `key`: whether the table has one.
  void Mirror(bool key) {
    TableRecipe recipe = BenchTable(1, 6);
    if (!key) recipe.schema.columns[0].key_position = 0;
    std::vector<RowModel> models;
    models.push_back(*RowModel::Make(recipe, 3, kRows));
    tenant_ = std::make_unique<Tenant>(options_, "Cust-1", 1, std::move(models));
    TableState& table = tenant_->tables()[0];
    table.behind = false;
    table.committed = {{7}, "abc"};
    table.sent = table.checked = {0, 1, 2, 3, 4, 5};

    auto opened = OpenDatabase(folder_ + "/Mirror_Cust-1.db", sqlite::OpenAs::Mode::kMake);
    ASSERT_THAT(opened, IsOk());
    database_ = *std::move(opened);
    Sql(R"(CREATE TABLE contact_1 (contact_id INTEGER, owner_id INTEGER, category INTEGER, business INTEGER,
                                   credit REAL, name TEXT);
           CREATE TABLE "Cust-1_mirroring" (table_name, lsn, lineage, pending_lsn, row_count);
           INSERT INTO "Cust-1_mirroring" VALUES ('contact_1', 7, CAST('abc' AS BLOB), NULL, 50))");
    std::string scratch;
    Sql("BEGIN");
    for (std::size_t rank = 0; rank < kRows; ++rank) {
      std::string values;
      for (std::uint32_t column = 0; column < 6; ++column) {
        const Cell cell = table.model.At(table.model.KeyAt(rank), column, &scratch);
        absl::StrAppend(&values, column == 0 ? "" : ", ");
        if (cell.kind == Cell::Kind::kInt) absl::StrAppend(&values, cell.integer);
        if (cell.kind == Cell::Kind::kDouble) absl::StrAppend(&values, absl::StrFormat("%.17g", cell.real));
        if (cell.kind == Cell::Kind::kBytes) {
          char* quoted = sqlite3_mprintf("%Q", std::string(cell.bytes).c_str());
          absl::StrAppend(&values, quoted);
          sqlite3_free(quoted);
        }
      }
      Sql(absl::StrCat("INSERT INTO contact_1 VALUES (", values, ")"));
    }
    Sql("COMMIT");
  }
  void Sql(const std::string& sql) { ASSERT_THAT(database_->Execute(sql), IsOk()); }
  CheckResult Check() {
    CheckResult result;
    CheckTenant(folder_, tenant_.get(), &result);
    return result;
  }

  Options options_;
  std::string folder_;
  std::unique_ptr<Tenant> tenant_;
  Database database_;
};

TEST_F(CheckerTest, AnEqualMirrorHasNoDifferences) {
  Mirror(true);
  const CheckResult result = Check();
  EXPECT_THAT(result.first, ElementsAre());
  EXPECT_EQ(result.differences, 0U);
  EXPECT_EQ(result.rows, kRows);
  EXPECT_EQ(result.tables, 1U);
}

struct Damage {
  std::string name, sql, says;
  bool key = true;
};

class DamageTest : public CheckerTest, public testing::WithParamInterface<Damage> {};

TEST_P(DamageTest, IsFoundOnceAndNamed) {
  Mirror(GetParam().key);
  Sql(GetParam().sql);
  const CheckResult result = Check();
  EXPECT_THAT(result.first, ElementsAre(HasSubstr(GetParam().says)));
  EXPECT_EQ(result.differences, 1U);
}

INSTANTIATE_TEST_SUITE_P(
    Damages, DamageTest,
    testing::Values(
        Damage{"Missing", "DELETE FROM contact_1 WHERE contact_id = 9",
               "key INTEGER 9: missing in the mirror"},
        Damage{"MissingLast", "DELETE FROM contact_1 WHERE contact_id = 50", "key INTEGER 50: missing"},
        Damage{"Ghost", "INSERT INTO contact_1 VALUES (51, 1, 1, 1, 1, '')",
               "key INTEGER 51: in the mirror only"},
        Damage{"GhostFirst", "INSERT INTO contact_1 VALUES (-1, 1, 1, 1, 1, '')",
               "INTEGER -1: in the mirror"},
        Damage{"Value", "UPDATE contact_1 SET owner_id = owner_id + 1 WHERE contact_id = 3",
               "column 'owner_id'"},
        Damage{"Type", "UPDATE contact_1 SET name = CAST(name AS BLOB) WHERE contact_id = 3", "holds BLOB"},
        Damage{"Null", "UPDATE contact_1 SET credit = NULL WHERE contact_id = 3", "the mirror holds NULL"},
        Damage{"Column", "ALTER TABLE contact_1 ADD COLUMN more", "a column 'more' that was not sent"},
        Damage{"Lsn", "UPDATE \"Cust-1_mirroring\" SET lsn = 6", "LSN is INTEGER 6, expected 7"},
        Damage{"Lineage", "UPDATE \"Cust-1_mirroring\" SET lineage = 'abd'", "lineage is TEXT 'abd'"},
        Damage{"Pending", "UPDATE \"Cust-1_mirroring\" SET pending_lsn = 8", "pending is 8"},
        Damage{"Count", "UPDATE \"Cust-1_mirroring\" SET row_count = 49", "row_count is 49"},
        Damage{"Metadata", "DELETE FROM \"Cust-1_mirroring\"", "no row for this table"},
        Damage{"Table", "DROP TABLE contact_1", "no such table"},
        Damage{"KeylessGhost", "INSERT INTO contact_1 SELECT * FROM contact_1 LIMIT 1", "1 row only in",
               false},
        Damage{"KeylessMissing", "DELETE FROM contact_1 WHERE rowid = 9", "1 row missing", false}),
    [](const auto& test) { return test.param.name; });

TEST_F(CheckerTest, AMirrorThatIsNotThereIsADifference) {
  Mirror(true);
  database_.reset();
  std::filesystem::remove(folder_ + "/Mirror_Cust-1.db");
  EXPECT_THAT(Check().first, ElementsAre(HasSubstr("Mirror_Cust-1.db")));
}

}  // namespace
}  // namespace mirror::harness::checker_test
