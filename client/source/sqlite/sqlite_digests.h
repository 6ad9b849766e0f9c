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

/// Whether an index of the source gives the rows in the order in which the mirror has them.
bool HasMirrorOrder(const SourcePlan& plan, const TableSchema& schema);

/// Rows as `cursor` gives them: in the mirror's order, or of a table without a key. `columns` are the first
/// columns of the cursor, the key's among them.
std::unique_ptr<DigestReader> ReadDigests(std::shared_ptr<const SqliteFile> file, const TableSchema& schema,
                                          const std::vector<std::uint32_t>& columns, SqliteCursor cursor,
                                          TableLooks looks);

/// What a scan gives.
struct ScanRule {
  std::optional<RowBound> bound = {};  ///< Its column is one of those that are read.
  bool filter = false;                 ///< The cursor gives rows beyond the bound, too.
  bool by_column = false;              ///< See DigestPiece.
};
/// Rows as `cursor` gives them, whatever their order.
std::unique_ptr<DigestReader> ScanDigests(std::shared_ptr<const SqliteFile> file, const TableSchema& schema,
                                          const std::vector<std::uint32_t>& columns, SqliteCursor cursor,
                                          TableLooks looks, ScanRule rule);

/// Rows of a table whose own order is another one: all keys with their digests are put in order in a
/// temporary table first. One at a time in a file.
std::unique_ptr<DigestReader> SortDigests(std::shared_ptr<const SqliteFile> file, const TableSchema& schema,
                                          const std::vector<std::uint32_t>& columns, SqliteCursor cursor,
                                          TableLooks looks);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_SQLITE_SQLITE_DIGESTS_H_
