#ifndef MIRROR_CLIENT_SOURCE_MARIADB_MARIADB_TYPES_H_
#define MIRROR_CLIENT_SOURCE_MARIADB_MARIADB_TYPES_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "client/source/mariadb/mariadb_catalog.h"
#include "client/source/server/server_row_decoder.h"
#include "client/source/server/server_tables.h"
#include "proto/wire/batch.h"
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

/// Columns by name, types by MariadbTypeMark().
using MariadbRecord = ServerRecord<std::string, std::string>;
std::string ToString(const MariadbRecord& record);
/// What it does not understand it leaves out.
MariadbRecord ParseMariadbRecord(std::string_view text);

/// Rows of a table, from MariaDB's texts to the wire's values. Threads: one.
class MariadbRowDecoder : public ServerRowDecoder {
 public:
  /// `announced`: of each column that is read.
  explicit MariadbRowDecoder(std::vector<Column> announced);

 private:
  bool DecodeValue(std::size_t i, std::string_view data, std::string* bytes, Value* value) const override;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_MARIADB_MARIADB_TYPES_H_
