// The real agent and a mirror in which the partner keeps rows and columns of his own.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "tests/endpoint/endpoint_fixture.h"
#include "tests/support/agent_bench.h"
#include "tests/support/source_words.h"
#include "tests/support/status_matchers.h"

namespace mirror::shared_target_test {
namespace {

constexpr char kParts[] =
    "PRAGMA journal_mode = WAL; CREATE TABLE parts(id INTEGER PRIMARY KEY, v TEXT);"
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1500) INSERT INTO parts SELECT "
    "i, 'v' "
    "|| i FROM n";

class SharedTargetTest : public EndpointTest, public testing::WithParamInterface<const char*> {
 protected:
  void Begin(const TableConfig& parts) {
    Install();
    bench_ = std::make_unique<AgentBench>(*here_, "Cust", here_->dir() + "/source");
    ASSERT_EQ(bench_->Sql(kParts), "");
    bench_->source().strategy = StrategyNamed(GetParam());
    bench_->source().tables.push_back(parts);
    if (GetParam() == std::string("cdc")) {
      ASSERT_THAT(bench_->Install(), IsOk());
    }
    EXPECT_EQ(Run().action, TableReport::Action::kPopulate);
  }
  void Sql(const std::string& sql) { ASSERT_EQ(bench_->Sql(sql), ""); }
  void Partner(const std::string& sql) { ASSERT_EQ(bench_->mirror().Execute(sql), ""); }
  std::string Mirrored(const std::string& what) {
    return bench_->mirror().Value("SELECT " + what + " FROM parts");
  }
  TableReport Run(bool repopulate = false) {
    const CycleReport report = bench_->Run(repopulate);
    EXPECT_TRUE(report.Good()) << Summary(report);
    return ReportOf(report, "parts");
  }

  std::unique_ptr<AgentBench> bench_;
};

INSTANTIATE_TEST_SUITE_P(Strategies, SharedTargetTest, testing::Values("cdc", "synthetic"));

TEST_P(SharedTargetTest, RowsAndColumnsOfThePartnerSurviveWhateverIsSent) {
  for (const bool staged : {false, true}) {
    SCOPED_TRACE(staged ? "staged" : "direct");
    here_.reset();
    bench_.reset();
    TableConfig parts;
    parts.name = "parts";
    parts.preserve_target = true;
    parts.staged = staged;
    Begin(parts);
    Partner(
        "ALTER TABLE parts ADD COLUMN remark TEXT; UPDATE parts SET remark = 'mine ' || id WHERE id <= 100; "
        "INSERT "
        "INTO parts(id, v, remark) SELECT id + 10000, 'own', 'orphan' FROM parts");
    const auto theirs = [&] {
      return Mirrored(
          "count(*) FILTER (WHERE remark = 'orphan') || ' ' || count(*) FILTER (WHERE remark LIKE 'mine "
          "%' AND id <= 100)");
    };
    Sql("UPDATE parts SET v = 'x' WHERE id BETWEEN 50 AND 60; DELETE FROM parts WHERE id > 1490; INSERT INTO "
        "parts "
        "VALUES(2000, 'new')");
    Run();
    EXPECT_EQ(theirs(), "1500 100");
    EXPECT_EQ(Mirrored("count(*) FILTER (WHERE v = 'x')"), "11");
    EXPECT_EQ(Mirrored("count(*) FILTER (WHERE remark IS NOT 'orphan')"), "1491");
    bench_->verify = true;
    EXPECT_EQ(Run().equality, TableReport::Equality::kEqual) << "orphans are nobody's difference";
    // Half of the mirror's rows damaged: what is repaired is not more than what was.
    Partner(
        "UPDATE parts SET v = 'damage' WHERE id BETWEEN 200 AND 220; DELETE FROM parts WHERE id BETWEEN 300 "
        "AND "
        "305");
    const TableReport repaired = Run();
    EXPECT_EQ(repaired.repaired, 27U);
    EXPECT_EQ(repaired.equality, TableReport::Equality::kEqual);
    EXPECT_EQ(theirs(), "1500 100");
    bench_->verify = false;
    EXPECT_EQ(Run(/*repopulate=*/true).action, TableReport::Action::kPopulate);
    EXPECT_EQ(theirs(), "1500 100");
    EXPECT_EQ(Mirrored("count(*)"), "2991");
  }
}

TEST_P(SharedTargetTest, DeletesAreIgnoredOrMarked) {
  for (const Deletes deletes : {Deletes::kIgnore, Deletes::kMark}) {
    SCOPED_TRACE(deletes == Deletes::kMark ? "mark" : "ignore");
    here_.reset();
    bench_.reset();
    TableConfig parts;
    parts.name = "parts";
    parts.deletes = deletes;
    Begin(parts);
    Sql("DELETE FROM parts WHERE id <= 10");
    Run();
    EXPECT_EQ(Mirrored("count(*)"), "1500");
    if (deletes == Deletes::kMark) {
      EXPECT_EQ(Mirrored("count(*) FILTER (WHERE _mirror_deleted_at > 0)"), "10");
    }
    bench_->verify = true;
    EXPECT_EQ(Run().equality, TableReport::Equality::kEqual);
    bench_->verify = false;
    Sql("INSERT INTO parts VALUES(3, 'back')");
    Run();
    EXPECT_EQ(bench_->mirror().Value("SELECT v FROM parts WHERE id = 3"), "back");
    EXPECT_EQ(Mirrored("count(*)"), "1500");
    Run(/*repopulate=*/true);
    EXPECT_EQ(Mirrored("count(*)"), "1500");
    bench_->source().tables[0].deletes = Deletes::kApply;
    EXPECT_EQ(Run().action, TableReport::Action::kPopulate) << "another rule";
    EXPECT_EQ(bench_->Difference(), "");
  }
}

}  // namespace
}  // namespace mirror::shared_target_test
