#include "server/events.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <thread>

#include "tests/support/processes.h"
#include "tests/support/status_matchers.h"

namespace mirror {
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

  const auto last = events_->Last("", 10);

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
  const auto last = events_->Last("", 10);
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
  EXPECT_THAT(events_->Last("", 10), IsOkAndHolds(SizeIs(1))) << "the event is there when the wait ends";
}

TEST_F(EventsTest, WaitEndsWithItsPatience) {
  const auto begin = std::chrono::steady_clock::now();
  events_->Wait(std::chrono::milliseconds(30));
  EXPECT_GE(std::chrono::steady_clock::now() - begin, std::chrono::milliseconds(30));
}

/// Every call fails, as on a full disk.
class BrokenCatalog final : public Catalog {
 public:
  absl::StatusOr<EventRecord> AddEvent(EventRecord) override { return Broken(); }
  absl::StatusOr<std::vector<EventRecord>> LastEvents(const std::string&, std::uint32_t) override {
    return Broken();
  }
  absl::StatusOr<std::vector<EventRecord>> EventsAfter(const std::string&, std::uint64_t,
                                                       std::uint32_t) override {
    return Broken();
  }
  absl::Status AddAudit(const AuditRecord&) override { return Broken(); }

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
  EXPECT_THAT(events.Last("", 1), StatusIs(absl::StatusCode::kUnavailable));
}

}  // namespace
}  // namespace mirror
