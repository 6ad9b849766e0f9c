// Which changes of a value are a fight, and how that is told.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/hub/plan/turns.h"
#include "tests/server/hub/hub_bench.h"

namespace mirror::hub_fights_test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

class HubFights : public HubTest {
 protected:
  void Begin() {
    crm().Push({{1, "1", "Ada", "Rome"}});
    erp().Push({{7, "1", "Ada", "Rome"}});
    Derive();
  }
  HubSource& Of(const std::string& name) { return name == "crm" ? crm() : erp(); }
  std::int64_t KeyOf(const std::string& name) const { return name == "crm" ? 1 : 7; }
  /// A user or a program of that system says it.
  void Say(const std::string& name, const std::string& city) {
    Of(name).Push({{KeyOf(name), "1", "Ada", city}}, {}, Operation::kUpdate);
    Derive();
  }
  /// The system applies what waits for its only row. Gives how many deliveries that were.
  std::size_t Apply(const std::string& name) {
    const std::vector<HubDelivery> taken = Fetch(name).deliveries;
    for (const HubDelivery& one : taken) {
      const std::string city = std::get<std::string>(one.columns.at("city").value);
      Of(name).Push({{KeyOf(name), "1", "Ada", city}},
                    {LedgerRow(one, ++ledger_, absl::StrCat("[", KeyOf(name), "]"), AsGiven(one))},
                    Operation::kUpdate);
      Derive();
    }
    return taken.size();
  }
  HubFile::Frozen Frozen() {
    const absl::StatusOr<HubStanding> standing = hub_->Stand();
    EXPECT_THAT(standing, IsOk());
    return standing.ok() ? standing->frozen : HubFile::Frozen();
  }
  /// Events of that kind that were heard so far.
  std::size_t Heard(HubNote::Kind kind) {
    for (const HubNote& note : hub_->Hear().notes) heard_ += note.kind == kind;
    return heard_;
  }

  std::int64_t ledger_ = 0;
  std::size_t heard_ = 0;
};

TEST_P(HubFights, ValuesThatAreHandedOnAreNoFight) {
  Begin();
  std::string at = "erp", other = "crm";
  for (const char* const status :
       {"picked", "packed", "shipped", "delivered", "invoiced", "paid", "archived"}) {
    Say(at, status);
    EXPECT_EQ(Apply(other), 1U) << status;
    std::swap(at, other);
  }
  EXPECT_EQ(Frozen().records, 0U);
  EXPECT_THAT(Fetch("crm").deliveries, IsEmpty());
  EXPECT_THAT(Fetch("erp").deliveries, IsEmpty());
}

TEST_P(HubFights, AValueThatComesBackFourTimesIsFrozenAndTold) {
  Begin();
  Say("crm", "Oslo");
  int times = 0;
  for (; Frozen().records == 0 && times < 10; ++times) {
    EXPECT_EQ(Apply("erp"), 1U);
    Say("erp", "Rome");  // As it was before: a nightly job.
    if (Frozen().records > 0) break;
    EXPECT_EQ(Apply("crm"), 1U);
    Say("crm", "Oslo");
  }
  EXPECT_EQ(times, 2) << "each of four changes was a return";
  EXPECT_THAT(Fetch("erp").deliveries, IsEmpty());
  const HubFile::Frozen frozen = Frozen();
  EXPECT_EQ(frozen.records, 1U);
  EXPECT_THAT(frozen.of_data_source, ElementsAre(std::pair("crm", 1U), std::pair("erp", 1U)));
  ASSERT_THAT(frozen.first, SizeIs(1));
  EXPECT_EQ(frozen.first[0].entity, "company");
  EXPECT_THAT(frozen.first[0].attributes, ElementsAre("city"));
  EXPECT_EQ(Heard(HubNote::Kind::kPingPong), 1U);
  const absl::StatusOr<Hub::Preview> tried = hub_->Try({.thawed = ""}, now());
  ASSERT_THAT(tried, IsOk());
  EXPECT_EQ(tried->frozen, frozen.first);
  EXPECT_THAT(hub_->Thaw(frozen.first[0].golden_id, now()), IsOkAndHolds(1U));
  EXPECT_EQ(Frozen().records, 0U);
}

TEST_P(HubFights, NewValuesWithoutAnEndAreAFightToo) {
  Begin();
  Say("crm", "run 0");
  int times = 0;
  std::string at = "erp", other = "crm";
  for (; Frozen().records == 0 && times < 100; ++times) {
    EXPECT_EQ(Apply(at), 1U);
    Say(at, absl::StrCat("run ", times + 1));
    std::swap(at, other);
  }
  EXPECT_EQ(times, static_cast<int>(kTurnsMax));
}

/// The ERP's database keeps one row of "main" alone: whoever gets it takes it from the others.
TEST_P(HubFights, ADatabaseThatUndoesADeliveryBesideAnotherIsFrozenAndThenAtRest) {
  crm().Push({{1, "1", "Ada", "plain"}, {2, "2", "Bea", "plain"}});
  erp().Push({{7, "1", "Ada", "plain"}, {8, "2", "Bea", "plain"}});
  Derive();
  crm().Push({{1, "1", "Ada", "main"}, {2, "2", "Bea", "main"}}, {}, Operation::kUpdate);
  Derive();
  std::map<std::int64_t, std::string> cities = {{7, "plain"}, {8, "plain"}};
  std::set<std::string> ids;
  int runs = 0;
  for (; runs < 12; ++runs) {
    const std::vector<HubDelivery> taken = Fetch("erp").deliveries;
    if (taken.empty()) break;
    Rows ledger, rows;
    for (const HubDelivery& one : taken) {
      EXPECT_TRUE(ids.insert(one.id).second) << "the source would not apply it again";
      const std::int64_t key = one.key == "[7]" ? 7 : 8, loser = 15 - key;
      ledger.push_back(LedgerRow(one, ++ledger_, one.key, AsGiven(one)));
      cities[key] = "main";
      if (cities[loser] != "main") continue;
      cities[loser] = "plain";
      HubDelivery beside = one;
      beside.id = one.id + "/1";
      ledger.push_back(LedgerRow(beside, ++ledger_, absl::StrCat("[", loser, "]"),
                                 {{"city", {.result = std::string("plain")}}}));
    }
    erp().Push({{7, "1", "Ada", cities[7]}, {8, "2", "Bea", cities[8]}}, ledger, Operation::kUpdate);
    Derive();
  }
  EXPECT_LT(runs, 8);
  EXPECT_GT(Frozen().records, 0U);
  EXPECT_GT(Heard(HubNote::Kind::kPingPong), 0U);
  // At rest: nothing is handed out any more, and another edit of the value that is not frozen is.
  Derive();
  EXPECT_THAT(Fetch("erp").deliveries, IsEmpty());
  EXPECT_THAT(Fetch("crm").deliveries, IsEmpty());
}

TEST_P(HubFights, ASideEffectThatAgreesWithTheRecordIsNoFight) {
  crm().Push({{1, "1", "Ada", "main"}, {2, "2", "Bea", "plain"}});
  erp().Push({{7, "1", "Ada", "main"}, {8, "2", "Bea", "plain"}});
  Derive();
  // The CRM has the same rule: each time it hands "main" over, and so does the ERP's trigger.
  for (int i = 0; i < 6; ++i) {
    const bool to_bea = i % 2 == 0;
    const char *const ada = to_bea ? "plain" : "main", *const bea = to_bea ? "main" : "plain";
    crm().Push({{1, "1", "Ada", ada}, {2, "2", "Bea", bea}}, {}, Operation::kUpdate);
    Derive();
    Rows ledger;
    for (const HubDelivery& one : Fetch("erp").deliveries) {
      ledger.push_back(LedgerRow(one, ++ledger_, one.key, AsGiven(one)));
      HubDelivery beside = one;
      beside.id = one.id + "/1";
      ledger.push_back(LedgerRow(beside, ++ledger_, one.key == "[7]" ? "[8]" : "[7]",
                                 {{"city", {.result = std::string(one.key == "[7]" ? bea : ada)}}}));
    }
    erp().Push({{7, "1", "Ada", ada}, {8, "2", "Bea", bea}}, ledger, Operation::kUpdate);
    Derive();
    EXPECT_THAT(Fetch("erp").deliveries, IsEmpty()) << i;
  }
  EXPECT_EQ(Frozen().records, 0U);
}

TEST(HubTurns, ADatabaseThatGoesOnBesideAFrozenAttributeIsNotNotedWithoutAnEnd) {
  HubRules rules;
  HubEntity entity{.name = "company"};
  entity.attributes["city"].kind = AttributeRule::Kind::kNewest;
  Component component{.rules = &rules, .entity = &entity};
  component.rows = decltype(component.rows)(RowOrder{&rules});
  GoldenRecord& record = component.records["g"];
  record.id = "g";
  record.values["city"] = {.value = std::string("Rome"), .ms = 5};
  const RowRef ref{"crm", "company", "[1]"};
  MemberRow& row = component.rows[ref];
  row.ref = ref;
  row.golden_id = "g";
  row.says["city"] = {.value = std::string("Oslo"), .word = std::string("Oslo"), .ms = 5};
  row.work.undone = {"city"};
  std::size_t frozen = 0;
  for (int derivation = 0; derivation < 20; ++derivation) frozen += FreezeUndone(&component).size();
  EXPECT_EQ(frozen, 1U);
  EXPECT_EQ(record.turns.at("city").size(), kUndoneMax);
}

INSTANTIATE_TEST_SUITE_P(Stores, HubFights, testing::Bool(), NameOfStore);

}  // namespace
}  // namespace mirror::hub_fights_test
