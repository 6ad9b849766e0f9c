#ifndef MIRROR_SERVER_STORE_SQLITE_SQLITE_STORE_H_
#define MIRROR_SERVER_STORE_SQLITE_SQLITE_STORE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/store/home.h"
#include "server/store/sqlite/rows/sqlite_rows.h"
#include "server/store/store.h"

namespace mirror {

class Checkpointer;

struct SqliteOptions {
  /// If the log is larger, it is checkpointed by force; if a reader prevents that: kUnavailable.
  std::uint64_t wal_bytes_max = 1ULL << 30;
  std::int64_t value_bytes_max = 1'000'000'000;
  ApplyMethod apply = ApplyMethod::kBest;
  Checkpointer* checkpointer = nullptr;  ///< Must outlive the store. Null: each writer copies its log itself.
  /// True: a new mirror is built beside its name, without a journal on disk, and gets its name when its first
  /// cycle ends. False: its file exists from the beginning, durable at each commit.
  bool build_beside = false;
  /// True: the claim of such a mirror survives the process, but a loss of power may take it:
  /// see StartMark.
  bool claims_wait = false;
  /// Called if a store is closed and nonces that waited in memory could not be written: see StartMark.
  std::function<void()> forgot_nonces;
  /// The server's own folder, where no copy of a mirror may go; empty: the home's folder.
  std::string data_dir = {};
  /// Called before such a mirror is built. Its result is released once the mirror is built, or given up. Its
  /// error becomes the error of the opening.
  std::function<absl::StatusOr<std::shared_ptr<void>>()> begin_building;
};

/// Must run once, before the first use of SQLite in the process.
void ConfigureSqlite();

/// Opens `<dir>/Mirror_<context_id>.db`; makes it when `create` says so, or when it was begun before.
///   kNotFound            it does not exist
///   kFailedPrecondition  the file is the mirror of another context id: it is not trusted
///   kUnavailable, kDataLoss as in Store; those of SqliteOptions::begin_building
absl::StatusOr<std::unique_ptr<Store>> OpenSqliteStore(const std::string& dir, const std::string& context_id,
                                                       bool create, const SqliteOptions& options);

/// Path of a tenant's file. `context_id` has been checked.
std::string SqlitePath(const std::string& dir, const std::string& context_id);

/// Returns whether there is a mirror, or one that was begun.
bool SqliteStoreExists(const std::string& dir, const std::string& context_id);

/// Returns the context ids of all mirrors in the folder. Errors: kUnavailable.
absl::StatusOr<std::vector<std::string>> FindSqliteStores(const std::string& dir);

/// Checks that a file is this tenant's mirror; only reads it. Errors: kFailedPrecondition with the reason.
absl::Status CheckSqliteMirror(const std::string& path, const std::string& context_id);

/// Renames a file that is on disk to the tenant's name, over the present one; neither may be open.
absl::Status MoveSqliteStore(const std::string& from, const std::string& dir, const std::string& context_id);

/// Renames the tenant's file, with its log, so that a new one can be made; it stays for inspection. Returns
/// its new name. Before that it begins a new mirror without a cycle, owned by `owner`, so that the tenant
/// always has an owner.
absl::StatusOr<std::string> SetSqliteStoreAside(const std::string& dir, const std::string& context_id,
                                                std::int64_t now_ms,
                                                const std::optional<TenantRecord>& owner);

/// Gives the tenant's file, and its log, a second name, which they keep when another file replaces them.
/// Nothing may have it open. Returns that name; empty: there is no file.
absl::StatusOr<std::string> KeepSqliteStore(const std::string& dir, const std::string& context_id,
                                            std::int64_t now_ms);

/// Removes the tenant's file with its log, what was begun, and what restores, resets and quarantines kept of
/// it.
absl::Status RemoveSqliteStore(const std::string& dir, const std::string& context_id,
                               Deleted what = Deleted::kAll);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_SQLITE_SQLITE_STORE_H_
