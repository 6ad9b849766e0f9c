#include "client/batcher.h"

#include <algorithm>
#include <utility>

#include "proto/wire/codec.h"

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

void Batcher::Begin(Population population) {
  population_ = std::move(population);
  seq_ = 0;
}

absl::Status Batcher::Add(const RowBlock& rows, std::uint64_t planned_rows, bool last) {
  const std::size_t bytes = rows.bytes() + kFrameBytes;
  if (absl::Status sent = MakeRoom(bytes); !sent.ok()) return sent;
  v1::ChangeBatch* batch = request_.add_batches();
  if (rows.rows() > 0) EncodeRows(rows, batch);
  batch->set_table(population_.table);
  batch->set_schema_hash(population_.schema_hash);
  batch->set_seq(++seq_);
  batch->set_base_lsn(Lsn{}.value);
  EncodePosition(population_.target, batch->mutable_target());
  batch->set_operation(v1::OPERATION_INSERT);
  if (seq_ == 1) {
    batch->mutable_planned()->set_inserts(planned_rows);
    batch->set_populate(static_cast<v1::PopulateReason>(population_.reason));
  }
  if (last) {
    batch->mutable_commit()->set_batches(seq_);
    EncodePosition(population_.target, batch->mutable_commit()->mutable_position());
  }
  bytes_ += bytes;
  return SendWhenFull();
}

absl::Status Batcher::Part(std::uint64_t value_id, std::uint64_t offset, std::string_view data) {
  while (!data.empty()) {
    const std::string_view piece = data.substr(0, limits_.part_bytes);
    if (absl::Status sent = MakeRoom(piece.size() + kFrameBytes); !sent.ok()) return sent;
    v1::ValuePart* part = request_.add_parts();
    part->set_table(population_.table);
    part->set_value_id(value_id);
    part->set_offset(offset);
    part->set_data(std::string(piece));
    bytes_ += piece.size() + kFrameBytes;
    offset += piece.size();
    data.remove_prefix(piece.size());
    if (absl::Status sent = SendWhenFull(); !sent.ok()) return sent;
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
