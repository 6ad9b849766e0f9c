#include "server/tenant/row_planner.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/folded_name.h"
#include "base/human_text.h"
#include "base/status_macros.h"
#include "server/plan/apply_plan.h"
#include "server/plan/cycle_notes.h"
#include "server/plan/hold_keys.h"
#include "server/tenant/mirror/mirror.h"

namespace mirror {
namespace {

std::string Quoted(const std::string& table) { return absl::StrCat("table '", table, "'"); }

/// Returns a step that only repeats its record, for a part of a large value to depend on.
Step Untouched(const TableRecord& record) {
  Step step;
  step.table = record.table;
  step.expected = record;
  step.record = record;
  return step;
}

RowPlanner::Standing StandingOf(const std::optional<TableRecord>& record) {
  if (!record) return {};
  return {true, record->cycle, record->seq, record->position.lsn};
}

absl::Status BehindRefused(const std::string& table) {
  return absl::AbortedError(
      absl::StrCat(Quoted(table),
                   ": a batch before this one was refused. Nothing of this one was applied. Send again from "
                   "the refused batch on."));
}

/// Returns the rows that died cycles have deleted since the table's last commit.
std::int64_t OpenOfOthers(const std::vector<Loss>& losses, std::int64_t cycle) {
  std::int64_t rows = 0;
  for (const Loss& loss : losses) {
    if (!loss.committed && loss.cycle != cycle) rows += loss.rows;
  }
  return rows;
}

}  // namespace

RowPlanner::RowPlanner(Store& store, const Cycle& cycle, const RefusedBatches& refused)
    : store_(store), cycle_(cycle), refused_before_(refused), refused_(refused) {}

absl::StatusOr<std::optional<TableRecord>> RowPlanner::Of(const std::string& table) {
  const std::string key = FoldName(table);
  if (const auto found = records_.find(key); found != records_.end()) return found->second;
  absl::StatusOr<std::optional<TableRecord>> record = store_.records().ReadTable(table);
  if (record.ok()) records_.emplace(key, *record);
  return record;
}

bool RowPlanner::IsAgreed(const std::string& table) const {
  return cycle_.announced && !cycle_.refused_tables.contains(FoldName(table));
}

absl::StatusOr<bool> RowPlanner::HasGap(const RowRequest& request) {
  std::set<std::string> seen;
  for (const IncomingBatch& batch : request.batches) {
    const std::string key = FoldName(batch.table);
    if (!seen.insert(key).second) continue;
    ASSIGN_OR_RETURN(std::optional<TableRecord> record, Of(batch.table));
    if (!record) continue;
    const std::uint64_t applied = record->cycle == request.cycle ? record->seq : 0;
    const auto refused = refused_.find(key);
    const bool may_come = refused == refused_.end() || refused->second >= batch.seq;
    if (batch.seq > applied + 1 && may_come) return true;
  }
  return false;
}

absl::StatusOr<bool> RowPlanner::Add(const RowRequest& request, bool may_wait) {
  if (may_wait) {
    ASSIGN_OR_RETURN(bool gap, HasGap(request));
    if (gap) return false;
  }
  Planned planned;
  for (const IncomingPart& part : request.parts) {
    RETURN_IF_ERROR(AddPart(part, &planned));
  }
  for (const IncomingBatch& batch : request.batches) {
    RETURN_IF_ERROR(AddBatch(batch, &planned));
  }
  if (request.advance) {
    for (const auto& [table, base] : request.advance->tables) {
      RETURN_IF_ERROR(AddAdvance(request, table, base, &planned));
    }
  }
  for (const BatchOutcome& outcome : planned.outcomes)
    planned.after.push_back(StandingOf(records_.at(FoldName(outcome.table))));
  requests_.push_back(std::move(planned));
  return true;
}

absl::Status RowPlanner::AddPart(const IncomingPart& part, Planned* planned) {
  BatchOutcome outcome{.table = part.table};
  ASSIGN_OR_RETURN(std::optional<TableRecord> record, Of(part.table));
  if (!IsAgreed(part.table) || !record) {
    outcome.status = NotAgreed(part.table);
    Keep(std::move(outcome), std::nullopt, false, planned);
    return absl::OkStatus();
  }
  Step step = Untouched(*record);
  step.actions.push_back(KeepPart{cycle_.number, part.value_id, part.offset, part.data});
  Keep(std::move(outcome), std::move(step), false, planned);
  return absl::OkStatus();
}

absl::Status RowPlanner::AddBatch(const IncomingBatch& batch, Planned* planned) {
  BatchOutcome outcome{.table = batch.table, .seq = batch.seq};
  ASSIGN_OR_RETURN(std::optional<TableRecord> record, Of(batch.table));
  std::optional<Step> step;
  bool by_record = false;
  if (!IsAgreed(batch.table)) {
    outcome.status = NotAgreed(batch.table);
  } else if (!batch.batch.ok()) {
    outcome.status = batch.batch.status();
  } else if (record && (record->schema_hash != batch.batch->schema_hash ||
                        (!batch.decoded_hash.empty() && batch.decoded_hash != batch.batch->schema_hash))) {
    outcome.status = absl::FailedPreconditionError(
        absl::StrCat(Quoted(batch.table),
                     " was announced with another definition than this batch has. Nothing was "
                     "applied. Take `schema_hash` from the answer of TableSchema."));
  } else {
    BatchPlan plan = PlanBatch(cycle_.number, record, *batch.schema, *batch.batch);
    outcome.populate = batch.batch->populate;
    if (record && outcome.populate != PopulateReason::kNone) outcome.former_cycle = record->cycle;
    by_record = true;
    outcome.repeated = plan.verdict == BatchPlan::Verdict::kRepeated;
    outcome.status = std::move(plan.status);
    if (plan.verdict == BatchPlan::Verdict::kApply) step = std::move(plan.step);
    if (step && cycle_.breaker != nullptr) {
      RETURN_IF_ERROR(Break(batch, *record, &*step, &outcome));
      if (outcome.held || !outcome.status.ok()) step.reset();
    }
  }
  Keep(std::move(outcome), std::move(step), by_record, planned);
  return absl::OkStatus();
}

absl::StatusOr<std::vector<Loss>> RowPlanner::LossesOf(const std::string& table) {
  const std::string key = FoldName(table);
  if (const auto found = losses_.find(key); found != losses_.end()) return found->second;
  absl::StatusOr<std::vector<Loss>> losses = store_.records().ReadLosses(table);
  if (losses.ok()) losses_.emplace(key, *losses);
  return losses;
}

/// Asks the breaker about a batch to be applied, and records its notes in the step.
absl::Status RowPlanner::Break(const IncomingBatch& incoming, const TableRecord& record, Step* step,
                               BatchOutcome* outcome) {
  const ChangeBatch& batch = *incoming.batch;
  const BreakerLimits limits = LimitsOf(*cycle_.breaker, cycle_.context_id, record.table);
  if (batch.commit) {
    for (const Hold& hold : *cycle_.holds) {
      if (!SameName(hold.table, record.table)) continue;
      step->settles_holds = true;
      step->accepted = step->accepted || hold.state == HoldState::kCommit;
    }
  }
  // If deletes are ignored, no rows disappear.
  if (!limits.on || incoming.schema->deletes == Deletes::kIgnore) return absl::OkStatus();
  const bool begins = batch.populate != PopulateReason::kNone;
  const bool into_shadow = begins || record.state == TableState::kPopulating;
  const bool deletes = !into_shadow && batch.operation == Operation::kDelete && batch.row_count > 0;
  const mirror::Planned plan = batch.planned.value_or(mirror::Planned{});
  const auto planned = static_cast<std::int64_t>(plan.deletes);
  const auto expected = static_cast<std::int64_t>(std::max(plan.deletes, plan.expected_deletes));
  Loss loss{.cycle = cycle_.number, .at_ms = cycle_.now_ms};
  loss.committed = batch.commit.has_value();
  if (begins && batch.planned) {
    const auto inserts = static_cast<std::int64_t>(batch.planned->inserts);
    const std::int64_t vanish = record.row_count - inserts;
    // Which rows are missing is unknown until the others have arrived.
    if (absl::Status status = HoldBatch(HoldKind::kPopulation, record, vanish, limits, {}, outcome);
        !status.ok() || outcome->held) {
      return status;
    }
  } else if (!into_shadow && batch.seq == 1 && expected > 0) {
    std::vector<std::string> keys = DeletedKeys(*incoming.schema, batch);
    if (absl::Status status =
            HoldBatch(HoldKind::kDeletes, record, expected, limits, std::move(keys), outcome);
        !status.ok() || outcome->held) {
      return status;
    }
    if (planned > 0) loss.planned = planned;
  }
  if (deletes) step->may_delete = BoundDeletes(record.table, limits, loss.planned);
  if (into_shadow && batch.commit) {
    ASSIGN_OR_RETURN(const std::vector<Loss> losses, LossesOf(record.table));
    const Hold* const hold = FindHold(*cycle_.holds, HoldKind::kPopulation, record.table);
    for (Action& action : step->actions) {
      if (auto* const swap = std::get_if<SwapShadow>(&action)) {
        swap->may_lose =
            MayLose(limits, HoldKind::kPopulation, record.row_count, losses, cycle_.now_ms, hold);
      }
    }
  }
  if (deletes || loss.planned >= 0 || batch.commit) {
    step->loss = loss;
  }
  return absl::OkStatus();
}

/// Bounds the deleted rows when the batch is applied: by the plan, or
/// by what the breaker leaves. Deletes of missing rows do not count.
/// For a table that is never held, the plan is only information.
RowPlanner::MayDelete RowPlanner::BoundDeletes(const std::string& table, const BreakerLimits& limits,
                                               std::int64_t planned) const {
  const Hold* const hold = FindHold(*cycle_.holds, HoldKind::kDeletes, table);  // The holds outlive the plan.
  const std::int64_t cycle = cycle_.number, now_ms = cycle_.now_ms;
  return [limits, hold, planned, cycle, now_ms](std::int64_t rows, const std::vector<Loss>& losses) {
    DeleteBound bound{.planned = planned};
    std::int64_t open = 0;
    for (const Loss& one : losses) {
      if (!one.committed) open += one.rows;
      if (one.cycle == cycle && bound.planned < 0) bound.planned = one.planned;
    }
    if (rows < 0 || rows + open <= limits.rows_min) return bound;
    if (bound.planned >= 0) {
      bound.most = bound.planned;
      return bound;
    }
    bound.most = MayLose(limits, HoldKind::kDeletes, rows, losses, now_ms, hold);
    if (bound.most) bound.most = std::max<std::int64_t>(0, *bound.most - OpenOfOthers(losses, cycle));
    return bound;
  };
}

/// Handles deletes beyond the plan, or beyond what the
/// breaker leaves: only now is their number known.
void RowPlanner::SettleDeletes(const StepResult& result, BatchOutcome* outcome) {
  const std::int64_t planned = result.planned_deletes;
  if (planned < 0) {
    late_.push_back({HoldKind::kDeletes, result.would_delete, result.lost_keys, outcome});
    return;
  }
  outcome->status = absl::FailedPreconditionError(absl::StrCat(
      Quoted(outcome->table), ": ", Counted(static_cast<std::uint64_t>(planned), "delete"),
      planned == 1 ? " was" : " were", " planned, and with this batch ",
      Counted(static_cast<std::uint64_t>(result.would_delete), "row"),
      " would be deleted. Nothing of it was applied. Batch 1 has to plan all deletes of the cycle."));
}

absl::StatusOr<std::vector<Hold>> RowPlanner::JudgeLate() {
  std::vector<Hold> holds;
  for (const Late& late : late_) {
    ASSIGN_OR_RETURN(std::optional<Hold> hold, JudgeLate(late));
    if (hold) holds.push_back(*std::move(hold));
  }
  return holds;
}

/// Judges a step that would have deleted too many rows: only now is their number known.
absl::StatusOr<std::optional<Hold>> RowPlanner::JudgeLate(const Late& late) {
  BatchOutcome* const outcome = late.outcome;
  ASSIGN_OR_RETURN(const std::optional<TableRecord> record, store_.records().ReadTable(outcome->table));
  ASSIGN_OR_RETURN(const std::vector<Loss> losses, store_.records().ReadLosses(outcome->table));
  if (!record) return std::optional<Hold>();
  const bool deletes = late.kind == HoldKind::kDeletes;
  const std::int64_t vanish = late.vanish + (deletes ? OpenOfOthers(losses, cycle_.number) : 0);
  Judgement judgement = JudgeRows(LimitsOf(*cycle_.breaker, cycle_.context_id, outcome->table), late.kind,
                                  record->table, vanish, record->row_count, losses, cycle_.now_ms,
                                  FindHold(*cycle_.holds, late.kind, outcome->table), late.keys);
  outcome->held = judgement.held;
  if (judgement.held) outcome->status = absl::FailedPreconditionError(judgement.reason);
  if (!judgement.hold) return std::optional<Hold>();
  if (deletes) {
    // Otherwise an operator would have to permit it again and again, a bit further each time.
    // It is compared with the rows to be deleted and those deleted in the window, together.
    judgement.hold->rows = judgement.rows_before + judgement.gone;
    absl::StrAppend(&judgement.hold->reason,
                    " The source did not say how many rows it deletes in all: if you commit this hold, it "
                    "may delete all rows of the table.");
  }
  return std::move(judgement.hold);
}

absl::Status RowPlanner::HoldBatch(HoldKind kind, const TableRecord& record, std::int64_t vanish,
                                   const BreakerLimits& limits, std::vector<std::string> keys,
                                   BatchOutcome* outcome) {
  if (vanish <= 0) return absl::OkStatus();
  ASSIGN_OR_RETURN(const std::vector<Loss> losses, LossesOf(record.table));
  Judgement judgement = JudgeRows(limits, kind, record.table, vanish, record.row_count, losses, cycle_.now_ms,
                                  FindHold(*cycle_.holds, kind, record.table), std::move(keys));
  if (!judgement.held) return absl::OkStatus();
  outcome->held = true;
  outcome->status = absl::FailedPreconditionError(judgement.reason);
  if (judgement.hold) new_holds_.push_back(*std::move(judgement.hold));
  return absl::OkStatus();
}

absl::Status RowPlanner::AddAdvance(const RowRequest& request, const std::string& table, Lsn base,
                                    Planned* planned) {
  BatchOutcome outcome{.table = table};
  ASSIGN_OR_RETURN(std::optional<TableRecord> record, Of(table));
  const std::string key = FoldName(table);
  const bool sent = std::any_of(request.batches.begin(), request.batches.end(),
                                [&](const IncomingBatch& batch) { return FoldName(batch.table) == key; });
  std::optional<Step> step;
  bool by_record = false;
  if (sent || refused_.contains(key)) {
    outcome.status = absl::FailedPreconditionError(
        absl::StrCat(Quoted(table),
                     " has batches of its own in this cycle. Its LSN was not moved. Commit it with "
                     "its last batch."));
  } else if (!IsAgreed(table)) {
    outcome.status = NotAgreed(table);
  } else {
    BatchPlan plan = PlanAdvance(cycle_.number, record, table, base, request.advance->position);
    by_record = true;
    outcome.repeated = plan.verdict == BatchPlan::Verdict::kRepeated;
    outcome.status = std::move(plan.status);
    if (plan.verdict == BatchPlan::Verdict::kApply) step = std::move(plan.step);
    if (step && request.advance->source_ms > 0) step->source_ms = request.advance->source_ms;
  }
  Keep(std::move(outcome), std::move(step), by_record, planned);
  return absl::OkStatus();
}

void RowPlanner::Keep(BatchOutcome outcome, std::optional<Step> step, bool by_record, Planned* planned) {
  const std::string key = FoldName(outcome.table);
  // Later requests are planned as if this one had been committed.
  if (outcome.seq != 0 && step) refused_.erase(key);
  if (outcome.seq != 0 && !outcome.status.ok() && records_.at(key)) {
    AddRefused(key, outcome.seq, outcome.status, &refused_);
  }
  planned->steps.push_back(step ? steps_.size() : kNoStep);
  planned->by_record.push_back(by_record);
  planned->outcomes.push_back(std::move(outcome));
  if (!step) return;
  records_[key] = step->record;
  // A source time in the future, from a wrong clock, must not look fresh tomorrow.
  if (step->source_ms && cycle_.now_ms > 0) step->source_ms = std::min(*step->source_ms, cycle_.now_ms);
  if (step->receipt) step->receipt->at_ms = cycle_.now_ms;
  steps_.push_back(*std::move(step));
}

NotedBatches RowPlanner::BatchesToNote() const {
  NotedBatches noted{refused_before_, {}};
  for (const Planned& planned : requests_) {
    for (std::size_t i = 0; i < planned.outcomes.size(); ++i) {
      const BatchOutcome& outcome = planned.outcomes[i];
      NotedBatch& batch = noted.all.emplace_back();
      batch.table = outcome.table;
      batch.seq = outcome.seq;
      if (planned.steps[i] != kNoStep) batch.step = planned.steps[i];
      batch.status = outcome.status;
      batch.by_record = planned.by_record[i];
      if (outcome.seq == 0) continue;
      const auto record = records_.find(FoldName(outcome.table));
      batch.is_there = record != records_.end() && record->second.has_value();
      batch.is_miss = outcome.seq == 1 && outcome.populate == PopulateReason::kLineageMiss &&
                      outcome.former_cycle >= cycle_.known_miss;
      batch.restores = outcome.seq == 1 && IsMiss(outcome.populate);
    }
  }
  return noted;
}

absl::Status RowPlanner::Settle(std::vector<StepResult>& results,
                                std::vector<std::pair<std::string, std::string>>* left_out) {
  for (Planned& planned : requests_) {
    for (std::size_t i = 0; i < planned.outcomes.size(); ++i) {
      RETURN_IF_ERROR(SettleOne(planned, i, results, left_out));
    }
    for (const BatchOutcome& outcome : planned.outcomes)
      planned.failed.push_back(!failed_.empty() && failed_.contains(FoldName(outcome.table)));
  }
  return absl::OkStatus();
}

absl::Status RowPlanner::SettleOne(Planned& planned, std::size_t i, std::vector<StepResult>& results,
                                   std::vector<std::pair<std::string, std::string>>* left_out) {
  BatchOutcome& outcome = planned.outcomes[i];
  if (planned.steps[i] != kNoStep) {
    StepResult& result = results[planned.steps[i]];
    outcome.status = std::move(result.status);
    outcome.missing_rows = std::move(result.missing_rows);
    outcome.more_missing = result.more_missing;
    outcome.receipt = std::move(result.receipt);
    if (result.would_delete > 0) SettleDeletes(result, &outcome);
    if (result.would_lose > 0) {
      late_.push_back({HoldKind::kPopulation, result.would_lose, result.lost_keys, &outcome});
    }
    for (const std::string& index : result.left_out) left_out->emplace_back(outcome.table, index);
    if (!outcome.status.ok() && planned.by_record[i]) failed_.insert(FoldName(outcome.table));
    return absl::OkStatus();
  }
  if (!planned.by_record[i] || !failed_.contains(FoldName(outcome.table))) return absl::OkStatus();
  ASSIGN_OR_RETURN(const std::optional<TableRecord> record, store_.records().ReadTable(outcome.table));
  const bool applied = outcome.repeated && outcome.seq != 0 && record && record->cycle == cycle_.number &&
                       outcome.seq <= record->seq;
  if (applied) return absl::OkStatus();
  outcome.repeated = false;
  outcome.status = BehindRefused(outcome.table);
  return absl::OkStatus();
}

absl::StatusOr<RowPlanner::Standing> RowPlanner::StandingAfter(std::size_t request, std::size_t outcome) {
  const Planned& planned = requests_[request];
  if (!planned.failed[outcome]) return planned.after[outcome];
  // Nothing was applied to the table since.
  ASSIGN_OR_RETURN(std::optional<TableRecord> record,
                   store_.records().ReadTable(planned.outcomes[outcome].table));
  return StandingOf(record);
}

}  // namespace mirror
