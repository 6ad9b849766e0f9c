#ifndef MIRROR_TOOLS_BENCHMARKS_ECHO_TABLE_H_
#define MIRROR_TOOLS_BENCHMARKS_ECHO_TABLE_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "client/wire/connect.h"
#include "client/wire/mirror_client.h"
#include "tools/benchmarks/bench_rows.h"
#include "tools/benchmarks/step.h"

namespace mirror::bench {

/// The floor under a push: the same requests to mirror-bench-echo, which writes and syncs as many bytes and
/// answers. There is no cycle. Threads: one.
class EchoTable {
 public:
  /// `rows` outlives it. `config` is an agent's configuration file whose endpoint is mirror-bench-echo.
  /// Errors: the file's.
  static absl::StatusOr<std::unique_ptr<EchoTable>> Open(const std::string& config, const BenchRows* rows);

  /// Errors: a call's status; kInvalidArgument for all but an IsPush().
  absl::StatusOr<StepTime> Run(const Step& step);

 private:
  EchoTable(const Connection& connection, const BenchRows* rows)
      : client_(connection.line->Channel(), connection.identity, "echo"), rows_(rows) {}

  MirrorClient client_;
  const BenchRows* rows_;
};

}  // namespace mirror::bench

#endif  // MIRROR_TOOLS_BENCHMARKS_ECHO_TABLE_H_
