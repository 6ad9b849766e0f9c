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

/// The documented text forms; units as in table.proto. The value has been checked.
std::string DateText(std::int64_t value);
std::string TimeText(std::int64_t value, std::uint32_t precision);
std::string TimestampText(std::int64_t value, std::uint32_t precision, bool utc);
std::string UuidText(std::string_view bytes);
/// The text of a value whose type is kept as text though it travels as a number or as bytes.
bool HasTextForm(Type type);
std::string TextForm(const Column& column, std::int64_t integer, std::string_view bytes);
/// The same into a buffer of at least kTextFormBytesMax; returns the length.
inline constexpr std::size_t kTextFormBytesMax = 40;
std::size_t WriteTextForm(const Column& column, std::int64_t integer, std::string_view bytes, char* out);

/// "a, b, c" of quoted names.
std::string NameList(const TableSchema& table, const std::vector<std::uint32_t>& columns);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_SQLITE_FILE_SQL_H_
