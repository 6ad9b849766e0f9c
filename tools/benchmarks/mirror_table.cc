#include "tools/benchmarks/mirror_table.h"

#include <chrono>

#include "absl/strings/str_cat.h"
#include "client/config/config.h"
#include "proto/wire/codec.h"
#include "tools/benchmarks/push_calls.h"
#include "tools/benchmarks/stopwatch.h"

namespace mirror::bench {
namespace {

constexpr std::size_t kWindow = 4;  ///< As an agent has it when nobody says otherwise.

}  // namespace

absl::StatusOr<std::unique_ptr<MirrorTable>> MirrorTable::Open(const std::string& config,
                                                               const std::string& context_id,
                                                               const BenchRows* rows) {
  const absl::StatusOr<AgentConfig> loaded = LoadAgentConfig(config);
  if (!loaded.ok()) return loaded.status();
  const absl::StatusOr<Connection> connection = Connect(*loaded);
  if (!connection.ok()) return connection.status();
  return std::unique_ptr<MirrorTable>(new MirrorTable(*connection, context_id, rows));
}

absl::StatusOr<StepHead> MirrorTable::Begin(const Step& step) {
  const auto begun = source_.Authenticate(kName, true);
  if (!begun.ok()) return begun.status();
  if (!begun->accepted()) return absl::FailedPreconditionError("the mirror takes no cycle now");
  const auto answer = source_.Announce({rows_->schema()});
  if (!answer.ok()) return answer.status();
  if (answer->tables_size() != 1 || !answer->tables(0).wanted()) {
    return absl::FailedPreconditionError("the mirror does not want the benchmark's table");
  }
  const v1::TableStatus& status = answer->tables(0);
  position_ = DecodePosition(status.position());
  StepHead head;
  head.schema_hash = status.schema_hash();
  head.base = Lsn{status.position().lsn()};
  head.target = {Lsn{head.base.value + 2}, absl::StrCat("bench-", source_.cycle())};
  head.populate = step.verb == Verb::kPopulate;
  return head;
}

absl::Status MirrorTable::Stream(const BatchMaker& maker, const StepHead& head) {
  auto stream = source_.client().OpenRowStream();
  if (!stream.ok()) return stream.status();
  v1::RowDataRequest request;
  request.set_cycle(source_.cycle());
  request.add_batches();
  std::size_t answered = 0;
  const auto receive = [&] {
    ++answered;
    const auto answer = (*stream)->Receive();
    return answer.ok() ? Accepted(*answer) : answer.status();
  };
  for (std::size_t sent = 0; sent < maker.batches(); ++sent) {
    maker.Encode(sent, head, request.mutable_batches(0));
    if (sent - answered == kWindow) {
      if (absl::Status taken = receive(); !taken.ok()) return taken;
    }
    if (absl::Status status = (*stream)->Send(request); !status.ok()) return status;
  }
  while (answered < maker.batches()) {
    if (absl::Status taken = receive(); !taken.ok()) return taken;
  }
  return (*stream)->Finish();
}

absl::Status MirrorTable::Complete(const Step& step) {
  v1::TableSummary summary;
  summary.set_table(rows_->schema().name);
  if (step.verb == Verb::kPopulate) summary.set_row_count(step.pick == 0 ? step.count : step.pick);
  const auto answer = source_.Complete({summary});
  if (!answer.ok()) return answer.status();
  for (const v1::TableVerdict& verdict : answer->tables()) {
    if (verdict.comparison() == v1::COMPARISON_DIFFERS) {
      return absl::FailedPreconditionError(
          absl::StrCat("the mirror counts other rows than were sent: ", verdict.reason()));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<StepTime> MirrorTable::Digest(const Step& step) {
  const absl::StatusOr<StepHead> head = Begin(step);
  if (!head.ok()) return head.status();
  v1::DigestRangesRequest request;
  request.set_cycle(source_.cycle());
  request.set_table(rows_->schema().name);
  EncodePosition(position_, request.mutable_position());
  const Clock::time_point start = Clock::now();
  const auto answer = source_.client().DigestRanges(request);
  const double seconds = Since(start);
  if (!answer.ok()) return answer.status();
  if (absl::Status completed = Complete(step); !completed.ok()) return completed;
  return StepTime{answer->digests(0).row_count(), seconds, {}};
}

absl::StatusOr<StepTime> MirrorTable::Run(const Step& step) {
  if (step.verb == Verb::kDigest) return Digest(step);
  if (step.verb == Verb::kSync) return absl::InvalidArgumentError("a mirror has no disk of its own");
  if (ReadsStore(step.verb)) return absl::InvalidArgumentError("mirror-bench-store alone reads its store");
  const BatchMaker maker(rows_, step);
  StepTime time{maker.keys(), 0, {}};
  const Clock::time_point start = Clock::now();
  const absl::StatusOr<StepHead> head = Begin(step);
  if (!head.ok()) return head.status();
  const bool over_stream = step.verb == Verb::kPushStream;
  const absl::Status sent =
      IsPush(step.verb) ? PushBatches(source_.client(), source_.cycle(), maker, *head, over_stream, &time)
                        : Stream(maker, *head);
  if (!sent.ok()) return sent;
  if (absl::Status completed = Complete(step); !completed.ok()) return completed;
  time.seconds = Since(start) + maker.sort_seconds();
  return time;
}

}  // namespace mirror::bench
