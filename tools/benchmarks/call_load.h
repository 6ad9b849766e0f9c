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
  /// Number of threads, each with its own connection. A caller uses only its own tenants.
  std::uint32_t callers = 4;
  std::uint64_t calls = 1'000;  ///< Number of calls of all callers together.
  std::uint32_t rows_per_call = 10;
};

/// Upserts a few rows with each unary call, in open cycles of several tenants. Each caller calls for one of
/// its tenants after the other. If there are fewer tenants than callers, several callers share a tenant, and
/// each has its own table. When all tenants are populated and their cycles are open, it calls `ready`, and
/// then begins to measure.
///
/// Returns the calls with their total time in seconds. Errors: a call's status, or that of a refused batch.
absl::StatusOr<StepTime> RunCalls(const CallLoadOptions& options, const BenchRows& rows,
                                  const std::function<void()>& ready);

/// Upserts one record with each HTTP request, in plain text on loopback.
struct DoorLoadOptions {
  std::uint16_t port = 0;
  std::string key;  ///< Value of X-API-KEY.
  std::string storage;
  std::uint32_t connections = 1;  ///< Number of connections, which stay open; each has one request at a time.
  std::uint64_t first = 0;        ///< First external id.
  std::uint64_t count = 1'000;    ///< Number of requests of all connections together.
};

/// Sends the requests. Measures the time from the first request to the last answer. Errors: kUnavailable: no
/// connection, or it was closed; kInternal: an answer other than 200.
absl::StatusOr<StepTime> RunDoor(const DoorLoadOptions& options);

}  // namespace mirror::bench

#endif  // MIRROR_TOOLS_BENCHMARKS_CALL_LOAD_H_
