#include "tools/benchmarks/batch_maker.h"

#include <algorithm>
#include <chrono>

#include "proto/wire/codec.h"
#include "tools/benchmarks/step.h"

namespace mirror::bench {
namespace {

v1::Operation OperationOf(Verb verb) {
  switch (verb) {
    case Verb::kUpdate:
      return v1::OPERATION_UPDATE;
    case Verb::kDelete:
      return v1::OPERATION_DELETE;
    default:
      return v1::OPERATION_INSERT;
  }
}

}  // namespace

BatchMaker::BatchMaker(const BenchRows* rows, const Step& step)
    : rows_(rows), step_(step), keys_(KeysOf(step)), columns_(rows->ValueColumns(step.verb)) {
  if (step.sorted) {
    const Clock::time_point start = Clock::now();
    std::sort(keys_.begin(), keys_.end());
    sort_seconds_ = std::chrono::duration<double>(Clock::now() - start).count();
  }
  const std::size_t at_most = IsPush(step.verb)              ? 1
                              : step.order == Order::kSpread ? step.group
                                                             : rows->RowsPerBatch(step.verb);
  for (std::size_t from = 0; from < keys_.size(); from += at_most) {
    const std::size_t to = std::min(keys_.size(), from + at_most);
    batches_.push_back({from, to, ValuesOf(from, to)});
  }
  if (batches_.empty()) batches_.push_back({0, 0, std::make_shared<RowBlock>()});
}

std::shared_ptr<const RowBlock> BatchMaker::ValuesOf(std::size_t from, std::size_t to) {
  const bool dense = keys_[to - 1] - keys_[from] == static_cast<std::int64_t>(to - from) - 1;
  const std::pair<std::uint64_t, std::size_t> place(rows_->Place(keys_[from], step_.version), to - from);
  if (dense) {
    if (const auto known = shared_.find(place); known != shared_.end()) return known->second;
  }
  auto block = std::make_shared<RowBlock>(RowBlock::For(rows_->schema(), columns_));
  for (std::size_t i = from; i < to; ++i) rows_->AppendValues(keys_[i], step_.version, block.get());
  if (dense) shared_.emplace(place, block);
  return block;
}

void BatchMaker::EncodeKeys(const Batch& made, v1::ChangeBatch* batch) const {
  const auto count = static_cast<int>(made.to - made.from);
  const std::vector<std::uint32_t> key = rows_->KeyColumns();
  const KeyKind kind = rows_->shape().key;
  for (std::size_t part = 0; part < key.size(); ++part) {
    v1::ColumnData* data = batch->add_columns();
    data->set_column(key[part]);
    if (kind == KeyKind::kText) {
      data->mutable_data()->reserve(static_cast<std::size_t>(count) * 16);
      data->mutable_lengths()->Resize(count, 16);
    } else {
      data->mutable_ints()->Reserve(count);
    }
    for (std::size_t i = made.from; i < made.to; ++i) {
      if (kind == KeyKind::kText) {
        const auto digits = BenchRows::KeyDigits(keys_[i]);
        data->mutable_data()->append(digits.data(), digits.size());
      } else {
        data->mutable_ints()->AddAlreadyReserved(BenchRows::KeyNumbers(kind, keys_[i])[part]);
      }
    }
  }
}

void BatchMaker::Encode(std::size_t index, const StepHead& head, v1::ChangeBatch* batch) const {
  const Batch& made = batches_[index];
  batch->Clear();
  batch->set_table(rows_->schema().name);
  batch->set_schema_hash(head.schema_hash);
  batch->set_seq(index + 1);
  batch->set_base_lsn(head.populate ? -1 : head.base.value);
  EncodePosition(head.target, batch->mutable_target());
  batch->set_operation(OperationOf(step_.verb));
  if (index == 0) {
    if (head.populate) batch->set_populate(v1::POPULATE_REASON_REQUESTED);
    v1::Planned* planned = batch->mutable_planned();
    if (step_.verb == Verb::kUpdate) {
      planned->set_updates(keys_.size());
    } else if (step_.verb == Verb::kDelete) {
      planned->set_deletes(keys_.size());
    } else {
      planned->set_inserts(keys_.size());
    }
  }
  EncodeRows(*made.values, batch);
  if (made.to > made.from) EncodeKeys(made, batch);
  batch->set_row_count(static_cast<std::uint32_t>(made.to - made.from));
  if (index + 1 == batches_.size()) {
    batch->mutable_commit()->set_batches(index + 1);
    EncodePosition(head.target, batch->mutable_commit()->mutable_position());
  }
}

}  // namespace mirror::bench
