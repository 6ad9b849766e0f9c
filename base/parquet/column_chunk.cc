#include "base/parquet/column_chunk.h"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/parquet/thrift_writer.h"
#include "base/status_macros.h"

namespace mirror {
namespace {

constexpr int kZstdLevel = 3;
/// The format stores the size in 32 bits with a sign.
constexpr std::size_t kPageBytesMax = INT32_MAX;
/// Memory that a packer keeps between pages.
constexpr std::size_t kKeptBytesMax = 4 << 20;

// parquet.thrift.
constexpr std::int32_t kDataPage = 0, kValuesPlain = 0, kLevelsInRuns = 3;

absl::Status TooLarge(std::size_t bytes) {
  return absl::ResourceExhaustedError(
      absl::StrCat("a page of ", bytes, " bytes: a value in Parquet has less than 2 GiB"));
}

void GiveBack(std::string* room) {
  room->clear();
  if (room->capacity() > kKeptBytesMax) *room = std::string();
}

constexpr std::size_t kPacked = 8;  ///< Number of levels in a byte.

void AppendNumber(std::uint64_t value, std::string* out) {
  for (; value >= 0x80; value >>= 7) out->push_back(static_cast<char>(value | 0x80));
  out->push_back(static_cast<char>(value));
}

std::size_t RunAt(const std::vector<bool>& levels, std::size_t begin) {
  std::size_t end = begin + 1;
  while (end < levels.size() && levels[end] == levels[begin]) ++end;
  return end - begin;
}

char PackAt(const std::vector<bool>& levels, std::size_t begin) {
  unsigned bits = 0;
  for (std::size_t i = 0; i < kPacked && begin + i < levels.size(); ++i) {
    if (levels[begin + i]) bits |= 1U << i;
  }
  return static_cast<char>(bits);
}

}  // namespace

PagePacker::PagePacker() : context_(ZSTD_createCCtx(), &ZSTD_freeCCtx) {}

absl::Status PagePacker::Pack(std::string_view levels, std::string_view values, std::size_t rows,
                              PackedChunk* chunk) {
  const std::size_t raw_bytes = levels.size() + values.size();
  if (raw_bytes > kPageBytesMax) return TooLarge(raw_bytes);
  std::string_view page = values;
  if (!levels.empty()) {
    page_.assign(levels).append(values);
    page = page_;
  }
  packed_.resize(ZSTD_compressBound(page.size()));
  const std::size_t packed =
      ZSTD_compressCCtx(context_.get(), packed_.data(), packed_.size(), page.data(), page.size(), kZstdLevel);
  if (ZSTD_isError(packed) != 0) {
    return absl::ResourceExhaustedError(
        absl::StrCat("zstd cannot compress a page of ", page.size(), " bytes: ", ZSTD_getErrorName(packed)));
  }
  if (packed > kPageBytesMax) return TooLarge(packed);
  std::string whole = ThriftWriter()
                          .Int32(1, kDataPage)
                          .Int32(2, static_cast<std::int32_t>(raw_bytes))
                          .Int32(3, static_cast<std::int32_t>(packed))
                          .BeginStruct(5)
                          .Int32(1, static_cast<std::int32_t>(rows))
                          .Int32(2, kValuesPlain)
                          .Int32(3, kLevelsInRuns)
                          .Int32(4, kLevelsInRuns)
                          .EndStruct()
                          .Take();
  chunk->unpacked_bytes += whole.size() + raw_bytes;
  whole.reserve(whole.size() + packed);
  whole.append(packed_, 0, packed);
  chunk->pages.push_back(std::move(whole));
  chunk->values += rows;
  GiveBack(&page_);
  GiveBack(&packed_);
  return absl::OkStatus();
}

std::string EncodeLevels(const std::vector<bool>& levels) {
  std::string out;
  std::size_t at = 0;
  while (at < levels.size()) {
    if (const std::size_t run = RunAt(levels, at); run >= kPacked || at + run == levels.size()) {
      AppendNumber(run << 1, &out);
      out.push_back(levels[at] ? 1 : 0);
      at += run;
      continue;
    }
    // Packs levels into bytes, and begins a run only where it saves more than its two bytes. Only the last
    // byte may have unused levels.
    std::string packed;
    do {
      packed.push_back(PackAt(levels, at));
      at = std::min(at + kPacked, levels.size());
    } while (at < levels.size() && RunAt(levels, at) < 2 * kPacked);
    AppendNumber((packed.size() << 1) | 1, &out);
    out.append(packed);
  }
  return out;
}

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
  RETURN_IF_ERROR(packer.Pack(levels, values_, levels_.size(), &packed_));
  rows_ += levels_.size();
  raw_bytes_ += values_.size() + levels.size();
  levels_.clear();
  // Frees the memory after a very large value.
  if (values_.capacity() > 2 * kParquetPageBytes) values_ = std::string();
  values_.clear();
  bits_ = 0;
  return absl::OkStatus();
}

absl::StatusOr<PackedChunk> ColumnChunk::Take(PagePacker& packer) {
  if (!levels_.empty()) RETURN_IF_ERROR(EndPage(packer));
  rows_ = 0;
  raw_bytes_ = 0;
  return std::exchange(packed_, PackedChunk());
}

}  // namespace mirror
