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

/// Where one column of a row group stands in the file.
struct ChunkPlace {
  std::uint64_t offset = 0, bytes = 0, unpacked_bytes = 0, values = 0;
};
struct GroupPlace {
  std::uint64_t rows = 0;
  std::vector<ChunkPlace> chunks;  ///< One for each column.
};
/// What whoever made the file says of it.
using ParquetNotes = std::vector<std::pair<std::string, std::string>>;

/// FileMetaData of parquet.thrift, without its length and the magic behind it.
std::string EncodeFooter(const std::vector<ParquetColumn>& columns, const std::vector<GroupPlace>& groups,
                         const ParquetNotes& notes, const std::string& created_by);

/// A row group ends with the first row that makes it reach one of these. What a writer holds is less than
/// twice `bytes` and the one row, and some 50 bytes for each column of each group that it wrote.
struct RowGroupMax {
  std::size_t rows = 100'000;
  std::size_t bytes = 32 << 20;  ///< Before they are packed.
};

/// Writes one Parquet file, from its first byte to its last: PLAIN values in zstd pages, row group by row
/// group. The file is whole when Finish() has returned OK.
/// Errors of all calls: those of `sink`; kResourceExhausted: a value of more than 2 GiB. After one of them
/// nothing is called any more. Threads: one at a time.
class ParquetWriter {
 public:
  /// Takes the next bytes of the file.
  using Sink = std::function<absl::Status(std::string_view bytes)>;

  ParquetWriter(std::vector<ParquetColumn> columns, Sink sink, RowGroupMax most = {});
  ParquetWriter(const ParquetWriter&) = delete;
  ParquetWriter& operator=(const ParquetWriter&) = delete;

  /// For the values of a row: each column gets one before EndRow().
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
  std::size_t rows_ = 0;  ///< Of the group that is filled.
  std::uint64_t offset_ = 0;
};

}  // namespace mirror

#endif  // MIRROR_BASE_PARQUET_PARQUET_WRITER_H_
