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

/// One batch to be: rows are made when it is sent, and made again when it is sent again.
struct BatchPlan {
  Operation operation = Operation::kInsert;
  std::vector<std::uint32_t> columns;
  RowSet rows;
};

/// What one cycle sends of one table. Batch i of `plans` has seq i + 1; the last one commits.
struct TableJob {
  std::size_t table = 0;  ///< Index among the tenant's tables.
  const RowModel* model = nullptr;
  std::string schema_hash;
  Lsn base;
  Position target;
  PopulateReason populate = PopulateReason::kNone;
  Planned planned;
  std::vector<BatchPlan> plans;

  // How far it has come.
  std::size_t next = 0;         ///< The plan to send next.
  std::size_t outstanding = 0;  ///< Batches made and not answered.
  std::size_t repairs = 0;
  struct Refusal {
    std::uint64_t seq = 0;
    std::uint64_t applied_seq = 0;
    std::vector<std::uint32_t> missing;  ///< Rows of the batch that the mirror does not have.
  };
  /// A batch was refused: nothing is sent until all answers are in, then `next` goes back.
  std::optional<Refusal> refusal;
  bool committed = false;  ///< The last batch was applied.
  std::string failure;     ///< Not empty: why it takes nothing more in this cycle.
};

struct BatchSize {
  std::uint64_t bytes = 1'000'000;
  std::uint64_t rows_max = 1'000'000;
  std::uint64_t cells_max = 10'000'000;
};

/// All rows of the model; `columns` are those that the endpoint wants.
std::vector<BatchPlan> PlanPopulation(const RowModel& model, const std::vector<std::uint32_t>& columns,
                                      const BatchSize& size);
/// Deletes, then updates, then inserts, each in key order.
std::vector<BatchPlan> PlanChanges(const RowModel& model, const TableChanges& changes,
                                   const std::vector<std::uint32_t>& columns, const BatchSize& size);

/// Makes batch `index` of the job.
void EncodePlan(const TableJob& job, std::size_t index, v1::ChangeBatch* batch);

/// After the endpoint said that rows `missing` (places in batch `seq`) are not there: the same seq is sent
/// without them, then they are inserted. Errors: kInternal when the answer does not fit the batch.
absl::Status InsertMissing(const std::vector<std::uint32_t>& missing, std::uint64_t seq,
                           const std::vector<std::uint32_t>& columns, TableJob* job);

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
