#ifndef MIRROR_TOOLS_MIRROR_HARNESS_SYNTHETIC_SENDER_H_
#define MIRROR_TOOLS_MIRROR_HARNESS_SYNTHETIC_SENDER_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "client/wire/mirror_client.h"
#include "mirror/v1/change_batch.pb.h"
#include "proto/wire/batch.h"
#include "proto/wire/lsn.h"
#include "tools/mirror_harness/synthetic/change_maker.h"
#include "tools/mirror_harness/synthetic/meter.h"
#include "tools/mirror_harness/synthetic/row_model.h"

namespace mirror::harness {

/// A planned batch: its rows are made each time it is sent.
struct BatchPlan {
  Operation operation = Operation::kInsert;
  std::vector<std::uint32_t> columns;
  RowSet rows;
};

/// The work of one cycle on one table. Batch i of `plans` has seq i + 1; the last one commits.
struct TableJob {
  std::size_t table = 0;  ///< Index among the tenant's tables.
  const RowModel* model = nullptr;
  std::string schema_hash;
  Lsn base;
  Position target;
  PopulateReason populate = PopulateReason::kNone;
  Planned planned;
  std::vector<BatchPlan> plans;

  // Progress.
  std::size_t next = 0;         ///< The plan to send next.
  std::size_t outstanding = 0;  ///< Batches sent without an answer yet.
  std::size_t repairs = 0;
  struct Refusal {
    std::uint64_t seq = 0;
    std::uint64_t applied_seq = 0;
    std::vector<std::uint32_t> missing;  ///< Rows of the batch that the mirror lacks.
  };
  /// A batch was refused: sends nothing until all answers have come; then `next` goes back.
  std::optional<Refusal> refusal;
  bool committed = false;  ///< The last batch was applied.
  std::string failure;     ///< Not empty: why it sends nothing more in this cycle.
};

struct BatchSize {
  std::uint64_t bytes = 1'000'000;
  std::uint64_t rows_max = 1'000'000;
  std::uint64_t cells_max = 10'000'000;
};

/// Plans all rows of the model; `columns` are those that the endpoint wants.
std::vector<BatchPlan> PlanPopulation(const RowModel& model, const std::vector<std::uint32_t>& columns,
                                      const BatchSize& size);
/// Plans deletes, then updates, then inserts, each in key order.
std::vector<BatchPlan> PlanChanges(const RowModel& model, const TableChanges& changes,
                                   const std::vector<std::uint32_t>& columns, const BatchSize& size);

/// Makes batch `index` of the job.
void EncodePlan(const TableJob& job, std::size_t index, v1::ChangeBatch* batch);

/// After the answer that rows `missing` (indexes in batch `seq`) do not exist: plans the same seq without
/// them, then inserts them. Errors: kInternal: the answer does not fit the batch.
absl::Status InsertMissing(const std::vector<std::uint32_t>& missing, std::uint64_t seq,
                           const std::vector<std::uint32_t>& columns, TableJob* job);

/// How to send rows.
struct SendOptions {
  std::int64_t cycle = 0;
  std::uint32_t window = 4;
  bool unary = false;
  BatchSize size;
};

/// The end of the cycle, sent together with rows that fill one request.
struct LastRows {
  v1::ReplicationCompletedRequest completed;
  std::optional<v1::ReplicationCompletedResponse> answer;  ///< Absent: the cycle is still open.
};

/// Sends all batches of all jobs and repairs refusals as the protocol says: inserts missing keys, sends a gap
/// again. Notes in each job whether it was committed, or why not.
///
/// `last`: null if more requests follow. Errors: the call's status; kInternal: an answer does not fit its
/// request. Jobs then have what was acknowledged until that error.
absl::Status SendJobs(MirrorClient* client, const SendOptions& options,
                      const std::vector<std::vector<std::uint32_t>>& wanted_columns,
                      std::vector<TableJob>* jobs, Meter* meter, LastRows* last);

/// Does the same over an open stream; SendJobs() opens the stream that the options name.
absl::Status SendOver(RowStream* stream, const SendOptions& options,
                      const std::vector<std::vector<std::uint32_t>>& wanted_columns,
                      std::vector<TableJob>* jobs, Meter* meter);

/// Advances tables without changes. `refused` gets a text for each of them: empty if it advanced, else the
/// reason. Errors: the call's status; kInternal: the answer does not fit.
absl::Status SendAdvance(MirrorClient* client, std::int64_t cycle, const v1::Advance& advance, Meter* meter,
                         std::vector<std::string>* refused);

}  // namespace mirror::harness

#endif  // MIRROR_TOOLS_MIRROR_HARNESS_SYNTHETIC_SENDER_H_
