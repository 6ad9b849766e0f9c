#include "server/watch/events.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <thread>

#include "server/store/catalog/sqlite_catalog.h"
#include "tests/support/processes.h"
#include "tests/support/status_matchers.h"

namespace mirror::events_test {
namespace {

using testing::ElementsAre;
using testing::Field;
using testing::SizeIs;

class EventsTest : public testing::Test {
 protected:
  void SetUp() override {
    auto opened = OpenSqliteCatalog(folder_.path());
    ASSERT_THAT(opened, IsOk());
    catalog_ = *std::move(opened);
    events_ = std::make_unique<Events>(*catalog_);
  }

  TempFolder folder_;
  std::unique_ptr<Catalog> catalog_;
  std::unique_ptr<Events> events_;
};

TEST_F(EventsTest, AreKeptWithTimeTenantAndWords) {
  events_->Add("Cust1", Severity::kWarning, "table.repopulate", "table 'a\nb' is to be populated anew");

  const auto last = events_->Last({}, 0, 10);

  ASSERT_THAT(last, IsOkAndHolds(SizeIs(1)));
  const EventRecord& event = last->front();
  EXPECT_EQ(event.context_id, "Cust1");
  EXPECT_EQ(event.severity, Severity::kWarning);
  EXPECT_EQ(event.kind, "table.repopulate");
  EXPECT_EQ(event.message, "table 'a\nb' is to be populated anew");
  EXPECT_GT(event.time_ms, 1'600'000'000'000);
}

TEST_F(EventsTest, AfterGivesTheFollowingOnesOldestFirst) {
  for (const char* const kind : {"a", "b", "c"}) events_->Add("Cust1", Severity::kInformation, kind, "");
  const auto last = events_->Last({}, 0, 10);
  ASSERT_THAT(last, IsOkAndHolds(SizeIs(3)));

  EXPECT_THAT(events_->After("", last->front().id, 10),
              IsOkAndHolds(ElementsAre(Field(&EventRecord::kind, "b"), Field(&EventRecord::kind, "c"))));
  EXPECT_THAT(events_->After("", 0, 1), IsOkAndHolds(ElementsAre(Field(&EventRecord::kind, "a"))));
  EXPECT_THAT(events_->After("", last->back().id, 10), IsOkAndHolds(SizeIs(0)));
}

TEST_F(EventsTest, WaitEndsWhenAnEventComes) {
  const auto begin = std::chrono::steady_clock::now();
  std::thread adding([this] {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    events_->Add("Cust1", Severity::kInformation, "a", "");
  });

  events_->Wait(std::chrono::seconds(60));
  const auto waited = std::chrono::steady_clock::now() - begin;
  adding.join();

  EXPECT_LT(waited, std::chrono::seconds(30));
  EXPECT_THAT(events_->Last({}, 0, 10), IsOkAndHolds(SizeIs(1))) << "the event is there when the wait ends";
}

TEST_F(EventsTest, WaitEndsWithItsPatience) {
  const auto begin = std::chrono::steady_clock::now();
  events_->Wait(std::chrono::milliseconds(30));
  EXPECT_GE(std::chrono::steady_clock::now() - begin, std::chrono::milliseconds(30));
}

/// A clock that tests turn.
std::int64_t now_ms = 0;
std::int64_t TestNow() { return now_ms; }

class FloodTest : public EventsTest {
 protected:
  void SetUp() override {
    EventsTest::SetUp();
    now_ms = 1'800'000'000'000;
    events_ = std::make_unique<Events>(*catalog_, &TestNow);
  }

  void Flood(const std::string& tenant, const std::string& kind, int count) {
    for (int i = 1; i <= count; ++i) {
      events_->Add(tenant, Severity::kInformation, kind, "number " + std::to_string(i));
    }
  }

  std::vector<std::string> Messages(const std::string& tenant) {
    std::vector<std::string> messages;
    const auto events = events_->Last({.context_id = tenant}, 0, 1'000);
    if (!events.ok()) return messages;
    for (const EventRecord& event : *events) messages.push_back(event.message);
    return messages;
  }
};

TEST_F(FloodTest, IsSummedUpWhenItsMinuteIsOver) {
  Flood("Cust1", "a", kEventsPerMinute + 5);
  EXPECT_THAT(Messages("Cust1"), SizeIs(kEventsPerMinute));
  now_ms += 59'000;
  events_->KeepHouse();
  EXPECT_THAT(Messages("Cust1"), SizeIs(kEventsPerMinute));
  now_ms += 1'000;
  events_->KeepHouse();
  ASSERT_THAT(Messages("Cust1"), SizeIs(kEventsPerMinute + 1));
  EXPECT_EQ(Messages("Cust1").back(), "number 25 … 5 more like it");
  events_->KeepHouse();
  EXPECT_THAT(Messages("Cust1"), SizeIs(kEventsPerMinute + 1)) << "told once";
}

TEST_F(FloodTest, IsSummedUpByTheNextOfItsKind) {
  Flood("Cust1", "a", kEventsPerMinute + 2);
  now_ms += 60'000;
  events_->Add("Cust1", Severity::kInformation, "a", "later");
  ASSERT_THAT(Messages("Cust1"), SizeIs(kEventsPerMinute + 2));
  EXPECT_EQ(Messages("Cust1").back(), "later");
  EXPECT_EQ(*(Messages("Cust1").end() - 2), "number 22 … 2 more like it");
}

TEST_F(FloodTest, LeavesOtherTenantsAndKindsAlone) {
  Flood("Cust1", "a", kEventsPerMinute * 3);
  Flood("Cust2", "a", kEventsPerMinute);
  Flood("Cust1", "b", 1);
  EXPECT_THAT(Messages("Cust2"), SizeIs(kEventsPerMinute));
  EXPECT_THAT(Messages("Cust1"), SizeIs(kEventsPerMinute + 1));
}

TEST_F(FloodTest, IsToldWhenTheServerStopsAndKeepsTheWorstOfItsSeverities) {
  Flood("Cust1", "a", kEventsPerMinute);
  events_->Add("Cust1", Severity::kError, "a", "bad");
  events_->Add("Cust1", Severity::kInformation, "a", "good");
  events_->EndFloods();
  const auto last = events_->Last({.context_id = "Cust1"}, 0, 1);
  ASSERT_THAT(last, IsOkAndHolds(SizeIs(1)));
  EXPECT_EQ(last->front().message, "good … 2 more like it");
  EXPECT_EQ(last->front().severity, Severity::kError);
}

/// Fails while it is told to, as on a disk that is full for a while.
class FullCatalog final : public Catalog {
 public:
  explicit FullCatalog(Catalog& catalog) : catalog_(catalog) {}
  absl::StatusOr<EventRecord> AddEvent(EventRecord event) override {
    if (full) return absl::UnavailableError("the disk is full");
    return catalog_.AddEvent(std::move(event));
  }
  absl::StatusOr<std::vector<EventRecord>> LastEvents(const EventFilter& filter, std::uint64_t before_id,
                                                      std::uint32_t limit) override {
    return catalog_.LastEvents(filter, before_id, limit);
  }
  absl::StatusOr<std::vector<EventRecord>> EventsAfter(const std::string& context_id, std::uint64_t after_id,
                                                       std::uint32_t limit) override {
    return catalog_.EventsAfter(context_id, after_id, limit);
  }
  bool full = true;

 private:
  Catalog& catalog_;
};

TEST_F(EventsTest, WhatAFullDiskDidNotTakeIsKeptWhenThereIsRoomAgain) {
  FullCatalog full(*catalog_);
  Events events(full);
  std::vector<std::string> heard;
  events.Listen([&](const EventRecord& event) { heard.push_back(event.kind); });
  for (const char* const kind : {"a", "b"}) events.Add("Cust1", Severity::kError, kind, "");
  EXPECT_THAT(events.Last({}, 0, 10), IsOkAndHolds(SizeIs(0)));
  EXPECT_THAT(heard, SizeIs(0)) << "an event is on disk before it is told";
  full.full = false;

  events.Add("Cust1", Severity::kInformation, "c", "");

  EXPECT_THAT(events.Last({}, 0, 10),
              IsOkAndHolds(ElementsAre(Field(&EventRecord::kind, "a"), Field(&EventRecord::kind, "b"),
                                       Field(&EventRecord::kind, "c"))));
  EXPECT_THAT(heard, ElementsAre("a", "b", "c"));
}

/// Every call fails, as on a full disk.
class BrokenCatalog final : public Catalog {
 public:
  absl::StatusOr<EventRecord> AddEvent(EventRecord) override { return Broken(); }
  absl::StatusOr<std::vector<EventRecord>> LastEvents(const EventFilter&, std::uint64_t,
                                                      std::uint32_t) override {
    return Broken();
  }
  absl::StatusOr<std::vector<EventRecord>> EventsAfter(const std::string&, std::uint64_t,
                                                       std::uint32_t) override {
    return Broken();
  }

 private:
  static absl::Status Broken() { return absl::UnavailableError("the disk is full"); }
};

TEST(EventsWithoutCatalogTest, WaitersAreWokenAllTheSame) {
  BrokenCatalog catalog;
  Events events(catalog);
  std::thread adding([&events] {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    events.Add("", Severity::kError, "a", "");
  });
  const auto begin = std::chrono::steady_clock::now();
  events.Wait(std::chrono::seconds(60));
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(30));
  adding.join();
  EXPECT_THAT(events.Last({}, 0, 1), StatusIs(absl::StatusCode::kUnavailable));
}

}  // namespace
}  // namespace mirror::events_test
