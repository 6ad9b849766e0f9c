// Tables of members that are gone, or that were dropped and made again.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/tenant/mirror/feed_tables.h"
#include "tests/server/hub/hub_bench.h"
#include "tests/support/forwarding_store.h"

namespace mirror::hub_tables_test {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

const Rows kBoth = {{1, "1", "Ada", "Rome"}, {2, "2", "Bea", "Bern"}};

class HubTables : public HubTest {
 protected:
  /// Both have both companies, and what is deleted in one is deleted in the other.
  void Begin() {
    rules_.entities[0].delete_any = true;
    Restart();
    erp().table_id = 7;
    crm().Push(kBoth);
    erp().Push(kBoth);
    Derive();
  }
  MemberState StateOf(const std::string& name) {
    const absl::StatusOr<HubStanding> standing = hub_->Stand();
    EXPECT_THAT(standing, IsOk());
    for (const MemberState& member : standing->members) {
      if (member.data_source == name) return member;
    }
    return {};
  }
  /// Somebody changes a document of the ERP's mirror by hand.
  void Spoil(const std::string& kind, const std::string& text) {
    place_->ChangeMirror("erp", absl::StrCat("UPDATE _mirror_documents SET text = '", text,
                                             "' WHERE kind = '", kind, "' AND id = ''"));
  }
  FeedTables NotedTables() {
    const auto store = place_->OpenStore("erp", false);
    EXPECT_THAT(store, IsOk());
    const absl::StatusOr<FeedTables> tables = ReadFeedTables((*store)->records());
    EXPECT_THAT(tables, IsOk());
    return tables.value_or(FeedTables{});
  }
  bool IsSuspended(const std::string& name) { return StateOf(name).feed.suspended.has_value(); }
  /// What would be deleted in the other system.
  std::size_t Deletes() {
    std::size_t deletes = 0;
    for (const HubDelivery& one : Fetch("crm").deliveries) deletes += one.operation == HubOperation::kDelete;
    return deletes;
  }
};

TEST_P(HubTables, OneThatIsGoneSuspendsItsMemberUntilSomebodySaysWhatCounts) {
  Begin();
  erp().PushWithoutCompanies();
  Derive();
  EXPECT_TRUE(IsSuspended("erp"));
  EXPECT_FALSE(IsSuspended("crm"));
  EXPECT_THAT(StateOf("erp").trouble, HasSubstr("has no table 'company' any more"));
  EXPECT_EQ(Deletes(), 0U);
  // Empty, as an upgrade makes it.
  erp().PushAnew({});
  Derive();
  EXPECT_TRUE(IsSuspended("erp"));
  EXPECT_THAT(StateOf("erp").trouble, HasSubstr("dropped table 'company'"));
  EXPECT_EQ(Deletes(), 0U);
  EXPECT_THAT(hub_->Resume({{"erp", ResumeMode::kOurs}}, now()), IsOk());
  EXPECT_FALSE(IsSuspended("erp"));
  EXPECT_EQ(Deletes(), 0U);
  EXPECT_THAT(Fetch("erp").deliveries, SizeIs(2)) << "what the hub knew is given back";
  Derive();
  EXPECT_FALSE(IsSuspended("erp"));
}

TEST_P(HubTables, OneThatWasMadeAnewBetweenTwoCyclesSuspendsItsMemberWhereRowsAreMissing) {
  Begin();
  ++erp().table_id;
  erp().PushAnew({kBoth[0]});
  Derive();
  EXPECT_TRUE(IsSuspended("erp"));
  EXPECT_EQ(Deletes(), 0U);
  EXPECT_EQ(Count("SELECT count(*) FROM golden_company_member WHERE data_source = 'erp'"), 2);
  erp().Push({});
  ASSERT_THAT(hub_->Resume({{"erp", ResumeMode::kTheirs}}, now()), IsOk());
  EXPECT_EQ(Deletes(), 0U);
  EXPECT_EQ(Count("SELECT count(*) FROM golden_company_member WHERE data_source = 'erp'"), 1);
}

TEST_P(HubTables, OneThatWasAwayBetweenTwoDerivationsIsNoticedWithoutANumber) {
  erp().table_id = 0;
  rules_.entities[0].delete_any = true;
  Restart();
  crm().Push(kBoth);
  erp().Push(kBoth);
  Derive();
  erp().PushWithoutCompanies();
  erp().PushAnew({});
  Derive();
  EXPECT_TRUE(IsSuspended("erp"));
  EXPECT_EQ(Deletes(), 0U);
}

TEST_P(HubTables, OneThatWasMadeAnewIsNotForgottenByADerivationBeforeItsRows) {
  rules_.entities[0].delete_any = true;
  Restart();
  erp().identity = 7;
  crm().Push(kBoth);
  erp().Push(kBoth);
  Derive();
  ++erp().identity;
  erp().BreakOffBeforeRows();
  crm().Push({{3, "3", "Cem", "Kars"}});
  Derive();
  EXPECT_FALSE(IsSuspended("erp")) << "its rows are still there";
  erp().PopulateNext();
  erp().Push({kBoth[0]});
  Derive();
  EXPECT_TRUE(IsSuspended("erp"));
  EXPECT_EQ(Deletes(), 0U);
}

TEST_P(HubTables, OneThatWasMadeAnewWithAllItsRowsIsReadOn) {
  Begin();
  ++erp().table_id;
  erp().PushAnew({{1, "1", "Ada", "Oslo"}, kBoth[1]});  // A migration that copies, and an edit.
  Derive();
  EXPECT_FALSE(IsSuspended("erp"));
  ASSERT_THAT(Fetch("crm").deliveries, SizeIs(1));
  EXPECT_EQ(Fetch("crm").deliveries[0].columns.at("city").value, Literal(std::string("Oslo")));
  // What is deleted later was deleted by somebody.
  erp().Push({{2}}, {}, Operation::kDelete);
  Derive();
  EXPECT_FALSE(IsSuspended("erp"));
  EXPECT_EQ(Deletes(), 1U);
}

TEST_P(HubTables, WhatADeletionLeavesInTheSameTableIsAWish) {
  Begin();
  erp().Push({{1}, {2}}, {}, Operation::kDelete);
  Derive();
  EXPECT_FALSE(IsSuspended("erp"));
  EXPECT_EQ(Deletes(), 2U);
}

// --- Another server, at the same time ---

/// Does something at the n-th time that something is read of the mirror.
class InterruptedStore final : public ForwardingStore {
 public:
  InterruptedStore(std::unique_ptr<Store> store, std::function<void()> at_reading)
      : ForwardingStore(std::move(store)), at_reading_(std::move(at_reading)) {}
  StoreRecords& records() override {
    at_reading_();
    return ForwardingStore::records();
  }
  absl::StatusOr<std::unique_ptr<Snapshot>> OpenSnapshot() override {
    at_reading_();
    return ForwardingStore::OpenSnapshot();
  }

 private:
  const std::function<void()> at_reading_;
};

TEST_P(HubTables, ACycleThatAnotherServerCompletesAtAnyMomentOfALookIsReadWithWhatItNoted) {
  if (!GetParam()) GTEST_SKIP() << "one server has a mirror in SQLite";
  TenantOptions options;
  options.steady_now = &StillTime;
  options.journal.rules.push_back({.journal = true});
  Begin();
  for (int moment = 1; moment <= 4; ++moment) {
    SCOPED_TRACE(moment);
    int readings = -1;  // Nothing happens before the hub looks.
    const auto open = [&](bool create) -> absl::StatusOr<std::unique_ptr<Store>> {
      absl::StatusOr<std::unique_ptr<Store>> store = place_->OpenStore("erp", create);
      if (!store.ok()) return store.status();
      return std::make_unique<InterruptedStore>(*std::move(store), [&] {
        if (readings < 0 || ++readings != moment) return;
        ++erp().table_id;
        erp().PushAnew({kBoth[0]});
      });
    };
    const auto here = std::make_shared<Tenant>("erp", open, options, events_, [](Tenant&) {});
    ASSERT_THAT(here->Tables(), IsOk()) << "it is open";
    hub_ = std::make_unique<Hub>(rules_, place_->files(),
                                 [&](const std::string& name) -> absl::StatusOr<std::shared_ptr<Tenant>> {
                                   return name == "crm" ? crm().tenant() : here;
                                 });
    readings = 0;
    Derive();
    ASSERT_GE(readings, moment);
    Derive();
    EXPECT_TRUE(IsSuspended("erp"));
    EXPECT_EQ(Deletes(), 0U);
    erp().PushAnew(kBoth);
    ASSERT_THAT(hub_->Resume({{"erp", ResumeMode::kTheirs}}, now()), IsOk());
    hub_.reset();
  }
}

// --- Notes that somebody changed by hand ---

TEST_P(HubTables, ASpoiledNoteStopsNobodyAndIsWrittenAnew) {
  Begin();
  for (const char* const text :
       {"no JSON", "[1]", "{}", R"({"identities":{"company":"x"},"gone":[],"remade":{}})"}) {
    SCOPED_TRACE(text);
    Spoil("feed_tables", text);
    EXPECT_TRUE(NotedTables().is_spoiled);
    Derive();
    EXPECT_FALSE(IsSuspended("erp")) << "all rows are there";
    EXPECT_TRUE(NotedTables().is_spoiled) << "only an announcement tells which tables there are";
    erp().Push({});
    EXPECT_FALSE(NotedTables().is_spoiled);
    EXPECT_TRUE(NotedTables().IsRemade("company"));
    Derive();
    EXPECT_FALSE(IsSuspended("erp"));
    EXPECT_FALSE(NotedTables().IsRemade("company"));
  }
  EXPECT_EQ(Deletes(), 0U);
}

TEST_P(HubTables, ASpoiledNoteHidesNoTableThatWasMadeAnew) {
  Begin();
  for (const bool is_spoiled_before : {true, false}) {
    SCOPED_TRACE(is_spoiled_before);
    if (is_spoiled_before) Spoil("feed_tables", "no JSON");
    ++erp().table_id;
    erp().PushAnew({kBoth[0]});
    if (!is_spoiled_before) Spoil("feed_tables", "no JSON");
    Derive();
    EXPECT_TRUE(IsSuspended("erp"));
    EXPECT_THAT(StateOf("erp").trouble,
                HasSubstr(is_spoiled_before ? "dropped table 'company'" : "the document 'feed_tables'"));
    EXPECT_EQ(Deletes(), 0U);
    erp().PushAnew(kBoth);
    ASSERT_THAT(hub_->Resume({{"erp", ResumeMode::kTheirs}}, now()), IsOk());
  }
}

TEST_P(HubTables, AMirrorWhoseNoteOfTheHubIsSpoiledGoesOnAndSuspendsTheHubsMembers) {
  Begin();
  Spoil("feed", "no JSON");
  erp().Push({{3, "3", "Cem", "Kars"}});
  Derive();
  EXPECT_TRUE(IsSuspended("erp"));
  EXPECT_TRUE(IsSuspended("crm"));
  const std::int64_t suspended = now();
  for (HubSource* const source : {&crm(), &erp()}) source->PushBehind(suspended);
  ASSERT_THAT(hub_->Resume({{"erp", ResumeMode::kTheirs}, {"crm", ResumeMode::kTheirs}}, now()), IsOk());
  EXPECT_FALSE(IsSuspended("erp"));
  EXPECT_FALSE(IsSuspended("crm"));
  EXPECT_THAT(Fetch("crm").deliveries, SizeIs(1));
  // Also where it is opened with a spoiled note.
  Spoil("feed", "[]");
  erp().Open(true, events_);
  erp().Push({});
  Derive();
  EXPECT_TRUE(IsSuspended("erp"));
}

INSTANTIATE_TEST_SUITE_P(Stores, HubTables, testing::Bool(), NameOfStore);

}  // namespace
}  // namespace mirror::hub_tables_test
