#include "base/parquet/column_chunk.h"

#include <bit>
#include <utility>

#include "base/parquet/level_runs.h"
#include "base/status_macros.h"

namespace mirror {

void ColumnChunk::AppendFloat(float value) {
  assert(column_.type == ParquetType::kFloat);
  AppendLittle(std::bit_cast<std::uint32_t>(value), 4);
  Defined();
}

void ColumnChunk::AppendDouble(double value) {
  assert(column_.type == ParquetType::kDouble);
  AppendLittle(std::bit_cast<std::uint64_t>(value), 8);
  Defined();
}

void ColumnChunk::AppendBytes(std::string_view value) {
  if (column_.type == ParquetType::kByteArray) {
    AppendLittle(static_cast<std::uint32_t>(value.size()), 4);
  } else {
    assert(column_.type == ParquetType::kFixedBytes);
    assert(value.size() == static_cast<std::size_t>(column_.length));
  }
  values_.append(value);
  Defined();
}

absl::Status ColumnChunk::EndPage(PagePacker& packer) {
  std::string levels;
  if (column_.nullable) {
    const std::string runs = EncodeLevels(levels_);
    for (int i = 0; i < 4; ++i) levels.push_back(static_cast<char>(runs.size() >> (8 * i)));
    levels.append(runs);
  }
  if (absl::Status status = packer.Pack(levels, values_, levels_.size(), &packed_); !status.ok()) {
    return status;
  }
  rows_ += levels_.size();
  raw_bytes_ += values_.size() + levels.size();
  levels_.clear();
  // A value of a gigabyte leaves no room behind for which there is no use.
  if (values_.capacity() > 2 * kParquetPageBytes) values_ = std::string();
  values_.clear();
  bits_ = 0;
  return absl::OkStatus();
}

absl::StatusOr<PackedChunk> ColumnChunk::Take(PagePacker& packer) {
  if (!levels_.empty()) {
    RETURN_IF_ERROR(EndPage(packer));
  }
  rows_ = 0;
  raw_bytes_ = 0;
  return std::exchange(packed_, PackedChunk());
}

}  // namespace mirror
