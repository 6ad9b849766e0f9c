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

/// Within the folder: what is being restored or tried, removed by Recover().
inline constexpr char kWorkFolder[] = ".work";

/// A home that is a folder with a SQLite file for each tenant, `<dir>/Mirror_<context_id>.db`. Beside it
/// stands what was there before a restore, a reset and a rebuild, as `.replaced-<now_ms>`, `.reset-<now_ms>`
/// and
/// `.damaged-<now_ms>` behind that name.
/// Takes the folder for this process alone (a lock file). `checkpointer` and `begin_building` of `options`
/// are its own. It outlives its stores. Errors: kFailedPrecondition when another server has the folder, or it
/// cannot be written.
absl::StatusOr<std::unique_ptr<StoreHome>> OpenSqliteHome(const std::string& dir,
                                                          const SqliteOptions& options);

// That an operator deleted a tenant, `<dir>/Mirror_<context_id>.deleted`: a small file beside the mirrors,
// so that no loss of the catalog lets a deleted tenant come back. While its files go it is called
// `.deleting`: a start finishes what that says, and takes a mirror that stands beside a `.deleted` for one
// that was put there since.

/// On disk when it returns; once more is harmless. Errors: kUnavailable.
absl::Status SetDeletingMark(const std::string& dir, const std::string& context_id,
                             Deleted what = Deleted::kAll);
/// As it was set. kAll where there is none.
absl::StatusOr<Deleted> WhatIsDeleted(const std::string& dir, const std::string& context_id);
/// The files are gone.
absl::Status SetDeletedMark(const std::string& dir, const std::string& context_id);
/// The same of one that is kForgotten: nothing tells of it any more.
absl::Status RemoveDeletingMark(const std::string& dir, const std::string& context_id);
absl::Status RemoveDeletedMark(const std::string& dir, const std::string& context_id);
/// Context ids of those that there are in the folder. Errors: kUnavailable.
absl::StatusOr<std::vector<std::string>> FindDeletedMarks(const std::string& dir);
absl::StatusOr<std::vector<std::string>> FindDeletingMarks(const std::string& dir);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_SQLITE_SQLITE_HOME_H_
