#ifndef MIRROR_TESTS_SERVER_STORAGES_STORAGES_BENCH_H_
#define MIRROR_TESTS_SERVER_STORAGES_STORAGES_BENCH_H_

#include <gtest/gtest.h>
#include <spdlog/spdlog.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/plan/tenant_summary.h"
#include "server/records/import_job.h"
#include "server/storages/storages.h"
#include "server/store/sqlite/sqlite_home.h"
#include "tests/server/tenant/tenant_bench.h"
#include "tests/support/processes.h"

namespace mirror {

/// Storages over a folder of mirrors.
class StoragesBench : public testing::Test {
 protected:
  StoragesBench() : events_(catalog_) {
    spdlog::set_level(spdlog::level::off);
    Open();
  }

  /// As at a start; what was known of tenants is what a catalog would have kept of it.
  void Open() {
    std::map<std::string, std::string> kept;
    if (tenants_) {
      for (const Tenants::Seen& seen : tenants_->AllSeen())
        kept[seen.context_id] = PackSummary(*seen.summary);
    }
    storages_.reset();
    tenants_.reset();
    home_.reset();
    home_ = OpenSqliteHome(folder_.path(), {}).value();
    tenants_ = Tenants::Open(*home_, {}, events_).value();
    for (const auto& [context_id, summary] : kept)
      tenants_->Remember(context_id, UnpackSummary(summary).value());
    storages_ = std::make_unique<Storages>(*tenants_, events_);
  }

  void Make(const std::string& id) { EXPECT_THAT(storages_->Create(id, id, kNow), IsOk()); }
  void AddSource(const std::string& storage, const std::string& id) {
    EXPECT_THAT(storages_->AddSource(storage, {.id = id}, kNow), IsOk());
  }
  std::shared_ptr<Tenant> Find(const std::string& context_id) { return tenants_->Find(context_id).value(); }
  std::shared_ptr<const TenantSummary> Summary(const std::string& context_id) {
    return Find(context_id)->shared_summary();
  }

  RecordOutcome Upsert(const std::string& context_id, const std::vector<std::string>& ids,
                       std::int64_t now_ms = kNow) {
    RecordRequest request;
    for (const std::string& id : ids) {
      RecordItem& item = request.items.emplace_back();
      item.external_id = id;
      item.attributes.push_back({.name = "NAME", .json = "\"A\"", .text = "A"});
    }
    return Find(context_id)->ApplyRecords(request, now_ms);
  }
  RecordOutcome Delete(const std::string& context_id, const std::string& id) {
    RecordRequest request;
    request.operation = RecordOperation::kDelete;
    request.items.emplace_back().external_id = id;
    return Find(context_id)->ApplyRecords(request, kNow);
  }

  /// A job that came at `created_ms`, as the door notes it.
  void AddJob(const std::string& context_id, const std::string& digits, std::int64_t created_ms,
              JobState state = JobState::kFinished) {
    ImportJob job;
    job.id = absl::StrCat(context_id, "-", digits);
    job.storage = context_id.substr(0, context_id.find("--"));
    job.source = "default";
    job.state = state;
    job.created_ms = created_ms;
    job.modified_ms = created_ms;
    EXPECT_THAT(Find(context_id)
                    ->ChangeDocuments(
                        [&](StoreRecords&) -> absl::StatusOr<std::vector<DocumentChange>> {
                          return std::vector<DocumentChange>{JobChange(job), {kLastJobKind, "", ""}};
                        },
                        created_ms),
                IsOk());
  }

  static constexpr std::int64_t kNow = 1'700'000'000'000;
  ScratchFolder folder_;
  RememberingCatalog catalog_;
  Events events_;
  std::unique_ptr<StoreHome> home_;
  std::unique_ptr<Tenants> tenants_;
  std::unique_ptr<Storages> storages_;
};

}  // namespace mirror

#endif  // MIRROR_TESTS_SERVER_STORAGES_STORAGES_BENCH_H_
