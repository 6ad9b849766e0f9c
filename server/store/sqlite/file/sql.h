#ifndef MIRROR_SERVER_STORE_SQLITE_FILE_SQL_H_
#define MIRROR_SERVER_STORE_SQLITE_FILE_SQL_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "proto/wire/table.h"

// Names and values as SQL text. Names that came over the wire reach SQL through QuoteName alone, values are
// bound; LiteralSql is for the one place that takes no parameters (the default of an added column).

namespace mirror {

/// How SQLite declares a column of this type: INTEGER, REAL, TEXT, BLOB, NUMERIC or nothing.
std::string_view SqliteDeclaration(const Column& column);

/// Whether the table's rows are found by an integer rowid: its key is one column of INT16, INT32 or INT64.
bool HasIntegerKey(const TableSchema& table);

/// CREATE TABLE with the key and no other constraint. `more`: SQL of columns behind the table's own.
std::string CreateTableSql(std::string_view name, const TableSchema& table, const std::string& more = "");

/// The mirror's own columns (live_rows.h), behind those of a CREATE TABLE.
std::string OwnColumnsSql(const TableSchema& table);

/// Behind INSERT and UPDATE: what a row breaks is told, also where the partner's own table says ON CONFLICT
/// REPLACE or IGNORE, by which SQLite would remove rows of the partner's or drop the source's without a word.
std::string OrAbort(const TableSchema& table);

/// A statement up to its WHERE that does to rows what `deletes` says. `now` is SQL: unix milliseconds, for
/// MARK.
std::string RemoveSql(const TableSchema& table, const std::string& target, std::string_view alias,
                      std::string_view now);

std::string LiteralSql(const Column& column, const Literal& literal);

/// "a, b, c" of quoted names.
std::string NameList(const TableSchema& table, const std::vector<std::uint32_t>& columns);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_SQLITE_FILE_SQL_H_
