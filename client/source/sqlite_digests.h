#ifndef MIRROR_CLIENT_SOURCE_SQLITE_DIGESTS_H_
#define MIRROR_CLIENT_SOURCE_SQLITE_DIGESTS_H_

#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "client/source/reader.h"
#include "client/source/sqlite_cursor.h"
#include "client/source/sqlite_looks.h"
#include "client/source/sqlite_schema.h"

namespace mirror {

/// Whether an index of the source gives the rows in the order in which the mirror has them.
bool HasMirrorOrder(const SourcePlan& plan, const TableSchema& schema);

/// Rows as `cursor` gives them: in the mirror's order, or of a table without a key. `columns` are the first
/// columns of the cursor, the key's among them.
std::unique_ptr<DigestReader> ReadDigests(std::shared_ptr<const SqliteFile> file, const TableSchema& schema,
                                          const std::vector<std::uint32_t>& columns, SqliteCursor cursor,
                                          TableLooks looks);

/// Rows within a bound, as `cursor` gives them; the bound's column is one of `columns`. `filter`: the cursor
/// gives others, too.
std::unique_ptr<DigestReader> ReadBoundDigests(std::shared_ptr<const SqliteFile> file,
                                               const TableSchema& schema,
                                               const std::vector<std::uint32_t>& columns, SqliteCursor cursor,
                                               TableLooks looks, const RowBound& bound, bool filter);

/// Rows of a table whose own order is another one: all keys with their digests are put in order in a
/// temporary table first. One at a time in a file.
std::unique_ptr<DigestReader> SortDigests(std::shared_ptr<const SqliteFile> file, const TableSchema& schema,
                                          const std::vector<std::uint32_t>& columns, SqliteCursor cursor,
                                          TableLooks looks);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_SQLITE_DIGESTS_H_
