#ifndef MIRROR_TOOLS_MIRROR_HARNESS_SYNTHETIC_SENDER_H_
#define MIRROR_TOOLS_MIRROR_HARNESS_SYNTHETIC_SENDER_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "client/wire/mirror_client.h"
#include "tools/mirror_harness/synthetic/meter.h"
#include "tools/mirror_harness/synthetic/table_job.h"

namespace mirror::harness {

/// How rows travel.
struct SendOptions {
  std::int64_t cycle = 0;
  std::uint32_t window = 4;
  bool unary = false;
  BatchSize size;
};

/// The cycle's end, to go with rows that fill one request.
struct LastRows {
  v1::ReplicationCompletedRequest completed;
  std::optional<v1::ReplicationCompletedResponse> answer;  ///< Absent: the cycle goes on.
};

/// Sends all batches of all jobs, repairs what the endpoint refuses as the protocol says (missing keys are
/// inserted, a gap is sent again), and notes in each job whether it was committed or why not.
///
/// `last`: null where more is sent behind them. Errors: the call's status, or kInternal when an answer does
/// not fit its request. What was acknowledged until then is noted.
absl::Status SendJobs(MirrorClient* client, const SendOptions& options,
                      const std::vector<std::vector<std::uint32_t>>& wanted_columns,
                      std::vector<TableJob>* jobs, Meter* meter, LastRows* last);

/// The same over a stream that is open: SendJobs opens the one that the options name.
absl::Status SendOver(RowStream* stream, const SendOptions& options,
                      const std::vector<std::vector<std::uint32_t>>& wanted_columns,
                      std::vector<TableJob>* jobs, Meter* meter);

/// Moves tables without changes on. `refused` gets a text for each of them: empty when it moved, else why
/// not. Errors: the call's status, or kInternal when the answer does not fit.
absl::Status SendAdvance(MirrorClient* client, std::int64_t cycle, const v1::Advance& advance, Meter* meter,
                         std::vector<std::string>* refused);

}  // namespace mirror::harness

#endif  // MIRROR_TOOLS_MIRROR_HARNESS_SYNTHETIC_SENDER_H_
