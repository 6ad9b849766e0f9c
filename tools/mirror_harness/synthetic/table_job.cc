#include "tools/mirror_harness/synthetic/table_job.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "proto/wire/codec.h"

namespace mirror::harness {
namespace {

std::size_t RowsPerBatch(const RowModel& model, const std::vector<std::uint32_t>& columns,
                         const BatchSize& size) {
  const double row = std::max(1.0, model.MeanBytes(columns));
  std::uint64_t rows = static_cast<std::uint64_t>(static_cast<double>(size.bytes) / row);
  rows = std::min(rows, size.rows_max);
  rows = std::min(rows, size.cells_max / std::max<std::uint64_t>(1, columns.size()));
  return std::max<std::size_t>(1, rows);
}

void Cut(Operation operation, const std::vector<std::uint32_t>& columns, const RowSet& rows,
         std::size_t at_most, std::vector<BatchPlan>* plans) {
  for (std::size_t from = 0; from < rows.size(); from += at_most) {
    const std::size_t to = std::min(rows.size(), from + at_most);
    BatchPlan plan{operation, columns, {}};
    if (rows.keys.empty()) {
      plan.rows = {
          rows.first + static_cast<std::int64_t>(from), rows.first + static_cast<std::int64_t>(to), {}};
    } else {
      plan.rows.keys.assign(rows.keys.begin() + static_cast<std::ptrdiff_t>(from),
                            rows.keys.begin() + static_cast<std::ptrdiff_t>(to));
    }
    plans->push_back(std::move(plan));
  }
}

/// The blocks of this thread, so that batches of the same columns use the same memory again.
RowBlock* BlockFor(const RowModel& model, const std::vector<std::uint32_t>& columns) {
  thread_local RowBlock block;
  const bool same =
      block.columns.size() == columns.size() &&
      std::equal(columns.begin(), columns.end(), block.columns.begin(),
                 [&](std::uint32_t column, const ColumnBuffer& buffer) {
                   return buffer.column() == column && buffer.storage() == model.recipes()[column].storage;
                 });
  if (same) {
    block.Clear();
  } else {
    block = RowBlock::For(model.schema(), columns);
  }
  return &block;
}

}  // namespace

std::vector<BatchPlan> PlanPopulation(const RowModel& model, const std::vector<std::uint32_t>& columns,
                                      const BatchSize& size) {
  std::vector<BatchPlan> plans;
  Cut(Operation::kInsert, columns, model.All(), RowsPerBatch(model, columns, size), &plans);
  if (plans.empty()) plans.push_back({Operation::kInsert, columns, {}});
  return plans;
}

std::vector<BatchPlan> PlanChanges(const RowModel& model, const TableChanges& changes,
                                   const std::vector<std::uint32_t>& columns, const BatchSize& size) {
  std::vector<BatchPlan> plans;
  const std::vector<std::uint32_t> key = model.schema().Key();
  Cut(Operation::kDelete, key, {0, 0, changes.deletes}, RowsPerBatch(model, key, size), &plans);
  for (const TableChanges::Update& update : changes.updates) {
    std::vector<std::uint32_t> wanted;
    std::set_intersection(update.columns.begin(), update.columns.end(), columns.begin(), columns.end(),
                          std::back_inserter(wanted));
    if (wanted.size() == key.size()) continue;  // Nothing of it is mirrored.
    Cut(Operation::kUpdate, wanted, {0, 0, update.keys}, RowsPerBatch(model, wanted, size), &plans);
  }
  Cut(Operation::kInsert, columns, {0, 0, changes.inserts}, RowsPerBatch(model, columns, size), &plans);
  if (plans.empty()) plans.push_back({Operation::kInsert, columns, {}});
  return plans;
}

void EncodePlan(const TableJob& job, std::size_t index, v1::ChangeBatch* batch) {
  const BatchPlan& plan = job.plans[index];
  batch->set_table(job.model->schema().name);
  batch->set_schema_hash(job.schema_hash);
  batch->set_seq(index + 1);
  batch->set_base_lsn(job.base.value);
  EncodePosition(job.target, batch->mutable_target());
  batch->set_operation(static_cast<v1::Operation>(plan.operation));
  if (index == 0) {
    batch->set_populate(static_cast<v1::PopulateReason>(job.populate));
    batch->mutable_planned()->set_inserts(job.planned.inserts);
    batch->mutable_planned()->set_updates(job.planned.updates);
    batch->mutable_planned()->set_deletes(job.planned.deletes);
  }
  RowBlock* block = BlockFor(*job.model, plan.columns);
  job.model->Fill(plan.rows, 0, plan.rows.size(), block);
  EncodeRows(*block, batch);
  if (index + 1 == job.plans.size()) {
    batch->mutable_commit()->set_batches(index + 1);
    EncodePosition(job.target, batch->mutable_commit()->mutable_position());
  }
}

absl::Status InsertMissing(const std::vector<std::uint32_t>& missing, std::uint64_t seq,
                           const std::vector<std::uint32_t>& columns, TableJob* job) {
  if (seq == 0 || seq > job->plans.size())
    return absl::InternalError(absl::StrCat("there is no batch ", seq));
  BatchPlan& plan = job->plans[seq - 1];
  BatchPlan insert{Operation::kInsert, columns, {}};
  std::vector<std::int64_t> rest;
  std::size_t at = 0;
  for (std::size_t row = 0; row < plan.rows.size(); ++row) {
    const bool is_missing = at < missing.size() && missing[at] == row;
    (is_missing ? insert.rows.keys : rest).push_back(plan.rows[row]);
    if (is_missing) ++at;
  }
  if (plan.operation != Operation::kUpdate || at != missing.size() || missing.empty()) {
    return absl::InternalError(absl::StrCat("the rows named as missing are not those of batch ", seq));
  }
  if (rest.empty()) {
    plan = std::move(insert);
    return absl::OkStatus();
  }
  plan.rows = {0, 0, std::move(rest)};
  job->plans.insert(job->plans.begin() + static_cast<std::ptrdiff_t>(seq), std::move(insert));
  return absl::OkStatus();
}

}  // namespace mirror::harness
