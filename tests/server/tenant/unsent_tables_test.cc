// Tables that a source could not send: what a mirror keeps of them, and when that is gone again.

#include "server/tenant/mirror/unsent_tables.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/folded_name.h"
#include "server/tenant/mirror/mirror_feed.h"
#include "server/tenant/tenant_list.h"
#include "tests/server/tenant/servers_bench.h"
#include "tests/server/tenant/tenant_bench.h"

namespace mirror::unsent_tables_test {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

const Position kFirst{Lsn{5}, "five"};
constexpr std::int64_t kNow = 1'700'000'000'000;

/// A cycle that announces `people`, sends nothing, and says of these tables that it could not send them.
void CycleWithout(Tenant& tenant, SourceCalls& calls, const std::vector<UnsentTable>& unsent) {
  calls.Begin();
  ASSERT_THAT(calls.Announce({People()}), IsOk());
  ASSERT_THAT(tenant.Complete(calls.caller, calls.cycle, {}, calls.now, std::nullopt, unsent), IsOk());
}

TenantState StateOfSummary(const TenantSummary& summary) {
  return StateOf(
      ListedTenant{.context_id = "ctx", .summary = std::make_shared<const TenantSummary>(summary)});
}

class UnsentTablesOfATenant : public TenantBench {
 protected:
  void SetUp() override {
    source_->Mirror(People(), {{1, "Ada", 36}}, kFirst);
    ASSERT_EQ(StateOfSummary(tenant_->summary()), TenantState::kGood);
  }
  void Cycle(const std::vector<UnsentTable>& unsent) { CycleWithout(*tenant_, *source_, unsent); }
  /// "people: rows" of each table that is shown as unsent.
  std::vector<std::string> Shown() {
    std::vector<std::string> shown;
    const absl::StatusOr<std::vector<TableInfo>> tables = tenant_->Tables();
    EXPECT_THAT(tables, IsOk());
    if (!tables.ok()) return shown;
    for (const TableInfo& table : *tables) {
      if (!table.unsent) continue;
      shown.push_back(absl::StrCat(table.record.table, ": ", std::string(ToString(table.unsent->reason)),
                                   table.is_agreed ? "" : ", not agreed"));
    }
    return shown;
  }
};

TEST_F(UnsentTablesOfATenant, AreAProblemUntilACycleSendsThem) {
  Cycle({{"PEOPLE", UnsentReason::kRows}});
  EXPECT_EQ(tenant_->summary().tables_unsent, 1U);
  EXPECT_EQ(StateOfSummary(tenant_->summary()), TenantState::kUnsent);
  EXPECT_THAT(Shown(), ElementsAre("people: rows"));
  EXPECT_EQ(catalog_.LastSeverity("tables.unsent"), Severity::kWarning);
  EXPECT_THAT(catalog_.Messages("tables.unsent"),
              AllOf(HasSubstr("could not send 1 table: PEOPLE (reading its rows failed"),
                    HasSubstr("'mirrorctl tables ctx'")));
  const std::int64_t since = tenant_->Tables()->at(0).unsent->since_ms;
  EXPECT_EQ(since, source_->now);

  // It is told once, and kept over a restart of the server.
  Cycle({{"people", UnsentReason::kRows}});
  Restart();
  EXPECT_THAT(Shown(), ElementsAre("people: rows"));
  EXPECT_EQ(tenant_->summary().tables_unsent, 1U);
  EXPECT_EQ(tenant_->Tables()->at(0).unsent->since_ms, since);
  const std::vector<std::string> kinds = catalog_.Kinds();
  EXPECT_EQ(std::count(kinds.begin(), kinds.end(), "tables.unsent"), 1);

  Cycle({});
  EXPECT_THAT(Shown(), IsEmpty());
  EXPECT_EQ(tenant_->summary().tables_unsent, 0U);
  EXPECT_EQ(StateOfSummary(tenant_->summary()), TenantState::kGood);
  EXPECT_THAT(catalog_.Messages("tables.sent_again"), HasSubstr("people"));
  EXPECT_EQ(Partner(path()).One("SELECT count(*) FROM _mirror_documents"), Cell(std::int64_t{0}));
}

TEST_F(UnsentTablesOfATenant, ThatWereNeverAnnouncedAreShownBesideTheOthers) {
  Cycle({{"People", UnsentReason::kTwin}, {"odd\nname", UnsentReason::kNotAnnounced}});
  EXPECT_THAT(Shown(), ElementsAre("odd\\nname: not announced, not agreed", "People: twin, not agreed"));
  EXPECT_EQ(tenant_->summary().tables_unsent, 2U);
  EXPECT_EQ(tenant_->summary().tables, 1U);
}

TEST_F(UnsentTablesOfATenant, StayWhereACycleSpeaksOfNoTable) {
  Cycle({{"people", UnsentReason::kUnreadable}});
  source_->Begin();
  ASSERT_THAT(source_->Complete(), IsOk());
  EXPECT_EQ(tenant_->summary().tables_unsent, 1U) << "nothing was announced";
}

TEST_F(UnsentTablesOfATenant, ThatTheNextCycleOfTheRunSendsAreNoNews) {
  Cycle({{"people", UnsentReason::kAgain}});
  EXPECT_EQ(tenant_->summary().tables_unsent, 0U);
  Cycle({{"people", UnsentReason::kMoved}});
  Cycle({{"people", UnsentReason::kAgain}});
  EXPECT_THAT(Shown(), ElementsAre("people: moved")) << "it was not sent yet";
}

TEST_F(UnsentTablesOfATenant, ACycleThatSendsAllWritesNothingBeside) {
  Cycle({});
  EXPECT_THAT(catalog_.Kinds(), Not(Contains("tables.unsent")));
  EXPECT_EQ(Partner(path()).One("SELECT count(*) FROM sqlite_schema WHERE name = '_mirror_documents'"),
            Cell(std::int64_t{0}));
}

TEST_F(UnsentTablesOfATenant, ADocumentThatSomebodyChangedByHandIsWrittenAnew) {
  Cycle({{"people", UnsentReason::kRows}});
  for (const char* const text : {"", "7", "{\"tables\": 7}", "{\"tables\": [7, {\"reason\": \"x\"}]}"}) {
    ByHand(absl::StrCat("UPDATE _mirror_documents SET text = '", text, "' WHERE kind = 'unsent'"));
    Restart();
    EXPECT_THAT(tenant_->Tables(), IsOk()) << text;
  }
  Cycle({{"people", UnsentReason::kRows}});
  EXPECT_THAT(Shown(), ElementsAre("people: rows"));
}

TEST(UnsentTablesTest, AreKeptUpToABoundAndCountedBeyondIt) {
  std::vector<UnsentTable> told;
  for (std::size_t i = 0; i < UnsentTables::kKept + 7; ++i) {
    told.push_back({absl::StrCat("t", i), UnsentReason::kUnreadable});
  }
  told.push_back({"T0", UnsentReason::kUnreadable});
  told.push_back({std::string(10'000, 'n'), UnsentReason::kUnreadable});
  const UnsentTables kept = AfterCycle({}, told, {}, kNow);
  EXPECT_EQ(kept.tables.size(), UnsentTables::kKept);
  EXPECT_EQ(kept.count, told.size());
  const std::string text = *Write(kept).text;
  EXPECT_LT(text.size(), std::size_t{1} << 20);
  EXPECT_EQ(Write(UnsentTables()).text, std::nullopt);
}

TEST(UnsentTablesTest, ThatTheMirrorItselfRefusedItShowsByItself) {
  const UnsentTables kept = AfterCycle(
      {}, {{"Mine", UnsentReason::kEndpoint}, {"b", UnsentReason::kEndpoint}}, {FoldName("Mine")}, kNow);
  ASSERT_EQ(kept.tables.size(), 1U);
  EXPECT_EQ(kept.tables[0], (UnsentTable{"b", UnsentReason::kEndpoint, kNow}));
}

TEST(UnsentTablesTest, AHubReadsAMemberTableWhoseTwinCannotBeAnnounced) {
  const MirrorFeed feed =
      AtCompletion({}, {}, {{"COMPANY", UnsentReason::kTwin}, {"Person", UnsentReason::kRows}});
  EXPECT_FALSE(feed.LacksRowsOf("company"));
  EXPECT_TRUE(feed.LacksRowsOf("person"));
}

TEST(UnsentTablesTest, AHubReadsNoNameThatNoTableIsAnnouncedWith) {
  std::vector<UnsentTable> told;
  for (int i = 0; i < 50; ++i) {
    told.push_back({absl::StrCat(i, std::string(100'000, 'n')), UnsentReason::kRows});
  }
  told.push_back({"Person", UnsentReason::kRows});
  const MirrorFeed feed = AtCompletion({}, {}, told);
  EXPECT_TRUE(feed.LacksRowsOf("person"));
  EXPECT_EQ(feed.unsent.size(), 1U);
}

TEST(UnsentTablesTest, OneThatIsNotNamedAmongTooManyIsNotCalledSentAgain) {
  UnsentTables before{.tables = {{"z", UnsentReason::kRows, kNow}}, .count = 1};
  std::vector<UnsentTable> told = before.tables;
  for (std::size_t i = 0; i < UnsentTables::kKept; ++i) {
    told.push_back({absl::StrCat("t", i), UnsentReason::kUnreadable});
  }
  const UnsentTables next = AfterCycle(before, told, {}, kNow);
  ASSERT_EQ(next.Find("z"), nullptr);
  EXPECT_THAT(NewsOf(before, next).sent_again, IsEmpty());
  EXPECT_THAT(NewsOf(before, {}).sent_again, ElementsAre("z"));
}

/// In PostgreSQL, with two servers that have the same mirror.
class UnsentTablesAtServers : public ServersBench {};

TEST_F(UnsentTablesAtServers, AreGoneWithACycleAtAnotherServer) {
  StartServers(2);
  At(0).Mirror(People(), {{1, "Ada", 36}}, kFirst);
  SourceCalls& first = At(0);
  CycleWithout(tenant(), first, {{"people", UnsentReason::kRows}});
  EXPECT_EQ(TenantAt(0)->summary().tables_unsent, 1U);
  SourceCalls& second = At(1);
  CycleWithout(tenant(), second, {{"people", UnsentReason::kRows}});
  EXPECT_EQ(TenantAt(1)->summary().tables_unsent, 1U);
  SourceCalls& third = At(0);
  CycleWithout(tenant(), third, {});
  EXPECT_EQ(TenantAt(0)->summary().tables_unsent, 0U);
  EXPECT_EQ(TenantAt(1)->Tables()->at(0).unsent, std::nullopt);
  SourceCalls& fourth = At(1);
  CycleWithout(tenant(), fourth, {});
  EXPECT_EQ(TenantAt(1)->summary().tables_unsent, 0U);
}

}  // namespace
}  // namespace mirror::unsent_tables_test
