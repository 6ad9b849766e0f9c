#ifndef MIRROR_SERVER_STORE_LIVE_ROWS_H_
#define MIRROR_SERVER_STORE_LIVE_ROWS_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "proto/wire/table.h"

// SQL, for every store, that selects the live rows of a table: those that the mirror wrote and the source did
// not delete. All code that counts, compares, changes or removes rows uses it. In a table that keeps nothing
// of the partner's all rows are live: then each of these texts is empty, and the statements are those of a
// table without the mirror's own columns.

namespace mirror {

/// 1: the mirror wrote the row. Any other value: the row is the partner's.
inline constexpr char kOwnedColumn[] = "_mirror_owned";
/// Unix milliseconds when the source's delete arrived; NULL: the row is not deleted.
inline constexpr char kDeletedAtColumn[] = "_mirror_deleted_at";

/// Returns which of those two columns the table has.
bool HasOwned(const TableSchema& table);
bool HasDeletedAt(const TableSchema& table);
std::vector<std::string> OwnColumns(const TableSchema& table);

/// Returns the table with those two columns, INT64, appended to its own. By it all rows are read and written,
/// live or not, see ContentsTable::stored.
TableSchema WithOwnColumns(const TableSchema& table);

/// Returns a condition on live rows, without WHERE or AND. `alias` is the table's name in the statement.
std::string LiveRows(const TableSchema& table, std::string_view alias);
/// Does the same by the columns that the table has, while its rows are still marked by another definition.
std::string LiveRowsByMarks(const TableSchema& table, bool has_owned, bool has_deleted_at,
                            std::string_view alias);
/// Returns LiveRows() with an AND in front, to be appended to another condition.
std::string AndLive(const TableSchema& table, std::string_view alias);

/// Return SQL to append to an INSERT's columns and to its values: it marks the row as the mirror's.
std::string OwnNames(const TableSchema& table);
std::string OwnValues(const TableSchema& table);
/// SQL for an upsert's DO UPDATE SET: makes the row live. Begins with a comma unless `behind` is empty.
std::string Revive(const TableSchema& table, std::string_view behind);

/// Returns the error for a read by keys whose rows have more than `bytes_max`.
absl::Status TooManyBytes(const TableSchema& table, std::uint64_t bytes_max);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_LIVE_ROWS_H_
