#include "server/plan/apply_plan.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "proto/wire/limits.h"
#include "proto/wire/receipt.h"

namespace mirror {
namespace {

/// Returns the beginning of a message about a table: table 'contact'.
inline std::string QuotedTable(const std::string& table) { return absl::StrCat("table '", table, "'"); }

BatchPlan Refuse(absl::Status status) {
  BatchPlan plan;
  plan.verdict = BatchPlan::Verdict::kRefused;
  plan.status = std::move(status);
  return plan;
}

absl::Status NoMetadataRow(const std::string& table) {
  return absl::FailedPreconditionError(
      absl::StrCat(QuotedTable(table),
                   " is not agreed in this mirror: its metadata row is missing. Nothing was applied. Begin a "
                   "new cycle; its TableSchema says what to do with the table."));
}

/// Returns the seq of the last batch that was applied in `cycle`.
std::uint64_t AppliedSeq(std::int64_t cycle, const TableRecord& record) {
  return record.cycle == cycle ? record.seq : 0;
}

absl::Status BaseDiffers(const std::string& table, Lsn stored, Lsn base) {
  return absl::FailedPreconditionError(absl::StrCat(QuotedTable(table), ": the mirror holds LSN ",
                                                    stored.value, " and the batch begins at ", base.value,
                                                    ". Nothing was applied. Somebody set or moved the LSN "
                                                    "since TableSchema; the next cycle starts from what the "
                                                    "mirror holds."));
}

ReceiptStep ReceiptOf(std::int64_t cycle, const ChangeBatch& batch, bool into_shadow) {
  ReceiptStep receipt;
  receipt.cycle = cycle;
  receipt.seq = batch.seq;
  receipt.operation = batch.operation;
  receipt.rows = batch.row_count;
  receipt.commit = batch.commit.has_value();
  receipt.populated = into_shadow;
  receipt.digest = batch.digest;
  for (const ColumnView& column : batch.columns) {
    for (const LargeValue& value : column.large) receipt.values.push_back(value.value_id);
  }
  return receipt;
}

/// Returns the step of a batch that may be applied.
Step StepOf(std::int64_t cycle, const TableRecord& record, const TableSchema& schema,
            const ChangeBatch& batch, bool into_shadow) {
  const bool begins = batch.populate != PopulateReason::kNone;
  Step step;
  step.table = record.table;
  step.expected = record;
  if (begins) step.actions.push_back(BeginShadow{schema, cycle});
  if (batch.row_count > 0) step.actions.push_back(ApplyRows{&schema, &batch, into_shadow, cycle});
  TableRecord next = record;
  next.seq = batch.seq;
  next.cycle = cycle;
  if (begins) {
    next.position = Position{};
    next.state = TableState::kPopulating;
  }
  if (batch.target != Position{}) next.pending = batch.target;
  if (batch.commit) {
    if (into_shadow) step.actions.push_back(SwapShadow{});
    if (batch.commit->source_ms > 0) step.source_ms = batch.commit->source_ms;
    next.position = batch.commit->position;
    next.pending.reset();
    next.state = TableState::kMirrored;
    step.commits = true;
  }
  step.record = std::move(next);
  if (!batch.digest.empty()) step.receipt = ReceiptOf(cycle, batch, into_shadow);
  return step;
}

}  // namespace

BatchPlan PlanBatch(std::int64_t cycle, const std::optional<TableRecord>& record, const TableSchema& schema,
                    const ChangeBatch& batch) {
  if (!record) return Refuse(NoMetadataRow(batch.table));
  const std::uint64_t applied = AppliedSeq(cycle, *record);
  BatchPlan plan;
  if (batch.seq <= applied) {
    plan.verdict = BatchPlan::Verdict::kRepeated;
    return plan;
  }
  if (record->state == TableState::kStopped && record->cycle == cycle) {
    return Refuse(absl::FailedPreconditionError(
        absl::StrCat(QuotedTable(batch.table), " accepts no more batches in this cycle: it lacks more than ",
                     kMissingKeysMax,
                     " of the rows that a batch changes, and its LSN is -1 now. The next cycle populates "
                     "it.")));
  }
  if (batch.seq != applied + 1) {
    plan.verdict = BatchPlan::Verdict::kGap;
    plan.status = absl::AbortedError(
        absl::StrCat(QuotedTable(batch.table), ": batch ", batch.seq, " arrived, but ", applied,
                     " is the last that was applied. Send from batch ", applied + 1, " on."));
    return plan;
  }
  if (applied != 0 && !record->pending) {
    return Refuse(absl::FailedPreconditionError(
        absl::StrCat(QuotedTable(batch.table),
                     " was committed in this cycle already. Nothing of this batch was applied. The last "
                     "batch carries the commit; later changes belong to the next cycle.")));
  }
  const bool begins = batch.populate != PopulateReason::kNone;
  const Lsn held = begins ? Lsn{} : record->position.lsn;
  if (batch.base_lsn != held) return Refuse(BaseDiffers(batch.table, held, batch.base_lsn));
  const bool into_shadow = begins || (record->state == TableState::kPopulating && record->cycle == cycle);
  if (!into_shadow && record->state != TableState::kMirrored) {
    return Refuse(absl::FailedPreconditionError(
        absl::StrCat(QuotedTable(batch.table),
                     " must be populated: its definition changed or an earlier population was not finished. "
                     "Nothing was applied. Send all its rows, with `populate` on batch 1.")));
  }
  if (!into_shadow && held == Lsn{}) {
    return Refuse(absl::FailedPreconditionError(
        absl::StrCat(QuotedTable(batch.table),
                     " holds LSN -1: only a population may fill it. Nothing was applied. Send all its rows, "
                     "with `populate` on batch 1.")));
  }
  if (batch.commit && batch.commit->batches != batch.seq) {
    return Refuse(absl::FailedPreconditionError(absl::StrCat(
        QuotedTable(batch.table), ": the commit counts ", batch.commit->batches, " batches, but is on batch ",
        batch.seq, ". Nothing of this batch was applied. The commit belongs on the last batch.")));
  }

  plan.verdict = BatchPlan::Verdict::kApply;
  plan.step = StepOf(cycle, *record, schema, batch, into_shadow);
  return plan;
}

BatchPlan PlanAdvance(std::int64_t cycle, const std::optional<TableRecord>& record, const std::string& table,
                      Lsn base_lsn, const Position& position) {
  if (!record) return Refuse(NoMetadataRow(table));
  // The answer to an advance may have been lost: a repetition is acknowledged, like that of a batch.
  if (record->position == position && !record->pending && record->cycle == cycle) {
    BatchPlan plan;
    plan.verdict = BatchPlan::Verdict::kRepeated;
    return plan;
  }
  if (record->position.lsn != base_lsn || base_lsn == Lsn{}) {
    return Refuse(BaseDiffers(table, record->position.lsn, base_lsn));
  }
  if (record->state != TableState::kMirrored || record->pending) {
    return Refuse(absl::FailedPreconditionError(
        absl::StrCat(QuotedTable(table),
                     " cannot be advanced: it waits for a population, or an unfinished cycle left rows of a "
                     "later position in it. Its LSN was not moved. Send its changes since LSN ",
                     base_lsn.value, " with a commit.")));
  }
  BatchPlan plan;
  plan.verdict = BatchPlan::Verdict::kApply;
  plan.step.table = record->table;
  plan.step.expected = record;
  plan.step.record = record;
  plan.step.record->position = position;
  plan.step.commits = true;
  plan.step.record->seq = AppliedSeq(cycle, *record);
  plan.step.record->cycle = cycle;
  return plan;
}

BatchPlan PlanWipe(std::int64_t cycle, const std::optional<TableRecord>& record, const TableSchema& schema,
                   const Position& target, bool receipts) {
  if (record && AppliedSeq(cycle, *record) != 0 && record->state != TableState::kPopulating) {
    return Refuse(absl::FailedPreconditionError(
        absl::StrCat(QuotedTable(schema.name),
                     " received batches in this cycle already. Nothing was wiped. Wipe it in the next cycle, "
                     "before its first batch.")));
  }
  ChangeBatch batch;
  batch.table = schema.name;
  batch.seq = 1;
  batch.populate = PopulateReason::kRequested;
  batch.target = target;
  if (receipts) batch.digest = EmptyBatchDigest();
  return PlanBatch(cycle, record, schema, batch);
}

Step PlanStop(std::int64_t cycle, const TableRecord& record) {
  Step step;
  step.table = record.table;
  step.expected = record;
  step.record = record;
  step.record->position = Position{};
  step.record->state = TableState::kStopped;
  step.record->seq = AppliedSeq(cycle, record);
  step.record->cycle = cycle;
  return step;
}

Step PlanInvalidate(const TableRecord& record) {
  Step step;
  step.table = record.table;
  step.expected = record;
  step.record = record;
  step.record->position = Position{};
  return step;
}

}  // namespace mirror
