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

/// A planned batch. Its rows are made each time it is sent.
struct BatchPlan {
  Operation operation = Operation::kInsert;
  std::vector<std::uint32_t> columns;
  RowSet rows;
};

/// Rows that one cycle sends for one table. Batch i of `plans` has `seq` i + 1; the last batch commits.
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
  std::size_t outstanding = 0;  ///< Number of batches that were sent and not answered yet.
  std::size_t repairs = 0;
  struct Refusal {
    std::uint64_t seq = 0;
    std::uint64_t applied_seq = 0;
    std::vector<std::uint32_t> missing;  ///< Indexes of the batch's rows that the mirror lacks.
  };
  /// Set when a batch was refused. Nothing is sent then until all answers have come, and `next` is set back.
  std::optional<Refusal> refusal;
  bool committed = false;  ///< The last batch was applied.
  /// Reason why nothing more is sent for the table in this cycle; empty: there is none.
  std::string failure;
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

/// Changes the plans after the answer that rows do not exist. `missing`: their indexes in the batch `seq`.
/// This batch is planned again without them, and a batch after it inserts them. Errors: kInternal: the answer
/// does not fit the batch.
absl::Status InsertMissing(const std::vector<std::uint32_t>& missing, std::uint64_t seq,
                           const std::vector<std::uint32_t>& columns, TableJob* job);

/// How to send rows.
struct SendOptions {
  std::int64_t cycle = 0;
  std::uint32_t window = 4;
  bool unary = false;
  BatchSize size;
};

/// The end of the cycle, if all rows fit into one request and the end is sent with them.
struct LastRows {
  v1::ReplicationCompletedRequest completed;
  std::optional<v1::ReplicationCompletedResponse> answer;  ///< Absent: the cycle is still open.
};

/// Sends all batches of all jobs. It handles refusals as the protocol says: it inserts missing keys, and
/// sends batches again after a gap. Each job gets the result: committed, or the reason why not.
///
/// `last`: null if more requests follow. Errors: the call's status; kInternal: an answer does not fit its
/// request. After an error the jobs have the results of all answers until then.
absl::Status SendJobs(MirrorClient* client, const SendOptions& options,
                      const std::vector<std::vector<std::uint32_t>>& wanted_columns,
                      std::vector<TableJob>* jobs, Meter* meter, LastRows* last);

/// Does the same as SendJobs() over an open stream. SendJobs() itself opens a stream if the options ask for
/// one.
absl::Status SendOver(RowStream* stream, const SendOptions& options,
                      const std::vector<std::vector<std::uint32_t>>& wanted_columns,
                      std::vector<TableJob>* jobs, Meter* meter);

/// Advances tables without changes. `refused` gets a text for each table: the reason of a refusal, or empty.
/// Errors: the call's status; kInternal: the answer does not fit the request.
absl::Status SendAdvance(MirrorClient* client, std::int64_t cycle, const v1::Advance& advance, Meter* meter,
                         std::vector<std::string>* refused);

}  // namespace mirror::harness

#endif  // MIRROR_TOOLS_MIRROR_HARNESS_SYNTHETIC_SENDER_H_
