#ifndef MIRROR_SERVER_STORE_DELETED_MARK_H_
#define MIRROR_SERVER_STORE_DELETED_MARK_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

// That an operator deleted a tenant, `<dir>/Mirror_<context_id>.deleted`: an empty file beside the mirrors,
// so that no loss of the catalog lets a deleted tenant come back.

namespace mirror {

/// On disk when it returns; once more is harmless. Errors: kUnavailable.
absl::Status SetDeletedMark(const std::string& dir, const std::string& context_id);
absl::Status RemoveDeletedMark(const std::string& dir, const std::string& context_id);
/// Context ids of those that there are in the folder. Errors: kUnavailable.
absl::StatusOr<std::vector<std::string>> FindDeletedMarks(const std::string& dir);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_DELETED_MARK_H_
