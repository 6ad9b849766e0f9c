#ifndef MIRROR_SERVER_STORE_SQLITE_FILE_SQL_H_
#define MIRROR_SERVER_STORE_SQLITE_FILE_SQL_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "proto/wire/table.h"

// Names and values as SQL text. Names from outside are put into SQL only by QuoteName. Values are bound.
// LiteralSql is for the one place that takes no parameters: the default of an added column.

namespace mirror {

/// Returns the type that SQLite's declaration has for such a column: INTEGER, REAL, TEXT, BLOB, NUMERIC or
/// nothing.
std::string_view SqliteDeclaration(const Column& column);

/// Returns whether an integer rowid identifies the rows: the key is one column of INT16, INT32 or INT64.
bool HasIntegerKey(const TableSchema& table);

/// Returns CREATE TABLE with the key and no other constraint. `more`: SQL to append after the columns.
std::string CreateTableSql(std::string_view name, const TableSchema& table, const std::string& more = "");

/// Returns SQL for the mirror's own columns (live_rows.h), to be appended to the columns of a CREATE TABLE.
std::string OwnColumnsSql(const TableSchema& table);

/// Returns SQL to follow INSERT or UPDATE. It makes a violated constraint an error, even if the partner's
/// table says ON CONFLICT REPLACE or IGNORE. With those SQLite would silently delete the partner's rows or
/// ignore the source's.
std::string OrAbort(const TableSchema& table);

/// Returns a statement, up to its WHERE, that removes rows or marks them as deleted, according to `deletes`
/// of the table. `now`: SQL that gives Unix milliseconds, for MARK.
std::string RemoveSql(const TableSchema& table, const std::string& target, std::string_view alias,
                      std::string_view now);

std::string LiteralSql(const Column& column, const Literal& literal);

/// Returns "a, b, c" of quoted names.
std::string NameList(const TableSchema& table, const std::vector<std::uint32_t>& columns);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_SQLITE_FILE_SQL_H_
