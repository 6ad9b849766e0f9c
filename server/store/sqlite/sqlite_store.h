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
  /// A longer log is checkpointed by force. If a reader prevents that, the write fails with kUnavailable.
  std::uint64_t wal_bytes_max = 1ULL << 30;
  std::int64_t value_bytes_max = 1'000'000'000;
  ApplyMethod apply = ApplyMethod::kBest;
  Checkpointer* checkpointer = nullptr;  ///< Must outlive the store. Null: each writer checkpoints its log
                                         ///< itself.
  /// True: a new mirror is built in another file without a journal on disk, and gets its name when its first
  /// cycle ends. False: its file exists from the beginning and is durable after each commit.
  bool build_beside = false;
  /// True: the claim of a mirror that is being built survives the process, but a loss of power may lose it,
  /// see StartMark.
  bool claims_wait = false;
  /// Called if a store is closed and could not write nonces that waited in memory, see StartMark.
  std::function<void()> forgot_nonces;
  /// The server's own folder, into which no copy of a mirror may be written. Empty: the home's folder.
  std::string data_dir = {};
  /// Called before a new mirror is built. The result is released when the mirror is built or given up. An
  /// error becomes the error of the opening.
  std::function<absl::StatusOr<std::shared_ptr<void>>()> begin_building;
};

/// Must run once, before the first use of SQLite in the process.
void ConfigureSqlite();

/// Opens `<dir>/Mirror_<context_id>.db`. Makes it if `create` is true, or if an earlier call began to make
/// it.
///   kNotFound            it does not exist
///   kFailedPrecondition  the file is the mirror of another context id: it is not trusted
///   kUnavailable, kDataLoss as in Store; those of SqliteOptions::begin_building
absl::StatusOr<std::unique_ptr<Store>> OpenSqliteStore(const std::string& dir, const std::string& context_id,
                                                       bool create, const SqliteOptions& options);

/// Returns the path of a tenant's file. The caller has checked `context_id`.
std::string SqlitePath(const std::string& dir, const std::string& context_id);

/// Returns whether the tenant has a mirror, or one that was only begun.
bool SqliteStoreExists(const std::string& dir, const std::string& context_id);

/// Returns the context ids of all mirrors in the folder. Errors: kUnavailable.
absl::StatusOr<std::vector<std::string>> FindSqliteStores(const std::string& dir);

/// Checks that a file is this tenant's mirror. Only reads it. Errors: kFailedPrecondition, with the reason.
absl::Status CheckSqliteMirror(const std::string& path, const std::string& context_id);

/// Renames the file `from`, which is synced, to the tenant's name and so replaces the present file. Neither
/// may be open.
absl::Status MoveSqliteStore(const std::string& from, const std::string& dir, const std::string& context_id);

/// Renames the tenant's file and its log, so that a new mirror can be made. The renamed files stay for
/// inspection. First begins a new mirror without a cycle, owned by `owner`, so that the tenant always has an
/// owner. Returns the new name of the file.
absl::StatusOr<std::string> SetSqliteStoreAside(const std::string& dir, const std::string& context_id,
                                                std::int64_t now_ms,
                                                const std::optional<TenantRecord>& owner);

/// Gives the tenant's file and its log a second name each. They keep that name when another file replaces
/// them. No one may have the file open. Returns the second name; empty: there is no file.
absl::StatusOr<std::string> KeepSqliteStore(const std::string& dir, const std::string& context_id,
                                            std::int64_t now_ms);

/// Removes the tenant's file with its log, and a mirror that was only begun. Unless `what` is kMirrorOnly,
/// also removes what restores, resets and quarantines kept.
absl::Status RemoveSqliteStore(const std::string& dir, const std::string& context_id,
                               Deleted what = Deleted::kAll);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_SQLITE_SQLITE_STORE_H_
