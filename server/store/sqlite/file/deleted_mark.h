#ifndef MIRROR_SERVER_STORE_SQLITE_FILE_DELETED_MARK_H_
#define MIRROR_SERVER_STORE_SQLITE_FILE_DELETED_MARK_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/store/home.h"

// That an operator deleted a tenant, `<dir>/Mirror_<context_id>.deleted`: a small file beside the mirrors,
// so that no loss of the catalog lets a deleted tenant come back. While its files go it is called
// `.deleting`: a start finishes what that says, and takes a mirror that stands beside a `.deleted` for one
// that was put there since.

namespace mirror {

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

#endif  // MIRROR_SERVER_STORE_SQLITE_FILE_DELETED_MARK_H_
