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

/// Folder within the home for copies and imports that are in progress. Recover() removes it.
inline constexpr char kWorkFolder[] = ".work";

/// Opens a home that is a folder. Each tenant has a SQLite file in it, `<dir>/Mirror_<context_id>.db`. A
/// restore, a reset and a rebuild keep the former file beside it, with `.replaced-<now_ms>`,
/// `.reset-<now_ms>` or `.damaged-<now_ms>` appended to its name. Locks the folder for this process, by a
/// lock file. Ignores `checkpointer` and `begin_building` of `options`: the home sets its own. The home must
/// outlive its stores. Errors: kFailedPrecondition: another server has locked the folder, or it is not
/// writable.
absl::StatusOr<std::unique_ptr<StoreHome>> OpenSqliteHome(const std::string& dir,
                                                          const SqliteOptions& options);

// The mark of a deleted tenant, `<dir>/Mirror_<context_id>.deleted`: a small file beside the mirrors. It is
// not in the catalog, so that a loss of the catalog does not bring the tenant back. While the tenant's files
// are being removed the mark's name ends in `.deleting`, and the next start finishes an interrupted removal.
// If there is a mirror beside a `.deleted`, somebody put it there later.

/// Writes the mark. It is on disk on return. May be called again. Errors: kUnavailable.
absl::Status SetDeletingMark(const std::string& dir, const std::string& context_id,
                             Deleted what = Deleted::kAll);
/// Returns the value that was given to SetDeletingMark; kAll if there is no mark.
absl::StatusOr<Deleted> WhatIsDeleted(const std::string& dir, const std::string& context_id);
/// Changes the mark to `.deleted`, after the files were removed.
absl::Status SetDeletedMark(const std::string& dir, const std::string& context_id);
/// Removes the mark instead, for kForgotten. No trace of the deletion remains.
absl::Status RemoveDeletingMark(const std::string& dir, const std::string& context_id);
absl::Status RemoveDeletedMark(const std::string& dir, const std::string& context_id);
/// Returns the context ids of all marks in the folder. Errors: kUnavailable.
absl::StatusOr<std::vector<std::string>> FindDeletedMarks(const std::string& dir);
absl::StatusOr<std::vector<std::string>> FindDeletingMarks(const std::string& dir);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_SQLITE_SQLITE_HOME_H_
