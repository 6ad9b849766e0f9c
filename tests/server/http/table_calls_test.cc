#include "server/http/http_calls.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/server/storages/storages_bench.h"

namespace mirror::table_calls_test {
namespace {

class TableCallsTest : public StoragesBench {
 protected:
  TableCallsTest() : calls_(*storages_, 8, counters_) {
    Make("Acme");
    calls_.AddTo(&routes_);
  }
  int Ask(const std::string& accept) { return Answer(accept).status; }
  HttpAnswer Answer(const std::string& accept) {
    const HttpRoutes::Match match =
        routes_.Find("GET", {"v4", "storages", "Acme", "records", "businesspartner"});
    EXPECT_NE(match.route, nullptr);
    HttpCall call;
    call.head.fields = {{"accept", accept}};
    call.parts = match.parts;
    call.key = std::make_shared<ApiKey>(ApiKey{.name = "key", .storages = {"*"}});
    return match.route->answer(call);
  }
  /// As many readings as one data source may have.
  std::vector<CommittedReading> TakeAll(ReadingKind kind) {
    std::vector<CommittedReading> taken;
    const auto tenant = Find("Acme");
    for (int i = 0; i < kReadingsMax; ++i) {
      auto reading = tenant->ReadCommitted("businesspartner", kind);
      EXPECT_THAT(reading.status(), IsOk());
      if (reading.ok()) taken.push_back(*std::move(reading));
    }
    return taken;
  }
  std::uint64_t Refused(DoorLimit limit) const {
    return counters_.limited[static_cast<std::size_t>(limit)].value();
  }

  DoorCounters counters_;
  TableCalls calls_;
  HttpRoutes routes_;
};

TEST_F(TableCallsTest, WhatOneDataSourceRefusesIsCountedByItself) {
  EXPECT_EQ(Ask("application/x-ndjson"), 200);
  {
    const auto taken = TakeAll(ReadingKind::kStream);
    EXPECT_EQ(Ask("application/x-ndjson"), 429);
  }
  EXPECT_EQ(Refused(DoorLimit::kStreamsOfSource), 1U);
  EXPECT_EQ(Ask("application/json"), 200);
  {
    const auto taken = TakeAll(ReadingKind::kPage);
    EXPECT_EQ(Ask("application/json"), 429) << "once it has waited";
  }
  EXPECT_EQ(Refused(DoorLimit::kPagesOfSource), 1U);
  EXPECT_EQ(Refused(DoorLimit::kStreamsOfSource), 1U);
  EXPECT_EQ(Refused(DoorLimit::kStreams), 0U);
}

TEST_F(TableCallsTest, AStreamThatIsReadToItsTrailerHasNoPlaceAnyMore) {
  std::vector<HttpAnswer> read;
  for (std::size_t i = 0; i < 2 * kStreamsOfKeyMax; ++i) {
    HttpAnswer& answer = read.emplace_back(Answer("application/x-ndjson"));
    ASSERT_EQ(answer.status, 200) << i;
    std::string piece;
    while (piece.find("\"_end\"") == std::string::npos) {
      const auto more = answer.stream->Next(&piece);
      ASSERT_THAT(more, IsOkAndHolds(true));
    }
  }
}

}  // namespace
}  // namespace mirror::table_calls_test
