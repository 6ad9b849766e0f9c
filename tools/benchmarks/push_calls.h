#ifndef MIRROR_TOOLS_BENCHMARKS_PUSH_CALLS_H_
#define MIRROR_TOOLS_BENCHMARKS_PUSH_CALLS_H_

#include <cstdint>

#include "absl/status/status.h"
#include "client/wire/mirror_client.h"
#include "mirror/v1/mirror_client.pb.h"
#include "tools/benchmarks/batch_maker.h"
#include "tools/benchmarks/step.h"

namespace mirror::bench {

/// Errors: kFailedPrecondition with the words of a batch that was refused.
absl::Status Accepted(const v1::RowDataResponse& answer);

/// Sends each batch and waits for its answer before the next, in calls of their own or over one open stream;
/// each time is added to `time`. Errors: a call's status, as Accepted().
absl::Status PushBatches(MirrorClient& client, std::int64_t cycle, const BatchMaker& maker,
                         const StepHead& head, bool over_stream, StepTime* time);

}  // namespace mirror::bench

#endif  // MIRROR_TOOLS_BENCHMARKS_PUSH_CALLS_H_
