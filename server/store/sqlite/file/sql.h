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

std::string LiteralSql(const Column& column, const Literal& literal);

/// "a, b, c" of quoted names.
std::string NameList(const TableSchema& table, const std::vector<std::uint32_t>& columns);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_SQLITE_FILE_SQL_H_
