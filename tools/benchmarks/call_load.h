#ifndef MIRROR_TOOLS_BENCHMARKS_CALL_LOAD_H_
#define MIRROR_TOOLS_BENCHMARKS_CALL_LOAD_H_

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "tools/benchmarks/bench_rows.h"
#include "tools/benchmarks/step.h"

namespace mirror::bench {

struct CallLoadOptions {
  std::string config;      ///< An agent's configuration file.
  std::string context_id;  ///< Tenants are <context_id>-1, -2, ...
  std::uint32_t tenants = 1;
  std::uint32_t callers = 4;    ///< Threads with a connection each; a caller uses only its own tenants.
  std::uint64_t calls = 1'000;  ///< All callers together.
  std::uint32_t rows_per_call = 10;
};

/// Upserts a few rows with each unary call, for tenants whose cycles are open: each caller calls for its
/// tenants in turn. With fewer tenants than callers, several callers share one, each with a table of its own.
/// Calls `ready` when all tenants are populated and open, before the measurement.
///
/// Returns the calls with their total time in seconds. Errors: a call's status, or that of a refused batch.
absl::StatusOr<StepTime> RunCalls(const CallLoadOptions& options, const BenchRows& rows,
                                  const std::function<void()>& ready);

/// Upserts one record with each HTTP request, in plain text on loopback.
struct DoorLoadOptions {
  std::uint16_t port = 0;
  std::string key;  ///< X-API-KEY.
  std::string storage;
  std::uint32_t connections = 1;  ///< Kept open; each has one request at a time.
  std::uint64_t first = 0;        ///< First external id.
  std::uint64_t count = 1'000;    ///< All connections together.
};

/// Measures from the first request to the last answer. Errors: kUnavailable: no connection, or it was closed;
/// kInternal: an answer other than 200.
absl::StatusOr<StepTime> RunDoor(const DoorLoadOptions& options);

}  // namespace mirror::bench

#endif  // MIRROR_TOOLS_BENCHMARKS_CALL_LOAD_H_
