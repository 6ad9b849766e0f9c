#ifndef MIRROR_SERVER_STORE_SQLITE_SQLITE_HOME_H_
#define MIRROR_SERVER_STORE_SQLITE_SQLITE_HOME_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/store/home.h"
#include "server/store/sqlite/sqlite_store.h"

namespace mirror {

/// Folder within the home for copies and imports in progress; Recover() removes it.
inline constexpr char kWorkFolder[] = ".work";

/// A home that is a folder with a SQLite file for each tenant, `<dir>/Mirror_<context_id>.db`.
/// Beside it are files kept by a restore, a reset and a rebuild, with `.replaced-<now_ms>`,
/// `.reset-<now_ms>` and `.damaged-<now_ms>` appended to that name.
/// Locks the folder for this process (a lock file).
/// `checkpointer` and `begin_building` of `options` are its own.
/// It must outlive its stores. Errors: kFailedPrecondition when another server has the folder, or it is
/// not writable.
absl::StatusOr<std::unique_ptr<StoreHome>> OpenSqliteHome(const std::string& dir,
                                                          const SqliteOptions& options);

// The mark that an operator deleted a tenant, `<dir>/Mirror_<context_id>.deleted`: a small file beside the
// mirrors, so that a loss of the catalog does not bring the tenant back. While the tenant's files are being
// removed its name is `.deleting`: a start finishes the removal. A mirror beside a `.deleted` is one that was
// put there later.

/// Sets the mark; on disk when it returns. May be called again. Errors: kUnavailable.
absl::Status SetDeletingMark(const std::string& dir, const std::string& context_id,
                             Deleted what = Deleted::kAll);
/// Returns the value that was set; kAll if there is no mark.
absl::StatusOr<Deleted> WhatIsDeleted(const std::string& dir, const std::string& context_id);
/// Replaces the mark once the files are gone.
absl::Status SetDeletedMark(const std::string& dir, const std::string& context_id);
/// Removes the mark instead, for kForgotten: no trace of the deletion remains.
absl::Status RemoveDeletingMark(const std::string& dir, const std::string& context_id);
absl::Status RemoveDeletedMark(const std::string& dir, const std::string& context_id);
/// Returns the context ids of all marks in the folder. Errors: kUnavailable.
absl::StatusOr<std::vector<std::string>> FindDeletedMarks(const std::string& dir);
absl::StatusOr<std::vector<std::string>> FindDeletingMarks(const std::string& dir);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_SQLITE_SQLITE_HOME_H_
