#include "server/http/erasure.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "server/storages/storages.h"
#include "server/store/sqlite/sqlite_home.h"
#include "tests/server/tenant/tenant_bench.h"

namespace mirror::erasure_test {
namespace {

using testing::Contains;
using testing::Optional;

constexpr std::chrono::hours kDay(24);
constexpr std::chrono::milliseconds kOften(10);
/// For what takes no time, on a busy machine.
constexpr std::chrono::seconds kBound(60);

/// A storage of records from which a row was just deleted.
class ErasureTest : public testing::Test {
 protected:
  ErasureTest() : events_(catalog_) { spdlog::set_level(spdlog::level::off); }

  void SetUp() override {
    auto home = OpenSqliteHome(folder_.path(), {});
    ASSERT_THAT(home, IsOk());
    home_ = *std::move(home);
    auto tenants = Tenants::Open(*home_, {}, events_);
    ASSERT_THAT(tenants, IsOk());
    tenants_ = *std::move(tenants);
    Storages storages(*tenants_, events_);
    ASSERT_THAT(storages.Create("Acme", "", now_ms_), IsOk());
    auto tenant = tenants_->Find("Acme");
    ASSERT_THAT(tenant, IsOk());
    tenant_ = *std::move(tenant);
    RecordRequest request;
    request.items = {{.external_id = "1"}, {.external_id = "2"}};
    ASSERT_THAT(tenant_->ApplyRecords(request, now_ms_).status, IsOk());
    request = {};
    request.operation = RecordOperation::kDelete;
    request.items = {{.external_id = "1"}};
    ASSERT_THAT(tenant_->ApplyRecords(request, now_ms_).status, IsOk());
    ASSERT_TRUE(StandsInFiles());
  }
  bool StandsInFiles() {
    const auto since = tenant_->NeedsErasure();
    EXPECT_THAT(since, IsOk());
    return since.ok() && since->has_value();
  }
  void AwaitGone() {
    const auto until = std::chrono::steady_clock::now() + kBound;
    while (StandsInFiles() && std::chrono::steady_clock::now() < until) std::this_thread::yield();
    EXPECT_FALSE(StandsInFiles());
  }

  const std::int64_t now_ms_ = std::chrono::duration_cast<std::chrono::milliseconds>(
                                   std::chrono::system_clock::now().time_since_epoch())
                                   .count();
  ScratchFolder folder_;
  RememberingCatalog catalog_;
  Events events_;
  std::unique_ptr<StoreHome> home_;
  std::unique_ptr<Tenants> tenants_;
  std::shared_ptr<Tenant> tenant_;
};

/// Reads the mirror, and so keeps its log.
class HoldingReader {
 public:
  explicit HoldingReader(const std::string& path) {
    EXPECT_EQ(sqlite3_open_v2(path.c_str(), &database_, SQLITE_OPEN_READONLY, nullptr), SQLITE_OK);
    EXPECT_EQ(
        sqlite3_exec(database_, "BEGIN; SELECT count(*) FROM businesspartner", nullptr, nullptr, nullptr),
        SQLITE_OK);
  }
  ~HoldingReader() { sqlite3_close(database_); }
  HoldingReader(const HoldingReader&) = delete;
  HoldingReader& operator=(const HoldingReader&) = delete;

 private:
  sqlite3* database_ = nullptr;
};

TEST_F(ErasureTest, WhatIsToGoNowIsGoneBeforeItReturns) {
  Erasure erasure(*tenants_, kDay, events_);
  EXPECT_FALSE(erasure.EraseOrNote("Acme", *tenant_, /*now=*/false));
  EXPECT_TRUE(StandsInFiles());
  const std::int64_t asked_ms = NowMs();
  const std::optional<std::int64_t> erased_ms = erasure.EraseOrNote("Acme", *tenant_, /*now=*/true);
  EXPECT_FALSE(StandsInFiles());
  // When it had left the files, not when that was asked for.
  EXPECT_THAT(erased_ms, Optional(testing::Ge(asked_ms)));
  EXPECT_THAT(erased_ms, Optional(testing::Le(NowMs())));
}

TEST_F(ErasureTest, AFailureIsToldAgainBehindOneThatWorked) {
  Erasure erasure(*tenants_, kDay, events_);
  const auto told = [&] {
    const std::vector<std::string> kinds = catalog_.Kinds();
    return std::count(kinds.begin(), kinds.end(), "records.not_erased");
  };
  const auto fail = [&] {
    const HoldingReader reader(SqlitePath(folder_.path(), "Acme"));
    EXPECT_FALSE(erasure.EraseOrNote("Acme", *tenant_, /*now=*/true));
  };
  fail();
  EXPECT_EQ(told(), 1);
  // For a while nobody waits for another attempt, and so keeps no writer waiting.
  const std::int64_t begin_ms = NowMs();
  EXPECT_FALSE(erasure.EraseOrNote("Acme", *tenant_, /*now=*/true));
  EXPECT_LT(NowMs() - begin_ms, 500) << "an attempt takes a second";
  const auto until = std::chrono::steady_clock::now() + kBound;
  while (!erasure.EraseOrNote("Acme", *tenant_, /*now=*/true) && std::chrono::steady_clock::now() < until)
    std::this_thread::yield();
  EXPECT_FALSE(StandsInFiles());
  RecordRequest request;
  request.operation = RecordOperation::kDelete;
  request.items = {{.external_id = "2"}};
  ASSERT_THAT(tenant_->ApplyRecords(request, now_ms_).status, IsOk());
  fail();
  EXPECT_EQ(told(), 2);
  EXPECT_THAT(catalog_.Kinds(), testing::Not(Contains("mirror.unavailable"))) << "a reader is no outage";
}

TEST_F(ErasureTest, WhatCouldNotGoNowIsTriedAtEachLook) {
  Erasure erasure(*tenants_, kDay, events_, kOften);
  erasure.Start();
  {
    const HoldingReader reader(SqlitePath(folder_.path(), "Acme"));
    EXPECT_FALSE(erasure.EraseOrNote("Acme", *tenant_, /*now=*/true));
    EXPECT_THAT(catalog_.Kinds(), Contains("records.not_erased"));
    EXPECT_TRUE(StandsInFiles());
  }
  AwaitGone();
  // The tenant says so first, and then whoever looked at it knows.
  const auto until = std::chrono::steady_clock::now() + kBound;
  while (erasure.FindLeft().tenants != 0 && std::chrono::steady_clock::now() < until)
    std::this_thread::yield();
  EXPECT_EQ(erasure.FindLeft().tenants, 0U);
}

TEST_F(ErasureTest, WhatMayWaitIsErasedWhenThreeQuartersOfItsTimeAreOver) {
  Erasure late(*tenants_, std::chrono::milliseconds(1), events_, kOften);
  EXPECT_FALSE(late.EraseOrNote("Acme", *tenant_, /*now=*/false));
  late.Start();
  AwaitGone();
}

}  // namespace
}  // namespace mirror::erasure_test
