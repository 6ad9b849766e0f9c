
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "server/store/sqlite/sqlite_home.h"
#include "server/tenant/tenants.h"
#include "tests/server/tenant/tenant_bench.h"
#include "tests/support/sanitizers.h"

namespace mirror::building_places_test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

const Position kFive{Lsn{5}, "five"};

std::size_t OpenDescriptors() {
  std::size_t count = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) ++count;
  return count - 1;  // The look's own.
}

/// As if this process might open only so many more.
class FewDescriptors {
 public:
  explicit FewDescriptors(std::size_t more) {
    getrlimit(RLIMIT_NOFILE, &before_);
    // New ones get the lowest free numbers; the limit is of numbers.
    rlimit few = before_;
    few.rlim_cur = OpenDescriptors() + more;
    setrlimit(RLIMIT_NOFILE, &few);
  }
  ~FewDescriptors() { setrlimit(RLIMIT_NOFILE, &before_); }
  FewDescriptors(const FewDescriptors&) = delete;
  FewDescriptors& operator=(const FewDescriptors&) = delete;

 private:
  rlimit before_{};
};

/// All that are left.
class EveryDescriptor {
 public:
  EveryDescriptor() {
    for (int file = Next(); file >= 0; file = Next()) files_.push_back(file);
  }
  ~EveryDescriptor() {
    for (const int file : files_) close(file);
  }
  EveryDescriptor(const EveryDescriptor&) = delete;
  EveryDescriptor& operator=(const EveryDescriptor&) = delete;

  void GiveBack(std::size_t count) {
    for (; count > 0 && !files_.empty(); --count) {
      close(files_.back());
      files_.pop_back();
    }
  }

 private:
  static int Next() { return open("/dev/null", O_RDONLY | O_CLOEXEC); }
  std::vector<int> files_;
};

class BuildingPlacesTest : public testing::Test {
 protected:
  BuildingPlacesTest() : events_(catalog_) {
    spdlog::set_level(spdlog::level::off);
    sqlite_.build_beside = true;
    options_.open_max = 16;
    Open();
  }

  void Open() {
    tenants_.reset();
    home_.reset();
    home_ = OpenSqliteHome(folder_.path(), sqlite_).value();
    tenants_ = Tenants::Open(*home_, options_, events_).value();
  }
  std::shared_ptr<Tenant> TenantOf(const std::string& context_id) {
    return tenants_->FindOrTakeIn({.context_id = context_id, .issuer = "issuer", .environment = "prod"})
        .value();
  }
  void Mirror(const std::string& context_id) {
    SourceCalls(*TenantOf(context_id), context_id).Mirror(People(), {{1, "Ada", 36}}, kFive);
  }
  /// The status of its Authenticate; nothing follows.
  absl::Status BeginFirst(const std::string& context_id) {
    return SourceCalls(*TenantOf(context_id), context_id).Authenticate().status();
  }

  ScratchFolder folder_;
  RememberingCatalog catalog_;
  Events events_;
  TenantsOptions options_;
  SqliteOptions sqlite_;
  std::unique_ptr<StoreHome> home_;
  std::unique_ptr<Tenants> tenants_;
};

TEST_F(BuildingPlacesTest, FirstCyclesLeaveDescriptorsForTenantsThatAreThere) {
  Mirror("there");
  Mirror("another");  // There are files to be closed for others.
  const FewDescriptors few(48);
  int begun = 0;
  for (int i = 0; i < 36; ++i) {
    const absl::Status first = BeginFirst("new-" + std::to_string(i));
    if (first.ok()) ++begun;
    if (!first.ok()) {
      EXPECT_THAT(first, StatusIs(absl::StatusCode::kResourceExhausted,
                                  AllOf(HasSubstr("new mirrors are being made"), HasSubstr("Try again"))));
    }
  }
  EXPECT_EQ(begun, 4) << "a quarter of those that may be open";

  SourceCalls source(*TenantOf("there"), "there");
  source.now += 10'000;
  source.Begin();
  ASSERT_THAT(source.Announce({People()}), IsOk());
  EXPECT_THAT(
      source.Send(People(), {.rows = {{2, "Bob", 1}}, .base_lsn = 5, .commit = Position{Lsn{9}, "n"}}).status,
      IsOk());
  EXPECT_THAT(source.Complete(), IsOk());
}

TEST_F(BuildingPlacesTest, AFirstCycleThatEndsMakesPlaceForAnother) {
  for (int i = 0; i < 4; ++i) ASSERT_THAT(BeginFirst("new-" + std::to_string(i)), IsOk());
  ASSERT_THAT(BeginFirst("late"), StatusIs(absl::StatusCode::kResourceExhausted));
  TenantOf("new-2")->EndCycle(1'700'000'100'000);
  EXPECT_THAT(BeginFirst("late"), IsOk());
  EXPECT_THAT(BeginFirst("later"), StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_THAT(TenantOf("new-0")->Retire([] { return absl::OkStatus(); }, [] { return absl::OkStatus(); }),
              IsOk());
  EXPECT_THAT(BeginFirst("later"), IsOk());
}

TEST_F(BuildingPlacesTest, WhatACrashLeftOfFirstCyclesTakesNoPlaceFromOthers) {
  constexpr int kDied = 7;
  // A server that died beside first cycles leaves their claims.
  for (int i = 0; i < kDied; ++i) {
    const std::string id = "died-" + std::to_string(i);
    ASSERT_THAT(BeginFirst(id), IsOk());
    Open();  // Closed in a cycle: what was built is thrown away, the claim stays.
  }
  for (int i = 0; i < kDied; ++i) {
    EXPECT_THAT(TenantOf("died-" + std::to_string(i))->Info().status(), IsOk()) << i << ": an operator looks";
  }
  for (int i = 0; i < 4; ++i) EXPECT_THAT(BeginFirst("new-" + std::to_string(i)), IsOk());
  EXPECT_THAT(BeginFirst("late"), StatusIs(absl::StatusCode::kResourceExhausted));
}

TEST_F(BuildingPlacesTest, ANewMirrorCountsAsTwoOfThoseThatMayBeOpen) {
  for (int i = 0; i < 16; ++i) Mirror("there-" + std::to_string(i));
  EXPECT_EQ(tenants_->open_count(), 15U) << "the last one was two while it was made";
  for (int i = 0; i < 4; ++i) ASSERT_THAT(BeginFirst("new-" + std::to_string(i)), IsOk());
  EXPECT_EQ(tenants_->open_count(), 12U) << "4 new mirrors, and 8 others";
}

TEST_F(BuildingPlacesTest, AProcessThatMayOpenNoMoreFilesSaysSo) {
  Mirror("there");
  const std::shared_ptr<Tenant> tenant = TenantOf("there");
  ASSERT_TRUE(tenant->CloseIfIdle());
  const FewDescriptors few(20);
  EveryDescriptor taken;
  // With none, and with one or two: the file, its log and its index fail in different places. A sanitizer
  // that looks at an exception needs two itself.
#if MIRROR_ADDRESS_SANITIZER
  const std::vector<std::size_t> more = {2};
#else
  const std::vector<std::size_t> more = {0, 1, 1};
#endif
  for (const std::size_t left : more) {
    taken.GiveBack(left);
    EXPECT_THAT(SourceCalls(*tenant, "there").Authenticate(),
                StatusIs(absl::StatusCode::kUnavailable,
                         AllOf(HasSubstr("may open no more files"), HasSubstr("LimitNOFILE"),
                               Not(HasSubstr("owner and mode")))));
  }
  taken.GiveBack(20);
  SourceCalls source(*tenant, "there");
  source.now += 10'000;
  EXPECT_THAT(source.Authenticate(), IsOk()) << "and nothing is left of it";
}

}  // namespace
}  // namespace mirror::building_places_test
