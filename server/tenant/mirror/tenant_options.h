#ifndef MIRROR_SERVER_TENANT_MIRROR_TENANT_OPTIONS_H_
#define MIRROR_SERVER_TENANT_MIRROR_TENANT_OPTIONS_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "server/hooks/hook_book.h"
#include "server/journal/journal_rules.h"
#include "server/plan/breaker.h"
#include "server/plan/column_rules.h"
#include "server/plan/tenant_rules.h"
#include "server/store/start_mark.h"
#include "server/tenant/mirror/index_book.h"
#include "server/watch/counters.h"
#include "server/watch/freshness.h"
#include "server/watch/shared_lists.h"

namespace mirror {

struct TenantOptions {
  std::int64_t cycle_idle_ms = 600'000;           ///< A cycle without progress for this time is ended.
  std::int64_t drop_grace_ms = 7LL * 86'400'000;  ///< How long tables that the source no longer lists are
                                                  ///< kept aside.
  std::int64_t gap_wait_ms = 5'000;               ///< How long a call without a stream waits for the previous
                                                  ///< batch.
  std::size_t nonces_max = 10'000;
  BreakerConfig breaker = {};
  std::int64_t miss_window_ms = 0;  ///< See ServerConfig.
  bool automatic_provisioning = true;
  ColumnRulesConfig columns = {};
  std::optional<std::string> hash_secret = {};  ///< Key of the hashes of `columns`.
  const HookBook* hooks = nullptr;              ///< Null: there are no hooks.
  /// The clock for the duration of calls; tests pass another one.
  std::chrono::steady_clock::time_point (*steady_now)() = &std::chrono::steady_clock::now;
  ServerCounters* counters = &UnwatchedCounters();  ///< Must outlive the tenant.
  FreshnessRules freshness = {};
  ReceiptRules receipts = {};
  JournalConfig journal = {};
  /// All copies of the options share this object.
  std::shared_ptr<IndexBook> indexes = std::make_shared<IndexBook>();
  /// Removes the catalog's summary of a tenant before a commit that makes it wrong. So a kill of the process
  /// after the commit cannot leave it there.
  std::function<void(const std::string& context_id)> forget_summary = [](const std::string&) {};
  /// Called, under the tenant's lock, when rows were changed as records. It must not wait for anything.
  std::function<void(const std::string& context_id)> records_changed = [](const std::string&) {};
  /// Removes erased data at once from the hubs that read it. Never called under the tenant's lock. Errors:
  /// kUnavailable: a hub may still have the data.
  std::function<absl::Status(const std::string& context_id)> forget_in_hubs = [](const std::string&) {
    return absl::OkStatus();
  };
  StartMark* start = nullptr;    ///< See OpenedStore.
  SharedLists* lists = nullptr;  ///< Null: no other process writes to the mirrors.
  bool is_shared = false;        ///< Other processes write to the mirror, too: see StoreHome::IsShared().
};

}  // namespace mirror

#endif  // MIRROR_SERVER_TENANT_MIRROR_TENANT_OPTIONS_H_
