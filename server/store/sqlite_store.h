#ifndef MIRROR_SERVER_STORE_SQLITE_STORE_H_
#define MIRROR_SERVER_STORE_SQLITE_STORE_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/store/apply_method.h"
#include "server/store/store.h"

namespace mirror {

struct SqliteOptions {
  /// Above this the log is checkpointed by force; if a reader keeps that from happening: kUnavailable.
  std::uint64_t wal_bytes_max = 1ULL << 30;
  std::int64_t value_bytes_max = 1'000'000'000;
  ApplyMethod apply = ApplyMethod::kBest;
};

/// Must run once, before the first use of SQLite in the process.
void ConfigureSqlite();

/// Opens `<dir>/Mirror_<context_id>.db`, making it when `create` says so.
///   kNotFound            it is not there
///   kFailedPrecondition  the file is the mirror of another context id: it is not trusted
///   kUnavailable, kDataLoss as in Store
absl::StatusOr<std::unique_ptr<Store>> OpenSqliteStore(const std::string& dir, const std::string& context_id,
                                                       bool create, const SqliteOptions& options);

/// Path of a tenant's file. `context_id` has been checked.
std::string SqlitePath(const std::string& dir, const std::string& context_id);

/// Removes the tenant's file with its log.
absl::Status RemoveSqliteStore(const std::string& dir, const std::string& context_id);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_SQLITE_STORE_H_
