#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "server/watch/freshness.h"
#include "tests/server/storages/storages_bench.h"

// Storages as an operator lists them: without opening more than may be; what is told of them, and what is
// known of their tenants without being opened.

namespace mirror::storages_walk_test {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

bool ShowsAll(const std::string& /*id*/) { return true; }

std::vector<std::string> IdsOf(const Storages::Stretch& stretch) {
  std::vector<std::string> ids;
  for (const StorageInfo& storage : stretch.storages) ids.push_back(storage.id);
  return ids;
}

class StoragesWalkTest : public StoragesBench {};

TEST_F(StoragesWalkTest, StretchesFollowEachOtherInTheOrderOfTheirIds) {
  for (const char* id : {"cello", "Alto", "bass", "Drum"}) Make(id);
  AddSource("bass", "low");
  const auto first = storages_->Walk("", 3, 100, ShowsAll);
  ASSERT_THAT(first, IsOk());
  EXPECT_THAT(IdsOf(*first), ElementsAre("Alto", "bass", "cello"));
  EXPECT_EQ(first->next, "cello");
  const auto second = storages_->Walk(first->next, 3, 100, ShowsAll);
  ASSERT_THAT(second, IsOk());
  EXPECT_THAT(IdsOf(*second), ElementsAre("Drum"));
  EXPECT_EQ(second->next, "");
}

TEST_F(StoragesWalkTest, AStretchOpensNoMoreThanItMay) {
  for (const char* id : {"a", "b", "c", "d", "e"}) Make(id);
  Open();
  EXPECT_EQ(tenants_->open_count(), 0U);
  auto stretch = storages_->Walk("", 100, 2, ShowsAll);
  ASSERT_THAT(stretch, IsOk());
  EXPECT_THAT(IdsOf(*stretch), ElementsAre("a", "b"));
  EXPECT_LE(tenants_->open_count(), 2U);
  // One that is not meant is not opened.
  stretch = storages_->Walk(stretch->next, 100, 2, [](const std::string& id) { return id == "e"; });
  ASSERT_THAT(stretch, IsOk());
  EXPECT_THAT(IdsOf(*stretch), ElementsAre("e"));
  EXPECT_EQ(stretch->next, "");
  EXPECT_LE(tenants_->open_count(), 3U);
}

TEST_F(StoragesWalkTest, AStretchInWhichNoneIsAStorageIsNoEnd) {
  Make("a");
  Make("c");
  // A tenant of cycles that is a data source of another storage.
  const Caller caller{.context_id = "b", .issuer = "issuer", .environment = "prod"};
  SourceCalls(**tenants_->FindOrTakeIn(caller), "b").Mirror(People(), {{1, "Ada", 36}}, {Lsn{5}, "five"});
  ASSERT_THAT(storages_->AddSource("a", {.id = "sales", .door = Door::kCycles, .tenant = "b"}, kNow), IsOk());
  const auto stretch = storages_->Walk("a", 100, 1, ShowsAll);
  ASSERT_THAT(stretch, IsOk());
  EXPECT_THAT(stretch->storages, IsEmpty());
  EXPECT_EQ(stretch->next, "b");
  EXPECT_THAT(IdsOf(*storages_->Walk(stretch->next, 100, 1, ShowsAll)), ElementsAre("c"));
}

TEST_F(StoragesWalkTest, WhatIsMadeAndDeletedIsTold) {
  Make("Acme");
  AddSource("acme", "crm");
  Upsert("Acme--crm", {"1", "2"});
  EXPECT_THAT(catalog_.Messages("tenant.created"),
              testing::AllOf(HasSubstr("storage 'Acme' was made"),
                             HasSubstr("data source 'crm' of storage 'Acme' was made")));
  ASSERT_THAT(storages_->DeleteSource("Acme", "crm", kNow), IsOkAndHolds(2U));
  EXPECT_THAT(catalog_.Messages("mirror.deleted"), HasSubstr("with 2 rows"));
  ASSERT_THAT(storages_->Delete("Acme", kNow), IsOk());
  EXPECT_THAT(catalog_.Messages("mirror.deleted"), HasSubstr("storage 'Acme' was deleted"));
}

TEST_F(StoragesWalkTest, RowsThatComeAreInWhatIsKnownOfTheTenant) {
  Make("Acme");
  EXPECT_TRUE(Summary("Acme")->HasRecords());
  EXPECT_EQ(DoorWord(*Summary("Acme")), "records");
  EXPECT_EQ(Summary("Acme")->rows, 0);
  ASSERT_EQ(Upsert("Acme", {"1", "2", "3"}, kNow + 1'000).inserts, 3U);
  EXPECT_EQ(Summary("Acme")->rows, 3);
  EXPECT_EQ(Summary("Acme")->lsn, 1);
  EXPECT_EQ(Find("Acme")->seen_progress_ms(), kNow + 1'000);
  // The same again is no write.
  ASSERT_EQ(Upsert("Acme", {"1"}, kNow + 9'000).unchanged, 1U);
  EXPECT_EQ(Find("Acme")->seen_progress_ms(), kNow + 1'000);
  ASSERT_EQ(Delete("Acme", "2").deletes, 1U);
  EXPECT_EQ(Summary("Acme")->rows, 2);
  ASSERT_THAT(Find("Acme")->ClearRecords(kNow), IsOkAndHolds(2U));
  EXPECT_EQ(Summary("Acme")->rows, 0);
  Upsert("Acme", {"7"}, kNow);
  Open();
  EXPECT_EQ(Summary("Acme")->rows, 1);
  EXPECT_EQ(tenants_->open_count(), 0U);
  // What is read from the mirror says when rows were written, whatever else was since.
  AddSource("Acme", "crm");
  Open();
  ASSERT_THAT(Find("Acme")->TakesRecords(), IsOk());
  EXPECT_EQ(Summary("Acme")->progress_ms, kNow);
}

TEST_F(StoragesWalkTest, RowsThatComeAreInTheNumbersByTime) {
  Make("Acme");
  Upsert("Acme", {"1", "2", "3"});
  Upsert("Acme", {"4", "1"});
  const std::vector<Tenants::Seen> seen = tenants_->AllSeen();
  ASSERT_THAT(seen, SizeIs(1));
  // Of the second request one row was as it is.
  EXPECT_EQ(seen.front().rows.rows, 4U);
  EXPECT_EQ(Find("Acme")->book().At(kNow).per_second, 4U);
  EXPECT_THAT(Find("Acme")->book().Last(), IsEmpty());
  EXPECT_EQ(seen.front().rows.last_ended_ms, 0);
}

TEST_F(StoragesWalkTest, RecordsHaveNoAgeAndMissNoTarget) {
  Make("Acme");
  Upsert("Acme", {"1"});
  EXPECT_EQ(Summary("Acme")->oldest_source_ms, 0);
  FreshnessWatch watch({{"*", "*", false, 1'000}}, events_);
  watch.Look({{"Acme", Summary("Acme")}}, kNow, /*tells=*/true);
  watch.Look({{"Acme", Summary("Acme")}}, kNow + 3'600'000, /*tells=*/true);
  EXPECT_EQ(watch.Missed("Acme"), 0U);
  EXPECT_THAT(catalog_.Kinds(), testing::Not(Contains("freshness.missed")));
}

}  // namespace
}  // namespace mirror::storages_walk_test
