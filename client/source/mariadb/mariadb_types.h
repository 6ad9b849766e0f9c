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

/// The form in which a value arrives; it is always MariaDB's text.
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

/// Returns the column's announcement, which holds as long as no known value contradicts it.
Column WireColumn(const MariadbColumn& column);

/// Changes the announcement after a misfit: the column then holds each value in MariaDB's text form.
void WidenMariadbColumn(Column* column);

/// Returns the form of the values of a column with this announcement.
MariadbValueForm MariadbFormOf(const Column& announced);
/// Returns SQL for a column's value, of row t or of the row whose prefix is `of`.
std::string ValueSql(const MariadbColumn& column, const Column& announced, std::string_view of = "t.");

/// Returns SQL for the column of t in the form that is compared with MariadbKeyLiteral(), so that an index
/// can be used if possible. Values are equal if they are the same, or if the collation considers them equal.
std::string MariadbKeyTerm(const MariadbColumn& column, const Column& announced);
/// Returns a condition that the text has exactly these bytes, in addition to the collation's comparison.
/// Empty: it is not needed.
std::string MariadbKeyIsExact(const MariadbColumn& column, const Column& announced, const KeyPart& part);
/// Returns a value of a key as a SQL literal.
std::string MariadbKeyLiteral(const MariadbColumn& column, const Column& announced, const KeyPart& part);

/// Returns a condition over the row t that selects values of `from` or greater, as KeyPart compares them. It
/// selects every such row, and may select others. Empty: there is no such condition.
std::string FromSql(const MariadbColumn& column, const Column& announced, const KeyPart& from);

/// Returns a text that identifies a column's type.
std::string MariadbTypeMark(const MariadbColumn& column);

/// Columns by name, types by MariadbTypeMark().
using MariadbRecord = ServerRecord<std::string, std::string>;
std::string ToString(const MariadbRecord& record);
/// Parses a record. Skips everything that it does not understand.
MariadbRecord ParseMariadbRecord(std::string_view text);

/// Converts rows of a table from MariaDB's texts to the wire's values. Threads: one.
class MariadbRowDecoder : public ServerRowDecoder {
 public:
  /// `announced`: one for each column that is read.
  explicit MariadbRowDecoder(std::vector<Column> announced);

 private:
  bool DecodeValue(std::size_t i, std::string_view data, std::string* bytes, Value* value) const override;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_MARIADB_MARIADB_TYPES_H_
