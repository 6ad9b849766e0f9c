#ifndef MIRROR_CLIENT_STATE_RUN_MARK_H_
#define MIRROR_CLIENT_STATE_RUN_MARK_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"

namespace mirror {

/// When the last run of a tenant began, unix milliseconds: `<state_dir>/<context_id>.begun`.
///
/// A run that is marked and has no LastRun did not end, or could not write how. The file never changes its
/// size and is written where it lies, so that a run can say that it begins when the disk has no room left;
/// on file systems that write every change to a new place it may not. On disk before this returns; the caller
/// holds the tenant's LockFile. Errors: kUnavailable.
absl::Status MarkBegin(const std::string& state_dir, const std::string& context_id, std::int64_t begun_ms);

/// Absent: none was marked, or it cannot be told.
std::optional<std::int64_t> LoadMark(const std::string& state_dir, const std::string& context_id);

}  // namespace mirror

#endif  // MIRROR_CLIENT_STATE_RUN_MARK_H_
