#ifndef MIRROR_BASE_PARQUET_PARQUET_FOOTER_H_
#define MIRROR_BASE_PARQUET_PARQUET_FOOTER_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/parquet/parquet_column.h"

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

}  // namespace mirror

#endif  // MIRROR_BASE_PARQUET_PARQUET_FOOTER_H_
