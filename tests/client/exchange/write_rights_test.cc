// What is told of rights that deliveries need.

#include "client/exchange/write_rights.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/exchange/postgres_write_checks.h"
#include "tests/support/postgres_database.h"

namespace mirror::write_rights_test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::SizeIs;

ExchangeRules Updates() {
  ExchangeRules rules;
  rules.updates = true;
  return rules;
}

TEST(WriteRights, ATableHasAFindingOfItsOwnAndManyAreToldTogether) {
  std::vector<NeededRights> tables;
  for (int i = 0; i < 13; ++i) {
    const std::string name = absl::StrCat("t", i);
    tables.push_back({name, absl::StrCat("public.", name), {"UPDATE (city)", "DELETE"}});
  }
  tables.push_back({"whole", "public.whole", {}});
  SourceFindings findings;
  TellNeededRights(Updates(), tables, "the role 'agent'", "agent", &findings);
  ASSERT_THAT(findings.all(), SizeIs(kRightsToldMax + 1));
  EXPECT_EQ(findings.all()[0].step, "deliveries to t0");
  EXPECT_THAT(findings.all()[0].words, HasSubstr("the role 'agent' lacks UPDATE (city), DELETE"));
  EXPECT_THAT(findings.all()[0].next, HasSubstr("GRANT UPDATE (city), DELETE ON public.t0 TO agent. Or"));
  EXPECT_THAT(findings.all().back().words, AllOf(HasSubstr("3 more tables"), HasSubstr("t10, t11, t12")));
  for (const SourceFinding& one : findings.all()) EXPECT_EQ(one.outcome, SourceFinding::Outcome::kFail);
}

TEST(WriteRights, WhereNoneIsMissingOneFindingSaysSo) {
  SourceFindings findings;
  TellNeededRights(Updates(), {{"t", "public.t", {}}}, "the role 'agent'", "agent", &findings);
  ASSERT_THAT(findings.all(), SizeIs(1));
  EXPECT_EQ(findings.all()[0].outcome, SourceFinding::Outcome::kOk);
  EXPECT_EQ(findings.all()[0].words, "update in 1 table: the role 'agent' has the rights");
}

TEST(WriteRights, ColumnsAreNamedUnlessTheyAreAll) {
  EXPECT_EQ(RightOnColumns("UPDATE", {"a", "b"}, false), "UPDATE (a, b)");
  EXPECT_EQ(RightOnColumns("UPDATE", {"a", "b"}, true), "UPDATE");
  EXPECT_EQ(RightOnColumns("INSERT", {}, false), "INSERT");
}

class PostgresWriteChecks : public PostgresDatabaseTest {};

TEST_F(PostgresWriteChecks, OfAStandbyNothingElseIsTold) {
  SourceFindings of_look, findings;
  PostgresCheckLook look{
      .connection = *connection_, .role = "agent", .is_standby = true, .findings = of_look};
  CheckPostgresWrites(look, {"public", Updates(), false}, &findings);
  ASSERT_THAT(findings.all(), SizeIs(1));
  EXPECT_THAT(findings.all()[0].words, HasSubstr("the server is a standby, which accepts no writes"));
  EXPECT_THAT(findings.all()[0].next, HasSubstr("target_session_attrs=read-write"));
  EXPECT_THAT(of_look.all(), SizeIs(0));
}

}  // namespace
}  // namespace mirror::write_rights_test
