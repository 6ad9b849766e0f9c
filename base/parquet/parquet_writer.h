#ifndef MIRROR_BASE_PARQUET_PARQUET_WRITER_H_
#define MIRROR_BASE_PARQUET_PARQUET_WRITER_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "base/parquet/column_chunk.h"

namespace mirror {

/// Location of one column of a row group in the file.
struct ChunkPlace {
  std::uint64_t offset = 0, bytes = 0, unpacked_bytes = 0, values = 0;
};
struct GroupPlace {
  std::uint64_t rows = 0;
  std::vector<ChunkPlace> chunks;  ///< One for each column.
};
/// Key and value pairs that the program stores in the file.
using ParquetNotes = std::vector<std::pair<std::string, std::string>>;

/// Encodes FileMetaData of parquet.thrift. The length and the magic that follow it in the file are not
/// included.
std::string EncodeFooter(const std::vector<ParquetColumn>& columns, const std::vector<GroupPlace>& groups,
                         const ParquetNotes& notes, const std::string& created_by);

/// A row group ends with the first row that reaches one of these limits. A writer needs less memory than
/// twice `bytes` plus one row, and about 50 bytes for each column of each written group.
struct RowGroupMax {
  std::size_t rows = 100'000;
  std::size_t bytes = 32 << 20;  ///< Size before compression.
};

/// Writes one Parquet file, from its first byte to its last: PLAIN values in zstd pages, row group by row
/// group. The file is complete when Finish() has returned OK.
/// Errors of all calls: those of `sink`; kResourceExhausted: a value of more than 2 GiB. After an error no
/// further call is allowed. Threads: one at a time.
class ParquetWriter {
 public:
  /// Receives the next bytes of the file.
  using Sink = std::function<absl::Status(std::string_view bytes)>;

  ParquetWriter(std::vector<ParquetColumn> columns, Sink sink, RowGroupMax most = {});
  ParquetWriter(const ParquetWriter&) = delete;
  ParquetWriter& operator=(const ParquetWriter&) = delete;

  /// Returns a column for the values of a row: append one to each column before EndRow().
  ColumnChunk& column(std::size_t index) { return chunks_[index]; }
  absl::Status EndRow();
  absl::Status Finish(const ParquetNotes& notes, const std::string& created_by);

  std::uint64_t bytes_written() const { return offset_; }

 private:
  absl::Status Begin();
  absl::Status EndGroup();
  absl::Status Write(std::string_view bytes);

  const std::vector<ParquetColumn> columns_;
  const Sink sink_;
  const RowGroupMax most_;
  PagePacker packer_;
  std::vector<ColumnChunk> chunks_;
  std::vector<GroupPlace> groups_;
  std::size_t rows_ = 0;  ///< Number of rows in the current group.
  std::uint64_t offset_ = 0;
};

}  // namespace mirror

#endif  // MIRROR_BASE_PARQUET_PARQUET_WRITER_H_
