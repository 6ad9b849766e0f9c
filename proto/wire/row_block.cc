#include "proto/wire/row_block.h"

#include <cassert>

namespace mirror {

void ColumnBuffer::AppendNull() {
  switch (storage_) {
    case Storage::kInts:
      ints_.push_back(0);
      break;
    case Storage::kDoubles:
      doubles_.push_back(0);
      break;
    case Storage::kBytes:
      lengths_.push_back(0);
      break;
    case Storage::kAny:
      kinds_.push_back(static_cast<char>(Kind::kNull));
      break;
  }
  if (storage_ != Storage::kAny) MarkNull();
  ++rows_;
}

void ColumnBuffer::AppendLarge(std::uint64_t value_id, std::uint64_t size, Kind kind) {
  assert(storage_ == Storage::kBytes || storage_ == Storage::kAny);
  large_.push_back({static_cast<std::uint32_t>(rows_), value_id, size});
  AppendBytes({}, kind);
}

void ColumnBuffer::CompleteNulls() {
  if (!nulls_.empty()) nulls_.resize((rows_ + 7) / 8, '\0');
}

void ColumnBuffer::Clear() {
  rows_ = 0;
  ints_.clear();
  doubles_.clear();
  data_.clear();
  lengths_.clear();
  nulls_.clear();
  kinds_.clear();
  large_.clear();
}

std::size_t ColumnBuffer::bytes() const {
  constexpr std::size_t kLengthBytes = 2, kLargeBytes = 16;
  return 8 * (ints_.size() + doubles_.size()) + data_.size() + kLengthBytes * lengths_.size() +
         nulls_.size() + kinds_.size() + kLargeBytes * large_.size();
}

void ColumnBuffer::MarkNull() {
  nulls_.resize(rows_ / 8 + 1, '\0');
  const auto byte = static_cast<unsigned char>(nulls_.back());
  nulls_.back() = static_cast<char>(byte | (1U << (rows_ % 8)));
}

RowBlock RowBlock::For(const TableSchema& table, const std::vector<std::uint32_t>& indexes) {
  RowBlock block;
  block.columns.reserve(indexes.size());
  for (const std::uint32_t index : indexes) {
    block.columns.emplace_back(index, StorageOf(table.columns[index].type));
  }
  return block;
}

RowBlock RowBlock::ForAll(const TableSchema& table) { return For(table, table.AllColumns()); }

std::size_t RowBlock::bytes() const {
  std::size_t sum = 0;
  for (const ColumnBuffer& column : columns) sum += column.bytes();
  return sum;
}

void RowBlock::Clear() {
  for (ColumnBuffer& column : columns) column.Clear();
}

}  // namespace mirror
