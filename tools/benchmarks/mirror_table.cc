#include "tools/benchmarks/mirror_table.h"

#include <cstddef>
#include <memory>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "client/config/config.h"
#include "proto/wire/codec.h"
#include "tools/benchmarks/batch_maker.h"
#include "tools/benchmarks/step.h"

namespace mirror::bench {
namespace {

constexpr std::size_t kWindow = 4;  ///< Number of requests in flight; the default of an agent.

absl::StatusOr<v1::RowDataResponse> Ask(RowStream& stream, const v1::RowDataRequest& request) {
  RETURN_IF_ERROR(stream.Send(request));
  return stream.Receive();
}

/// Checks that all batches were accepted. Errors: kFailedPrecondition with the message of a refused batch.
absl::Status Accepted(const v1::RowDataResponse& answer) {
  if (answer.results_size() != 1) {
    return absl::InternalError(absl::StrCat("a batch was answered with ", answer.results_size(), " results"));
  }
  const v1::BatchResult& result = answer.results(0);
  if (result.code() == 0) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("batch ", result.seq(), " was refused: ", result.message()));
}

/// Sends one batch after the other, and waits for each answer. Each batch is a call of its own, or all are
/// sent over one open stream. Adds each time to `time`. Errors: a call's status; those of Accepted().
absl::Status PushBatches(MirrorClient& client, std::int64_t cycle, const BatchMaker& maker,
                         const StepHead& head, bool over_stream, StepTime* time) {
  std::unique_ptr<RowStream> stream;
  if (over_stream) {
    ASSIGN_OR_RETURN(stream, client.OpenRowStream());
  }
  v1::RowDataRequest request;
  request.set_cycle(cycle);
  request.add_batches();
  for (std::size_t i = 0; i < maker.batches(); ++i) {
    const Clock::time_point start = Clock::now();
    maker.Encode(i, head, request.mutable_batches(0));
    const auto answer = stream ? Ask(*stream, request) : client.RowData(request);
    time->call_us.push_back(Since(start) * 1e6);
    if (!answer.ok()) return answer.status();
    RETURN_IF_ERROR(Accepted(*answer));
  }
  return stream ? stream->Finish() : absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<MirrorTable>> MirrorTable::Open(const std::string& config,
                                                               const std::string& context_id,
                                                               const BenchRows* rows) {
  ASSIGN_OR_RETURN(const AgentConfig loaded, LoadAgentConfig(config));
  ASSIGN_OR_RETURN(const Connection connection, Connect(loaded));
  return std::unique_ptr<MirrorTable>(new MirrorTable(connection, context_id, rows));
}

absl::StatusOr<StepHead> MirrorTable::Begin(const Step& step) {
  ASSIGN_OR_RETURN(const auto begun, source_.Authenticate(kName, true));
  if (!begun.accepted()) return absl::FailedPreconditionError("the mirror accepts no cycle now");
  ASSIGN_OR_RETURN(const auto answer, source_.Announce({rows_->schema()}));
  if (answer.tables_size() != 1 || !answer.tables(0).wanted()) {
    return absl::FailedPreconditionError("the mirror does not want the benchmark's table");
  }
  const v1::TableStatus& status = answer.tables(0);
  position_ = DecodePosition(status.position());
  StepHead head;
  head.schema_hash = status.schema_hash();
  head.base = Lsn{status.position().lsn()};
  head.target = {Lsn{head.base.value + 2}, absl::StrCat("bench-", source_.cycle())};
  head.populate = step.verb == Verb::kPopulate;
  return head;
}

absl::Status MirrorTable::Stream(const BatchMaker& maker, const StepHead& head) {
  ASSIGN_OR_RETURN(auto stream, source_.client().OpenRowStream());
  v1::RowDataRequest request;
  request.set_cycle(source_.cycle());
  request.add_batches();
  std::size_t answered = 0;
  const auto receive = [&] {
    ++answered;
    const auto answer = stream->Receive();
    return answer.ok() ? Accepted(*answer) : answer.status();
  };
  for (std::size_t sent = 0; sent < maker.batches(); ++sent) {
    maker.Encode(sent, head, request.mutable_batches(0));
    if (sent - answered == kWindow) RETURN_IF_ERROR(receive());
    RETURN_IF_ERROR(stream->Send(request));
  }
  while (answered < maker.batches()) {
    RETURN_IF_ERROR(receive());
  }
  return stream->Finish();
}

absl::Status MirrorTable::Complete(const Step& step) {
  v1::TableSummary summary;
  summary.set_table(rows_->schema().name);
  if (step.verb == Verb::kPopulate) summary.set_row_count(step.pick == 0 ? step.count : step.pick);
  ASSIGN_OR_RETURN(const auto answer, source_.Complete({summary}));
  for (const v1::TableVerdict& verdict : answer.tables()) {
    if (verdict.comparison() == v1::COMPARISON_DIFFERS) {
      return absl::FailedPreconditionError(
          absl::StrCat("the mirror's row count differs from the rows that were sent: ", verdict.reason()));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<StepTime> MirrorTable::Digest(const Step& step) {
  ASSIGN_OR_RETURN(const StepHead head, Begin(step));
  v1::DigestRangesRequest request;
  request.set_cycle(source_.cycle());
  request.set_table(rows_->schema().name);
  EncodePosition(position_, request.mutable_position());
  const Clock::time_point start = Clock::now();
  const auto answer = source_.client().DigestRanges(request);
  const double seconds = Since(start);
  if (!answer.ok()) return answer.status();
  RETURN_IF_ERROR(Complete(step));
  return StepTime{answer->digests(0).row_count(), seconds, {}};
}

absl::StatusOr<StepTime> MirrorTable::Run(const Step& step) {
  if (step.verb == Verb::kDigest) return Digest(step);
  if (step.verb == Verb::kSync) return absl::InvalidArgumentError("a mirror has no disk of its own");
  if (ReadsStore(step.verb)) return absl::InvalidArgumentError("only mirror-bench-store reads its store");
  const BatchMaker maker(rows_, step);
  StepTime time{maker.keys(), 0, {}};
  const Clock::time_point start = Clock::now();
  ASSIGN_OR_RETURN(const StepHead head, Begin(step));
  const bool over_stream = step.verb == Verb::kPushStream;
  const absl::Status sent =
      IsPush(step.verb) ? PushBatches(source_.client(), source_.cycle(), maker, head, over_stream, &time)
                        : Stream(maker, head);
  if (!sent.ok()) return sent;
  RETURN_IF_ERROR(Complete(step));
  time.seconds = Since(start) + maker.sort_seconds();
  return time;
}

absl::StatusOr<std::unique_ptr<EchoTable>> EchoTable::Open(const std::string& config, const BenchRows* rows) {
  ASSIGN_OR_RETURN(const AgentConfig loaded, LoadAgentConfig(config));
  ASSIGN_OR_RETURN(const Connection connection, Connect(loaded));
  return std::unique_ptr<EchoTable>(new EchoTable(connection, rows));
}

absl::StatusOr<StepTime> EchoTable::Run(const Step& step) {
  if (!IsPush(step.verb)) return absl::InvalidArgumentError("an echo accepts only pushes");
  const BatchMaker maker(rows_, step);
  StepTime time{maker.keys(), 0, {}};
  // These values have the same length as the values for a mirror.
  const StepHead head{std::string(32, 'h'), Lsn{1}, {Lsn{2}, "bench-1"}, /*populate=*/false};
  const Clock::time_point start = Clock::now();
  RETURN_IF_ERROR(PushBatches(client_, 1, maker, head, step.verb == Verb::kPushStream, &time));
  time.seconds = Since(start);
  return time;
}

}  // namespace mirror::bench
