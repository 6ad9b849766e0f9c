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
  /// Above this the log is checkpointed by force; if a reader keeps that from happening: kUnavailable.
  std::uint64_t wal_bytes_max = 1ULL << 30;
  std::int64_t value_bytes_max = 1'000'000'000;
  ApplyMethod apply = ApplyMethod::kBest;
  Checkpointer* checkpointer = nullptr;  ///< Outlives the store. Null: each copies its log itself.
  /// A mirror that is not there yet is built beside its name, without a journal on disk, and gets it when its
  /// first cycle ends. Not: its file is there from the beginning, durable at each commit.
  bool build_beside = false;
  /// What is known of one that is built so survives the process, and a loss of power may take it: see
  /// StartMark.
  bool claims_wait = false;
  /// Called where a store is closed and nonces that waited in memory could not be written: see StartMark.
  std::function<void()> forgot_nonces;
  /// Where no copy of a mirror goes, the server's own; empty: the home's folder is that.
  std::string data_dir = {};
  /// Asked before a mirror is built so; what it gives is let go of once that is there, or given up. Its
  /// refusal is that of the opening.
  std::function<absl::StatusOr<std::shared_ptr<void>>()> begin_building;
};

/// Must run once, before the first use of SQLite in the process.
void ConfigureSqlite();

/// Opens `<dir>/Mirror_<context_id>.db`, making it when `create` says so, or where it was begun before.
///   kNotFound            it is not there
///   kFailedPrecondition  the file is the mirror of another context id: it is not trusted
///   kUnavailable, kDataLoss as in Store; those of SqliteOptions::begin_building
absl::StatusOr<std::unique_ptr<Store>> OpenSqliteStore(const std::string& dir, const std::string& context_id,
                                                       bool create, const SqliteOptions& options);

/// Path of a tenant's file. `context_id` has been checked.
std::string SqlitePath(const std::string& dir, const std::string& context_id);

/// Whether there is a mirror, or one that was begun.
bool SqliteStoreExists(const std::string& dir, const std::string& context_id);

/// Context ids of those that there are in the folder. Errors: kUnavailable.
absl::StatusOr<std::vector<std::string>> FindSqliteStores(const std::string& dir);

/// Whether a file is the mirror of this tenant; only reads it. Errors: kFailedPrecondition with the reason.
absl::Status CheckSqliteMirror(const std::string& path, const std::string& context_id);

/// Gives a file that is on disk the tenant's name, in place of what has it; nobody has either open.
absl::Status MoveSqliteStore(const std::string& from, const std::string& dir, const std::string& context_id);

/// Renames the tenant's file, with its log, so that a new one can be made; it stays for whoever wants to look
/// at it. Gives its name now. A new one is begun before that, so that the tenant is never nobody's: it is
/// `owner`'s, without a cycle.
absl::StatusOr<std::string> SetSqliteStoreAside(const std::string& dir, const std::string& context_id,
                                                std::int64_t now_ms,
                                                const std::optional<TenantRecord>& owner);

/// Gives the tenant's file, and its log, a second name, under which they stay when another file takes their
/// place. Nobody has it open. Gives that name; empty: there is no file.
absl::StatusOr<std::string> KeepSqliteStore(const std::string& dir, const std::string& context_id,
                                            std::int64_t now_ms);

/// Removes the tenant's file with its log, what was begun, and what restores, resets and quarantines kept of
/// it.
absl::Status RemoveSqliteStore(const std::string& dir, const std::string& context_id,
                               Deleted what = Deleted::kAll);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_SQLITE_SQLITE_STORE_H_
