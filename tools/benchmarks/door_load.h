#ifndef MIRROR_TOOLS_BENCHMARKS_DOOR_LOAD_H_
#define MIRROR_TOOLS_BENCHMARKS_DOOR_LOAD_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "tools/benchmarks/step.h"

namespace mirror::bench {

/// Upserts of one record each over HTTP, in plain text on loopback.
struct DoorLoadOptions {
  std::uint16_t port = 0;
  std::string key;  ///< X-API-KEY.
  std::string storage;
  std::uint32_t connections = 1;  ///< Kept; each has one request at a time.
  std::uint64_t first = 0;        ///< Of the external ids.
  std::uint64_t count = 1'000;    ///< Of all connections together.
};

/// Times them from the first request to the last answer. Errors: kUnavailable: no connection, or it was
/// closed; kInternal: an answer that is not 200.
absl::StatusOr<StepTime> RunDoor(const DoorLoadOptions& options);

}  // namespace mirror::bench

#endif  // MIRROR_TOOLS_BENCHMARKS_DOOR_LOAD_H_
