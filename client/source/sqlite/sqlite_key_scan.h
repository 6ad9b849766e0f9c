#ifndef MIRROR_CLIENT_SOURCE_SQLITE_SQLITE_KEY_SCAN_H_
#define MIRROR_CLIENT_SOURCE_SQLITE_SQLITE_KEY_SCAN_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "client/source/reader.h"
#include "client/source/sqlite/file/sqlite_cursor.h"
#include "client/source/sqlite/sqlite_looks.h"
#include "proto/wire/key_range.h"

namespace mirror {

/// Keys from which on one pass over the table is taken to cost less than a pass for each.
inline constexpr std::size_t kKeysForScan = 4;

/// Whether no index leads to the rows of a key, so that each look for one is a pass over the table.
absl::StatusOr<bool> FindsKeysByScan(const SqliteFile& file, const SourcePlan& plan,
                                     const TableSchema& schema);

/// What ReadKeyRows() gives, by one pass over the table. `cursor`: over `columns`, in any order; where it
/// cannot be left, `file` is not to be one whose writers wait. Of rows with the same key the first counts.
std::unique_ptr<ChangeReader> ScanForKeys(std::shared_ptr<const SqliteFile> file, const TableSchema& schema,
                                          const std::vector<std::uint32_t>& columns, SqliteCursor cursor,
                                          TableLooks looks, std::vector<Key> keys,
                                          std::function<void()> forget);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_SQLITE_SQLITE_KEY_SCAN_H_
