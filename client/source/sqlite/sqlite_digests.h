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

/// Returns whether an index of the source has the rows in the mirror's order.
bool HasMirrorOrder(const SourcePlan& plan, const TableSchema& schema);

/// Returns digests in the order of the cursor. It must be the mirror's order; for a table without a key, any
/// order. `columns` are the first columns of the cursor, and include those of the key.
std::unique_ptr<DigestReader> ReadDigests(std::shared_ptr<const SqliteFile> file, const TableSchema& schema,
                                          const std::vector<std::uint32_t>& columns, SqliteCursor cursor,
                                          TableLooks looks);

/// Selects the rows and digests of a scan.
struct ScanRule {
  std::optional<RowBound> bound = {};  ///< Its column is one of the columns that are read.
  bool filter = false;                 ///< The cursor also gives rows outside the bound.
  bool by_column = false;              ///< See DigestPiece.
};
/// Returns digests in the order of the cursor, whatever it is.
std::unique_ptr<DigestReader> ScanDigests(std::shared_ptr<const SqliteFile> file, const TableSchema& schema,
                                          const std::vector<std::uint32_t>& columns, SqliteCursor cursor,
                                          TableLooks looks, ScanRule rule);

/// Returns digests for a table that has no such order: first sorts all keys with their digests in a temporary
/// table. Only one at a time in a file.
std::unique_ptr<DigestReader> SortDigests(std::shared_ptr<const SqliteFile> file, const TableSchema& schema,
                                          const std::vector<std::uint32_t>& columns, SqliteCursor cursor,
                                          TableLooks looks);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_SQLITE_SQLITE_DIGESTS_H_
