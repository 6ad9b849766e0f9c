#ifndef MIRROR_CLIENT_SOURCE_POSTGRES_POSTGRES_TYPES_H_
#define MIRROR_CLIENT_SOURCE_POSTGRES_POSTGRES_TYPES_H_

#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "client/source/postgres/postgres_catalog.h"
#include "client/source/server/server_row_decoder.h"
#include "client/source/server/server_tables.h"
#include "proto/wire/batch.h"
#include "proto/wire/key_range.h"
#include "proto/wire/table.h"

namespace mirror {

/// The binary form in which a value arrives from PostgreSQL.
enum class PostgresValueForm : std::uint8_t {
  kText,  ///< The text that PostgreSQL gives for it.
  kBool,
  kInteger,  ///< 2, 4 or 8 bytes.
  kOid,
  kReal,
  kNumeric,
  kDate,
  kTime,
  kTimestamp,
  kUuid,
  kBytes,
};

/// Returns the announcement of the column, as long as no known value contradicts it. `any_bytes`: the
/// database has no encoding, so a text may contain any bytes.
Column WireColumn(const PostgresColumn& column, bool any_bytes);

/// Widens the announcement after a misfit: the column then holds each value in PostgreSQL's text form; floats
/// stay numbers.
void WidenPostgresColumn(Column* column);

/// Returns the schema for `where`: every numeric is a DECIMAL, and so a number, however it is announced.
TableSchema StepsSchema(const PostgresTable& table, const TableSchema& schema);

/// Returns the form of the values of a column that is announced as `announced`.
PostgresValueForm FormOf(const PostgresColumn& column, const Column& announced);
/// Returns SQL for its values over the row t.
std::string ValueSql(const PostgresColumn& column, const Column& announced);

/// Returns a value of a key in the text form that PostgreSQL reads into the column's type.
std::string TextOfKeyPart(const Column& announced, const KeyPart& part);

/// Returns a condition over the row t for values of `from` or greater, as KeyPart compares them. It keeps
/// every such row, and may keep others. Empty: there is no such condition.
std::string FromSql(const PostgresColumn& column, const Column& announced, const KeyPart& from,
                    bool bytes_in_order);

/// The findings in a table's values, and its leaves. Columns are identified by PostgresColumn::number.
struct PostgresRecord : ServerRecord<std::int64_t, std::uint32_t> {
  std::set<std::uint32_t> leaves;  ///< Oids of a partitioned table's leaves at the last look.
  std::uint64_t gone = 0;  ///< Changes whenever a leaf was dropped or detached; 0: this never happened.

  /// Takes the present leaves.
  void TakeLeaves(std::set<std::uint32_t> now);
};
std::string ToString(const PostgresRecord& record);
/// Skips everything that it does not understand.
PostgresRecord ParsePostgresRecord(std::string_view text);

/// Converts rows of a table from PostgreSQL's binary formats to the wire's values. Threads: one.
class PostgresRowDecoder : public ServerRowDecoder {
 public:
  /// The form of each column's values, and its announcement.
  PostgresRowDecoder(std::vector<PostgresValueForm> forms, std::vector<Column> announced)
      : ServerRowDecoder(std::move(announced)), forms_(std::move(forms)) {}

 private:
  bool DecodeValue(std::size_t i, std::string_view data, std::string* text, Value* value) const override;

  std::vector<PostgresValueForm> forms_;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_POSTGRES_POSTGRES_TYPES_H_
