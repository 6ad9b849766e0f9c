#ifndef MIRROR_TOOLS_BENCHMARKS_MIRROR_TABLE_H_
#define MIRROR_TOOLS_BENCHMARKS_MIRROR_TABLE_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/wire/connect.h"
#include "client/wire/mirror_client.h"
#include "mirror/v1/mirror_client.pb.h"
#include "tools/benchmarks/batch_maker.h"
#include "tools/benchmarks/bench_rows.h"
#include "tools/benchmarks/step.h"
#include "tools/mirror_harness/synthetic/synthetic_source.h"

namespace mirror::bench {

/// Runs the steps over the network. Each step is one cycle of a tenant with one table. It measures the time
/// from before Authenticate to the answer of ReplicationCompleted, after which all rows are durable. Threads:
/// one.
class MirrorTable {
 public:
  /// Reads the configuration. `rows` must outlive this object. `config`: path of an agent's configuration.
  /// Errors: those of reading it.
  static absl::StatusOr<std::unique_ptr<MirrorTable>> Open(const std::string& config,
                                                           const std::string& context_id,
                                                           const BenchRows* rows);

  /// Runs a step. Errors: a call's status; kFailedPrecondition: the mirror refuses a batch; kInvalidArgument
  /// for kSync and for verbs with ReadsStore().
  absl::StatusOr<StepTime> Run(const Step& step);

 private:
  static constexpr char kName[] = "mirror-bench";  ///< Name of the source, and of the holder of its cycles.

  MirrorTable(const Connection& connection, const std::string& context_id, const BenchRows* rows)
      : source_(std::make_unique<MirrorClient>(connection.line->Channel(), connection.identity, context_id),
                kName),
        rows_(rows) {}

  absl::StatusOr<StepHead> Begin(const Step& step);
  absl::Status Stream(const BatchMaker& maker, const StepHead& head);
  absl::Status Complete(const Step& step);
  /// Computes the digest of all rows of the table in its present state.
  absl::StatusOr<StepTime> Digest(const Step& step);

  harness::SyntheticSource source_;
  const BenchRows* rows_;
  Position position_;  ///< The table's position in the last announcement.
};

/// The shortest possible time of a push. It sends the same requests to mirror-bench-echo, which writes and
/// syncs as many bytes and answers. There is no cycle. Threads: one.
class EchoTable {
 public:
  /// Reads the configuration. `rows` must outlive this object. `config`: path of an agent's configuration,
  /// whose endpoint is mirror-bench-echo. Errors: those of reading it.
  static absl::StatusOr<std::unique_ptr<EchoTable>> Open(const std::string& config, const BenchRows* rows);

  /// Runs a step. Errors: a call's status; kInvalidArgument for verbs without IsPush().
  absl::StatusOr<StepTime> Run(const Step& step);

 private:
  EchoTable(const Connection& connection, const BenchRows* rows)
      : client_(connection.line->Channel(), connection.identity, "echo"), rows_(rows) {}

  MirrorClient client_;
  const BenchRows* rows_;
};

}  // namespace mirror::bench

#endif  // MIRROR_TOOLS_BENCHMARKS_MIRROR_TABLE_H_
