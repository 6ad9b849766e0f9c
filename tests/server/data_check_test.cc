// What --check-config says of column rules and the mirrors that there are.

#include "server/data_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "tests/server/tenant/tenant_bench.h"
#include "tests/support/processes.h"

namespace mirror::data_check_test {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const Position kFive{Lsn{5}, "five"};

class DataCheckTest : public TenantBench {
 protected:
  DataCheckTest() {
    config_.data.dir = folder_.path();
    config_.columns.hash_key = folder_.path() + "/columns.key";
    WriteFileText(config_.columns.hash_key, std::string(64, 'a') + "\n");
    std::filesystem::permissions(config_.columns.hash_key, std::filesystem::perms::owner_read);
  }
  void MirrorWith(Deletes deletes) {
    TableSchema table = People();
    table.deletes = deletes;
    source_->Mirror(table, {{1, "Ada", 36}}, kFive);
  }
  std::vector<std::string> Refused(bool all = false) {
    const auto refused = FindRefusedKeys(config_, all);
    EXPECT_THAT(refused, IsOk());
    return refused.value_or(std::vector<std::string>());
  }

  ServerConfig config_;
};

TEST_F(DataCheckTest, ARuleOnTheKeyOfATableWhoseDeletesAreMarkedIsTold) {
  MirrorWith(Deletes::kMark);
  EXPECT_THAT(Refused(), IsEmpty());
  config_.columns.blocks = {{.context = "c*", .table = "people", .hash = {"name"}}};
  EXPECT_THAT(Refused(), IsEmpty()) << "no column of the key";
  config_.columns.blocks.front().hash = {"id"};
  EXPECT_THAT(Refused(), ElementsAre(AllOf(HasSubstr("tenant 'ctx', table 'people'"), HasSubstr("MARK"),
                                           HasSubstr("'mirrorctl reset ctx --table "))));
  config_.columns.blocks.front().context = "other";
  EXPECT_THAT(Refused(), IsEmpty());
}

TEST_F(DataCheckTest, AnOrdinaryTableIsPopulatedAnew) {
  MirrorWith(Deletes::kApply);
  config_.columns.blocks = {{.table = "people", .hash = {"id"}}};
  EXPECT_THAT(Refused(), IsEmpty());
}

TEST_F(DataCheckTest, OfATenantWithoutRulesNothingIsRefused) {
  MirrorWith(Deletes::kIgnore);
  EXPECT_THAT(Refused(/*all=*/true), IsEmpty());
  config_.columns.blocks = {{.context = "other", .table = "*", .hash = {"id"}}};
  EXPECT_THAT(Refused(/*all=*/true), IsEmpty());
  config_.columns.blocks.front().context = "ctx";
  EXPECT_THAT(Refused(/*all=*/true), ElementsAre(HasSubstr("table 'people'")));
}

TEST_F(DataCheckTest, AMirrorThatCannotBeReadKeepsNoServerFromItsStart) {
  WriteFileText(SqlitePath(folder_.path(), "ctx"), "no database");
  config_.columns.blocks = {{.table = "*", .hash = {"id"}}};
  EXPECT_THAT(Refused(), IsEmpty());
}

}  // namespace
}  // namespace mirror::data_check_test
