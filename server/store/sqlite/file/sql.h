#ifndef MIRROR_SERVER_STORE_SQLITE_FILE_SQL_H_
#define MIRROR_SERVER_STORE_SQLITE_FILE_SQL_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "proto/wire/table.h"

// Names and values as SQL text. Names from outside enter SQL only by QuoteName; values are bound. LiteralSql
// is for the one place that takes no parameters (the default of an added column).

namespace mirror {

/// Returns SQLite's declared type for such a column: INTEGER, REAL, TEXT, BLOB, NUMERIC or nothing.
std::string_view SqliteDeclaration(const Column& column);

/// Returns whether an integer rowid identifies the rows: the key is one column of INT16, INT32 or INT64.
bool HasIntegerKey(const TableSchema& table);

/// Returns CREATE TABLE with the key and no other constraint. `more`: SQL to append to the table's columns.
std::string CreateTableSql(std::string_view name, const TableSchema& table, const std::string& more = "");

/// Returns the mirror's own columns (live_rows.h), to be appended to those of a CREATE TABLE.
std::string OwnColumnsSql(const TableSchema& table);

/// SQL after INSERT and UPDATE: a violated constraint is an error, even if the partner's table says ON
/// CONFLICT REPLACE or IGNORE. By those SQLite silently deletes the partner's rows or drops the source's.
std::string OrAbort(const TableSchema& table);

/// Returns a statement, up to its WHERE, that removes or marks rows as `deletes` says. `now` is SQL: unix
/// milliseconds, for MARK.
std::string RemoveSql(const TableSchema& table, const std::string& target, std::string_view alias,
                      std::string_view now);

std::string LiteralSql(const Column& column, const Literal& literal);

/// Returns "a, b, c" of quoted names.
std::string NameList(const TableSchema& table, const std::vector<std::uint32_t>& columns);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_SQLITE_FILE_SQL_H_
