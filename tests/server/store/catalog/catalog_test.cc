#include "server/store/catalog/catalog.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/support/kept_catalog.h"
#include "tests/support/processes.h"
#include "tests/support/status_matchers.h"

namespace mirror::catalog_test {
namespace {

using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;
using testing::Pair;
using testing::SizeIs;

EventRecord Event(const std::string& context_id, const std::string& kind) {
  EventRecord event;
  event.time_ms = 1'800'000'000'000;
  event.context_id = context_id;
  event.kind = kind;
  event.message = "words";
  return event;
}

class CatalogTest : public CatalogOfEachKind {
 protected:
  void SetUp() override {
    CatalogOfEachKind::SetUp();
    if (!kept_) return;
    ASSERT_THAT(kept_->Open(), IsOk());
  }
  Catalog& catalog() { return *kept_->catalog; }
};

TEST_P(CatalogTest, EventsGetGrowingIdsAndSurviveARestart) {
  const auto first = catalog().AddEvent(Event("Cust1", "a"));
  const auto second = catalog().AddEvent(Event("Cust2", "b"));
  ASSERT_THAT(first, IsOk());
  ASSERT_THAT(second, IsOk());
  EXPECT_GT(second->id, first->id);

  ASSERT_THAT(kept_->Open(), IsOk());

  EXPECT_THAT(catalog().LastEvents({}, 0, 10),
              IsOkAndHolds(ElementsAre(Field(&EventRecord::kind, "a"), Field(&EventRecord::kind, "b"))));
  EXPECT_THAT(catalog().LastEvents({.context_id = "Cust2"}, 0, 10),
              IsOkAndHolds(ElementsAre(Field(&EventRecord::kind, "b"))));
  EXPECT_THAT(catalog().LastEvents({}, 0, 1), IsOkAndHolds(ElementsAre(Field(&EventRecord::kind, "b"))));
  EXPECT_THAT(catalog().EventsAfter("", first->id, 10),
              IsOkAndHolds(ElementsAre(Field(&EventRecord::kind, "b"))));
  EXPECT_THAT(catalog().EventsAfter("", UINT64_MAX, 10), IsOkAndHolds(SizeIs(0)));
}

TEST_P(CatalogTest, OldestEventsOfATenantGoFirst) {
  kept_->AddOld("Cust1", kEventsPerTenantMax + 500);

  for (int i = 0; i < 300; ++i) ASSERT_THAT(catalog().AddEvent(Event("Cust1", "new")), IsOk());

  EXPECT_LE(kept_->Ask("SELECT count(*) FROM event"), kEventsPerTenantMax + kEventsPruneEvery);
  EXPECT_GE(kept_->Ask("SELECT count(*) FROM event"), kEventsPerTenantMax);
  EXPECT_EQ(kept_->Ask("SELECT count(*) FROM event WHERE kind = 'new'"), 300);
  EXPECT_GT(kept_->Ask("SELECT min(id) FROM event"), 500);
}

TEST_P(CatalogTest, ANoisyTenantPushesOutNoOthersEvents) {
  ASSERT_THAT(catalog().AddEvent(Event("Quiet", "a")), IsOk());
  ASSERT_THAT(catalog().AddEvent(Event("", "server")), IsOk());

  for (int i = 0; i < kEventsPerTenantMax + 300; ++i) {
    ASSERT_THAT(catalog().AddEvent(Event("Noisy", "b")), IsOk());
  }

  EXPECT_THAT(catalog().LastEvents({.context_id = "Quiet"}, 0, 10), IsOkAndHolds(SizeIs(1)));
  EXPECT_EQ(kept_->Ask("SELECT count(*) FROM event WHERE kind = 'server'"), 1);
  EXPECT_LE(kept_->Ask("SELECT count(*) FROM event WHERE context_id = 'Noisy'"),
            kEventsPerTenantMax + kEventsPruneEvery);
}

TEST_P(CatalogTest, TheNormalCourseOfThingsPushesNoErrorOut) {
  EventRecord error = Event("Cust1", "cycle.failed");
  error.severity = Severity::kError;
  ASSERT_THAT(catalog().AddEvent(error), IsOk());
  kept_->AddOld("Cust1", 3 * kEventsPerTenantMax);

  for (int i = 0; i < 2 * kEventsPruneEvery; ++i) {
    ASSERT_THAT(catalog().AddEvent(Event("Cust1", "cycle.completed")), IsOk());
  }

  EXPECT_LE(kept_->Ask("SELECT count(*) FROM event"), kEventsPerTenantMax + kEventsPruneEvery + 1);
  EXPECT_THAT(catalog().LastEvents({.severity = Severity::kWarning}, 0, 10),
              IsOkAndHolds(ElementsAre(Field(&EventRecord::kind, "cycle.failed"))));

  for (int i = 0; i < 2 * kEventsPerTenantMax; ++i) ASSERT_THAT(catalog().AddEvent(error), IsOk());
  EXPECT_LE(kept_->Ask("SELECT count(*) FROM event WHERE severity > 1"),
            kEventsPerTenantMax + kEventsPruneEvery);
}

TEST_P(CatalogTest, OfAllEventsThoseOfMereInformationGoFirst) {
  EventRecord error = Event("Cust0", "cycle.failed");
  error.severity = Severity::kError;
  ASSERT_THAT(catalog().AddEvent(error), IsOk());
  kept_->AddOld("Cust1", kEventsMax + 500);

  for (int i = 0; i < 2 * kEventsPruneEvery; ++i) {
    ASSERT_THAT(catalog().AddEvent(Event(absl::StrCat("Cust", i + 2), "new")), IsOk());
  }

  EXPECT_EQ(kept_->Ask("SELECT count(*) FROM event WHERE kind = 'cycle.failed'"), 1);
}

TEST_P(CatalogTest, EventsAreFoundByTenantSeverityKindAgeAndPage) {
  // More than one look, with a gap of ids as a catalog has that took a damaged one's place.
  kept_->AddOld("Old", 2 * kEventIdsPerLook);
  kept_->SkipIds(1'000'000);
  std::vector<std::uint64_t> ids;
  for (const auto& [tenant, severity, kind] : std::vector<std::tuple<std::string, Severity, std::string>>{
           {"Cust1", Severity::kError, "cycle.failed"},
           {"Cust2", Severity::kWarning, "mirror.replaced"},
           {"Cust1", Severity::kInformation, "cycle.completed"},
           {"Cust2", Severity::kError, "cycle.failed"}}) {
    EventRecord event = Event(tenant, kind);
    event.severity = severity;
    event.time_ms = 1'000'000 + static_cast<std::int64_t>(ids.size());
    const auto added = catalog().AddEvent(event);
    ASSERT_THAT(added, IsOk());
    ids.push_back(added->id);
  }
  const auto found = [&](const EventFilter& filter, std::uint64_t before_id, std::uint32_t limit) {
    std::vector<std::uint64_t> found_ids;
    const auto events = catalog().LastEvents(filter, before_id, limit);
    EXPECT_THAT(events, IsOk());
    if (events.ok()) {
      for (const EventRecord& event : *events) found_ids.push_back(event.id);
    }
    return found_ids;
  };
  EXPECT_THAT(found({.severity = Severity::kWarning}, 0, 10), ElementsAre(ids[0], ids[1], ids[3]));
  EXPECT_THAT(found({.severity = Severity::kError}, 0, 1), ElementsAre(ids[3]));
  EXPECT_THAT(found({.severity = Severity::kError}, ids[3], 1), ElementsAre(ids[0]));
  EXPECT_THAT(found({.kind = "cycle.*"}, 0, 10), ElementsAre(ids[0], ids[2], ids[3]));
  EXPECT_THAT(found({.kind = "cycle.fail"}, 0, 10), ElementsAre());
  EXPECT_THAT(found({.context_id = "Cust1", .kind = "*failed"}, 0, 10), ElementsAre(ids[0]));
  EXPECT_THAT(found({.since_ms = 1'000'002}, 0, 10), ElementsAre(ids[2], ids[3]));
  EXPECT_THAT(found({.context_id = "Old"}, 3, 10), ElementsAre(1, 2));
  EXPECT_THAT(found({.kind = "none"}, 0, 10), ElementsAre());
}

TEST_P(CatalogTest, OldestEventsOfAllGoFirst) {
  kept_->AddOld("Cust1", kEventsMax + 500);

  for (int i = 0; i < 2 * kEventsPruneEvery; ++i) {
    ASSERT_THAT(catalog().AddEvent(Event(absl::StrCat("Cust", i + 2), "new")), IsOk());
  }

  EXPECT_LE(kept_->Ask("SELECT count(*) FROM event"), kEventsMax + kEventsPruneEvery);
  EXPECT_EQ(kept_->Ask("SELECT count(*) FROM event WHERE kind = 'new'"), 2 * kEventsPruneEvery);
}

TEST_P(CatalogTest, ManyThreadsMayUseIt) {
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([this] {
      for (int i = 0; i < 50; ++i) {
        EXPECT_THAT(catalog().AddEvent(Event("Cust1", "a")), IsOk());
        EXPECT_THAT(catalog().LastEvents({}, 0, 5), IsOk());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(kept_->Ask("SELECT count(*) FROM event"), 200);
}

TEST_P(CatalogTest, KindsArePatternsOfOneSignAlone) {
  for (const char* const kind : {"a_b", "axb", "a%b", "a\\b"}) {
    ASSERT_THAT(catalog().AddEvent(Event("Cust1", kind)), IsOk());
  }
  for (const char* const kind : {"a_b", "a%b", "a\\b"}) {
    EXPECT_THAT(catalog().LastEvents({.kind = kind}, 0, 10),
                IsOkAndHolds(ElementsAre(Field(&EventRecord::kind, kind))));
  }
}

TEST_P(CatalogTest, WhatIsNoTextDoesNotStopAnEvent) {
  EventRecord event = Event("Cust1", "odd");
  event.message = std::string("a\xff b") + '\0' + "c";
  ASSERT_THAT(catalog().AddEvent(event), IsOk());
  EXPECT_THAT(catalog().LastEvents({}, 0, 1),
              IsOkAndHolds(ElementsAre(Field(&EventRecord::message, HasSubstr(" b")))));
}

TEST_P(CatalogTest, SummariesAreKeptUntilTheyAreEmpty) {
  ASSERT_THAT(catalog().KeepSummaries({{"Cust1", "{}"}, {"Cust2", "old"}}), IsOk());
  ASSERT_THAT(catalog().KeepSummaries({{"Cust1", ""}, {"Cust2", "new"}}), IsOk());
  ASSERT_THAT(kept_->Open(), IsOk());
  EXPECT_THAT(catalog().Summaries(), IsOkAndHolds(ElementsAre(Pair("Cust2", "new"))));
}

TEST_P(CatalogTest, ASummaryThatAnotherServerKeptIsGivenAndLeft) {
  ASSERT_THAT(catalog().KeepSummaries({{"Cust1", "read"}, {"Cust2", "theirs"}, {"Cust4", "theirs"}}), IsOk());
  const auto is_known = [](const std::string& context_id, const std::string& kept) {
    return kept == (context_id == "Cust1" || context_id == "Cust5" ? "read" : "");
  };
  const std::map<std::string, std::string> ours{
      {"Cust1", "ours"}, {"Cust2", "ours"}, {"Cust3", "ours"}, {"Cust5", "ours"}};
  EXPECT_THAT(catalog().KeepKnownSummaries(ours, is_known),
              IsOkAndHolds(ElementsAre(Pair("Cust2", "theirs"), Pair("Cust5", ""))));
  EXPECT_THAT(catalog().Summaries(),
              IsOkAndHolds(ElementsAre(Pair("Cust1", "ours"), Pair("Cust2", "theirs"), Pair("Cust3", "ours"),
                                       Pair("Cust4", "theirs"))));
}

INSTANTIATE_FOR_EACH_CATALOG(CatalogTest);

class CatalogFileTest : public testing::Test {
 protected:
  void SetUp() override { Open(); }

  void Open() {
    catalog_.reset();
    auto opened = OpenSqliteCatalog(folder_.path());
    ASSERT_THAT(opened, IsOk());
    catalog_ = *std::move(opened);
  }
  std::string path() const { return folder_.path() + "/catalog.db"; }

  std::vector<std::string> DamagedFiles() const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(folder_.path())) {
      const std::string name = entry.path().filename().string();
      if (name.starts_with("catalog.db.damaged-") && !name.ends_with("-wal") && !name.ends_with("-shm")) {
        names.push_back(name);
      }
    }
    return names;
  }

  TempFolder folder_;
  std::unique_ptr<Catalog> catalog_;
};

TEST_F(CatalogFileTest, GarbageIsMovedAsideAndACatalogMadeAnew) {
  ASSERT_THAT(catalog_->AddEvent(Event("Cust1", "a")), IsOk());
  catalog_.reset();
  WriteFileText(path(), std::string(20'000, 'x'));

  Open();

  EXPECT_THAT(catalog_->LastEvents({}, 0, 10), IsOkAndHolds(SizeIs(0)));
  EXPECT_THAT(catalog_->AddEvent(Event("Cust1", "b")), IsOk());
  ASSERT_THAT(DamagedFiles(), SizeIs(1));
  EXPECT_EQ(ReadFileText(folder_.path() + "/" + DamagedFiles().front()), std::string(20'000, 'x'));
}

TEST_F(CatalogFileTest, DamageThatShowsLaterIsMovedAsideToo) {
  for (int i = 0; i < 500; ++i) ASSERT_THAT(catalog_->AddEvent(Event("Cust1", "a")), IsOk());
  const auto last = catalog_->LastEvents({}, 0, 1);
  ASSERT_THAT(last, IsOkAndHolds(SizeIs(1)));
  catalog_.reset();
  {
    // Everything but the first page, which says what tables there are.
    std::fstream file(path(), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(4096);
    const auto size = static_cast<std::size_t>(std::filesystem::file_size(path()));
    ASSERT_GT(size, 8192U);
    file << std::string(size - 4096, '\xA5');
  }
  Open();

  const auto added = catalog_->AddEvent(Event("Cust1", "b"));

  ASSERT_THAT(added, IsOk());
  EXPECT_GT(added->id, last->front().id) << "who follows events has seen lower ids";
  EXPECT_THAT(catalog_->LastEvents({}, 0, 10), IsOkAndHolds(ElementsAre(Field(&EventRecord::kind, "b"))));
  EXPECT_THAT(DamagedFiles(), SizeIs(1));
}

TEST_F(CatalogFileTest, LogOfADamagedFileIsNotReadIntoTheNewOne) {
  ASSERT_THAT(catalog_->AddEvent(Event("Cust1", "a")), IsOk());
  Open();
  // Now only the pages of this event are in the log; the first page is in the file.
  ASSERT_THAT(catalog_->AddEvent(Event("Cust1", "b")), IsOk());
  const std::string log = ReadFileText(path() + "-wal");
  ASSERT_FALSE(log.empty());
  catalog_.reset();
  WriteFileText(path(), std::string(20'000, 'x'));
  WriteFileText(path() + "-wal", log);

  Open();

  EXPECT_THAT(catalog_->LastEvents({}, 0, 10), IsOkAndHolds(SizeIs(0)));
  EXPECT_THAT(DamagedFiles(), SizeIs(1));
}

TEST_F(CatalogFileTest, FolderThatIsNotThereIsUnavailable) {
  EXPECT_THAT(OpenSqliteCatalog(folder_.path() + "/none"),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("catalog")));
}

TEST_F(CatalogFileTest, FileThatCannotBeOpenedIsNamedWithWhatToLookAt) {
  const TempFolder folder;
  std::filesystem::create_directory(folder.path() + "/catalog.db");
  EXPECT_THAT(OpenSqliteCatalog(folder.path()),
              StatusIs(absl::StatusCode::kUnavailable,
                       AllOf(HasSubstr(folder.path() + "/catalog.db' cannot be opened for writing"),
                             HasSubstr("read-only"))));
}

}  // namespace
}  // namespace mirror::catalog_test
