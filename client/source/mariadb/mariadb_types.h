#ifndef MIRROR_CLIENT_SOURCE_MARIADB_MARIADB_TYPES_H_
#define MIRROR_CLIENT_SOURCE_MARIADB_MARIADB_TYPES_H_

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "client/source/mariadb/mariadb_catalog.h"
#include "proto/wire/key_range.h"
#include "proto/wire/table.h"

namespace mirror {

/// How a value comes, always as a text of MariaDB's.
enum class MariadbValueForm : std::uint8_t {
  kText,  ///< In UTF-8.
  kInteger,
  kReal,
  kDecimal,
  kDate,
  kTimestamp,
  kUuid,
  kBytes,
};

/// As the column is announced when no value is known that says otherwise.
Column WireColumn(const MariadbColumn& column);

/// As it is announced once a value does not fit: it holds each one as MariaDB writes it.
void WidenMariadbColumn(Column* column);

/// How the values of a column come that is announced so.
MariadbValueForm MariadbFormOf(const Column& announced);
/// What gives them: an expression over the row t, or over the row that `of` stands before the columns of.
std::string ValueSql(const MariadbColumn& column, const Column& announced, std::string_view of = "t.");

/// The column's name behind t. What compares it with MariadbKeyLiteral(), by an index where there is one:
/// equal are the same values, and others that its collation takes for them.
std::string MariadbKeyTerm(const MariadbColumn& column, const Column& announced);
/// That it has the very text, byte for byte, beside the comparison by its collation; empty: that is the same.
std::string MariadbKeyIsExact(const MariadbColumn& column, const Column& announced, const KeyPart& part);
/// A value of a key as it stands in SQL.
std::string MariadbKeyLiteral(const MariadbColumn& column, const Column& announced, const KeyPart& part);

/// That a row's value is `from` or greater, as KeyPart compares them: a condition over the row t that keeps
/// every such row, and may keep others. Empty: there is none.
std::string FromSql(const MariadbColumn& column, const Column& announced, const KeyPart& from);

/// Tells types of a column apart.
std::string MariadbTypeMark(const MariadbColumn& column);

/// What was found in a table's values, and what of it people were told: kept as SourceTable.record.
struct MariadbRecord {
  struct Found {
    std::string type;   ///< MariadbTypeMark() when it was found: that of another type says nothing.
    bool wide = false;  ///< A value does not fit the type.
    bool null = false;  ///< A row has no value, though the catalogs say that each has one.
    friend bool operator==(const Found&, const Found&) = default;
  };
  std::map<std::string, Found> columns;  ///< By name.
  std::string told;                      ///< A digest; empty: nothing.
};
std::string ToString(const MariadbRecord& record);
/// What it does not understand it leaves out.
MariadbRecord ParseMariadbRecord(std::string_view text);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_MARIADB_MARIADB_TYPES_H_
