#ifndef MIRROR_SERVER_STORE_LIVE_ROWS_H_
#define MIRROR_SERVER_STORE_LIVE_ROWS_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "proto/wire/table.h"

// Which rows of a table are live, in the SQL of every store: those that the mirror wrote and the source did
// not delete. Everything that counts, compares, changes or removes rows asks here. Of a table that keeps
// nothing of the partner's all rows are, and every text is empty, so that its statements are those of a table
// without.

namespace mirror {

/// 1: the mirror wrote the row. Anything else: it is the partner's.
inline constexpr char kOwnedColumn[] = "_mirror_owned";
/// Unix milliseconds when the source's delete came; NULL: the row is there.
inline constexpr char kDeletedAtColumn[] = "_mirror_deleted_at";

/// The mirror's own columns of the table, of those two.
bool HasOwned(const TableSchema& table);
bool HasDeletedAt(const TableSchema& table);
std::vector<std::string> OwnColumns(const TableSchema& table);

/// The table with those two as columns, INT64, behind its own: by it all rows are read and written, live or
/// not, see ContentsTable::stored.
TableSchema WithOwnColumns(const TableSchema& table);

/// True for live rows, without a word before it. `alias` is the table's name in the statement.
std::string LiveRows(const TableSchema& table, std::string_view alias);
/// Of a table whose rows are still marked by another definition: by the marks that it has.
std::string LiveRowsByMarks(const TableSchema& table, bool has_owned, bool has_deleted_at,
                            std::string_view alias);
/// The first behind another condition.
std::string AndLive(const TableSchema& table, std::string_view alias);

/// Behind the columns of an INSERT, and behind its values: the row is the mirror's.
std::string OwnNames(const TableSchema& table);
std::string OwnValues(const TableSchema& table);
/// Of an upsert's DO UPDATE SET: the row is live again. Begins with a comma where `behind` is not empty.
std::string Revive(const TableSchema& table, std::string_view behind);

/// Of rows that are read by their keys.
absl::Status TooManyBytes(const TableSchema& table, std::uint64_t bytes_max);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_LIVE_ROWS_H_
