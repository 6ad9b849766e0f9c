#include "base/parquet/parquet_writer.h"

#include <optional>
#include <utility>

#include "base/parquet/thrift_writer.h"
#include "base/status_macros.h"

namespace mirror {
namespace {

constexpr std::int32_t kVersion = 2, kPlain = 0, kRunLength = 3, kZstd = 6, kRequired = 0, kOptional = 1;

/// Returns the type for old readers, which do not know logical types.
std::optional<std::int32_t> ConvertedType(ParquetMeaning meaning) {
  switch (meaning) {
    case ParquetMeaning::kString:
      return 0;
    case ParquetMeaning::kDecimal:
      return 5;
    case ParquetMeaning::kDate:
      return 6;
    case ParquetMeaning::kInstantMicros:
      return 10;
    case ParquetMeaning::kInt16:
      return 16;
    case ParquetMeaning::kJson:
      return 19;
    case ParquetMeaning::kTimeMicros:
    case ParquetMeaning::kTimeNanos:
    case ParquetMeaning::kTimestampMicros:  // The old type always means UTC, so it cannot be used here.
    case ParquetMeaning::kPlain:
    case ParquetMeaning::kUuid:
      break;
  }
  return std::nullopt;
}

constexpr int kMicros = 2, kNanos = 3;

void AppendTime(int field, bool utc, int unit, ThriftWriter* out) {
  out->BeginStruct(field).Bool(1, utc).BeginStruct(2).Empty(unit).EndStruct().EndStruct();
}

void AppendMeaning(const ParquetColumn& column, ThriftWriter* out) {
  constexpr int kLogicalType = 10;
  if (column.meaning == ParquetMeaning::kPlain) return;
  out->BeginStruct(kLogicalType);
  switch (column.meaning) {
    case ParquetMeaning::kString:
      out->Empty(1);
      break;
    case ParquetMeaning::kDecimal:
      out->BeginStruct(5).Int32(1, column.scale).Int32(2, column.precision).EndStruct();
      break;
    case ParquetMeaning::kDate:
      out->Empty(6);
      break;
    case ParquetMeaning::kTimeMicros:
      AppendTime(7, /*utc=*/false, kMicros, out);
      break;
    case ParquetMeaning::kTimeNanos:
      AppendTime(7, /*utc=*/false, kNanos, out);
      break;
    case ParquetMeaning::kTimestampMicros:
      AppendTime(8, /*utc=*/false, kMicros, out);
      break;
    case ParquetMeaning::kInstantMicros:
      AppendTime(8, /*utc=*/true, kMicros, out);
      break;
    case ParquetMeaning::kInt16:
      out->BeginStruct(10).Byte(1, 16).Bool(2, true).EndStruct();
      break;
    case ParquetMeaning::kJson:
      out->Empty(12);
      break;
    case ParquetMeaning::kUuid:
      out->Empty(14);
      break;
    case ParquetMeaning::kPlain:
      break;
  }
  out->EndStruct();
}

void AppendSchema(const std::vector<ParquetColumn>& columns, ThriftWriter* out) {
  out->BeginStructs(2, columns.size() + 1);
  out->BeginElement().String(4, "row").Int32(5, static_cast<std::int32_t>(columns.size())).EndStruct();
  for (const ParquetColumn& column : columns) {
    out->BeginElement().Int32(1, static_cast<std::int32_t>(column.type));
    if (column.type == ParquetType::kFixedBytes) out->Int32(2, column.length);
    out->Int32(3, column.nullable ? kOptional : kRequired).String(4, column.name);
    if (const std::optional<std::int32_t> type = ConvertedType(column.meaning)) out->Int32(6, *type);
    if (column.meaning == ParquetMeaning::kDecimal) out->Int32(7, column.scale).Int32(8, column.precision);
    AppendMeaning(column, out);
    out->EndStruct();
  }
}

void AppendChunk(const ParquetColumn& column, const ChunkPlace& place, ThriftWriter* out) {
  out->BeginElement().Int64(2, static_cast<std::int64_t>(place.offset)).BeginStruct(3);
  out->Int32(1, static_cast<std::int32_t>(column.type));
  out->BeginInts(2, 2).ZigZag(kPlain).ZigZag(kRunLength);
  out->BeginStrings(3, 1).Text(column.name);
  out->Int32(4, kZstd)
      .Int64(5, static_cast<std::int64_t>(place.values))
      .Int64(6, static_cast<std::int64_t>(place.unpacked_bytes))
      .Int64(7, static_cast<std::int64_t>(place.bytes))
      .Int64(9, static_cast<std::int64_t>(place.offset));
  out->EndStruct().EndStruct();
}

}  // namespace

std::string EncodeFooter(const std::vector<ParquetColumn>& columns, const std::vector<GroupPlace>& groups,
                         const ParquetNotes& notes, const std::string& created_by) {
  ThriftWriter out;
  out.Int32(1, kVersion);
  AppendSchema(columns, &out);
  std::uint64_t rows = 0;
  for (const GroupPlace& group : groups) rows += group.rows;
  out.Int64(3, static_cast<std::int64_t>(rows)).BeginStructs(4, groups.size());
  for (const GroupPlace& group : groups) {
    std::uint64_t unpacked_bytes = 0;
    out.BeginElement().BeginStructs(1, columns.size());
    for (std::size_t i = 0; i < columns.size(); ++i) {
      AppendChunk(columns[i], group.chunks[i], &out);
      unpacked_bytes += group.chunks[i].unpacked_bytes;
    }
    out.Int64(2, static_cast<std::int64_t>(unpacked_bytes))
        .Int64(3, static_cast<std::int64_t>(group.rows))
        .EndStruct();
  }
  if (!notes.empty()) out.BeginStructs(5, notes.size());
  for (const auto& [key, value] : notes) out.BeginElement().String(1, key).String(2, value).EndStruct();
  out.String(6, created_by);
  return out.Take();
}

namespace {

constexpr std::string_view kMagic = "PAR1";

}  // namespace

ParquetWriter::ParquetWriter(std::vector<ParquetColumn> columns, Sink sink, RowGroupMax most)
    : columns_(std::move(columns)), sink_(std::move(sink)), most_(most) {
  chunks_.reserve(columns_.size());
  for (const ParquetColumn& column : columns_) chunks_.emplace_back(column);
}

absl::Status ParquetWriter::EndRow() {
  std::size_t bytes = 0;
  for (ColumnChunk& chunk : chunks_) {
    RETURN_IF_ERROR(chunk.EndRow(packer_));
    bytes += chunk.bytes();
  }
  ++rows_;
  return rows_ < most_.rows && bytes < most_.bytes ? absl::OkStatus() : EndGroup();
}

absl::Status ParquetWriter::Finish(const ParquetNotes& notes, const std::string& created_by) {
  RETURN_IF_ERROR(rows_ > 0 ? EndGroup() : Begin());
  std::string footer = EncodeFooter(columns_, groups_, notes, created_by);
  const std::size_t bytes = footer.size();
  if (bytes > INT32_MAX) {
    return absl::ResourceExhaustedError("the table has more row groups than a Parquet file can list");
  }
  for (int i = 0; i < 4; ++i) footer.push_back(static_cast<char>(bytes >> (8 * i)));
  footer.append(kMagic);
  return Write(footer);
}

absl::Status ParquetWriter::Begin() { return offset_ == 0 ? Write(kMagic) : absl::OkStatus(); }

absl::Status ParquetWriter::EndGroup() {
  RETURN_IF_ERROR(Begin());
  GroupPlace group;
  group.rows = std::exchange(rows_, 0);
  for (ColumnChunk& chunk : chunks_) {
    ASSIGN_OR_RETURN(const PackedChunk packed, chunk.Take(packer_));
    const std::uint64_t begin = offset_;
    for (const std::string& page : packed.pages) {
      RETURN_IF_ERROR(Write(page));
    }
    group.chunks.push_back({begin, offset_ - begin, packed.unpacked_bytes, packed.values});
  }
  groups_.push_back(std::move(group));
  return absl::OkStatus();
}

absl::Status ParquetWriter::Write(std::string_view bytes) {
  offset_ += bytes.size();
  return sink_(bytes);
}

}  // namespace mirror
