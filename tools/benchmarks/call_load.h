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
  std::uint32_t callers = 4;    ///< Threads, each with a connection; a caller keeps to its tenants.
  std::uint64_t calls = 1'000;  ///< Of all callers together.
  std::uint32_t rows_per_call = 10;
};

/// Upserts of a few rows, one unary call each, over tenants whose cycles are open: each caller takes its
/// tenants in turn. With fewer tenants than callers several callers share one, each in a table of its own.
/// `ready` is called when all tenants are populated and open, before anything is timed.
///
/// Gives all calls with the seconds they took together. Errors: a call's status, or that of a refused batch.
absl::StatusOr<StepTime> RunCalls(const CallLoadOptions& options, const BenchRows& rows,
                                  const std::function<void()>& ready);

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

#endif  // MIRROR_TOOLS_BENCHMARKS_CALL_LOAD_H_
