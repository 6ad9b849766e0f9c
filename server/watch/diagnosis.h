#ifndef MIRROR_SERVER_WATCH_DIAGNOSIS_H_
#define MIRROR_SERVER_WATCH_DIAGNOSIS_H_

#include <chrono>
#include <cstdint>
#include <string>

#include "absl/status/statusor.h"

namespace mirror {

/// Bytes that this process may still write to the disk of `dir`. Errors: kUnavailable.
absl::StatusOr<std::uint64_t> DiskFreeBytes(const std::string& dir);

/// Median time of several writes of 4 KB, each with fdatasync, to a file in `dir` that is gone afterwards.
/// Errors: kUnavailable.
absl::StatusOr<std::chrono::microseconds> SyncTime(const std::string& dir);

}  // namespace mirror

#endif  // MIRROR_SERVER_WATCH_DIAGNOSIS_H_
