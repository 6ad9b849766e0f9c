#include "base/parquet/parquet_writer.h"

#include <utility>

#include "absl/status/statusor.h"

#include "base/status_macros.h"

namespace mirror {
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
