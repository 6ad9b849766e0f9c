#ifndef MIRROR_TOOLS_BENCHMARKS_DISK_SYNC_H_
#define MIRROR_TOOLS_BENCHMARKS_DISK_SYNC_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "tools/benchmarks/step.h"

namespace mirror::bench {

/// How long the disk takes to make 4,096 overwritten bytes durable: `count` times pwrite and fdatasync, in a
/// file of 1 MB that is removed afterwards. Errors: kUnavailable with the system's words.
absl::StatusOr<StepTime> SyncDisk(const std::string& path, std::uint64_t count);

}  // namespace mirror::bench

#endif  // MIRROR_TOOLS_BENCHMARKS_DISK_SYNC_H_
