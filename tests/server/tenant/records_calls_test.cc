// What of records is not one request after the other: memory that lacks, another server between two steps.

#include "server/tenant/records_calls.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <new>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "server/store/sqlite/sqlite_home.h"
#include "server/tenant/mirror/commit_queue.h"
#include "tests/server/tenant/tenant_bench.h"
#include "tests/support/forwarding_store.h"
#include "tests/support/processes.h"

namespace mirror::records_calls_test {
namespace {

using testing::AllOf;
using testing::HasSubstr;

constexpr std::int64_t kNowMs = 1'700'000'000'000;

/// Does something before each use of its upkeep: what was deleted is erased by one.
class WatchedStore final : public ForwardingStore {
 public:
  WatchedStore(std::unique_ptr<Store> store, const std::function<void()>& before)
      : ForwardingStore(std::move(store)), before_(before) {}
  StoreUpkeep& upkeep() override {
    before_();
    return ForwardingStore::upkeep();
  }

 private:
  const std::function<void()>& before_;
};

class RecordsCallsTest : public TenantBench {
 protected:
  void SetUp() override {
    auto home = OpenSqliteHome(folder_.path(), {});
    ASSERT_THAT(home, IsOk());
    const auto contents = NewRecordsMirror("ctx", RecordMapper::Default(), tenant_->column_rules(), kNowMs);
    ASSERT_THAT(contents, IsOk());
    auto made = (*home)->NewImport("ctx");
    ASSERT_THAT(made, IsOk());
    ASSERT_THAT((*made)->Begin(*contents), IsOk());
    ASSERT_THAT((*made)->Finish(), IsOk());
    wrap_ = [this](std::unique_ptr<Store> store) {
      return std::make_unique<WatchedStore>(std::move(store), before_erasing_);
    };
    Restart();
  }
  RecordOutcome Apply(RecordOperation operation, const std::string& id) {
    RecordRequest request;
    request.operation = operation;
    request.items = {{.external_id = id}};
    return tenant_->ApplyRecords(request, kNowMs);
  }
  void MakeAndDelete(const std::string& id) {
    ASSERT_THAT(Apply(RecordOperation::kUpsert, id).status, IsOk());
    ASSERT_THAT(Apply(RecordOperation::kDelete, id).status, IsOk());
  }
  /// Whether somebody erases now.
  bool IsErasing() const {
    return Partner(path()).One(
               "SELECT count(*) FROM _mirror_documents WHERE kind = 'erasure' AND id = 'erasing' AND text "
               "NOT "
               "LIKE 'scrubbed %'") == Cell(1);
  }
  bool StandsInFiles() {
    const auto since = tenant_->NeedsErasure();
    EXPECT_THAT(since, IsOk());
    return since.ok() && since->has_value();
  }

  bool HasBytes(const std::string& text) const {
    for (const char* const suffix : {"", "-wal"}) {
      if (std::filesystem::exists(path() + suffix) &&
          ReadFileText(path() + suffix).find(text) != std::string::npos) {
        return true;
      }
    }
    return false;
  }

  std::function<void()> before_erasing_ = [] {};
};

TEST_F(RecordsCallsTest, NothingIsRewrittenWhereNothingIsToBeErased) {
  int erasures = 0;
  before_erasing_ = [&] { erasures += IsErasing() ? 1 : 0; };
  EXPECT_THAT(tenant_->EraseDeleted(kNowMs), IsOk());
  EXPECT_EQ(Apply(RecordOperation::kDelete, "unknown").failures.size(), 1U);
  EXPECT_THAT(tenant_->EraseDeleted(kNowMs), IsOk());
  EXPECT_EQ(erasures, 0);
  MakeAndDelete("1");
  EXPECT_THAT(tenant_->EraseDeleted(kNowMs), IsOk());
  EXPECT_EQ(erasures, 1);
  EXPECT_THAT(tenant_->EraseDeleted(kNowMs), IsOk());
  EXPECT_EQ(erasures, 1);
}

TEST_F(RecordsCallsTest, WhatAnotherServerDeletesWhileItIsErasedIsErasedTheNextTime) {
  MakeAndDelete("1");
  bool was_erasing = false;
  before_erasing_ = [&] {
    // As a deletion there does, see the next test.
    if (!IsErasing()) return;
    was_erasing = true;
    ByHand("DELETE FROM _mirror_documents WHERE kind = 'erasure' AND id = 'erasing'");
  };
  EXPECT_THAT(tenant_->EraseDeleted(kNowMs), IsOk());
  EXPECT_TRUE(was_erasing);
  EXPECT_TRUE(StandsInFiles());
  before_erasing_ = [] {};
  EXPECT_THAT(tenant_->EraseDeleted(kNowMs), IsOk());
  EXPECT_FALSE(StandsInFiles());
}

TEST_F(RecordsCallsTest, AHubThatMayHoldItKeepsNothingInTheMirrorsFiles) {
  absl::Status hub = absl::UnavailableError("hub 'Acme' is suspended");
  options_.forget_in_hubs = [&](const std::string&) { return hub; };
  Restart();
  int erasures = 0;
  before_erasing_ = [&] { erasures += IsErasing() ? 1 : 0; };
  MakeAndDelete("Secretissima 1");
  ASSERT_TRUE(HasBytes("Secretissima"));
  for (int i = 0; i < 2; ++i) {
    EXPECT_THAT(tenant_->EraseDeleted(kNowMs),
                StatusIs(absl::StatusCode::kUnavailable,
                         AllOf(HasSubstr("own files no longer have it"), HasSubstr("is suspended"))));
    EXPECT_FALSE(HasBytes("Secretissima"));
    EXPECT_TRUE(StandsInFiles());
    EXPECT_EQ(erasures, 1) << "they are not rewritten for nothing";
  }
  // A deletion is another reason to.
  MakeAndDelete("Secretissima 2");
  EXPECT_FALSE(tenant_->EraseDeleted(kNowMs).ok());
  EXPECT_FALSE(HasBytes("Secretissima"));
  EXPECT_EQ(erasures, 2);
  hub = absl::OkStatus();
  EXPECT_THAT(tenant_->EraseDeleted(kNowMs), IsOk());
  EXPECT_FALSE(StandsInFiles());
  EXPECT_FALSE(IsErasing());
  EXPECT_EQ(erasures, 2);
  MakeAndDelete("Secretissima 3");
  EXPECT_THAT(tenant_->EraseDeleted(kNowMs), IsOk());
  EXPECT_FALSE(HasBytes("Secretissima"));
}

TEST_F(RecordsCallsTest, DeletionsWithoutEndDoNotKeepItFromBeingErased) {
  options_.journal.rules.push_back({.journal = true});  // As a hub asks for.
  Restart();
  ASSERT_THAT(tenant_->OpenForHub(kNowMs), IsOk());
  options_.forget_in_hubs = [&](const std::string&) {
    MakeAndDelete("meanwhile");
    return absl::OkStatus();
  };
  Restart();
  MakeAndDelete("1");
  int erasures = 0;
  before_erasing_ = [&] { erasures += IsErasing() ? 1 : 0; };
  for (int i = 0; i < 2; ++i) {
    EXPECT_THAT(tenant_->EraseDeleted(kNowMs),
                StatusIs(absl::StatusCode::kUnavailable, HasSubstr("more was deleted meanwhile")));
    EXPECT_EQ(erasures, i + 1);
    EXPECT_TRUE(StandsInFiles());
  }
  options_.forget_in_hubs = [](const std::string&) { return absl::OkStatus(); };
  Restart();
  EXPECT_THAT(tenant_->EraseDeleted(kNowMs), IsOk());
  EXPECT_FALSE(StandsInFiles());
}

TEST_F(RecordsCallsTest, ADeletionTellsWhoErasesNow) {
  MakeAndDelete("1");
  const auto begin = [&] {
    ASSERT_THAT(tenant_->ChangeDocuments(
                    [](StoreRecords&) {
                      return std::vector<DocumentChange>{{"erasure", "erasing", "another server's"}};
                    },
                    kNowMs),
                IsOk());
  };
  begin();
  ASSERT_THAT(Apply(RecordOperation::kUpsert, "2").status, IsOk());
  EXPECT_TRUE(IsErasing());
  ASSERT_THAT(Apply(RecordOperation::kDelete, "2").status, IsOk());
  EXPECT_FALSE(IsErasing());
  begin();
  ASSERT_THAT(tenant_->ClearRecords(kNowMs), IsOk());
  EXPECT_FALSE(IsErasing());
}

TEST_F(RecordsCallsTest, WhereMemoryLacksTheRequestIsAnsweredAndTheOthersGoOn) {
  RecordRequest request;
  request.items = {{.external_id = "1"}};
  request.documents = [](const RecordOutcome&) -> std::vector<DocumentChange> { throw std::bad_alloc(); };
  const RecordOutcome outcome = tenant_->ApplyRecords(request, kNowMs);
  EXPECT_THAT(outcome.status, StatusIs(absl::StatusCode::kUnavailable, HasSubstr("no memory")));
  EXPECT_THAT(Apply(RecordOperation::kUpsert, "2").status, IsOk());
}

struct Weightless {
  std::uint64_t bytes() const noexcept { return 0; }
};

/// Else a leader could leave without having said so, and all others would wait for it.
TEST(CommitQueueTest, AGroupIsTakenWithoutMemoryAndGivenBackWhereverItsLeaderLeaves) {
  CommitQueue<Weightless> queue;
  static_assert(noexcept(queue.Take()));
  Weightless first, second;
  {
    CommitQueue<Weightless>::Place place(queue, {&first});
    ASSERT_TRUE(place.MustLead());
    const Weightless* const* room = nullptr;
    try {
      const CommitQueue<Weightless>::Leading leading(queue);
      room = queue.Take().data();
      EXPECT_EQ(room, queue.taken().data());
      throw std::bad_alloc();
    } catch (const std::bad_alloc&) {
    }
    EXPECT_FALSE(place.MustLead());
  }
  CommitQueue<Weightless>::Place place(queue, {&second});
  EXPECT_TRUE(place.MustLead());
  EXPECT_EQ(queue.Take().size(), 1U);
  queue.Done();
}

}  // namespace
}  // namespace mirror::records_calls_test
