#include "client/wire/batcher.h"

#include <algorithm>
#include <utility>

#include "base/status_macros.h"
#include "proto/wire/codec.h"
#include "proto/wire/receipt_codec.h"

namespace mirror {
namespace {

/// Bytes of a batch or part besides its values.
constexpr std::size_t kFrameBytes = 200;

}  // namespace

Batcher::Batcher(std::int64_t cycle, const BatcherLimits& limits, Send send)
    : limits_(limits), send_(std::move(send)) {
  limits_.request_bytes = std::min(limits_.request_bytes, limits_.message_bytes / 2);
  limits_.part_bytes = std::min(limits_.part_bytes, limits_.message_bytes / 2);
  request_.set_cycle(cycle);
}

void Batcher::Begin(Table table) {
  table_ = std::move(table);
  seq_ = 0;
  content_.clear();
  values_.clear();
}

absl::Status Batcher::Add(const std::vector<ChangeBlock>& blocks, const Position& target,
                          const std::optional<Planned>& planned, bool last, std::int64_t source_ms) {
  std::size_t all = 0;
  for (const ChangeBlock& block : blocks) all += block.rows.bytes() + kFrameBytes;
  RETURN_IF_ERROR(MakeRoom(all));
  v1::ChangeBatch* batch = nullptr;
  for (const ChangeBlock& block : blocks) {
    const std::size_t bytes = block.rows.bytes() + kFrameBytes;
    RETURN_IF_ERROR(MakeRoom(bytes));
    batch = AddBatch(target, planned);
    batch->set_operation(static_cast<v1::Operation>(block.operation));
    EncodeRows(block.rows, batch);
    AddToContent(*batch);
    bytes_ += bytes;
  }
  const bool begins = seq_ == 0 && table_.populate != PopulateReason::kNone;
  if (blocks.empty() && (last || begins)) {
    batch = AddBatch(target, planned);
    batch->set_operation(v1::OPERATION_INSERT);
    AddToContent(*batch);
    bytes_ += kFrameBytes;
  }
  if (last) {
    batch->mutable_commit()->set_batches(seq_);
    batch->mutable_commit()->set_source_time_ms(source_ms);
    EncodePosition(target, batch->mutable_commit()->mutable_position());
  }
  return SendWhenFull();
}

void Batcher::AddToContent(const v1::ChangeBatch& batch) {
  if (!limits_.receipts) return;
  std::vector<std::string> values;
  for (const v1::ColumnData& column : batch.columns()) {
    for (const v1::LargeValue& value : column.large()) {
      values.push_back(values_[value.value_id()].Finish());
      values_.erase(value.value_id());
    }
  }
  content_ = AddContent(content_, WithLargeValues(BatchDigest(batch), values));
}

v1::ChangeBatch* Batcher::AddBatch(const Position& target, const std::optional<Planned>& planned) {
  v1::ChangeBatch* batch = request_.add_batches();
  batch->set_table(table_.name);
  batch->set_schema_hash(table_.schema_hash);
  batch->set_seq(++seq_);
  batch->set_base_lsn(table_.base.value);
  EncodePosition(target, batch->mutable_target());
  if (seq_ > 1) return batch;
  if (planned) {
    batch->mutable_planned()->set_inserts(planned->inserts);
    batch->mutable_planned()->set_updates(planned->updates);
    batch->mutable_planned()->set_deletes(planned->deletes);
    batch->mutable_planned()->set_expected_deletes(planned->expected_deletes);
  }
  batch->set_populate(static_cast<v1::PopulateReason>(table_.populate));
  return batch;
}

absl::Status Batcher::Part(std::uint32_t column, std::uint64_t value_id, std::uint64_t offset,
                           std::string_view data) {
  if (limits_.receipts) values_[value_id].Add(data);
  while (!data.empty()) {
    const std::string_view piece = data.substr(0, limits_.part_bytes);
    RETURN_IF_ERROR(MakeRoom(piece.size() + kFrameBytes));
    v1::ValuePart* part = request_.add_parts();
    part->set_table(table_.name);
    part->set_column(column);
    part->set_value_id(value_id);
    part->set_offset(offset);
    part->set_data(std::string(piece));
    bytes_ += piece.size() + kFrameBytes;
    offset += piece.size();
    data.remove_prefix(piece.size());
    RETURN_IF_ERROR(SendWhenFull());
  }
  return absl::OkStatus();
}

absl::Status Batcher::MakeRoom(std::size_t bytes) {
  const bool too_much = bytes_ > 0 && bytes_ + bytes > limits_.message_bytes / 2;
  return too_much ? Flush() : absl::OkStatus();
}

absl::Status Batcher::SendWhenFull() {
  const bool full = bytes_ >= limits_.request_bytes ||
                    static_cast<std::size_t>(request_.batches_size()) >= limits_.request_batches;
  return full ? Flush() : absl::OkStatus();
}

absl::Status Batcher::Flush() {
  if (request_.batches_size() == 0 && request_.parts_size() == 0) return absl::OkStatus();
  absl::Status sent = send_(request_);
  request_.clear_batches();
  request_.clear_parts();
  bytes_ = 0;
  return sent;
}

}  // namespace mirror
