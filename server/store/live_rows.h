#ifndef MIRROR_SERVER_STORE_LIVE_ROWS_H_
#define MIRROR_SERVER_STORE_LIVE_ROWS_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "proto/wire/table.h"

// SQL, for every store, that selects the live rows of a table: rows that the mirror wrote and the source did
// not delete. All code that counts, compares, changes or removes rows uses it. In a table that keeps no data
// of the partner all rows are live. Then each of these texts is empty, and the statements are the same as for
// a table without the mirror's own columns.

namespace mirror {

/// 1: the mirror wrote the row. Any other value: the row is the partner's.
inline constexpr char kOwnedColumn[] = "_mirror_owned";
/// Unix milliseconds of the arrival of the source's delete; NULL: the row is not deleted.
inline constexpr char kDeletedAtColumn[] = "_mirror_deleted_at";

/// Returns which of those two columns the table has.
bool HasOwned(const TableSchema& table);
bool HasDeletedAt(const TableSchema& table);
std::vector<std::string> OwnColumns(const TableSchema& table);

/// Returns the table with those two columns (INT64) appended. All rows, live or not, are read and written by
/// this definition, see ContentsTable::stored.
TableSchema WithOwnColumns(const TableSchema& table);

/// Returns a condition on live rows, without WHERE or AND. `alias` is the table's name in the statement.
std::string LiveRows(const TableSchema& table, std::string_view alias);
/// Returns the same condition for a table whose rows are still marked according to another definition: the
/// caller says which of the two columns it has.
std::string LiveRowsByMarks(const TableSchema& table, bool has_owned, bool has_deleted_at,
                            std::string_view alias);
/// Returns LiveRows() with AND in front, to be appended to another condition.
std::string AndLive(const TableSchema& table, std::string_view alias);

/// These two return SQL to append to the columns and to the values of an INSERT. It marks the row as the
/// mirror's.
std::string OwnNames(const TableSchema& table);
std::string OwnValues(const TableSchema& table);
/// Returns SQL for DO UPDATE SET of an upsert, which makes the row live. It begins with a comma if `behind`,
/// the SQL before it, is not empty.
std::string Revive(const TableSchema& table, std::string_view behind);

/// Returns the error for a read by keys whose rows exceed `bytes_max`.
absl::Status TooManyBytes(const TableSchema& table, std::uint64_t bytes_max);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_LIVE_ROWS_H_
