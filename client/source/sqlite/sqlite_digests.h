#ifndef MIRROR_CLIENT_SOURCE_SQLITE_SQLITE_DIGESTS_H_
#define MIRROR_CLIENT_SOURCE_SQLITE_SQLITE_DIGESTS_H_

#include <memory>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "client/source/reader.h"
#include "client/source/sqlite/file/sqlite_cursor.h"
#include "client/source/sqlite/file/sqlite_schema.h"
#include "client/source/sqlite/sqlite_looks.h"

namespace mirror {

/// Whether an index of the source gives the rows in the mirror's order.
bool HasMirrorOrder(const SourcePlan& plan, const TableSchema& schema);

/// Digests rows in the cursor's order: the mirror's, or any for a table without a key. `columns` are the
/// first columns of the cursor, including the key's.
std::unique_ptr<DigestReader> ReadDigests(std::shared_ptr<const SqliteFile> file, const TableSchema& schema,
                                          const std::vector<std::uint32_t>& columns, SqliteCursor cursor,
                                          TableLooks looks);

/// Selects the rows and digests of a scan.
struct ScanRule {
  std::optional<RowBound> bound = {};  ///< Its column is one of those that are read.
  bool filter = false;                 ///< The cursor also gives rows outside the bound.
  bool by_column = false;              ///< See DigestPiece.
};
/// Digests rows in the cursor's order, whatever it is.
std::unique_ptr<DigestReader> ScanDigests(std::shared_ptr<const SqliteFile> file, const TableSchema& schema,
                                          const std::vector<std::uint32_t>& columns, SqliteCursor cursor,
                                          TableLooks looks, ScanRule rule);

/// Digests rows of a table whose own order differs: first sorts all keys with their digests in a temporary
/// table. Only one at a time in a file.
std::unique_ptr<DigestReader> SortDigests(std::shared_ptr<const SqliteFile> file, const TableSchema& schema,
                                          const std::vector<std::uint32_t>& columns, SqliteCursor cursor,
                                          TableLooks looks);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_SQLITE_SQLITE_DIGESTS_H_
