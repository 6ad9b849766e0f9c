#include "tools/benchmarks/push_calls.h"

#include <cstddef>
#include <memory>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "tools/benchmarks/stopwatch.h"

namespace mirror::bench {
namespace {

absl::StatusOr<v1::RowDataResponse> Ask(RowStream& stream, const v1::RowDataRequest& request) {
  RETURN_IF_ERROR(stream.Send(request));
  return stream.Receive();
}

}  // namespace

absl::Status Accepted(const v1::RowDataResponse& answer) {
  if (answer.results_size() != 1) {
    return absl::InternalError(absl::StrCat("a batch was answered with ", answer.results_size(), " results"));
  }
  const v1::BatchResult& result = answer.results(0);
  if (result.code() == 0) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("batch ", result.seq(), " was refused: ", result.message()));
}

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

}  // namespace mirror::bench
